//! Nonnegative matrix factorisation `V ≈ W Hᵀ`.
//!
//! An [`Initializer`] makes [`Factors`] for [`Data`], [`factorize`] or an [`NmfWorkspace`] improves them by a [`Method`]: alternating optimisation with ADMM, hierarchical alternating least squares with and without
//! extrapolation, multiplicative updates, and for the divergence of Kullback and Leibler coordinate descent. V is dense or sparse, and may have missing entries; both factors are tall, W m × r and H n × r, so that the same work serves both
//! half problems: the half step of W is that of H for Vᵀ.
//!
//! An outer iteration reads a dense V once: while a block of its rows is in the cache, it is multiplied by H, the rows of W are improved, and what they add to `Vᵀ W` is formed.

mod block;
mod compressed;
mod data;
mod divergence;
mod extrapolate;
mod factors;
#[cfg(feature = "learned")]
pub mod learned;
mod metric;
mod newton;
mod options;
mod part;
mod products;
mod rule;
mod small;
mod solution;
mod solve;
mod start;
mod state;
mod workspace;

pub use data::{Data, Unstored};
pub use factors::Factors;
pub use options::{AoAdmm, DualStart, Extrapolation, Loss, Method, NmfOptions, Rho, Safeguard};
pub use solution::{NmfSolution, NmfStatus, NmfStep};
pub use start::{Fill, Initializer, Nndsvd, RandomStart, TruncatedSvd};
pub use workspace::NmfWorkspace;

use crate::{OptError, Real};

/// Improves a starting point until a rule of the options says stop.
///
/// # Errors
/// As [`NmfWorkspace::new`]. Not having converged is an [`NmfStatus`].
///
/// # Examples
/// ```
/// use la_opt::nmf::{Data, Initializer, NmfOptions, Nndsvd, factorize};
///
/// // V = W Hᵀ of rank 2.
/// let v = vec![162.0, 174.0, 46.0, 24.0, 20.0, 2.0, 132.0, 122.0, 21.0, 126.0, 138.0, 38.0];
/// let data = Data::dense(4, 3, v)?;
/// let start = Nndsvd::default().start(&data, 2)?;
/// let solution = factorize(&data, &start, NmfOptions::default().with_max_iters(500))?;
/// assert!(solution.rmse < 0.01 * data.mean());
/// assert!(solution.factors.w.iter().all(|&w| w >= 0.0));
/// # Ok::<(), la_opt::OptError>(())
/// ```
pub fn factorize<T: Real>(
    data: &Data<'_, T>,
    start: &Factors<T>,
    options: NmfOptions,
) -> Result<NmfSolution<T>, OptError> {
    Ok(NmfWorkspace::new(data, start, options)?.solve())
}
