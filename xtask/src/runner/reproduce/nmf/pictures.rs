//! The paper's figures, ours.

use anyhow::Result;
use la_graph::sprs::CsMat;
use la_graph::{
    AugmentedLineDigraph, Drawing, LayeredDigraph, Layout, line_digraph, outer_products,
};
use la_problems::nmf::SyntheticFactors;
use xtask::report::figure::{Curve, CurvePoint, Curves, Palette, Svg, panels};
use xtask::report::{Figure, Summary};

use super::super::pictures::file_stem;
use super::course::Traces;
use super::method::{Classical, Trace};
use super::rows::{errors, ratios};
use super::set::{Matrix, SetName};

/// What is drawn: every network, with the solver beside too, the three baselines and the fitted scalars. All else is in the tables, where it does not hide the rest.
fn is_drawn(method: &str) -> bool {
    let baselines = [
        Classical::AdmmCold,
        Classical::AdmmTrace,
        Classical::ExtrapolatedHals,
    ];
    let network = method.starts_with("start") || method.starts_with("accelerate");
    let variant = method.contains('@') || method.contains('+') && !method.ends_with("+companion");
    baselines.iter().any(|b| b.name() == method)
        || method.starts_with("scalars")
        || network && !variant
}

/// Errors against iterations and seconds, and ratios to the published solver's.
pub(super) fn draw(set: SetName, traces: &Traces, palette: &Palette) -> Result<Vec<Figure>> {
    let (problem, stem) = (set.name(), file_stem(set.name()));
    let shown: Vec<_> = traces.iter().filter(|(name, _)| is_drawn(name)).collect();
    let many = !set.is_one_matrix();
    let what = if many { "Median error" } else { "Error" };
    let mut figures = Vec::new();
    for (name, log, limit) in [("errors", false, 30), ("errors-log", true, usize::MAX)] {
        let curves = Curves {
            title: format!("{problem}: error"),
            x: "iterations".to_owned(),
            y: "RMSE".to_owned(),
            log,
            guide: None,
            curves: shown
                .iter()
                .map(|(m, t)| curve(m, t, limit, errors))
                .collect(),
        };
        let caption = format!(
            "{what} against the iteration; the call of a network is one. Bands: quartiles."
        );
        figures.push(Figure::new(
            format!("{stem}-{name}"),
            caption,
            curves.draw(palette)?,
        )?);
    }
    let curves = Curves {
        title: format!("{problem}: error against time"),
        x: "seconds".to_owned(),
        y: "RMSE".to_owned(),
        log: true,
        guide: None,
        curves: shown.iter().map(|(m, t)| against_time(m, t)).collect(),
    };
    let caption = format!(
        "{what} against the seconds of one thread, NNDSVD included, in the mean over the matrices."
    );
    figures.push(Figure::new(
        format!("{stem}-errors-time"),
        caption,
        curves.draw(palette)?,
    )?);
    let baseline = traces.iter().find(|(m, _)| m == Classical::AdmmCold.name());
    if let Some((_, baseline)) = baseline {
        let networks = shown
            .iter()
            .filter(|(m, _)| m != Classical::AdmmCold.name());
        let curves = Curves {
            title: format!("{problem}: error over that of admm-cold"),
            x: "iterations".to_owned(),
            y: "ratio".to_owned(),
            log: true,
            guide: Some(1.0),
            curves: networks
                .map(|(m, t)| curve(m, t, 30, |t, at| ratios(t, baseline, at)))
                .collect(),
        };
        let caption = "Ratio of errors on the same matrix at the same iteration: median and quartiles; below 1 is better.";
        figures.push(Figure::new(
            format!("{stem}-ratios"),
            caption,
            curves.draw(palette)?,
        )?);
    }
    Ok(figures)
}

fn curve(
    method: &str,
    traces: &[Trace],
    limit: usize,
    sample: impl Fn(&[Trace], usize) -> Vec<f64>,
) -> Curve {
    let last = traces.first().map_or(0, |t| t.rmse.len());
    let points = (0..last.min(limit.saturating_add(1))).filter_map(|at| {
        let summary = Summary::of(method, &sample(traces, at)).ok()?;
        Some(CurvePoint {
            x: at as f64,
            value: summary.median,
            quartiles: (summary.samples > 1).then_some((summary.low, summary.high)),
        })
    });
    Curve {
        method: method.to_owned(),
        points: points.collect(),
    }
}

fn against_time(method: &str, traces: &[Trace]) -> Curve {
    let last = traces.first().map_or(0, |t| t.rmse.len());
    let points = (0..last).filter_map(|at| {
        let summary = Summary::of(method, &errors(traces, at)).ok()?;
        let seconds = traces.iter().filter_map(|t| t.seconds.get(at)).sum::<f64>();
        Some(CurvePoint {
            x: seconds / traces.len() as f64,
            value: summary.median,
            quartiles: None,
        })
    });
    Curve {
        method: method.to_owned(),
        points: points.collect(),
    }
}

/// Classes of the histogram, each a tenth of the mean.
const CLASSES: usize = 40;

/// Entries of a matrix beside those of training.
pub(super) fn histogram(problem: &str, matrix: &Matrix) -> Result<Figure> {
    let law = SyntheticFactors::training()
        .with_sigma(0.0)
        .generate(1000, 1000, 0)?;
    let density = |method: &str, values: &[f64]| {
        let mut counts = [0usize; CLASSES];
        for &v in values {
            if let Some(count) = counts.get_mut((10.0 * v) as usize) {
                *count += 1;
            }
        }
        let points = counts.iter().enumerate().map(|(k, &count)| CurvePoint {
            x: (k as f64 + 0.5) / 10.0,
            value: 10.0 * count as f64 / values.len() as f64,
            quartiles: None,
        });
        Curve {
            method: method.to_owned(),
            points: points.collect(),
        }
    };
    let curves = Curves {
        title: format!("{problem}: entries over their mean"),
        x: "entry over mean".to_owned(),
        y: "density".to_owned(),
        log: false,
        guide: None,
        curves: vec![
            density(problem, &matrix.values),
            density("law of training", &law.values),
        ],
    };
    let palette = Palette::new([problem, "law of training"]);
    let caption = "How entries are distributed, beside the law of the training matrices without noise (the paper's figure 5).";
    Ok(Figure::new(
        format!("{}-histogram", file_stem(problem)),
        caption,
        curves.draw(&palette)?,
    )?)
}

/// The paper's figures 1 to 3: a product as a concatenation of digraphs, its outer products with their line digraphs, and the augmented line digraph.
pub(super) fn graphs() -> Result<Vec<Figure>> {
    const W: [f64; 8] = [13.0, 7.0, 0.0, 2.0, 4.0, 9.0, 11.0, 5.0];
    const H: [f64; 6] = [6.0, 12.0, 8.0, 10.0, 3.0, 1.0];
    let tall = |rows: usize, data: &[f64]| {
        let pointers = (0..=rows).map(|i| 2 * i).collect();
        CsMat::new((rows, 2), pointers, [0, 1].repeat(rows), data.to_vec())
    };
    let terms = outer_products(tall(4, &W).view(), tall(3, &H).view())?;
    let whole = LayeredDigraph::overlay(&terms)?;
    let v: Vec<f64> = whole.path_weights()?.data().to_vec();
    let svg = |what: &str, drawing: &Drawing| Svg::parse(what, &drawing.to_svg());
    let concatenation = Drawing::of_layers(&whole)?.with_title("K(W) ∗ K(Hᵀ)");
    let mut lines = Vec::new();
    for (c, term) in terms.iter().enumerate() {
        let title = format!("outer product {}", c + 1);
        lines.push(svg(
            &title,
            &Drawing::of_layers(term)?.with_title(title.clone()),
        )?);
        let line = line_digraph(&term.to_digraph())?;
        let drawing = Drawing::of_line_digraph(&line, Layout::Layered)?;
        let title = format!("line digraph, {title}");
        lines.push(svg(&title, &drawing.with_title(title.clone()))?);
    }
    let augmented = AugmentedLineDigraph::new(&W, &H, &v, 2)?;
    let augmented = Drawing::of_augmented(&augmented)?.with_title("augmented line digraph");
    Ok(vec![
        Figure::new(
            "graph-1-concatenation",
            "The product of W and Hᵀ as paths through the concatenation of two digraphs (figure 1).",
            svg("concatenation", &concatenation)?,
        )?,
        Figure::new(
            "graph-2-line-digraphs",
            "The outer products of the columns, and the line digraph of each (figure 2).",
            panels("outer products and line digraphs", &lines, 2)?,
        )?,
        Figure::new(
            "graph-3-augmented-line-digraph",
            "The augmented line digraph, which the network runs on: rows of W, rows of H, and every entry of V on an arc (figure 3).",
            svg("augmented line digraph", &augmented)?,
        )?,
    ])
}

#[cfg(test)]
mod tests {
    use super::is_drawn;

    #[test]
    fn pictures_show_networks_and_what_they_are_measured_by() {
        for method in [
            "admm-cold",
            "scalars-hals",
            "start-32",
            "accelerate-32+companion",
        ] {
            assert!(is_drawn(method), "{method}");
        }
        for method in [
            "hals",
            "multiplicative",
            "start@0",
            "start+admm-trace",
            "accelerate-32+guard",
            "accelerate@0+guard",
        ] {
            assert!(!is_drawn(method), "{method}");
        }
    }
}
