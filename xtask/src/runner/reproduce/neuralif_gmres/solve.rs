//! One solve by unrestarted GMRES, measured.

use std::time::Duration;

use anyhow::Result;
use la_krylov::{GmresOptions, GmresWorkspace, History, Host, Preconditioner, Status, gmres_with};
use la_problems::CsrMatrix;
use serde::{Deserialize, Serialize};

/// Relative residuals at which iterations and seconds are reported; the last one ends the solve, as in the paper.
pub(super) const THRESHOLDS: [f64; 2] = [1e-3, 1e-6];

/// Iterations at most; a solve takes no more than there are unknowns either.
pub(super) const MAX_ITERS: usize = 10_000;

/// What a solve came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Solved {
    pub(super) status: Status,
    /// Iterations to each threshold.
    pub(super) iterations: [Option<usize>; 2],
    /// Seconds of the iteration to each threshold.
    pub(super) seconds: [Option<f64>; 2],
    /// `‖b − A x‖ / ‖b‖` at the end, computed and not tracked.
    pub(super) residual: f64,
    /// (iteration, relative residual, seconds).
    pub(super) history: Vec<(f64, f64, f64)>,
}

/// Vectors for systems of one order after the other.
#[derive(Default)]
pub(super) struct Solver {
    workspace: Option<(usize, GmresWorkspace<Host>)>,
}

impl Solver {
    /// Solves `A x = b` from zero, right-preconditioned, without restart, on the current thread pool.
    ///
    /// The basis is allocated once for each order; pages of vectors that no iteration reaches stay untouched.
    pub(super) fn solve(
        &mut self,
        a: &CsrMatrix,
        b: &[f64],
        m: &dyn Preconditioner<Host>,
        limit: Duration,
    ) -> Result<Solved> {
        let n = b.len();
        let max_iters = n.clamp(1, MAX_ITERS);
        let options = GmresOptions::default()
            .with_rtol(THRESHOLDS[1])
            .with_max_iters(max_iters)
            .with_restart(max_iters)
            .with_time_limit(limit)
            .with_history(History::ResidualsAndTimes);
        let workspace = match &mut self.workspace {
            Some((order, workspace)) if *order == n => workspace,
            other => &mut other.insert((n, GmresWorkspace::new(n, &options))).1,
        };
        let solution = gmres_with(workspace, a, b, m, &options)?;
        let relative = |norm: f64| norm / solution.rhs_norm;
        let history = solution
            .history
            .iter()
            .enumerate()
            .map(|(k, s)| {
                let seconds = s.seconds.unwrap_or(f64::NAN);
                (k as f64, relative(s.recurrence_norm), seconds)
            })
            // JSON has no NaN, and a picture no place for it.
            .take_while(|p: &(f64, f64, f64)| p.1.is_finite() && p.2.is_finite())
            .collect();
        let reached = |t: f64| t > THRESHOLDS[1] || solution.status.is_converged();
        Ok(Solved {
            status: solution.status,
            iterations: THRESHOLDS.map(|t| solution.iterations_to(t).filter(|_| reached(t))),
            seconds: THRESHOLDS.map(|t| solution.seconds_to(t).filter(|_| reached(t))),
            residual: relative(solution.residual_norm),
            history,
        })
    }
}

#[cfg(test)]
mod tests {
    use la_krylov::IdentityPreconditioner;
    use la_problems::{Grid, PerturbedPoisson, Split};

    use super::*;

    #[test]
    fn without_restart_the_residual_falls_to_the_end() {
        let system = PerturbedPoisson::default()
            .with_grid(Grid::rectangle(10, 10))
            .generate(Split::Test.seed(0))
            .unwrap();
        let mut solver = Solver::default();
        let m = IdentityPreconditioner::new(100);
        let limit = Duration::from_secs(60);
        let first = solver
            .solve(&system.matrix, &system.rhs, &m, limit)
            .unwrap();
        assert!(first.status.is_converged() && first.residual <= 1e-6);
        let [coarse, fine] = first.iterations.map(Option::unwrap);
        assert!(
            0 < coarse && coarse <= fine && fine <= 100,
            "{coarse} {fine}"
        );
        assert!(
            first
                .history
                .windows(2)
                .all(|w| w[1].1 <= w[0].1 * (1.0 + 1e-12))
        );
        // Another order in between changes nothing.
        let small = PerturbedPoisson::default().with_grid(Grid::rectangle(4, 4));
        let small = small
            .with_perturbation(la_problems::Perturbation::Nonzeros)
            .generate(0)
            .unwrap();
        let eye = IdentityPreconditioner::new(16);
        solver
            .solve(&small.matrix, &small.rhs, &eye, limit)
            .unwrap();
        let again = solver
            .solve(&system.matrix, &system.rhs, &m, limit)
            .unwrap();
        assert_eq!(
            (again.iterations, again.residual),
            (first.iterations, first.residual)
        );
    }

    #[test]
    fn time_that_is_up_is_no_convergence() {
        let system = PerturbedPoisson::default()
            .with_grid(Grid::rectangle(10, 10))
            .generate(0)
            .unwrap();
        let m = IdentityPreconditioner::new(100);
        let solved = Solver::default()
            .solve(&system.matrix, &system.rhs, &m, Duration::ZERO)
            .unwrap();
        assert_eq!(solved.status, Status::TimeLimit);
        assert_eq!((solved.iterations[1], solved.seconds[1]), (None, None));
    }
}
