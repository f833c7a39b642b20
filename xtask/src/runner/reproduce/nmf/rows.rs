//! What is reported of the methods on a set.

use anyhow::Result;
use xtask::report::{Centre, Key, Measurement, Summary, Unit};

use super::course::Traces;
use super::method::{Classical, Trace};
use super::set::SetName;

/// Iterations that errors are reported at.
const AT: [usize; 9] = [0, 1, 2, 5, 10, 20, 30, 50, 100];
/// Ratios are judged from the first of these on, for networks that start and that accelerate, up to the last.
const RATIOS: [usize; 2] = [5, 30];
/// The error to be reached is that of extrapolated HALS here.
const TARGET: usize = 20;

/// Ratio of errors to those of a baseline at an iteration, matrix by matrix; both zero is 1.
pub(super) fn ratios(ours: &[Trace], baseline: &[Trace], at: usize) -> Vec<f64> {
    let pairs = ours.iter().zip(baseline);
    let pairs = pairs.filter_map(|(a, b)| Some((*a.rmse.get(at)?, *b.rmse.get(at)?)));
    pairs
        .map(|(a, b)| a.max(f64::MIN_POSITIVE) / b.max(f64::MIN_POSITIVE))
        .collect()
}

/// Errors at an iteration.
pub(super) fn errors(traces: &[Trace], at: usize) -> Vec<f64> {
    traces
        .iter()
        .filter_map(|t| t.rmse.get(at).copied())
        .collect()
}

fn find(traces: &Traces, method: Classical) -> Option<&Vec<Trace>> {
    let found = traces.iter().find(|(name, _)| name == method.name());
    found.map(|(_, traces)| traces)
}

/// All measurements of a set.
pub(super) fn measurements(set: SetName, traces: &Traces) -> Result<Vec<Measurement>> {
    let mut list = Vec::new();
    let problem = set.name();
    let published = find(traces, Classical::AdmmCold);
    let scaled = find(traces, Classical::AdmmTrace);
    let hals = find(traces, Classical::ExtrapolatedHals);
    for (method, own) in traces {
        let key = |quantity: &str| Key::new(problem, method, quantity);
        let last = own.first().map_or(0, |t| t.rmse.len().saturating_sub(1));
        let value = |quantity: &str, unit: Unit, value: f64| match value.is_finite() {
            true => Measurement::from_value(key(quantity), unit, value),
            // A run whose numbers overflow has no error.
            false => Measurement::failed(key(quantity), unit),
        };
        for at in AT.into_iter().filter(|&at| at <= last) {
            let sample = errors(own, at);
            let key = key(&format!("rmse@{at}"));
            list.push(match sample.iter().all(|e| e.is_finite()) {
                true => {
                    Measurement::from_samples(key, Unit::Dimensionless, &sample, Centre::Median)?
                }
                false => Measurement::failed(key, Unit::Dimensionless)?,
            });
        }
        let seconds: Vec<f64> = own
            .iter()
            .filter_map(|t| Some(t.seconds.get(10)? - t.seconds[0]))
            .collect();
        if !seconds.is_empty() {
            list.push(Measurement::from_samples(
                key("rise-seconds"),
                Unit::Seconds,
                &seconds,
                Centre::Mean,
            )?);
        }
        if let Some(baseline) = published.filter(|_| method != Classical::AdmmCold.name()) {
            let sample = |at: usize| -> Result<Option<Summary>> {
                let ratios = ratios(own, baseline, at);
                let good = ratios.iter().all(|r| r.is_finite()) && !ratios.is_empty();
                Ok(match good {
                    true => Some(Summary::of("ratio", &ratios)?),
                    false => None,
                })
            };
            let worst = |from: usize, pick: fn(&Summary) -> f64| -> Result<f64> {
                let mut worst = 0.0f64;
                for at in from..=RATIOS[1].min(last) {
                    worst = worst.max(sample(at)?.as_ref().map_or(f64::INFINITY, pick));
                }
                Ok(worst)
            };
            for at in [1, 2, 5, 10, 20, 30].into_iter().filter(|&at| at <= last) {
                let ratio = sample(at)?.map_or(f64::INFINITY, |s| s.median);
                list.push(value(&format!("ratio@{at}"), Unit::Ratio, ratio)?);
            }
            list.push(value(
                "worst-median-ratio",
                Unit::Ratio,
                worst(1, |s| s.median)?,
            )?);
            list.push(value(
                "worst-third-quartile-ratio",
                Unit::Ratio,
                worst(1, |s| s.high)?,
            )?);
            list.push(value(
                "late-worst-median-ratio",
                Unit::Ratio,
                worst(RATIOS[0], |s| s.median)?,
            )?);
            list.push(value(
                "late-largest-ratio",
                Unit::Ratio,
                worst(RATIOS[0], |s| s.max)?,
            )?);
            for index in [1, 2] {
                let reached = worth(own, baseline, index);
                let name = format!("worth@{index}");
                list.push(match reached {
                    Some(t) => Measurement::from_value(key(&name), Unit::Count, t as f64)?,
                    None => Measurement::failed(key(&name), Unit::Count)?,
                });
            }
        }
        if let Some(scaled) = scaled.filter(|_| set.is_one_matrix()) {
            for at in [10, 30, 100].into_iter().filter(|&at| at <= last) {
                let ratio = ratios(own, scaled, at)
                    .first()
                    .copied()
                    .unwrap_or(f64::INFINITY);
                list.push(value(&format!("to-trace_ratio@{at}"), Unit::Ratio, ratio)?);
            }
        }
        if let Some(hals) = hals {
            let ratio = time_to(own, hals);
            list.push(match ratio {
                Some(ratio) => Measurement::from_value(key("to-hals_ratio"), Unit::Ratio, ratio)?,
                None => Measurement::failed(key("to-hals_ratio"), Unit::Ratio)?,
            });
        }
    }
    Ok(list)
}

/// The smallest iteration at which the baseline's median error is at most ours at `index`.
fn worth(own: &[Trace], baseline: &[Trace], index: usize) -> Option<usize> {
    let median = |traces: &[Trace], at: usize| {
        Summary::of("error", &errors(traces, at))
            .ok()
            .map(|s| s.median)
    };
    let goal = median(own, index)?;
    let last = baseline.first()?.rmse.len();
    (0..last).find(|&t| median(baseline, t).is_some_and(|m| m <= goal))
}

/// Seconds to the error that extrapolated HALS has after twenty iterations, over its seconds, both summed over the matrices; none if one of them does not reach it.
fn time_to(own: &[Trace], hals: &[Trace]) -> Option<f64> {
    let mut sums = [0.0, 0.0];
    for (own, hals) in own.iter().zip(hals) {
        let at = TARGET.min(hals.rmse.len() - 1);
        // Rounding must not decide, where the errors of an exact factorisation are compared.
        let goal = hals.rmse[at] * (1.0 + 1e-9);
        sums[0] += own.reaches(goal)?.0 - own.seconds[0];
        sums[1] += hals.reaches(goal)?.0 - hals.seconds[0];
    }
    Some(sums[0] / sums[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(rmse: &[f64], pace: f64) -> Trace {
        Trace {
            rmse: rmse.to_vec(),
            seconds: (0..rmse.len()).map(|k| 1.0 + pace * k as f64).collect(),
        }
    }

    #[test]
    fn what_a_start_is_worth_and_when_a_goal_is_reached() {
        let baseline = [
            trace(&[1.0, 0.5, 0.3, 0.2], 1.0),
            trace(&[1.0, 0.5, 0.3, 0.2], 1.0),
        ];
        let ours = [
            trace(&[1.0, 0.3, 0.25, 0.2], 3.0),
            trace(&[1.0, 0.29, 0.28, 0.1], 3.0),
        ];
        assert_eq!(worth(&ours, &baseline, 1), Some(3), "0.295 in the median");
        assert_eq!(worth(&ours, &baseline, 3), None);
        assert_eq!(ratios(&ours, &baseline, 1), [0.6, 0.58]);
        // The goal is the error after three iterations: nine seconds against three.
        assert_eq!(time_to(&ours, &baseline), Some(3.0));
        assert_eq!(time_to(&[trace(&[1.0, 0.4], 1.0)], &baseline[..1]), None);
    }

    #[test]
    fn a_run_that_overflows_has_no_error_and_others_have_theirs() {
        let cold = vec![trace(&[1.0, 0.5, 0.3], 1.0)];
        let broken = vec![trace(&[1.0, f64::INFINITY, f64::NAN], 1.0)];
        let traces = vec![("admm-cold".to_owned(), cold), ("start".to_owned(), broken)];
        let list = measurements(SetName::Yale, &traces).unwrap();
        let value = |method: &str, quantity: &str| {
            let found = list
                .iter()
                .find(|m| m.method == method && m.quantity == quantity);
            found.unwrap().value
        };
        assert_eq!(value("admm-cold", "rmse@2"), Some(0.3));
        assert_eq!(value("start", "rmse@2"), None);
        assert_eq!(value("start", "worst-median-ratio"), None);
    }
}
