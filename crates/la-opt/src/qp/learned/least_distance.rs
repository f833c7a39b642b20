//! The network on the least-distance form as a predictor.

use la_gnn::active_set::{LeastDistanceConfig, Parameters};
use la_gnn::native::active_set::LeastDistanceGnn;
use la_gnn::{GnnError, Weights};

use super::super::predict::ActiveSetPredictor;
use super::super::problem::QuadraticProgram;
use super::super::solution::Side;
use super::super::update::QpUpdate;
use super::super::workspace::QpWorkspace;
use super::matrices::Matrices;
use super::slots::Slots;
use super::{check_threshold, refused};
use crate::{OptError, Real};

/// Guesses by a network on the least-distance form, which the solver computes anyway: for problems of any size, with other P and A than in training.
///
/// [`predict_in`](Self::predict_in) reads the form out of the workspace that will solve the problem. As an [`ActiveSetPredictor`] it
/// keeps a workspace of its own, and the set-up is done twice.
///
/// # Examples
/// ```
/// use la_gnn::active_set::{LeastDistanceConfig, Parameters};
/// use la_opt::qp::learned::LeastDistancePredictor;
/// use la_opt::qp::{Hessian, QpOptions, QpWorkspace, QuadraticProgram, WarmStart};
///
/// let problem = QuadraticProgram::new(Hessian::Dense(vec![2.0, 1.0, 1.0, 2.0]), vec![-8.0, -6.0])?
///     .with_bounds(vec![-1.0, -1.0], vec![1.0, 1.0])?;
/// let mut workspace = QpWorkspace::new(problem, QpOptions::default())?;
/// let untrained = Parameters::initialize(&LeastDistanceConfig::default(), 0)?;
/// let mut predictor = LeastDistancePredictor::new(&untrained, &mut workspace)?;
/// let mut guess = Vec::new();
/// predictor.predict_in(&mut workspace, &mut guess)?;
/// workspace.warm_start(WarmStart::Ranked(&guess))?;
/// let x = &workspace.solve().require_optimal()?.x;
/// assert!(x.iter().all(|x: &f64| (x - 1.0).abs() < 1e-12));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LeastDistancePredictor<T = f64> {
    network: LeastDistanceGnn<f32>,
    slots: Slots,
    matrices: Matrices,
    rows: Vec<f32>,
    slacks: Vec<f32>,
    limit: f64,
    own: Option<Box<QpWorkspace<T>>>,
}

impl<T: Real> LeastDistancePredictor<T> {
    /// A predictor for problems like the one of this workspace, with threshold ½.
    ///
    /// # Errors
    /// [`OptError::Predictor`] if the parameters are out of range or the problem has no variables.
    pub fn new(
        parameters: &Parameters<LeastDistanceConfig>,
        workspace: &mut QpWorkspace<T>,
    ) -> Result<Self, OptError> {
        let slots = Slots::new(workspace.problem());
        let n = workspace.problem().num_variables();
        let mut rows = vec![0.0; slots.len() * n];
        fill_rows(workspace, &slots, n, &mut rows);
        let network = LeastDistanceGnn::new(parameters, n, &rows).map_err(|e| refused(&e))?;
        Ok(Self {
            network,
            matrices: Matrices::Fixed,
            slacks: vec![0.0; slots.len()],
            rows,
            limit: 0.0,
            own: None,
            slots,
        })
    }

    /// The same from a weight file.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`OptError::Predictor`] if it is not one of this network.
    pub fn from_weights(
        weights: &Weights,
        workspace: &mut QpWorkspace<T>,
    ) -> Result<Self, OptError> {
        let parameters = Parameters::from_weights(weights);
        Self::new(&parameters.map_err(|e: GnnError| refused(&e))?, workspace)
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

    /// Replaces `guess` by constraints that are likely to be active in the problem of a workspace. Allocates nothing once `guess` is large enough.
    ///
    /// # Errors
    /// [`OptError::Length`] and [`OptError::Predictor`] if the problem has other sizes or other bounds are finite.
    pub fn predict_in(
        &mut self,
        workspace: &mut QpWorkspace<T>,
        guess: &mut Vec<(usize, Side, T)>,
    ) -> Result<(), OptError> {
        self.slots.check(workspace.problem())?;
        if self.matrices == Matrices::Varying {
            let n = workspace.problem().num_variables();
            fill_rows(workspace, &self.slots, n, &mut self.rows);
            let changed = self.network.set_rows(&self.rows);
            changed.map_err(|e| refused(&e))?;
        }
        let form = workspace.least_distance();
        for (slack, &(j, side)) in self.slacks.iter_mut().zip(self.slots.list()) {
            *slack = match side {
                Side::Lower => -form.lower()[j].to_f64() as f32,
                Side::Upper => form.upper()[j].to_f64() as f32,
            };
        }
        let logits = self.network.logits(&self.slacks);
        let logits = logits.map_err(|e| refused(&e))?;
        let problem = workspace.problem();
        self.slots.guess(problem, logits, self.limit, guess);
        Ok(())
    }
}

impl<T: Real> ActiveSetPredictor<T> for LeastDistancePredictor<T> {
    fn predict(
        &mut self,
        problem: &QuadraticProgram<T>,
        guess: &mut Vec<(usize, Side, T)>,
    ) -> Result<(), OptError> {
        self.slots.check(problem)?;
        let same_pattern = |own: &QpWorkspace<T>| {
            let patterns = (own.problem().sparse_rows(), problem.sparse_rows());
            match patterns {
                (Some(old), Some(new)) => old.same_pattern(new),
                (None, None) => true,
                _ => false,
            }
        };
        let mut workspace = match self.own.take().filter(|own| same_pattern(own)) {
            None => Box::new(QpWorkspace::new(
                problem.clone(),
                super::super::QpOptions::default(),
            )?),
            Some(mut workspace) => {
                let mut update = QpUpdate::default()
                    .with_linear(problem.linear())
                    .with_lower(problem.lower())
                    .with_upper(problem.upper());
                if self.matrices == Matrices::Varying {
                    let rows = problem.sparse_rows();
                    update = update
                        .with_hessian(problem.hessian())
                        .with_rows(rows.map_or(problem.rows(), |rows| rows.values()));
                }
                workspace.update(&update)?;
                workspace
            }
        };
        let outcome = self.predict_in(&mut workspace, guess);
        self.own = Some(workspace);
        outcome
    }
}

/// The rows of all slots in the least-distance form.
pub(super) fn fill_rows<T: Real>(
    workspace: &mut QpWorkspace<T>,
    slots: &Slots,
    n: usize,
    out: &mut [f32],
) {
    let form = workspace.least_distance();
    out.fill(0.0);
    for (to, &(j, side)) in out.chunks_exact_mut(n.max(1)).zip(slots.list()) {
        let sign = if side == Side::Lower { -1.0 } else { 1.0 };
        let (from, row) = form.row(j);
        for (to, value) in to[from..].iter_mut().zip(row) {
            *to = (sign * value.to_f64()) as f32;
        }
    }
}
