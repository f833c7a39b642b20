//! Validation by iterations, progress, the training log.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use indicatif::ProgressBar;
use la_gnn::GnnError;
use la_gnn::training::{Exchange, Hooks, Log, agree};
use la_problems::Split;

use super::{Architecture, Run};
use crate::experiment::{Problem, interrupt};
use crate::progress;

/// The mean of what every process found: a sum over so many items. `None` where there are no items at all.
pub(super) fn joined_mean(
    exchange: &dyn Exchange,
    found: Result<(f64, usize), GnnError>,
) -> Result<Option<f64>, GnnError> {
    let (sum, count) = agree(exchange, found)?;
    let mut sums = [sum, count as f64];
    exchange.sum(&mut sums)?;
    Ok((sums[1] > 0.0).then(|| sums[0] / sums[1]))
}

/// Whether item `k` of a list that the processes divide is one of this process.
pub(super) fn is_own(exchange: &dyn Exchange, k: usize) -> bool {
    k % exchange.size() == exchange.rank()
}

/// A bar where this process shows progress.
pub(super) fn bar(exchange: &dyn Exchange, updates: usize) -> ProgressBar {
    match exchange.rank() {
        0 => progress::bar("training", updates as u64),
        _ => ProgressBar::hidden(),
    }
}

/// Validates on held-out matrices, of which every process has some, shows progress, listens to Ctrl-C.
pub(super) struct TrainingHooks<'x, C> {
    exchange: &'x dyn Exchange,
    config: C,
    problems: Vec<Problem>,
    baseline: Option<f64>,
    bar: ProgressBar,
}

impl<'x, C: Architecture> TrainingHooks<'x, C> {
    pub(super) fn new(run: &Run<C>, exchange: &'x dyn Exchange) -> Result<Self> {
        let count = run
            .family
            .len(Split::Validation)
            .map_or(run.validation, |len| len.min(run.validation));
        let problems = (0..count)
            .filter(|&i| is_own(exchange, i))
            .map(|i| run.family.problem(Split::Validation, i as u64))
            .collect::<Result<Vec<_>>>()?;
        let own = run.config.yardstick().baseline(&problems) as f64;
        let baseline = joined_mean(exchange, Ok((own, problems.len())))?;
        let bar = bar(exchange, run.options.updates);
        Ok(Self {
            exchange,
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

impl<C: Architecture> Hooks for TrainingHooks<'_, C> {
    fn validate(&mut self, values: &[f32], update: usize) -> Result<Option<f64>, GnnError> {
        let factors = C::factors(&self.config.parameters(values.to_vec()));
        let yardstick = self.config.yardstick();
        let own = factors.map(|factors| {
            let total = yardstick.total(&self.problems, &factors);
            (total as f64, self.problems.len())
        });
        let score = joined_mean(self.exchange, own)?;
        if let Some(score) = score
            && self.exchange.rank() == 0
        {
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
