//! Trains a rule of compensation by the gradient through the elimination and some steps of CG, on the ordered families.
//!
//! `cargo run --release -p la-precond --features learned --example compensated_gradient -- SEED START OUTPUT [updates] [n] [rate] [share]`: START is
//! `random` or the name or file of weights, n the order of the largest matrices, the loss is what sixteen steps take from the error that
//! IC(0) leaves after this share of the steps that it needs to 1e-8 (default 300 2500 0.01 0.2). One thread; the weights are
//! compared with others by the example `compensated_ic`.

use la_gnn::Provenance;
use la_gnn::compensation::{CompensationConfig, Parameters};
use la_gnn::training::AdamW;
use la_krylov::{CgOptions, cg};
use la_precond::classical::Ic0;
use la_precond::learned::{CompensationLoss, Weights};
use la_problems::{CsrMatrix, DefiniteClass, DefiniteFamily};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Families that an update looks at.
const DRAWS: usize = 12;

/// Longest gradient.
const LONGEST: f64 = 0.3;

/// Steps of CG that are differentiated.
const STEPS: usize = 16;

/// The loss on what IC(0) leaves after a share of the steps that it needs to 1e-8.
fn loss(matrix: CsrMatrix, seed: u64, share: f64) -> Outcome<CompensationLoss> {
    let rng = ChaCha8Rng::seed_from_u64(seed);
    let b: Vec<f64> = rng
        .sample_iter(StandardNormal)
        .take(matrix.rows())
        .collect();
    let ic0 = Ic0::default().factor(matrix.view())?;
    let needed = cg(&matrix, &b, &ic0, &CgOptions::default())?.iterations;
    let before = (share * needed as f64).round() as usize;
    Ok(CompensationLoss::new(matrix, before, STEPS, seed)?)
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seed, start, output, rest @ ..] = &arguments[..] else {
        return Err("SEED START OUTPUT [updates] [n] [rate] [share]".into());
    };
    let seed: u64 = seed.parse()?;
    let updates: usize = rest.first().map_or(Ok(300), |text| text.parse())?;
    let n: usize = rest.get(1).map_or(Ok(2500), |text| text.parse())?;
    let rate: f64 = rest.get(2).map_or(Ok(0.01), |text| text.parse())?;
    let share: f64 = rest.get(3).map_or(Ok(0.2), |text| text.parse())?;
    let mut parameters = if start == "random" {
        let config = CompensationConfig::default();
        let config = config.with_exponents(1.5, 1.5).with_by_dimension(true);
        Parameters::initialize(&config, seed)?
    } else {
        Parameters::from_weights(&Weights::named_or_file(start)?)?
    };
    let mut groups: Vec<Vec<CompensationLoss>> = Vec::new();
    let all = DefiniteFamily::all().iter().enumerate();
    for (at, family) in all.filter(|(_, family)| family.class() == DefiniteClass::Ordered) {
        let mut group = Vec::new();
        for (k, n) in [n / 8, n / 4, n / 2, n].into_iter().enumerate() {
            // Seeds that no test has.
            let seed = 0x7a11_0000 + 100 * at as u64 + k as u64;
            group.push(loss(family.matrix(n, seed)?, seed, share)?);
        }
        groups.push(group);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut optimiser = AdamW::new(parameters.values.len());
    let clock = std::time::Instant::now();
    let mut recent = Vec::new();
    for update in 0..updates {
        let mut gradient = vec![0.0; parameters.values.len()];
        let mut total = 0.0;
        for group in groups.choose_multiple(&mut rng, DRAWS) {
            let case = group.choose(&mut rng).ok_or("no matrices")?;
            // A matrix without a factor counts as no gain.
            if let Some((loss, slope)) = case.evaluate(&parameters)? {
                total += loss / DRAWS as f64;
                for (g, s) in gradient.iter_mut().zip(slope) {
                    *g += s / DRAWS as f64;
                }
            }
        }
        let length = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        if length.is_finite() {
            let scale = (LONGEST / length).min(1.0);
            gradient.iter_mut().for_each(|g| *g *= scale);
            let phase = std::f64::consts::PI * update as f64 / updates as f64;
            let rate = 0.5 * rate * (1.0 + phase.cos());
            optimiser.update(&mut parameters.values, &gradient, rate, 0.0);
            parameters.project();
        }
        recent.push(total);
        if (update + 1).is_multiple_of(50) {
            let mean = recent.iter().sum::<f64>() / recent.len() as f64;
            let seconds = clock.elapsed().as_secs_f64();
            println!("update {}: loss {mean:.4}, {seconds:.0} s", update + 1);
            recent.clear();
        }
    }
    parameters.to_weights(Provenance::default()).save(output)?;
    Ok(())
}
