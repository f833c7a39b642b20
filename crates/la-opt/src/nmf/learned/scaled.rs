//! Data and factors in the units that networks know.

use la_gnn::GnnError;
use la_gnn::factormer::{FactormerConfig, FactormerInput, Parameters};
use la_gnn::native::factormer::Factormer;

use super::super::{Data, Factors};
use crate::{OptError, Real};

/// A network with a matrix of mean 1.
#[derive(Debug, Clone)]
pub(super) struct Scaled {
    network: Factormer<f32>,
    v: Vec<f32>,
    /// Root of the mean of the data.
    root: f64,
    parts: [[Vec<f32>; 2]; 2],
}

/// The network of these parameters, if it sees what is expected.
pub(super) fn network(
    parameters: &Parameters<FactormerConfig>,
    input: FactormerInput,
) -> Result<Factormer<f32>, OptError> {
    if parameters.config.input != input {
        let wants = match parameters.config.input {
            FactormerInput::FactorAndSolver => {
                "speeds up a factorisation: use FactormerAccelerator"
            }
            _ => "starts a factorisation: use FactormerStart",
        };
        return Err(OptError::Network {
            reason: format!("it {wants}"),
        });
    }
    Factormer::new(parameters).map_err(failed)
}

fn failed(error: GnnError) -> OptError {
    OptError::Network {
        reason: error.to_string(),
    }
}

impl Scaled {
    pub(super) fn new<T: Real>(
        network: Factormer<f32>,
        data: &Data<'_, T>,
        rank: usize,
    ) -> Result<Self, OptError> {
        let refuse = |reason: String| Err(OptError::Network { reason });
        let known = network.config().rank;
        if rank != known {
            return refuse(format!("it was trained for rank {known}, not {rank}"));
        }
        let values = match data.dense_rows(0..data.rows) {
            Some(values) if !data.has_missing() => values,
            _ => return refuse("it needs dense data without missing entries".to_owned()),
        };
        let mean = data.mean();
        // Of zeros, any scale will do.
        let scale = if mean > 0.0 { mean } else { 1.0 };
        Ok(Self {
            network,
            v: values.iter().map(|v| (v.to_f64() / scale) as f32).collect(),
            root: scale.sqrt(),
            parts: Default::default(),
        })
    }

    /// What the network makes of these factors, the last of them what a solver made of the first.
    pub(super) fn propose<T: Real>(
        &mut self,
        factors: &[&Factors<T>],
    ) -> Result<Factors<T>, OptError> {
        for (part, factors) in self.parts.iter_mut().zip(factors) {
            for (to, values) in part.iter_mut().zip([&factors.w, &factors.h]) {
                to.clear();
                to.extend(values.iter().map(|x| (x.to_f64() / self.root) as f32));
            }
        }
        let [first, second] = &self.parts;
        let w = [&first[0][..], &second[0]];
        let h = [&first[1][..], &second[1]];
        let count = factors.len();
        let update = self.network.update(&self.v, &w[..count], &h[..count]);
        let update = update.map_err(failed)?;
        let back = |values: &[f32]| -> Vec<T> {
            let values = values.iter();
            values
                .map(|&x| T::from_f64(f64::from(x) * self.root))
                .collect()
        };
        Factors::new(factors[0].rank, back(update.w), back(update.h))
    }
}
