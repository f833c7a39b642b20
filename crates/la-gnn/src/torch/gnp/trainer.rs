//! Training: Adam on one flat tensor, the best network kept on the device.

mod run;

use sprs::CsMatViewI;
use tch::{Device, Kind, Tensor};

use super::super::sparse_product::SparseProduct;
use super::super::tensors::{Context, Tch, reals, to_f32, to_f64};
use super::network::check_kind;
use super::scaling::scale;
use super::{Body, check_square};
use crate::GnnError;
use crate::gnp::{GnpConfig, Parameters};
use crate::training::AdamW;
use crate::training::gnp::{GnpEngine, GnpState};

/// Decay of the means of the gradient and of its square, and ε, as in the paper's code.
const BETA: (f64, f64) = (0.9, 0.999);
const EPS: f64 = 1e-8;

/// Trains a graph neural preconditioner on one matrix, on a device.
///
/// The loss is `mean |A M(b) − b|` over a batch. The network and its products with A run in the precision it is made with, the two
/// products of the loss, `A M(b)` and that of its gradient with Aᵀ, in double precision.
///
/// Two ways to train:
/// - [`run`](Self::run) draws the columns on the device and waits for it only every so many steps, to show losses;
///   [`run_on`](Self::run_on) also goes on where an interrupted run stopped;
/// - as [`GnpEngine`] of [`crate::training::gnp::train`], with columns from the host, in step with any other engine.
///
/// Memory: per node and column `2 (maps − 1) h + (2 layers + 4) d` numbers (paper: 512, so 2 KiB in single precision), twice the
/// matrix in either precision.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use la_gnn::gnp::{GnpConfig, Parameters};
/// use la_gnn::sprs::CsMatI;
/// use la_gnn::torch::tch::{Device, Kind};
/// use la_gnn::torch::{GnpSamples, GnpTrainer, SparseProduct};
/// use la_gnn::training::gnp::GnpTrainOptions;
///
/// let a: CsMatI<f64, u32> = CsMatI::eye(20);
/// let start = Parameters::initialize(&GnpConfig::paper(), 0)?;
/// let mut trainer = GnpTrainer::new(a.view(), &start, Kind::Float, Device::Cpu)?;
/// let samples = GnpSamples::new(SparseProduct::new(a.view(), Kind::Double, Device::Cpu)?, 0)?;
/// let options = GnpTrainOptions::default().with_steps(10);
/// let trained = trainer.run(&samples, &options, 5, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(trained.losses.len(), 10);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
///
/// # References
/// J. Chen, *Graph neural preconditioners for iterative solutions of sparse linear systems*, ICLR 2025, section 4. Deviates: the
/// loss is taken in double precision, and biases in front of a batch normalisation, whose gradient is zero, are not moved by rounding.
#[derive(Debug)]
pub struct GnpTrainer {
    body: Body,
    kind: Kind,
    device: Device,
    /// In the precision of the network.
    features: SparseProduct,
    /// In double precision.
    residuals: SparseProduct,
    means: (Tensor, Tensor),
    updates: i32,
    kept: Option<(Tensor, Tensor)>,
}

impl GnpTrainer {
    /// A trainer for the matrix `a` (by rows, prescaled: A = Â), from the network `start`.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if `a` is not square or not by rows, [`GnnError::Config`] and [`GnnError::NonFinite`] for parameters,
    /// precision or entries out of range, [`GnnError::Torch`] if LibTorch refuses.
    pub fn new(
        a: CsMatViewI<'_, f64, u32>,
        start: &Parameters,
        kind: Kind,
        device: Device,
    ) -> Result<Self, GnnError> {
        Self::with_products(
            SparseProduct::new(a, kind, device)?,
            SparseProduct::new(a, Kind::Double, device)?,
            start,
        )
    }

    /// A trainer with products of the caller's choice: `features` in the precision of the network, `residuals` in double precision,
    /// both of the same matrix on the same device.
    ///
    /// # Errors
    /// As [`GnpTrainer::new`]; [`GnnError::Config`] if the products do not belong together.
    pub fn with_products(
        features: SparseProduct,
        residuals: SparseProduct,
        start: &Parameters,
    ) -> Result<Self, GnnError> {
        start.check()?;
        check_square(&features)?;
        let (kind, device) = (features.kind(), features.device());
        check_kind(kind)?;
        if residuals.kind() != Kind::Double
            || residuals.device() != device
            || (residuals.rows(), residuals.columns()) != (features.rows(), features.columns())
        {
            return Err(GnnError::Config {
                field: "residuals",
                reason: "must be of the same matrix and device as `features`, in double precision"
                    .into(),
            });
        }
        let (body, means) = Body::new(start, kind, device)
            .and_then(|body| {
                let means = (body.values.f_zeros_like()?, body.values.f_zeros_like()?);
                Ok((body, means))
            })
            .context("moving a network to the device")?;
        Ok(Self {
            body,
            kind,
            device,
            features,
            residuals,
            means,
            updates: 0,
            kept: None,
        })
    }

    /// Configuration of the network.
    #[must_use]
    pub fn config(&self) -> &GnpConfig {
        &self.body.config
    }

    /// Gradient of the last loss, in the order of [`GnpConfig::parameters`].
    ///
    /// # Errors
    /// [`GnnError::Torch`] if LibTorch refuses.
    pub fn gradient(&self) -> Result<Vec<f64>, GnnError> {
        to_f64(&self.body.gradient).context("copying a gradient to the host")
    }

    /// `M(b)` with the statistics of the batch, (n, k) in double precision; running statistics move on.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if `b` is not (n, k) in double precision on the device.
    pub fn output(&mut self, b: &Tensor) -> Result<Tensor, GnnError> {
        self.forward(b)
            .map(|(z, _, _)| z)
            .context("graph neural preconditioner")
    }

    /// Forward and backward pass on the columns of `b` (n, k), double precision, on the device: the loss there, without waiting for
    /// it. [`gradient`](Self::gradient) has its gradient, and running statistics have moved on.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if `b` does not fit.
    pub fn evaluate(&mut self, b: &Tensor) -> Result<Tensor, GnnError> {
        self.pass(b)
            .context("loss of a graph neural preconditioner")
    }

    fn forward(&mut self, b: &Tensor) -> Tch<(Tensor, Tensor, Tensor)> {
        let (n, k) = match b.size().as_slice() {
            [n, k] if *n == self.features.rows() as i64 && *k > 0 => (*n, *k),
            other => {
                return Err(tch::TchError::Shape(format!(
                    "a block of {} rows is needed, got {other:?}",
                    self.features.rows()
                )));
            }
        };
        let (s, back) = scale(b, self.kind)?;
        let y = self.body.forward(&self.features, &s, (n, k))?;
        let z = y.f_view([n, k])?.f_to_kind(Kind::Double)?.f_mul(&back)?;
        Ok((z, s, back))
    }

    fn pass(&mut self, b: &Tensor) -> Tch<Tensor> {
        let (z, s, back) = self.forward(b)?;
        let residual = self.residuals.times(&z)?.f_sub_(b)?;
        let loss = residual.f_abs()?.f_mean(Kind::Double)?;
        // d loss / d z = Aᵀ sign(r) / (n k), then through the scaling of the output.
        let share = 1.0 / residual.numel().max(1) as f64;
        let mut g = self.residuals.transposed_times(&residual.f_sign()?)?;
        let g = g.f_mul_(&back.f_mul_scalar(share)?)?;
        let g = g.f_to_kind(self.kind)?.f_view([-1, 1])?;
        self.body.backward(&self.features, &s, &g)?;
        Ok(loss)
    }

    /// Adam: `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`, `w ← w − α m̂ / (√v̂ + ε)`.
    fn adam(&mut self, learning_rate: f64) -> Tch<()> {
        self.updates = self.updates.saturating_add(1);
        let (m, v) = (&mut self.means.0, &mut self.means.1);
        let g = &self.body.gradient;
        let _ = m.f_lerp_(g, 1.0 - BETA.0)?;
        let _ = v.f_lerp_(&g.f_square()?, 1.0 - BETA.1)?;
        let correction = |beta: f64| 1.0 - beta.powi(self.updates);
        let root = v
            .f_div_scalar(correction(BETA.1))?
            .f_sqrt_()?
            .f_add_scalar_(EPS)?;
        let step = m
            .f_mul_scalar(learning_rate / correction(BETA.0))?
            .f_div_(&root)?;
        let _ = self.body.values.f_sub_(&step)?;
        Ok(())
    }

    fn read(&self, values: &Tensor, statistics: &Tensor) -> Tch<Parameters> {
        Ok(Parameters {
            config: self.body.config.clone(),
            values: to_f32(values)?,
            statistics: to_f32(statistics)?,
        })
    }
}

fn copied(x: &Tensor) -> Tch<Tensor> {
    let mut copy = x.f_empty_like()?;
    copy.f_copy_(x)?;
    Ok(copy)
}

/// Columns come from the host, and each loss goes there: the same steps as any other engine makes from these columns.
impl GnpEngine for GnpTrainer {
    fn order(&self) -> usize {
        self.features.rows()
    }

    fn loss_and_gradient(&mut self, b: &[f64], columns: usize) -> Result<f64, GnnError> {
        if columns == 0 || b.len() != self.order() * columns {
            return Err(GnnError::Config {
                field: "b",
                reason: format!(
                    "has {} entries, must have {columns} columns of length {}",
                    b.len(),
                    self.order()
                ),
            });
        }
        let shape = [columns as i64, self.order() as i64];
        let b = reals(b, Kind::Double, self.device)
            .and_then(|b| b.f_view(shape)?.f_tr()?.f_contiguous())
            .context("moving a batch to the device")?;
        let loss = self.evaluate(&b)?;
        loss.f_double_value(&[]).context("reading a loss")
    }

    fn keep(&mut self) -> Result<(), GnnError> {
        let values = copied(&self.body.values).context("keeping a network")?;
        let statistics = copied(&self.body.statistics).context("keeping a network")?;
        self.kept = Some((values, statistics));
        Ok(())
    }

    fn update(&mut self, learning_rate: f64) -> Result<(), GnnError> {
        self.adam(learning_rate).context("updating a network")
    }

    fn kept(&self) -> Result<Option<Parameters>, GnnError> {
        self.kept
            .as_ref()
            .map(|(values, statistics)| self.read(values, statistics))
            .transpose()
            .context("copying a network to the host")
    }

    fn parameters(&self) -> Result<Parameters, GnnError> {
        self.read(&self.body.values, &self.body.statistics)
            .context("copying a network to the host")
    }

    fn state(&self) -> Result<GnpState, GnnError> {
        let moments = |mean: &Tensor| to_f32(mean).context("copying an optimiser to the host");
        Ok(GnpState {
            now: self.parameters()?,
            kept: self.kept()?,
            optimizer: AdamW {
                first: moments(&self.means.0)?,
                second: moments(&self.means.1)?,
                updates: self.updates as usize,
            },
        })
    }

    fn restore(&mut self, state: &GnpState) -> Result<(), GnnError> {
        state.check(&self.body.config)?;
        let (kind, device) = (self.kind, self.device);
        let load = || {
            let flat = |data: &[f32]| {
                Tensor::f_from_slice(data)?
                    .f_to_kind(kind)?
                    .f_to_device(device)
            };
            let body = Body::new(&state.now, kind, device)?;
            let kept = match &state.kept {
                Some(kept) => Some((flat(&kept.values)?, flat(&kept.statistics)?)),
                None => None,
            };
            let means = (
                flat(&state.optimizer.first)?,
                flat(&state.optimizer.second)?,
            );
            Ok((body, kept, means))
        };
        let loaded: Tch<_> = load();
        (self.body, self.kept, self.means) = loaded.context("moving a network to the device")?;
        self.updates = i32::try_from(state.optimizer.updates).unwrap_or(i32::MAX);
        Ok(())
    }
}
