//! The step sizes of an iteration.

use super::collective::total;
use super::exchange::Exchange;
use super::objective::LocalObjective;
use super::solver::{Admm, Pending};
use super::steps::{NodeView, Plan, clamp_alpha, clamp_gamma};
use super::{Form, Shard};

impl<F: LocalObjective, E: Exchange> Admm<F, E> {
    /// Whether the policy is asked in the next iteration.
    pub(super) fn has_plans(&self) -> bool {
        let horizon = self.policy.as_ref().map_or(0, |policy| policy.horizon());
        self.watch.given_up.is_none() && self.iteration < horizon
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
        let asked = self.has_plans();
        let plan = match &mut self.policy {
            Some(policy) if asked => policy.plan(k),
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
            Plan::Nodes { gamma } | Plan::Mean { gamma } if self.options.form == Form::Edges => {
                Pending::Global {
                    alpha: self.options.alpha,
                    gamma: clamped(gamma),
                }
            }
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
    fn ask(&mut self, iteration: usize) {
        self.condense();
        let n = self.n;
        self.node_alpha.resize(self.x.len() / n, self.options.alpha);
        let Some(policy) = &mut self.policy else {
            return;
        };
        let mut y_neighbours = std::mem::take(&mut self.message);
        y_neighbours.resize((n + 1).max(2 * n) * self.node_alpha.len(), 0.0);
        let rows = self.shard.rows();
        for i in 0..self.shard.owned() {
            let nodes = self.shard.nodes(i..i + 1);
            let own = nodes.start * n..nodes.end * n;
            let (y_sum, lambda_sum) = y_neighbours.split_at_mut(own.len());
            y_sum.fill(0.0);
            let (lambda, g) = (&self.lambda[own.clone()], &self.g[own.clone()]);
            for (k, node) in nodes.clone().enumerate() {
                let part = k * n..(k + 1) * n;
                let y_sum = &mut y_sum[part.clone()];
                let (neighbours, weights) = rows.edges(node);
                for (&j, w) in neighbours.iter().zip(weights) {
                    let j = j as usize;
                    for (s, y) in y_sum.iter_mut().zip(&self.y[j * n..(j + 1) * n]) {
                        *s -= w * y;
                    }
                }
                let degree = rows.weighted_degree(node);
                let of_neighbours = lambda_sum[part.clone()].iter_mut().zip(&g[part.clone()]);
                for ((s, g), l) in of_neighbours.zip(&lambda[part]) {
                    *s = g - degree * l;
                }
            }
            let view = NodeView {
                agent: self.shard.ids()[i] as usize,
                x: &self.x[own.clone()],
                y: &self.y[own],
                y_neighbours: y_sum,
                lambda,
                lambda_neighbours: &lambda_sum[..lambda.len()],
                weighted_degree: self.shard.weighted_degree(i),
            };
            let alpha = clamp_alpha(policy.step(iteration, &view), self.options.alpha);
            self.node_alpha[nodes].fill(alpha);
        }
        self.message = y_neighbours;
    }

    fn mean_answer(&mut self) -> f64 {
        let own = own_alphas(&self.shard, &self.node_alpha);
        total(own, &self.options, &mut self.exchange) / self.agents as f64
    }
}

/// α of own agents.
pub(super) fn own_alphas<'a>(
    shard: &'a Shard,
    node_alpha: &'a [f64],
) -> impl Iterator<Item = f64> + 'a {
    (0..shard.owned()).map(|i| node_alpha[shard.nodes(i..i + 1).start])
}
