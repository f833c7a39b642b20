//! `reproduce` through the command line.
#![cfg(feature = "runner")]

use std::path::Path;

use assert_cmd::Command;
use xtask::report::{Results, Verdict};

fn runner() -> Command {
    Command::new(env!("CARGO_BIN_EXE_runner"))
}

#[test]
fn help_and_list() {
    let output = runner().args(["reproduce", "--help"]).output().unwrap();
    assert!(output.status.success());
    insta::assert_snapshot!("reproduce-help", String::from_utf8(output.stdout).unwrap());
    let list = runner().args(["reproduce", "--list"]).output().unwrap();
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(
        list.status.success()
            && text.contains("neuralif  ")
            && text.contains("neuralif-gmres  ")
            && text.contains("gnp  ")
            && text.contains("mpgnn-limits  ")
            && text.contains("qp-warm-start  ")
            && text.contains("--profile quick"),
        "{text}"
    );
}

#[test]
fn usage_errors_exit_1() {
    for arguments in [
        &["reproduce"][..],
        &["reproduce", "no-such-paper"],
        &["reproduce", "neuralif", "--profile", "huge"],
    ] {
        runner().args(arguments).assert().code(1);
    }
}

/// Starts the experiment and kills it when some parts of it are measured.
fn kill_in_the_middle(folder: &Path) {
    // What an earlier run of this test may have left would end the wait at once.
    let _ = std::fs::remove_dir_all(folder.join("unfinished"));
    let parts = folder.join("unfinished/parts.jsonl");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_runner"))
        .args(["reproduce", "neuralif", "--profile", "smoke"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let lines = || std::fs::read_to_string(&parts).map_or(0, |text| text.lines().count());
    while lines() < 6 {
        let ended = child.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "ended before it could be killed: {ended:?}"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The whole experiment on small matrices: every method, every quantity, a report that can be read; in two sittings.
#[test]
fn smoke() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("target/reproduce/neuralif/smoke");
    kill_in_the_middle(&folder);
    let output = runner()
        .args(["reproduce", "neuralif", "--profile", "smoke"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("taking up the run that was cut off"),
        "{text}"
    );
    assert!(!folder.join("unfinished").exists());
    let results = Results::read(&folder.join("results.json")).unwrap();
    let value = |method: &str, quantity: &str| {
        let found = results
            .measurements
            .iter()
            .find(|m| m.method == method && m.quantity == quantity);
        found
            .unwrap_or_else(|| panic!("no {quantity} of {method}"))
            .value
    };
    for method in [
        "none",
        "jacobi",
        "ssor",
        "ic0",
        "ic0-sp",
        "ic0-shifted",
        "ict",
        "neuralif",
        "neuralif-sp",
    ] {
        for quantity in [
            "iterations@1e-3",
            "iterations@1e-6",
            "iterations@1e-8",
            "setup_seconds",
            "total_seconds@1e-3",
        ] {
            assert!(
                value(method, quantity).is_some_and(|v| v >= 0.0),
                "{method} {quantity}"
            );
        }
    }
    assert!(value("ic0", "iterations@1e-3") < value("none", "iterations@1e-3"));
    assert!(value("neuralif", "iterations@1e-3") < value("jacobi", "iterations@1e-3"));
    assert!(value("neuralif", "total_ratio_to_ic0@1e-3").is_some());
    assert!(results.count(Verdict::NoReference) > 0);
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(html.contains("<svg") && html.contains("neuralif-untrained"));
}

/// The experiment on matrices that are not symmetric, as small as it goes.
#[test]
fn smoke_of_learned_lu() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("target/reproduce/neuralif-gmres/smoke");
    let output = runner()
        .args(["reproduce", "neuralif-gmres", "--profile", "smoke"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!folder.join("unfinished").exists());
    let results = Results::read(&folder.join("results.json")).unwrap();
    let value = |problem: &str, method: &str, quantity: &str| {
        let found = results
            .measurements
            .iter()
            .find(|m| m.problem == problem && m.method == method && m.quantity == quantity);
        found
            .unwrap_or_else(|| panic!("no {quantity} of {method} on {problem}"))
            .value
    };
    let paper = "sparse-uniform-n400";
    for method in ["none", "jacobi", "ilu0"] {
        for problem in [
            paper,
            "perturbed-nonzeros-n400",
            "convection-diffusion-n2500-ones",
        ] {
            for quantity in ["iterations@1e-6", "setup_seconds", "total_seconds"] {
                let value = value(problem, method, quantity);
                assert!(
                    value.is_some_and(|v| v >= 0.0),
                    "{problem} {method} {quantity}"
                );
            }
        }
        let [low, high, kappa] =
            ["sigma_min", "sigma_max", "kappa"].map(|q| value(paper, method, q).unwrap());
        assert!(0.0 < low && low < high, "{method}: {low} {high}");
        assert!(
            (kappa * low / high - 1.0).abs() < 1e-10,
            "one matrix: no mean"
        );
    }
    // Jacobi divides the spectrum by nearly the same number everywhere: the diagonal is 4, but where an entry of the noise lies on it.
    let ratio =
        value(paper, "jacobi", "sigma_max").unwrap() / value(paper, "none", "sigma_max").unwrap();
    assert!((ratio - 0.25).abs() < 0.01, "{ratio}");
    let count = |method| value(paper, method, "iterations@1e-6");
    assert!(count("ilu0") < count("jacobi") && count("ilu0") < count("none"));
    assert!(count("learned-lmax") < count("jacobi"));
    assert!(value(paper, "none", "total_ratio_to_ilu0").is_some_and(|v| v > 0.0));
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(html.contains("<svg") && html.contains("untrained") && html.contains("L = U = I"));
}

/// Graph neural preconditioners on the 1-D Laplacian: every row, the numbers of an independent implementation, and networks that a
/// second run does not train again.
#[test]
fn smoke_of_graph_neural_preconditioners() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("target/reproduce/gnp/smoke");
    let network = folder.join("../networks/laplacian-1d-1024/gnp-100-s0.safetensors");
    // What an earlier run of this test trained would leave nothing to train.
    let _ = std::fs::remove_file(&network);
    let run = || {
        let output = runner()
            .args(["reproduce", "gnp", "--profile", "smoke"])
            .env_remove("LA_DATA_DIR")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}\n{errors}");
        text
    };
    let text = run();
    assert!(text.contains("of training here") && text.contains("seed 0: 100 steps"));
    assert!(!folder.join("unfinished").exists());
    let trained = std::fs::metadata(&network).unwrap().modified().unwrap();

    let matrix = "laplacian-1d-1024";
    let lines = std::fs::read_to_string(folder.join("rows.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|row: &serde_json::Value| row["matrix"] == matrix)
        .collect();
    // Twelve classical methods, three networks with one seed, two right-hand sides.
    assert_eq!(rows.len(), 30);
    let row = |method: &str, rhs: &str| {
        let found = rows
            .iter()
            .find(|r| r["method"] == method && r["rhs"] == rhs);
        found.unwrap_or_else(|| panic!("no row of {method}, {rhs}"))
    };
    for row in &rows {
        assert_eq!(row["failure"], serde_json::Value::Null, "{row}");
        let history = row["history"].as_array().unwrap().len() as u64;
        assert_eq!(history, row["iterations"].as_u64().unwrap() + 1);
        let area = row["iter_auc"].as_f64().unwrap();
        assert!((0.0..=101.0 * 9.0).contains(&area), "{area}");
        let timed = row["rhs"] == "ones";
        assert_eq!(row["timed"]["time_auc"].is_number(), timed, "{row}");
    }
    assert_eq!(row("const", "ones")["iterations"], 1);
    assert_eq!(row("ilut", "gaussian")["status"], "converged");
    assert!(
        row("gnp", "gaussian")["construction_seconds"].as_f64()
            > row("gnp@0", "gaussian")["construction_seconds"].as_f64()
    );
    let residual = |method: &str| row(method, "ones")["residual"].as_f64().unwrap();
    assert!((residual("none") / 3.5523e-3 - 1.0).abs() < 0.01);
    assert!((residual("gmres") / 1.4014e-4 - 1.0).abs() < 0.01);

    let results = Results::read(&folder.join("results.json")).unwrap();
    let unmet = results
        .measurements
        .iter()
        .find(|m| m.problem == matrix && m.verdict == Verdict::NotMet);
    assert!(unmet.is_none(), "{unmet:?}");
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    for text in ["<svg", "Table 2", "gnp@0-nobias", "training included"] {
        assert!(html.contains(text), "{text}");
    }

    run();
    let again = std::fs::metadata(&network).unwrap().modified().unwrap();
    assert_eq!(trained, again, "kept from the first run");
}

/// Warm starts of quadratic programs: every answer is that of the cold solve, and a second run takes over the networks.
#[test]
fn smoke_of_warm_starts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = root.join("target/reproduce/qp-warm-start/smoke");
    runner()
        .args(["reproduce", "qp-warm-start", "--profile", "smoke"])
        .env_remove("LA_DATA_DIR")
        .assert()
        .success();
    let results = Results::read(&folder.join("results.json")).unwrap();
    let value = |problem: &str, method: &str, quantity: &str| {
        let found = results
            .measurements
            .iter()
            .find(|m| m.problem == problem && m.method == method && m.quantity == quantity);
        found
            .unwrap_or_else(|| panic!("no {quantity} of {method} on {problem}"))
            .value
            .unwrap()
    };
    let wrong = results
        .measurements
        .iter()
        .filter(|m| m.quantity == "wrong");
    assert!(wrong.clone().count() >= 7 && wrong.into_iter().all(|m| m.value == Some(0.0)));
    let problem = "random-8v24c";
    assert_eq!(value(problem, "oracle", "iterations"), 1.0);
    assert_eq!(value(problem, "oracle", "recall"), 100.0);
    let cold = value(problem, "cold", "iterations");
    assert!(value(problem, "nearest", "iterations") < 0.7 * cold);
    assert!(value(problem, "cold", "edge-iterations") < cold);
    // A cold solve beside a cold solve; how close to one is the clock's business.
    let ratio = value(problem, "cold", "total_ratio");
    assert!((0.1..10.0).contains(&ratio), "{ratio}");
    let methods: Vec<&str> = results
        .measurements
        .iter()
        .filter(|m| m.problem == "fresh-to-10v20c" && m.quantity == "iterations")
        .map(|m| m.method.as_str())
        .collect();
    let expected: &[&str] = match cfg!(feature = "torch") {
        true => &["cold", "oracle", "gnn@0", "gnn", "gnn-published"],
        false => &["cold", "oracle"],
    };
    assert_eq!(methods, expected);
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(html.contains("the answer is that of the cold solve"));
}

/// Nonnegative factorisations: networks are trained here, kept for the next run, and judged beside the classical solvers.
#[test]
fn smoke_of_factorisations() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = root.join("target/reproduce/nmf/smoke");
    let run = || {
        runner()
            .args(["reproduce", "nmf", "--profile", "smoke"])
            .env_remove("LA_DATA_DIR")
            .assert()
            .success();
    };
    run();
    let results = Results::read(&folder.join("results.json")).unwrap();
    let value = |method: &str, quantity: &str| {
        let found = results
            .measurements
            .iter()
            .find(|m| m.problem == "small" && m.method == method && m.quantity == quantity);
        found
            .unwrap_or_else(|| panic!("no {quantity} of {method}"))
            .value
    };
    let rmse = |method: &str, at: usize| value(method, &format!("rmse@{at}")).unwrap();
    // All start from the same factors.
    assert_eq!(rmse("admm-cold", 0), rmse("start-16", 0));
    // The first iterations of warm and cold duals are the same.
    assert_eq!(rmse("admm-cold", 1), rmse("admm-warm", 1));
    assert!(
        rmse("start-16", 2) < rmse("start-16@0", 2),
        "training helps"
    );
    assert!(value("accelerate-16+guard", "late-largest-ratio").is_some());
    assert_eq!(value("extrapolated-hals", "to-hals_ratio"), Some(1.0));
    for figure in [
        "small-errors",
        "small-errors-time",
        "small-ratios",
        "graph-3-augmented-line-digraph",
    ] {
        assert!(
            folder.join(format!("{figure}.svg")).is_file()
                || folder
                    .join("figures")
                    .join(format!("{figure}.svg"))
                    .is_file(),
            "{figure}"
        );
    }
    let network = root.join("target/reproduce/nmf/networks/start-16-s0.safetensors");
    let trained = std::fs::metadata(&network).unwrap().modified().unwrap();
    run();
    let again = std::fs::metadata(&network).unwrap().modified().unwrap();
    assert_eq!(trained, again, "kept from the first run");
}

/// Distributed ADMM: every published variant is trained for moments, and runs in the engine beside the classical methods.
#[test]
fn smoke_of_distributed_admm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = root.join("target/reproduce/distributed-admm/smoke");
    runner()
        .args(["reproduce", "distributed-admm", "--profile", "smoke"])
        .env_remove("LA_DATA_DIR")
        .assert()
        .success();
    let results = Results::read(&folder.join("results.json")).unwrap();
    let value = |problem: &str, method: &str, quantity: &str| {
        let found = results
            .measurements
            .iter()
            .find(|m| m.problem == problem && m.method == method && m.quantity == quantity);
        found
            .unwrap_or_else(|| panic!("no {quantity} of {method} on {problem}"))
            .value
            .unwrap()
    };
    for class in ["consensus", "least-squares"] {
        let distance = |method: &str, at: usize| value(class, method, &format!("distance@{at}"));
        assert!(distance("admm", 50) < distance("admm", 10));
        // On these instances over-relaxation is what a network has to beat.
        assert!(distance("relaxed-1.8", 20) < distance("admm", 20));
        assert!(distance("tuned-10", 10) < 2.0 * distance("admm", 10));
        assert!(
            distance("everywhere", 10) < distance("everywhere@0", 10),
            "training helps"
        );
        // Untrained or not, the later iterations converge.
        assert!(distance("alpha+edges@0", 100) < 0.5 * distance("alpha+edges@0", 5));
        assert_eq!(value(class, "relaxed-1.8", "to-relaxed_ratio@20"), 1.0);
        let rounds = value(class, "admm", "rounds@1.0");
        assert_eq!(rounds, 2.0 * value(class, "admm", "iterations@1.0"));
        let ring = format!("{class}-ring-16");
        assert!(value(&ring, "everywhere", "to-relaxed_ratio@10") > 0.0);
    }
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(html.contains("training is what makes alpha+edges useful"));
}
