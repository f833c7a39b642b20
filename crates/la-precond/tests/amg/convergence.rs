//! How fast conjugate gradients converge.

use crate::common::{Csr, poisson2d};
use crate::{lattice, smoothers, vector};
use la_krylov::{CgOptions, FcgOptions, Host, Preconditioner, PreconditionerKind, cg, fcg};
use la_precond::classical::{
    Cycle, NearNullSpace, ProlongationSmoother, SmoothedAggregation, Smoother, Strength,
};
use la_precond::sprs::TriMatI;

/// Nine-point stencil of bilinear elements for −∇·(K ∇u), K = Q diag(1, 0.01) Qᵀ, turned by 30°.
fn rotated(k: usize) -> Csr {
    let (sin, cos) = (0.5_f64, 0.75_f64.sqrt());
    let (kxx, kyy) = (cos * cos + 0.01 * sin * sin, sin * sin + 0.01 * cos * cos);
    let kxy = 0.99 * cos * sin;
    let weight = |dx: isize, dy: isize| match (dx.abs(), dy.abs()) {
        (0, 0) => 4.0 / 3.0 * (kxx + kyy),
        (1, 0) => kyy / 3.0 - 2.0 / 3.0 * kxx,
        (0, 1) => kxx / 3.0 - 2.0 / 3.0 * kyy,
        _ => -(kxx + kyy) / 6.0 - 0.5 * kxy * (dx * dy) as f64,
    };
    let mut t = TriMatI::<f64, u32>::new((k * k, k * k));
    for i in 0..k * k {
        for dx in -1..=1 {
            for dy in -1..=1 {
                let (x, y) = (
                    (i % k).checked_add_signed(dx),
                    (i / k).checked_add_signed(dy),
                );
                if let (Some(x), Some(y)) = (x.filter(|x| *x < k), y.filter(|y| *y < k)) {
                    t.add_triplet(i, x + k * y, weight(dx, dy));
                }
            }
        }
    }
    t.to_csr()
}

/// Level sizes, entries and CG iterations to 1e-8 for b = 1 of `pyamg.smoothed_aggregation_solver`, version
/// 5.4.1, on the same matrices (`accel='cg'`).
#[test]
fn hierarchies_and_counts_are_those_of_pyamg() {
    let default = SmoothedAggregation::default;
    let forward = default().with_smoother(Smoother::GaussSeidel { sweeps: 1 });
    let evolution = default().with_strength(Strength::Evolution { epsilon: 4.0 });
    let energy = evolution
        .clone()
        .with_prolongation(ProlongationSmoother::Energy { steps: 4 });
    let (poisson, turned) = (poisson2d(100), rotated(60));
    type Case<'a> = (&'a Csr, SmoothedAggregation, usize, &'a [(usize, usize)]);
    let plane: &[_] = &[
        (10000, 49600),
        (1700, 14928),
        (192, 1692),
        (24, 194),
        (3, 9),
    ];
    let cases: [Case; 5] = [
        (&poisson, default(), 9, plane),
        (&poisson, forward, 12, plane),
        (
            &turned,
            default(),
            26,
            &[(3600, 31684), (400, 3436), (49, 381), (7, 37)],
        ),
        (
            &turned,
            evolution,
            15,
            &[(3600, 31684), (600, 8478), (173, 6431)],
        ),
        (
            &turned,
            energy,
            14,
            &[(3600, 31684), (600, 7324), (115, 1515)],
        ),
    ];
    for (a, options, count, levels) in cases {
        let m = options.build(a.view()).unwrap();
        let ours: Vec<(usize, usize)> = m.stats().levels.iter().map(|l| (l.rows, l.nnz)).collect();
        // The coarsest graphs of the evolution measure depend on rounding.
        assert_eq!(&ours[..levels.len()], levels);
        let b = vec![1.0; a.rows()];
        let solution = cg(a, &b, &m, &CgOptions::default().with_rtol(1e-8)).unwrap();
        assert!(
            solution.iterations.abs_diff(count) <= 1,
            "{} {count}",
            solution.iterations
        );
    }
}

#[test]
fn filtering_keeps_hierarchies_small() {
    let k = 64;
    let mut a = poisson2d(k);
    for (i, mut row) in a.outer_iterator_mut().enumerate() {
        for (j, v) in row.iter_mut() {
            *v = match i.abs_diff(j) {
                0 => 2.02,
                1 => -1.0,
                _ => -0.01,
            };
        }
    }
    let b = vector(k * k, 7);
    let options = CgOptions::default().with_rtol(1e-8);
    for strength in [
        Strength::Halved { theta: 0.25 },
        Strength::Classical { theta: 0.25 },
        Strength::Evolution { epsilon: 4.0 },
    ] {
        let base = SmoothedAggregation::default().with_strength(strength);
        let full = base.build(a.view()).unwrap();
        let filtered = base
            .with_prolongation(ProlongationSmoother::FilteredJacobi { omega: 4.0 / 3.0 })
            .build(a.view())
            .unwrap();
        let complexity = filtered.stats().operator_complexity();
        assert!(complexity < 2.0, "{strength:?} {complexity}");
        assert!(complexity < 0.8 * full.stats().operator_complexity());
        let solution = cg(&a, &b, &filtered, &options).unwrap();
        assert!(
            solution.iterations < 20,
            "{strength:?} {}",
            solution.iterations
        );
    }
    // Nothing is filtered where every coupling is strong.
    let a = poisson2d(20);
    let omega = 4.0 / 3.0;
    let plain = SmoothedAggregation::default();
    let filtered = plain
        .clone()
        .with_prolongation(ProlongationSmoother::FilteredJacobi { omega })
        .build(a.view())
        .unwrap();
    let plain = plain.build(a.view()).unwrap();
    assert_eq!(plain.prolongator(0), filtered.prolongator(0));
}

#[test]
fn energy_and_evolution_pay_with_rotated_anisotropy() {
    let k = 60;
    let a = rotated(k);
    let b = vector(k * k, 7);
    let options = CgOptions::default().with_rtol(1e-8);
    let iterations = |builder: &SmoothedAggregation| {
        let m = builder.build(a.view()).unwrap();
        cg(&a, &b, &m, &options).unwrap().iterations
    };
    let plain = SmoothedAggregation::default();
    let evolution = plain
        .clone()
        .with_strength(Strength::Evolution { epsilon: 4.0 });
    let both = evolution
        .clone()
        .with_prolongation(ProlongationSmoother::Energy { steps: 4 });
    let counts = [&plain, &evolution, &both].map(iterations);
    assert!(counts[1] < counts[0] && counts[2] < counts[0], "{counts:?}");
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
        Strength::Evolution { epsilon: 4.0 },
    ] {
        let count = iterations(strength);
        assert!(
            2 * count < all,
            "{strength:?}: {count}, all couplings: {all}"
        );
    }
}
