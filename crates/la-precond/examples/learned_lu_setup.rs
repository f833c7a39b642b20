//! Set-up time of learned LU beside ILU(0), taken in turns.
//!
//! `cargo run --release -p la-precond --features learned --example learned_lu_setup -- [grid side] [random entries per row]`

use std::time::Instant;

use la_gnn::learned_lu::{LearnedLuConfig, Parameters};
use la_precond::classical::{Ilu, IluSymbolic, PivotRule};
use la_precond::learned::LearnedLu;
use la_problems::{Grid, Perturbation, PerturbedPoisson};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default| arguments.get(i).map_or(Ok(default), |a| a.parse());
    let (side, random): (usize, usize) = (number(0, 50)?, number(1, 39)?);
    let entries_per_row = random as f64;
    let a = PerturbedPoisson::default()
        .with_grid(Grid::rectangle(side, side))
        .with_perturbation(Perturbation::SparseUniform { entries_per_row })
        .generate(0)?
        .matrix;
    let builder =
        LearnedLu::from_parameters(&Parameters::initialize(&LearnedLuConfig::default(), 0)?)?;
    let mut learned = builder.analyse(a.view())?;
    let symbolic = IluSymbolic::new(a.view(), 0)?;
    let rule = PivotRule::default();
    let (mut l, mut i) = (learned.factor(a.view())?, symbolic.factor(a.view(), rule)?);
    let names = [
        "learned LU",
        "its refactorisation",
        "ILU(0)",
        "its refactorisation",
    ];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..15 {
        let mut time =
            |kind: usize, work: &mut dyn FnMut() -> Result<(), la_precond::PrecondError>| {
                let start = Instant::now();
                work()?;
                times[kind].push(start.elapsed().as_secs_f64() * 1e3);
                Ok::<(), la_precond::PrecondError>(())
            };
        time(0, &mut || builder.factor(a.view()).map(drop))?;
        time(1, &mut || learned.refactor(a.view(), &mut l))?;
        time(2, &mut || Ilu::default().factor(a.view()).map(drop))?;
        time(3, &mut || symbolic.refactor(a.view(), rule, &mut i))?;
    }
    println!(
        "n {}, {} entries, medians of 15, milliseconds",
        a.rows(),
        a.nnz()
    );
    for (name, mut times) in names.into_iter().zip(times) {
        times.sort_by(f64::total_cmp);
        println!("{name:>20} {:8.2}", times[7]);
    }
    Ok(())
}
