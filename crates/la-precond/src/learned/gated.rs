//! Incomplete Cholesky with gates.

use std::time::Instant;

use la_gnn::gated::Parameters;
use la_gnn::native::gated::{EliminationMatrix, GatedSweep, GatedTask};
use la_gnn::native::mpgnn::{Cosine, EdgeLoss};
use la_gnn::{GnnError, Weights};
use sprs::{CsMatI, CsMatViewI};

use super::{FactorGoal, Spectral, builder_error};
use crate::classical::input::{hopeless, lower_pattern, with_rows};
use crate::classical::shift::AttemptError;
use crate::classical::{KOptimal, ShiftStrategy, SymmetryCheck};
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

const NAME: &str = "gated-elimination";

/// Incomplete Cholesky without fill-in whose steps a network gates: updates, compensation of dropped fill, entries and pivots.
///
/// An experiment about what a network can do along the elimination, with 269 parameters, beside [`LearnedCompensation`](super::LearnedCompensation), which has 167
/// and is the one to use: see the tables of `docs/results/learned-corrector.md`. The factor has the pattern of the lower triangle of `A`. Set-up is one elimination with a
/// perceptron of about 60 multiply-adds at each pair of entries; level by level, or by sweeps over all entries at
/// once ([`with_sweeps`](Self::with_sweeps)).
///
/// A pivot below 1e-8 of its diagonal entry has failed: the elimination starts again with a shifted diagonal, see [`ShiftStrategy`]. With
/// [`ShiftStrategy::None`] it is replaced by 1e-8, and [counted](crate::FactorStats::replaced_pivots); entries that overflow for it are an error.
///
/// # Shapes
/// As for [`Ic0`](crate::classical::Ic0).
///
/// # Examples
/// ```
/// use la_gnn::gated::{GatedConfig, Parameters};
/// use la_precond::classical::Ic0;
/// use la_precond::learned::GatedElimination;
/// use la_problems::TriangularGrid;
///
/// let a = TriangularGrid::default().generate(0)?;
/// let untrained = Parameters::initialize(&GatedConfig::default(), 0)?;
/// let factor = GatedElimination::from_parameters(&untrained)?.factor(a.view())?;
/// let ic0 = Ic0::default().factor(a.view())?;
/// assert!((factor.diagonal()[63] / ic0.diagonal()[63] - 1.0).abs() < 1e-14, "before training it is IC(0)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// [`la_gnn::gated`].
#[derive(Debug, Clone)]
pub struct GatedElimination {
    sweep: GatedSweep,
    sweeps: Option<usize>,
    shift: ShiftStrategy,
}

/// The lower triangle of a matrix, as an elimination sees it.
struct Lower {
    matrix: EliminationMatrix,
    /// The strict lower triangle.
    starts: Vec<u32>,
    columns: Vec<u32>,
    root: Vec<f64>,
}

impl Lower {
    fn new(a: CsMatViewI<'_, f64, u32>) -> Result<Self, PrecondError> {
        with_rows(a, |rows, n| {
            let pattern = lower_pattern(&rows, n, SymmetryCheck::Count)?;
            let (mut starts, mut columns, mut values) = (vec![0_u32], Vec::new(), Vec::new());
            let mut root = Vec::with_capacity(n);
            for i in 0..n {
                if let Some(error) = hopeless(&rows, i) {
                    return Err(error);
                }
                let (own_columns, own) = rows.row(i);
                let count = pattern.range(i).len() + 1;
                columns.extend_from_slice(&own_columns[..count]);
                values.extend_from_slice(&own[..count]);
                root.push(own[count - 1].sqrt());
                starts.push(columns.len() as u32);
            }
            let failed = |error| builder_error(NAME, &error);
            let matrix = EliminationMatrix::new(&starts, &columns, &values).map_err(failed)?;
            Ok(Self {
                matrix,
                starts: pattern.indptr,
                columns: pattern.indices,
                root,
            })
        })
    }
}

impl GatedElimination {
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
        Ok(Self {
            sweep: GatedSweep::new(parameters)?,
            sweeps: None,
            shift: ShiftStrategy::default(),
        })
    }

    /// Computes all entries at once, so many times, from those of the sweep before. Default: one elimination, level by level, which as many
    /// sweeps as there are levels would give.
    #[must_use]
    pub fn with_sweeps(mut self, sweeps: usize) -> Self {
        self.sweeps = Some(sweeps);
        self
    }

    /// Sets what to do when a pivot fails.
    #[must_use]
    pub fn with_shift(mut self, shift: ShiftStrategy) -> Self {
        self.shift = shift;
        self
    }

    /// Factors `a`.
    ///
    /// # Errors
    /// As [`Ic0::factor`](crate::classical::Ic0::factor); [`PrecondError::Builder`] with the network's reason.
    pub fn factor(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.shift.validate()?;
        let start = Instant::now();
        let lower = Lower::new(a)?;
        let replace = self.shift == ShiftStrategy::None;
        let (factor, shift, attempts) = self.shift.run(|shift| {
            let factor = match self.sweeps {
                None => self.sweep.factor(&lower.matrix, shift),
                Some(sweeps) => self.sweep.fixed_point(&lower.matrix, shift, sweeps),
            };
            let finite = factor.entries.iter().all(|l| l.is_finite());
            match finite && (replace || factor.replaced == 0) {
                true => Ok(factor),
                false => Err(AttemptError::Pivot { row: 0 }),
            }
        })?;
        let (mut values, mut diagonal) = (Vec::with_capacity(lower.columns.len()), Vec::new());
        for (i, &root) in lower.root.iter().enumerate() {
            let (first, last) = (
                lower.starts[i] as usize + i,
                lower.starts[i + 1] as usize + i,
            );
            values.extend(factor.entries[first..last].iter().map(|l| l * root));
            diagonal.push(factor.entries[last] * root);
        }
        let stats = FactorStats::default()
            .with_fill_ratio(1.0)
            .with_shift(shift, attempts)
            .with_replaced_pivots(factor.replaced)
            .with_setup_seconds(start.elapsed().as_secs_f64());
        let factor = IncompleteCholesky::from_parts(lower.starts, lower.columns, values, diagonal)?;
        Ok(factor.with_stats(stats))
    }

    /// Levels of the elimination of `a`: what one elimination needs one after the other, and the number of sweeps that are exact.
    ///
    /// # Errors
    /// As [`factor`](Self::factor).
    pub fn levels(a: CsMatViewI<'_, f64, u32>) -> Result<usize, PrecondError> {
        Ok(Lower::new(a)?.matrix.levels().count())
    }
}

impl IncompleteCholeskyBuilder for GatedElimination {
    fn name(&self) -> &str {
        NAME
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.factor(a)
    }
}

/// A matrix to learn from, for [`GatedEngine`](la_gnn::native::gated::GatedEngine). Goals are those of the matrix scaled to unit diagonal.
///
/// # Errors
/// As [`GatedElimination::factor`]; as [`KOptimal::factor`] and [`Spectral::new`].
///
/// # Examples
/// ```
/// use la_gnn::gated::{GatedConfig, Parameters};
/// use la_gnn::native::gated::GatedEngine;
/// use la_precond::learned::{FactorGoal, SpectralGoal, gated_task};
/// use la_problems::TriangularGrid;
///
/// let a = TriangularGrid::default().generate(0)?;
/// let goal = FactorGoal::Spectrum(SpectralGoal::Residual { steps: 8 });
/// let engine = GatedEngine::new(&GatedConfig::default(), vec![gated_task(a.view(), goal)?])?;
/// let start = Parameters::initialize(&GatedConfig::default(), 0)?;
/// assert!(engine.mean_loss(&start.values)? < -0.3, "IC(0) gains a digit in eight steps");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn gated_task(
    a: CsMatViewI<'_, f64, u32>,
    goal: FactorGoal,
) -> Result<GatedTask, PrecondError> {
    let lower = Lower::new(a)?;
    let scaled: CsMatI<f64, u32> = {
        let mut scaled = a.to_owned();
        for (i, mut row) in scaled.outer_iterator_mut().enumerate() {
            for (j, value) in row.iter_mut() {
                *value /= lower.root[i] * lower.root[j];
            }
        }
        scaled
    };
    let loss: Box<dyn EdgeLoss> = match goal {
        FactorGoal::KOptimal => {
            let wanted = super::corrector::entries(&KOptimal::default().factor(scaled.view())?);
            let failed = |error| builder_error(NAME, &error);
            Box::new(Cosine::new(&wanted).map_err(failed)?)
        }
        FactorGoal::Spectrum(goal) => Box::new(Spectral::new(scaled.view(), goal)?),
    };
    Ok(GatedTask {
        matrix: lower.matrix,
        loss,
    })
}
