//! Nonnegative double singular value decomposition.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Initializer, TruncatedSvd};
use crate::nmf::{Data, Factors};
use crate::{OptError, Real};

/// What takes the place of the zeros of the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Fill {
    /// They stay: NNDSVD.
    #[default]
    Zeros,
    /// The mean of the data: NNDSVDa.
    Mean,
    /// Numbers uniform in (0, mean / 100): NNDSVDar. Multiplicative updates need this or the one before.
    Random,
}

/// Entries below this are zeros.
const TINY: f64 = 1e-11;

/// A start from the leading singular triples: of each the nonnegative parts of both vectors or the nonpositive ones, whichever are larger together.
///
/// # References
/// C. Boutsidis, E. Gallopoulos, *Pattern Recognit.* 41(4), 1350–1362, 2008.
///
/// # Examples
/// ```
/// use la_opt::nmf::{Data, Initializer, Nndsvd};
///
/// // A positive matrix of rank 1 is its own best approximation.
/// let v = vec![1.0_f64, 2.0, 3.0, 2.0, 4.0, 6.0];
/// let data = Data::dense(2, 3, &v[..])?;
/// let start = Nndsvd::default().start(&data, 1)?;
/// assert!(start.product().iter().zip(&v).all(|(a, b)| (a - b).abs() < 1e-13));
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Nndsvd {
    /// What takes the place of zeros. Default [`Fill::Zeros`].
    pub fill: Fill,
    /// Seed of the range finder and of [`Fill::Random`]. Default `0`.
    pub seed: u64,
}

impl Nndsvd {
    /// Sets what takes the place of zeros.
    #[must_use]
    pub fn with_fill(mut self, fill: Fill) -> Self {
        self.fill = fill;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The start for a decomposition that is there already; its rank is that of the decomposition.
    ///
    /// # Errors
    /// [`OptError::Length`] if the vectors are not those of the data, [`OptError::Rank`] if there are none.
    pub fn start_from<T: Real>(
        &self,
        data: &Data<'_, T>,
        svd: &TruncatedSvd,
    ) -> Result<Factors<T>, OptError> {
        let (m, n, rank) = (data.rows, data.columns, svd.values.len());
        if rank == 0 {
            let limit = m.min(n);
            return Err(OptError::Rank { rank, limit });
        }
        for (what, len, expected) in [
            ("left singular vectors", svd.left.len(), m * rank),
            ("right singular vectors", svd.right.len(), n * rank),
        ] {
            if len != expected {
                return Err(OptError::Length {
                    what,
                    len,
                    expected,
                });
            }
        }
        let (mut w, mut h) = (vec![T::ZERO; m * rank], vec![T::ZERO; n * rank]);
        let vectors = svd.left.chunks_exact(m).zip(svd.right.chunks_exact(n));
        for (c, ((u, v), &s)) in vectors.zip(&svd.values).enumerate() {
            let root = s.max(0.0).sqrt();
            let (sign, left, right) = if c == 0 {
                // Vectors of one sign, by Perron and Frobenius.
                (0.0, root, root)
            } else {
                let (plus, minus) = ([part(u, 1.0), part(v, 1.0)], [part(u, -1.0), part(v, -1.0)]);
                let (p, q) = (plus[0] * plus[1], minus[0] * minus[1]);
                let (sign, [x, y], size) = if p >= q {
                    (1.0, plus, p)
                } else {
                    (-1.0, minus, q)
                };
                let root = root * size.sqrt();
                let over = |norm: f64| if norm > 0.0 { root / norm } else { 0.0 };
                (sign, over(x), over(y))
            };
            let entry = |x: f64, scale: f64| {
                let size = if sign == 0.0 {
                    x.abs()
                } else {
                    (sign * x).max(0.0)
                };
                let value = scale * size;
                T::from_f64(if value < TINY { 0.0 } else { value })
            };
            for (row, &x) in w.chunks_exact_mut(rank).zip(u) {
                row[c] = entry(x, left);
            }
            for (row, &x) in h.chunks_exact_mut(rank).zip(v) {
                row[c] = entry(x, right);
            }
        }
        self.fill(data.mean(), &mut w, &mut h);
        Ok(Factors { rank, w, h })
    }

    fn fill<T: Real>(&self, mean: f64, w: &mut [T], h: &mut [T]) {
        let zeros = w.iter_mut().chain(h).filter(|x| **x == T::ZERO);
        match self.fill {
            Fill::Zeros => {}
            Fill::Mean => zeros.for_each(|x| *x = T::from_f64(mean)),
            Fill::Random => {
                let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                zeros.for_each(|x| *x = T::from_f64(0.01 * mean * (1.0 - rng.random::<f64>())));
            }
        }
    }
}

/// Norm of the part of a vector that has this sign.
fn part(x: &[f64], sign: f64) -> f64 {
    let square = |x: &f64| (sign * x).max(0.0).powi(2);
    x.iter().map(square).sum::<f64>().sqrt()
}

impl<T: Real> Initializer<T> for Nndsvd {
    fn start(&self, data: &Data<'_, T>, rank: usize) -> Result<Factors<T>, OptError> {
        let svd = TruncatedSvd::new(data, rank, self.seed)?;
        self.start_from(data, &svd)
    }
}
