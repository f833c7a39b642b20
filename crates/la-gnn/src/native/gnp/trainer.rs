//! Training: losses and gradients by hand, Adam.

use std::sync::Arc;

use rayon::prelude::*;

use super::super::Element;
use super::super::simd::LANES;
use super::column::Column;
use super::maps::{Maps, Transposed, check};
use super::norm::{GradientSums, Moments, Norm, NormBack};
use super::{D, Matrix};
use crate::GnnError;
use crate::gnp::{GnpConfig, NORM_MOMENTUM, Parameters};
use crate::training::AdamW;
use crate::training::gnp::{GnpEngine, GnpState};

/// Trains a graph neural preconditioner on one matrix.
///
/// The loss is the mean of |A M(b) − b| over all entries of a batch, with the normalisations taken over the batch. M(b) is computed
/// in `T`, the product with A in `f64`. Columns are shared among the threads of the current pool; the result is the same for any
/// number of them, bit by bit.
///
/// A step of the paper's configuration costs about 23 000 multiply-adds a node and column (32 000 with tanh, where the encoder is not
/// piecewise linear) and 256 an entry of A and column; memory `(layers + 4) · 16` numbers a node and column. With 16 columns at
/// n = 2500 and 50 000 entries it takes 52 ms on one thread of an AMD EPYC of 2023 (example `gnp_time`).
///
/// Deviates from the authors' code where the batch normalisation cancels the biases of a layer: their gradient is 0 here, not rounding
/// noise, so that they keep their start.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use la_gnn::GnnError;
/// use la_gnn::gnp::{GnpConfig, Parameters};
/// use la_gnn::native::gnp::{Matrix, Trainer};
/// use la_gnn::sprs::CsMatI;
/// use la_gnn::training::gnp::{BatchSource, GnpTrainOptions, train};
///
/// struct Ramps;
/// impl BatchSource for Ramps {
///     fn order(&self) -> usize {
///         3
///     }
///     fn fill(&mut self, step: usize, b: &mut [f64], _columns: usize) -> Result<(), GnnError> {
///         b.iter_mut().enumerate().for_each(|(i, v)| *v = (i * (step + 1) % 7) as f64);
///         Ok(())
///     }
/// }
///
/// let a: CsMatI<f64, u32> = CsMatI::eye(3);
/// let start = Parameters::initialize(&GnpConfig::paper(), 0)?;
/// let mut trainer = Trainer::new(&start, Matrix::new(a.view())?)?;
/// let options = GnpTrainOptions::default().with_steps(5).with_batch(4);
/// let trained = train(&mut trainer, &mut Ramps, &options, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(trained.losses.len(), 5);
/// # Ok::<(), GnnError>(())
/// ```
///
/// # References
/// J. Chen, *Graph neural preconditioners for iterative solutions of sparse linear systems*, ICLR 2025, section 4. Normalisation: S.
/// Ioffe, C. Szegedy, *Batch normalization*, ICML 2015.
#[derive(Debug, Clone)]
pub struct Trainer<T: Element = f32> {
    matrix: Arc<Matrix<T>>,
    now: Parameters,
    kept: Option<Parameters>,
    optimizer: AdamW,
    gradient: Vec<f64>,
    columns: Vec<Column<T>>,
    /// Columns of the last batch.
    active: usize,
}

impl Trainer<f32> {
    /// Training in `f32` from these parameters on.
    ///
    /// # Errors
    /// As [`Parameters::check`]; [`GnnError::Config`] if the network is wider than the native engine; [`GnnError::Matrix`] for a
    /// matrix of order 0.
    pub fn new(
        parameters: &Parameters,
        matrix: impl Into<Arc<Matrix<f32>>>,
    ) -> Result<Self, GnnError> {
        Self::in_precision(parameters, matrix)
    }
}

impl<T: Element> Trainer<T> {
    /// Training in `T`; parameters are kept in `f32`.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn in_precision(
        parameters: &Parameters,
        matrix: impl Into<Arc<Matrix<T>>>,
    ) -> Result<Self, GnnError> {
        parameters.check()?;
        check(&parameters.config)?;
        let matrix = matrix.into();
        if matrix.order() == 0 {
            return Err(GnnError::Matrix {
                reason: "is of order 0, there is nothing to train on".into(),
            });
        }
        let count = parameters.values.len();
        Ok(Self {
            matrix,
            now: parameters.clone(),
            kept: None,
            optimizer: AdamW::new(count),
            gradient: vec![0.0; count],
            columns: Vec::new(),
            active: 0,
        })
    }

    /// Configuration of the network.
    #[must_use]
    pub fn config(&self) -> &GnpConfig {
        &self.now.config
    }

    /// Gradient of the last loss, in the order of [`GnpConfig::parameters`].
    #[must_use]
    pub fn gradient(&self) -> &[f64] {
        &self.gradient
    }

    /// M(b) of the columns of the last batch, with the statistics of that batch.
    pub fn outputs(&self) -> impl Iterator<Item = &[f64]> {
        self.columns[..self.active].iter().map(|c| &c.z[..])
    }

    /// `work` for every column, on the threads of the current pool.
    fn each(&mut self, work: impl Fn(&mut Column<T>) + Sync + Send) {
        let columns = &mut self.columns[..self.active];
        if rayon::current_num_threads() == 1 {
            columns.iter_mut().for_each(work);
        } else {
            columns.par_iter_mut().with_max_len(1).for_each(work);
        }
    }

    fn step(&mut self, b: &[f64], columns: usize) -> Result<f64, GnnError> {
        let n = self.matrix.order();
        if columns == 0 || b.len() != n * columns {
            return Err(GnnError::Matrix {
                reason: format!(
                    "is of order {n}, but {columns} columns have length {} in all",
                    b.len()
                ),
            });
        }
        let config = self.now.config.clone();
        let (a, norm_on) = (self.matrix.clone(), config.batch_norm);
        let maps = Maps::<T>::unfolded(&config, &self.now.values);
        let transposed = Transposed::new(&maps);
        while self.columns.len() < columns {
            self.columns.push(Column::new(&config, n));
        }
        self.active = columns;
        for (k, (column, b)) in self.columns.iter_mut().zip(b.chunks_exact(n)).enumerate() {
            column
                .start(&config, b)
                .map_err(|e| super::network::at_column(e, k * n))?;
        }
        let rows = b.len() as f64;
        let mut norms: Vec<Norm<T>> = Vec::with_capacity(config.layers);
        for l in 0..config.layers {
            self.each(|c| c.forward(&a, &maps, &norms, l));
            norms.push(if norm_on {
                let mut all = Moments::ZERO;
                for column in &self.columns[..columns] {
                    all.merge(&column.moments);
                }
                self.move_statistics(l, &all);
                Norm::of_batch(&maps.layers[l], &all)
            } else {
                Norm::identity()
            });
        }
        let last = &norms[config.layers - 1];
        self.each(|c| c.loss(&a, &maps, &transposed, last, 1.0 / rows));
        let loss = self.columns[..columns].iter().map(|c| c.loss).sum::<f64>() / rows;
        // Gradients of the normalisations and, without them, of the biases of the layers.
        let mut whole = Maps::<f64>::zero(&config);
        for l in (0..config.layers).rev() {
            let mut sums = GradientSums::ZERO;
            for column in &self.columns[..columns] {
                sums.merge(&column.sums);
            }
            let layer = &mut whole.layers[l];
            if norm_on {
                layer.norm.1.as_flattened_mut().copy_from_slice(&sums.plain);
                for (c, w) in layer.norm.0.as_flattened_mut().iter_mut().enumerate() {
                    *w = sums.centred[c] * norms[l].inverse[c];
                }
            } else {
                for bias in [&mut layer.skip.bias, &mut layer.gconv.bias] {
                    bias.as_flattened_mut().copy_from_slice(&sums.plain);
                }
            }
            let back = NormBack::new(&norms[l], &sums, rows, norm_on);
            self.each(|c| c.back(&a, &maps, &transposed, &norms, &back, l));
        }
        if let Some(table) = &maps.table {
            let mut sums = vec![[[0.0; D * LANES]; 2]; table.len()];
            for column in &self.columns[..columns] {
                for (to, from) in sums
                    .as_flattened_mut()
                    .iter_mut()
                    .zip(column.pieces.as_flattened())
                {
                    for (to, from) in to.iter_mut().zip(from.as_flattened()) {
                        *to += from.to_f64();
                    }
                }
            }
            table.back(&sums, &mut whole.encoder);
        }
        self.gradient.fill(0.0);
        whole.add_to(&config, &mut self.gradient);
        for column in &self.columns[..columns] {
            column.gradient.add_to(&config, &mut self.gradient);
        }
        Ok(loss)
    }

    /// Moves the running statistics of layer `l` towards those of a batch; the variance is the unbiased one.
    fn move_statistics(&mut self, l: usize, all: &Moments) {
        let d = self.now.config.width;
        let own = &mut self.now.statistics[2 * d * l..2 * d * (l + 1)];
        let (mean, var) = own.split_at_mut(d);
        let mix = |old: &mut f32, new: f64| {
            *old = ((1.0 - NORM_MOMENTUM) * f64::from(*old) + NORM_MOMENTUM * new) as f32;
        };
        for c in 0..d {
            mix(&mut mean[c], all.mean[c]);
            mix(&mut var[c], all.squares[c] / (all.count - 1.0).max(1.0));
        }
    }
}

impl<T: Element> GnpEngine for Trainer<T> {
    fn order(&self) -> usize {
        self.matrix.order()
    }

    fn loss_and_gradient(&mut self, b: &[f64], columns: usize) -> Result<f64, GnnError> {
        self.step(b, columns)
    }

    fn keep(&mut self) -> Result<(), GnnError> {
        match &mut self.kept {
            Some(kept) => kept.clone_from(&self.now),
            None => self.kept = Some(self.now.clone()),
        }
        Ok(())
    }

    fn update(&mut self, learning_rate: f64) -> Result<(), GnnError> {
        self.optimizer
            .update(&mut self.now.values, &self.gradient, learning_rate, 0.0);
        Ok(())
    }

    fn kept(&self) -> Result<Option<Parameters>, GnnError> {
        Ok(self.kept.clone())
    }

    fn parameters(&self) -> Result<Parameters, GnnError> {
        Ok(self.now.clone())
    }

    fn state(&self) -> Result<GnpState, GnnError> {
        Ok(GnpState {
            now: self.now.clone(),
            kept: self.kept.clone(),
            optimizer: self.optimizer.clone(),
        })
    }

    fn restore(&mut self, state: &GnpState) -> Result<(), GnnError> {
        state.check(&self.now.config)?;
        self.now = state.now.clone();
        self.kept.clone_from(&state.kept);
        self.optimizer = state.optimizer.clone();
        Ok(())
    }
}
