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
        ("krylov", "cg+jacobi", "iterations"),
        ("precond", "cg+sa-amg", "iterations"),
        ("gnn", "native", "forward_seconds"),
        ("gnn", "gnp", "setup_seconds"),
        ("gnn", "ilutp", "iterations"),
        ("gnn", "dense-f32-product", "application_seconds_ratio"),
        ("gnn", "gnp-4-columns", "seconds_per_column"),
        ("qp", "steepest-edge", "cold_seconds"),
        ("qp", "largest-violation", "iterations"),
        ("nmf", "extrapolated-hals", "seconds_to_error"),
        ("nmf", "ao-admm", "iteration_seconds"),
        ("admm", "constant", "iteration_seconds"),
        ("admm", "node-wise network", "iteration_seconds"),
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
        if area == "precond" {
            // Rigid-body modes do their part: few iterations in elasticity too.
            let count = |problem: &str| {
                let rows = &results.measurements;
                let row = rows
                    .iter()
                    .find(|m| m.problem == problem && m.quantity == "iterations");
                row.unwrap().value.unwrap()
            };
            assert!(count("amg-elasticity2d-n800") <= 12.0);
            assert!(count("amg-elasticity3d-n384") <= 12.0);
        }
        // Every solve reached its tolerance.
        let mut residuals = results
            .measurements
            .iter()
            .filter(|m| m.quantity == "relative_residual");
        assert!(residuals.all(|m| m.verdict == Verdict::Met));
    }
}

#[test]
fn methods_come_with_a_figure() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().to_str().unwrap();
    run(&[
        "methods",
        "--size",
        "smoke",
        "--repetitions",
        "1",
        "--output",
        output,
    ])
    .success();
    let results = Results::read(&folder.path().join("methods/results.json")).unwrap();
    let families = ["diffusion-n576", "flow-n576", "elasticity-n750"];
    for problem in families {
        let rows = || results.measurements.iter().filter(|m| m.problem == problem);
        let complete = |quantity: &str| {
            let row = rows().find(|m| m.method == "complete" && m.quantity == quantity);
            row.unwrap().value.unwrap()
        };
        assert!(complete("iterations") <= 2.0);
        assert!(complete("total_seconds") >= complete("setup_seconds"));
        // Every method solves the small problems.
        let solved = rows().filter(|m| m.quantity == "iterations").count();
        assert!(solved >= 6, "{problem}: {solved}");
    }
    let figure = std::fs::read_to_string(folder.path().join("methods/methods.svg")).unwrap();
    let document = roxmltree::Document::parse(&figure).unwrap();
    let panels = document.root_element().children();
    assert_eq!(
        panels
            .filter(|e| e.has_tag_name(("http://www.w3.org/2000/svg", "svg")))
            .count(),
        6
    );
}

#[test]
fn bad_arguments_exit_1() {
    run(&["nonsense"]).code(1);
    run(&["--threads", "0"]).code(1);
}
