//! What is printed at the end: a line for each method, then the numbers that have something to compare with.

use std::fmt::Write as _;

use xtask::report::{Results, Verdict, format_number, table};

const QUANTITIES: [(&str, &str); 9] = [
    ("iterations@1e-3", "it 1e-3"),
    ("iterations@1e-6", "1e-6"),
    ("iterations@1e-8", "1e-8"),
    ("setup_seconds", "set-up s"),
    ("setup_ratio_to_ic0", "set-up/ic0"),
    ("total_seconds@1e-3", "total 1e-3 s"),
    ("iterations_ratio_to_ic0@1e-3", "it/ic0"),
    ("total_ratio_to_ic0@1e-3", "total/ic0"),
    ("total_ratio_to_ic0@1e-8", "to 1e-8"),
];

/// The overview, and the judged measurements.
pub(super) fn digest(results: &Results) -> String {
    let mut judged = results.clone();
    judged
        .measurements
        .retain(|m| m.verdict != Verdict::NoReference);
    format!("{}\n{}", overview(results), table(&judged))
}

/// One block per problem set, one line per method.
pub(super) fn overview(results: &Results) -> String {
    let mut text = String::new();
    let mut problems: Vec<&str> = Vec::new();
    for m in &results.measurements {
        if !problems.contains(&m.problem.as_str()) {
            problems.push(&m.problem);
        }
    }
    for problem in problems {
        let _ = write!(text, "\n{problem:<20}");
        for (_, title) in QUANTITIES {
            let _ = write!(text, "{title:>13}");
        }
        text.push('\n');
        let mut methods: Vec<&str> = Vec::new();
        for m in results.measurements.iter().filter(|m| m.problem == problem) {
            if !methods.contains(&m.method.as_str()) {
                methods.push(&m.method);
            }
        }
        for method in methods {
            let _ = write!(text, "{method:<20}");
            for (quantity, _) in QUANTITIES {
                let value = results
                    .measurements
                    .iter()
                    .find(|m| m.problem == problem && m.method == method && m.quantity == quantity)
                    .and_then(|m| m.value);
                let _ = write!(
                    text,
                    "{:>13}",
                    value.map_or_else(|| "–".into(), format_number)
                );
            }
            text.push('\n');
        }
    }
    text
}
