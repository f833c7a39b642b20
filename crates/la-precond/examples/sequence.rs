//! Newton's method for a nonlinear flow: matrices of one pattern, whose analysis is kept.
//!
//! Each step writes new ILU(1) factors into the memory of the last ones; GMRES allocates nothing either. In
//! brackets the set-up that starts anew each time. Time steps of a heat equation: example `time_steps`.
//!
//! ```sh
//! cargo run --release -p la-precond --example sequence
//! ```

use std::error::Error;
use std::time::Instant;

use la_krylov::{GmresOptions, GmresWorkspace, Host, gmres_with};
use la_precond::classical::{Ilu, IluSymbolic, PivotRule};
use la_problems::{ConvectionDiffusion, Grid, NonlinearFlow, Nonlinearity, SystemSequence, Wind};

/// The result and the milliseconds it took.
fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let start = Instant::now();
    let result = work();
    (result, 1e3 * start.elapsed().as_secs_f64())
}

fn main() -> Result<(), Box<dyn Error>> {
    let flow = ConvectionDiffusion::default()
        .with_grid(Grid::rectangle(100, 100))
        .with_wind(Wind::Recirculating)
        .with_peclet(100.0);
    let conductivity = Nonlinearity::Diffusion {
        beta: 20.0,
        source: 20.0,
    };
    let problem = NonlinearFlow::default()
        .with_flow(flow)
        .with_nonlinearity(conductivity);
    let mut steps = problem.start()?;

    let first = &steps.system().matrix;
    let (symbolic, analysis) = timed(|| IluSymbolic::new(first.view(), 1));
    let (symbolic, pivot) = (symbolic?, PivotRule::default());
    let mut factor = symbolic.factor(first.view(), pivot)?;
    println!(
        "{} unknowns, analysis of the pattern {analysis:.2} ms",
        first.rows()
    );

    let options = GmresOptions::default().with_restart(60);
    let mut workspace = GmresWorkspace::<Host<f64>>::new(first.rows(), &options);
    loop {
        let (a, b) = (&steps.system().matrix, &steps.system().rhs);
        let (done, numeric) = timed(|| symbolic.refactor(a.view(), pivot, &mut factor));
        done?;
        let (_, anew) = timed(|| Ilu::default().with_level(1).factor(a.view()));
        let (solution, solve) = timed(|| gmres_with(&mut workspace, a, b, &factor, &options));
        let solution = solution?;
        solution.require_converged()?;
        let iterations = solution.iterations;
        let (step, update) = (steps.step(), solution.x.to_vec());
        let more = steps.advance(&update)?;
        println!(
            "step {step}: factors {numeric:.2} ms ({anew:.2} ms), {iterations} iterations {solve:.1} ms, then ‖F(u)‖ is \
             {:.1e} of the first",
            steps.relative_residual()
        );
        if !more {
            return Ok(());
        }
    }
}
