//! What training minimises, with gradients on the pattern of the factor.
//!
//! The gradient of `½‖L(Lᵀv) − t‖²` with respect to l_ij is `r_i (Lᵀv)_j + v_i (Lᵀr)_j`, `r = L(Lᵀv) − t`, evaluated on the stored
//! entries only. (LibTorch's own backward pass of a sparse product forms the dense n × n matrix first.)

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::batch::GraphBatch;
use super::segment::End;
use super::tensors::{Context, Tch, indices, reals, to_f64};
use crate::GnnError;
use crate::native::neuralif::{Loss as HostLoss, LossWorkspace};
use crate::training::Joining;

/// What training minimises. `z` is a standard normal probe, fresh at every update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Objective {
    /// `‖L Lᵀ z − A z‖₂` (the published setting).
    Default,
    /// `‖L Lᵀ z − A z‖₂ / ‖A z‖₂`.
    Normalized,
    /// `‖L Lᵀ − A‖_F`, dense: at most [`DENSE_LIMIT`] rows in a batch.
    Frobenius,
    /// `‖L Lᵀ x − b‖₂` with the pair of each sample, see [`super::Sample::with_pair`].
    Supervised,
    /// `‖L Lᵀ A⁻¹z − z‖₂`, with a dense solve at every update: at most [`DENSE_LIMIT`] rows in a batch.
    Inverted,
    /// Sum of the default and the supervised one.
    Combined,
    /// Logarithm of Kaporin's condition number per unknown, see [`crate::native::neuralif::Loss::Kaporin`].
    Kaporin,
    /// The same with a power of the preconditioned matrix, at least 1, see
    /// [`crate::native::neuralif::Loss::KaporinPower`]. Triangular solves are sequential: loss and gradient are evaluated on
    /// the host, in double precision.
    KaporinPower(u8),
}

impl Objective {
    /// The objective as a loss of the native engine, where it is evaluated there.
    fn on_host(self) -> Option<HostLoss> {
        match self {
            Self::Kaporin => Some(HostLoss::Kaporin),
            Self::KaporinPower(m) => Some(HostLoss::KaporinPower(m)),
            _ => None,
        }
    }
}

/// Whether a norm is squared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Power {
    /// The norm itself, as in the authors' code.
    Norm,
    /// Half its square, as in the paper's text up to the factor.
    HalfSquare,
}

/// Rows in a batch up to which the dense objectives are allowed.
pub const DENSE_LIMIT: usize = 4096;

/// Options of a loss. The default is the published setting.
///
/// # Examples
/// ```
/// use la_gnn::torch::{LossOptions, Objective};
/// let options = LossOptions::default().with_objective(Objective::Normalized).with_l1(1e-3);
/// assert!(options.validate().is_ok());
/// assert!(options.with_l1(-1.0).validate().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LossOptions {
    /// Objective. Default [`Objective::Default`].
    pub objective: Objective,
    /// Norm or half its square. Default norm.
    pub power: Power,
    /// Weight of `Σ |l_ij| / nnz(L)`, at least 0. Default 0.
    pub l1: f64,
}

impl Default for LossOptions {
    fn default() -> Self {
        Self {
            objective: Objective::Default,
            power: Power::Norm,
            l1: 0.0,
        }
    }
}

impl LossOptions {
    /// Sets the objective.
    #[must_use]
    pub fn with_objective(mut self, objective: Objective) -> Self {
        self.objective = objective;
        self
    }
    /// Sets the power of the norm.
    #[must_use]
    pub fn with_power(mut self, power: Power) -> Self {
        self.power = power;
        self
    }
    /// Sets the weight of the penalty on entries.
    #[must_use]
    pub fn with_l1(mut self, l1: f64) -> Self {
        self.l1 = l1;
        self
    }
    /// How the loss of a batch follows from sums over its graphs; `None` where the losses of parts of a batch do not say what that of the whole is.
    #[must_use]
    pub fn joining(&self) -> Option<Joining> {
        if self.l1 > 0.0 {
            return None;
        }
        match self.objective {
            Objective::Kaporin | Objective::KaporinPower(_) => Some(Joining::Mean),
            Objective::Normalized | Objective::Combined => None,
            _ => Some(match self.power {
                Power::Norm => Joining::Norm,
                Power::HalfSquare => Joining::Sum,
            }),
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the field.
    pub fn validate(&self) -> Result<(), GnnError> {
        if !(self.l1 >= 0.0 && self.l1.is_finite()) {
            return Err(GnnError::Config {
                field: "l1",
                reason: format!("is {}, must be at least 0 and finite", self.l1),
            });
        }
        if self.objective.on_host().is_some() && self.power == Power::HalfSquare {
            return Err(GnnError::Config {
                field: "power",
                reason: "squares a norm; the losses on the spectrum are none".into(),
            });
        }
        if self.objective == Objective::KaporinPower(0) {
            return Err(GnnError::Config {
                field: "objective",
                reason: "needs a power of at least 1".into(),
            });
        }
        Ok(())
    }
}

/// Value of a loss and its gradient with respect to the entries of the factor.
#[derive(Debug)]
pub struct LossValue {
    /// Objective and penalty.
    pub value: f64,
    /// One entry per entry of the factor.
    pub gradient: Tensor,
}

/// Evaluates a loss and its gradient at the entries `l` of a factor, with the probe `z` (one entry per node).
///
/// Costs a few sparse products, except for the dense objectives.
///
/// # Errors
/// [`GnnError::Config`] for options out of range, a dense objective on too large a batch, or another scalar type or device than
/// the batch's; [`GnnError::Matrix`] for a batch of LU factors, for wrong lengths or if a supervised objective meets a sample without pair; [`GnnError::Torch`] if LibTorch refuses.
pub fn loss(
    batch: &GraphBatch,
    l: &Tensor,
    z: &Tensor,
    options: &LossOptions,
) -> Result<LossValue, GnnError> {
    options.validate()?;
    if batch.general.as_ref().is_some_and(|g| g.own.is_none()) {
        return Err(GnnError::Matrix {
            reason: "has two factors, this loss takes one triangular factor; see `LuLoss`".into(),
        });
    }
    if batch.general.is_some() && options.objective.on_host().is_some() {
        return Err(GnnError::Config {
            field: "objective",
            reason: "is for symmetric matrices".into(),
        });
    }
    batch.check_vector("the factor", l, batch.factor_nnz())?;
    batch.check_vector("the probe", z, batch.num_nodes())?;
    let dense = matches!(
        options.objective,
        Objective::Frobenius | Objective::Inverted
    );
    if dense && batch.num_nodes() > DENSE_LIMIT {
        return Err(GnnError::Config {
            field: "objective",
            reason: format!(
                "is dense and allowed up to {DENSE_LIMIT} rows, the batch has {}",
                batch.num_nodes()
            ),
        });
    }
    let _guard = tch::no_grad_guard();
    let probe = || -> Tch<(f64, Tensor)> {
        Residual::new(batch, l, z, &batch.matrix.product(z)?)?.finish(options.power, 1.0)
    };
    let supervised = || match &batch.pair {
        Some((x, b)) => {
            Ok(Residual::new(batch, l, x, b).and_then(|r| r.finish(options.power, 1.0)))
        }
        None => Err(GnnError::Matrix {
            reason: "a supervised loss needs a solution and its right-hand side in every sample"
                .into(),
        }),
    };
    let evaluated = match options.objective {
        Objective::Default => probe(),
        Objective::Normalized => normalized(batch, l, z, options.power),
        Objective::Frobenius => frobenius(batch, l, options.power),
        Objective::Supervised => supervised()?,
        Objective::Inverted => inverted(batch, l, z, options.power),
        Objective::Kaporin | Objective::KaporinPower(_) => match options.objective.on_host() {
            Some(host) => spectral(batch, l, z, host),
            None => probe(),
        },
        Objective::Combined => {
            let second = supervised()?;
            probe().and_then(|(value, mut gradient)| {
                let (other, other_gradient) = second?;
                let _ = gradient.f_add_(&other_gradient)?;
                Ok((value + other, gradient))
            })
        }
    };
    let finish = || -> Tch<LossValue> {
        let (mut value, mut gradient) = evaluated?;
        if options.l1 > 0.0 {
            let weight = options.l1 / batch.factor_nnz() as f64;
            value += weight * scalar(&l.f_abs()?.f_sum(Kind::Double)?)?;
            let _ = gradient.f_add_(&l.f_sign()?.f_mul_scalar(weight)?)?;
        }
        Ok(LossValue { value, gradient })
    };
    finish().context("evaluating a loss")
}

fn scalar(t: &Tensor) -> Tch<f64> {
    t.f_double_value(&[])
}

fn norm(v: &Tensor) -> Tch<f64> {
    // In double precision: the sum has as many terms as the batch has rows.
    Ok(scalar(&v.f_to_kind(Kind::Double)?.f_square()?.f_sum(Kind::Double)?)?.sqrt())
}

/// `r = L(Lᵀv) − t` and what its gradient needs.
struct Residual<'a> {
    batch: &'a GraphBatch,
    l: &'a Tensor,
    v: Tensor,
    /// Lᵀv.
    u: Tensor,
    r: Tensor,
}

impl<'a> Residual<'a> {
    fn new(batch: &'a GraphBatch, l: &'a Tensor, v: &Tensor, target: &Tensor) -> Tch<Self> {
        let u = batch.factor.transposed_product(l, v)?;
        let r = batch.factor.product(l, &u)?.f_sub_(target)?;
        Ok(Self {
            batch,
            l,
            v: v.shallow_clone(),
            u,
            r,
        })
    }

    /// Value and gradient of `‖r‖ · weight` or `½ (‖r‖ · weight)²`.
    fn finish(&self, power: Power, weight: f64) -> Tch<(f64, Tensor)> {
        let size = norm(&self.r)?;
        let (value, scale) = powered(power, size, weight);
        let arcs = &self.batch.factor;
        let w = arcs.transposed_product(self.l, &self.r)?;
        let mut gradient = arcs
            .gather(&self.r, End::Row)?
            .f_mul_(&arcs.gather(&self.u, End::Column)?)?;
        let second = arcs
            .gather(&self.v, End::Row)?
            .f_mul_(&arcs.gather(&w, End::Column)?)?;
        let _ = gradient.f_add_(&second)?;
        Ok((value, gradient.f_mul_scalar_(scale)?))
    }
}

/// Value, and the factor of the gradient of `½ size²`. A norm of zero has no gradient; zero stands for it.
fn powered(power: Power, size: f64, weight: f64) -> (f64, f64) {
    match power {
        Power::Norm if size == 0.0 => (0.0, 0.0),
        Power::Norm => (size * weight, weight / size),
        Power::HalfSquare => (0.5 * (size * weight).powi(2), weight * weight),
    }
}

fn normalized(batch: &GraphBatch, l: &Tensor, z: &Tensor, power: Power) -> Tch<(f64, Tensor)> {
    let az = batch.matrix.product(z)?;
    let weight = 1.0 / norm(&az)?;
    Residual::new(batch, l, z, &az)?.finish(power, weight)
}

fn frobenius(batch: &GraphBatch, l: &Tensor, power: Power) -> Tch<(f64, Tensor)> {
    let n = batch.num_nodes() as i64;
    let place = indices(batch.factor_rows(), batch.device())?
        .f_mul_scalar(n)?
        .f_add(&indices(batch.factor_columns(), batch.device())?)?;
    let factor = Tensor::f_zeros([n * n], (Kind::Double, batch.device()))?
        .f_index_copy_(0, &place, &l.f_to_kind(Kind::Double)?)?
        .f_reshape([n, n])?;
    let r = factor
        .f_mm(&factor.f_tr()?)?
        .f_sub(&batch.matrix.dense(&batch.matrix_rows)?)?;
    let (value, scale) = powered(power, norm(&r)?, 1.0);
    // d ½‖R‖² = ⟨(R + Rᵀ) L, dL⟩
    let gradient = r.f_add(&r.f_tr()?)?.f_mm(&factor)?.f_reshape([-1])?;
    let gradient = gradient.f_index_select(0, &place)?.f_mul_scalar(scale)?;
    Ok((value, gradient.f_to_kind(batch.kind)?))
}

fn inverted(batch: &GraphBatch, l: &Tensor, z: &Tensor, power: Power) -> Tch<(f64, Tensor)> {
    let a = batch.matrix.dense(&batch.matrix_rows)?;
    let b = z.f_to_kind(Kind::Double)?.f_unsqueeze(1)?;
    let x = Tensor::f_linalg_solve(&a, &b, true)?
        .f_squeeze_dim(1)?
        .f_to_kind(batch.kind)?;
    Residual::new(batch, l, &x, z)?.finish(power, 1.0)
}

/// A loss of the native engine on every graph of the batch.
fn spectral(batch: &GraphBatch, l: &Tensor, z: &Tensor, host: HostLoss) -> Tch<(f64, Tensor)> {
    let (l, z) = (to_f64(l)?, to_f64(z)?);
    let mut gradient = vec![0.0; l.len()];
    let mut memory = LossWorkspace::default();
    let mut parts = Vec::with_capacity(batch.num_graphs());
    for (graph, nodes, entries) in batch.host_graphs() {
        parts.push(host.gradient(
            &graph,
            &l[entries.clone()],
            &z[nodes],
            &mut memory,
            &mut gradient[entries],
        ));
    }
    let (value, scale) = host.combine(&parts);
    gradient.iter_mut().for_each(|g| *g *= scale);
    Ok((value, reals(&gradient, batch.kind(), batch.device())?))
}
