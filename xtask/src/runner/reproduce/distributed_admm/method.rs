//! The methods, and what a run of one leaves.

use anyhow::{Result, anyhow};
use la_opt::admm::learned::LearnedAdmm;
use la_opt::admm::{Adapt, Admm, AdmmOptions};
use serde::{Deserialize, Serialize};

use super::opponents::Opponent;
use super::problems::{Instance, Law};

/// Methods without a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Classical {
    /// α = γ = 1.
    Plain,
    /// α with the least mean distance after 10 iterations on the training instances, γ = 1.
    Tuned10,
    /// After 50.
    Tuned50,
    #[serde(rename = "relaxed-1.6")]
    Relaxed16,
    #[serde(rename = "relaxed-1.8")]
    Relaxed18,
    /// γ = 1.8 with the α of `Tuned10`.
    TunedRelaxed,
    /// Residual balancing as in the textbook: absolute residuals, μ = 10, τ = 2, in every iteration, frozen after 20 changes.
    Balance,
    /// The same with γ = 1.8 and relative residuals.
    RelativeBalance,
    /// Spectral steps, looked for in every other iteration.
    Spectral,
}

impl Classical {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "admm",
            Self::Tuned10 => "tuned-10",
            Self::Tuned50 => "tuned-50",
            Self::Relaxed16 => "relaxed-1.6",
            Self::Relaxed18 => "relaxed-1.8",
            Self::TunedRelaxed => "relaxed-1.8-tuned",
            Self::Balance => "balance",
            Self::RelativeBalance => "relaxed-balance",
            Self::Spectral => "spectral",
        }
    }

    /// Iterations for which α is tuned.
    pub(super) fn tuned_for(self) -> Option<usize> {
        match self {
            Self::Tuned10 | Self::TunedRelaxed => Some(10),
            Self::Tuned50 => Some(50),
            _ => None,
        }
    }

    /// Options, with an α that was tuned.
    pub(super) fn options(self, alpha: f64) -> AdmmOptions {
        let plain = AdmmOptions::plain(1.0).with_tolerances(0.0, 0.0);
        match self {
            Self::Plain => plain,
            Self::Tuned10 | Self::Tuned50 => plain.with_alpha(alpha),
            Self::Relaxed16 => plain.with_gamma(1.6),
            Self::Relaxed18 => plain.with_gamma(1.8),
            Self::TunedRelaxed => plain.with_alpha(alpha).with_gamma(1.8),
            Self::Balance => plain.with_check_every(1).with_adapt(Adapt::Balance {
                ratio: 10.0,
                factor: 2.0,
                relative: false,
            }),
            Self::RelativeBalance => plain
                .with_gamma(1.8)
                .with_check_every(1)
                .with_adapt(Adapt::balance()),
            Self::Spectral => plain.with_check_every(2).with_adapt(Adapt::spectral()),
        }
    }
}

/// How an instance is solved.
#[derive(Debug, Clone)]
pub(super) enum Runner {
    Classical(Box<AdmmOptions>),
    /// With its step.
    Opponent(Opponent, f64),
    /// Behind the guard or not.
    Learned(Box<LearnedAdmm>),
}

impl Runner {
    /// Squared distances after 1, 2, … iterations.
    pub(super) fn run(&self, instance: &Instance, horizon: usize) -> Result<Vec<f64>> {
        let mut admm = match self {
            Self::Opponent(opponent, step) => return opponent.run(*step, instance, horizon),
            Self::Classical(options) => {
                Admm::new(&instance.network, instance.agents()?, (**options).clone())?
            }
            Self::Learned(learned) => {
                let options = Classical::Relaxed18.options(1.0);
                let setup = learned.setup(instance.network.clone(), options)?;
                Admm::new(&setup.network, instance.agents()?, setup.options)?
                    .with_policy(setup.policy)
            }
        };
        let mut distances = Vec::with_capacity(horizon);
        for _ in 0..horizon {
            // Whether and when α changes is part of the solve, not of the iteration.
            admm.advance()
                .map_err(|(agent, why)| anyhow!("agent {agent}: {why}"))?;
            distances.push(instance.distance(admm.states()));
        }
        Ok(distances)
    }
}

/// Iterations at which distances are reported.
pub(super) const AT: [usize; 6] = [5, 10, 20, 50, 100, 200];
/// Distances to be reached.
pub(super) const GOALS: [(&str, f64); 2] = [("1.0", 1.0), ("0.1", 0.1)];

/// What a method did on all instances of a law.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Distances of the instances at each of [`AT`] that is within the horizon.
    pub(super) distances: Vec<Vec<f64>>,
    /// Mean and median distance after every iteration.
    pub(super) mean: Vec<f64>,
    pub(super) median: Vec<f64>,
    /// Iterations to each of [`GOALS`]; the horizon where it is not reached.
    pub(super) iterations: Vec<Vec<f64>>,
}

impl Outcome {
    /// Runs a method on the first instances of a law.
    pub(super) fn measure(
        runner: &Runner,
        law: &Law,
        instances: usize,
        horizon: usize,
    ) -> Result<Self> {
        let runs = (0..instances)
            .map(|k| runner.run(&law.instance(k)?, horizon))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self::of(&runs, horizon))
    }

    fn of(runs: &[Vec<f64>], horizon: usize) -> Self {
        let column = |k: usize| runs.iter().map(|run| run[k]).collect::<Vec<f64>>();
        let mut outcome = Self::default();
        for k in 0..horizon {
            let mut all = column(k);
            outcome
                .mean
                .push(all.iter().sum::<f64>() / all.len().max(1) as f64);
            all.sort_by(f64::total_cmp);
            outcome.median.push(middle(&all));
        }
        let at = AT.iter().take_while(|&&at| at <= horizon);
        outcome.distances = at.map(|&at| column(at - 1)).collect();
        outcome.iterations = GOALS
            .iter()
            .map(|(_, goal)| {
                let first = |run: &Vec<f64>| run.iter().position(|d| d < goal);
                let count = |run| first(run).map_or(horizon, |k| k + 1) as f64;
                runs.iter().map(count).collect()
            })
            .collect();
        outcome
    }

    /// The same methods on other instances.
    pub(super) fn join(&mut self, other: Self) {
        let shares = (self.size(), other.size());
        let weighted = |a: f64, b: f64| (a * shares.0 + b * shares.1) / (shares.0 + shares.1);
        for (a, b) in self.mean.iter_mut().zip(&other.mean) {
            *a = weighted(*a, *b);
        }
        for (a, b) in self.median.iter_mut().zip(&other.median) {
            *a = weighted(*a, *b);
        }
        for (a, mut b) in self.distances.iter_mut().zip(other.distances) {
            a.append(&mut b);
        }
        for (a, mut b) in self.iterations.iter_mut().zip(other.iterations) {
            a.append(&mut b);
        }
    }

    fn size(&self) -> f64 {
        self.iterations.first().map_or(0, Vec::len) as f64
    }
}

fn middle(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n => 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_count_iterations_and_join() {
        let runs = vec![
            vec![4.0, 0.5, 0.05, 0.05, 0.05],
            vec![2.0, 1.5, 1.2, 1.1, 1.0],
        ];
        let mut outcome = Outcome::of(&runs, 5);
        assert_eq!(outcome.mean[0], 3.0);
        assert_eq!(outcome.median[1], 1.0);
        assert_eq!(outcome.iterations, [[2.0, 5.0], [3.0, 5.0]]);
        assert_eq!(outcome.distances, [[0.05, 1.0]]);
        outcome.join(Outcome::of(&[vec![6.0; 5]], 5));
        assert_eq!(outcome.mean[0], 4.0);
        assert_eq!(outcome.distances[0].len(), 3);
    }
}
