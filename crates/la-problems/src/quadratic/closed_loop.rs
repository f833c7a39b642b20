//! A controller at work: the parameters of consecutive problems.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::mpc::{LinearMpc, Target};
use crate::error::{ProblemError, require, require_vector};

/// Runs of a controller from random states, with disturbances of the state and steps of the reference.
///
/// Each run starts from a state drawn from `U(−initial, initial)`. At each step the state, the reference and the last input become the parameters of a problem, whoever
/// solves it returns the input, and the plant goes on: `x⁺ = A x + B u + disturbance · N(0, I)`. Where nobody can return an input (no input meets the
/// limits) the run ends.
///
/// # Examples
/// A chain of masses under linear feedback, cut off at the limits.
/// ```
/// use la_problems::quadratic::{ClosedLoop, MassChain};
///
/// let controller = MassChain::default().controller()?;
/// let runs = ClosedLoop::new(vec![1.0, 1.0, 1.0, 0.5, 0.5, 0.5]).with_runs(2).with_steps(10).with_disturbance(0.02);
/// let sequence = runs.simulate(&controller, 7, |theta, _| {
///     Some(theta[..3].iter().zip(&theta[3..]).map(|(p, v)| (-p - v).clamp(-0.5, 0.5)).collect())
/// })?;
/// assert_eq!((sequence.segments.len(), sequence.parameters.len()), (20, 120));
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClosedLoop {
    /// Largest size of each state at the beginning of a run, at least 0.
    pub initial: Vec<f64>,
    /// Number of runs. Default 30.
    pub runs: usize,
    /// Steps of each run. Default 40.
    pub steps: usize,
    /// Standard deviation of the disturbance of each state, at least 0. Default 0.
    pub disturbance: f64,
    /// Largest size of each reference; drawn from `U(−size, size)`. Default: references are zero.
    pub reference: Vec<f64>,
    /// Steps from one reference to the next, at least 1. Default 100.
    pub reference_period: usize,
}

/// Consecutive problems of a controller.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ControlSequence {
    /// θ of each problem, one after the other.
    pub parameters: Vec<f64>,
    /// The run each problem belongs to.
    pub segments: Vec<usize>,
    /// Inputs that were applied.
    pub inputs: Vec<f64>,
    /// Runs that ended early.
    pub abandoned: usize,
}

impl ClosedLoop {
    /// Runs from states of at most these sizes.
    #[must_use]
    pub fn new(initial: Vec<f64>) -> Self {
        Self {
            initial,
            runs: 30,
            steps: 40,
            disturbance: 0.0,
            reference: Vec::new(),
            reference_period: 100,
        }
    }

    /// Sets the number of runs.
    #[must_use]
    pub fn with_runs(mut self, runs: usize) -> Self {
        self.runs = runs;
        self
    }

    /// Sets the steps of each run.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Sets the standard deviation of the disturbance.
    #[must_use]
    pub fn with_disturbance(mut self, disturbance: f64) -> Self {
        self.disturbance = disturbance;
        self
    }

    /// Sets the largest size of each reference, and the steps from one to the next.
    #[must_use]
    pub fn with_reference(mut self, reference: Vec<f64>, period: usize) -> Self {
        self.reference = reference;
        self.reference_period = period;
        self
    }

    /// Runs the controller. `solve` gets θ and whether a run begins, and returns the inputs of this step, possibly followed by later ones.
    ///
    /// # Errors
    /// [`ProblemError::WrongLength`], [`ProblemError::NotFinite`], [`ProblemError::InvalidOption`] for options that are out of range, and if `solve` returns too few inputs or
    /// some that are not finite.
    pub fn simulate(
        &self,
        controller: &LinearMpc,
        seed: u64,
        mut solve: impl FnMut(&[f64], bool) -> Option<Vec<f64>>,
    ) -> Result<ControlSequence, ProblemError> {
        controller.validate()?;
        let (states, inputs) = (controller.model.num_states(), controller.model.num_inputs());
        let references = match controller.target {
            Target::Reference => controller.num_outputs(),
            Target::Origin => 0,
        };
        require_vector("initial states", &self.initial, states)?;
        if !self.reference.is_empty() {
            require_vector("references", &self.reference, references)?;
        }
        for &size in self.initial.iter().chain(&self.reference) {
            require(size >= 0.0, "initial or reference", size, "at least 0")?;
        }
        let sigma = self.disturbance;
        let fine = sigma >= 0.0 && sigma.is_finite();
        require(fine, "disturbance", sigma, "finite and at least 0")?;
        let period = self.reference_period;
        require(period > 0, "reference_period", 0.0, "at least 1")?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let uniform = |size: f64, rng: &mut ChaCha8Rng| (2.0 * rng.random::<f64>() - 1.0) * size;
        let mut result = ControlSequence {
            parameters: Vec::new(),
            segments: Vec::new(),
            inputs: Vec::new(),
            abandoned: 0,
        };
        let mut theta = Vec::new();
        for run in 0..self.runs {
            let mut x: Vec<f64> = self.initial.iter().map(|&a| uniform(a, &mut rng)).collect();
            let mut input = vec![0.0; inputs];
            let mut reference = vec![0.0; references];
            let mut next = vec![0.0; states];
            for step in 0..self.steps {
                if step % period == 0 && !self.reference.is_empty() {
                    for (r, &size) in reference.iter_mut().zip(&self.reference) {
                        *r = uniform(size, &mut rng);
                    }
                }
                theta.clear();
                theta.extend_from_slice(&x);
                theta.extend_from_slice(&reference);
                if controller.weighs_increments() {
                    theta.extend_from_slice(&input);
                }
                let Some(solution) = solve(&theta, step == 0) else {
                    result.abandoned += 1;
                    break;
                };
                let first = solution.get(..inputs).unwrap_or(&solution);
                require_vector("input", first, inputs)?;
                input.copy_from_slice(first);
                result.parameters.extend_from_slice(&theta);
                result.segments.push(run);
                result.inputs.extend_from_slice(&input);
                controller.model.step(&x, &input, &mut next);
                for (x, &next) in x.iter_mut().zip(&next) {
                    let noise: f64 = rng.sample(StandardNormal);
                    *x = next + sigma * noise;
                }
            }
        }
        Ok(result)
    }
}
