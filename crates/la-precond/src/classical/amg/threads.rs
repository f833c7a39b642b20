//! Rows shared by the threads of the rayon pool.

use std::ops::Range;

/// Fewer rows than this are not worth another thread.
const GRAIN: usize = 8192;

/// Whether so many rows are shared by threads.
pub(super) fn worthwhile(rows: usize) -> bool {
    cfg!(feature = "rayon") && rows >= 2 * GRAIN
}

/// What belongs to some rows and can be cut between two of them.
pub(super) trait Cut: Send + Sized {
    /// The part of the first `rows` rows, and the rest.
    fn cut(self, rows: usize) -> (Self, Self);
}

/// Entries of a vector, `size` for each row.
pub(super) struct Entries<'a, T> {
    pub(super) entries: &'a mut [T],
    pub(super) size: usize,
}

impl<T: Send> Cut for Entries<'_, T> {
    fn cut(self, rows: usize) -> (Self, Self) {
        let (upper, lower) = self.entries.split_at_mut(rows * self.size);
        let part = |entries| Entries {
            entries,
            size: self.size,
        };
        (part(upper), part(lower))
    }
}

impl<A: Cut, B: Cut> Cut for (A, B) {
    fn cut(self, rows: usize) -> (Self, Self) {
        let (a, b) = (self.0.cut(rows), self.1.cut(rows));
        ((a.0, b.0), (a.1, b.1))
    }
}

/// Calls `work` for parts of `rows`, each with what belongs to it. `work` must treat every row on its
/// own: how the rows are cut depends on nothing else, but not on it being called once or often.
pub(super) fn over_rows<C: Cut, F: Fn(Range<usize>, C) + Sync>(
    rows: Range<usize>,
    parallel: bool,
    slices: C,
    work: &F,
) {
    #[cfg(feature = "rayon")]
    if parallel && worthwhile(rows.len()) {
        let half = rows.len() / 2;
        let middle = rows.start + half;
        let (upper, lower) = slices.cut(half);
        rayon::join(
            || over_rows(rows.start..middle, parallel, upper, work),
            || over_rows(middle..rows.end, parallel, lower, work),
        );
        return;
    }
    let _ = parallel;
    work(rows, slices);
}

/// [`over_rows`] for vectors.
pub(super) fn over_entries<T: Send, F: Fn(Range<usize>, &mut [T]) + Sync>(
    parallel: bool,
    entries: &mut [T],
    work: &F,
) {
    let slices = Entries { entries, size: 1 };
    over_rows(0..slices.entries.len(), parallel, slices, &|rows, part| {
        work(rows, part.entries);
    });
}

/// [`over_rows`] for pairs of vectors.
pub(super) fn over_pairs<T: Send, F: Fn(Range<usize>, &mut [T], &mut [T]) + Sync>(
    parallel: bool,
    first: &mut [T],
    second: &mut [T],
    work: &F,
) {
    let rows = 0..first.len();
    let slices = (
        Entries {
            entries: first,
            size: 1,
        },
        Entries {
            entries: second,
            size: 1,
        },
    );
    over_rows(rows, parallel, slices, &|rows, (first, second)| {
        work(rows, first.entries, second.entries);
    });
}

/// Calls `work` for every segment with its number and what belongs to its rows. `bounds` are the first
/// rows of the segments from number `first` on, and the end.
pub(super) fn over_segments<C: Cut, F: Fn(usize, C) + Sync>(
    bounds: &[u32],
    first: usize,
    parallel: bool,
    slices: C,
    work: &F,
) {
    let count = bounds.len() - 1;
    if count <= 1 {
        return work(first, slices);
    }
    let half = count / 2;
    let (upper, lower) = slices.cut((bounds[half] - bounds[0]) as usize);
    let upper = || over_segments(&bounds[..=half], first, parallel, upper, work);
    let lower = || over_segments(&bounds[half..], first + half, parallel, lower, work);
    #[cfg(feature = "rayon")]
    if parallel {
        rayon::join(upper, lower);
        return;
    }
    let _ = parallel;
    upper();
    lower();
}
