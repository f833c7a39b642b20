//! The published graph network as a predictor.

use la_gnn::active_set::{GnnConfig, GnnFeatures, Parameters};
use la_gnn::native::active_set::ActiveSetGnn;
use la_gnn::{GnnError, Weights};

use super::super::predict::ActiveSetPredictor;
use super::super::problem::QuadraticProgram;
use super::super::solution::Side;
use super::matrices::{Matrices, hessian, rows, singles};
use super::slots::Slots;
use super::{check_threshold, refused};
use crate::{OptError, Real};

/// Guesses by the published graph network with one-sided features, on the finite bounds of a problem. Of any size, in principle.
///
/// Costs far more than the cold solve of the problems it was published for; see [`LeastDistancePredictor`](super::LeastDistancePredictor) for a
/// network that sees more at less cost, and [`MlpPredictor`](super::MlpPredictor) where P and A are fixed.
#[derive(Debug, Clone)]
pub struct GnnPredictor {
    network: ActiveSetGnn<f32>,
    slots: Slots,
    matrices: Matrices,
    linear: Vec<f32>,
    upper: Vec<f32>,
    limit: f64,
}

impl GnnPredictor {
    /// A predictor for problems like this one, with threshold ½.
    ///
    /// # Errors
    /// [`OptError::Predictor`] if the network has two-sided features or the problem no variables.
    pub fn new<T: Real>(
        parameters: &Parameters<GnnConfig>,
        problem: &QuadraticProgram<T>,
    ) -> Result<Self, OptError> {
        if parameters.config.features != GnnFeatures::OneSided {
            return Err(OptError::Predictor {
                reason: "the network has two-sided features, one-sided ones are needed".into(),
            });
        }
        let slots = Slots::new(problem);
        let n = problem.num_variables();
        let (h, a) = (singles(&hessian(problem)), singles(&rows(problem, &slots)));
        let network = ActiveSetGnn::new(parameters, n, &h, &a).map_err(|e| refused(&e))?;
        Ok(Self {
            network,
            matrices: Matrices::Fixed,
            linear: vec![0.0; n],
            upper: vec![0.0; slots.len()],
            limit: 0.0,
            slots,
        })
    }

    /// The same from a weight file.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`OptError::Predictor`] if it is not one of this network.
    pub fn from_weights<T: Real>(
        weights: &Weights,
        problem: &QuadraticProgram<T>,
    ) -> Result<Self, OptError> {
        let parameters = Parameters::from_weights(weights);
        Self::new(&parameters.map_err(|e: GnnError| refused(&e))?, problem)
    }

    /// Sets the probability above which a constraint is guessed.
    ///
    /// # Errors
    /// [`OptError::InvalidOption`] if it is none.
    pub fn with_threshold(mut self, threshold: f64) -> Result<Self, OptError> {
        self.limit = check_threshold(threshold)?;
        Ok(self)
    }

    /// Sets whether P and A are read anew for every guess.
    #[must_use]
    pub fn with_matrices(mut self, matrices: Matrices) -> Self {
        self.matrices = matrices;
        self
    }
}

impl<T: Real> ActiveSetPredictor<T> for GnnPredictor {
    fn predict(
        &mut self,
        problem: &QuadraticProgram<T>,
        guess: &mut Vec<(usize, Side, T)>,
    ) -> Result<(), OptError> {
        self.slots.check(problem)?;
        if self.matrices == Matrices::Varying {
            let (h, a) = (hessian(problem), rows(problem, &self.slots));
            let changed = self.network.set_matrices(&singles(&h), &singles(&a));
            changed.map_err(|e| refused(&e))?;
        }
        for (to, from) in self.linear.iter_mut().zip(problem.linear()) {
            *to = from.to_f64() as f32;
        }
        for (to, from) in self.upper.iter_mut().zip(self.slots.bounds(problem)) {
            *to = from as f32;
        }
        let logits = self
            .network
            .constraint_logits(&self.linear, &[], &self.upper);
        let logits = logits.map_err(|e| refused(&e))?;
        self.slots.guess(problem, logits, self.limit, guess);
        Ok(())
    }
}
