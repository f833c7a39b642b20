//! What is reported of a method on a case.

use anyhow::Result;
use xtask::report::{Centre, Key, Measurement, Unit};

use super::case::Run;
use super::guess::Method;
use super::measure::Solve;
use super::set::Set;

fn feasible<'a>(solves: &'a [Solve], set: &'a Set) -> impl Iterator<Item = &'a Solve> {
    let has = |(k, solve)| set.member(k).feasible.then_some(solve);
    solves.iter().enumerate().filter_map(has)
}

fn mean<'a>(solves: impl Iterator<Item = &'a Solve>, value: impl Fn(&Solve) -> f64) -> f64 {
    let (sum, count) = solves.fold((0.0, 0.0), |(sum, count), s| (sum + value(s), count + 1.0));
    sum / count
}

/// One line on a finished part.
pub(super) fn line(method: Method, seed: u64, run: &Run, set: &Set) -> String {
    let iterations = |rule: usize| mean(feasible(&run.solves[rule], set), |s| s.iterations as f64);
    let mut line = format!(
        "{:<14} seed {seed}: {:.2} iterations, {:.2} with steepest edge",
        method.name(),
        iterations(0),
        iterations(1)
    );
    if let Some(training) = &run.training {
        let [a, b] = training.thresholds;
        line += &format!(
            "; {} epochs in {:.0} s, loss {:.4}, thresholds {a}, {b}",
            training.epochs, training.seconds, training.loss
        );
    }
    line
}

/// All measurements of a method: over problems with a solution, and over all where some have none.
pub(super) fn measurements(
    problem: &str,
    method: Method,
    runs: &[Run],
    set: &Set,
) -> Result<Vec<Measurement>> {
    let mut list = Vec::new();
    let name = method.name();
    let solves = |rule: usize| -> Vec<&Solve> {
        let runs = runs.iter();
        runs.flat_map(|run| feasible(&run.solves[rule], set))
            .collect()
    };
    let both = [solves(0), solves(1)];
    list.extend(iterations(
        problem,
        name,
        ["iterations", "edge-iterations"],
        &both,
    )?);
    if both[0].len() < runs.len() * set.len() {
        let all = [0, 1].map(|rule| runs.iter().flat_map(|r| &r.solves[rule]).collect());
        let problem = format!("{problem}-all");
        list.extend(iterations(
            &problem,
            name,
            ["iterations", "edge-iterations"],
            &all,
        )?);
    }
    let wrong = runs.iter().flat_map(|r| r.solves.iter().flatten());
    let wrong = wrong.filter(|s| !s.right).count();
    let key = |quantity: &str| Key::new(problem, name, quantity);
    list.push(Measurement::from_value(
        key("wrong"),
        Unit::Count,
        wrong as f64,
    )?);

    if method != Method::Cold {
        let sum = |value: fn(&Solve) -> usize| -> f64 {
            both[0].iter().map(|s| value(s)).sum::<usize>() as f64
        };
        let (guessed, active, hits) = (sum(|s| s.guessed), sum(|s| s.active), sum(|s| s.hits));
        let all = (both[0].len() * set.m) as f64;
        let errors = guessed + active - 2.0 * hits;
        let percent = [
            ("recall", hits / active),
            ("precision", hits / guessed),
            ("f1", 2.0 * hits / (guessed + active)),
            ("accuracy", 1.0 - errors / all),
        ];
        for (quantity, value) in percent {
            let key = key(quantity);
            list.push(match value.is_finite() {
                true => Measurement::from_value(key, Unit::Percent, 100.0 * value)?,
                false => Measurement::failed(key, Unit::Percent)?,
            });
        }
    }
    // Times of the entering rule that is faster here.
    let time = |solves: &[&Solve]| mean(solves.iter().copied(), |s| s.predict + s.solver);
    let faster = &both[usize::from(time(&both[1]) < time(&both[0]))];
    let seconds =
        |value: fn(&Solve) -> f64| -> Vec<f64> { faster.iter().map(|s| value(s)).collect() };
    for (quantity, samples) in [
        ("predict-seconds", seconds(|s| s.predict)),
        ("solver-seconds", seconds(|s| s.solver)),
        ("total-seconds", seconds(|s| s.predict + s.solver)),
    ] {
        let key = key(quantity);
        let measurement = Measurement::from_samples(key, Unit::Seconds, &samples, Centre::Mean)?;
        list.push(measurement);
    }
    let cold = |rule: usize| mean(faster.iter().copied(), |s| s.cold[rule]);
    list.push(Measurement::from_value(
        key("total_ratio"),
        Unit::Ratio,
        time(faster) / cold(0).min(cold(1)),
    )?);
    let trainings: Vec<f64> = runs
        .iter()
        .filter_map(|r| Some(r.training.as_ref()?.seconds))
        .collect();
    if !trainings.is_empty() {
        let key = key("training-seconds");
        let measurement = Measurement::from_samples(key, Unit::Seconds, &trainings, Centre::Mean)?;
        list.push(measurement);
    }
    Ok(list)
}

/// Means with the two rules, and the paper's percentiles with the first.
fn iterations(
    problem: &str,
    method: &str,
    names: [&str; 2],
    both: &[Vec<&Solve>; 2],
) -> Result<Vec<Measurement>> {
    let mut list = Vec::new();
    for (name, solves) in names.iter().zip(both) {
        let samples: Vec<f64> = solves.iter().map(|s| s.iterations as f64).collect();
        let key = Key::new(problem, method, *name);
        list.push(Measurement::from_samples(
            key,
            Unit::Iterations,
            &samples,
            Centre::Mean,
        )?);
    }
    let mut sorted: Vec<usize> = both[0].iter().map(|s| s.iterations).collect();
    sorted.sort_unstable();
    for percent in [10, 50, 90] {
        let at = ((sorted.len() - 1) * percent).div_ceil(100);
        let key = Key::new(problem, method, format!("p{percent}-iterations"));
        let value = sorted.get(at).map_or(0.0, |&i| i as f64);
        list.push(Measurement::from_value(key, Unit::Iterations, value)?);
    }
    Ok(list)
}
