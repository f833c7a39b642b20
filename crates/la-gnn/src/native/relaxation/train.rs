//! Training through the elimination.

use std::sync::Arc;

use rayon::prelude::*;
use sprs::CsMatViewI;

use super::super::neuralif::probe;
use super::RelaxationNetwork;
use super::elimination::Matrix;
use super::features::{Features, features};
use crate::GnnError;
use crate::relaxation::{Parameters, RelaxationConfig};
use crate::training::{Engine, Joining, Places, Share};

/// A matrix to train on, with its features.
#[derive(Debug, Clone)]
pub struct RelaxationSample {
    matrix: Arc<Matrix>,
    features: Vec<Features>,
    means: Vec<Features>,
}

impl RelaxationSample {
    /// A sample of a square matrix stored by rows.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if it is not square, not stored by rows, or a diagonal entry is not stored;
    /// [`GnnError::NonFinite`].
    pub fn new(a: CsMatViewI<'_, f64, u32>, config: &RelaxationConfig) -> Result<Self, GnnError> {
        let (features, means) = features(a, config.messages)?;
        Ok(Self {
            matrix: Arc::new(Matrix::new(a)?),
            features,
            means,
        })
    }
}

/// Loss and gradient of a relaxation network on batches of matrices, each on one thread.
///
/// The loss is `ln(‖r_m‖ / ‖b‖) / m`, the mean logarithmic rate at which m steps of GMRES with the relaxed factors reduce a Gaussian
/// right-hand side b: what is wanted itself, and not a norm of P that may fall while the iterations rise.
#[derive(Debug)]
pub struct RelaxationEngine {
    config: RelaxationConfig,
    steps: usize,
    samples: Vec<RelaxationSample>,
}

impl RelaxationEngine {
    /// An engine for these samples, made for the same configuration; `steps` of GMRES, 1 to 30.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration or the number of steps is out of range.
    pub fn new(
        config: &RelaxationConfig,
        steps: usize,
        samples: Vec<RelaxationSample>,
    ) -> Result<Self, GnnError> {
        config.validate()?;
        if !(1..=30).contains(&steps) {
            return Err(GnnError::Config {
                field: "steps",
                reason: format!("is {steps}, must be 1 to 30"),
            });
        }
        Ok(Self {
            config: config.clone(),
            steps,
            samples,
        })
    }
}

impl Engine for RelaxationEngine {
    fn samples(&self) -> usize {
        self.samples.len()
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        self.mean(values, Places::of(batch, 0, 1), seed, gradient)
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }

    fn share(
        &mut self,
        values: &[f32],
        places: Places<'_>,
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<Share, GnnError> {
        let value = self.mean(values, places, seed, gradient)?;
        let count = places.samples.len();
        Ok(Share::of_batch(Joining::Mean, value, count, gradient))
    }
}

impl RelaxationEngine {
    fn mean(
        &self,
        values: &[f32],
        places: Places<'_>,
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let network = RelaxationNetwork::new(&Parameters {
            config: self.config.clone(),
            values: values.to_vec(),
        })?;
        let parts: Vec<(f64, Vec<f64>)> = places
            .samples
            .par_iter()
            .enumerate()
            .map(|(position, &index)| {
                let sample = &self.samples[index];
                let matrix = &sample.matrix;
                let mut b = Vec::new();
                probe(matrix.order(), seed, places.first + position, &mut b);
                let omega = network.of_features(&sample.features, &sample.means);
                let factors = matrix.factor(&omega);
                let mut grad_factors = vec![0.0; matrix.values.len()];
                let loss = matrix.krylov_loss(&factors, &b, self.steps, &mut grad_factors);
                let grad_omega = matrix.factor_adjoint(&factors, &omega, &mut grad_factors);
                let mut part = vec![0.0; values.len()];
                network.backward(&sample.features, &sample.means, &grad_omega, &mut part);
                (loss, part)
            })
            .collect();
        let share = 1.0 / parts.len().max(1) as f64;
        gradient.fill(0.0);
        let mut total = 0.0;
        for (loss, part) in parts {
            total += share * loss;
            for (g, part) in gradient.iter_mut().zip(part) {
                *g += share * part;
            }
        }
        Ok(total)
    }
}
