//! Factors of tridiagonal matrices from a map that was learned along the chain.

use std::sync::Arc;
use std::time::Instant;

use la_gnn::chain::Parameters;
use la_gnn::native::chain::{ChainNetwork, ratios};
use la_gnn::{GnnError, Weights};
use sprs::CsMatViewI;

use super::builder_error;
use crate::classical::SymmetryCheck;
use crate::classical::factor::LowerPattern;
use crate::classical::input::{lower_pattern, with_rows};
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

/// Builds bidiagonal factors of tridiagonal matrices with a learned elimination ([`la_gnn::chain`]).
///
/// An experiment about what can be learned, not a tool: [`Ic0`](crate::classical::Ic0) is exact on these matrices and cheaper. A pivot that the map puts below its
/// floor is replaced by that of the scaled matrix, and counted in [`FactorStats::replaced_pivots`]: those are the breakdowns of a learned elimination. O(n) with one multiply-add
/// per parameter and row.
///
/// # Examples
/// ```
/// use la_gnn::chain::{ChainConfig, ChainModel, Parameters};
/// use la_precond::PrecondError;
/// use la_precond::learned::LearnedTridiagonal;
/// use la_problems::{Grid, Poisson, TridiagonalToeplitz};
///
/// let parameters = Parameters::initialize(&ChainConfig::new(ChainModel::Safe), 0)?;
/// let builder = LearnedTridiagonal::from_parameters(&parameters)?;
/// let a = TridiagonalToeplitz::default().matrix()?;
/// assert_eq!(builder.factor(a.view())?.stats().replaced_pivots, 0);
/// let grid = Poisson::new(Grid::rectangle(3, 3)).generate()?.matrix;
/// assert_eq!(builder.factor(grid.view()).unwrap_err(), PrecondError::NotTridiagonal { row: 0, col: 3 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LearnedTridiagonal {
    network: ChainNetwork,
}

impl LearnedTridiagonal {
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
        let network = ChainNetwork::new(parameters)?;
        Ok(Self { network })
    }

    /// Builds the factor of a symmetric tridiagonal matrix, both triangles or the lower one stored.
    ///
    /// # Errors
    /// [`PrecondError::NotTridiagonal`] with the first entry that is too far from the diagonal; [`PrecondError::MissingDiagonal`],
    /// [`PrecondError::NotSymmetric`]; [`PrecondError::Builder`] with the network's reason (a diagonal that is not positive, entries that are not finite).
    pub fn factor(
        &self,
        a: CsMatViewI<'_, f64, u32>,
    ) -> Result<IncompleteCholesky<f64>, PrecondError> {
        let start = Instant::now();
        with_rows(a, |rows, n| {
            for i in 0..n {
                let far = |&&j: &&u32| (j as usize).abs_diff(i) > 1;
                if let Some(&col) = rows.row(i).0.iter().find(far) {
                    let col = col as usize;
                    return Err(PrecondError::NotTridiagonal { row: i, col });
                }
            }
            let pattern = lower_pattern(&rows, n, SymmetryCheck::Full)?;
            if n == 0 {
                let pattern = Arc::new(pattern);
                return Ok(IncompleteCholesky::assemble(pattern, vec![], vec![]));
            }
            let (mut diagonal, mut below) = (Vec::with_capacity(n), vec![0.0; n - 1]);
            for i in 0..n {
                let (_, values) = rows.row(i);
                let before = pattern.range(i).len();
                diagonal.push(values[before]);
                if before == 1 {
                    below[i - 1] = values[0];
                }
            }
            let failed = |error: GnnError| builder_error(self.name(), &error);
            let r = ratios(&diagonal, &below).map_err(failed)?;
            let pivots = self.network.pivots(&r).map_err(failed)?;
            let pairs = diagonal.iter().zip(&pivots.values);
            let l: Vec<f64> = pairs.map(|(a, rho)| (rho * a).sqrt()).collect();
            let stored = (1..n).filter(|&i| !pattern.range(i).is_empty());
            let values = stored.map(|i| below[i - 1] / l[i - 1]).collect();
            let stats = FactorStats::default()
                .with_fill_ratio(1.0)
                .with_replaced_pivots(pivots.replaced)
                .with_setup_seconds(start.elapsed().as_secs_f64());
            let LowerPattern { indptr, indices } = pattern;
            let factor = IncompleteCholesky::from_parts(indptr, indices, values, l)?;
            Ok(factor.with_stats(stats))
        })
    }
}

impl IncompleteCholeskyBuilder for LearnedTridiagonal {
    fn name(&self) -> &str {
        "learned-tridiagonal"
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky<f64>, PrecondError> {
        self.factor(a)
    }
}
