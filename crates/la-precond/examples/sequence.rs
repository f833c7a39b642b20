//! A sequence of matrices with one pattern: analyse once, refactor for every matrix, start from the last solution.
//!
//! A flow over a grid whose Péclet number grows, as in continuation or time stepping.
//!
//! ```sh
//! cargo run --release -p la-precond --example sequence
//! ```

use std::error::Error;
use std::time::Instant;

use la_krylov::{GmresOptions, GmresWorkspace, Host, gmres_with};
use la_precond::classical::{IluSymbolic, PivotRule};
use la_problems::{ConvectionDiffusion, Grid, Wind};

fn main() -> Result<(), Box<dyn Error>> {
    let family = ConvectionDiffusion::default()
        .with_grid(Grid::rectangle(150, 150))
        .with_wind(Wind::Recirculating);
    let first = family.clone().with_peclet(1.0).generate()?;
    let (n, pivot) = (first.matrix.rows(), PivotRule::default());

    let start = Instant::now();
    let symbolic = IluSymbolic::new(first.matrix.view(), 1)?;
    let mut factor = symbolic.factor(first.matrix.view(), pivot)?;
    println!(
        "analysis and first factors: {:.1} ms",
        1e3 * start.elapsed().as_secs_f64()
    );

    let options = GmresOptions::default();
    let mut workspace = GmresWorkspace::<Host<f64>>::new(n, &options);
    let mut x = vec![0.0; n];
    for step in 0..8 {
        let system = family.clone().with_peclet(2.0_f64.powi(step)).generate()?;
        let start = Instant::now();
        symbolic.refactor(system.matrix.view(), pivot, &mut factor)?;
        let setup = start.elapsed().as_secs_f64();
        workspace.set_initial_guess(&x)?;
        let solution = gmres_with(
            &mut workspace,
            &system.matrix,
            &system.rhs,
            &factor,
            &options,
        )?;
        solution.require_converged()?;
        x.copy_from_slice(&solution.x);
        println!(
            "Péclet {:>4}: refactored in {:.2} ms, {} iterations, relative residual {:.1e}",
            2_u32.pow(step as u32),
            1e3 * setup,
            solution.iterations,
            solution.relative_residual()
        );
    }
    Ok(())
}
