//! What a look at the entries tells.

use std::fmt;

use sprs::{CsMatI, CsMatViewI};

/// What is known of a matrix before anything is tried; one pass over it and its transpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MatrixFacts {
    /// Order.
    pub n: usize,
    /// Stored entries.
    pub nnz: usize,
    /// Whether every entry equals its mirror image to 1e-12, relative.
    pub symmetric: bool,
    /// Rows whose diagonal entry is positive.
    pub positive_diagonal: usize,
    /// Rows whose diagonal entry is negative.
    pub negative_diagonal: usize,
    /// Rows with no entry off the diagonal that is not zero.
    pub diagonal_rows: usize,
    /// Rows whose diagonal entry is at least as large as the others of the row together.
    pub dominant_rows: usize,
    /// Whether no off-diagonal entry has the sign of its diagonal entry (an M-matrix has this).
    pub opposite_signs: bool,
}

impl MatrixFacts {
    /// Looks at `a`, in CSR form.
    pub(super) fn of(a: CsMatViewI<'_, f64, u32>) -> Self {
        let transposed: CsMatI<f64, u32> = a.transpose_view().to_csr();
        let mut facts = Self {
            n: a.rows(),
            nnz: a.nnz(),
            symmetric: true,
            positive_diagonal: 0,
            negative_diagonal: 0,
            diagonal_rows: 0,
            dominant_rows: 0,
            opposite_signs: true,
        };
        for (i, (row, mirror)) in a
            .outer_iterator()
            .zip(transposed.outer_iterator())
            .enumerate()
        {
            let (mut diagonal, mut others) = (0.0_f64, 0.0_f64);
            for (j, &v) in row.iter() {
                if i == j {
                    diagonal = v;
                } else {
                    others += v.abs();
                }
            }
            facts.positive_diagonal += usize::from(diagonal > 0.0);
            facts.negative_diagonal += usize::from(diagonal < 0.0);
            facts.diagonal_rows += usize::from(others == 0.0);
            facts.dominant_rows += usize::from(diagonal != 0.0 && diagonal.abs() >= others);
            facts.opposite_signs &= row.iter().all(|(j, &v)| i == j || v * diagonal <= 0.0);
            facts.symmetric = facts.symmetric
                && row.indices() == mirror.indices()
                && row
                    .data()
                    .iter()
                    .zip(mirror.data())
                    .all(|(x, y)| (x - y).abs() <= 1e-12 * x.abs().max(y.abs()));
        }
        facts
    }

    /// Symmetric with a diagonal of one sign: may be definite.
    #[must_use]
    pub fn may_be_definite(&self) -> bool {
        self.symmetric && self.positive_diagonal.max(self.negative_diagonal) == self.n
    }

    /// Whether `−A` is what may be positive definite.
    #[must_use]
    pub fn negative(&self) -> bool {
        self.n > 0 && self.negative_diagonal == self.n
    }

    /// Symmetric, of one sign on the diagonal and the other off it, and dominant in most rows: a discretised
    /// diffusion, a graph Laplacian.
    #[must_use]
    pub fn looks_elliptic(&self) -> bool {
        self.may_be_definite() && self.opposite_signs && 2 * self.dominant_rows >= self.n
    }

    /// Diagonal entries that are zero or not stored.
    #[must_use]
    pub fn zero_diagonal(&self) -> usize {
        self.n - self.positive_diagonal - self.negative_diagonal
    }
}

impl fmt::Display for MatrixFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, {} entries, ", self.n, self.nnz)?;
        f.write_str(if self.symmetric {
            "symmetric"
        } else {
            "not symmetric"
        })?;
        match self.zero_diagonal() {
            0 if self.positive_diagonal == self.n => f.write_str(", positive diagonal"),
            0 if self.negative() => f.write_str(", negative diagonal"),
            0 => write!(
                f,
                ", {} positive and {} negative diagonal entries",
                self.positive_diagonal, self.negative_diagonal
            ),
            zeros => write!(f, ", {zeros} zeros on the diagonal"),
        }
    }
}
