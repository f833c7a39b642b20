//! What a training run has to know of an architecture.

use anyhow::Result;
use la_gnn::learned_lu::{FirstFeature, LearnedLuConfig};
use la_gnn::native::neuralif::Loss;
use la_gnn::neuralif::NeuralIfConfig;
use la_gnn::neuralpcg::{FactorForm, NeuralPcgConfig};
use la_gnn::{GnnError, Provenance, Weights, learned_lu, neuralif, neuralpcg, training};
use la_krylov::{Host, Preconditioner};
use la_precond::learned::{LearnedLu, NeuralIf, NeuralPcg};
use la_precond::{IncompleteCholesky, IncompleteLu, PrecondError};

use super::lu_recipe::LuRecipe;
use super::yardstick::Yardstick;
use super::{Engine, Run, Variant, engine, lu_engine};
use crate::experiment::Problem;

/// The factor of a problem's matrix.
pub(crate) type Factors<F> = Box<dyn Fn(&Problem) -> Result<F, PrecondError> + Sync>;

/// The configuration of a network, and how the network is made, trained, used and stored.
pub(crate) trait Architecture:
    Clone + PartialEq + std::fmt::Debug + serde::Serialize
{
    /// Configuration and scalars.
    type Parameters;
    /// What training minimises.
    type Loss: Clone + std::fmt::Debug + serde::Serialize;
    /// What the network makes of a matrix.
    type Factor: Preconditioner<Host>;
    /// Name in weight files.
    const NAME: &'static str;

    /// How parameters are judged.
    fn yardstick(&self) -> Yardstick {
        Yardstick::Symmetric
    }

    /// Fresh scalars.
    fn initialize(&self, seed: u64) -> Result<Vec<f32>, GnnError>;
    /// Configuration and scalars of a weight file.
    fn read(weights: &Weights) -> Result<(Self, Vec<f32>), GnnError>;
    /// Scalars with their configuration.
    fn parameters(&self, values: Vec<f32>) -> Self::Parameters;
    /// As a weight file.
    fn to_weights(parameters: &Self::Parameters, provenance: Provenance) -> Weights;
    /// The network at work.
    fn factors(parameters: &Self::Parameters) -> Result<Factors<Self::Factor>, GnnError>;
    /// The engine that the run asks for, with its training data, and its name.
    fn engine(run: &Run<Self>) -> Result<(Box<dyn training::Engine>, &'static str)>;
}

impl Variant {
    /// NeuralPCG in this reading.
    pub(super) fn neuralpcg(self) -> NeuralPcgConfig {
        match self {
            Self::Equilibrated => NeuralPcgConfig::equilibrated(),
            Self::General => NeuralPcgConfig::general(),
            // The others belong to another model, which is checked before.
            _ => NeuralPcgConfig::default(),
        }
    }
}

impl Architecture for NeuralIfConfig {
    type Parameters = neuralif::Parameters;
    type Loss = Loss;
    type Factor = IncompleteCholesky;
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

    fn factors(parameters: &Self::Parameters) -> Result<Factors<IncompleteCholesky>, GnnError> {
        let builder = NeuralIf::from_parameters(parameters)?;
        Ok(Box::new(move |p| builder.factor(p.matrix.view())))
    }

    fn engine(run: &Run<Self>) -> Result<(Box<dyn training::Engine>, &'static str)> {
        engine::neuralif(run)
    }
}

impl Architecture for NeuralPcgConfig {
    type Parameters = neuralpcg::Parameters;
    type Loss = Loss;
    type Factor = IncompleteCholesky;
    const NAME: &'static str = neuralpcg::ARCHITECTURE;

    fn yardstick(&self) -> Yardstick {
        match self.form {
            FactorForm::Triangle => Yardstick::General,
            _ => Yardstick::Symmetric,
        }
    }

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

    fn factors(parameters: &Self::Parameters) -> Result<Factors<IncompleteCholesky>, GnnError> {
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

impl Architecture for LearnedLuConfig {
    type Parameters = learned_lu::Parameters;
    type Loss = LuRecipe;
    type Factor = IncompleteLu;
    const NAME: &'static str = learned_lu::ARCHITECTURE;

    fn yardstick(&self) -> Yardstick {
        Yardstick::General
    }

    fn initialize(&self, seed: u64) -> Result<Vec<f32>, GnnError> {
        Ok(learned_lu::Parameters::initialize(self, seed)?.values)
    }

    fn read(weights: &Weights) -> Result<(Self, Vec<f32>), GnnError> {
        let read = learned_lu::Parameters::from_weights(weights)?;
        Ok((read.config, read.values))
    }

    fn parameters(&self, values: Vec<f32>) -> Self::Parameters {
        let config = self.clone();
        learned_lu::Parameters { config, values }
    }

    fn to_weights(parameters: &Self::Parameters, provenance: Provenance) -> Weights {
        parameters.to_weights(provenance)
    }

    fn factors(parameters: &Self::Parameters) -> Result<Factors<IncompleteLu>, GnnError> {
        let sees_rhs = parameters.config.first_feature == FirstFeature::RightHandSide;
        let builder = LearnedLu::from_parameters(parameters)?;
        Ok(Box::new(move |p| {
            if sees_rhs {
                builder.factor_system(p.matrix.view(), &p.rhs)
            } else {
                builder.factor(p.matrix.view())
            }
        }))
    }

    fn engine(run: &Run<Self>) -> Result<(Box<dyn training::Engine>, &'static str)> {
        lu_engine::learned_lu(run)
    }
}
