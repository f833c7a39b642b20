//! Distances against iterations.

use anyhow::Result;
use xtask::report::Figure;
use xtask::report::figure::{Curve, CurvePoint, Curves, Palette};

use super::super::pictures::file_stem;
use super::method::Outcome;

/// Mean and median distance of every method that is not a control.
pub(super) fn draw(
    problem: &str,
    outcomes: &[(String, Outcome)],
    palette: &Palette,
) -> Result<Vec<Figure>> {
    ["mean", "median"]
        .into_iter()
        .map(|what| {
            let values = |outcome: &Outcome| match what {
                "mean" => points(&outcome.mean),
                _ => points(&outcome.median),
            };
            let shown = outcomes.iter().filter(|(name, _)| !name.ends_with("@0"));
            let curve = |(name, outcome): &(String, Outcome)| Curve {
                method: name.clone(),
                points: values(outcome),
            };
            let curves = Curves {
                title: format!("{problem}: {what} squared distance to the solution"),
                x: "iterations".to_owned(),
                y: "squared distance".to_owned(),
                log: true,
                guide: None,
                curves: shown.map(curve).collect(),
            };
            let caption = format!(
                "The {what} over the instances of the squared distance of an agent to the solution. A mean is that of the hardest graphs."
            );
            let name = format!("{}-{what}", file_stem(problem));
            Ok(Figure::new(name, caption, curves.draw(palette)?)?)
        })
        .collect()
}

/// Down to where rounding begins.
fn points(values: &[f64]) -> Vec<CurvePoint> {
    let seen = values.iter().enumerate().take(100);
    let seen = seen.filter(|(_, value)| value.is_finite() && **value > 1e-14);
    seen.map(|(k, value)| CurvePoint {
        x: (k + 1) as f64,
        value: *value,
        quartiles: None,
    })
    .collect()
}
