//! Whether a guess is worth asking for.

use crate::qp::kkt;
use crate::qp::workspace::QpWorkspace;
use crate::{OptError, Real};

/// What a problem took from an empty working set, and from a guess.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateSample {
    /// [`QpWorkspace::num_violated`] of the problem.
    pub violated: usize,
    /// Seconds of set-up and solve from an empty working set.
    pub cold: f64,
    /// Seconds of the guess, set-up and solve from it.
    pub guessed: f64,
}

/// Asks for a guess only where that is expected to be faster.
///
/// How much there is to do without a guess shows in the number of constraints that the minimiser without constraints violates: none, and the solve is
/// done in one iteration; many, and a good guess saves much. The gate fits a straight line to the seconds with a guess and one to those without, over that
/// number, and asks where the first is below the second. On a computer with other times it has to be fitted anew.
///
/// # Examples
/// ```
/// use la_opt::qp::{Gate, GateSample, Hessian, QpOptions, QpWorkspace, QuadraticProgram};
///
/// // Without a guess, 1 µs for each violated constraint; with one, 3 µs.
/// let samples: Vec<GateSample> = (0..9)
///     .map(|violated| GateSample { violated, cold: 1e-6 * violated as f64, guessed: 3e-6 })
///     .collect();
/// let gate = Gate::fit(&samples)?;
/// assert!(!gate.asks_at(2) && gate.asks_at(4));
///
/// let problem = QuadraticProgram::new(Hessian::Identity, vec![-2.0, 0.5])?
///     .with_bounds(vec![-1.0; 2], vec![1.0; 2])?;
/// let mut workspace = QpWorkspace::new(problem, QpOptions::default())?;
/// assert_eq!(workspace.num_violated(), 1);
/// assert!(!gate.asks(&mut workspace));
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    cold: Line,
    guessed: Line,
}

/// `at_zero + slope v`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    at_zero: f64,
    slope: f64,
}

impl Gate {
    /// Fits a gate to problems that were solved both ways.
    ///
    /// # Errors
    /// [`OptError::InvalidOption`] if there are none, [`OptError::NonFinite`] for times that are no numbers.
    ///
    /// # Examples
    /// See [`Gate`].
    pub fn fit(samples: &[GateSample]) -> Result<Self, OptError> {
        if samples.is_empty() {
            return Err(OptError::InvalidOption {
                option: "samples",
                value: 0.0,
                requirement: "one or more",
            });
        }
        for (index, sample) in samples.iter().enumerate() {
            let value = sample.cold + sample.guessed;
            if !value.is_finite() {
                return Err(OptError::NonFinite {
                    what: "times of the gate",
                    index,
                    value,
                });
            }
        }
        Ok(Self {
            cold: Line::fit(samples, |s| s.cold),
            guessed: Line::fit(samples, |s| s.guessed),
        })
    }

    /// Whether a guess is expected to be faster for the problem of the workspace.
    pub fn asks<T: Real>(&self, workspace: &mut QpWorkspace<T>) -> bool {
        self.asks_at(workspace.num_violated())
    }

    /// The same for a number of violated constraints.
    #[must_use]
    pub fn asks_at(&self, violated: usize) -> bool {
        self.guessed.at(violated) < self.cold.at(violated)
    }
}

impl<T: Real> QpWorkspace<T> {
    /// How many constraints the minimiser without constraints violates, before a solve. n² + m n operations; forms no rows.
    pub fn num_violated(&mut self) -> usize {
        self.take_vectors();
        let [origin, x, values] = self.kkt.lend();
        origin.fill(T::ZERO);
        self.ldp.recover(origin, x);
        kkt::constraint_values(self.ldp.kernels, &self.problem, x, values);
        let tolerance = self.options.primal_tol;
        let bounds = self.problem.lower.iter().zip(&self.problem.upper);
        let outside = values.iter().zip(bounds).filter(|&(value, (l, u))| {
            let value = value.to_f64();
            value > u.to_f64() + tolerance || value < l.to_f64() - tolerance
        });
        outside.count()
    }
}

impl Line {
    /// Least squares.
    fn fit(samples: &[GateSample], seconds: impl Fn(&GateSample) -> f64) -> Self {
        let count = samples.len() as f64;
        let x = |s: &GateSample| s.violated as f64;
        let mean_x = samples.iter().map(x).sum::<f64>() / count;
        let mean_y = samples.iter().map(&seconds).sum::<f64>() / count;
        let (mut xx, mut xy) = (0.0, 0.0);
        for s in samples {
            xx += (x(s) - mean_x).powi(2);
            xy += (x(s) - mean_x) * (seconds(s) - mean_y);
        }
        // All alike: the mean.
        let slope = if xx > 0.0 { xy / xx } else { 0.0 };
        Self {
            at_zero: mean_y - slope * mean_x,
            slope,
        }
    }

    fn at(self, violated: usize) -> f64 {
        self.at_zero + self.slope * violated as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qp::{Hessian, QpOptions, QpUpdate, QuadraticProgram};

    #[test]
    fn counts_follow_updates_and_leave_the_solve_alone() {
        let problem =
            QuadraticProgram::new(Hessian::Dense(vec![2.0, 1.0, 1.0, 2.0]), vec![-8.0, -6.0])
                .and_then(|p| p.with_bounds(vec![-1.0; 2], vec![1.0; 2]))
                .unwrap();
        let samples = [GateSample {
            violated: 3,
            cold: 2.0,
            guessed: 1.0,
        }];
        let gate = Gate::fit(&samples).unwrap();
        // One sample has no slope.
        assert!(gate.asks_at(0) && gate.asks_at(100));
        let mut workspace = QpWorkspace::new(problem, QpOptions::default()).unwrap();
        assert_eq!(workspace.num_violated(), 2);
        let iterations = workspace.solve().iterations;
        let update = QpUpdate::default().with_linear(&[0.0, -0.5]);
        workspace.update(&update).unwrap();
        assert_eq!(workspace.num_violated(), 0);
        assert!(workspace.solve().status.is_optimal());
        let update = QpUpdate::default().with_linear(&[-8.0, -6.0]);
        workspace.update(&update).unwrap();
        assert_eq!(workspace.num_violated(), 2);
        workspace.warm_start(crate::qp::WarmStart::Cold).unwrap();
        assert_eq!(workspace.solve().iterations, iterations);
    }

    #[test]
    fn nothing_to_fit_is_an_error() {
        assert!(matches!(
            Gate::fit(&[]),
            Err(OptError::InvalidOption { .. })
        ));
        let sample = GateSample {
            violated: 1,
            cold: f64::NAN,
            guessed: 1.0,
        };
        assert!(matches!(
            Gate::fit(&[sample]),
            Err(OptError::NonFinite { .. })
        ));
    }
}
