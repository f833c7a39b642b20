//! Gated elimination: what it is before training, its two ways of execution, gradients, guarantees.
#![cfg(feature = "learned")]

mod common;

use common::{poisson2d, random_gram, relative_error};
use la_gnn::gated::{Anchor, GatedConfig, Gates, Parameters};
use la_gnn::native::gated::GatedEngine;
use la_gnn::training::{Engine, NoHooks, Schedule, TrainOptions, train};
use la_precond::IncompleteCholesky;
use la_precond::classical::{CompensatedIc, FixedPointIc0, Ic0, ShiftStrategy};
use la_precond::learned::{FactorGoal, GatedElimination, SpectralGoal, gated_task};
use la_problems::{CsrMatrix, TriangularGrid, permuted, random_order};

fn grid(k: usize, seed: u64) -> CsrMatrix {
    let grid = TriangularGrid::default().with_points(k, k);
    grid.generate(seed).unwrap()
}

/// Weights far from those at the start.
fn shaken(config: &GatedConfig, size: f32, seed: u64) -> Parameters {
    let mut p = Parameters::initialize(config, seed).unwrap();
    for (k, v) in p.values.iter_mut().enumerate() {
        *v += size * ((k as f32 + seed as f32) * 1.7).sin();
    }
    p
}

fn same(x: &IncompleteCholesky, y: &IncompleteCholesky, tolerance: f64) {
    assert_eq!(x.columns(), y.columns());
    assert!(relative_error(x.diagonal(), y.diagonal()) <= tolerance);
    assert!(relative_error(x.scaled_values(), y.scaled_values()) <= tolerance);
}

#[test]
fn before_training_it_is_ic0() {
    let orders = [
        grid(6, 1),
        permuted(&grid(6, 1), &random_order(36, 2)).unwrap(),
    ];
    for a in orders.iter().chain([&random_gram(50, 2, 1.0, 3)]) {
        let ic0 = Ic0::default().with_shift(ShiftStrategy::None);
        let ic0 = ic0.factor(a.view()).unwrap();
        for gates in [Gates::Compensating, Gates::OneSided, Gates::TwoSided] {
            let config = GatedConfig::default().with_gates(gates);
            let p = Parameters::initialize(&config, 0).unwrap();
            let factor = GatedElimination::from_parameters(&p).unwrap();
            let factor = factor.factor(a.view()).unwrap();
            same(&factor, &ic0, 1e-13);
            assert_eq!(factor.stats().replaced_pivots, 0);
        }
    }
}

#[test]
fn the_anchor_with_compensation_is_relaxed_modified_ic() {
    let a = poisson2d(7);
    let config = GatedConfig::default().with_anchor(Anchor::Relaxed);
    let p = Parameters::initialize(&config, 0).unwrap();
    let factor = GatedElimination::from_parameters(&p).unwrap();
    let factor = factor.factor(a.view()).unwrap();
    let relaxed = CompensatedIc::relaxed(0.9);
    same(&factor, &relaxed.factor(a.view()).unwrap(), 1e-12);
}

#[test]
fn sweeps_end_where_elimination_does() {
    for order in 0..3 {
        let a = match order {
            0 => grid(6, 4),
            1 => permuted(&grid(6, 4), &random_order(36, 1)).unwrap(),
            _ => poisson2d(6),
        };
        let p = shaken(&GatedConfig::default(), 0.3, 1);
        let builder = GatedElimination::from_parameters(&p).unwrap();
        let builder = builder.with_shift(ShiftStrategy::None);
        let whole = builder.factor(a.view()).unwrap();
        let levels = GatedElimination::levels(a.view()).unwrap();
        let sweeps = |k| builder.clone().with_sweeps(k).factor(a.view()).unwrap();
        let exact = sweeps(levels);
        assert_eq!(exact.diagonal(), whole.diagonal());
        assert_eq!(exact.scaled_values(), whole.scaled_values());
        assert!(sweeps(levels / 3).diagonal() != whole.diagonal());
    }
    // Without gates these are the sweeps of IC(0).
    let a = grid(6, 4);
    let p = Parameters::initialize(&GatedConfig::default(), 0).unwrap();
    let gated = GatedElimination::from_parameters(&p).unwrap();
    let gated = gated.with_sweeps(3).factor(a.view()).unwrap();
    let plain = FixedPointIc0::default().with_sweeps(3);
    same(&gated, &plain.factor(a.view()).unwrap(), 1e-13);
}

#[test]
fn one_sided_gates_never_fail_on_m_matrices() {
    let config = GatedConfig::default().with_gates(Gates::OneSided);
    for seed in 0..20 {
        let a = grid(9, seed);
        let a = match seed % 2 {
            0 => a,
            _ => permuted(&a, &random_order(81, seed)).unwrap(),
        };
        let builder = GatedElimination::from_parameters(&shaken(&config, 4.0, seed)).unwrap();
        let builder = builder.with_shift(ShiftStrategy::None);
        let factor = builder.factor(a.view()).unwrap();
        let ic0 = Ic0::default().factor(a.view()).unwrap();
        assert_eq!(factor.stats().replaced_pivots, 0);
        for (gated, plain) in factor.diagonal().iter().zip(ic0.diagonal()) {
            assert!(*gated >= plain * (1.0 - 1e-12), "{gated} {plain}");
        }
    }
}

#[test]
fn compensation_never_fails_on_m_matrices_with_positive_row_sums() {
    let config = GatedConfig::default().with_anchor(Anchor::Relaxed);
    for seed in 0..20 {
        let a = grid(9, seed);
        let a = match seed % 2 {
            0 => a,
            _ => permuted(&a, &random_order(81, seed)).unwrap(),
        };
        let builder = GatedElimination::from_parameters(&shaken(&config, 4.0, seed)).unwrap();
        let factor = builder.with_shift(ShiftStrategy::None).factor(a.view());
        assert_eq!(factor.unwrap().stats().replaced_pivots, 0);
    }
}

#[test]
fn pivots_that_fail_are_counted_or_shifted_away() {
    let p = Parameters::initialize(&GatedConfig::default(), 0).unwrap();
    let builder = GatedElimination::from_parameters(&p).unwrap();
    let mut broken = 0;
    for seed in 0..20 {
        let a = random_gram(60, 5, 1e-4, seed);
        let strict = Ic0::default().with_shift(ShiftStrategy::None);
        if strict.factor(a.view()).is_ok() {
            continue;
        }
        broken += 1;
        let floored = builder.clone().with_shift(ShiftStrategy::None);
        // What follows a floor grows, and may leave the range of numbers.
        match floored.factor(a.view()) {
            Ok(factor) => assert!(factor.stats().replaced_pivots > 0),
            Err(error) => assert!(error.to_string().contains("pivot"), "{error}"),
        }
        let shifted = builder.factor(a.view()).unwrap();
        assert_eq!(shifted.stats().replaced_pivots, 0);
        assert!(shifted.stats().shift_attempts > 0);
    }
    assert!(broken > 0);
}

#[test]
fn gradients_are_those_of_differences() {
    let goal = FactorGoal::Spectrum(SpectralGoal::KaporinBoth);
    let base = GatedConfig::default().with_hidden(3);
    let configs = [
        base.clone(),
        base.clone().with_anchor(Anchor::Relaxed),
        base.clone().with_gates(Gates::OneSided),
        base.with_gates(Gates::TwoSided),
    ];
    // Far from singular, so that no floor is reached.
    let far = TriangularGrid::default().with_points(4, 4).with_shift(3.0);
    for config in configs {
        for a in [far.generate(2).unwrap(), random_gram(20, 2, 3.0, 5)] {
            let task = gated_task(a.view(), goal).unwrap();
            let mut engine = GatedEngine::new(&config, vec![task]).unwrap();
            let mut values = shaken(&config, 0.2, 3).values;
            for spec in config.parameters() {
                if spec.name.ends_with("lin2.bias") {
                    // On the side of the kink where something moves.
                    values[spec.offset] = -0.3;
                }
            }
            let mut gradient = vec![0.0; values.len()];
            let loss = engine.loss_and_gradient(&values, &[0], 0, &mut gradient);
            assert!(loss.unwrap().is_finite());
            let largest = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            assert!(largest > 0.0);
            let mut wrong = 0;
            for k in 0..values.len() {
                let own = values[k];
                let (up, down) = (own + 5e-4, own - 5e-4);
                values[k] = up;
                let above = engine.mean_loss(&values).unwrap();
                values[k] = down;
                let below = engine.mean_loss(&values).unwrap();
                values[k] = own;
                let slope = (above - below) / f64::from(up - down);
                wrong += usize::from((slope - gradient[k]).abs() > 1e-3 * largest);
            }
            // Gates have a kink, which a difference can straddle.
            assert!(
                wrong <= values.len() / 50,
                "{config:?}: {wrong} of {}",
                values.len()
            );
        }
    }
}

#[test]
fn training_lowers_what_it_is_for() {
    let goal = FactorGoal::Spectrum(SpectralGoal::Residual { steps: 8 });
    let tasks = (0..6)
        .map(|seed| gated_task(grid(8, seed).view(), goal).unwrap())
        .collect();
    let config = GatedConfig::default();
    let mut engine = GatedEngine::new(&config, tasks).unwrap();
    let start = Parameters::initialize(&config, 0).unwrap().values;
    let before = engine.mean_loss(&start).unwrap();
    let mut options = TrainOptions::default();
    options.updates = 30;
    options.batch = 3;
    options.learning_rate = 2e-2;
    options.schedule = Schedule::Cosine;
    options.weight_decay = 0.0;
    let model = serde_json::Value::Null;
    let trained = train(&mut engine, &model, start, &options, None, &mut NoHooks).unwrap();
    let after = engine.mean_loss(&trained.values).unwrap();
    assert!(after < 1.03 * before, "{before} {after}"); // both negative
}
