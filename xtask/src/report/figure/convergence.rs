//! Residual histories.
use super::axis::Axis;
use super::canvas::{Anchor, picture};
use super::frame::{Entry, Frame, TEXT, WIDTH, head, head_height, nothing, stroke};
use super::palette::{GUIDE, Palette, SOFT};
use super::svg::Svg;
use crate::report::ReportError;

/// Residual tolerances that the papers report, drawn as guide lines.
const GUIDES: [(f64, &str); 3] = [(1e-3, "10⁻³"), (1e-6, "10⁻⁶"), (1e-8, "10⁻⁸")];
/// Points drawn per line; a history may have thousands.
const BINS: usize = 240;

/// What residuals are drawn against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abscissa {
    /// Iteration number, from 0.
    Iterations,
    /// Seconds since the solve (or its set-up) began.
    Seconds,
}

/// One solve.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Method.
    pub method: String,
    /// Iteration or seconds, and relative residual `‖b − A x‖/‖b‖`.
    pub points: Vec<(f64, f64)>,
}

/// Relative residual, on a logarithmic axis, against iterations or time: one line per method.
#[derive(Debug, Clone, PartialEq)]
pub struct Convergence {
    /// Title.
    pub title: String,
    /// What the horizontal axis shows.
    pub abscissa: Abscissa,
    /// The solves.
    pub histories: Vec<History>,
}

impl Convergence {
    /// Draws the picture.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if the backend fails.
    pub fn draw(&self, palette: &Palette) -> Result<Svg, ReportError> {
        let shown: Vec<(&History, Vec<(f64, f64)>)> = self
            .histories
            .iter()
            .map(|h| (h, thin(&h.points)))
            .filter(|(_, points)| !points.is_empty())
            .collect();
        let entries: Vec<Entry> = shown
            .iter()
            .map(|(h, _)| (h.method.clone(), palette.style(&h.method)))
            .collect();
        let top = head_height(&entries);
        let height = top + 230.0 + 46.0;
        picture(&self.title, (WIDTH, height), |canvas| {
            head(canvas, &self.title, &entries);
            if shown.is_empty() {
                return nothing(canvas, height);
            }
            let all = || shown.iter().flat_map(|(_, points)| points);
            let x = Axis::tight(all().map(|p| p.0));
            let y = Axis::log(all().map(|p| p.1).chain([1.0]));
            let frame = Frame::new(top, top + 230.0, x, y);
            frame.draw_y(canvas, "relative residual");
            frame.draw_x(
                canvas,
                match self.abscissa {
                    Abscissa::Iterations => "iterations",
                    Abscissa::Seconds => "seconds",
                },
            );
            for (value, label) in GUIDES {
                let Some(y) = frame.at_y(value).filter(|_| frame.y.shows(value)) else {
                    continue;
                };
                canvas.dashes(&[(frame.left, y), (frame.right, y)], (4.0, 3.0), GUIDE, 1.0);
                canvas.text(
                    (frame.right - 3.0, y - 7.0),
                    label,
                    TEXT - 2.0,
                    SOFT,
                    Anchor::End,
                );
            }
            for (history, points) in &shown {
                let style = palette.style(&history.method);
                let points: Vec<_> = points.iter().filter_map(|&p| frame.at(p)).collect();
                stroke(canvas, &points, style, 1.8);
                if let Some(&end) = points.last() {
                    canvas.marker(end, 3.8, style.marker, style.colour, 1.0);
                }
            }
        })
    }
}

/// The points a logarithmic axis can show; of many, the first, lowest, highest and last of each stretch.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let good: Vec<_> = points
        .iter()
        .copied()
        .filter(|(x, y)| x.is_finite() && y.is_finite() && *y > 0.0)
        .collect();
    if good.len() <= 2 * BINS {
        return good;
    }
    let mut kept = Vec::new();
    for bin in good.chunks(good.len().div_ceil(BINS)) {
        let by = |a: &(usize, &(f64, f64)), b: &(usize, &(f64, f64))| a.1.1.total_cmp(&b.1.1);
        let low = bin.iter().enumerate().min_by(by).map_or(0, |(i, _)| i);
        let high = bin.iter().enumerate().max_by(by).map_or(0, |(i, _)| i);
        let mut chosen = [0, low, high, bin.len() - 1];
        chosen.sort_unstable();
        for (k, &i) in chosen.iter().enumerate() {
            if k == 0 || chosen[k - 1] != i {
                kept.push(bin[i]);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_ends_and_extremes() {
        let mut points: Vec<(f64, f64)> = (0..10_000)
            .map(|i| (f64::from(i), 2.0 + f64::from(i).sin()))
            .collect();
        points[5_003].1 = 100.0;
        points[7_777].1 = 1e-9;
        points.push((10_000.0, f64::NAN));
        points.push((10_001.0, 0.0));
        let kept = thin(&points);
        assert!(kept.len() <= 4 * BINS);
        assert_eq!(
            (kept.first(), kept.last()),
            (points.first(), points.get(9_999))
        );
        assert!(kept.contains(&(5_003.0, 100.0)) && kept.contains(&(7_777.0, 1e-9)));
    }
}
