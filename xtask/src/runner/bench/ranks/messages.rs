//! What messages cost, for models of larger machines.

use anyhow::Result;
use la_opt::admm::ExactSum;
use la_precond::mpi::la_mpi::{Halo, Ranges};

use super::super::clock;
use super::{Bench, median};

/// Messages or sums that are timed at once.
const BURST: usize = 200;

/// Medians.
#[derive(Debug, Clone, Copy)]
pub(super) struct Costs {
    /// Seconds of an exchange of one number.
    pub(super) latency: f64,
    /// Seconds a byte of a large one.
    pub(super) byte: f64,
    /// Seconds of the exact sums that ADMM stops by.
    pub(super) sums: f64,
}

/// Exchanges between pairs of ranks, and sums over all.
pub(super) fn run(bench: &mut Bench<'_>) -> Result<Costs> {
    let world = bench.world();
    let mut exchanges = Vec::new();
    let sizes = [1, 100, 10_000, 1_000_000];
    for scalars in sizes {
        let blocks = Ranges::from_lengths(&vec![scalars; world.size()]);
        let own: Vec<usize> = blocks.range(world.rank()).collect();
        // Neighbours in pairs; a rank without another one has nobody to talk to.
        let other = world.rank() ^ 1;
        let ghosts: Vec<usize> = match other < world.size() {
            true => blocks.range(other).collect(),
            false => Vec::new(),
        };
        let mut halo = Halo::<f64>::new(world, &own, &ghosts, &blocks)?;
        let (values, mut came) = (vec![1.0; own.len()], vec![0.0; ghosts.len()]);
        let burst = if scalars > 10_000 { 10 } else { BURST };
        let method = format!("exchange of {} B", 8 * scalars);
        let seconds = time(bench, &method, burst, || {
            halo.exchange(&values, 1, &mut came);
        })?;
        exchanges.push(seconds);
    }
    // As many as ADMM looks at.
    let mut sums = [1.0; 9];
    time(bench, "sum of 9 numbers", BURST, || {
        world.all_sum(&mut sums)
    })?;
    let mut words = [1; 9 * ExactSum::WORDS];
    let sums = time(bench, "9 exact sums", BURST, || {
        world.all_sum_integers(&mut words)
    })?;
    let [latency, .., large] = exchanges[..] else {
        anyhow::bail!("no exchanges");
    };
    let bytes = 8 * (sizes[3] - sizes[0]);
    Ok(Costs {
        latency,
        byte: (large - latency).max(0.0) / bytes as f64,
        sums,
    })
}

fn time(bench: &mut Bench<'_>, method: &str, burst: usize, mut work: impl FnMut()) -> Result<f64> {
    let mut samples = Vec::new();
    for round in 0..=bench.args.repetitions {
        let seconds = bench.turns.together(|| {
            let seconds = clock::seconds(|| (0..burst).for_each(|_| work()));
            Ok::<_, anyhow::Error>(seconds)
        })?;
        if round > 0 {
            samples.push(seconds / burst as f64);
        }
    }
    (bench.record).seconds("messages", method, "seconds", &samples)?;
    bench.record.note(format!(
        "messages: {} ranks of one machine, through shared memory",
        bench.world().size()
    ));
    median(&samples)
}
