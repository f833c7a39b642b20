//! What a half step does to the rows of a factor, with the matrices that it needs of the other one.

use super::options::{AoAdmm, DualStart, Method, Rho, Safeguard};
use super::small::{geometric_mean, shifted_inverse};
use crate::Real;

/// The work on each row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Work {
    /// Steps of ADMM. The dual is read, or starts at 0; it is written where it is kept.
    Admm {
        steps: usize,
        start: DualStart,
        guarded: bool,
    },
    /// One step of ADMM with a kept dual, and its norms.
    WatchedStep,
    /// Rows that got worse since the start of the half step are replaced.
    Guard,
    /// Sweeps of coordinate descent.
    Sweeps(usize),
    /// One multiplicative update.
    Multiply,
}

impl Work {
    pub(super) fn of(method: &Method) -> Self {
        match method {
            Method::AoAdmm(admm) => Self::Admm {
                steps: admm.inner_iters,
                start: admm.dual,
                guarded: admm.safeguard == Safeguard::Monotone,
            },
            Method::Hals { sweeps } | Method::ExtrapolatedHals { sweeps, .. } => {
                Self::Sweeps(*sweeps)
            }
            Method::ScalarNewton { sweeps } => Self::Sweeps(*sweeps),
            Method::Multiplicative(_) => Self::Multiply,
        }
    }
}

/// Matrices of r rows, made once per half step.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule<T> {
    pub(super) rank: usize,
    /// G, with rows and columns of zeros up to the stride.
    pub(super) padded: Vec<T>,
    /// G and −G.
    pub(super) gram: Vec<T>,
    pub(super) negative: Vec<T>,
    /// `1 / g_cc`, or 0.
    pub(super) reciprocal: Vec<T>,
    /// `(G + ρ I)⁻¹`, and that times ρ.
    pub(super) inverse: Vec<T>,
    pub(super) scaled: Vec<T>,
    room: [Vec<f64>; 2],
}

impl<T: Real> Rule<T> {
    pub(super) fn new(rank: usize, stride: usize) -> Self {
        let square = || vec![T::ZERO; rank * rank];
        Self {
            rank,
            padded: vec![T::ZERO; stride * stride],
            gram: square(),
            negative: square(),
            reciprocal: vec![T::ZERO; rank],
            inverse: square(),
            scaled: square(),
            room: [vec![0.0; rank * rank], vec![0.0; rank * rank]],
        }
    }

    /// Takes the Gram matrix of the factor that is held, for products.
    pub(super) fn pad(&mut self, gram: &[f64]) {
        for (to, &from) in self.padded.iter_mut().zip(gram) {
            *to = T::from_f64(from);
        }
    }

    /// Takes the Gram matrix of the factor that is held, for products and updates.
    pub(super) fn prepare(&mut self, stride: usize, gram: &[f64], method: &Method) {
        let r = self.rank;
        self.pad(gram);
        for i in 0..r {
            for j in 0..r {
                let value = T::from_f64(gram[i * stride + j]);
                self.gram[i * r + j] = value;
                self.negative[i * r + j] = -value;
            }
            let diagonal = self.gram[i * r + i];
            let reciprocal = T::ONE / diagonal;
            // A column of zeros says nothing about its partner, and one whose square is close to underflow nothing with digits.
            let sound = (reciprocal * reciprocal).is_finite();
            self.reciprocal[i] = if diagonal > T::ZERO && sound {
                reciprocal
            } else {
                T::ZERO
            };
        }
        if let Method::AoAdmm(admm) = method {
            self.factor(stride, gram, admm);
        }
    }

    fn factor(&mut self, stride: usize, gram: &[f64], admm: &AoAdmm) {
        let r = self.rank;
        let trace: f64 = (0..r).map(|c| gram[c * stride + c]).sum();
        let mut rho = match admm.rho {
            Rho::Fixed(rho) => rho,
            Rho::TraceOverRank => trace / r as f64,
            Rho::Means { scale, power } => {
                let arithmetic = trace / r as f64;
                let geometric = geometric_mean(r, stride, gram, &mut self.room[0]);
                // A singular G has no geometric mean to speak of.
                let geometric = geometric.max(f64::EPSILON * arithmetic);
                scale * arithmetic.powf(1.0 - power) * geometric.powf(power)
            }
        };
        if rho <= 0.0 {
            // G = 0: nothing is asked of the rows, and any ρ keeps them.
            rho = 1.0;
        }
        let [lower, inverse] = &mut self.room;
        // A ρ that rounding swallows is raised until the factorisation exists.
        while rho.is_finite() && !shifted_inverse(r, stride, gram, rho, lower, inverse) {
            rho = (10.0 * rho).max(f64::EPSILON * trace);
        }
        for ((&x, plain), scaled) in inverse.iter().zip(&mut self.inverse).zip(&mut self.scaled) {
            *plain = T::from_f64(x);
            *scaled = T::from_f64(rho * x);
        }
    }
}
