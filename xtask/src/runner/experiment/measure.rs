//! One solve, measured at several tolerances at once.

use std::time::Instant;

use anyhow::Result;
use la_krylov::{
    CgOptions, CgWorkspace, GmresOptions, History, Host, Preconditioner, Status, cg_with, gmres,
};
use la_problems::CsrMatrix;
use serde::{Deserialize, Serialize};

/// Relative residuals at which iterations and seconds are reported.
pub(crate) const THRESHOLDS: [f64; 3] = [1e-3, 1e-6, 1e-8];

/// What a set-up and a solve cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) status: Status,
    /// Iterations to each threshold.
    pub(crate) iterations: [Option<usize>; 3],
    /// Seconds of the iteration to each threshold.
    pub(crate) seconds: [Option<f64>; 3],
    /// (iteration, relative residual, seconds).
    pub(crate) history: Vec<(f64, f64, f64)>,
}

/// Solves `A x = b` from zero to the smallest threshold, on the current thread pool.
pub(crate) fn solve<M: Preconditioner<Host>>(
    a: &CsrMatrix,
    b: &[f64],
    m: &M,
    max_iters: usize,
) -> Result<Measured> {
    // As in the paper, b has norm 1.
    let norm = b.iter().map(|v| v * v).sum::<f64>().sqrt();
    let b: Vec<f64> = b.iter().map(|v| v / norm).collect();
    let options = CgOptions::default()
        .with_rtol(THRESHOLDS[2])
        .with_max_iters(max_iters)
        .with_history(History::ResidualsAndTimes);
    let mut workspace = CgWorkspace::<Host>::new(b.len(), &options);
    let solution = cg_with(&mut workspace, a, &b, m, &options)?;
    let history = solution
        .history
        .iter()
        .enumerate()
        .map(|(k, s)| {
            (
                k as f64,
                s.recurrence_norm / solution.rhs_norm,
                s.seconds.unwrap_or(f64::NAN),
            )
        })
        // JSON has no NaN, and a picture no place for it.
        .take_while(|p: &(f64, f64, f64)| p.1.is_finite() && p.2.is_finite())
        .collect();
    Ok(Measured {
        status: solution.status,
        iterations: THRESHOLDS.map(|t| solution.iterations_to(t)),
        seconds: THRESHOLDS.map(|t| solution.seconds_to(t)),
        history,
    })
}

/// Iterations of preconditioned CG to one relative residual; the limit if it is not reached.
pub(crate) fn iterations<M: Preconditioner<Host>>(
    a: &CsrMatrix,
    b: &[f64],
    m: &M,
    rtol: f64,
    max_iters: usize,
) -> Result<usize> {
    let options = CgOptions::default()
        .with_rtol(rtol)
        .with_max_iters(max_iters);
    let mut workspace = CgWorkspace::new(b.len(), &options);
    let solution = cg_with(&mut workspace, a, b, m, &options)?;
    Ok(solution.iterations_to(rtol).unwrap_or(max_iters))
}

/// Iterations of unrestarted, right-preconditioned GMRES to one relative residual; the limit if it is not reached.
pub(crate) fn gmres_iterations<M: Preconditioner<Host>>(
    a: &CsrMatrix,
    b: &[f64],
    m: &M,
    rtol: f64,
    max_iters: usize,
) -> Result<usize> {
    let options = GmresOptions::default()
        .with_rtol(rtol)
        .with_restart(max_iters)
        .with_max_iters(max_iters);
    let solution = gmres(a, b, m, &options)?;
    let converged = solution.status.is_converged();
    Ok(if converged {
        solution.iterations
    } else {
        max_iters
    })
}

/// Median seconds of `repetitions` runs of a set-up, and its last result.
pub(crate) fn set_up<T, E>(
    repetitions: usize,
    mut build: impl FnMut() -> Result<T, E>,
) -> Result<(T, f64), E> {
    let mut timed = || {
        let start = Instant::now();
        build().map(|built| (built, start.elapsed().as_secs_f64()))
    };
    let (mut last, seconds) = timed()?;
    let mut all = vec![seconds];
    for _ in 1..repetitions {
        let (built, seconds) = timed()?;
        last = built;
        all.push(seconds);
    }
    all.sort_by(f64::total_cmp);
    Ok((last, all[all.len() / 2]))
}
