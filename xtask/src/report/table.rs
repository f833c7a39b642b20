//! The table printed to the terminal: ours beside the paper's.
use super::{Measurement, Results, Tolerance, Unit, Verdict, format_number};

/// Widest line of [`table`], in characters.
pub const TABLE_WIDTH: usize = 100;

/// Columns, and the widest each may be; longer cells continue on the next line.
const COLUMNS: [(&str, usize); 6] = [
    ("method", 14),
    ("quantity", 19),
    ("ours", 10),
    ("quartiles", 17),
    ("paper", 16),
    ("verdict", 12),
];
/// Columns set flush right (numbers).
const RIGHT: [bool; 6] = [false, false, true, false, true, false];
const INDENT: &str = "  ";

/// Writes the measurements as text, grouped by problem, at most [`TABLE_WIDTH`] characters wide, numbers to four
/// significant digits, with the counts of verdicts on the last line.
///
/// # Examples
/// ```
/// # use xtask::report::{Environment, Results, table};
/// let results = Results::new("gnp", "smoke", 0, "cpu", Environment::capture(".".as_ref(), 1, None));
/// assert!(table(&results).contains("no measurements"));
/// ```
#[must_use]
pub fn table(results: &Results) -> String {
    let head = format!(
        "{}, profile {}, seed {}, {}: ours beside the paper's",
        results.paper, results.profile, results.seed, results.device
    );
    let mut lines = wrap(&head, TABLE_WIDTH);
    if results.measurements.is_empty() {
        lines.push(format!("{INDENT}no measurements"));
        return finish(&lines);
    }
    let rows: Vec<[String; 6]> = results.measurements.iter().map(cells).collect();
    let widths: [usize; 6] = std::array::from_fn(|c| {
        let widest = rows
            .iter()
            .map(|row| width(&row[c]))
            .max()
            .unwrap_or(0)
            .max(width(COLUMNS[c].0));
        widest.min(COLUMNS[c].1)
    });
    lines.push(String::new());
    lines.extend(layout(&COLUMNS.map(|(name, _)| name.to_owned()), &widths));
    lines.push(format!(
        "{INDENT}{}",
        widths.map(|w| "─".repeat(w)).join("  ")
    ));
    for problem in problems(results) {
        lines.extend(wrap(problem, TABLE_WIDTH));
        for (measurement, row) in results.measurements.iter().zip(&rows) {
            if measurement.problem == problem {
                lines.extend(layout(row, &widths));
            }
        }
    }
    lines.push(String::new());
    lines.push(counts(results));
    finish(&lines)
}

/// The problems in order of first appearance.
pub(crate) fn problems(results: &Results) -> Vec<&str> {
    let mut problems: Vec<&str> = Vec::new();
    for measurement in &results.measurements {
        if !problems.contains(&measurement.problem.as_str()) {
            problems.push(&measurement.problem);
        }
    }
    problems
}

/// "12 measurements: 8 met, 2 not met, 2 no reference".
pub(crate) fn counts(results: &Results) -> String {
    let total = results.measurements.len();
    let parts = [Verdict::Met, Verdict::NotMet, Verdict::NoReference]
        .map(|verdict| (results.count(verdict), verdict))
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, verdict)| format!("{count} {verdict}"))
        .collect::<Vec<_>>();
    let noun = if total == 1 {
        "measurement"
    } else {
        "measurements"
    };
    if parts.is_empty() {
        format!("{total} {noun}")
    } else {
        format!("{total} {noun}: {}", parts.join(", "))
    }
}

/// Our number with its unit, or `failed`.
pub(crate) fn ours(m: &Measurement) -> String {
    m.value
        .map_or_else(|| "failed".to_owned(), |v| with_unit(v, m.unit))
}

/// Both quartiles in brackets and the number of samples; empty for a number without spread.
pub(crate) fn spread(m: &Measurement) -> String {
    match (m.low, m.high) {
        (Some(low), Some(high)) if m.samples > 1 => {
            format!("{} … {}", format_number(low), format_number(high))
        }
        _ => String::new(),
    }
}

/// The paper's number with the tolerance.
pub(crate) fn paper(m: &Measurement) -> String {
    let (Some(paper), Some(tolerance)) = (m.paper, m.tolerance) else {
        return "–".to_owned();
    };
    let paper = with_unit(paper, m.unit);
    match tolerance {
        Tolerance::Relative(0.0) => format!("{paper} (exactly)"),
        Tolerance::Relative(band) => format!("{paper} (±{}\u{a0}%)", format_number(100.0 * band)),
        Tolerance::AtMost(limit) => format!("{paper} (≤\u{a0}{})", format_number(limit)),
        Tolerance::AtLeast(limit) => format!("{paper} (≥\u{a0}{})", format_number(limit)),
    }
}

fn with_unit(value: f64, unit: Unit) -> String {
    let symbol = unit.symbol();
    let space = if symbol.is_empty() { "" } else { "\u{a0}" };
    format!("{}{space}{symbol}", format_number(value))
}

fn cells(m: &Measurement) -> [String; 6] {
    [
        m.method.clone(),
        m.quantity.clone(),
        ours(m),
        spread(m),
        paper(m),
        m.verdict.to_string(),
    ]
    .map(|cell| cell.replace('\u{a0}', " "))
}

fn layout(row: &[String; 6], widths: &[usize; 6]) -> Vec<String> {
    let cells: [Vec<String>; 6] = std::array::from_fn(|c| wrap(&row[c], widths[c]));
    let height = cells.iter().map(Vec::len).max().unwrap_or(1);
    (0..height)
        .map(|line| {
            let parts: [String; 6] = std::array::from_fn(|c| {
                let text = cells[c].get(line).map_or("", String::as_str);
                let space = " ".repeat(widths[c].saturating_sub(width(text)));
                if RIGHT[c] {
                    space + text
                } else {
                    text.to_owned() + &space
                }
            });
            format!("{INDENT}{}", parts.join("  "))
        })
        .collect()
}

/// Characters; names and numbers here have one column each.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// Breaks text into lines of at most `limit` characters: after spaces and punctuation where there are any.
fn wrap(text: &str, limit: usize) -> Vec<String> {
    let clean: Vec<char> = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut lines = Vec::new();
    let mut rest = clean.as_slice();
    while rest.len() > limit {
        let end = (1..=limit)
            .rev()
            .find(|&i| matches!(rest[i - 1], ' ' | '-' | '@' | '_' | '/' | ','));
        let (line, tail) = rest.split_at(end.filter(|&i| 2 * i > limit).unwrap_or(limit));
        lines.push(line.iter().collect::<String>().trim_end().to_owned());
        rest = tail;
    }
    lines.push(rest.iter().collect());
    lines
}

fn finish(lines: &[String]) -> String {
    lines
        .iter()
        .fold(String::new(), |text, line| text + line.trim_end() + "\n")
}
