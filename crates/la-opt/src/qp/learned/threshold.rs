//! From which probability on a constraint should be guessed.

use super::super::predict::ActiveSetPredictor;
use super::super::solution::Side;
use super::super::start::WarmStart;
use super::super::update::QpUpdate;
use super::super::workspace::QpWorkspace;
use crate::{OptError, Real};

/// What a threshold costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdScore {
    /// The threshold.
    pub threshold: f64,
    /// Iterations of all problems together.
    pub iterations: usize,
    /// Number of problems.
    pub problems: usize,
}

impl ThresholdScore {
    /// Iterations per problem.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.iterations as f64 / self.problems.max(1) as f64
    }
}

/// Solves problems from the guesses of a predictor at each of several thresholds, and counts iterations with the entering rule of the workspace.
///
/// The predictor itself must have threshold 0. What is best depends on the rule: a missing constraint costs more where entering constraints are chosen badly.
///
/// # Errors
/// Those of updates and of the predictor.
pub fn sweep_thresholds<T: Real>(
    predictor: &mut dyn ActiveSetPredictor<T>,
    workspace: &mut QpWorkspace<T>,
    problems: &[QpUpdate<'_, T>],
    thresholds: &[f64],
) -> Result<Vec<ThresholdScore>, OptError> {
    let mut scores: Vec<ThresholdScore> = thresholds
        .iter()
        .map(|&threshold| ThresholdScore {
            threshold,
            iterations: 0,
            problems: problems.len(),
        })
        .collect();
    let (mut all, mut guess): (Vec<(usize, Side, T)>, _) = (Vec::new(), Vec::new());
    for update in problems {
        workspace.update(update)?;
        predictor.predict(workspace.problem(), &mut all)?;
        for score in &mut scores {
            let likely = |(_, _, p): &&(usize, Side, T)| p.to_f64() > score.threshold;
            guess.clear();
            guess.extend(all.iter().filter(likely).copied());
            workspace.warm_start(WarmStart::Ranked(&guess))?;
            score.iterations += workspace.solve().iterations;
        }
    }
    Ok(scores)
}

/// The threshold with the fewest iterations, the first of several; ½ if there is none.
///
/// # Examples
/// ```
/// use la_opt::qp::learned::{ThresholdScore, best_threshold};
/// let score = |threshold, iterations| ThresholdScore { threshold, iterations, problems: 10 };
/// assert_eq!(best_threshold(&[score(0.3, 40), score(0.5, 31), score(0.7, 31)]), 0.5);
/// ```
#[must_use]
pub fn best_threshold(scores: &[ThresholdScore]) -> f64 {
    let best = scores.iter().min_by_key(|score| score.iterations);
    best.map_or(0.5, |score| score.threshold)
}
