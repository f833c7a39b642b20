//! LibTorch as an engine of [`crate::training::train`].

use std::collections::HashMap;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tch::Tensor;

use super::batch::GraphBatch;
use super::loss::{LossOptions, LossValue, loss};
use super::model::Model;
use super::sample::Sample;
use super::tensors::{Context, Tch, reals, to_f64};
use crate::GnnError;
use crate::training::{Engine, Joining, Places, Share, joining_of};

/// Where training samples come from.
pub trait SampleSource {
    /// Number of samples.
    fn len(&self) -> usize;
    /// True if there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// One of them.
    ///
    /// # Errors
    /// Whatever the source meets; it stops the run.
    fn sample(&self, index: usize) -> Result<Arc<Sample>, GnnError>;
}

impl SampleSource for Vec<Arc<Sample>> {
    fn len(&self) -> usize {
        self.as_slice().len()
    }
    fn sample(&self, index: usize) -> Result<Arc<Sample>, GnnError> {
        self.get(index).cloned().ok_or(GnnError::Config {
            field: "samples",
            reason: format!("has no number {index}"),
        })
    }
}

/// What training minimises, on a batch of graphs.
pub trait BatchLoss {
    /// Checks the options.
    ///
    /// # Errors
    /// [`GnnError::Config`] naming the field out of range.
    fn validate(&self) -> Result<(), GnnError>;

    /// Value and gradient at the entries `l` of the factors, with the probe `z` (one entry per node). Further randomness
    /// must depend on `seed` and the place of a graph only; `first` is the place of the first one in the batch of the update, of which this may be a part.
    ///
    /// # Errors
    /// [`GnnError::Config`] or [`GnnError::Matrix`] if the batch is not one that this loss is for, or lacks what it looks at;
    /// [`GnnError::Torch`] if LibTorch refuses.
    fn evaluate(
        &self,
        batch: &GraphBatch,
        l: &Tensor,
        z: &Tensor,
        seed: u64,
        first: usize,
    ) -> Result<LossValue, GnnError>;

    /// How the value of a batch follows from its graphs, if value and gradient of parts of a batch are enough to know those of the whole.
    fn joining(&self) -> Option<Joining> {
        None
    }
}

impl BatchLoss for LossOptions {
    fn validate(&self) -> Result<(), GnnError> {
        LossOptions::validate(self)
    }

    fn evaluate(
        &self,
        batch: &GraphBatch,
        l: &Tensor,
        z: &Tensor,
        _: u64,
        _: usize,
    ) -> Result<LossValue, GnnError> {
        loss(batch, l, z, self)
    }

    fn joining(&self) -> Option<Joining> {
        LossOptions::joining(self)
    }
}

/// Samples made when they are needed.
#[derive(Debug, Clone)]
pub struct Generated<F> {
    len: usize,
    make: F,
}

impl<F: Fn(usize) -> Result<Sample, GnnError>> Generated<F> {
    /// `len` samples made by `make`, which must give the same sample for the same index.
    pub fn new(len: usize, make: F) -> Self {
        Self { len, make }
    }
}

impl<F: Fn(usize) -> Result<Sample, GnnError>> SampleSource for Generated<F> {
    fn len(&self) -> usize {
        self.len
    }
    fn sample(&self, index: usize) -> Result<Arc<Sample>, GnnError> {
        (self.make)(index).map(Arc::new)
    }
}

/// Loss and gradient of a network on batches of graphs, by LibTorch, on the device of the network.
///
/// A batch is the block-diagonal union of its graphs. Probes are drawn on the host, from the
/// seed of the update and the position in the batch, so that they are the same on every device and in every engine.
#[derive(Debug)]
pub struct TorchEngine<M, S, L = LossOptions> {
    model: M,
    samples: S,
    loss: L,
    kept: HashMap<Vec<usize>, GraphBatch>,
    kept_entries: usize,
    keep_entries: usize,
}

impl<M: Model, S: SampleSource, L: BatchLoss> TorchEngine<M, S, L> {
    /// An engine for this network, these samples and this loss.
    ///
    /// # Errors
    /// [`GnnError::Config`] if an option of the loss is out of range.
    pub fn new(model: M, samples: S, loss: L) -> Result<Self, GnnError> {
        loss.validate()?;
        Ok(Self {
            model,
            samples,
            loss,
            kept: HashMap::new(),
            kept_entries: 0,
            keep_entries: 0,
        })
    }

    /// Keeps batches on the device until their factors have this many entries together (an entry takes about 100 bytes).
    /// Pays where the same batches come again: with batches of one graph. Default 0: none is kept.
    #[must_use]
    pub fn with_kept_entries(mut self, entries: usize) -> Self {
        self.keep_entries = entries;
        self
    }

    /// The network, with the parameters of the last evaluation.
    #[must_use]
    pub fn model(&self) -> &M {
        &self.model
    }

    fn make_batch(&self, indices: &[usize]) -> Result<GraphBatch, GnnError> {
        let samples = indices
            .iter()
            .map(|&i| self.samples.sample(i))
            .collect::<Result<Vec<_>, _>>()?;
        let samples: Vec<&Sample> = samples.iter().map(AsRef::as_ref).collect();
        GraphBatch::new(
            &samples,
            self.model.pattern(),
            self.model.kind(),
            self.model.device(),
        )
    }

    /// Value and gradient, which is empty if the value is not finite; `first` is the place of the first graph in the batch of the update.
    fn evaluate(
        &self,
        batch: &GraphBatch,
        seed: u64,
        first: usize,
    ) -> Result<(f64, Vec<f64>), GnnError> {
        let z = probe(batch, seed, first).context("moving a probe to the device")?;
        let (l, tape) = self.model.forward(batch)?;
        let value = self.loss.evaluate(batch, &l, &z, seed, first)?;
        if !value.value.is_finite() {
            // Said by the value; the training loop skips the update.
            return Ok((value.value, Vec::new()));
        }
        let gradient = self.model.backward(batch, tape, &value.gradient)?;
        let gradient = to_f64(&gradient).context("copying a gradient to the host")?;
        Ok((value.value, gradient))
    }
}

/// Standard normal probe: one stream per place in the batch.
fn probe(batch: &GraphBatch, seed: u64, first: usize) -> Tch<Tensor> {
    let mut z: Vec<f64> = Vec::with_capacity(batch.num_nodes());
    for (position, range) in batch.node_offsets().windows(2).enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream((first + position) as u64);
        z.extend((range[0]..range[1]).map(|_| -> f64 { StandardNormal.sample(&mut rng) }));
    }
    reals(&z, batch.kind(), batch.device())
}

impl<M: Model, S: SampleSource, L: BatchLoss> Engine for TorchEngine<M, S, L> {
    fn samples(&self) -> usize {
        self.samples.len()
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        self.value(values, Places::of(batch, 0, 1), seed, gradient)
    }

    fn joining(&self) -> Option<Joining> {
        self.loss.joining()
    }

    fn share(
        &mut self,
        values: &[f32],
        places: Places<'_>,
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<Share, GnnError> {
        let joining = joining_of(self.loss.joining())?;
        let value = self.value(values, places, seed, gradient)?;
        let count = places.samples.len();
        Ok(Share::of_batch(joining, value, count, gradient))
    }
}

impl<M: Model, S: SampleSource, L: BatchLoss> TorchEngine<M, S, L> {
    fn value(
        &mut self,
        values: &[f32],
        Places {
            samples: batch,
            first,
        }: Places<'_>,
        seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        self.model.set_values(values)?;
        let (value, computed) = if let Some(kept) = self.kept.get(batch) {
            self.evaluate(kept, seed, first)?
        } else {
            let made = self.make_batch(batch)?;
            let result = self.evaluate(&made, seed, first)?;
            let entries = made.factor_nnz();
            if self.kept_entries + entries <= self.keep_entries {
                self.kept_entries += entries;
                self.kept.insert(batch.to_vec(), made);
            }
            result
        };
        if computed.is_empty() {
            gradient.fill(f64::NAN);
        } else {
            gradient.copy_from_slice(&computed);
        }
        Ok(value)
    }
}
