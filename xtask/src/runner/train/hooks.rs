//! Validation by iterations, progress, the training log.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use indicatif::ProgressBar;
use la_gnn::GnnError;
use la_gnn::training::{Hooks, Log};
use la_problems::Split;

use super::{Architecture, Run};
use crate::experiment::{Problem, interrupt};
use crate::progress;

/// Validates on held-out matrices, shows progress, listens to Ctrl-C.
pub(super) struct TrainingHooks<C> {
    config: C,
    problems: Vec<Problem>,
    baseline: Option<f64>,
    bar: ProgressBar,
}

impl<C: Architecture> TrainingHooks<C> {
    pub(super) fn new(run: &Run<C>) -> Result<Self> {
        let count = run
            .family
            .len(Split::Validation)
            .map_or(run.validation, |len| len.min(run.validation));
        let problems = (0..count as u64)
            .map(|i| run.family.problem(Split::Validation, i))
            .collect::<Result<Vec<_>>>()?;
        let baseline = run.config.yardstick().baseline(&problems);
        let bar = progress::bar("training", run.options.updates as u64);
        Ok(Self {
            config: run.config.clone(),
            problems,
            baseline,
            bar,
        })
    }

    pub(super) fn baseline(&self) -> Option<f64> {
        self.baseline
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl<C: Architecture> Hooks for TrainingHooks<C> {
    fn validate(&mut self, values: &[f32], update: usize) -> Result<Option<f64>, GnnError> {
        let factors = C::factors(&self.config.parameters(values.to_vec()))?;
        let yardstick = self.config.yardstick();
        let score = yardstick.mean(&self.problems, &factors);
        if let Some(score) = score {
            let name = yardstick.baseline_name();
            let baseline = self
                .baseline
                .map_or_else(String::new, |b| format!(" ({name}: {b:.1})"));
            progress::line(
                &self.bar,
                &format!(
                    "update {update}: {score:.1} iterations to {}{baseline}",
                    yardstick.rtol_text()
                ),
            );
        }
        Ok(score)
    }

    fn progress(&mut self, update: usize, loss: f64, _: &Log) -> ControlFlow<()> {
        self.bar.set_position(update as u64);
        self.bar.set_message(format!("loss {loss:.4}"));
        if interrupt::requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Updates of a log that are written one by one; longer ones as means.
const LINES: usize = 10_000;

/// Writes the log as CSV: update, loss, validation.
pub(super) fn write_log(path: &Path, validation: &str, log: &Log) -> Result<()> {
    let stride = match log.losses.len() {
        short if short <= LINES => 1,
        // A thousandth of them in a line.
        long => long.div_ceil(1000),
    };
    let mut text = format!("update,loss,{validation}\n");
    let mut validations = log.validations.iter().peekable();
    for (k, losses) in log.losses.chunks(stride).enumerate() {
        let update = k * stride + losses.len();
        let loss = match losses {
            [loss] => *loss,
            _ => losses.iter().sum::<f32>() / losses.len() as f32,
        };
        let mut score = String::new();
        while let Some(v) = validations.next_if(|v| v.0 <= update) {
            score = v.1.to_string();
        }
        let _ = writeln!(text, "{update},{loss},{score}");
    }
    Ok(xtask::report::write_atomic(path, text.as_bytes())?)
}
