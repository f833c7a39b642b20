//! What a training run has to know of an architecture.

use anyhow::Result;
use la_gnn::neuralif::NeuralIfConfig;
use la_gnn::neuralpcg::NeuralPcgConfig;
use la_gnn::{GnnError, Provenance, Weights, neuralif, neuralpcg, training};
use la_precond::learned::{NeuralIf, NeuralPcg};
use la_precond::{IncompleteCholesky, PrecondError};

use super::{Engine, Run, Variant, engine};
use crate::experiment::Problem;

/// The factor of a problem's matrix.
pub(crate) type Factors = Box<dyn Fn(&Problem) -> Result<IncompleteCholesky, PrecondError> + Sync>;

/// The configuration of a network, and how the network is made, trained, used and stored.
pub(crate) trait Architecture:
    Clone + PartialEq + std::fmt::Debug + serde::Serialize
{
    /// Configuration and scalars.
    type Parameters;
    /// Name in weight files.
    const NAME: &'static str;

    /// Fresh scalars.
    fn initialize(&self, seed: u64) -> Result<Vec<f32>, GnnError>;
    /// Configuration and scalars of a weight file.
    fn read(weights: &Weights) -> Result<(Self, Vec<f32>), GnnError>;
    /// Scalars with their configuration.
    fn parameters(&self, values: Vec<f32>) -> Self::Parameters;
    /// As a weight file.
    fn to_weights(parameters: &Self::Parameters, provenance: Provenance) -> Weights;
    /// The network at work.
    fn factors(parameters: &Self::Parameters) -> Result<Factors, GnnError>;
    /// The engine that the run asks for, with its training data, and its name.
    fn engine(run: &Run<Self>) -> Result<(Box<dyn training::Engine>, &'static str)>;
}

impl Variant {
    /// NeuralPCG in this reading.
    pub(super) fn neuralpcg(self) -> NeuralPcgConfig {
        match self {
            Self::Paper => NeuralPcgConfig::default(),
            Self::Equilibrated => NeuralPcgConfig::equilibrated(),
        }
    }
}

impl Architecture for NeuralIfConfig {
    type Parameters = neuralif::Parameters;
    const NAME: &'static str = neuralif::ARCHITECTURE;

    fn initialize(&self, seed: u64) -> Result<Vec<f32>, GnnError> {
        Ok(neuralif::Parameters::initialize(self, seed)?.values)
    }

    fn read(weights: &Weights) -> Result<(Self, Vec<f32>), GnnError> {
        let read = neuralif::Parameters::from_weights(weights)?;
        Ok((read.config, read.values))
    }

    fn parameters(&self, values: Vec<f32>) -> Self::Parameters {
        let config = self.clone();
        neuralif::Parameters { config, values }
    }

    fn to_weights(parameters: &Self::Parameters, provenance: Provenance) -> Weights {
        parameters.to_weights(provenance)
    }

    fn factors(parameters: &Self::Parameters) -> Result<Factors, GnnError> {
        let builder = NeuralIf::from_parameters(parameters)?;
        Ok(Box::new(move |p| builder.factor(p.matrix.view())))
    }

    fn engine(run: &Run<Self>) -> Result<(Box<dyn training::Engine>, &'static str)> {
        engine::neuralif(run)
    }
}

impl Architecture for NeuralPcgConfig {
    type Parameters = neuralpcg::Parameters;
    const NAME: &'static str = neuralpcg::ARCHITECTURE;

    fn initialize(&self, seed: u64) -> Result<Vec<f32>, GnnError> {
        Ok(neuralpcg::Parameters::initialize(self, seed)?.values)
    }

    fn read(weights: &Weights) -> Result<(Self, Vec<f32>), GnnError> {
        let read = neuralpcg::Parameters::from_weights(weights)?;
        Ok((read.config, read.values))
    }

    fn parameters(&self, values: Vec<f32>) -> Self::Parameters {
        let config = self.clone();
        neuralpcg::Parameters { config, values }
    }

    fn to_weights(parameters: &Self::Parameters, provenance: Provenance) -> Weights {
        parameters.to_weights(provenance)
    }

    fn factors(parameters: &Self::Parameters) -> Result<Factors, GnnError> {
        let sees_rhs = parameters.config.node_features == 1;
        let builder = NeuralPcg::from_parameters(parameters)?;
        Ok(Box::new(move |p| {
            if sees_rhs {
                builder.factor_system(p.matrix.view(), &p.rhs)
            } else {
                builder.factor(p.matrix.view())
            }
        }))
    }

    fn engine(run: &Run<Self>) -> Result<(Box<dyn training::Engine>, &'static str)> {
        if run.engine == Engine::Native {
            anyhow::bail!("NeuralPCG trains with LibTorch only; leave --engine out");
        }
        engine::neuralpcg(run)
    }
}
