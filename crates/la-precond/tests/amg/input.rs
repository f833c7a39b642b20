//! Small, singular, disconnected and impossible input.

use crate::common::{Csr, poisson2d, relative_error, symmetric};
use crate::{apply, vector};
use approx::assert_relative_eq;
use la_krylov::{CgOptions, Definiteness, Host, Preconditioner, cg};
use la_precond::PrecondError;
use la_precond::classical::{
    NearNullSpace, ProlongationSmoother, SmoothedAggregation, Smoother, Strength, SymmetryCheck,
};
use la_precond::sprs::{CsMatI, TriMatI};

#[test]
fn small_systems_are_solved_exactly() {
    for n in 1..=3 {
        let a = poisson2d(n);
        let m = SmoothedAggregation::default().build(a.view()).unwrap();
        assert_eq!(m.stats().levels.len(), 1);
        let x = vector(n * n, 1);
        let b: Vec<f64> = a
            .outer_iterator()
            .map(|row| row.iter().map(|(j, v)| v * x[j]).sum())
            .collect();
        assert!(relative_error(&apply(&m, &b), &x) < 1e-13);
    }
    let empty = Csr::zero((0, 0));
    let m = SmoothedAggregation::default().build(empty.view()).unwrap();
    assert_eq!((m.dimension(), apply(&m, &[])), (0, vec![]));
    let diagonal = symmetric(40, (0..40).map(|i| (i, i, 1.0 + i as f64)));
    let m = SmoothedAggregation::default()
        .build(diagonal.view())
        .unwrap();
    let z = apply(&m, &[1.0; 40]);
    for (i, z) in z.iter().enumerate() {
        assert_relative_eq!(*z, 1.0 / (1.0 + i as f64), max_relative = 1e-15);
    }
}

#[test]
fn singular_and_disconnected_problems() {
    // Two Neumann problems side by side, one in much smaller units: rank n − 2.
    let k = 12;
    let mut t = TriMatI::<f64, u32>::new((2 * k * k, 2 * k * k));
    for part in 0..2 {
        let unit = if part == 0 { 1.0 } else { 1e-8 };
        for i in 0..k * k {
            for j in [i + 1, i + k] {
                let inside = if j == i + 1 { j % k > 0 } else { j < k * k };
                if inside {
                    let (p, q) = (part * k * k + i, part * k * k + j);
                    t.add_triplet(p, p, unit);
                    t.add_triplet(q, q, unit);
                    t.add_triplet(p, q, -unit);
                    t.add_triplet(q, p, -unit);
                }
            }
        }
    }
    let a: Csr = t.to_csr();
    let x = vector(a.rows(), 4);
    let b: Vec<f64> = a
        .outer_iterator()
        .map(|row| row.iter().map(|(j, v)| v * x[j]).sum())
        .collect();
    for max_coarse in [1, 10] {
        let options = SmoothedAggregation::default().with_max_coarse(max_coarse);
        let m = options.build(a.view()).unwrap();
        let solution = cg(&a, &b, &m, &CgOptions::default().with_rtol(1e-8)).unwrap();
        assert!(solution.status.is_converged() && solution.iterations < 40);
    }
}

#[test]
fn bad_input_is_named() {
    let build = |a: &Csr| SmoothedAggregation::default().build(a.view()).unwrap_err();
    let wide = Csr::zero((2, 3));
    assert_eq!(build(&wide), PrecondError::NotSquare { rows: 2, cols: 3 });
    let missing = symmetric(2, [(0, 0, 1.0), (1, 0, 1.0)]);
    assert_eq!(build(&missing), PrecondError::MissingDiagonal { row: 1 });
    let zero = symmetric(2, [(0, 0, 1.0), (1, 1, 0.0)]);
    assert_eq!(
        build(&zero),
        PrecondError::NonPositiveDiagonal { row: 1, value: 0.0 }
    );
    let nan = symmetric(2, [(0, 0, 1.0), (1, 0, f64::NAN), (1, 1, 1.0)]);
    assert_eq!(build(&nan), PrecondError::NonFinite { row: 0, col: 1 });
    let lower = CsMatI::new((2, 2), vec![0, 1, 3], vec![0, 0, 1], vec![1.0, 0.5, 1.0]);
    assert_eq!(build(&lower), PrecondError::NotSymmetric { row: 1, col: 0 });
    let skew = CsMatI::new(
        (2, 2),
        vec![0, 2, 4],
        vec![0, 1, 0, 1],
        vec![1.0, 0.5, -0.5, 1.0],
    );
    let full = SmoothedAggregation::default().with_symmetry(SymmetryCheck::Full);
    assert_eq!(
        full.build(skew.view()).unwrap_err(),
        PrecondError::NotSymmetric { row: 1, col: 0 }
    );
    let indefinite = symmetric(2, [(0, 0, 1.0), (1, 0, 2.0), (1, 1, 1.0)]);
    assert_eq!(
        build(&indefinite),
        PrecondError::Indefinite { level: 0, row: 0 }
    );
    let error = SmoothedAggregation::default()
        .build_with(poisson2d(2).view(), &NearNullSpace::constant(3))
        .unwrap_err();
    assert!(matches!(
        error,
        PrecondError::DimensionMismatch {
            found: 3,
            expected: 4,
            ..
        }
    ));
    let a = poisson2d(4);
    let m = SmoothedAggregation::default().build(a.view()).unwrap();
    assert!(m.apply(&Host::new(16), &[1.0; 3], &mut [0.0; 16]).is_err());
    assert_eq!(
        Preconditioner::<Host>::definiteness(&m),
        Definiteness::SymmetricPositiveDefinite
    );
}

#[test]
fn options_out_of_range_are_named() {
    let default = SmoothedAggregation::default;
    for (options, name) in [
        (default().with_max_levels(0), "max_levels"),
        (default().with_max_coarse(0), "max_coarse"),
        (
            default().with_strength(Strength::Symmetric { theta: 1.0 }),
            "theta",
        ),
        (
            default().with_strength(Strength::Classical { theta: f64::NAN }),
            "theta",
        ),
        (
            default().with_smoother(Smoother::GaussSeidel { sweeps: 0 }),
            "sweeps",
        ),
        (
            default().with_smoother(Smoother::Chebyshev { degree: 0 }),
            "degree",
        ),
        (
            default().with_strength(Strength::Evolution { epsilon: 0.5 }),
            "epsilon",
        ),
        (
            default().with_prolongation(ProlongationSmoother::Jacobi { omega: 2.0 }),
            "omega",
        ),
    ] {
        match options.build(poisson2d(2).view()).unwrap_err() {
            PrecondError::InvalidOption { option, .. } => assert_eq!(option, name),
            other => panic!("{other}"),
        }
    }
}
