//! `train factormer`: networks for nonnegative factorisations.
#![cfg(feature = "runner")]

use std::path::Path;

use assert_cmd::Command;
use la_gnn::Weights;
use la_gnn::factormer::{FactormerConfig, FactormerInput, Parameters};

/// Standard output of a run that ends with `code`, and what it said.
fn told(folder: &Path, args: &[&str], code: i32) -> (String, String) {
    let mut command = Command::cargo_bin("runner").unwrap();
    let output = command
        .current_dir(folder)
        .args(["train", "factormer", "--threads", "1"])
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    assert!(!err.contains("panicked"), "{err}");
    (out, err)
}

const SMALL: [&str; 10] = [
    "--data",
    "exponential-small",
    "--hidden",
    "16",
    "--blocks",
    "1",
    "--validation",
    "16",
    "--samples",
    "600",
];

#[test]
fn training_makes_a_start_better_than_an_iteration_more() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut args = SMALL.to_vec();
    args.extend(["--updates", "4000", "--learning-rate", "5e-3"]);
    args.extend(["--loss", "unrolled:1:log", "--output", "start.safetensors"]);
    let (out, _) = told(folder, &args, 0);
    assert!(out.contains("wrote start.safetensors"), "{out}");
    let weights = Weights::load(folder.join("start.safetensors")).unwrap();
    let results = &weights.provenance.results;
    // The solver alone is two iterations, the network with one iteration behind it counts as two.
    let alone = results["solver_rmse"].as_f64().unwrap();
    let scores = results["validation_rmse"].as_array().unwrap();
    let best = scores
        .iter()
        .map(|s| s[1].as_f64().unwrap())
        .fold(f64::INFINITY, f64::min);
    assert!(best < alone, "{best} {alone}");
    let read: Parameters<FactormerConfig> = Parameters::from_weights(&weights).unwrap();
    assert_eq!((read.config.width, read.config.pairs), (16, 1));
    let log = std::fs::read_to_string(folder.join("start.log.csv")).unwrap();
    assert!(log.starts_with("update,loss,validation_rmse\n") && log.lines().count() == 4001);

    // Goes on from there, with the same network only.
    let mut more = SMALL.to_vec();
    more.extend(["--updates", "15", "--from", "start.safetensors"]);
    told(
        folder,
        &[&more[..], &["--output", "more.safetensors"]].concat(),
        0,
    );
    let (_, err) = told(folder, &[&more[..], &["--rank", "5"]].concat(), 1);
    assert!(err.contains("another network"), "{err}");
}

#[test]
fn a_network_between_iterations_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut args = SMALL.to_vec();
    args.extend([
        "--updates",
        "30",
        "--accelerate",
        "--output",
        "a.safetensors",
    ]);
    told(folder, &args, 0);
    let weights = Weights::load(folder.join("a.safetensors")).unwrap();
    let read: Parameters<FactormerConfig> = Parameters::from_weights(&weights).unwrap();
    assert_eq!(read.config.input, FactormerInput::FactorAndSolver);
    // Fifteen restarts of the rate, and a step of acceleration more every two of them.
    let recipe = &weights.provenance.recipe;
    assert_eq!(recipe["options"]["schedule"]["warm_restarts"]["period"], 2);
    assert_eq!(recipe["loss"]["grow_every"], 4);
    assert_eq!(recipe["options"]["learning_rate"], 1e-5);
    assert!(!read.config.skip && recipe["loss"].get("revive").is_none());

    // Adding to what the solver makes, it begins near the solver, and without columns of zeros.
    args.extend(["--skip", "--loss", "unrolled:2:log:revive"]);
    let (out, err) = told(folder, &args, 0);
    let said = out + &err;
    let mut validations = said.lines().filter(|line| line.starts_with("update "));
    assert!(
        validations.all(|line| line.contains("; 0.00 columns of zeros")),
        "{said}"
    );
    assert!(said.contains("columns of zeros"), "{said}");
    let weights = Weights::load(folder.join("a.safetensors")).unwrap();
    let read: Parameters<FactormerConfig> = Parameters::from_weights(&weights).unwrap();
    assert!(read.config.skip);
    let loss = &weights.provenance.recipe["loss"];
    assert!(loss["revive"] == true && loss["logarithm"] == true && loss["steps"] == 2);
    let results = &weights.provenance.results;
    let alone = results["solver_rmse"].as_f64().unwrap();
    let first = results["validation_rmse"][0][1].as_f64().unwrap();
    assert!(first < 1.5 * alone, "{first} {alone}");
}

#[test]
fn what_has_no_meaning_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (args, what) in [
        (&["--n", "100"][..], "--n has no meaning for factormer"),
        (
            &["--data", "poisson"],
            "`exponential` or `exponential-small`",
        ),
        (&["--loss", "squared"], "unrolled:T"),
        (&["--update-rule", "eq16"], "unknown update rule"),
        (&["--rank", "0"], "rank"),
        (&["--hidden", "10"], "heads"),
    ] {
        let (_, err) = told(folder.path(), args, 1);
        assert!(err.contains(what), "{args:?}: {err}");
    }
}
