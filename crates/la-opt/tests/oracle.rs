//! Random problems against an interior-point solver.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettings, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, ZeroConeT,
};
use la_opt::qp::{Hessian, Pricing, QpOptions, QpStatus, QuadraticProgram};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// A problem with everything in it, dense.
struct Problem {
    n: usize,
    hessian: Vec<f64>,
    linear: Vec<f64>,
    rows: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

/// What is unusual about a problem.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    /// Many rows through one point.
    Degenerate,
    /// Rows twice, some with the other sign.
    Duplicated,
    /// Equalities that follow from others but for 1e-9.
    NearlyDependent,
    /// Hessian of half rank, variables in a box.
    Semidefinite,
    /// Variables and rows in units that differ by factors to 1e4.
    Scaled,
}

const KINDS: [Kind; 6] = [
    Kind::Plain,
    Kind::Degenerate,
    Kind::Duplicated,
    Kind::NearlyDependent,
    Kind::Semidefinite,
    Kind::Scaled,
];

fn draw(kind: Kind, n: usize, rng: &mut ChaCha8Rng) -> Problem {
    let normal = |rng: &mut ChaCha8Rng| rng.sample::<f64, _>(StandardNormal);
    let rank = if kind == Kind::Semidefinite {
        n.div_ceil(2)
    } else {
        n
    };
    let root: Vec<f64> = (0..n * rank).map(|_| normal(rng)).collect();
    let mut hessian = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            let dot: f64 = (0..rank)
                .map(|k| root[i * rank + k] * root[j * rank + k])
                .sum();
            hessian[i * n + j] = dot / n as f64;
        }
        if kind != Kind::Semidefinite {
            hessian[i * n + i] += 0.01;
        }
    }
    let mut linear: Vec<f64> = (0..n).map(|_| 3.0 * normal(rng)).collect();
    let inside: Vec<f64> = (0..n).map(|_| normal(rng)).collect();
    let (mut rows, mut lower, mut upper) = (Vec::new(), Vec::new(), Vec::new());
    let mut push = |row: Vec<f64>, below: f64, above: f64| {
        let value: f64 = row.iter().zip(&inside).map(|(a, x)| a * x).sum();
        rows.extend(row);
        lower.push(value - below);
        upper.push(value + above);
    };
    for _ in 0..2 * n {
        let row: Vec<f64> = (0..n).map(|_| normal(rng)).collect();
        let room = if kind == Kind::Degenerate {
            0.0
        } else {
            rng.random_range(0.0..2.0)
        };
        match kind {
            Kind::Duplicated => {
                push(row.clone(), f64::INFINITY, room);
                push(
                    row.iter().map(|a| -2.0 * a).collect(),
                    2.0 * room,
                    f64::INFINITY,
                );
            }
            _ => push(
                row,
                if rng.random_bool(0.3) {
                    1.0
                } else {
                    f64::INFINITY
                },
                room,
            ),
        }
    }
    if kind == Kind::NearlyDependent {
        let first: Vec<f64> = (0..n).map(|_| normal(rng)).collect();
        let nearly = first.iter().map(|a| a + 1e-9 * normal(rng)).collect();
        push(first, 0.0, 0.0);
        push(nearly, 0.0, 0.0);
    }
    if kind == Kind::Semidefinite {
        for i in 0..n {
            let mut row = vec![0.0; n];
            row[i] = 1.0;
            push(row, 2.0, 2.0);
        }
    }
    if kind == Kind::Scaled {
        let unit = |rng: &mut ChaCha8Rng| 10f64.powf(rng.random_range(-2.0..2.0));
        let columns: Vec<f64> = (0..n).map(|_| unit(rng)).collect();
        for i in 0..n {
            linear[i] *= columns[i];
            for j in 0..n {
                hessian[i * n + j] *= columns[i] * columns[j];
            }
        }
        for (r, row) in rows.chunks_exact_mut(n).enumerate() {
            let size = unit(rng);
            for (a, column) in row.iter_mut().zip(&columns) {
                *a *= size * column;
            }
            lower[r] *= size;
            upper[r] *= size;
        }
    }
    Problem {
        n,
        hessian,
        linear,
        rows,
        lower,
        upper,
    }
}

/// The optimal value, or nothing where the solver is not sure of it.
fn oracle(problem: &Problem) -> Option<f64> {
    let n = problem.n;
    // Equalities first, then `± A x ≤ ± bound`.
    let (mut rows, mut right): (Vec<Vec<f64>>, Vec<f64>) = (Vec::new(), Vec::new());
    let row = |i: usize| problem.rows[i * n..(i + 1) * n].to_vec();
    let all = 0..problem.upper.len();
    let (equal, unequal): (Vec<usize>, Vec<usize>) =
        all.partition(|&i| problem.lower[i] == problem.upper[i]);
    for &i in &equal {
        rows.push(row(i));
        right.push(problem.upper[i]);
    }
    for i in unequal {
        if problem.upper[i].is_finite() {
            rows.push(row(i));
            right.push(problem.upper[i]);
        }
        if problem.lower[i].is_finite() {
            rows.push(row(i).iter().map(|a| -a).collect());
            right.push(-problem.lower[i]);
        }
    }
    let cones = [
        ZeroConeT(equal.len()),
        NonnegativeConeT(rows.len() - equal.len()),
    ];
    let a = CscMatrix::from(&rows);
    let upper: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            (0..n)
                .map(|j| {
                    if j < i {
                        0.0
                    } else {
                        problem.hessian[i * n + j]
                    }
                })
                .collect()
        })
        .collect();
    let p = CscMatrix::from(&upper);
    let settings = DefaultSettings {
        verbose: false,
        tol_gap_abs: 1e-10,
        tol_gap_rel: 1e-10,
        tol_feas: 1e-10,
        ..DefaultSettings::default()
    };
    let mut solver = DefaultSolver::new(&p, &problem.linear, &a, &right, &cones, settings).unwrap();
    solver.solve();
    (solver.solution.status == SolverStatus::Solved).then_some(solver.solution.obj_val)
}

fn compare(sizes: &[usize], seeds: u64) {
    for kind in KINDS {
        let mut compared = 0;
        for &n in sizes {
            for seed in 0..seeds {
                let mut rng = ChaCha8Rng::seed_from_u64(1000 * n as u64 + seed);
                let problem = draw(kind, n, &mut rng);
                let Some(value) = oracle(&problem) else {
                    continue;
                };
                for pricing in [
                    Pricing::SteepestEdge,
                    Pricing::LargestViolation,
                    Pricing::Partial { candidates: 3 },
                ] {
                    let qp = QuadraticProgram::new(
                        Hessian::Dense(problem.hessian.clone()),
                        problem.linear.clone(),
                    )
                    .unwrap()
                    .with_rows(
                        problem.rows.clone(),
                        problem.lower.clone(),
                        problem.upper.clone(),
                    )
                    .unwrap();
                    let options = QpOptions::default()
                        .with_pricing(pricing)
                        .with_primal_tol(1e-8);
                    let solution = la_opt::qp::solve(&qp, &options).unwrap();
                    let what = format!("{kind:?} n {n} seed {seed} {pricing:?}");
                    assert_eq!(
                        solution.status,
                        QpStatus::Optimal,
                        "{what}: {:?}",
                        solution.kkt
                    );
                    let error = (solution.objective - value).abs() / value.abs().max(1.0);
                    assert!(error <= 1e-6, "{what}: {} {value}", solution.objective);
                }
                compared += 1;
            }
        }
        assert!(
            2 * compared > sizes.len() * seeds as usize,
            "{kind:?}: {compared}"
        );
    }
}

#[test]
fn small_problems_have_the_values_of_an_interior_point_solver() {
    compare(&[1, 2, 5, 12, 30], 6);
}

#[test]
#[ignore = "slow: problems with up to 200 variables"]
fn large_problems_have_the_values_of_an_interior_point_solver() {
    compare(&[80, 200], 3);
}
