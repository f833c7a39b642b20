//! Validation of networks for nonnegative factorisations.

use std::ops::ControlFlow;

use anyhow::Result;
use indicatif::ProgressBar;
use la_gnn::GnnError;
use la_gnn::factormer::{FactormerConfig, FactormerInput, Parameters};
use la_gnn::training::{Exchange, Hooks, Log};
use la_opt::nmf::learned::{FactormerAccelerator, FactormerStart, ProposalGuard};
use la_opt::nmf::{
    AoAdmm, Data, DualStart, Factors, Initializer, Method, NmfOptions, NmfWorkspace, Nndsvd,
};
use la_problems::nmf::{NonnegativeSample, ValidationSize};

use super::factormer::{Run, Sizes, VALIDATION_SEED};
use super::hooks;
use crate::experiment::interrupt;
use crate::progress;

/// Validation by errors of runs, of which every process has some, progress, Ctrl-C.
pub(super) struct FactormerHooks<'x> {
    exchange: &'x dyn Exchange,
    config: FactormerConfig,
    matrices: Vec<(NonnegativeSample, Factors)>,
    /// Score of the solver alone after as many iterations.
    pub(super) baseline: f64,
    pub(super) bar: ProgressBar,
}

/// Steps after which a network is judged.
fn steps(input: FactormerInput) -> usize {
    match input {
        FactormerInput::FactorAndSolver => 5,
        _ => 1,
    }
}

impl<'x> FactormerHooks<'x> {
    pub(super) fn new(run: &Run, exchange: &'x dyn Exchange) -> Result<Self> {
        let mut matrices = Vec::new();
        for size in [ValidationSize::Small, ValidationSize::Large] {
            if size == ValidationSize::Large && run.sizes == Sizes::Small {
                continue;
            }
            let samples = size.generate(VALIDATION_SEED)?.into_iter();
            let own = samples.take(run.validation).enumerate();
            for (_, sample) in own.filter(|(k, _)| hooks::is_own(exchange, *k)) {
                let data = Data::dense(sample.rows, sample.columns, &sample.values[..])?;
                let start = Nndsvd::default().start(&data, run.config.rank)?;
                matrices.push((sample, start));
            }
        }
        let mut hooks = Self {
            exchange,
            config: run.config.clone(),
            matrices,
            baseline: 0.0,
            bar: hooks::bar(exchange, run.options.updates),
        };
        // The network counts as one iteration.
        let iterations = 1 + steps(run.config.input);
        hooks.baseline = hooks.score(|data, start| solve(data, start, iterations))?;
        Ok(hooks)
    }

    /// Geometric mean of errors.
    fn score(&self, rmse: impl FnMut(&Data<'_>, &Factors) -> Result<f64>) -> Result<f64> {
        let own = self.sum_of_logarithms(rmse);
        let own = own.map_err(|error| GnnError::Matrix {
            reason: format!("validation: {error:#}"),
        });
        let own = own.map(|sum| (sum, self.matrices.len()));
        let mean = hooks::joined_mean(self.exchange, own)?;
        Ok(mean.unwrap_or_default().exp())
    }

    fn sum_of_logarithms(
        &self,
        mut rmse: impl FnMut(&Data<'_>, &Factors) -> Result<f64>,
    ) -> Result<f64> {
        let mut sum = 0.0;
        for (sample, start) in &self.matrices {
            let data = Data::dense(sample.rows, sample.columns, &sample.values[..])?;
            sum += rmse(&data, start)?.max(1e-12).ln();
        }
        Ok(sum)
    }

    /// Score of a network, and columns of zeros in what it proposes last, mean over the matrices of this process.
    fn judge(&self, values: &[f32]) -> Result<(f64, f64)> {
        let parameters = Parameters {
            config: self.config.clone(),
            values: values.to_vec(),
            statistics: Vec::new(),
        };
        let mut zeros = 0;
        let score = if self.config.input == FactormerInput::FactorAndSolver {
            self.score(|data, start| {
                let run = FactormerAccelerator::new(data, start, &parameters)?;
                let mut run = run.with_guard(ProposalGuard::None);
                for _ in 0..steps(self.config.input) {
                    run.step()?;
                }
                zeros += columns_of_zeros(&run.factors());
                Ok(run.rmse())
            })
        } else {
            let network = FactormerStart::new(&parameters)?;
            self.score(|data, start| {
                let improved = network.improve(data, start)?;
                zeros += columns_of_zeros(&improved);
                solve(data, &improved, steps(self.config.input))
            })
        };
        Ok((score?, zeros as f64 / self.matrices.len().max(1) as f64))
    }
}

/// Columns that are zero in W or in H: they add nothing to the product, and where both are zero no step of the solver brings them back.
fn columns_of_zeros(factors: &Factors) -> usize {
    let rank = factors.rank;
    let is_zero = |values: &[f64], c: usize| values.iter().skip(c).step_by(rank).all(|&x| x == 0.0);
    (0..rank)
        .filter(|&c| is_zero(&factors.w, c) || is_zero(&factors.h, c))
        .count()
}

/// Error after so many iterations of the published solver.
fn solve(data: &Data<'_>, start: &Factors, iterations: usize) -> Result<f64> {
    let method = Method::AoAdmm(AoAdmm::published(DualStart::Cold));
    let mut workspace = NmfWorkspace::new(data, start, NmfOptions::default().with_method(method))?;
    for _ in 0..iterations {
        workspace.step();
    }
    Ok(workspace.rmse())
}

impl Hooks for FactormerHooks<'_> {
    fn validate(&mut self, values: &[f32], update: usize) -> Result<Option<f64>, GnnError> {
        let (score, zeros) = self.judge(values).map_err(|error| GnnError::Matrix {
            reason: format!("validation: {error:#}"),
        })?;
        if self.exchange.rank() == 0 {
            progress::line(
                &self.bar,
                &format!(
                    "update {update}: error {score:.5} after {} iterations, the network among them (solver alone: {:.5}); {zeros:.2} columns of zeros in the last proposal",
                    1 + steps(self.config.input),
                    self.baseline
                ),
            );
        }
        Ok(Some(score))
    }

    fn progress(&mut self, update: usize, loss: f64, _: &Log) -> ControlFlow<()> {
        self.bar.set_position(update as u64);
        self.bar.set_message(format!("loss {loss:.2e}"));
        match interrupt::requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
