//! What holds for every hierarchy.

use crate::common::{dense, poisson2d};
use crate::{apply, hierarchies, lattice, smoothers, vector};
use approx::assert_relative_eq;
use faer::Side;
use la_krylov::{CgOptions, Host, Preconditioner, PreconditionerKind, cg};
use la_precond::PrecondError;
use la_precond::classical::{
    Cycle, Improvement, Multigrid, NearNullSpace, ProlongationSmoother, SmoothedAggregation,
    Strength,
};
use la_precond::sprs::CsMatI;

#[test]
fn coarse_matrices_are_galerkin_products() {
    for (a, space) in hierarchies() {
        let m = SmoothedAggregation::default()
            .build_with(a.view(), &space)
            .unwrap();
        let levels = m.stats().levels.len();
        assert!(levels >= 2);
        assert_eq!(dense(m.matrix(0).unwrap().view()), dense(a.view()));
        for level in 0..levels - 1 {
            let p = dense(m.prolongator(level).unwrap().view());
            let fine = dense(m.matrix(level).unwrap().view());
            let coarse = dense(m.matrix(level + 1).unwrap().view());
            let oracle = p.transpose() * &fine * &p;
            assert!((&oracle - &coarse).norm_max() < 1e-13 * oracle.norm_max());
        }
        assert!(m.matrix(levels).is_none() && m.prolongator(levels - 1).is_none());
    }
}

#[test]
fn tentative_prolongators_reproduce_the_near_null_space() {
    for (a, space) in hierarchies() {
        let m = SmoothedAggregation::default()
            .with_prolongation(ProlongationSmoother::None)
            .with_improvement(Improvement::None)
            .build_with(a.view(), &space)
            .unwrap();
        let p = dense(m.prolongator(0).unwrap().view());
        let gram = p.transpose() * &p;
        for k in 0..space.count() {
            let b = space.vector(k);
            let column = faer::Mat::from_fn(b.len(), 1, |i, _| b[i]);
            // P is orthonormal (or has zero columns): P Pᵀ b = b means that b is in its range.
            let back = &p * (p.transpose() * &column);
            assert!((back - column).norm_max() < 1e-12);
        }
        for i in 0..gram.nrows() {
            for j in 0..gram.ncols() {
                let expected = if i == j { gram[(i, i)].round() } else { 0.0 };
                assert_relative_eq!(gram[(i, j)], expected, epsilon = 1e-13);
            }
        }
    }
}

#[test]
fn energy_is_minimised_under_the_constraint() {
    for (a, space) in hierarchies() {
        let build = |prolongation| {
            SmoothedAggregation::default()
                .with_prolongation(prolongation)
                .with_improvement(Improvement::None)
                .build_with(a.view(), &space)
                .unwrap()
        };
        let full = dense(a.view());
        let energy =
            |p: &faer::Mat<f64>| (p.transpose() * &full * p).diagonal().column_vector().sum();
        let tentative = dense(
            build(ProlongationSmoother::None)
                .prolongator(0)
                .unwrap()
                .view(),
        );
        let mut before = energy(&tentative);
        for steps in [1, 2, 4, 30] {
            let p = build(ProlongationSmoother::Energy { steps })
                .prolongator(0)
                .unwrap();
            let p = dense(p.view());
            let now = energy(&p);
            assert!(now < before, "{now} {before}");
            before = now;
            // B = T B_c and P B_c = B, and T is orthonormal: P Tᵀ B = B.
            for k in 0..space.count() {
                let b = space.vector(k);
                let column = faer::Mat::from_fn(b.len(), 1, |i, _| b[i]);
                let back = &p * (tentative.transpose() * &column);
                assert!((back - column).norm_max() < 1e-10);
            }
        }
        // Converged: more steps do not gain anything.
        let more = build(ProlongationSmoother::Energy { steps: 60 })
            .prolongator(0)
            .unwrap();
        assert_relative_eq!(energy(&dense(more.view())), before, max_relative = 1e-5);
        let jacobi = build(ProlongationSmoother::Jacobi { omega: 4.0 / 3.0 })
            .prolongator(0)
            .unwrap();
        assert_eq!(
            jacobi.indices(),
            more.indices(),
            "the pattern is that of A T"
        );
    }
}

#[test]
fn cycles_are_symmetric_and_positive_definite() {
    for (a, space) in hierarchies() {
        let n = a.rows();
        for smoother in smoothers() {
            for cycle in [Cycle::V, Cycle::W] {
                let m = SmoothedAggregation::default()
                    .with_smoother(smoother)
                    .with_cycle(cycle)
                    .with_max_coarse(3)
                    .build_with(a.view(), &space)
                    .unwrap();
                assert_eq!(Preconditioner::<Host>::kind(&m), PreconditionerKind::Fixed);
                let mut operator = faer::Mat::zeros(n, n);
                for j in 0..n {
                    let mut unit = vec![0.0; n];
                    unit[j] = 1.0;
                    for (i, z) in apply(&m, &unit).into_iter().enumerate() {
                        operator[(i, j)] = z;
                    }
                }
                let skew = &operator - operator.transpose();
                assert!(
                    skew.norm_max() < 1e-12 * operator.norm_max(),
                    "{smoother:?} {cycle:?}"
                );
                let values = operator.self_adjoint_eigenvalues(Side::Lower).unwrap();
                assert!(values[0] > 0.0, "{smoother:?} {cycle:?}: {}", values[0]);
            }
        }
    }
}

#[test]
fn scaling_by_powers_of_two_changes_nothing() {
    for strength in [
        Strength::Symmetric { theta: 0.0 },
        Strength::Symmetric { theta: 0.3 },
        Strength::Classical { theta: 0.3 },
        Strength::Evolution { epsilon: 4.0 },
    ] {
        for (a, space) in hierarchies() {
            let options = SmoothedAggregation::default().with_strength(strength);
            let m = options.build_with(a.view(), &space).unwrap();
            let r = vector(a.rows(), 2);
            let z = apply(&m, &r);
            // Even powers: 2^e and its root are both exact.
            for e in [-60, 4, 200] {
                let factor = 2f64.powi(e);
                let scaled = a.map(|v| v * factor);
                let m = options.build_with(scaled.view(), &space).unwrap();
                let other: Vec<f64> = apply(&m, &r).iter().map(|z| z * factor).collect();
                assert_eq!(z, other, "{strength:?} {e}");
            }
            let doubled: Vec<f64> = r.iter().map(|r| 4.0 * r).collect();
            let other: Vec<f64> = apply(&m, &doubled).iter().map(|z| z / 4.0).collect();
            assert_eq!(z, other);
        }
    }
}

#[test]
fn refreshing_keeps_the_aggregates() {
    let (a, points) = lattice(12);
    let space = NearNullSpace::rigid_body_2d(&points);
    let options = SmoothedAggregation::default();
    let mut m = options.build_with(a.view(), &space).unwrap();
    let r = vector(a.rows(), 9);
    let changed = a.map(|v| v * 1.5);
    m.refresh(changed.view()).unwrap();
    let fresh = options.build_with(changed.view(), &space).unwrap();
    assert_eq!(apply(&m, &r), apply(&fresh, &r));
    let before = apply(&m, &r);
    let broken = a.map(|v| -v);
    assert!(matches!(
        m.refresh(broken.view()).unwrap_err(),
        PrecondError::NonPositiveDiagonal { row: 0, .. }
    ));
    assert_eq!(
        apply(&m, &r),
        before,
        "a failed refresh leaves everything as it was"
    );
    assert!(matches!(
        m.refresh(poisson2d(3).view()).unwrap_err(),
        PrecondError::DimensionMismatch { expected: 288, .. }
    ));
}

#[test]
fn single_precision_storage() {
    let a = poisson2d(50);
    let b = vector(2500, 3);
    let m = SmoothedAggregation::default().build(a.view()).unwrap();
    let narrow: Multigrid<f32> = m.cast().unwrap();
    assert!(narrow.stats().bytes < m.stats().bytes);
    let options = CgOptions::default().with_rtol(1e-10);
    let (wide, slim) = (
        cg(&a, &b, &m, &options).unwrap(),
        cg(&a, &b, &narrow, &options).unwrap(),
    );
    assert!(slim.status.is_converged() && slim.iterations <= wide.iterations + 1);
    let single: CsMatI<f32, u32> = a.map(|v| *v as f32);
    let direct = SmoothedAggregation::default().build(single.view()).unwrap();
    assert_eq!(apply(&direct, &b), apply(&narrow, &b));
    let huge = a.map(|v| v * 1e60);
    let error = SmoothedAggregation::default()
        .build(huge.view())
        .unwrap()
        .cast::<f32>()
        .unwrap_err();
    assert!(matches!(error, PrecondError::NonFinite { row: 0, col: 0 }));
}

#[test]
fn application_does_not_allocate() {
    let (a, points) = lattice(16);
    let space = NearNullSpace::rigid_body_2d(&points);
    let r = vector(a.rows(), 1);
    let mut z = r.clone();
    for smoother in smoothers() {
        for cycle in [Cycle::V, Cycle::W, Cycle::K] {
            let m = SmoothedAggregation::default()
                .with_smoother(smoother)
                .with_cycle(cycle)
                .build_with(a.view(), &space)
                .unwrap();
            let host = Host::new(r.len());
            let counted = allocation_counter::measure(|| m.apply(&host, &r, &mut z).unwrap());
            assert_eq!(counted.count_total, 0, "{smoother:?} {cycle:?}");
        }
    }
}
