//! Graph neural preconditioners in LibTorch: the network, its gradient, and its training on the device.

mod linear;
mod network;
mod norm;
mod room;
mod samples;
mod scaling;
mod trainer;

pub use network::GnpNetwork;
pub use samples::GnpSamples;
pub use trainer::GnpTrainer;

use tch::{Device, Kind, Tensor};

use super::sparse_product::SparseProduct;
use super::tensors::{Tch, reals};
use crate::GnnError;
use crate::gnp::{GnpConfig, Parameters};
use linear::{Chain, Linear, activate, times_slope};
use norm::{Norm, Spread};
use room::{Room, rows, rows_of};

/// One Res-GCONV layer (equation 7): `σ(N(X Uᵀ + c + (A X) Wᵀ + e))`.
#[derive(Debug)]
struct Layer {
    gconv: Linear,
    skip: Linear,
    norm: Option<Norm>,
}

/// All tensors of the network as views into one flat vector.
#[derive(Debug)]
struct Views {
    encoder: Chain,
    layers: Vec<Layer>,
    decoder: Chain,
}

impl Views {
    fn new(config: &GnpConfig, flat: &Tensor) -> Tch<Self> {
        let (specs, act) = (config.parameters(), config.activation);
        let maps = config.mlp_layers;
        let layer = |l: usize| -> Tch<Layer> {
            Ok(Layer {
                gconv: Linear::new(flat, &specs, &format!("layer{l}.gconv"))?,
                skip: Linear::new(flat, &specs, &format!("layer{l}.skip"))?,
                norm: Norm::new(flat, &specs, l)?,
            })
        };
        Ok(Self {
            encoder: Chain::new(flat, &specs, ("encoder", maps), act, true)?,
            layers: (0..config.layers).map(layer).collect::<Tch<_>>()?,
            decoder: Chain::new(flat, &specs, ("decoder", maps), act, false)?,
        })
    }
}

/// The network in training: statistics of the batch in the normalisations, gradient by hand.
///
/// With `G` the gradient of the sum in a layer and `H = Aᵀ G`, one product with Aᵀ per layer gives everything:
/// `Ū = Gᵀ X`, `W̄ = Hᵀ X`, `X̄ = G U + H W`; no `A X` is kept for the way back.
#[derive(Debug)]
struct Body {
    config: GnpConfig,
    values: Tensor,
    statistics: Tensor,
    gradient: Tensor,
    own: Views,
    grad: Views,
    room: Option<Room>,
    spreads: Vec<Option<Spread>>,
}

impl Body {
    fn new(p: &Parameters, kind: Kind, device: Device) -> Tch<Self> {
        let flat = |data: &[f32]| {
            let data: Vec<f64> = data.iter().map(|&v| f64::from(v)).collect();
            reals(&data, kind, device)
        };
        let values = flat(&p.values)?;
        let gradient = values.f_zeros_like()?;
        Ok(Self {
            own: Views::new(&p.config, &values)?,
            grad: Views::new(&p.config, &gradient)?,
            statistics: flat(&p.statistics)?,
            values,
            gradient,
            config: p.config.clone(),
            room: None,
            spreads: Vec::new(),
        })
    }

    /// Output (N, 1) for the scaled input `s` (N, 1).
    fn forward(&mut self, a: &SparseProduct, s: &Tensor, (n, k): (i64, i64)) -> Tch<Tensor> {
        if self.room.as_ref().is_none_or(|r| (r.n, r.k) != (n, k)) {
            let (kind, device) = (self.values.f_kind()?, self.values.device());
            self.room = Some(Room::new(&self.config, n, k, kind, device)?);
        }
        let Some(room) = &mut self.room else {
            return Err(tch::TchError::Shape("no memory for states".into()));
        };
        for at in room.blocks() {
            let mut hidden = rows_of(&room.encoder, at)?;
            let mut out = rows(&room.features[0], at)?;
            self.own
                .encoder
                .forward(&rows(s, at)?, &mut hidden, &mut out)?;
        }
        self.spreads.clear();
        let d = self.config.width as i64;
        for (l, layer) in self.own.layers.iter().enumerate() {
            let x = room.features[l].shallow_clone();
            a.write(false, &room.wide(&x)?, &mut room.wide(&room.product)?)?;
            let mut y = room.split(&room.features[l + 1])?;
            let target = match &layer.norm {
                Some(_) => room.split(&room.sums[l])?,
                None => room.split(&room.features[l + 1])?,
            };
            // In double precision: where features hardly vary, an error of the mean is large beside their spread.
            let mut sum = Tensor::f_zeros([d], (Kind::Double, x.device()))?;
            for (at, out) in room.blocks().zip(&target) {
                layer.sums(&rows(&x, at)?, &rows(&room.product, at)?, out)?;
                if layer.norm.is_some() {
                    let _ = sum.f_add_(&out.f_sum_dim_intlist(0, false, Kind::Double)?)?;
                }
            }
            let spread = match &layer.norm {
                Some(norm) => {
                    let at = 2 * d * l as i64;
                    let mut mean = self.statistics.f_narrow(0, at, d)?;
                    let mut var = self.statistics.f_narrow(0, at + d, d)?;
                    let mut s = target;
                    Some(norm.forward(&mut s, &sum, &y, (&mut mean, &mut var))?)
                }
                None => None,
            };
            self.spreads.push(spread);
            for y in &mut y {
                activate(self.config.activation, y)?;
            }
        }
        for at in room.blocks() {
            let mut hidden = rows_of(&room.decoder, at)?;
            let last = rows(&room.features[self.config.layers], at)?;
            let mut out = rows(&room.output, at)?;
            self.own.decoder.forward(&last, &mut hidden, &mut out)?;
        }
        Ok(room.output.shallow_clone())
    }

    /// Gradient of everything that is trained, from that of the output, `g` (N, 1), which is overwritten; after
    /// [`forward`](Self::forward) with the same `s`.
    fn backward(&mut self, a: &SparseProduct, s: &Tensor, g: &Tensor) -> Tch<()> {
        let Some(room) = &self.room else {
            return Err(tch::TchError::Shape("no forward pass came before".into()));
        };
        let _ = self.gradient.f_zero_()?;
        let act = self.config.activation;
        for at in room.blocks() {
            let states = (
                &rows(&room.features[self.config.layers], at)?,
                rows_of(&room.decoder, at)?,
                &rows(&room.output, at)?,
            );
            self.own.decoder.backward(
                (states.0, &states.1, states.2),
                &rows(g, at)?,
                &mut self.grad.decoder,
                &room.ones(at)?,
                Some(&rows(&room.gradient, at)?),
            )?;
        }
        for (l, layer) in self.own.layers.iter().enumerate().rev() {
            let grad = &mut self.grad.layers[l];
            let mut g = room.split(&room.gradient)?;
            for (g, y) in g.iter().zip(room.split(&room.features[l + 1])?) {
                times_slope(act, g, &y)?;
            }
            if let (Some(norm), Some(own), Some(Some(spread))) =
                (&layer.norm, &mut grad.norm, self.spreads.get(l))
            {
                norm.backward(&mut g, &room.split(&room.sums[l])?, spread, &room.ones, own)?;
            }
            let wide = room.wide(&room.gradient)?;
            a.write(true, &wide, &mut room.wide(&room.product)?)?;
            for (at, g) in room.blocks().zip(&g) {
                let (x, h) = (rows(&room.features[l], at)?, rows(&room.product, at)?);
                let gt = g.f_tr()?;
                let _ = grad.skip.w.f_addmm_(&gt, &x)?;
                let _ = grad.gconv.w.f_addmm_(&h.f_tr()?, &x)?;
                // A normalisation takes every shift out again: the gradient of these biases is zero.
                if layer.norm.is_none() {
                    for b in [&mut grad.skip.b, &mut grad.gconv.b].into_iter().flatten() {
                        let _ = b.f_addmv_(&gt, &room.ones(at)?)?;
                    }
                }
                let mut next = g.f_mm(&layer.skip.w)?;
                let _ = next.f_addmm_(&h, &layer.gconv.w)?;
                rows(&room.gradient, at)?.f_copy_(&next)?;
            }
        }
        for at in room.blocks() {
            let hidden = rows_of(&room.encoder, at)?;
            self.own.encoder.backward(
                (&rows(s, at)?, &hidden, &rows(&room.features[0], at)?),
                &rows(&room.gradient, at)?,
                &mut self.grad.encoder,
                &room.ones(at)?,
                None,
            )?;
        }
        Ok(())
    }
}

impl Layer {
    /// `out = X Uᵀ + (A X) Wᵀ + c + e`.
    fn sums(&self, x: &Tensor, product: &Tensor, out: &Tensor) -> Tch<()> {
        self.skip.write(x, out)?;
        let mut out = out.shallow_clone();
        let _ = out.f_addmm_(product, &self.gconv.wt)?;
        if let Some(b) = &self.gconv.b {
            let _ = out.f_add_(b)?;
        }
        Ok(())
    }
}

/// Refuses what the products cannot do.
fn check_square(a: &SparseProduct) -> Result<(), GnnError> {
    if a.rows() == a.columns() {
        return Ok(());
    }
    Err(GnnError::Matrix {
        reason: format!("is {} x {}, must be square", a.rows(), a.columns()),
    })
}
