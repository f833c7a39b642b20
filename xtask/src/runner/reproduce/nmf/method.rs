//! Methods, and their runs.

use std::time::Instant;

use anyhow::Result;
use la_gnn::factormer::{FactormerConfig, FactormerInput, Parameters};
use la_opt::nmf::learned::{FactormerAccelerator, FactormerStart, ProposalGuard};
use la_opt::nmf::{
    AoAdmm, Data, DualStart, Factors, Fill, Initializer, Loss, Method, NmfOptions, NmfWorkspace,
    Nndsvd,
};
use serde::{Deserialize, Serialize};

use super::set::{Matrix, RANK};

/// Steps of acceleration; the solver alone goes on from there.
const ACCELERATED: usize = 5;

/// A solver without a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Classical {
    /// AO-ADMM, ρ = 1, duals from zero: the paper's, as its pseudo-code has it
    AdmmCold,
    /// The same with duals that are kept
    AdmmWarm,
    /// AO-ADMM, ρ = trace / rank, duals that are kept, no step that raises the error
    AdmmTrace,
    /// HALS, one sweep
    Hals,
    /// HALS with extrapolation, one sweep
    ExtrapolatedHals,
    /// The same with four sweeps, this project's default
    #[serde(rename = "extrapolated-hals-4")]
    ExtrapolatedHals4,
    /// Multiplicative updates, from NNDSVD with its zeros filled
    Multiplicative,
}

impl Classical {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AdmmCold => "admm-cold",
            Self::AdmmWarm => "admm-warm",
            Self::AdmmTrace => "admm-trace",
            Self::Hals => "hals",
            Self::ExtrapolatedHals => "extrapolated-hals",
            Self::ExtrapolatedHals4 => "extrapolated-hals-4",
            Self::Multiplicative => "multiplicative",
        }
    }

    pub(super) fn method(self) -> Method {
        match self {
            Self::AdmmCold => Method::AoAdmm(AoAdmm::published(DualStart::Cold)),
            Self::AdmmWarm => Method::AoAdmm(AoAdmm::published(DualStart::Warm)),
            Self::AdmmTrace => Method::AoAdmm(AoAdmm::default()),
            Self::Hals => Method::Hals { sweeps: 1 },
            Self::ExtrapolatedHals => Method::extrapolated_hals(1),
            Self::ExtrapolatedHals4 => Method::extrapolated_hals(4),
            Self::Multiplicative => Method::Multiplicative(Loss::Frobenius),
        }
    }
}

/// What runs.
#[derive(Debug, Clone)]
pub(super) enum Runner {
    Classical(Classical),
    /// A solver with fitted numbers.
    Fitted(Method),
    /// A network, then a solver.
    Start(Box<FactormerStart>, Classical),
    /// Five steps with a network between iterations, then the published solver.
    Accelerate {
        parameters: Box<Parameters<FactormerConfig>>,
        guard: ProposalGuard,
    },
}

impl Runner {
    pub(super) fn start(parameters: &Parameters<FactormerConfig>, then: Classical) -> Result<Self> {
        Ok(Self::Start(
            Box::new(FactormerStart::new(parameters)?),
            then,
        ))
    }

    /// A network that accelerates.
    pub(super) fn accelerate(
        parameters: &Parameters<FactormerConfig>,
        guard: ProposalGuard,
    ) -> Self {
        debug_assert_eq!(parameters.config.input, FactormerInput::FactorAndSolver);
        Self::Accelerate {
            parameters: Box::new(parameters.clone()),
            guard,
        }
    }
}

/// Error and seconds so far after each iteration, the start first. Seconds hold the NNDSVD and no evaluation of an error.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Trace {
    pub(super) rmse: Vec<f64>,
    pub(super) seconds: Vec<f64>,
}

impl Trace {
    /// Seconds until the error is at most this, and iterations.
    pub(super) fn reaches(&self, error: f64) -> Option<(f64, usize)> {
        let at = self.rmse.iter().position(|&e| e <= error)?;
        Some((self.seconds[at], at))
    }

    /// The same run once more: each iteration takes the lesser time of the two.
    pub(super) fn fastest(&mut self, again: &Self) {
        let paces = |seconds: &[f64]| -> Vec<f64> {
            let steps = seconds.windows(2).map(|pair| pair[1] - pair[0]);
            seconds.first().copied().into_iter().chain(steps).collect()
        };
        let (ours, theirs) = (paces(&self.seconds), paces(&again.seconds));
        let mut total = 0.0;
        let both = ours.iter().zip(&theirs).map(|(a, b)| a.min(*b));
        for (to, pace) in self.seconds.iter_mut().zip(both) {
            total += pace;
            *to = total;
        }
    }

    fn push(&mut self, rmse: f64, seconds: f64) {
        let before = self.seconds.last().copied().unwrap_or(0.0);
        self.rmse.push(rmse);
        self.seconds.push(before + seconds);
    }
}

/// Runs a method for so many iterations; W and H of the iterations in `keep` come back too.
pub(super) fn trace(
    runner: &Runner,
    matrix: &Matrix,
    horizon: usize,
    keep: &[usize],
) -> Result<(Trace, Vec<(usize, Factors)>)> {
    let data = matrix.data()?;
    let mut run = Run {
        data: &data,
        keep,
        horizon,
        trace: Trace {
            rmse: Vec::new(),
            seconds: Vec::new(),
        },
        kept: Vec::new(),
    };
    let mut start = matrix.start.clone();
    let mut seconds = matrix.seconds;
    let solver = match runner {
        Runner::Classical(solver) | Runner::Start(_, solver) => solver.method(),
        Runner::Fitted(method) => method.clone(),
        Runner::Accelerate { .. } => Classical::AdmmCold.method(),
    };
    if matches!(solver, Method::Multiplicative(_)) {
        // Zeros never change in multiplicative updates.
        let began = Instant::now();
        start = Nndsvd::default()
            .with_fill(Fill::Random)
            .start(&data, RANK)?;
        seconds = began.elapsed().as_secs_f64();
    }
    let rmse = NmfWorkspace::new(&data, &start, NmfOptions::default())?.rmse();
    run.record(rmse, seconds, || start.clone());
    match runner {
        Runner::Classical(_) | Runner::Fitted(_) => {}
        Runner::Start(network, _) => {
            let began = Instant::now();
            start = network.improve(&data, &start)?;
            let seconds = began.elapsed().as_secs_f64();
            let rmse = NmfWorkspace::new(&data, &start, NmfOptions::default())?.rmse();
            run.record(rmse, seconds, || start.clone());
        }
        Runner::Accelerate { parameters, guard } => {
            run.accelerate(&start, parameters, *guard)?;
            return Ok((run.trace, run.kept));
        }
    }
    run.solve(&start, solver)?;
    Ok((run.trace, run.kept))
}

/// A run as it goes.
struct Run<'r> {
    data: &'r Data<'r>,
    keep: &'r [usize],
    horizon: usize,
    trace: Trace,
    kept: Vec<(usize, Factors)>,
}

impl Run<'_> {
    fn record(&mut self, rmse: f64, seconds: f64, factors: impl FnOnce() -> Factors) {
        let at = self.trace.rmse.len();
        if self.keep.contains(&at) {
            self.kept.push((at, factors()));
        }
        self.trace.push(rmse, seconds);
    }

    /// Iterations up to the horizon, the first ones with a network.
    fn accelerate(
        &mut self,
        start: &Factors,
        parameters: &Parameters<FactormerConfig>,
        guard: ProposalGuard,
    ) -> Result<()> {
        let began = Instant::now();
        let accelerated = FactormerAccelerator::new(self.data, start, parameters)?;
        let mut accelerated = accelerated.with_guard(guard);
        // Memory and what is copied there belong to the first iteration.
        let mut seconds = began.elapsed().as_secs_f64();
        for k in 0..self.horizon {
            let began = Instant::now();
            if k < ACCELERATED {
                accelerated.step()?;
            } else {
                accelerated.step_alone();
            }
            seconds += began.elapsed().as_secs_f64();
            let rmse = accelerated.rmse();
            self.record(rmse, seconds, || accelerated.factors());
            seconds = 0.0;
        }
        Ok(())
    }

    /// Iterations up to the horizon.
    fn solve(&mut self, start: &Factors, solver: Method) -> Result<()> {
        let options = NmfOptions::default().with_method(solver);
        let began = Instant::now();
        let mut workspace = NmfWorkspace::new(self.data, start, options)?;
        // Memory and what is copied there belong to the first iteration.
        let mut seconds = began.elapsed().as_secs_f64();
        while self.trace.rmse.len() <= self.horizon {
            let began = Instant::now();
            workspace.step();
            seconds += began.elapsed().as_secs_f64();
            let rmse = workspace.rmse();
            self.record(rmse, seconds, || workspace.factors());
            seconds = 0.0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_of_each_iteration_counts() {
        let trace = |seconds: &[f64]| Trace {
            rmse: vec![1.0; seconds.len()],
            seconds: seconds.to_vec(),
        };
        let mut first = trace(&[1.0, 3.0, 4.0]);
        first.fastest(&trace(&[2.0, 3.0, 6.0]));
        assert_eq!(first.seconds, [1.0, 2.0, 3.0]);
    }
}
