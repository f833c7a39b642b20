//! Learned elimination of tridiagonal matrices: trains every model on one law and prints cosine and iterations at three sizes.
//!
//! `cargo run --release -p la-precond --features learned --example learned_chain -- uniform 3`
//! (laws `half-normal`, `uniform`, `switch`; then the number of training seeds; then names of models as printed, with commas, if not all).

use std::time::Instant;

use anyhow::{Context, Result, bail};
use la_gnn::chain::{ChainConfig, ChainModel, Parameters};
use la_gnn::native::chain::{ChainNetwork, ChainSample};
use la_gnn::training::NoHooks;
use la_gnn::training::chain::{ChainRecipe, train_chain};
use la_krylov::{CgOptions, cg};
use la_precond::IncompleteCholesky;
use la_precond::classical::{FixedPointIc0, ShiftStrategy};
use la_precond::learned::LearnedTridiagonal;
use la_precond::quality::FactorDistance;
use la_problems::{
    FactorSample, GeneratorLaw, Grid, RightHandSide, SemiseparableFactors, Split, SwitchFactors,
};

fn draw(law: &str, n: usize, seed: u64) -> Result<FactorSample> {
    let set = SemiseparableFactors::default().with_n(n);
    Ok(match law {
        "half-normal" => set.generate(seed)?,
        "uniform" => set.with_law(GeneratorLaw::UNIFORM).generate(seed)?,
        "switch" => SwitchFactors::default().with_n(n).generate(seed)?,
        _ => bail!("unknown law `{law}`"),
    })
}

/// Margins of maps that were fitted to many digits.
const FINE: [f64; 9] = [1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3];

fn learnable(s: &FactorSample) -> Result<ChainSample> {
    let (matrix, factor) = (&s.matrix, &s.factor);
    Ok(ChainSample::new(
        &matrix.diagonal,
        &matrix.below,
        &factor.diagonal,
    )?)
}

/// Mean and smallest cosine, mean scaled cosine, mean log-pivot error, mean iterations of the first 20, replaced pivots.
fn judge(
    samples: &[FactorSample],
    solve: bool,
    build: impl Fn(&FactorSample) -> Result<IncompleteCholesky>,
) -> Result<[f64; 6]> {
    let mut sums = [0.0, f64::INFINITY, 0.0, 0.0, 0.0, 0.0];
    let share = 1.0 / samples.len() as f64;
    for (i, s) in samples.iter().enumerate() {
        let a = s.matrix.matrix();
        let wanted = IncompleteCholesky::from_lower(s.factor.matrix().view())?;
        let factor = build(s)?;
        let d = FactorDistance::new(a.view(), &factor, &wanted)?;
        sums[0] += share * d.cosine;
        sums[1] = sums[1].min(d.cosine);
        sums[2] += share * d.scaled_cosine;
        sums[3] += share * d.log_pivot_rms;
        sums[5] += factor.stats().replaced_pivots as f64;
        if solve && i < 20 {
            let b = RightHandSide::Gaussian.vector(&Grid::line(a.rows()), i as u64);
            let options = CgOptions::default().with_rtol(1e-8).with_max_iters(2000);
            sums[4] += cg(&a, &b, &factor, &options)?.iterations as f64 / 20.0;
        }
    }
    Ok(sums)
}

fn print(name: &str, n: usize, r: [f64; 6]) {
    let [mean, min, scaled, pivots, iterations, floored] = r;
    println!(
        "{name:<24} n {n:<5} cosine {mean:.6} min {min:.5} scaled {scaled:.5} log-pivot {pivots:.1e} pcg {iterations:.1} replaced {floored}"
    );
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let law = arguments.next().context("which law?")?;
    let seeds: u64 = arguments.next().map_or(Ok(1), |s| s.parse())?;
    let set = |split: Split, n, count| -> Result<Vec<FactorSample>> {
        (0..count).map(|i| draw(&law, n, split.seed(i))).collect()
    };
    let train = set(Split::Train, 32, 1000)?;
    let train: Vec<ChainSample> = train.iter().map(learnable).collect::<Result<_>>()?;
    let validation = set(Split::Validation, 128, 100)?;
    let tests: Vec<(usize, Vec<FactorSample>)> = [32, 128, 512]
        .into_iter()
        .map(|n| Ok((n, set(Split::Test, n, 100)?)))
        .collect::<Result<_>>()?;
    for k in [1, 3, 7] {
        for (n, samples) in &tests {
            let sweeps = FixedPointIc0::default()
                .with_sweeps(2 * k)
                .with_shift(ShiftStrategy::None);
            let result = judge(samples, true, |s| {
                Ok(sweeps.factor(s.matrix.matrix().view())?)
            });
            match result {
                Ok(result) => print(&format!("{k} sweeps"), *n, result),
                Err(error) => println!("{k} sweeps n {n}: {error}"),
            }
        }
    }
    let only = arguments.next();
    for (model, refine) in [
        (ChainModel::Recurrent, 0),
        (ChainModel::Step, 0),
        (ChainModel::Step, 300),
        (ChainModel::Safe, 0),
        (ChainModel::Projective, 0),
        (ChainModel::Series, 0),
    ] {
        let name = format!("{model:?}-{refine}");
        if only
            .as_ref()
            .is_some_and(|only| !only.split(',').any(|o| o == name))
        {
            continue;
        }
        for seed in 0..seeds {
            let start = Instant::now();
            let recipe = ChainRecipe::of(model, train.len())
                .with_seed(seed)
                .with_refine(refine);
            let trained = train_chain(&ChainConfig::new(model), &train, &recipe, &mut NoHooks)?;
            let name = format!("{name} s{seed}");
            let loss = trained.log.losses.last().copied().unwrap_or(0.0);
            let seconds = start.elapsed().as_secs_f64();
            println!(
                "{name}: {seconds:.1} s, loss {loss:.2e}, refined {:?}",
                trained.refined_error
            );
            // The margin with the best mean cosine on validation matrices.
            let builder = |margin: f64| -> Result<LearnedTridiagonal> {
                let config = trained.parameters.config.clone().with_margin(margin);
                let values = trained.parameters.values.clone();
                Ok(LearnedTridiagonal::from_parameters(&Parameters {
                    config,
                    values,
                })?)
            };
            let margins: &[f64] = match (model, refine) {
                (ChainModel::Step, 0) => &[0.0, 0.003, 0.01, 0.03, 0.1],
                (ChainModel::Step | ChainModel::Series, _) => &FINE,
                _ => &[0.0],
            };
            let mut best = (f64::NEG_INFINITY, 0.0);
            for &margin in margins {
                let b = builder(margin)?;
                let [cosine, .., replaced] = judge(&validation, false, |s| {
                    Ok(b.factor(s.matrix.matrix().view())?)
                })?;
                if margins.len() > 1 {
                    println!("  margin {margin:e}: cosine {cosine:.7} replaced {replaced}");
                }
                if margins.len() == FINE.len() && replaced == 0.0 {
                    // Validation says where breakdowns begin; ten times that is kept away from it.
                    best.1 = 10.0 * margin;
                    break;
                }
                if cosine > best.0 {
                    best = (cosine, margin);
                }
            }
            let b = builder(best.1)?;
            for (n, samples) in &tests {
                print(
                    &name,
                    *n,
                    judge(samples, true, |s| Ok(b.factor(s.matrix.matrix().view())?))?,
                );
            }
            let mut broken = 0;
            for sample in set(Split::Test, 1024, 50)? {
                let ratios = learnable(&sample)?.ratios;
                broken += ChainNetwork::new(&trained.parameters)?
                    .pivots(&ratios)?
                    .replaced;
            }
            println!("  replaced pivots at n = 1024 without margin: {broken}");
        }
    }
    Ok(())
}
