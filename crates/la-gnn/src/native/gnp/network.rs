//! Inference.

use rayon::prelude::*;

use super::super::Element;
use super::layer::Apply;
use super::maps::{Maps, check};
use super::perceptron::{Decode, encode};
use super::{Matrix, TILE, Tile, scale, zero_tile};
use crate::GnnError;
use crate::gnp::{GnpConfig, Parameters};

/// Tiles that one thread takes at a time when a single column is shared out.
const SHARE: usize = 256;

/// A graph neural preconditioner ready for use: running statistics folded into the maps.
///
/// A fixed, nonlinear function of each column, `M(α b) = α M(b)` for α > 0 up to rounding in `T` (exactly for powers of two): a
/// preconditioner for flexible methods only. A column of zeros gives zeros.
///
/// The paper's configuration costs 6600 multiply-adds a node and column (9280 less those of the encoder, which is looked up by its
/// linear pieces) and 128 an entry of A; 2 × 16 numbers of memory a node. At n = 2500 with 20 entries a row that is about the time of
/// ten products with A and their orthogonalisation in `f64` (example `gnp_time`); with few entries a row it is more.
///
/// # References
/// J. Chen, *Graph neural preconditioners for iterative solutions of sparse linear systems*, ICLR 2025, section 3. Batch
/// normalisation and biases as in the authors' code.
#[derive(Debug, Clone)]
pub struct Network<T: Element = f32> {
    config: GnpConfig,
    maps: Maps<T>,
}

/// Memory of [`Network`], kept between applications.
#[derive(Debug, Clone, Default)]
pub struct Workspace<T: Element = f32> {
    columns: Vec<Features<T>>,
}

/// Features before and after a layer.
#[derive(Debug, Clone, Default)]
struct Features<T> {
    now: Vec<Tile<T>>,
    next: Vec<Tile<T>>,
}

impl Network<f32> {
    /// The network in `f32`.
    ///
    /// # Errors
    /// As [`Parameters::check`]; [`GnnError::Config`] if it is wider than the native engine.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::gnp::{GnpConfig, Parameters};
    /// use la_gnn::native::gnp::{Matrix, Network, Workspace};
    /// use la_gnn::sprs::CsMatI;
    ///
    /// let a: CsMatI<f64, u32> = CsMatI::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![0.5, 0.5, 1.0]);
    /// let a = Matrix::new(a.view())?;
    /// let network = Network::new(&Parameters::initialize(&GnpConfig::paper(), 0)?)?;
    /// let (mut z, mut twice, mut memory) = ([0.0; 2], [0.0; 2], Workspace::default());
    /// network.apply(&a, &[1.0, -1.0], &mut z, &mut memory)?;
    /// network.apply(&a, &[2.0, -2.0], &mut twice, &mut memory)?;
    /// assert_eq!(twice, z.map(|v| 2.0 * v));
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn new(parameters: &Parameters) -> Result<Self, GnnError> {
        Self::in_precision(parameters)
    }
}

impl<T: Element> Network<T> {
    /// The network in `T`.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn in_precision(parameters: &Parameters) -> Result<Self, GnnError> {
        parameters.check()?;
        check(&parameters.config)?;
        Ok(Self {
            config: parameters.config.clone(),
            maps: Maps::folded(parameters),
        })
    }

    /// Configuration of the network.
    #[must_use]
    pub fn config(&self) -> &GnpConfig {
        &self.config
    }

    /// `z = M(b)` for one column of length n. Large columns are shared among the threads of the current pool, with the same result
    /// for any number of them. Allocates in the first call only (with one thread).
    ///
    /// # Errors
    /// As [`apply_columns`](Self::apply_columns).
    pub fn apply(
        &self,
        a: &Matrix<T>,
        b: &[f64],
        z: &mut [f64],
        memory: &mut Workspace<T>,
    ) -> Result<(), GnnError> {
        self.apply_columns(a, b, z, 1, memory)
    }

    /// `Z = M(B)` for column-major n × `columns` arrays, each column on its own. Several columns are shared among the threads of the
    /// current pool.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if a length is not n × `columns`; [`GnnError::NonFinite`] naming the first entry of `b` that is NaN or
    /// infinite; `z` is then not written to or only in part.
    pub fn apply_columns(
        &self,
        a: &Matrix<T>,
        b: &[f64],
        z: &mut [f64],
        columns: usize,
        memory: &mut Workspace<T>,
    ) -> Result<(), GnnError> {
        let n = a.order();
        for len in [b.len(), z.len()] {
            if len != n * columns {
                return Err(GnnError::Matrix {
                    reason: format!(
                        "is of order {n}, but {columns} columns have length {len} in all"
                    ),
                });
            }
        }
        if n == 0 {
            return Ok(());
        }
        if memory.columns.len() < columns {
            memory.columns.resize_with(columns, Features::default);
        }
        let threads = rayon::current_num_threads();
        if columns == 1 || threads == 1 {
            let memory = &mut memory.columns[0];
            for (k, (b, z)) in b.chunks_exact(n).zip(z.chunks_exact_mut(n)).enumerate() {
                self.column(a, b, z, memory, threads, |_| ())
                    .map_err(|e| at_column(e, k * n))?;
            }
            return Ok(());
        }
        b.par_chunks_exact(n)
            .zip(z.par_chunks_exact_mut(n))
            .zip(&mut memory.columns)
            .enumerate()
            .map(|(k, ((b, z), memory))| {
                self.column(a, b, z, memory, 1, |_| ())
                    .map_err(|e| at_column(e, k * n))
            })
            .collect()
    }

    /// Features of the nodes (n × width, row-major) after the encoder and after each layer, for one column: what the network sees.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn features(&self, a: &Matrix<T>, b: &[f64]) -> Result<Vec<Vec<T>>, GnnError> {
        let mut states = Vec::new();
        let mut z = vec![0.0; b.len()];
        if b.len() != a.order() {
            self.apply(a, b, &mut z, &mut Workspace::default())?;
        }
        let mut memory = Features::default();
        self.column(a, b, &mut z, &mut memory, 1, |tiles: &[Tile<T>]| {
            let rows = tiles.as_flattened().iter().take(b.len());
            states.push(
                rows.flat_map(|r| r.as_flattened()[..self.config.width].iter().copied())
                    .collect(),
            );
        })?;
        Ok(states)
    }

    /// One column; `see` gets the features after the encoder and after each layer.
    fn column(
        &self,
        a: &Matrix<T>,
        b: &[f64],
        z: &mut [f64],
        memory: &mut Features<T>,
        threads: usize,
        mut see: impl FnMut(&[Tile<T>]),
    ) -> Result<(), GnnError> {
        let Some((to, from)) = scale::factors(b)? else {
            z.fill(0.0);
            return Ok(());
        };
        let tiles = b.len().div_ceil(TILE);
        let share = if threads > 1 { SHARE } else { tiles };
        let Features { now, next } = memory;
        for x in [&mut *now, &mut *next] {
            x.resize(tiles, zero_tile());
        }
        let relu = self.maps.relu;
        share_out(now, share, |first, part| {
            let b = &b[first * TILE..b.len().min((first + part.len()) * TILE)];
            encode(&self.maps, to, b, part);
        });
        see(now);
        for maps in &self.maps.layers {
            share_out(next, share, |first, part| {
                T::run_kernel(Apply {
                    a: &a.rows,
                    maps,
                    relu,
                    x: now,
                    first,
                    to: part,
                });
            });
            std::mem::swap(now, next);
            see(now);
        }
        share_out(z, share * TILE, |first, z| {
            let first = first / TILE;
            T::run_kernel(Decode {
                maps: &self.maps.decoder,
                relu,
                scale: from,
                x: &now[first..],
                z,
            });
        });
        Ok(())
    }
}

/// `work(first, part)` for parts of `share` elements, on the threads of the current pool if there are several.
fn share_out<E: Send>(all: &mut [E], share: usize, work: impl Fn(usize, &mut [E]) + Sync) {
    if all.len() <= share {
        work(0, all);
    } else {
        all.par_chunks_mut(share)
            .enumerate()
            .for_each(|(k, part)| work(k * share, part));
    }
}

/// Counts the position of an entry from the first column.
pub(super) fn at_column(error: GnnError, start: usize) -> GnnError {
    match error {
        GnnError::NonFinite { what, position } => GnnError::NonFinite {
            what,
            position: position + start,
        },
        other => other,
    }
}
