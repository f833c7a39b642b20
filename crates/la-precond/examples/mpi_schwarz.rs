//! Poisson's equation on a cube, CG with additive Schwarz and IC(0): rank 0 alone against all ranks together.
//!
//! `mpirun -n 2 mpi_schwarz [points per edge] [rounds] [layers of overlap]`
//!
//! Alone is IC(0) of the whole matrix, with the other ranks asleep. Rounds take turns, iterations of each take
//! turns with passes of a triad (`a = b + 3 c` on arrays that no cache holds), and the best of each counts: the
//! triad says by how much the memory of this machine can be faster for several ranks than for one. Then both
//! solve to the end, and the solutions are compared.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use la_krylov::{CgOptions, CsrMatrix, MpiMatrix, Solution, cg, cg_in};
use la_precond::classical::Ic0;
use la_precond::mpi::MpiSchwarz;
use la_precond::mpi::la_mpi::{Ranges, World, run};
use la_precond::sprs::CsMatI;
use la_problems::{Grid, Poisson};

/// Iterations that are timed at once.
const STRETCH: usize = 25;

/// Entries of each array of the triad on each rank, when all run: 64 MB.
const LENGTH: usize = 1 << 23;

fn main() -> ExitCode {
    run(measure)
}

fn measure(world: &World) -> Result<()> {
    let mut arguments = std::env::args()
        .skip(1)
        .map_while(|a| a.parse::<usize>().ok());
    let edge = arguments.next().unwrap_or(60);
    let rounds = arguments.next().unwrap_or(5);
    let overlap = arguments.next().unwrap_or(1);
    let system = Poisson::new(Grid::cuboid(edge, edge, edge)).generate()?;
    let (n, whole) = (system.matrix.rows(), system.matrix);
    let b: Vec<f64> = (0..n).map(|i| (0.7 * i as f64).sin()).collect();

    let blocks = Ranges::even(n, world.size());
    let own = blocks.range(world.rank());
    let rows: CsMatI<f64, u32> = whole.slice_outer(own.clone()).to_owned();
    let a = MpiMatrix::<f64>::from_blocks(world, &blocks, rows.view())?;
    let ic0 = Ic0::default();
    let schwarz = MpiSchwarz::default().with_overlap(overlap);
    let m = schwarz.build_blocks(world, &blocks, rows.view(), |local| ic0.factor(local))?;
    let alone = match world.is_root() {
        true => Some((
            CsrMatrix::<f64>::from_sprs(whole.view())?,
            ic0.factor(whole.view())?,
        )),
        false => None,
    };
    drop(whole);

    let stretch = CgOptions::default().with_max_iters(STRETCH).with_rtol(0.0);
    let stretch = stretch.with_atol(f64::MIN_POSITIVE);
    let mut triad = Triad::new();
    let mut best = Best::default();
    for _ in 0..rounds {
        if let Some((a, m)) = &alone {
            best.alone_triad.take(triad.pass());
            best.alone.take(per_iteration(&cg(a, &b, m, &stretch)?));
        }
        wake(world);
        best.together_triad.take(slowest(world, triad.pass()));
        wake(world);
        let solution = cg_in(a.space(), &a, &b[own.clone()], &m, &stretch)?;
        best.together.take(slowest(world, per_iteration(&solution)));
        wake(world);
    }

    let full = CgOptions::default().with_rtol(1e-12);
    let together = cg_in(a.space(), &a, &b[own.clone()], &m, &full)?;
    let parts = world.gather(0, &together.x);
    if let Some((a, m)) = &alone {
        let single = cg(a, &b, m, &full)?;
        let size = single.x.iter().fold(0.0f64, |size, x| size.max(x.abs()));
        let pairs = parts.iter().flatten().zip(&single.x);
        let difference = pairs.fold(0.0f64, |d, (x, s)| d.max((x - s).abs()));
        report(world, n, &best);
        println!("alone: {} iterations, {}", single.iterations, single.status);
        println!(
            "together: {} iterations, {}",
            together.iterations, together.status
        );
        println!(
            "largest difference of the solutions over the largest entry: {:.1e}",
            difference / size
        );
    }
    wake(world);
    let costs = a.counters();
    let row = [costs.bytes_sent as f64, world.waited().as_secs_f64()];
    for (rank, row) in world.gather(0, &row).iter().enumerate() {
        println!(
            "rank {rank}: {} bytes sent by products, {:.2} s waited in all",
            row[0], row[1]
        );
    }
    Ok(())
}

fn report(world: &World, n: usize, best: &Best) {
    let ranks = world.size();
    let (solver, triad) = (
        best.alone.0 / best.together.0,
        // Every rank of the triad makes a pass of its own.
        ranks as f64 * best.alone_triad.0 / best.together_triad.0,
    );
    println!("n = {n}, {ranks} ranks");
    println!(
        "alone: {:.3} ms an iteration, triad {:.2} ms a pass",
        best.alone.0 * 1e3,
        best.alone_triad.0 * 1e3
    );
    println!(
        "together: {:.3} ms an iteration, triad {:.2} ms a pass on each",
        best.together.0 * 1e3,
        best.together_triad.0 * 1e3
    );
    println!(
        "speed-up {solver:.2}, of the triad {triad:.2}: {:.0} %",
        100.0 * solver / triad
    );
}

fn per_iteration<V>(solution: &Solution<V>) -> f64 {
    solution.seconds / solution.iterations.max(1) as f64
}

/// All ranks wait for the slowest.
fn slowest(world: &World, seconds: f64) -> f64 {
    let mut slowest = [seconds];
    world.all_max(&mut slowest);
    slowest[0]
}

/// A barrier that sleeps, so that a rank that works alone has the machine to itself.
fn wake(world: &World) {
    let mut gate = world.pending::<i64>();
    gate.start_sum(&[0]);
    while !gate.test() {
        std::thread::sleep(Duration::from_millis(2));
    }
    gate.wait();
}

#[derive(Default)]
struct Best {
    alone: Least,
    together: Least,
    alone_triad: Least,
    together_triad: Least,
}

struct Least(f64);

impl Default for Least {
    fn default() -> Self {
        Self(f64::INFINITY)
    }
}

impl Least {
    fn take(&mut self, value: f64) {
        self.0 = self.0.min(value);
    }
}

struct Triad {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
}

impl Triad {
    fn new() -> Self {
        Self {
            a: vec![0.5; LENGTH],
            b: vec![1.0; LENGTH],
            c: vec![2.0; LENGTH],
        }
    }

    /// Seconds of a pass.
    fn pass(&mut self) -> f64 {
        let started = Instant::now();
        for ((a, b), c) in self.a.iter_mut().zip(&self.b).zip(&self.c) {
            *a = b + 3.0 * c;
        }
        std::hint::black_box(&self.a);
        started.elapsed().as_secs_f64()
    }
}
