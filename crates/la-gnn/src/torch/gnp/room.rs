//! States of a forward pass, kept for the backward pass, in memory that is used again.

use tch::{Device, Kind, Tensor};

use super::super::tensors::Tch;
use crate::gnp::GnpConfig;

/// Rows worked on together on the CPU: the states of a block stay in the cache from one operation to the next.
const BLOCK: i64 = 4096;

/// Memory for n nodes and k columns: rows are pairs (node, column), N = n k.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) n: i64,
    pub(super) k: i64,
    rows: i64,
    block: i64,
    /// Between the maps of the encoder, (N, h).
    pub(super) encoder: Vec<Tensor>,
    /// Features before the first and after every layer, (N, d).
    pub(super) features: Vec<Tensor>,
    /// Before the normalisation of every layer, centred, (N, d).
    pub(super) sums: Vec<Tensor>,
    /// Between the maps of the decoder, (N, h).
    pub(super) decoder: Vec<Tensor>,
    /// Output of the decoder, (N, 1).
    pub(super) output: Tensor,
    /// `A X`, and on the way back `Aᵀ G`, (N, d).
    pub(super) product: Tensor,
    /// Gradient on the way back, (N, d).
    pub(super) gradient: Tensor,
    pub(super) ones: Tensor,
}

impl Room {
    pub(super) fn new(config: &GnpConfig, n: i64, k: i64, kind: Kind, device: Device) -> Tch<Self> {
        let rows = n * k;
        let block = if device == Device::Cpu { BLOCK } else { rows };
        let room = |width: usize| Tensor::f_empty([rows, width as i64], (kind, device));
        let rooms = |count, width| (0..count).map(|_| room(width)).collect::<Tch<Vec<_>>>();
        let (h, d) = (config.hidden, config.width);
        let normalised = if config.batch_norm { config.layers } else { 0 };
        Ok(Self {
            n,
            k,
            rows,
            block,
            encoder: rooms(config.mlp_layers - 1, h)?,
            features: rooms(config.layers + 1, d)?,
            sums: rooms(normalised, d)?,
            decoder: rooms(config.mlp_layers - 1, h)?,
            output: room(1)?,
            product: room(d)?,
            gradient: room(d)?,
            ones: Tensor::f_ones([block.min(rows).max(1)], (kind, device))?,
        })
    }

    /// First row and length of every block.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (i64, i64)> + use<> {
        let (rows, block) = (self.rows, self.block.max(1));
        (0..(rows + block - 1) / block).map(move |b| (b * block, block.min(rows - b * block)))
    }

    /// The blocks of one tensor.
    pub(super) fn split(&self, x: &Tensor) -> Tch<Vec<Tensor>> {
        self.blocks().map(|at| rows(x, at)).collect()
    }

    /// (N, d) as (n, k d), for products with A.
    pub(super) fn wide(&self, x: &Tensor) -> Tch<Tensor> {
        x.f_view([self.n, self.k * x.size()[1]])
    }

    pub(super) fn ones(&self, (_, len): (i64, i64)) -> Tch<Tensor> {
        self.ones.f_narrow(0, 0, len)
    }
}

/// A block of rows.
pub(super) fn rows(x: &Tensor, (start, len): (i64, i64)) -> Tch<Tensor> {
    x.f_narrow(0, start, len)
}

/// The same block of rows of several tensors.
pub(super) fn rows_of(x: &[Tensor], at: (i64, i64)) -> Tch<Vec<Tensor>> {
    x.iter().map(|x| rows(x, at)).collect()
}
