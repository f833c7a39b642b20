//! Iterations against size.

use anyhow::Result;
use xtask::report::figure::{Palette, Scaling, ScalingSeries};
use xtask::report::{Figure, Results};

/// Families with several sizes, by the beginning of the names of their cases.
const FAMILIES: [(&str, &str); 2] = [
    ("dense", "Random dense problems"),
    ("banded", "Random banded problems"),
];

/// One picture for each family that was measured at several sizes.
pub(super) fn draw(results: &Results) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (family, title) in FAMILIES {
        let mut series: Vec<ScalingSeries> = Vec::new();
        for m in results
            .measurements
            .iter()
            .filter(|m| m.quantity == "iterations")
        {
            let (Some(n), Some(value)) = (size(&m.problem, family), m.value) else {
                continue;
            };
            match series.iter_mut().find(|s| s.method == m.method) {
                Some(series) => series.points.push((n, value)),
                None => series.push(ScalingSeries {
                    method: m.method.clone(),
                    points: vec![(n, value)],
                }),
            }
        }
        if series.iter().all(|s| s.points.len() < 2) {
            continue;
        }
        let palette = Palette::new(series.iter().map(|s| s.method.clone()));
        let picture = Scaling {
            title: format!("{title}: iterations with the paper's entering rule"),
            x: "variables".to_owned(),
            y: "iterations".to_owned(),
            series,
        };
        figures.push(Figure::new(
            format!("{family}-iterations"),
            "Mean iterations against the number of variables, four constraints for each.",
            picture.draw(&palette)?,
        )?);
    }
    Ok(figures)
}

/// The number of variables of a case `family-<n>v<m>c`.
fn size(problem: &str, family: &str) -> Option<f64> {
    let rest = problem.strip_prefix(family)?.strip_prefix('-')?;
    let (n, rows) = rest.split_once('v')?;
    rows.strip_suffix('c')?.parse::<u32>().ok()?;
    n.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_names() {
        assert_eq!(size("banded-50v200c", "banded"), Some(50.0));
        assert_eq!(size("banded-50v200c", "dense"), None);
        assert_eq!(size("dense-to-100v200c", "dense"), None);
        assert_eq!(size("dense-30v120c-all", "dense"), None);
    }
}
