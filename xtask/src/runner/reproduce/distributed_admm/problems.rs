//! Instances, in the form that networks train on and in the form that is solved.

use anyhow::Result;
use la_gnn::native::admm::{AgentGraph, QuadraticProblem};
use la_opt::admm::{LeastSquares, LocalObjective, Network, SquaredDistance};
use la_problems::consensus::{AgentGraphLaw, ConsensusClass, ConsensusProblem, ConsensusSample};

use super::settings::Class;

/// Instances of one law.
#[derive(Debug, Clone)]
pub(super) struct Law {
    problem: ConsensusProblem,
    class: Class,
    offset: u64,
}

/// What instances are for; no instance is drawn for two purposes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Training,
    Report,
}

impl Law {
    /// Eight agents on G(8, 0.4), as published.
    pub(super) fn published(class: Class, purpose: Purpose, seed: u64) -> Self {
        let offset = match purpose {
            Purpose::Training => 0,
            Purpose::Report => 1 << 32,
        };
        Self {
            problem: ConsensusProblem::default().with_class(class.problems()),
            class,
            offset: offset + (seed << 24),
        }
    }

    /// The same agents on another graph.
    pub(super) fn on(mut self, graph: AgentGraphLaw, agents: usize) -> Self {
        self.problem = self.problem.with_graph(graph).with_agents(agents);
        self
    }

    fn draw(&self, k: usize) -> Result<ConsensusSample> {
        Ok(self.problem.generate(self.offset + k as u64)?)
    }

    /// Instance k, to train on.
    pub(super) fn quadratic(&self, k: usize) -> Result<QuadraticProblem> {
        let sample = self.draw(k)?;
        let graph = AgentGraph::from_edges(sample.agents, sample.edges.iter().copied())?;
        let n = sample.dimension;
        Ok(match self.class {
            Class::Consensus => QuadraticProblem::consensus(graph, n, &sample.rhs)?,
            Class::LeastSquares => {
                QuadraticProblem::least_squares(graph, n, n, &sample.matrices, &sample.rhs)?
            }
        })
    }

    pub(super) fn quadratics(&self, count: usize) -> Result<Vec<QuadraticProblem>> {
        (0..count).map(|k| self.quadratic(k)).collect()
    }

    /// Instance k, to solve.
    pub(super) fn instance(&self, k: usize) -> Result<Instance> {
        let sample = self.draw(k)?;
        Ok(Instance {
            network: Network::from_edges(sample.agents, sample.edges.iter().copied())?,
            sample,
            averages: self.problem.class == ConsensusClass::Average,
        })
    }
}

/// A function of an agent.
pub(super) type Local = Box<dyn LocalObjective>;

/// An instance to be solved.
pub(super) struct Instance {
    pub(super) network: Network,
    sample: ConsensusSample,
    averages: bool,
}

impl Instance {
    pub(super) fn agents(&self) -> Result<Vec<Local>> {
        let n = self.sample.dimension;
        let matrices = self.sample.matrices.chunks_exact(n * n);
        let rhs = self.sample.rhs.chunks_exact(n);
        matrices
            .zip(rhs)
            .map(|(matrix, b)| -> Result<Local> {
                Ok(if self.averages {
                    Box::new(SquaredDistance::new(b.to_vec())?)
                } else {
                    Box::new(LeastSquares::new(n, matrix.to_vec(), b.to_vec())?)
                })
            })
            .collect()
    }

    /// n.
    pub(super) fn dimension(&self) -> usize {
        self.sample.dimension
    }

    /// b of all agents (agents × n).
    pub(super) fn right_hand_sides(&self) -> &[f64] {
        &self.sample.rhs
    }

    /// `1/m Σ_i ‖x_i − x*‖²`.
    pub(super) fn distance(&self, x: &[f64]) -> f64 {
        let star = self.sample.solution.iter().cycle();
        let square: f64 = x.iter().zip(star).map(|(x, s)| (x - s).powi(2)).sum();
        square / self.sample.agents as f64
    }
}

/// Graphs that networks meet in no published training.
pub(super) fn other_graphs(agents: usize) -> [(&'static str, AgentGraphLaw); 5] {
    let sparse = (4.0 / agents as f64).min(0.4);
    [
        ("random", AgentGraphLaw::ErdosRenyi { probability: 0.4 }),
        (
            "sparse-random",
            AgentGraphLaw::ErdosRenyi {
                probability: sparse,
            },
        ),
        ("ring", AgentGraphLaw::Ring),
        ("grid", AgentGraphLaw::Grid { rows: 4 }),
        ("preferential", AgentGraphLaw::BarabasiAlbert { edges: 2 }),
    ]
}
