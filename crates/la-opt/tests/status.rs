//! Every way in which a solve can end, and what a wrong call gets.

use std::time::Duration;

use la_opt::OptError;
use la_opt::qp::{
    Certificate, Hessian, Pricing, Proximal, QpOptions, QpStatus, QpUpdate, QpWorkspace,
    QuadraticProgram, Side, WarmStart, solve,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const INF: f64 = f64::INFINITY;

/// n variables, 3 n rows through a neighbourhood of a point.
fn random(n: usize, seed: u64) -> QuadraticProgram {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let root = draw(n * n);
    let mut hessian = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            hessian[i * n + j] = (0..n).map(|k| root[i * n + k] * root[j * n + k]).sum();
        }
        hessian[i * n + i] += 0.1;
    }
    let linear = draw(n).iter().map(|x| 5.0 * x).collect();
    let rows = draw(3 * n * n);
    let upper = draw(3 * n).iter().map(|x| 1.1 + x).collect();
    QuadraticProgram::new(Hessian::Dense(hessian), linear)
        .unwrap()
        .with_rows(rows, vec![-INF; 3 * n], upper)
        .unwrap()
}

#[test]
fn limits_are_kept() {
    let problem = random(20, 1);
    let cold = solve(&problem, &QpOptions::default()).unwrap();
    assert_eq!(cold.status, QpStatus::Optimal);
    assert!(cold.iterations > 5);
    let few = solve(&problem, &QpOptions::default().with_max_iters(3)).unwrap();
    assert_eq!((few.status, few.iterations), (QpStatus::IterationLimit, 3));
    assert!(matches!(
        few.require_optimal(),
        Err(OptError::NotOptimal {
            status: QpStatus::IterationLimit,
            iterations: 3
        })
    ));
    let bound = QpOptions::default().with_objective_bound(cold.objective - 0.1);
    assert_eq!(
        solve(&problem, &bound).unwrap().status,
        QpStatus::BoundExceeded
    );
    let no_time = QpOptions::default().with_time_limit(Some(Duration::ZERO));
    let status = solve(&random(60, 2), &no_time).unwrap().status;
    assert_eq!(status, QpStatus::TimeLimit);
}

#[test]
fn soft_constraints_bend() {
    // x ≤ −1 and x ≥ 1, both soft: in the middle.
    let problem = QuadraticProgram::new(Hessian::Identity, vec![0.0])
        .unwrap()
        .with_rows(vec![1.0, 1.0], vec![-INF, 1.0], vec![-1.0, INF])
        .unwrap();
    assert_eq!(
        solve(&problem, &QpOptions::default()).unwrap().status,
        QpStatus::PrimalInfeasible
    );
    let soft = problem.with_soft(&[0, 1]).unwrap();
    let solution = solve(&soft, &QpOptions::default()).unwrap();
    assert_eq!(solution.status, QpStatus::SoftOptimal);
    assert!(solution.x[0].abs() < 1e-5, "{:?}", solution.x);
    // One soft bound: minimise x²/2 + (1 − x)² / (2 ρ).
    let problem = QuadraticProgram::new(Hessian::Identity, vec![0.0])
        .unwrap()
        .with_bounds(vec![1.0], vec![INF])
        .unwrap()
        .with_soft(&[0])
        .unwrap();
    let solution = solve(&problem, &QpOptions::default().with_rho_soft(0.25)).unwrap();
    assert_eq!(solution.status, QpStatus::SoftOptimal);
    assert!((solution.x[0] - 0.8).abs() < 1e-12, "{:?}", solution.x);
}

#[test]
fn contradictions_have_certificates() {
    let crossed = QuadraticProgram::new(Hessian::Identity, vec![0.0, 0.0])
        .unwrap()
        .with_bounds(vec![0.0, 2.0], vec![1.0, 1.0])
        .unwrap();
    let solution = solve(&crossed, &QpOptions::default()).unwrap();
    assert_eq!(solution.certificate, Some(Certificate::Crossed(1)));
    let zero_row = QuadraticProgram::new(Hessian::Identity, vec![0.0])
        .unwrap()
        .with_rows(vec![0.0], vec![-INF], vec![-1.0])
        .unwrap();
    let solution = solve(&zero_row, &QpOptions::default()).unwrap();
    assert_eq!(solution.status, QpStatus::PrimalInfeasible);
    assert_eq!(solution.certificate, Some(Certificate::Farkas(vec![1.0])));
    // New bounds mend it.
    let mut workspace = QpWorkspace::new(zero_row, QpOptions::default()).unwrap();
    workspace
        .update(&QpUpdate::default().with_upper(&[1.0]))
        .unwrap();
    assert_eq!(workspace.solve().status, QpStatus::Optimal);
}

#[test]
fn indefinite_hessians_are_refused_and_flat_ones_where_asked() {
    let indefinite =
        QuadraticProgram::new(Hessian::Dense(vec![1.0, 2.0, 2.0, 1.0]), vec![0.0; 2]).unwrap();
    assert!(matches!(
        solve(&indefinite, &QpOptions::default()),
        Err(OptError::NotPositiveDefinite { row: 1, .. })
    ));
    let flat = QuadraticProgram::new(Hessian::Diagonal(vec![1.0, 0.0]), vec![1.0, 1.0])
        .unwrap()
        .with_bounds(vec![-3.0; 2], vec![3.0; 2])
        .unwrap();
    let never = QpOptions::default().with_proximal(Proximal::Never);
    assert!(matches!(
        solve(&flat, &never),
        Err(OptError::NotPositiveDefinite { row: 1, .. })
    ));
    let solution = solve(&flat, &QpOptions::default()).unwrap();
    assert_eq!(solution.status, QpStatus::Optimal);
    assert!((solution.x[0] + 1.0_f64).abs() < 1e-6 && (solution.x[1] + 3.0_f64).abs() < 1e-9);
}

#[test]
fn wrong_calls_name_what_is_wrong() {
    let new = QuadraticProgram::new;
    assert!(matches!(
        new(Hessian::Dense(vec![1.0; 3]), vec![0.0; 2]),
        Err(OptError::Length {
            what: "Hessian",
            len: 3,
            expected: 4
        })
    ));
    assert!(matches!(
        new(Hessian::Identity, vec![0.0, f64::NAN]),
        Err(OptError::NonFinite {
            what: "linear term",
            index: 1,
            ..
        })
    ));
    let problem = new(Hessian::Identity, vec![0.0; 2]).unwrap();
    assert!(
        problem
            .clone()
            .with_bounds(vec![0.0; 3], vec![1.0; 3])
            .is_err()
    );
    assert!(
        problem
            .clone()
            .with_rows(vec![1.0; 2], vec![f64::NAN], vec![1.0])
            .is_err()
    );
    assert!(matches!(
        problem.clone().with_soft(&[4]),
        Err(OptError::NoSuchConstraint {
            index: 4,
            constraints: 0
        })
    ));
    let bad = QpOptions::default().with_primal_tol(f64::NAN);
    assert!(matches!(
        solve(&problem, &bad),
        Err(OptError::InvalidOption {
            option: "primal_tol",
            ..
        })
    ));
    let bad = QpOptions::default().with_pricing(Pricing::Partial { candidates: 0 });
    assert!(matches!(
        solve(&problem, &bad),
        Err(OptError::InvalidOption {
            option: "candidates",
            ..
        })
    ));
    let mut workspace = QpWorkspace::new(problem, QpOptions::default()).unwrap();
    assert!(
        workspace
            .update(&QpUpdate::default().with_linear(&[1.0]))
            .is_err()
    );
    assert!(
        workspace
            .warm_start(WarmStart::Active(&[(0, Side::Upper)]))
            .is_err()
    );
    assert!(
        workspace
            .warm_start(WarmStart::Primal(&[f64::NAN, 0.0]))
            .is_err()
    );
    assert_eq!(workspace.solve().status, QpStatus::Optimal);
}

#[test]
fn no_variables_and_no_constraints() {
    let nothing = QuadraticProgram::<f64>::new(Hessian::Dense(vec![]), vec![]).unwrap();
    assert_eq!(
        solve(&nothing, &QpOptions::default()).unwrap().status,
        QpStatus::Optimal
    );
    let free = QuadraticProgram::new(Hessian::Diagonal(vec![4.0]), vec![-8.0]).unwrap();
    let solution = solve(&free, &QpOptions::default()).unwrap();
    assert_eq!((solution.x[0], solution.iterations), (2.0, 1));
}

#[test]
fn single_precision_solves_too() {
    let double = random(12, 5);
    let narrow = |x: &[f64]| -> Vec<f32> { x.iter().map(|&x| x as f32).collect() };
    let Hessian::Dense(p) = double.hessian() else {
        unreachable!()
    };
    let single = QuadraticProgram::<f32>::new(Hessian::Dense(narrow(p)), narrow(double.linear()))
        .unwrap()
        .with_rows(
            narrow(double.rows()),
            narrow(double.lower()),
            narrow(double.upper()),
        )
        .unwrap();
    let options = QpOptions::default()
        .with_primal_tol(1e-4)
        .with_dual_tol(1e-5);
    let a = solve(&single, &options).unwrap();
    let b = solve(&double, &QpOptions::default()).unwrap();
    assert_eq!(a.status, QpStatus::Optimal);
    for (a, b) in a.x.iter().zip(&b.x) {
        assert!((f64::from(*a) - b).abs() < 1e-3, "{a} {b}");
    }
}

#[test]
fn scaling_the_objective_by_a_power_of_two_changes_no_count() {
    for pricing in [Pricing::SteepestEdge, Pricing::LargestViolation] {
        let problem = random(15, 7);
        let Hessian::Dense(p) = problem.hessian() else {
            unreachable!()
        };
        let twice = |x: &[f64]| -> Vec<f64> { x.iter().map(|x| 4.0 * x).collect() };
        let scaled = QuadraticProgram::new(Hessian::Dense(twice(p)), twice(problem.linear()))
            .unwrap()
            .with_rows(
                problem.rows().to_vec(),
                problem.lower().to_vec(),
                problem.upper().to_vec(),
            )
            .unwrap();
        let options = QpOptions::default().with_pricing(pricing);
        let (a, b) = (
            solve(&problem, &options).unwrap(),
            solve(&scaled, &options).unwrap(),
        );
        assert_eq!(a.iterations, b.iterations);
        assert_eq!(a.active_set, b.active_set);
        for (a, b) in a.x.iter().zip(&b.x) {
            assert!((a - b).abs() < 1e-12);
        }
    }
}
