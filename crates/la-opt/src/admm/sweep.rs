//! The two passes over the agents that an iteration is made of.
//!
//! One dual for each node is enough (Makhdoumi and Ozdaglar), and of the copies `z_ij` of a row only `v_i = Σ_j A_ji z_ji / M_i` is needed, with over-relaxation too:
//!
//! ```text
//! x_i ← argmin f_i(x) + ⟨g_i, x⟩ + α_i M_i / 2 ‖x − v_i‖²
//! y_i ← γ (A x)_i / (d_i + 1)                                     after x was exchanged
//! λ_i ← λ_i + α_i y_i
//! v_i ← γ x_i + (1 − γ) v_i − (A y)_i / M_i                       after y was exchanged
//! g_i ← g_i + Σ_j A_ji α_j y_j                                    g = A λ
//! ```
//!
//! Agents that have variables of their own are several nodes of this iteration with n = 1, one for each variable (a *slot*), which are neighbours where two neighbours have the same variable. All is done slot
//! by slot but the minimisation, which takes the slots of an agent together. M may be larger than `Σ_j A_ji²`: then the slot has one copy of its x more, with `√(M − Σ_j A_ji²) x = z` for a z that is free, which is ADMM for the same problem (and
//! the proximal term of M. Fazel, T. K. Pong, D. Sun, P. Tseng, *SIAM J. Matrix Anal. Appl.* 34(3), 946–977, 2013, where γ = 1).
//!
//! With γ = 1 this is the iteration in the usual form, in which the x-update has `α / 2 Σ_j ‖y_j + A_ji (x − x_i)‖²`.

use super::objective::LocalObjective;
use super::shard::Shard;
use super::{LocalFailure, StepSizes};

/// Own agents from which on a pass is split over threads.
#[cfg(feature = "rayon")]
const PARALLEL: usize = 1024;

/// What belongs to own agents `first..` and changes in the first pass.
pub(super) struct Agents<'a, F> {
    pub(super) first: usize,
    /// Where the slots of each of them begin, and the end, where agents have variables of their own.
    pub(super) starts: Option<&'a [u32]>,
    pub(super) objectives: &'a mut [F],
    pub(super) x: &'a mut [f64],
    pub(super) v: &'a mut [f64],
    pub(super) g: &'a mut [f64],
    pub(super) scratch: &'a mut [f64],
}

/// The first agent without an answer, by its place in the shard.
pub(super) type Failed = Option<(usize, LocalFailure)>;

impl<F: LocalObjective> Agents<'_, F> {
    fn len(&self) -> usize {
        self.objectives.len()
    }

    /// Numbers of a node, and the first node.
    fn nodes(&self) -> (usize, usize) {
        match self.starts {
            None => (self.x.len() / self.len().max(1), self.first),
            Some(starts) => (1, starts[0] as usize),
        }
    }

    #[cfg(feature = "rayon")]
    fn halves(&mut self, n: usize) -> (Agents<'_, F>, Agents<'_, F>) {
        let half = self.len() / 2;
        let (objectives, objectives_2) = self.objectives.split_at_mut(half);
        let cut = self.starts.map_or(half * n, |s| (s[half] - s[0]) as usize);
        let (x, x_2) = self.x.split_at_mut(cut);
        let (v, v_2) = self.v.split_at_mut(cut);
        let (g, g_2) = self.g.split_at_mut(cut);
        let (scratch, scratch_2) = self.scratch.split_at_mut(cut);
        let (first, starts) = (self.first, self.starts);
        (
            Agents {
                first,
                starts: starts.map(|s| &s[..=half]),
                objectives,
                x,
                v,
                g,
                scratch,
            },
            Agents {
                first: first + half,
                starts: starts.map(|s| &s[half..]),
                objectives: objectives_2,
                x: x_2,
                v: v_2,
                g: g_2,
                scratch: scratch_2,
            },
        )
    }

    /// v and g from the y that neighbours have sent, if `last` says how the last iteration stepped, then x.
    pub(super) fn update_x(
        &mut self,
        shard: &Shard,
        y: &[f64],
        last: Option<&StepSizes<'_>>,
        next: &StepSizes<'_>,
    ) -> Failed
    where
        F: Send,
    {
        let (n, _) = self.nodes();
        #[cfg(feature = "rayon")]
        if self.len() >= 2 * PARALLEL && rayon::current_num_threads() > 1 {
            let (mut a, mut b) = self.halves(n);
            let (first, second) = rayon::join(
                || a.update_x(shard, y, last, next),
                || b.update_x(shard, y, last, next),
            );
            return first.or(second);
        }
        if let Some(starts) = self.starts {
            return self.update_slots(starts, shard, y, last, next);
        }
        match n {
            1 => self.update_x_fixed::<1>(n, shard, y, last, next),
            2 => self.update_x_fixed::<2>(n, shard, y, last, next),
            3 => self.update_x_fixed::<3>(n, shard, y, last, next),
            _ => self.update_x_fixed::<0>(n, shard, y, last, next),
        }
    }

    /// `N` is n where loops are to be unrolled, else 0.
    fn update_x_fixed<const N: usize>(
        &mut self,
        n: usize,
        shard: &Shard,
        y: &[f64],
        last: Option<&StepSizes<'_>>,
        next: &StepSizes<'_>,
    ) -> Failed {
        let n = if N > 0 { N } else { n };
        let mut failed = None;
        for (at, objective) in self.objectives.iter_mut().enumerate() {
            let i = self.first + at;
            let own = at * n..(at + 1) * n;
            let x = &mut self.x[own.clone()];
            let v = &mut self.v[own.clone()];
            let g = &mut self.g[own.clone()];
            let centre = &mut self.scratch[own];
            if let Some(last) = last {
                condense::<N>(n, shard, i, y, last, x, v, g, centre);
            }
            let weight = next.of(i) * shard.column_norm(i);
            let inverse = 1.0 / weight;
            for ((c, v), g) in centre.iter_mut().zip(&*v).zip(&*g) {
                *c = v - inverse * g;
            }
            if let Err(failure) = objective.prox(weight, centre, x) {
                failed = failed.or(Some((i, failure)));
            }
        }
        failed
    }

    /// As [`Agents::update_x`], of agents whose slots begin at `starts`.
    fn update_slots(
        &mut self,
        starts: &[u32],
        shard: &Shard,
        y: &[f64],
        last: Option<&StepSizes<'_>>,
        next: &StepSizes<'_>,
    ) -> Failed {
        let mut failed = None;
        for (at, (objective, ends)) in self
            .objectives
            .iter_mut()
            .zip(starts.windows(2))
            .enumerate()
        {
            let first = ends[0] as usize;
            let own = first - starts[0] as usize..(ends[1] - starts[0]) as usize;
            let x = &mut self.x[own.clone()];
            let v = &mut self.v[own.clone()];
            let g = &mut self.g[own.clone()];
            let centre = &mut self.scratch[own];
            let alpha = next.of(first);
            for k in 0..x.len() {
                let one = k..k + 1;
                if let Some(last) = last {
                    let (x, sum) = (&x[one.clone()], &mut centre[one.clone()]);
                    let (v, g) = (&mut v[one.clone()], &mut g[one]);
                    condense::<1>(1, shard, first + k, y, last, x, v, g, sum);
                }
                let weight = alpha * shard.column_norm(first + k);
                centre[k] = v[k] - (1.0 / weight) * g[k];
            }
            let norms = shard.column_norms(first..ends[1] as usize);
            let answer = if norms.iter().all(|m| *m == norms[0]) {
                objective.prox(alpha * norms[0], centre, x)
            } else {
                objective.prox_scaled(alpha, norms, centre, x)
            };
            if let Err(failure) = answer {
                failed = failed.or(Some((self.first + at, failure)));
            }
        }
        failed
    }

    /// v and g alone.
    pub(super) fn condense(&mut self, shard: &Shard, y: &[f64], last: &StepSizes<'_>)
    where
        F: Send,
    {
        let (n, first) = self.nodes();
        #[cfg(feature = "rayon")]
        if self.len() >= 2 * PARALLEL && rayon::current_num_threads() > 1 {
            let (mut a, mut b) = self.halves(n);
            rayon::join(|| a.condense(shard, y, last), || b.condense(shard, y, last));
            return;
        }
        for at in 0..self.x.len() / n.max(1) {
            let own = at * n..(at + 1) * n;
            let x = &self.x[own.clone()];
            let v = &mut self.v[own.clone()];
            let g = &mut self.g[own.clone()];
            condense::<0>(
                n,
                shard,
                first + at,
                y,
                last,
                x,
                v,
                g,
                &mut self.scratch[own],
            );
        }
    }
}

/// The step of v and g of own agent i; `sum` is overwritten.
#[expect(clippy::too_many_arguments, reason = "the state of one agent")]
#[inline]
fn condense<const N: usize>(
    n: usize,
    shard: &Shard,
    i: usize,
    y: &[f64],
    last: &StepSizes<'_>,
    x: &[f64],
    v: &mut [f64],
    g: &mut [f64],
    sum: &mut [f64],
) {
    let n = if N > 0 { N } else { n };
    let (neighbours, weights) = shard.edges(i);
    let (own, degree) = (&y[i * n..(i + 1) * n], shard.weighted_degree(i));
    match *last {
        StepSizes::Global { alpha, .. } => {
            laplacian::<N>(n, own, degree, y, neighbours, weights, sum);
            for (g, s) in g.iter_mut().zip(&*sum) {
                *g += alpha * s;
            }
        }
        StepSizes::Nodes { alpha, .. } => {
            for (g, y) in g.iter_mut().zip(own) {
                *g += degree * (alpha[i] * y);
            }
            for (&j, &w) in neighbours.iter().zip(weights) {
                let j = j as usize;
                for (g, y) in g.iter_mut().zip(&y[j * n..(j + 1) * n]) {
                    *g -= w * (alpha[j] * y);
                }
            }
            laplacian::<N>(n, own, degree, y, neighbours, weights, sum);
        }
    }
    let (gamma, inverse) = (last.gamma(), 1.0 / shard.column_norm(i));
    for ((v, x), s) in v.iter_mut().zip(x).zip(&*sum) {
        *v = gamma * x + (1.0 - gamma) * *v - inverse * s;
    }
}

/// Row i of the Laplacian times what the agents hold: `degree · own − Σ_j w_ij values_j`.
#[inline]
fn laplacian<const N: usize>(
    n: usize,
    own: &[f64],
    degree: f64,
    values: &[f64],
    neighbours: &[u32],
    weights: &[f64],
    out: &mut [f64],
) {
    let n = if N > 0 { N } else { n };
    for (o, v) in out.iter_mut().zip(own) {
        *o = degree * v;
    }
    for (&j, &w) in neighbours.iter().zip(weights) {
        let j = j as usize;
        for (o, v) in out.iter_mut().zip(&values[j * n..(j + 1) * n]) {
            *o -= w * v;
        }
    }
}

/// y and λ of own agents `first..` from the x that neighbours have sent.
pub(super) fn update_y(
    shard: &Shard,
    n: usize,
    first: usize,
    x: &[f64],
    steps: &StepSizes<'_>,
    y: &mut [f64],
    lambda: &mut [f64],
) {
    let agents = y.len() / n;
    #[cfg(feature = "rayon")]
    if agents >= 2 * PARALLEL && rayon::current_num_threads() > 1 {
        let half = agents / 2;
        let (y, y_2) = y.split_at_mut(half * n);
        let (lambda, lambda_2) = lambda.split_at_mut(half * n);
        rayon::join(
            || update_y(shard, n, first, x, steps, y, lambda),
            || update_y(shard, n, first + half, x, steps, y_2, lambda_2),
        );
        return;
    }
    match n {
        1 => update_y_fixed::<1>(shard, n, first, agents, x, steps, y, lambda),
        2 => update_y_fixed::<2>(shard, n, first, agents, x, steps, y, lambda),
        3 => update_y_fixed::<3>(shard, n, first, agents, x, steps, y, lambda),
        _ => update_y_fixed::<0>(shard, n, first, agents, x, steps, y, lambda),
    }
}

#[expect(clippy::too_many_arguments, reason = "the state of some agents")]
fn update_y_fixed<const N: usize>(
    shard: &Shard,
    n: usize,
    first: usize,
    agents: usize,
    x: &[f64],
    steps: &StepSizes<'_>,
    y: &mut [f64],
    lambda: &mut [f64],
) {
    let n = if N > 0 { N } else { n };
    for at in 0..agents {
        let i = first + at;
        let own = at * n..(at + 1) * n;
        let (neighbours, weights) = shard.edges(i);
        let y = &mut y[own.clone()];
        let degree = shard.weighted_degree(i);
        laplacian::<N>(n, &x[i * n..(i + 1) * n], degree, x, neighbours, weights, y);
        let scale = steps.gamma() / (neighbours.len() + 1) as f64;
        let alpha = steps.of(i);
        for (y, l) in y.iter_mut().zip(&mut lambda[own]) {
            *y *= scale;
            *l += alpha * *y;
        }
    }
}
