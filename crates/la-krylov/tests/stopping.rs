//! When a solve ends, what it may claim, and what it refuses to start with.

mod common;

use std::ops::ControlFlow;

use common::{Diagonal, assert_honest, dense, laplacian, norm, rhs};
use la_krylov::sprs::{CsMat, TriMatI};
use la_krylov::{
    CgOptions, CgWorkspace, FcgOptions, History, Host, IdentityPreconditioner, Iteration,
    KrylovError, Status, Truncation, cg, cg_from, cg_monitored, cg_with, fcg,
};

#[test]
fn two_by_two_by_hand() {
    // Hestenes and Stiefel's own kind of example: x = (1/11, 7/11) after two steps.
    let a = dense([[4.0, 1.0], [1.0, 3.0]]);
    let x0 = [2.0, 1.0];
    let options = CgOptions::default().with_max_iters(1);
    let m = IdentityPreconditioner::new(2);
    // r0 = (-8, -3), α = 73/331, x1 = x0 + α r0
    let one = cg_from(&a, &[1.0, 2.0], &x0, &m, &options).unwrap();
    let alpha = 73.0 / 331.0;
    approx::assert_relative_eq!(one.x[0], 2.0 - 8.0 * alpha, max_relative = 1e-14);
    approx::assert_relative_eq!(one.x[1], 1.0 - 3.0 * alpha, max_relative = 1e-14);
    let two = cg_from(&a, &[1.0, 2.0], &x0, &m, &CgOptions::default()).unwrap();
    assert_eq!((two.status, two.iterations), (Status::Converged, 2));
    approx::assert_relative_eq!(two.x[0], 1.0 / 11.0, max_relative = 1e-13);
    approx::assert_relative_eq!(two.x[1], 7.0 / 11.0, max_relative = 1e-13);
}

#[test]
fn zero_right_hand_side_is_solved_by_zero() {
    let a = laplacian(3, 0.0);
    let m = IdentityPreconditioner::new(9);
    let solution = cg_from(&a, &[0.0; 9], &[7.0; 9], &m, &CgOptions::default()).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::Converged, 0)
    );
    assert_eq!(
        (solution.x.as_slice(), solution.residual_norm),
        ([0.0; 9].as_slice(), 0.0)
    );
    assert_eq!(solution.relative_residual(), 0.0);
}

#[test]
fn empty_and_one_by_one() {
    let a: CsMat<f64> = CsMat::zero((0, 0));
    let solution = cg(
        &a,
        &[] as &[f64],
        &IdentityPreconditioner::new(0),
        &CgOptions::default(),
    )
    .unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::Converged, 0)
    );
    let a = dense([[8.0]]);
    let solution = cg(
        &a,
        &[4.0],
        &IdentityPreconditioner::new(1),
        &CgOptions::default(),
    )
    .unwrap();
    assert_eq!((solution.iterations, solution.x), (1, vec![0.5]));
}

#[test]
fn the_looser_tolerance_counts() {
    let a = laplacian(20, 0.0);
    let b = rhs(400);
    let m = IdentityPreconditioner::new(400);
    let options = CgOptions::default()
        .with_rtol(1e-12)
        .with_atol(1e-3 * norm(&b));
    let solution = cg(&a, &b, &m, &options).unwrap();
    assert!(solution.relative_residual() <= 1e-3 && solution.relative_residual() > 1e-5);
    assert_eq!(Some(solution.iterations), solution.iterations_to(1e-3));
}

#[test]
fn one_solve_tells_the_counts_of_looser_ones() {
    let a = laplacian(20, 0.0);
    let b = rhs(400);
    let m = Diagonal::of(&a);
    let options = CgOptions::default().with_history(History::ResidualsAndTimes);
    let full = cg(&a, &b, &m, &options).unwrap();
    for rel in [1e-3, 1e-6, 1e-8] {
        let loose = cg(&a, &b, &m, &options.clone().with_rtol(rel)).unwrap();
        assert_eq!(full.iterations_to(rel), Some(loose.iterations));
    }
    assert_eq!(full.iterations_to(1e-14), None);
    let times: Vec<_> = full
        .history
        .iter()
        .map(|s| s.seconds.expect("recorded"))
        .collect();
    assert!(times.is_sorted() && full.seconds >= times[times.len() - 1]);
    assert_eq!(
        full.seconds_to(1e-6),
        Some(times[full.iterations_to(1e-6).unwrap()])
    );
    let without = cg(&a, &b, &m, &options.with_history(History::None)).unwrap();
    assert!(without.history.is_empty());
    assert_eq!((without.iterations, without.x), (full.iterations, full.x));
}

#[test]
fn a_poor_guess_costs_a_restart_but_not_the_truth() {
    // The guess is so large that its rounding errors exceed the tolerance.
    let a = laplacian(20, 0.0);
    let b = rhs(400);
    let guess: Vec<f64> = (0..400).map(|i| 1e10 * (i as f64).cos()).collect();
    let solution = cg_from(
        &a,
        &b,
        &guess,
        &IdentityPreconditioner::new(400),
        &CgOptions::default(),
    )
    .unwrap();
    assert_eq!(solution.status, Status::Converged);
    assert!(solution.restarts >= 1);
    assert_honest(&a, &b, &solution);
}

#[test]
fn single_precision_knows_its_limit() {
    let a = laplacian(20, 0.0).map(|v| *v as f32);
    let b: Vec<f32> = rhs(400).iter().map(|v| *v as f32).collect();
    let m = IdentityPreconditioner::new(400);
    let solution = cg(&a, &b, &m, &CgOptions::default().with_rtol(1e-5)).unwrap();
    assert_eq!(solution.status, Status::Converged);
    let solution = cg(&a, &b, &m, &CgOptions::default().with_rtol(1e-10)).unwrap();
    assert_eq!(solution.status, Status::Stagnated);
    assert!(solution.relative_residual() < 1e-5);
    // A single-precision matrix with double-precision vectors has no such limit.
    let solution = cg(&a, &rhs(400), &m, &CgOptions::default().with_rtol(1e-10)).unwrap();
    assert_eq!(solution.status, Status::Converged);
}

#[test]
fn flexible_is_plain_for_a_fixed_preconditioner() {
    let a = laplacian(20, 0.0);
    let b = rhs(400);
    let m = Diagonal::of(&a);
    let plain = cg(&a, &b, &m, &CgOptions::default()).unwrap();
    for (memory, truncation) in [
        (1, Truncation::Window),
        (4, Truncation::Window),
        (4, Truncation::Restart),
    ] {
        let options = FcgOptions::default()
            .with_memory(memory)
            .with_truncation(truncation);
        let flexible = fcg(&a, &b, &m, &options).unwrap();
        assert_eq!(
            flexible.iterations, plain.iterations,
            "{memory} {truncation:?}"
        );
        for (x, y) in flexible.x.iter().zip(&plain.x) {
            approx::assert_relative_eq!(x, y, max_relative = 1e-8, epsilon = 1e-10);
        }
    }
}

#[test]
fn a_monitor_changes_nothing() {
    let a = laplacian(20, 0.0);
    let b = rhs(400);
    let m = Diagonal::of(&a);
    let options = CgOptions::default();
    let alone = cg(&a, &b, &m, &options).unwrap();
    let mut workspace = CgWorkspace::<Host>::new(400, &options);
    let mut seen = Vec::new();
    let mut watch = |step: &Iteration<'_, [f64]>| {
        seen.push((
            step.iteration,
            step.recurrence_norm,
            common::residual_norm(&a, &b, step.x),
        ));
        ControlFlow::Continue(())
    };
    let watched = cg_monitored(&mut workspace, &a, &b, &m, &options, &mut watch).unwrap();
    assert_eq!((&watched.x, &watched.history), (&alone.x, &alone.history));
    assert_eq!(seen.len(), alone.iterations);
    for (k, (iteration, recurrence, true_norm)) in seen.into_iter().enumerate() {
        assert_eq!(
            (iteration, recurrence),
            (k + 1, alone.history[k + 1].recurrence_norm)
        );
        approx::assert_relative_eq!(recurrence, true_norm, max_relative = 1e-5);
    }
}

#[test]
fn the_best_iterate_comes_back() {
    // The residual norms of this system go up and down by orders of magnitude.
    let n = 60;
    let mut t = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n {
        t.add_triplet(i, i, 10f64.powf(i as f64 / 10.0));
    }
    let a = t.to_csr();
    let b = rhs(n);
    let m = IdentityPreconditioner::new(n);
    let mut last_was_not_best = 0;
    for max_iters in 0..60 {
        let solution = cg(&a, &b, &m, &CgOptions::default().with_max_iters(max_iters)).unwrap();
        let mut norms = solution.history.iter().map(|s| s.recurrence_norm);
        let best = norms.clone().fold(f64::INFINITY, f64::min);
        approx::assert_relative_eq!(solution.residual_norm, best, max_relative = 1e-6);
        assert_honest(&a, &b, &solution);
        last_was_not_best += usize::from(norms.next_back() > Some(best));
    }
    assert!(last_was_not_best > 10, "{last_was_not_best}");
}

#[test]
fn a_guess_counts_once() {
    let a = laplacian(5, 0.0);
    let b = rhs(25);
    let (m, options) = (IdentityPreconditioner::new(25), CgOptions::default());
    let x = cg(&a, &b, &m, &options).unwrap().x;
    let mut workspace = CgWorkspace::<Host>::new(25, &options);
    workspace.set_initial_guess(&x).unwrap();
    assert_eq!(
        cg_with(&mut workspace, &a, &b, &m, &options)
            .unwrap()
            .iterations,
        0
    );
    assert!(
        cg_with(&mut workspace, &a, &b, &m, &options)
            .unwrap()
            .iterations
            > 5
    );
    assert!(workspace.set_initial_guess(&[0.0]).is_err());
}

#[test]
fn wrong_calls_are_errors() {
    let a = laplacian(2, 0.0);
    let m = IdentityPreconditioner::new(4);
    let options = CgOptions::default();
    let fails = |a: &CsMat<f64>, b: &[f64], n: usize| {
        cg(a, b, &IdentityPreconditioner::new(n), &CgOptions::default()).unwrap_err()
    };
    assert_eq!(
        fails(&CsMat::zero((2, 3)), &[1.0; 2], 2),
        KrylovError::NotSquare { rows: 2, cols: 3 }
    );
    assert!(matches!(
        fails(&CsMat::eye(3), &[1.0; 2], 3),
        KrylovError::DimensionMismatch { len: 2, .. }
    ));
    let what = "preconditioner";
    assert_eq!(
        fails(&CsMat::eye(3), &[1.0; 3], 2),
        KrylovError::DimensionMismatch {
            rows: 3,
            cols: 3,
            what,
            len: 2
        }
    );
    for bad in [f64::NAN, f64::INFINITY] {
        let error = cg(&a, &[1.0, bad, 0.0, 0.0], &m, &options).unwrap_err();
        assert_eq!(
            error,
            KrylovError::NonFiniteInput {
                what: "right-hand side"
            }
        );
        assert!(cg_from(&a, &[1.0; 4], &[bad; 4], &m, &options).is_err());
    }
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let error = cg(&a, &[1.0; 4], &m, &options.clone().with_rtol(bad)).unwrap_err();
        assert!(matches!(
            error,
            KrylovError::InvalidOption { option: "rtol", .. }
        ));
        assert!(options.clone().with_atol(bad).validate().is_err());
    }
    assert!(
        options
            .clone()
            .with_divergence_factor(f64::NAN)
            .validate()
            .is_err()
    );
    assert!(FcgOptions::default().with_memory(0).validate().is_err());
}
