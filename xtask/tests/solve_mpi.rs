//! `solve --ranks`: the same answer and the same files as without.

use std::path::Path;
use std::process::Output;

use la_mpi::Launcher;
use la_problems::io::{ReadOptions, Symmetry, read_vector, write_matrix_market_file};
use la_problems::{ConvectionDiffusion, Grid, Poisson};

/// Runs `solve` on so many ranks; `None` if there is no mpirun.
fn solve(folder: &Path, ranks: usize, args: &[&str]) -> Option<Output> {
    let Some(launcher) = Launcher::find() else {
        println!("skipped: no mpirun on PATH");
        return None;
    };
    let mut command = launcher.command(ranks, env!("CARGO_BIN_EXE_runner"));
    command.current_dir(folder).arg("solve").args(args);
    command.arg("--ranks").arg(ranks.to_string());
    Some(command.output().unwrap())
}

fn serial(folder: &Path, args: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_runner"));
    command.current_dir(folder).arg("solve").args(args);
    command.output().unwrap()
}

fn shown(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn solution(folder: &Path, output: &str) -> Vec<f64> {
    let path = folder.join(output).join("solution.mtx");
    read_vector(path, &ReadOptions::default()).unwrap()
}

#[test]
fn the_solution_is_that_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let definite = Poisson::new(Grid::rectangle(20, 17)).generate().unwrap();
    let general = ConvectionDiffusion::default()
        .with_grid(Grid::rectangle(15, 15))
        .generate()
        .unwrap();
    for (name, matrix, symmetry) in [
        ("definite.mtx", definite.matrix, Symmetry::Symmetric),
        ("general.mtx", general.matrix, Symmetry::General),
    ] {
        write_matrix_market_file(folder.path().join(name), matrix.view(), symmetry).unwrap();
        let tight = [name, "--rtol", "1e-11", "--output"];
        let output = serial(folder.path(), &[&tight[..], &["one"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
        let expected = solution(folder.path(), "one");
        let size = expected.iter().fold(0.0f64, |size, x| size.max(x.abs()));
        for ranks in [1, 3] {
            let Some(output) = solve(folder.path(), ranks, &[&tight[..], &["many"]].concat())
            else {
                return;
            };
            assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
            let ours = solution(folder.path(), "many");
            let pairs = ours.iter().zip(&expected);
            let difference = pairs.fold(0.0f64, |d, (x, e)| d.max((x - e).abs()));
            assert!(
                difference <= 1e-8 * size,
                "{name}, {ranks} ranks: {difference}"
            );
            let json = std::fs::read(folder.path().join("many/solve.json")).unwrap();
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(json["ranks"], ranks);
            assert_eq!(json["converged"], true);
            assert!(folder.path().join("many/history.svg").exists());
        }
    }
}

#[test]
fn codes_and_messages() {
    let folder = tempfile::tempdir().unwrap();
    let Some(output) = solve(folder.path(), 2, &["missing.mtx"]) else {
        return;
    };
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(shown(&output).contains("missing.mtx"), "{}", shown(&output));

    let matrix = Poisson::new(Grid::rectangle(20, 20))
        .generate()
        .unwrap()
        .matrix;
    let path = folder.path().join("a.mtx");
    write_matrix_market_file(path, matrix.view(), Symmetry::Symmetric).unwrap();
    let few = ["a.mtx", "--precond", "jacobi", "--max-iters", "3"];
    let output = solve(folder.path(), 2, &few).unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));

    // As many ranks as the option says, or none.
    let mut args = few.to_vec();
    args.extend(["--ranks", "2"]);
    let output = serial(folder.path(), &args);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(shown(&output).contains("mpirun -n 2"), "{}", shown(&output));
}
