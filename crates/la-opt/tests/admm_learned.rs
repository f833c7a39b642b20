//! The engine with a network is the network's own iteration: an ADMM iteration is two message-passing layers.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::{Fixture, close};
use la_gnn::Weights;
use la_gnn::admm::{
    AdmmConfig, EdgeWeights, NetworkConfig, Parameters, Relaxation, StepSizes, Tail,
};
use la_gnn::native::admm::{AgentGraph, QuadraticProblem, Unrolled};
use la_opt::admm::learned::LearnedAdmm;
use la_opt::admm::{Admm, AdmmOptions, AdmmStatus, LeastSquares, Network};
use la_problems::consensus::{AgentGraphLaw, ConsensusClass, ConsensusProblem, ConsensusSample};

fn engine(
    learned: &LearnedAdmm,
    network: Network,
    agents: Vec<LeastSquares>,
) -> Admm<LeastSquares> {
    let setup = learned.setup(network, AdmmOptions::plain(1.0)).unwrap();
    assert!(setup.used);
    Admm::new(&setup.network, agents, setup.options)
        .unwrap()
        .with_policy(setup.policy)
}

/// The variant that a file of the parity data belongs to, with its weights.
fn parameters(fixture: &Fixture) -> Parameters<AdmmConfig> {
    let class = ["consensus_", "least_squares_1_", "least_squares_2_"];
    let variant = class
        .iter()
        .find_map(|c| fixture.name.strip_prefix(c))
        .unwrap();
    let steps = match variant {
        "alpha" | "alpha_edges" => StepSizes::Node,
        "mean" | "mean_edges" => StepSizes::Mean,
        _ => StepSizes::Constant,
    };
    let edges = if variant.ends_with("edges") {
        EdgeWeights::Profile
    } else {
        EdgeWeights::Unit
    };
    let config = AdmmConfig::new(2).with_steps(steps).with_edges(edges);
    let mut parameters = Parameters::initialize(&config, 0).unwrap();
    for spec in config.parameters() {
        let values = fixture.slice(&format!("w.{}", spec.name), 0, spec.len);
        for (to, value) in parameters.values[spec.offset..].iter_mut().zip(values) {
            *to = value as f32;
        }
    }
    parameters
}

#[test]
fn published_networks_in_the_engine() {
    let Some(fixtures) = Fixture::all() else {
        return;
    };
    for fixture in &fixtures {
        let learned = LearnedAdmm::new(&parameters(fixture)).unwrap();
        for instance in 0..5 {
            let mut admm = engine(
                &learned,
                fixture.network(instance),
                fixture.agents(instance),
            );
            for k in 0..20 {
                admm.iterate(1).unwrap();
                for i in 0..8 {
                    let at = ((instance * 20 + k) * 8 + i) * 2;
                    close(admm.x(i), &fixture.slice("x", at, 2), 1e-9);
                    close(admm.lambda(i), &fixture.slice("lambda", at, 2), 1e-9);
                }
            }
        }
    }
}

fn sample(agents: usize, seed: u64) -> ConsensusSample {
    ConsensusProblem::default()
        .with_agents(agents)
        .with_graph(AgentGraphLaw::BarabasiAlbert { edges: 2 })
        .with_class(ConsensusClass::LeastSquares)
        .generate(seed)
        .unwrap()
}

fn agents(sample: &ConsensusSample) -> Vec<LeastSquares> {
    let n = sample.dimension;
    let local = sample
        .matrices
        .chunks_exact(n * n)
        .zip(sample.rhs.chunks_exact(n));
    local
        .map(|(matrix, b)| LeastSquares::new(n, matrix.to_vec(), b.to_vec()).unwrap())
        .collect()
}

#[test]
fn every_configuration_is_the_iteration_that_was_trained() {
    let base = AdmmConfig::new(2).with_learned_iterations(6);
    let schedules = Relaxation::Schedule;
    for config in [
        base.clone()
            .with_edges(EdgeWeights::ScaleFree)
            .with_relaxation(schedules),
        base.clone()
            .with_steps(StepSizes::Mean)
            .with_relaxation(schedules),
        base.clone().with_shared(true),
        base.with_steps(StepSizes::Schedule)
            .with_relaxation(schedules)
            .with_edges(EdgeWeights::ScaleFree)
            .with_tail(Tail::Learned),
    ] {
        let mut parameters = Parameters::initialize(&config, 1).unwrap();
        for (k, value) in parameters.values.iter_mut().enumerate() {
            *value += 0.2 * (k as f32 * 1.7).sin();
        }
        let learned = LearnedAdmm::new(&parameters).unwrap();
        let sample = sample(20, 4);
        let graph = AgentGraph::from_edges(20, sample.edges.clone()).unwrap();
        let problem =
            QuadraticProblem::least_squares(graph, 2, 2, &sample.matrices, &sample.rhs).unwrap();
        let network = Network::from_edges(20, sample.edges.clone()).unwrap();
        let mut admm = engine(&learned, network, agents(&sample));
        let mut memory = Unrolled::default();
        let compare = |after: la_gnn::native::admm::Iterate<'_>| {
            admm.iterate(1).unwrap();
            for i in 0..20 {
                close(admm.x(i), &after.x[2 * i..2 * i + 2], 1e-10);
                close(admm.y(i), &after.y[2 * i..2 * i + 2], 1e-10);
            }
        };
        learned
            .network()
            .run(&problem, 12, &mut memory, compare)
            .unwrap();
        let report = admm.solve();
        assert_eq!(report.status, AdmmStatus::Converged);
        close(admm.x(3), &sample.solution, 1e-3);
    }
}

#[test]
fn a_guarded_network_leaves_strange_graphs_alone() {
    let config = AdmmConfig::new(2).with_edges(EdgeWeights::Profile);
    let parameters = Parameters::initialize(&config, 0)
        .unwrap()
        .with_degree_range([1, 7]);
    let learned = LearnedAdmm::new(&parameters).unwrap().with_guard();
    let star = Network::from_edges(12, (1..12).map(|i| (0, i))).unwrap();
    let setup = learned.setup(star.clone(), AdmmOptions::default()).unwrap();
    assert!(!setup.used);
    assert_eq!(setup.network, star);
    assert_eq!(setup.options, AdmmOptions::default());
    let ring = Network::from_edges(12, (0..12).map(|i| (i, (i + 1) % 12))).unwrap();
    assert!(learned.setup(ring, AdmmOptions::default()).unwrap().used);
}

#[test]
fn agents_of_another_dimension_get_the_step_of_the_options() {
    let learned =
        LearnedAdmm::new(&Parameters::initialize(&AdmmConfig::new(3), 0).unwrap()).unwrap();
    let sample = sample(10, 1);
    let network = Network::from_edges(10, sample.edges.clone()).unwrap();
    let mut with = engine(&learned, network.clone(), agents(&sample));
    let mut without = Admm::new(&network, agents(&sample), AdmmOptions::plain(1.0)).unwrap();
    with.iterate(15).unwrap();
    without.iterate(15).unwrap();
    for i in 0..10 {
        close(with.x(i), without.x(i), 1e-12);
    }
}

/// `1/m Σ ‖x_i − x*‖²`.
fn distance(admm: &Admm<LeastSquares>, sample: &ConsensusSample) -> f64 {
    let agents = (0..sample.agents).flat_map(|i| admm.x(i).iter().zip(&sample.solution));
    agents.map(|(x, s)| (x - s).powi(2)).sum::<f64>() / sample.agents as f64
}

/// On instances that no training has seen, with the guard on.
#[test]
fn bundled_networks_are_ahead_of_over_relaxation() {
    for (name, class) in [
        ("admm-consensus", ConsensusClass::Average),
        ("admm-least-squares", ConsensusClass::LeastSquares),
    ] {
        let learned = LearnedAdmm::from_weights(&Weights::bundled(name).unwrap()).unwrap();
        let learned = learned.with_guard();
        let law = ConsensusProblem::default().with_class(class);
        let mut sums = [[0.0; 3]; 2];
        for seed in 0..300 {
            let sample = law.generate((1 << 40) + seed).unwrap();
            let network = Network::from_edges(sample.agents, sample.edges.clone()).unwrap();
            let relaxed = AdmmOptions::plain(1.0).with_gamma(1.8);
            let with = engine(&learned, network.clone(), agents(&sample));
            let without = Admm::new(&network, agents(&sample), relaxed).unwrap();
            for (mut admm, sums) in [with, without].into_iter().zip(&mut sums) {
                for (sum, iterations) in sums.iter_mut().zip([10, 10, 30]) {
                    admm.iterate(iterations).unwrap();
                    *sum += distance(&admm, &sample);
                }
            }
        }
        for (with, without) in sums[0].iter().zip(sums[1]) {
            assert!(*with < 0.9 * without, "{name}: {sums:?}");
        }
    }
}
