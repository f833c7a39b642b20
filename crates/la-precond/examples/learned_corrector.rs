//! Trains a corrector of IC(0) on small grids and measures it on others.
//!
//! `cargo run --release -p la-precond --features learned --example learned_corrector -- forward k-optimal 0`
//!
//! Arguments: input (`scaled`, `forward`, `both`), goal (`k-optimal`, `kaporin`, `kaporin-inverse`, `kaporin-both`, `log-variance`, `residual`), seed; then, if wanted, epochs (60),
//! training matrices (160), points a side (8), `random` for a random order.

use std::error::Error;
use std::time::Instant;

use la_gnn::corrector::{CorrectorConfig, CorrectorInput, Parameters};
use la_gnn::native::mpgnn::EdgeEngine;
use la_gnn::training::{NoHooks, Schedule, TrainOptions, train};
use la_krylov::{CgOptions, cg};
use la_precond::classical::{Ic0, KOptimal, LocalKOptimal};
use la_precond::learned::{FactorGoal, LearnedCorrector, SpectralGoal, corrector_task};
use la_precond::quality::{FactorDistance, log_k};
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder};
use la_problems::{CsrMatrix, Grid, RightHandSide, Split, TriangularGrid, permuted, random_order};

fn matrix(points: usize, seed: u64, random: bool) -> Result<CsrMatrix, Box<dyn Error>> {
    let grid = TriangularGrid::default().with_points(points, points);
    let a = grid.generate(seed)?;
    Ok(match random {
        true => permuted(&a, &random_order(a.rows(), seed))?,
        false => a,
    })
}

fn goal(name: &str, points: usize) -> Result<FactorGoal, String> {
    Ok(FactorGoal::Spectrum(match name {
        "k-optimal" => return Ok(FactorGoal::KOptimal),
        "kaporin" => SpectralGoal::Kaporin,
        "kaporin-inverse" => SpectralGoal::KaporinInverse,
        "kaporin-both" => SpectralGoal::KaporinBoth,
        "log-variance" => SpectralGoal::LogVariance,
        "residual" => SpectralGoal::Residual { steps: points },
        _ => return Err(format!("no goal `{name}`")),
    }))
}

fn input(name: &str) -> Result<CorrectorInput, String> {
    use CorrectorInput::{Both, Forward, Scaled};
    let all = [Scaled, Forward, Both];
    let found = all.into_iter().find(|i| i.name() == name);
    found.ok_or(format!("no input `{name}`"))
}

/// Mean cosine, log K and iterations over test matrices.
fn measure(
    builder: &dyn IncompleteCholeskyBuilder,
    points: usize,
    random: bool,
    count: u64,
) -> Result<[f64; 3], Box<dyn Error>> {
    let mut sums = [0.0; 3];
    for k in 0..count {
        let a = matrix(points, Split::Test.seed(k), random)?;
        let factor: IncompleteCholesky = builder.build(a.view())?;
        let optimal = KOptimal::default().factor(a.view())?;
        let b = RightHandSide::Gaussian.vector(&Grid::line(a.rows()), k);
        let options = CgOptions::default().with_rtol(1e-8).with_max_iters(2000);
        let own = [
            FactorDistance::new(a.view(), &factor, &optimal)?.cosine,
            log_k(a.view(), &factor)?,
            cg(&a, &b, &factor, &options)?.iterations as f64,
        ];
        for (sum, own) in sums.iter_mut().zip(own) {
            *sum += own / count as f64;
        }
    }
    Ok(sums)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let text = |k: usize, or: &str| args.get(k).map_or(or.to_owned(), Clone::clone);
    let number = |k: usize, or: usize| args.get(k).map_or(Ok(or), |a| a.parse());
    let config = CorrectorConfig::default().with_input(input(&text(0, "forward"))?);
    let (seed, epochs, count) = (number(2, 0)?, number(3, 60)?, number(4, 160)?);
    let points = number(5, 8)?;
    let goal = goal(&text(1, "k-optimal"), points)?;
    let random = text(6, "natural") == "random";
    let clock = Instant::now();
    let tasks = (0..count as u64)
        .map(|k| {
            let a = matrix(points, Split::Train.seed(k), random)?;
            Ok(corrector_task(a.view(), &config, goal)?)
        })
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let mut engine = EdgeEngine::new(&config.network(), config.limit, tasks)?;
    let start = Parameters::initialize(&config, seed as u64)?;
    let mut options = TrainOptions::default();
    options.updates = epochs * count.div_ceil(8);
    options.batch = 8;
    options.learning_rate = 3e-3;
    options.schedule = Schedule::Cosine;
    options.weight_decay = 0.0;
    options.seed = seed as u64;
    let model = serde_json::Value::Null;
    let before = engine.mean_loss(&start.values)?;
    let trained = train(
        &mut engine,
        &model,
        start.values,
        &options,
        None,
        &mut NoHooks,
    )?;
    let after = engine.mean_loss(&trained.values)?;
    println!(
        "loss {before:.5} -> {after:.5} in {:.1} s",
        clock.elapsed().as_secs_f64()
    );
    let parameters = Parameters {
        config,
        values: trained.values,
    };
    let corrector = LearnedCorrector::from_parameters(&parameters)?;
    for points in [8, 12, 16, 32, 64] {
        let tests = if points < 16 { 40 } else { 8 };
        let row = |name: &str, builder: &dyn IncompleteCholeskyBuilder| {
            let [cosine, log_k, iterations] = measure(builder, points, random, tests)?;
            println!("{points:3} {name:12} {cosine:.5} {log_k:.3} {iterations:.1}");
            Ok::<_, Box<dyn Error>>(())
        };
        row("k-optimal", &KOptimal::default())?;
        row("5 hops", &LocalKOptimal::default().with_hops(5))?;
        row("ic0", &Ic0::default())?;
        row("corrector", &corrector)?;
    }
    Ok(())
}
