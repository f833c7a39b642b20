//! Poisson's equation on a cube on the ranks of an MPI program: CG with additive Schwarz and IC(0) on every rank.
//!
//! `mpirun -n 2 mpi_schwarz [points per edge] [layers of overlap]`. What ranks gain over one, `cargo xtask bench krylov --ranks 2` measures.

use std::process::ExitCode;

use anyhow::Result;
use la_krylov::{CgOptions, MpiMatrix, cg_in};
use la_precond::classical::Ic0;
use la_precond::mpi::MpiSchwarz;
use la_precond::mpi::la_mpi::{Ranges, World, run};
use la_precond::sprs::CsMatI;
use la_problems::{Grid, Poisson};

fn main() -> ExitCode {
    run(solve)
}

fn solve(world: &World) -> Result<()> {
    let mut arguments = std::env::args()
        .skip(1)
        .map_while(|a| a.parse::<usize>().ok());
    let edge = arguments.next().unwrap_or(60);
    let overlap = arguments.next().unwrap_or(1);
    let whole = Poisson::new(Grid::cuboid(edge, edge, edge)).generate()?;
    let n = whole.matrix.rows();

    // Every rank keeps its rows alone; `la_problems::mpi` reads files that way.
    let blocks = Ranges::even(n, world.size());
    let own = blocks.range(world.rank());
    let rows: CsMatI<f64, u32> = whole.matrix.slice_outer(own.clone()).to_owned();
    drop(whole);
    let b: Vec<f64> = own.map(|i| (0.7 * i as f64).sin()).collect();

    let a = MpiMatrix::<f64>::from_blocks(world, &blocks, rows.view())?;
    let m = MpiSchwarz::default().with_overlap(overlap).build_blocks(
        world,
        &blocks,
        rows.view(),
        |local| Ic0::default().factor(local),
    )?;
    let solution = cg_in(a.space(), &a, &b, &m, &CgOptions::default())?;
    let costs = [a.counters().bytes_sent as f64, world.waited().as_secs_f64()];
    let costs = world.gather(0, &costs);
    if world.is_root() {
        println!(
            "n = {n}, {} ranks: {} after {} iterations, {:.2} ms each",
            world.size(),
            solution.status,
            solution.iterations,
            1e3 * solution.seconds / solution.iterations.max(1) as f64
        );
    }
    for (rank, row) in costs.iter().enumerate() {
        println!(
            "rank {rank}: {} bytes sent by products, {:.2} s waited in all",
            row[0], row[1]
        );
    }
    Ok(())
}
