//! Plants that controllers are tried on.

use super::model::ContinuousModel;
use super::mpc::{LinearMpc, Target, TerminalCost};
use crate::error::{ProblemError, require};

/// An inverted pendulum on a cart, the state (position, velocity, angle, angular velocity), the force on the cart its input.
///
/// ```text
/// ẋ = [0 1 0 0; 0 −10 9.81 0; 0 0 0 1; 0 −20 39.24 0] x + 100 [0; 1; 0; 2] u
/// ```
///
/// The controller looks 50 steps of 0.01 s ahead, follows references for position (weight 1.44) and angle (weight 1), pays 1e-4 for increments of the force, and
/// keeps `|force| ≤ 2`, and `|position| ≤ 10`, `|angle| ≤ 45°` at the next 49 steps; the objective has the factor 0.01. Parameters are the state, both references and
/// the force before. It is unstable without control.
///
/// # Examples
/// ```
/// use la_problems::quadratic::{InvertedPendulum, RowOrder};
///
/// let problem = InvertedPendulum::default().with_control_horizon(5).controller()?.condense()?;
/// assert_eq!((problem.num_variables(), problem.num_constraints()), (5, 103));
/// // The paper's form has a row for each side.
/// assert_eq!(problem.one_sided(RowOrder::UpperFirst).num_constraints(), 206);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// E. J. Schmidtobreick, D. Arnström, P. Häusner, J. Sjölund, arXiv 2511.13174, section on model predictive control; its arrays to rounding.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct InvertedPendulum {
    /// Forces that are free, from 1 to 50; the last is held. Default 50.
    pub control_horizon: usize,
    /// Sampling period, seconds, positive. Default 0.01.
    pub period: f64,
}

impl Default for InvertedPendulum {
    fn default() -> Self {
        Self {
            control_horizon: 50,
            period: 0.01,
        }
    }
}

impl InvertedPendulum {
    /// Sets how many forces are free.
    #[must_use]
    pub fn with_control_horizon(mut self, control_horizon: usize) -> Self {
        self.control_horizon = control_horizon;
        self
    }

    /// Sets the sampling period.
    #[must_use]
    pub fn with_period(mut self, period: f64) -> Self {
        self.period = period;
        self
    }

    /// The plant.
    ///
    /// # Errors
    /// None; the model is a valid one.
    pub fn model(&self) -> Result<ContinuousModel, ProblemError> {
        #[rustfmt::skip]
        let a = vec![
            0.0,   1.0,  0.0,  0.0,
            0.0, -10.0,  9.81, 0.0,
            0.0,   0.0,  0.0,  1.0,
            0.0, -20.0, 39.24, 0.0,
        ];
        ContinuousModel::new(4, 1, a, vec![0.0, 100.0, 0.0, 200.0])
    }

    /// The controller.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the period. The control horizon is looked at by [`LinearMpc::condense`].
    pub fn controller(&self) -> Result<LinearMpc, ProblemError> {
        let model = self.model()?.zero_order_hold(self.period)?;
        let position_and_angle = vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let tilt = std::f64::consts::FRAC_PI_4;
        Ok(LinearMpc::new(model, position_and_angle, 50)?
            .with_control_horizon(self.control_horizon)
            .with_output_weights(vec![1.44, 1.0])
            .with_increment_weights(vec![1e-4])
            .with_target(Target::Reference)
            .with_input_limits(vec![(-2.0, 2.0)])
            .with_output_limits(vec![(-10.0, 10.0), (-tilt, tilt)])
            .with_limited_steps(49)
            .with_objective_scale(0.01))
    }
}

/// Masses in a row between two walls, springs and dampers, a force on each: the state is all positions, then all velocities.
///
/// ```text
/// p̈_i = k (p_{i−1} − 2 p_i + p_{i+1}) − d ṗ_i + u_i,   p_0 = p_{K+1} = 0
/// ```
///
/// The controller brings all masses to rest: unit weights of all states, 0.05 of all forces, the last state costs what the regulator without limits would still pay;
/// `|u_i| ≤ 0.5`, and `|p_i| ≤ 4` at all steps.
///
/// # Examples
/// ```
/// use la_problems::quadratic::MassChain;
///
/// let problem = MassChain::default().controller()?.condense()?;
/// assert_eq!((problem.num_variables(), problem.num_parameters), (45, 6));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// Y. Wang, S. Boyd, *IEEE Trans. Control Syst. Technol.* 18(2), 267–278, 2010, section V-B (masses and springs; there with other forces and
/// constants).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MassChain {
    /// Number of masses, K, at least 1. Default 3.
    pub masses: usize,
    /// Steps that are predicted, at least 1. Default 15.
    pub horizon: usize,
    /// k over the mass, 1/s², at least 0. Default 1.
    pub stiffness: f64,
    /// d over the mass, 1/s, at least 0. Default 0.05.
    pub damping: f64,
    /// Sampling period, seconds, positive. Default 0.2.
    pub period: f64,
}

impl Default for MassChain {
    fn default() -> Self {
        Self {
            masses: 3,
            horizon: 15,
            stiffness: 1.0,
            damping: 0.05,
            period: 0.2,
        }
    }
}

impl MassChain {
    /// Sets the number of masses.
    #[must_use]
    pub fn with_masses(mut self, masses: usize) -> Self {
        self.masses = masses;
        self
    }

    /// Sets the horizon.
    #[must_use]
    pub fn with_horizon(mut self, horizon: usize) -> Self {
        self.horizon = horizon;
        self
    }

    /// The plant.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] names the first field that is out of its range.
    pub fn model(&self) -> Result<ContinuousModel, ProblemError> {
        let count = self.masses;
        let few = (1..=1000).contains(&count);
        require(few, "masses", count as f64, "from 1 to 1000")?;
        for (option, value) in [("stiffness", self.stiffness), ("damping", self.damping)] {
            let fine = value >= 0.0 && value.is_finite();
            require(fine, option, value, "finite and at least 0")?;
        }
        let states = 2 * count;
        let (mut a, mut b) = (vec![0.0; states * states], vec![0.0; states * count]);
        for i in 0..count {
            let velocity = count + i;
            a[i * states + velocity] = 1.0;
            let row = &mut a[velocity * states..(velocity + 1) * states];
            row[i] = -2.0 * self.stiffness;
            if i > 0 {
                row[i - 1] = self.stiffness;
            }
            if i + 1 < count {
                row[i + 1] = self.stiffness;
            }
            row[velocity] = -self.damping;
            b[velocity * count + i] = 1.0;
        }
        ContinuousModel::new(states, count, a, b)
    }

    /// The controller.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] names the first field that is out of its range.
    pub fn controller(&self) -> Result<LinearMpc, ProblemError> {
        let model = self.model()?.zero_order_hold(self.period)?;
        let states = model.num_states();
        let mut every_state = vec![0.0; states * states];
        every_state
            .iter_mut()
            .step_by(states + 1)
            .for_each(|x| *x = 1.0);
        let mut limits = vec![(-4.0, 4.0); self.masses];
        limits.resize(states, (f64::NEG_INFINITY, f64::INFINITY));
        Ok(LinearMpc::new(model, every_state, self.horizon)?
            .with_input_weights(vec![0.05; self.masses])
            .with_input_limits(vec![(-0.5, 0.5); self.masses])
            .with_output_limits(limits)
            .with_terminal(TerminalCost::CostToGo))
    }
}
