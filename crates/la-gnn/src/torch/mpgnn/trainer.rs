//! Training: Adam on one flat tensor, the best network by validation, checkpoints.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use super::super::tensors::{Context, Tch, to_f32, to_f64};
use super::checkpoint::{Checkpoint, State};
use super::network::Mpgnn;
use super::samples::EdgeSamples;
use crate::GnnError;
use crate::mpgnn::Parameters;
use crate::training::mpgnn::{MpgnnEnded, MpgnnLog, MpgnnTrainOptions};

/// Decay of the means of the gradient and of its square, and ε: LibTorch's defaults.
const BETA: (f64, f64) = (0.9, 0.999);
const EPS: f64 = 1e-8;
/// Seconds between checkpoints.
const CHECKPOINT_SECONDS: f64 = 20.0;

/// A trained network and the story of its training.
#[derive(Debug, Clone)]
pub struct MpgnnTrained {
    /// Those with the lowest validation loss.
    pub parameters: Parameters,
    /// What happened.
    pub log: MpgnnLog,
    /// How it ended.
    pub ended: MpgnnEnded,
}

/// Trains a message-passing network: Adam on the mean over a batch of one minus the cosine between outputs and wanted values.
///
/// The network runs in single precision, norms and cosines in double. The step shrinks by a factor every so many epochs, and training
/// ends early where the validation loss no longer falls, see [`MpgnnTrainOptions`]. The same seeds give the same network on the same device,
/// also when the training was cut off in between.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use la_gnn::mpgnn::{MpgnnConfig, NodeInput, Parameters};
/// use la_gnn::sprs::CsMatI;
/// use la_gnn::torch::tch::{Device, Kind};
/// use la_gnn::torch::{EdgeSample, EdgeSamples, MpgnnTrainer};
/// use la_gnn::training::mpgnn::MpgnnTrainOptions;
///
/// let a: CsMatI<f64, u32> = CsMatI::eye(4);
/// let samples = vec![EdgeSample::of_matrix(a.view(), &[1.0; 4], NodeInput::Ones)?; 3];
/// let samples = EdgeSamples::new(&samples, 2, 0, Kind::Float, Device::Cpu)?;
/// let start = Parameters::initialize(&MpgnnConfig::default(), 0)?;
/// let mut trainer = MpgnnTrainer::new(&start, Device::Cpu)?;
/// let options = MpgnnTrainOptions::default().with_epochs(2);
/// let trained = trainer.run(&samples, &samples, &options, None, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(trained.log.updates, 4);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
///
/// # References
/// V. Trifonov, E. Muravleva, I. Oseledets, TMLR 2026, arXiv 2502.01397, section 5. Adam and a validation part for early stopping are
/// ours; the paper names neither.
#[derive(Debug)]
pub struct MpgnnTrainer {
    network: Mpgnn,
    first: Tensor,
    second: Tensor,
    updates: usize,
    best: Parameters,
}

impl MpgnnTrainer {
    /// A trainer that starts from these parameters.
    ///
    /// # Errors
    /// As [`Mpgnn::new`].
    pub fn new(start: &Parameters, device: Device) -> Result<Self, GnnError> {
        let network = Mpgnn::new(start, Kind::Float, device)?;
        let zeros = || network.values.f_zeros_like().context("state of Adam");
        Ok(Self {
            first: zeros()?,
            second: zeros()?,
            updates: 0,
            best: start.clone(),
            network,
        })
    }

    /// Trains until the epochs or the patience are used up, or `watch` breaks off, which is called after every epoch.
    ///
    /// With a `checkpoint` file an interrupted training goes on from there; the file stays.
    ///
    /// # Errors
    /// [`GnnError::Config`] for options out of range, [`GnnError::Diverged`] if a loss is not finite, [`GnnError::Io`],
    /// [`GnnError::WeightsFormat`] and [`GnnError::WeightsMismatch`] for the checkpoint, [`GnnError::Torch`] if LibTorch refuses.
    pub fn run(
        &mut self,
        training: &EdgeSamples,
        validation: &EdgeSamples,
        options: &MpgnnTrainOptions,
        checkpoint: Option<&Path>,
        watch: &mut dyn FnMut(&MpgnnLog) -> ControlFlow<()>,
    ) -> Result<MpgnnTrained, GnnError> {
        options.validate()?;
        let mut log = MpgnnLog::default();
        if let Some(stored) = checkpoint.filter(|path| path.exists()) {
            log = self.restore(Checkpoint::load(stored, &self.best.config, options)?)?;
        }
        let (before, start, mut saved) = (log.seconds, Instant::now(), Instant::now());
        let mut ended = MpgnnEnded::Epochs;
        while log.losses.len() < options.epochs {
            if log.is_stuck(options.patience) {
                ended = MpgnnEnded::Stuck;
                break;
            }
            let epoch = log.losses.len();
            let loss = self.epoch(training, options, epoch)?;
            let score = self.validate(validation)?;
            if !(loss.is_finite() && score.is_finite()) {
                return Err(GnnError::Diverged {
                    update: self.updates,
                    reason: format!("loss {loss}, validation {score} in epoch {epoch}"),
                });
            }
            if log.best().is_none_or(|(_, best)| score < best) {
                self.best = self.network.parameters()?;
            }
            log.losses.push(loss);
            log.validations.push(score);
            log.updates = self.updates;
            log.seconds = before + start.elapsed().as_secs_f64();
            let stop = watch(&log).is_break();
            let last = stop || log.losses.len() == options.epochs;
            let due = last || saved.elapsed().as_secs_f64() > CHECKPOINT_SECONDS;
            if let Some(path) = checkpoint.filter(|_| due) {
                self.checkpoint(options, &log)?.save(path)?;
                saved = Instant::now();
            }
            if stop && log.losses.len() < options.epochs {
                ended = MpgnnEnded::Interrupted;
                break;
            }
        }
        Ok(MpgnnTrained {
            parameters: self.best.clone(),
            log,
            ended,
        })
    }

    /// One pass over the training set; its mean loss.
    fn epoch(
        &mut self,
        samples: &EdgeSamples,
        options: &MpgnnTrainOptions,
        epoch: usize,
    ) -> Result<f64, GnnError> {
        let _guard = tch::no_grad_guard();
        // One stream per epoch, so that a run that goes on draws what it would have drawn.
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(epoch as u64);
        let step = options.step(epoch);
        let mut sum = Tensor::f_zeros([1], (Kind::Double, self.network.values.device()))
            .context("sum of losses")?;
        samples.each(Some(&mut rng), |prepared| {
            let (y, tape) = self.network.forward(&prepared.batch, true)?;
            let (loss, g) = prepared.cosine.loss(&y).context("cosine loss")?;
            self.network.backward(&prepared.batch, &tape, &g)?;
            let mut finish = || -> Tch<()> {
                let _ = sum.f_add_(&loss.f_mul_scalar(prepared.cosine.graphs() as f64)?)?;
                Ok(())
            };
            finish().context("sum of losses")?;
            self.update(step).context("Adam")
        })?;
        Ok(sum.double_value(&[0]) / samples.len() as f64)
    }

    /// One update along the gradient of the network.
    fn update(&mut self, step: f64) -> Tch<()> {
        self.updates += 1;
        let t = self.updates as i32;
        let g = &self.network.gradient;
        let _ = self.first.f_lerp_(g, 1.0 - BETA.0)?;
        let _ = self.second.f_lerp_(&g.f_square()?, 1.0 - BETA.1)?;
        let (c1, c2) = (1.0 - BETA.0.powi(t), 1.0 - BETA.1.powi(t));
        let spread = self
            .second
            .f_sqrt()?
            .f_mul_scalar_(1.0 / c2.sqrt())?
            .f_add_scalar_(EPS)?
            .f_mul_scalar_(-c1 / step)?;
        let _ = self.network.values.f_addcdiv_(&self.first, &spread)?;
        Ok(())
    }

    /// Mean loss in evaluation.
    fn validate(&self, samples: &EdgeSamples) -> Result<f64, GnnError> {
        let cosines = cosines(&self.network, samples)?;
        Ok(1.0 - cosines.iter().sum::<f64>() / cosines.len() as f64)
    }

    fn checkpoint(
        &self,
        options: &MpgnnTrainOptions,
        log: &MpgnnLog,
    ) -> Result<Checkpoint, GnnError> {
        let tensors = || {
            Ok(State {
                values: to_f32(&self.network.values)?,
                statistics: to_f32(&self.network.statistics)?,
                first: to_f32(&self.first)?,
                second: to_f32(&self.second)?,
            })
        };
        Ok(Checkpoint {
            options: options.clone(),
            state: tensors().context("state of a training")?,
            best: self.best.clone(),
            log: log.clone(),
        })
    }

    fn restore(&mut self, stored: Checkpoint) -> Result<MpgnnLog, GnnError> {
        let Checkpoint {
            state, best, log, ..
        } = stored;
        let mut copy = || -> Tch<()> {
            for (to, from) in [
                (&mut self.network.values, &state.values),
                (&mut self.network.statistics, &state.statistics),
                (&mut self.first, &state.first),
                (&mut self.second, &state.second),
            ] {
                to.f_copy_(&Tensor::f_from_slice(from)?)?;
            }
            Ok(())
        };
        tch::no_grad(&mut copy).context("state of a training")?;
        self.updates = log.updates;
        self.best = best;
        Ok(log)
    }
}

/// Cosine of every sample, in the order of the samples where all have one graph.
fn cosines(network: &Mpgnn, samples: &EdgeSamples) -> Result<Vec<f64>, GnnError> {
    let mut all = Vec::with_capacity(samples.len());
    samples.each(None, |prepared| {
        let y = network.apply(&prepared.batch)?;
        let found = prepared
            .cosine
            .cosines(&y)
            .and_then(|c| to_f64(&c))
            .context("cosines")?;
        all.extend(found);
        Ok(())
    })?;
    Ok(all)
}

impl Mpgnn {
    /// Cosine between the outputs and the wanted values of every sample; in the order of the samples where all have the same graph,
    /// otherwise in that of the batches.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if the samples do not fit the network.
    pub fn cosines(&self, samples: &EdgeSamples) -> Result<Vec<f64>, GnnError> {
        cosines(self, samples)
    }

    /// Outputs of all samples one after the other, in the order of [`cosines`](Self::cosines).
    ///
    /// # Errors
    /// As [`cosines`](Self::cosines).
    pub fn outputs(&self, samples: &EdgeSamples) -> Result<Vec<f64>, GnnError> {
        let mut all = Vec::new();
        samples.each(None, |prepared| {
            let y = self.apply(&prepared.batch)?;
            all.extend(to_f64(&y).context("copying outputs")?);
            Ok(())
        })?;
        Ok(all)
    }
}
