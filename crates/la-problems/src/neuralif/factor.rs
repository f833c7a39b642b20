//! The random factor and its product with its transpose.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::system::{CsrMatrix, counts_to_pointers, csr};

/// The factor `M`, compressed by rows, columns sorted and unique within each row.
pub(super) struct SparseRows {
    pointers: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<f64>,
}

impl SparseRows {
    /// Draws positions, removes repeated ones and draws a normal value for each that is left.
    pub(super) fn draw(n: usize, draws: usize, rng: &mut ChaCha8Rng) -> Self {
        let bound = n as u32;
        let rows: Vec<u32> = (0..draws).map(|_| rng.random_range(0..bound)).collect();
        let mut next = vec![0_u32; n + 1];
        for &row in &rows {
            next[row as usize + 1] += 1;
        }
        counts_to_pointers(&mut next);
        let starts = next.clone();
        let mut drawn = vec![0_u32; draws];
        for &row in &rows {
            drawn[next[row as usize] as usize] = rng.random_range(0..bound);
            next[row as usize] += 1;
        }
        let mut columns = Vec::with_capacity(draws);
        let mut pointers = Vec::with_capacity(n + 1);
        pointers.push(0);
        for bounds in starts.windows(2) {
            let row = &mut drawn[bounds[0] as usize..bounds[1] as usize];
            row.sort_unstable();
            let start = columns.len();
            for &column in &*row {
                if columns[start..].last() != Some(&column) {
                    columns.push(column);
                }
            }
            pointers.push(columns.len() as u32);
        }
        let values = (0..columns.len())
            .map(|_| rng.sample(StandardNormal))
            .collect();
        Self {
            pointers,
            columns,
            values,
        }
    }

    fn row(&self, i: usize) -> impl Iterator<Item = (u32, f64)> + '_ {
        let range = self.pointers[i] as usize..self.pointers[i + 1] as usize;
        self.columns[range.clone()]
            .iter()
            .copied()
            .zip(self.values[range].iter().copied())
    }

    fn transpose(&self) -> Self {
        let n = self.pointers.len() - 1;
        let mut next = vec![0_u32; n + 1];
        for &column in &self.columns {
            next[column as usize + 1] += 1;
        }
        counts_to_pointers(&mut next);
        let pointers = next.clone();
        let mut columns = vec![0; self.columns.len()];
        let mut values = vec![0.0; self.values.len()];
        for i in 0..n {
            for (column, value) in self.row(i) {
                let slot = &mut next[column as usize];
                columns[*slot as usize] = i as u32;
                values[*slot as usize] = value;
                *slot += 1;
            }
        }
        Self {
            pointers,
            columns,
            values,
        }
    }

    /// `M Mᵀ + α I`: the lower triangle by Gustavson's row merge, then mirrored.
    ///
    /// Rows of the lower triangle come out unsorted; its transposition and the mirroring sort them.
    pub(super) fn gram(&self, alpha: f64) -> CsrMatrix {
        let n = self.pointers.len() - 1;
        let columns = self.transpose();
        const EMPTY: u32 = u32::MAX;
        let mut place = vec![EMPTY; n];
        // Column k of M contributes to at most c (c + 1) / 2 entries, c its length: a bound on the number of nonzeros.
        let counts = columns.pointers.windows(2).map(|b| (b[1] - b[0]) as usize);
        let bound = n + counts.map(|c| c * (c + 1) / 2).sum::<usize>();
        let bound = bound.min(n.saturating_mul(n + 1) / 2);
        let mut lower = Self {
            pointers: Vec::with_capacity(n + 1),
            columns: Vec::with_capacity(bound),
            values: Vec::with_capacity(bound),
        };
        lower.pointers.push(0);
        for i in 0..n {
            let start = lower.columns.len();
            place[i] = start as u32;
            lower.columns.push(i as u32);
            lower.values.push(alpha);
            for (k, m_ik) in self.row(i) {
                for (j, m_jk) in columns
                    .row(k as usize)
                    .take_while(|&(j, _)| j as usize <= i)
                {
                    let slot = &mut place[j as usize];
                    if *slot == EMPTY {
                        *slot = lower.columns.len() as u32;
                        lower.columns.push(j);
                        lower.values.push(m_ik * m_jk);
                    } else {
                        lower.values[*slot as usize] += m_ik * m_jk;
                    }
                }
            }
            for &j in &lower.columns[start..] {
                place[j as usize] = EMPTY;
            }
            lower.pointers.push(lower.columns.len() as u32);
        }
        lower.transpose().mirror()
    }

    /// The full symmetric matrix from its upper triangle with sorted rows.
    fn mirror(&self) -> CsrMatrix {
        let n = self.pointers.len() - 1;
        let mut next = vec![0_u32; n + 1];
        for i in 0..n {
            for (j, _) in self.row(i) {
                next[i + 1] += 1;
                next[j as usize + 1] += u32::from(j as usize != i);
            }
        }
        counts_to_pointers(&mut next);
        let pointers = next.clone();
        let nnz = pointers[n] as usize;
        let (mut indices, mut data) = (vec![0_u32; nnz], vec![0.0; nnz]);
        let mut put = |row: usize, col: u32, value: f64| {
            let slot = &mut next[row];
            indices[*slot as usize] = col;
            data[*slot as usize] = value;
            *slot += 1;
        };
        // When row i is reached, all its entries left of the diagonal have been put, in order.
        for i in 0..n {
            for (j, value) in self.row(i) {
                put(i, j, value);
                if j as usize != i {
                    put(j as usize, i as u32, value);
                }
            }
        }
        csr(n, n, pointers, indices, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gram_of_a_hand_worked_factor() {
        // M = [1 2 0; 0 0 3; 4 0 5]
        let m = SparseRows {
            pointers: vec![0, 2, 3, 5],
            columns: vec![0, 1, 2, 0, 2],
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0],
        };
        let a = m.gram(0.5);
        assert_eq!(a.indptr().raw_storage(), &[0, 2, 4, 7]);
        assert_eq!(a.indices(), &[0, 2, 1, 2, 0, 1, 2]);
        assert_eq!(a.data(), &[5.5, 4.0, 9.5, 15.0, 4.0, 15.0, 41.5]);
    }
}
