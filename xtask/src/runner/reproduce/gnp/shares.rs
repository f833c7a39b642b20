//! Who is best on how many matrices.

use std::collections::BTreeMap;

use super::cases::Case;
use super::rows::Row;
use super::sides::Side;

/// What is compared; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    IterationArea,
    TimeArea,
    /// After the iterations of the paper.
    Residual,
    /// After the time limit.
    TimedResidual,
}

impl Measure {
    pub(super) const ALL: [Self; 4] = [
        Self::IterationArea,
        Self::TimeArea,
        Self::Residual,
        Self::TimedResidual,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::IterationArea => "Iter-AUC",
            Self::TimeArea => "Time-AUC",
            Self::Residual => "residual after 100 iterations",
            Self::TimedResidual => "residual after equal time",
        }
    }

    /// The value of a row; none is as good as infinite.
    pub(super) fn of(self, row: &Row) -> Option<f64> {
        let sound = row.failure.is_none();
        match self {
            Self::IterationArea => row.iter_auc,
            Self::TimeArea => row.timed.as_ref()?.time_auc,
            Self::Residual => row.residual.filter(|_| sound),
            Self::TimedResidual => {
                let timed = row.timed.as_ref()?;
                timed.time_auc?;
                timed.residual
            }
        }
    }
}

/// Rows of one right-hand side and of the methods that compete, networks with their first seed.
pub(super) fn competitors<'r>(rows: &'r [Row], side: Side, methods: &[&str]) -> Vec<&'r Row> {
    rows.iter()
        .filter(|r| r.rhs == side && methods.contains(&r.method.as_str()))
        .filter(|r| r.seed.is_none_or(|s| s == 0))
        .collect()
}

/// The best method of each matrix with its value and the next one's; matrices on which none has a value are left out.
pub(super) fn winners<'r>(rows: &[&'r Row], measure: Measure) -> BTreeMap<&'r str, Winner<'r>> {
    let mut by_matrix: BTreeMap<&str, Vec<(&str, f64)>> = BTreeMap::new();
    for row in rows {
        if let Some(value) = measure.of(row) {
            by_matrix
                .entry(&row.matrix)
                .or_default()
                .push((&row.method, value));
        }
    }
    let mut winners = BTreeMap::new();
    for (matrix, mut values) in by_matrix {
        values.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (method, value) = values[0];
        let second = values.get(1).map(|v| v.1);
        winners.insert(
            matrix,
            Winner {
                method,
                value,
                second,
            },
        );
    }
    winners
}

/// Who is best on a matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Winner<'r> {
    pub(super) method: &'r str,
    pub(super) value: f64,
    pub(super) second: Option<f64>,
}

/// How often each method is best, in the order given.
pub(super) fn counts(winners: &BTreeMap<&str, Winner<'_>>, methods: &[&str]) -> Vec<usize> {
    methods
        .iter()
        .map(|m| winners.values().filter(|w| w.method == *m).count())
        .collect()
}

/// Names of groups, each with the matrices in it.
pub(super) type Groups = Vec<(String, Vec<String>)>;

/// Groups of matrices for a breakdown, by what they are told apart by.
pub(super) fn groups(cases: &[Case]) -> Vec<(&'static str, Groups)> {
    let decade = |value: f64| value.log10().floor() as i32;
    let collect = |key: &dyn Fn(&Case) -> (i32, String)| {
        let mut found: BTreeMap<(i32, String), Vec<String>> = BTreeMap::new();
        for case in cases {
            found.entry(key(case)).or_default().push(case.name.clone());
        }
        found
            .into_iter()
            .map(|((_, name), members)| (name, members))
            .collect::<Groups>()
    };
    let size = collect(&|case| {
        let step = match case.n {
            0..2000 => (0, "n below 2000"),
            2000..5000 => (1, "n from 2000 to 5000"),
            5000..20000 => (2, "n from 5000 to 20 000"),
            _ => (3, "n from 20 000"),
        };
        (step.0, step.1.into())
    });
    let condition = collect(&|case| match case.condition.map(decade) {
        None => (4, "condition not known".into()),
        Some(..4) => (0, "condition below 1e4".into()),
        Some(4..8) => (1, "condition from 1e4 to 1e8".into()),
        Some(8..16) => (2, "condition from 1e8 to 1e16".into()),
        Some(16..) => (3, "condition from 1e16".into()),
    });
    let symmetry = collect(&|case| match case.symmetric {
        true => (0, "symmetric".into()),
        false => (1, "not symmetric".into()),
    });
    let area = collect(&|case| (0, case.area.clone()));
    vec![
        ("size", size),
        ("condition number", condition),
        ("symmetry", symmetry),
        ("application area", area),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::rows::Failure;
    use super::*;

    pub(in super::super) fn row(matrix: &str, method: &str, residual: f64) -> Row {
        serde_json::from_value(serde_json::json!({
            "matrix": matrix, "n": 1000, "nnz": 5000, "method": method, "rhs": "ones", "seed": null,
            "status": "iteration_limit", "failure": null, "reason": null, "iterations": 100,
            "residual": residual, "tracked": residual, "mismatch": false, "error": 1.0,
            "iter_auc": residual.log10() + 8.0, "construction_seconds": 0.1, "solve_seconds": 0.2,
            "history": [], "timed": null
        }))
        .unwrap()
    }

    #[test]
    fn the_smallest_wins_and_failures_never_do() {
        let mut rows = vec![
            row("a", "x", 1e-3),
            row("a", "y", 1e-5),
            row("b", "x", 1e-2),
            row("b", "y", 1e-7),
            row("b", "z", 1e-9),
        ];
        rows[3].failure = Some(Failure::Solution);
        let all = competitors(&rows, Side::Ones, &["x", "y"]);
        let winners = winners(&all, Measure::Residual);
        assert_eq!(winners["a"].method, "y");
        assert_eq!(winners["a"].second, Some(1e-3));
        assert_eq!(winners["b"].method, "x");
        assert_eq!(counts(&winners, &["x", "y", "z"]), [1, 1, 0]);
        assert!(competitors(&rows, Side::Gaussian, &["x"]).is_empty());
    }
}
