//! What came out, in sentences, and the controls.

use xtask::report::{Control, Results, format_number};

/// The value of a quantity.
fn value(results: &Results, problem: &str, method: &str, quantity: &str) -> Option<f64> {
    let mut all = results.measurements.iter();
    all.find(|m| m.problem == problem && m.method == method && m.quantity == quantity)?
        .value
}

fn problems(results: &Results) -> Vec<&str> {
    let rows = results.measurements.iter();
    let cold = rows.filter(|m| m.method == "admm-cold" && m.quantity == "rmse@0");
    cold.map(|m| m.problem.as_str()).collect()
}

/// Networks by the names of their trained runs, and whether they accelerate.
fn networks(results: &Results) -> Vec<(&str, bool)> {
    let rows = results
        .measurements
        .iter()
        .filter(|m| m.problem == "networks");
    let rows = rows.map(|m| m.method.as_str());
    rows.map(|name| {
        let guarded = format!("{name}+guard");
        (
            name,
            results.measurements.iter().any(|m| m.method == guarded),
        )
    })
    .collect()
}

/// One sentence for each question.
pub(super) fn sentences(results: &Results) -> Vec<String> {
    let mut sentences = Vec::new();
    for (name, accelerates) in networks(results) {
        let mut parts = Vec::new();
        for problem in problems(results) {
            let of = |quantity: &str| value(results, problem, name, quantity);
            if let Some(worst) = of("worst-median-ratio").filter(|_| accelerates) {
                parts.push(format!("{problem} {}", format_number(worst)));
            }
            if !accelerates {
                let worth = of("worth@2").map_or("none".to_owned(), format_number);
                parts.push(format!("{problem} {worth}"));
            }
        }
        sentences.push(match accelerates {
            true => format!(
                "{name}: largest median ratio to the published solver's error up to iteration 30: {}.",
                parts.join(", ")
            ),
            false => format!(
                "{name}: its error with one iteration of the solver behind it is worth so many iterations of the published solver: {}.",
                parts.join(", ")
            ),
        });
    }
    let mut faster = Vec::new();
    for problem in problems(results) {
        let rows = results.measurements.iter();
        let rows = rows.filter(|m| m.problem == problem && m.quantity == "to-hals_ratio");
        let best = rows
            .filter(|m| {
                networks(results)
                    .iter()
                    .any(|(name, _)| m.method.starts_with(name))
                    && !m.method.contains("@0")
            })
            .filter_map(|m| Some((m.method.as_str(), m.value?)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((method, ratio)) = best {
            faster.push(format!("{problem} {} ({method})", format_number(ratio)));
        }
    }
    if !faster.is_empty() {
        sentences.push(format!(
            "Seconds to the error of extrapolated HALS after 20 iterations, over HALS's own, of the fastest network: {}.",
            faster.join(", ")
        ));
    }
    sentences
}

/// What must come out whatever the networks do.
pub(super) fn controls(results: &Results) -> Vec<Control> {
    let mut controls = Vec::new();
    for problem in problems(results) {
        for (name, accelerates) in networks(results) {
            let control = if accelerates {
                format!("{name}@0+guard")
            } else {
                format!("{name}@0")
            };
            let quantity = if accelerates { "rmse@5" } else { "rmse@2" };
            let trained = if accelerates {
                format!("{name}+guard")
            } else {
                name.to_owned()
            };
            let of = |method: &str| value(results, problem, method, quantity);
            if let (Some(trained), Some(untrained)) = (of(&trained), of(&control)) {
                controls.push(Control {
                    name: format!("{problem}: training is what makes {name} useful"),
                    outcome: format!(
                        "{quantity} {}, untrained {}",
                        format_number(trained),
                        format_number(untrained)
                    ),
                    passed: trained < untrained,
                });
            }
            // A refused proposal costs nothing but the call: an iteration of the solver is left.
            let largest = value(results, problem, &control, "rmse@5").zip(value(
                results,
                problem,
                "admm-cold",
                "rmse@5",
            ));
            if let Some((guarded, cold)) = largest.filter(|_| accelerates) {
                controls.push(Control {
                    name: format!(
                        "{problem}: behind the safeguard an untrained network does no harm"
                    ),
                    outcome: format!(
                        "RMSE {} after 5 iterations, solver {}",
                        format_number(guarded),
                        format_number(cold)
                    ),
                    passed: guarded <= 1.01 * cold,
                });
            }
        }
    }
    controls
}
