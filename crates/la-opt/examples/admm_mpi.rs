//! Consensus of many agents on a grid, on the ranks of an MPI program.
//!
//! `cargo build --release -p la-opt --features mpi --example admm_mpi`, then `mpirun -n 2 target/release/examples/admm_mpi [SIDE] [ITERATIONS]`.
//!
//! Prints seconds of an iteration, bytes and share of waiting of each rank, and a fingerprint of the iterates, which is the same on any number of ranks. What ranks gain over one,
//! `cargo xtask bench admm --ranks 2` measures.
#![allow(clippy::print_stdout, reason = "a program")]

use std::process::ExitCode;
use std::time::Instant;

use la_mpi::World;
use la_opt::admm::{Admm, AdmmOptions, Network, Ranks, SquaredDistance};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    la_mpi::run(|world| program(world).map_err(|error| error.to_string()))
}

fn program(world: &World) -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let side: usize = args.next().map_or(Ok(316), |s| s.parse())?;
    let iterations: usize = args.next().map_or(Ok(200), |s| s.parse())?;
    let agents = side * side;
    let right = (0..agents)
        .filter(|i| (i + 1) % side != 0)
        .map(|i| (i, i + 1));
    let below = (0..agents - side).map(|i| (i, i + side));
    let network = Network::from_edges(agents, right.chain(below))?;
    // Stripes; for other graphs `la_graph::partition` finds parts.
    let owner: Vec<u32> = (0..agents)
        .map(|i| (i * world.size() / agents) as u32)
        .collect();
    let (shard, ranks) = Ranks::new(world, &network, &owner)?;
    let ids: Vec<u32> = shard.ids()[..shard.owned()].to_vec();
    let local = ids.iter().map(|&i| {
        let t = f64::from(i);
        SquaredDistance::new(vec![10.0 * t.sin(), 10.0 * (0.7 * t).cos()])
    });
    let local = local.collect::<Result<Vec<_>, _>>()?;
    let mut admm = Admm::on(shard, agents, local, AdmmOptions::default(), ranks)?;

    let failed = |(agent, why)| format!("agent {agent}: {why}");
    admm.iterate(20).map_err(failed)?;
    world.barrier();
    let before = la_opt::admm::Exchange::traffic(admm.exchange());
    let begin = Instant::now();
    admm.iterate(iterations).map_err(failed)?;
    let seconds = begin.elapsed().as_secs_f64();
    let after = la_opt::admm::Exchange::traffic(admm.exchange());

    // Order does not matter to a sum of integers.
    let bits = ids.iter().zip(admm.states().chunks_exact(2));
    let own = bits.fold(0i64, |sum, (&i, x)| {
        let hash = (u64::from(i) + 1).wrapping_mul(x[0].to_bits() ^ x[1].to_bits().rotate_left(31));
        sum.wrapping_add(hash as i64)
    });
    let mut fingerprint = [own];
    world.all_sum_integers(&mut fingerprint);
    let waited = (after.waiting - before.waiting).as_secs_f64();
    let bytes = (after.bytes - before.bytes) as f64 / iterations as f64;
    let all = world.gather(0, &[seconds, waited, bytes]);
    for (rank, line) in all.iter().enumerate() {
        if let [seconds, waited, bytes] = line[..] {
            println!(
                "rank {rank}: {:.3} ms an iteration, {:.1} % of it waiting; {bytes:.0} bytes sent",
                1e3 * seconds / iterations as f64,
                100.0 * waited / seconds
            );
        }
    }
    if world.is_root() {
        println!("{agents} agents, fingerprint {:016x}", fingerprint[0]);
    }
    Ok(())
}
