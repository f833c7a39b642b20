//! Learned LU: factors of any square matrix, from the graph of all of its entries.

use tch::{Device as TchDevice, Kind, Tensor};

use super::batch::{GeneralGraph, GraphBatch, Pattern};
use super::graph_net::{Aggregation, GraphNetStep, States, StepInput, StepShape, StepTape};
use super::graph_norm::{GraphNorm, GraphNormTape};
use super::model::Model;
use super::segment::End;
use super::tensors::{Context, Tch, to_f32};
use crate::GnnError;
use crate::learned_lu::{
    ARCHITECTURE, Base, DiagonalActivation, LearnedLuConfig, NODE_WIDTH, Parameters,
};
use crate::neuralif::ParameterSpec;

/// The learned LU network on a device; see [`LearnedLuConfig`] for its formulas.
///
/// Works on batches of [`Pattern::General`]: any square matrix, also with zero or missing diagonal entries. Its output is one
/// value per entry, of L on the diagonal and below it, of U above it. [`Model::forward`] makes the diagonal of L with the
/// smooth activation, [`LearnedLu::factors`] with the one that is asked for.
///
/// # References
/// P. Häusner, A. Nieto Juscafresa, J. Sjölund, *Learning incomplete factorization preconditioners for GMRES*, 2025, Algorithm B.1.
/// Deviates: a_ij is given again to its own arc, and missing diagonal entries are 0 (the authors' code moves loops to the end of
/// the list of arcs and fills them with 1); the mean at a node runs over the entries of its row.
#[derive(Debug)]
pub struct LearnedLu {
    config: LearnedLuConfig,
    specs: Vec<ParameterSpec>,
    flat: Tensor,
}

/// What the backward pass of [`LearnedLu`] needs of the forward pass.
#[derive(Debug)]
pub struct LearnedLuTape {
    norm: Option<GraphNormTape>,
    steps: Vec<StepTape>,
    /// Argument of the diagonal activation.
    loops: Tensor,
}

/// The layers as views of a flat vector: of the parameters, or of their gradient.
struct Layers {
    norm: Option<GraphNorm>,
    steps: Vec<GraphNetStep>,
}

impl LearnedLu {
    /// Puts a network on a device. `kind` is [`Kind::Float`] or, for comparisons, [`Kind::Double`].
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range, [`GnnError::WeightsMismatch`] if the number of scalars does not belong to it, [`GnnError::Torch`] if LibTorch refuses.
    pub fn new(parameters: &Parameters, kind: Kind, device: TchDevice) -> Result<Self, GnnError> {
        let config = parameters.config.clone();
        config.validate()?;
        let count = config.parameter_count();
        Ok(Self {
            specs: config.parameters(),
            flat: super::model::upload(&parameters.values, count, ARCHITECTURE, kind, device)?,
            config,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &LearnedLuConfig {
        &self.config
    }

    /// Entries of the factors of [`Sample::matrix`](super::Sample::matrix) with this diagonal activation, and the smallest magnitude
    /// on the diagonal of L.
    ///
    /// # Errors
    /// As [`Model::forward`].
    pub fn factors(
        &self,
        batch: &GraphBatch,
        diagonal: DiagonalActivation,
    ) -> Result<(Tensor, f64), GnnError> {
        let graph = self.check(batch)?;
        let _guard = tch::no_grad_guard();
        let evaluate = || {
            let (f, _) = self.run(batch, graph, diagonal, None)?;
            let smallest = f.f_index_select(0, &batch.diagonal)?.f_abs()?.f_min()?;
            let smallest = smallest.f_double_value(&[])?;
            Ok((f, smallest))
        };
        evaluate().context("learned LU factors")
    }

    /// Every intermediate state by name (`step0.node`, `step0.edge`, ...), to compare with another implementation.
    ///
    /// # Errors
    /// As [`Model::forward`].
    pub fn states(&self, batch: &GraphBatch) -> Result<Vec<(String, Tensor)>, GnnError> {
        let graph = self.check(batch)?;
        let _guard = tch::no_grad_guard();
        let mut states = Vec::new();
        let _ = self
            .run(batch, graph, DiagonalActivation::Smooth, Some(&mut states))
            .context("learned LU states")?;
        Ok(states)
    }

    fn check<'a>(&self, batch: &'a GraphBatch) -> Result<&'a GeneralGraph, GnnError> {
        if batch.feature_width() != NODE_WIDTH {
            return Err(GnnError::Matrix {
                reason: format!(
                    "comes with {} node features, learned LU takes {NODE_WIDTH}",
                    batch.feature_width()
                ),
            });
        }
        batch.check_kind(self.kind(), self.device())?;
        let graph = match &batch.general {
            Some(graph) if graph.own.is_none() => graph,
            _ => {
                return Err(GnnError::Matrix {
                    reason:
                        "was put into a batch of another pattern; learned LU needs `Pattern::General`"
                            .into(),
                });
            }
        };
        match (self.config.base, &graph.base) {
            (Base::None, None) | (Base::Ilu0, Some(_)) => Ok(graph),
            (Base::Ilu0, None) => Err(GnnError::Matrix {
                reason:
                    "comes without ILU(0), which this network corrects; see `Sample::with_base`"
                        .into(),
            }),
            (Base::None, Some(_)) => Err(GnnError::Matrix {
                reason: "comes with ILU(0), which this network does not take".into(),
            }),
        }
    }

    fn layers(&self, flat: &Tensor) -> Tch<Layers> {
        let mut specs = self.specs.iter();
        Ok(Layers {
            norm: match self.config.graph_norm {
                true => Some(GraphNorm::take(flat, &mut specs)?),
                false => None,
            },
            steps: (0..self.config.steps)
                .map(|_| GraphNetStep::take(flat, &mut specs, false))
                .collect::<Tch<_>>()?,
        })
    }

    fn shape(&self) -> StepShape {
        StepShape {
            receiver: End::Row,
            aggregation: Aggregation::Mean,
            activation: self.config.activation,
        }
    }

    fn run(
        &self,
        batch: &GraphBatch,
        graph: &GeneralGraph,
        diagonal: DiagonalActivation,
        mut states: Option<&mut Vec<(String, Tensor)>>,
    ) -> Tch<(Tensor, LearnedLuTape)> {
        let layers = self.layers(&self.flat)?;
        let (mut x, norm) = match &layers.norm {
            Some(norm) => {
                let (x, tape) = norm.forward(batch)?;
                (x, Some(tape))
            }
            None => (batch.features.f_to_kind(batch.kind)?, None),
        };
        let mut e = graph.edge_features.shallow_clone();
        let last = layers.steps.len() - 1;
        let mut steps = Vec::with_capacity(layers.steps.len());
        for (s, step) in layers.steps.iter().enumerate() {
            let input = StepInput {
                x: &x,
                e: &e,
                skip: (s > 0).then_some(&batch.factor_values),
                g: None,
            };
            // The last node update does not reach the output.
            let nodes_wanted = s != last || states.is_some();
            let (out, tape) =
                step.forward(self.shape(), batch, graph.arcs(batch), input, nodes_wanted)?;
            e = out.e;
            if let Some(x_new) = out.x {
                x = x_new;
            }
            if let Some(states) = states.as_deref_mut() {
                states.push((format!("step{s}.node"), x.shallow_clone()));
                states.push((format!("step{s}.edge"), e.shallow_clone()));
            }
            steps.push(tape);
        }
        let mut e = e.f_reshape([-1])?;
        if graph.base.is_some() {
            e = e.f_add_scalar(1.0)?;
        }
        let loops = e.f_index_select(0, &batch.diagonal)?;
        let mut f = e.f_index_copy(
            0,
            &batch.diagonal,
            &activate(&loops, diagonal, self.config.eps)?,
        )?;
        if let Some(base) = &graph.base {
            f = f.f_mul(base)?;
        }
        Ok((f, LearnedLuTape { norm, steps, loops }))
    }

    fn run_backward(
        &self,
        batch: &GraphBatch,
        graph: &GeneralGraph,
        tape: LearnedLuTape,
        gradient: &Tensor,
    ) -> Tch<Tensor> {
        let flat = self.flat.f_zeros_like()?;
        let layers = self.layers(&self.flat)?;
        let mut grads = self.layers(&flat)?;
        let gradient = match &graph.base {
            Some(base) => gradient.f_mul(base)?,
            None => gradient.shallow_clone(),
        };
        let g_loops = gradient
            .f_index_select(0, &batch.diagonal)?
            .f_mul(&smooth_slope(&tape.loops, self.config.eps)?)?;
        let mut g_e = gradient
            .f_index_copy(0, &batch.diagonal, &g_loops)?
            .f_unsqueeze(1)?;
        let mut g_x: Option<Tensor> = None;
        for (s, step_tape) in tape.steps.into_iter().enumerate().rev() {
            let g_out = States {
                e: g_e,
                x: g_x.take(),
                g: None,
            };
            let g_in = layers.steps[s].backward(
                self.shape(),
                batch,
                graph.arcs(batch),
                step_tape,
                g_out,
                &mut grads.steps[s],
                s > 0,
            )?;
            g_x = Some(g_in.x);
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

/// `exp(2 − 4|x|/ε)` and `4|x|/ε`.
fn bump(x: &Tensor, eps: f64) -> Tch<(Tensor, Tensor)> {
    let t = x.f_abs()?.f_mul_scalar(4.0 / eps)?;
    let bump = t.f_neg()?.f_add_scalar(2.0)?.f_exp()?;
    Ok((bump, t))
}

/// [`DiagonalActivation::apply`] of every entry.
fn activate(x: &Tensor, diagonal: DiagonalActivation, eps: f64) -> Tch<Tensor> {
    match diagonal {
        DiagonalActivation::Smooth => bump(x, eps)?.0.f_add_scalar(1.0)?.f_mul(x),
        DiagonalActivation::Hard => {
            // ε with the sign of x, + at 0: NaN fails both comparisons and stays.
            let sign = x.f_ge(0.0)?.f_to_kind(x.f_kind()?)?;
            let edge = sign.f_mul_scalar(2.0 * eps)?.f_sub_scalar(eps)?;
            edge.f_where_self(&x.f_abs()?.f_le(eps)?, x)
        }
    }
}

/// Slope of the smooth activation.
fn smooth_slope(x: &Tensor, eps: f64) -> Tch<Tensor> {
    let (bump, t) = bump(x, eps)?;
    t.f_neg()?
        .f_add_scalar(1.0)?
        .f_mul(&bump)?
        .f_add_scalar(1.0)
}

impl Model for LearnedLu {
    type Parameters = Parameters;
    type Tape = LearnedLuTape;

    fn pattern(&self) -> Pattern {
        Pattern::General
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

    fn forward(&self, batch: &GraphBatch) -> Result<(Tensor, LearnedLuTape), GnnError> {
        let graph = self.check(batch)?;
        let _guard = tch::no_grad_guard();
        self.run(batch, graph, DiagonalActivation::Smooth, None)
            .context("learned LU forward pass")
    }

    fn backward(
        &self,
        batch: &GraphBatch,
        tape: LearnedLuTape,
        gradient: &Tensor,
    ) -> Result<Tensor, GnnError> {
        let graph = self.check(batch)?;
        batch.check_vector("a gradient", gradient, batch.factor_nnz())?;
        let _guard = tch::no_grad_guard();
        self.run_backward(batch, graph, tape, gradient)
            .context("learned LU backward pass")
    }
}
