//! HALS with extrapolation.
//!
//! A. M. S. Ang, N. Gillis, *Neural Comput.* 31(2), 417–439, 2019, Algorithm 2, with H projected (hp = 3). Both half steps start from extrapolated factors and hold the extrapolated
//! other one. The error of the new W with the extrapolated H, which the half step of W gives away, decides whether the iteration is accepted.
//!
//! Deviates: columns of H keep their norms. The product does not change along the scales of a pair of columns, so that no error would stop an extrapolation that runs along them.

use super::NmfWorkspace;
use super::options::{Extrapolation, Method};
use super::products::Side;
use super::rule::Work;
use super::state::{Setting, Stretch};
use crate::Real;

/// Steps of the extrapolation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pace {
    rules: Extrapolation,
    beta: f64,
    /// β of the iteration before.
    last: f64,
    /// β̄, which β does not pass.
    bound: f64,
    /// The loss that the next one may not pass.
    loss: Option<f64>,
    /// Squared norms of the columns of H.
    norms: Vec<f64>,
}

impl Pace {
    pub(super) fn new(method: &Method) -> Self {
        let rules = match method {
            Method::ExtrapolatedHals { extrapolation, .. } => extrapolation.clone(),
            _ => Extrapolation::default(),
        };
        Self {
            beta: rules.beta,
            last: rules.beta,
            bound: 1.0,
            rules,
            loss: None,
            norms: Vec::new(),
        }
    }

    /// Steps are those of the start.
    pub(super) fn restart(&mut self) {
        self.beta = self.rules.beta;
        self.last = self.rules.beta;
        self.bound = 1.0;
    }

    /// The factors are others now; the Gram matrix is that of H.
    pub(super) fn begin(&mut self, rank: usize, stride: usize, gram: &[f64]) {
        self.loss = None;
        self.norms.clear();
        self.norms.extend((0..rank).map(|c| gram[c * stride + c]));
    }

    fn accept(&mut self, loss: f64) {
        self.last = self.beta;
        self.beta = self.bound.min(self.rules.growth * self.beta);
        self.bound = (self.rules.bound_growth * self.bound).min(1.0);
        self.loss = Some(loss);
    }

    fn reject(&mut self) {
        self.bound = self.last;
        self.last = self.beta;
        self.beta /= self.rules.shrink;
    }
}

impl<T: Real> NmfWorkspace<'_, T> {
    pub(super) fn extrapolated(&mut self, ahead: bool) {
        let work = Work::of(&self.options.method);
        let beta = T::from_f64(self.pace.beta);
        let stretch = Some(Stretch { beta });

        self.look_ahead();
        let (method, stride) = (&self.options.method, self.setting.stride);
        self.h.rule.prepare(stride, &self.w.gram, method);
        self.h.update(self.setting, work, None);
        self.keep_norms();
        self.h.stretch(self.setting, beta);
        self.ready = false;

        if self.blocked() {
            self.sweep(work, stretch, ahead);
        } else {
            self.multiply(Side::W);
            self.w
                .rule
                .prepare(stride, &self.h.gram, &self.options.method);
            self.w.update(self.setting, work, stretch);
        }
        self.w_ready = !self.data.has_missing();

        let [loss, noise] = self.cheap_loss();
        if self.pace.loss.is_some_and(|last| loss > last + noise) {
            for state in [&mut self.w, &mut self.h] {
                state.factor.copy_from_slice(&state.accepted);
                state.measure(self.setting);
            }
            self.ready = false;
            self.w_ready = false;
            self.pace.reject();
            return;
        }
        for state in [&mut self.w, &mut self.h] {
            std::mem::swap(&mut state.accepted, &mut state.candidate);
        }
        self.pace.accept(loss);
    }
    /// Gives the columns of the new H the norms of the accepted ones, and the point that the sweeps of W start from what it needs for the same product.
    fn keep_norms(&mut self) {
        let Setting { rank, stride, .. } = self.setting;
        let (scale, inverse) = self.sums.split_at_mut(stride);
        scale.fill(T::ONE);
        inverse.fill(T::ONE);
        for c in 0..rank {
            let (new, old) = (self.h.gram[c * stride + c], self.pace.norms[c]);
            let ratio = (old / new).sqrt();
            // A column that has vanished but for rounding stays so.
            if ratio > 0.0 && ratio * T::EPSILON.to_f64() < 1.0 {
                scale[c] = T::from_f64(ratio);
                inverse[c] = T::from_f64(1.0 / ratio);
            }
        }
        for (factor, scale) in [(&mut self.h.factor, scale), (&mut self.w.factor, inverse)] {
            for row in factor.chunks_exact_mut(stride) {
                for (x, &s) in row.iter_mut().zip(&*scale) {
                    *x *= s;
                }
            }
        }
    }
}
