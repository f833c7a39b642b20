//! Trains a gated elimination on small grids and measures it on others, beside the classical and learned compensations.
//!
//! `cargo run --release -p la-precond --features learned --example learned_gated -- ic0 0`
//!
//! Arguments: anchor (`ic0`, `relaxed`), seed; then, if wanted, updates (200) and a file for the weights.

use std::error::Error;
use std::time::Instant;

use la_gnn::gated::{Anchor, GatedConfig, Parameters};
use la_gnn::native::gated::GatedEngine;
use la_gnn::training::{NoHooks, Schedule, TrainOptions, train};
use la_gnn::{Provenance, Weights};
use la_krylov::{CgOptions, cg};
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{CompensatedIc, Ic0, LocalKOptimal, ShiftStrategy};
use la_precond::learned::{
    FactorGoal, GatedElimination, LearnedCompensation, SpectralGoal, gated_task,
};
use la_problems::{
    CsrMatrix, DefiniteFamily, Grid, RightHandSide, Split, TriangularGrid, colouring_order,
    permuted, random_order, reverse_cuthill_mckee,
};

/// The orders of the unknowns that are compared.
const ORDERS: [&str; 5] = ["natural", "rcm", "dissection", "random", "colours"];

/// The first of them are those of training.
const TRAINED: usize = 4;

fn matrix(points: usize, seed: u64, order: &str) -> Result<CsrMatrix, Box<dyn Error>> {
    let grid = TriangularGrid::default()
        .with_points(points, points)
        .with_shift(1e-3);
    let a = grid.generate(seed)?;
    Ok(match order {
        "rcm" => permuted(&a, &reverse_cuthill_mckee(&a))?,
        "dissection" => permuted(
            &a,
            &Grid::rectangle(points, points).nested_dissection_order(),
        )?,
        "colours" => permuted(&a, &colouring_order(&a))?,
        "random" => permuted(&a, &random_order(a.rows(), seed))?,
        _ => a,
    })
}

fn iterations(a: &CsrMatrix, b: &[f64], m: &dyn IncompleteCholeskyBuilder) -> Option<f64> {
    let options = CgOptions::default().with_rtol(1e-8).with_max_iters(2000);
    let solution = cg(a, b, &m.build(a.view()).ok()?, &options).ok()?;
    let converged = solution.status.is_converged();
    converged.then_some(solution.iterations as f64)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let anchor = match args.first().map(String::as_str) {
        None | Some("ic0") => Anchor::Ic0,
        Some("relaxed") => Anchor::Relaxed,
        Some(other) => return Err(format!("no anchor `{other}`").into()),
    };
    let seed: u64 = args.get(1).map_or(Ok(0), |a| a.parse())?;
    let updates: usize = args.get(2).map_or(Ok(200), |a| a.parse())?;
    let config = GatedConfig::default().with_anchor(anchor);
    let clock = Instant::now();
    // Sizes in turn, so that the networks see what depends on them; orders in turn.
    let mut tasks = Vec::new();
    for k in 0..48_u64 {
        let points = [8, 10, 12, 14][(k % 4) as usize];
        let order = ORDERS[k as usize / 4 % TRAINED];
        let a = matrix(points, Split::Train.seed(k), order)?;
        let goal = SpectralGoal::Residual { steps: points };
        tasks.push(gated_task(a.view(), FactorGoal::Spectrum(goal))?);
    }
    let mut engine = GatedEngine::new(&config, tasks)?;
    let start = Parameters::initialize(&config, seed)?;
    let mut options = TrainOptions::default();
    options.updates = updates;
    options.batch = 4;
    options.learning_rate = 1e-2;
    options.schedule = Schedule::Cosine;
    options.weight_decay = 0.0;
    options.seed = seed;
    let model = serde_json::Value::Null;
    let before = engine.mean_loss(&start.values)?;
    let untrained = GatedElimination::from_parameters(&start)?;
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
    if let Some(path) = args.get(3) {
        parameters
            .to_weights(Provenance::default())
            .save(std::path::Path::new(path))?;
    }
    let gated = GatedElimination::from_parameters(&parameters)?;
    let learned = LearnedCompensation::new(&Weights::bundled("compensated-ic-ordered-s1")?)?;
    let methods: [(&str, &dyn IncompleteCholeskyBuilder); 8] = [
        ("ic0", &Ic0::default()),
        ("5 hops", &LocalKOptimal::default().with_hops(5)),
        ("ric .97", &CompensatedIc::relaxed(0.97)),
        ("mic", &CompensatedIc::modified()),
        ("dric", &CompensatedIc::dynamically_relaxed()),
        ("learned ric", &learned),
        ("untrained", &untrained),
        ("gated", &gated),
    ];
    for order in ORDERS {
        for points in [16, 32, 64] {
            let tests = if points > 32 { 4 } else { 8 };
            let mut sums = [0.0; 8];
            let mut levels = 0;
            for k in 0..tests {
                let a = matrix(points, Split::Test.seed(k), order)?;
                let b = RightHandSide::Gaussian.vector(&Grid::line(a.rows()), k);
                levels = GatedElimination::levels(a.view())?;
                for (sum, (_, method)) in sums.iter_mut().zip(methods) {
                    *sum += iterations(&a, &b, method).unwrap_or(f64::NAN) / tests as f64;
                }
            }
            print!("{order:10} {points:3} {levels:4} levels");
            for (sum, (name, _)) in sums.iter().zip(methods) {
                print!(" | {name} {sum:.1} {:.3}", sum / sums[0]);
            }
            println!();
        }
    }
    // Where IC(0) breaks down: shifted, both of them.
    for name in ["neuralif natural", "elasticity rcm", "biharmonic natural"] {
        let family = DefiniteFamily::named(name).ok_or("no such family")?;
        let (mut broken, mut solved, mut sums) = (0, 0, [0.0; 2]);
        for seed in 0..10 {
            let a = family.matrix(400, seed)?;
            let strict = Ic0::default().with_shift(ShiftStrategy::None);
            if strict.factor(a.view()).is_ok() {
                continue;
            }
            broken += 1;
            let b = RightHandSide::Gaussian.vector(&Grid::line(a.rows()), seed);
            let ic0 = iterations(&a, &b, &Ic0::default());
            if let (Some(ic0), Some(own)) = (ic0, iterations(&a, &b, &gated)) {
                solved += 1;
                sums[0] += ic0;
                sums[1] += own;
            }
        }
        let mean = sums.map(|s| s / f64::from(solved.max(1)));
        println!(
            "{name}: IC(0) breaks down on {broken} of 10; gated converges on {solved}; iterations {mean:.1?}"
        );
    }
    Ok(())
}
