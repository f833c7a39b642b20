//! The figures of the whole study.

use anyhow::Result;
use xtask::report::Figure;
use xtask::report::figure::{
    BoxPlot, BoxSample, Palette, Scatter, ScatterSeries, ShareBars, ShareRow, TrainingCurve,
};

use super::cases::Case;
use super::rows::Row;
use super::shares::{self, Measure};
use super::sides::Side;
use super::tables;
use super::trainings::Training;

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

/// Loss of a training over that of the network that returns zero.
pub(super) fn training(training: &Training, palette: &Palette) -> Result<Figure> {
    let curve = TrainingCurve {
        title: format!("{}: training of {}", training.matrix, training.method),
        method: training.method.clone(),
        loss: training
            .record
            .ratios
            .iter()
            .map(|r| f64::from(*r))
            .collect(),
        validation: Vec::new(),
        baseline: None,
    };
    let name = format!("{}-{}-training", training.matrix, training.method);
    Ok(Figure::new(
        name,
        "Loss of each step over the loss of the network that returns zero: at 1 nothing is learned.",
        curve.draw(palette)?,
    )?)
}

/// Seconds of a training step against the size of the matrix.
pub(super) fn scaling(points: Vec<(f64, f64)>, palette: &Palette) -> Result<Figure> {
    let plot = Scatter {
        title: "Training step against the size of the matrix".into(),
        x: "256 n + nonzeros, millions".into(),
        y: "seconds per step".into(),
        series: vec![ScatterSeries {
            method: "gnp".into(),
            points: points.into_iter().map(|(x, y)| (x / 1e6, y)).collect(),
        }],
    };
    Ok(Figure::new(
        "training-step",
        "Seconds of a training step of every matrix and seed with the least-squares line (the paper: proportional to the size).",
        plot.draw(palette)?,
    )?)
}
