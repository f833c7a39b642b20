//! `bench --ranks`: runs to its end, on fewer ranks than cores and on more, and writes what it measured.

use std::process::{Command, Output};

use la_mpi::Launcher;

fn bench(ranks: usize, args: &[&str], folder: &std::path::Path) -> Option<Output> {
    let Some(launcher) = Launcher::find() else {
        println!("skipped: no mpirun on PATH");
        return None;
    };
    let mut command = launcher.command(ranks, env!("CARGO_BIN_EXE_runner"));
    command.arg("bench").args(args).arg("--output").arg(folder);
    Some(command.output().unwrap())
}

#[test]
fn ranks_agree_with_one() {
    let folder = tempfile::tempdir().unwrap();
    for ranks in [1, 3] {
        let number = ranks.to_string();
        let args = ["--size", "smoke", "--repetitions", "2", "--ranks", &number];
        let Some(output) = bench(ranks, &args, folder.path()) else {
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{errors}");
        for area in ["krylov", "admm"] {
            let file = folder.path().join(format!("{area}-{ranks}-ranks"));
            let results = std::fs::read_to_string(file.join("results.json")).unwrap();
            let agreement = match area {
                "krylov" => "difference",
                _ => "agents_with_other_bits",
            };
            assert!(results.contains(agreement), "{results}");
            let results: serde_json::Value = serde_json::from_str(&results).unwrap();
            for row in results["measurements"].as_array().unwrap() {
                let agrees = row["quantity"] != agreement || row["verdict"] == "met";
                assert!(agrees, "{row}");
            }
        }
    }
}

#[test]
fn what_does_not_run_on_ranks_is_said() {
    let output = Command::new(env!("CARGO_BIN_EXE_runner"))
        .args(["bench", "qp", "--ranks", "2"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    let expected = "--ranks: qp does not run on ranks; krylov and admm do";
    assert!(errors.contains(expected), "{errors}");
}
