//! Smoothing with any of the smoothers, before and after the coarse correction.

use la_krylov::Real;

use super::options::Smoother;
use super::sweep::LevelMatrix;
use super::threads::{over_entries, over_pairs};

/// Part of the spectrum that the Chebyshev smoother is built for, relative to `ρ(D⁻¹A)`.
const LOWER: f64 = 1.0 / 30.0;
const UPPER: f64 = 1.1;

impl Smoother {
    /// Relaxes from `x = 0`; afterwards `r = b − A x`. `spare` is scratch. `par`:
    /// rows are shared by threads.
    pub(super) fn before<T: Real>(
        self,
        par: bool,
        m: &LevelMatrix<T>,
        b: &[T],
        x: &mut [T],
        r: &mut [T],
        spare: &mut [T],
    ) {
        match self {
            Self::SymmetricGaussSeidel { sweeps } => {
                m.symmetric_from_zero(par, b, x, r);
                for _ in 1..sweeps {
                    m.symmetric(par, b, x, r);
                }
                m.residual_after_backward(par, b, x, r);
            }
            Self::GaussSeidel { sweeps } => {
                m.forward_from_zero(par, b, x, r);
                for _ in 1..sweeps {
                    m.forward(par, b, x, r);
                }
                if sweeps == 1 {
                    m.residual_after_forward(par, b, x, r);
                } else {
                    m.residual(par, b, x, r);
                }
            }
            Self::Jacobi { sweeps, omega } => {
                let weight = jacobi_weight(omega, m.rho);
                over_entries(par, x, &|rows, x: &mut [T]| {
                    let parts = b[rows.clone()].iter().zip(&m.inverse_diagonal[rows]);
                    for (x, (b, d)) in x.iter_mut().zip(parts) {
                        *x = weight * *d * *b;
                    }
                });
                jacobi(par, m, sweeps - 1, weight, b, x, r);
                m.residual(par, b, x, r);
            }
            Self::Chebyshev { degree } => {
                x.fill(T::ZERO);
                r.copy_from_slice(b);
                chebyshev(par, m, degree, b, x, r, spare);
                m.residual(par, b, x, r);
            }
        }
    }

    /// Relaxes from `x`, with the adjoint of [`before`](Self::before). `r` and `spare` are scratch.
    pub(super) fn after<T: Real>(
        self,
        par: bool,
        m: &LevelMatrix<T>,
        b: &[T],
        x: &mut [T],
        r: &mut [T],
        spare: &mut [T],
    ) {
        match self {
            Self::SymmetricGaussSeidel { sweeps } => {
                for _ in 0..sweeps {
                    m.symmetric(par, b, x, r);
                }
            }
            Self::GaussSeidel { sweeps } => {
                for _ in 0..sweeps {
                    m.backward(par, b, x, r);
                }
            }
            Self::Jacobi { sweeps, omega } => {
                jacobi(par, m, sweeps, jacobi_weight(omega, m.rho), b, x, r);
            }
            Self::Chebyshev { degree } => {
                m.residual(par, b, x, r);
                chebyshev(par, m, degree, b, x, r, spare);
            }
        }
    }
}

fn jacobi_weight<T: Real>(omega: f64, rho: f64) -> T {
    T::from_f64(if rho > 0.0 { omega / rho } else { 0.0 })
}

fn jacobi<T: Real>(
    par: bool,
    m: &LevelMatrix<T>,
    steps: usize,
    weight: T,
    b: &[T],
    x: &mut [T],
    r: &mut [T],
) {
    for _ in 0..steps {
        m.residual(par, b, x, r);
        over_entries(par, x, &|rows, x: &mut [T]| {
            let parts = r[rows.clone()].iter().zip(&m.inverse_diagonal[rows]);
            for (x, (r, d)) in x.iter_mut().zip(parts) {
                *x += weight * *d * *r;
            }
        });
    }
}

/// Adds `q(D⁻¹A) D⁻¹ r` to `x`, given `r = b − A x`. Leaves `r` of an earlier step behind.
///
/// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., 2003, algorithm 12.1.
fn chebyshev<T: Real>(
    par: bool,
    m: &LevelMatrix<T>,
    degree: usize,
    b: &[T],
    x: &mut [T],
    r: &mut [T],
    d: &mut [T],
) {
    let (low, high) = (LOWER * m.rho, UPPER * m.rho);
    let (theta, delta) = (0.5 * (high + low), 0.5 * (high - low));
    if theta <= 0.0 {
        return;
    }
    let sigma = theta / delta;
    let mut rho = 1.0 / sigma;
    let first = T::from_f64(1.0 / theta);
    over_pairs(par, x, d, &|rows, x: &mut [T], d: &mut [T]| {
        let parts = r[rows.clone()].iter().zip(&m.inverse_diagonal[rows]);
        for ((x, d), (r, g)) in x.iter_mut().zip(d).zip(parts) {
            *d = first * *g * *r;
            *x += *d;
        }
    });
    for _ in 1..degree {
        m.residual(par, b, x, r);
        let next = 1.0 / (2.0 * sigma - rho);
        let (keep, add) = (T::from_f64(next * rho), T::from_f64(2.0 * next / delta));
        rho = next;
        over_pairs(par, x, d, &|rows, x: &mut [T], d: &mut [T]| {
            let parts = r[rows.clone()].iter().zip(&m.inverse_diagonal[rows]);
            for ((x, d), (r, g)) in x.iter_mut().zip(d).zip(parts) {
                *d = keep * *d + add * *g * *r;
                *x += *d;
            }
        });
    }
}
