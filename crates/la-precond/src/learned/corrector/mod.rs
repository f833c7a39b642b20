//! IC(0) with entries that a network corrects.

mod goal;
mod spectrum;
mod view;

use std::time::Instant;

use la_gnn::corrector::Parameters;
use la_gnn::native::mpgnn::{EdgeTask, MessageNetwork};
use la_gnn::{GnnError, Weights};
use sprs::CsMatViewI;

use super::builder_error;
use crate::classical::Ic0;
use crate::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};
pub use goal::{FactorGoal, corrector_task};
pub use spectrum::{Spectral, SpectralGoal};
use view::MatrixView;
pub(super) use view::entries;

/// IC(0) whose entries a message-passing network multiplies, having seen what elimination says.
///
/// For matrices of the kind that the network was trained on, where something else than elimination is wanted of the entries: with
/// K-optimal factors as the goal they come out near to those at the cost of IC(0). Whether that saves iterations is another question: see the tables of
/// `docs/results/learned-corrector.md` before using it.
///
/// The factor has the pattern of the lower triangle of `A`; set-up is IC(0) (twice with
/// [`CorrectorInput::Both`](la_gnn::corrector::CorrectorInput)) and about 1600 multiply-adds per entry of `A` and block, memory 1 kB per entry of `A` and block
/// while it is built. Where IC(0) breaks down the features come from its shifted factor. The diagonal of a corrected factor is positive whatever the network says; a network that
/// is asked for entries as they are (the published form) may answer with others, and then IC(0) is returned, with the count of
/// such pivots in [`FactorStats::replaced_pivots`](crate::FactorStats::replaced_pivots).
///
/// # Shapes
/// As for [`Ic0`].
///
/// # Examples
/// ```
/// use la_gnn::corrector::{CorrectorConfig, Parameters};
/// use la_precond::classical::Ic0;
/// use la_precond::learned::LearnedCorrector;
/// use la_problems::TriangularGrid;
///
/// let a = TriangularGrid::default().generate(0)?;
/// let untrained = Parameters::initialize(&CorrectorConfig::default(), 0)?;
/// let factor = LearnedCorrector::from_parameters(&untrained)?.factor(a.view())?;
/// let ic0 = Ic0::default().factor(a.view())?;
/// assert!((factor.diagonal()[63] / ic0.diagonal()[63] - 1.0).abs() < 1e-14, "before training it is IC(0)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// [`la_gnn::corrector`].
#[derive(Debug, Clone)]
pub struct LearnedCorrector {
    parameters: Parameters,
    network: MessageNetwork,
}

impl LearnedCorrector {
    /// A builder from weights.
    ///
    /// # Errors
    /// [`GnnError`] if the weights are of another architecture, incomplete or not finite.
    pub fn new(weights: &Weights) -> Result<Self, GnnError> {
        Self::from_parameters(&Parameters::from_weights(weights)?)
    }

    /// A builder from bare parameters, for example untrained ones as a control.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range, [`GnnError::NonFinite`].
    pub fn from_parameters(parameters: &Parameters) -> Result<Self, GnnError> {
        parameters.config.validate()?;
        Ok(Self {
            network: MessageNetwork::new(&parameters.network())?,
            parameters: parameters.clone(),
        })
    }

    /// The entries of the factor, row by row, the diagonal last, as the network wants them: not checked.
    ///
    /// # Errors
    /// As [`factor`](Self::factor).
    pub fn entries(&self, a: CsMatViewI<'_, f64, u32>) -> Result<Vec<f64>, PrecondError> {
        let view = MatrixView::new(a, self.parameters.config.input)?;
        self.entries_of(&view)
    }

    fn entries_of(&self, view: &MatrixView) -> Result<Vec<f64>, PrecondError> {
        let outputs = self
            .network
            .outputs(&view.graph, &view.nodes, &view.edges)
            .map_err(|error| builder_error(self.name(), &error))?;
        let limit = self.parameters.config.limit;
        Ok(EdgeTask::entries(view.base.as_deref(), &outputs, limit))
    }

    /// Factors `a`.
    ///
    /// # Errors
    /// As [`Ic0::factor`]; [`PrecondError::Builder`] with the network's reason.
    pub fn factor(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        let start = Instant::now();
        let view = MatrixView::new(a, self.parameters.config.input)?;
        let entries = self.entries_of(&view)?;
        let (mut values, mut diagonal) = (Vec::with_capacity(entries.len()), Vec::new());
        for (i, range) in view.starts.windows(2).enumerate() {
            let (start, end) = (range[0] as usize + i, range[1] as usize + i);
            values.extend_from_slice(&entries[start..end]);
            diagonal.push(entries[end]);
        }
        let failed = |d: &&f64| !(d.is_finite() && **d > 0.0 && (1.0 / **d).is_finite());
        let bad = diagonal.iter().filter(failed).count();
        let MatrixView {
            starts, columns, ..
        } = view;
        let corrected = IncompleteCholesky::from_parts(starts, columns, values, diagonal);
        let (factor, replaced) = match corrected {
            Ok(factor) => (factor, 0),
            Err(_) => (Ic0::default().factor(a)?, bad.max(1)),
        };
        let stats = factor
            .stats()
            .with_fill_ratio(1.0)
            .with_replaced_pivots(replaced)
            .with_setup_seconds(start.elapsed().as_secs_f64());
        let stats = match view.shift {
            Some((shift, attempts)) => stats.with_shift(shift, attempts),
            None => stats,
        };
        Ok(factor.with_stats(stats))
    }
}

impl IncompleteCholeskyBuilder for LearnedCorrector {
    fn name(&self) -> &str {
        "learned-corrector"
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.factor(a)
    }
}
