//! The root of the Hessian.

use super::equilibrate;
use super::problem::{Hessian, QuadraticProgram};
use crate::kernels::{Kernels, upper_row};
use crate::{OptError, Real};

/// R of `P = RᵀR`, or its inverse.
#[derive(Debug, Clone)]
pub(super) enum Root<T> {
    /// R = I.
    Identity,
    /// 1 / √P_ii.
    Diagonal(Vec<T>),
    /// Upper triangular, by rows of n numbers rounded up to a multiple of eight, zeros elsewhere. R until all rows of the least-distance form are there, then R⁻¹.
    Dense(Vec<T>),
}

/// Pivots of an equilibrated matrix below minus this are those of a matrix that is not convex.
const MOST_NEGATIVE: f64 = 1e-2;

/// A band this many times narrower than the matrix is worth a factorisation of its own.
const WIDE: usize = 4;

/// Largest proximal weight.
const HEAVIEST: f64 = 0.1;

/// Proximal terms of a factorisation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift<T> {
    /// Their weight, dimensionless; none: they are not allowed.
    pub(super) weight: Option<T>,
    /// They are there even where P is positive definite.
    pub(super) forced: bool,
}

impl<T: Real> Root<T> {
    /// Room for the root of this Hessian; nothing is factored yet.
    pub(super) fn new(problem: &QuadraticProgram<T>) -> Self {
        let n = problem.num_variables();
        match &problem.hessian {
            Hessian::Sparse(p) if p.is_diagonal() => Self::Diagonal(vec![T::ONE; n]),
            Hessian::Dense(_) | Hessian::Sparse(_) => {
                Self::Dense(crate::zeros(n * n.next_multiple_of(8)))
            }
            Hessian::Diagonal(_) | Hessian::Zero => Self::Diagonal(vec![T::ONE; n]),
            Hessian::Identity => Self::Identity,
        }
    }

    /// Factors P, n³/3 operations for a dense one: R where it is dense, the inverse of a diagonal one.
    ///
    /// With a shift, and where a pivot of the equilibrated P is not positive or the shift is forced, what is factored is `P + diag(w)`: weights w of the size of the
    /// shift for variables in the scales of Ruiz, all of them for a dense P, those without curvature for a diagonal one. No weights: none was needed.
    ///
    /// Returns how far from the diagonal entries of R may be.
    ///
    /// # Errors
    /// [`OptError::NotPositiveDefinite`] if there is no shift and one is needed, or a pivot is negative.
    pub(super) fn factor(
        &mut self,
        kernels: Kernels,
        problem: &QuadraticProgram<T>,
        zero_tol: T,
        shift: Shift<T>,
        weights: &mut Vec<T>,
        scales: &mut [T],
    ) -> Result<usize, OptError> {
        let n = problem.num_variables();
        weights.clear();
        match (self, &problem.hessian) {
            (Self::Dense(upper), p @ (Hessian::Dense(_) | Hessian::Sparse(_))) => {
                let diagonal = |i: usize| match p {
                    Hessian::Dense(p) => p[i * n + i],
                    Hessian::Sparse(p) => p.diagonal(i),
                    _ => T::ZERO,
                };
                // What is left of a diagonal of 1 after rounding.
                let smallest = T::from_f64(1e3) * T::EPSILON;
                for (i, scale) in scales.iter_mut().enumerate() {
                    *scale = power_near_root(diagonal(i));
                }
                let mut outcome = Err((0, T::ZERO));
                let mut band = 0;
                if !shift.forced {
                    band = scaled(p, upper, scales, weights);
                    outcome = cholesky(kernels, n, band, upper, smallest);
                }
                // Heavier where the data are convex but for their rounding.
                let mut weight = shift.weight.map(T::to_f64);
                while let (Err((_, pivot)), Some(value)) = (outcome, weight)
                    && pivot > -T::from_f64(MOST_NEGATIVE)
                    && value <= HEAVIEST
                {
                    weigh(problem, value, weights);
                    for ((scale, &w), i) in scales.iter_mut().zip(&*weights).zip(0..) {
                        *scale = power_near_root(diagonal(i) + w);
                    }
                    band = scaled(p, upper, scales, weights);
                    outcome = cholesky(kernels, n, band, upper, smallest);
                    weight = Some(2.0 * value);
                }
                outcome.map_err(|(row, pivot)| refuse(row, pivot))?;
                // Back to the units of the problem: powers of two, nothing is rounded.
                for scale in &mut *scales {
                    *scale = T::ONE / *scale;
                }
                for i in 0..n {
                    let near = (n - i).min(band + 1);
                    let row = &mut upper[upper_row(n, i)][..near];
                    let scales = &scales[i..i + near];
                    for k in 0..near {
                        row[k] *= scales[k];
                    }
                }
                return Ok(band);
            }
            (Self::Diagonal(inverse), hessian) => {
                let curvature = |i: usize| match hessian {
                    Hessian::Diagonal(p) => p[i],
                    Hessian::Sparse(p) => p.diagonal(i),
                    _ => T::ZERO,
                };
                let largest = (0..n).fold(T::ZERO, |most, i| most.max(curvature(i).abs()));
                let curved = |p: T| p > zero_tol * largest;
                if let Some(row) = (0..n).find(|&i| curvature(i) < -zero_tol * largest) {
                    return Err(refuse(row, curvature(row)));
                }
                let flat = (0..n).find(|&i| !curved(curvature(i)));
                if flat.is_some() || shift.forced {
                    let row = flat.unwrap_or(0);
                    let weight = shift.weight.ok_or_else(|| refuse(row, curvature(row)))?;
                    weigh(problem, weight.to_f64(), weights);
                    if flat.is_some() {
                        for (i, w) in weights.iter_mut().enumerate() {
                            if curved(curvature(i)) {
                                *w = T::ZERO;
                            }
                        }
                    }
                }
                for (i, inverse) in inverse.iter_mut().enumerate() {
                    let w = weights.get(i).copied().unwrap_or(T::ZERO);
                    *inverse = T::ONE / (curvature(i).max(T::ZERO) + w).sqrt();
                }
            }
            _ => {}
        }
        Ok(0)
    }
}

/// By band where that is narrow.
fn cholesky<T: Real>(
    kernels: Kernels,
    n: usize,
    band: usize,
    upper: &mut [T],
    smallest: T,
) -> Result<(), (usize, T)> {
    if WIDE * band < n {
        kernels.cholesky_band(n, band, upper, smallest)
    } else {
        kernels.cholesky(n, upper, smallest)
    }
}

fn refuse<T: Real>(row: usize, pivot: T) -> OptError {
    OptError::NotPositiveDefinite {
        row,
        pivot: pivot.to_f64(),
    }
}

/// A power of two within a factor of two of `1 / √p`; 1 where p is not positive. From the exponent alone.
fn power_near_root<T: Real>(p: T) -> T {
    let p = p.to_f64();
    if !(p > 0.0 && p.is_finite()) {
        return T::ONE;
    }
    let exponent = (p.to_bits() >> 52) as i64 - 1023;
    let half = -(exponent + 1).div_euclid(2);
    T::from_f64(f64::from_bits(((half + 1023) as u64) << 52))
}

/// Writes `D (P̄ + W) D` for the symmetric part P̄ of P; no weights are zeros. Returns how far from the diagonal entries are.
fn scaled<T: Real>(p: &Hessian<T>, upper: &mut [T], scales: &[T], weights: &[T]) -> usize {
    let half = T::from_f64(0.5);
    let n = scales.len();
    let mut band = 0;
    match p {
        Hessian::Dense(p) => {
            for i in 0..n {
                let row = &mut upper[upper_row(n, i)];
                let (scales, right) = (&scales[i..], &p[i * n + i..(i + 1) * n]);
                let below = &p[i * n + i..];
                let scale = half * scales[0];
                for k in 0..n - i {
                    row[k] = (right[k] + below[k * n]) * scale * scales[k];
                }
                if n - i > band {
                    let last = row.iter().rposition(|&r| r != T::ZERO);
                    band = band.max(last.unwrap_or(0));
                }
            }
        }
        Hessian::Sparse(p) => {
            upper.fill(T::ZERO);
            for i in 0..n {
                for (j, value) in p.row(i) {
                    let (low, high) = (i.min(j), i.max(j));
                    let weight = if i == j { T::ONE } else { half };
                    upper[upper_row(n, low)][high - low] += weight * value * scales[i] * scales[j];
                    band = band.max(high - low);
                }
            }
        }
        _ => {}
    }
    for (i, (&w, &scale)) in weights.iter().zip(scales).enumerate() {
        upper[upper_row(n, i)][0] += w * scale * scale;
    }
    band
}

/// Proximal weights: of the size of `weight` beside the largest curvature, in the scales of Ruiz.
fn weigh<T: Real>(problem: &QuadraticProgram<T>, weight: f64, weights: &mut Vec<T>) {
    let scales = equilibrate::ruiz(problem);
    let size = equilibrate::largest_curvature(problem, &scales);
    let weight = if matches!(problem.hessian, Hessian::Zero) {
        1.0
    } else {
        weight * size
    };
    weights.clear();
    weights.extend(scales.iter().map(|d| T::from_f64(weight / (d * d))));
}
