//! The network: gradient by reverse accumulation.

use super::super::simd::LANES;
use super::super::{Element, LowerGraph, graph_norm};
use super::arcs::{ArcsIn, Forward, Project};
use super::arcs_backward::{Backward, ProjectBackward};
use super::model::{Net, direction};
use super::step::Step;
use super::{NeuralIf, nodes};
use crate::neuralif::{Activation, NODE_WIDTH};

/// Memory of a forward pass that is followed by a backward pass. Runs on the calling thread; batches
/// are spread over threads by giving each its own workspace.
///
/// Keeps the arc and node states of every step (`(2T + 1)(nnz + 8 n)` scalars) and computes hidden
/// lanes twice instead of storing `2 T h nnz` of them: that is faster than memory.
#[derive(Debug, Clone, Default)]
pub struct GradientWorkspace<T> {
    nodes: Vec<Vec<[T; NODE_WIDTH]>>,
    states: Vec<Vec<T>>,
    aggregates: Vec<Vec<T>>,
    rows: Vec<[T; LANES]>,
    cols: Vec<[T; LANES]>,
    grad_rows: Vec<[T; LANES]>,
    grad_cols: Vec<[T; LANES]>,
    grad_nodes: Vec<[T; NODE_WIDTH]>,
    grad_aggregate: Vec<T>,
    factor: Vec<T>,
}

impl<T: Element> GradientWorkspace<T> {
    /// Runs the network and remembers what the backward pass needs. Returns the entries of L.
    pub fn forward(&mut self, model: &NeuralIf<T>, graph: &LowerGraph<T>) -> &[T] {
        match &model.net {
            Net::H8(steps) => self.run(model, steps, graph),
            Net::H16(steps) => self.run(model, steps, graph),
            Net::H32(steps) => self.run(model, steps, graph),
        }
        &self.factor
    }

    /// Entries of L of the last forward pass.
    #[must_use]
    pub fn factor(&self) -> &[T] {
        &self.factor
    }

    /// Arc states after `step` (0 to 2T; 0 is the input) of the last forward pass.
    #[must_use]
    pub fn arc_states(&self, step: usize) -> Option<&[T]> {
        self.states.get(step).map(Vec::as_slice)
    }

    /// Node states before `step` (0 to 2T) of the last forward pass.
    #[must_use]
    pub fn node_states(&self, step: usize) -> Option<&[[T; NODE_WIDTH]]> {
        self.nodes.get(step).map(Vec::as_slice)
    }

    /// Adds to `gradient` the gradient with respect to every parameter, given that with respect to the
    /// entries of L (`grad_factor`, overwritten). Call after [`GradientWorkspace::forward`] on the same
    /// model and graph.
    pub fn backward(
        &mut self,
        model: &NeuralIf<T>,
        graph: &LowerGraph<T>,
        grad_factor: &mut [T],
        gradient: &mut [f64],
    ) {
        debug_assert_eq!(grad_factor.len(), graph.num_arcs());
        self.output_backward(model, graph, grad_factor);
        match &model.net {
            Net::H8(steps) => self.run_back(model, steps, graph, grad_factor, gradient),
            Net::H16(steps) => self.run_back(model, steps, graph, grad_factor, gradient),
            Net::H32(steps) => self.run_back(model, steps, graph, grad_factor, gradient),
        }
        if model.config().graph_norm {
            graph_norm::backward(
                model.values(),
                graph.features.as_chunks().0,
                &self.grad_nodes,
                gradient,
            );
        }
    }

    fn run<const G: usize>(
        &mut self,
        model: &NeuralIf<T>,
        steps: &[Step<T, G>],
        graph: &LowerGraph<T>,
    ) {
        let (n, arcs) = (graph.num_nodes(), graph.num_arcs());
        let relu = model.config().activation == Activation::Relu;
        self.nodes.resize(steps.len() + 1, Vec::new());
        self.states.resize(steps.len() + 1, Vec::new());
        self.aggregates.resize(steps.len(), Vec::new());
        self.nodes
            .iter_mut()
            .for_each(|v| v.resize(n, [T::ZERO; NODE_WIDTH]));
        self.states.iter_mut().for_each(|v| v.resize(arcs, T::ZERO));
        self.rows.resize(n * G, [T::ZERO; LANES]);
        self.cols.resize(n * G, [T::ZERO; LANES]);
        self.states[0].copy_from_slice(&graph.value);
        model.first_nodes(graph, &mut self.nodes[0]);
        for (s, step) in steps.iter().enumerate() {
            self.project(step, s);
            let (before, after) = self.states.split_at_mut(s + 1);
            let input = arcs_in(step, relu, s, graph, &before[s], &self.rows, &self.cols);
            self.aggregates[s].clear();
            self.aggregates[s].resize(n, T::ZERO);
            T::run_kernel(Forward {
                input,
                new_state: &mut after[0],
                aggregate: &mut self.aggregates[s],
            });
            let (old, new) = self.nodes.split_at_mut(s + 1);
            T::run_kernel(nodes::Forward {
                step,
                relu,
                old: &old[s],
                aggregate: &self.aggregates[s],
                new: &mut new[0],
            });
        }
        self.factor.clone_from(&self.states[steps.len()]);
        model.output_map(graph, &mut self.factor);
    }

    fn project<const G: usize>(&mut self, step: &Step<T, G>, s: usize) {
        let (rows, cols) = (
            self.rows.as_chunks_mut::<G>().0,
            self.cols.as_chunks_mut::<G>().0,
        );
        T::run_kernel(Project {
            step,
            direction: direction(s),
            nodes: &self.nodes[s],
            rows,
            cols,
        });
    }

    fn run_back<const G: usize>(
        &mut self,
        model: &NeuralIf<T>,
        steps: &[Step<T, G>],
        graph: &LowerGraph<T>,
        grad_state: &mut [T],
        gradient: &mut [f64],
    ) {
        let n = graph.num_nodes();
        let relu = model.config().activation == Activation::Relu;
        self.grad_rows.resize(n * G, [T::ZERO; LANES]);
        self.grad_cols.resize(n * G, [T::ZERO; LANES]);
        self.grad_nodes.clear();
        self.grad_nodes.resize(n, [T::ZERO; NODE_WIDTH]);
        self.grad_aggregate.clear();
        self.grad_aggregate.resize(n, T::ZERO);
        for (s, step) in steps.iter().enumerate().rev() {
            // The last node update does not reach the output: its gradients stay zero.
            if s + 1 < steps.len() {
                T::run_kernel(nodes::Backward {
                    step,
                    relu,
                    old: &self.nodes[s],
                    aggregate: &self.aggregates[s],
                    grad_new: &mut self.grad_nodes,
                    grad_aggregate: &mut self.grad_aggregate,
                    gradient,
                });
            }
            self.project(step, s);
            let input = arcs_in(
                step,
                relu,
                s,
                graph,
                &self.states[s],
                &self.rows,
                &self.cols,
            );
            let grad_rows = self.grad_rows.as_chunks_mut::<G>().0;
            let grad_cols = self.grad_cols.as_chunks_mut::<G>().0;
            T::run_kernel(Backward {
                input,
                grad_aggregate: &self.grad_aggregate,
                grad_state,
                grad_rows,
                grad_cols,
                gradient,
            });
            T::run_kernel(ProjectBackward {
                step,
                direction: direction(s),
                nodes: &self.nodes[s],
                grad_rows,
                grad_cols,
                grad_nodes: &mut self.grad_nodes,
                gradient,
            });
        }
    }

    /// Reverse of the output map; `grad` goes from entries of L to arc states.
    fn output_backward(&self, model: &NeuralIf<T>, graph: &LowerGraph<T>, grad: &mut [T]) {
        let Some(state) = self.states.last() else {
            return;
        };
        for i in 0..graph.num_nodes() {
            let range = graph.row(i);
            let last = range.end - 1;
            let diagonal = (0.5 * state[last].to_f64()).exp();
            if model.config().normalize_diag {
                // l = s e / ‖e‖:  de = s/‖e‖ (g − e (eᵀg)/‖e‖²), with e activated on the diagonal.
                let e = |k: usize| {
                    if k == last {
                        diagonal
                    } else {
                        state[k].to_f64()
                    }
                };
                let square: f64 = range.clone().map(|k| e(k) * e(k)).sum();
                let inner: f64 = range.clone().map(|k| e(k) * grad[k].to_f64()).sum();
                let scale = (graph.value[last].to_f64() / square).sqrt();
                for k in range {
                    grad[k] = T::from_f64(scale * (grad[k].to_f64() - e(k) * inner / square));
                }
            }
            grad[last] = T::from_f64(grad[last].to_f64() * 0.5 * diagonal);
        }
    }
}

fn arcs_in<'a, T: Element, const G: usize>(
    step: &'a Step<T, G>,
    relu: bool,
    s: usize,
    graph: &'a LowerGraph<T>,
    state: &'a [T],
    rows: &'a [[T; LANES]],
    cols: &'a [[T; LANES]],
) -> ArcsIn<'a, T, G> {
    let direction = direction(s);
    ArcsIn {
        step,
        relu,
        direction,
        first_row: 0,
        row_ptr: &graph.row_ptr,
        col: &graph.col,
        original: &graph.value,
        state,
        row_projection: rows.as_chunks().0,
        col_projection: cols.as_chunks().0,
    }
}
