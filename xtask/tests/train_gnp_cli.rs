//! `train gnp` and `solve --precond gnp`: a network for one matrix.
#![cfg(feature = "runner")]

use std::path::Path;

use assert_cmd::Command;
use la_gnn::Weights;
use la_problems::io::{Symmetry, write_matrix_market_file};
use la_problems::{ConvectionDiffusion, Grid};

fn runner(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("runner").unwrap();
    command.current_dir(folder).args(args);
    command
}

/// Standard output of a run that ends with `code`, and what it said.
fn told(folder: &Path, args: &[&str], code: i32) -> (String, String) {
    let output = runner(folder, args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    assert!(!err.contains("panicked"), "{err}");
    (out, err)
}

fn matrix(folder: &Path, name: &str, k: usize) {
    let problem = ConvectionDiffusion::default().with_grid(Grid::rectangle(k, k));
    let system = problem.generate().unwrap();
    write_matrix_market_file(folder.join(name), system.matrix.view(), Symmetry::General).unwrap();
}

#[test]
fn a_network_is_trained_for_a_matrix_and_solves_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    matrix(folder, "A.mtx", 9);
    matrix(folder, "B.mtx", 8);
    let train = |out: &str, more: &[&str]| {
        let mut args = vec!["train", "gnp", "--data", "A.mtx", "--output", out];
        args.extend(more);
        told(folder, &args, 0).0
    };
    let text = train(
        "a.safetensors",
        &["--updates", "60", "--variant", "improved"],
    );
    assert!(text.contains("of that of the zero network"), "{text}");
    assert!(
        text.contains("--precond gnp --weights a.safetensors"),
        "{text}"
    );
    assert!(!folder.join("a.checkpoint").exists());
    let log = std::fs::read_to_string(folder.join("a.log.csv")).unwrap();
    assert_eq!(log.lines().count(), 61);
    let story = Weights::load(folder.join("a.safetensors"))
        .unwrap()
        .provenance;
    assert_eq!(
        (&story.recipe["variant"], &story.data["n"]),
        (&"improved".into(), &81.into())
    );

    let solve = [
        "--precond",
        "gnp",
        "--weights",
        "a.safetensors",
        "--output",
        "out",
    ];
    let (_, notes) = told(folder, &[&["solve", "A.mtx"], &solve[..]].concat(), 0);
    assert!(!notes.contains("another matrix"), "{notes}");
    let record = std::fs::read_to_string(folder.join("out/solve.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(
        (&record["method"], &record["preconditioner"]),
        (&"fgmres".into(), &"gnp".into())
    );
    assert!(record["relative_residual"].as_f64().unwrap() <= 1e-8);
    let (_, notes) = told(folder, &[&["solve", "B.mtx"], &solve[..]].concat(), 0);
    assert!(notes.contains("trained for another matrix"), "{notes}");

    // On from there, and for a related matrix.
    train(
        "b.safetensors",
        &[
            "--updates",
            "5",
            "--variant",
            "improved",
            "--from",
            "a.safetensors",
        ],
    );
}

#[test]
fn what_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    matrix(folder, "A.mtx", 4);
    for (args, part) in [
        (&["train", "gnp"][..], "give it with --data"),
        (&["train", "gnp", "--data", "none.mtx"], "none.mtx"),
        (
            &["train", "gnp", "--data", "A.mtx", "--variant", "general"],
            "no meaning for gnp",
        ),
        (
            &["train", "neuralif", "--variant", "improved"],
            "no meaning for neuralif",
        ),
        (
            &["train", "gnp", "--data", "A.mtx", "--loss", "l_max"],
            "--loss has no meaning",
        ),
        // The default of another model, too.
        (
            &["train", "gnp", "--data", "A.mtx", "--batch", "1"],
            "--batch has no meaning for gnp",
        ),
        (
            &["train", "gnp", "--data", "A.mtx", "--samples", "9"],
            "--samples has no meaning for gnp",
        ),
        (
            &["train", "gnp", "--data", "A.mtx", "--validation", "2"],
            "--validation has no meaning for gnp",
        ),
        (
            &["train", "gnp", "--data", "A.mtx", "--validate-every", "2"],
            "--validate-every has no meaning for gnp",
        ),
        (
            &["train", "gnp", "--data", "A.mtx", "--schedule", "constant"],
            "--schedule has no meaning for gnp",
        ),
        (
            &["solve", "A.mtx", "--precond", "gnp"],
            "cargo xtask train gnp",
        ),
        (
            &[
                "solve",
                "A.mtx",
                "--precond",
                "gnp",
                "--weights",
                "neuralif-synthetic-s0",
            ],
            "neuralif-synthetic-s0",
        ),
    ] {
        let (_, text) = told(folder, args, 1);
        assert!(text.contains(part), "{args:?}: {text}");
    }
}
