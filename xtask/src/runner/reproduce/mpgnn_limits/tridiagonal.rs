//! Random tridiagonal matrices: the paper's synthetic set.

use anyhow::{Result, bail};
use la_problems::Split;
use serde::Deserialize;
use xtask::report::{Centre, Key, Measurement, Unit};

use super::course::Course;
use super::metrics::{Quality, Sample};
#[cfg(feature = "torch")]
use super::networks::{Data, Trained, train};
use super::networks::{Network, Training};
#[cfg(feature = "torch")]
use super::ordering;
use super::sets::Set;
use super::sweeps;

/// Columns of the overview.
pub(super) const QUANTITIES: [(&str, &str); 7] = [
    ("cosine", "cosine"),
    ("cosine_min", "min"),
    ("scaled_cosine", "scaled"),
    ("log_pivot_rms", "log pivot"),
    ("log_k", "log K"),
    ("iterations@1e-8", "PCG 1e-8"),
    ("breakdowns", "breakdowns"),
];

/// What a profile asks of this chapter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// Laws of u and v.
    laws: Vec<String>,
    /// Order of the matrices.
    n: usize,
    /// Test matrices.
    pub(super) tests: u64,
    /// Test matrices on which systems are solved.
    pub(super) solves: u64,
    /// Sweeps of the methods without parameters.
    sweeps: Vec<usize>,
    /// Networks by name.
    #[serde(default)]
    pub(super) networks: Vec<String>,
    pub(super) training: Option<Training>,
}

/// Runs the chapter.
pub(super) fn run(settings: &Settings, course: &mut Course<'_>) -> Result<()> {
    for law in &settings.laws {
        let set = Set::parse(law, settings.n)?;
        let problem = set.name.as_str();
        let samples = (0..settings.tests)
            .map(|i| set.sample(Split::Test, i))
            .collect::<Result<Vec<Sample>>>()?;
        for &k in &settings.sweeps {
            let method = format!("sweeps-{k}");
            let rows = course.part(&format!("{problem}/{method}"), || {
                qualities(&samples, settings.solves, |s| Ok(sweeps::factor(&s.a, k)))
            })?;
            for measurement in measurements(problem, &method, &[&rows])? {
                course.push(measurement)?;
            }
        }
        if let Some(training) = &settings.training {
            networks(settings, training, &set, &samples, course)?;
        }
        course.publish()?;
    }
    Ok(())
}

/// Trains and judges every network with every seed, as many at a time as there are threads.
#[cfg(feature = "torch")]
fn networks(
    settings: &Settings,
    training: &Training,
    set: &Set,
    samples: &[Sample],
    course: &mut Course<'_>,
) -> Result<()> {
    let networks = settings
        .networks
        .iter()
        .map(|name| Network::parse(name))
        .collect::<Result<Vec<_>>>()?;
    let seeds: Vec<u64> = (0..training.seeds)
        .map(|s| course.request.seed + s)
        .collect();
    let jobs: Vec<(&Network, u64)> = seeds
        .iter()
        .flat_map(|&seed| networks.iter().map(move |n| (n, seed)))
        .collect();
    let keys: Vec<String> = jobs
        .iter()
        .map(|(network, seed)| format!("{}/{}/{seed}", set.name, network.name))
        .collect();
    let files: Vec<_> = keys
        .iter()
        .map(|key| course.path(&format!("{}.checkpoint", key.replace('/', "-"))))
        .collect();
    let data = Data::draw(set, training)?;
    let trained = course.parts(
        &keys,
        |k| {
            let (network, seed) = jobs[k];
            train(
                network,
                &data,
                samples,
                settings.solves,
                training,
                seed,
                &files[k],
            )
        },
        |k, trained: &Trained| {
            println!(
                "{}: {} epochs, {:.0} s, validation cosine {:.4}",
                keys[k],
                trained.epochs,
                trained.seconds,
                trained.validations[trained.best_epoch - 1]
            );
        },
    )?;
    for network in &networks {
        let of_network: Vec<&Trained> = jobs
            .iter()
            .zip(&trained)
            .filter(|((n, _), _)| n.name == network.name)
            .map(|(_, t)| t)
            .collect();
        let seeds: Vec<&[Quality]> = of_network.iter().map(|t| t.qualities.as_slice()).collect();
        for measurement in measurements(&set.name, &network.name, &seeds)? {
            course.push(measurement)?;
        }
        for measurement in ordering::effort(&set.name, &network.name, &of_network)? {
            course.push(measurement)?;
        }
    }
    let named: Vec<(&str, &Trained)> = jobs
        .iter()
        .zip(&trained)
        .map(|((n, _), t)| (n.name.as_str(), t))
        .collect();
    ordering::report(set, &named, course)
}

/// Without LibTorch no network is trained.
#[cfg(not(feature = "torch"))]
fn networks(
    settings: &Settings,
    _: &Training,
    set: &Set,
    _: &[Sample],
    course: &mut Course<'_>,
) -> Result<()> {
    for name in &settings.networks {
        Network::parse(name)?;
    }
    let note = format!(
        "{}: no networks were trained, this program was built without LibTorch.",
        set.name
    );
    println!("{note}");
    course.notes.push(note);
    Ok(())
}

/// The quality of a method on every matrix.
pub(super) fn qualities(
    samples: &[Sample],
    solves: u64,
    entries: impl Fn(&Sample) -> Result<Vec<f64>>,
) -> Result<Vec<Quality>> {
    let numbered = (0..).zip(samples);
    numbered
        .map(|(i, s)| s.quality(&entries(s)?, Some(i).filter(|i| *i < solves)))
        .collect()
}

/// Means over all matrices and seeds, the worst cosine, and the number of factors that are no preconditioners. Where a factor
/// has no pivots to compare, neither has the mean.
pub(super) fn measurements(
    problem: &str,
    method: &str,
    seeds: &[&[Quality]],
) -> Result<Vec<Measurement>> {
    let all: Vec<&Quality> = seeds.iter().copied().flatten().collect();
    let key = |quantity: &str| Key::new(problem, method, quantity);
    let mean = |quantity: &str, unit: Unit, f: &dyn Fn(&Quality) -> Option<f64>| {
        let samples: Option<Vec<f64>> = all.iter().map(|q| f(q)).collect();
        anyhow::Ok(match samples {
            Some(samples) => {
                Measurement::from_samples(key(quantity), unit, &samples, Centre::Mean)?
            }
            None => Measurement::failed(key(quantity), unit)?,
        })
    };
    let worst = all.iter().map(|q| q.cosine).fold(f64::INFINITY, f64::min);
    if !worst.is_finite() {
        bail!("{method} on {problem}: a cosine is not finite");
    }
    let broken = all.iter().filter(|q| q.breakdown).count();
    let mut list = vec![
        mean("cosine", Unit::Dimensionless, &|q| Some(q.cosine))?,
        Measurement::from_value(key("cosine_min"), Unit::Dimensionless, worst)?,
        mean("scaled_cosine", Unit::Dimensionless, &|q| {
            Some(q.scaled_cosine)
        })?,
        mean("log_pivot_rms", Unit::Dimensionless, &|q| q.log_pivot_rms)?,
        mean("log_k", Unit::Dimensionless, &|q| q.log_k)?,
        Measurement::from_value(key("breakdowns"), Unit::Count, broken as f64)?,
    ];
    let solved: Vec<f64> = all
        .iter()
        .filter_map(|q| q.iterations)
        .map(|i| i as f64)
        .collect();
    if !solved.is_empty() {
        let key = key("iterations@1e-8");
        list.push(Measurement::from_samples(
            key,
            Unit::Iterations,
            &solved,
            Centre::Mean,
        )?);
    }
    Ok(list)
}
