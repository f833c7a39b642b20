//! What came out, in sentences, and the controls.

use xtask::report::{Control, Results, format_number};

use super::method::Classical;
use super::opponents::Opponent;

const CLASSES: [&str; 2] = ["consensus", "least-squares"];

fn value(results: &Results, problem: &str, method: &str, quantity: &str) -> Option<f64> {
    let mut all = results.measurements.iter();
    all.find(|m| m.problem == problem && m.method == method && m.quantity == quantity)?
        .value
}

/// Networks, by their untrained controls.
fn networks<'r>(results: &'r Results, problem: &str) -> Vec<&'r str> {
    let rows = results.measurements.iter();
    let rows = rows.filter(|m| m.problem == problem && m.quantity == "distance@10");
    rows.filter_map(|m| m.method.strip_suffix("@0")).collect()
}

/// One sentence for each question.
pub(super) fn sentences(results: &Results) -> Vec<String> {
    let mut sentences = Vec::new();
    let relaxed = Classical::Relaxed18.name();
    for class in CLASSES {
        for at in [10, 20, 50] {
            let quantity = format!("distance@{at}");
            let of = |method: &str| value(results, class, method, &quantity);
            let ours = networks(results, class);
            let ours = ours.iter().filter_map(|name| Some((*name, of(name)?)));
            let best = ours.min_by(|a, b| a.1.total_cmp(&b.1));
            if let (Some((name, distance)), Some(relaxed)) = (best, of(relaxed)) {
                sentences.push(format!(
                    "{class}, {at} iterations: the best network is {name} with a mean distance of {}, over-relaxed ADMM has {}.",
                    format_number(distance),
                    format_number(relaxed)
                ));
            }
        }
        sentences.extend(against_opponents(results, class));
        let others = results.measurements.iter().filter(|m| {
            m.problem.starts_with(class)
                && m.problem != class
                && m.method == "everywhere"
                && [
                    "to-relaxed_ratio@10",
                    "to-relaxed_ratio@20",
                    "to-relaxed_ratio@50",
                ]
                .contains(&m.quantity.as_str())
        });
        let ratios: Vec<f64> = others.map(|m| m.value.unwrap_or(f64::INFINITY)).collect();
        if !ratios.is_empty() {
            let worse = ratios.iter().filter(|r| **r > 1.0).count();
            let largest = ratios.iter().fold(0.0, |a: f64, b| a.max(*b));
            sentences.push(format!(
                "{class} on other graphs after 10, 20 and 50 iterations: `everywhere` is behind over-relaxed ADMM in {worse} of {} cases, by a factor of {} at most.",
                ratios.len(),
                format_number(largest)
            ));
        }
    }
    sentences
}

/// The networks beside methods that are not ADMM with a dual per node.
fn against_opponents(results: &Results, class: &str) -> Option<String> {
    let quantity = "distance@20";
    let of = |method: &str| Some((method.to_owned(), value(results, class, method, quantity)?));
    let least = |all: Vec<(String, f64)>| all.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
    let tuned = [Opponent::Extra, Opponent::Diging, Opponent::EdgeAdmm];
    let opponent = least(tuned.iter().filter_map(|o| of(o.name())).collect())?;
    let network = least(
        networks(results, class)
            .into_iter()
            .filter_map(of)
            .collect(),
    )?;
    Some(format!(
        "{class}, as many numbers sent as 20 iterations send: {} without a network and with one tuned number has {}, the best network, {}, {}.",
        opponent.0,
        format_number(opponent.1),
        network.0,
        format_number(network.1)
    ))
}

/// What must come out whatever the networks do.
pub(super) fn controls(results: &Results) -> Vec<Control> {
    let mut controls = Vec::new();
    for class in CLASSES {
        for name in networks(results, class) {
            let untrained = format!("{name}@0");
            let of = |method: &str| value(results, class, method, "distance@10");
            if let (Some(trained), Some(untrained)) = (of(name), of(&untrained)) {
                controls.push(Control {
                    name: format!("{class}: training is what makes {name} useful"),
                    outcome: format!(
                        "distance@10 {}, untrained {}",
                        format_number(trained),
                        format_number(untrained)
                    ),
                    passed: trained < untrained,
                });
            }
        }
        let free = value(results, class, "schedule", "distance@10");
        let network = value(results, class, "alpha", "distance@10");
        if let (Some(free), Some(network)) = (free, network) {
            controls.push(Control {
                name: format!("{class}: the perceptrons of `alpha` do more than ten free numbers"),
                outcome: format!(
                    "distance@10 {}, free step sizes {}",
                    format_number(network),
                    format_number(free)
                ),
                passed: network < free,
            });
        }
    }
    controls
}
