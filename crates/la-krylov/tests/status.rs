//! Every way in which a solve can end, provoked.

mod common;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Duration;

use common::{Diagonal, Matrix, assert_honest, dense, laplacian, rhs};
use la_krylov::{
    BicgstabOptions, CgOptions, CgWorkspace, Definiteness, FcgOptions, FgmresOptions, GmresOptions,
    Host, IdentityPreconditioner, Iteration, KrylovError, LinearOperator, MinresOptions,
    Preconditioner, PreconditionerError, PreconditionerKind, Solution, Status, Truncation,
    bicgstab, cg, cg_from, cg_monitored, fcg, fgmres, gmres, minres,
};

/// Solves with both methods; they must end in the same way.
fn both(
    a: &Matrix,
    b: &[f64],
    m: &impl Preconditioner,
    options: CgOptions,
    status: Status,
) -> Solution {
    let flexible = FcgOptions::default()
        .with_tolerances(options.tolerances)
        .with_max_iters(options.max_iters)
        .with_divergence_factor(options.divergence_factor);
    let flexible = fcg(a, b, m, &flexible).expect("valid call");
    assert_eq!(flexible.status, status, "flexible");
    assert_honest(a, b, &flexible);
    let solution = cg(a, b, m, &options).expect("valid call");
    assert_eq!(solution.status, status, "plain");
    assert_honest(a, b, &solution);
    assert_eq!(
        solution.require_converged().is_ok(),
        status == Status::Converged
    );
    solution
}

fn identity(a: &Matrix) -> IdentityPreconditioner {
    IdentityPreconditioner::new(a.rows())
}

#[test]
fn converged() {
    let a = laplacian(20, 0.0);
    let b = rhs(400);
    let solution = both(
        &a,
        &b,
        &identity(&a),
        CgOptions::default(),
        Status::Converged,
    );
    assert_eq!(solution.restarts, 0);
    assert_eq!(solution.history.len(), solution.iterations + 1);
    let _ = both(
        &a,
        &b,
        &Diagonal::of(&a),
        CgOptions::default(),
        Status::Converged,
    );
}

#[test]
fn iteration_limit() {
    let a = laplacian(20, 0.0);
    let options = CgOptions::default().with_max_iters(5);
    let solution = both(
        &a,
        &rhs(400),
        &identity(&a),
        options.clone(),
        Status::IterationLimit,
    );
    assert_eq!(solution.iterations, 5);
}

#[test]
fn time_limit() {
    let a = laplacian(20, 0.0);
    let options = CgOptions::default().with_time_limit(Duration::ZERO);
    let solution = cg(&a, &rhs(400), &identity(&a), &options).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::TimeLimit, 1)
    );
    assert_honest(&a, &rhs(400), &solution);
}

#[test]
fn stagnated() {
    let a = laplacian(20, 0.0);
    let options = CgOptions::default().with_rtol(0.0);
    let solution = both(&a, &rhs(400), &identity(&a), options, Status::Stagnated);
    assert!(solution.relative_residual() < 1e-14, "{solution}");
}

#[test]
fn diverged() {
    // The first step multiplies the residual norm by 19, by hand.
    let a = dense([[1.0, 0.0], [0.0, 1e4]]);
    let options = CgOptions::default().with_divergence_factor(10.0);
    let solution = both(&a, &[1.0, 0.05], &identity(&a), options, Status::Diverged);
    assert_eq!(
        (solution.iterations, solution.x),
        (1, vec![0.0, 0.0]),
        "the start was the best iterate"
    );
    let _ = both(
        &a,
        &[1.0, 0.05],
        &identity(&a),
        CgOptions::default(),
        Status::Converged,
    );
}

#[test]
fn breakdown() {
    let a = dense([[1.0, 0.0], [0.0, 0.0]]);
    let _ = both(
        &a,
        &[0.0, 1.0],
        &identity(&a),
        CgOptions::default(),
        Status::Breakdown,
    );
    // Inconsistent: the range is spanned by (1, -1).
    let singular = dense([[1.0, -1.0], [-1.0, 1.0]]);
    let _ = both(
        &singular,
        &[1.0, 0.0],
        &identity(&a),
        CgOptions::default(),
        Status::Breakdown,
    );
    // A preconditioner that maps everything to zero.
    let a = dense([[1.0, 0.0], [0.0, 1.0]]);
    let m = Diagonal(vec![f64::INFINITY; 2]);
    let _ = both(&a, &[1.0, 1.0], &m, CgOptions::default(), Status::Breakdown);
}

#[test]
fn indefinite_operator() {
    let a = dense([[1.0, 0.0], [0.0, -1.0]]);
    let _ = both(
        &a,
        &[1.0, 2.0],
        &identity(&a),
        CgOptions::default(),
        Status::IndefiniteOperator,
    );
    // Indefinite only after several steps: one negative eigenvalue.
    let a = laplacian(12, -0.2);
    let _ = both(
        &a,
        &rhs(144),
        &identity(&a),
        CgOptions::default(),
        Status::IndefiniteOperator,
    );
    // The units do not matter.
    let tiny = a.map(|v| v * 1e-150);
    let _ = both(
        &tiny,
        &rhs(144),
        &identity(&a),
        CgOptions::default(),
        Status::IndefiniteOperator,
    );
}

#[test]
fn indefinite_preconditioner() {
    let a = laplacian(5, 0.0);
    let m = Diagonal(vec![-1.0; 25]);
    let solution = cg(&a, &rhs(25), &m, &CgOptions::default()).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::IndefinitePreconditioner, 0)
    );
    // The flexible method does not mind a change of sign.
    assert_eq!(
        fcg(&a, &rhs(25), &m, &FcgOptions::default())
            .unwrap()
            .status,
        Status::Converged
    );
}

/// Fails in one of its calls.
struct FailsAt(Cell<usize>);

impl Preconditioner for FailsAt {
    fn dimension(&self) -> usize {
        400
    }
    fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        self.0.set(self.0.get() - 1);
        if self.0.get() == 0 {
            return Err(PreconditionerError {
                message: "out of luck".into(),
            });
        }
        z.copy_from_slice(r);
        Ok(())
    }
    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
}

#[test]
fn preconditioner_failure() {
    let a = laplacian(20, 0.0);
    let b = rhs(400);
    for (call, iterations) in [(1, 0), (4, 3)] {
        let by_cg = cg(&a, &b, &FailsAt(Cell::new(call)), &CgOptions::default()).unwrap();
        let by_fcg = fcg(&a, &b, &FailsAt(Cell::new(call)), &FcgOptions::default()).unwrap();
        let reference = cg(
            &a,
            &b,
            &identity(&a),
            &CgOptions::default().with_max_iters(iterations),
        )
        .unwrap();
        for solution in [by_cg, by_fcg] {
            assert_eq!(
                (solution.status, solution.iterations),
                (Status::PreconditionerFailure, iterations)
            );
            assert_eq!(
                solution.failure.as_ref().map(|f| f.message.as_str()),
                Some("out of luck")
            );
            assert_honest(&a, &b, &solution);
            approx::assert_relative_eq!(
                solution.residual_norm,
                reference.residual_norm,
                max_relative = 1e-12
            );
        }
    }
}

/// Returns NaN in one call only.
struct NanAt(Matrix, Cell<usize>);

impl LinearOperator for NanAt {
    fn rows(&self) -> usize {
        self.0.rows()
    }
    fn cols(&self) -> usize {
        self.0.cols()
    }
    fn apply(&self, space: &Host, x: &[f64], y: &mut [f64]) {
        self.0.apply(space, x, y);
        self.1.set(self.1.get().wrapping_sub(1));
        if self.1.get() == 0 {
            y[0] = f64::NAN;
        }
    }
}

#[test]
fn non_finite() {
    let a = laplacian(20, 0.0);
    let b = rhs(400);
    let m = identity(&a);
    let by_cg = cg(
        &NanAt(a.clone(), Cell::new(4)),
        &b,
        &m,
        &CgOptions::default(),
    )
    .unwrap();
    let by_fcg = fcg(
        &NanAt(a.clone(), Cell::new(4)),
        &b,
        &m,
        &FcgOptions::default(),
    )
    .unwrap();
    for solution in [by_cg, by_fcg] {
        assert_eq!(
            (solution.status, solution.iterations),
            (Status::NonFinite, 3)
        );
        assert_honest(&a, &b, &solution);
        assert!(solution.relative_residual() < 1.0);
    }
    let m = Diagonal(vec![f64::NAN; 400]);
    let _ = both(&a, &b, &m, CgOptions::default(), Status::NonFinite);
}

#[test]
fn stopped_by_monitor() {
    let a = laplacian(20, 0.0);
    let b = rhs(400);
    let options = CgOptions::default();
    let mut workspace = CgWorkspace::new(400, &options);
    let mut stop = |step: &Iteration<'_, [f64]>| match step.iteration {
        7 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let solution =
        cg_monitored(&mut workspace, &a, &b, &identity(&a), &options, &mut stop).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::StoppedByMonitor, 7)
    );
    assert_honest(&a, &b, solution);
}

/// Says that it changes.
struct Changing(Diagonal);

impl Preconditioner for Changing {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }
    fn apply(&self, space: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        self.0.apply(space, r, z)
    }
    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Variable
    }
}

#[test]
fn cg_refuses_what_fcg_takes() {
    let a = laplacian(20, 0.0);
    let m = Changing(Diagonal::of(&a));
    let error = cg(&a, &rhs(400), &m, &CgOptions::default()).unwrap_err();
    assert!(error.to_string().contains("try flexible CG"), "{error}");
    assert_eq!(
        fcg(&a, &rhs(400), &m, &FcgOptions::default())
            .unwrap()
            .status,
        Status::Converged
    );
}

/// Divides by a diagonal that may have zeros.
struct Quotient(Vec<f64>);

impl Preconditioner for Quotient {
    fn dimension(&self) -> usize {
        self.0.len()
    }
    fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        for ((z, r), d) in z.iter_mut().zip(r).zip(&self.0) {
            *z = r / d;
        }
        Ok(())
    }
}

#[test]
fn what_the_operator_does_not_look_at_is_no_solution() {
    // Column 1 is empty: NaN in x[1] leaves the residual as it is.
    let a = Matrix::new((2, 2), vec![0, 1, 1], vec![0], vec![2.0]);
    let (b, m) = ([1.0, 0.0], Quotient(vec![2.0, 0.0]));
    let solutions = [
        gmres(&a, &b, &m, &GmresOptions::default()).expect("valid call"),
        fgmres(&a, &b, &m, &FgmresOptions::default()).expect("valid call"),
        bicgstab(&a, &b, &m, &BicgstabOptions::default()).expect("valid call"),
    ];
    for solution in solutions {
        assert_eq!(solution.status, Status::NonFinite);
        assert_eq!((solution.x, solution.residual_norm), (vec![0.0; 2], 1.0));
    }
    let m = IdentityPreconditioner::new(2);
    for bad in [f64::NAN, f64::INFINITY] {
        let refused = cg_from(&a, &b, &[0.5, bad], &m, &CgOptions::default());
        assert!(matches!(refused, Err(KrylovError::NonFiniteInput { .. })));
    }
}

#[test]
fn any_number_of_directions_may_be_asked_for() {
    let (a, b) = (laplacian(5, 0.0), rhs(25));
    let m = IdentityPreconditioner::new(25);
    for truncation in [Truncation::Window, Truncation::Restart] {
        let options = FcgOptions::default()
            .with_memory(usize::MAX)
            .with_truncation(truncation)
            .with_max_iters(100);
        let solution = fcg(&a, &b, &m, &options).expect("valid call");
        assert_eq!(solution.status, Status::Converged);
    }
}

#[test]
fn no_solve_ends_worse_than_zero() {
    // Singular and inconsistent; and MINRES for a matrix that is not symmetric.
    let ones = dense([[1.0; 3]; 3]);
    let upper = dense([[1.0, 2.0, 0.0], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]]);
    let b = [0.7, -0.5, 0.2];
    let m = IdentityPreconditioner::new(3);
    let b_norm = 0.78f64.sqrt();
    for a in [&ones, &upper] {
        let solutions = [
            bicgstab(a, &b, &m, &BicgstabOptions::default()).expect("valid call"),
            minres(a, &b, &m, &MinresOptions::default().with_max_iters(300)).expect("valid call"),
        ];
        for solution in solutions {
            assert!(
                solution.residual_norm <= b_norm * (1.0 + 1e-12),
                "{solution}"
            );
        }
    }
}
