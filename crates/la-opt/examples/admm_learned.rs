//! Bundled networks of distributed ADMM beside over-relaxed ADMM: `cargo run --release -p la-opt --features learned --example admm_learned`.
#![allow(clippy::print_stdout, reason = "a program")]

use la_gnn::Weights;
use la_opt::admm::learned::LearnedAdmm;
use la_opt::admm::{Admm, AdmmOptions, LeastSquares, Network};
use la_problems::consensus::{AgentGraphLaw, ConsensusClass, ConsensusProblem, ConsensusSample};

type Failure = Box<dyn std::error::Error>;

const INSTANCES: u64 = 500;
/// Seeds that no training uses.
const FRESH: u64 = 1 << 40;

/// Adds `1/m Σ ‖x_i − x*‖²` after 10, 20 and 50 iterations.
fn run(
    mut admm: Admm<LeastSquares>,
    sample: &ConsensusSample,
    sums: &mut [f64; 3],
) -> Result<(), Failure> {
    for (sum, iterations) in sums.iter_mut().zip([10, 10, 30]) {
        let done = admm.iterate(iterations);
        done.map_err(|(agent, failure)| format!("agent {agent}: {failure:?}"))?;
        let agents = (0..sample.agents).flat_map(|i| admm.x(i).iter().zip(&sample.solution));
        let square: f64 = agents.map(|(x, s)| (x - s).powi(2)).sum();
        *sum += square / sample.agents as f64 / INSTANCES as f64;
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    println!(
        "mean squared distance to the solution after 10 / 20 / 50 iterations, {INSTANCES} instances, guard on"
    );
    println!(
        "| weights | graphs | used on | learned | over-relaxed, γ = 1.8 |\n| --- | --- | --- | --- | --- |"
    );
    for (name, class) in [
        ("admm-consensus", ConsensusClass::Average),
        ("admm-least-squares", ConsensusClass::LeastSquares),
    ] {
        let learned = LearnedAdmm::from_weights(&Weights::bundled(name)?)?.with_guard();
        let law = ConsensusProblem::default().with_class(class);
        for (graphs, law) in [
            ("G(8, 0.4)", law.clone()),
            (
                "rings of 32",
                law.clone().with_graph(AgentGraphLaw::Ring).with_agents(32),
            ),
            (
                "grids of 4 × 8",
                law.clone()
                    .with_graph(AgentGraphLaw::Grid { rows: 4 })
                    .with_agents(32),
            ),
            (
                "preferential attachment, 64",
                law.with_graph(AgentGraphLaw::BarabasiAlbert { edges: 2 })
                    .with_agents(64),
            ),
        ] {
            let (mut with, mut without, mut used) = ([0.0; 3], [0.0; 3], 0);
            for seed in 0..INSTANCES {
                let sample = law.generate(FRESH + seed)?;
                let network = Network::from_edges(sample.agents, sample.edges.clone())?;
                let n = sample.dimension;
                let local = sample
                    .matrices
                    .chunks_exact(n * n)
                    .zip(sample.rhs.chunks_exact(n));
                let agents = local.map(|(m, b)| LeastSquares::new(n, m.to_vec(), b.to_vec()));
                let agents = agents.collect::<Result<Vec<_>, _>>()?;
                let relaxed = AdmmOptions::plain(1.0).with_gamma(1.8);
                let admm = Admm::new(&network, agents.clone(), relaxed.clone())?;
                run(admm, &sample, &mut without)?;
                let setup = learned.setup(network, relaxed)?;
                used += usize::from(setup.used);
                let admm = Admm::new(&setup.network, agents, setup.options)?;
                run(admm.with_policy(setup.policy), &sample, &mut with)?;
            }
            let show = |d: [f64; 3]| format!("{:.3} / {:.3} / {:.2e}", d[0], d[1], d[2]);
            let percent = 100 * used / INSTANCES as usize;
            println!(
                "| {name} | {graphs} | {percent} % | {} | {} |",
                show(with),
                show(without)
            );
        }
    }
    Ok(())
}
