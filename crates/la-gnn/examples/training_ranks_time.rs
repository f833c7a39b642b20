//! Time of an epoch of training on one rank and on all, in turns: `cargo build --release -p la-gnn --features mpi --example training_ranks_time`, then
//! `mpirun -n 2 target/release/examples/training_ranks_time [ROWS] [GRAPHS] [BATCH] [ROUNDS]` with `RAYON_NUM_THREADS=1`.
//!
//! What the machine allows is measured beside it: every rank trains by itself, all at the same time.
#![allow(clippy::print_stdout, reason = "a program")]

use std::sync::Arc;
use std::time::Instant;

use la_gnn::GnnError;
use la_gnn::native::LowerGraph;
use la_gnn::native::neuralif::{Loss, NativeEngine};
use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_gnn::training::la_mpi::{self, World};
use la_gnn::training::{Alone, Exchange, NoHooks, Ranks, TrainOptions, train_on};
use la_problems::NeuralIfSynthetic;

fn main() -> std::process::ExitCode {
    la_mpi::run(measure)
}

fn measure(world: &World) -> Result<(), GnnError> {
    let mut args = std::env::args()
        .skip(1)
        .map(|arg| arg.parse::<usize>().ok());
    let mut next = |default| args.next().flatten().unwrap_or(default);
    let (rows, graphs, batch, rounds) = (next(2000), next(20), next(4), next(7));
    let config = NeuralIfConfig::default();
    let start = Parameters::initialize(&config, 0)?.values;
    let graph = |seed| {
        let system = NeuralIfSynthetic::default().with_n(rows).generate(seed);
        let system = system.map_err(|e| GnnError::Matrix {
            reason: e.to_string(),
        })?;
        LowerGraph::<f32>::from_matrix(system.matrix.view()).map(Arc::new)
    };
    let all = (0..graphs as u64).map(graph).collect::<Result<_, _>>()?;
    let mut engine = NativeEngine::new(&config, Loss::Default, all)?;
    let mut options = TrainOptions::default();
    options.batch = batch;
    options.updates = graphs.div_ceil(batch);
    let model = serde_json::json!("time");
    let mut epoch = |exchange: &dyn Exchange| -> Result<f64, GnnError> {
        let clock = Instant::now();
        let (start, hooks) = (start.clone(), &mut NoHooks);
        train_on(exchange, &mut engine, &model, start, &options, None, hooks)?;
        Ok(clock.elapsed().as_secs_f64())
    };
    let (mut speed_ups, mut limits, mut waits, mut alones) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rounds {
        let mut times = [0.0; 3];
        world.barrier();
        if world.is_root() {
            times[0] = epoch(&Alone)?;
        }
        world.barrier();
        times[1] = epoch(&Alone)?;
        world.barrier();
        let before = world.waited();
        times[2] = epoch(&Ranks::new(world))?;
        let wait = (world.waited() - before).as_secs_f64() / times[2];
        // The slowest rank counts.
        let mut slowest = [times[0], times[1], times[2], wait];
        world.all_max(&mut slowest);
        let [alone, beside, together, wait] = slowest;
        alones.push(alone);
        speed_ups.push(alone / together);
        limits.push(world.size() as f64 * alone / beside);
        waits.push(wait);
    }
    if world.is_root() {
        let median = |mut v: Vec<f64>| {
            v.sort_by(f64::total_cmp);
            v[v.len() / 2]
        };
        println!(
            "{graphs} matrices of order {rows}, batches of {batch}, medians of {rounds} rounds on {} ranks",
            world.size()
        );
        println!("one epoch on one rank: {:.3} s", median(alones));
        println!(
            "speed-up {:.2}; of as many runs side by side {:.2}; share of waiting, greatest of the ranks {:.2}",
            median(speed_ups),
            median(limits),
            median(waits)
        );
    }
    Ok(())
}
