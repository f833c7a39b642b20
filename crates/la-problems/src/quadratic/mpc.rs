//! Linear model predictive control, condensed: a quadratic program in the inputs alone.

use super::condensed::CondensedMpc;
use super::matrix::Matrix;
use super::model::{DiscreteModel, expect};
use crate::error::{ProblemError, require};

/// What the last predicted state costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TerminalCost {
    /// What the states before it cost.
    #[default]
    Stage,
    /// All that the regulator without limits would still pay from there on: the solution of the Riccati equation of the weights of outputs and inputs.
    /// Every input needs a weight, and the target has to be the origin.
    CostToGo,
}

/// Where the outputs should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Target {
    /// To zero.
    #[default]
    Origin,
    /// To a reference that is a parameter, constant over the horizon.
    Reference,
}

/// A controller of `x⁺ = A x + B u`, `y = C x`, that looks N steps ahead.
///
/// ```text
/// minimise   c/2 ( Σ_{k=1}^{N} ‖y_k − r‖²_Q + Σ_{i=0}^{Nc−1} ‖u_i‖²_R + Σ_{i=0}^{Nc−1} ‖u_i − u_{i−1}‖²_S )
/// subject to u_min ≤ u_i ≤ u_max,   y_min ≤ y_k ≤ y_max  for k = 1, …, K
/// ```
///
/// The inputs after the first N_c are equal to the last of them; `u_{−1}` is the input before. [`condense`](Self::condense) writes the states out.
///
/// # Examples
/// A mass that is brought to rest by a bounded force.
/// ```
/// use la_problems::quadratic::{ContinuousModel, LinearMpc, TerminalCost};
///
/// let model = ContinuousModel::new(2, 1, vec![0.0, 1.0, 0.0, 0.0], vec![0.0, 1.0])?.zero_order_hold(0.1)?;
/// let controller = LinearMpc::new(model, vec![1.0, 0.0, 0.0, 1.0], 20)?
///     .with_input_weights(vec![0.1])
///     .with_input_limits(vec![(-1.0, 1.0)])
///     .with_terminal(TerminalCost::CostToGo);
/// let problem = controller.condense()?;
/// assert_eq!((problem.num_variables(), problem.num_constraints()), (20, 20));
/// assert_eq!(problem.num_parameters, 2);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LinearMpc {
    /// The model.
    pub model: DiscreteModel,
    /// C, row-major, p × s.
    pub outputs: Vec<f64>,
    /// N, steps that are predicted, at least 1.
    pub horizon: usize,
    /// N_c, inputs that are free, from 1 to N. Default N.
    pub control_horizon: usize,
    /// Diagonal of Q, at least 0, one weight for each output. Default 1.
    pub output_weights: Vec<f64>,
    /// Diagonal of R, at least 0, one weight for each input. Default 0.
    pub input_weights: Vec<f64>,
    /// Diagonal of S, at least 0, one weight for each input. Default 0: then the input before is no parameter.
    pub increment_weights: Vec<f64>,
    /// Cost of the last state. Default [`TerminalCost::Stage`].
    pub terminal: TerminalCost,
    /// Where the outputs should go. Default [`Target::Origin`].
    pub target: Target,
    /// Least and largest value of each input; infinite: no limit. Default none.
    pub input_limits: Vec<(f64, f64)>,
    /// Least and largest value of each output; infinite: no limit. Default none.
    pub output_limits: Vec<(f64, f64)>,
    /// K, steps at which the outputs are limited, at most N. Default N.
    pub limited_steps: usize,
    /// c, factor of the whole objective, positive. Default 1.
    pub objective_scale: f64,
}

impl LinearMpc {
    /// A controller with unit weights of the outputs and no limits.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] if the horizon is 0, [`ProblemError::WrongLength`] if C does not fit the model, [`ProblemError::NotFinite`].
    pub fn new(
        model: DiscreteModel,
        outputs: Vec<f64>,
        horizon: usize,
    ) -> Result<Self, ProblemError> {
        let (states, inputs) = (model.num_states(), model.num_inputs());
        let count = outputs.len() / states;
        expect("output matrix", &outputs, count * states)?;
        require(horizon > 0, "horizon", horizon as f64, "at least 1")?;
        Ok(Self {
            model,
            outputs,
            horizon,
            control_horizon: horizon,
            output_weights: vec![1.0; count],
            input_weights: vec![0.0; inputs],
            increment_weights: vec![0.0; inputs],
            terminal: TerminalCost::default(),
            target: Target::default(),
            input_limits: vec![(f64::NEG_INFINITY, f64::INFINITY); inputs],
            output_limits: vec![(f64::NEG_INFINITY, f64::INFINITY); count],
            limited_steps: horizon,
            objective_scale: 1.0,
        })
    }
}

macro_rules! with {
    ($($(#[$doc:meta])* $name:ident, $field:ident: $type:ty;)*) => {
        impl LinearMpc {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

with! {
    /// Sets N_c.
    with_control_horizon, control_horizon: usize;
    /// Sets the diagonal of Q.
    with_output_weights, output_weights: Vec<f64>;
    /// Sets the diagonal of R.
    with_input_weights, input_weights: Vec<f64>;
    /// Sets the diagonal of S.
    with_increment_weights, increment_weights: Vec<f64>;
    /// Sets the cost of the last state.
    with_terminal, terminal: TerminalCost;
    /// Sets where the outputs should go.
    with_target, target: Target;
    /// Sets the limits of the inputs.
    with_input_limits, input_limits: Vec<(f64, f64)>;
    /// Sets the limits of the outputs.
    with_output_limits, output_limits: Vec<(f64, f64)>;
    /// Sets K.
    with_limited_steps, limited_steps: usize;
    /// Sets c.
    with_objective_scale, objective_scale: f64;
}

impl LinearMpc {
    /// Number of outputs.
    #[must_use]
    pub fn num_outputs(&self) -> usize {
        self.outputs.len() / self.model.num_states()
    }

    /// Whether the input before is a parameter.
    #[must_use]
    pub fn weighs_increments(&self) -> bool {
        self.increment_weights.iter().any(|&w| w > 0.0)
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`], [`ProblemError::WrongLength`] or [`ProblemError::NotFinite`] of the first bad field.
    pub fn validate(&self) -> Result<(), ProblemError> {
        let (inputs, outputs) = (self.model.num_inputs(), self.num_outputs());
        expect(
            "output matrix",
            &self.outputs,
            outputs * self.model.num_states(),
        )?;
        let n = self.horizon;
        require(n > 0, "horizon", n as f64, "at least 1")?;
        let within = (1..=n).contains(&self.control_horizon);
        let value = self.control_horizon as f64;
        require(within, "control_horizon", value, "from 1 to the horizon")?;
        let value = self.limited_steps as f64;
        require(
            self.limited_steps <= n,
            "limited_steps",
            value,
            "at most the horizon",
        )?;
        for (option, weights, count) in [
            ("output_weights", &self.output_weights, outputs),
            ("input_weights", &self.input_weights, inputs),
            ("increment_weights", &self.increment_weights, inputs),
        ] {
            expect(option, weights, count)?;
            for &weight in weights {
                require(weight >= 0.0, option, weight, "at least 0")?;
            }
        }
        for (option, limits, count) in [
            ("input_limits", &self.input_limits, inputs),
            ("output_limits", &self.output_limits, outputs),
        ] {
            if limits.len() != count {
                return Err(ProblemError::WrongLength {
                    what: option,
                    expected: count,
                    found: limits.len(),
                });
            }
            for &(low, high) in limits {
                let ordered = low <= high && low < f64::INFINITY && high > f64::NEG_INFINITY;
                require(ordered, option, low, "at most the upper limit")?;
            }
        }
        let scale = self.objective_scale;
        let positive = scale > 0.0 && scale.is_finite();
        require(positive, "objective_scale", scale, "positive and finite")?;
        if self.terminal == TerminalCost::CostToGo {
            let origin = self.target == Target::Origin;
            require(origin, "terminal", 1.0, "a stage cost with a reference")?;
            for &weight in &self.input_weights {
                let requirement = "positive with the cost to go";
                require(weight > 0.0, "input_weights", weight, requirement)?;
            }
        }
        Ok(())
    }

    /// Writes the states out. Costs `N (s² n + s n²)` operations for n = N_c r unknowns.
    ///
    /// # Errors
    /// As [`validate`](Self::validate); [`ProblemError::NoAcceptableSample`] if there is no cost to go, [`ProblemError::NotFinite`] if the
    /// prediction overflows.
    pub fn condense(&self) -> Result<CondensedMpc, ProblemError> {
        self.validate()?;
        let (s, r, p) = (
            self.model.num_states(),
            self.model.num_inputs(),
            self.num_outputs(),
        );
        let n = self.control_horizon * r;
        let outputs = Matrix::from_values(p, s, self.outputs.clone());
        let of_states = outputs
            .transpose()
            .times(&Matrix::diagonal(&self.output_weights));
        let stage = of_states.times(&outputs);
        let last = match self.terminal {
            TerminalCost::Stage => stage.clone(),
            TerminalCost::CostToGo => self.model.cost_to_go(&stage, &self.input_weights)?,
        };
        let tracks = self.target == Target::Reference;
        let reference = s;
        let previous = s + if tracks { p } else { 0 };
        let parameters = previous + if self.weighs_increments() { r } else { 0 };
        let limited: Vec<usize> = (0..p)
            .filter(|&i| {
                let (low, high) = self.output_limits[i];
                low > f64::NEG_INFINITY || high < f64::INFINITY
            })
            .collect();
        let mut hessian = Matrix::zeros(n, n);
        let mut slope = Matrix::zeros(n, parameters);
        let (mut rows, mut rows_slope) = (Vec::new(), Vec::new());
        // x_k = Φ_k x + Γ_k u.
        let mut phi = Matrix::identity(s);
        let mut gamma = Matrix::zeros(s, n);
        for k in 1..=self.horizon {
            phi = self.model.a.times(&phi);
            gamma = self.model.a.times(&gamma);
            let at = (k - 1).min(self.control_horizon - 1) * r;
            for i in 0..s {
                for j in 0..r {
                    *gamma.at_mut(i, at + j) += self.model.b.at(i, j);
                }
            }
            // P += Γᵀ W Γ,  F += Γᵀ (W Φ x − Cᵀ Q r).
            let weights = if k == self.horizon { &last } else { &stage };
            let transposed = gamma.transpose();
            let weighted = transposed.times(weights);
            hessian.add(1.0, &weighted.times(&gamma));
            let of_state = weighted.times(&phi);
            let of_reference = transposed.times(&of_states);
            for i in 0..n {
                for j in 0..s {
                    *slope.at_mut(i, j) += of_state.at(i, j);
                }
                for j in 0..if tracks { p } else { 0 } {
                    *slope.at_mut(i, reference + j) -= of_reference.at(i, j);
                }
            }
            if k <= self.limited_steps {
                let (of_inputs, of_state) = (outputs.times(&gamma), outputs.times(&phi));
                for &i in &limited {
                    rows.extend_from_slice(of_inputs.row(i));
                    rows_slope.extend(of_state.row(i).iter().map(|x| -x));
                    rows_slope.resize(rows_slope.len() + parameters - s, 0.0);
                }
            }
        }
        for i in 0..self.control_horizon {
            for j in 0..r {
                let at = i * r + j;
                let weight = self.increment_weights[j];
                *hessian.at_mut(at, at) += self.input_weights[j] + weight;
                if weight > 0.0 && i > 0 {
                    *hessian.at_mut(at - r, at - r) += weight;
                    *hessian.at_mut(at - r, at) -= weight;
                    *hessian.at_mut(at, at - r) -= weight;
                } else if weight > 0.0 {
                    *slope.at_mut(at, previous + j) -= weight;
                }
            }
        }
        let scale = self.objective_scale;
        let steps = self.limited_steps;
        let inputs = (0..self.control_horizon).flat_map(|_| &self.input_limits);
        let limited_outputs =
            (0..steps).flat_map(|_| limited.iter().map(|&i| &self.output_limits[i]));
        let (lower, upper) = inputs.chain(limited_outputs).copied().unzip();
        let slope = slope.scaled(scale);
        let by_rows = Matrix::from_values(rows_slope.len() / parameters, parameters, rows_slope);
        let result = CondensedMpc {
            hessian: hessian.symmetric_part().scaled(scale).values,
            linear_columns: slope.transpose().values,
            linear_slope: slope.values,
            rows_columns: by_rows.transpose().values,
            rows,
            rows_slope: by_rows.values,
            lower,
            upper,
            num_parameters: parameters,
            num_states: s,
            num_inputs: r,
            num_references: if tracks { p } else { 0 },
            num_limited_outputs: limited.len(),
        };
        crate::error::require_vector("Hessian", &result.hessian, n * n)?;
        crate::error::require_vector("rows", &result.rows, result.rows.len())?;
        crate::error::require_vector("linear term", &result.linear_slope, n * parameters)?;
        Ok(result)
    }
}
