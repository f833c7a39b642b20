//! The experiment as data.

use std::collections::BTreeMap;

use la_gnn::admm::{AdmmConfig, EdgeWeights, Relaxation, StepSizes, Tail};
use la_problems::consensus::ConsensusClass;
use serde::{Deserialize, Serialize};

use super::super::file::ExperimentFile;
use super::super::references::ReferenceRow;
use super::method::Classical;
use super::opponents::Opponent;

/// Everything that decides the experiment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Experiment {
    profiles: BTreeMap<String, ProfileSettings>,
    references: Vec<ReferenceRow>,
}

/// What the agents solve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Class {
    Consensus,
    LeastSquares,
}

impl Class {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::LeastSquares => "least-squares",
        }
    }

    pub(super) fn problems(self) -> ConsensusClass {
        match self {
            Self::Consensus => ConsensusClass::Average,
            Self::LeastSquares => ConsensusClass::LeastSquares,
        }
    }
}

/// What one profile runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileSettings {
    about: String,
    pub(super) classes: Vec<Class>,
    /// Instances that are reported, and those of training, of which a tenth validates.
    pub(super) instances: usize,
    pub(crate) training: usize,
    /// Data, initialisation and order change with the seed.
    pub(super) seeds: Vec<u64>,
    /// Iterations of every method.
    pub(super) horizon: usize,
    /// Epochs of training, of the recipe's.
    pub(super) epochs: f64,
    pub(super) methods: Vec<Classical>,
    /// Methods of another kind.
    pub(super) opponents: Vec<Opponent>,
    pub(crate) networks: Vec<NetworkSettings>,
    /// Sizes of the graphs of other kinds, and instances of each.
    #[serde(default)]
    pub(super) other_sizes: Vec<usize>,
    #[serde(default)]
    pub(super) other_instances: usize,
}

/// How a network is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Recipe {
    /// The published loss and optimiser.
    Published,
    /// The published loss; Adam with 1e-2 on half a cosine, batches of 50, 60 epochs.
    Schedule,
    /// Losses after 10, 20 and 50 iterations, on graphs of many kinds and sizes; the optimiser of `Schedule`, 12 000 updates.
    Everywhere,
}

/// A network that is trained here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkSettings {
    pub(crate) name: String,
    steps: StepSizes,
    #[serde(default)]
    relaxed: bool,
    #[serde(default)]
    edges: EdgeWeights,
    pub(crate) recipe: Recipe,
    /// Name of the same network with node-wise instead of averaged steps.
    pub(super) also_node_wise: Option<String>,
    /// Whether the constants of later iterations are learned.
    #[serde(default)]
    learned_tail: bool,
    /// Iterations with step sizes of their own; the published ten where not given.
    learned_iterations: Option<usize>,
}

impl NetworkSettings {
    pub(super) fn config(&self) -> AdmmConfig {
        let config = AdmmConfig::new(2)
            .with_steps(self.steps)
            .with_edges(self.edges);
        let config = match self.relaxed {
            true => config.with_relaxation(Relaxation::Schedule),
            false => config,
        };
        let config = match self.learned_tail {
            true => config.with_tail(Tail::Learned),
            false => config,
        };
        match self.learned_iterations {
            Some(count) => config.with_learned_iterations(count),
            None => config,
        }
    }
}

impl ExperimentFile for Experiment {
    const NAME: &'static str = "distributed-admm";
    const TEXT: &'static str = include_str!("../../../../experiments/distributed-admm.toml");
    type Profile = ProfileSettings;

    fn profiles(&self) -> &BTreeMap<String, ProfileSettings> {
        &self.profiles
    }

    fn about(profile: &ProfileSettings) -> &str {
        &profile.about
    }

    fn references(&self) -> &[ReferenceRow] {
        &self.references
    }
}

#[cfg(test)]
mod tests {
    use la_gnn::admm::NetworkConfig;

    use super::*;

    #[test]
    fn the_experiment_is_readable_and_has_the_published_networks() {
        let experiment = Experiment::load().unwrap();
        for name in ["smoke", "quick", "full"] {
            let profile = experiment.profile(name).unwrap();
            // What others are compared with.
            for method in [Classical::Plain, Classical::Relaxed18] {
                assert!(profile.methods.contains(&method), "{name} {method:?}");
            }
            let count = |network: &str| {
                let found = profile.networks.iter().find(|n| n.name == network);
                found.map(|n| n.config().parameter_count())
            };
            assert_eq!(count("alpha"), Some(3753), "{name}");
            assert_eq!(count("alpha+edges"), Some(4138), "{name}");
        }
        let typo = Experiment::TEXT.replace("instances", "examples");
        assert!(toml::from_str::<Experiment>(&typo).is_err());
    }
}
