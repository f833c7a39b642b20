//! Problems of a public collection and of hard cases, with the optimal values of two interior-point solvers.

use std::path::PathBuf;

use la_opt::qp::{
    Certificate, Elimination, Hessian, QpOptions, QpStatus, QpWorkspace, QuadraticProgram,
};
use la_problems::quadratic::QuadraticFile;

/// A line of the tables of the data folder.
struct Line {
    set: String,
    name: String,
    n: usize,
    m: usize,
    outcome: Outcome,
}

enum Outcome {
    Optimal(f64),
    PrimalInfeasible,
    DualInfeasible,
}

fn folder() -> Option<PathBuf> {
    let Ok(folder) = std::env::var("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return None;
    };
    Some(PathBuf::from(folder).join("qp"))
}

fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        match cells[..] {
            [set, name, n, m, _, _, _, _, value, _] => {
                let (Ok(n), Ok(m), Ok(value)) = (n.parse(), m.parse(), value.parse()) else {
                    continue;
                };
                lines.push(Line {
                    set: set.to_owned(),
                    name: name.to_owned(),
                    n,
                    m,
                    outcome: Outcome::Optimal(value),
                });
            }
            [name, n, m, expected, value] => {
                let (Ok(n), Ok(m)) = (n.parse(), m.parse()) else {
                    continue;
                };
                let outcome = match expected {
                    "primal_infeasible" => Outcome::PrimalInfeasible,
                    "dual_infeasible" => Outcome::DualInfeasible,
                    _ => Outcome::Optimal(value.parse().unwrap()),
                };
                lines.push(Line {
                    set: "status".to_owned(),
                    name: name.to_owned(),
                    n,
                    m,
                    outcome,
                });
            }
            _ => {}
        }
    }
    lines
}

fn problem(file: &QuadraticFile) -> QuadraticProgram {
    let hessian = match file.diagonal_hessian() {
        Some(diagonal) if diagonal.iter().all(|&p| p == 0.0) => Hessian::Zero,
        Some(diagonal) => Hessian::Diagonal(diagonal),
        None => Hessian::Dense(file.dense_hessian()),
    };
    QuadraticProgram::new(hessian, file.linear.clone())
        .unwrap()
        .with_bounds(file.lower_bounds.clone(), file.upper_bounds.clone())
        .unwrap()
        .with_rows(file.dense_rows(), file.lower.clone(), file.upper.clone())
        .unwrap()
}

/// `Gᵀ y` is small and the bounds contradict it.
fn check_farkas(problem: &QuadraticProgram, y: &[f64]) {
    let (n, s) = (problem.num_variables(), problem.num_bounds());
    let size = y.iter().fold(0.0, |most: f64, y| most.max(y.abs()));
    for c in 0..n {
        let mut sum = if c < s { y[c] } else { 0.0 };
        for (row, y) in problem.rows().chunks_exact(n).zip(&y[s..]) {
            sum += row[c] * y;
        }
        assert!(sum.abs() <= 1e-6 * size, "{sum} {size}");
    }
    let mut value = 0.0;
    for ((y, l), u) in y.iter().zip(problem.lower()).zip(problem.upper()) {
        if *y > 0.0 {
            value += y * u;
        } else if *y < 0.0 {
            value += y * l;
        }
    }
    assert!(value < 0.0, "{value}");
}

/// The ray has no curvature, the objective falls along it, and no bound ends it.
fn check_ray(problem: &QuadraticProgram, ray: &[f64]) {
    let (n, s) = (problem.num_variables(), problem.num_bounds());
    let size = ray.iter().fold(0.0, |most: f64, d| most.max(d.abs()));
    if let Hessian::Dense(p) = problem.hessian() {
        for row in p.chunks_exact(n) {
            let curvature: f64 = row.iter().zip(ray).map(|(p, d)| p * d).sum();
            assert!(curvature.abs() <= 1e-6 * size);
        }
    }
    let slope: f64 = problem.linear().iter().zip(ray).map(|(q, d)| q * d).sum();
    assert!(slope < -1e-6 * size, "{slope}");
    for j in 0..problem.num_constraints() {
        let along = if j < s {
            ray[j]
        } else {
            let row = &problem.rows()[(j - s) * n..(j - s + 1) * n];
            row.iter().zip(ray).map(|(a, d)| a * d).sum()
        };
        if problem.upper()[j].is_finite() {
            assert!(along <= 1e-6 * size, "{j}: {along}");
        }
        if problem.lower()[j].is_finite() {
            assert!(along >= -1e-6 * size, "{j}: {along}");
        }
    }
}

/// Solves all problems that a rule takes; their number.
fn solve_all(options: &QpOptions, take: impl Fn(&Line) -> bool) -> usize {
    let Some(folder) = folder() else { return 0 };
    let text = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut count = 0;
    for line in lines(&text).into_iter().filter(take) {
        let name = &line.name;
        let path = folder.join(&line.set).join(format!("{name}.npz"));
        let file = QuadraticFile::open(path).unwrap();
        let problem = problem(&file);
        let mut workspace = QpWorkspace::new(problem.clone(), options.clone()).unwrap();
        let solution = workspace.solve();
        match line.outcome {
            Outcome::Optimal(value) => {
                assert_eq!(
                    solution.status,
                    QpStatus::Optimal,
                    "{name}: {:?}",
                    solution.kkt
                );
                let error = (solution.objective + file.constant - value).abs();
                assert!(error <= 1e-6 * value.abs().max(1.0), "{name}: {error}");
            }
            Outcome::PrimalInfeasible => {
                assert_eq!(solution.status, QpStatus::PrimalInfeasible, "{name}");
                let Some(Certificate::Farkas(y)) = &solution.certificate else {
                    panic!("{name}: no certificate");
                };
                check_farkas(&problem, y);
            }
            Outcome::DualInfeasible => {
                assert_eq!(solution.status, QpStatus::DualInfeasible, "{name}");
                let Some(Certificate::Ray(ray)) = &solution.certificate else {
                    panic!("{name}: no ray");
                };
                check_ray(&problem, ray);
            }
        }
        count += 1;
    }
    count
}

#[test]
fn hard_cases_end_as_they_should_with_certificates() {
    for elimination in [Elimination::Never, Elimination::Always] {
        let options = QpOptions::default().with_elimination(elimination);
        let count = solve_all(&options, |line| line.set == "status");
        assert!(
            count == 13 || std::env::var("LA_DATA_DIR").is_err(),
            "{count}"
        );
    }
}

#[test]
fn small_problems_of_the_collection_have_the_known_values() {
    for (elimination, size, expected) in [
        (Elimination::WhereItPays, 400, 65),
        (Elimination::Never, 320, 40),
        (Elimination::Always, 320, 40),
    ] {
        let options = QpOptions::default().with_elimination(elimination);
        let count = solve_all(&options, |line| {
            line.set != "status" && line.n <= size && line.m <= 360
        });
        assert!(
            count > expected || std::env::var("LA_DATA_DIR").is_err(),
            "{count}"
        );
    }
}

#[test]
#[ignore = "slow: problems with up to a thousand variables and dense linear algebra"]
fn medium_problems_of_the_collection_have_the_known_values() {
    let count = solve_all(&QpOptions::default(), |line| {
        line.set != "status" && (line.n > 400 || line.m > 360) && line.n <= 1000 && line.m <= 1000
    });
    assert!(
        count > 8 || std::env::var("LA_DATA_DIR").is_err(),
        "{count}"
    );
}
