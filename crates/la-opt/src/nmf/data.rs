//! The matrix that is factorised.

use std::borrow::Cow;
use std::ops::Range;

use super::compressed::Both;
use crate::qp::SparseRows;
use crate::{OptError, Real};

/// What the entries of a sparse matrix that are not stored stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Unstored {
    /// Zeros, as counts of words have them.
    #[default]
    Zero,
    /// Values that nobody knows, as ratings have them.
    Missing,
}

/// A nonnegative m × n matrix V: dense or sparse, all of its entries known or not.
///
/// Sparse matrices are kept by rows and by columns, and nothing of size m × n is ever formed for them. Missing entries take the values of `W Hᵀ` in each half
/// step, of which only those at the missing entries (dense V) or at the known ones (sparse V) are computed; each step for the completed matrix
/// lowers the error over the known entries by as much at least.
///
/// # Examples
/// ```
/// use la_opt::nmf::{Data, Unstored};
/// use la_opt::qp::SparseRows;
///
/// let dense = Data::dense(2, 3, vec![1.0, 0.0, 2.0, 0.0, 3.0, 0.0])?;
/// let sparse = Data::sparse(SparseRows::new(3, vec![0, 2, 3], vec![0, 2, 1], vec![1.0, 2.0, 3.0])?, Unstored::Zero)?;
/// assert_eq!((dense.mean(), sparse.mean()), (1.0, 1.0));
///
/// let error = Data::dense(1, 2, vec![1.0, -2.0]).unwrap_err();
/// assert_eq!(error.to_string(), "entry (0, 1) of the data is -2, but must be finite and at least 0");
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Data<'a, T: Clone = f64> {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) entries: Entries<'a, T>,
    /// Known entries.
    pub(super) known: usize,
    /// Their sum and the sum of their squares.
    pub(super) sum: f64,
    pub(super) square: f64,
}

#[derive(Debug, Clone)]
pub(super) enum Entries<'a, T: Clone> {
    /// Row-major, with zeros where an entry is missing.
    Dense {
        values: Cow<'a, [T]>,
        gaps: Option<Both<()>>,
    },
    Sparse {
        values: Both<T>,
        unstored: Unstored,
    },
}

impl<'a, T: Real> Data<'a, T> {
    /// A dense matrix, row-major, owned or borrowed.
    ///
    /// # Errors
    /// [`OptError::Length`] if there are not `rows · columns` values, [`OptError::Entry`] for the first one that is negative, infinite or NaN, [`OptError::Empty`].
    pub fn dense(
        rows: usize,
        columns: usize,
        values: impl Into<Cow<'a, [T]>>,
    ) -> Result<Self, OptError> {
        let values = values.into();
        check_shape(rows, columns, values.len())?;
        let bad = |x: &T| !(x.is_finite() && *x >= T::ZERO);
        if let Some(at) = values.iter().position(bad) {
            return Err(entry(at / columns, at % columns, values[at]));
        }
        let known = values.len();
        Ok(Self::of(
            rows,
            columns,
            Entries::Dense { values, gaps: None },
            known,
        ))
    }

    /// A dense matrix, row-major, some entries of which are missing: those where the mask is `false`, whatever stands there.
    ///
    /// # Errors
    /// As [`Data::dense`]; the mask has the length of the values. [`OptError::Empty`] if no entry is known.
    pub fn masked(
        rows: usize,
        columns: usize,
        mut values: Vec<T>,
        mask: &[bool],
    ) -> Result<Self, OptError> {
        check_shape(rows, columns, values.len())?;
        if mask.len() != values.len() {
            return Err(OptError::Length {
                what: "mask",
                len: mask.len(),
                expected: values.len(),
            });
        }
        for (value, &seen) in values.iter_mut().zip(mask) {
            if !seen {
                *value = T::ZERO;
            }
        }
        let mut data = Self::dense(rows, columns, values)?;
        data.known = mask.iter().filter(|seen| **seen).count();
        if data.known == 0 {
            return Err(OptError::Empty { rows, columns });
        }
        if data.known < mask.len()
            && let Entries::Dense { gaps, .. } = &mut data.entries
        {
            *gaps = Some(Both::gaps(columns, mask));
        }
        Ok(data)
    }

    /// A sparse matrix.
    ///
    /// # Errors
    /// [`OptError::Entry`] for the first value that is negative, [`OptError::Length`] if rows or columns need more than 32 bits to count, [`OptError::Empty`].
    pub fn sparse(matrix: SparseRows<T>, unstored: Unstored) -> Result<Self, OptError> {
        let (rows, columns) = (matrix.num_rows(), matrix.num_columns());
        let known = match unstored {
            Unstored::Zero => rows.saturating_mul(columns),
            Unstored::Missing => matrix.values().len(),
        };
        if known == 0 {
            return Err(OptError::Empty { rows, columns });
        }
        for len in [rows, columns] {
            if u32::try_from(len).is_err() {
                return Err(OptError::Length {
                    what: "sparse data",
                    len,
                    expected: u32::MAX as usize,
                });
            }
        }
        for i in 0..rows {
            if let Some((j, x)) = matrix.row(i).find(|(_, x)| *x < T::ZERO) {
                return Err(entry(i, j, x));
            }
        }
        let values = Both::of(&matrix);
        Ok(Self::of(
            rows,
            columns,
            Entries::Sparse { values, unstored },
            known,
        ))
    }

    fn of(rows: usize, columns: usize, entries: Entries<'a, T>, known: usize) -> Self {
        let values = match &entries {
            Entries::Dense { values, .. } => &values[..],
            Entries::Sparse { values, .. } => values.by_rows.values(),
        };
        // In two levels, so that rounding does not grow with the number of entries.
        let sums = |chunk: &[T]| {
            let (mut sum, mut square) = (0.0, 0.0);
            for x in chunk {
                let x = x.to_f64();
                sum += x;
                square += x * x;
            }
            (sum, square)
        };
        let (sum, square) = values
            .chunks(1024)
            .map(sums)
            .fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        Self {
            rows,
            columns,
            entries,
            known,
            sum,
            square,
        }
    }

    /// m.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// n.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Entries that are known, zeros among them.
    #[must_use]
    pub fn known(&self) -> usize {
        self.known
    }

    /// Mean of the known entries.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.known as f64
    }

    /// Sum of the squares of the known entries: `‖V‖_F²` where none is missing.
    #[must_use]
    pub fn squared_norm(&self) -> f64 {
        self.square
    }

    /// Whether some entries are missing.
    #[must_use]
    pub fn has_missing(&self) -> bool {
        match &self.entries {
            Entries::Dense { gaps, .. } => gaps.is_some(),
            Entries::Sparse { unstored, .. } => *unstored == Unstored::Missing,
        }
    }

    /// Whether a single pass over V serves both products of an iteration.
    pub(super) fn one_pass(&self) -> bool {
        matches!(&self.entries, Entries::Dense { gaps: None, .. })
    }

    /// Rows of a dense V.
    pub(super) fn dense_rows(&self, range: Range<usize>) -> Option<&[T]> {
        match &self.entries {
            Entries::Dense { values, .. } => {
                Some(&values[range.start * self.columns..range.end * self.columns])
            }
            Entries::Sparse { .. } => None,
        }
    }

    /// Operations of a product with a factor.
    pub(super) fn operations(&self, rank: usize) -> usize {
        let entries = match &self.entries {
            Entries::Dense { values, .. } => values.len(),
            Entries::Sparse { values, .. } => values.by_rows.values().len(),
        };
        2 * rank * entries
    }
}

fn check_shape(rows: usize, columns: usize, len: usize) -> Result<(), OptError> {
    if rows == 0 || columns == 0 {
        return Err(OptError::Empty { rows, columns });
    }
    let expected = rows.saturating_mul(columns);
    if len == expected {
        return Ok(());
    }
    Err(OptError::Length {
        what: "data",
        len,
        expected,
    })
}

fn entry<T: Real>(row: usize, column: usize, value: T) -> OptError {
    OptError::Entry {
        what: "data",
        row,
        column,
        value: value.to_f64(),
    }
}
