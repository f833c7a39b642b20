//! One solve by FGMRES(10), measured as the paper does.

use std::time::Duration;

use anyhow::Result;
use la_krylov::{HISTORY_LIMIT, Host, Status, fgmres_in};
use la_precond::learned::gnp::paper_options;
use la_problems::CsrMatrix;

use super::methods::Resettable;
use super::metrics::Point;
use super::sides::System;

/// Directions of a cycle, as [`paper_options`] has it.
pub(super) const RESTART: usize = 10;
/// Iterations, over all cycles, of a solve that is not timed.
pub(super) const MAX_ITERS: usize = 100;

/// What ends a solve that does not arrive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    Iterations(usize),
    Seconds(f64),
}

/// What a solve came to.
#[derive(Debug, Clone)]
pub(crate) struct Solved {
    pub(super) status: Status,
    pub(crate) iterations: usize,
    /// `‖b − A x‖ / ‖b‖`, computed and not tracked.
    pub(crate) residual: f64,
    /// What the iteration believed at its end.
    pub(super) tracked: f64,
    /// `‖x − x*‖ / ‖x*‖`.
    pub(super) error: f64,
    pub(crate) seconds: f64,
    pub(super) history: Vec<Point>,
}

impl Solved {
    /// Whether the paper discards it: the tracked residual is not the true one, or there is none.
    pub(super) fn failed(&self) -> bool {
        matches!(
            self.status,
            Status::ResidualMismatch | Status::PreconditionerFailure | Status::NonFinite
        ) || !self.residual.is_finite()
    }

    /// `|α − β| > 1e-5 β`: the paper's rule without its absolute part.
    pub(super) fn mismatch(&self) -> bool {
        let apart = (self.tracked - self.residual).abs();
        apart.is_nan() || apart > 1e-5 * self.residual
    }
}

/// Solves from zero on one thread, after the method has forgotten all earlier solves.
pub(crate) fn solve(
    a: &CsrMatrix,
    system: &System,
    m: &dyn Resettable,
    limit: Limit,
) -> Result<Solved> {
    m.reset();
    let mut options = paper_options().with_divergence_factor(f64::MAX);
    options = match limit {
        Limit::Iterations(iterations) => options.with_max_iters(iterations),
        Limit::Seconds(seconds) => options
            .with_max_iters(HISTORY_LIMIT - 1)
            .with_time_limit(Duration::from_secs_f64(seconds)),
    };
    let space = Host::sequential(a.rows());
    let solution = fgmres_in(space, a, &system.b, m, &options)?;
    let history: Vec<Point> = solution
        .history
        .iter()
        .map(|s| {
            let seconds = s.seconds.unwrap_or(f64::NAN);
            (s.recurrence_norm / solution.rhs_norm, seconds)
        })
        .take_while(|p| p.0.is_finite() && p.1.is_finite())
        .collect();
    Ok(Solved {
        status: solution.status,
        iterations: solution.iterations,
        residual: solution.relative_residual(),
        tracked: history.last().map_or(f64::NAN, |p| p.0),
        error: system.error(&solution.x),
        seconds: solution.seconds,
        history,
    })
}

#[cfg(test)]
mod tests {
    use la_krylov::{Preconditioner, PreconditionerError, PreconditionerKind};

    use super::super::cases::Case;
    use super::super::sides::Side;
    use super::*;

    /// What it returns says nothing of what it was given.
    struct Broken(f64);

    impl Preconditioner<Host<f64>> for Broken {
        fn dimension(&self) -> usize {
            30
        }

        fn apply(
            &self,
            _: &Host<f64>,
            _: &[f64],
            z: &mut [f64],
        ) -> Result<(), PreconditionerError> {
            z.fill(self.0);
            Ok(())
        }

        fn kind(&self) -> PreconditionerKind {
            PreconditionerKind::Variable
        }
    }

    impl Resettable for Broken {}

    #[test]
    fn methods_that_return_nothing_fail() {
        let a = Case::generated("laplacian-1d-30")
            .unwrap()
            .load()
            .unwrap()
            .a;
        let system = System::new(&a, Side::Gaussian, 0);
        for value in [0.0, f64::NAN] {
            let solved = solve(&a, &system, &Broken(value), Limit::Iterations(100)).unwrap();
            assert!(solved.failed(), "{value}: {:?}", solved.status);
        }
    }

    #[test]
    fn the_tracked_residual_has_to_be_the_true_one() {
        let solved = |tracked| Solved {
            status: Status::IterationLimit,
            iterations: 100,
            residual: 1e-3,
            tracked,
            error: 1.0,
            seconds: 1.0,
            history: Vec::new(),
        };
        assert!(!solved(1e-3 * (1.0 + 1e-6)).mismatch());
        assert!(solved(1e-3 * (1.0 + 1e-4)).mismatch());
        assert!(solved(f64::NAN).mismatch());
    }
}
