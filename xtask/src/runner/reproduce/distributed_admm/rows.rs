//! What is reported of a method on a law.

use anyhow::Result;
use xtask::report::{Centre, Key, Measurement, Unit};

use super::method::{AT, GOALS, Outcome};
use super::opponents::Opponent;

/// All measurements of a method on the instances of a class. Each iteration is two rounds of messages between neighbours.
pub(super) fn measurements(
    problem: &str,
    method: &str,
    outcome: &Outcome,
) -> Result<Vec<Measurement>> {
    let mut list = Vec::new();
    let key = |quantity: String| Key::new(problem, method, quantity);
    for (at, sample) in AT.iter().zip(&outcome.distances) {
        for (name, centre) in [
            ("distance", Centre::Mean),
            ("median-distance", Centre::Median),
        ] {
            let key = key(format!("{name}@{at}"));
            list.push(if sample.iter().all(|d| d.is_finite()) {
                Measurement::from_samples(key, Unit::Dimensionless, sample, centre)?
            } else {
                Measurement::failed(key, Unit::Dimensionless)?
            });
        }
    }
    for ((goal, _), sample) in GOALS.iter().zip(&outcome.iterations) {
        let key_of = |what: &str| key(format!("{what}@{goal}"));
        let iterations = key_of("iterations");
        list.push(Measurement::from_samples(
            iterations,
            Unit::Iterations,
            sample,
            Centre::Mean,
        )?);
        // Gradient tracking sends both its vectors at once.
        let each = if method == Opponent::Diging.name() {
            1.0
        } else {
            2.0
        };
        let rounds: Vec<f64> = sample.iter().map(|k| each * k).collect();
        list.push(Measurement::from_samples(
            key_of("rounds"),
            Unit::Count,
            &rounds,
            Centre::Mean,
        )?);
    }
    Ok(list)
}

/// Mean distances of a method over those of over-relaxed ADMM on the same instances.
pub(super) fn ratios(
    problem: &str,
    method: &str,
    own: &Outcome,
    relaxed: &Outcome,
) -> Result<Vec<Measurement>> {
    AT.iter()
        .filter(|&&at| (10..=100).contains(&at) && at <= own.mean.len())
        .map(|&at| {
            let key = Key::new(problem, method, format!("to-relaxed_ratio@{at}"));
            // Below this both are exact for all that anybody wants of them.
            let exact = 1e-6;
            let ratio = own.mean[at - 1].max(exact) / relaxed.mean[at - 1].max(exact);
            Ok(if ratio.is_finite() {
                Measurement::from_value(key, Unit::Ratio, ratio)?
            } else {
                Measurement::failed(key, Unit::Ratio)?
            })
        })
        .collect()
}
