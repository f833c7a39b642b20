//! Sums of losses of linear functions: logistic regression, robust regression.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::{Conj, MatMut, MatRef, Par, Spec};

use super::LocalObjective;
use super::distance::{require_finite, require_length};
use super::scales::Weights;
use crate::admm::{AdmmError, LocalFailure};

/// The loss of one observation, of the linear function t and the target y.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Link {
    /// `ln(1 + exp(−y t))`, y = ±1.
    Logistic,
    /// `r² / 2` for `|r| ≤ δ`, else `δ |r| − δ² / 2`, with `r = t − y`.
    Huber {
        /// δ, positive.
        delta: f64,
    },
}

impl Link {
    /// Whether the targets are among those the loss is meant for.
    fn check(self, targets: &[f64]) -> Result<(), AdmmError> {
        require_finite("targets", targets)?;
        let other = targets.iter().find(|y| y.abs() != 1.0);
        match (self, other) {
            (Self::Logistic, Some(&value)) => Err(AdmmError::InvalidOption {
                option: "targets",
                value,
                requirement: "1 or -1",
            }),
            _ => Ok(()),
        }
    }

    fn value(self, t: f64, y: f64) -> f64 {
        match self {
            Self::Logistic => {
                let m = -y * t;
                m.max(0.0) + (-m.abs()).exp().ln_1p()
            }
            Self::Huber { delta } => {
                let r = (t - y).abs();
                if r <= delta {
                    0.5 * r * r
                } else {
                    delta * (r - 0.5 * delta)
                }
            }
        }
    }

    /// First and second derivative in t.
    fn derivatives(self, t: f64, y: f64) -> (f64, f64) {
        match self {
            Self::Logistic => {
                let e = (-(y * t).abs()).exp();
                let p = if y * t > 0.0 { e } else { 1.0 } / (1.0 + e);
                (-y * p, y * y * e / ((1.0 + e) * (1.0 + e)))
            }
            Self::Huber { delta } => {
                let r = t - y;
                (
                    r.clamp(-delta, delta),
                    f64::from(u8::from(r.abs() <= delta)),
                )
            }
        }
    }
}

/// `f(x) = Σ_k loss(a_kᵀ x, y_k) + ridge / 2 ‖x‖²`.
///
/// A proximal step is Newton's method from the last x with steps halved until the function falls; it ends where the gradient is small beside what it is made of, or shrinks no more.
/// Costs p n² + n³ / 3 for each Newton step.
pub struct GeneralizedLinear {
    link: Link,
    columns: usize,
    matrix: Vec<f64>,
    targets: Vec<f64>,
    ridge: f64,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
    step: Vec<f64>,
    trial: Vec<f64>,
    memory: MemBuffer,
}

/// Newton steps after which a proximal step gives up.
const STEPS: usize = 200;

impl GeneralizedLinear {
    /// From the observations (p × n, row-major, with n `columns`) and their targets (p).
    ///
    /// # Errors
    /// [`AdmmError::Length`], [`AdmmError::NonFinite`], [`AdmmError::InvalidOption`].
    pub fn new(
        link: Link,
        columns: usize,
        matrix: Vec<f64>,
        targets: Vec<f64>,
        ridge: f64,
    ) -> Result<Self, AdmmError> {
        require_length("matrix", matrix.len(), columns * targets.len())?;
        require_finite("matrix", &matrix)?;
        let wrong = |option, value, requirement| AdmmError::InvalidOption {
            option,
            value,
            requirement,
        };
        if !(ridge >= 0.0 && ridge.is_finite()) {
            return Err(wrong("ridge", ridge, "finite and at least 0"));
        }
        match link {
            Link::Huber { delta } if !(delta > 0.0 && delta.is_finite()) => {
                return Err(wrong("delta", delta, "positive"));
            }
            _ => link.check(&targets)?,
        }
        let scratch =
            llt::factor::cholesky_in_place_scratch::<f64>(columns, Par::Seq, Spec::default());
        Ok(Self {
            link,
            columns,
            matrix,
            targets,
            ridge,
            gradient: vec![0.0; columns],
            hessian: vec![0.0; columns * columns],
            step: vec![0.0; columns],
            trial: vec![0.0; columns],
            memory: MemBuffer::new(scratch),
        })
    }

    /// Puts other targets in their place.
    ///
    /// # Errors
    /// [`AdmmError::Length`], [`AdmmError::NonFinite`] or [`AdmmError::InvalidOption`]; the old ones stay.
    pub fn set_targets(&mut self, targets: &[f64]) -> Result<(), AdmmError> {
        require_length("targets", targets.len(), self.targets.len())?;
        self.link.check(targets)?;
        self.targets.copy_from_slice(targets);
        Ok(())
    }

    fn observations(&self) -> impl Iterator<Item = (&[f64], f64)> {
        let rows = self.matrix.chunks_exact(self.columns.max(1));
        rows.zip(self.targets.iter().copied())
    }

    /// The function with its proximal term.
    fn proximal_value(&self, weights: Weights<'_>, centre: &[f64], x: &[f64]) -> f64 {
        let far = x.iter().zip(centre).enumerate();
        let far: f64 = far
            .map(|(j, (x, v))| weights.scale(j) * (x - v).powi(2))
            .sum();
        self.value(x) + 0.5 * weights.weight * far
    }

    /// Gradient and Hessian at x with the proximal term, and the size of what the gradient is a sum of.
    fn differentiate(&mut self, weights: Weights<'_>, centre: &[f64], x: &[f64]) -> f64 {
        let n = self.columns;
        let (gradient, hessian) = (&mut self.gradient, &mut self.hessian);
        hessian.fill(0.0);
        let mut size = 0.0_f64;
        for j in 0..n {
            let weight = weights.of(j);
            gradient[j] = self.ridge * x[j] + weight * (x[j] - centre[j]);
            size = size.max(self.ridge * x[j].abs() + weight * (x[j].abs() + centre[j].abs()));
            hessian[j * n + j] = self.ridge + weight;
        }
        let rows = self.matrix.chunks_exact(n.max(1));
        for (row, &y) in rows.zip(&self.targets) {
            let (first, second) = self.link.derivatives(dot(row, x), y);
            for i in 0..n {
                gradient[i] += first * row[i];
                size = size.max((first * row[i]).abs());
                if second == 0.0 {
                    continue;
                }
                let scaled = second * row[i];
                for (h, a) in hessian[i * n..=i * n + i].iter_mut().zip(row) {
                    *h += scaled * a;
                }
            }
        }
        size
    }

    /// `step = −H⁻¹ gradient`.
    fn newton_step(&mut self) -> Result<(), LocalFailure> {
        let n = self.columns;
        for (s, g) in self.step.iter_mut().zip(&self.gradient) {
            *s = -g;
        }
        let stack = MemStack::new(&mut self.memory);
        llt::factor::cholesky_in_place(
            MatMut::from_row_major_slice_mut(&mut self.hessian, n, n),
            Default::default(),
            Par::Seq,
            stack,
            Spec::default(),
        )
        .map_err(|_| LocalFailure::NonFinite)?;
        llt::solve::solve_in_place_with_conj(
            MatRef::from_row_major_slice(&self.hessian, n, n),
            Conj::No,
            MatMut::from_column_major_slice_mut(&mut self.step, n, 1),
            Par::Seq,
            stack,
        );
        Ok(())
    }

    /// Newton's method for the function with its proximal term.
    fn newton(
        &mut self,
        weights: Weights<'_>,
        centre: &[f64],
        x: &mut [f64],
    ) -> Result<(), LocalFailure> {
        let mut value = self.proximal_value(weights, centre, x);
        // The slope before a step that was too short to be judged by values.
        let mut unjudged = f64::INFINITY;
        for _ in 0..STEPS {
            let size = self.differentiate(weights, centre, x);
            let slope = self.gradient.iter().fold(0.0_f64, |a, g| a.max(g.abs()));
            if !(slope + value).is_finite() {
                return Err(LocalFailure::NonFinite);
            }
            if slope <= 1e-14 * size || (slope > 0.5 * unjudged && slope <= 1e-9 * size) {
                return Ok(());
            }
            self.newton_step()?;
            let descent = dot(&self.step, &self.gradient);
            if -descent <= 1e-13 * value.abs() && slope <= 0.5 * unjudged {
                // What the step gains drowns in the rounding of values: it is judged by the slope that it leaves.
                unjudged = slope;
                x.iter_mut().zip(&self.step).for_each(|(x, s)| *x += s);
                value = self.proximal_value(weights, centre, x);
                continue;
            }
            let mut length = 1.0;
            loop {
                for ((t, x), s) in self.trial.iter_mut().zip(&*x).zip(&self.step) {
                    *t = x + length * s;
                }
                let new = self.proximal_value(weights, centre, &self.trial);
                if new <= value + 1e-4 * length * descent {
                    value = new;
                    break;
                }
                length *= 0.5;
                if length < 1e-10 {
                    // No step lowers the function any more than rounding does.
                    return if slope <= 1e-9 * size {
                        Ok(())
                    } else {
                        Err(LocalFailure::NotConverged { iterations: STEPS })
                    };
                }
            }
            x.copy_from_slice(&self.trial);
        }
        Err(LocalFailure::NotConverged { iterations: STEPS })
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl LocalObjective for GeneralizedLinear {
    fn dim(&self) -> usize {
        self.columns
    }

    fn value(&self, x: &[f64]) -> f64 {
        let losses: f64 = self
            .observations()
            .map(|(row, y)| self.link.value(dot(row, x), y))
            .sum();
        losses + 0.5 * self.ridge * dot(x, x)
    }

    fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
        self.newton(Weights::equal(weight), centre, x)
    }

    fn takes_scales(&self) -> bool {
        true
    }

    fn prox_scaled(
        &mut self,
        weight: f64,
        scales: &[f64],
        centre: &[f64],
        x: &mut [f64],
    ) -> Result<(), LocalFailure> {
        self.newton(Weights::scaled(weight, scales), centre, x)
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> bool {
        for (g, x) in gradient.iter_mut().zip(x) {
            *g = self.ridge * x;
        }
        for (row, y) in self.observations() {
            let (first, _) = self.link.derivatives(dot(row, x), y);
            for (g, a) in gradient.iter_mut().zip(row) {
                *g += first * a;
            }
        }
        true
    }
}
