//! Linear maps of the network in lanes.

use super::super::Element;
use super::super::lanes::{Lanes, lanes};
use super::super::simd::LANES;
use super::table::Table;
use super::{D, H};
use crate::GnnError;
use crate::gnp::{Activation, GnpConfig, NORM_EPS, Parameters};

/// A linear map of `I` groups of lanes to `O`, by columns: `columns[g][l]` holds what input `8 g + l` adds to the outputs.
#[derive(Debug, Clone)]
pub(super) struct Map<T, const I: usize, const O: usize> {
    pub columns: [[Lanes<T, O>; LANES]; I],
    pub bias: Lanes<T, O>,
}

impl<T: Element, const I: usize, const O: usize> Map<T, I, O> {
    /// A row-major matrix of `bias.len()` rows, padded by zeros.
    fn new(weight: &[f64], bias: &[f64]) -> Self {
        let mut columns = [[[[T::ZERO; LANES]; O]; LANES]; I];
        let inputs = weight.len() / bias.len();
        for (o, row) in weight.chunks_exact(inputs).enumerate() {
            for (i, v) in row.iter().enumerate() {
                columns[i / LANES][i % LANES][o / LANES][o % LANES] = T::from_f64(*v);
            }
        }
        Self {
            columns,
            bias: lanes(bias.iter().copied()),
        }
    }

    fn zero() -> Self {
        Self {
            columns: [[[[T::ZERO; LANES]; O]; LANES]; I],
            bias: [[T::ZERO; LANES]; O],
        }
    }

    /// The transposed matrix.
    fn transposed(&self) -> Map<T, O, I> {
        let mut t = Map::zero();
        for i in 0..I * LANES {
            for o in 0..O * LANES {
                t.columns[o / LANES][o % LANES][i / LANES][i % LANES] =
                    self.columns[i / LANES][i % LANES][o / LANES][o % LANES];
            }
        }
        t
    }

    /// Adds the padded matrix to a row-major one of `inputs` columns, and the bias.
    fn add_to(&self, inputs: usize, weight: &mut [f64], bias: &mut [f64]) {
        for (o, row) in weight.chunks_exact_mut(inputs).enumerate() {
            for (i, v) in row.iter_mut().enumerate() {
                *v += self.columns[i / LANES][i % LANES][o / LANES][o % LANES].to_f64();
            }
        }
        add(&self.bias, bias);
    }
}

/// Adds lanes to a shorter or equally long slice.
fn add<T: Element, const O: usize>(from: &Lanes<T, O>, to: &mut [f64]) {
    for (v, x) in to.iter_mut().zip(from.as_flattened()) {
        *v += x.to_f64();
    }
}

/// Scalar → hidden → … → features.
#[derive(Debug, Clone)]
pub(super) struct Encoder<T> {
    pub weight: Lanes<T, H>,
    pub bias: Lanes<T, H>,
    pub middle: Vec<Map<T, H, H>>,
    pub last: Map<T, H, D>,
}

/// Features → hidden → … → scalar.
#[derive(Debug, Clone)]
pub(super) struct Decoder<T> {
    pub first: Map<T, D, H>,
    pub middle: Vec<Map<T, H, H>>,
    pub weight: Lanes<T, H>,
    pub bias: T,
}

/// A Res-GCONV layer: `X skip + (A X) gconv`; both biases are in `skip`.
#[derive(Debug, Clone)]
pub(super) struct Layer<T> {
    pub skip: Map<T, D, D>,
    pub gconv: Map<T, D, D>,
    /// Weight and shift of the batch normalisation; 1 and 0 where they are folded in or there is none.
    pub norm: (Lanes<T, D>, Lanes<T, D>),
}

/// All linear maps of a network.
#[derive(Debug, Clone)]
pub(super) struct Maps<T> {
    pub relu: bool,
    pub encoder: Encoder<T>,
    /// The encoder by pieces, where it is piecewise linear with not too many of them.
    pub table: Option<Table<T>>,
    pub layers: Vec<Layer<T>>,
    pub decoder: Decoder<T>,
}

/// Walks through the flat parameter array.
struct Cursor<'a> {
    rest: &'a [f32],
    bias: bool,
}

impl Cursor<'_> {
    fn take(&mut self, len: usize) -> Vec<f64> {
        let (head, tail) = self.rest.split_at(len);
        self.rest = tail;
        head.iter().map(|v| f64::from(*v)).collect()
    }

    /// Weight and bias of a linear map; zeros for the bias of a network without.
    fn linear(&mut self, inputs: usize, outputs: usize) -> (Vec<f64>, Vec<f64>) {
        let weight = self.take(inputs * outputs);
        (weight, self.shift(outputs))
    }

    fn shift(&mut self, outputs: usize) -> Vec<f64> {
        if self.bias {
            self.take(outputs)
        } else {
            vec![0.0; outputs]
        }
    }

    fn map<T: Element, const I: usize, const O: usize>(
        &mut self,
        inputs: usize,
        outputs: usize,
    ) -> Map<T, I, O> {
        let (weight, bias) = self.linear(inputs, outputs);
        Map::new(&weight, &bias)
    }
}

impl<T: Element> Encoder<T> {
    fn read(cursor: &mut Cursor<'_>, config: &GnpConfig) -> Self {
        let (d, h) = (config.width, config.hidden);
        let (weight, bias) = cursor.linear(1, h);
        Self {
            weight: lanes(weight),
            bias: lanes(bias),
            middle: (2..config.mlp_layers).map(|_| cursor.map(h, h)).collect(),
            last: cursor.map(h, d),
        }
    }
}

/// Refuses what the lanes have no room for.
pub(super) fn check(config: &GnpConfig) -> Result<(), GnnError> {
    config.validate()?;
    for (field, value, max) in [
        ("width", config.width, D * LANES),
        ("hidden", config.hidden, H * LANES),
    ] {
        if value > max {
            return Err(GnnError::Config {
                field,
                reason: format!("is {value}, the native engine has at most {max}"),
            });
        }
    }
    Ok(())
}

impl<T: Element> Maps<T> {
    /// The maps of a network, with the batch normalisation beside them (training).
    pub(super) fn unfolded(config: &GnpConfig, values: &[f32]) -> Self {
        Self::new(config, values, None)
    }

    /// The maps of a network with the running statistics folded in (inference): with a = w / √(var + ε),
    /// `skip ← a skip`, `gconv ← a gconv`, bias ← a (bias − mean) + shift.
    pub(super) fn folded(p: &Parameters) -> Self {
        Self::new(&p.config, &p.values, Some(&p.statistics))
    }

    fn new(config: &GnpConfig, values: &[f32], statistics: Option<&[f32]>) -> Self {
        let (d, h, middle) = (config.width, config.hidden, config.mlp_layers - 2);
        let mut cursor = Cursor {
            rest: values,
            bias: config.bias,
        };
        let relu = config.activation == Activation::Relu;
        let table = if relu {
            let mut cursor = Cursor {
                rest: values,
                ..cursor
            };
            Table::new(Encoder::read(&mut cursor, config))
        } else {
            None
        };
        let encoder = Encoder::read(&mut cursor, config);
        let layers = (0..config.layers)
            .map(|l| {
                let (mut gconv, e) = cursor.linear(d, d);
                let (mut skip, mut bias) = cursor.linear(d, d);
                bias.iter_mut().zip(&e).for_each(|(b, e)| *b += e);
                let mut norm = (vec![1.0; d], vec![0.0; d]);
                if config.batch_norm {
                    norm = (cursor.take(d), cursor.shift(d));
                    if let Some(all) = statistics {
                        let own = &all[2 * d * l..2 * d * (l + 1)];
                        for i in 0..d {
                            let (mean, var) = (f64::from(own[i]), f64::from(own[d + i]));
                            let a = norm.0[i] / (var + NORM_EPS).sqrt();
                            bias[i] = a * (bias[i] - mean) + norm.1[i];
                            for w in [&mut gconv, &mut skip] {
                                w[i * d..(i + 1) * d].iter_mut().for_each(|v| *v *= a);
                            }
                        }
                        norm = (vec![1.0; d], vec![0.0; d]);
                    }
                }
                Layer {
                    skip: Map::new(&skip, &bias),
                    gconv: Map::new(&gconv, &vec![0.0; d]),
                    norm: (lanes(norm.0), lanes(norm.1)),
                }
            })
            .collect();
        let first = cursor.map(d, h);
        let maps = (0..middle).map(|_| cursor.map(h, h)).collect();
        let (weight, bias) = cursor.linear(h, 1);
        Self {
            relu,
            encoder,
            table,
            layers,
            decoder: Decoder {
                first,
                middle: maps,
                weight: lanes(weight),
                bias: T::from_f64(bias[0]),
            },
        }
    }
}

/// The maps transposed, for the way back.
#[derive(Debug, Clone)]
pub(super) struct Transposed<T> {
    pub encoder_middle: Vec<Map<T, H, H>>,
    pub encoder_last: Map<T, D, H>,
    /// `skip` and `gconv` of each layer.
    pub layers: Vec<(Map<T, D, D>, Map<T, D, D>)>,
    pub decoder_first: Map<T, H, D>,
    pub decoder_middle: Vec<Map<T, H, H>>,
}

impl<T: Element> Transposed<T> {
    pub(super) fn new(maps: &Maps<T>) -> Self {
        Self {
            encoder_middle: maps.encoder.middle.iter().map(Map::transposed).collect(),
            encoder_last: maps.encoder.last.transposed(),
            layers: maps
                .layers
                .iter()
                .map(|l| (l.skip.transposed(), l.gconv.transposed()))
                .collect(),
            decoder_first: maps.decoder.first.transposed(),
            decoder_middle: maps.decoder.middle.iter().map(Map::transposed).collect(),
        }
    }
}

/// Walks through the flat gradient.
struct Writer<'a> {
    rest: &'a mut [f64],
    bias: bool,
}

impl<'a> Writer<'a> {
    fn take(&mut self, len: usize) -> &'a mut [f64] {
        let (head, tail) = std::mem::take(&mut self.rest).split_at_mut(len);
        self.rest = tail;
        head
    }

    fn shift(&mut self, len: usize) -> &'a mut [f64] {
        self.take(if self.bias { len } else { 0 })
    }

    fn map<T: Element, const I: usize, const O: usize>(
        &mut self,
        from: &Map<T, I, O>,
        inputs: usize,
        outputs: usize,
    ) {
        let weight = self.take(inputs * outputs);
        from.add_to(inputs, weight, self.shift(outputs));
    }
}

impl<T: Element> Maps<T> {
    /// Zeros in the shape of a network, to add gradients to.
    pub(super) fn zero(config: &GnpConfig) -> Self {
        let middle = vec![Map::zero(); config.mlp_layers - 2];
        let zeros = ([[T::ZERO; LANES]; D], [[T::ZERO; LANES]; D]);
        Self {
            relu: true,
            encoder: Encoder {
                weight: [[T::ZERO; LANES]; H],
                bias: [[T::ZERO; LANES]; H],
                middle: middle.clone(),
                last: Map::zero(),
            },
            table: None,
            layers: vec![
                Layer {
                    skip: Map::zero(),
                    gconv: Map::zero(),
                    norm: zeros,
                };
                config.layers
            ],
            decoder: Decoder {
                first: Map::zero(),
                middle,
                weight: [[T::ZERO; LANES]; H],
                bias: T::ZERO,
            },
        }
    }

    /// Adds what is gathered here to the flat gradient. Both biases of a layer get the one of `skip`.
    pub(super) fn add_to(&self, config: &GnpConfig, gradient: &mut [f64]) {
        let (d, h) = (config.width, config.hidden);
        let mut to = Writer {
            rest: gradient,
            bias: config.bias,
        };
        add(&self.encoder.weight, to.take(h));
        add(&self.encoder.bias, to.shift(h));
        for map in &self.encoder.middle {
            to.map(map, h, h);
        }
        to.map(&self.encoder.last, h, d);
        for layer in &self.layers {
            to.map(&layer.gconv, d, d);
            to.map(&layer.skip, d, d);
            if config.batch_norm {
                add(&layer.norm.0, to.take(d));
                add(&layer.norm.1, to.shift(d));
            }
        }
        to.map(&self.decoder.first, d, h);
        for map in &self.decoder.middle {
            to.map(map, h, h);
        }
        add(&self.decoder.weight, to.take(h));
        if let [bias] = to.shift(1) {
            *bias += self.decoder.bias.to_f64();
        }
    }
}
