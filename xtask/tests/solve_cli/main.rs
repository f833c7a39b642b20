//! The command `solve`, as people call it.
#![cfg(feature = "runner")]

mod bad_input;
mod good_input;
mod real_matrices;

use std::path::{Path, PathBuf};
use std::process::Output;

use la_problems::io::{Symmetry, write_matrix_market_file};
use la_problems::{CsrMatrix, Grid, Poisson};

/// Runs `solve` with these arguments in `folder`.
fn solve(folder: &Path, args: &[&str]) -> Output {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_runner"))
        .current_dir(folder)
        .arg("solve")
        .args(args)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Writes a Matrix Market file of these lines.
fn write(folder: &Path, name: &str, lines: &[&str]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

/// The five-point Laplacian on a square of `m` x `m` points, as `name` in the folder.
fn poisson(folder: &Path, name: &str, m: usize) -> CsrMatrix {
    let system = Poisson::new(Grid::rectangle(m, m)).generate().unwrap();
    let path = folder.join(name);
    write_matrix_market_file(path, system.matrix.view(), Symmetry::Symmetric).unwrap();
    system.matrix
}

/// `out/solve.json`.
fn record(folder: &Path) -> serde_json::Value {
    let text = std::fs::read(folder.join("out/solve.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The numbers of `out/solution.mtx`, whose head must be that of a column.
fn solution(folder: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(folder.join("out/solution.mtx")).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("%%MatrixMarket matrix array real general")
    );
    let size = lines.next().unwrap().to_owned();
    let x: Vec<f64> = lines.map(|line| line.parse().unwrap()).collect();
    assert_eq!(size, format!("{} 1", x.len()));
    x
}

/// `‖b − A x‖/‖b‖`, computed here.
fn residual(a: &CsrMatrix, x: &[f64], b: &[f64]) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    for (row, &right) in a.outer_iterator().zip(b) {
        let left: f64 = row.iter().map(|(j, v)| v * x[j]).sum();
        above += (right - left).powi(2);
        below += right.powi(2);
    }
    (above / below).sqrt()
}
