//! Set-up, training and solves together: who solves k right-hand sides first.

use std::collections::BTreeMap;

use super::rows::Row;
use super::sides::Side;

/// Numbers of right-hand sides.
pub(super) const SOLVES: [u32; 3] = [1, 10, 100];

/// On how many matrices a learned method is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Share {
    /// Matrices on which at least one method of either kind arrived.
    pub(super) matrices: usize,
    /// Of these, those on which a learned method takes less total time than every classical one.
    pub(super) learned: usize,
}

/// Seconds of construction and `solves` solves, if the solves arrive.
pub(super) fn total(row: &Row, solves: u32) -> Option<f64> {
    let arrived = row.converged();
    let seconds = row.construction_seconds? + f64::from(solves) * row.solve_seconds?;
    arrived.then_some(seconds)
}

/// Compares on one kind of right-hand side; a network counts with the median of its seeds, a seed that does not arrive with
/// infinite time.
pub(super) fn share(
    rows: &[Row],
    side: Side,
    solves: u32,
    learned: &[&str],
    classical: &[&str],
) -> Share {
    let mut matrices: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let mut seeds: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.rhs == side) {
        let seconds = total(row, solves).unwrap_or(f64::INFINITY);
        let best = matrices
            .entry(&row.matrix)
            .or_insert((f64::INFINITY, f64::INFINITY));
        if classical.contains(&row.method.as_str()) {
            best.1 = best.1.min(seconds);
        } else if learned.contains(&row.method.as_str()) {
            seeds
                .entry((&row.matrix, &row.method))
                .or_default()
                .push(seconds);
        }
    }
    for ((matrix, _), seconds) in seeds {
        if let (Some(best), Some(median)) = (matrices.get_mut(matrix), median(seconds)) {
            best.0 = best.0.min(median);
        }
    }
    let mut share = Share::default();
    for (learned, classical) in matrices.values() {
        share.matrices += usize::from(learned.is_finite() || classical.is_finite());
        share.learned += usize::from(learned < classical);
    }
    share
}

/// The lower of both middle values of an even number: an infinite half does not drown a finite one.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// Median over the matrices of [`residual_ratios`], and their number.
pub(super) fn residual_ratio(
    rows: &[Row],
    side: Side,
    method: &str,
    base: &str,
) -> Option<(f64, usize)> {
    let ratios = residual_ratios(rows, side, method, base);
    let count = ratios.len();
    Some((median(ratios)?, count))
}

/// The final residual of `method` over that of `base` on every matrix that both ran on, both medians over seeds. Failures have the
/// residual 1 of x = 0.
pub(super) fn residual_ratios(rows: &[Row], side: Side, method: &str, base: &str) -> Vec<f64> {
    let of = |method: &str| {
        let mut found: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for row in rows.iter().filter(|r| r.rhs == side && r.method == method) {
            let sound = row.failure.is_none();
            let residual = row.residual.filter(|_| sound).unwrap_or(1.0);
            found
                .entry(&row.matrix)
                .or_default()
                // What lies below the tolerance has arrived.
                .push(residual.max(super::metrics::RTOL));
        }
        found
    };
    let bases = of(base);
    of(method)
        .into_iter()
        .filter_map(|(matrix, values)| {
            let below = median(bases.get(matrix)?.clone())?;
            Some(median(values)? / below)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::rows::Failure;
    use super::*;

    fn row(matrix: &str, method: &str, seed: Option<u64>, times: (f64, f64)) -> Row {
        serde_json::from_value(serde_json::json!({
            "matrix": matrix, "n": 1000, "nnz": 5000, "method": method, "rhs": "gaussian", "seed": seed,
            "status": "converged", "failure": null, "reason": null, "iterations": 10,
            "residual": 1e-9, "tracked": 1e-9, "mismatch": false, "error": 1.0,
            "iter_auc": 10.0, "construction_seconds": times.0, "solve_seconds": times.1,
            "history": [], "timed": null
        }))
        .unwrap()
    }

    #[test]
    fn training_pays_only_with_many_solves() {
        let mut rows = vec![
            row("a", "gnp", Some(0), (100.0, 0.5)),
            row("a", "gnp", Some(1), (110.0, 0.5)),
            row("a", "gnp", Some(2), (120.0, 9.0)),
            row("a", "ilut", None, (1.0, 2.0)),
            row("b", "ilut", None, (1.0, 2.0)),
        ];
        let share = |rows: &[Row], solves| share(rows, Side::Gaussian, solves, &["gnp"], &["ilut"]);
        let counts = SOLVES.map(|solves| share(&rows, solves).learned);
        assert_eq!(counts, [0, 0, 1]);
        assert_eq!(share(&rows, 1).matrices, 2);
        // Two of three seeds that do not arrive leave nothing.
        rows[0].status = "iteration_limit".into();
        rows[1].failure = Some(Failure::Solution);
        assert_eq!(share(&rows, 100).learned, 0);
    }

    #[test]
    fn ratios_are_medians_over_matrices() {
        let mut rows = Vec::new();
        for (matrix, better, worse) in [("a", 1e-5, 1e-3), ("b", 1e-4, 1e-3), ("c", 1e-3, 1e-3)] {
            for (method, residual) in [("new", better), ("gnp", worse)] {
                let mut row = row(matrix, method, Some(0), (1.0, 1.0));
                row.residual = Some(residual);
                rows.push(row);
            }
        }
        let (ratio, count) = residual_ratio(&rows, Side::Gaussian, "new", "gnp").unwrap();
        assert!((ratio - 0.1).abs() < 1e-12);
        assert_eq!(count, 3);
        assert_eq!(residual_ratio(&rows, Side::Ones, "new", "gnp"), None);
    }
}
