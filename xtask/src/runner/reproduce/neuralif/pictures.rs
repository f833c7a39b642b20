//! The figures of the report.

use anyhow::Result;
use la_graph::{Drawing, Layout, Pattern, SpyOptions, coates_digraph, spy_svg};
use la_problems::{CsrMatrix, NeuralIfSynthetic};
use xtask::report::Figure;
use xtask::report::figure::{
    BoxPlot, BoxSample, Palette, RatioPlot, RatioPoint, Scatter, ScatterSeries, Svg, TrainingCurve,
};

use super::super::pictures::{self as shared, Course};
use super::rows::Row;

/// Convergence of every method on one matrix, against iterations and against time.
pub(super) fn convergence(problem: &str, rows: &[&Row], palette: &Palette) -> Result<Vec<Figure>> {
    let courses: Vec<Course<'_>> = rows
        .iter()
        .map(|r| (r.method.as_str(), r.solve.history.as_slice()))
        .collect();
    shared::convergence(problem, &courses, palette)
}

/// Box plots of iterations and of total time to 1e-3 per method.
pub(super) fn boxes(
    problem: &str,
    rows: &[Row],
    methods: &[String],
    palette: &Palette,
) -> Result<Vec<Figure>> {
    let samples = |f: &dyn Fn(&Row) -> Option<f64>| -> Vec<BoxSample> {
        methods
            .iter()
            .map(|m| BoxSample {
                method: m.clone(),
                values: rows
                    .iter()
                    .filter(|r| r.method == *m)
                    .filter_map(f)
                    .collect(),
            })
            .filter(|s| !s.values.is_empty())
            .collect()
    };
    let iterations = BoxPlot {
        title: format!("{problem}: iterations to 1e-3"),
        axis: "iterations".into(),
        samples: samples(&|r| r.solve.iterations[0].map(|i| i as f64)),
    };
    let total = BoxPlot {
        title: format!("{problem}: set-up and solve to 1e-3"),
        axis: "seconds, one thread".into(),
        samples: samples(&|r| r.total(0)),
    };
    Ok(vec![
        Figure::new(
            format!("{problem}-iterations"),
            "Iterations of every test matrix: quartiles, whiskers, points.",
            iterations.draw(palette)?,
        )?,
        Figure::new(
            format!("{problem}-total-time"),
            "Total time of every test matrix, set-up included.",
            total.draw(palette)?,
        )?,
    ])
}

/// Set-up time against the size of the matrix.
pub(super) fn setup_scaling(rows: &[Row], methods: &[&str], palette: &Palette) -> Result<Figure> {
    let series = methods
        .iter()
        .map(|m| ScatterSeries {
            method: (*m).to_string(),
            points: rows
                .iter()
                .filter(|r| r.method == *m)
                .map(|r| (r.nnz_matrix as f64 / 1e6, r.setup))
                .collect(),
        })
        .collect();
    let scatter = Scatter {
        title: "Poisson: set-up against size".into(),
        x: "entries of A, millions".into(),
        y: "seconds, one thread".into(),
        series,
    };
    Ok(Figure::new(
        "poisson-setup",
        "Set-up time of every Poisson problem with linear fits.",
        scatter.draw(palette)?,
    )?)
}

/// Total time as a ratio to IC(0), with the paper's where it gives one.
pub(super) fn ratios(
    results: &xtask::report::Results,
    palette: &Palette,
) -> Result<Option<Figure>> {
    let points: Vec<RatioPoint> = results
        .measurements
        .iter()
        .filter(|m| m.quantity == "total_ratio_to_ic0@1e-3")
        .filter_map(|m| {
            Some(RatioPoint {
                problem: m.problem.clone(),
                method: m.method.clone(),
                ratio: m.value?,
                quartiles: m.low.zip(m.high),
                paper: m.paper,
            })
        })
        .collect();
    if points.is_empty() {
        return Ok(None);
    }
    let plot = RatioPlot {
        title: "Total time to 1e-3, ratio to IC(0)".into(),
        axis: "ratio (below 1 is faster)".into(),
        points,
    };
    Ok(Some(Figure::new(
        "total-ratio",
        "Mean ratio of total times, matrix by matrix, on one thread; the mark is the paper's.",
        plot.draw(palette)?,
    )?))
}

/// Loss and validation of a training run.
pub(super) fn training(
    method: &str,
    log: &la_gnn::training::Log,
    baseline: Option<f64>,
    palette: &Palette,
) -> Result<Figure> {
    let curve = TrainingCurve {
        title: format!("Training of {method}"),
        method: method.into(),
        loss: log.losses.iter().map(|l| f64::from(*l)).collect(),
        validation: log.validations.iter().map(|v| (v.0 as f64, v.1)).collect(),
        baseline: baseline.map(|b| ("ic0".into(), b)),
    };
    Ok(Figure::new(
        "training",
        "Loss of every update and iterations to 1e-3 on the validation matrices, with IC(0)'s.",
        curve.draw(palette)?,
    )?)
}

/// The pattern of a test matrix, and a small matrix of the family as a graph.
pub(super) fn matrix(a: &CsrMatrix) -> Result<Vec<Figure>> {
    let spy = spy_svg(&Pattern::borrow(a.view())?, &SpyOptions::default())?;
    let small = NeuralIfSynthetic::default()
        .with_n(16)
        .with_nonzeros_per_row(1.5)
        .generate(3)?;
    let graph = coates_digraph(small.matrix.view())?;
    let drawing = Drawing::of_digraph(&graph, Layout::Circular, |_| String::new())?.to_svg();
    Ok(vec![
        Figure::new(
            "pattern",
            "Pattern of the first test matrix.",
            Svg::parse("pattern", &spy)?,
        )?,
        Figure::new(
            "graph",
            "The graph of a small matrix of the same family: a node for each row, an arc for each entry.",
            Svg::parse("graph", &drawing)?,
        )?,
    ])
}
