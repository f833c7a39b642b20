//! Problems, weights and parity files of distributed ADMM.
#![allow(dead_code, reason = "each test binary uses its own part")]

use super::fixture::{Fixture, folder};
use la_gnn::admm::{
    AdmmConfig, EdgeWeights, NetworkConfig, Parameters, Relaxation, StepSizes, Tail,
};
use la_gnn::native::admm::{AgentGraph, QuadraticProblem};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CLASSES: [&str; 3] = ["consensus", "least_squares_1", "least_squares_2"];

/// All runs of the parity data.
pub(crate) fn files() -> Vec<Fixture> {
    let Some(dir) = folder("admm") else {
        return Vec::new();
    };
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_string_lossy().contains("instances"))
        .collect();
    paths.sort();
    paths.iter().map(|path| Fixture::open(path)).collect()
}

/// Class of problems and configuration of a run of this name.
pub(crate) fn variant(name: &str) -> (&'static str, AdmmConfig) {
    let class = CLASSES.into_iter().find(|c| name.starts_with(c)).unwrap();
    let config = match name[class.len() + 1..].split('_').next().unwrap() {
        "alpha" => AdmmConfig::new(2),
        "mean" => AdmmConfig::new(2).with_steps(StepSizes::Mean),
        _ => AdmmConfig::baseline(2),
    };
    let edges = match name.ends_with("edges") {
        true => EdgeWeights::Profile,
        false => EdgeWeights::Unit,
    };
    (class, config.with_edges(edges))
}

/// The five problems of a class, and the iterates of ordinary ADMM after ten iterations.
pub(crate) fn instances(class: &str) -> (Vec<QuadraticProblem>, Vec<f64>) {
    let dir = folder("admm").unwrap();
    let file = Fixture::open(&dir.join(format!("{class}_instances.safetensors")));
    let (adjacency, matrices, b) = (file.ids("adjacency"), file.f64("B"), file.f64("b"));
    let (solutions, profiles) = (file.f64("x_star"), file.f64("degree_profile"));
    let problems = (0..5)
        .map(|k| {
            let pairs = (0..64).filter(|p| adjacency[64 * k + p] != 0);
            let graph = AgentGraph::from_edges(8, pairs.map(|p| (p / 8, p % 8))).unwrap();
            for i in 0..8 {
                let stored = &profiles[(8 * k + i) * 5..][..5];
                let error = super::fixture::distance(graph.profile(i), stored);
                assert!(error < 1e-14, "profile of node {i}: {error:e}");
            }
            let b = &b[16 * k..][..16];
            let problem = if class == "consensus" {
                QuadraticProblem::consensus(graph, 2, b)
            } else {
                QuadraticProblem::least_squares(graph, 2, 2, &matrices[32 * k..][..32], b)
            };
            let problem = problem.unwrap();
            let error =
                super::fixture::distance(problem.solution().to_vec(), &solutions[2 * k..][..2]);
            assert!(error < 1e-12, "{class} {k}: {error:e}");
            problem
        })
        .collect();
    (problems, file.f64("naive_x10"))
}

/// Parameters stored as `w.*`.
pub(crate) fn stored(file: &Fixture, config: &AdmmConfig) -> Parameters<AdmmConfig> {
    let mut p = Parameters::initialize(config, 0).unwrap();
    for spec in config.parameters() {
        let values = file.f64(&format!("w.{}", spec.name));
        for (to, v) in p.values[spec.offset..][..spec.len].iter_mut().zip(values) {
            *to = v as f32;
        }
    }
    p
}

/// Least squares with a random matrix for each agent, on a path with chords.
pub(crate) fn random_problem(m: usize, n: usize, seed: u64) -> QuadraticProblem {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut edges: Vec<_> = (1..m).map(|i| (i - 1, i)).collect();
    for i in 0..m {
        edges.extend((i + 2..m).filter(|_| rng.random_bool(0.3)).map(|j| (i, j)));
    }
    let graph = AgentGraph::from_edges(m, edges).unwrap();
    let matrices: Vec<f64> = (0..m * n * n).map(|_| rng.random_range(0.0..1.0)).collect();
    let b: Vec<f64> = (0..m * n).map(|_| rng.random_range(-9.0..9.0)).collect();
    QuadraticProblem::least_squares(graph, n, n, &matrices, &b).unwrap()
}

/// Every kind of step, relaxation, edges and tail.
pub(crate) fn configurations() -> Vec<AdmmConfig> {
    let base = AdmmConfig::new(2)
        .with_learned_iterations(4)
        .with_hidden(7)
        .with_tail(Tail::Learned);
    let mut all = Vec::new();
    for steps in [
        StepSizes::Constant,
        StepSizes::Node,
        StepSizes::Mean,
        StepSizes::Schedule,
    ] {
        for relaxation in [
            Relaxation::None,
            Relaxation::Constant { gamma: 1.4 },
            Relaxation::Schedule,
        ] {
            for edges in [
                EdgeWeights::Unit,
                EdgeWeights::Profile,
                EdgeWeights::ScaleFree,
            ] {
                let config = base.clone().with_steps(steps).with_edges(edges);
                all.push(config.with_relaxation(relaxation));
            }
        }
    }
    all.push(base.clone().with_shared(true));
    all.push(base.with_shared(true).with_steps(StepSizes::Mean));
    all
}

/// Random parameters: fresh ones have schedules at zero.
pub(crate) fn shaken(config: &AdmmConfig, seed: u64) -> Parameters<AdmmConfig> {
    let mut p = Parameters::initialize(config, seed).unwrap();
    for (k, v) in p.values.iter_mut().enumerate() {
        *v += 0.2 * (k as f32 * 1.7 + seed as f32).sin();
    }
    p
}
