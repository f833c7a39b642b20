//! Sparse matrices by rows and by columns.

use crate::Real;
use crate::qp::SparseRows;

/// The entries of each row, or of each column. Without values where V is `()`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compressed<V> {
    pointers: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<V>,
}

impl<V: Copy> Compressed<V> {
    /// Indices and values of one row.
    #[inline]
    pub(super) fn line(&self, i: usize) -> (&[u32], &[V]) {
        let range = self.pointers[i]..self.pointers[i + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// The entries of one row in `len` columns from `first` on.
    pub(super) fn window(&self, i: usize, first: usize, len: usize) -> (&[u32], &[V]) {
        let (indices, values) = self.line(i);
        let from = indices.partition_point(|&j| (j as usize) < first);
        let to = indices.partition_point(|&j| (j as usize) < first + len);
        (&indices[from..to], &values[from..to])
    }

    pub(super) fn values(&self) -> &[V] {
        &self.values
    }

    /// Entries of the row that has most of them.
    pub(super) fn longest(&self) -> usize {
        let lengths = self.pointers.windows(2).map(|ends| ends[1] - ends[0]);
        lengths.max().unwrap_or(0)
    }

    /// The first row of each of so many shares of about as many entries, and the number of rows.
    pub(super) fn shares(&self, count: usize) -> Vec<usize> {
        let rows = self.pointers.len() - 1;
        let first = |share: usize| {
            let entries = share * self.indices.len() / count;
            self.pointers.partition_point(|&p| p < entries).min(rows)
        };
        let inner = (0..count).map(first);
        inner.chain(std::iter::once(rows)).collect()
    }

    /// The same matrix by its other index, of which there are `len`.
    fn turned(&self, len: usize) -> Self {
        let mut pointers = vec![0; len + 1];
        for &j in &self.indices {
            pointers[j as usize + 1] += 1;
        }
        for j in 0..len {
            pointers[j + 1] += pointers[j];
        }
        let mut next = pointers.clone();
        let mut indices = vec![0; self.indices.len()];
        let mut values = self.values.clone();
        for (i, ends) in self.pointers.windows(2).enumerate() {
            for at in ends[0]..ends[1] {
                let to = &mut next[self.indices[at] as usize];
                indices[*to] = i as u32;
                values[*to] = self.values[at];
                *to += 1;
            }
        }
        Self {
            pointers,
            indices,
            values,
        }
    }
}

/// A matrix by rows and by columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Both<V> {
    pub(super) by_rows: Compressed<V>,
    pub(super) by_columns: Compressed<V>,
}

impl<V: Copy> Both<V> {
    fn new(columns: usize, by_rows: Compressed<V>) -> Self {
        let by_columns = by_rows.turned(columns);
        Self {
            by_rows,
            by_columns,
        }
    }
}

impl<T: Real> Both<T> {
    /// Indices were checked to fit 32 bits.
    pub(super) fn of(matrix: &SparseRows<T>) -> Self {
        let mut pointers = vec![0];
        let mut indices = Vec::with_capacity(matrix.values().len());
        for i in 0..matrix.num_rows() {
            indices.extend(matrix.row(i).map(|(j, _)| j as u32));
            pointers.push(indices.len());
        }
        let values = matrix.values().to_vec();
        let by_rows = Compressed {
            pointers,
            indices,
            values,
        };
        Self::new(matrix.num_columns(), by_rows)
    }
}

impl Both<()> {
    /// The places where a row-major mask is false.
    pub(super) fn gaps(columns: usize, mask: &[bool]) -> Self {
        let (mut pointers, mut indices) = (vec![0], Vec::new());
        for row in mask.chunks_exact(columns.max(1)) {
            let gaps = row.iter().enumerate().filter(|(_, seen)| !**seen);
            indices.extend(gaps.map(|(j, _)| j as u32));
            pointers.push(indices.len());
        }
        let values = vec![(); indices.len()];
        let by_rows = Compressed {
            pointers,
            indices,
            values,
        };
        Self::new(columns, by_rows)
    }
}
