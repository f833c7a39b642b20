//! Factors from neighbourhoods: r-hop columns of the K-optimal factor, parallel sweeps, and what they have in common; distances between
//! factors.

mod common;

use common::{Csr, dense, dense_lower, noise, poisson2d, random_gram, symmetric};
use faer::Side;
use faer::linalg::solvers::Solve;
use faer::prelude::*;
use la_precond::classical::{FixedPointIc0, Ic0, Ict, KOptimal, LocalKOptimal, ShiftStrategy};
use la_precond::quality::{FactorDistance, log_k};
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};
use la_problems::{GeneratorLaw, SemiseparableFactors, SwitchFactors, TriangularGrid};

fn difference(x: &IncompleteCholesky, y: &IncompleteCholesky) -> f64 {
    let (x, y) = (x.to_lower(), y.to_lower());
    let pairs = x.data().iter().zip(y.data());
    pairs.fold(0.0_f64, |m, (a, b)| m.max((a / b - 1.0).abs()))
}

fn local(a: &Csr, hops: usize) -> IncompleteCholesky {
    let builder = LocalKOptimal::default().with_hops(hops);
    builder.factor(a.view()).unwrap()
}

fn fixed_point(a: &Csr, sweeps: usize) -> IncompleteCholesky {
    let builder = FixedPointIc0::default().with_shift(ShiftStrategy::None);
    builder.with_sweeps(sweeps).factor(a.view()).unwrap()
}

/// k sweeps ρ_i ← 1 − r_i/ρ_{i-1} of all pivots at once, from ρ = 1.
fn pivot_sweeps(a: &Csr, sweeps: usize) -> IncompleteCholesky {
    let n = a.rows();
    let at = |i: usize, j: usize| *a.get(i, j).unwrap();
    let r = |i: usize| at(i, i - 1).powi(2) / (at(i, i) * at(i - 1, i - 1));
    let mut rho = vec![1.0; n];
    for _ in 0..sweeps {
        let old = rho.clone();
        for i in 1..n {
            rho[i] = 1.0 - r(i) / old[i - 1];
        }
    }
    let pivot = |i: usize| rho[i] * at(i, i);
    let below = (1..n).map(|i| at(i, i - 1) / pivot(i - 1).sqrt());
    IncompleteCholesky::from_parts(
        (0..=n as u32).map(|i| i.saturating_sub(1)).collect(),
        (0..n as u32 - 1).collect(),
        below.collect(),
        (0..n).map(|i| pivot(i).sqrt()).collect(),
    )
    .unwrap()
}

#[test]
fn on_tridiagonal_matrices_three_local_constructions_are_one() {
    for seed in 0..10 {
        let set = SemiseparableFactors::default().with_law(GeneratorLaw::UNIFORM);
        let uniform = set.generate(seed).unwrap().matrix.matrix();
        let switch = SwitchFactors::default().generate(seed).unwrap();
        for a in [uniform, switch.matrix.matrix()] {
            for k in [0, 1, 3, 7] {
                let sweeps = pivot_sweeps(&a, k);
                assert!(difference(&fixed_point(&a, 2 * k), &sweeps) < 1e-10, "{k}");
                assert!(difference(&local(&a, k), &sweeps) < 1e-10, "{k}");
            }
        }
    }
}

#[test]
fn a_ball_of_everything_gives_the_k_optimal_factor() {
    for seed in 0..5 {
        let a = random_gram(40, 2, 0.05, seed);
        let optimal = KOptimal::default().factor(a.view()).unwrap();
        assert!(difference(&local(&a, 40), &optimal) < 1e-9);
    }
    let a = poisson2d(7);
    let optimal = KOptimal::default().factor(a.view()).unwrap();
    assert!(difference(&local(&a, 14), &optimal) < 1e-12);
}

#[test]
fn columns_are_those_of_the_definition() {
    let a = TriangularGrid::default()
        .with_points(6, 5)
        .generate(3)
        .unwrap();
    let n = a.rows();
    let full = dense(a.view());
    // Distances by powers of the pattern.
    let near = |i: usize, hops: usize| {
        let mut ball = vec![i];
        for _ in 0..hops {
            for k in ball.clone() {
                let row = a.outer_view(k).unwrap();
                ball.extend(row.indices().iter().map(|&j| j as usize));
            }
            ball.sort_unstable();
            ball.dedup();
        }
        ball
    };
    for hops in [1, 2, 3] {
        let factor = dense_lower(&local(&a, hops));
        for i in 0..n {
            let ball = near(i, hops);
            let part = Mat::from_fn(ball.len(), ball.len(), |p, q| full[(ball[p], ball[q])]);
            let inverse = part
                .llt(Side::Lower)
                .unwrap()
                .solve(Mat::<f64>::identity(ball.len(), ball.len()));
            let s: Vec<usize> = (0..ball.len())
                .filter(|&p| ball[p] >= i && full[(ball[p], i)] != 0.0)
                .collect();
            let block = Mat::from_fn(s.len(), s.len(), |p, q| inverse[(s[p], s[q])]);
            let e = Mat::from_fn(s.len(), 1, |p, _| f64::from(u8::from(p == 0)));
            let v = block.llt(Side::Lower).unwrap().solve(e);
            for (p, &k) in s.iter().enumerate() {
                let wanted = v[(p, 0)] / v[(0, 0)].sqrt();
                let error = (factor[(ball[k], i)] - wanted).abs();
                assert!(
                    error < 1e-11 * wanted.abs().max(1e-3),
                    "{hops}: ({}, {i})",
                    ball[k]
                );
            }
        }
    }
}

#[test]
fn more_hops_are_better_in_k() {
    let a = TriangularGrid::default()
        .with_points(16, 16)
        .generate(0)
        .unwrap();
    let of = |factor: &IncompleteCholesky| log_k(a.view(), factor).unwrap();
    let values = [1, 2, 3, 5, 8].map(|hops| of(&local(&a, hops)));
    assert!(values.windows(2).all(|w| w[1] < w[0]), "{values:?}");
    let best = of(&KOptimal::default().factor(a.view()).unwrap());
    assert!(best > 0.0 && best < values[4]);
}

#[test]
fn k_from_its_definition() {
    for a in [
        random_gram(40, 2, 0.05, 3),
        poisson2d(6),
        TriangularGrid::default().generate(1).unwrap(),
    ] {
        let n = a.rows();
        for factor in [
            Ic0::default().factor(a.view()).unwrap(),
            local(&a, 2),
            KOptimal::default().factor(a.view()).unwrap(),
        ] {
            let l = dense_lower(&factor);
            let c = dense(a.view()).llt(Side::Lower).unwrap();
            let x = l.transpose() * c.solve(&l);
            let trace: f64 = (0..n).map(|i| x[(i, i)]).sum();
            let log = |i: usize| 2.0 * (l[(i, i)].ln() - c.L()[(i, i)].ln());
            let log_det: f64 = (0..n).map(log).sum();
            let wanted = (trace / n as f64).ln() - log_det / n as f64;
            let found = log_k(a.view(), &factor).unwrap();
            assert!(
                (found - wanted).abs() < 1e-10 * (1.0 + wanted),
                "{found} {wanted}"
            );
            // K does not see a multiple.
            let double = IncompleteCholesky::from_lower(factor.to_lower().map(|x| 2.0 * x).view());
            let other = log_k(a.view(), &double.unwrap()).unwrap();
            assert!((found - other).abs() < 1e-12);
        }
    }
}

#[test]
fn distances() {
    let a = poisson2d(8);
    let exact = KOptimal::default().factor(a.view()).unwrap();
    let ic0 = Ic0::default().factor(a.view()).unwrap();
    let distance = FactorDistance::new(a.view(), &ic0, &exact).unwrap();
    assert!(distance.cosine < 1.0 && distance.cosine > 0.99);
    // The diagonal of A is constant.
    assert!((distance.cosine - distance.scaled_cosine).abs() < 1e-14);
    // A positive multiple keeps the cosine and moves every pivot by log 4.
    let double = IncompleteCholesky::from_lower(ic0.to_lower().map(|x| 2.0 * x).view()).unwrap();
    let other = FactorDistance::new(a.view(), &double, &exact).unwrap();
    assert!((other.cosine - distance.cosine).abs() < 1e-14);
    let same = FactorDistance::new(a.view(), &double, &ic0).unwrap();
    assert!((same.log_pivot_rms - 4.0_f64.ln()).abs() < 1e-14);
    // Entries that only one of them has count as zero in the other.
    let diagonal =
        IncompleteCholesky::from_parts(vec![0; 65], vec![], vec![], vec![2.0; 64]).unwrap();
    for pair in [(&diagonal, &ic0), (&ic0, &diagonal)] {
        let found = FactorDistance::new(a.view(), pair.0, pair.1)
            .unwrap()
            .cosine;
        let l = ic0.to_lower();
        let norm = l.data().iter().map(|x| x * x).sum::<f64>().sqrt();
        let dot: f64 = ic0.diagonal().iter().map(|d| 2.0 * d).sum();
        assert!((found - dot / (16.0 * norm)).abs() < 1e-14);
    }
    // By hand: rows scaled by 1/√a_ii.
    let a = symmetric(2, [(0, 0, 4.0), (1, 0, 2.0), (1, 1, 100.0)]);
    let factor = |l: [f64; 3]| {
        IncompleteCholesky::from_parts(vec![0, 0, 1], vec![0], vec![l[1]], vec![l[0], l[2]])
            .unwrap()
    };
    let (x, y) = (factor([2.0, 10.0, 10.0]), factor([2.0, -10.0, 10.0]));
    let distance = FactorDistance::new(a.view(), &x, &y).unwrap();
    assert!((distance.cosine - 4.0 / 204.0).abs() < 1e-15);
    assert!((distance.scaled_cosine - 1.0 / 3.0).abs() < 1e-15);
}

#[test]
fn scaling_rows_and_columns_scales_rows() {
    let a = poisson2d(9);
    let mut next = noise(5);
    let scale: Vec<f64> = (0..81)
        .map(|_| 2.0_f64.powi((4.0 * next()) as i32))
        .collect();
    let entries: Vec<_> = a
        .iter()
        .map(|(x, (i, j))| (i as usize, j as usize, x))
        .filter(|(i, j, _)| j <= i)
        .map(|(i, j, x)| (i, j, x * scale[i] * scale[j]))
        .collect();
    let other = symmetric(81, entries);
    let (x, y) = (local(&a, 3), local(&other, 3));
    for (i, scale) in scale.iter().enumerate() {
        assert_eq!(y.diagonal()[i], x.diagonal()[i] * scale);
    }
}

#[test]
fn bad_input() {
    let builder = LocalKOptimal::default();
    let fails = |a: &Csr| builder.factor(a.view()).unwrap_err();
    assert_eq!(
        fails(&Csr::zero((2, 2))),
        PrecondError::MissingDiagonal { row: 0 }
    );
    let nan = symmetric(3, [(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0), (2, 0, f64::NAN)]);
    assert_eq!(fails(&nan), PrecondError::NonFinite { row: 2, col: 0 });
    let indefinite = symmetric(2, [(0, 0, 1.0), (1, 0, 3.0), (1, 1, 1.0)]);
    assert!(matches!(fails(&indefinite), PrecondError::Breakdown { .. }));
    assert_eq!(builder.factor(Csr::zero((0, 0)).view()).unwrap().nnz(), 0);
    let small = LocalKOptimal::default().with_max_ball(4);
    assert!(matches!(
        small.build(poisson2d(5).view()),
        Err(PrecondError::TooMuchMemory { bytes, limit: 128 }) if bytes > 128
    ));
    let a = poisson2d(5);
    let factor = Ic0::default().factor(poisson2d(4).view()).unwrap();
    assert!(matches!(
        log_k(a.view(), &factor),
        Err(PrecondError::DimensionMismatch { .. })
    ));
    assert!(matches!(
        FactorDistance::new(a.view(), &factor, &factor),
        Err(PrecondError::DimensionMismatch { .. })
    ));
    // A factor with entries where the complete factor of a diagonal matrix has none.
    let filled = Ict::default().factor(a.view()).unwrap();
    assert!(matches!(
        log_k(Csr::eye(25).view(), &filled),
        Err(PrecondError::PatternMismatch { .. })
    ));
}

/// Large enough to be divided among threads: the same bits.
#[cfg(feature = "rayon")]
#[test]
fn threads_change_nothing() {
    let a = poisson2d(40);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| local(&a, 3).to_lower())
    };
    assert!(on(1) == on(3));
}
