//! What is known of how LU factors were made.

use std::fmt;

/// How incomplete LU factors were made.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct LuStats {
    /// Time of the whole set-up, seconds; zero when not measured.
    pub setup_seconds: f64,
    /// Stored entries of `L` (without its unit diagonal) and `U` over those of `A`, dimensionless;
    /// `None` when the factors were made without a matrix.
    pub fill_ratio: Option<f64>,
    /// Pivots that were replaced because they were too small, see
    /// [`PivotRule`](crate::classical::PivotRule).
    pub replaced_pivots: usize,
    /// Columns that changed places during the factorisation (column pivoting).
    pub column_swaps: usize,
    /// Size of the largest matching of rows with columns through nonzeros; `None` when no matching
    /// was computed. Smaller than the order: the matrix is singular whatever its values.
    pub structural_rank: Option<usize>,
    /// Smallest pivot of factors that a network made, absolute and in the units of its output; `None` for all others.
    pub smallest_pivot: Option<f64>,
}

impl LuStats {
    /// Sets the set-up time in seconds.
    #[must_use]
    pub fn with_setup_seconds(mut self, seconds: f64) -> Self {
        self.setup_seconds = seconds;
        self
    }
    /// Sets the fill ratio.
    #[must_use]
    pub fn with_fill_ratio(mut self, ratio: f64) -> Self {
        self.fill_ratio = Some(ratio);
        self
    }
    /// Sets the number of replaced pivots.
    #[must_use]
    pub fn with_replaced_pivots(mut self, count: usize) -> Self {
        self.replaced_pivots = count;
        self
    }
    /// Sets the number of columns that changed places.
    #[must_use]
    pub fn with_column_swaps(mut self, count: usize) -> Self {
        self.column_swaps = count;
        self
    }
    /// Sets the structural rank.
    #[must_use]
    pub fn with_structural_rank(mut self, rank: usize) -> Self {
        self.structural_rank = Some(rank);
        self
    }
    /// Sets the smallest pivot of a network.
    #[must_use]
    pub fn with_smallest_pivot(mut self, pivot: f64) -> Self {
        self.smallest_pivot = Some(pivot);
        self
    }
}

impl fmt::Display for LuStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fill_ratio {
            Some(ratio) => write!(f, "fill {ratio:.2}")?,
            None => write!(f, "fill unknown")?,
        }
        write!(f, ", set-up {:.3} s", self.setup_seconds)?;
        if self.column_swaps > 0 {
            write!(f, ", {} columns swapped", self.column_swaps)?;
        }
        if self.replaced_pivots > 0 {
            write!(f, ", {} pivots replaced", self.replaced_pivots)?;
        }
        if let Some(rank) = self.structural_rank {
            write!(f, ", structural rank {rank}")?;
        }
        if let Some(pivot) = self.smallest_pivot {
            write!(f, ", smallest pivot {pivot:.1e}")?;
        }
        Ok(())
    }
}
