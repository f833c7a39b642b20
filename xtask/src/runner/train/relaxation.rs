//! Training of relaxation networks.

use anyhow::{Context, Result, bail};
use la_gnn::native::relaxation::{RelaxationEngine, RelaxationSample};
use la_gnn::relaxation::{self, Parameters, RelaxationConfig};
use la_gnn::{GnnError, Provenance, Weights, training};
use la_precond::IncompleteLu;
use la_precond::learned::LearnedRelaxation;
use la_problems::Split;
use rayon::prelude::*;
use serde::Serialize;

use super::architecture::{Architecture, Factors};
use super::yardstick::Yardstick;
use super::{Engine, Run, engine};
use crate::progress;

/// The loss: what this many steps of GMRES leave of a residual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct KrylovSteps {
    /// Steps of GMRES.
    pub(crate) krylov: usize,
}

impl KrylovSteps {
    /// Reads `krylov:M`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let Some(steps) = text.strip_prefix("krylov:") else {
            bail!("unknown loss `{text}`; relaxation has krylov:M, M from 1 to 30");
        };
        let krylov = steps
            .parse()
            .with_context(|| format!("loss `{text}`: `{steps}` is no number from 1 to 30"))?;
        Ok(Self { krylov })
    }
}

impl Architecture for RelaxationConfig {
    type Parameters = Parameters;
    type Loss = KrylovSteps;
    type Factor = IncompleteLu;
    const NAME: &'static str = relaxation::ARCHITECTURE;

    fn yardstick(&self) -> Yardstick {
        Yardstick::General
    }

    fn initialize(&self, seed: u64) -> Result<Vec<f32>, GnnError> {
        Ok(Parameters::initialize(self, seed)?.values)
    }

    fn read(weights: &Weights) -> Result<(Self, Vec<f32>), GnnError> {
        let read = Parameters::from_weights(weights)?;
        Ok((read.config, read.values))
    }

    fn parameters(&self, values: Vec<f32>) -> Parameters {
        let config = self.clone();
        Parameters { config, values }
    }

    fn to_weights(parameters: &Parameters, provenance: Provenance) -> Weights {
        parameters.to_weights(provenance)
    }

    fn factors(parameters: &Parameters) -> Result<Factors<IncompleteLu>, GnnError> {
        let builder = LearnedRelaxation::from_parameters(parameters)?;
        Ok(Box::new(move |p| builder.factor(p.matrix.view())))
    }

    fn engine(run: &Run<Self>) -> Result<(Box<dyn training::Engine>, &'static str)> {
        if run.engine == Engine::Torch || run.device.starts_with("cuda") {
            bail!(
                "relaxation trains through an elimination, which the native engine alone has: leave --engine and --device out"
            );
        }
        let count = engine::samples(run);
        let bar = progress::bar("training matrices", count);
        let samples = (0..count)
            .into_par_iter()
            .map(|i| {
                let problem = run.family.problem(Split::Train, i)?;
                bar.inc(1);
                Ok(RelaxationSample::new(problem.matrix.view(), &run.config)?)
            })
            .collect::<Result<Vec<_>>>()?;
        bar.finish_and_clear();
        let engine = RelaxationEngine::new(&run.config, run.loss.krylov, samples)?;
        Ok((Box::new(engine), "native"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_by_name() {
        assert_eq!(KrylovSteps::parse("krylov:7").unwrap().krylov, 7);
        for (text, part) in [("l_max", "unknown loss"), ("krylov:x", "`x` is no number")] {
            let error = KrylovSteps::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
