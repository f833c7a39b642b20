//! What is known of how a factor was made.

use std::fmt;

/// How an incomplete factor was made: the same facts for classical and learned builders.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct FactorStats {
    /// Time of the whole set-up, seconds; zero when not measured.
    pub setup_seconds: f64,
    /// `nnz(L) / nnz(tril(A))`, dimensionless; `None` when the factor was made without a matrix.
    pub fill_ratio: Option<f64>,
    /// Diagonal shift of the factorisation that succeeded, relative to `diag(A)`; zero when none
    /// was needed.
    pub shift: f64,
    /// Number of factorisations that were repeated with a (larger) shift.
    pub shift_attempts: usize,
    /// Pivots that were replaced instead of computed.
    pub replaced_pivots: usize,
    /// Depth of the graph of the matrix, in steps, where the factorisation looked for it: see
    /// [`Perturbation`](crate::classical::Perturbation).
    pub depth: Option<usize>,
}

impl FactorStats {
    /// Sets the set-up time in seconds.
    #[must_use]
    pub fn with_setup_seconds(mut self, seconds: f64) -> Self {
        self.setup_seconds = seconds;
        self
    }
    /// Sets the fill ratio `nnz(L) / nnz(tril(A))`.
    #[must_use]
    pub fn with_fill_ratio(mut self, ratio: f64) -> Self {
        self.fill_ratio = Some(ratio);
        self
    }
    /// Sets the shift that was used and the number of repeated factorisations.
    #[must_use]
    pub fn with_shift(mut self, shift: f64, attempts: usize) -> Self {
        self.shift = shift;
        self.shift_attempts = attempts;
        self
    }
    /// Sets the number of replaced pivots.
    #[must_use]
    pub fn with_replaced_pivots(mut self, count: usize) -> Self {
        self.replaced_pivots = count;
        self
    }
    /// Sets the depth of the graph.
    #[must_use]
    pub fn with_depth(mut self, depth: usize) -> Self {
        self.depth = Some(depth);
        self
    }
}

impl fmt::Display for FactorStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fill_ratio {
            Some(ratio) => write!(f, "fill {ratio:.2}")?,
            None => write!(f, "fill unknown")?,
        }
        write!(f, ", set-up {:.3} s", self.setup_seconds)?;
        if self.shift_attempts > 0 {
            write!(
                f,
                ", diagonal shift {:.3e} after {} retries",
                self.shift, self.shift_attempts
            )?;
        }
        if self.replaced_pivots > 0 {
            write!(f, ", {} pivots replaced", self.replaced_pivots)?;
        }
        Ok(())
    }
}
