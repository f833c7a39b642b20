//! Distributed ADMM as message-passing layers: parity with an independent implementation and with the method itself, gradients, sizes that differ.
#![cfg(feature = "torch")]

mod admm_support;
mod fixture;

use admm_support::{configurations, files, instances, random_problem, shaken, stored, variant};
use fixture::distance;
use la_gnn::admm::{AdmmConfig, EdgeWeights, NetworkConfig};
use la_gnn::native::admm::{AdmmEngine, AdmmNetwork, Unrolled};
use la_gnn::torch::admm::{MessageForm, TorchAdmmEngine, iterates};
use la_gnn::torch::tch::Kind;
use la_gnn::training::Engine;
use la_gnn::training::admm::{AdmmLoss, AdmmMeasure, LossTerm};

const FORMS: [MessageForm; 2] = [MessageForm::Dense, MessageForm::Sparse];

#[test]
fn iterates_losses_and_gradients_equal_those_of_an_independent_implementation() {
    for file in files() {
        let (class, config) = variant(&file.name);
        let problems = instances(class).0;
        let parameters = stored(&file, &config);
        for form in FORMS {
            let all = iterates(&parameters, &problems, 20, form, Kind::Double).unwrap();
            // The file has problems first, then iterations.
            for (name, width) in [("x", 16), ("y", 16), ("lambda", 16), ("alpha", 8)] {
                let mut got = Vec::new();
                for problem in 0..5 {
                    for after in &all {
                        let values = match name {
                            "x" => &after.x,
                            "y" => &after.y,
                            "lambda" => &after.lambda,
                            _ => &after.step_sizes,
                        };
                        got.extend_from_slice(&values[problem * width..][..width]);
                    }
                }
                let error = distance(got, &file.f64(name));
                assert!(error < 1e-9, "{} {form:?}: {name} {error:e}", file.name);
            }
            let loss = AdmmLoss::published(10);
            let mut engine =
                TorchAdmmEngine::new(&config, &loss, problems.clone(), form, Kind::Double).unwrap();
            let mut gradient = vec![0.0; parameters.values.len()];
            let value = engine
                .loss_and_gradient(&parameters.values, &[0, 1, 2, 3, 4], 0, &mut gradient)
                .unwrap();
            assert!(distance([value], &file.f64("loss.batch")) < 1e-10);
            for spec in config.parameters() {
                let expected = file.f64(&format!("grad.{}", spec.name));
                let got = gradient[spec.offset..][..spec.len].to_vec();
                let error = distance(got, &expected);
                assert!(
                    error < 1e-9,
                    "{} {form:?}: {} {error:e}",
                    file.name,
                    spec.name
                );
            }
        }
    }
}

#[test]
fn layers_are_the_method_in_every_configuration() {
    let problems = [random_problem(6, 2, 1), random_problem(6, 2, 2)];
    for config in configurations() {
        let p = shaken(&config, 3);
        let network = AdmmNetwork::new(&p).unwrap();
        for form in FORMS {
            let all = iterates(&p, &problems, 9, form, Kind::Double).unwrap();
            for (number, problem) in problems.iter().enumerate() {
                network
                    .run(problem, 9, &mut Unrolled::default(), |after| {
                        let layer = &all[after.iteration - 1];
                        let part = |v: &[f64], width: usize| v[number * width..][..width].to_vec();
                        for (got, expected) in [
                            (part(&layer.x, 12), after.x),
                            (part(&layer.y, 12), after.y),
                            (part(&layer.lambda, 12), after.lambda),
                            (part(&layer.step_sizes, 6), after.step_sizes),
                        ] {
                            let error = distance(got, expected);
                            assert!(error < 1e-9, "{config:?} {form:?}: {error:e}");
                        }
                    })
                    .unwrap();
            }
        }
    }
}

#[test]
fn gradients_are_those_by_hand_in_every_configuration() {
    let term = |depth| LossTerm::new(AdmmMeasure::Normalised, depth);
    let loss = AdmmLoss::new([
        term(4),
        term(8).with_weight(0.3).with_naive(4).with_log(true),
    ]);
    for config in configurations() {
        let p = shaken(&config, 3);
        for form in FORMS {
            // Graphs of two sizes where the form allows it.
            let second = if form == MessageForm::Dense { 6 } else { 9 };
            let problems = vec![random_problem(6, 2, 1), random_problem(second, 2, 2)];
            let (mut hand, mut auto) = (vec![0.0; p.values.len()], vec![0.0; p.values.len()]);
            let by_hand = AdmmEngine::new(&config, &loss, problems.clone())
                .unwrap()
                .loss_and_gradient(&p.values, &[0, 1], 0, &mut hand)
                .unwrap();
            let by_torch = TorchAdmmEngine::new(&config, &loss, problems, form, Kind::Double)
                .unwrap()
                .loss_and_gradient(&p.values, &[0, 1], 0, &mut auto)
                .unwrap();
            assert!((by_hand - by_torch).abs() < 1e-9 * by_hand.abs());
            if !hand.is_empty() {
                let error = distance(auto, &hand);
                assert!(error < 1e-9, "{config:?} {form:?}: {error:e}");
            }
        }
    }
}

#[test]
fn every_measure_is_the_same() {
    use AdmmMeasure::*;
    let config = AdmmConfig::new(3).with_edges(EdgeWeights::Profile);
    let p = shaken(&config, 3);
    for measure in [
        Normalised,
        Distance,
        RelativeDistance,
        NaiveMean,
        LogDistance,
        Objective,
        RelativeObjective,
    ] {
        let loss = AdmmLoss::new([LossTerm::new(measure, 6)]);
        let problems = vec![random_problem(5, 3, 1), random_problem(5, 3, 2)];
        for form in FORMS {
            let (mut hand, mut auto) = (vec![0.0; p.values.len()], vec![0.0; p.values.len()]);
            let by_hand = AdmmEngine::new(&config, &loss, problems.clone())
                .unwrap()
                .loss_and_gradient(&p.values, &[1, 0], 0, &mut hand)
                .unwrap();
            let by_torch =
                TorchAdmmEngine::new(&config, &loss, problems.clone(), form, Kind::Double)
                    .unwrap()
                    .loss_and_gradient(&p.values, &[1, 0], 0, &mut auto)
                    .unwrap();
            assert!(
                (by_hand - by_torch).abs() < 1e-9 * by_hand.abs(),
                "{measure:?}"
            );
            assert!(distance(auto, &hand) < 1e-9, "{measure:?} {form:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let p = shaken(&AdmmConfig::new(2), 3);
    let two_sizes = [random_problem(5, 2, 1), random_problem(6, 2, 1)];
    let run = |problems: &[_], form| iterates(&p, problems, 1, form, Kind::Float);
    assert!(run(&two_sizes, MessageForm::Sparse).is_ok());
    let text = run(&two_sizes, MessageForm::Dense).unwrap_err().to_string();
    assert!(text.contains("one size"), "{text}");
    assert!(run(&[], MessageForm::Sparse).is_err());
    let text = run(&[random_problem(5, 3, 1)], MessageForm::Dense).unwrap_err();
    assert!(text.to_string().contains("3 numbers"));
}
