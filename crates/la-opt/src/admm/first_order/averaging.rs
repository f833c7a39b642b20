//! Averages by polynomials of the mixing matrix.

use super::{Mixing, require_finite, require_length};
use crate::admm::AdmmError;

/// Mean values by Chebyshev's polynomials: after k rounds agent i has `(P_k(W) b)_i`, with the polynomial of degree k that is 1 at 1 and smallest on the interval of the other eigenvalues.
///
/// The fastest that k rounds and no memory but two values allow for averages; other functions it does not know.
///
/// # References
/// E. Montijano, J. I. Montijano, C. Sagüés, *Automatica* 49(7), 2013 (Chebyshev polynomials in distributed consensus).
///
/// # Examples
/// ```
/// use la_opt::admm::{ChebyshevAveraging, Network};
///
/// let ring = Network::from_edges(20, (0..20).map(|i| (i, (i + 1) % 20)))?;
/// let values: Vec<f64> = (0..20).map(f64::from).collect();
/// let mut averaging = ChebyshevAveraging::new(&ring, 1, &values)?;
/// averaging.iterate(60);
/// assert!((averaging.x(3)[0] - 9.5).abs() < 1e-4);
/// # Ok::<(), la_opt::admm::AdmmError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ChebyshevAveraging {
    mixing: Mixing,
    n: usize,
    x: Vec<f64>,
    before: Vec<f64>,
    mixed: Vec<f64>,
    centre: f64,
    radius: f64,
    /// `T_{k−1}(z) / T_k(z)` at the point z that belongs to the eigenvalue 1.
    ratio: f64,
    iteration: usize,
}

impl ChebyshevAveraging {
    /// From n values of each agent, with the eigenvalues of Metropolis weights.
    ///
    /// # Errors
    /// [`AdmmError::Length`] or [`AdmmError::NonFinite`].
    pub fn new(
        network: &crate::admm::Network,
        n: usize,
        values: &[f64],
    ) -> Result<Self, AdmmError> {
        require_length("list of values", values.len(), n * network.agents())?;
        require_finite("list of values", values)?;
        let mixing = Mixing::metropolis(network);
        let (least, second) = (mixing.least_eigenvalue_bound(), mixing.second_eigenvalue());
        Ok(Self {
            // An interval of no length is one eigenvalue.
            radius: (0.5 * (second - least)).max(1e-12),
            centre: 0.5 * (second + least),
            mixing,
            n,
            x: values.to_vec(),
            before: vec![0.0; values.len()],
            mixed: vec![0.0; values.len()],
            ratio: 0.0,
            iteration: 0,
        })
    }

    /// So many rounds.
    pub fn iterate(&mut self, count: usize) {
        let one = (1.0 - self.centre) / self.radius;
        for _ in 0..count {
            self.mixing.apply(self.n, &self.x, &mut self.mixed);
            // T_1 is z, without the factor 2 of the recurrence.
            let (factor, next) = if self.iteration == 0 {
                (1.0, 1.0 / one)
            } else {
                (2.0, 1.0 / (2.0 * one - self.ratio))
            };
            for ((x, before), w) in self.x.iter_mut().zip(&mut self.before).zip(&self.mixed) {
                let z = (w - self.centre * *x) / self.radius;
                let new = next * (factor * z - self.ratio * *before);
                (*before, *x) = (*x, new);
            }
            self.ratio = next;
            self.iteration += 1;
        }
    }

    /// The value of agent i (n).
    #[must_use]
    pub fn x(&self, i: usize) -> &[f64] {
        &self.x[i * self.n..(i + 1) * self.n]
    }

    /// Exchanges between neighbours so far; each sends n numbers along every directed edge.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.iteration
    }
}
