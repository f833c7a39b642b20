//! The entries of a column that stay.

use std::cmp::Ordering;
use std::ops::Range;

use la_krylov::Real;

/// Rows that are tested together in a scan.
const BLOCK: usize = 8;

/// An entry `u_i` of the column at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<T> {
    pub(super) row: u32,
    pub(super) value: T,
    /// `|u_i| / √a_ii`.
    size: T,
}

/// Keeps the largest entries of a column while they are offered, in any order.
///
/// When twice as many as may stay have been collected, half of them go, and the bar for the next
/// ones rises: most entries of a column with much fill are met by one comparison, and the
/// selection takes time proportional to those that pass it.
pub(super) struct Largest<T> {
    /// `1 / √a_ii`.
    inverse_norm: Vec<T>,
    limit: usize,
    /// Entries of at most this size stay out, whatever else there is.
    bar: T,
    entries: Vec<Entry<T>>,
    /// A row with an entry that is not finite.
    bad: Option<usize>,
}

impl<T: Real> Largest<T> {
    pub(super) fn new(diagonal: &[T]) -> Self {
        Self {
            inverse_norm: diagonal.iter().map(|&d| T::ONE / d.sqrt()).collect(),
            limit: 0,
            bar: T::ZERO,
            entries: Vec::new(),
            bad: None,
        }
    }

    /// Begins a column that may keep `limit` entries larger than `bar`.
    pub(super) fn start(&mut self, bar: T, limit: usize) {
        self.bar = bar;
        self.limit = limit;
        self.entries.clear();
    }

    /// Takes the values of `u` at `rows`, and leaves zeros there.
    pub(super) fn collect(&mut self, u: &mut [T], rows: &[u32]) {
        for &row in rows {
            let value = std::mem::replace(&mut u[row as usize], T::ZERO);
            let size = (value * self.inverse_norm[row as usize]).abs();
            if passes(size, self.bar) {
                self.offer(Entry { row, value, size });
            }
        }
    }

    /// Takes the values of `u` in a range, and leaves zeros there.
    pub(super) fn scan(&mut self, u: &mut [T], range: Range<usize>) {
        self.pass(&u[range.clone()], range.start);
        u[range].fill(T::ZERO);
    }

    /// Takes the values of `u`, which begin with row `first`.
    fn pass(&mut self, u: &[T], mut first: usize) {
        for block in u.chunks(BLOCK) {
            let norms = &self.inverse_norm[first..first + block.len()];
            let mut above = 0_u32;
            for (lane, (&value, &norm)) in block.iter().zip(norms).enumerate() {
                above |= u32::from(passes((value * norm).abs(), self.bar)) << lane;
            }
            while above != 0 {
                let lane = above.trailing_zeros() as usize;
                above &= above - 1;
                let (row, value) = (first + lane, block[lane]);
                let size = (value * self.inverse_norm[row]).abs();
                let row = row as u32;
                self.offer(Entry { row, value, size });
            }
            first += block.len();
        }
    }

    fn offer(&mut self, entry: Entry<T>) {
        if !entry.size.is_finite() {
            self.bad = Some(entry.row as usize);
            return;
        }
        self.entries.push(entry);
        if self.entries.len() >= self.limit.saturating_mul(2).saturating_add(BLOCK) {
            self.thin_out();
        }
    }

    /// Removes all but the `limit` largest; of equal ones those of the first rows stay.
    fn thin_out(&mut self) {
        if self.entries.len() > self.limit {
            if let Some(last) = self.limit.checked_sub(1) {
                let (_, last, _) = self.entries.select_nth_unstable_by(last, |p, q| {
                    let order = q.size.partial_cmp(&p.size).unwrap_or(Ordering::Equal);
                    order.then(p.row.cmp(&q.row))
                });
                // Just below, so that an equal one of an earlier row may still come in.
                self.bar = last.size * (T::ONE - T::EPSILON);
            }
            self.entries.truncate(self.limit);
        }
    }

    /// The entries that stay, rows increasing.
    ///
    /// # Errors
    /// A row with an entry that is not finite.
    pub(super) fn finish(&mut self) -> Result<&[Entry<T>], usize> {
        if let Some(row) = self.bad {
            return Err(row);
        }
        self.thin_out();
        self.entries.sort_unstable_by_key(|entry| entry.row);
        Ok(&self.entries)
    }
}

/// `size > bar`, true for NaN.
#[inline(always)]
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN has to pass")]
fn passes<T: Real>(size: T, bar: T) -> bool {
    !(size <= bar)
}
