//! Complete sparse Cholesky factorisation and the entries of the inverse on its pattern.

use la_krylov::Real;

use crate::PrecondError;
use crate::classical::columns::Columns;

/// Not a column.
const NONE: u32 = u32::MAX;

/// `A = L D Lᵀ`, `L` with a unit diagonal, by columns.
pub(super) struct Complete<T> {
    /// Pattern and values of `L` below the diagonal; `diagonal` holds `D`.
    pub(super) lower: Columns<T>,
}

/// What a complete factorisation may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes: usize,
    pub(super) operations: f64,
}

impl Limits {
    pub(super) const NONE: Self = Self {
        bytes: usize::MAX,
        operations: f64::INFINITY,
    };

    /// Bytes of one entry below the diagonal: its row and its value.
    const fn entry<T>() -> usize {
        size_of::<u32>() + size_of::<T>()
    }

    fn entries<T>(self) -> usize {
        self.bytes / Self::entry::<T>()
    }

    /// Factorisation and selected inversion take about 3/2 c² multiplications for a column of c entries; columns of the
    /// K-optimal factor are short beside them.
    fn check_work(self, starts: &[u32]) -> Result<(), PrecondError> {
        let lengths = starts.windows(2).map(|w| f64::from(w[1] - w[0]));
        let operations: f64 = lengths.map(|c| 1.5 * c * c).sum();
        if operations > self.operations {
            let limit = self.operations;
            return Err(PrecondError::TooMuchWork { operations, limit });
        }
        Ok(())
    }
}

impl<T: Real> Complete<T> {
    /// Factors in the given order: time Σ c_k² and memory Σ c_k for columns of `c_k` entries.
    ///
    /// # Errors
    /// [`PrecondError::Breakdown`] if a pivot is not positive, [`PrecondError::TooLarge`], [`PrecondError::TooMuchMemory`] and
    /// [`PrecondError::TooMuchWork`] before anything is factored.
    pub(super) fn new(a: &Columns<T>, limits: Limits) -> Result<Self, PrecondError> {
        let n = a.diagonal.len();
        let (starts, rows) = symbolic(a, limits.entries::<T>())?;
        limits.check_work(&starts)?;
        let mut values = vec![T::ZERO; rows.len()];
        let mut diagonal = a.diagonal.clone();
        let mut u = vec![T::ZERO; n];
        // Columns that update row j next hang in the list of j.
        let (mut first, mut next) = (vec![NONE; n], vec![NONE; n]);
        let mut cursor = starts.clone();
        for j in 0..n {
            let (rows_a, values_a) = a.column(j);
            for (&i, &value) in rows_a.iter().zip(values_a) {
                u[i as usize] = value;
            }
            let mut k = first[j];
            while k != NONE {
                let column = k as usize;
                k = next[column];
                let (at, end) = (cursor[column] as usize, starts[column + 1] as usize);
                let factor = values[at] * diagonal[column];
                diagonal[j] -= factor * values[at];
                for (&i, &l) in rows[at + 1..end].iter().zip(&values[at + 1..end]) {
                    u[i as usize] -= l * factor;
                }
                if at + 1 < end {
                    hang(column, at + 1, &rows, &mut cursor, &mut first, &mut next);
                }
            }
            let d = diagonal[j];
            if !(d > T::ZERO && d.is_finite() && (T::ONE / d).is_finite()) {
                return Err(PrecondError::Breakdown {
                    row: j,
                    shift: 0.0,
                    attempts: 1,
                });
            }
            let range = starts[j] as usize..starts[j + 1] as usize;
            for (value, &i) in values[range.clone()].iter_mut().zip(&rows[range.clone()]) {
                *value = u[i as usize] / d;
                u[i as usize] = T::ZERO;
            }
            if !range.is_empty() {
                hang(j, range.start, &rows, &mut cursor, &mut first, &mut next);
            }
        }
        let lower = Columns {
            starts,
            rows,
            values,
            diagonal,
        };
        Ok(Self { lower })
    }

    /// Overwrites the factor with the entries of `A⁻¹` on its pattern (Takahashi's equations):
    ///
    /// ```text
    /// z_ij = − Σ_{k ∈ s(j)} z_ik l_kj       (i ∈ s(j), the rows of column j)
    /// z_jj = 1 / d_j − Σ_{k ∈ s(j)} z_kj l_kj
    /// ```
    ///
    /// All `z_ik` that appear are in the pattern. The same order of work as the factorisation.
    pub(super) fn into_selected_inverse(self) -> Columns<T> {
        let mut z = self.lower;
        let n = z.diagonal.len();
        let mut sums = vec![T::ZERO; n];
        let mut l = vec![T::ZERO; n];
        for j in (0..n).rev() {
            let (from, to) = (z.starts[j] as usize, z.starts[j + 1] as usize);
            let (left, right) = z.values.split_at_mut(to);
            let column = &mut left[from..];
            let rows = &z.rows[from..to];
            for (&i, &value) in rows.iter().zip(&*column) {
                l[i as usize] = value;
            }
            for (&k, &l_k) in rows.iter().zip(&*column) {
                let k = k as usize;
                let mut sum = z.diagonal[k] * l_k;
                let range = z.starts[k] as usize..z.starts[k + 1] as usize;
                let entries = &right[range.start - to..range.end - to];
                // Where l is zero the row is not in s(j), or does not matter.
                for (&i, &value) in z.rows[range].iter().zip(entries) {
                    sum += value * l[i as usize];
                    sums[i as usize] += value * l_k;
                }
                sums[k] += sum;
            }
            let mut diagonal = T::ONE / z.diagonal[j];
            for (&i, value) in rows.iter().zip(column.iter_mut()) {
                let entry = T::ZERO - sums[i as usize];
                diagonal -= entry * *value;
                *value = entry;
            }
            z.diagonal[j] = diagonal;
            for (&k, _) in rows.iter().zip(&*column) {
                let k = k as usize;
                (l[k], sums[k]) = (T::ZERO, T::ZERO);
                for &i in &z.rows[z.starts[k] as usize..z.starts[k + 1] as usize] {
                    sums[i as usize] = T::ZERO;
                }
            }
        }
        z
    }
}

fn hang(
    column: usize,
    at: usize,
    rows: &[u32],
    cursor: &mut [u32],
    first: &mut [u32],
    next: &mut [u32],
) {
    cursor[column] = at as u32;
    let row = rows[at] as usize;
    next[column] = first[row];
    first[row] = column as u32;
}

/// Pattern of the complete factor by columns: that of `A` joined with those of the children in the elimination tree.
/// At most `limit` entries.
fn symbolic<T: Real>(a: &Columns<T>, limit: usize) -> Result<(Vec<u32>, Vec<u32>), PrecondError> {
    let n = a.diagonal.len();
    let mut starts = Vec::with_capacity(n + 1);
    starts.push(0_u32);
    let mut rows: Vec<u32> = Vec::with_capacity(a.rows.len());
    let (mut child, mut sibling) = (vec![NONE; n], vec![NONE; n]);
    let mut mark = vec![NONE; n];
    for j in 0..n {
        let start = rows.len();
        mark[j] = j as u32;
        let mut add = |i: u32, rows: &mut Vec<u32>| {
            if mark[i as usize] != j as u32 {
                mark[i as usize] = j as u32;
                rows.push(i);
            }
        };
        for &i in a.column(j).0 {
            add(i, &mut rows);
        }
        let mut c = child[j];
        while c != NONE {
            for at in starts[c as usize] as usize..starts[c as usize + 1] as usize {
                let i = rows[at];
                add(i, &mut rows);
            }
            c = sibling[c as usize];
        }
        rows[start..].sort_unstable();
        if let Some(&parent) = rows.get(start) {
            sibling[j] = child[parent as usize];
            child[parent as usize] = j as u32;
        }
        if rows.len() > limit {
            return Err(PrecondError::TooMuchMemory {
                bytes: rows.len().saturating_mul(Limits::entry::<T>()),
                limit: limit.saturating_mul(Limits::entry::<T>()),
            });
        }
        let Ok(end) = u32::try_from(rows.len()) else {
            let nnz = rows.len();
            return Err(PrecondError::TooLarge { rows: n, nnz });
        };
        starts.push(end);
    }
    Ok((starts, rows))
}
