//! The iterations, backwards: gradient of a loss with respect to all parameters.
#![expect(
    clippy::needless_range_loop,
    reason = "one index runs over several arrays; iterators hide the formula"
)]

use super::dense::solve;
use super::graph::AgentGraph;
use super::loss::Target;
use super::network::{AdmmNetwork, StepRule};
use super::perceptron::{MOST_INPUTS, normalise_backward};
use super::problem::QuadraticProblem;
use super::unroll::Unrolled;
use crate::admm::{RELAXATION_REACH, STEP_RANGE};
use crate::training::admm::AdmmLoss;

/// Gradients with respect to the state and what depends on the graph alone; memory that is used again.
#[derive(Debug, Clone, Default)]
pub(super) struct Adjoint {
    x: Vec<f64>,
    y: Vec<f64>,
    lambda: Vec<f64>,
    v: Vec<f64>,
    y_sent: Vec<f64>,
    lambda_sent: Vec<f64>,
    residual: Vec<f64>,
    alpha: Vec<f64>,
    /// Of directed edges, w_i and M_i.
    weights: Vec<f64>,
    degrees: Vec<f64>,
    norms: Vec<f64>,
}

impl Adjoint {
    fn clear(&mut self, nodes: usize, state: usize, edges: usize) {
        let zeros = |part: &mut Vec<f64>, len: usize| {
            part.clear();
            part.resize(len, 0.0);
        };
        for part in [
            &mut self.x,
            &mut self.y,
            &mut self.lambda,
            &mut self.v,
            &mut self.y_sent,
            &mut self.lambda_sent,
            &mut self.residual,
        ] {
            zeros(part, state);
        }
        for part in [&mut self.alpha, &mut self.degrees, &mut self.norms] {
            zeros(part, nodes);
        }
        zeros(&mut self.weights, edges);
    }
}

/// Backwards through `sent_i = −Σ_j w_ij values_j`.
#[inline]
fn sent_backward(
    (graph, weights, n): (&AgentGraph, &[f64], usize),
    to_sent: &[f64],
    values: &[f64],
    to_values: &mut [f64],
    to_weights: &mut [f64],
) {
    for (i, to_value) in to_values.chunks_exact_mut(n).enumerate() {
        let own = &to_sent[i * n..][..n];
        for (&j, e) in graph.neighbours(i).iter().zip(graph.edges(i)) {
            let at = j as usize * n;
            let (w, mut product) = (weights[e], 0.0);
            // The weights are symmetric: what i sends to j is weighted as what j sends to i.
            for d in 0..n {
                to_value[d] -= w * to_sent[at + d];
                product += own[d] * values[at + d];
            }
            to_weights[e] -= product;
        }
    }
}

impl AdmmNetwork {
    /// Adds to `gradient`, in the order of the packed parameters, `scale` times the gradient of the loss of the run that `memory` keeps.
    pub(super) fn backward(
        &self,
        problem: &QuadraticProblem,
        (loss, target): (&AdmmLoss, &Target),
        scale: f64,
        (memory, adjoint): (&Unrolled, &mut Adjoint),
        gradient: &mut [f64],
    ) {
        let s = memory.shape;
        let (graph, iterations) = (&problem.graph, loss.depth());
        adjoint.clear(s.nodes, s.state(), graph.directed_edges());
        for k in (0..iterations).rev() {
            let x = &memory.x[s.slot(k + 1)..][..s.state()];
            target.add_gradient(loss, problem, k + 1, x, scale, &mut adjoint.x);
            self.iteration_backward(problem, memory, adjoint, k, gradient);
        }
        // M_i = w_i² + Σ_j w_ij²,  w_i = Σ_j w_ij
        for i in 0..s.nodes {
            let to_norm = adjoint.norms[i];
            let to_degree = adjoint.degrees[i] + 2.0 * memory.degrees[i] * to_norm;
            for e in graph.edges(i) {
                adjoint.weights[e] += to_degree + 2.0 * memory.weights[e] * to_norm;
            }
        }
        self.edge_weights_backward(graph, &adjoint.weights, gradient);
    }

    /// Turns gradients with respect to the state after iteration k into those with respect to the state before.
    fn iteration_backward(
        &self,
        problem: &QuadraticProblem,
        memory: &Unrolled,
        adjoint: &mut Adjoint,
        k: usize,
        gradient: &mut [f64],
    ) {
        let (s, graph) = (memory.shape, &problem.graph);
        let (m, n, state) = (s.nodes, s.dimension, s.state());
        let (at, next, turn) = (s.slot(k), s.slot(k + 1), s.turn(k));
        let before = |values: &'_ [f64], p: usize| values[at + p];
        let (x, y) = (&memory.x[next..][..state], &memory.y[next..][..state]);
        let residual = &memory.residual[turn * state..][..state];
        let wiring = (graph, &memory.weights[..], n);
        let gamma = self.relaxation(k);
        let mut to_gamma = 0.0;
        let a = adjoint;

        // λ⁺ = λ + α y⁺, seen by itself and by neighbours.
        let lambda = &memory.lambda[next..][..state];
        sent_backward(
            wiring,
            &a.lambda_sent,
            lambda,
            &mut a.lambda,
            &mut a.weights,
        );
        for i in 0..m {
            let alpha = memory.alpha[turn * m + i];
            let mut to_alpha = 0.0;
            for p in i * n..(i + 1) * n {
                to_alpha += a.lambda[p] * y[p];
                a.y[p] += alpha * a.lambda[p];
            }
            a.alpha[i] = to_alpha;
        }
        // v⁺ = γ x⁺ + (1 − γ) v − (w y⁺ + sent) / M
        for i in 0..m {
            let (degree, inverse) = (memory.degrees[i], memory.inverse_norms[i]);
            for p in i * n..(i + 1) * n {
                let to_v = a.v[p];
                let pushed = degree * y[p] + memory.y_sent[next + p];
                a.x[p] += gamma * to_v;
                to_gamma += to_v * (x[p] - before(&memory.v, p));
                a.v[p] = (1.0 - gamma) * to_v;
                a.norms[i] += to_v * pushed * inverse * inverse;
                let to_pushed = -to_v * inverse;
                a.degrees[i] += to_pushed * y[p];
                a.y[p] += degree * to_pushed;
                a.y_sent[p] += to_pushed;
            }
        }
        sent_backward(wiring, &a.y_sent, y, &mut a.y, &mut a.weights);
        // y⁺ = γ (A x⁺) / (d + 1)
        for i in 0..m {
            let share = 1.0 / (graph.degree(i) + 1) as f64;
            for p in i * n..(i + 1) * n {
                to_gamma += a.y[p] * residual[p] * share;
                let to_residual = gamma * share * a.y[p];
                a.residual[p] = to_residual;
                a.degrees[i] += to_residual * x[p];
                a.x[p] += memory.degrees[i] * to_residual;
            }
        }
        sent_backward(wiring, &a.residual, x, &mut a.x, &mut a.weights);
        // (H + p I) x⁺ = c + p v − w λ − sent,  p = α M
        for i in 0..m {
            let (alpha, norm) = (memory.alpha[turn * m + i], memory.norms[i]);
            let nodes = i * n..(i + 1) * n;
            let system = &memory.factors[(turn * m + i) * n * n..][..n * n];
            solve(system, n, &mut a.x[nodes.clone()]);
            let mut to_penalty = 0.0;
            for p in nodes {
                let to_right = a.x[p];
                to_penalty += to_right * (before(&memory.v, p) - x[p]);
                a.v[p] += alpha * norm * to_right;
                a.degrees[i] -= to_right * before(&memory.lambda, p);
                a.lambda[p] -= memory.degrees[i] * to_right;
                // What follows belongs to the state before.
                a.lambda_sent[p] = -to_right;
                a.y_sent[p] = 0.0;
                a.y[p] = 0.0;
                a.x[p] = 0.0;
            }
            a.alpha[i] += norm * to_penalty;
            a.norms[i] += alpha * to_penalty;
        }
        self.relaxation_backward(k, to_gamma, gradient);
        self.steps_backward(memory, a, k, gradient);
    }

    fn relaxation_backward(&self, k: usize, to_gamma: f64, gradient: &mut [f64]) {
        let at = if k < self.config().learned_iterations {
            self.gammas.map(|gammas| gammas + k)
        } else {
            self.tail.map(|tail| tail + 1)
        };
        if let Some(at) = at {
            let t = self.flat[at].tanh();
            gradient[at] += to_gamma * RELAXATION_REACH * (1.0 - t * t);
        }
    }

    /// Backwards through the choice of the steps of iteration k.
    fn steps_backward(&self, memory: &Unrolled, a: &mut Adjoint, k: usize, gradient: &mut [f64]) {
        let s = memory.shape;
        let (m, n) = (s.nodes, s.dimension);
        let Some(perceptron) = self.step_perceptron(k) else {
            let free = if k < self.config().learned_iterations {
                self.alphas.map(|alphas| alphas + k)
            } else {
                self.tail
            };
            if let Some(at) = free {
                let alpha = self.flat[at].exp();
                if (STEP_RANGE[0]..=STEP_RANGE[1]).contains(&alpha) {
                    gradient[at] += alpha * a.alpha.iter().sum::<f64>();
                }
            }
            return;
        };
        if self.step_rule(k) == StepRule::Mean {
            let mean = a.alpha.iter().sum::<f64>() / m as f64;
            a.alpha.fill(mean);
        }
        let mut to_input = [0.0; MOST_INPUTS];
        let to_input = &mut to_input[..s.inputs];
        for i in 0..m {
            let node = s.turn(k) * m + i;
            let features = &memory.features[node * s.inputs..][..s.inputs];
            let hidden = &memory.hidden[node * s.hidden..][..s.hidden];
            let output = a.alpha[i] * memory.slopes[node];
            perceptron.backward(&self.flat, (features, hidden), output, gradient, to_input);
            normalise_backward(features, memory.scales[node], to_input);
            let parts = [
                &mut a.x,
                &mut a.y,
                &mut a.y_sent,
                &mut a.lambda,
                &mut a.lambda_sent,
            ];
            for (to, part) in parts.into_iter().zip(to_input.chunks(n)) {
                for (to, g) in to[i * n..][..n].iter_mut().zip(part) {
                    *to += g;
                }
            }
            a.degrees[i] += to_input[5 * n];
        }
    }
}
