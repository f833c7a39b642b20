//! Trains variants of learned distributed ADMM on the published distribution of problems and says how far from the solution they are.
//!
//! `cargo run --release -p la-gnn --example admm_training -- CLASS SEED VARIANT..`, with class `consensus` or `least_squares` and variants of the list in
//! `variant`. The seed changes problems, their order and the first parameters; training, validation and test never share a seed.
#![allow(clippy::print_stdout, reason = "a program")]

use la_gnn::admm::{
    AdmmConfig, EdgeWeights, NetworkConfig, Parameters, Relaxation, StepSizes, Tail,
};
use la_gnn::native::admm::{AdmmEngine, AdmmNetwork, AgentGraph, QuadraticProblem, Unrolled};
use la_gnn::training::admm::{AdmmLoss, published, schedule};
use la_gnn::training::{NoHooks, train};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

type Failure = Box<dyn std::error::Error>;

const AGENTS: usize = 8;
const DEPTHS: [usize; 5] = [5, 10, 20, 50, 100];

/// G(8, 0.4), drawn again until it is connected.
fn graph(rng: &mut ChaCha8Rng) -> Result<AgentGraph, Failure> {
    loop {
        let pairs = (0..AGENTS).flat_map(|i| (0..i).map(move |j| (i, j)));
        let edges: Vec<_> = pairs.filter(|_| rng.random_bool(0.4)).collect();
        let (mut reached, mut before) = (1u32, 0);
        while reached != before {
            before = reached;
            for &(i, j) in &edges {
                if reached & (1 << i | 1 << j) != 0 {
                    reached |= 1 << i | 1 << j;
                }
            }
        }
        if reached.count_ones() as usize == AGENTS {
            return Ok(AgentGraph::from_edges(AGENTS, edges)?);
        }
    }
}

/// Entries in [0, 1), drawn again until both eigenvalues are above 0.1 in absolute value.
fn matrix(rng: &mut ChaCha8Rng) -> [f64; 4] {
    loop {
        let b: [f64; 4] = std::array::from_fn(|_| rng.random());
        let (trace, det) = (b[0] + b[3], b[0] * b[3] - b[1] * b[2]);
        // Entries are not negative, so that the eigenvalues are real: (b_00 − b_11)² + 4 b_01 b_10 ≥ 0.
        let root = (trace * trace - 4.0 * det).max(0.0).sqrt();
        if (trace - root).abs() > 0.2 && trace + root > 0.2 {
            return b;
        }
    }
}

fn problems(class: &str, count: usize, seed: u64) -> Result<Vec<QuadraticProblem>, Failure> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let one = |_| {
        let graph = graph(&mut rng)?;
        let matrices: Vec<f64> = (0..AGENTS).flat_map(|_| matrix(&mut rng)).collect();
        let normal = |_| -> f64 { StandardNormal.sample(&mut rng) };
        let b: Vec<f64> = (0..2 * AGENTS).map(normal).map(|v| 10.0 * v).collect();
        Ok(match class {
            "consensus" => QuadraticProblem::consensus(graph, 2, &b)?,
            "least_squares" => QuadraticProblem::least_squares(graph, 2, 2, &matrices, &b)?,
            other => return Err(format!("class {other}: consensus or least_squares").into()),
        })
    };
    (0..count).map(one).collect()
}

/// Configuration, reading in the test, whether it is trained by the recipe for schedules, and the loss.
fn variant(name: &str) -> Result<(AdmmConfig, StepSizes, bool, AdmmLoss), Failure> {
    use StepSizes::{Constant, Mean, Node, Schedule};
    let relaxed = |edges| {
        AdmmConfig::new(2)
            .with_steps(Schedule)
            .with_relaxation(Relaxation::Schedule)
            .with_edges(edges)
    };
    let steps = |steps, edges| AdmmConfig::new(2).with_steps(steps).with_edges(edges);
    let last = AdmmLoss::published(10);
    use EdgeWeights::{Profile, ScaleFree, Unit};
    Ok(match name {
        "baseline" => (steps(Constant, Unit), Constant, false, last),
        "relaxed" => {
            let (alpha, gamma) = (1.0, 1.8);
            let config = steps(Constant, Unit).with_relaxation(Relaxation::Constant { gamma });
            (
                config.with_tail(Tail::Constant { alpha, gamma }),
                Constant,
                false,
                last,
            )
        }
        "mean" => (steps(Mean, Unit), Mean, false, last),
        "alpha" => (steps(Node, Unit), Node, false, last),
        "edges" => (steps(Constant, Profile), Constant, false, last),
        "mean+edges" => (steps(Mean, Profile), Mean, false, last),
        "alpha+edges" => (steps(Node, Profile), Node, false, last),
        // The published script: trained as averaged, tested as node-wise.
        "combined" => (steps(Mean, Profile), Node, false, last),
        "schedule" => (relaxed(Unit), Schedule, true, last),
        "schedule+edges" => (relaxed(Profile), Schedule, true, last),
        "schedule+ratios" => (relaxed(ScaleFree), Schedule, true, last),
        "all" => {
            let loss = AdmmLoss::at_several_depths();
            (AdmmConfig::all_learned(2), Node, true, loss)
        }
        other => return Err(format!("variant {other} is not known").into()),
    })
}

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let class = args.next().unwrap_or_else(|| "consensus".into());
    let seed: u64 = args.next().map_or(Ok(0), |s| s.parse())?;
    let names: Vec<String> = args.collect();
    let many = problems(&class, 4500, 3 * seed)?;
    let validation = problems(&class, 100, 3 * seed + 1)?;
    let test = problems(&class, 1000, 3 * seed + 2)?;
    println!("{class}: mean / median squared distance over 1000 problems");
    for name in names {
        let (config, reading, is_schedule, loss) = variant(&name)?;
        // As many problems as published, but for the configuration with all parts.
        let training = &many[..if name == "all" { 4500 } else { 900 }];
        let start = Parameters::initialize(&config, seed)?;
        let options = match is_schedule {
            true => schedule(training.len(), seed),
            false => published(training.len(), seed),
        };
        let mut engine = AdmmEngine::new(&config, &loss, training.to_vec())?;
        let model = serde_json::to_value(&config)?;
        let mut parameters = start.clone();
        let mut seconds = 0.0;
        if config.parameter_count() > 0 {
            let trained = train(
                &mut engine,
                &model,
                start.values,
                &options,
                None,
                &mut NoHooks,
            )?;
            seconds = trained.log.seconds;
            parameters.values = trained.values;
        }
        let mut check = AdmmEngine::new(&config, &AdmmLoss::published(10), validation.clone())?;
        let losses = check.losses(&parameters.values)?;
        let root = (losses.iter().sum::<f64>() / losses.len() as f64).sqrt();
        let network = AdmmNetwork::new(&parameters.read_as(reading)?)?;
        let mut memory = Unrolled::default();
        let mut columns = DEPTHS.map(|_| Vec::new());
        for problem in &test {
            let distances = network.distances(problem, 100, &mut memory)?;
            for (column, k) in columns.iter_mut().zip(DEPTHS) {
                column.push(distances[k - 1]);
            }
        }
        print!("{name:<16} {seconds:>6.1} s, √(validation loss) {root:.3};");
        for (mut column, k) in columns.into_iter().zip(DEPTHS) {
            column.sort_by(f64::total_cmp);
            let mean = column.iter().sum::<f64>() / column.len() as f64;
            print!("  {k}: {mean:.3e} / {:.1e}", column[column.len() / 2]);
        }
        println!();
    }
    Ok(())
}
