//! Conjugate gradients with additive Schwarz and IC(0) on Poisson's equation in a cube, on one rank and on all.

use anyhow::{Result, ensure};
use la_krylov::{CgOptions, CsrMatrix, MpiMatrix, Solution, cg, cg_in};
use la_precond::classical::{Combination, Ic0};
use la_precond::mpi::MpiSchwarz;
use la_precond::mpi::la_mpi::Ranges;
use la_problems::sprs::CsMatI;
use la_problems::{Grid, Poisson};
use xtask::report::Unit;

use super::super::Size;
use super::turns::Triad;
use super::{Bench, Rounds};

/// Share of the speed-up of a triad.
const GOAL: f64 = 0.8;
/// Between the solutions, relative to the largest entry.
const DIFFERENCE: f64 = 1e-8;
/// Iterations that are timed at once.
const STRETCH: usize = 20;
/// Three arrays that no cache holds, on each rank.
const MEMORY: usize = 192 << 20;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    let edge = match bench.args.size {
        Size::Smoke => 16,
        Size::Small => 48,
        Size::Full => 126,
    };
    let system = Poisson::new(Grid::cuboid(edge, edge, edge)).generate()?;
    let (n, whole) = (system.matrix.rows(), system.matrix);
    let problem = format!("poisson3-{n}");
    let b: Vec<f64> = (0..n).map(|i| (0.7 * i as f64).sin()).collect();

    let world = bench.world();
    let blocks = Ranges::even(n, world.size());
    let own = blocks.range(world.rank());
    let rows: CsMatI<f64, u32> = whole.slice_outer(own.clone()).to_owned();
    let a = MpiMatrix::<f64>::from_blocks(world, &blocks, rows.view())?;
    let ic0 = Ic0::default();
    let single = match world.is_root() {
        true => Some((
            CsrMatrix::<f64>::from_sprs(whole.view())?,
            ic0.factor(whole.view())?,
        )),
        false => None,
    };
    drop(whole);

    let mut methods = Vec::new();
    for (name, overlap, combination) in [
        ("block Jacobi", 0, Combination::Weighted),
        ("overlap, weighted", 1, Combination::Weighted),
        ("overlap, added", 1, Combination::Additive),
    ] {
        let schwarz = MpiSchwarz::default()
            .with_overlap(overlap)
            .with_combination(combination);
        let m = schwarz.build_blocks(world, &blocks, rows.view(), |local| ic0.factor(local))?;
        methods.push((name, m, Rounds::default()));
    }

    if bench.timed {
        let stretch = CgOptions::default()
            .with_max_iters(STRETCH)
            .with_rtol(0.0)
            .with_atol(f64::MIN_POSITIVE);
        let (mut arrays, mut triad) = (Triad::new(MEMORY), Rounds::default());
        for round in 0..=bench.args.repetitions {
            let turns = &bench.turns;
            let alone = turns.alone(|| match &single {
                Some((a, m)) => per_iteration(cg(a, &b, m, &stretch)),
                None => Ok(0.0),
            })?;
            let passes = [
                turns.alone(|| Ok::<_, anyhow::Error>(arrays.passes(1)))?,
                turns.together(|| Ok::<_, anyhow::Error>(arrays.passes(1)))?,
            ];
            for (_, m, rounds) in &mut methods {
                let part = &b[own.clone()];
                let together =
                    turns.together(|| per_iteration(cg_in(a.space(), &a, part, m, &stretch)))?;
                if round > 0 {
                    rounds.alone.push(alone);
                    rounds.together.push(together);
                }
            }
            if round > 0 {
                triad.alone.push(passes[0]);
                triad.together.push(passes[1]);
            }
        }
        bench.triad("triad, 192 MiB a rank", &triad)?;
        for (method, _, rounds) in &methods {
            bench.speed_up(&problem, method, rounds, &triad, GOAL)?;
        }
    }

    let full = CgOptions::default().with_rtol(1e-12);
    let alone = match &single {
        Some((a, m)) => Some(cg(a, &b, m, &full)?),
        None => None,
    };
    if let Some(alone) = &alone {
        let record = &mut bench.record;
        let (method, count) = ("IC(0), alone", alone.iterations as f64);
        record.value(&problem, method, "iterations", Unit::Iterations, count)?;
    }
    for (method, m, _) in &methods {
        let together = cg_in(a.space(), &a, &b[own.clone()], m, &full)?;
        ensure!(
            together.status.is_converged(),
            "{method}: {}",
            together.status
        );
        let parts = world.gather(0, &together.x);
        let Some(alone) = &alone else { continue };
        let pairs = parts.iter().flatten().zip(&alone.x);
        let apart = pairs.fold(0.0f64, |d, (x, s)| d.max((x - s).abs()));
        let size = alone.x.iter().fold(0.0f64, |size, x| size.max(x.abs()));
        let record = &mut bench.record;
        let count = together.iterations as f64;
        record.value(&problem, method, "iterations", Unit::Iterations, count)?;
        record.agreement(&problem, method, "difference", apart / size, DIFFERENCE)?;
    }
    Ok(())
}

fn per_iteration<V>(solution: Result<Solution<V>, la_krylov::KrylovError>) -> Result<f64> {
    let solution = solution?;
    Ok(solution.seconds / solution.iterations.max(1) as f64)
}
