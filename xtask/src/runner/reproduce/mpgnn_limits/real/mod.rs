//! Real matrices: K-optimal factors beside IC(0), counted as in the paper's figure, and what other incomplete factors do on the same
//! systems.

mod classes;
mod labels;
mod learning;
mod methods;
mod splits;
mod systems;
#[cfg(feature = "torch")]
mod training;

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde::Deserialize;
use xtask::report::{Key, Measurement, Unit};

use super::course::Course;
use classes::Count;
use methods::{GATED, Method, OPTIMAL, PLAIN, Row, SHIFTED};
use systems::{Case, Order, SIDES};

/// What a profile asks of this chapter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// Rows of a matrix at most.
    max_rows: usize,
    orders: Vec<Order>,
    /// Whether rows and columns are divided by the roots of the diagonal.
    #[serde(default)]
    scaled: bool,
    /// Iterations at which a solve has failed.
    max_iters: usize,
    /// Bytes and multiplications that the complete factorisation behind a K-optimal factor may take.
    memory_limit: usize,
    work_limit: f64,
    /// Radius of the balls of local K-optimal columns.
    hops: usize,
    /// Bundled weights of the learned compensation.
    weights: String,
    /// Networks that learn K-optimal factors in the natural order.
    networks: Option<learning::Settings>,
}

/// Rows of all methods on one matrix.
type Line<'c> = (&'c Case, Vec<Row>);

/// Runs the chapter; networks are trained if asked for.
pub(super) fn run(settings: &Settings, networks: bool, course: &mut Course<'_>) -> Result<()> {
    let Some(cases) = systems::cases(settings.max_rows)? else {
        let note = "Real matrices were left out: LA_DATA_DIR is not set.";
        println!("{note}");
        course.notes.push(note.to_owned());
        return Ok(());
    };
    let methods = methods::methods(settings)?;
    let mut counts = Vec::new();
    let mut natural = None;
    for &order in &settings.orders {
        let set = match settings.scaled {
            true => format!("real-{}-scaled", order.name()),
            false => format!("real-{}", order.name()),
        };
        let lines = solve_all(settings, order, &set, &cases, &methods, course)?;
        for (side, name) in SIDES.iter().enumerate() {
            let problem = format!("{set}-{name}");
            let count = summary(&problem, side, &methods, &lines, course)?;
            counts.push(count);
        }
        let table = table(&set, &methods, &lines);
        print!("{table}");
        course.tables.push(table);
        course.publish()?;
        if order == Order::Natural && !settings.scaled {
            natural = Some(lines);
        }
    }
    let mut table = format!("\n{}\n", classes::head());
    for count in &counts {
        let _ = writeln!(table, "{}", count.line());
    }
    print!("{table}");
    course.tables.push(table);
    course.figures.extend(classes::figures(&counts)?);
    if let Some(networks) = settings.networks.as_ref().filter(|_| networks) {
        let lines = natural.context("networks need the natural order")?;
        let optimal = place(&methods, OPTIMAL)?;
        let (hops, max_iters) = (settings.hops, settings.max_iters);
        learning::run(networks, hops, max_iters, &lines, optimal, course)?;
    }
    Ok(())
}

/// Every method on every matrix, as many at a time as there are threads. What fails is a row.
fn solve_all<'c>(
    settings: &Settings,
    order: Order,
    set: &str,
    cases: &'c [Case],
    methods: &[Method],
    course: &mut Course<'_>,
) -> Result<Vec<Line<'c>>> {
    let jobs: Vec<(&Case, &Method)> = cases
        .iter()
        .flat_map(|case| methods.iter().map(move |method| (case, method)))
        .collect();
    let keys: Vec<String> = jobs
        .iter()
        .map(|(case, method)| format!("{set}/{}/{}", case.name, method.name))
        .collect();
    let rows: Vec<Row> = course.parts(
        &keys,
        |k| {
            let (case, method) = jobs[k];
            Ok(match case.system(order, settings.scaled) {
                Ok(system) => method.row(&system, settings.max_iters),
                Err(error) => Row::refused(format!("{error:#}")),
            })
        },
        |k, row: &Row| {
            let outcome: Vec<String> = (0..SIDES.len()).map(|side| row.text(side)).collect();
            let reason = row.refused.as_deref().unwrap_or_default();
            println!("{}: {} {reason}", keys[k], outcome.join(" "));
        },
    )?;
    let mut rows = rows.into_iter();
    Ok(cases
        .iter()
        .map(|case| (case, rows.by_ref().take(methods.len()).collect()))
        .collect())
}

fn place(methods: &[Method], name: &str) -> Result<usize> {
    let found = methods.iter().position(|m| m.name == name);
    found.with_context(|| format!("no method `{name}`"))
}

/// Solved systems and iterations of every method for one right-hand side, and the classes.
fn summary(
    problem: &str,
    side: usize,
    methods: &[Method],
    lines: &[Line<'_>],
    course: &mut Course<'_>,
) -> Result<Count> {
    let place = |name| place(methods, name);
    let (optimal, plain, shifted) = (place(OPTIMAL)?, place(PLAIN)?, place(SHIFTED)?);
    let solved = |k: usize| {
        let of = lines
            .iter()
            .filter(|(_, rows)| rows[k].iterations(side).is_some());
        of.count() as f64
    };
    for (k, method) in methods.iter().enumerate() {
        let key = |quantity: &str| Key::new(problem, &method.name, quantity);
        let refused = lines.iter().filter(|(_, rows)| rows[k].refused.is_some());
        for (quantity, value) in [
            ("matrices", lines.len() as f64),
            ("solved", solved(k)),
            ("refused", refused.count() as f64),
        ] {
            course.push(Measurement::from_value(key(quantity), Unit::Count, value)?)?;
        }
        course.push(Measurement::from_value(
            key("solved_above_ic0_shifted"),
            Unit::Dimensionless,
            solved(k) - solved(shifted),
        )?)?;
        // Where both solve.
        let logs: Vec<f64> = lines
            .iter()
            .filter_map(|(_, rows)| {
                let own = rows[k].iterations(side)?.max(1) as f64;
                let base = rows[shifted].iterations(side)?.max(1) as f64;
                Some((own / base).ln())
            })
            .collect();
        if !logs.is_empty() {
            let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
            let worst = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max).exp();
            for (quantity, value) in [
                ("iterations_over_ic0_shifted", mean),
                ("worst_over_ic0_shifted", worst),
            ] {
                course.push(Measurement::from_value(key(quantity), Unit::Ratio, value)?)?;
            }
        }
    }
    let pairs = lines.iter().map(|(_, rows)| (&rows[optimal], &rows[plain]));
    let count = Count::new(problem.to_owned(), side, pairs);
    for measurement in count.measurements()? {
        course.push(measurement)?;
    }
    let gated = place(GATED)?;
    let lost: Vec<&str> = lines
        .iter()
        .filter(|(_, rows)| {
            rows[gated].iterations(side).is_none() && rows[shifted].iterations(side).is_some()
        })
        .map(|(case, _)| case.name.as_str())
        .collect();
    if !lost.is_empty() {
        course.findings.push(format!(
            "{problem}: {SHIFTED} solves and {GATED} does not solve {}.",
            lost.join(", ")
        ));
    }
    Ok(count)
}

/// Iterations of every method on every matrix, the two right-hand sides with a stroke between them.
fn table(set: &str, methods: &[Method], lines: &[Line<'_>]) -> String {
    let mut text = format!("\n{:<18}{:>6}{:>8}", set, "n", "nnz");
    for method in methods {
        let _ = write!(text, "{:>21}", method.name);
    }
    text.push('\n');
    for (case, rows) in lines {
        let _ = write!(text, "{:<18}{:>6}{:>8}", case.name, case.n, case.nnz);
        for row in rows {
            let outcome = match row.refused {
                Some(_) => row.text(0),
                None => format!("{} / {}", row.text(0), row.text(1)),
            };
            let _ = write!(text, "{outcome:>21}");
        }
        text.push('\n');
    }
    text
}
