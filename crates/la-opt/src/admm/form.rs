//! How agreement is put as a constraint.

use super::exchange::Exchange;
use super::objective::LocalObjective;
use super::solver::{Admm, Pending};

/// The constraint that stands for agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Form {
    /// `A x = 0` with the weighted Laplacian A of the graph, a dual for each agent, two exchanges for each iteration: the form that networks are trained for. The default.
    ///
    /// A. Makhdoumi, A. Ozdaglar, *IEEE Trans. Automat. Contr.* 62(10), 5082–5095, 2017.
    #[default]
    Nodes,
    /// `√w_ij x_i = √w_ij z_ij = √w_ij x_j` with a copy z on each edge, one exchange for each iteration. Does not square the condition of the graph: usually far fewer messages for the same accuracy.
    ///
    /// Here `M_i = w_i`, v_i is the weighted mean of the copies around agent i, g_i its price, `y_i = γ x_i / 2`, and λ stays zero: `v_i ← γ x_i + (1 − γ) v_i − (A y)_i / M_i`, `g_i ← g_i + α (A y)_i`, as in the other form. A
    /// [`StepPolicy`](super::StepPolicy) whose plan has a step for each agent gets the α of the options instead, since both ends of an edge need the same.
    ///
    /// W. Shi, Q. Ling, K. Yuan, G. Wu, W. Yin, *IEEE Trans. Signal Process.* 62(7), 1750–1761, 2014, algorithm 1 (with penalty c = α / 2). Deviates: weights, over-relaxation, and what [`Admm`] has for all forms.
    Edges,
}

impl<F: LocalObjective, E: Exchange> Admm<F, E> {
    /// y of own nodes and ghosts from x: nothing is to be sent.
    pub(super) fn halve(&mut self, next: Pending) {
        let Some(steps) = next.steps(&self.node_alpha) else {
            return;
        };
        let half = 0.5 * steps.gamma();
        for (y, x) in self.y.iter_mut().zip(&self.x) {
            *y = half * x;
        }
    }
}
