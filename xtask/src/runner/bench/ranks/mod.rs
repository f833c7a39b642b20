//! `bench --ranks`: one rank alone and all ranks together, in turns, on the same problem.

mod admm;
mod krylov;
mod messages;
mod model;
mod turns;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use la_precond::mpi::la_mpi::{self, World};
use xtask::report::{Centre, Key, Measurement, Reference, Tolerance, Unit};

use self::turns::Turns;
use super::record::Record;
use super::{Area, Args, root};

/// Runs on every rank; rank 0 reports.
pub(super) fn run(args: &Args, areas: &[Area], ranks: usize, output: &Path) -> Result<ExitCode> {
    let pool = super::threads(args.threads.into())?;
    Ok(pool.install(|| {
        la_mpi::run(|world| -> Result<()> {
            ensure!(
                world.size() == ranks,
                "--ranks {ranks} on {} rank(s); `cargo xtask bench` starts as many as that says, and so does mpirun -n {ranks}",
                world.size()
            );
            for area in areas {
                let mut record = Record::new(area.name(), args, root());
                let mut bench = Bench::new(world, args, &mut record)?;
                match area {
                    Area::Krylov => krylov::run(&mut bench)?,
                    _ => admm::run(&mut bench)?,
                }
                if world.is_root() {
                    let folder = output.join(format!("{}-{ranks}-ranks", area.name()));
                    println!("written: {}\n", record.finish(&folder)?.display());
                }
            }
            Ok(())
        })
    }))
}

/// What a measurement on ranks needs.
struct Bench<'a> {
    turns: Turns<'a>,
    args: &'a Args,
    record: &'a mut Record,
    /// Whether every rank has a core of its own; without one there is nothing to time.
    timed: bool,
}

impl<'a> Bench<'a> {
    fn new(world: &'a World, args: &'a Args, record: &'a mut Record) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let timed = world.size() * usize::from(args.threads) <= cores;
        if !timed {
            record.note(format!(
                "{} ranks on {cores} cores: results are compared, nothing is timed",
                world.size()
            ));
        }
        record.note(format!(
            "speed-up: of all {} ranks together over rank 0 alone, which works while the others sleep; \
             share: of the speed-up of a triad in the same rounds, each rank on arrays of its own",
            world.size()
        ));
        Ok(Self {
            turns: Turns::new(world),
            args,
            record,
            timed,
        })
    }

    fn world(&self) -> &'a World {
        self.turns.world()
    }

    /// How many times faster the ranks are together, and the share of what a triad allows.
    fn speed_up(
        &mut self,
        problem: &str,
        method: &str,
        solver: &Rounds,
        triad: &Rounds,
        goal: f64,
    ) -> Result<()> {
        self.record
            .seconds(problem, method, "alone_seconds", &solver.alone)?;
        self.record
            .seconds(problem, method, "together_seconds", &solver.together)?;
        let own = solver.speed_up(1.0)?;
        self.ratio(problem, method, "speed_up", &own, None)?;
        self.share(problem, method, "share_of_triad", (&own, triad), Some(goal))
    }

    fn share(
        &mut self,
        problem: &str,
        method: &str,
        quantity: &str,
        (own, triad): (&Ratio, &Rounds),
        goal: Option<f64>,
    ) -> Result<()> {
        let of_triad = triad.speed_up(self.world().size() as f64)?;
        let shares: Vec<f64> = (own.rounds.iter().zip(&of_triad.rounds))
            .map(|(own, triad)| own / triad)
            .collect();
        let share = Ratio {
            median: own.median / of_triad.median,
            rounds: shares,
        };
        self.ratio(problem, method, quantity, &share, goal)
    }

    /// A triad that has as many bytes on all ranks as times the ranks alone.
    fn triad(&mut self, method: &str, triad: &Rounds) -> Result<()> {
        let record = &mut self.record;
        record.seconds("machine", method, "alone_seconds", &triad.alone)?;
        record.seconds("machine", method, "together_seconds", &triad.together)?;
        let speed_up = triad.speed_up(self.turns.world().size() as f64)?;
        self.ratio("machine", method, "speed_up", &speed_up, None)
    }

    fn ratio(
        &mut self,
        problem: &str,
        method: &str,
        quantity: &str,
        ratio: &Ratio,
        at_least: Option<f64>,
    ) -> Result<()> {
        let key = Key::new(problem, method, quantity);
        let mut row = Measurement::from_samples(key, Unit::Ratio, &ratio.rounds, Centre::Median)?;
        row.value = Some(ratio.median);
        if let Some(goal) = at_least {
            row = row.compare(Reference::new(goal, "goal", Tolerance::AtLeast(goal))?);
        }
        self.record.push(row)
    }
}

/// Seconds of the same work, round by round.
#[derive(Default)]
struct Rounds {
    /// On rank 0, the others asleep.
    alone: Vec<f64>,
    /// On all ranks, until the slowest was done.
    together: Vec<f64>,
}

impl Rounds {
    /// `work` is how many times the work of one all ranks do together.
    fn speed_up(&self, work: f64) -> Result<Ratio> {
        let rounds = self.alone.iter().zip(&self.together);
        Ok(Ratio {
            median: work * median(&self.alone)? / median(&self.together)?,
            rounds: rounds.map(|(a, t)| work * a / t).collect(),
        })
    }
}

/// A ratio of medians, and the ratios of the rounds.
struct Ratio {
    median: f64,
    rounds: Vec<f64>,
}

fn median(samples: &[f64]) -> Result<f64> {
    Ok(xtask::report::Summary::of("seconds", samples)?.median)
}
