//! The paper's table 4: approximate ideal restriction beside smoothed aggregation, both PyAMG's, on matrices that are not symmetric.

use super::cases::Case;
use super::rows::Row;
use super::sides::Side;

/// Better, worse and equal of the paper: by iterations, by final residual; on 83 matrices.
const PAPER: [[usize; 3]; 2] = [[14, 8, 61], [50, 29, 4]];
/// Residuals that differ by less, relatively, are equal.
const SAME: f64 = 1e-3;

/// The table; nothing where the two were not run.
pub(super) fn table(rows: &[Row], cases: &[Case]) -> Option<String> {
    let row = |case: &Case, method: &str| {
        let mut all = rows.iter();
        let found =
            all.find(|r| r.matrix == case.name && r.method == method && r.rhs == Side::Ones);
        found.filter(|r| r.failure.is_none())
    };
    let (mut by_iterations, mut by_residual, mut matrices) = ([0; 3], [0; 3], 0);
    for case in cases.iter().filter(|case| !case.symmetric) {
        let (Some(air), Some(usual)) = (row(case, "pyamg-air"), row(case, "pyamg")) else {
            continue;
        };
        matrices += 1;
        let iterations = (air.iterations, usual.iterations);
        by_iterations[place(iterations.0 < iterations.1, iterations.0 > iterations.1)] += 1;
        if let (Some(a), Some(b)) = (air.residual, usual.residual) {
            by_residual[place(a < (1.0 - SAME) * b, a > (1.0 + SAME) * b)] += 1;
        }
    }
    if matrices == 0 {
        return None;
    }
    let mut text = format!(
        "Table 4. AIR beside smoothed aggregation, PyAMG's, x* = 1, {matrices} matrices that are not symmetric (paper: 83)\n{:<18}{:>14}{:>14}{:>14}\n",
        "", "better", "worse", "equal"
    );
    for (name, ours, paper) in [
        ("iterations", by_iterations, PAPER[0]),
        ("final residual", by_residual, PAPER[1]),
    ] {
        text += &format!("{name:<18}");
        for (ours, paper) in ours.iter().zip(paper) {
            text += &format!("{:>14}", format!("{ours} ({paper})"));
        }
        text.push('\n');
    }
    Some(text)
}

fn place(better: bool, worse: bool) -> usize {
    match (better, worse) {
        (true, _) => 0,
        (_, true) => 1,
        _ => 2,
    }
}
