//! Anderson acceleration of the iteration.
//!
//! Between two x-updates all that an agent carries on is `u = (v, λ, g)`, and an iteration is a map `u → W(u)`. From the last changes of `f = W(u) − u` and of W(u) comes
//!
//! ```text
//! θ = argmin ‖f − ΔF θ‖        u⁺ = W(u) − ΔW θ
//! ```
//!
//! in the norm `Σ_i α M_i ‖v_i‖² + ‖g_i‖² / (α M_i)`. λ follows with the same θ, so that `g = A λ` holds on.

mod accelerator;
mod agent;
mod memory;
mod sums;

pub(super) use accelerator::Accelerator;
#[cfg(feature = "serde")]
pub(super) use memory::Memory;

/// Anderson acceleration of type II, with a safeguard.
///
/// An extrapolated iterate whose residual is more than `safeguard` times as large as that of the iterate before is dropped for the plain one. After every `memory` extrapolations the residual
/// must have fallen at least as fast as in the plain iterations before them; otherwise the iterates go back to where the extrapolations began, and twice as many plain iterations pass before
/// the next attempt. How many are kept is bounded in the residual they are kept at, which is what global convergence rests on.
///
/// It pays where α is too small for the graph, up to a hundred times on long rings. Where α is right, the eigenvalues of the iteration lie around a circle that touches 1, and a memory of this length
/// gains little or loses; where α is much too large it can need several times as many iterations as the plain iteration, because residuals that fall as they should leave slow modes behind. [`Adapt::Spectral`](super::Adapt) is
/// the better first choice.
///
/// Costs for each iteration one sum over all processes (looks are then not pipelined), and memory and time for `5 n` numbers of each agent and remembered iteration.
///
/// # References
/// J. Zhang, B. O'Donoghue, S. Boyd, *SIAM J. Optim.* 30(4), 3170–3197, 2020, algorithm 3.1 (safeguard; type I there); H. F. Walker, P. Ni, *SIAM J. Numer. Anal.* 49(4), 1715–1735, 2011 (type II).
/// Deviates: extrapolated iterates are judged after their residual is known, beside the rate of plain ones, and the memory is full before the first extrapolation.
///
/// # Examples
/// ```
/// use la_opt::admm::{Admm, AdmmOptions, AdmmStatus, Anderson, Network, SquaredDistance};
///
/// let ring = Network::from_edges(40, (0..40).map(|i| (i, (i + 1) % 40)))?;
/// let run = |options: AdmmOptions| {
///     let agents = (0..40).map(|i| SquaredDistance::new(vec![f64::from(i)])).collect::<Result<_, _>>()?;
///     Ok::<_, la_opt::admm::AdmmError>(Admm::new(&ring, agents, options)?.solve())
/// };
/// let plain = run(AdmmOptions::default())?;
/// let fast = run(AdmmOptions::default().with_acceleration(Some(Anderson::default())))?;
/// assert_eq!(fast.status, AdmmStatus::Converged);
/// assert!(fast.iterations < plain.iterations);
/// # Ok::<(), la_opt::admm::AdmmError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Anderson {
    /// Iterations that are remembered, in 1..=50. Default `10`.
    pub memory: usize,
    /// Growth of the residual at which an extrapolated iterate is dropped, positive. Default `2`.
    pub safeguard: f64,
    /// Added to the diagonal of the Gram matrix of ΔF, relative to it; at least 0. Default `1e-10`.
    pub regularization: f64,
}

impl Default for Anderson {
    fn default() -> Self {
        Self {
            memory: 10,
            safeguard: 2.0,
            regularization: 1e-10,
        }
    }
}

impl Anderson {
    /// Sets the memory.
    #[must_use]
    pub fn with_memory(mut self, memory: usize) -> Self {
        self.memory = memory;
        self
    }

    /// Sets the growth at which an extrapolated iterate is dropped.
    #[must_use]
    pub fn with_safeguard(mut self, safeguard: f64) -> Self {
        self.safeguard = safeguard;
        self
    }

    /// Sets the regularization.
    #[must_use]
    pub fn with_regularization(mut self, regularization: f64) -> Self {
        self.regularization = regularization;
        self
    }
}
