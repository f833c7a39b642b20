//! Triangular sweeps on several cores.

use la_krylov::{Definiteness, Host, Preconditioner, PreconditionerError, Real};
use rayon::prelude::*;

use super::factor::{eliminate, widen};
use super::input::check_lengths;
use super::spare::Spare;
use crate::IncompleteCholesky;

/// A level with less work (rows and entries) than this is swept by one thread.
const PARALLEL_WORK: usize = 16_384;
/// Rows of a level are handed out in runs of this many.
const RUN: usize = 512;

/// Level-scheduled sweeps of an [`IncompleteCholesky`] factor.
///
/// Rows that do not depend on each other form a level and are swept at the same time. Worth it only
/// where most levels are wide: after a colouring, or for nearly diagonal factors. Factors of grids
/// in their natural order have many narrow levels; see
/// [`parallel_fraction`](Self::parallel_fraction) before choosing this, and measure: permuting costs
/// four passes over the vector, and on two cores shared with other work two levels of 5e5 rows took
/// 1.8 times as long as the sequential sweeps. Results are those of the factor itself, bit for bit. Holds two permuted copies of the factor and a work vector behind a
/// lock; `apply` allocates nothing of its own.
///
/// # Examples
/// ```
/// use la_krylov::{Host, Preconditioner};
/// use la_precond::{IncompleteCholesky, classical::LevelScheduled};
///
/// let factor = IncompleteCholesky::from_parts(vec![0, 0, 1], vec![0], vec![1.0], vec![2.0, 3.0])?;
/// let scheduled = LevelScheduled::<f64>::new(&factor);
/// assert_eq!(scheduled.levels(), 2);
/// let mut z = [0.0; 2];
/// scheduled.apply(&Host::new(2), &[6.0, 12.0], &mut z)?;
/// assert_eq!(z, [1.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// E. Anderson, Y. Saad, *Int. J. High Speed Computing* 1(1), 73–95, 1989.
#[derive(Debug)]
pub struct LevelScheduled<S = f64, T = S> {
    forward: Sweep<T>,
    backward: Sweep<T>,
    diagonal: Vec<T>,
    work: Spare<Vec<S>>,
}

/// One triangle with its rows in the order of the levels, and columns renumbered alike.
#[derive(Debug)]
struct Sweep<T> {
    /// Original row at each position.
    order: Vec<u32>,
    /// First position of each level, and the end.
    levels: Vec<u32>,
    indptr: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<T>,
}

impl<T: Real> Sweep<T> {
    /// `rows(i)` lists what row `i` depends on; `sequence` visits rows after their dependencies.
    fn new<R: Iterator<Item = (usize, T)>>(
        n: usize,
        sequence: impl Iterator<Item = usize>,
        rows: impl Fn(usize) -> R,
    ) -> Self {
        let mut level = vec![0_u32; n];
        let mut deepest = 0;
        for i in sequence {
            level[i] = rows(i).map(|(j, _)| level[j] + 1).max().unwrap_or(0);
            deepest = deepest.max(level[i] as usize + 1);
        }
        let mut levels = vec![0_u32; deepest + 1];
        for &l in &level {
            levels[l as usize + 1] += 1;
        }
        for l in 0..deepest {
            levels[l + 1] += levels[l];
        }
        let (mut next, mut order, mut position) = (levels.clone(), vec![0; n], vec![0; n]);
        for (i, &l) in level.iter().enumerate() {
            let slot = &mut next[l as usize];
            order[*slot as usize] = i as u32;
            position[i] = *slot;
            *slot += 1;
        }
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for &i in &order {
            for (j, value) in rows(i as usize) {
                indices.push(position[j]);
                values.push(value);
            }
            indptr.push(indices.len() as u32);
        }
        Self {
            order,
            levels,
            indptr,
            indices,
            values,
        }
    }

    fn is_parallel(&self, start: usize, end: usize) -> bool {
        end - start + (self.indptr[end] - self.indptr[start]) as usize >= PARALLEL_WORK
    }

    /// Calls `row(current, columns, values, finished)` for every position, level after level.
    fn run<S: Real>(&self, x: &mut [S], row: impl Fn(S, &[u32], &[T], &[S]) -> S + Sync) {
        for level in self.levels.windows(2) {
            let (start, end) = (level[0] as usize, level[1] as usize);
            let (finished, rest) = x.split_at_mut(start);
            let (finished, row) = (&*finished, &row);
            let sweep = |first: usize, run: &mut [S]| {
                for (k, value) in run.iter_mut().enumerate() {
                    let p = start + first + k;
                    let range = self.indptr[p] as usize..self.indptr[p + 1] as usize;
                    *value = row(
                        *value,
                        &self.indices[range.clone()],
                        &self.values[range],
                        finished,
                    );
                }
            };
            let current = &mut rest[..end - start];
            if self.is_parallel(start, end) {
                current
                    .par_chunks_mut(RUN)
                    .enumerate()
                    .for_each(|(k, run)| sweep(k * RUN, run));
            } else {
                sweep(0, current);
            }
        }
    }
}

impl<S: Real, T: Real> LevelScheduled<S, T> {
    /// Analyses `factor`: O(nnz) time and memory.
    #[must_use]
    pub fn new(factor: &IncompleteCholesky<T>) -> Self {
        let n = factor.dimension();
        let (starts, cols, values) = (
            factor.row_starts(),
            factor.columns(),
            factor.scaled_values(),
        );
        let row = |i: usize| {
            let range = starts[i] as usize..starts[i + 1] as usize;
            cols[range.clone()]
                .iter()
                .zip(&values[range])
                .map(|(&j, &v)| (j as usize, v))
        };
        let forward = Sweep::new(n, 0..n, row);
        // Columns with their rows descending: the order in which scattering adds them up.
        let mut column_starts = vec![0_usize; n + 1];
        for &j in cols {
            column_starts[j as usize + 1] += 1;
        }
        for j in 0..n {
            column_starts[j + 1] += column_starts[j];
        }
        let mut next = column_starts.clone();
        let mut entries = vec![(0_usize, T::ZERO); cols.len()];
        for i in (0..n).rev() {
            for (j, value) in row(i) {
                entries[next[j]] = (i, value);
                next[j] += 1;
            }
        }
        let column = |j: usize| {
            entries[column_starts[j]..column_starts[j + 1]]
                .iter()
                .copied()
        };
        let backward = Sweep::new(n, (0..n).rev(), column);
        let diagonal = factor.diagonal().to_vec();
        Self {
            forward,
            backward,
            diagonal,
            work: Spare::new(vec![S::ZERO; n]),
        }
    }

    /// Levels of the forward sweep.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.forward.levels.len() - 1
    }

    /// Share of the rows that lie in levels wide enough for several threads, in [0, 1].
    #[must_use]
    pub fn parallel_fraction(&self) -> f64 {
        let sweeps = [&self.forward, &self.backward];
        let wide: usize = sweeps
            .iter()
            .flat_map(|s| {
                s.levels
                    .windows(2)
                    .map(move |l| (s, l[0] as usize, l[1] as usize))
            })
            .filter(|(s, start, end)| s.is_parallel(*start, *end))
            .map(|(_, start, end)| end - start)
            .sum();
        wide as f64 / (2 * self.diagonal.len()).max(1) as f64
    }
}

impl<S: Real, T: Real> Preconditioner<Host<S>> for LevelScheduled<S, T> {
    fn dimension(&self) -> usize {
        self.diagonal.len()
    }

    fn apply(&self, _space: &Host<S>, r: &[S], z: &mut [S]) -> Result<(), PreconditionerError> {
        check_lengths(self.diagonal.len(), r.len(), z.len())?;
        // Nothing in the work vector is read before it is written.
        self.work.with(
            || vec![S::ZERO; r.len()],
            |work| {
                for (w, &i) in work.iter_mut().zip(&self.forward.order) {
                    *w = r[i as usize] / widen(self.diagonal[i as usize]);
                }
                self.forward.run(work, eliminate);
                for (w, &i) in work.iter().zip(&self.forward.order) {
                    z[i as usize] = *w;
                }
                for (w, &i) in work.iter_mut().zip(&self.backward.order) {
                    *w = z[i as usize];
                }
                self.backward.run(work, |mut sum, cols, values, finished| {
                    for (&j, &l) in cols.iter().zip(values) {
                        sum -= widen::<T, S>(l) * finished[j as usize];
                    }
                    sum
                });
                for (w, &i) in work.iter().zip(&self.backward.order) {
                    z[i as usize] = *w / widen(self.diagonal[i as usize]);
                }
            },
        );
        Ok(())
    }

    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
}
