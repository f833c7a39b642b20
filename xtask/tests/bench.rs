//! `bench` on small problems, without peers.
#![cfg(feature = "runner")]

use assert_cmd::Command;
use xtask::report::{Results, Unit, Verdict};

fn run(arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("runner")
        .unwrap()
        .arg("bench")
        .args(arguments)
        .assert()
}

#[test]
fn every_area_writes_results() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().to_str().unwrap();
    run(&["--size", "smoke", "--repetitions", "1", "--output", output]).success();
    for (area, method, quantity) in [
        ("krylov", "cg", "seconds_per_iteration"),
        ("krylov", "cg+ic0", "iterations"),
        ("krylov", "gmres30+ilu0", "iterations"),
        ("precond", "neuralif", "setup_seconds"),
        ("precond", "ilut", "fill"),
        ("precond", "cg+sa-amg", "iterations"),
        ("gnn", "native", "forward_seconds"),
    ] {
        let results = Results::read(&folder.path().join(area).join("results.json")).unwrap();
        assert_eq!(
            (results.paper.as_str(), results.profile.as_str()),
            (area, "smoke")
        );
        let row = results
            .measurements
            .iter()
            .find(|m| m.method == method && m.quantity == quantity)
            .unwrap();
        assert!(row.value.unwrap() > 0.0, "{row:?}");
        let ratios = results
            .measurements
            .iter()
            .filter(|m| m.quantity.ends_with("ratio"));
        assert!(ratios.clone().count() > 0);
        assert!(ratios.into_iter().all(|m| m.unit == Unit::Ratio));
        // Every solve reached its tolerance.
        let mut residuals = results
            .measurements
            .iter()
            .filter(|m| m.quantity == "relative_residual");
        assert!(residuals.all(|m| m.verdict == Verdict::Met));
    }
}

#[test]
fn bad_arguments_exit_1() {
    run(&["nonsense"]).code(1);
    run(&["--threads", "0"]).code(1);
}
