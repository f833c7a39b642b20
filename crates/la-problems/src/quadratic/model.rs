//! Linear models of plants.

use super::matrix::Matrix;
use crate::error::{ProblemError, require};

/// `ẋ = A x + B u`.
///
/// # Shapes
/// A s × s, B s × r, both row-major, s states and r inputs.
///
/// # Examples
/// A mass that is pushed: from rest with unit force for a tenth of a second.
/// ```
/// use la_problems::quadratic::ContinuousModel;
///
/// let mass = ContinuousModel::new(2, 1, vec![0.0, 1.0, 0.0, 0.0], vec![0.0, 1.0])?;
/// let sampled = mass.zero_order_hold(0.1)?;
/// let mut next = [0.0; 2];
/// sampled.step(&[0.0, 0.0], &[1.0], &mut next);
/// assert!((next[0] - 0.005).abs() < 1e-15 && (next[1] - 0.1).abs() < 1e-15);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ContinuousModel {
    a: Matrix,
    b: Matrix,
}

/// `x⁺ = A x + B u`.
///
/// # Shapes
/// A s × s, B s × r, both row-major, s states and r inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscreteModel {
    pub(super) a: Matrix,
    pub(super) b: Matrix,
}

fn matrices(
    states: usize,
    inputs: usize,
    a: Vec<f64>,
    b: Vec<f64>,
) -> Result<(Matrix, Matrix), ProblemError> {
    require(states > 0, "states", states as f64, "at least 1")?;
    require(inputs > 0, "inputs", inputs as f64, "at least 1")?;
    expect("state matrix", &a, states * states)?;
    expect("input matrix", &b, states * inputs)?;
    Ok((
        Matrix::from_values(states, states, a),
        Matrix::from_values(states, inputs, b),
    ))
}

/// Refuses another length, and what is not finite.
pub(super) fn expect(
    what: &'static str,
    values: &[f64],
    expected: usize,
) -> Result<(), ProblemError> {
    crate::error::require_vector(what, values, expected)
}

impl ContinuousModel {
    /// A model of given matrices.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] without states or inputs, [`ProblemError::WrongLength`], [`ProblemError::NotFinite`].
    pub fn new(
        states: usize,
        inputs: usize,
        a: Vec<f64>,
        b: Vec<f64>,
    ) -> Result<Self, ProblemError> {
        let (a, b) = matrices(states, inputs, a, b)?;
        Ok(Self { a, b })
    }

    /// The model at multiples of a period (seconds), the input held in between: `exp([A B; 0 0] T) = [A_d B_d; 0 I]`. Exact.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] unless the period is positive and the exponential finite.
    pub fn zero_order_hold(&self, period: f64) -> Result<DiscreteModel, ProblemError> {
        let positive = period > 0.0 && period.is_finite();
        require(positive, "period", period, "positive and finite")?;
        let (s, r) = (self.a.rows, self.b.cols);
        let mut block = Matrix::zeros(s + r, s + r);
        for i in 0..s {
            for j in 0..s {
                *block.at_mut(i, j) = self.a.at(i, j) * period;
            }
            for j in 0..r {
                *block.at_mut(i, s + j) = self.b.at(i, j) * period;
            }
        }
        let exponential = block.exponential()?;
        Ok(DiscreteModel {
            a: exponential.block(0, 0, s, s),
            b: exponential.block(0, s, s, r),
        })
    }
}

impl DiscreteModel {
    /// A model of given matrices.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] without states or inputs, [`ProblemError::WrongLength`], [`ProblemError::NotFinite`].
    pub fn new(
        states: usize,
        inputs: usize,
        a: Vec<f64>,
        b: Vec<f64>,
    ) -> Result<Self, ProblemError> {
        let (a, b) = matrices(states, inputs, a, b)?;
        Ok(Self { a, b })
    }

    /// Number of states.
    #[must_use]
    pub fn num_states(&self) -> usize {
        self.a.rows
    }

    /// Number of inputs.
    #[must_use]
    pub fn num_inputs(&self) -> usize {
        self.b.cols
    }

    /// A, row-major.
    #[must_use]
    pub fn state_matrix(&self) -> &[f64] {
        &self.a.values
    }

    /// B, row-major.
    #[must_use]
    pub fn input_matrix(&self) -> &[f64] {
        &self.b.values
    }

    /// `next = A x + B u`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn step(&self, x: &[f64], u: &[f64], next: &mut [f64]) {
        assert_eq!(x.len(), self.num_states(), "length of the state");
        assert_eq!(u.len(), self.num_inputs(), "length of the input");
        assert_eq!(next.len(), self.num_states(), "length of the next state");
        for (i, next) in next.iter_mut().enumerate() {
            let drift = dot(self.a.row(i), x);
            *next = drift + dot(self.b.row(i), u);
        }
    }

    /// The cost-to-go matrix X of the regulator without limits: `X = Q + Aᵀ X (I + B R⁻¹ Bᵀ X)⁻¹ A`, Q and R diagonal.
    ///
    /// By doubling: each step squares the error (E. K.-W. Chu, H.-Y. Fan, W.-W. Lin, C.-S. Wang, *Int. J. Control* 77(8), 767–788,
    /// 2004).
    pub(super) fn cost_to_go(
        &self,
        state_weights: &Matrix,
        input_weights: &[f64],
    ) -> Result<Matrix, ProblemError> {
        const STEPS: usize = 60;
        let refuse = || ProblemError::NoAcceptableSample {
            what: "cost to go",
            attempts: STEPS,
            reason: "the model cannot be stabilised, or an input has no weight".into(),
        };
        let s = self.num_states();
        let inverse: Vec<f64> = input_weights.iter().map(|r| 1.0 / r).collect();
        let mut a = self.a.clone();
        let mut g = self
            .b
            .times(&Matrix::diagonal(&inverse))
            .times(&self.b.transpose());
        let mut h = state_weights.clone();
        for _ in 0..STEPS {
            // W = I + G H;  A ← A W⁻¹ A,  G ← G + A W⁻¹ G Aᵀ,  H ← H + Aᵀ H W⁻¹ A.
            let mut w = g.times(&h);
            w.add(1.0, &Matrix::identity(s));
            let wa = w.solve(&a).ok_or_else(refuse)?;
            let wg = w.solve(&g).ok_or_else(refuse)?;
            let growth = a.transpose().times(&h).times(&wa);
            g.add(1.0, &a.times(&wg).times(&a.transpose()));
            a = a.times(&wa);
            h.add(1.0, &growth);
            (g, h) = (g.symmetric_part(), h.symmetric_part());
            let (size, change) = (h.largest(), growth.largest());
            if !(size.is_finite() && change.is_finite()) {
                return Err(refuse());
            }
            if change <= f64::EPSILON * size {
                return Ok(h);
            }
        }
        Err(refuse())
    }
}

pub(super) fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_to_go_solves_its_equation() {
        let model = DiscreteModel::new(2, 1, vec![1.2, 0.5, -0.1, 0.9], vec![0.0, 1.0]).unwrap();
        let q = Matrix::diagonal(&[1.0, 0.1]);
        let x = model.cost_to_go(&q, &[0.3]).unwrap();
        // Aᵀ X A − Aᵀ X B (R + Bᵀ X B)⁻¹ Bᵀ X A + Q − X
        let (a, b) = (&model.a, &model.b);
        let xb = x.times(b);
        let mut inner = b.transpose().times(&xb);
        *inner.at_mut(0, 0) += 0.3;
        let gain = inner.solve(&xb.transpose().times(a)).unwrap();
        let mut residual = a.transpose().times(&x).times(a);
        residual.add(-1.0, &a.transpose().times(&xb).times(&gain));
        residual.add(1.0, &q);
        residual.add(-1.0, &x);
        assert!(residual.largest() < 1e-12 * x.largest(), "{residual:?}");
    }

    #[test]
    fn what_cannot_be_stabilised_has_no_cost_to_go() {
        let model = DiscreteModel::new(2, 1, vec![1.5, 0.0, 0.0, 0.5], vec![0.0, 1.0]).unwrap();
        let q = Matrix::identity(2);
        assert!(model.cost_to_go(&q, &[1.0]).is_err());
        assert!(model.cost_to_go(&q, &[0.0]).is_err());
    }
}
