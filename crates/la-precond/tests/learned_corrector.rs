//! Corrected IC(0): what it is before training, features, training, fall-back.
#![cfg(feature = "learned")]

mod common;

use common::{random_gram, relative_error};
use la_gnn::corrector::{CorrectorConfig, CorrectorInput, Parameters};
use la_gnn::native::mpgnn::EdgeEngine;
use la_gnn::training::{NoHooks, Schedule, TrainOptions, train};
use la_precond::IncompleteCholeskyBuilder as _;
use la_precond::classical::{Ic0, KOptimal};
use la_precond::learned::{FactorGoal, LearnedCorrector, SpectralGoal, corrector_task};
use la_precond::quality::{FactorDistance, log_k};
use la_problems::{CsrMatrix, Split, TriangularGrid};

fn grid(seed: u64) -> CsrMatrix {
    let grid = TriangularGrid::default().with_points(5, 5);
    grid.generate(seed).unwrap()
}

fn untrained(input: CorrectorInput) -> LearnedCorrector {
    let config = CorrectorConfig::default().with_input(input);
    LearnedCorrector::from_parameters(&Parameters::initialize(&config, 0).unwrap()).unwrap()
}

#[test]
fn before_training_it_is_ic0() {
    let a = grid(1);
    let ic0 = Ic0::default().factor(a.view()).unwrap();
    for input in [CorrectorInput::Forward, CorrectorInput::Both] {
        let factor = untrained(input).factor(a.view()).unwrap();
        assert_eq!(factor.columns(), ic0.columns());
        assert!(relative_error(factor.diagonal(), ic0.diagonal()) < 1e-15);
        assert!(relative_error(factor.scaled_values(), ic0.scaled_values()) < 1e-14);
    }
    // Without elimination it is the lower triangle of the scaled matrix.
    let factor = untrained(CorrectorInput::Scaled).factor(a.view()).unwrap();
    for i in 0..a.rows() {
        let root = a.get(i, i).unwrap().sqrt();
        assert!((factor.diagonal()[i] - root).abs() < 1e-14 * root);
        for (j, l) in factor.row(i) {
            let expected = a.get(i, j).unwrap() / a.get(j, j).unwrap().sqrt();
            assert!((l - expected).abs() < 1e-13 * expected.abs());
        }
    }
}

/// Random weights in the last map too.
fn shaken(input: CorrectorInput) -> LearnedCorrector {
    let config = CorrectorConfig::default().with_input(input);
    let mut p = Parameters::initialize(&config, 5).unwrap();
    for (k, v) in p.values.iter_mut().enumerate() {
        *v += 0.2 * ((k as f32) * 1.7).sin();
    }
    LearnedCorrector::from_parameters(&p).unwrap()
}

#[test]
fn scaling_a_matrix_scales_its_factor() {
    let a = grid(2);
    let d: Vec<f64> = (0..a.rows()).map(|i| f64::from(1 << (i % 7))).collect();
    let mut b = a.clone();
    for (i, mut row) in b.outer_iterator_mut().enumerate() {
        for (j, v) in row.iter_mut() {
            *v *= d[i] * d[j];
        }
    }
    for input in [
        CorrectorInput::Scaled,
        CorrectorInput::Forward,
        CorrectorInput::Both,
    ] {
        let builder = shaken(input);
        let (x, y) = (
            builder.factor(a.view()).unwrap(),
            builder.factor(b.view()).unwrap(),
        );
        for (i, d) in d.iter().enumerate() {
            assert!((y.diagonal()[i] / d - x.diagonal()[i]).abs() < 1e-11 * x.diagonal()[i]);
            for ((j, l), (k, m)) in x.row(i).zip(y.row(i)) {
                assert!(j == k && (m / d - l).abs() < 1e-11 * l.abs(), "{input:?}");
            }
        }
    }
}

#[test]
fn the_lower_triangle_alone_gives_the_same() {
    let a = grid(3);
    let mut lower = la_precond::sprs::TriMatI::<f64, u32>::new(a.shape());
    for (&v, (i, j)) in a.iter().filter(|(_, (i, j))| j <= i) {
        lower.add_triplet(i as usize, j as usize, v);
    }
    let lower: CsrMatrix = lower.to_csr();
    for input in [CorrectorInput::Raw, CorrectorInput::Both] {
        let builder = shaken(input);
        let whole = builder.entries(a.view()).unwrap();
        assert_eq!(builder.entries(lower.view()).unwrap(), whole);
    }
}

#[test]
fn random_weights_give_positive_pivots_and_the_raw_form_falls_back() {
    let a = random_gram(60, 3, 1e-2, 4);
    for input in [CorrectorInput::Scaled, CorrectorInput::Both] {
        let factor = shaken(input).factor(a.view()).unwrap();
        assert!(factor.diagonal().iter().all(|d| *d > 0.0));
        assert_eq!(factor.stats().replaced_pivots, 0);
    }
    let a = grid(1);
    // The first seed whose answers are no factor.
    let found = (0..20).find_map(|seed| {
        let config = CorrectorConfig::default().with_input(CorrectorInput::Raw);
        let p = Parameters::initialize(&config, seed).unwrap();
        let builder = LearnedCorrector::from_parameters(&p).unwrap();
        let factor = builder.build(a.view()).unwrap();
        (factor.stats().replaced_pivots > 0).then_some(factor)
    });
    let ic0 = Ic0::default().factor(a.view()).unwrap();
    assert_eq!(found.unwrap().diagonal(), ic0.diagonal());
}

fn trained(config: &CorrectorConfig, goal: FactorGoal, updates: usize) -> LearnedCorrector {
    let tasks = (0..24)
        .map(|k| corrector_task(grid(Split::Train.seed(k)).view(), config, goal).unwrap())
        .collect();
    let mut engine = EdgeEngine::new(&config.network(), config.limit, tasks).unwrap();
    let start = Parameters::initialize(config, 0).unwrap();
    let mut options = TrainOptions::default();
    options.updates = updates;
    options.batch = 8;
    options.learning_rate = 5e-3;
    options.schedule = Schedule::Cosine;
    options.weight_decay = 0.0;
    let model = serde_json::Value::Null;
    let trained = train(
        &mut engine,
        &model,
        start.values,
        &options,
        None,
        &mut NoHooks,
    )
    .unwrap();
    let parameters = Parameters {
        config: config.clone(),
        values: trained.values,
    };
    LearnedCorrector::from_parameters(&parameters).unwrap()
}

#[test]
fn training_brings_the_factor_near_to_k_optimal() {
    let config = CorrectorConfig::default().with_blocks(2).with_width(8);
    let goals = [
        FactorGoal::KOptimal,
        FactorGoal::Spectrum(SpectralGoal::KaporinInverse),
    ];
    for goal in goals {
        let builder = trained(&config, goal, 60);
        let (mut cosines, mut logs) = ([0.0; 2], [0.0; 2]);
        for k in 0..6 {
            let a = grid(Split::Test.seed(k));
            let optimal = KOptimal::default().factor(a.view()).unwrap();
            let ic0 = Ic0::default().factor(a.view()).unwrap();
            let learned = builder.factor(a.view()).unwrap();
            for (k, factor) in [&ic0, &learned].into_iter().enumerate() {
                let distance = FactorDistance::new(a.view(), factor, &optimal).unwrap();
                cosines[k] += 1.0 - distance.cosine;
                logs[k] += log_k(a.view(), factor).unwrap();
            }
        }
        assert!(logs[1] < 0.8 * logs[0], "{goal:?} {logs:?}");
        if goal == FactorGoal::KOptimal {
            assert!(cosines[1] < 0.75 * cosines[0], "{cosines:?}");
        }
    }
}
