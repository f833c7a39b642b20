//! Segments of rows that are relaxed independently of each other.

use std::ops::Range;

use la_krylov::Real;

use super::block::BlockCsr;
use super::dense;
use super::sweep::LevelMatrix;

/// Stored entries of a segment, at least.
const ENTRIES: usize = 1 << 18;
/// Segments, at most.
const COUNT: usize = 64;
/// One in so many rows may be coupled to another segment.
const COUPLED: usize = 8;

/// Consecutive rows, cut into segments. How depends on the matrix alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Segments {
    /// First row of each segment, and the number of rows.
    pub(super) bounds: Vec<u32>,
    /// Rows with entries in the columns of other segments.
    coupled: Vec<u32>,
}

impl Segments {
    /// All rows in one segment.
    pub(super) fn single(rows: usize) -> Self {
        Self {
            bounds: vec![0, rows as u32],
            coupled: Vec::new(),
        }
    }

    /// As many segments as a matrix with sorted rows is large enough for, but few enough that most
    /// rows have all their entries within their segment.
    fn choose<T: Real>(a: &BlockCsr<T>) -> Self {
        let rows = a.rows();
        let mut count = (a.nnz() / ENTRIES).min(COUNT).min(rows);
        while count > 1 {
            let bounds = (0..=count).map(|k| (rows * k / count) as u32).collect();
            let mut segments = Self {
                bounds,
                coupled: Vec::new(),
            };
            for k in 0..count {
                let own = segments.rows(k);
                for i in own.clone() {
                    let columns = a.columns(i);
                    let ends = [columns.first(), columns.last()];
                    if ends
                        .into_iter()
                        .flatten()
                        .any(|j| !own.contains(&(*j as usize)))
                    {
                        segments.coupled.push(i as u32);
                    }
                }
            }
            if segments.coupled.len() <= rows / COUPLED {
                return segments;
            }
            count /= 2;
        }
        Self::single(rows)
    }

    pub(super) fn rows(&self, k: usize) -> Range<usize> {
        self.bounds[k] as usize..self.bounds[k + 1] as usize
    }

    /// Those of `rows` that are coupled to other segments than their own.
    pub(super) fn coupled(&self, rows: &Range<usize>) -> &[u32] {
        let position = |row: usize| self.coupled.partition_point(|i| (*i as usize) < row);
        &self.coupled[position(rows.start)..position(rows.end)]
    }

    pub(super) fn bytes(&self) -> usize {
        4 * (self.bounds.len() + self.coupled.len())
    }
}

impl LevelMatrix<f64> {
    /// Chooses segments. In the diagonal blocks of coupled rows, which are inverted again, the sums
    /// of the moduli of what couples them are added to the diagonal: what is left out of the relaxation
    /// then is positive semidefinite, and relaxation in all segments at once cannot diverge.
    ///
    /// A. H. Baker, R. D. Falgout, T. V. Kolev, U. M. Yang, *SIAM J. Sci. Comput.* 33(5), 2864–2887,
    /// 2011, section 5.
    pub(super) fn segment(&mut self, floors: &[f64]) {
        self.segments = Segments::choose(&self.a);
        let b = self.a.height;
        let mut block = vec![0.0; b * b];
        for k in 0..self.segments.bounds.len() - 1 {
            let own = self.segments.rows(k);
            for &i in self.segments.coupled(&own) {
                let i = i as usize;
                block.copy_from_slice(self.a.block(self.diagonal_at[i] as usize));
                let outside = |k: &usize| !own.contains(&(self.a.indices[*k] as usize));
                for k in self.a.range(i).filter(outside) {
                    for (r, row) in self.a.block(k).chunks_exact(b).enumerate() {
                        block[r * b + r] += row.iter().map(|v| v.abs()).sum::<f64>();
                    }
                }
                let inverse = &mut self.inverse[i * b * b..][..b * b];
                if b == 1 {
                    // A row that is not relaxed stays so.
                    inverse[0] = if inverse[0] > 0.0 {
                        1.0 / block[0]
                    } else {
                        0.0
                    };
                } else if let Some(inverted) =
                    dense::generalised_inverse(&block, b, &floors[i * b..][..b])
                {
                    inverse.copy_from_slice(&inverted);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 300_000;

    /// The second difference, unknown `i` being number `place(i)`: 3 · 300000 − 2 entries.
    fn path(place: impl Fn(usize) -> usize) -> BlockCsr<f64> {
        let mut at = vec![0; ROWS];
        (0..ROWS).for_each(|i| at[place(i)] = i);
        let mut m = BlockCsr {
            cols: ROWS,
            height: 1,
            width: 1,
            starts: vec![0],
            indices: vec![],
            values: vec![],
        };
        for i in at {
            let range = i.saturating_sub(1)..(i + 2).min(ROWS);
            let mut columns: Vec<usize> = range.map(&place).collect();
            columns.sort_unstable();
            for j in columns {
                m.indices.push(j as u32);
                m.values.push(if j == place(i) { 2.0 } else { -1.0 });
            }
            m.starts.push(m.indices.len() as u32);
        }
        m
    }

    #[test]
    fn a_path_is_cut_in_three() {
        let a = path(|i| i);
        let (diagonal_at, rows) = ((0..ROWS as u32).map(|i| 3 * i).collect(), a.rows());
        let mut m = LevelMatrix {
            diagonal_at,
            inverse: vec![0.5; rows],
            inverse_diagonal: vec![],
            rho: 0.0,
            segments: Segments::single(rows),
            a,
        };
        m.segment(&vec![0.0; rows]);
        assert_eq!(m.segments.bounds, [0, 100_000, 200_000, 300_000]);
        let coupled = [99_999, 100_000, 199_999, 200_000];
        assert_eq!(m.segments.coupled, coupled);
        assert_eq!(m.segments.coupled(&(100_000..200_000)), [100_000, 199_999]);
        for (i, inverse) in m.inverse.iter().enumerate() {
            // 2 + 1 where one neighbour lies outside.
            let expected = if coupled.contains(&(i as u32)) {
                1.0 / 3.0
            } else {
                0.5
            };
            assert_eq!(*inverse, expected);
        }
    }

    #[test]
    fn what_is_coupled_all_over_stays_whole() {
        // 7919 has no common divisor with the number of rows.
        let a = path(|i| 7919 * i % ROWS);
        assert_eq!(Segments::choose(&a), Segments::single(ROWS));
    }
}
