//! Training of networks that guess active sets: problems with known active sets, options and log.

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::GnnError;

/// Problems of one size with known active sets.
///
/// # Shapes
/// `count` problems with n variables and m constraints `A x ≤ upper` (or `lower ≤ A x ≤ upper`); all arrays row-major.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProblemGroup {
    /// n.
    pub variables: usize,
    /// m.
    pub constraints: usize,
    /// H and A, n × n and m × n, of each problem; one pair if they share them.
    pub matrices: Vec<(Vec<f64>, Vec<f64>)>,
    /// f, count × n.
    pub linear: Vec<f64>,
    /// Empty, or count × m.
    pub lower: Vec<f64>,
    /// b, count × m.
    pub upper: Vec<f64>,
    /// Which constraints are active, count × m.
    pub active: Vec<bool>,
}

impl ProblemGroup {
    /// Number of problems.
    #[must_use]
    pub fn len(&self) -> usize {
        self.linear.len() / self.variables.max(1)
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.linear.is_empty()
    }

    /// Checks lengths and that all numbers are finite.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] naming what does not fit, [`GnnError::NonFinite`].
    pub fn check(&self) -> Result<(), GnnError> {
        let (n, m, count) = (self.variables, self.constraints, self.len());
        check_matrices(self.matrices.len(), count)?;
        for (hessian, rows) in &self.matrices {
            check("H", hessian, n * n)?;
            check("A", rows, m * n)?;
        }
        check("linear terms", &self.linear, count * n)?;
        check("upper bounds", &self.upper, count * m)?;
        if !self.lower.is_empty() {
            check("lower bounds", &self.lower, count * m)?;
        }
        check_len("labels", self.active.len(), count * m)
    }
}

/// Least-distance problems of one size with known active sets: `min ½ ‖u‖²` subject to `M u ≤ d`, rows of length 1 or 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeastDistanceGroup {
    /// n.
    pub variables: usize,
    /// m.
    pub constraints: usize,
    /// M, m × n, of each problem; one if they share it.
    pub rows: Vec<Vec<f64>>,
    /// d, count × m; infinite where there is no bound.
    pub slacks: Vec<f64>,
    /// Which constraints are active, count × m.
    pub active: Vec<bool>,
}

impl LeastDistanceGroup {
    /// Number of problems.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slacks.len() / self.constraints.max(1)
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slacks.is_empty()
    }

    /// Checks lengths and that rows are finite.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] naming what does not fit, [`GnnError::NonFinite`].
    pub fn check(&self) -> Result<(), GnnError> {
        let (n, m, count) = (self.variables, self.constraints, self.len());
        check_matrices(self.rows.len(), count)?;
        for rows in &self.rows {
            check("rows", rows, m * n)?;
        }
        check_len("slacks", self.slacks.len(), count * m)?;
        check_len("labels", self.active.len(), count * m)
    }
}

fn check_matrices(matrices: usize, count: usize) -> Result<(), GnnError> {
    if count > 0 && (matrices == 1 || matrices == count) {
        return Ok(());
    }
    Err(GnnError::Matrix {
        reason: format!("{matrices} matrices for {count} problems, expected 1 or one for each"),
    })
}

fn check_len(what: &str, len: usize, expected: usize) -> Result<(), GnnError> {
    if len == expected {
        return Ok(());
    }
    Err(GnnError::Matrix {
        reason: format!("{what} have length {len}, expected {expected}"),
    })
}

fn check(what: &str, values: &[f64], expected: usize) -> Result<(), GnnError> {
    check_len(what, values.len(), expected)?;
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(position) => Err(GnnError::NonFinite {
            what: what.into(),
            position,
        }),
    }
}

/// Which nodes the loss counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LossNodes {
    /// Constraints.
    Constraints,
    /// Variables too, which are never active: the published setting.
    All,
}

/// Which parameters are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kept {
    /// Those with the lowest validation loss.
    Best,
    /// The last ones: the published setting.
    Last,
}

/// How a network that guesses active sets is trained: AdamW on the cross entropy of the outputs.
///
/// # Examples
/// ```
/// use la_gnn::training::active_set::{ActiveSetTrainOptions, Kept};
/// let options = ActiveSetTrainOptions::published();
/// assert_eq!((options.patience, options.keep), (5, Kept::Last));
/// assert!(options.validate().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ActiveSetTrainOptions {
    /// Passes over the training set, at least 1. Default 100.
    pub epochs: usize,
    /// Problems of an update, at least 1. Default 64.
    pub batch: usize,
    /// Whether the problems of an update are of all sizes, their inputs standardised together; validation is by size. Default false: of one size, in a
    /// random order of sizes; published: true. The same where all problems are of one size.
    #[serde(skip_serializing_if = "is_false")]
    pub mixed_sizes: bool,
    /// Step of AdamW, positive. Default 1e-3.
    pub learning_rate: f64,
    /// The step over the updates of all epochs. Default half a cosine down to 1 %; published: constant.
    pub schedule: Schedule,
    /// Decoupled weight decay, at least 0. Default 0.01.
    pub weight_decay: f64,
    /// Epochs without a better validation loss after which training ends, at least 1. Default 20; published: 5.
    pub patience: usize,
    /// By how much a validation loss must be better to count, at least 0. Default 0; published: 1e-3.
    pub min_improvement: f64,
    /// Which nodes count. Default constraints.
    pub nodes: LossNodes,
    /// Whether active and inactive nodes count alike in sum, `w_c = N / (2 N_c)` over the training set. Default true.
    pub balanced: bool,
    /// Whether these weights are in the validation loss too. Default true; published: for random problems false.
    pub weighted_validation: bool,
    /// Weight of the sum of the outputs over a batch, per problem, at least 0. Default 0; published: 0.1 for controllers.
    pub sparsity: f64,
    /// Which parameters are kept. Default the best.
    pub keep: Kept,
    /// Seed of the order of the training set.
    pub seed: u64,
}

/// What a recipe does not say: written before there was a choice, it reads the same.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl Default for ActiveSetTrainOptions {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch: 64,
            mixed_sizes: false,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine,
            weight_decay: 0.01,
            patience: 20,
            min_improvement: 0.0,
            nodes: LossNodes::Constraints,
            balanced: true,
            weighted_validation: true,
            sparsity: 0.0,
            keep: Kept::Best,
            seed: 123,
        }
    }
}

macro_rules! with {
    ($($(#[$doc:meta])* $name:ident, $field:ident: $type:ty;)*) => {
        impl ActiveSetTrainOptions {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

with! {
    /// Sets the number of epochs.
    with_epochs, epochs: usize;
    /// Sets the number of problems of an update.
    with_batch, batch: usize;
    /// Sets whether the problems of an update are of all sizes.
    with_mixed_sizes, mixed_sizes: bool;
    /// Sets the step.
    with_learning_rate, learning_rate: f64;
    /// Sets the schedule of the step.
    with_schedule, schedule: Schedule;
    /// Sets the weight decay.
    with_weight_decay, weight_decay: f64;
    /// Sets the patience.
    with_patience, patience: usize;
    /// Sets which nodes count.
    with_nodes, nodes: LossNodes;
    /// Sets whether active and inactive nodes count alike.
    with_balanced, balanced: bool;
    /// Sets the weight of the sum of the outputs.
    with_sparsity, sparsity: f64;
    /// Sets which parameters are kept.
    with_keep, keep: Kept;
    /// Sets the seed.
    with_seed, seed: u64;
}

impl ActiveSetTrainOptions {
    /// The published recipe for random problems.
    #[must_use]
    pub fn published() -> Self {
        Self {
            mixed_sizes: true,
            schedule: Schedule::Constant,
            patience: 5,
            min_improvement: 1e-3,
            nodes: LossNodes::All,
            weighted_validation: false,
            keep: Kept::Last,
            ..Self::default()
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), GnnError> {
        let bad = |field, reason: String| Err(GnnError::Config { field, reason });
        for (field, value) in [
            ("epochs", self.epochs),
            ("batch", self.batch),
            ("patience", self.patience),
        ] {
            if value == 0 {
                return bad(field, "is 0, must be at least 1".into());
            }
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let reason = format!("is {}, must be positive", self.learning_rate);
            return bad("learning_rate", reason);
        }
        for (field, value) in [
            ("weight_decay", self.weight_decay),
            ("min_improvement", self.min_improvement),
            ("sparsity", self.sparsity),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return bad(field, format!("is {value}, must be at least 0"));
            }
        }
        Ok(())
    }
}

/// What happened in a training.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ActiveSetLog {
    /// Mean training loss of each epoch.
    pub losses: Vec<f64>,
    /// Validation loss after each epoch.
    pub validations: Vec<f64>,
    /// Updates of the parameters.
    pub updates: usize,
    /// Seconds.
    pub seconds: f64,
}

impl ActiveSetLog {
    /// Epoch, counted from 0, and value of the lowest validation loss.
    #[must_use]
    pub fn best(&self) -> Option<(usize, f64)> {
        let pairs = self.validations.iter().copied().enumerate();
        pairs.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Epochs since a validation loss was last better than all before by at least this much.
    #[must_use]
    pub fn epochs_without_improvement(&self, min_improvement: f64) -> usize {
        let (mut best, mut since) = (f64::INFINITY, 0);
        for &value in &self.validations {
            if value < best - min_improvement {
                (best, since) = (value, 0);
            } else {
                since += 1;
            }
        }
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_counts_from_the_last_improvement() {
        let log = ActiveSetLog {
            validations: vec![1.0, 0.5, 0.4995, 0.6],
            ..ActiveSetLog::default()
        };
        assert_eq!(log.epochs_without_improvement(1e-3), 2);
        assert_eq!(log.epochs_without_improvement(0.0), 1);
        assert_eq!(log.best(), Some((2, 0.4995)));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut group = LeastDistanceGroup {
            variables: 2,
            constraints: 1,
            rows: vec![vec![1.0, 0.0]],
            slacks: vec![-1.0, f64::INFINITY],
            active: vec![true, false],
        };
        group.check().unwrap();
        group.rows.push(vec![f64::NAN, 0.0]);
        assert!(group.check().unwrap_err().to_string().contains("rows"));
        group.rows.push(vec![1.0, 0.0]);
        assert!(
            group
                .check()
                .unwrap_err()
                .to_string()
                .contains("3 matrices")
        );
        let options = ActiveSetTrainOptions::default().with_learning_rate(f64::NAN);
        let text = options.validate().unwrap_err().to_string();
        assert!(text.contains("learning_rate"), "{text}");
    }
}
