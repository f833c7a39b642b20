//! Tridiagonal sets with known factors: worked values, closed forms against elimination, the ceiling for local answers.

use approx::assert_relative_eq;
use la_problems::{
    Bidiagonal, FactorSample, FactorTarget, FactorTwins, GeneratorLaw, ProblemError,
    SemiseparableFactors, Split, SwitchFactors, SymmetricTridiagonal, TriangularGrid,
};

fn pivots(l: &Bidiagonal) -> Vec<f64> {
    l.diagonal.iter().map(|l| l * l).collect()
}

/// Largest relative difference of two factors, entry by entry.
fn difference(x: &Bidiagonal, y: &Bidiagonal) -> f64 {
    let entries = |l: &Bidiagonal| [&l.diagonal[..], &l.below].concat();
    let pairs = entries(x).into_iter().zip(entries(y));
    pairs.fold(0.0, |m, (a, b)| m.max((a / b - 1.0).abs()))
}

#[test]
fn the_example_of_the_theorem() {
    let twins = FactorTwins::theorem(40).unwrap();
    assert_eq!(twins.matrix.diagonal[..3], [1.0, 1.25, 1.0 + 1.0 / 9.0]);
    assert_eq!(twins.matrix.below[..2], [1.0, 0.5]);
    let d = pivots(&twins.raised_factor);
    let wanted = [
        2.0, 0.75, 0.777_778, 0.919_643, 0.972_039, 0.986_627, 0.992_254, 0.995_058,
    ];
    for (d, wanted) in d.iter().zip(wanted) {
        assert_relative_eq!(*d, wanted, epsilon = 5e-7);
    }
    assert_relative_eq!(d[19], 0.999_729_0, epsilon = 5e-8);
    assert_relative_eq!(d[39], 0.999_967_5, epsilon = 5e-8);
    let below = &twins.raised_factor.below;
    for (i, wanted) in [(1, 0.5_f64.sqrt()), (2, 0.577_350_3), (9, 0.111_298_1)] {
        assert_relative_eq!(below[i - 1], wanted, epsilon = 5e-8);
    }
    for (i, wanted) in [
        (1, 0.414_21),
        (2, 0.366_03),
        (5, 0.785_92),
        (10, 0.898_81),
        (20, 0.949_86),
        (40, 0.974_98),
    ] {
        let change = twins.raised_factor.diagonal[i - 1] - 1.0 / i as f64;
        assert_relative_eq!(change, wanted, epsilon = 5e-6);
    }
    // The twin is on the attracting branch: elimination of its entries is accurate.
    let eliminated = twins.raised_matrix.cholesky().unwrap();
    assert!(difference(&eliminated, &twins.raised_factor) < 2e-15);
    // The first matrix is on the repelling one: elimination fails, whatever the entries.
    let wrong = twins.matrix.cholesky();
    assert!(wrong.is_none_or(|l| difference(&l, &twins.factor) > 1.0));
    // Short matrices are still fine.
    let short = FactorTwins::theorem(6).unwrap();
    let eliminated = short.matrix.cholesky().unwrap();
    assert!(difference(&eliminated, &short.factor) < 1e-9);
}

#[test]
fn a_path_forgets() {
    let twins = FactorTwins::path(40).unwrap();
    assert!(
        twins
            .matrix
            .diagonal
            .iter()
            .all(|a| (a - 2.0).abs() < 1e-14)
    );
    assert!(twins.matrix.below.iter().all(|b| (b + 1.0).abs() < 1e-15));
    for (i, d) in pivots(&twins.raised_factor).into_iter().enumerate() {
        let i = (i + 1) as f64;
        assert_relative_eq!(d, (2.0 * i + 1.0) / (2.0 * i - 1.0), max_relative = 1e-14);
    }
    for (i, wanted) in [(1, 0.317_84), (2, 0.066_25), (5, 0.010_10), (10, 0.002_506)] {
        let change = twins.raised_factor.diagonal[i - 1] - twins.factor.diagonal[i - 1];
        assert_relative_eq!(change, wanted, epsilon = 5e-6);
    }
    assert!(twins.factor.expansion() < 0.0);
}

#[test]
fn constant_ratios_and_the_ceiling() {
    let d = pivots(&FactorTwins::constant_ratio(40, 2.0).unwrap().raised_factor);
    for (d, wanted) in d.iter().zip([2.0, 3.0, 3.666_67, 3.909_09, 3.976_74]) {
        assert_relative_eq!(*d, wanted, epsilon = 5e-6);
    }
    assert_relative_eq!(d[39], 4.0, max_relative = 1e-14);
    for (ratio, wanted) in [(1.5, 0.981), (2.0, 0.949), (3.0, 0.894), (4.0, 0.857)] {
        let twins = FactorTwins::constant_ratio(120, ratio).unwrap();
        assert_relative_eq!(twins.factor.expansion(), ratio.ln(), max_relative = 1e-14);
        // Far from the first row: xᵀx' = 2γ/(1 + γ²), but for the last diagonal entry, which has nothing below.
        let limit = ((1.0 + 2.0 * ratio / (1.0 + ratio * ratio)) / 2.0_f64).sqrt();
        assert_relative_eq!(limit, wanted, epsilon = 5e-4);
        let ceiling = twins.ceiling(60).unwrap();
        assert_relative_eq!(ceiling, limit, epsilon = 1e-3);
        // No answer is better on both: try the mean direction, which is the best one, and its neighbours.
        let (x, y) = (&twins.factor, &twins.raised_factor);
        for weight in [0.3, 0.9, 1.0 / ratio, 1.1, 3.0] {
            let mix = |a: &[f64], b: &[f64]| -> Vec<f64> {
                a.iter()
                    .zip(b)
                    .map(|(a, b)| weight * a + b / ratio)
                    .collect()
            };
            let diagonal = mix(&x.diagonal, &y.diagonal);
            let answer = Bidiagonal::new(diagonal, mix(&x.below, &y.below)).unwrap();
            let mean = (answer.cosine(x, 60).unwrap() + answer.cosine(y, 60).unwrap()) / 2.0;
            assert!(mean <= ceiling + 1e-12, "{weight}: {mean}");
        }
    }
}

#[test]
fn worked_products() {
    let (u, v) = ([1.0, 2.0, 0.5, 1.0], [1.0, 0.5, 2.0, 1.0]);
    let sample =
        |target| SemiseparableFactors::from_generators(&u, &v, target).expect("positive products");
    let original = sample(FactorTarget::Original);
    assert_eq!(original.factor.diagonal, [1.0; 4]);
    assert_eq!(original.factor.below, [-2.0, -0.25, -2.0]);
    assert_eq!(original.matrix.diagonal, [1.0, 5.0, 1.0625, 5.0]);
    let modified = sample(FactorTarget::Modified);
    assert_eq!(modified.matrix.diagonal, [2.0, 5.0, 1.0625, 5.0]);
    for (d, wanted) in pivots(&modified.factor)
        .iter()
        .zip([2.0, 3.0, 1.041_666_7, 1.16])
    {
        assert_relative_eq!(*d, wanted, epsilon = 5e-8);
    }
    let literal = sample(FactorTarget::Literal);
    assert_eq!(literal.matrix, modified.matrix);
    assert_eq!(literal.factor, original.factor);
}

fn laws() -> [GeneratorLaw; 3] {
    [
        GeneratorLaw::HalfNormal,
        GeneratorLaw::UNIFORM,
        GeneratorLaw::LogNormal { sigma: 0.5 },
    ]
}

#[test]
fn closed_form_is_the_elimination() {
    for law in laws() {
        for seed in 0..20 {
            let set = SemiseparableFactors::default().with_n(40).with_law(law);
            let sample = set.generate(seed).unwrap();
            let FactorSample { matrix, factor, .. } = sample;
            // Pivots by elimination from the closed ones: rounding of A_ii alone moves ρ_i = d_i/a_i by ε/ρ_i.
            let error = difference(&matrix.cholesky().unwrap(), &factor);
            let smallest = pivots(&factor)
                .iter()
                .zip(&matrix.diagonal)
                .fold(1.0_f64, |m, (d, a)| m.min(d / a));
            assert!(
                error < 1e-12_f64.max(1e-13 / smallest),
                "{law:?} {seed}: {error} at {smallest}"
            );
            // The same through the unmodified factor and its excess.
            let original = set.clone().with_target(FactorTarget::Original);
            let raised = original.generate(seed).unwrap().factor.raised(1.0);
            assert!(difference(&raised, &factor) < 1e-12);
        }
    }
}

#[test]
fn expansion_of_the_sets() {
    for law in laws() {
        let set = SemiseparableFactors::default().with_n(400).with_law(law);
        assert!(set.generate(1).unwrap().expansion.abs() < 0.03, "{law:?}");
    }
    let sets = (0..50).map(|seed| SwitchFactors::default().generate(seed).unwrap());
    let mean = sets.map(|s| s.expansion).sum::<f64>() / 50.0;
    assert!((mean - 0.68).abs() < 0.02, "{mean}");
}

#[test]
fn switches_are_factors_and_switch_at_different_rows() {
    let mut rows = Vec::new();
    for seed in 0..50 {
        let set = SwitchFactors::default().with_n(60);
        let FactorSample { matrix, factor, .. } = set.generate(seed).unwrap();
        let product = factor.gram();
        for (x, y) in product.diagonal.iter().zip(&matrix.diagonal) {
            assert_relative_eq!(x, y, max_relative = 1e-14);
        }
        for (x, y) in product.below.iter().zip(&matrix.below) {
            assert_relative_eq!(x, y, max_relative = 1e-14);
        }
        let original = set
            .with_target(FactorTarget::Original)
            .generate(seed)
            .unwrap();
        let left = factor
            .diagonal
            .iter()
            .zip(&original.factor.diagonal)
            .position(|(x, y)| x > &(1.4 * y));
        rows.push(left.unwrap());
    }
    assert!(
        rows.iter().max() > rows.iter().min().map(|m| m + 7).as_ref(),
        "{rows:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_sample() {
    let set = SemiseparableFactors::default();
    let seed = Split::Test.seed(5);
    assert_eq!(set.generate(seed).unwrap(), set.generate(seed).unwrap());
    assert_ne!(set.generate(0).unwrap(), set.generate(1).unwrap());
    assert_eq!(
        TriangularGrid::default().generate(2).unwrap(),
        TriangularGrid::default().generate(2).unwrap()
    );
}

#[test]
fn grids_sum_to_their_shift() {
    let a = TriangularGrid::default()
        .with_points(5, 3)
        .generate(0)
        .unwrap();
    for row in a.outer_iterator() {
        assert_relative_eq!(row.data().iter().sum::<f64>(), 1e-2, epsilon = 1e-13);
    }
    assert_eq!(a, a.transpose_view().to_csr());
}

#[test]
fn one_row() {
    let sample = SemiseparableFactors::default()
        .with_n(1)
        .generate(0)
        .unwrap();
    assert_eq!(sample.matrix.matrix().nnz(), 1);
    assert_eq!(sample.expansion, 0.0);
    assert_eq!(
        SwitchFactors::default()
            .with_n(1)
            .generate(0)
            .unwrap()
            .factor
            .n(),
        1
    );
}

#[test]
fn bad_options() {
    let set = SemiseparableFactors::default();
    let law = |law| set.clone().with_law(law);
    for bad in [
        set.clone().with_n(0),
        law(GeneratorLaw::Uniform {
            low: 0.0,
            high: 1.0,
        }),
        law(GeneratorLaw::Uniform {
            low: 1.0,
            high: f64::NAN,
        }),
        law(GeneratorLaw::LogNormal { sigma: -1.0 }),
    ] {
        let error = bad.generate(0).unwrap_err();
        assert!(
            matches!(error, ProblemError::InvalidOption { .. }),
            "{error}"
        );
    }
    let switch = SwitchFactors::default();
    for bad in [
        switch.clone().with_n(0),
        switch.clone().with_ratio(2.0, 1.0),
        switch.with_raise(0.0, 1.0),
    ] {
        assert!(matches!(
            bad.generate(0),
            Err(ProblemError::InvalidOption { .. })
        ));
    }
    let grid = TriangularGrid::default();
    for bad in [
        grid.clone().with_points(0, 3),
        grid.clone().with_shift(0.0),
        grid.with_sigma(-1.0),
    ] {
        assert!(matches!(
            bad.generate(0),
            Err(ProblemError::InvalidOption { .. })
        ));
    }
    let opposite =
        SemiseparableFactors::from_generators(&[1.0, -1.0], &[1.0, 1.0], FactorTarget::Modified);
    assert!(matches!(opposite, Err(ProblemError::InvalidOption { .. })));
    let short = SemiseparableFactors::from_generators(&[1.0], &[1.0, 1.0], FactorTarget::Modified);
    assert!(matches!(short, Err(ProblemError::WrongLength { .. })));
    let long = SymmetricTridiagonal::new(vec![1.0], vec![1.0]);
    assert!(matches!(long, Err(ProblemError::WrongLength { .. })));
    let negative = Bidiagonal::new(vec![1.0, -1.0], vec![1.0]);
    assert!(matches!(negative, Err(ProblemError::InvalidOption { .. })));
    assert!(matches!(
        FactorTwins::theorem(3).unwrap().ceiling(3),
        Err(ProblemError::InvalidOption { .. })
    ));
}
