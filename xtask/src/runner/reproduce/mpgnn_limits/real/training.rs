//! One training on real matrices.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Result, bail};
use la_gnn::GnnError;
use la_gnn::mpgnn::Parameters;
use la_gnn::torch::tch::{self, Device, Kind};
use la_gnn::torch::{EdgeSample, EdgeSamples, Mpgnn, MpgnnTrainer};
use la_gnn::training::mpgnn::{MpgnnEnded, MpgnnTrainOptions};

use super::super::networks::Network;
use super::labels::{Label, Outcome};
use super::learning::{Trained, Training};
use super::splits::Split;
use crate::experiment::interrupt;

/// What is trained on what.
pub(super) struct Job<'j> {
    pub(super) network: &'j Network,
    pub(super) scaled: bool,
    pub(super) split: &'j Split,
    pub(super) labels: &'j [Label],
    pub(super) max_iters: usize,
    pub(super) seed: u64,
}

impl Job<'_> {
    fn sample(&self, k: usize) -> Result<EdgeSample> {
        let label = &self.labels[k];
        let (a, wanted) = match self.scaled {
            true => label.scaled(),
            false => (label.system.a.clone(), label.factor.data().to_vec()),
        };
        Ok(EdgeSample::of_matrix(
            a.view(),
            &wanted,
            self.network.input,
        )?)
    }

    fn samples(&self, places: &[usize], batch: usize) -> Result<EdgeSamples> {
        let list = places
            .iter()
            .map(|&k| self.sample(k))
            .collect::<Result<Vec<_>>>()?;
        Ok(EdgeSamples::new(
            &list,
            batch,
            self.seed,
            Kind::Float,
            Device::Cpu,
        )?)
    }

    /// Trains on the current thread and judges the factors of the test matrices. A training that diverges is a result.
    pub(super) fn run(&self, settings: &Training, checkpoint: &Path) -> Result<Trained> {
        tch::set_num_threads(1);
        let training = self.samples(&self.split.training, settings.batch)?;
        let validation = self.samples(&self.split.validation, settings.batch)?;
        let options = MpgnnTrainOptions::default()
            .with_epochs(settings.epochs)
            .with_learning_rate(settings.learning_rate)
            .with_decay_epochs(settings.decay_epochs)
            .with_patience(settings.patience)
            .with_seed(self.seed);
        let start = Parameters::initialize(&self.network.config, self.seed)?;
        let mut trainer = MpgnnTrainer::new(&start, Device::Cpu)?;
        let mut watch = |_: &_| match interrupt::requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let found = trainer.run(
            &training,
            &validation,
            &options,
            Some(checkpoint),
            &mut watch,
        );
        let trained = match found {
            Ok(trained) => trained,
            Err(error @ GnnError::Diverged { .. }) => {
                return Ok(Trained {
                    failed: Some(error.to_string()),
                    epochs: 0,
                    best_epoch: 0,
                    updates: 0,
                    seconds: 0.0,
                    training: 0.0,
                    validation: 0.0,
                    tests: Vec::new(),
                });
            }
            Err(error) => return Err(error.into()),
        };
        if trained.ended == MpgnnEnded::Interrupted {
            bail!("interrupted; the same command goes on where it stopped");
        }
        let ready = Mpgnn::new(&trained.parameters, Kind::Float, Device::Cpu)?;
        let tests = self.split.tests.iter().map(|&k| self.outcome(&ready, k));
        let log = &trained.log;
        Ok(Trained {
            failed: None,
            epochs: log.losses.len(),
            best_epoch: log.best().map_or(0, |(epoch, _)| epoch + 1),
            updates: log.updates,
            seconds: log.seconds,
            training: 1.0 - log.losses.last().copied().unwrap_or(1.0),
            validation: 1.0 - log.best().map_or(1.0, |(_, loss)| loss),
            tests: tests.collect::<Result<_>>()?,
        })
    }

    fn outcome(&self, network: &Mpgnn, k: usize) -> Result<Outcome> {
        let one = EdgeSamples::new(&[self.sample(k)?], 1, 0, Kind::Float, Device::Cpu)?;
        let outputs = network.outputs(&one)?;
        let label = &self.labels[k];
        let entries = match self.scaled {
            true => label.unscaled(&outputs),
            false => outputs,
        };
        Ok(label.outcome(&entries, self.max_iters))
    }
}
