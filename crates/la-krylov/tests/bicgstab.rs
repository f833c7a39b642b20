//! BiCGSTAB: convergence, breakdowns and restarts.

mod common;

use common::{Diagonal, assert_honest, convection, dense, rhs};
use la_krylov::{
    BicgstabOptions, GmresOptions, Host, IdentityPreconditioner, KrylovError, Preconditioner,
    PreconditionerError, PreconditionerKind, Status, bicgstab, bicgstab_from, gmres,
};

#[test]
fn agrees_with_gmres() {
    for wind in [0.0, 1.0, 20.0] {
        let a = convection(15, wind);
        let b = rhs(225);
        let with = |m: &dyn Preconditioner| {
            let options = BicgstabOptions::default().with_rtol(1e-11);
            let solution = bicgstab(&a, &b, m, &options).unwrap();
            assert_eq!(solution.status, Status::Converged, "{solution}");
            assert_honest(&a, &b, &solution);
            let gmres = gmres(&a, &b, m, &GmresOptions::default().with_rtol(1e-11)).unwrap();
            for (x, y) in solution.x.iter().zip(&gmres.x) {
                approx::assert_relative_eq!(x, y, max_relative = 1e-7, epsilon = 1e-9);
            }
        };
        with(&IdentityPreconditioner::new(225));
        with(&Diagonal::of(&a));
    }
}

#[test]
fn by_hand() {
    // A = 2 I: the first half step solves it.
    let a = dense([[2.0, 0.0], [0.0, 2.0]]);
    let m = IdentityPreconditioner::new(2);
    let options = BicgstabOptions::default();
    let solution = bicgstab(&a, &[2.0, 6.0], &m, &options).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::Converged, 1)
    );
    approx::assert_relative_eq!(solution.x[0], 1.0, max_relative = 1e-15);
    approx::assert_relative_eq!(solution.x[1], 3.0, max_relative = 1e-15);
    // [1 1; 0 2], b = (1, 1): α = 2/4, s = (0, 0): exact after one half step, as A b = 2 b.
    let a = dense([[1.0, 1.0], [0.0, 2.0]]);
    let solution = bicgstab(&a, &[1.0, 1.0], &m, &options).unwrap();
    assert_eq!(solution.iterations, 1);
    for x in solution.x {
        approx::assert_relative_eq!(x, 0.5, max_relative = 1e-15);
    }
    assert_eq!(
        bicgstab(&a, &[0.0, 0.0], &m, &options).unwrap().iterations,
        0
    );
    let warm = bicgstab_from(&a, &[1.0, 1.0], &[0.5, 0.5], &m, &options).unwrap();
    assert_eq!(warm.iterations, 0);
}

#[test]
fn skew_symmetric_systems_break_down() {
    let a = dense([[0.0, 1.0], [-1.0, 0.0]]);
    let m = IdentityPreconditioner::new(2);
    let solution = bicgstab(&a, &[1.0, 2.0], &m, &BicgstabOptions::default()).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::Breakdown, 0)
    );
    assert_eq!(solution.relative_residual(), 1.0);
}

#[test]
fn restarts_after_a_breakdown() {
    // After the first step ω = 0, since A s is orthogonal to s: by hand, with b = (1, 0, 0),
    // v = (1, 1, 0), s = (0, −1, 0), A s = (0, 0, 1).
    let a = dense([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 1.0]]);
    let b = [1.0, 0.0, 0.0];
    let m = IdentityPreconditioner::new(3);
    let solution = bicgstab(&a, &b, &m, &BicgstabOptions::default()).unwrap();
    assert!(solution.restarts >= 1, "{solution:?}");
    assert_honest(&a, &b, &solution);
}

#[test]
fn statuses() {
    let a = convection(15, 3.0);
    let b = rhs(225);
    let options = BicgstabOptions::default();
    let m = Diagonal::of(&a);
    let solution = bicgstab(&a, &b, &m, &options.clone().with_max_iters(3)).unwrap();
    assert_eq!(
        (solution.status, solution.iterations),
        (Status::IterationLimit, 3)
    );
    assert_honest(&a, &b, &solution);
    let solution = bicgstab(&a, &b, &m, &options.clone().with_rtol(0.0)).unwrap();
    assert_eq!(solution.status, Status::Stagnated);
    assert!(solution.relative_residual() < 1e-13, "{solution}");
    let solution = bicgstab(&a, &b, &Diagonal(vec![f64::NAN; 225]), &options).unwrap();
    assert_eq!(solution.status, Status::NonFinite);
    let solution = bicgstab(&a, &b, &Diagonal(vec![f64::INFINITY; 225]), &options).unwrap();
    assert_eq!(solution.status, Status::Breakdown);
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
    let error = bicgstab(&a, &b, &Changing(m), &options).unwrap_err();
    assert!(matches!(
        error,
        KrylovError::VariablePreconditioner {
            method: "BiCGSTAB",
            ..
        }
    ));
}
