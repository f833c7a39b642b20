//! Loss and gradient of a batch that is divided among processes are those of the joined batch, for every native engine whose random numbers or norms span the batch.

mod admm_support;
mod fixture;

use std::sync::Arc;

use admm_support::random_problem;
use la_gnn::admm::{AdmmConfig, EdgeWeights, NetworkConfig, Parameters, Tail};
use la_gnn::learned_lu::{self, LearnedLuConfig};
use la_gnn::native::LowerGraph;
use la_gnn::native::admm::AdmmEngine;
use la_gnn::native::learned_lu::{LuEngine, LuTrainingGraph};
use la_gnn::native::neuralif::{InversePair, Loss, NativeEngine};
use la_gnn::native::relaxation::{RelaxationEngine, RelaxationSample};
use la_gnn::neuralif::{self, NeuralIfConfig};
use la_gnn::relaxation::{self, RelaxationConfig};
use la_gnn::training::admm::AdmmLoss;
use la_gnn::training::lu::{LuLoss, LuObjective};
use la_gnn::training::{Engine, Joining, Places, Share};
use la_problems::{ConvectionDiffusion, Grid, NeuralIfSynthetic};

/// Loss and gradient of a batch divided among so many processes.
fn divided(engine: &mut dyn Engine, values: &[f32], batch: &[usize], size: usize) -> Vec<f64> {
    let mut sums = vec![0.0; values.len() + 2];
    let mut joining = Joining::Mean;
    for rank in 0..size {
        let mut gradient = vec![f64::NAN; values.len()];
        let places = Places::of(batch, rank, size);
        let share = engine.share(values, places, 77, &mut gradient).unwrap();
        joining = share.joining;
        let own = gradient
            .iter()
            .chain([&share.numerator, &share.denominator]);
        sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
    let denominator = sums.pop().unwrap();
    let (value, scale) = Share::joined(joining, sums.pop().unwrap(), denominator);
    sums.iter_mut().for_each(|g| *g *= scale);
    sums.push(value);
    sums
}

fn is_joined_batch(name: &str, engine: &mut dyn Engine, values: &[f32], batch: &[usize]) {
    let mut whole = vec![0.0; values.len()];
    let loss = engine.loss_and_gradient(values, batch, 77, &mut whole);
    whole.push(loss.unwrap());
    let size = whole.iter().map(|g| g * g).sum::<f64>().sqrt();
    for ranks in [2, 3] {
        let parts = divided(engine, values, batch, ranks);
        let difference = parts.iter().zip(&whole).map(|(a, b)| (a - b).powi(2));
        let difference = difference.sum::<f64>().sqrt();
        assert!(
            difference <= 1e-12 * size,
            "{name}, {ranks}: {difference:e} of {size:e}"
        );
    }
}

/// Every loss of NeuralIF, whose graphs are not of one size, with random probes.
#[test]
fn a_divided_batch_of_neuralif_has_the_gradient_of_the_joined_one() {
    let graphs: Vec<_> = (0..5)
        .map(|seed| {
            let system = NeuralIfSynthetic::default().with_n(40 + 10 * seed as usize);
            let system = system.generate(seed).unwrap();
            Arc::new(LowerGraph::<f32>::from_matrix(system.matrix.view()).unwrap())
        })
        .collect();
    let config = NeuralIfConfig::default();
    let values = neuralif::Parameters::initialize(&config, 5).unwrap().values;
    for loss in [
        Loss::Default,
        Loss::Normalized,
        Loss::Squared,
        Loss::Kaporin,
        Loss::KaporinPower(4),
    ] {
        let mut engine = NativeEngine::new(&config, loss, graphs.clone()).unwrap();
        is_joined_batch(&format!("{loss:?}"), &mut engine, &values, &[4, 0, 3, 1]);
    }
}

fn admm(samples: u64) -> (AdmmEngine, AdmmConfig) {
    let config = AdmmConfig::new(2)
        .with_edges(EdgeWeights::ScaleFree)
        .with_tail(Tail::Learned);
    let problems = (0..samples).map(|k| random_problem(6, 2, k)).collect();
    let engine = AdmmEngine::new(&config, &AdmmLoss::at_several_depths(), problems).unwrap();
    (engine, config)
}

#[test]
fn a_divided_batch_of_admm_has_the_gradient_of_the_joined_one() {
    let (mut engine, config) = admm(7);
    let values = Parameters::initialize(&config, 1).unwrap().values;
    assert_eq!(values.len(), config.parameter_count());
    is_joined_batch("admm", &mut engine, &values, &[6, 2, 0, 5, 1]);
}

/// Matrices that are not symmetric, of several sizes.
fn general(k: usize) -> la_problems::CsrMatrix {
    let problem = ConvectionDiffusion::default().with_grid(Grid::rectangle(6, 5 + k));
    problem.generate().unwrap().matrix
}

/// Probes and pairs are drawn for every place of the batch.
#[test]
fn a_divided_batch_of_learned_lu_has_the_gradient_of_the_joined_one() {
    let config = LearnedLuConfig::default();
    let values = learned_lu::Parameters::initialize(&config, 2)
        .unwrap()
        .values;
    for objective in [LuObjective::Max, LuObjective::Min, LuObjective::Combined] {
        let graph = |k| {
            let a = general(k);
            let pair = |p: usize| {
                let x: Vec<f64> = (0..a.rows()).map(|i| ((i * p + k) as f64).sin()).collect();
                let row = |row: la_gnn::sprs::CsVecBase<&[u32], &[f64], f64, u32>| {
                    row.iter().map(|(j, v)| v * x[j]).sum()
                };
                let y = a.outer_iterator().map(row).collect();
                InversePair { x, y }
            };
            let pairs: Vec<_> = (1..9).map(pair).collect();
            LuTrainingGraph::new(a.view(), &config, &pairs, |_| Ok(Vec::new())).unwrap()
        };
        let loss = LuLoss::default().with_objective(objective);
        let mut engine = LuEngine::new(&config, loss, (0..5).map(graph).collect()).unwrap();
        is_joined_batch("learned LU", &mut engine, &values, &[4, 0, 3, 1, 2]);
    }
}

#[test]
fn a_divided_batch_of_relaxation_has_the_gradient_of_the_joined_one() {
    let config = RelaxationConfig::default();
    let values = relaxation::Parameters::initialize(&config, 2)
        .unwrap()
        .values;
    let sample = |k| RelaxationSample::new(general(k).view(), &config).unwrap();
    let samples = (0..4).map(sample).collect();
    let mut engine = RelaxationEngine::new(&config, 4, samples).unwrap();
    is_joined_batch("relaxation", &mut engine, &values, &[3, 0, 2, 1]);
}
