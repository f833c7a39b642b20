//! The two layers of an iteration.

use tch::{Kind, Tensor};

use super::super::tensors::{Tch, view};
use super::batch::{Batch, Wiring};
use crate::admm::{
    AdmmConfig, EdgeWeights, NetworkConfig, RELAXATION_REACH, Relaxation, STEP_RANGE, StepSizes,
    Tail, WEIGHT_RANGE,
};
use crate::native::admm::edges::REACH;
use crate::neuralif::ParameterSpec;

/// State of all nodes, nodes × n, and the γ of the iteration before.
#[derive(Debug)]
pub(super) struct State {
    pub(super) x: Tensor,
    pub(super) y: Tensor,
    pub(super) lambda: Tensor,
    v: Tensor,
    gamma: Tensor,
}

impl State {
    pub(super) fn zero(batch: &Batch, kind: Kind) -> Tch<Self> {
        let zero = || batch.linear.f_zeros_like();
        Ok(Self {
            x: zero()?,
            y: zero()?,
            lambda: zero()?,
            v: zero()?,
            gamma: number(1.0, kind)?,
        })
    }
}

fn number(value: f64, kind: Kind) -> Tch<Tensor> {
    Tensor::f_from_slice(&[value])?.f_to_kind(kind)
}

/// What iterations have in common.
pub(super) struct Layers<'a> {
    config: &'a AdmmConfig,
    flat: &'a Tensor,
    batch: &'a Batch,
    kind: Kind,
    specs: Vec<ParameterSpec>,
    /// w per edge; w_i, M_i and 1 / M_i, nodes × 1.
    weights: Tensor,
    degrees: Tensor,
    norms: Tensor,
    inverse_norms: Tensor,
}

impl<'a> Layers<'a> {
    pub(super) fn new(
        config: &'a AdmmConfig,
        flat: &'a Tensor,
        batch: &'a Batch,
        kind: Kind,
    ) -> Tch<Self> {
        let specs = config.parameters();
        let weights = edge_weights(config, flat, &specs, batch)?;
        let ones = batch.degrees_plus_one.f_ones_like()?;
        let degrees = batch.gather(&weights, &ones)?;
        let squares = batch.gather(&weights.f_square()?, &ones)?;
        let norms = degrees.f_square()?.f_add(&squares)?;
        // A node without neighbours has M = 0, and nothing to divide.
        let alone = norms.f_detach()?.f_eq(0.0)?.f_to_kind(kind)?;
        let inverse_norms = norms.f_add(&alone)?.f_reciprocal()?.f_sub(&alone)?;
        Ok(Self {
            config,
            flat,
            batch,
            kind,
            specs,
            weights,
            degrees,
            norms,
            inverse_norms,
        })
    }

    /// Iteration k; returns the step sizes, which broadcast to nodes × 1.
    pub(super) fn iterate(&self, k: usize, state: &mut State) -> Tch<Tensor> {
        let alpha = self.first(k, state)?;
        self.second(k, &alpha, state)?;
        Ok(alpha)
    }

    /// Messages w_ij (λ_j, y_j); step size; local problem.
    fn first(&self, k: usize, state: &mut State) -> Tch<Tensor> {
        let n = self.config_dimension();
        let both = Tensor::f_cat(&[&state.lambda, &state.y], -1)?;
        let sent = self.batch.gather(&self.weights, &both)?.f_neg()?;
        let lambda_sent = sent.f_narrow(-1, 0, n)?;
        let y_sent = sent.f_narrow(-1, n, n)?;
        // v = γ x + (1 − γ) v − (A y) / M, with the γ of the iteration before
        let pushed = self
            .degrees
            .f_mul(&state.y)?
            .f_add(&y_sent)?
            .f_mul(&self.inverse_norms)?;
        let kept = state.gamma.f_neg()?.f_add_scalar(1.0)?.f_mul(&state.v)?;
        state.v = state.gamma.f_mul(&state.x)?.f_add(&kept)?.f_sub(&pushed)?;
        let alpha = self.step_sizes(k, state, &y_sent, &lambda_sent)?;
        // (H + α M I) x = c + α M v − A λ
        let penalty = alpha.f_mul(&self.norms)?;
        let pull = self.degrees.f_mul(&state.lambda)?.f_add(&lambda_sent)?;
        let right = self
            .batch
            .linear
            .f_add(&penalty.f_mul(&state.v)?)?
            .f_sub(&pull)?;
        let identity = Tensor::f_eye(n, (self.kind, tch::Device::Cpu))?;
        let shift = penalty.f_unsqueeze(-1)?.f_mul(&identity)?;
        let system = self.batch.hessians.f_add(&shift)?;
        state.x =
            Tensor::f_linalg_solve(&system, &right.f_unsqueeze(-1)?, true)?.f_squeeze_dim(-1)?;
        Ok(alpha)
    }

    /// Messages w_ij x_j; residual and multiplier.
    fn second(&self, k: usize, alpha: &Tensor, state: &mut State) -> Tch<()> {
        let received = self.batch.gather(&self.weights, &state.x)?;
        let residual = self.degrees.f_mul(&state.x)?.f_sub(&received)?;
        state.gamma = self.relaxation(k)?;
        state.y = state
            .gamma
            .f_mul(&residual)?
            .f_div(&self.batch.degrees_plus_one)?;
        state.lambda = state.lambda.f_add(&alpha.f_mul(&state.y)?)?;
        Ok(())
    }

    fn config_dimension(&self) -> i64 {
        self.batch.linear.size().last().copied().unwrap_or(0)
    }

    fn step_sizes(
        &self,
        k: usize,
        state: &State,
        y_sent: &Tensor,
        lambda_sent: &Tensor,
    ) -> Tch<Tensor> {
        if k >= self.config.learned_iterations {
            return match self.config.tail {
                Tail::Constant { alpha, .. } => number(alpha, self.kind),
                Tail::Learned => self.free_step("tail.alpha", 0),
            };
        }
        if self.config.steps == StepSizes::Schedule {
            return self.free_step("schedule.alpha", k);
        }
        let Some(name) = self.config.step_network(k) else {
            return number(1.0, self.kind);
        };
        let parts = [
            &state.x,
            &state.y,
            y_sent,
            &state.lambda,
            lambda_sent,
            &self.degrees,
        ];
        let features = normalise(&Tensor::f_cat(&parts, -1)?)?;
        let output = perceptron(self.flat, &self.specs, &name, &features)?;
        let alpha = output.f_softplus()?.f_clamp(STEP_RANGE[0], STEP_RANGE[1])?;
        match self.config.steps {
            StepSizes::Mean => self.batch.mean(&alpha),
            _ => Ok(alpha),
        }
    }

    fn free_step(&self, name: &str, at: usize) -> Tch<Tensor> {
        self.free(name, at)?
            .f_exp()?
            .f_clamp(STEP_RANGE[0], STEP_RANGE[1])
    }

    fn relaxation(&self, k: usize) -> Tch<Tensor> {
        let learned = |theta: Tensor| {
            theta
                .f_tanh()?
                .f_mul_scalar(RELAXATION_REACH)?
                .f_add_scalar(1.0)
        };
        if k >= self.config.learned_iterations {
            return match self.config.tail {
                Tail::Constant { gamma, .. } => number(gamma, self.kind),
                Tail::Learned => learned(self.free("tail.gamma", 0)?),
            };
        }
        match self.config.relaxation {
            Relaxation::None => number(1.0, self.kind),
            Relaxation::Constant { gamma } => number(gamma, self.kind),
            Relaxation::Schedule => learned(self.free("schedule.gamma", k)?),
        }
    }

    /// One number of a tensor of the layout.
    fn free(&self, name: &str, at: usize) -> Tch<Tensor> {
        get(self.flat, &self.specs, name)?.f_narrow(0, at as i64, 1)
    }
}

fn get(flat: &Tensor, specs: &[ParameterSpec], name: &str) -> Tch<Tensor> {
    match specs.iter().find(|spec| spec.name == name) {
        Some(spec) => view(flat, spec),
        None => Err(tch::TchError::Shape(format!("no tensor {name}"))),
    }
}

/// `w₂ · relu(W₁ u + b₁) + b₂`, with a last dimension of 1.
fn perceptron(flat: &Tensor, specs: &[ParameterSpec], name: &str, input: &Tensor) -> Tch<Tensor> {
    let part = |part: &str| get(flat, specs, &format!("{name}.{part}"));
    let hidden = input
        .f_linear(&part("lin1.weight")?, Some(&part("lin1.bias")?))?
        .f_relu()?;
    hidden.f_linear(&part("lin2.weight")?, Some(&part("lin2.bias")?))
}

/// The last dimension less its mean, over its population deviation + 10⁻⁵.
fn normalise(features: &Tensor) -> Tch<Tensor> {
    let kind = features.f_kind()?;
    let centred = features.f_sub(&features.f_mean_dim(-1, true, kind)?)?;
    let variance = centred.f_square()?.f_mean_dim(-1, true, kind)?;
    centred.f_div(&variance.f_sqrt()?.f_add_scalar(1e-5)?)
}

/// w of every edge; 0 where there is none.
fn edge_weights(
    config: &AdmmConfig,
    flat: &Tensor,
    specs: &[ParameterSpec],
    batch: &Batch,
) -> Tch<Tensor> {
    let unit = batch.unit_weights()?;
    let Some((inputs, metropolis)) = &batch.edge_inputs else {
        return Ok(unit);
    };
    let output = perceptron(flat, specs, "edge", inputs)?.f_squeeze_dim(-1)?;
    let mean = |values: Tensor| values.f_add(&batch.reverse(&values)?)?.f_mul_scalar(0.5);
    let weights = if config.edges == EdgeWeights::ScaleFree {
        let bounded = mean(output)?.f_div_scalar(REACH)?.f_tanh()?;
        bounded.f_mul_scalar(REACH)?.f_exp()?.f_mul(metropolis)?
    } else {
        mean(output.f_softplus()?)?.f_clamp(WEIGHT_RANGE[0], WEIGHT_RANGE[1])?
    };
    match batch.wiring {
        Wiring::Dense(_) => weights.f_mul(&unit),
        Wiring::Sparse { .. } => Ok(weights),
    }
}
