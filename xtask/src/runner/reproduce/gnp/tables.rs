//! The tables of the report as text, ours beside the paper's.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use xtask::report::{Summary, format_number};

use super::cases::Case;
use super::rows::{Failure, Row};
use super::shares::{self, Measure};
use super::sides::Side;
use super::totals::{self, SOLVES};

/// The paper's table 2 in percent: construction and solution failures.
const TABLE_2: [(&str, f64, f64); 5] = [
    ("gnp", 0.0, 0.12),
    ("superlu-ilu", 40.14, 7.04),
    ("pyamg", 7.15, 0.58),
    ("jacobi", 0.0, 6.11),
    ("gmres", 0.0, 0.23),
];

/// The paper's table 1: quartiles of the ratios by iterations and by time.
const TABLE_1: [(&str, f64, f64); 4] = [
    ("25 %", 1.91, 1.18),
    ("50 %", 6.74, 2.33),
    ("75 %", 6.78e3, 81.6),
    ("100 %", 1.89e10, 1.91e10),
];

/// Methods in the order in which they first appear.
pub(super) fn methods(rows: &[Row]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.method.as_str()) {
            names.push(&row.method);
        }
    }
    names
}

/// Failures of every method with the paper's right-hand side, networks with all seeds.
pub(super) fn failures(rows: &[Row]) -> String {
    let mut text = format!(
        "Table 2. Failures with x* = 1, percent (in brackets: the paper's, of 867 matrices)\n{:<18}{:>8}{:>24}{:>24}\n",
        "method", "runs", "construction", "solution"
    );
    for method in methods(rows) {
        let own: Vec<&Row> = rows
            .iter()
            .filter(|r| r.method == method && r.rhs == Side::Ones)
            .collect();
        let percent = |failure| failed_percent(&own, failure);
        let paper = TABLE_2.iter().find(|t| t.0 == method).map(|t| (t.1, t.2));
        let beside = |ours: f64, paper: Option<f64>| match paper {
            Some(paper) => format!("{ours:.2} ({paper:.2})"),
            None => format!("{ours:.2}"),
        };
        let _ = writeln!(
            text,
            "{method:<18}{:>8}{:>24}{:>24}",
            own.len(),
            beside(percent(Failure::Construction), paper.map(|p| p.0)),
            beside(percent(Failure::Solution), paper.map(|p| p.1))
        );
    }
    text += "The paper's ILU is SuperLU's and its AMG PyAMG's (`--peers` runs them: superlu-ilu, pyamg); ilut, ilutp and amg are ours.\n";
    text
}

/// Share of the rows with that failure.
pub(super) fn failed_percent(rows: &[&Row], failure: Failure) -> f64 {
    let failed = rows.iter().filter(|r| r.failure == Some(failure)).count();
    100.0 * failed as f64 / rows.len().max(1) as f64
}

/// Second best over `method` in final residuals, where `method` is best.
pub(super) fn ratios(rows: &[Row], side: Side, method: &str, rivals: &[&str]) -> String {
    let all = shares::competitors(rows, side, rivals);
    let quartiles = [Measure::Residual, Measure::TimedResidual].map(|measure| {
        let winners = shares::winners(&all, measure);
        let ratios: Vec<f64> = winners
            .values()
            .filter(|w| w.method == method)
            .filter_map(|w| Some(w.second? / w.value))
            .filter(|r| r.is_finite())
            .collect();
        let summary = Summary::of("ratios", &ratios).ok();
        (ratios.len(), summary)
    });
    let mut text = format!(
        "Table 1. Residual of the second best over that of `{method}` where it is best, x* {} (best on {} matrices by \
         iterations, {} by time)\n{:<18}{:>24}{:>24}\n",
        side.name(),
        quartiles[0].0,
        quartiles[1].0,
        "percentile",
        "by iterations (paper)",
        "by time (paper)"
    );
    for (k, (name, by_iterations, by_time)) in TABLE_1.iter().enumerate() {
        let of = |summary: &Option<Summary>, paper: f64| {
            let ours = summary.map(|s| [s.low, s.median, s.high, s.max][k]);
            let ours = ours.map_or_else(|| "–".into(), format_number);
            format!("{ours} ({})", format_number(paper))
        };
        let _ = writeln!(
            text,
            "{name:<18}{:>24}{:>24}",
            of(&quartiles[0].1, *by_iterations),
            of(&quartiles[1].1, *by_time)
        );
    }
    text
}

/// How often each of the paper's methods is best, by every measure.
pub(super) fn best(rows: &[Row], side: Side, rivals: &[&str]) -> String {
    let all = shares::competitors(rows, side, rivals);
    let mut text = format!(
        "Best on how many matrices, x* {}\n{:<32}",
        side.name(),
        "measure"
    );
    for method in rivals {
        let _ = write!(text, "{method:>11}");
    }
    text.push('\n');
    for measure in Measure::ALL {
        let winners = shares::winners(&all, measure);
        if winners.is_empty() {
            continue;
        }
        let _ = write!(text, "{:<32}", measure.title());
        for count in shares::counts(&winners, rivals) {
            let _ = write!(text, "{count:>11}");
        }
        text.push('\n');
    }
    text
}

/// The same by Iter-AUC in groups of matrices.
pub(super) fn breakdown(rows: &[Row], side: Side, rivals: &[&str], cases: &[Case]) -> String {
    let all = shares::competitors(rows, side, rivals);
    let winners = shares::winners(&all, Measure::IterationArea);
    let mut text = format!(
        "Best by Iter-AUC in groups of matrices, x* {}\n{:<44}",
        side.name(),
        ""
    );
    for method in rivals {
        let _ = write!(text, "{method:>11}");
    }
    text.push('\n');
    for (title, groups) in shares::groups(cases) {
        let _ = writeln!(text, "by {title}");
        for (name, members) in groups {
            let inside: BTreeMap<&str, _> = winners
                .iter()
                .filter(|(matrix, _)| members.iter().any(|m| m == *matrix))
                .map(|(matrix, winner)| (*matrix, *winner))
                .collect();
            let _ = write!(text, "  {name:<42}");
            for count in shares::counts(&inside, rivals) {
                let _ = write!(text, "{count:>11}");
            }
            text.push('\n');
        }
    }
    text += "The paper: GNP is best on 7.6 % of the symmetric and 17.5 % of the other matrices.\n";
    text
}

/// Construction and solution times of every method.
pub(super) fn times(rows: &[Row]) -> String {
    let mut text = format!(
        "Seconds, least / median / most over the matrices (solution: 100 iterations at most, x* = 1)\n{:<18}{:>34}{:>34}\n",
        "method", "construction", "solution"
    );
    for method in methods(rows) {
        let of = |f: fn(&Row) -> Option<f64>| {
            let values: Vec<f64> = rows
                .iter()
                .filter(|r| r.method == method && r.rhs == Side::Ones)
                .filter_map(f)
                .collect();
            Summary::of(method, &values).map_or_else(
                |_| "–".into(),
                |s| {
                    let [least, median, most] = [s.min, s.median, s.max].map(format_number);
                    format!("{least} / {median} / {most}")
                },
            )
        };
        let _ = writeln!(
            text,
            "{method:<18}{:>34}{:>34}",
            of(|r| r.construction_seconds),
            of(|r| r.solve_seconds)
        );
    }
    text
}

/// The controls beside the trained network: what of its success is the constant solution, and what is training.
pub(super) fn controls(rows: &[Row], methods: &[&str]) -> String {
    let mut text = String::from(
        "Controls. Relative residual after 100 iterations, with the iterations where 1e-8 was reached; median of the seeds\n",
    );
    for side in [Side::Ones, Side::Gaussian] {
        let _ = write!(text, "{:<26}", format!("x* {}", side.name()));
        for method in methods {
            let _ = write!(text, "{method:>15}");
        }
        text.push('\n');
        let mut matrices: Vec<&str> = Vec::new();
        for row in rows {
            if !matrices.contains(&row.matrix.as_str()) {
                matrices.push(&row.matrix);
            }
        }
        for matrix in matrices {
            let _ = write!(text, "{matrix:<26}");
            for method in methods {
                let mut own: Vec<&Row> = rows
                    .iter()
                    .filter(|r| r.matrix == matrix && r.method == *method && r.rhs == side)
                    .collect();
                own.sort_by(|a, b| key(a).total_cmp(&key(b)));
                let middle = own.get(own.len().saturating_sub(1) / 2);
                let _ = write!(
                    text,
                    "{:>15}",
                    middle.map_or_else(|| "–".into(), |r| cell(r))
                );
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn key(row: &Row) -> f64 {
    let sound = row.failure.is_none();
    row.residual.filter(|_| sound).unwrap_or(f64::INFINITY)
}

fn cell(row: &Row) -> String {
    match (row.failure, row.residual) {
        (Some(Failure::Construction), _) => "not made".into(),
        (Some(Failure::DegenerateRhs), _) => "b = 0".into(),
        (Some(Failure::Solution), _) => "discarded".into(),
        (None, Some(_)) if row.converged() => format!("{} it", row.iterations.unwrap_or(0)),
        (None, Some(residual)) => format!("{residual:.1e}"),
        (None, None) => "–".into(),
    }
}

/// Every other trained network beside the paper's, on the matrices that both ran on.
pub(super) fn changes(rows: &[Row], networks: &[&str]) -> String {
    let mut text = format!(
        "Changes of the network. Final residual over that of `gnp` (below 1e-8 counts as 1e-8, median of the seeds)\n{:<18}{:>10}{:>24}{:>16}{:>16}\n",
        "network", "matrices", "x*", "median ratio", "better / worse"
    );
    for network in networks {
        for side in [Side::Ones, Side::Gaussian] {
            let ratios = totals::residual_ratios(rows, side, network, "gnp");
            let Some(median) = totals::median(ratios.clone()) else {
                continue;
            };
            // A tenth more or less is no difference.
            let better = ratios.iter().filter(|r| **r < 0.9).count();
            let worse = ratios.iter().filter(|r| **r > 1.1).count();
            let _ = writeln!(
                text,
                "{network:<18}{:>10}{:>24}{:>16}{:>16}",
                ratios.len(),
                side.name(),
                format_number(median),
                format!("{better} / {worse}")
            );
        }
    }
    text
}

/// Improved networks against the paper's, and total times against the classical methods.
pub(super) fn study(
    rows: &[Row],
    improved: &[&str],
    learned: &[&str],
    classical: &[&str],
) -> String {
    let mut text = String::new();
    let ratios: Vec<(&str, f64, usize)> = improved
        .iter()
        .filter_map(|method| {
            let (ratio, count) = totals::residual_ratio(rows, Side::Gaussian, method, "gnp")?;
            Some((*method, ratio, count))
        })
        .collect();
    // Those that ran on some matrices only are in the table of changes.
    let most = ratios.iter().map(|r| r.2).max();
    let whole = ratios.iter().filter(|r| Some(r.2) == most);
    if let Some((method, ratio, count)) = whole.min_by(|a, b| a.1.total_cmp(&b.1)) {
        let _ = write!(
            text,
            "With a random solution, the best improved network, {method}, ends at {} of the residual of the paper's network (median \
             over {count} matrices, residuals below 1e-8 counted as 1e-8). ",
            format_number(*ratio)
        );
    }
    if !learned.is_empty() {
        let counts = SOLVES.map(|solves| {
            let share = totals::share(rows, Side::Gaussian, solves, learned, classical);
            (solves, share)
        });
        for (solves, share) in counts {
            let systems = if solves == 1 {
                "one right-hand side"
            } else {
                "right-hand sides"
            };
            let number = if solves == 1 {
                String::new()
            } else {
                format!("{solves} ")
            };
            let _ = match share.learned {
                0 => write!(
                    text,
                    "For {number}{systems}, training included, no network is faster than the fastest classical method on any of \
                     the {} matrices that anyone solves. ",
                    share.matrices
                ),
                learned => write!(
                    text,
                    "For {number}{systems}, training included, a network is faster than every classical method on {learned} of \
                     the {} matrices that anyone solves. ",
                    share.matrices
                ),
            };
        }
    }
    text.trim_end().to_owned()
}
