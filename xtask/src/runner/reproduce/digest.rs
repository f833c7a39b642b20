//! What is printed at the end: a line for each method, then the numbers that have something to compare with.

use std::fmt::Write as _;

use xtask::report::{Results, Verdict, format_number, table};

/// The overview of `quantities`, given by name and title, and the judged measurements.
pub(crate) fn digest(results: &Results, quantities: &[(&str, &str)]) -> String {
    let mut judged = results.clone();
    judged
        .measurements
        .retain(|m| m.verdict != Verdict::NoReference);
    format!("{}\n{}", overview(results, quantities), table(&judged))
}

/// One block per problem set, one line per method.
pub(crate) fn overview(results: &Results, quantities: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut problems: Vec<&str> = Vec::new();
    for m in &results.measurements {
        if !problems.contains(&m.problem.as_str()) {
            problems.push(&m.problem);
        }
    }
    for problem in problems {
        let mut methods: Vec<&str> = Vec::new();
        for m in results.measurements.iter().filter(|m| m.problem == problem) {
            if !methods.contains(&m.method.as_str()) {
                methods.push(&m.method);
            }
        }
        let names = methods.iter().map(|m| m.chars().count());
        let width = names
            .max()
            .unwrap_or(0)
            .max(problem.chars().count())
            .max(19)
            + 1;
        let _ = write!(text, "\n{problem:<width$}");
        for (_, title) in quantities {
            let _ = write!(text, "{title:>13}");
        }
        text.push('\n');
        for method in methods {
            let _ = write!(text, "{method:<width$}");
            for (quantity, _) in quantities {
                let value = results
                    .measurements
                    .iter()
                    .find(|m| m.problem == problem && m.method == method && m.quantity == *quantity)
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
