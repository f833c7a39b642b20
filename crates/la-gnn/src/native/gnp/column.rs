//! One column of a training batch: everything that happens between two normalisations.

use super::super::Element;
use super::backward::{LayerBack, LayerForward, Normalise};
use super::maps::{Maps, Transposed};
use super::norm::{GradientSums, Moments, Norm, NormBack};
use super::perceptron::{Decode, encode};
use super::perceptron_backward::{DecodeBack, EncodeBack, Scratch};
use super::table::SumPieces;
use super::{Matrix, Row, TILE, Tile, scale, zero_tile};
use crate::GnnError;
use crate::gnp::GnpConfig;

/// States and gradients of a column. Memory: `layers + 4` feature arrays.
#[derive(Debug, Clone)]
pub(super) struct Column<T> {
    b: Vec<f64>,
    scale: (f64, f64),
    pub z: Vec<f64>,
    /// A z, then its sign, then the gradient at z.
    work: Vec<f64>,
    output: Vec<T>,
    encoded: Vec<Tile<T>>,
    before: Vec<Vec<Tile<T>>>,
    x: Vec<Tile<T>>,
    g: Vec<Tile<T>>,
    next: Vec<Tile<T>>,
    pub moments: Moments,
    pub sums: GradientSums,
    /// Sum of |A z − b|.
    pub loss: f64,
    pub gradient: Maps<T>,
    /// Sums of the gradient at the features over the pieces of the encoder.
    pub pieces: Vec<[Row<T>; 2]>,
    scratch: Scratch<T>,
}

impl<T: Element> Column<T> {
    pub(super) fn new(config: &GnpConfig, n: usize) -> Self {
        let tiles = vec![zero_tile(); n.div_ceil(TILE)];
        Self {
            b: vec![0.0; n],
            scale: (0.0, 0.0),
            z: vec![0.0; n],
            work: vec![0.0; n],
            output: vec![T::ZERO; n],
            encoded: tiles.clone(),
            before: vec![tiles.clone(); config.layers],
            x: tiles.clone(),
            g: tiles.clone(),
            next: tiles,
            moments: Moments::ZERO,
            sums: GradientSums::ZERO,
            loss: 0.0,
            gradient: Maps::zero(config),
            pieces: Vec::new(),
            scratch: Scratch::new(config.mlp_layers),
        }
    }

    /// Takes a new right-hand side. A column of zeros goes through the network as zeros and comes out as zeros.
    pub(super) fn start(&mut self, config: &GnpConfig, b: &[f64]) -> Result<(), GnnError> {
        self.b.copy_from_slice(b);
        self.scale = scale::factors(b)?.unwrap_or((0.0, 0.0));
        self.gradient = Maps::zero(config);
        Ok(())
    }

    /// What layer `l` normalises, from what the one before normalised, and its moments.
    pub(super) fn forward(&mut self, a: &Matrix<T>, maps: &Maps<T>, norms: &[Norm<T>], l: usize) {
        let relu = maps.relu;
        let (past, next) = self.before.split_at_mut(l);
        let x = if let (Some(from), Some(norm)) = (past.last(), norms.last()) {
            T::run_kernel(Normalise {
                norm,
                relu,
                from,
                to: &mut self.x,
            });
            &self.x
        } else {
            encode(maps, self.scale.0, &self.b, &mut self.encoded);
            &self.encoded
        };
        self.moments = Moments::ZERO;
        T::run_kernel(LayerForward {
            a: &a.rows,
            maps: &maps.layers[l],
            x,
            to: &mut next[0],
            moments: &mut self.moments,
        });
    }

    /// From what the last layer normalised to the loss, and back to there. `share` is 1 / (n columns).
    pub(super) fn loss(
        &mut self,
        a: &Matrix<T>,
        maps: &Maps<T>,
        transposed: &Transposed<T>,
        norm: &Norm<T>,
        share: f64,
    ) {
        let relu = maps.relu;
        let last = &self.before[self.before.len() - 1];
        T::run_kernel(Normalise {
            norm,
            relu,
            from: last,
            to: &mut self.x,
        });
        T::run_kernel(Decode {
            maps: &maps.decoder,
            relu,
            scale: self.scale.1,
            x: &self.x,
            z: &mut self.z,
        });
        // M(b) is rounded to T, A M(b) is made in f64 and rounded to T, as the authors do.
        self.z
            .iter_mut()
            .for_each(|z| *z = T::from_f64(*z).to_f64());
        let rows = &a.rows;
        self.loss = 0.0;
        for (i, (w, b)) in self.work.iter_mut().zip(&self.b).enumerate() {
            let entries = rows.start[i]..rows.start[i + 1];
            let mut sum = 0.0;
            for (j, v) in rows.column[entries.clone()]
                .iter()
                .zip(&rows.exact[entries])
            {
                sum += v * self.z[*j as usize];
            }
            let r = (T::from_f64(sum) - T::from_f64(*b)).to_f64();
            self.loss += r.abs();
            // NaN stays NaN, 0 has slope 0.
            *w = if r == 0.0 { 0.0 } else { r.signum() };
        }
        let columns = &a.columns;
        let factor = share * self.scale.1;
        for (j, to) in self.output.iter_mut().enumerate() {
            let entries = columns.start[j]..columns.start[j + 1];
            let mut sum = 0.0;
            for (i, v) in columns.column[entries.clone()]
                .iter()
                .zip(&columns.exact[entries])
            {
                sum += v * self.work[*i as usize];
            }
            *to = T::from_f64(factor * sum);
        }
        self.sums = GradientSums::ZERO;
        T::run_kernel(DecodeBack {
            maps: &maps.decoder,
            first: &transposed.decoder_first,
            middle: &transposed.decoder_middle,
            relu,
            norm,
            x: &self.x,
            before: last,
            output: &self.output,
            to: &mut self.g,
            sums: &mut self.sums,
            gradient: &mut self.gradient.decoder,
            scratch: &mut self.scratch,
        });
    }

    /// Back through layer `l`, and through the encoder after the first one.
    pub(super) fn back(
        &mut self,
        a: &Matrix<T>,
        maps: &Maps<T>,
        transposed: &Transposed<T>,
        norms: &[Norm<T>],
        norm: &NormBack<T>,
        l: usize,
    ) {
        let relu = maps.relu;
        self.sums = GradientSums::ZERO;
        T::run_kernel(LayerBack {
            a: &a.columns,
            maps: &transposed.layers[l],
            relu,
            norm,
            after: &self.before[l],
            norm_before: l.checked_sub(1).map(|l| &norms[l]),
            before: match l.checked_sub(1) {
                Some(l) => &self.before[l],
                None => &self.encoded,
            },
            g: &mut self.g,
            to: &mut self.next,
            sums: &mut self.sums,
            gradient: &mut self.gradient.layers[l],
        });
        std::mem::swap(&mut self.g, &mut self.next);
        if l > 0 {
            return;
        }
        if let Some(table) = &maps.table {
            T::run_kernel(SumPieces {
                table,
                scale: self.scale.0,
                b: &self.b,
                g: &self.g,
                sums: &mut self.pieces,
            });
        } else {
            T::run_kernel(EncodeBack {
                maps: &maps.encoder,
                last: &transposed.encoder_last,
                middle: &transposed.encoder_middle,
                relu,
                scale: self.scale.0,
                b: &self.b,
                g: &self.g,
                gradient: &mut self.gradient.encoder,
                scratch: &mut self.scratch,
            });
        }
    }
}
