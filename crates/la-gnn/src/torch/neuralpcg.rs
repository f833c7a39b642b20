//! NeuralPCG: a factor from the graph of the whole matrix.

use tch::{Device as TchDevice, Kind, Tensor};

use super::batch::{GraphBatch, Pattern};
use super::graph_net::{Aggregation, GraphNetStep, States, StepInput, StepShape, StepTape};
use super::graph_norm::{GraphNorm, GraphNormTape};
use super::mlp::{Mlp, MlpTape};
use super::model::Model;
use super::segment::{Arcs, End};
use super::tensors::{Context, Tch, to_f32};
use crate::GnnError;
use crate::neuralif::ParameterSpec;
use crate::neuralpcg::{ARCHITECTURE, FactorForm, NeuralPcgConfig, Parameters};

/// The NeuralPCG network on a device; see [`NeuralPcgConfig`] for its formulas.
///
/// Works on batches of [`Pattern::Full`], where the pattern of A must be symmetric and its diagonal positive, or, in the form
/// [`FactorForm::Triangle`], of [`Pattern::GeneralLower`] with any square A.
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
    /// Diagonal of the factor, where it is learned.
    diagonal: Option<Tensor>,
}

/// The arcs that messages are passed on, and how they belong to entries of the factor.
struct View<'a> {
    arcs: &'a Arcs,
    features: &'a Tensor,
    /// Arc (i, j) of every entry of the factor.
    own: &'a Tensor,
    /// Arc (j, i) of every entry, and the entry of every arc, where the factor is made of both.
    mirror: Option<(&'a Tensor, &'a Tensor)>,
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

    fn check<'a>(&self, batch: &'a GraphBatch) -> Result<View<'a>, GnnError> {
        batch.check_kind(self.kind(), self.device())?;
        if batch.feature_width() != self.config.node_features {
            return Err(GnnError::Matrix {
                reason: format!(
                    "comes with {} node features, this network takes {}",
                    batch.feature_width(),
                    self.config.node_features
                ),
            });
        }
        match (self.config.form, &batch.full, &batch.general) {
            (FactorForm::Symmetric, Some(full), _) => {
                batch.check_positive_diagonal()?;
                Ok(View {
                    arcs: &full.arcs,
                    features: &full.values,
                    own: &full.own,
                    mirror: Some((&full.mirrored, &full.entry)),
                })
            }
            (FactorForm::Symmetric, ..) => Err(GnnError::Matrix {
                reason:
                    "was put into a batch without its upper triangle; NeuralPCG needs `Pattern::Full`"
                        .into(),
            }),
            (FactorForm::Triangle, _, Some(graph)) => match &graph.own {
                Some(own) => Ok(View {
                    arcs: graph.arcs(batch),
                    features: &graph.edge_features,
                    own,
                    mirror: None,
                }),
                None => wrong_pattern(),
            },
            (FactorForm::Triangle, ..) => wrong_pattern(),
        }
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

    fn run(&self, batch: &GraphBatch, graph: &View<'_>) -> Tch<(Tensor, NeuralPcgTape)> {
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
        let (mut e, arcs) = layers.arcs.forward(graph.features.shallow_clone(), act)?;
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
            let (out, tape) = step.forward(self.shape(), batch, graph.arcs, input, nodes_wanted)?;
            e = out.e;
            if let Some(x_new) = out.x {
                x = x_new;
            }
            steps.push(tape);
        }
        let (s, decoder) = layers.decoder.forward(e, act)?;
        let s = s.f_reshape([-1])?;
        let own = s.f_index_select(0, graph.own)?;
        let (l, diagonal) = match graph.mirror {
            // l_ij = s_ij + s_ji, l_ii = √a_ii
            Some((mirrored, _)) => {
                let l = own.f_add(&s.f_index_select(0, mirrored)?)?;
                let root = batch.matrix_diagonal.f_sqrt()?;
                (l.f_index_copy(0, &batch.diagonal, &root)?, None)
            }
            // l_ij = s_ij, l_ii = exp(s_ii)
            None => {
                let diagonal = own.f_index_select(0, &batch.diagonal)?.f_exp()?;
                let l = own.f_index_copy(0, &batch.diagonal, &diagonal)?;
                (l, Some(diagonal))
            }
        };
        let tape = NeuralPcgTape {
            norm,
            nodes,
            arcs,
            steps,
            decoder,
            diagonal,
        };
        Ok((l, tape))
    }

    fn run_backward(
        &self,
        batch: &GraphBatch,
        graph: &View<'_>,
        tape: NeuralPcgTape,
        gradient: &Tensor,
    ) -> Tch<Tensor> {
        let flat = self.flat.f_zeros_like()?;
        let layers = self.layers(&self.flat)?;
        let mut grads = self.layers(&flat)?;
        let act = self.config.activation;
        let g_s = match (graph.mirror, &tape.diagonal) {
            (Some((_, entry)), _) => {
                // The diagonal is fixed; an entry's gradient goes to both of its arcs.
                let g_l = gradient.f_index_fill(0, &batch.diagonal, 0.0)?;
                g_l.f_index_select(0, entry)?
            }
            (None, diagonal) => {
                let mut g_l = gradient.shallow_clone();
                if let Some(l) = diagonal {
                    let g = gradient.f_index_select(0, &batch.diagonal)?.f_mul(l)?;
                    g_l = gradient.f_index_copy(0, &batch.diagonal, &g)?;
                }
                let arcs = graph.features.size()[0];
                Tensor::f_zeros([arcs], (g_l.f_kind()?, g_l.device()))?
                    .f_index_copy_(0, graph.own, &g_l)?
            }
        };
        let g_s = g_s.f_unsqueeze(1)?;
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
                graph.arcs,
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

fn wrong_pattern<T>() -> Result<T, GnnError> {
    Err(GnnError::Matrix {
        reason: "was put into a batch of another pattern; the form `triangle` needs `Pattern::GeneralLower`"
            .into(),
    })
}

impl Model for NeuralPcg {
    type Parameters = Parameters;
    type Tape = NeuralPcgTape;

    fn pattern(&self) -> Pattern {
        match self.config.form {
            FactorForm::Symmetric => Pattern::Full,
            FactorForm::Triangle => Pattern::GeneralLower,
        }
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
        self.run(batch, &graph).context("NeuralPCG forward pass")
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
        self.run_backward(batch, &graph, tape, gradient)
            .context("NeuralPCG backward pass")
    }
}
