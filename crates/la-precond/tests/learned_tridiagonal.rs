//! Learned elimination of tridiagonal matrices as a builder.
#![cfg(feature = "learned")]

mod common;

use common::{Csr, noise, poisson2d, symmetric};
use la_gnn::chain::{ChainConfig, ChainModel, Parameters};
use la_gnn::native::chain::{ChainNetwork, ChainSample, fit_projective, ratios};
use la_krylov::{CgOptions, cg};
use la_precond::classical::Ic0;
use la_precond::learned::LearnedTridiagonal;
use la_precond::quality::FactorDistance;
use la_precond::{IncompleteCholeskyBuilder, PrecondError};
use la_problems::{GeneratorLaw, SemiseparableFactors, Split, SwitchFactors, SymmetricTridiagonal};

fn uniform(n: usize, seed: u64) -> la_problems::FactorSample {
    let set = SemiseparableFactors::default().with_law(GeneratorLaw::UNIFORM);
    set.with_n(n).generate(seed).unwrap()
}

fn safe(seed: u64) -> LearnedTridiagonal {
    let config = ChainConfig::new(ChainModel::Safe);
    LearnedTridiagonal::from_parameters(&Parameters::initialize(&config, seed).unwrap()).unwrap()
}

fn iterations(a: &Csr, builder: &LearnedTridiagonal) -> usize {
    let mut next = noise(9);
    let b: Vec<f64> = (0..a.rows()).map(|_| next()).collect();
    let factor = builder.build(a.view()).unwrap();
    let options = CgOptions::default().with_rtol(1e-8).with_max_iters(2000);
    let solution = cg(a, &b, &factor, &options).unwrap();
    assert!(solution.status.is_converged());
    solution.iterations
}

#[test]
fn the_learned_map_of_fractions_needs_one_iteration() {
    let samples: Vec<ChainSample> = (0..50)
        .map(|i| {
            let s = uniform(32, Split::Train.seed(i));
            ChainSample::new(&s.matrix.diagonal, &s.matrix.below, &s.factor.diagonal).unwrap()
        })
        .collect();
    let config = ChainConfig::new(ChainModel::Projective);
    let learned = fit_projective(&config, &samples).unwrap();
    let builder = LearnedTridiagonal::from_parameters(&learned).unwrap();
    for seed in 0..5 {
        let s = uniform(128, Split::Test.seed(seed));
        let a = s.matrix.matrix();
        assert_eq!(iterations(&a, &builder), 1);
        let exact = Ic0::default().factor(a.view()).unwrap();
        let found = builder.factor(a.view()).unwrap();
        let distance = FactorDistance::new(a.view(), &found, &exact).unwrap();
        assert!(distance.cosine > 1.0 - 1e-12 && distance.log_pivot_rms < 1e-9);
    }
}

#[test]
fn an_untrained_safe_map_still_preconditions() {
    for seed in 0..3 {
        let a = uniform(200, seed).matrix.matrix();
        assert!(iterations(&a, &safe(seed)) < 200);
        let a = SwitchFactors::default()
            .with_n(200)
            .generate(seed)
            .unwrap()
            .matrix
            .matrix();
        assert!(iterations(&a, &safe(seed)) < 200);
    }
}

#[test]
fn factor_and_network_agree() {
    let s = uniform(40, 1);
    let config = ChainConfig::new(ChainModel::Safe);
    let parameters = Parameters::initialize(&config, 0).unwrap();
    let factor = safe(0).factor(s.matrix.matrix().view()).unwrap();
    let r = ratios(&s.matrix.diagonal, &s.matrix.below).unwrap();
    let pivots = ChainNetwork::new(&parameters)
        .unwrap()
        .pivots(&r)
        .unwrap()
        .values;
    for (i, (l, rho)) in factor.diagonal().iter().zip(&pivots).enumerate() {
        assert!((l * l / s.matrix.diagonal[i] - rho).abs() < 1e-14);
        for (j, value) in factor.row(i) {
            assert!((value * factor.diagonal()[j] - s.matrix.below[j]).abs() < 1e-13);
        }
    }
}

#[test]
fn scaling_rows_and_columns_scales_rows() {
    let s = uniform(40, 2).matrix;
    let scale: Vec<f64> = (0..40).map(|i| 2.0_f64.powi(i % 9 - 4)).collect();
    let diagonal = s.diagonal.iter().zip(&scale).map(|(a, d)| a * d * d);
    let below = s
        .below
        .iter()
        .enumerate()
        .map(|(i, b)| b * scale[i] * scale[i + 1]);
    let other = SymmetricTridiagonal::new(diagonal.collect(), below.collect()).unwrap();
    let of = |m: &SymmetricTridiagonal| safe(1).factor(m.matrix().view()).unwrap();
    for ((x, y), d) in of(&s)
        .diagonal()
        .iter()
        .zip(of(&other).diagonal())
        .zip(&scale)
    {
        assert!((x * d / y - 1.0).abs() < 1e-14);
    }
}

#[test]
fn patterns() {
    let fails = |a: &Csr| safe(0).factor(a.view()).unwrap_err();
    let far = PrecondError::NotTridiagonal { row: 0, col: 3 };
    assert_eq!(fails(&poisson2d(3)), far);
    assert_eq!(
        far.to_string(),
        "row 0: entry in column 3, matrix is not tridiagonal"
    );
    assert_eq!(
        fails(&Csr::zero((2, 2))),
        PrecondError::MissingDiagonal { row: 0 }
    );
    let negative = symmetric(2, [(0, 0, 1.0), (1, 0, 0.5), (1, 1, -1.0)]);
    assert!(matches!(fails(&negative), PrecondError::Builder { .. }));
    assert_eq!(
        safe(0)
            .factor(Csr::zero((0, 0)).view())
            .unwrap()
            .dimension(),
        0
    );
    assert_eq!(
        safe(0).factor(Csr::eye(1).view()).unwrap().diagonal(),
        [1.0]
    );
    // Rows without a neighbour before them, and a diagonal matrix.
    assert_eq!(safe(0).factor(Csr::eye(3).view()).unwrap().nnz(), 3);
    let parts = symmetric(
        4,
        [
            (0, 0, 4.0),
            (1, 0, 2.0),
            (1, 1, 5.0),
            (2, 2, 9.0),
            (3, 2, 3.0),
            (3, 3, 2.0),
        ],
    );
    let factor = safe(0).factor(parts.view()).unwrap();
    assert_eq!((factor.nnz(), factor.diagonal()[2]), (6, 3.0));
}
