//! NeuralIF: a lower triangular factor on the pattern of A, from the graph of its lower triangle.

use tch::{Device as TchDevice, Kind, Tensor};

use super::batch::{GraphBatch, Pattern};
use super::factor;
use super::graph_net::{Aggregation, GraphNetStep, States, StepInput, StepShape, StepTape};
use super::graph_norm::{GraphNorm, GraphNormTape};
use super::mlp::Mlp;
use super::model::Model;
use super::segment::{Arcs, End};
use super::tensors::{Context, Tch, to_f32};
use crate::GnnError;
use crate::neuralif::{MessageGraph, NODE_WIDTH, NeuralIfConfig, ParameterSpec, Parameters};

/// The NeuralIF network on a device.
///
/// T blocks of two GraphNet steps each on the arcs of the lower triangle: in the first the row receives the mean of its
/// arcs, in the second the column receives their sum; they mirror the two sparse passes of the product L Lᵀ. The output is
/// l_ij = e_ij below the diagonal and l_ii = exp(e_ii / 2) > 0 on it.
///
/// Computes every configuration, also those that the native engine refuses: wider arc states, a state of the graph, and messages
/// on the full graph ([`MessageGraph::Full`], on batches of [`Pattern::Full`]).
///
/// # References
/// P. Häusner, O. Öktem, J. Sjölund, *Neural incomplete factorization*, TMLR 2024.
#[derive(Debug)]
pub struct NeuralIf {
    config: NeuralIfConfig,
    specs: Vec<ParameterSpec>,
    flat: Tensor,
}

/// What the backward pass of [`NeuralIf`] needs of the forward pass.
#[derive(Debug)]
pub struct NeuralIfTape {
    norm: Option<GraphNormTape>,
    steps: Vec<StepTape>,
    output: factor::OutputTape,
}

/// The layers as views of a flat vector: of the parameters, or of their gradient.
struct Layers {
    norm: Option<GraphNorm>,
    steps: Vec<GraphNetStep>,
    decoder: Option<Mlp>,
}

impl NeuralIf {
    /// Puts a network on a device. `kind` is [`Kind::Float`] or, for comparisons, [`Kind::Double`].
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range, [`GnnError::WeightsMismatch`] if the number of scalars does not
    /// belong to it, [`GnnError::Torch`] if LibTorch refuses.
    pub fn new(parameters: &Parameters, kind: Kind, device: TchDevice) -> Result<Self, GnnError> {
        let config = parameters.config.clone();
        config.validate_torch()?;
        let specs = config.parameters();
        let flat = super::model::upload(
            &parameters.values,
            config.parameter_count(),
            crate::neuralif::ARCHITECTURE,
            kind,
            device,
        )?;
        Ok(Self {
            config,
            specs,
            flat,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &NeuralIfConfig {
        &self.config
    }

    /// Every intermediate state by name (`graph_norm.node`, `block0.step1.node`, `block0.step1.edge`, ...), to compare with
    /// another implementation.
    ///
    /// # Errors
    /// As [`Model::forward`].
    pub fn states(&self, batch: &GraphBatch) -> Result<Vec<(String, Tensor)>, GnnError> {
        self.check(batch)?;
        let _guard = tch::no_grad_guard();
        let mut states = Vec::new();
        let _ = self
            .run(batch, Some(&mut states))
            .context("NeuralIF states")?;
        Ok(states)
    }

    fn check(&self, batch: &GraphBatch) -> Result<(), GnnError> {
        if batch.feature_width() != NODE_WIDTH {
            return Err(GnnError::Matrix {
                reason: format!(
                    "comes with {} node features, NeuralIF takes {NODE_WIDTH}",
                    batch.feature_width()
                ),
            });
        }
        batch.check_kind(self.kind(), self.device())?;
        if self.config.normalize_diag {
            batch.check_positive_diagonal()?;
        }
        if self.config.graph == MessageGraph::Full && batch.full.is_none() {
            return Err(GnnError::Matrix {
                reason: "was put into a batch without its upper triangle; this network needs `Pattern::Full`".into(),
            });
        }
        Ok(())
    }

    fn layers(&self, flat: &Tensor) -> Tch<Layers> {
        let mut specs = self.specs.iter();
        let norm = match self.config.graph_norm {
            true => Some(GraphNorm::take(flat, &mut specs)?),
            false => None,
        };
        let with_global = self.config.global_features > 0;
        let steps = (0..self.config.blocks * self.config.steps_per_block())
            .map(|_| GraphNetStep::take(flat, &mut specs, with_global))
            .collect::<Tch<_>>()?;
        let decoder = match self.config.node_decoder {
            true => Some(Mlp::take(flat, &mut specs)?),
            false => None,
        };
        Ok(Layers {
            norm,
            steps,
            decoder,
        })
    }

    /// The arcs that messages are passed on, and the entries of A there. A batch without the full graph was refused.
    fn arcs<'a>(&self, batch: &'a GraphBatch) -> (&'a Arcs, &'a Tensor) {
        match &batch.full {
            Some(full) if self.config.graph == MessageGraph::Full => (&full.arcs, &full.values),
            _ => (&batch.factor, &batch.factor_values),
        }
    }

    fn shape(&self, step: usize) -> StepShape {
        let forward = step.is_multiple_of(self.config.steps_per_block());
        let (receiver, aggregation) = if forward {
            (End::Row, Aggregation::Mean)
        } else {
            (End::Column, Aggregation::Sum)
        };
        StepShape {
            receiver,
            aggregation,
            activation: self.config.activation,
        }
    }

    fn run(
        &self,
        batch: &GraphBatch,
        mut states: Option<&mut Vec<(String, Tensor)>>,
    ) -> Tch<(Tensor, NeuralIfTape)> {
        let layers = self.layers(&self.flat)?;
        let (mut x, norm) = match &layers.norm {
            Some(norm) => {
                let (x, tape) = norm.forward(batch)?;
                (x, Some(tape))
            }
            None => (batch.features.f_to_kind(batch.kind)?, None),
        };
        if let (Some(states), true) = (states.as_deref_mut(), norm.is_some()) {
            states.push(("graph_norm.node".into(), x.shallow_clone()));
        }
        let (arcs, a) = self.arcs(batch);
        let mut e = a.shallow_clone();
        let mut g = match self.config.global_features {
            0 => None,
            width => Some(Tensor::f_zeros(
                [batch.num_graphs() as i64, width as i64],
                (batch.kind, batch.device()),
            )?),
        };
        let per_block = self.config.steps_per_block();
        let last = layers.steps.len() - 1;
        let mut steps = Vec::with_capacity(layers.steps.len());
        for (s, step) in layers.steps.iter().enumerate() {
            let skip = (self.config.skip && s > 0 && s % per_block == 0).then_some(a);
            // The last node update does not reach the output.
            let nodes_wanted = s != last || states.is_some();
            let input = StepInput {
                x: &x,
                e: &e,
                skip,
                g: g.as_ref(),
            };
            let (out, tape) = step.forward(self.shape(s), batch, arcs, input, nodes_wanted)?;
            e = out.e;
            if let Some(x_new) = out.x {
                x = x_new;
                g = out.g;
            }
            if let Some(states) = states.as_deref_mut() {
                let name = format!("block{}.step{}", s / per_block, s % per_block + 1);
                states.push((format!("{name}.node"), x.shallow_clone()));
                states.push((format!("{name}.edge"), e.f_reshape([-1])?));
                if let Some(g) = &g {
                    states.push((format!("{name}.global"), g.shallow_clone()));
                }
            }
            steps.push(tape);
        }
        if let (Some(states), Some(decoder)) = (states, &layers.decoder) {
            let (decoded, _) = decoder.forward(x, self.config.activation)?;
            states.push(("node_decoder.node".into(), decoded));
        }
        let e = e.f_reshape([-1])?;
        let e = match &batch.full {
            Some(full) if self.config.graph == MessageGraph::Full => {
                // l_ij = e_ij + e_ji, l_ii = 2 exp(e_ii / 2) = exp((e_ii + 2 log 2) / 2)
                let own = e.f_index_select(0, &full.own)?;
                let diagonal = own
                    .f_index_select(0, &batch.diagonal)?
                    .f_add_scalar(2.0 * std::f64::consts::LN_2)?;
                own.f_add(&e.f_index_select(0, &full.mirrored)?)?
                    .f_index_copy(0, &batch.diagonal, &diagonal)?
            }
            _ => e,
        };
        let (l, output) = factor::output(batch, &e, self.config.normalize_diag)?;
        Ok((
            l,
            NeuralIfTape {
                norm,
                steps,
                output,
            },
        ))
    }

    fn run_backward(
        &self,
        batch: &GraphBatch,
        tape: NeuralIfTape,
        gradient: &Tensor,
    ) -> Tch<Tensor> {
        let flat = self.flat.f_zeros_like()?;
        let layers = self.layers(&self.flat)?;
        let mut grads = self.layers(&flat)?;
        let mut g_e = factor::output_backward(batch, &tape.output, gradient)?;
        if let (Some(full), MessageGraph::Full) = (&batch.full, self.config.graph) {
            // An entry's gradient goes to both of its arcs.
            g_e = g_e.f_index_select(0, &full.entry)?;
        }
        let mut g_e = g_e.f_unsqueeze(1)?;
        let (arcs, _) = self.arcs(batch);
        let (mut g_x, mut g_g): (Option<Tensor>, Option<Tensor>) = (None, None);
        for (s, step_tape) in tape.steps.into_iter().enumerate().rev() {
            let g_out = States {
                e: g_e,
                x: g_x.take(),
                g: g_g.take(),
            };
            let g_in = layers.steps[s].backward(
                self.shape(s),
                batch,
                arcs,
                step_tape,
                g_out,
                &mut grads.steps[s],
                s > 0,
            )?;
            (g_x, g_g) = (Some(g_in.x), g_in.g);
            match g_in.e {
                Some(g) => g_e = g,
                None => break,
            }
        }
        if let (Some(norm), Some(norm_tape), Some(g_x), Some(grad)) =
            (&layers.norm, &tape.norm, &g_x, &mut grads.norm)
        {
            norm.backward(batch, norm_tape, g_x, grad)?;
        }
        Ok(flat)
    }
}

impl Model for NeuralIf {
    type Parameters = Parameters;
    type Tape = NeuralIfTape;

    fn pattern(&self) -> Pattern {
        match (self.config.graph, self.config.two_hop) {
            (MessageGraph::Full, _) => Pattern::Full,
            (MessageGraph::Triangle, true) => Pattern::LowerTwoHop,
            (MessageGraph::Triangle, false) => Pattern::Lower,
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

    fn forward(&self, batch: &GraphBatch) -> Result<(Tensor, NeuralIfTape), GnnError> {
        self.check(batch)?;
        let _guard = tch::no_grad_guard();
        self.run(batch, None).context("NeuralIF forward pass")
    }

    fn backward(
        &self,
        batch: &GraphBatch,
        tape: NeuralIfTape,
        gradient: &Tensor,
    ) -> Result<Tensor, GnnError> {
        batch.check_vector("a gradient", gradient, batch.factor_nnz())?;
        let _guard = tch::no_grad_guard();
        self.run_backward(batch, tape, gradient)
            .context("NeuralIF backward pass")
    }
}
