//! The iterations, forwards.
#![expect(
    clippy::needless_range_loop,
    reason = "one index runs over several arrays; iterators hide the formula"
)]

use super::dense::{factor, solve};
use super::graph::AgentGraph;
use super::network::{AdmmNetwork, StepRule};
use super::perceptron::Scale;
use super::problem::QuadraticProblem;
use crate::GnnError;

/// What there is after an iteration. Vectors are m × n.
#[derive(Debug, Clone, Copy)]
pub struct Iterate<'a> {
    /// Iterations done, at least 1.
    pub iteration: usize,
    /// x.
    pub x: &'a [f64],
    /// y.
    pub y: &'a [f64],
    /// λ.
    pub lambda: &'a [f64],
    /// α of every node in this iteration.
    pub step_sizes: &'a [f64],
    /// γ of this iteration.
    pub relaxation: f64,
}

/// Memory of a run, to be used again for other problems and networks: it grows when a problem asks for more, and is not given back.
///
/// A run for its iterates alone keeps two states, one for a gradient keeps all of them.
#[derive(Debug, Clone, Default)]
pub struct Unrolled {
    pub(super) shape: Shape,
    /// Of directed edges.
    pub(super) weights: Vec<f64>,
    /// w_i.
    pub(super) degrees: Vec<f64>,
    /// M_i.
    pub(super) norms: Vec<f64>,
    /// 1 / M_i, 0 for a node without neighbours.
    pub(super) inverse_norms: Vec<f64>,
    /// States: before iteration k, at slot k.
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) lambda: Vec<f64>,
    pub(super) v: Vec<f64>,
    /// What neighbours send: −Σ_j w_ij y_j and −Σ_j w_ij λ_j.
    pub(super) y_sent: Vec<f64>,
    pub(super) lambda_sent: Vec<f64>,
    /// Of iteration k: (A x)_i, steps, factors of the local systems.
    pub(super) residual: Vec<f64>,
    pub(super) alpha: Vec<f64>,
    pub(super) factors: Vec<f64>,
    /// Of learned iteration k: normalised features, their scale, hidden layers, derivative of the step with respect to the perceptron's output.
    pub(super) features: Vec<f64>,
    pub(super) scales: Vec<Scale>,
    pub(super) hidden: Vec<f64>,
    pub(super) slopes: Vec<f64>,
}

/// Sizes of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Shape {
    /// m and n.
    pub(super) nodes: usize,
    pub(super) dimension: usize,
    /// Inputs and hidden width of the perceptrons of steps.
    pub(super) inputs: usize,
    pub(super) hidden: usize,
    /// Whether all states are kept.
    pub(super) kept: bool,
}

impl Shape {
    /// m · n.
    pub(super) fn state(&self) -> usize {
        self.nodes * self.dimension
    }

    /// Where the state before iteration k is.
    pub(super) fn slot(&self, k: usize) -> usize {
        self.state() * if self.kept { k } else { k % 2 }
    }

    /// Where what belongs to iteration k is, in units of its size.
    pub(super) fn turn(&self, k: usize) -> usize {
        if self.kept { k } else { 0 }
    }
}

fn reserve<T: Clone + Default>(memory: &mut Vec<T>, len: usize) {
    if memory.len() < len {
        memory.resize(len, T::default());
    }
}

impl Unrolled {
    /// Edge weights of the last run, of directed edges in the order of [`AgentGraph::edges`].
    #[must_use]
    pub fn edge_weights(&self) -> &[f64] {
        &self.weights
    }

    fn prepare(
        &mut self,
        network: &AdmmNetwork,
        problem: &QuadraticProblem,
        iterations: usize,
        kept: bool,
    ) {
        let (graph, config) = (&problem.graph, network.config());
        let shape = Shape {
            nodes: graph.nodes(),
            dimension: problem.dimension,
            inputs: config.step_inputs(),
            hidden: config.hidden,
            kept,
        };
        self.shape = shape;
        let (m, n, state) = (shape.nodes, shape.dimension, shape.state());
        let (states, turns) = if kept {
            (iterations + 1, iterations)
        } else {
            (2, 1)
        };
        self.weights.clear();
        self.weights.resize(graph.directed_edges(), 0.0);
        for part in [&mut self.degrees, &mut self.norms, &mut self.inverse_norms] {
            reserve(part, m);
        }
        for part in [
            &mut self.x,
            &mut self.y,
            &mut self.lambda,
            &mut self.v,
            &mut self.y_sent,
            &mut self.lambda_sent,
        ] {
            reserve(part, states * state);
            part[..state].fill(0.0);
        }
        reserve(&mut self.residual, turns * state);
        reserve(&mut self.alpha, turns * m);
        reserve(&mut self.factors, turns * m * n * n);
        if config.steps.has_network() {
            let turns = turns.min(config.learned_iterations);
            reserve(&mut self.features, turns * m * shape.inputs);
            reserve(&mut self.scales, turns * m);
            reserve(&mut self.hidden, turns * m * shape.hidden);
            reserve(&mut self.slopes, turns * m);
        }
        network.fill_edge_weights(graph, &mut self.weights);
        for i in 0..m {
            let w = &self.weights[graph.edges(i)];
            let degree: f64 = w.iter().sum();
            let norm = degree * degree + w.iter().map(|w| w * w).sum::<f64>();
            self.degrees[i] = degree;
            self.norms[i] = norm;
            self.inverse_norms[i] = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        }
    }

    /// The steps of iteration k.
    fn choose_steps(&mut self, network: &AdmmNetwork, k: usize) {
        let s = self.shape;
        let (m, n) = (s.nodes, s.dimension);
        let (at, turn) = (s.slot(k), s.turn(k));
        let alpha = &mut self.alpha[turn * m..][..m];
        let rule = network.step_rule(k);
        let Some(perceptron) = network.step_perceptron(k) else {
            alpha.fill(match rule {
                StepRule::Given(alpha) => alpha,
                StepRule::Node | StepRule::Mean => 1.0,
            });
            return;
        };
        for i in 0..m {
            let node = turn * m + i;
            let features = &mut self.features[node * s.inputs..][..s.inputs];
            for (part, values) in features.chunks_mut(n).zip([
                &self.x,
                &self.y,
                &self.y_sent,
                &self.lambda,
                &self.lambda_sent,
            ]) {
                part.copy_from_slice(&values[at + i * n..][..n]);
            }
            features[5 * n] = self.degrees[i];
            let hidden = &mut self.hidden[node * s.hidden..][..s.hidden];
            let (step, slope, scale) = network.step_forward(perceptron, features, hidden);
            alpha[i] = step;
            self.slopes[node] = slope;
            self.scales[node] = scale;
        }
        if rule == StepRule::Mean {
            let mean = alpha.iter().sum::<f64>() / m as f64;
            alpha.fill(mean);
        }
    }

    fn iterate(&mut self, network: &AdmmNetwork, problem: &QuadraticProblem, k: usize) {
        self.choose_steps(network, k);
        let (s, graph) = (self.shape, &problem.graph);
        let (m, n, state) = (s.nodes, s.dimension, s.state());
        let (at, next, turn) = (s.slot(k), s.slot(k + 1), s.turn(k));
        let gamma = network.relaxation(k);
        // x_i ← argmin f_i + ⟨w_i λ_i + sent, x⟩ + ½ α_i M_i ‖x − v_i‖²
        for i in 0..m {
            let penalty = self.alpha[turn * m + i] * self.norms[i];
            let system = &mut self.factors[(turn * m + i) * n * n..][..n * n];
            factor(&problem.hessians[i * n * n..][..n * n], penalty, n, system);
            for d in 0..n {
                let p = i * n + d;
                let pull = self.degrees[i] * self.lambda[at + p] + self.lambda_sent[at + p];
                self.x[next + p] = problem.linear[p] + penalty * self.v[at + p] - pull;
            }
            solve(system, n, &mut self.x[next + i * n..][..n]);
        }
        // y_i ← γ (A x)_i / (d_i + 1)
        let residual = &mut self.residual[turn * state..][..state];
        sent(graph, &self.weights, n, &self.x[next..][..state], residual);
        for i in 0..m {
            let share = gamma / (graph.degree(i) + 1) as f64;
            for p in i * n..(i + 1) * n {
                residual[p] += self.degrees[i] * self.x[next + p];
                self.y[next + p] = share * residual[p];
            }
        }
        // v_i ← γ x_i + (1 − γ) v_i − (A y)_i / M_i,  λ_i ← λ_i + α_i y_i
        let y = &self.y[next..][..state];
        let y_sent = &mut self.y_sent[next..][..state];
        sent(graph, &self.weights, n, y, y_sent);
        for i in 0..m {
            let alpha = self.alpha[turn * m + i];
            for p in i * n..(i + 1) * n {
                let pushed = (self.degrees[i] * y[p] + y_sent[p]) * self.inverse_norms[i];
                self.v[next + p] =
                    gamma * self.x[next + p] + (1.0 - gamma) * self.v[at + p] - pushed;
                self.lambda[next + p] = self.lambda[at + p] + alpha * y[p];
            }
        }
        let lambda = &self.lambda[next..][..state];
        let lambda_sent = &mut self.lambda_sent[next..][..state];
        sent(graph, &self.weights, n, lambda, lambda_sent);
    }

    /// What there is after iteration k, counted from 0.
    pub(super) fn after(&self, k: usize, relaxation: f64) -> Iterate<'_> {
        let s = self.shape;
        let (at, state) = (s.slot(k + 1), s.state());
        Iterate {
            iteration: k + 1,
            x: &self.x[at..][..state],
            y: &self.y[at..][..state],
            lambda: &self.lambda[at..][..state],
            step_sizes: &self.alpha[s.turn(k) * s.nodes..][..s.nodes],
            relaxation,
        }
    }
}

/// `to_i = −Σ_j w_ij from_j`.
#[inline]
fn sent(graph: &AgentGraph, weights: &[f64], n: usize, from: &[f64], to: &mut [f64]) {
    for (i, to) in to.chunks_exact_mut(n).enumerate() {
        to.fill(0.0);
        let edges = graph.edges(i);
        for (&j, w) in graph.neighbours(i).iter().zip(&weights[edges]) {
            for (to, from) in to.iter_mut().zip(&from[j as usize * n..][..n]) {
                *to -= w * from;
            }
        }
    }
}

impl AdmmNetwork {
    /// Runs the method from zero with these step sizes, relaxation and edge weights; `observe` sees every iterate. Numbers that overflow stay in the iterates.
    ///
    /// Costs O(n³ m + n · edges) an iteration besides the perceptrons. Without allocation once `memory` is large enough.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the problem's n is not that of the network and a perceptron reads states.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::admm::{AdmmConfig, Parameters};
    /// use la_gnn::native::admm::{AdmmNetwork, AgentGraph, QuadraticProblem, Unrolled};
    ///
    /// let path = AgentGraph::from_edges(4, [(0, 1), (1, 2), (2, 3)])?;
    /// let problem = QuadraticProblem::consensus(path, 1, &[4.0, -2.0, 6.0, 0.0])?;
    /// let plain = AdmmNetwork::new(&Parameters::initialize(&AdmmConfig::baseline(1), 0)?)?;
    /// let mut distances = Vec::new();
    /// plain.run(&problem, 3, &mut Unrolled::default(), |after| distances.push(problem.distance(after.x)))?;
    /// assert!(distances[2] < 0.5 * distances[0]);
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn run(
        &self,
        problem: &QuadraticProblem,
        iterations: usize,
        memory: &mut Unrolled,
        mut observe: impl FnMut(Iterate<'_>),
    ) -> Result<(), GnnError> {
        self.check(problem)?;
        memory.prepare(self, problem, iterations, false);
        for k in 0..iterations {
            memory.iterate(self, problem, k);
            observe(memory.after(k, self.relaxation(k)));
        }
        Ok(())
    }

    /// Mean squared distances to the solution after 1, 2, … iterations.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn distances(
        &self,
        problem: &QuadraticProblem,
        iterations: usize,
        memory: &mut Unrolled,
    ) -> Result<Vec<f64>, GnnError> {
        let mut distances = Vec::with_capacity(iterations);
        self.run(problem, iterations, memory, |after| {
            distances.push(problem.distance(after.x));
        })?;
        Ok(distances)
    }

    /// A run that keeps all that a gradient needs.
    pub(super) fn run_kept(
        &self,
        problem: &QuadraticProblem,
        iterations: usize,
        memory: &mut Unrolled,
    ) {
        memory.prepare(self, problem, iterations, true);
        for k in 0..iterations {
            memory.iterate(self, problem, k);
        }
    }

    /// Checks that the perceptrons can read the states of a problem.
    pub(crate) fn check(&self, problem: &QuadraticProblem) -> Result<(), GnnError> {
        let (has, reads) = (problem.dimension, self.config().dimension);
        if has == reads || !self.config().steps.has_network() {
            return Ok(());
        }
        let reason = format!("agents have {has} numbers, the network is for {reads}");
        Err(GnnError::Matrix { reason })
    }
}
