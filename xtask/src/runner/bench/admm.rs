//! Distributed ADMM: seconds of an iteration with few agents and with many.

use anyhow::{Result, ensure};
use la_gnn::admm::{AdmmConfig, Parameters};
use la_opt::admm::learned::LearnedAdmm;
use la_opt::admm::{Admm, AdmmOptions, LeastSquares, LocalObjective, Network, SquaredDistance};
use la_problems::consensus::{AgentGraphLaw, ConsensusClass, ConsensusProblem};
use xtask::report::{Centre, Key, Measurement, Reference, Tolerance, Unit};

use super::clock;
use super::record::Record;
use super::{Args, Size};

/// Seconds of an iteration of eight agents with two numbers each.
const GOAL: f64 = 1e-6;
/// Iterations of a measurement.
const ITERATIONS: usize = 2000;

pub(super) fn run(args: &Args, record: &mut Record) -> Result<()> {
    record.note(
        "admm: few agents are those of the published experiments, 8 on G(8, 0.4) with n = 2, one thread; the authors' code needs 6.6 ms for an iteration",
    );
    multiply_adds(args, record)?;
    few(args, record)?;
    many(args, record)
}

/// f64 multiply-adds a second of one core, without memory.
fn multiply_adds(args: &Args, record: &mut Record) -> Result<()> {
    const LANES: usize = 32;
    const STEPS: usize = 100_000;
    let samples: Vec<f64> = (0..args.repetitions)
        .map(|_| {
            let mut sums = [1.0; LANES];
            let (a, b) = std::hint::black_box((0.999_999, 1e-9));
            let seconds = clock::seconds(|| {
                for _ in 0..STEPS {
                    for sum in &mut sums {
                        *sum = *sum * a + b;
                    }
                }
            });
            std::hint::black_box(sums);
            (LANES * STEPS) as f64 / seconds / 1e9
        })
        .collect();
    let key = Key::new("machine", "one core", "1e9 multiply-adds a second");
    let row = Measurement::from_samples(key, Unit::Dimensionless, &samples, Centre::Median)?;
    record.push(row)
}

fn few(args: &Args, record: &mut Record) -> Result<()> {
    for (name, class) in [
        ("consensus-8", ConsensusClass::Average),
        ("least-squares-8", ConsensusClass::LeastSquares),
    ] {
        let sample = ConsensusProblem::default().with_class(class).generate(0)?;
        let network = Network::from_edges(sample.agents, sample.edges.iter().copied())?;
        let options = AdmmOptions::plain(1.0);
        let local = sample
            .matrices
            .chunks_exact(4)
            .zip(sample.rhs.chunks_exact(2));
        match class {
            ConsensusClass::Average => {
                let agents = local.map(|(_, b)| SquaredDistance::new(b.to_vec()));
                let agents = agents.collect::<Result<Vec<_>, _>>()?;
                iterations(
                    args,
                    record,
                    name,
                    "constant",
                    Admm::new(&network, agents, options)?,
                )?;
            }
            _ => {
                let agents = local.map(|(m, b)| LeastSquares::new(2, m.to_vec(), b.to_vec()));
                let agents = agents.collect::<Result<Vec<_>, _>>()?;
                let plain = Admm::new(&network, agents.clone(), options.clone())?;
                iterations(args, record, name, "constant", plain)?;
                let relaxed = options.clone().with_gamma(1.8);
                let relaxed = Admm::new(&network, agents.clone(), relaxed)?;
                iterations(args, record, name, "over-relaxed", relaxed)?;
                // One perceptron for all iterations, asked as long as it is measured.
                let config = AdmmConfig::new(2)
                    .with_shared(true)
                    .with_learned_iterations(1000);
                let learned = LearnedAdmm::new(&Parameters::initialize(&config, 0)?)?;
                let setup = learned.setup(network, options)?;
                let samples: Vec<f64> = (0..args.repetitions)
                    .map(|_| {
                        let options = setup.options.clone();
                        let mut admm = Admm::new(&setup.network, agents.clone(), options)?
                            .with_policy(setup.policy.clone());
                        let (result, seconds) = clock::timed(|| admm.iterate(1000));
                        ensure!(result.is_ok(), "an agent has no answer");
                        Ok(seconds / 1000.0)
                    })
                    .collect::<Result<_>>()?;
                record.seconds(name, "node-wise network", "iteration_seconds", &samples)?;
            }
        }
    }
    Ok(())
}

fn iterations<F: LocalObjective>(
    args: &Args,
    record: &mut Record,
    problem: &str,
    method: &str,
    mut admm: Admm<F>,
) -> Result<()> {
    let samples: Vec<f64> = (0..args.repetitions)
        .map(|_| {
            let (result, seconds) = clock::timed(|| admm.iterate(ITERATIONS));
            ensure!(result.is_ok(), "an agent has no answer");
            Ok(seconds / ITERATIONS as f64)
        })
        .collect::<Result<_>>()?;
    let key = Key::new(problem, method, "iteration_seconds");
    let row = Measurement::from_samples(key, Unit::Seconds, &samples, Centre::Median)?;
    let goal = Reference::new(GOAL, "goal", Tolerance::AtMost(GOAL))?;
    record.push(row.compare(goal))
}

/// Agents on a grid, on one thread and on two, which must give the same bits.
fn many(args: &Args, record: &mut Record) -> Result<()> {
    let side = match args.size {
        Size::Smoke => 40,
        Size::Small => 100,
        Size::Full => 316,
    };
    let agents = side * side;
    let edges = AgentGraphLaw::Grid { rows: side }.draw(agents, 0)?;
    let network = Network::from_edges(agents, edges)?;
    let build = || -> Result<_> {
        let local = (0..agents).map(|i| {
            let t = i as f64;
            SquaredDistance::new(vec![10.0 * t.sin(), 10.0 * (0.7 * t).cos()])
        });
        let local = local.collect::<Result<Vec<_>, _>>()?;
        Ok(Admm::new(&network, local, AdmmOptions::default())?)
    };
    let problem = format!("grid-{agents}");
    let (mut one, mut two) = (build()?, build()?);
    let threads = super::threads(2)?;
    let single = super::threads(1)?;
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..args.repetitions {
        let (_, seconds) = single.install(|| clock::timed(|| one.iterate(10)));
        samples[0].push(seconds / 10.0);
        let (_, seconds) = threads.install(|| clock::timed(|| two.iterate(10)));
        samples[1].push(seconds / 10.0);
    }
    ensure!(
        one.states() == two.states(),
        "two threads gave other bits than one"
    );
    record.seconds(&problem, "1 thread", "iteration_seconds", &samples[0])?;
    record.seconds(&problem, "2 threads", "iteration_seconds", &samples[1])?;
    record.ratio(
        &problem,
        "1 thread",
        "two-threads_ratio",
        &samples[1],
        &samples[0],
    )?;
    let bytes = 8.0 * (2 * network.edges() * 5 + agents * 20) as f64;
    let median = xtask::report::Summary::of("seconds", &samples[0])?.median;
    record.note(format!(
        "admm: {problem} moves about {:.0} bytes an agent and iteration, {:.1} GB/s on one thread; two threads gave the same bits as one",
        bytes / agents as f64,
        bytes / median / 1e9
    ));
    Ok(())
}
