//! Solves the system of a matrix file, whatever it is, and says how.
//!
//! ```sh
//! cargo run --release -p la-precond --features faer --example solve_file -- A.mtx.gz
//! ```

use std::error::Error;
use std::process::ExitCode;

use la_krylov::{Host, LinearOperator};
use la_precond::auto::Auto;
use la_problems::io::{ReadOptions, read_matrix};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: solve_file A.mtx[.gz]");
        return Ok(ExitCode::FAILURE);
    };
    let a = read_matrix(path, &ReadOptions::default())?.matrix;
    // A right-hand side whose solution is known.
    let mut b = vec![0.0; a.rows()];
    a.apply(&Host::new(a.rows()), &vec![1.0; a.cols()], &mut b);

    let solution = Auto::default().with_rtol(1e-10).solve(a.view(), &b)?;
    println!("{solution}");
    let error = solution
        .x
        .iter()
        .fold(0.0_f64, |m, x| m.max((x - 1.0).abs()));
    println!("largest error of x: {error:.1e}");
    Ok(match solution.status.is_converged() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(2),
    })
}
