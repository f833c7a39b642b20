//! Vectors in main memory.

mod basis;
mod kernels;
mod reduce;

use std::marker::PhantomData;

use crate::{Real, VectorSpace};
pub use basis::HostBasis;
use basis::{Combine, GROUP, Project};
use kernels::{Axpy, AxpyNorm, AxpyXpby, Dot, Scale, ScaledCopy, ScaledSquares, Xpby};
use reduce::reduce;

/// Vectors in main memory as contiguous slices of `T`, `f32` or `f64`.
///
/// Sums run over fixed chunks that are combined in a fixed tree, so that a result depends on the
/// data alone: not on the number of threads, and not on whether there are threads at all. Inner
/// products of `f32` vectors accumulate in `f64`.
///
/// With feature `rayon` operations on 2¹⁷ entries and more are shared by the threads of the current
/// rayon pool: the global one, or the one whose `install` encloses the solve.
/// [`Host::sequential`] keeps everything on the calling thread.
///
/// # Examples
/// ```
/// use la_krylov::{Host, VectorSpace};
///
/// let space = Host::new(2);
/// assert_eq!(space.norm(&[3.0, 4.0]), 5.0);
/// assert!((space.norm(&[3e200, 4e200]) / 5e200 - 1.0).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host<T = f64> {
    n: usize,
    parallel: bool,
    scalar: PhantomData<T>,
}

/// Sums of squares in this range lost nothing that matters to overflow or underflow.
pub(crate) const SAFE_SQUARES: std::ops::RangeInclusive<f64> =
    f64::from_bits((1023 - 900) << 52)..=f64::from_bits((1023 + 1000) << 52);

impl<T: Real> Host<T> {
    /// The space of vectors with `n` entries.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self {
            n,
            parallel: true,
            scalar: PhantomData,
        }
    }

    /// The same space, worked on by the calling thread only. Results are bitwise those of
    /// [`Host::new`].
    ///
    /// ```
    /// use la_krylov::{Host, VectorSpace};
    ///
    /// let x: Vec<f64> = (0..200_000).map(|i| (i as f64).sin()).collect();
    /// assert_eq!(Host::new(x.len()).norm(&x), Host::sequential(x.len()).norm(&x));
    /// ```
    #[must_use]
    pub fn sequential(n: usize) -> Self {
        Self {
            n,
            parallel: false,
            scalar: PhantomData,
        }
    }

    /// Whether operators and preconditioners of this space may use the rayon pool.
    ///
    /// `false` for [`Host::sequential`] and always without feature `rayon`.
    #[must_use]
    pub fn is_parallel(&self) -> bool {
        cfg!(feature = "rayon") && self.parallel
    }

    /// `‖x‖₂` given the plain sum of squares; a second, scaled pass where that sum left the safe range.
    fn norm_from_squares(&self, squares: f64, x: &[T]) -> f64 {
        if SAFE_SQUARES.contains(&squares) {
            return squares.sqrt();
        }
        let largest = largest(x);
        if largest == 0.0 || !largest.is_finite() {
            return largest;
        }
        let unit = crate::scalar::power_of_two_below::<f64>(largest);
        unit * self.scaled_squares(unit, x).sqrt()
    }

    /// `Σ (xᵢ / unit)²`.
    pub(crate) fn scaled_squares(&self, unit: f64, x: &[T]) -> f64 {
        let scale = 1.0 / unit;
        reduce(ScaledSquares { scale, x }, self.is_parallel())
    }

    /// `w = w − V h`, then `Σ wᵢ²`.
    pub(crate) fn subtract_squares(&self, basis: &HostBasis<T>, h: &[f64], w: &mut [T]) -> f64 {
        reduce(Combine::new(basis, -1.0, h, w), self.is_parallel())
    }

    /// `y = y + alpha x`, then `Σ yᵢ²`.
    pub(crate) fn axpy_squares(&self, alpha: f64, x: &[T], y: &mut [T]) -> f64 {
        assert_eq!(x.len(), y.len(), "vectors of different lengths");
        let alpha = T::from_f64(alpha);
        reduce(AxpyNorm { alpha, x, y }, self.is_parallel())
    }
}

/// `maxᵢ |xᵢ|`; NaN if there is one.
pub(crate) fn largest<T: Real>(x: &[T]) -> f64 {
    let mut largest = 0.0;
    for v in x {
        let v = v.abs().to_f64();
        if v.is_nan() {
            return f64::NAN;
        }
        largest = if v > largest { v } else { largest };
    }
    largest
}

impl<T: Real> VectorSpace for Host<T> {
    type Scalar = T;
    type Vector = [T];
    type Owned = Vec<T>;
    type Basis = HostBasis<T>;

    fn dimension(&self) -> usize {
        self.n
    }

    fn vector_dimension(&self, x: &[T]) -> usize {
        x.len()
    }

    fn zeros(&self) -> Vec<T> {
        vec![T::ZERO; self.n]
    }

    fn zeros_like(&self, x: &[T]) -> Vec<T> {
        vec![T::ZERO; x.len()]
    }

    fn copy(&self, x: &[T], y: &mut [T]) {
        y.copy_from_slice(x);
    }

    fn fill(&self, x: &mut [T], value: T) {
        x.fill(value);
    }

    fn scale(&self, alpha: f64, x: &mut [T]) {
        reduce(
            Scale {
                alpha: T::from_f64(alpha),
                x,
            },
            self.is_parallel(),
        );
    }

    fn dot(&self, x: &[T], y: &[T]) -> f64 {
        assert_eq!(x.len(), y.len(), "vectors of different lengths");
        reduce(Dot { x, y }, self.is_parallel())
    }

    fn norm(&self, x: &[T]) -> f64 {
        self.norm_from_squares(self.dot(x, x), x)
    }

    fn axpy(&self, alpha: f64, x: &[T], y: &mut [T]) {
        assert_eq!(x.len(), y.len(), "vectors of different lengths");
        reduce(
            Axpy {
                alpha: T::from_f64(alpha),
                x,
                y,
            },
            self.is_parallel(),
        );
    }

    fn xpby(&self, x: &[T], beta: f64, y: &mut [T]) {
        assert_eq!(x.len(), y.len(), "vectors of different lengths");
        reduce(
            Xpby {
                x,
                beta: T::from_f64(beta),
                y,
            },
            self.is_parallel(),
        );
    }

    fn basis(&self, columns: usize) -> HostBasis<T> {
        HostBasis::new(self.n, columns)
    }

    fn columns(&self, basis: &HostBasis<T>) -> usize {
        basis.columns()
    }

    fn column<'b>(&self, basis: &'b HostBasis<T>, j: usize) -> &'b [T] {
        basis.column(j)
    }

    fn column_mut<'b>(&self, basis: &'b mut HostBasis<T>, j: usize) -> &'b mut [T] {
        basis.column_mut(j)
    }

    /// One pass over up to 32 columns; the vector is read again for every 32 further ones.
    fn project(&self, basis: &HostBasis<T>, w: &[T], h: &mut [f64]) {
        for (group, h) in h.chunks_mut(GROUP).enumerate() {
            let sums = reduce(
                Project::new(basis, group * GROUP, h.len(), w),
                self.is_parallel(),
            );
            h.copy_from_slice(&sums[..h.len()]);
        }
    }

    fn subtract(&self, basis: &HostBasis<T>, h: &[f64], w: &mut [T]) -> f64 {
        let squares = self.subtract_squares(basis, h, w);
        self.norm_from_squares(squares, w)
    }

    fn lincomb(&self, basis: &HostBasis<T>, y: &[f64], x: &mut [T]) {
        reduce(Combine::new(basis, 1.0, y, x), self.is_parallel());
    }

    fn set_column(&self, basis: &mut HostBasis<T>, j: usize, alpha: f64, w: &[T]) {
        let v = basis.column_mut(j);
        assert_eq!(v.len(), w.len(), "vectors of different lengths");
        let (x, alpha) = (w, T::from_f64(alpha));
        reduce(ScaledCopy { x, alpha, y: v }, self.is_parallel());
    }

    fn axpy_norm(&self, alpha: f64, x: &[T], y: &mut [T]) -> f64 {
        let squares = self.axpy_squares(alpha, x, y);
        self.norm_from_squares(squares, y)
    }

    fn axpy_xpby(&self, alpha: f64, p: &mut [T], x: &mut [T], z: &[T], beta: f64) {
        assert!(
            p.len() == x.len() && p.len() == z.len(),
            "vectors of different lengths"
        );
        let (alpha, beta) = (T::from_f64(alpha), T::from_f64(beta));
        reduce(
            AxpyXpby {
                alpha,
                p,
                x,
                z,
                beta,
            },
            self.is_parallel(),
        );
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn by_hand() {
        let space = Host::<f64>::new(3);
        let x = [1.0, 2.0, 3.0];
        let mut y = [4.0, -5.0, 6.0];
        assert_eq!(space.dot(&x, &y), 12.0);
        assert_eq!(
            space.axpy_norm(2.0, &x, &mut y),
            (36.0f64 + 1.0 + 144.0).sqrt()
        );
        assert_eq!(y, [6.0, -1.0, 12.0]);
        let (mut p, mut s) = ([1.0, 0.0, -1.0], [0.0; 3]);
        space.axpy_xpby(3.0, &mut p, &mut s, &x, 2.0);
        assert_eq!((s, p), ([3.0, 0.0, -3.0], [3.0, 2.0, 1.0]));
        space.xpby(&x, -1.0, &mut y);
        assert_eq!(y, [-5.0, 3.0, -9.0]);
        space.scale(0.5, &mut y);
        assert_eq!(y, [-2.5, 1.5, -4.5]);
    }

    #[test]
    fn norms_at_the_ends_of_the_range() {
        let space = Host::<f64>::new(2);
        // Rounding of the entries themselves: a few units in the last place.
        assert_relative_eq!(space.norm(&[3e-300, 4e-300]), 5e-300, max_relative = 1e-15);
        assert_relative_eq!(space.norm(&[3e300, 4e300]), 5e300, max_relative = 1e-15);
        assert_relative_eq!(space.norm(&[3e-320, 4e-320]), 5e-320, max_relative = 1e-3);
        assert_eq!(space.norm(&[0.0, -0.0]), 0.0);
        assert_eq!(space.norm(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(space.norm(&[f64::INFINITY, f64::NAN]).is_nan());
        assert_relative_eq!(
            Host::<f32>::new(2).norm(&[3e30, 4e30]),
            5e30,
            max_relative = 1e-7
        );
        assert_eq!(Host::<f64>::new(0).norm(&[]), 0.0);
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let n = 300_007;
        let x: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin()).collect();
        let y: Vec<f64> = (0..n).map(|i| (i as f64 * 0.3).cos() * 1e3).collect();
        let (one, many) = (Host::<f64>::sequential(n), Host::<f64>::new(n));
        assert_eq!(one.dot(&x, &y).to_bits(), many.dot(&x, &y).to_bits());
        let (mut u, mut v) = (y.clone(), y.clone());
        let (a, b) = (
            one.axpy_norm(-0.3, &x, &mut u),
            many.axpy_norm(-0.3, &x, &mut v),
        );
        assert_eq!((a.to_bits(), u), (b.to_bits(), v.clone()));
        assert_eq!(
            a.to_bits(),
            one.norm(&v).to_bits(),
            "the fused norm is the norm"
        );
    }
}
