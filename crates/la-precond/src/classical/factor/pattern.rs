//! The positions of a strict lower triangle.

use std::ops::Range;

/// Positions of a strict lower triangle by rows, shared by all factors that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LowerPattern {
    /// Start of each row in `indices`, length `n + 1`.
    pub(crate) indptr: Vec<u32>,
    /// Columns, increasing in each row, all left of the diagonal.
    pub(crate) indices: Vec<u32>,
}

impl LowerPattern {
    /// Where row `i` lies in `indices`; empty outside the matrix.
    pub(crate) fn range(&self, i: usize) -> Range<usize> {
        match (self.indptr.get(i), self.indptr.get(i + 1)) {
            (Some(&start), Some(&end)) => start as usize..end as usize,
            _ => 0..0,
        }
    }

    /// Entries of the longest row.
    pub(crate) fn longest_row(&self) -> usize {
        self.indptr
            .windows(2)
            .map(|w| (w[1] - w[0]) as usize)
            .max()
            .unwrap_or(0)
    }
}
