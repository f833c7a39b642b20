//! A set of matrices in one go, and real ones where they are at hand.

use std::path::Path;

use super::{poisson, stderr, stdout};

fn table(data: &Path, out: &Path) -> std::process::Output {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_runner"))
        .env("LA_DATA_DIR", data)
        .args([
            "solve",
            "--table",
            "definite",
            "--precond",
            "ic0",
            "--output",
        ])
        .arg(out)
        .output()
        .unwrap()
}

#[test]
fn a_set_makes_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let matrices = folder.path().join("matrices");
    std::fs::create_dir(&matrices).unwrap();
    poisson(&matrices, "four.mtx", 2);
    poisson(&matrices, "nine.mtx.gz", 3);
    let lines = [
        "name,n,spd,negative_definite,diagonal,numerically_singular,file",
        "nine,9,yes,no,no,no,nine.mtx.gz",
        "four,4,yes,no,no,,four.mtx",
        "unused,4,no,no,no,,missing.mtx",
    ];
    std::fs::write(matrices.join("manifest.csv"), lines.join("\n")).unwrap();
    let out = folder.path().join("out");
    let output = table(folder.path(), &out);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("solved of 2 to a relative residual of 1e-8: ic0 2, jacobi 2")
    );
    let json = std::fs::read(out.join("table.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["rows"][0]["matrix"], "four");
    assert_eq!(json["rows"][1]["solves"][1]["preconditioner"], "jacobi");
    let text = std::fs::read_to_string(out.join("table.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|l| l.starts_with("| ")).collect();
    assert_eq!(rows.len(), 4);
    let cells = |row: &str| row.matches('|').count();
    assert!(
        rows.iter().all(|row| cells(row) == cells(rows[0])),
        "{text}"
    );
}

#[test]
fn a_set_that_is_not_there_says_where_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let output = table(folder.path(), &folder.path().join("out"));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("manifest.csv"),
        "{}",
        stderr(&output)
    );
}

/// IC(0) needs shifts on these, or the matrix is negative definite.
#[test]
fn real_matrices_that_are_not_easy() {
    let Some(data) = std::env::var_os("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "HB/bcsstk11.mtx.gz",
        "FIDAP/ex33.mtx.gz",
        "Oberwolfach/rail_1357.mtx.gz",
    ] {
        let path = Path::new(&data).join("matrices").join(file);
        let path = path.to_str().unwrap();
        let output = super::solve(
            folder.path(),
            &[path, "--precond", "ic0", "--output", "out"],
        );
        assert_eq!(output.status.code(), Some(0), "{file}: {}", stderr(&output));
        let json = super::record(folder.path());
        assert!(
            json["relative_residual"].as_f64().unwrap() <= 1e-8,
            "{file}"
        );
    }
}
