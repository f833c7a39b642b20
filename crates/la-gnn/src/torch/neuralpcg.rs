//! NeuralPCG: a factor from the graph of the whole matrix, symmetrised.

use tch::{Device as TchDevice, Kind, Tensor};

use super::batch::{FullGraph, GraphBatch, Pattern};
use super::graph_net::{Aggregation, GraphNetStep, States, StepInput, StepShape, StepTape};
use super::graph_norm::{GraphNorm, GraphNormTape};
use super::mlp::{Mlp, MlpTape};
use super::model::Model;
use super::segment::End;
use super::tensors::{Context, Tch, to_f32};
use crate::GnnError;
use crate::neuralif::ParameterSpec;
use crate::neuralpcg::{ARCHITECTURE, NeuralPcgConfig, Parameters};

/// The NeuralPCG network on a device; see [`NeuralPcgConfig`] for its formulas.
///
/// Works on batches of [`Pattern::Full`]: the pattern of A must be symmetric and its diagonal positive.
#[derive(Debug)]
pub struct NeuralPcg {
    config: NeuralPcgConfig,
    specs: Vec<ParameterSpec>,
    flat: Tensor,
}

/// What the backward pass of [`NeuralPcg`] needs of the forward pass.
#[derive(Debug)]
pub struct NeuralPcgTape {
    norm: Option<GraphNormTape>,
    nodes: MlpTape,
    arcs: MlpTape,
    steps: Vec<StepTape>,
    decoder: MlpTape,
}

/// The layers as views of a flat vector: of the parameters, or of their gradient.
struct Layers {
    norm: Option<GraphNorm>,
    nodes: Mlp,
    arcs: Mlp,
    steps: Vec<GraphNetStep>,
    decoder: Mlp,
}

impl NeuralPcg {
    /// Puts a network on a device. `kind` is [`Kind::Float`] or [`Kind::Double`].
    ///
    /// # Errors
    /// As [`super::NeuralIf::new`].
    pub fn new(parameters: &Parameters, kind: Kind, device: TchDevice) -> Result<Self, GnnError> {
        let config = parameters.config.clone();
        config.validate()?;
        let specs = config.parameters();
        let count = config.parameter_count();
        let flat = super::model::upload(&parameters.values, count, ARCHITECTURE, kind, device)?;
        Ok(Self {
            config,
            specs,
            flat,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &NeuralPcgConfig {
        &self.config
    }

    fn check<'a>(&self, batch: &'a GraphBatch) -> Result<&'a FullGraph, GnnError> {
        batch.check_kind(self.kind(), self.device())?;
        batch.check_positive_diagonal()?;
        if batch.feature_width() != self.config.node_features {
            return Err(GnnError::Matrix {
                reason: format!(
                    "comes with {} node features, this network takes {}",
                    batch.feature_width(),
                    self.config.node_features
                ),
            });
        }
        batch.full.as_ref().ok_or_else(|| GnnError::Matrix {
            reason:
                "was put into a batch without its upper triangle; NeuralPCG needs `Pattern::Full`"
                    .into(),
        })
    }

    fn layers(&self, flat: &Tensor) -> Tch<Layers> {
        let mut specs = self.specs.iter();
        Ok(Layers {
            norm: match self.config.graph_norm {
                true => Some(GraphNorm::take(flat, &mut specs)?),
                false => None,
            },
            nodes: Mlp::take(flat, &mut specs)?,
            arcs: Mlp::take(flat, &mut specs)?,
            steps: (0..self.config.steps)
                .map(|_| GraphNetStep::take(flat, &mut specs, false))
                .collect::<Tch<_>>()?,
            decoder: Mlp::take(flat, &mut specs)?,
        })
    }

    fn shape(&self) -> StepShape {
        StepShape {
            receiver: End::Row,
            aggregation: Aggregation::Mean,
            activation: self.config.activation,
        }
    }

    fn run(&self, batch: &GraphBatch, graph: &FullGraph) -> Tch<(Tensor, NeuralPcgTape)> {
        let layers = self.layers(&self.flat)?;
        let act = self.config.activation;
        let (features, norm) = match &layers.norm {
            Some(norm) => {
                let (features, tape) = norm.forward(batch)?;
                (features, Some(tape))
            }
            None => (batch.features.f_to_kind(batch.kind)?, None),
        };
        let (mut x, nodes) = layers.nodes.forward(features, act)?;
        let (mut e, arcs) = layers.arcs.forward(graph.values.shallow_clone(), act)?;
        let mut steps = Vec::with_capacity(layers.steps.len());
        for (s, step) in layers.steps.iter().enumerate() {
            // The last node update does not reach the output.
            let nodes_wanted = s + 1 < layers.steps.len();
            let input = StepInput {
                x: &x,
                e: &e,
                skip: None,
                g: None,
            };
            let (out, tape) =
                step.forward(self.shape(), batch, &graph.arcs, input, nodes_wanted)?;
            e = out.e;
            if let Some(x_new) = out.x {
                x = x_new;
            }
            steps.push(tape);
        }
        let (s, decoder) = layers.decoder.forward(e, act)?;
        let s = s.f_reshape([-1])?;
        // l_ij = s_ij + s_ji, l_ii = √a_ii
        let l = s
            .f_index_select(0, &graph.own)?
            .f_add_(&s.f_index_select(0, &graph.mirrored)?)?;
        let l = l.f_index_copy(0, &batch.diagonal, &batch.matrix_diagonal.f_sqrt()?)?;
        let tape = NeuralPcgTape {
            norm,
            nodes,
            arcs,
            steps,
            decoder,
        };
        Ok((l, tape))
    }

    fn run_backward(
        &self,
        batch: &GraphBatch,
        graph: &FullGraph,
        tape: NeuralPcgTape,
        gradient: &Tensor,
    ) -> Tch<Tensor> {
        let flat = self.flat.f_zeros_like()?;
        let layers = self.layers(&self.flat)?;
        let mut grads = self.layers(&flat)?;
        let act = self.config.activation;
        // The diagonal is fixed; an entry's gradient goes to both of its arcs.
        let g_l = gradient.f_index_fill(0, &batch.diagonal, 0.0)?;
        let g_s = g_l.f_index_select(0, &graph.entry)?.f_unsqueeze(1)?;
        let mut g_e = layers
            .decoder
            .backward(&tape.decoder, &g_s, act, &mut grads.decoder)?;
        let mut g_x: Option<Tensor> = None;
        for (s, step_tape) in tape.steps.into_iter().enumerate().rev() {
            let g_out = States {
                e: g_e,
                x: g_x,
                g: None,
            };
            let g_in = layers.steps[s].backward(
                self.shape(),
                batch,
                &graph.arcs,
                step_tape,
                g_out,
                &mut grads.steps[s],
                true,
            )?;
            g_x = Some(g_in.x);
            g_e = g_in
                .e
                .ok_or_else(|| tch::TchError::Shape("no gradient of arc states".into()))?;
        }
        let _ = layers
            .arcs
            .backward(&tape.arcs, &g_e, act, &mut grads.arcs)?;
        if let Some(g_x) = g_x {
            let g_features = layers
                .nodes
                .backward(&tape.nodes, &g_x, act, &mut grads.nodes)?;
            if let (Some(norm), Some(tape), Some(grad)) =
                (&layers.norm, &tape.norm, &mut grads.norm)
            {
                norm.backward(batch, tape, &g_features, grad)?;
            }
        }
        Ok(flat)
    }
}

impl Model for NeuralPcg {
    type Parameters = Parameters;
    type Tape = NeuralPcgTape;

    fn pattern(&self) -> Pattern {
        Pattern::Full
    }

    fn flat(&self) -> &Tensor {
        &self.flat
    }

    fn parameters(&self) -> Result<Parameters, GnnError> {
        Ok(Parameters {
            config: self.config.clone(),
            values: to_f32(&self.flat).context("copying the parameters")?,
        })
    }

    fn forward(&self, batch: &GraphBatch) -> Result<(Tensor, NeuralPcgTape), GnnError> {
        let graph = self.check(batch)?;
        let _guard = tch::no_grad_guard();
        self.run(batch, graph).context("NeuralPCG forward pass")
    }

    fn backward(
        &self,
        batch: &GraphBatch,
        tape: NeuralPcgTape,
        gradient: &Tensor,
    ) -> Result<Tensor, GnnError> {
        let graph = self.check(batch)?;
        batch.check_vector("a gradient", gradient, batch.factor_nnz())?;
        let _guard = tch::no_grad_guard();
        self.run_backward(batch, graph, tape, gradient)
            .context("NeuralPCG backward pass")
    }
}
