//! The network: gradient by reverse accumulation.

use super::super::lanes::Lanes;
use super::super::simd::LANES;
use super::super::{CoatesGraph, Element, graph_norm};
use super::arcs::{Arcs, Ends};
use super::arcs_backward::ArcsBackward;
use super::finish::{finish, finish_backward};
use super::layers::Layers;
use super::model::Net;
use super::nodes_backward::{ProjectBackward, UpdateBackward};
use super::unfold::unfold;
use super::{LearnedLu, nodes};
use crate::learned_lu::{Base, DiagonalActivation, NODE_WIDTH};
use crate::neuralif::Activation;

/// Memory of a forward pass that is followed by a backward pass. Runs on the calling thread; batches are spread over
/// threads by giving each its own workspace.
///
/// Keeps the hidden states of every step, `(K + 1) h` scalars per arc, and of the nodes `(8 + h) K`.
#[derive(Debug, Clone, Default)]
pub struct GradientWorkspace<T> {
    nodes: Vec<Vec<[T; NODE_WIDTH]>>,
    hidden: Vec<Vec<[T; LANES]>>,
    means: Vec<Vec<[T; LANES]>>,
    receiver: Vec<[T; LANES]>,
    other: Vec<[T; LANES]>,
    output: Vec<T>,
    factors: Vec<f64>,
    grad_nodes: Vec<[T; NODE_WIDTH]>,
    grad_mean: Vec<[T; LANES]>,
    grad_hidden: Vec<[T; LANES]>,
    grad_out: Vec<T>,
}

impl<T: Element> GradientWorkspace<T> {
    /// Runs the network and remembers what the backward pass needs. Returns the entries of L and U in the order of the arcs, with the
    /// smooth diagonal activation; they are not checked to be finite.
    ///
    /// # Panics
    /// If the network works on top of ILU(0) and the graph has no entries of that.
    pub fn forward(&mut self, model: &LearnedLu<T>, graph: &CoatesGraph<T>) -> &[f64] {
        match &model.net {
            Net::H8(layers) => self.run(model, layers, graph),
            Net::H16(layers) => self.run(model, layers, graph),
            Net::H32(layers) => self.run(model, layers, graph),
        }
        self.factors.resize(graph.num_arcs(), 0.0);
        let rows = 0..graph.num_nodes();
        if !rows.is_empty() {
            let smooth = DiagonalActivation::Smooth;
            finish(
                graph,
                model.config(),
                smooth,
                rows,
                &self.output,
                &mut self.factors,
            );
        }
        &self.factors
    }

    /// Entries of L and U of the last forward pass.
    #[must_use]
    pub fn factors(&self) -> &[f64] {
        &self.factors
    }

    /// Node states before `step` (0 to K − 1) of the last forward pass.
    #[must_use]
    pub fn node_states(&self, step: usize) -> Option<&[[T; NODE_WIDTH]]> {
        self.nodes.get(step).map(Vec::as_slice)
    }

    /// Adds to `gradient` the gradient with respect to every parameter, given that with respect to the entries of L and U.
    /// Call after [`GradientWorkspace::forward`] on the same model and graph.
    ///
    /// # Panics
    /// If the lengths are not those of the arcs and of the parameters.
    pub fn backward(
        &mut self,
        model: &LearnedLu<T>,
        graph: &CoatesGraph<T>,
        grad_factors: &[f64],
        gradient: &mut [f64],
    ) {
        assert_eq!(grad_factors.len(), graph.num_arcs(), "one value per arc");
        assert_eq!(
            gradient.len(),
            model.parameters.values.len(),
            "one value per parameter"
        );
        let out = &self.output;
        finish_backward(graph, model.config(), out, grad_factors, &mut self.grad_out);
        match &model.net {
            Net::H8(layers) => self.run_back(model, layers, graph, gradient),
            Net::H16(layers) => self.run_back(model, layers, graph, gradient),
            Net::H32(layers) => self.run_back(model, layers, graph, gradient),
        }
        if model.config().graph_norm {
            let features = graph.features.as_chunks().0;
            graph_norm::backward(
                &model.parameters.values,
                features,
                &self.grad_nodes,
                gradient,
            );
        }
    }

    fn run<const G: usize>(
        &mut self,
        model: &LearnedLu<T>,
        layers: &Layers<T, G>,
        graph: &CoatesGraph<T>,
    ) {
        let (n, arcs) = (graph.num_nodes(), graph.num_arcs());
        let zero = [T::ZERO; LANES];
        let steps = layers.steps.len();
        self.nodes.resize(steps, Vec::new());
        for (list, len) in [(&mut self.hidden, arcs * G), (&mut self.means, n * G)] {
            list.resize(steps, Vec::new());
            list.iter_mut().for_each(|v| v.resize(len, zero));
        }
        for buffer in [&mut self.receiver, &mut self.other] {
            buffer.resize(n * G, zero);
        }
        self.output.resize(arcs, T::ZERO);
        model.first_nodes(graph, &mut self.nodes[0]);
        for (s, step) in layers.steps.iter().enumerate() {
            T::run_kernel(nodes::Project {
                step,
                nodes: &self.nodes[s],
                receiver: self.receiver.as_chunks_mut().0,
                other: self.other.as_chunks_mut().0,
            });
            let (before, after) = self.hidden.split_at_mut(s);
            if let Some(before) = before.last() {
                after[0].copy_from_slice(before);
            }
            let ends: [&[Lanes<T, G>]; 2] = [self.receiver.as_chunks().0, self.other.as_chunks().0];
            T::run_kernel(Arcs {
                layers,
                step: s,
                relu: model.config().activation == Activation::Relu,
                keep: true,
                row_ptr: &graph.row_ptr,
                diagonal: &graph.diagonal,
                col: &graph.col,
                value: &graph.value,
                base: base_of(model, graph),
                first: Ends::of(ends, &(0, n)),
                ends: Ends::of(ends, &(0, n)),
                state: after[0].as_chunks_mut().0,
                mean: self.means[s].as_chunks_mut().0,
                out: &mut self.output,
            });
            if s + 1 < steps {
                let (old, new) = self.nodes.split_at_mut(s + 1);
                new[0].clone_from(&old[s]);
                T::run_kernel(nodes::Update {
                    step,
                    relu: model.config().activation == Activation::Relu,
                    mean: self.means[s].as_chunks::<G>().0,
                    nodes: &mut new[0],
                });
            }
        }
    }

    fn run_back<const G: usize>(
        &mut self,
        model: &LearnedLu<T>,
        layers: &Layers<T, G>,
        graph: &CoatesGraph<T>,
        gradient: &mut [f64],
    ) {
        let (n, arcs) = (graph.num_nodes(), graph.num_arcs());
        let zero = [T::ZERO; LANES];
        let relu = model.config().activation == Activation::Relu;
        let steps = layers.steps.len();
        let mut sums = layers.zeros();
        self.grad_nodes.clear();
        self.grad_nodes.resize(n, [T::ZERO; NODE_WIDTH]);
        self.grad_mean.resize(n * G, zero);
        let inner = usize::from(steps > 1);
        self.grad_hidden.resize(arcs * G * inner, zero);
        for (s, step) in layers.steps.iter().enumerate().rev() {
            // The last node update does not reach the output.
            if s + 1 < steps {
                T::run_kernel(UpdateBackward {
                    step,
                    relu,
                    nodes: &self.nodes[s],
                    mean: self.means[s].as_chunks::<G>().0,
                    grad_nodes: &mut self.grad_nodes,
                    grad_mean: self.grad_mean.as_chunks_mut().0,
                    sums: &mut sums.steps[s],
                });
            }
            let (before, after) = self.hidden.split_at(s);
            T::run_kernel(ArcsBackward {
                graph,
                layers,
                step: s,
                relu,
                base: base_of(model, graph),
                hidden: after[0].as_chunks::<G>().0,
                previous: before.last().map_or(&[][..], |h| h.as_chunks().0),
                grad_out: &self.grad_out,
                grad_mean: self.grad_mean.as_chunks().0,
                grad: self.grad_hidden.as_chunks_mut().0,
                receiver: self.receiver.as_chunks_mut().0,
                other: self.other.as_chunks_mut().0,
                sums: &mut sums,
            });
            T::run_kernel(ProjectBackward {
                step,
                nodes: &self.nodes[s],
                receiver: self.receiver.as_chunks::<G>().0,
                other: self.other.as_chunks::<G>().0,
                grad_nodes: &mut self.grad_nodes,
                sums: &mut sums.steps[s],
            });
        }
        unfold(model.config(), &model.parameters.values, &sums, gradient);
    }
}

/// Entries of ILU(0) as the network sees them, if it does.
fn base_of<'a, T: Element>(model: &LearnedLu<T>, graph: &'a CoatesGraph<T>) -> &'a [T] {
    match model.config().base {
        Base::None => &[],
        Base::Ilu0 => &graph.base_value,
    }
}
