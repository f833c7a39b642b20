//! Smoothed aggregation: the identities a hierarchy obeys, convergence, bad input.

mod common;

use approx::assert_relative_eq;
use common::{Csr, dense, noise, poisson2d, relative_error, symmetric};
use faer::Side;
use la_krylov::{
    CgOptions, Definiteness, FcgOptions, Host, Preconditioner, PreconditionerKind, cg, fcg,
};
use la_precond::PrecondError;
use la_precond::classical::{
    Cycle, Improvement, Multigrid, NearNullSpace, ProlongationSmoother, SmoothedAggregation,
    Smoother, Strength, SymmetryCheck,
};
use la_precond::sprs::{CsMatI, TriMatI};

fn vector(n: usize, seed: u64) -> Vec<f64> {
    let mut next = noise(seed);
    (0..n).map(|_| next()).collect()
}

fn apply(m: &impl Preconditioner, r: &[f64]) -> Vec<f64> {
    let mut z = vec![f64::NAN; r.len()];
    m.apply(&Host::new(r.len()), r, &mut z).unwrap();
    z
}

/// Plane elasticity of a k × k lattice of springs, axial and diagonal, held at the bottom.
fn lattice(k: usize) -> (Csr, Vec<[f64; 2]>) {
    let n = k * k;
    let centre = (k as f64 - 1.0) / 2.0;
    let points: Vec<[f64; 2]> = (0..n)
        .map(|i| [(i % k) as f64 - centre, (i / k) as f64 - centre])
        .collect();
    let mut t = TriMatI::<f64, u32>::new((2 * n, 2 * n));
    for i in 0..n {
        let (x, y) = (i % k, i / k);
        let neighbours = [(1, 0), (0, 1), (1, 1), (-1, 1)];
        for (dx, dy) in neighbours {
            let (Some(u), v) = (x.checked_add_signed(dx), y + dy) else {
                continue;
            };
            if u >= k || v >= k {
                continue;
            }
            let j = u + k * v;
            let length = ((dx * dx) as f64 + (dy * dy) as f64).sqrt();
            let d = [dx as f64 / length, dy as f64 / length];
            for r in 0..2 {
                for c in 0..2 {
                    let s = d[r] * d[c] / length;
                    t.add_triplet(2 * i + r, 2 * i + c, s);
                    t.add_triplet(2 * j + r, 2 * j + c, s);
                    t.add_triplet(2 * i + r, 2 * j + c, -s);
                    t.add_triplet(2 * j + r, 2 * i + c, -s);
                }
            }
        }
        if y == 0 {
            t.add_triplet(2 * i, 2 * i, 10.0);
            t.add_triplet(2 * i + 1, 2 * i + 1, 10.0);
        }
    }
    (t.to_csr(), points)
}

fn hierarchies() -> Vec<(Csr, NearNullSpace)> {
    let (elastic, points) = lattice(9);
    let poisson = poisson2d(17);
    let n = poisson.rows();
    let two = NearNullSpace::from_vectors(1, &[vec![1.0; n], vector(n, 3)]).unwrap();
    vec![
        (poisson.clone(), NearNullSpace::constant(n)),
        (poisson, two),
        (elastic.clone(), NearNullSpace::rigid_body_2d(&points)),
        (elastic, NearNullSpace::constants(81, 2)),
    ]
}

fn smoothers() -> [Smoother; 6] {
    [
        Smoother::SymmetricGaussSeidel { sweeps: 1 },
        Smoother::SymmetricGaussSeidel { sweeps: 2 },
        Smoother::GaussSeidel { sweeps: 1 },
        Smoother::GaussSeidel { sweeps: 2 },
        Smoother::Jacobi {
            sweeps: 2,
            omega: 1.2,
        },
        Smoother::Chebyshev { degree: 3 },
    ]
}

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
fn every_option_solves_and_cycles_get_better() {
    let (elastic, points) = lattice(20);
    let modes = NearNullSpace::rigid_body_2d(&points);
    let poisson = poisson2d(40);
    let constant = NearNullSpace::constant(1600);
    for (a, space) in [(&poisson, &constant), (&elastic, &modes)] {
        let b = vector(a.rows(), 8);
        let options = CgOptions::default().with_rtol(1e-8);
        for smoother in smoothers() {
            let base = SmoothedAggregation::default().with_smoother(smoother);
            let counts = [Cycle::V, Cycle::W].map(|cycle| {
                let m = base
                    .clone()
                    .with_cycle(cycle)
                    .build_with(a.view(), space)
                    .unwrap();
                let solution = cg(a, &b, &m, &options).unwrap();
                assert!(solution.status.is_converged(), "{smoother:?}");
                solution.iterations
            });
            assert!(
                counts[0] <= 40 && counts[1] <= counts[0] + 1,
                "{smoother:?} {counts:?}"
            );
            let m = base
                .clone()
                .with_cycle(Cycle::K)
                .build_with(a.view(), space)
                .unwrap();
            assert_eq!(
                Preconditioner::<Host>::kind(&m),
                PreconditionerKind::Variable
            );
            assert!(cg(a, &b, &m, &options).is_err());
            let solution = fcg(a, &b, &m, &FcgOptions::default().with_rtol(1e-8)).unwrap();
            assert!(solution.status.is_converged() && solution.iterations <= counts[0] + 1);
        }
    }
}

#[test]
fn counts_hardly_grow_with_the_size() {
    let counts: Vec<usize> = [32, 64, 128]
        .into_iter()
        .map(|k| {
            let a = poisson2d(k);
            let m = SmoothedAggregation::default().build(a.view()).unwrap();
            assert!(m.stats().operator_complexity() < 1.4);
            let b = vector(k * k, 5);
            let options = CgOptions::default().with_rtol(1e-8);
            cg(&a, &b, &m, &options).unwrap().iterations
        })
        .collect();
    assert!(counts[2] <= 12 && counts[2] <= counts[0] + 2, "{counts:?}");
}

#[test]
fn k_cycles_rescue_plain_aggregation() {
    let a = poisson2d(96);
    let b = vector(a.rows(), 5);
    let plain = SmoothedAggregation::default().with_prolongation(ProlongationSmoother::None);
    let v = plain.build(a.view()).unwrap();
    let k = plain.clone().with_cycle(Cycle::K).build(a.view()).unwrap();
    let options = FcgOptions::default().with_rtol(1e-8);
    let v = fcg(&a, &b, &v, &options).unwrap();
    let k = fcg(&a, &b, &k, &options).unwrap();
    assert!(
        3 * k.iterations < 2 * v.iterations,
        "{} {}",
        k.iterations,
        v.iterations
    );
}

#[test]
fn rotations_pay_in_elasticity() {
    let (a, points) = lattice(30);
    let b = vector(a.rows(), 6);
    let options = CgOptions::default().with_rtol(1e-8);
    let build = |space: &NearNullSpace| {
        let m = SmoothedAggregation::default()
            .build_with(a.view(), space)
            .unwrap();
        cg(&a, &b, &m, &options).unwrap().iterations
    };
    let (with, without) = (
        build(&NearNullSpace::rigid_body_2d(&points)),
        build(&NearNullSpace::constants(900, 2)),
    );
    assert!(with < 25 && 4 * with < 3 * without, "{with} {without}");
}

#[test]
fn thresholds_follow_anisotropy() {
    let k = 48;
    let mut a = poisson2d(k);
    for (i, mut row) in a.outer_iterator_mut().enumerate() {
        for (j, v) in row.iter_mut() {
            *v = match i.abs_diff(j) {
                0 => 2.002,
                1 => -1.0,
                _ => -0.001,
            };
        }
    }
    let b = vector(k * k, 7);
    let options = CgOptions::default().with_rtol(1e-8);
    let iterations = |strength| {
        let m = SmoothedAggregation::default()
            .with_strength(strength)
            .build(a.view())
            .unwrap();
        cg(&a, &b, &m, &options).unwrap().iterations
    };
    let all = iterations(Strength::Symmetric { theta: 0.0 });
    for strength in [
        Strength::Symmetric { theta: 0.25 },
        Strength::Classical { theta: 0.5 },
    ] {
        let count = iterations(strength);
        assert!(
            2 * count < all,
            "{strength:?}: {count}, all couplings: {all}"
        );
    }
}

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
fn scaling_by_powers_of_two_changes_nothing() {
    for strength in [
        Strength::Symmetric { theta: 0.0 },
        Strength::Symmetric { theta: 0.3 },
        Strength::Classical { theta: 0.3 },
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
