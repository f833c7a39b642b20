//! Kernels over one level: Gauss–Seidel sweeps and residuals.

use std::ops::Range;

use la_krylov::Real;

use super::block::BlockCsr;
use super::segments::Segments;
use super::threads::{Entries, over_rows, over_segments};
use super::width::{MAX_WIDTH, Width, with_width};

/// A level matrix together with what relaxation needs.
#[derive(Debug, Clone)]
pub(crate) struct LevelMatrix<T> {
    pub(crate) a: BlockCsr<T>,
    /// Position of the diagonal block of each row.
    pub(crate) diagonal_at: Vec<u32>,
    /// Inverses of the diagonal blocks.
    pub(crate) inverse: Vec<T>,
    /// Inverses of the diagonal entries, where the smoother uses them.
    pub(crate) inverse_diagonal: Vec<T>,
    /// Largest eigenvalue of `D⁻¹ A`; zero where the smoother does not need it.
    pub(crate) rho: f64,
    /// What is swept independently of each other. One segment while the hierarchy is built.
    pub(crate) segments: Segments,
}

/// `sum -= A_ij x_j` over the blocks in `range`, `x` being that of the columns from `first` on.
#[inline(always)]
fn subtract<T: Real>(
    w: usize,
    a: &BlockCsr<T>,
    range: Range<usize>,
    (first, x): (usize, &[T]),
    sum: &mut [T; MAX_WIDTH],
) {
    let blocks = a.values[range.start * w * w..range.end * w * w].chunks_exact(w * w);
    for (&j, block) in a.indices[range].iter().zip(blocks) {
        let x = &x[(j as usize - first) * w..][..w];
        for (s, row) in sum[..w].iter_mut().zip(block.chunks_exact(w)) {
            for (a, x) in row.iter().zip(x) {
                *s -= *a * *x;
            }
        }
    }
}

/// `x = G s` for one block.
#[inline(always)]
fn solve_block<T: Real>(w: usize, inverse: &[T], sum: &[T; MAX_WIDTH], x: &mut [T]) {
    for (x, row) in x.iter_mut().zip(inverse.chunks_exact(w)) {
        let mut value = T::ZERO;
        for (g, s) in row.iter().zip(&sum[..w]) {
            value += *g * *s;
        }
        *x = value;
    }
}

#[inline(always)]
fn load<T: Real>(w: usize, b: &[T], i: usize) -> [T; MAX_WIDTH] {
    let mut sum = [T::ZERO; MAX_WIDTH];
    sum[..w].copy_from_slice(&b[i * w..][..w]);
    sum
}

/// What a sweep over one segment works on: its rows, those of them that are coupled to others, and
/// its part of the vectors.
struct Part<'a, T> {
    rows: Range<usize>,
    coupled: &'a [u32],
    b: &'a [T],
    x: &'a mut [T],
    /// After a forward sweep, `bᵢ − Σ_{j<i} aᵢⱼ xⱼ`. Before one that does not start from zero: what
    /// takes the place of `bᵢ` in coupled rows.
    kept: &'a mut [T],
}

impl<T: Real> LevelMatrix<T> {
    /// Scalar unknowns.
    pub(crate) fn order(&self) -> usize {
        self.a.rows() * self.a.height
    }

    /// A forward and a backward sweep from `x = 0`; reads the lower, then the upper triangle. Leaves
    /// in `kept` what [`residual_after_backward`](Self::residual_after_backward) needs.
    pub(crate) fn symmetric_from_zero(&self, par: bool, b: &[T], x: &mut [T], kept: &mut [T]) {
        self.by_segment(par, b, x, kept, |m, part| {
            m.forward_part::<true>(part);
            m.backward_part::<true>(part);
        });
    }

    /// A forward and a backward sweep.
    pub(crate) fn symmetric(&self, par: bool, b: &[T], x: &mut [T], kept: &mut [T]) {
        self.couple(par, b, x, kept);
        self.by_segment(par, b, x, kept, |m, part| {
            m.forward_part::<false>(part);
            m.backward_part::<true>(part);
        });
    }

    /// Forward sweep from `x = 0`; reads the lower triangle only.
    pub(crate) fn forward_from_zero(&self, par: bool, b: &[T], x: &mut [T], kept: &mut [T]) {
        self.by_segment(par, b, x, kept, |m, part| m.forward_part::<true>(part));
    }

    /// Forward sweep.
    pub(crate) fn forward(&self, par: bool, b: &[T], x: &mut [T], kept: &mut [T]) {
        self.couple(par, b, x, kept);
        self.by_segment(par, b, x, kept, |m, part| m.forward_part::<false>(part));
    }

    /// Backward sweep. `kept` is scratch.
    pub(crate) fn backward(&self, par: bool, b: &[T], x: &mut [T], kept: &mut [T]) {
        self.couple(par, b, x, kept);
        self.by_segment(par, b, x, kept, |m, part| m.backward_part::<false>(part));
    }

    fn by_segment(
        &self,
        par: bool,
        b: &[T],
        x: &mut [T],
        kept: &mut [T],
        sweep: impl Fn(&Self, &mut Part<'_, T>) + Sync,
    ) {
        let size = self.a.height;
        let slices = (
            Entries { entries: x, size },
            Entries {
                entries: kept,
                size,
            },
        );
        over_segments(&self.segments.bounds, 0, par, slices, &|k, (x, kept)| {
            let rows = self.segments.rows(k);
            let mut part = Part {
                coupled: self.segments.coupled(&rows),
                b: &b[rows.start * size..rows.end * size],
                x: x.entries,
                kept: kept.entries,
                rows,
            };
            sweep(self, &mut part);
        });
    }

    /// `kept = b − E x + δ x` in coupled rows, E being the couplings and δ what they add to the
    /// diagonal: `A = (L + D + δ + U) + (E − δ)`.
    fn couple(&self, par: bool, b: &[T], x: &[T], kept: &mut [T]) {
        let w = self.a.height;
        let entries = Entries {
            entries: kept,
            size: w,
        };
        over_segments(&self.segments.bounds, 0, par, entries, &|k, kept| {
            let own = self.segments.rows(k);
            for &i in self.segments.coupled(&own) {
                let i = i as usize;
                let (all, inner) = (self.a.range(i), self.inner(i, &own));
                let mut sum = load(w, b, i);
                subtract(w, &self.a, all.start..inner.start, (0, x), &mut sum);
                subtract(w, &self.a, inner.end..all.end, (0, x), &mut sum);
                for k in (all.start..inner.start).chain(inner.end..all.end) {
                    let rows = self.a.block(k).chunks_exact(w).zip(&x[i * w..][..w]);
                    for (s, (row, x)) in sum[..w].iter_mut().zip(rows) {
                        row.iter().for_each(|a| *s += a.abs() * *x);
                    }
                }
                kept.entries[(i - own.start) * w..][..w].copy_from_slice(&sum[..w]);
            }
        });
    }

    /// Positions of the blocks of row `i` in the columns `own`.
    fn inner(&self, i: usize, own: &Range<usize>) -> Range<usize> {
        let (range, columns) = (self.a.range(i), self.a.columns(i));
        let position = |bound: usize| columns.partition_point(|j| (*j as usize) < bound);
        range.start + position(own.start)..range.start + position(own.end)
    }

    fn forward_part<const FROM_ZERO: bool>(&self, part: &mut Part<'_, T>) {
        with_width!(self.a.height, w => self.forward_sized::<FROM_ZERO>(w, part));
    }

    #[inline(always)]
    fn forward_sized<const FROM_ZERO: bool>(&self, w: impl Width, part: &mut Part<'_, T>) {
        let w = w.get();
        let (rows, x) = (part.rows.clone(), &mut *part.x);
        let first = rows.start;
        let starts = self.a.starts[rows.start..=rows.end].windows(2);
        let diagonals = starts.zip(&self.diagonal_at[rows.clone()]);
        let inverses = self.inverse[rows.start * w * w..].chunks_exact(w * w);
        let mut coupled = part.coupled.iter().map(|i| *i as usize - first);
        let mut next = coupled.next();
        for (i, ((bounds, &diagonal), inverse)) in diagonals.zip(inverses).enumerate() {
            let diagonal = diagonal as usize;
            let (mut low, mut high) = (bounds[0] as usize, bounds[1] as usize);
            let mut sum = load(w, part.b, i);
            if next == Some(i) {
                next = coupled.next();
                let inner = self.inner(first + i, &rows);
                (low, high) = (inner.start, inner.end);
                if !FROM_ZERO {
                    sum = load(w, part.kept, i);
                }
            }
            let mut upper = [T::ZERO; MAX_WIDTH];
            if !FROM_ZERO {
                // Before the lower part, whose last entry waits for the row above.
                subtract(w, &self.a, diagonal + 1..high, (first, x), &mut upper);
            }
            subtract(w, &self.a, low..diagonal, (first, x), &mut sum);
            part.kept[i * w..][..w].copy_from_slice(&sum[..w]);
            if !FROM_ZERO {
                for (s, u) in sum[..w].iter_mut().zip(&upper) {
                    *s += *u;
                }
            }
            solve_block(w, inverse, &sum, &mut x[i * w..][..w]);
        }
    }

    fn backward_part<const KEPT: bool>(&self, part: &mut Part<'_, T>) {
        with_width!(self.a.height, w => self.backward_sized::<KEPT>(w, part));
    }

    /// With `KEPT` after a forward sweep, of which `kept` remembers the lower triangle; reads the upper
    /// triangle only.
    #[inline(always)]
    fn backward_sized<const KEPT: bool>(&self, w: impl Width, part: &mut Part<'_, T>) {
        let w = w.get();
        let (rows, x) = (part.rows.clone(), &mut *part.x);
        let first = rows.start;
        let starts = self.a.starts[rows.start..=rows.end].windows(2);
        let diagonals = starts.zip(&self.diagonal_at[rows.clone()]);
        let inverses = self.inverse[rows.start * w * w..rows.end * w * w].chunks_exact(w * w);
        let mut coupled = part.coupled.iter().rev().map(|i| *i as usize - first);
        let mut next = coupled.next();
        for (i, ((bounds, &diagonal), inverse)) in diagonals.zip(inverses).enumerate().rev() {
            let diagonal = diagonal as usize;
            let (mut low, mut high) = (bounds[0] as usize, bounds[1] as usize);
            let mut sum = load(w, if KEPT { part.kept } else { part.b }, i);
            if next == Some(i) {
                next = coupled.next();
                let inner = self.inner(first + i, &rows);
                (low, high) = (inner.start, inner.end);
                sum = load(w, part.kept, i);
            }
            if !KEPT {
                subtract(w, &self.a, low..diagonal, (first, x), &mut sum);
            }
            subtract(w, &self.a, diagonal + 1..high, (first, x), &mut sum);
            solve_block(w, inverse, &sum, &mut x[i * w..][..w]);
        }
    }

    /// `r = b − A x` right after a symmetric pair of sweeps from `x = 0` that left `kept`: then
    /// `(D + U) x = kept`, and `r = b − kept − L x` needs the lower triangle only, but for the rows that
    /// are coupled to other segments. Overwrites `kept`.
    pub(crate) fn residual_after_backward(&self, par: bool, b: &[T], x: &[T], kept: &mut [T]) {
        with_width!(self.a.height, w => {
            let w = w.get();
            self.by_row(par, kept, |i, coupled, r| {
                let range = self.a.range(i);
                let mut sum = load(w, b, i);
                let end = if coupled {
                    range.end
                } else {
                    for (s, k) in sum[..w].iter_mut().zip(&*r) {
                        *s -= *k;
                    }
                    self.diagonal_at[i] as usize
                };
                subtract(w, &self.a, range.start..end, (0, x), &mut sum);
                r.copy_from_slice(&sum[..w]);
            });
        });
    }

    /// `r = b − A x` right after a forward sweep from zero: then `(L + D) x = b`, and `r = −U x`, but
    /// for the rows that are coupled to other segments.
    pub(crate) fn residual_after_forward(&self, par: bool, b: &[T], x: &[T], r: &mut [T]) {
        with_width!(self.a.height, w => {
            let w = w.get();
            self.by_row(par, r, |i, coupled, r| {
                let range = self.a.range(i);
                let (mut sum, start) = match coupled {
                    true => (load(w, b, i), range.start),
                    false => ([T::ZERO; MAX_WIDTH], self.diagonal_at[i] as usize + 1),
                };
                subtract(w, &self.a, start..range.end, (0, x), &mut sum);
                r.copy_from_slice(&sum[..w]);
            });
        });
    }

    /// `r = b − A x`.
    pub(crate) fn residual(&self, par: bool, b: &[T], x: &[T], r: &mut [T]) {
        with_width!(self.a.height, w => {
            let w = w.get();
            self.by_row(par, r, |i, _, r| {
                let mut sum = load(w, b, i);
                subtract(w, &self.a, self.a.range(i), (0, x), &mut sum);
                r.copy_from_slice(&sum[..w]);
            });
        });
    }

    /// Calls `row` with every row, whether it is coupled, and its part of `r`.
    #[inline(always)]
    fn by_row(&self, par: bool, r: &mut [T], row: impl Fn(usize, bool, &mut [T]) + Sync) {
        let size = self.a.height;
        let entries = Entries { entries: r, size };
        over_rows(0..self.a.rows(), par, entries, &|rows, r| {
            let mut coupled = self.segments.coupled(&rows).iter().map(|i| *i as usize);
            let mut next = coupled.next();
            for (i, r) in rows.zip(r.entries.chunks_exact_mut(size)) {
                let is_coupled = next == Some(i);
                if is_coupled {
                    next = coupled.next();
                }
                row(i, is_coupled, r);
            }
        });
    }

    /// `y = A x`.
    pub(crate) fn product(&self, par: bool, x: &[T], y: &mut [T]) {
        y.fill(T::ZERO);
        self.a.add_product_shared(par, x, y);
    }
}

/// `coarse = Pᵀ r`.
pub(crate) fn restrict<T: Real>(p: &BlockCsr<T>, r: &[T], coarse: &mut [T]) {
    use super::width::with_two_widths;
    coarse.fill(T::ZERO);
    with_two_widths!(p.height, p.width, (h, w) => {
        let (h, w) = (h.get(), w.get());
        for (bounds, r) in p.starts.windows(2).zip(r.chunks_exact(h)) {
            let (start, end) = (bounds[0] as usize, bounds[1] as usize);
            let blocks = p.values[start * h * w..end * h * w].chunks_exact(h * w);
            for (&j, block) in p.indices[start..end].iter().zip(blocks) {
                let coarse = &mut coarse[j as usize * w..][..w];
                for (row, r) in block.chunks_exact(w).zip(r) {
                    for (c, p) in coarse.iter_mut().zip(row) {
                        *c += *p * *r;
                    }
                }
            }
        }
    });
}
