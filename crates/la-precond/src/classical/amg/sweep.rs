//! Kernels over one level: Gauss–Seidel sweeps and residuals.

use la_krylov::Real;

use super::block::BlockCsr;
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
}

/// `sum -= A_ij x_j` over the blocks from `from` to `to`.
#[inline(always)]
fn subtract<T: Real>(
    w: usize,
    a: &BlockCsr<T>,
    range: std::ops::Range<usize>,
    x: &[T],
    sum: &mut [T; MAX_WIDTH],
) {
    let blocks = a.values[range.start * w * w..range.end * w * w].chunks_exact(w * w);
    for (&j, block) in a.indices[range].iter().zip(blocks) {
        let x = &x[j as usize * w..][..w];
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

impl<T: Real> LevelMatrix<T> {
    /// Scalar unknowns.
    pub(crate) fn order(&self) -> usize {
        self.a.rows() * self.a.height
    }

    /// Forward sweep from `x = 0`; reads the lower triangle only. `kept_i = b_i − Σ_{j<i} a_ij x_j`.
    pub(crate) fn forward_from_zero(&self, b: &[T], x: &mut [T], kept: &mut [T]) {
        with_width!(self.a.height, w => self.forward_sized::<true>(w, b, x, kept));
    }

    /// Forward sweep; `kept` as in [`forward_from_zero`](Self::forward_from_zero).
    pub(crate) fn forward(&self, b: &[T], x: &mut [T], kept: &mut [T]) {
        with_width!(self.a.height, w => self.forward_sized::<false>(w, b, x, kept));
    }

    #[inline(always)]
    fn forward_sized<const FROM_ZERO: bool>(
        &self,
        w: impl Width,
        b: &[T],
        x: &mut [T],
        kept: &mut [T],
    ) {
        let w = w.get();
        let starts = self.a.starts.windows(2).zip(&self.diagonal_at);
        let inverses = self.inverse.chunks_exact(w * w);
        for (i, ((bounds, &diagonal), inverse)) in starts.zip(inverses).enumerate() {
            let diagonal = diagonal as usize;
            let mut sum = load(w, b, i);
            let mut upper = [T::ZERO; MAX_WIDTH];
            if !FROM_ZERO {
                // Before the lower part, whose last entry waits for the row above.
                subtract(w, &self.a, diagonal + 1..bounds[1] as usize, x, &mut upper);
            }
            subtract(w, &self.a, bounds[0] as usize..diagonal, x, &mut sum);
            kept[i * w..][..w].copy_from_slice(&sum[..w]);
            if !FROM_ZERO {
                for (s, u) in sum[..w].iter_mut().zip(&upper) {
                    *s += *u;
                }
            }
            solve_block(w, inverse, &sum, &mut x[i * w..][..w]);
        }
    }

    /// Backward sweep after a forward one, of which `kept` remembers the lower triangle; reads the
    /// upper triangle only.
    pub(crate) fn backward_kept(&self, kept: &[T], x: &mut [T]) {
        with_width!(self.a.height, w => self.backward_sized::<true>(w, kept, x));
    }

    /// Backward sweep.
    pub(crate) fn backward(&self, b: &[T], x: &mut [T]) {
        with_width!(self.a.height, w => self.backward_sized::<false>(w, b, x));
    }

    #[inline(always)]
    fn backward_sized<const KEPT: bool>(&self, w: impl Width, b: &[T], x: &mut [T]) {
        let w = w.get();
        let starts = self.a.starts.windows(2).zip(&self.diagonal_at);
        let inverses = self.inverse.chunks_exact(w * w);
        for (i, ((bounds, &diagonal), inverse)) in starts.zip(inverses).enumerate().rev() {
            let diagonal = diagonal as usize;
            let mut sum = load(w, b, i);
            if !KEPT {
                subtract(w, &self.a, bounds[0] as usize..diagonal, x, &mut sum);
            }
            subtract(w, &self.a, diagonal + 1..bounds[1] as usize, x, &mut sum);
            solve_block(w, inverse, &sum, &mut x[i * w..][..w]);
        }
    }

    /// `r = b − A x` right after a backward sweep whose right-hand side was `kept`: then
    /// `(D + U) x = kept`, and `r = b − kept − L x` needs the lower triangle only. Overwrites `kept`.
    pub(crate) fn residual_after_backward(&self, b: &[T], x: &[T], kept: &mut [T]) {
        with_width!(self.a.height, w => {
            let w = w.get();
            let starts = self.a.starts.iter().zip(&self.diagonal_at);
            for (i, (&start, &diagonal)) in starts.enumerate() {
                let mut sum = load(w, b, i);
                subtract(w, &self.a, start as usize..diagonal as usize, x, &mut sum);
                for (t, s) in kept[i * w..][..w].iter_mut().zip(&sum) {
                    *t = *s - *t;
                }
            }
        });
    }

    /// `r = b − A x` right after a forward sweep from zero: then `(L + D) x = b`, and `r = −U x`.
    pub(crate) fn residual_after_forward(&self, x: &[T], r: &mut [T]) {
        with_width!(self.a.height, w => {
            let w = w.get();
            let starts = self.a.starts[1..].iter().zip(&self.diagonal_at);
            for (i, (&end, &diagonal)) in starts.enumerate() {
                let mut sum = [T::ZERO; MAX_WIDTH];
                subtract(w, &self.a, diagonal as usize + 1..end as usize, x, &mut sum);
                r[i * w..][..w].copy_from_slice(&sum[..w]);
            }
        });
    }

    /// `r = b − A x`.
    pub(crate) fn residual(&self, b: &[T], x: &[T], r: &mut [T]) {
        with_width!(self.a.height, w => {
            let w = w.get();
            for (i, bounds) in self.a.starts.windows(2).enumerate() {
                let mut sum = load(w, b, i);
                let range = bounds[0] as usize..bounds[1] as usize;
                subtract(w, &self.a, range, x, &mut sum);
                r[i * w..][..w].copy_from_slice(&sum[..w]);
            }
        });
    }

    /// `y = A x`.
    pub(crate) fn product(&self, x: &[T], y: &mut [T]) {
        y.fill(T::ZERO);
        self.a.add_product(x, y);
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
