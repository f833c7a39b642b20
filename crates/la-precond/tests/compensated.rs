//! Compensated factorisations: their identities, what they keep, when they exist, and bad input.

mod common;

use common::{Csr, dense, dense_lower, noise, poisson2d, random_gram, symmetric};
use faer::Side;
use la_krylov::{CgOptions, cg};
use la_precond::classical::{
    CompensatedIc, Compensation, Ic0, KeptVector, Perturbation, ShiftLadder, ShiftStrategy,
};
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};
use la_problems::{Biharmonic, Coefficient, Diffusion, Grid, permuted, random_order};

fn all() -> [CompensatedIc; 6] {
    [
        CompensatedIc::relaxed(0.97),
        CompensatedIc::modified(),
        CompensatedIc::perturbed(),
        CompensatedIc::dynamically_relaxed(),
        CompensatedIc::ajiz_jennings(),
        CompensatedIc::supported(),
    ]
}

fn unshifted(builder: CompensatedIc) -> CompensatedIc {
    builder.with_shift(ShiftStrategy::None)
}

fn diffusion(k: usize, seed: u64) -> Csr {
    let field = Coefficient::WhiteLogNormal { sigma: 1.0 };
    let family = Diffusion::default().with_grid(Grid::rectangle(k, k));
    family.with_coefficient(field).matrix(seed).unwrap()
}

/// Largest difference of `L Lᵀ v` and `A v`, relative to the largest entry of `diag(A) v`.
fn defect(a: &Csr, factor: &IncompleteCholesky, v: &[f64]) -> f64 {
    let mut product = vec![0.0; v.len()];
    factor.multiply(v, &mut product);
    let (mut worst, mut top) = (0.0_f64, 0.0_f64);
    for (i, row) in a.outer_iterator().enumerate() {
        let wanted: f64 = row.iter().map(|(j, value)| value * v[j]).sum();
        worst = worst.max((product[i] - wanted).abs());
        top = top.max(a.get(i, i).unwrap() * v[i]);
    }
    worst / top
}

fn largest_difference(x: &IncompleteCholesky, y: &IncompleteCholesky) -> f64 {
    assert_eq!(x.columns(), y.columns());
    let (x, y) = (x.to_lower(), y.to_lower());
    let top = x.data().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let pairs = x.data().iter().zip(y.data());
    pairs.fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / top
}

#[test]
fn star_by_hand() {
    // Centre 0 with arms 1 and 2: f = (−2)(−2)/4 = 1 is dropped at (2, 1).
    let a = symmetric(
        3,
        [
            (0, 0, 4.0),
            (1, 0, -2.0),
            (2, 0, -2.0),
            (1, 1, 4.0),
            (2, 2, 4.0),
        ],
    );
    let pivots = |builder: CompensatedIc| {
        let factor = unshifted(builder).factor(a.view()).unwrap();
        let squares: Vec<f64> = factor.diagonal().iter().map(|l| l * l).collect();
        (squares, factor.stats().replaced_pivots)
    };
    let near = |(found, raised): (Vec<f64>, usize), wanted: [f64; 3], count: usize| {
        for (x, y) in found.iter().zip(wanted) {
            approx::assert_relative_eq!(*x, y, max_relative = 1e-15);
        }
        assert_eq!(raised, count);
    };
    near(pivots(CompensatedIc::relaxed(0.0)), [4.0, 3.0, 3.0], 0);
    near(pivots(CompensatedIc::relaxed(0.5)), [4.0, 2.5, 2.5], 0);
    near(pivots(CompensatedIc::modified()), [4.0, 2.0, 2.0], 0);
    near(pivots(CompensatedIc::ajiz_jennings()), [4.0, 4.0, 4.0], 0);
    // No neighbours to come: the floor is 0.
    near(
        pivots(CompensatedIc::dynamically_relaxed()),
        [4.0, 2.0, 2.0],
        0,
    );
    // No common neighbour left, so no support: 3 − 0.3.
    near(pivots(CompensatedIc::supported()), [4.0, 2.7, 2.7], 0);
    // D = 2, so a quarter of the diagonal is added: d_0 = 5, f = 0.8, d = 5 − 0.8 − 0.8.
    near(pivots(CompensatedIc::perturbed()), [5.0, 3.4, 3.4], 0);
}

#[test]
fn support_counts_paths_that_remain() {
    // 0 is joined to 1 and 2, and these two to 3: the path 1 – 3 – 2 can carry the dropped edge.
    let lower = [(1, 0), (2, 0), (3, 1), (3, 2)].map(|(i, j)| (i, j, -1.0));
    let a = symmetric(4, lower.into_iter().chain((0..4).map(|i| (i, i, 4.0))));
    // f = 1/4, g = 1·1/(1+1) = 1/2, ρ = min(1, (2/3)/0.45) = 1: all of f is taken, d_1 = 4 − 1/4 − 1/4.
    let factor = unshifted(CompensatedIc::supported())
        .factor(a.view())
        .unwrap();
    approx::assert_relative_eq!(factor.diagonal()[1], 3.5_f64.sqrt(), max_relative = 1e-15);
    // Weaker arms: g = 0.025, ρ = (1/11)/0.45, and ω_u = 0.3 for the rest.
    let weak = [(1, 0, -1.0), (2, 0, -1.0), (3, 1, -0.05), (3, 2, -0.05)];
    let a = symmetric(4, weak.into_iter().chain((0..4).map(|i| (i, i, 4.0))));
    let factor = unshifted(CompensatedIc::supported())
        .factor(a.view())
        .unwrap();
    let rho = (1.0 / 11.0) / 0.45;
    let d = 3.75 - 0.25 * (rho + 0.3 * (1.0 - rho));
    approx::assert_relative_eq!(factor.diagonal()[1], f64::sqrt(d), max_relative = 1e-14);
}

#[test]
fn without_weight_it_is_ic0() {
    for a in [poisson2d(12), diffusion(12, 1), random_gram(120, 3, 3.0, 2)] {
        let plain = Ic0::default()
            .with_shift(ShiftStrategy::None)
            .factor(a.view())
            .unwrap();
        let zero = unshifted(CompensatedIc::relaxed(0.0))
            .factor(a.view())
            .unwrap();
        assert!(largest_difference(&plain, &zero) < 1e-13);
    }
}

#[test]
fn without_fill_every_rule_is_cholesky() {
    let n = 60;
    let mut next = noise(4);
    let lower: Vec<_> = (0..n)
        .flat_map(|i| [(i, i, 3.0), (i, i.max(1) - 1, next())])
        .filter(|&(i, j, value)| i != j || value == 3.0)
        .collect();
    let a = symmetric(n, lower);
    let oracle = dense(a.view()).llt(Side::Lower).unwrap();
    for builder in all() {
        if builder == CompensatedIc::perturbed() {
            continue; // factors another matrix
        }
        let l = dense_lower(&unshifted(builder).factor(a.view()).unwrap());
        for i in 0..n {
            for j in 0..=i {
                assert!((l[(i, j)] - oracle.L()[(i, j)]).abs() < 1e-14);
            }
        }
    }
}

#[test]
fn mic_keeps_the_product_with_its_vector() {
    let n = 400;
    let mut next = noise(7);
    let rough: Vec<f64> = (0..n).map(|_| 1.5 + next()).collect();
    // A v > 0 for the five-point stencil, so that MIC exists.
    let bump = |i: usize| (i + 1) as f64 * (20 - i) as f64;
    let concave: Vec<f64> = (0..n).map(|i| bump(i % 20) + bump(i / 20)).collect();
    let gram = random_gram(n, 3, 40.0, 5);
    for (a, given) in [
        (poisson2d(20), Some(&concave)),
        (diffusion(20, 3), None),
        (gram, Some(&rough)),
    ] {
        let check = |vector: KeptVector, v: &[f64]| {
            let builder = unshifted(CompensatedIc::modified()).with_vector(vector);
            let error = defect(&a, &builder.factor(a.view()).unwrap(), v);
            assert!(error < 4e-15, "{error}");
        };
        check(KeptVector::Ones, &vec![1.0; n]);
        if let Some(given) = given {
            check(KeptVector::Given(given.clone()), given);
            let balanced: Vec<f64> = (0..n)
                .map(|i| a.get(i, i).unwrap().sqrt().recip())
                .collect();
            check(KeptVector::Balanced, &balanced);
        }
        let ic0 = Ic0::default().factor(a.view()).unwrap();
        assert!(defect(&a, &ic0, &vec![1.0; n]) > 1e-3);
    }
}

#[test]
fn ajiz_jennings_exists_for_every_definite_matrix_and_lies_above_it() {
    let mut broken = 0;
    for seed in 0..300 {
        let a = random_gram(60, 3, 1e-3, seed);
        for vector in [KeptVector::Ones, KeptVector::Balanced] {
            let builder = unshifted(CompensatedIc::ajiz_jennings()).with_vector(vector);
            let factor = builder.factor(a.view()).unwrap();
            if seed % 10 == 0 {
                let l = dense_lower(&factor);
                let excess = &l * l.transpose() - dense(a.view());
                let top = excess.norm_max() + dense(a.view()).norm_max();
                let eigenvalues = excess.self_adjoint_eigenvalues(Side::Lower).unwrap();
                assert!(
                    eigenvalues[0] > -1e-14 * top,
                    "seed {seed}: {}",
                    eigenvalues[0]
                );
            }
        }
        broken += usize::from(
            Ic0::default()
                .factor(a.view())
                .unwrap()
                .stats()
                .shift_attempts
                > 0,
        );
    }
    assert!(
        broken > 100,
        "these matrices are meant to be hard, IC(0) broke down on {broken}"
    );
}

#[test]
fn counts_on_a_grid_follow_the_theory() {
    // Condition number O(h⁻²) with IC(0), O(h⁻¹) with the others: doubling the side doubles, or multiplies by √2.
    let count = |k: usize, builder: &dyn IncompleteCholeskyBuilder| {
        let a = poisson2d(k);
        let mut next = noise(1);
        let b: Vec<f64> = (0..k * k).map(|_| next()).collect();
        let solution = cg(
            &a,
            &b,
            &builder.build(a.view()).unwrap(),
            &CgOptions::default().with_rtol(1e-8),
        )
        .unwrap();
        assert!(solution.status.is_converged());
        solution.iterations as f64
    };
    let growth = |builder: &dyn IncompleteCholeskyBuilder| count(120, builder) / count(30, builder);
    assert!(growth(&Ic0::default()) > 3.0);
    for builder in [
        CompensatedIc::modified(),
        CompensatedIc::perturbed(),
        CompensatedIc::dynamically_relaxed(),
    ] {
        let growth = growth(&builder);
        assert!(growth < 2.5, "{}: {growth}", builder.name());
    }
}

#[test]
fn a_random_order_hurts_mic_and_not_supported_mic() {
    let a = permuted(&poisson2d(40), &random_order(1600, 2)).unwrap();
    let mut next = noise(1);
    let b: Vec<f64> = (0..1600).map(|_| next()).collect();
    let count = |builder: &dyn IncompleteCholeskyBuilder| {
        let m = builder.build(a.view()).unwrap();
        cg(&a, &b, &m, &CgOptions::default().with_rtol(1e-8))
            .unwrap()
            .iterations as f64
    };
    let plain = count(&Ic0::default());
    assert!(count(&CompensatedIc::perturbed()) > 1.5 * plain);
    assert!(count(&CompensatedIc::supported()) < 1.1 * plain);
}

#[test]
fn the_ladder_climbs_and_ends_with_a_factor() {
    let ladder = ShiftLadder::default();
    let easy = ladder.factor(poisson2d(6).view()).unwrap();
    let plain = Ic0::default().factor(poisson2d(6).view()).unwrap();
    assert_eq!(easy.to_lower(), plain.to_lower());
    assert_eq!(easy.stats().shift_attempts, 0);

    let hard = Biharmonic::new(Grid::rectangle(25, 25)).matrix().unwrap();
    let climbed = ladder.factor(hard.view()).unwrap();
    assert!(climbed.stats().shift_attempts > 0);
    let top = ShiftLadder::default()
        .with_rungs(vec![0.0])
        .factor(hard.view())
        .unwrap();
    let aj = CompensatedIc::ajiz_jennings().with_vector(KeptVector::Balanced);
    assert_eq!(top.to_lower(), aj.factor(hard.view()).unwrap().to_lower());
    assert_eq!((top.stats().shift, top.stats().shift_attempts), (0.0, 1));

    // From no share of negative fill on, and from a share that nothing has.
    let sign = |share| ShiftLadder::default().with_negative_share(Some(share));
    let early = sign(0.0).factor(hard.view()).unwrap();
    let ones = CompensatedIc::ajiz_jennings();
    assert_eq!(
        early.to_lower(),
        ones.factor(hard.view()).unwrap().to_lower()
    );
    assert_eq!(
        (early.stats().shift, early.stats().shift_attempts),
        (0.0, 1)
    );
    let never = ShiftLadder::default();
    let late = sign(1.0).factor(hard.view()).unwrap();
    assert_eq!(
        late.to_lower(),
        never.factor(hard.view()).unwrap().to_lower()
    );
    assert!(matches!(
        sign(1.5).factor(hard.view()),
        Err(PrecondError::InvalidOption {
            option: "negative_share",
            ..
        })
    ));

    let last = CompensatedIc::relaxed(0.5).with_shift(ShiftStrategy::None);
    let ladder = ShiftLadder::default().with_rungs(vec![]).with_last(last);
    assert!(matches!(
        ladder.factor(hard.view()),
        Err(PrecondError::Breakdown { .. })
    ));
    let bad = ShiftLadder::default().with_rungs(vec![0.0, f64::NAN]);
    assert!(matches!(
        bad.factor(hard.view()),
        Err(PrecondError::InvalidOption {
            option: "rungs",
            ..
        })
    ));
}

#[test]
fn scaling_changes_nothing_but_the_scale() {
    let mut next = noise(3);
    let scale: Vec<f64> = (0..100)
        .map(|_| 2.0_f64.powi((8.0 * next()) as i32))
        .collect();
    for a in [diffusion(10, 2), random_gram(100, 3, 0.01, 9)] {
        for builder in all() {
            let plain = builder.factor(a.view()).unwrap();
            for k in [-60, 40] {
                let scaled = a.map(|x| x * 4.0_f64.powi(k));
                let other = builder.factor(scaled.view()).unwrap();
                assert_eq!(
                    other.to_lower(),
                    plain.to_lower().map(|x| x * 2.0_f64.powi(k))
                );
                assert_eq!(other.stats().shift, plain.stats().shift);
                assert_eq!(other.stats().replaced_pivots, plain.stats().replaced_pivots);
            }
            // S A S with powers of two, in balanced weights: S L.
            let triplets: Vec<_> = a
                .iter()
                .map(|(x, (i, j))| {
                    (
                        i as usize,
                        j as usize,
                        x * scale[i as usize] * scale[j as usize],
                    )
                })
                .collect();
            let scaled = symmetric(100, triplets.into_iter().filter(|(i, j, _)| j <= i));
            let builder = builder.with_vector(KeptVector::Balanced);
            let (plain, other) = (
                builder.factor(a.view()).unwrap(),
                builder.factor(scaled.view()).unwrap(),
            );
            for (i, factor) in scale.iter().enumerate() {
                assert_eq!(other.diagonal()[i], plain.diagonal()[i] * factor);
                for ((_, x), (_, y)) in other.row(i).zip(plain.row(i)) {
                    assert_eq!(x, y * factor);
                }
            }
        }
    }
}

#[test]
fn lower_triangle_columns_and_single_precision() {
    let a = diffusion(9, 4);
    let lower = symmetric_lower(&a);
    for builder in all() {
        let whole = builder.factor(a.view()).unwrap();
        assert_eq!(
            builder.factor(lower.view()).unwrap().to_lower(),
            whole.to_lower()
        );
        assert_eq!(
            builder.factor(a.to_csc().view()).unwrap().to_lower(),
            whole.to_lower()
        );
        let narrow = builder.factor(a.map(|&x| x as f32).view()).unwrap();
        for (x, y) in narrow.diagonal().iter().zip(whole.diagonal()) {
            approx::assert_relative_eq!(f64::from(*x), *y, max_relative = 1e-4);
        }
        assert_eq!(
            builder.build(a.view()).unwrap().to_lower(),
            whole.to_lower()
        );
    }
}

fn symmetric_lower(a: &Csr) -> Csr {
    let mut t = la_precond::sprs::TriMatI::<f64, u32>::new(a.shape());
    for (&value, (i, j)) in a.iter().filter(|(_, (i, j))| j <= i) {
        t.add_triplet(i as usize, j as usize, value);
    }
    t.to_csr()
}

#[test]
fn smallest_matrices_and_bad_input() {
    for builder in all() {
        assert_eq!(builder.factor(Csr::zero((0, 0)).view()).unwrap().nnz(), 0);
        let one = builder.factor(symmetric(1, [(0, 0, 4.0)]).view()).unwrap();
        assert!(one.diagonal()[0] >= 2.0);
        let fails = |a: &Csr| builder.factor(a.view()).unwrap_err();
        assert_eq!(
            fails(&Csr::zero((2, 3))),
            PrecondError::NotSquare { rows: 2, cols: 3 }
        );
        assert_eq!(
            fails(&Csr::zero((2, 2))),
            PrecondError::MissingDiagonal { row: 0 }
        );
        let negative = symmetric(2, [(0, 0, 1.0), (1, 1, -1.0)]);
        assert_eq!(
            fails(&negative),
            PrecondError::NonPositiveDiagonal {
                row: 1,
                value: -1.0
            }
        );
        // The NaN of (4, 0) reaches row 1 by its sums first.
        let star = (1..5).map(|i| (i, 0, if i == 4 { f64::NAN } else { -0.5 }));
        let nan = symmetric(5, star.chain((0..5).map(|i| (i, i, 2.0))));
        assert_eq!(fails(&nan), PrecondError::NonFinite { row: 4, col: 0 });
    }
    let indefinite = symmetric(2, [(0, 0, 1.0), (1, 0, 3.0), (1, 1, 1.0)]);
    let error = unshifted(CompensatedIc::modified())
        .factor(indefinite.view())
        .unwrap_err();
    assert_eq!(
        error,
        PrecondError::Breakdown {
            row: 1,
            shift: 0.0,
            attempts: 1
        }
    );
}

#[test]
fn options_out_of_range_are_named() {
    let perturbation = Perturbation::Fixed(-1.0);
    let (supported, unsupported) = (0.5, f64::NAN);
    let bad = [
        (CompensatedIc::relaxed(1.5), "omega"),
        (
            CompensatedIc::new(Compensation::Modified { perturbation }),
            "perturbation",
        ),
        (
            CompensatedIc::new(Compensation::DynamicallyRelaxed { eta: Some(-0.1) }),
            "eta",
        ),
        (
            CompensatedIc::new(Compensation::Supported {
                supported,
                unsupported,
            }),
            "unsupported",
        ),
        (
            CompensatedIc::modified().with_vector(KeptVector::Given(vec![1.0, 0.0])),
            "vector",
        ),
    ];
    let a = poisson2d(2);
    for (builder, name) in bad {
        match builder.factor(a.view()).unwrap_err() {
            PrecondError::InvalidOption { option, .. } => assert_eq!(option, name),
            other => panic!("{other}"),
        }
    }
    let short = CompensatedIc::modified().with_vector(KeptVector::Given(vec![1.0]));
    let error = short.factor(a.view()).unwrap_err();
    assert_eq!(
        error,
        PrecondError::DimensionMismatch {
            what: "vector",
            found: 1,
            expected: 4
        }
    );
}
