//! Solving: the preconditioners of the plan one after another, until one brings the residual down.

use std::time::{Duration, Instant};

use anyhow::Result;
use la_krylov::Status;
use la_precond::FactorStats;

use super::args::{Method, Plan, Precond};
use super::preconditioner::{Built, jacobi_scaled, scales};
use super::system::System;
use super::watch::{Progress, Watch};
use super::{automatic, methods};

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The preconditioner could not be built, for this reason.
    Refused(String),
    /// The smallest residual did not fall over this many iterations.
    GivenUp(usize),
    /// The solve ended by itself.
    Ended(Status),
}

/// One preconditioner that was tried.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) method: &'static str,
    pub(super) precond: &'static str,
    /// Why it was tried, where the choice was automatic.
    pub(super) why: Option<&'static str>,
    pub(super) scaled: bool,
    pub(super) outcome: Outcome,
    pub(super) iterations: usize,
    /// Times that CG went on from the recomputed residual.
    pub(super) restarts: usize,
    /// Recomputed, at the end; `None` if there was no solve.
    pub(super) relative_residual: Option<f64>,
    pub(super) setup_seconds: f64,
    pub(super) solve_seconds: f64,
    pub(super) stats: Option<FactorStats>,
    /// Entries of the factors over those of the matrix.
    pub(super) fill_ratio: Option<f64>,
    /// Relative residual norms by iteration.
    pub(super) history: Vec<f64>,
}

/// The best iterate and how it came about.
#[derive(Debug)]
pub(super) struct Outcomes {
    pub(super) x: Vec<f64>,
    /// Of the last attempt; [`Status::PreconditionerFailure`] if nothing could be built.
    pub(super) status: Status,
    /// `‖b − A x‖/‖b‖`, recomputed.
    pub(super) relative_residual: f64,
    pub(super) attempts: Vec<Attempt>,
}

/// Runs the plan.
pub(super) fn solve(system: &System, plan: &Plan, progress: &mut Progress) -> Result<Outcomes> {
    if plan.automatic {
        return automatic::solve(system, plan, progress);
    }
    let started = Instant::now();
    let mut outcomes = Outcomes {
        x: vec![0.0; system.b.len()],
        status: Status::PreconditionerFailure,
        relative_residual: system.relative_residual(&vec![0.0; system.b.len()]),
        attempts: Vec::new(),
    };
    for (rank, &kind) in plan.chain.iter().enumerate() {
        let left = plan
            .time_limit
            .map(|limit| limit.saturating_sub(started.elapsed()));
        if rank > 0 && left.is_some_and(|left| left.is_zero()) {
            break;
        }
        let last = rank + 1 == plan.chain.len();
        let attempt = run(system, plan, kind, last, left, &mut outcomes, progress)?;
        outcomes.attempts.push(attempt);
        if outcomes.status.is_converged() {
            break;
        }
    }
    progress.finish();
    Ok(outcomes)
}

/// One attempt from the best iterate so far; leaves the better iterate in `outcomes`.
fn run(
    system: &System,
    plan: &Plan,
    kind: Precond,
    last: bool,
    left: Option<Duration>,
    outcomes: &mut Outcomes,
    progress: &mut Progress,
) -> Result<Attempt> {
    progress.begin(kind.name(), "setting up");
    let setup = Instant::now();
    let scaled = scales(plan, kind).then(|| jacobi_scaled(&system.a));
    let built = match &scaled {
        Some((a, scale)) => Built::new(kind, plan, a).map(|m| m.unscaled(scale.clone())),
        None => Built::new(kind, plan, &system.a),
    };
    let method = method(plan, system, kind);
    let mut attempt = Attempt {
        method: method.name(),
        precond: kind.name(),
        why: None,
        scaled: scaled.is_some(),
        outcome: Outcome::Ended(Status::PreconditionerFailure),
        iterations: 0,
        restarts: 0,
        relative_residual: None,
        setup_seconds: setup.elapsed().as_secs_f64(),
        solve_seconds: 0.0,
        stats: None,
        fill_ratio: None,
        history: Vec::new(),
    };
    let m = match built {
        Ok(built) => {
            attempt.stats = built.stats;
            attempt.fill_ratio = built.fill_ratio;
            built.apply
        }
        Err(error) => {
            attempt.outcome = Outcome::Refused(format!("{error:#}"));
            return Ok(attempt);
        }
    };
    progress.begin(kind.name(), "solving");
    let patience = (!last).then(|| (plan.max_iters / 10).max(200));
    let left = left.map(|left| left.saturating_sub(setup.elapsed()));
    let guess = (outcomes.relative_residual < 1.0).then_some(outcomes.x.as_slice());
    let mut watch = Watch::new(progress, patience);
    let solution = methods::solve(method, system, plan, &m, guess, left, &mut watch)?;
    attempt.outcome = match (watch.gave_up, patience) {
        (true, Some(patience)) if !solution.status.is_converged() => Outcome::GivenUp(patience),
        _ => Outcome::Ended(solution.status),
    };
    attempt.iterations = solution.iterations;
    attempt.restarts = solution.restarts;
    attempt.solve_seconds = solution.seconds;
    attempt.history = solution
        .history
        .iter()
        .map(|step| step.recurrence_norm / solution.rhs_norm)
        .collect();
    let relative_residual = system.relative_residual(&solution.x);
    attempt.relative_residual = Some(relative_residual);
    outcomes.status = solution.status;
    if solution.status.is_converged() || relative_residual <= outcomes.relative_residual {
        outcomes.x = solution.x;
        outcomes.relative_residual = relative_residual;
    }
    Ok(attempt)
}

/// The method of a plan for a preconditioner.
fn method(plan: &Plan, system: &System, kind: Precond) -> Method {
    match plan.method {
        // A network is no linear operator.
        Method::Auto if kind == Precond::Gnp => Method::Fgmres,
        Method::Auto if system.may_be_definite && !kind.is_general() => Method::Cg,
        Method::Auto => Method::Gmres,
        chosen => chosen,
    }
}
