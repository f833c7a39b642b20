//! A strict lower triangle, by rows and by columns.

use std::sync::Arc;

use la_krylov::Real;
use sprs::SpIndex;

use crate::classical::factor::LowerPattern;
use crate::classical::input::Rows;

/// Positions of a strict lower triangle by rows, and how to walk through them by columns.
#[derive(Debug, Clone)]
pub(crate) struct Triangle {
    pub(crate) pattern: Arc<LowerPattern>,
    /// Start of each column in `below`, length `n + 1`.
    starts: Vec<u32>,
    below: Vec<Entry>,
}

/// An entry of a column.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry {
    pub(crate) row: u32,
    /// Where it stands among the entries by rows.
    pub(crate) place: u32,
}

impl Default for Triangle {
    fn default() -> Self {
        let pattern = LowerPattern {
            indptr: vec![0],
            indices: Vec::new(),
        };
        Self {
            pattern: Arc::new(pattern),
            starts: vec![0],
            below: Vec::new(),
        }
    }
}

impl Triangle {
    pub(crate) fn new(pattern: Arc<LowerPattern>) -> Self {
        let mut triangle = Self::default();
        triangle.set(pattern);
        triangle
    }

    /// Takes another pattern, in the memory of the last one.
    pub(crate) fn set(&mut self, pattern: Arc<LowerPattern>) {
        let n = pattern.indptr.len() - 1;
        let (starts, below) = (&mut self.starts, &mut self.below);
        starts.clear();
        starts.resize(n + 1, 0);
        for &j in &pattern.indices {
            starts[j as usize] += 1;
        }
        let mut sum = 0;
        for start in starts.iter_mut() {
            sum += std::mem::replace(start, sum);
        }
        below.clear();
        below.resize(pattern.indices.len(), Entry::default());
        for i in 0..n {
            let range = pattern.range(i);
            for (place, &j) in range.clone().zip(&pattern.indices[range]) {
                // While a column fills, its start is where the next entry goes.
                let next = &mut starts[j as usize];
                below[*next as usize] = Entry {
                    row: i as u32,
                    place: place as u32,
                };
                *next += 1;
            }
        }
        starts.copy_within(..n, 1);
        starts[0] = 0;
        self.pattern = pattern;
    }

    /// Order of the matrix.
    pub(crate) fn order(&self) -> usize {
        self.starts.len() - 1
    }

    /// Column `j`, by increasing rows.
    #[inline(always)]
    pub(crate) fn column(&self, j: usize) -> &[Entry] {
        &self.below[self.starts[j] as usize..self.starts[j + 1] as usize]
    }

    /// Rows without a later neighbour.
    #[cfg(feature = "learned")]
    pub(crate) fn sinks(&self) -> usize {
        let empty = |w: &&[u32]| w[0] == w[1];
        self.starts.windows(2).filter(empty).count()
    }
}

/// The numbers of a matrix in the order of its triangle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values<T> {
    /// Below the diagonal, by rows.
    pub(crate) entries: Vec<T>,
    pub(crate) diagonal: Vec<T>,
}

impl<T: Real> Values<T> {
    /// Reads `V A V`, `V` a diagonal matrix or the identity; `a` has this pattern.
    pub(crate) fn read<I: SpIndex>(
        &mut self,
        a: &Rows<'_, T, I>,
        pattern: &LowerPattern,
        vector: Option<&[T]>,
    ) {
        let n = pattern.indptr.len() - 1;
        self.entries.clear();
        self.entries.reserve(pattern.indices.len());
        self.diagonal.clear();
        self.diagonal.reserve(n);
        for i in 0..n {
            let (_, values) = a.row(i);
            let below = pattern.range(i).len();
            for &value in &values[..below] {
                self.entries.push(value);
            }
            self.diagonal.push(values[below]);
        }
        let Some(vector) = vector else { return };
        for i in 0..n {
            let range = pattern.range(i);
            let columns = &pattern.indices[range.clone()];
            for (value, &j) in self.entries[range].iter_mut().zip(columns) {
                *value = *value * vector[i] * vector[j as usize];
            }
            self.diagonal[i] = self.diagonal[i] * vector[i] * vector[i];
        }
    }
}
