//! The step sizes of an iteration.

use super::collective::total;
use super::exchange::Exchange;
use super::objective::LocalObjective;
use super::solver::{Admm, Pending};
use super::steps::{NodeView, Plan, clamp_alpha, clamp_gamma};

impl<F: LocalObjective, E: Exchange> Admm<F, E> {
    /// Whether the policy is asked in the next iteration.
    pub(super) fn has_plans(&self) -> bool {
        (self.policy.as_ref()).is_some_and(|policy| self.iteration < policy.horizon())
    }

    /// Whether the next iterations may add up over processes, so that no other sum can be under way.
    pub(super) fn sums_in_iterations(&self) -> bool {
        #[cfg(feature = "serde")]
        if self.options.checkpoint.is_some() {
            return true;
        }
        self.accelerator.is_some() || self.has_plans()
    }

    /// The step sizes of this iteration. Where agents choose, v and g are brought up to date before they are asked.
    pub(super) fn choose(&mut self) -> Pending {
        let k = self.iteration;
        let plan = match &mut self.policy {
            Some(policy) if k < policy.horizon() => policy.plan(k),
            _ => {
                return Pending::Global {
                    alpha: self.alpha,
                    gamma: self.options.gamma,
                };
            }
        };
        let clamped = |gamma| clamp_gamma(gamma, self.options.gamma);
        match plan {
            Plan::Global { alpha, gamma } => Pending::Global {
                alpha: clamp_alpha(alpha, self.options.alpha),
                gamma: clamped(gamma),
            },
            Plan::Nodes { gamma } => {
                let gamma = clamped(gamma);
                self.ask(k);
                Pending::Nodes { gamma }
            }
            Plan::Mean { gamma } => {
                let gamma = clamped(gamma);
                self.ask(k);
                let alpha = self.mean_answer();
                Pending::Global { alpha, gamma }
            }
        }
    }

    /// α of each own agent by the policy.
    fn ask(&mut self, k: usize) {
        self.condense();
        let n = self.n;
        self.node_alpha.resize(self.x.len() / n, self.options.alpha);
        let Some(policy) = &mut self.policy else {
            return;
        };
        let mut y_neighbours = std::mem::take(&mut self.message);
        y_neighbours.resize((n + 1).max(2 * n) * self.node_alpha.len(), 0.0);
        let (y_sum, lambda_sum) = y_neighbours.split_at_mut(n);
        for i in 0..self.shard.owned() {
            let own = i * n..(i + 1) * n;
            let degree = self.shard.weighted_degree(i);
            y_sum.fill(0.0);
            let (neighbours, weights) = self.shard.edges(i);
            for (&j, w) in neighbours.iter().zip(weights) {
                let j = j as usize;
                for (s, y) in y_sum.iter_mut().zip(&self.y[j * n..(j + 1) * n]) {
                    *s -= w * y;
                }
            }
            let lambda = &self.lambda[own.clone()];
            let of_neighbours = lambda_sum.iter_mut().zip(&self.g[own.clone()]);
            for ((s, g), l) in of_neighbours.zip(lambda) {
                *s = g - degree * l;
            }
            let view = NodeView {
                agent: self.shard.ids()[i] as usize,
                x: &self.x[own.clone()],
                y: &self.y[own],
                y_neighbours: y_sum,
                lambda,
                lambda_neighbours: &lambda_sum[..n],
                weighted_degree: degree,
            };
            self.node_alpha[i] = clamp_alpha(policy.step(k, &view), self.options.alpha);
        }
        self.message = y_neighbours;
    }

    fn mean_answer(&mut self) -> f64 {
        let answers = &self.node_alpha[..self.shard.owned()];
        let total = total(answers.iter().copied(), &self.options, &mut self.exchange);
        total / self.agents as f64
    }
}
