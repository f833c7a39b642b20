//! Gradients of distributed ADMM with learned parts: parity with an independent implementation, central differences.

mod admm_support;
mod fixture;

use admm_support::{configurations, files, instances, random_problem, shaken, stored, variant};
use fixture::distance;
use la_gnn::admm::{AdmmConfig, EdgeWeights, NetworkConfig};
use la_gnn::native::admm::{AdmmEngine, QuadraticProblem};
use la_gnn::training::Engine;
use la_gnn::training::admm::{AdmmLoss, AdmmMeasure, LossTerm};

#[test]
fn losses_and_gradients_equal_those_of_an_independent_implementation() {
    for file in files() {
        let (class, config) = variant(&file.name);
        let parameters = stored(&file, &config);
        let problems = instances(class).0;
        let mut engine = AdmmEngine::new(&config, &AdmmLoss::published(10), problems).unwrap();
        let losses = engine.losses(&parameters.values).unwrap();
        assert!(distance(losses, &file.f64("loss.per_instance")) < 1e-12);
        let mut gradient = vec![0.0; parameters.values.len()];
        let loss = engine
            .loss_and_gradient(&parameters.values, &[0, 1, 2, 3, 4], 0, &mut gradient)
            .unwrap();
        assert!(distance([loss], &file.f64("loss.batch")) < 1e-12);
        for spec in config.parameters() {
            let expected = file.f64(&format!("grad.{}", spec.name));
            let got = gradient[spec.offset..spec.offset + spec.len].to_vec();
            let error = distance(got, &expected);
            assert!(error < 1e-10, "{}: {} {error:e}", file.name, spec.name);
        }
    }
}

/// Largest difference between gradient and central differences, over the largest entry of the gradient.
fn gradient_error(config: &AdmmConfig, loss: &AdmmLoss, problems: Vec<QuadraticProblem>) -> f64 {
    let p = shaken(config, 5);
    let batch: Vec<usize> = (0..problems.len()).collect();
    let mut engine = AdmmEngine::new(config, loss, problems).unwrap();
    let mut gradient = vec![0.0; p.values.len()];
    engine
        .loss_and_gradient(&p.values, &batch, 0, &mut gradient)
        .unwrap();
    let mut value = |values: &[f32]| {
        let losses = engine.losses(values).unwrap();
        losses.iter().sum::<f64>() / losses.len() as f64
    };
    let mut differences = Vec::new();
    for k in 0..p.values.len() {
        let (mut up, mut down) = (p.values.clone(), p.values.clone());
        up[k] += 1.0 / 32_768.0;
        down[k] -= 1.0 / 32_768.0;
        let width = f64::from(up[k]) - f64::from(down[k]);
        differences.push((value(&up) - value(&down)) / width);
    }
    distance(gradient, &differences)
}

#[test]
fn gradients_agree_with_differences_in_every_configuration() {
    let loss = AdmmLoss::new([
        LossTerm::new(AdmmMeasure::Normalised, 4),
        LossTerm::new(AdmmMeasure::Normalised, 7)
            .with_weight(0.5)
            .with_naive(5)
            .with_log(true),
    ]);
    for config in configurations() {
        let problems = vec![random_problem(6, 2, 1), random_problem(8, 2, 2)];
        let error = gradient_error(&config, &loss, problems);
        assert!(error < 1e-5, "{config:?}: {error:e}");
    }
}

#[test]
fn gradients_of_every_loss_and_dimension() {
    use AdmmMeasure::*;
    for measure in [
        Normalised,
        Distance,
        RelativeDistance,
        NaiveMean,
        LogDistance,
        Objective,
        RelativeObjective,
    ] {
        for (log, n) in [(false, 1), (measure != LogDistance, 3)] {
            let config = AdmmConfig::new(n)
                .with_hidden(5)
                .with_learned_iterations(3)
                .with_edges(EdgeWeights::Profile);
            let loss = AdmmLoss::new([LossTerm::new(measure, 5).with_log(log)]);
            let problems = vec![random_problem(5, n, 9)];
            let error = gradient_error(&config, &loss, problems);
            assert!(error < 1e-5, "{measure:?} {n}: {error:e}");
        }
    }
}
