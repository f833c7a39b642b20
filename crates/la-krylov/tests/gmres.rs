//! GMRES and flexible GMRES: what they compute, when they end, what they refuse.

mod common;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Duration;

use common::{Diagonal, Matrix, assert_honest, convection, dense, laplacian, norm, rhs};
use la_krylov::sprs::TriMatI;
use la_krylov::{
    FgmresOptions, FnOperator, GmresOptions, GmresWorkspace, Host, IdentityPreconditioner,
    Iteration, KrylovError, Preconditioner, PreconditionerError, PreconditionerKind,
    Reorthogonalization, ResidualCheck, Side, Solution, Status, fgmres, fgmres_from, gmres,
    gmres_from, gmres_monitored,
};

fn identity(a: &Matrix) -> IdentityPreconditioner {
    IdentityPreconditioner::new(a.rows())
}

/// Solves with GMRES on both sides and with FGMRES; all must end in the same way.
fn all(
    a: &Matrix,
    b: &[f64],
    m: &impl Preconditioner,
    options: &GmresOptions,
    status: Status,
) -> Solution {
    let flexible = FgmresOptions::default()
        .with_tolerances(options.tolerances)
        .with_max_iters(options.max_iters)
        .with_restart(options.restart);
    let right = gmres(a, b, m, options).unwrap();
    let left = gmres(a, b, m, &options.clone().with_side(Side::Left)).unwrap();
    let flexible = fgmres(a, b, m, &flexible).unwrap();
    for (name, solution) in [("right", &right), ("left", &left), ("flexible", &flexible)] {
        assert_eq!(solution.status, status, "{name}: {solution}");
        assert_honest(a, b, solution);
    }
    right
}

#[test]
fn converges_on_every_side_and_restart() {
    for (a, k) in [(laplacian(15, 0.0), 15), (convection(15, 3.0), 15)] {
        let b = rhs(k * k);
        for restart in [5, 30, 1000] {
            let options = GmresOptions::default().with_restart(restart);
            let plain = all(&a, &b, &identity(&a), &options, Status::Converged);
            assert_eq!(plain.history.len(), plain.iterations + 1);
            let _ = all(&a, &b, &Diagonal::of(&a), &options, Status::Converged);
        }
    }
}

#[test]
fn residuals_never_grow_and_are_true() {
    let a = convection(12, 3.0);
    let b = rhs(144);
    let options = GmresOptions::default().with_restart(8).with_rtol(1e-6);
    let full = gmres(&a, &b, &Diagonal::of(&a), &options).unwrap();
    for pair in full.history.windows(2) {
        assert!(pair[1].recurrence_norm <= pair[0].recurrence_norm * (1.0 + 1e-10));
    }
    for k in (1..full.iterations).step_by(5) {
        let short = gmres(
            &a,
            &b,
            &Diagonal::of(&a),
            &options.clone().with_max_iters(k),
        )
        .unwrap();
        assert_eq!(
            (short.status, short.iterations),
            (Status::IterationLimit, k)
        );
        approx::assert_relative_eq!(
            short.residual_norm,
            full.history[k].recurrence_norm,
            max_relative = 1e-8
        );
        assert_honest(&a, &b, &short);
    }
}

/// Changes its mind at every call, and is not linear.
struct Moody(Cell<f64>, usize);

impl Preconditioner for Moody {
    fn dimension(&self) -> usize {
        self.1
    }
    fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        self.0.set(self.0.get() + 1.0);
        let shift = self.0.get();
        for (i, (z, r)) in z.iter_mut().zip(r).enumerate() {
            *z = r + 0.4 * (r * 7.0 + shift * i as f64).sin() * r.abs();
        }
        Ok(())
    }
    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Variable
    }
}

#[test]
fn tracked_residuals_of_a_nonlinear_preconditioner_are_true() {
    let a = convection(5, 2.0);
    let b = rhs(25);
    for steps in 1..=25 {
        let options = FgmresOptions::default()
            .with_max_iters(steps)
            .with_rtol(1e-14);
        let solution = fgmres(&a, &b, &Moody(Cell::new(0.0), 25), &options).unwrap();
        let tracked = solution.history[solution.iterations].recurrence_norm;
        let scale = norm(&b);
        approx::assert_relative_eq!(tracked, solution.residual_norm, epsilon = 1e-13 * scale);
        assert_honest(&a, &b, &solution);
    }
    let solution = fgmres(
        &a,
        &b,
        &Moody(Cell::new(0.0), 25),
        &FgmresOptions::default(),
    )
    .unwrap();
    assert_eq!(solution.status, Status::Converged);
}

/// Remembers what it returned.
struct Recorder<'a>(Moody, &'a std::cell::RefCell<Vec<Vec<f64>>>);

impl Preconditioner for Recorder<'_> {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }
    fn apply(&self, space: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        self.0.apply(space, r, z)?;
        self.1.borrow_mut().push(z.to_vec());
        Ok(())
    }
    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Variable
    }
}

#[test]
fn the_residual_is_the_projection_off_the_range() {
    // r_m = (I − Q Qᵀ) r_0 with Q from the QR factorization of A Z.
    let a = convection(5, 2.0);
    let b = rhs(25);
    let calls = std::cell::RefCell::new(Vec::new());
    let m = Recorder(Moody(Cell::new(0.0), 25), &calls);
    let options = FgmresOptions::default().with_max_iters(9);
    let solution = fgmres(&a, &b, &m, &options).unwrap();
    let z = calls.borrow();
    assert_eq!(z.len(), 9);
    let az = faer::Mat::from_fn(25, 9, |i, j| {
        let row = a.outer_view(i).unwrap();
        row.iter().map(|(c, v)| v * z[j][c]).sum::<f64>()
    });
    let q = az.qr().compute_thin_Q();
    let r0 = faer::Mat::from_fn(25, 1, |i, _| b[i]);
    let expected = &r0 - &q * (q.transpose() * &r0);
    for i in 0..25 {
        let row = a.outer_view(i).unwrap();
        let r = b[i] - row.iter().map(|(c, v)| v * solution.x[c]).sum::<f64>();
        approx::assert_relative_eq!(r, expected[(i, 0)], epsilon = 1e-12);
    }
}

#[test]
fn the_exact_inverse_needs_one_iteration() {
    let a = dense([[4.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0]]);
    let inverse = |r: &[f64]| {
        // By Cramer's rule: det A = 25.
        let [p, q, s] = [r[0], r[1], r[2]];
        [
            (6.0 * p - 2.0 * q + s) / 25.0,
            (p + 8.0 * q - 4.0 * s) / 25.0,
            (-3.0 * p + q + 12.0 * s) / 25.0,
        ]
    };
    struct Exact<F>(F);
    impl<F: Fn(&[f64]) -> [f64; 3]> Preconditioner for Exact<F> {
        fn dimension(&self) -> usize {
            3
        }
        fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
            z.copy_from_slice(&(self.0)(r));
            Ok(())
        }
    }
    let options = GmresOptions::default();
    let solution = all(
        &a,
        &[5.0, 4.0, 3.0],
        &Exact(inverse),
        &options,
        Status::Converged,
    );
    assert_eq!(solution.iterations, 1);
    for x in solution.x {
        approx::assert_relative_eq!(x, 1.0, max_relative = 1e-14);
    }
}

#[test]
fn flexible_is_right_preconditioned_for_a_fixed_preconditioner() {
    let a = convection(15, 3.0);
    let b = rhs(225);
    let m = Diagonal::of(&a);
    let right = gmres(&a, &b, &m, &GmresOptions::default().with_restart(10)).unwrap();
    let flexible = fgmres(&a, &b, &m, &FgmresOptions::default().with_restart(10)).unwrap();
    assert_eq!(right.iterations, flexible.iterations);
    for (x, y) in right.x.iter().zip(&flexible.x) {
        approx::assert_relative_eq!(x, y, max_relative = 1e-9, epsilon = 1e-11);
    }
}

#[test]
fn reorthogonalization_matters_for_graded_systems() {
    // One pass of classical Gram–Schmidt loses orthogonality with the square of the condition number.
    let n = 60;
    let mut t = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n {
        t.add_triplet(i, i, 10f64.powf(i as f64 / 6.0));
        if i > 0 {
            t.add_triplet(i, i - 1, 0.5);
        }
    }
    let a = t.to_csr();
    let b = rhs(n);
    let solve = |rule| {
        let options = GmresOptions::default()
            .with_restart(60)
            .with_rtol(1e-10)
            .with_reorthogonalization(rule);
        gmres(&a, &b, &identity(&a), &options).unwrap()
    };
    let (needed, always, never) = (
        solve(Reorthogonalization::WhenNeeded),
        solve(Reorthogonalization::Always),
        solve(Reorthogonalization::Never),
    );
    assert_eq!(always.status, Status::Converged);
    assert_eq!(needed.status, Status::Converged);
    assert!(needed.iterations.abs_diff(always.iterations) <= always.iterations / 20);
    assert!(
        never.iterations > always.iterations || never.status != Status::Converged,
        "{never}"
    );
}

#[test]
fn happy_breakdown() {
    // Two distinct eigenvalues: the minimal polynomial has degree two.
    let a = dense([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 5.0]]);
    let options = GmresOptions::default().with_rtol(0.0).with_atol(1e-15);
    let solution = all(
        &a,
        &[2.0, 4.0, 5.0],
        &identity(&a),
        &options,
        Status::Converged,
    );
    assert_eq!(solution.iterations, 2);
    let eye = dense([[1.0, 0.0], [0.0, 1.0]]);
    let solution = all(
        &eye,
        &[1.0, 7.0],
        &identity(&eye),
        &options,
        Status::Converged,
    );
    assert_eq!(solution.iterations, 1);
}

#[test]
fn singular_systems() {
    // The graph Laplacian of a path: consistent where the entries of b sum to zero.
    let n = 12;
    let mut t = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n - 1 {
        for (p, q, v) in [
            (i, i, 1.0),
            (i + 1, i + 1, 1.0),
            (i, i + 1, -1.0),
            (i + 1, i, -1.0),
        ] {
            t.add_triplet(p, q, v);
        }
    }
    let a: Matrix = t.to_csr();
    let b: Vec<f64> = (0..n).map(|i| i as f64 - 5.5).collect();
    let _ = all(
        &a,
        &b,
        &identity(&a),
        &GmresOptions::default(),
        Status::Converged,
    );
    // Inconsistent: the least-squares residual is the mean, and then nothing more can be done.
    let solution = all(
        &a,
        &vec![1.0; n],
        &identity(&a),
        &GmresOptions::default(),
        Status::Breakdown,
    );
    approx::assert_relative_eq!(solution.relative_residual(), 1.0, max_relative = 1e-12);
    let zero = dense([[0.0, 0.0], [0.0, 0.0]]);
    let _ = all(
        &zero,
        &[1.0, 2.0],
        &identity(&zero),
        &GmresOptions::default(),
        Status::Breakdown,
    );
}

#[test]
fn a_cyclic_shift_stagnates() {
    let n = 10;
    let shift = FnOperator::new(n, |x: &[f64], y: &mut [f64]| {
        y.copy_from_slice(x);
        y.rotate_right(1);
    });
    let mut b = vec![0.0; n];
    b[0] = 1.0;
    let m = IdentityPreconditioner::new(n);
    let short = gmres(&shift, &b, &m, &GmresOptions::default().with_restart(9)).unwrap();
    assert_eq!((short.status, short.iterations), (Status::Stagnated, 9));
    let full = gmres(&shift, &b, &m, &GmresOptions::default().with_restart(10)).unwrap();
    assert_eq!((full.status, full.iterations), (Status::Converged, 10));
}

#[test]
fn attainable_accuracy() {
    let a = convection(15, 3.0);
    let options = GmresOptions::default().with_rtol(0.0);
    let solution = all(
        &a,
        &rhs(225),
        &Diagonal::of(&a),
        &options,
        Status::Stagnated,
    );
    assert!(solution.relative_residual() < 1e-14, "{solution}");
}

#[test]
fn limits_and_monitors() {
    let a = convection(15, 3.0);
    let b = rhs(225);
    let m = Diagonal::of(&a);
    let _ = all(
        &a,
        &b,
        &m,
        &GmresOptions::default().with_max_iters(7),
        Status::IterationLimit,
    );
    let options = GmresOptions::default().with_restart(5);
    let timed = options.clone().with_time_limit(Duration::ZERO);
    let solution = gmres(&a, &b, &m, &timed).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::TimeLimit, 1)
    );
    assert!(solution.relative_residual() < 1.0);
    let mut workspace = GmresWorkspace::<Host>::new(225, &options);
    let mut seen = Vec::new();
    let mut watch = |step: &Iteration<'_, [f64]>| {
        seen.push((step.iteration, step.x_iteration, step.recurrence_norm));
        match step.iteration {
            12 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    };
    let solution = gmres_monitored(&mut workspace, &a, &b, &m, &options, &mut watch).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::StoppedByMonitor, 12)
    );
    assert_honest(&a, &b, solution);
    approx::assert_relative_eq!(seen[11].2, solution.residual_norm, max_relative = 1e-10);
    assert_eq!((seen.len(), seen[3].1, seen[11].1), (12, 0, 10));
    let alone = gmres(&a, &b, &m, &options.clone().with_max_iters(12)).unwrap();
    assert_eq!((&alone.x, &alone.history), (&solution.x, &solution.history));
}

#[test]
fn bad_preconditioners() {
    let a = convection(15, 3.0);
    let b = rhs(225);
    for bad in [f64::INFINITY, f64::NAN] {
        let m = Diagonal(vec![bad; 225]);
        let solution = all(
            &a,
            &b,
            &m,
            &GmresOptions::default(),
            Status::PreconditionerFailure,
        );
        assert!(solution.failure.is_some());
        assert_eq!(solution.relative_residual(), 1.0);
    }
    // NaN from the operator, in one column only.
    let count = Cell::new(0);
    let nan_at_four = FnOperator::new(225, |x: &[f64], y: &mut [f64]| {
        la_krylov::LinearOperator::apply(&a, &Host::new(225), x, y);
        count.set(count.get() + 1);
        if count.get() == 4 {
            y[3] = f64::NAN;
        }
    });
    let solution = gmres(&nan_at_four, &b, &identity(&a), &GmresOptions::default()).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::NonFinite, 3)
    );
    assert_honest(&a, &b, &solution);
    assert!(solution.relative_residual() < 1.0);
    let error = gmres(
        &a,
        &b,
        &Moody(Cell::new(0.0), 225),
        &GmresOptions::default(),
    )
    .unwrap_err();
    assert!(matches!(error, KrylovError::VariablePreconditioner { .. }));
}

#[test]
fn warm_starts() {
    let a = convection(15, 3.0);
    let b = rhs(225);
    let m = Diagonal::of(&a);
    let options = GmresOptions::default();
    let x = gmres(&a, &b, &m, &options).unwrap().x;
    assert_eq!(gmres_from(&a, &b, &x, &m, &options).unwrap().iterations, 0);
    let near: Vec<f64> = x
        .iter()
        .enumerate()
        .map(|(i, x)| x + 1e-6 * (i as f64).sin())
        .collect();
    let cold = gmres(&a, &b, &m, &options).unwrap().iterations;
    let warm = gmres_from(&a, &b, &near, &m, &options).unwrap();
    assert!(warm.status.is_converged() && warm.iterations < cold);
    let flexible = fgmres_from(&a, &b, &near, &m, &FgmresOptions::default()).unwrap();
    assert_eq!(flexible.iterations, warm.iterations);
    let zero = gmres_from(&a, &vec![0.0; 225], &x, &m, &options).unwrap();
    assert_eq!((zero.iterations, zero.residual_norm), (0, 0.0));
}

#[test]
fn a_tracked_residual_that_lies_is_noticed() {
    // The operator answers differently once the cycle is over.
    let a = convection(15, 3.0);
    let b = rhs(225);
    let lie = |check: ResidualCheck| {
        let calls = Cell::new(0);
        let operator = FnOperator::new(225, |x: &[f64], y: &mut [f64]| {
            la_krylov::LinearOperator::apply(&a, &Host::new(225), x, y);
            calls.set(calls.get() + 1);
            // The residual is orthogonal to A x: an error of 1 % in A x changes its norm by less.
            if calls.get() == 6 {
                y.iter_mut().for_each(|y| *y *= 1.01);
            }
        });
        let options = FgmresOptions::default()
            .with_restart(5)
            .with_residual_check(check);
        fgmres(&operator, &b, &Diagonal::of(&a), &options).unwrap()
    };
    let failed = lie(ResidualCheck::GNP);
    assert_eq!(
        (failed.status, failed.iterations),
        (Status::ResidualMismatch, 5)
    );
    let went_on = lie(ResidualCheck::Restart);
    assert_eq!(went_on.status, Status::Converged);
    let honest = FgmresOptions::default().with_residual_check(ResidualCheck::GNP);
    let solution = fgmres(&a, &b, &Diagonal::of(&a), &honest).unwrap();
    assert_eq!(solution.status, Status::Converged);
    let bad = ResidualCheck::Fail {
        relative: f64::NAN,
        absolute: 0.0,
    };
    assert!(
        FgmresOptions::default()
            .with_residual_check(bad)
            .validate()
            .is_err()
    );
}

#[test]
fn the_first_steps_of_the_second_difference() {
    // FGMRES(10), 100 iterations, x* = 1, A divided by the smaller of its 1- and ∞-norms, which is 4:
    // relative residuals 4.4455e-2 after 10 iterations, 3.5523e-3 after 100.
    let n = 1024;
    let mut t = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n {
        t.add_triplet(i, i, 0.5);
        if i > 0 {
            t.add_triplet(i, i - 1, -0.25);
            t.add_triplet(i - 1, i, -0.25);
        }
    }
    let a: Matrix = t.to_csr();
    let mut b = vec![0.0; n];
    (b[0], b[n - 1]) = (0.25, 0.25);
    let options = FgmresOptions::default()
        .with_restart(10)
        .with_max_iters(100)
        .with_residual_check(ResidualCheck::GNP);
    let solution = fgmres(&a, &b, &identity(&a), &options).unwrap();
    assert_eq!(solution.status, Status::IterationLimit);
    let relative = |k: usize| solution.history[k].recurrence_norm / solution.rhs_norm;
    approx::assert_relative_eq!(relative(10), 4.4455e-2, max_relative = 1e-4);
    approx::assert_relative_eq!(relative(100), 3.5523e-3, max_relative = 1e-4);
}

#[test]
fn cycles_in_vain_can_be_allowed() {
    // Cycles of less than 12 steps achieve nothing on a cyclic shift.
    let n = 12;
    let mut t = TriMatI::<f64, u32>::new((n, n));
    (0..n).for_each(|i| t.add_triplet(i, (i + 1) % n, 1.0));
    let a: Matrix = t.to_csr();
    let mut b = vec![0.0; n];
    b[0] = 1.0;
    let options = FgmresOptions::default().with_restart(4).with_max_iters(40);
    let solve = |options: &FgmresOptions| fgmres(&a, &b, &identity(&a), options).unwrap();
    for (cycles, iterations) in [(1, 4), (3, 12), (5, 20)] {
        let solution = solve(&options.clone().with_stalled_cycles(cycles));
        assert_eq!(solution.status, Status::Stagnated);
        assert_eq!(solution.iterations, iterations);
    }
    let patient = solve(&options.clone().with_stalled_cycles(usize::MAX));
    assert_eq!(patient.status, Status::IterationLimit);
    assert_eq!((patient.iterations, patient.history.len()), (40, 41));
    let error = options.with_stalled_cycles(0).validate().unwrap_err();
    assert!(error.to_string().contains("stalled_cycles"), "{error}");
}

#[test]
fn modified_gram_schmidt_minimises_the_same_residual() {
    let a = convection(15, 3.0);
    let b = rhs(225);
    let solve = |rule: Reorthogonalization| {
        let options = FgmresOptions::default()
            .with_restart(40)
            .with_reorthogonalization(rule);
        fgmres(&a, &b, &Diagonal::of(&a), &options).unwrap()
    };
    let (once, twice) = (
        solve(Reorthogonalization::Modified),
        solve(Reorthogonalization::Always),
    );
    assert_eq!(once.status, Status::Converged);
    assert_honest(&a, &b, &once);
    assert_eq!(once.iterations, twice.iterations);
    for (one, two) in once.history.iter().zip(&twice.history) {
        approx::assert_relative_eq!(
            one.recurrence_norm,
            two.recurrence_norm,
            max_relative = 1e-6
        );
    }
}

#[test]
fn a_preconditioner_that_returns_zero() {
    let a = convection(15, 3.0);
    let b = rhs(225);
    // Division by infinity: zero for every vector.
    let m = Diagonal(vec![f64::INFINITY; 225]);
    let solution = fgmres(&a, &b, &m, &FgmresOptions::default()).unwrap();
    assert_eq!(solution.status, Status::PreconditionerFailure);
    let failure = solution.failure.unwrap().to_string();
    assert!(failure.contains("zero"), "{failure}");
    assert_eq!((solution.iterations, solution.residual_norm), (0, norm(&b)));
}

#[test]
fn single_precision() {
    let a = convection(15, 3.0).map(|v| *v as f32);
    let b: Vec<f32> = rhs(225).iter().map(|v| *v as f32).collect();
    let m = IdentityPreconditioner::new(225);
    let solution = gmres(&a, &b, &m, &GmresOptions::default().with_rtol(1e-5)).unwrap();
    assert_eq!(solution.status, Status::Converged);
    let solution = gmres(&a, &b, &m, &GmresOptions::default().with_rtol(1e-12)).unwrap();
    assert_eq!(solution.status, Status::Stagnated);
    assert!(solution.relative_residual() < 1e-5);
}
