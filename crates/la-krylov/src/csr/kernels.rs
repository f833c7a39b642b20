//! The loops over compressed rows. No index is checked here: [`Rows::new`] is given matrices that
//! were, once, when they were built.
#![expect(
    unsafe_code,
    reason = "checked indices cost up to a third of the speed of a product that stays in cache"
)]

use crate::Real;

/// Work, in bytes, that stays on one thread.
#[cfg(feature = "rayon")]
const BYTES_PER_TASK: usize = 1 << 19;

/// Indices in a cache line.
const LINE: usize = 16;

/// How far ahead of the sum entries are asked for: 2 kB of indices, 4 kB of values in `f64`.
const DISTANCE: usize = 512;

/// Entries of a row from which on a processor sees the streams by itself.
const LONG_ROW: usize = 32;

/// Some rows of a matrix.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, T> {
    cols: usize,
    /// Of these rows and the end of the last; relative to all entries.
    offsets: &'a [u32],
    indices: &'a [u32],
    values: &'a [T],
}

impl<'a, T: Real> Rows<'a, T> {
    /// All rows of a matrix whose offsets do not decrease and end within `indices` and `values`, and
    /// whose indices are below `cols`.
    pub(super) fn new(
        cols: usize,
        offsets: &'a [u32],
        indices: &'a [u32],
        values: &'a [T],
    ) -> Self {
        assert_eq!(indices.len(), values.len());
        assert_eq!(offsets.last().map(|end| *end as usize), Some(indices.len()));
        Self {
            cols,
            offsets,
            indices,
            values,
        }
    }

    /// `y = A x` for `K` pairs of vectors at once; with `parallel` shared by the rayon pool in parts of
    /// about equal traffic. Every row is summed by one thread in one order, whatever `K` is.
    pub(super) fn product<const K: usize>(self, x: [&[T]; K], y: [&mut [T]; K], parallel: bool) {
        assert!(x.iter().all(|x| x.len() == self.cols));
        assert!(y.iter().all(|y| y.len() + 1 == self.offsets.len()));
        #[cfg(feature = "rayon")]
        if parallel && self.bytes() >= 2 * BYTES_PER_TASK {
            return self.fork(x, y);
        }
        let _ = parallel;
        self.walk(x, y);
    }

    fn walk<const K: usize>(self, x: [&[T]; K], y: [&mut [T]; K]) {
        let mut start = self.offsets[0] as usize;
        let mut ahead = start;
        for (i, end) in self.offsets[1..].iter().enumerate() {
            let end = *end as usize;
            if end - start < LONG_ROW {
                while ahead < end {
                    self.prefetch(ahead + DISTANCE);
                    ahead += LINE;
                }
            } else {
                ahead = end;
            }
            // SAFETY: offsets do not decrease and end within both slices, indices are below `cols`
            // (`new`), the length of every x (`product`).
            let sums = unsafe { self.gather(start, end, x) };
            for k in 0..K {
                y[k][i] = sums[k];
            }
            start = end;
        }
    }

    /// Asks for [`LINE`] entries from position `at` on. Short rows take turns between five streams in
    /// memory, which a processor follows less far ahead on its own: products with five- and seven-point
    /// stencils that no cache holds gain a third and more.
    #[inline(always)]
    fn prefetch(&self, at: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let (indices, values) = (self.indices.as_ptr(), self.values.as_ptr());
            // SAFETY: a hint; nothing is read, and addresses need not be valid.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(indices.wrapping_add(at).cast());
                _mm_prefetch::<_MM_HINT_T0>(values.wrapping_add(at).cast());
                _mm_prefetch::<_MM_HINT_T0>(values.wrapping_add(at + LINE / 2).cast());
            }
        }
        let _ = at;
    }

    /// Bytes of matrix and result.
    #[cfg(feature = "rayon")]
    fn bytes(&self) -> usize {
        let rows = self.offsets.len() - 1;
        let entries = self.offsets[rows] as usize - self.offsets[0] as usize;
        entries * (size_of::<T>() + 4) + rows * (2 * size_of::<T>() + 4)
    }

    #[cfg(feature = "rayon")]
    fn fork<const K: usize>(self, x: [&[T]; K], y: [&mut [T]; K]) {
        let rows = self.offsets.len() - 1;
        let half = self.bytes() / 2;
        if half <= BYTES_PER_TASK / 2 || rows < 2 {
            return self.walk(x, y);
        }
        // The row that has half of the traffic before it: bytes up to row i grow with i.
        let (mut low, mut high) = (1, rows - 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            let (upper, _) = self.split_at(middle);
            if upper.bytes() < half {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let (upper, lower) = self.split_at(low);
        let mut parts = y.map(|y| {
            let (upper, lower) = y.split_at_mut(low);
            (Some(upper), lower)
        });
        let y_upper = parts
            .each_mut()
            .map(|(upper, _)| upper.take().unwrap_or_default());
        let y_lower = parts.map(|(_, lower)| lower);
        rayon::join(|| upper.fork(x, y_upper), || lower.fork(x, y_lower));
    }

    #[cfg(feature = "rayon")]
    fn split_at(self, row: usize) -> (Self, Self) {
        let offsets = self.offsets;
        (
            Self {
                offsets: &offsets[..=row],
                ..self
            },
            Self {
                offsets: &offsets[row..],
                ..self
            },
        )
    }

    /// `y = Aᵀ x`: each row is added to `y`, scaled by its entry of `x`.
    pub(super) fn transposed_product(self, x: &[T], y: &mut [T]) {
        assert_eq!(y.len(), self.cols);
        assert_eq!(x.len() + 1, self.offsets.len());
        y.fill(T::ZERO);
        let mut start = self.offsets[0] as usize;
        for (end, x) in self.offsets[1..].iter().zip(x) {
            let end = *end as usize;
            // SAFETY: offsets do not decrease and end within both slices (`new`).
            let (indices, values) = unsafe {
                (
                    self.indices.get_unchecked(start..end),
                    self.values.get_unchecked(start..end),
                )
            };
            for (j, v) in indices.iter().zip(values) {
                // SAFETY: indices are below `cols` (`new`), the length of y (asserted above).
                *unsafe { y.get_unchecked_mut(*j as usize) } += *v * *x;
            }
            start = end;
        }
    }

    /// The entries from `start` to `end`, a row, times `K` vectors. Rows of eight and more entries keep
    /// four partial sums a vector, so that they are not bound by the latency of additions; which ones
    /// depends on the row alone. Written with plain loops: iterators that are not inlined, as happens
    /// across the code generation units of a user's crate, cost more than the row itself.
    ///
    /// # Safety
    /// `start ≤ end`, both within `indices` and `values`; indices between are below the length of every
    /// `x`.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "see above")]
    unsafe fn gather<const K: usize>(&self, start: usize, end: usize, x: [&[T]; K]) -> [T; K] {
        let (indices, values) = (self.indices, self.values);
        let mut sums = [T::ZERO; K];
        let mut at = start;
        // SAFETY: required of the caller.
        unsafe {
            if end - start >= 8 {
                let mut parts = [[T::ZERO; 4]; K];
                while at + 4 <= end {
                    for l in 0..4 {
                        let j = *indices.get_unchecked(at + l) as usize;
                        let v = *values.get_unchecked(at + l);
                        for k in 0..K {
                            parts[k][l] += v * *x[k].get_unchecked(j);
                        }
                    }
                    at += 4;
                }
                for k in 0..K {
                    sums[k] = (parts[k][0] + parts[k][2]) + (parts[k][1] + parts[k][3]);
                }
            }
            while at < end {
                let j = *indices.get_unchecked(at) as usize;
                let v = *values.get_unchecked(at);
                for k in 0..K {
                    sums[k] += v * *x[k].get_unchecked(j);
                }
                at += 1;
            }
        }
        sums
    }
}
