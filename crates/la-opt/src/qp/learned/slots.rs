//! Two-sided constraints as one-sided ones.

use super::super::problem::QuadraticProgram;
use super::super::solution::{QpSolution, Side};
use crate::{OptError, Real};

/// The finite bounds of a problem in the order of its constraints, upper ones first: each is one constraint `a_jᵀ x ≤ b_j` of a network, that of a
/// lower bound `−a_jᵀ x ≤ −l_j`.
///
/// # Examples
/// ```
/// use la_opt::qp::learned::Slots;
/// use la_opt::qp::{Hessian, QuadraticProgram, Side};
///
/// let problem = QuadraticProgram::new(Hessian::Identity, vec![0.0, 0.0])?
///     .with_bounds(vec![-1.0], vec![1.0])?
///     .with_rows(vec![1.0, 1.0], vec![f64::NEG_INFINITY], vec![3.0])?;
/// let slots = Slots::new(&problem);
/// assert_eq!(slots.list(), [(0, Side::Upper), (0, Side::Lower), (1, Side::Upper)]);
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Slots {
    list: Vec<(usize, Side)>,
    variables: usize,
    constraints: usize,
}

impl Slots {
    /// The finite bounds of a problem.
    #[must_use]
    pub fn new<T: Real>(problem: &QuadraticProgram<T>) -> Self {
        let bounds = problem.lower.iter().zip(&problem.upper).enumerate();
        let mut list = Vec::new();
        for (j, (lower, upper)) in bounds {
            if upper.is_finite() {
                list.push((j, Side::Upper));
            }
            if lower.is_finite() {
                list.push((j, Side::Lower));
            }
        }
        Self {
            list,
            variables: problem.num_variables(),
            constraints: problem.num_constraints(),
        }
    }

    /// Constraint and side of each.
    #[must_use]
    pub fn list(&self) -> &[(usize, Side)] {
        &self.list
    }

    /// Number of them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True if no bound is finite.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Checks that a problem has the same sizes and the same bounds are finite.
    pub(super) fn check<T: Real>(&self, problem: &QuadraticProgram<T>) -> Result<(), OptError> {
        for (what, len, expected) in [
            ("variables", problem.num_variables(), self.variables),
            ("constraints", problem.num_constraints(), self.constraints),
        ] {
            if len != expected {
                return Err(OptError::Length {
                    what,
                    len,
                    expected,
                });
            }
        }
        let finite = |bounds: &[T]| bounds.iter().filter(|b| b.is_finite()).count();
        let known = finite(&problem.lower) + finite(&problem.upper);
        let same = self.list.iter().all(|&(j, side)| match side {
            Side::Lower => problem.lower[j].is_finite(),
            Side::Upper => problem.upper[j].is_finite(),
        });
        if same && known == self.list.len() {
            return Ok(());
        }
        Err(OptError::Predictor {
            reason: "other bounds are finite than where the predictor was made".into(),
        })
    }

    /// b of each slot.
    pub(super) fn bounds<'a, T: Real>(
        &'a self,
        problem: &'a QuadraticProgram<T>,
    ) -> impl Iterator<Item = f64> + 'a {
        self.list.iter().map(|&(j, side)| match side {
            Side::Lower => -problem.lower[j].to_f64(),
            Side::Upper => problem.upper[j].to_f64(),
        })
    }

    /// Whether each slot is active in a solution: where the multiplier is not zero and has the sign of the side.
    pub(super) fn active<'a, T: Real>(
        &'a self,
        solution: &'a QpSolution<T>,
    ) -> impl Iterator<Item = bool> + 'a {
        self.list.iter().map(|&(j, side)| match side {
            Side::Lower => solution.multipliers[j] < T::ZERO,
            Side::Upper => solution.multipliers[j] > T::ZERO,
        })
    }

    /// Guesses the slots with logits above the limit; equalities are in the working set anyhow.
    pub(super) fn guess<T: Real>(
        &self,
        problem: &QuadraticProgram<T>,
        logits: &[f32],
        limit: f64,
        guess: &mut Vec<(usize, Side, T)>,
    ) {
        guess.clear();
        for (&(j, side), &logit) in self.list.iter().zip(logits) {
            let logit = f64::from(logit);
            if logit > limit && problem.lower[j] != problem.upper[j] {
                let score = la_gnn::native::active_set::probability(logit);
                guess.push((j, side, T::from_f64(score)));
            }
        }
    }
}
