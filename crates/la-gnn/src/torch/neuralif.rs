//! NeuralIF: a lower triangular factor on the pattern of A, from the graph of its lower triangle.

use tch::{Device as TchDevice, Kind, Tensor};

use super::batch::{GraphBatch, Pattern};
use super::factor;
use super::graph_net::{Aggregation, GraphNetStep, StepShape, StepTape};
use super::graph_norm::{GraphNorm, GraphNormTape};
use super::model::Model;
use super::segment::End;
use super::tensors::{Context, Tch, to_f32};
use crate::GnnError;
use crate::neuralif::{NODE_WIDTH, NeuralIfConfig, ParameterSpec, Parameters};

/// The NeuralIF network on a device.
///
/// T blocks of two GraphNet steps each on the arcs of the lower triangle: in the first the row receives the mean of its
/// arcs, in the second the column receives their sum; they mirror the two sparse passes of the product L Lᵀ. The output is
/// l_ij = e_ij below the diagonal and l_ii = exp(e_ii / 2) > 0 on it.
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
}

impl NeuralIf {
    /// Puts a network on a device. `kind` is [`Kind::Float`] or, for comparisons, [`Kind::Double`].
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range, [`GnnError::WeightsMismatch`] if the number of scalars does not
    /// belong to it, [`GnnError::Torch`] if LibTorch refuses.
    pub fn new(parameters: &Parameters, kind: Kind, device: TchDevice) -> Result<Self, GnnError> {
        let config = parameters.config.clone();
        config.validate()?;
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
        Ok(())
    }

    fn layers(&self, flat: &Tensor) -> Tch<Layers> {
        let mut specs = self.specs.iter();
        let norm = match self.config.graph_norm {
            true => Some(GraphNorm::take(flat, &mut specs)?),
            false => None,
        };
        let steps = (0..2 * self.config.blocks)
            .map(|_| GraphNetStep::take(flat, &mut specs))
            .collect::<Tch<_>>()?;
        Ok(Layers { norm, steps })
    }

    fn shape(&self, step: usize) -> StepShape {
        let (receiver, aggregation) = if step.is_multiple_of(2) {
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
        let a = &batch.lower_values;
        let mut e = a.shallow_clone();
        let last = layers.steps.len() - 1;
        let mut steps = Vec::with_capacity(layers.steps.len());
        for (s, step) in layers.steps.iter().enumerate() {
            let skip = (self.config.skip && s > 0 && s % 2 == 0).then_some(a);
            // The last node update does not reach the output.
            let nodes_wanted = s != last || states.is_some();
            let (e_new, x_new, tape) =
                step.forward(self.shape(s), &batch.lower, &x, &e, skip, nodes_wanted)?;
            e = e_new;
            if let Some(x_new) = x_new {
                x = x_new;
            }
            if let Some(states) = states.as_deref_mut() {
                let name = format!("block{}.step{}", s / 2, s % 2 + 1);
                states.push((format!("{name}.node"), x.shallow_clone()));
                states.push((format!("{name}.edge"), e.f_reshape([-1])?));
            }
            steps.push(tape);
        }
        let (l, output) = factor::output(batch, &e.f_reshape([-1])?, self.config.normalize_diag)?;
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
        let mut g_e = factor::output_backward(batch, &tape.output, gradient)?.f_unsqueeze(1)?;
        let mut g_x: Option<Tensor> = None;
        for (s, step_tape) in tape.steps.into_iter().enumerate().rev() {
            let (g_nodes, g_arcs) = layers.steps[s].backward(
                self.shape(s),
                &batch.lower,
                step_tape,
                g_e,
                g_x.as_ref(),
                &mut grads.steps[s],
                s > 0,
            )?;
            g_x = Some(g_nodes);
            match g_arcs {
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
        if self.config.two_hop {
            Pattern::LowerTwoHop
        } else {
            Pattern::Lower
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
