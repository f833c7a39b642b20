//! What is solved: exit code 0, or 2 where the tolerance is not met.

use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_gnn::neuralpcg::{self, NeuralPcgConfig};
use la_gnn::weights::Provenance;
use la_problems::io::{Symmetry, write_matrix_market_file};
use serde_json::Value;

use super::{poisson, record, residual, solution, solve, stderr, stdout, write};

#[test]
fn help() {
    let folder = tempfile::tempdir().unwrap();
    let output = solve(folder.path(), &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!("help", stdout(&output));
}

/// Rounds to three digits and removes the times.
fn rounded(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("seconds"));
            fields.values_mut().for_each(rounded);
        }
        Value::Array(items) => items.iter_mut().for_each(rounded),
        Value::Number(number) if number.is_f64() => {
            let text = format!("{:.2e}", number.as_f64().unwrap());
            *value = serde_json::from_str(&text).unwrap();
        }
        _ => {}
    }
}

#[test]
fn a_small_run() {
    let folder = tempfile::tempdir().unwrap();
    poisson(folder.path(), "poisson.mtx.gz", 10);
    let args = [
        "poisson.mtx.gz",
        "--rhs",
        "solution-ones",
        "--output",
        "out",
    ];
    let output = solve(folder.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let head: Vec<&str> = text.lines().take(2).collect();
    assert_eq!(
        head,
        [
            "poisson.mtx.gz: 100 rows, 460 nonzeros",
            "right-hand side: solution-ones"
        ]
    );
    assert!(
        text.contains("converged: the recomputed residual"),
        "{text}"
    );
    let mut json = record(folder.path());
    rounded(&mut json);
    insta::assert_snapshot!("small_run", serde_json::to_string_pretty(&json).unwrap());
    for value in solution(folder.path()) {
        assert!((value - 1.0).abs() < 1e-6, "{value}");
    }
    let svg = std::fs::read_to_string(folder.path().join("out/history.svg")).unwrap();
    roxmltree::Document::parse(&svg).unwrap();
    assert!(svg.contains("poisson.mtx.gz: converged"), "{svg}");
}

#[test]
fn every_preconditioner_and_method_meets_the_tolerance() {
    let folder = tempfile::tempdir().unwrap();
    let a = poisson(folder.path(), "a.mtx", 12);
    let b = vec![1.0; a.rows()];
    for precond in ["auto", "none", "jacobi", "ssor", "ic0", "ict"] {
        for options in [
            ["--method", "cg"],
            ["--method", "fcg"],
            ["--scaling", "jacobi"],
        ] {
            let mut args = vec!["a.mtx", "--rhs", "ones", "--precond", precond];
            args.extend(["--rtol", "1e-9", "--threads", "1", "--output", "out"]);
            args.extend(options);
            let output = solve(folder.path(), &args);
            assert_eq!(
                output.status.code(),
                Some(0),
                "{args:?}: {}",
                stderr(&output)
            );
            let mine = residual(&a, &solution(folder.path()), &b);
            let said = record(folder.path())["relative_residual"].as_f64().unwrap();
            assert!(mine <= 1e-9, "{args:?}: {mine}");
            assert!((mine - said).abs() < 1e-3 * mine + 1e-14, "{mine} {said}");
        }
    }
}

/// An untrained network is as bad a learned preconditioner as there may be.
#[test]
fn a_learned_factor_from_a_file_never_spoils_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let a = poisson(folder.path(), "a.mtx", 12);
    let untrained = Parameters::initialize(&NeuralIfConfig::default(), 0).unwrap();
    let weights = untrained.to_weights(Provenance::default());
    weights.save(folder.path().join("w.safetensors")).unwrap();
    let config = NeuralPcgConfig::equilibrated();
    let untrained = neuralpcg::Parameters::initialize(&config, 0).unwrap();
    let weights = untrained.to_weights(Provenance::default());
    weights.save(folder.path().join("pcg.safetensors")).unwrap();
    for (precond, weights, scaling) in [
        ("neuralif", "w.safetensors", "auto"),
        ("neuralif", "w.safetensors", "none"),
        ("neuralpcg", "pcg.safetensors", "auto"),
        ("neuralpcg", "pcg.safetensors", "none"),
    ] {
        let args = ["a.mtx", "--rhs", "ones", "--precond", precond];
        let rest = [
            "--weights",
            weights,
            "--scaling",
            scaling,
            "--output",
            "out",
        ];
        let output = solve(folder.path(), &[&args[..], &rest].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let json = record(folder.path());
        assert_eq!(json["attempts"][0]["preconditioner"], precond);
        assert_eq!(json["attempts"][0]["scaled"], scaling == "auto");
        let b = vec![1.0; a.rows()];
        assert!(residual(&a, &solution(folder.path()), &b) <= 1e-8);
    }
    // The bundled weights are the default, and weights of the other network are refused.
    let bundled = solve(folder.path(), &["a.mtx", "--precond", "neuralpcg"]);
    assert_eq!(bundled.status.code(), Some(0), "{}", stderr(&bundled));
    let other = [
        "a.mtx",
        "--precond",
        "neuralpcg",
        "--weights",
        "w.safetensors",
    ];
    let output = solve(folder.path(), &other);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("neuralpcg"), "{}", stderr(&output));
}

/// A badly scaled system: the preconditioner is made from the scaled one, the tolerance is that of the file.
#[test]
fn the_tolerance_is_that_of_the_unscaled_system() {
    let folder = tempfile::tempdir().unwrap();
    let mut a = poisson(folder.path(), "plain.mtx", 12);
    let scale = |i: usize| 10f64.powi(i as i32 % 7 - 3);
    for (i, mut row) in a.outer_iterator_mut().enumerate() {
        row.iter_mut().for_each(|(j, v)| *v *= scale(i) * scale(j));
    }
    let path = folder.path().join("a.mtx");
    write_matrix_market_file(path, a.view(), Symmetry::General).unwrap();
    let b = vec![1.0; a.rows()];
    let run = |scaling: &str| {
        let args = [
            "a.mtx",
            "--rhs",
            "ones",
            "--precond",
            "none",
            "--max-iters",
            "200",
        ];
        let rest = ["--scaling", scaling, "--rtol", "1e-6", "--output", "out"];
        solve(folder.path(), &[&args[..], &rest].concat())
            .status
            .code()
    };
    assert_eq!(run("none"), Some(2));
    assert_eq!(run("jacobi"), Some(0));
    assert!(residual(&a, &solution(folder.path()), &b) <= 1e-6);
    assert_eq!(record(folder.path())["attempts"][0]["scaled"], true);
}

#[test]
fn a_negative_definite_matrix_is_negated_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let head = "%%MatrixMarket matrix coordinate real symmetric";
    let lines = [head, "2 2 3", "1 1 -2", "2 1 1", "2 2 -2"];
    write(folder.path(), "a.mtx", &lines);
    let rhs = ["%%MatrixMarket matrix array real general", "2 1", "-3", "0"];
    write(folder.path(), "b.mtx", &rhs);
    let output = solve(
        folder.path(),
        &["a.mtx", "--rhs", "b.mtx", "--output", "out"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("(−A) x = −b"),
        "{}",
        stdout(&output)
    );
    assert_eq!(record(folder.path())["negated"], true);
    let x = solution(folder.path());
    assert!(
        (x[0] - 2.0).abs() < 1e-12 && (x[1] - 1.0).abs() < 1e-12,
        "{x:?}"
    );
}

/// 4 −1 0; −1 4 −2; 0 −2 5 with one stored right-hand side, the image of (1, 2, 3).
#[test]
fn a_right_hand_side_in_the_matrix_file_is_named_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        &format!("{:<72}KEY", "Three by three"),
        "             4             1             1             1             1",
        "RSA                        3             3             5             0",
        "(16I5)          (16I5)          (1P5E16.8)          (1P5E16.8)",
        "F                          1             0",
        "    1    3    5    6",
        "    1    2    2    3    3",
        "  4.00000000E+00 -1.00000000E+00  4.00000000E+00 -2.00000000E+00  5.00000000E+00",
        "  2.00000000E+00  1.00000000E+00  1.10000000E+01",
    ];
    write(folder.path(), "a.rsa", &lines);
    let output = solve(folder.path(), &["a.rsa", "--rhs", "ones"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("--rhs stored"),
        "{}",
        stderr(&output)
    );
    let output = solve(
        folder.path(),
        &["a.rsa", "--rhs", "stored", "--output", "out"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stderr(&output).contains("--rhs stored"));
    for (value, expected) in solution(folder.path()).iter().zip([1.0, 2.0, 3.0]) {
        assert!((value - expected).abs() < 1e-7, "{value}");
    }
}

#[test]
fn a_zero_right_hand_side_has_the_solution_zero() {
    let folder = tempfile::tempdir().unwrap();
    poisson(folder.path(), "a.mtx", 2);
    let rhs = [
        "%%MatrixMarket matrix array real general",
        "4 1",
        "0",
        "0",
        "0",
        "0",
    ];
    write(folder.path(), "b.mtx", &rhs);
    let output = solve(
        folder.path(),
        &["a.mtx", "--rhs", "b.mtx", "--output", "out"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(solution(folder.path()), [0.0; 4]);
    assert_eq!(record(folder.path())["relative_residual"], 0.0);
}

#[test]
fn not_converging_is_exit_code_2_with_the_best_iterate() {
    let folder = tempfile::tempdir().unwrap();
    let a = poisson(folder.path(), "a.mtx", 30);
    let args = [
        "a.mtx",
        "--rhs",
        "ones",
        "--precond",
        "none",
        "--max-iters",
        "5",
        "--output",
        "out",
    ];
    let output = solve(folder.path(), &args);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stdout(&output).contains("iteration limit reached"));
    let json = record(folder.path());
    assert_eq!(json["status"], "iteration_limit");
    assert_eq!(json["converged"], false);
    assert_eq!(json["iterations"], 5);
    let mine = residual(&a, &solution(folder.path()), &vec![1.0; a.rows()]);
    let said = json["relative_residual"].as_f64().unwrap();
    assert!((mine - said).abs() < 1e-12 * said.max(1.0), "{mine} {said}");
}

/// A positive diagonal does not make a matrix definite; CG notices.
#[test]
fn an_indefinite_matrix_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let head = "%%MatrixMarket matrix coordinate real symmetric";
    write(
        folder.path(),
        "a.mtx",
        &[head, "2 2 3", "1 1 1", "2 1 3", "2 2 1"],
    );
    let rhs = ["%%MatrixMarket matrix array real general", "2 1", "1", "-1"];
    write(folder.path(), "b.mtx", &rhs);
    let args = [
        "a.mtx",
        "--rhs",
        "b.mtx",
        "--precond",
        "none",
        "--output",
        "out",
    ];
    let output = solve(folder.path(), &args);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(record(folder.path())["status"], "indefinite_operator");
    assert!(stdout(&output).contains("not positive definite"));
}

#[test]
fn cg_falls_back_and_tells_of_both_attempts() {
    let folder = tempfile::tempdir().unwrap();
    poisson(folder.path(), "a.mtx", 20);
    let args = [
        "a.mtx",
        "--method",
        "cg",
        "--max-iters",
        "3",
        "--output",
        "out",
    ];
    let output = solve(folder.path(), &args);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let json = record(folder.path());
    let names: Vec<&str> = json["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["preconditioner"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ic0", "jacobi"]);
    assert_eq!(json["iterations"], 6);
    assert_eq!(json["preconditioner"], "jacobi");
    let after = |k: usize| json["attempts"][k]["relative_residual"].as_f64().unwrap();
    let best = json["relative_residual"].as_f64().unwrap();
    assert_eq!(best, after(0).min(after(1)));
}

#[test]
fn a_time_limit_ends_the_solve() {
    let folder = tempfile::tempdir().unwrap();
    poisson(folder.path(), "a.mtx", 40);
    let args = [
        "a.mtx",
        "--precond",
        "none",
        "--time-limit",
        "1e-9",
        "--output",
        "out",
    ];
    let output = solve(folder.path(), &args);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(record(folder.path())["status"], "time_limit");
}

/// Not symmetric, zeros on the diagonal, rows of different size: nothing that is asked for by name.
#[test]
fn a_general_matrix_is_solved_and_the_choice_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let n = 30;
    let mut lines = vec![
        "%%MatrixMarket matrix coordinate real general".to_owned(),
        format!("{n} {n} {}", 2 * n),
    ];
    for i in 0..n {
        let scale = 10f64.powi(i % 7 - 3);
        lines.push(format!("{} {} {:e}", i + 1, (i + 1) % n + 1, 3.0 * scale));
        lines.push(format!("{} {} {:e}", i + 1, (i + 4) % n + 1, scale));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    write(folder.path(), "a.mtx", &lines);
    let args = ["a.mtx", "--rhs", "solution-ones", "--output", "out"];
    let output = solve(folder.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("gmres + ilut (any matrix"), "{text}");
    let json = record(folder.path());
    assert_eq!(json["method"], "gmres");
    assert!(json["relative_residual"].as_f64().unwrap() <= 1e-8);
    for method in ["gmres", "fgmres", "bicgstab"] {
        for precond in ["ilut", "ilu0", "lu"] {
            let named = ["--method", method, "--precond", precond];
            let output = solve(folder.path(), &[&args[..], &named].concat());
            assert_eq!(
                output.status.code(),
                Some(0),
                "{named:?}: {}",
                stdout(&output)
            );
            assert_eq!(record(folder.path())["method"], method);
        }
    }
}

/// Eigenvalues of both signs: MINRES.
#[test]
fn a_symmetric_indefinite_matrix_has_its_method() {
    let folder = tempfile::tempdir().unwrap();
    let head = "%%MatrixMarket matrix coordinate real symmetric";
    write(
        folder.path(),
        "a.mtx",
        &[head, "2 2 3", "1 1 1", "2 1 3", "2 2 1"],
    );
    let output = solve(
        folder.path(),
        &["a.mtx", "--method", "minres", "--output", "out"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert_eq!(record(folder.path())["method"], "minres");
}
