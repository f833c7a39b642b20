//! The command `nmf`, as people call it.
#![cfg(feature = "runner")]

use std::path::Path;
use std::process::Output;

fn nmf(folder: &Path, args: &[&str]) -> Output {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_runner"))
        .current_dir(folder)
        .arg("nmf")
        .args(args)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The numbers of a .npy file of doubles, by rows.
fn numbers(path: &Path) -> Vec<f64> {
    let (_, values) = la_problems::nmf::read_array(path).unwrap();
    values
}

/// A sparse matrix of rank 2, six by four: two blocks.
const BLOCKS: &str = "%%MatrixMarket matrix coordinate real general\n6 4 12\n\
    1 1 1\n1 2 2\n2 1 2\n2 2 4\n3 1 3\n3 2 6\n\
    4 3 5\n4 4 1\n5 3 10\n5 4 2\n6 3 15\n6 4 3\n";

#[test]
fn a_sparse_matrix_is_factorised_and_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("v.mtx"), BLOCKS).unwrap();
    for method in [
        "ehals",
        "hals",
        "ao-admm",
        "ao-admm-published",
        "mu",
        "kl",
        "kl-mu",
    ] {
        let output = nmf(
            folder.path(),
            &[
                "v.mtx",
                "--rank",
                "2",
                "--output",
                "out",
                "--method",
                method,
                "--iterations",
                "2000",
            ],
        );
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        assert!(said.contains("6 x 4"), "{said}");
        assert_eq!(said.contains("\ndivergence "), method.starts_with("kl"));
        let out = folder.path().join("out");
        let (w, h) = (numbers(&out.join("w.npy")), numbers(&out.join("h.npy")));
        assert_eq!((w.len(), h.len()), (12, 8));
        for i in 0..6 {
            for j in 0..4 {
                let product: f64 = (0..2).map(|c| w[2 * i + c] * h[2 * j + c]).sum();
                let block = (i < 3) == (j < 2);
                let factor = [1.0, 2.0, 5.0, 1.0][j] * (i % 3 + 1) as f64;
                let expected = if block { factor } else { 0.0 };
                assert!(
                    (product - expected).abs() < 0.02,
                    "{method} {i} {j}: {product} {expected}"
                );
            }
        }
        let history = std::fs::read_to_string(out.join("history.csv")).unwrap();
        assert!(
            history.starts_with("iteration,rmse,seconds,loss\n0,"),
            "{history}"
        );
        let picture = std::fs::read_to_string(out.join("history.svg")).unwrap();
        assert!(picture.contains("<svg"));
    }
}

#[test]
fn columns_become_pictures_and_unknown_entries_are_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    // One entry of the first block is not in the file.
    let gap = BLOCKS.replace("6 4 12", "6 4 11").replace("3 2 6\n", "");
    std::fs::write(folder.path().join("v.mtx"), gap).unwrap();
    let output = nmf(
        folder.path(),
        &[
            "v.mtx",
            "--rank",
            "1",
            "--output",
            "out",
            "--missing",
            "--picture",
            "2x3",
        ],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("13 entries missing"));
    let picture = std::fs::read(folder.path().join("out/w-0.pgm")).unwrap();
    assert!(picture.starts_with(b"P5\n3 2\n255\n"));
    assert_eq!(picture.len(), 11 + 6);
}

#[test]
fn what_does_not_fit_is_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("v.mtx"), BLOCKS).unwrap();
    let negative = BLOCKS.replace("2 2 4", "2 2 -4");
    std::fs::write(folder.path().join("negative.mtx"), negative).unwrap();
    for (args, expected) in [
        (&["v.mtx", "--rank", "9"][..], "rank"),
        (&["v.mtx", "--rank", "0"], "rank"),
        (&["negative.mtx", "--rank", "2"], "-4"),
        (&["none.mtx", "--rank", "2"], "none.mtx"),
        (&["v.mtx", "--rank", "2", "--picture", "5x5"], "25 pixels"),
        (&["v.mtx", "--rank", "2", "--picture", "5"], "64x64"),
        (&["v.mtx", "--rank", "2", "--time-limit", "0"], "time-limit"),
    ] {
        let output = nmf(folder.path(), &[args, &["--output", "out"]].concat());
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {message}");
        assert!(message.contains(expected), "{args:?}: {message}");
        assert!(!message.contains("panicked"), "{message}");
    }
}
