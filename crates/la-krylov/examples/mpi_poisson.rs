//! CG on the five-point Laplacian of a k × k grid, spread over ranks: `mpirun -n 4 mpi_poisson [k]`.

use std::process::ExitCode;

use la_krylov::la_mpi::{Ranges, World, run};
use la_krylov::sprs::TriMatI;
use la_krylov::{CgOptions, IdentityPreconditioner, KrylovError, MpiMatrix, cg_in};

fn main() -> ExitCode {
    run(solve)
}

fn solve(world: &World) -> Result<(), KrylovError> {
    let k = std::env::args().nth(1).and_then(|k| k.parse().ok());
    let k: usize = k.unwrap_or(300);
    let n = k * k;
    let blocks = Ranges::even(n, world.size());
    let own = blocks.range(world.rank());
    let mut rows = TriMatI::<f64, u32>::new((own.len(), n));
    for (local, i) in own.clone().enumerate() {
        rows.add_triplet(local, i, 4.0);
        let (x, y) = (i % k, i / k);
        let neighbours = [
            (x > 0).then(|| i - 1),
            (x + 1 < k).then_some(i + 1),
            (y > 0).then(|| i.wrapping_sub(k)),
            (y + 1 < k).then_some(i + k),
        ];
        for j in neighbours.into_iter().flatten() {
            rows.add_triplet(local, j, -1.0);
        }
    }
    let a = MpiMatrix::<f64>::from_blocks(world, &blocks, rows.to_csr::<usize>().view())?;
    let b = vec![1.0; own.len()];
    let m = IdentityPreconditioner::new(n);
    let solution = cg_in(
        a.space(),
        &a,
        &b,
        &m,
        &CgOptions::default().with_max_iters(10 * k),
    )?;

    let costs = a.counters();
    let row = [
        costs.bytes_sent as f64,
        costs.waited.as_secs_f64(),
        world.waited().as_secs_f64(),
    ];
    for (rank, row) in world.gather(0, &row).iter().enumerate() {
        println!(
            "rank {rank}: {} bytes sent, {:.3} s waited for ghosts, {:.3} s in all",
            row[0], row[1], row[2]
        );
    }
    if world.is_root() {
        let seconds = solution.seconds;
        println!(
            "{}: {} iterations, {seconds:.3} s",
            solution.status, solution.iterations
        );
    }
    Ok(())
}
