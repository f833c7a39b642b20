//! Matrices that change little: the network of the last one is trained on for the next, at a tenth of the steps.
//!
//! Prints, for each matrix of a sequence, the loss on columns that no step trains on (mean of ‖b − A M(b)‖₁ / ‖b‖₁): of a cold training, of the
//! network of the matrix before as it is, and after refining it, with the steps after which refining has reached the cold loss. Arguments: steps
//! of a cold training, a seed of the trainings and of what is random in the sequences, and `heat`, `newton` or `changes` for one sequence alone.
//!
//! ```sh
//! cargo run --release -p la-precond --features learned --example gnp_sequence -- 300 1
//! ```

use std::error::Error;

use la_precond::learned::gnp::{GnpBuilder, GnpReport, Selection};
use la_precond::sprs::CsMatI;
use la_problems::{
    ConvectionDiffusion, Grid, HeatEquation, NonlinearFlow, Nonlinearity, SystemSequence, Wind,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Csr = CsMatI<f64, u32>;

/// Columns that are held out.
const COLUMNS: usize = 64;

/// The least loss on held-out columns.
fn best(report: &GnpReport) -> f64 {
    let losses = report.held_out.iter().map(|entry| entry.1);
    losses.fold(f64::INFINITY, f64::min)
}

/// Trains for the first matrix, then both ways for each that follows.
fn table(name: &str, matrices: &[Csr], steps: usize, seed: u64) -> Result<(), Box<dyn Error>> {
    let few = (steps / 10).max(1);
    // The same columns in all trainings for one matrix, looked at ten times in refining and a hundred times in a cold training.
    let selection = Selection::HeldOut {
        columns: COLUMNS,
        every: (few / 10).max(1),
    };
    let builder = GnpBuilder::paper()
        .with_steps(steps)
        .with_seed(seed)
        .with_selection(selection);
    let (mut m, _) = builder.train(matrices[0].view())?;
    println!(
        "{name}, {} unknowns, {steps} steps cold, {few} to refine, seed {seed}",
        matrices[0].rows()
    );
    for (k, a) in matrices.iter().enumerate().skip(1) {
        let (_, cold) = builder.train(a.view())?;
        let (next, warm) = m.refine(a.view(), few)?;
        let target = best(&cold);
        let reached = warm.held_out.iter().find(|entry| entry.1 <= target);
        let reached = reached.map_or("not reached".into(), |entry| {
            format!("reached after {} steps", entry.0)
        });
        let before = warm.held_out.first().map_or(f64::NAN, |entry| entry.1);
        println!(
            "  {k}: cold {target:.4}, before refining {:.3} of it, refined {:.3} ({reached})",
            before / target,
            best(&warm) / target
        );
        m = next;
    }
    Ok(())
}

/// The matrices of a sequence, its states advanced by solutions to 1e-8.
fn collect(sequence: &mut impl SystemSequence, count: usize) -> Result<Vec<Csr>, Box<dyn Error>> {
    let mut matrices = vec![sequence.system().matrix.clone()];
    while matrices.len() < count {
        let (a, b) = (&sequence.system().matrix, &sequence.system().rhs);
        let m = la_precond::classical::Ilu::default().factor(a.view())?;
        let solution = la_krylov::gmres(a, b, &m, &la_krylov::GmresOptions::default())?;
        if !sequence.advance(&solution.x)? {
            break;
        }
        matrices.push(sequence.system().matrix.clone());
    }
    Ok(matrices)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let steps = arguments.next().unwrap_or("300".into()).parse()?;
    let seed = arguments.next().unwrap_or("0".into()).parse()?;
    let only = arguments.next();
    let asked = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let grid = Grid::rectangle(30, 30);

    if asked("heat") {
        let mut heat = HeatEquation::default().with_grid(grid).start(seed)?;
        table("heat equation", &collect(&mut heat, 4)?, steps, seed)?;
    }

    let flow = ConvectionDiffusion::default()
        .with_grid(grid)
        .with_wind(Wind::Recirculating)
        .with_peclet(100.0);
    if asked("newton") {
        let newton = NonlinearFlow::default()
            .with_flow(flow.clone())
            .with_nonlinearity(Nonlinearity::Diffusion {
                beta: 20.0,
                source: 20.0,
            });
        let matrices = collect(&mut newton.start()?, 4)?;
        table("Newton's method", &matrices, steps, seed)?;
    }

    if !asked("changes") {
        return Ok(());
    }
    // Every entry changes by up to 5 %, again and again.
    let mut matrices = vec![flow.generate()?.matrix];
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    while matrices.len() < 4 {
        let last = matrices[matrices.len() - 1].clone();
        matrices.push(last.map(|v| v * (1.0 + random.random_range(-0.05..0.05))));
    }
    table("changes of 5 %", &matrices, steps, seed)
}
