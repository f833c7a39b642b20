//! Who guesses.

use anyhow::Result;
use la_opt::qp::learned::{GnnPredictor, LeastDistancePredictor, MlpPredictor};
use la_opt::qp::{ActiveSetPredictor, Gate, Neighbours, QpWorkspace, Side, SolvedExample};
use serde::Deserialize;

use super::set::Set;

/// A way to guess, as it is named in the experiment's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum Method {
    /// Nothing.
    Cold,
    /// The active set of the solution.
    Oracle,
    /// The constraints that are most often active, as many as are active on average.
    Prior,
    /// The active set of the nearest training problem.
    Nearest,
    /// What is active in more than half of the nine nearest.
    Votes,
    /// Perceptron of q and the bounds.
    Mlp,
    /// The published perceptron of the whole problem.
    MlpPublished,
    /// The published graph network.
    GnnPublished,
    /// The network on the least-distance form.
    Gnn,
    /// The same before training.
    GnnUntrained,
    /// The perceptron before training.
    MlpUntrained,
    /// The perceptron, asked only where the gate expects that to pay.
    MlpGated,
    /// The network on the least-distance form behind the gate.
    GnnGated,
}

impl Method {
    /// Its name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Oracle => "oracle",
            Self::Prior => "prior",
            Self::Nearest => "nearest",
            Self::Votes => "votes-of-9",
            Self::Mlp => "mlp",
            Self::MlpPublished => "mlp-published",
            Self::GnnPublished => "gnn-published",
            Self::Gnn => "gnn",
            Self::GnnUntrained => "gnn@0",
            Self::MlpUntrained => "mlp@0",
            Self::MlpGated => "mlp-gated",
            Self::GnnGated => "gnn-gated",
        }
    }

    /// The network behind a gate, or the method itself.
    pub(super) fn network(self) -> Self {
        match self {
            Self::MlpGated => Self::Mlp,
            Self::GnnGated => Self::Gnn,
            other => other,
        }
    }

    /// Whether it is a network.
    pub(super) fn is_network(self) -> bool {
        !matches!(
            self,
            Self::Cold | Self::Oracle | Self::Prior | Self::Nearest | Self::Votes
        )
    }

    /// Whether it is used as its authors published it, threshold included.
    pub(super) fn is_published(self) -> bool {
        matches!(self, Self::MlpPublished | Self::GnnPublished)
    }
}

/// Someone who guesses; networks give the score of every constraint.
pub(super) enum Guesser {
    /// No guess.
    Nothing,
    /// A list for each problem.
    Lists(Vec<Vec<(usize, Side, f64)>>),
    /// The same list for all problems.
    Always(Vec<(usize, Side, f64)>),
    Neighbours(Box<Neighbours>),
    Mlp(Box<MlpPredictor>),
    Gnn(Box<GnnPredictor>),
    LeastDistance(Box<LeastDistancePredictor>),
    /// Someone who is asked where the gate says so.
    Gated(Gate, Box<Guesser>),
}

impl Guesser {
    /// Replaces `guess` by what is guessed for problem `k`; false if nothing is guessed.
    pub(super) fn guess(
        &mut self,
        k: usize,
        workspace: &mut QpWorkspace,
        guess: &mut Vec<(usize, Side, f64)>,
    ) -> Result<bool> {
        match self {
            Self::Nothing => return Ok(false),
            Self::Lists(lists) => guess.clone_from(&lists[k]),
            Self::Always(list) => guess.clone_from(list),
            Self::Neighbours(predictor) => predictor.predict(workspace.problem(), guess)?,
            Self::Mlp(predictor) => predictor.predict(workspace.problem(), guess)?,
            Self::Gnn(predictor) => predictor.predict(workspace.problem(), guess)?,
            Self::LeastDistance(predictor) => predictor.predict_in(workspace, guess)?,
            Self::Gated(gate, guesser) => {
                return Ok(gate.asks(workspace) && guesser.guess(k, workspace, guess)?);
            }
        }
        Ok(true)
    }

    /// The solutions themselves.
    pub(super) fn oracle(set: &Set) -> Self {
        let list = |m: &super::set::Member| m.active.iter().map(|&(i, s)| (i, s, 1.0)).collect();
        Self::Lists(set.members().iter().map(list).collect())
    }

    /// The constraints that are most often active in solved problems.
    pub(super) fn prior(set: &Set) -> Self {
        let mut counts = vec![[0_usize; 2]; set.m];
        let (mut total, mut problems) = (0, 0);
        for member in set.members().iter().filter(|m| m.feasible) {
            for &(index, side) in &member.active {
                counts[index][usize::from(side == Side::Upper)] += 1;
                total += 1;
            }
            problems += 1;
        }
        let mut list: Vec<(usize, Side, f64)> = Vec::new();
        for (index, counts) in counts.iter().enumerate() {
            for (&count, side) in counts.iter().zip([Side::Lower, Side::Upper]) {
                list.push((index, side, count as f64 / problems.max(1) as f64));
            }
        }
        list.sort_by(|a, b| b.2.total_cmp(&a.2));
        list.truncate((total as f64 / problems.max(1) as f64).round() as usize);
        Self::Always(list)
    }

    /// The nearest solved problems.
    pub(super) fn neighbours(set: &Set, count: usize) -> Result<Self> {
        let lower = vec![f64::NEG_INFINITY; set.m];
        let examples: Vec<SolvedExample<'_, f64>> = (0..set.len())
            .filter(|&k| set.member(k).feasible)
            .map(|k| {
                let (linear, upper) = set.vectors(k);
                SolvedExample {
                    linear,
                    lower: &lower,
                    upper,
                    active: &set.member(k).active,
                }
            })
            .collect();
        let neighbours = Neighbours::new(&examples, count)?;
        Ok(Self::Neighbours(Box::new(neighbours)))
    }
}
