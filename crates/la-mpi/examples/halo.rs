//! Halo exchange on a ring: bytes, messages and waiting of every rank.
//!
//! `mpirun -n 4 halo [ids]`

use std::process::ExitCode;
use std::time::Instant;

use la_mpi::{Halo, MpiError, Ranges, World};

const ROUNDS: usize = 1000;
const REACH: usize = 100;

fn main() -> ExitCode {
    la_mpi::run(smooth)
}

/// Every id takes the mean of the ids up to `REACH` before it, many times: the sum stays.
fn smooth(world: &World) -> Result<(), MpiError> {
    let n = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let n = n.unwrap_or(100_000).max(REACH * world.size() + 1);
    let blocks = Ranges::even(n, world.size());
    let own: Vec<usize> = blocks.range(world.rank()).collect();
    let before: Vec<usize> = (1..=REACH).rev().map(|k| (own[0] + n - k) % n).collect();
    let ghosts = if world.size() == 1 { &[] } else { &before[..] };
    let mut halo: Halo = Halo::new(world, &own, ghosts, &blocks)?;

    let mut x: Vec<f64> = own.iter().map(|id| *id as f64).collect();
    let mut window = vec![0.0; REACH + x.len()];
    let started = Instant::now();
    for _ in 0..ROUNDS {
        halo.start(&x, 1);
        window[REACH..].copy_from_slice(&x);
        match world.size() {
            1 => window[..REACH].copy_from_slice(&x[x.len() - REACH..]),
            _ => halo.finish(&mut window[..REACH]),
        }
        if halo.ghosts() == 0 {
            halo.finish(&mut []);
        }
        let mut sum: f64 = window[..REACH].iter().sum();
        for (i, x) in x.iter_mut().enumerate() {
            *x = sum / REACH as f64;
            sum += window[REACH + i] - window[i];
        }
    }
    let seconds = started.elapsed().as_secs_f64();

    let mut total = [x.iter().sum::<f64>()];
    world.all_sum(&mut total);
    let counters = halo.counters();
    let row = [
        counters.messages_sent as f64,
        counters.bytes_sent as f64,
        counters.waited.as_secs_f64(),
    ];
    let rows = world.gather(0, &row);
    for (rank, row) in rows.iter().enumerate() {
        println!(
            "rank {rank}: {} messages, {} bytes, waited {:.3} s of {seconds:.3} s",
            row[0], row[1], row[2]
        );
    }
    if world.is_root() {
        let mean = total[0] / n as f64;
        println!("mean {mean} instead of {}", (n - 1) as f64 / 2.0);
    }
    Ok(())
}
