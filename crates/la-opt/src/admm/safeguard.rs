//! Gives a policy up that leads away from the solution.

use super::exchange::Exchange;
use super::measure::Measure;
use super::objective::LocalObjective;
use super::solver::{Admm, Pending};

/// When the step sizes of a [`StepPolicy`](super::StepPolicy) are given up before its horizon.
///
/// While a policy chooses, [`Admm::solve`](super::Admm::solve) looks at the residuals in every iteration, which costs one sum over all processes each. The larger of the two, each over what it was
/// after the first iteration, may grow by a factor over its least value so far; where it stays above for some iterations in a row, the iterates go back to those of the least value, the rest of the policy is skipped, and the constants of the options take
/// over. Costs five vectors.
///
/// A policy with a horizon cannot make ADMM diverge, with or without this. What it can do is lead far away first. Residuals need not fall on the way to the solution, so that a policy that is good in the end may be given up, too.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Safeguard {
    /// Factor over the least residual so far, at least 1. Default `10`.
    pub growth: f64,
    /// Iterations in a row above it after which the policy is given up, at least 1. Default `2`.
    pub patience: usize,
}

impl Default for Safeguard {
    fn default() -> Self {
        Self {
            growth: 10.0,
            patience: 2,
        }
    }
}

impl Safeguard {
    /// Sets the factor.
    #[must_use]
    pub fn with_growth(mut self, growth: f64) -> Self {
        self.growth = growth;
        self
    }

    /// Sets the iterations.
    #[must_use]
    pub fn with_patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }
}

/// What has been seen of the residuals.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Watch {
    /// Squares of both after the first iteration.
    first: Option<[f64; 2]>,
    least: f64,
    /// Looks in a row that were too large.
    bad: usize,
    /// Iterations after which the policy was given up.
    pub(super) given_up: Option<usize>,
}

impl Watch {
    /// Takes the squares of both residuals after so many iterations into account.
    fn sees(&mut self, rule: &Safeguard, iteration: usize, squares: [f64; 2]) -> Seen {
        let Some(first) = self.first else {
            self.first = Some(squares);
            self.least = 1.0;
            return Seen::Best;
        };
        let ratios = squares.iter().zip(first).filter(|(_, first)| *first > 0.0);
        // NaN is the largest.
        let larger = |size: f64, ratio: f64| match ratio > size || ratio.is_nan() {
            true => ratio,
            false => size,
        };
        let size = ratios
            .map(|(now, first)| now / first)
            .fold(0.0, larger)
            .sqrt();
        self.bad = match size <= rule.growth * self.least {
            true => 0,
            false => self.bad + 1,
        };
        if self.bad >= rule.patience {
            self.given_up = Some(iteration);
            return Seen::TooMuch;
        }
        if size < self.least {
            self.least = size;
            return Seen::Best;
        }
        Seen::Other
    }
}

/// What a look says of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Nothing was better so far.
    Best,
    Other,
    TooMuch,
}

/// The iterates with the least residuals.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Best {
    /// x, y, λ, v, g of own agents; empty if there is nothing to go back to.
    pub(super) vectors: [Vec<f64>; 5],
}

impl<F: LocalObjective, E: Exchange> Admm<F, E> {
    /// Whether the next iteration is one of a policy that may be given up.
    pub(super) fn is_watched(&self) -> bool {
        self.options.safeguard.is_some() && self.has_plans()
    }

    /// Looks at the residuals for the policy alone.
    pub(super) fn watch_policy(&mut self) {
        self.start_measure(false);
        let measured = self.finish_measure();
        self.judge_policy(&measured);
    }

    pub(super) fn judge_policy(&mut self, measured: &Measure) {
        let Some(rule) = &self.options.safeguard else {
            return;
        };
        let squares = [measured.primal, measured.dual];
        match self.watch.sees(rule, self.iteration, squares) {
            Seen::Best => {
                self.condense();
                let own = self.own();
                let now = [&self.x, &self.y, &self.lambda, &self.v, &self.g];
                for (kept, now) in self.best.vectors.iter_mut().zip(now) {
                    kept.clear();
                    kept.extend_from_slice(&now[..own]);
                }
            }
            Seen::TooMuch if !self.best.vectors[0].is_empty() => self.go_back(),
            _ => {}
        }
    }

    fn go_back(&mut self) {
        let (own, n) = (self.own(), self.n);
        let now = [
            &mut self.x,
            &mut self.y,
            &mut self.lambda,
            &mut self.v,
            &mut self.g,
        ];
        for (kept, now) in self.best.vectors.iter().zip(now) {
            now[..own].copy_from_slice(kept);
        }
        self.exchange.start(&self.x[..own], n);
        self.exchange.finish(&mut self.x[own..], n);
        self.share_y(false);
        self.pending = Pending::None;
        if let Some(accelerator) = &mut self.accelerator {
            accelerator.memory.restart();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_has_to_last() {
        let rule = Safeguard::default();
        let mut watch = Watch::default();
        let looks = [
            [1.0, 4.0],
            [1.0, 1.0],
            // Twelve times as large, once.
            [1.0, 576.0],
            [0.5, 0.5],
            [0.5, 576.0],
        ];
        for (k, squares) in looks.into_iter().enumerate() {
            watch.sees(&rule, k + 1, squares);
        }
        assert_eq!(watch.given_up, None);
        assert_eq!(watch.sees(&rule, 6, [0.0, f64::NAN]), Seen::TooMuch);
        assert_eq!(watch.given_up, Some(6));
    }
}
