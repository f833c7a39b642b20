//! What came out, in sentences, and the controls.

use xtask::report::{Control, Results};

/// Methods that learn.
const LEARNED: [&str; 4] = ["mlp", "mlp-published", "gnn-published", "gnn"];

/// The value of a quantity.
fn value(results: &Results, problem: &str, method: &str, quantity: &str) -> Option<f64> {
    let mut all = results.measurements.iter();
    all.find(|m| m.problem == problem && m.method == method && m.quantity == quantity)?
        .value
}

/// The cases with cold solves, in order.
fn cases(results: &Results) -> Vec<&str> {
    let rows = results.measurements.iter();
    rows.filter(|m| m.method == "cold" && m.quantity == "wrong")
        .map(|m| m.problem.as_str())
        .collect()
}

/// One sentence for each question.
pub(super) fn sentences(results: &Results) -> Vec<String> {
    let (mut fewer, mut paid, mut beaten, mut compared) = (0, Vec::new(), 0, 0);
    let cases = cases(results);
    for case in &cases {
        let iterations = |method: &str| value(results, case, method, "iterations");
        let best = |methods: &[&str]| -> Option<f64> {
            let values = methods.iter().filter_map(|m| iterations(m));
            values.min_by(f64::total_cmp)
        };
        let (cold, learned) = (iterations("cold"), best(&LEARNED));
        fewer += usize::from(learned.zip(cold).is_some_and(|(l, c)| l < c));
        if let Some((learned, near)) = learned.zip(best(&["nearest", "votes-of-9"])) {
            compared += 1;
            beaten += usize::from(learned < near);
        }
        let fastest = LEARNED
            .iter()
            .filter_map(|m| Some((*m, value(results, case, m, "total_ratio")?)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((method, ratio)) = fastest.filter(|(_, ratio)| *ratio < 1.0) {
            paid.push(format!("{case} ({method}, {ratio:.2})"));
        }
    }
    let count = cases.len();
    let mut sentences = vec![format!(
        "A network saves iterations over a cold solve with the paper's entering rule in {fewer} of {count} cases, and over the nearest training problems in {beaten} of the {compared} where both were tried."
    )];
    sentences.push(match paid.is_empty() {
        true => "With the prediction counted, no network is faster than the faster of the two cold solves in any case.".to_owned(),
        false => format!(
            "With the prediction counted, a network is faster than the faster of the two cold solves in {} of {count} cases: {}.",
            paid.len(),
            paid.join(", ")
        ),
    });
    sentences
}

/// What must come out whatever the networks do.
pub(super) fn controls(results: &Results) -> Vec<Control> {
    let mut controls = Vec::new();
    let wrong = |m: &&xtask::report::Measurement| m.quantity == "wrong";
    let wrong: f64 = results
        .measurements
        .iter()
        .filter(wrong)
        .filter_map(|m| m.value)
        .sum();
    controls.push(Control {
        name: "Whatever is guessed, the answer is that of the cold solve".to_owned(),
        outcome: format!("{wrong} answers differ"),
        passed: wrong == 0.0,
    });
    for case in cases(results) {
        if let Some(iterations) = value(results, case, "oracle", "iterations") {
            controls.push(Control {
                name: format!("{case}: the active set itself as the guess takes one iteration"),
                outcome: format!("{iterations:.3} iterations in the mean"),
                passed: (iterations - 1.0).abs() < 0.05,
            });
        }
        for (trained, untrained) in [("gnn", "gnn@0"), ("mlp", "mlp@0")] {
            let of = |method| value(results, case, method, "iterations");
            if let (Some(trained_its), Some(untrained_its)) = (of(trained), of(untrained)) {
                controls.push(Control {
                    name: format!("{case}: training is what makes {trained} useful"),
                    outcome: format!("{trained_its:.1} iterations, {untrained_its:.1} untrained"),
                    passed: trained_its < untrained_its,
                });
            }
        }
    }
    controls
}
