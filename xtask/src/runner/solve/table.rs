//! A set of matrices, each solved as planned; definite ones with Jacobi-CG beside it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use xtask::report::{format_number, write_atomic};

use super::args::{Args, Method, Need, Plan, Precond, Set};
use super::attempt;
use super::report::{AttemptRecord, Record, make_folder};
use super::system::System;
use super::watch::Progress;

/// Name of the automatic choice.
const AUTO: &str = "auto";

/// One line of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    file: PathBuf,
    n: usize,
}

/// `table.json`.
#[derive(Debug, Serialize)]
struct Table {
    schema: u32,
    set: &'static str,
    rhs: String,
    rtol: f64,
    max_iters: usize,
    matrices: usize,
    preconditioners: Vec<&'static str>,
    /// Solved to a recomputed relative residual of `rtol`, by preconditioner.
    solved: Vec<usize>,
    rows: Vec<Row>,
}

/// One matrix: a record per preconditioner.
#[derive(Debug, Serialize)]
struct Row {
    matrix: String,
    n: usize,
    nnz: usize,
    negated: bool,
    solves: Vec<Record>,
}

/// Runs the set; exit code 0 when all was run, whatever the outcome.
pub(super) fn run(set: Set, args: &Args, plan: &Plan) -> Result<ExitCode> {
    let Some(output) = &args.output else {
        bail!("--table needs --output DIR for table.json and table.md");
    };
    make_folder(output)?;
    let folder = data_folder()?;
    let entries = entries(&folder.join("manifest.csv"), set)?;
    let mut plans = vec![plan.clone()];
    if set == Set::Definite && plan.chain != [Precond::Jacobi] {
        let mut jacobi = plan.clone();
        jacobi.chain = vec![Precond::Jacobi];
        (jacobi.automatic, jacobi.method) = (false, Method::Cg);
        plans.push(jacobi);
    }
    let names: Vec<&'static str> = [args.precond.name(), Precond::Jacobi.name()]
        .into_iter()
        .take(plans.len())
        .collect();
    let mut table = Table {
        schema: 1,
        set: set.name(),
        rhs: args.rhs.to_string(),
        rtol: plan.rtol,
        max_iters: plan.max_iters,
        matrices: entries.len(),
        solved: vec![0; plans.len()],
        preconditioners: names,
        rows: Vec::new(),
    };
    for entry in &entries {
        let path = folder.join(&entry.file);
        let need = plans.iter().map(Plan::need).max().unwrap_or(Need::Square);
        let system = System::read(&path, &args.rhs, args.negate, need)?;
        let mut row = Row {
            matrix: entry.name.clone(),
            n: system.a.rows(),
            nnz: system.a.nnz(),
            negated: system.negated,
            solves: Vec::new(),
        };
        for (k, plan) in plans.iter().enumerate() {
            let outcomes = attempt::solve(&system, plan, &mut Progress::new())?;
            let record = Record::new(&entry.file, &table.rhs, &system, plan, &outcomes);
            table.solved[k] += usize::from(record.converged);
            row.solves.push(record);
        }
        println!("{}", line(&row));
        table.rows.push(row);
    }
    let text = markdown(&table);
    let mut json = serde_json::to_vec_pretty(&table).context("cannot write table.json")?;
    json.push(b'\n');
    write_atomic(&output.join("table.json"), &json)?;
    write_atomic(&output.join("table.md"), text.as_bytes())?;
    println!("{}", summary(&table));
    println!("table.json and table.md are in {}", output.display());
    Ok(ExitCode::SUCCESS)
}

fn data_folder() -> Result<PathBuf> {
    let root = std::env::var_os("LA_DATA_DIR").context(
        "LA_DATA_DIR is not set; point it at the folder whose `matrices` holds manifest.csv",
    )?;
    Ok(Path::new(&root).join("matrices"))
}

/// The matrices of a set that are neither diagonal nor numerically singular, small ones first.
fn entries(manifest: &Path, set: Set) -> Result<Vec<Entry>> {
    let shown = manifest.display();
    let mut reader =
        csv::Reader::from_path(manifest).with_context(|| format!("{shown}: cannot read"))?;
    let head = reader.headers()?.clone();
    let column = |name: &str| {
        head.iter()
            .position(|h| h == name)
            .with_context(|| format!("{shown}: column `{name}` is missing"))
    };
    let (spd, negative) = (column("spd")?, column("negative_definite")?);
    let (diagonal, singular) = (column("diagonal")?, column("numerically_singular")?);
    let (name, file, n) = (column("name")?, column("file")?, column("n")?);
    let mut entries = Vec::new();
    for record in reader.records() {
        let record = record.with_context(|| format!("{shown}: damaged"))?;
        let is = |k: usize, value: &str| record.get(k) == Some(value);
        let definite = is(spd, "yes") || is(negative, "yes");
        let wanted =
            (definite == (set == Set::Definite)) && is(diagonal, "no") && !is(singular, "yes");
        if wanted {
            let text = |k: usize| record.get(k).unwrap_or_default();
            entries.push(Entry {
                name: text(name).to_owned(),
                file: text(file).into(),
                n: text(n)
                    .parse()
                    .with_context(|| format!("{shown}: {}: n is no number", text(name)))?,
            });
        }
    }
    ensure!(
        !entries.is_empty(),
        "{shown}: lists no {} matrix",
        set.name()
    );
    entries.sort_by(|a, b| (a.n, &a.name).cmp(&(b.n, &b.name)));
    Ok(entries)
}

fn line(row: &Row) -> String {
    let solves: Vec<String> = row
        .solves
        .iter()
        .map(|solve| {
            format!(
                "{}: {} in {} iterations, residual {}",
                solve.preconditioner(),
                solve.status.replace('_', " "),
                solve.iterations,
                format_number(solve.relative_residual)
            )
        })
        .collect();
    format!("{:<16} n = {:<7} {}", row.matrix, row.n, solves.join("; "))
}

fn summary(table: &Table) -> String {
    let parts: Vec<String> = table
        .preconditioners
        .iter()
        .zip(&table.solved)
        .map(|(name, solved)| format!("{name} {solved}"))
        .collect();
    format!(
        "solved of {} to a relative residual of {:e}: {}",
        table.matrices,
        table.rtol,
        parts.join(", ")
    )
}

/// The table; a column of shifts only for what is factored.
fn markdown(table: &Table) -> String {
    let mut text = format!(
        "{}; b from `--rhs {}`\n\n| matrix | n | nonzeros |",
        summary(table),
        table.rhs
    );
    let mut rule = "\n| --- | ---: | ---: |".to_owned();
    let factored: Vec<bool> = (0..table.preconditioners.len())
        .map(|k| table.rows.iter().any(|row| shift(&row.solves[k]).is_some()))
        .collect();
    for (name, factored) in table.preconditioners.iter().zip(&factored) {
        if *name == AUTO {
            text += " auto: by |";
            rule += " --- |";
        }
        if *factored {
            text += &format!(" {name}: shift (factored) |");
            rule += " --- |";
        }
        text += &format!(" {name}: iterations | residual | status | seconds |");
        rule += " ---: | ---: | --- | ---: |";
    }
    text += &rule;
    text.push('\n');
    for row in &table.rows {
        let sign = if row.negated { " (−A)" } else { "" };
        text += &format!("| {}{sign} | {} | {} |", row.matrix, row.n, row.nnz);
        let names = table.preconditioners.iter();
        for ((solve, factored), name) in row.solves.iter().zip(&factored).zip(names) {
            if *name == AUTO {
                text += &format!(" {} + {} |", solve.method(), solve.preconditioner());
            }
            if *factored {
                text += &format!(" {} |", shift(solve).unwrap_or_else(|| "–".to_owned()));
            }
            text += &format!(
                " {} | {} | {} | {} |",
                solve.iterations,
                format_number(solve.relative_residual),
                solve.status.replace('_', " "),
                format_number(solve.seconds())
            );
        }
        text.push('\n');
    }
    text
}

/// The diagonal shift, and how often was factored to find it; of the first factor that was built.
fn shift(solve: &Record) -> Option<String> {
    let found = |a: &AttemptRecord| Some((a.shift?, a.shift_attempts?));
    Some(match solve.attempts.iter().find_map(found)? {
        (_, 0) => "0".to_owned(),
        (shift, repeated) => format!("{} ({})", format_number(shift), repeated + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_filtered_and_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.csv");
        let head = "name,n,spd,negative_definite,diagonal,numerically_singular,file";
        let lines = [
            head,
            "big,9,yes,no,no,,g/big.mtx",
            "minus,3,no,yes,no,no,g/minus.mtx",
            "diagonal,3,yes,no,yes,no,g/d.mtx",
            "singular,3,yes,no,no,yes,g/s.mtx",
            "general,3,no,no,no,no,g/n.mtx",
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let names = |set| -> Vec<String> {
            let found = entries(&path, set).unwrap();
            found.into_iter().map(|e| e.name).collect()
        };
        assert_eq!(names(Set::Definite), ["minus", "big"]);
        assert_eq!(names(Set::General), ["general"]);
        std::fs::write(&path, "name,n\nx,1").unwrap();
        let error = entries(&path, Set::Definite).unwrap_err().to_string();
        assert!(error.contains("column `spd` is missing"), "{error}");
    }
}
