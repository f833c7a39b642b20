//! The perceptron as a predictor.

use la_gnn::active_set::{MlpConfig, MlpInput, Parameters};
use la_gnn::native::active_set::ActiveSetMlp;
use la_gnn::{GnnError, Weights};

use super::super::predict::ActiveSetPredictor;
use super::super::problem::QuadraticProgram;
use super::super::solution::Side;
use super::matrices::{Matrices, hessian, rows, singles};
use super::slots::Slots;
use super::{check_threshold, refused};
use crate::{OptError, Real};

/// Guesses by a perceptron on q, l, u (or, as published, on P and A too) for problems of one size.
///
/// Allocates nothing in [`predict`](ActiveSetPredictor::predict) where matrices are fixed; a few microseconds at ten variables.
///
/// # Examples
/// ```
/// use la_gnn::active_set::{MlpConfig, Parameters};
/// use la_opt::qp::learned::MlpPredictor;
/// use la_opt::qp::{ActiveSetPredictor, Hessian, QuadraticProgram};
///
/// let problem = QuadraticProgram::new(Hessian::Identity, vec![-2.0, 0.5])?
///     .with_bounds(vec![-1.0; 2], vec![1.0; 2])?;
/// let untrained = Parameters::initialize(&MlpConfig::new(2, 4), 0)?;
/// let mut predictor = MlpPredictor::new(&untrained, &problem)?.with_threshold(0.0)?;
/// let mut guess = Vec::new();
/// predictor.predict(&problem, &mut guess)?;
/// assert_eq!(guess.len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct MlpPredictor {
    network: ActiveSetMlp<f32>,
    slots: Slots,
    matrices: Matrices,
    /// vec H, vec A where the network reads them.
    head: Vec<f32>,
    linear: Vec<f32>,
    upper: Vec<f32>,
    limit: f64,
}

impl MlpPredictor {
    /// A predictor for problems like this one, with threshold ½.
    ///
    /// # Errors
    /// [`OptError::Predictor`] if the network is for other sizes.
    pub fn new<T: Real>(
        parameters: &Parameters<MlpConfig>,
        problem: &QuadraticProgram<T>,
    ) -> Result<Self, OptError> {
        let network = ActiveSetMlp::new(parameters).map_err(|e| refused(&e))?;
        let slots = Slots::new(problem);
        let (n, m) = (problem.num_variables(), slots.len());
        let config = network.config();
        if (config.variables, config.constraints) != (n, m) {
            return Err(OptError::Predictor {
                reason: format!(
                    "the network is for {} variables and {} finite bounds, the problem has {n} and {m}",
                    config.variables, config.constraints
                ),
            });
        }
        let mut predictor = Self {
            network,
            slots,
            matrices: Matrices::Fixed,
            head: Vec::new(),
            linear: vec![0.0; n],
            upper: vec![0.0; m],
            limit: 0.0,
        };
        predictor.read(problem);
        Ok(predictor)
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

    fn read<T: Real>(&mut self, problem: &QuadraticProgram<T>) {
        if self.network.config().input == MlpInput::Problem {
            self.head = singles(&hessian(problem));
            self.head.extend(singles(&rows(problem, &self.slots)));
        }
    }
}

impl<T: Real> ActiveSetPredictor<T> for MlpPredictor {
    fn predict(
        &mut self,
        problem: &QuadraticProgram<T>,
        guess: &mut Vec<(usize, Side, T)>,
    ) -> Result<(), OptError> {
        self.slots.check(problem)?;
        if self.matrices == Matrices::Varying {
            self.read(problem);
        }
        for (to, from) in self.linear.iter_mut().zip(problem.linear()) {
            *to = from.to_f64() as f32;
        }
        for (to, from) in self.upper.iter_mut().zip(self.slots.bounds(problem)) {
            *to = from as f32;
        }
        let input = [&self.head[..], &self.linear, &self.upper];
        let logits = self.network.constraint_logits(&input);
        let logits = logits.map_err(|e| refused(&e))?;
        self.slots.guess(problem, logits, self.limit, guess);
        Ok(())
    }
}
