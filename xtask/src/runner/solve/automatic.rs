//! Method and preconditioner left to the library.

use std::ops::ControlFlow;

use anyhow::Result;
use la_precond::auto::{Auto, AutoMonitor, AutoOutcome, Candidate};

use super::args::Plan;
use super::attempt::{Attempt, Outcome, Outcomes};
use super::system::System;
use super::watch::Progress;

/// Shows the attempts on the progress bar.
struct Show<'p> {
    progress: &'p mut Progress,
}

impl AutoMonitor for Show<'_> {
    fn attempt(&mut self, candidate: &Candidate) {
        self.progress
            .begin(candidate.precond.name(), "setting up and solving");
    }

    fn iteration(&mut self, iteration: usize, relative_residual: f64) -> ControlFlow<()> {
        self.progress.step(iteration, relative_residual);
        ControlFlow::Continue(())
    }
}

/// Tries until something works.
pub(super) fn solve(system: &System, plan: &Plan, progress: &mut Progress) -> Result<Outcomes> {
    let mut auto = Auto::default()
        .with_rtol(plan.rtol)
        .with_max_iters(plan.max_iters)
        .with_complete(!plan.iterative_only);
    auto.time_limit = plan.time_limit;
    let solution = auto.solve_monitored(
        system.a.view(),
        &system.b,
        &mut Show {
            progress: &mut *progress,
        },
    )?;
    progress.finish();
    let attempts = solution.attempts.into_iter().map(|attempt| Attempt {
        method: attempt.candidate.method.name(),
        precond: attempt.candidate.precond.name(),
        why: Some(attempt.candidate.why),
        scaled: false,
        outcome: match attempt.outcome {
            AutoOutcome::Refused(error) => Outcome::Refused(error.to_string()),
            AutoOutcome::Unfit(error) => Outcome::Refused(error.to_string()),
            AutoOutcome::GivenUp(window) => Outcome::GivenUp(window),
            AutoOutcome::Ended(status) => Outcome::Ended(status),
            other => Outcome::Refused(other.to_string()),
        },
        iterations: attempt.iterations,
        restarts: 0,
        relative_residual: attempt.relative_residual,
        setup_seconds: attempt.setup_seconds,
        solve_seconds: attempt.solve_seconds,
        stats: attempt.factor,
        fill_ratio: attempt.fill_ratio,
        history: attempt.history,
    });
    Ok(Outcomes {
        attempts: attempts.collect(),
        relative_residual: system.relative_residual(&solution.x),
        x: solution.x,
        status: solution.status,
    })
}
