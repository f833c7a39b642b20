//! Product of a matrix by rows with a dense block of columns, in main memory.

use std::ops::Range;

use rayon::prelude::*;
use sprs::CsMatViewI;

use crate::native::Element;
use crate::native::simd::{Kernel, LANES, Simd};

/// A matrix by rows with 32-bit indices; every index was checked when it was made.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    columns: usize,
    pointer: Vec<u32>,
    index: Vec<u32>,
    value: Vec<T>,
}

impl<T: Element> Rows<T> {
    /// The rows of a matrix in CSR; indices out of range were refused by the caller.
    pub(crate) fn new(a: CsMatViewI<'_, f64, u32>) -> Self {
        Self {
            columns: a.cols(),
            pointer: a.indptr().to_proper().to_vec(),
            index: a.indices().to_vec(),
            value: a.data().iter().map(|&v| T::from_f64(v)).collect(),
        }
    }

    fn rows(&self) -> usize {
        self.pointer.len() - 1
    }

    /// `Y = A X` for X of (columns × `width`) and Y of (rows × `width`), both row-major, on at most `threads` threads of the
    /// rayon pool. Every row is summed by one thread, entry after entry: the result does not depend on their number.
    pub(crate) fn product(&self, x: &[T], width: usize, y: &mut [T], threads: usize) {
        assert_eq!(x.len(), self.columns * width, "X does not fit the matrix");
        assert_eq!(y.len(), self.rows() * width, "Y does not fit the matrix");
        if threads <= 1 || self.value.len() * width < PARALLEL_TERMS {
            T::run_kernel(Block {
                a: self,
                rows: 0..self.rows(),
                x,
                width,
                y,
            });
            return;
        }
        let mut parts = Vec::with_capacity(threads);
        let (mut rest, mut first) = (y, 0);
        for part in 0..threads {
            let last = self.first_row_of(part + 1, threads);
            let (own, others) = rest.split_at_mut((last - first) * width);
            parts.push((first..last, own));
            (rest, first) = (others, last);
        }
        parts.into_par_iter().for_each(|(rows, y)| {
            T::run_kernel(Block {
                a: self,
                rows,
                x,
                width,
                y,
            });
        });
    }

    /// First row of a part when entries are shared out evenly.
    fn first_row_of(&self, part: usize, parts: usize) -> usize {
        let entries = self.value.len() as u64 * part as u64 / parts as u64;
        if part == parts {
            self.rows()
        } else {
            self.pointer[..self.rows()].partition_point(|&p| u64::from(p) < entries)
        }
    }
}

/// Below this many multiply-adds a product is not shared between threads.
const PARALLEL_TERMS: usize = 1 << 16;

/// The product for a range of rows.
struct Block<'a, T> {
    a: &'a Rows<T>,
    rows: Range<usize>,
    x: &'a [T],
    width: usize,
    y: &'a mut [T],
}

impl<T: Element> Kernel<T> for Block<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        if self.width == 0 {
            return;
        }
        if self.width == 1 {
            return self.single();
        }
        let Self {
            a, rows, x, width, ..
        } = self;
        for (i, y) in rows.zip(self.y.chunks_exact_mut(width)) {
            let entries = a.pointer[i] as usize..a.pointer[i + 1] as usize;
            let (index, value) = (&a.index[entries.clone()], &a.value[entries]);
            let mut at = 0;
            while width - at >= 8 * LANES {
                sum::<T, S, 8>(simd, index, value, x, width, at, y);
                at += 8 * LANES;
            }
            if width - at >= 4 * LANES {
                sum::<T, S, 4>(simd, index, value, x, width, at, y);
                at += 4 * LANES;
            }
            if width - at >= 2 * LANES {
                sum::<T, S, 2>(simd, index, value, x, width, at, y);
                at += 2 * LANES;
            }
            if width - at >= LANES {
                sum::<T, S, 1>(simd, index, value, x, width, at, y);
                at += LANES;
            }
            for column in at..width {
                let mut total = T::ZERO;
                for (&j, &v) in index.iter().zip(value) {
                    total += v * x[j as usize * width + column];
                }
                y[column] = total;
            }
        }
    }
}

impl<T: Element> Block<'_, T> {
    /// One column: four partial sums, in a fixed order.
    #[inline(always)]
    fn single(self) {
        for (i, y) in self.rows.zip(self.y) {
            let entries = self.a.pointer[i] as usize..self.a.pointer[i + 1] as usize;
            let (index, value) = (&self.a.index[entries.clone()], &self.a.value[entries]);
            let mut sums = [T::ZERO; 4];
            let (fours, rest) = index.as_chunks::<4>();
            let (values, last) = value.as_chunks::<4>();
            for (j, v) in fours.iter().zip(values) {
                for lane in 0..4 {
                    sums[lane] += v[lane] * self.x[j[lane] as usize];
                }
            }
            let mut total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
            for (&j, &v) in rest.iter().zip(last) {
                total += v * self.x[j as usize];
            }
            *y = total;
        }
    }
}

/// `8 G` neighbouring columns of one row of the product.
#[inline(always)]
fn sum<T: Element, S: Simd<T>, const G: usize>(
    simd: S,
    index: &[u32],
    value: &[T],
    x: &[T],
    width: usize,
    at: usize,
    y: &mut [T],
) {
    let mut total = [simd.splat(T::ZERO); G];
    for (&j, &v) in index.iter().zip(value) {
        let start = j as usize * width + at;
        let (groups, _) = x[start..start + G * LANES].as_chunks::<LANES>();
        let v = simd.splat(v);
        for g in 0..G {
            total[g] = simd.mul_add(simd.load(&groups[g]), v, total[g]);
        }
    }
    let (groups, _) = y[at..at + G * LANES].as_chunks_mut::<LANES>();
    for g in 0..G {
        simd.store(total[g], &mut groups[g]);
    }
}
