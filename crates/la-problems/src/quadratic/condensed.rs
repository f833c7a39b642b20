//! The quadratic program of a controller.

use super::family::{ParametricFamily, ReferenceSolutions};

/// Minimise `½ uᵀ P u + (F θ)ᵀ u` subject to `l + L θ ≤ [I; G] u ≤ u + L θ`: the inputs of a horizon, their limits as simple bounds, then the
/// limits of outputs, step by step.
///
/// θ is the state, then the reference, then the input before, as far as the controller has them.
///
/// # Shapes
/// n inputs over the horizon, m limits of outputs, p parameters; P n × n, F n × p, G m × n, all row-major.
///
/// # Examples
/// See [`InvertedPendulum`](super::InvertedPendulum) and [`LinearMpc`](super::LinearMpc).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CondensedMpc {
    /// P.
    pub hessian: Vec<f64>,
    /// F.
    pub linear_slope: Vec<f64>,
    /// G.
    pub rows: Vec<f64>,
    /// L of the rows, m × p; bounds of inputs do not depend on θ.
    pub rows_slope: Vec<f64>,
    /// l, length n + m.
    pub lower: Vec<f64>,
    /// u, length n + m.
    pub upper: Vec<f64>,
    /// Number of parameters, p.
    pub num_parameters: usize,
    /// Number of states: the first parameters.
    pub num_states: usize,
    /// Number of inputs of the plant: the first unknowns are those of the next step.
    pub num_inputs: usize,
    /// Number of references: the parameters after the state.
    pub num_references: usize,
    /// Rows of each step.
    pub num_limited_outputs: usize,
    /// F and L by columns.
    pub(super) linear_columns: Vec<f64>,
    pub(super) rows_columns: Vec<f64>,
}

/// How the constraints of the one-sided form `A x ≤ b + B θ` follow each other. Infinite limits have no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowOrder {
    /// Upper limits of inputs, then of outputs; then the lower ones of both.
    UpperFirst,
    /// Upper and lower limits of inputs, then upper and lower limits of outputs.
    InputsFirst,
}

impl CondensedMpc {
    /// Number of unknowns, n.
    #[must_use]
    pub fn num_variables(&self) -> usize {
        self.hessian.len().isqrt()
    }

    /// Number of constraints, simple bounds and rows.
    #[must_use]
    pub fn num_constraints(&self) -> usize {
        self.lower.len()
    }

    /// Puts θ together. Parts that the controller does not have are not looked at.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn parameters(&self, state: &[f64], reference: &[f64], input: &[f64], theta: &mut [f64]) {
        let (s, p) = (self.num_states, self.num_references);
        assert_eq!(theta.len(), self.num_parameters, "number of parameters");
        theta[..s].copy_from_slice(state);
        if p > 0 {
            theta[s..s + p].copy_from_slice(reference);
        }
        if s + p < theta.len() {
            theta[s + p..].copy_from_slice(input);
        }
    }

    /// `F θ`, written to `out`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn linear_at(&self, theta: &[f64], out: &mut [f64]) {
        assert_eq!(out.len(), self.num_variables(), "length of the result");
        assert_eq!(theta.len(), self.num_parameters, "number of parameters");
        out.fill(0.0);
        accumulate(&self.linear_columns, theta, out);
    }

    /// Both bounds of all constraints.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn bounds_at(&self, theta: &[f64], lower: &mut [f64], upper: &mut [f64]) {
        let n = self.num_variables();
        assert_eq!(theta.len(), self.num_parameters, "number of parameters");
        lower.copy_from_slice(&self.lower);
        upper.copy_from_slice(&self.upper);
        accumulate(&self.rows_columns, theta, &mut lower[n..]);
        accumulate(&self.rows_columns, theta, &mut upper[n..]);
    }

    /// For each constraint the one that said the same a step later: where the horizon has moved on by a step, constraint i of the next problem
    /// is what constraint `sources[i]` was in this one. Those of the last step are their own.
    #[must_use]
    pub fn shift_sources(&self) -> Vec<Option<usize>> {
        let n = self.num_variables();
        let one_later = |at: usize, width: usize, count: usize| {
            if at + width < count { at + width } else { at }
        };
        let inputs = (0..n).map(|i| one_later(i, self.num_inputs, n));
        let m = self.num_constraints() - n;
        let outputs = (0..m).map(|i| n + one_later(i, self.num_limited_outputs, m));
        inputs.chain(outputs).map(Some).collect()
    }

    /// Constraints and sides of the one-sided form.
    fn one_sided_order(&self, order: RowOrder) -> Vec<(usize, bool)> {
        let (n, total) = (self.num_variables(), self.num_constraints());
        let blocks = match order {
            RowOrder::UpperFirst => [
                (0..n, true),
                (n..total, true),
                (0..n, false),
                (n..total, false),
            ],
            RowOrder::InputsFirst => [
                (0..n, true),
                (0..n, false),
                (n..total, true),
                (n..total, false),
            ],
        };
        let mut result = Vec::new();
        for (range, upper) in blocks {
            for j in range {
                let limit = if upper { self.upper[j] } else { self.lower[j] };
                if limit.is_finite() {
                    result.push((j, upper));
                }
            }
        }
        result
    }

    /// The one-sided form, without parameters to solve it for.
    #[must_use]
    pub fn one_sided(&self, order: RowOrder) -> ParametricFamily {
        let (n, p) = (self.num_variables(), self.num_parameters);
        let (mut rows, mut bounds, mut slope) = (Vec::new(), Vec::new(), Vec::new());
        for (j, is_upper) in self.one_sided_order(order) {
            let sign = if is_upper { 1.0 } else { -1.0 };
            if j < n {
                rows.extend((0..n).map(|i| if i == j { sign } else { 0.0 }));
                slope.extend((0..p).map(|_| 0.0));
            } else {
                let (at, to) = (j - n, j - n + 1);
                rows.extend(self.rows[at * n..to * n].iter().map(|x| sign * x));
                slope.extend(self.rows_slope[at * p..to * p].iter().map(|x| sign * x));
            }
            bounds.push(if is_upper {
                self.upper[j]
            } else {
                -self.lower[j]
            });
        }
        ParametricFamily {
            hessian: self.hessian.clone(),
            linear: vec![0.0; n],
            linear_slope: self.linear_slope.clone(),
            rows,
            upper: bounds,
            upper_slope: slope,
            num_parameters: p,
            train: Vec::new(),
            validation: Vec::new(),
            test: Vec::new(),
            segments: None,
            reference: ReferenceSolutions::default(),
        }
    }

    /// [`shift_sources`](Self::shift_sources) of the one-sided form.
    #[must_use]
    pub fn one_sided_shift_sources(&self, order: RowOrder) -> Vec<Option<usize>> {
        let sources = self.shift_sources();
        let places = self.one_sided_order(order);
        let place = |wanted| places.iter().position(|&place| place == wanted);
        places
            .iter()
            .map(|&(j, is_upper)| sources[j].and_then(|j| place((j, is_upper))))
            .collect()
    }
}

/// `out += Σ θ_c columns_c`.
fn accumulate(columns: &[f64], theta: &[f64], out: &mut [f64]) {
    if out.is_empty() {
        return;
    }
    for (column, &t) in columns.chunks_exact(out.len()).zip(theta) {
        for (out, &c) in out.iter_mut().zip(column) {
            *out += t * c;
        }
    }
}
