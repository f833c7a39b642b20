//! W and H.

use crate::{OptError, Real};

/// Two tall factors of a matrix V ≈ W Hᵀ, row-major.
///
/// # Shapes
/// - `w`: m × r; `h`: n × r.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Factors<T = f64> {
    /// r.
    pub rank: usize,
    /// W, m × r.
    pub w: Vec<T>,
    /// H, n × r.
    pub h: Vec<T>,
}

impl<T: Real> Factors<T> {
    /// Takes two row-major factors of `rank` columns.
    ///
    /// # Errors
    /// [`OptError::Rank`] for rank 0, [`OptError::Length`] if there are no whole rows, [`OptError::Entry`] for the first entry that is negative, infinite or NaN.
    ///
    /// # Examples
    /// ```
    /// use la_opt::nmf::Factors;
    ///
    /// let factors = Factors::new(1, vec![1.0, 2.0], vec![3.0, 0.5, 1.0])?;
    /// assert_eq!((factors.rows(), factors.columns()), (2, 3));
    /// assert_eq!(factors.product(), [3.0, 0.5, 1.0, 6.0, 1.0, 2.0]);
    /// # Ok::<(), la_opt::OptError>(())
    /// ```
    pub fn new(rank: usize, w: Vec<T>, h: Vec<T>) -> Result<Self, OptError> {
        let factors = Self { rank, w, h };
        factors.check()?;
        Ok(factors)
    }

    /// The fields are public.
    pub(super) fn check(&self) -> Result<(), OptError> {
        let rank = self.rank;
        if rank == 0 {
            return Err(OptError::Rank {
                rank,
                limit: usize::MAX,
            });
        }
        for (what, factor) in [("factor W", &self.w), ("factor H", &self.h)] {
            let len = factor.len();
            if len % rank != 0 || len == 0 {
                return Err(OptError::Length {
                    what,
                    len,
                    expected: len.next_multiple_of(rank).max(rank),
                });
            }
            let bad = |x: &T| !(x.is_finite() && *x >= T::ZERO);
            if let Some(at) = factor.iter().position(bad) {
                return Err(OptError::Entry {
                    what,
                    row: at / rank,
                    column: at % rank,
                    value: factor[at].to_f64(),
                });
            }
        }
        Ok(())
    }

    /// m.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.w.len() / self.rank.max(1)
    }

    /// n.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.h.len() / self.rank.max(1)
    }

    /// W Hᵀ, m × n, row-major.
    #[must_use]
    pub fn product(&self) -> Vec<T> {
        let rank = self.rank.max(1);
        let mut product = Vec::with_capacity(self.rows() * self.columns());
        for w in self.w.chunks_exact(rank) {
            for h in self.h.chunks_exact(rank) {
                let terms = w.iter().zip(h);
                product.push(terms.fold(T::ZERO, |sum, (&w, &h)| sum + w * h));
            }
        }
        product
    }

    /// The factors of Vᵀ.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rank: self.rank,
            w: self.h,
            h: self.w,
        }
    }
}
