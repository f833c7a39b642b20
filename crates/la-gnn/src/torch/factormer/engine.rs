//! Loss and gradient of a network with the solver unrolled.

use tch::{Device, Kind, Tensor};

use super::super::tensors::{Context, Tch, to_f64};
use super::network::FactormerNetwork;
use super::solver::{iterate, objective};
use crate::GnnError;
use crate::factormer::{FactormerConfig, FactormerInput, NetworkConfig};
use crate::training::factormer::{FactormerLoss, FactormerSample};
use crate::training::{Engine, Joining};

/// What an unrolled run went through.
#[derive(Debug)]
pub struct Unrolled {
    /// Factors after the network and after each iteration of the solver, or after the network at each step of acceleration.
    pub iterates: Vec<[Tensor; 2]>,
    /// Their objectives.
    pub objectives: Vec<Tensor>,
    /// `Σ_k γᵏ` times the objective of the k-th iterate from behind.
    pub loss: Tensor,
}

/// Runs a network and the solver from W and H: for a network that starts a factorisation the network, then `steps` iterations of the solver; for one that accelerates, `steps`
/// times an iteration of the solver and the network.
///
/// # Errors
/// Those of LibTorch.
pub fn unroll(
    network: &FactormerNetwork<'_>,
    options: &FactormerLoss,
    steps: usize,
    v: &Tensor,
    w: &Tensor,
    h: &Tensor,
) -> Tch<Unrolled> {
    let mut iterates: Vec<[Tensor; 2]> = Vec::new();
    match network.config().input {
        FactormerInput::Factor => {
            iterates.push(network.propose(v, w, h)?);
            for k in 0..steps {
                let next = iterate(&iterates[k][0], &iterates[k][1], v, options.rho)?;
                iterates.push(next);
            }
        }
        FactormerInput::FactorAndSolver => {
            let (mut w, mut h) = (w.shallow_clone(), h.shallow_clone());
            for _ in 0..steps {
                let [solver_w, solver_h] = iterate(&w, &h, v, options.rho)?;
                let next = network.propose(
                    v,
                    &Tensor::f_cat(&[&w, &solver_w], 1)?,
                    &Tensor::f_cat(&[&h, &solver_h], 1)?,
                )?;
                (w, h) = (next[0].shallow_clone(), next[1].shallow_clone());
                iterates.push(next);
            }
        }
    }
    let objectives = iterates.iter();
    let objectives = objectives.map(|[w, h]| objective(w, h, v, options.mean));
    let objectives = objectives.collect::<Tch<Vec<_>>>()?;
    let mut loss = Tensor::f_zeros([] as [i64; 0], (v.kind(), v.device()))?;
    let mut weight = 1.0;
    for value in objectives.iter().rev() {
        loss = loss.f_add(&value.f_mul_scalar(weight)?)?;
        weight *= options.gamma;
    }
    if options.logarithm {
        loss = loss.f_log()?;
    }
    Ok(Unrolled {
        iterates,
        objectives,
        loss,
    })
}

/// The training of a network for [`crate::training::train`], on matrices that are made when they are asked for.
///
/// Batches of several matrices have the mean of their losses. Each matrix is a graph of its own size.
pub struct FactormerEngine<'s> {
    config: FactormerConfig,
    options: FactormerLoss,
    samples: usize,
    sample: Box<dyn FnMut(usize) -> Result<FactormerSample, GnnError> + 's>,
    kind: Kind,
    steps: usize,
}

impl<'s> FactormerEngine<'s> {
    /// An engine for so many training matrices; `sample` makes one by its number.
    ///
    /// # Errors
    /// [`GnnError::Config`] if configuration or options are out of range.
    pub fn new(
        config: &FactormerConfig,
        options: &FactormerLoss,
        samples: usize,
        sample: impl FnMut(usize) -> Result<FactormerSample, GnnError> + 's,
    ) -> Result<Self, GnnError> {
        config.validate()?;
        options.validate()?;
        if options.revive {
            // The derivative of a rectifier by the sign of what comes from behind is no operation of LibTorch.
            let reason = "is set, which the native engine can do and LibTorch cannot".to_owned();
            return Err(GnnError::Config {
                field: "revive",
                reason,
            });
        }
        Ok(Self {
            config: config.clone(),
            options: options.clone(),
            samples,
            sample: Box::new(sample),
            kind: Kind::Float,
            steps: options.steps_at(0),
        })
    }

    /// Sets the precision that losses are computed in. Default single.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    fn tensors(&self, sample: &FactormerSample) -> Result<[Tensor; 3], GnnError> {
        sample.check(self.config.rank)?;
        let r = self.config.rank as i64;
        let (m, n) = (sample.w.len() as i64 / r, sample.h.len() as i64 / r);
        let make = |values: &[f64], shape: [i64; 2]| {
            Tensor::f_from_slice(values)?
                .f_to_kind(self.kind)?
                .f_reshape(shape)
        };
        let all = || -> Tch<[Tensor; 3]> {
            Ok([
                make(&sample.v, [m, n])?,
                make(&sample.w, [m, r])?,
                make(&sample.h, [n, r])?,
            ])
        };
        all().context("a matrix as tensors")
    }
}

impl Engine for FactormerEngine<'_> {
    fn samples(&self) -> usize {
        self.samples
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }

    fn begin(&mut self, update: usize) {
        self.steps = self.options.steps_at(update);
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let mut total = 0.0;
        let flat = Tensor::f_from_slice(values)
            .and_then(|flat| flat.f_to_device(Device::Cpu)?.f_to_kind(self.kind))
            .and_then(|flat| flat.f_set_requires_grad(true))
            .context("parameters as a tensor")?;
        for &index in batch {
            let sample = (self.sample)(index)?;
            let [v, w, h] = self.tensors(&sample)?;
            let run = || -> Tch<(f64, Vec<f64>)> {
                let network = FactormerNetwork::new(&self.config, &flat)?;
                let loss = unroll(&network, &self.options, self.steps, &v, &w, &h)?.loss;
                let slopes = Tensor::f_run_backward(&[&loss], &[&flat], false, false)?;
                Ok((loss.f_double_value(&[])?, to_f64(&slopes[0])?))
            };
            let (loss, slope) = run().context("loss and gradient")?;
            total += loss;
            for (to, slope) in gradient.iter_mut().zip(slope) {
                *to += slope / batch.len() as f64;
            }
        }
        Ok(total / batch.len().max(1) as f64)
    }
}
