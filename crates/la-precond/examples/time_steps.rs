//! Time steps of a heat equation: one analysis for all matrices, and each solve starts from the last field.
//!
//! ```sh
//! cargo run --release -p la-precond --example time_steps
//! ```

use std::error::Error;
use std::time::Instant;

use la_krylov::{CgOptions, CgWorkspace, Host, cg_with};
use la_precond::classical::{Ic0, Ic0Symbolic};
use la_problems::{Coefficient, Grid, HeatEquation, SystemSequence};

/// The result and the milliseconds it took.
fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let start = Instant::now();
    let result = work();
    (result, 1e3 * start.elapsed().as_secs_f64())
}

fn main() -> Result<(), Box<dyn Error>> {
    let problem = HeatEquation::default()
        .with_grid(Grid::rectangle(200, 200))
        .with_coefficient(Coefficient::Inclusion { inside: 100.0 });
    let mut steps = problem.start(0)?;

    let first = &steps.system().matrix;
    let (symbolic, analysis) = timed(|| Ic0Symbolic::new(first.view()));
    let symbolic = symbolic?;
    println!(
        "{} unknowns, analysis of the pattern {analysis:.2} ms",
        first.rows()
    );

    let options = CgOptions::default();
    let mut workspace = CgWorkspace::<Host<f64>>::new(first.rows(), &options);
    loop {
        let (a, b) = (&steps.system().matrix, &steps.system().rhs);
        let (factor, numeric) = timed(|| symbolic.factor(a.view(), &Ic0::default()));
        let factor = factor?;
        if let Some(guess) = steps.initial_guess() {
            workspace.set_initial_guess(guess)?;
        }
        let (solution, solve) = timed(|| cg_with(&mut workspace, a, b, &factor, &options));
        let solution = solution?;
        solution.require_converged()?;
        println!(
            "t = {:.2}: factor {numeric:.2} ms, {} iterations {solve:.1} ms",
            steps.time(),
            solution.iterations
        );
        let field = solution.x.to_vec();
        if !steps.advance(&field)? {
            return Ok(());
        }
    }
}
