//! The network in use: running statistics folded into the maps.

use tch::{Device, Kind, Tensor};

use super::super::sparse_product::SparseProduct;
use super::super::tensors::{Context, Tch, reals};
use super::check_square;
use super::linear::{Chain, Linear, activate};
use super::scaling::scale;
use crate::GnnError;
use crate::gnp::{Activation, GnpConfig, NORM_EPS, Parameters};

/// Rows worked on together on the CPU.
const BLOCK: i64 = 4096;

/// A trained graph neural preconditioner on a device: `z = M(b)`.
///
/// Normalisations are folded into the linear maps when it is made, so that a layer is a product with A and one with a 2d × d matrix.
/// M is a fixed function of a column, the same whatever other columns stand beside it, and `M(αb) = α M(b)` for α > 0; zero gives zero.
///
/// Cost of a column: 9 280 n + 8·16·nnz multiply-adds (`paper` configuration). Memory: about 2·(2d + 2h) numbers per node and column,
/// which LibTorch's allocator lends. With many columns at once the features are (n, k d), so that A is read once for all of them.
///
/// # References
/// J. Chen, *Graph neural preconditioners for iterative solutions of sparse linear systems*, ICLR 2025, equations 7 and 8.
#[derive(Debug)]
pub struct GnpNetwork {
    config: GnpConfig,
    kind: Kind,
    device: Device,
    encoder: Chain,
    /// `X Uᵀ + (A X) Wᵀ + c`: U with c, and W.
    layers: Vec<(Linear, Linear)>,
    decoder: Chain,
}

impl GnpNetwork {
    /// Copies the network to a device, in single (`Kind::Float`) or double precision (`Kind::Double`).
    ///
    /// # Errors
    /// [`GnnError::Config`] and [`GnnError::NonFinite`] for parameters out of range, [`GnnError::Config`] for another precision;
    /// [`GnnError::Torch`] if LibTorch refuses.
    pub fn new(p: &Parameters, kind: Kind, device: Device) -> Result<Self, GnnError> {
        p.check()?;
        check_kind(kind)?;
        Self::fold(p, kind, device).context("moving a network to the device")
    }

    fn fold(p: &Parameters, kind: Kind, device: Device) -> Tch<Self> {
        let config = &p.config;
        let specs = config.parameters();
        let values: Vec<f64> = p.values.iter().map(|&v| f64::from(v)).collect();
        // Folded in double precision on the host, then rounded once.
        let read = |name: &str| {
            specs
                .iter()
                .find(|s| s.name == name)
                .map(|s| &values[s.offset..s.offset + s.len])
        };
        let d = config.width;
        let mut layers = Vec::with_capacity(config.layers);
        for l in 0..config.layers {
            let mut scale = vec![1.0; d];
            let mut shift = vec![0.0; d];
            if config.batch_norm {
                let own = &p.statistics[2 * d * l..2 * d * (l + 1)];
                for c in 0..d {
                    let gamma = read(&format!("layer{l}.bn.weight")).map_or(1.0, |w| w[c]);
                    let beta = read(&format!("layer{l}.bn.bias")).map_or(0.0, |b| b[c]);
                    scale[c] = gamma / (f64::from(own[d + c]) + NORM_EPS).sqrt();
                    shift[c] = beta - scale[c] * f64::from(own[c]);
                }
            }
            for map in ["gconv", "skip"] {
                if let Some(b) = read(&format!("layer{l}.{map}.bias")) {
                    for c in 0..d {
                        shift[c] += scale[c] * b[c];
                    }
                }
            }
            let folded = |map: &str| -> Tch<Tensor> {
                let w = read(&format!("layer{l}.{map}.weight")).unwrap_or(&[]);
                let w: Vec<f64> = w
                    .iter()
                    .enumerate()
                    .map(|(i, w)| scale[i / d] * w)
                    .collect();
                reals(&w, kind, device)?.f_view([d as i64, d as i64])
            };
            layers.push((
                Linear::of(folded("skip")?, Some(reals(&shift, kind, device)?))?,
                Linear::of(folded("gconv")?, None)?,
            ));
        }
        let flat = reals(&values, kind, device)?;
        let (maps, act) = (config.mlp_layers, config.activation);
        Ok(Self {
            kind,
            device,
            encoder: Chain::new(&flat, &specs, ("encoder", maps), act, true)?,
            layers,
            decoder: Chain::new(&flat, &specs, ("decoder", maps), act, false)?,
            config: config.clone(),
        })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &GnpConfig {
        &self.config
    }

    /// `M(b)` column by column. `a` is the matrix it was trained on, in the precision of the network.
    ///
    /// # Shapes
    /// - `b`: (n, k), double precision, on the device; the result too.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if `a` is not square; [`GnnError::Torch`] if shapes, precisions or devices do not fit.
    pub fn apply(&self, a: &SparseProduct, b: &Tensor) -> Result<Tensor, GnnError> {
        self.observe(a, b, |_, _| {})
    }

    /// [`apply`](Self::apply), showing the features (n k, d) after the encoder (`encoder`) and each layer (`layer0`, …), row i k + c
    /// being node i of column c.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn observe(
        &self,
        a: &SparseProduct,
        b: &Tensor,
        see: impl FnMut(&str, &Tensor),
    ) -> Result<Tensor, GnnError> {
        check_square(a)?;
        self.run(a, b, see).context("graph neural preconditioner")
    }

    fn run(
        &self,
        a: &SparseProduct,
        b: &Tensor,
        mut see: impl FnMut(&str, &Tensor),
    ) -> Tch<Tensor> {
        let (n, k) = match b.size().as_slice() {
            [n, k] if *n == a.rows() as i64 => (*n, *k),
            other => {
                return Err(tch::TchError::Shape(format!(
                    "a block of {} rows is needed, got {other:?}",
                    a.rows()
                )));
            }
        };
        if n * k == 0 {
            return b.f_zeros_like();
        }
        let (h, d) = (self.config.hidden as i64, self.config.width as i64);
        let (s, back) = scale(b, self.kind)?;
        let total = n * k;
        let block = if self.device == Device::Cpu {
            BLOCK.min(total)
        } else {
            total
        };
        let blocks =
            || (0..(total + block - 1) / block).map(|i| (i * block, block.min(total - i * block)));
        let room = |rows: i64, width: i64| Tensor::f_empty([rows, width], (self.kind, self.device));
        let hidden = (1..self.config.mlp_layers)
            .map(|_| room(block, h))
            .collect::<Tch<Vec<_>>>()?;
        let between = |len: i64| {
            hidden
                .iter()
                .map(|t| t.f_narrow(0, 0, len))
                .collect::<Tch<Vec<_>>>()
        };

        let mut x = room(total, d)?;
        for (at, len) in blocks() {
            let mut out = x.f_narrow(0, at, len)?;
            self.encoder
                .forward(&s.f_narrow(0, at, len)?, &mut between(len)?, &mut out)?;
        }
        see("encoder", &x);
        let mut next = room(total, d)?;
        let product = room(total, d)?;
        for (l, (skip, gconv)) in self.layers.iter().enumerate() {
            a.write(
                false,
                &x.f_view([n, k * d])?,
                &mut product.f_view([n, k * d])?,
            )?;
            for (at, len) in blocks() {
                let mut out = next.f_narrow(0, at, len)?;
                layer(
                    (skip, gconv),
                    (&x.f_narrow(0, at, len)?, &product.f_narrow(0, at, len)?),
                    self.config.activation,
                    &mut out,
                )?;
            }
            std::mem::swap(&mut x, &mut next);
            see(&format!("layer{l}"), &x);
        }
        let y = room(total, 1)?;
        for (at, len) in blocks() {
            let mut out = y.f_narrow(0, at, len)?;
            self.decoder
                .forward(&x.f_narrow(0, at, len)?, &mut between(len)?, &mut out)?;
        }
        y.f_view([n, k])?.f_to_kind(Kind::Double)?.f_mul(&back)
    }
}

fn layer(
    (skip, gconv): (&Linear, &Linear),
    (x, product): (&Tensor, &Tensor),
    activation: Activation,
    out: &mut Tensor,
) -> Tch<()> {
    skip.write(x, out)?;
    let _ = out.f_addmm_(product, &gconv.wt)?;
    activate(activation, out)
}

/// Single or double.
pub(super) fn check_kind(kind: Kind) -> Result<(), GnnError> {
    if matches!(kind, Kind::Float | Kind::Double) {
        return Ok(());
    }
    Err(GnnError::Config {
        field: "kind",
        reason: format!("is {kind:?}, must be Float or Double"),
    })
}
