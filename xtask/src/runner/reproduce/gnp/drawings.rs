//! The figures of the whole study.

use anyhow::Result;
use xtask::report::Figure;
use xtask::report::figure::{BoxPlot, BoxSample, Palette, ShareBars, ShareRow};

use super::cases::Case;
use super::rows::Row;
use super::shares::{self, Measure};
use super::sides::Side;
use super::tables;

/// Who is best by every measure, and by Iter-AUC in groups of matrices.
pub(super) fn best(
    rows: &[Row],
    sides: &[Side],
    rivals: &[&str],
    cases: &[Case],
    palette: &Palette,
) -> Result<Vec<Figure>> {
    let methods: Vec<String> = rivals.iter().map(|m| (*m).to_owned()).collect();
    let mut figures = Vec::new();
    for side in sides {
        let all = shares::competitors(rows, *side, rivals);
        let of = |measure| {
            let winners = shares::winners(&all, measure);
            shares::counts(&winners, rivals)
        };
        let bars = ShareBars {
            title: format!("Best method, x* {}", side.name()),
            methods: methods.clone(),
            rows: Measure::ALL
                .iter()
                .map(|measure| ShareRow {
                    name: measure.title().into(),
                    counts: of(*measure),
                })
                .collect(),
        };
        figures.push(Figure::new(
            format!("best-{}", side.name()),
            "On how many matrices each method is best (figures 2 and 7 of the paper, on our matrices). Networks with their first seed.",
            bars.draw(palette)?,
        )?);
    }
    let side = Side::Ones;
    let all = shares::competitors(rows, side, rivals);
    let winners = shares::winners(&all, Measure::IterationArea);
    for (title, groups) in shares::groups(cases) {
        let bars = ShareBars {
            title: format!("Best by Iter-AUC and {title}, x* {}", side.name()),
            methods: methods.clone(),
            rows: groups
                .into_iter()
                .map(|(name, members)| {
                    let inside = winners
                        .iter()
                        .filter(|(matrix, _)| members.iter().any(|m| m == *matrix))
                        .map(|(matrix, winner)| (*matrix, *winner))
                        .collect();
                    ShareRow {
                        name,
                        counts: shares::counts(&inside, rivals),
                    }
                })
                .collect(),
        };
        figures.push(Figure::new(
            format!("best-by-{}", title.replace(' ', "-")),
            "The same in groups of matrices (figures 4 and 9 of the paper).",
            bars.draw(palette)?,
        )?);
    }
    Ok(figures)
}

/// Construction and solution times.
pub(super) fn times(rows: &[Row], palette: &Palette) -> Result<Vec<Figure>> {
    let samples = |f: fn(&Row) -> Option<f64>| -> Vec<BoxSample> {
        tables::methods(rows)
            .into_iter()
            .map(|method| BoxSample {
                method: method.into(),
                values: rows
                    .iter()
                    .filter(|r| r.method == method && r.rhs == Side::Ones)
                    .filter_map(f)
                    .filter(|v| *v > 0.0)
                    .collect(),
            })
            .filter(|sample| !sample.values.is_empty())
            .collect()
    };
    let plot = |title: &str, samples| BoxPlot {
        title: title.into(),
        axis: "seconds".into(),
        samples,
    };
    let construction = plot("Construction time", samples(|r| r.construction_seconds));
    let solution = plot("Solution time", samples(|r| r.solve_seconds));
    Ok(vec![
        Figure::new(
            "construction-time",
            "Seconds of construction, training included, of every matrix (figure 3 of the paper).",
            construction.draw(palette)?,
        )?,
        Figure::new(
            "solution-time",
            "Seconds of the solve with x* = 1 and at most 100 iterations, on one thread.",
            solution.draw(palette)?,
        )?,
    ])
}
