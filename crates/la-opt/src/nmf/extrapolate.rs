//! HALS with extrapolation.
//!
//! A. M. S. Ang, N. Gillis, *Neural Comput.* 31(2), 417–439, 2019, Algorithm 2, with H projected (hp = 3). Both half steps start from extrapolated factors and hold the extrapolated
//! other one. The error of the new W with the extrapolated H, which the half step of W gives away, decides whether the iteration is accepted.

use super::NmfWorkspace;
use super::options::{Extrapolation, Method};
use super::products::Side;
use super::rule::Work;
use super::state::Stretch;
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
        }
    }

    /// The factors are others now.
    pub(super) fn forget(&mut self) {
        self.loss = None;
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
        let stretch = |project| Some(Stretch { beta, project });

        self.look_ahead();
        let (method, stride) = (&self.options.method, self.setting.stride);
        self.h.rule.prepare(stride, &self.w.gram, method);
        self.h.update(self.setting, work, stretch(true));
        self.ready = false;

        if self.blocked() {
            self.sweep(work, stretch(false), ahead);
        } else {
            self.multiply(Side::W);
            self.w
                .rule
                .prepare(stride, &self.h.gram, &self.options.method);
            self.w.update(self.setting, work, stretch(false));
        }
        self.w_ready = !self.data.has_missing();

        let loss = self.cheap_loss();
        // What rounding alone may add.
        let noise = 8.0 * T::EPSILON.to_f64() * loss;
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
}
