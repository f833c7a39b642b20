//! Iterations of unrestarted GMRES with learned LU on matrices larger than those of the training.
//!
//! `cargo run --release -p la-precond --features learned --example learned_lu_sizes`

use std::time::Instant;

use la_krylov::{GmresOptions, gmres};
use la_precond::IncompleteLuBuilder;
use la_precond::classical::Ilu;
use la_precond::learned::{LearnedLu, Weights};
use la_problems::{Grid, PerturbedPoisson, Split};

const NAMES: [&str; 4] = [
    "neuralif-gmres-lmax",
    "neuralif-gmres-lcom",
    "neuralif-gmres-lmax-n400",
    "neuralif-gmres-lcom-n400",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let networks = NAMES
        .iter()
        .map(|name| LearnedLu::new(&Weights::bundled(name)?))
        .collect::<Result<Vec<_>, _>>()?;
    let ilu0 = Ilu::default();
    let mut builders: Vec<(&str, &dyn IncompleteLuBuilder)> = vec![("ilu0", &ilu0)];
    for (name, network) in NAMES.iter().zip(&networks) {
        builders.push((name, network));
    }
    println!(
        "Poisson matrix plus sparse noise, iterations to 1e-6 (set-up ms, solve s), mean of the matrices"
    );
    for (side, matrices) in [(20, 10), (50, 4), (70, 2), (100, 1)] {
        println!("n = {}, {matrices} matrices", side * side);
        for (name, builder) in &builders {
            let (mut iterations, mut setup, mut solve) = (0.0, 0.0, 0.0);
            for index in 0..matrices {
                let family = PerturbedPoisson::default().with_grid(Grid::rectangle(side, side));
                let system = family.generate(Split::Test.seed(100 + index))?;
                let start = Instant::now();
                let factor = builder.build(system.matrix.view())?;
                setup += start.elapsed().as_secs_f64();
                let limit = system.rhs.len().min(3000);
                let options = GmresOptions::default()
                    .with_rtol(1e-6)
                    .with_restart(limit)
                    .with_max_iters(limit);
                let start = Instant::now();
                let solution = gmres(&system.matrix, &system.rhs, &factor, &options)?;
                solve += start.elapsed().as_secs_f64();
                if !solution.status.is_converged() {
                    println!("  {name}, matrix {index}: {}", solution.status);
                }
                iterations += solution.iterations as f64;
            }
            let count = matrices as f64;
            println!(
                "  {name:<26} {:>7.1} ({:.1}, {:.2})",
                iterations / count,
                1e3 * setup / count,
                solve / count
            );
        }
    }
    Ok(())
}
