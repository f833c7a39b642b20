//! Distributed ADMM with learned parts as a graph network: the method of [`crate::native::admm`] as two message-passing layers, on the host.
//!
//! | | first layer | second layer |
//! | --- | --- | --- |
//! | message j → i | `w_ij (λ_j, y_j)` | `w_ij x_j` |
//! | aggregation | sum | sum |
//! | node | step size α_i from the perceptron; `x_i ← argmin f_i + …` | `y_i`, `λ_i` |
//! | parameters | perceptron of the step size, edge weights | none (γ_k where relaxation is learned) |
//!
//! The sums are products with dense weights, batch × m × m, where all graphs have one size ([`MessageForm::Dense`]), or go edge by edge over any graphs side
//! by side ([`MessageForm::Sparse`]). Gradients are LibTorch's, so that they check those worked out by hand in [`crate::native::admm::AdmmEngine`], which is
//! what to train with: at the published sizes LibTorch is busy with the overhead of some thousand small operations.
//!
//! Step sizes and weights are clamped as there; numbers that are not finite are not replaced, and end as a loss that is not finite.

mod batch;
mod layers;
mod measure;

use tch::{Kind, Tensor};

use super::tensors::{Context, Tch, to_f64};
use crate::GnnError;
use crate::admm::{AdmmConfig, NetworkConfig, Parameters};
use crate::native::admm::loss::Target;
use crate::native::admm::{AdmmNetwork, QuadraticProblem, Unrolled};
use crate::training::admm::AdmmLoss;
use crate::training::{Engine, Joining};
use batch::Batch;
use layers::{Layers, State};

/// How sums over neighbours are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageForm {
    /// Weights batch × m × m: all graphs have m nodes.
    Dense,
    /// Edge by edge, graphs of any sizes.
    Sparse,
}

/// What there is after an iteration, for the nodes of all problems one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct TorchIterate {
    /// x, nodes × n.
    pub x: Vec<f64>,
    /// y, nodes × n.
    pub y: Vec<f64>,
    /// λ, nodes × n.
    pub lambda: Vec<f64>,
    /// α, nodes.
    pub step_sizes: Vec<f64>,
}

/// Runs the method on several problems at once; one entry for each iteration.
///
/// # Errors
/// [`GnnError::Config`] for parameters out of range; [`GnnError::Matrix`] without problems, for problems of different n or an n that the perceptrons do not
/// read, or graphs of different sizes in dense form; [`GnnError::Torch`] if LibTorch refuses.
///
/// # Examples
/// ```
/// use la_gnn::admm::{AdmmConfig, Parameters};
/// use la_gnn::native::admm::{AgentGraph, QuadraticProblem};
/// use la_gnn::torch::admm::{MessageForm, iterates};
/// use la_gnn::torch::tch::Kind;
///
/// let path = AgentGraph::from_edges(4, [(0, 1), (1, 2), (2, 3)])?;
/// let problem = QuadraticProblem::consensus(path, 1, &[4.0, -2.0, 6.0, 0.0])?;
/// let plain = Parameters::initialize(&AdmmConfig::baseline(1), 0)?;
/// let all = iterates(&plain, &[problem], 3, MessageForm::Dense, Kind::Double)?;
/// assert_eq!(all[0].x, [2.0, -0.5, 1.5, 0.0]);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
pub fn iterates(
    parameters: &Parameters<AdmmConfig>,
    problems: &[QuadraticProblem],
    iterations: usize,
    form: MessageForm,
    kind: Kind,
) -> Result<Vec<TorchIterate>, GnnError> {
    let network = AdmmNetwork::new(parameters)?;
    for problem in problems {
        network.check(problem)?;
    }
    let problems: Vec<_> = problems.iter().collect();
    let batch = Batch::new(&parameters.config, &problems, form, kind)?;
    let run = || -> Tch<_> {
        let flat = flat(&parameters.values, kind)?;
        let layers = Layers::new(&parameters.config, &flat, &batch, kind)?;
        let mut state = State::zero(&batch, kind)?;
        let mut all = Vec::with_capacity(iterations);
        for k in 0..iterations {
            let alpha = layers.iterate(k, &mut state)?;
            all.push(TorchIterate {
                x: to_f64(&state.x)?,
                y: to_f64(&state.y)?,
                lambda: to_f64(&state.lambda)?,
                step_sizes: to_f64(&alpha.f_expand_as(&batch.degrees_plus_one)?)?,
            });
        }
        Ok(all)
    };
    run().context("iterations of ADMM")
}

fn flat(values: &[f32], kind: Kind) -> Tch<Tensor> {
    Tensor::f_from_slice(values)?.f_to_kind(kind)
}

/// Loss and gradient for [`crate::training::train`], by LibTorch's differentiation.
#[derive(Debug)]
pub struct TorchAdmmEngine {
    config: AdmmConfig,
    loss: AdmmLoss,
    problems: Vec<(QuadraticProblem, Target)>,
    form: MessageForm,
    kind: Kind,
}

impl TorchAdmmEngine {
    /// An engine for these problems that computes in this precision.
    ///
    /// # Errors
    /// As [`crate::native::admm::AdmmEngine::new`].
    pub fn new(
        config: &AdmmConfig,
        loss: &AdmmLoss,
        problems: Vec<QuadraticProblem>,
        form: MessageForm,
        kind: Kind,
    ) -> Result<Self, GnnError> {
        loss.validate()?;
        let network = AdmmNetwork::new(&Parameters::initialize(config, 0)?)?;
        let mut memory = Unrolled::default();
        let mut with_targets = Vec::with_capacity(problems.len());
        for problem in problems {
            network.check(&problem)?;
            let target = Target::new(loss, &problem, &mut memory)?;
            with_targets.push((problem, target));
        }
        Ok(Self {
            config: config.clone(),
            loss: loss.clone(),
            problems: with_targets,
            form,
            kind,
        })
    }

    fn run(&self, values: &[f32], batch: &Batch, targets: &[&Target]) -> Tch<(f64, Vec<f64>)> {
        let leaf = flat(values, self.kind)?.f_set_requires_grad(true)?;
        let layers = Layers::new(&self.config, &leaf, batch, self.kind)?;
        let mut state = State::zero(batch, self.kind)?;
        let mut total: Option<Tensor> = None;
        for k in 0..self.loss.depth() {
            let _steps = layers.iterate(k, &mut state)?;
            for (number, term) in self.loss.terms.iter().enumerate() {
                if term.depth == k + 1 {
                    let below: Vec<f64> = targets.iter().map(|t| t.denominators[number]).collect();
                    let value = measure::term(term, &below, batch, &state.x, self.kind)?;
                    total = Some(match total {
                        Some(total) => total.f_add(&value)?,
                        None => value,
                    });
                }
            }
        }
        let Some(total) = total else {
            return Ok((0.0, vec![0.0; values.len()]));
        };
        let value = total.f_double_value(&[])?;
        if !total.requires_grad() {
            // A configuration without parameters.
            return Ok((value, vec![0.0; values.len()]));
        }
        let gradients = Tensor::f_run_backward(&[&total], &[&leaf], false, false)?;
        Ok((value, to_f64(&gradients[0])?))
    }
}

impl Engine for TorchAdmmEngine {
    fn samples(&self) -> usize {
        self.problems.len()
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let bad = |field, reason| Err(GnnError::Config { field, reason });
        let expected = self.config.parameter_count();
        if values.len() != expected {
            let reason = format!("has length {}, expected {expected}", values.len());
            return bad("values", reason);
        }
        let (mut problems, mut targets) = (Vec::new(), Vec::new());
        for &index in batch {
            let Some((problem, target)) = self.problems.get(index) else {
                let reason = format!("has problem {index} of {}", self.problems.len());
                return bad("batch", reason);
            };
            problems.push(problem);
            targets.push(target);
        }
        let batch = Batch::new(&self.config, &problems, self.form, self.kind)?;
        let (value, computed) = self
            .run(values, &batch, &targets)
            .context("loss and gradient of ADMM")?;
        for (to, g) in gradient.iter_mut().zip(computed) {
            *to = g;
        }
        Ok(value)
    }
}
