//! An iteration: the passes over the agents and the messages between them.

use super::exchange::Exchange;
use super::objective::LocalObjective;
use super::solver::{Admm, Pending};
use super::sweep::{Agents, Failed, update_y};
use super::{Form, LocalFailure};

impl<F: LocalObjective, E: Exchange> Admm<F, E> {
    /// Does so many iterations, without looking at residuals or changing α.
    ///
    /// # Errors
    /// The first own agent without an answer, by its global number, and why; it keeps its x. Other processes go on and are told by [`Admm::solve`].
    pub fn iterate(&mut self, count: usize) -> Result<(), (usize, LocalFailure)> {
        for _ in 0..count {
            self.step();
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// One iteration.
    pub(super) fn step(&mut self) {
        self.accelerate();
        let next = self.choose();
        self.pass_x(next);
        self.pass_y(next);
        self.pending = next;
        self.iteration += 1;
    }

    /// Extrapolates from the last iterations, where their step sizes were those of the next one.
    fn accelerate(&mut self) {
        if self.accelerator.is_none() {
            return;
        }
        let (alpha, gamma) = (self.alpha, self.options.gamma);
        let same = self.pending == Pending::Global { alpha, gamma };
        if same && !self.has_plans() {
            self.condense();
        }
        let Some(accelerator) = &mut self.accelerator else {
            return;
        };
        if !same || self.pending != Pending::None {
            return accelerator.memory.restart();
        }
        let state = [&mut self.v[..], &mut self.g[..], &mut self.lambda[..]];
        accelerator.advance(alpha, self.shard.rows(), state, &mut self.exchange);
    }

    /// v and g of the last iteration.
    pub(super) fn condense(&mut self) {
        let own = self.own();
        if let Some(last) = self.pending.steps(&self.node_alpha) {
            let mut agents = Agents {
                first: 0,
                starts: self.shard.starts(0..self.shard.owned()),
                objectives: &mut self.objectives,
                x: &mut self.x[..own],
                v: &mut self.v,
                g: &mut self.g,
                scratch: &mut self.scratch,
            };
            agents.condense(self.shard.rows(), &self.y, &last);
        }
        self.pending = Pending::None;
    }

    /// x of all own agents: those at the boundary first, so that their messages travel while the others compute.
    fn pass_x(&mut self, next: Pending) {
        let (n, boundary, owned) = (self.n, self.shard.boundary(), self.shard.owned());
        let Some(next) = next.steps(&self.node_alpha) else {
            return;
        };
        let last = self.pending.steps(&self.node_alpha);
        let mut failed: Failed = None;
        let (x, ghosts) = self.x.split_at_mut(self.shard.rows().owned() * n);
        for (inside, range) in [0..boundary, boundary..owned].into_iter().enumerate() {
            if inside == 1 {
                self.exchange.start(x, n);
            }
            if range.is_empty() {
                continue;
            }
            let nodes = self.shard.nodes(range.clone());
            let numbers = nodes.start * n..nodes.end * n;
            let mut agents = Agents {
                first: range.start,
                starts: self.shard.starts(range.clone()),
                objectives: &mut self.objectives[range],
                x: &mut x[numbers.clone()],
                v: &mut self.v[numbers.clone()],
                g: &mut self.g[numbers.clone()],
                scratch: &mut self.scratch[numbers],
            };
            failed = failed.or(agents.update_x(self.shard.rows(), &self.y, last.as_ref(), &next));
        }
        self.exchange.finish(ghosts, n);
        if self.failed.is_none() {
            self.failed = failed.map(|(i, why)| (self.shard.ids()[i] as usize, why));
        }
    }

    /// y and λ of all own agents, in the same order.
    fn pass_y(&mut self, next: Pending) {
        let (n, boundary, owned) = {
            let rows = self.shard.rows();
            (self.n, rows.boundary(), rows.owned())
        };
        if self.options.form == Form::Edges {
            return self.halve(next);
        }
        let with_alpha = matches!(next, Pending::Nodes { .. });
        for (inside, range) in [0..boundary, boundary..owned].into_iter().enumerate() {
            if inside == 1 {
                self.start_y(with_alpha);
            }
            let Some(steps) = next.steps(&self.node_alpha) else {
                continue;
            };
            if range.is_empty() {
                continue;
            }
            let numbers = range.start * n..range.end * n;
            let (y, lambda) = (&mut self.y[numbers.clone()], &mut self.lambda[numbers]);
            update_y(
                self.shard.rows(),
                n,
                range.start,
                &self.x,
                &steps,
                y,
                lambda,
            );
        }
        self.finish_y(with_alpha);
    }

    /// Ghosts learn y, and α where each agent has its own.
    pub(super) fn share_y(&mut self, with_alpha: bool) {
        self.start_y(with_alpha);
        self.finish_y(with_alpha);
    }

    /// Sends y, and α where each agent has its own.
    pub(super) fn start_y(&mut self, with_alpha: bool) {
        let (owned, n) = (self.shard.rows().owned(), self.n);
        if !with_alpha || self.exchange.ranks() == 1 {
            self.exchange.start(&self.y[..owned * n], n);
            return;
        }
        self.message.resize(self.node_alpha.len() * (n + 1), 0.0);
        let agents = self.message.chunks_exact_mut(n + 1);
        for (i, agent) in agents.take(self.shard.rows().boundary()).enumerate() {
            agent[..n].copy_from_slice(&self.y[i * n..(i + 1) * n]);
            agent[n] = self.node_alpha[i];
        }
        self.exchange.start(&self.message[..owned * (n + 1)], n + 1);
    }

    pub(super) fn finish_y(&mut self, with_alpha: bool) {
        let (owned, n) = (self.shard.rows().owned(), self.n);
        if !with_alpha || self.exchange.ranks() == 1 {
            self.exchange.finish(&mut self.y[owned * n..], n);
            return;
        }
        let ghosts = &mut self.message[owned * (n + 1)..self.node_alpha.len() * (n + 1)];
        self.exchange.finish(ghosts, n + 1);
        for (at, ghost) in ghosts.chunks_exact(n + 1).enumerate() {
            let i = owned + at;
            self.y[i * n..(i + 1) * n].copy_from_slice(&ghost[..n]);
            self.node_alpha[i] = ghost[n];
        }
    }
}
