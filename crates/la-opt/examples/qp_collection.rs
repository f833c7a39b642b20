//! A table over the Maros–Mészáros problems of the data folder: `LA_DATA_DIR=… cargo run --release -p la-opt --example qp_collection [-- SECONDS [NAME ...]]`
//!
//! Each problem is solved with default options from nothing, with a limit on the time of the solve (default 300 seconds), all of them or those that are named. The difference is that of the
//! objective from the value that two interior-point solvers agree on, over `max(1, |value|)`.

use std::time::Duration;

use la_opt::qp::{Hessian, QpOptions, QpWorkspace, QuadraticProgram};
use la_problems::quadratic::QuadraticFile;

/// Names and optimal values of a set, from the table in the folder.
fn references(text: &str, wanted: &str) -> Vec<(String, f64)> {
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let lines = text.lines().map(cells);
    let lines = lines.filter(|cells| cells.len() == 10 && cells[0] == wanted);
    lines
        .filter_map(|cells| Some((cells[1].clone(), cells[8].parse().ok()?)))
        .collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(300), |s| s.parse())?;
    let names: Vec<String> = std::env::args().skip(2).collect();
    let folder = std::env::var("LA_DATA_DIR")? + "/qp";
    let table = std::fs::read_to_string(format!("{folder}/README.md"))?;
    let options = QpOptions::default().with_time_limit(Some(Duration::from_secs(seconds)));
    println!(
        "| problem | n | m | status | difference | violation | gradient | complementarity | iterations | sequence | set-up/ms | solve/ms |"
    );
    println!("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let (mut solved, mut count) = (0, 0);
    for (name, value) in references(&table, "maros") {
        if !(names.is_empty() || names.contains(&name)) {
            continue;
        }
        let file = QuadraticFile::open(format!("{folder}/maros/{name}.npz"))?;
        let hessian = match file.diagonal_hessian() {
            Some(diagonal) if diagonal.iter().all(|&p| p == 0.0) => Hessian::Zero,
            Some(diagonal) => Hessian::Diagonal(diagonal),
            None => Hessian::Dense(file.dense_hessian()),
        };
        let (n, m) = (file.linear.len(), file.lower.len());
        let rows = file.dense_rows();
        let problem = QuadraticProgram::new(hessian, file.linear)?
            .with_bounds(file.lower_bounds, file.upper_bounds)?
            .with_rows(rows, file.lower, file.upper)?;
        count += 1;
        let mut workspace = match QpWorkspace::new(problem, options.clone()) {
            Ok(workspace) => workspace,
            Err(error) => {
                println!("| {name} | {n} | {m} | {error} | | | | | | | | |");
                continue;
            }
        };
        let s = workspace.solve();
        // With the rows, which are formed when they are needed.
        let setup = s.setup_time.as_secs_f64() * 1e3;
        let difference = (s.objective + file.constant - value).abs() / value.abs().max(1.0);
        let good = s.status.is_optimal() && difference <= 1e-6;
        solved += usize::from(good);
        println!(
            "| {name} | {n} | {m} | {:?} | {difference:.0e} | {:.0e} | {:.0e} | {:.0e} | {} | {} | {setup:.1} | {:.1} |",
            s.status,
            s.kkt.primal,
            s.kkt.dual,
            s.kkt.complementarity,
            s.iterations,
            s.outer_iterations,
            s.solve_time.as_secs_f64() * 1e3
        );
    }
    println!("\n{solved} of {count} optimal, within 1e-6 of the known value");
    Ok(())
}
