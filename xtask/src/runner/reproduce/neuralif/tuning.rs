//! Parameters that are chosen on validation matrices, by total time to 1e-3, the same way for every method.

use anyhow::Result;

use super::methods::Method;
use super::rows::row;
use crate::experiment::Problem;

/// The candidate with the least mean total time to 1e-3; a candidate that fails anywhere is out.
pub(super) fn choose(
    candidates: &[f64],
    problems: &[Problem],
    repetitions: usize,
    mut method: impl FnMut(f64) -> Result<Method>,
) -> Result<f64> {
    let mut best = (f64::INFINITY, candidates.first().copied().unwrap_or(0.0));
    for &candidate in candidates {
        let method = method(candidate)?;
        let mut total = 0.0;
        for problem in problems {
            total += row(&method, problem, repetitions)
                .ok()
                .and_then(|r| r.total(0))
                .unwrap_or(f64::INFINITY);
        }
        if total < best.0 {
            best = (total, candidate);
        }
    }
    Ok(best.1)
}
