//! A stack of layers between an embedding and an extraction.

use super::super::Element;
use super::super::panel::{Left, Panel};
use super::layer::{Layer, Linear, Room};
use crate::GnnError;
use crate::factormer::{FactormerConfig, FactormerInput, Parameters};

/// Factors that a network proposes: W, m × r, and H, n × r, row-major and nonnegative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FactormerUpdate<'a, T> {
    /// W.
    pub w: &'a [T],
    /// H.
    pub h: &'a [T],
}

/// A network that improves the factorisations `V ≈ W Hᵀ` of matrices, in `f32` or `f64`.
///
/// Allocates for the first matrix of a size only. An update costs about `8 h d m n` operations for each of its `2 N` halves: with the published width as much as hundreds
/// of iterations of a classical method.
///
/// # Examples
/// ```
/// use la_gnn::factormer::{FactormerConfig, Parameters};
/// use la_gnn::native::factormer::Factormer;
///
/// let untrained = Parameters::initialize(&FactormerConfig::new(2).with_width(8), 0)?;
/// let mut network = Factormer::<f64>::new(&untrained)?;
/// let v = [1.0, 2.0, 2.0, 4.0, 0.0, 1.0];
/// let update = network.update(&v, &[&[1.0, 0.0, 2.0, 0.0, 0.0, 1.0]], &[&[1.0, 0.0, 2.0, 0.5]])?;
/// assert_eq!((update.w.len(), update.h.len()), (6, 4));
/// assert!(update.w.iter().chain(update.h).all(|&x| x >= 0.0));
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Factormer<T> {
    config: FactormerConfig,
    embed: Linear<T>,
    extract: Linear<T>,
    layers: Vec<Layer<T>>,
    /// Of W, then of H.
    sides: Option<[Side<T>; 2]>,
    transposed: Vec<T>,
}

/// The nodes of one factor.
#[derive(Debug, Clone)]
struct Side<T> {
    inputs: Panel<T>,
    state: Panel<T>,
    outputs: Panel<T>,
    factor: Vec<T>,
    /// For updates from these nodes.
    room: Room<T>,
}

impl<T: Element> Side<T> {
    fn new(config: &FactormerConfig, nodes: usize) -> Self {
        Self {
            inputs: Panel::zeros(nodes, config.inputs()),
            state: Panel::zeros(nodes, config.width),
            outputs: Panel::zeros(nodes, config.rank),
            factor: vec![T::ZERO; nodes * config.rank],
            room: Room::new(config, nodes),
        }
    }
}

impl<T: Element> Factormer<T> {
    /// A network with these parameters.
    ///
    /// # Errors
    /// [`GnnError::Config`] and [`GnnError::NonFinite`] if the parameters are out of range.
    pub fn new(parameters: &Parameters<FactormerConfig>) -> Result<Self, GnnError> {
        parameters.check()?;
        let config = parameters.config.clone();
        Ok(Self {
            embed: Linear::read(parameters, "embed"),
            extract: Linear::read(parameters, "extract"),
            layers: (0..config.layers())
                .map(|k| Layer::read(parameters, k))
                .collect(),
            sides: None,
            transposed: Vec::new(),
            config,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &FactormerConfig {
        &self.config
    }

    /// Proposes factors of V, m × n by rows.
    ///
    /// `w` and `h` hold what nodes know at first, each part m × r and n × r: the factors, and after them what the solver made of them where the
    /// configuration asks for both.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] for lengths that do not fit, [`GnnError::NonFinite`] for entries of V, W or H that are not finite, or if the network
    /// produces such.
    pub fn update(
        &mut self,
        v: &[T],
        w: &[&[T]],
        h: &[&[T]],
    ) -> Result<FactormerUpdate<'_, T>, GnnError> {
        let (m, n) = (self.check("W", w)?, self.check("H", h)?);
        expect("V", v.len(), m * n)?;
        finite("V", v)?;
        self.transposed.clear();
        self.transposed.resize(m * n, T::ZERO);
        if n > 0 {
            for (i, row) in v.chunks_exact(n).enumerate() {
                for (j, &value) in row.iter().enumerate() {
                    self.transposed[j * m + i] = value;
                }
            }
        }
        let config = &self.config;
        let fits = |sides: &[Side<T>; 2]| (sides[0].state.rows, sides[1].state.rows) == (m, n);
        let [wide, tall] = match self.sides.take().filter(fits) {
            Some(sides) => self.sides.insert(sides),
            None => self
                .sides
                .insert([Side::new(config, m), Side::new(config, n)]),
        };
        for (side, parts) in [(&mut *wide, w), (&mut *tall, h)] {
            let rank = config.rank;
            for (which, part) in parts.iter().enumerate() {
                for (node, row) in part.chunks_exact(rank).enumerate() {
                    let to = which * rank;
                    side.inputs.row_mut(node)[to..to + rank].copy_from_slice(row);
                }
            }
            self.embed.apply(Left::of(&side.inputs), &mut side.state);
        }
        for pair in 0..config.pairs {
            let normalise = config.normalises(pair);
            let (rows, columns) = (&self.transposed[..], v);
            let layer = |half| &self.layers[config.layer(pair, half)];
            layer(0).update(
                config,
                &wide.state,
                &mut tall.state,
                rows,
                normalise,
                &mut wide.room,
            );
            layer(1).update(
                config,
                &tall.state,
                &mut wide.state,
                columns,
                normalise,
                &mut tall.room,
            );
        }
        for (side, parts, what) in [
            (&mut *wide, w, "output for W"),
            (&mut *tall, h, "output for H"),
        ] {
            self.extract.apply(Left::of(&side.state), &mut side.outputs);
            let rank = config.rank;
            for (node, row) in side.factor.chunks_exact_mut(rank).enumerate() {
                for (c, x) in row.iter_mut().enumerate() {
                    let mut value = side.outputs.row(node)[c];
                    if config.skip {
                        value += parts[parts.len() - 1][node * rank + c];
                    }
                    // NaN stays.
                    *x = if value < T::ZERO { T::ZERO } else { value };
                }
            }
            finite(what, &side.factor)?;
        }
        Ok(FactormerUpdate {
            w: &wide.factor,
            h: &tall.factor,
        })
    }

    /// Nodes that these parts have rows for.
    fn check(&self, what: &'static str, parts: &[&[T]]) -> Result<usize, GnnError> {
        let expected = match self.config.input {
            FactormerInput::Factor => 1,
            FactormerInput::FactorAndSolver => 2,
        };
        if parts.len() != expected {
            return Err(GnnError::Matrix {
                reason: format!("{what} has {} parts, expected {expected}", parts.len()),
            });
        }
        for part in parts {
            expect(what, part.len(), parts[0].len())?;
            finite(what, part)?;
        }
        let rank = self.config.rank;
        expect(what, parts[0].len(), parts[0].len() / rank * rank)?;
        Ok(parts[0].len() / rank)
    }
}

fn expect(what: &str, len: usize, expected: usize) -> Result<(), GnnError> {
    if len == expected {
        return Ok(());
    }
    Err(GnnError::Matrix {
        reason: format!("{what} has {len} entries, expected {expected}"),
    })
}

fn finite<T: Element>(what: &str, values: &[T]) -> Result<(), GnnError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(position) => Err(GnnError::NonFinite {
            what: what.into(),
            position,
        }),
    }
}
