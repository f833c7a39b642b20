//! One method on one system: what is written down.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::{Result, anyhow};
use la_problems::CsrMatrix;
use serde::{Deserialize, Serialize};

use super::cases::Case;
use super::methods::Ready;
use super::metrics::{Point, iteration_area, time_area};
use super::sides::{Side, System};
use super::solve::{Limit, MAX_ITERS, Solved, solve};

/// Where a method failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Failure {
    /// The preconditioner could not be made.
    Construction,
    /// The solve is discarded.
    Solution,
    /// b = 0: there is no relative residual.
    DegenerateRhs,
}

/// One method on one matrix with one right-hand side: a line of `rows.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) matrix: String,
    pub(super) n: usize,
    pub(super) nnz: usize,
    pub(super) method: String,
    pub(super) rhs: Side,
    /// Seed of the network; none for what has none.
    pub(super) seed: Option<u64>,
    /// How the solve ended, or what was in its way.
    pub(super) status: String,
    pub(super) failure: Option<Failure>,
    /// What was said about a failure.
    pub(super) reason: Option<String>,
    pub(super) iterations: Option<usize>,
    /// Recomputed, relative.
    pub(super) residual: Option<f64>,
    pub(super) tracked: Option<f64>,
    /// The tracked residual differs from the true one by more than a hundred-thousandth of it.
    pub(super) mismatch: Option<bool>,
    /// Of the solution, relative.
    pub(super) error: Option<f64>,
    /// Decades; none for failures.
    pub(super) iter_auc: Option<f64>,
    pub(super) construction_seconds: Option<f64>,
    pub(super) solve_seconds: Option<f64>,
    /// Relative residual and seconds, from the initial state on.
    pub(super) history: Vec<Point>,
    /// The same with a time limit, where that was done.
    pub(super) timed: Option<Timed>,
}

/// A solve with a time limit and no iteration limit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Timed {
    /// Seconds.
    pub(super) limit: f64,
    pub(super) status: String,
    pub(super) iterations: Option<usize>,
    pub(super) residual: Option<f64>,
    /// Decades times seconds; none for failures.
    pub(super) time_auc: Option<f64>,
}

impl Row {
    pub(super) fn converged(&self) -> bool {
        self.failure.is_none() && self.status == "converged"
    }

    /// Nothing came of it.
    pub(super) fn fail(&mut self, failure: Failure, status: &str, reason: Option<String>) {
        self.failure = Some(failure);
        self.status = status.into();
        self.reason = reason;
    }

    pub(super) fn empty(case: &Case, nnz: usize, who: &Who, rhs: Side) -> Self {
        Self {
            matrix: case.name.clone(),
            n: case.n,
            nnz,
            method: who.method.clone(),
            rhs,
            seed: who.seed,
            status: String::new(),
            failure: None,
            reason: None,
            iterations: None,
            residual: None,
            tracked: None,
            mismatch: None,
            error: None,
            iter_auc: None,
            construction_seconds: None,
            solve_seconds: None,
            history: Vec::new(),
            timed: None,
        }
    }

    fn take(&mut self, solved: Solved) {
        let finite = |v: f64| Some(v).filter(|v| v.is_finite());
        self.status = solved.status.as_str().into();
        self.failure = solved.failed().then_some(Failure::Solution);
        self.iterations = Some(solved.iterations);
        self.residual = finite(solved.residual);
        self.tracked = finite(solved.tracked);
        self.mismatch = Some(solved.mismatch());
        self.error = finite(solved.error);
        self.solve_seconds = finite(solved.seconds);
        if self.failure.is_none() {
            let converged = solved.status.is_converged();
            self.iter_auc = iteration_area(&solved.history, converged, MAX_ITERS);
        }
        self.history = solved.history;
    }
}

/// A method with the seed of its network.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) method: String,
    pub(super) seed: Option<u64>,
}

/// A preconditioner with the seconds that its making took, training included.
pub(super) struct Built<'a> {
    pub(super) ready: Ready<'a>,
    pub(super) seconds: f64,
}

/// Makes a preconditioner and measures it.
pub(super) fn measured<'a>(make: impl FnOnce() -> Result<Ready<'a>>) -> Result<Built<'a>> {
    let start = Instant::now();
    let ready = make()?;
    Ok(Built {
        ready,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// One method on all right-hand sides of a matrix; whatever happens is a row.
pub(super) fn rows<'a>(
    case: &Case,
    a: &'a CsrMatrix,
    systems: &[System],
    who: &Who,
    make: impl FnOnce() -> Result<Built<'a>>,
) -> Vec<Row> {
    let mut list: Vec<Row> = systems
        .iter()
        .map(|system| Row::empty(case, a.nnz(), who, system.side))
        .collect();
    let built = match guarded(make) {
        Ok(built) => built,
        Err(error) => {
            for row in &mut list {
                let reason = format!("{error:#}");
                row.fail(Failure::Construction, "construction_failure", Some(reason));
            }
            return list;
        }
    };
    for (row, system) in list.iter_mut().zip(systems) {
        row.construction_seconds = Some(built.seconds);
        if system.is_degenerate() {
            row.fail(Failure::DegenerateRhs, "degenerate_rhs", None);
            continue;
        }
        let solved = guarded(|| {
            // One cycle that does not count: caches and pages are warm then.
            solve(a, system, &*built.ready, Limit::Iterations(RESTART_WARM))?;
            solve(a, system, &*built.ready, Limit::Iterations(MAX_ITERS))
        });
        match solved {
            Ok(solved) => row.take(solved),
            Err(error) => row.fail(Failure::Solution, "error", Some(format!("{error:#}"))),
        }
    }
    list
}

/// Iterations of the solve before the one that is measured.
const RESTART_WARM: usize = 5;

/// The same with time limits instead of iteration limits, for the right-hand sides that have one.
pub(super) fn timed<'a>(
    a: &'a CsrMatrix,
    systems: &[(&System, f64)],
    make: impl FnOnce() -> Result<Built<'a>>,
) -> Vec<Timed> {
    let nothing = |limit: f64, status: &str| Timed {
        limit,
        status: status.into(),
        iterations: None,
        residual: None,
        time_auc: None,
    };
    let Ok(built) = guarded(make) else {
        let limits = systems.iter().map(|(_, limit)| *limit);
        return limits
            .map(|limit| nothing(limit, "construction_failure"))
            .collect();
    };
    let one = |(system, limit): &(&System, f64)| {
        let solved = guarded(|| solve(a, system, &*built.ready, Limit::Seconds(*limit)));
        match solved {
            Ok(solved) => {
                let converged = solved.status.is_converged();
                let area = time_area(&solved.history, converged, *limit);
                Timed {
                    limit: *limit,
                    status: solved.status.as_str().into(),
                    iterations: Some(solved.iterations),
                    residual: Some(solved.residual).filter(|r| r.is_finite()),
                    time_auc: area.filter(|_| !solved.failed()),
                }
            }
            Err(_) => nothing(*limit, "error"),
        }
    };
    systems.iter().map(one).collect()
}

/// A panic is an error like any other.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(anyhow!("panic: {}", text.unwrap_or("without a message")))
    })
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::super::methods::Classical;
    use super::*;

    fn case() -> Case {
        Case::generated("laplacian-1d-40").unwrap()
    }

    fn who(method: &str) -> Who {
        Who {
            method: method.into(),
            seed: None,
        }
    }

    #[test]
    fn nothing_stops_the_others() {
        let (case, a) = (case(), case().load().unwrap().a);
        let systems = [Side::Ones, Side::Gaussian].map(|side| System::new(&a, side, 0));
        let error = rows(&case, &a, &systems, &who("error"), || bail!("no such luck"));
        let panic = rows(&case, &a, &systems, &who("panic"), || panic!("on purpose"));
        for row in error.iter().chain(&panic) {
            assert_eq!(row.failure, Some(Failure::Construction));
            assert_eq!(row.iter_auc, None);
        }
        assert_eq!(error[1].reason.as_deref(), Some("no such luck"));
        assert_eq!(panic[0].reason.as_deref(), Some("panic: on purpose"));
        let good = rows(&case, &a, &systems, &who("lu"), || {
            measured(|| Classical::Lu.build(&a))
        });
        assert!(good.iter().all(Row::converged));
        assert!(good[0].error.unwrap() < 1e-10 && good[0].iterations.unwrap() <= 2);
        let line = serde_json::to_string(&good[0]).unwrap();
        let back: Row = serde_json::from_str(&line).unwrap();
        assert_eq!(back.residual, good[0].residual);
    }

    #[test]
    fn a_time_limit_takes_the_place_of_the_iterations() {
        let a = Case::generated("laplacian-1d-1024")
            .unwrap()
            .load()
            .unwrap()
            .a;
        let system = System::new(&a, Side::Gaussian, 0);
        let make = || measured(|| Classical::None.build(&a));
        let result = timed(&a, &[(&system, 0.05)], make);
        assert!(result[0].iterations.unwrap() > MAX_ITERS);
        let area = result[0].time_auc.unwrap();
        assert!(area > 0.0 && area < 8.0 * 0.5, "{area}");
    }

    #[test]
    fn zero_row_sums_are_said() {
        let mut case = case();
        let a = CsrMatrix::new(
            (2, 2),
            vec![0, 2, 4],
            vec![0, 1, 0, 1],
            vec![0.5, -0.5, -0.5, 0.5],
        );
        case.n = 2;
        let systems = [System::new(&a, Side::Ones, 0)];
        let rows = rows(&case, &a, &systems, &who("none"), || {
            measured(|| Classical::None.build(&a))
        });
        assert_eq!(rows[0].failure, Some(Failure::DegenerateRhs));
        assert_eq!(rows[0].status, "degenerate_rhs");
    }
}
