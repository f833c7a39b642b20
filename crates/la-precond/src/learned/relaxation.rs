//! Relaxed incomplete LU factors with learned relaxation.

use std::time::Instant;

use la_gnn::native::relaxation::RelaxationNetwork;
use la_gnn::relaxation::Parameters;
use la_gnn::{GnnError, Weights};
use sprs::CsMatViewI;

use super::builder_error;
use crate::classical::{IluSymbolic, PivotRule, Relaxation};
use crate::{IncompleteLu, IncompleteLuBuilder, PrecondError};

/// Relaxed ILU(0) whose relaxation factors a network chooses, one for each row.
///
/// Use it for diffusion with convection on grids, where one factor does not serve every mesh width and every Péclet
/// number ([`Ilu::with_relaxation`](crate::classical::Ilu::with_relaxation) is the thing to try first, and as good where both are
/// always the same). Not for matrices without an order that elimination should respect, or from elsewhere than the weights: relaxation can
/// hurt there, and plain [`Ilu`](crate::classical::Ilu) does not.
///
/// Costs ILU(0), one more pass over the matrix, and about 600 multiply-adds in single precision per row; memory 80 bytes per row while
/// it is built. The factors have the pattern of ILU(0).
///
/// # Examples
/// ```
/// use la_krylov::{GmresOptions, gmres};
/// use la_precond::learned::{LearnedRelaxation, Weights};
/// use la_problems::{ConvectionDiffusion, Grid, Wind};
///
/// let wind = ConvectionDiffusion::default().with_wind(Wind::Eddies(1)).with_peclet(100.0);
/// let system = wind.with_grid(Grid::cuboid(12, 12, 12)).generate()?;
/// let builder = LearnedRelaxation::new(&Weights::bundled("ilu-relaxation-convection")?)?;
/// let factor = builder.factor(system.matrix.view())?;
/// let solution = gmres(&system.matrix, &system.rhs, &factor, &GmresOptions::default())?;
/// assert!(solution.status.is_converged());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// [`la_gnn::relaxation`] for the network, [`Relaxation`] for the factorisation.
#[derive(Debug, Clone)]
pub struct LearnedRelaxation {
    network: RelaxationNetwork,
    pivot: PivotRule,
}

impl LearnedRelaxation {
    /// A builder from weights, bundled or of one's own.
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
            network: RelaxationNetwork::new(parameters)?,
            pivot: PivotRule::default(),
        })
    }

    /// Sets what to do with small pivots.
    #[must_use]
    pub fn with_pivot(mut self, pivot: PivotRule) -> Self {
        self.pivot = pivot;
        self
    }

    /// Factors a square matrix stored by rows; diagonal entries may be missing.
    ///
    /// # Errors
    /// [`PrecondError::Builder`] for a matrix that is not square, not stored by rows, or has an entry that is not finite (the message names
    /// the row), and those of [`IluSymbolic::factor`].
    pub fn factor(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteLu, PrecondError> {
        let start = Instant::now();
        let omega = self
            .network
            .factors(a)
            .map_err(|error| builder_error("learned relaxation", &error))?;
        let factor =
            IluSymbolic::new(a, 0)?.factor_relaxed(a, self.pivot, Relaxation::PerRow(&omega))?;
        let stats = (*factor.stats()).with_setup_seconds(start.elapsed().as_secs_f64());
        Ok(factor.with_stats(stats))
    }
}

impl IncompleteLuBuilder for LearnedRelaxation {
    fn name(&self) -> &str {
        "learned-relaxation"
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteLu, PrecondError> {
        self.factor(a)
    }
}
