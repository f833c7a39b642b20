//! Training curves.
use super::axis::Axis;
use super::canvas::{Anchor, fit, picture};
use super::frame::{Entry, Frame, TEXT, WIDTH, head, head_height, nothing, stroke};
use super::palette::{INK, Marker, Palette, SOFT, Style};
use super::svg::Svg;
use crate::report::{ReportError, format_number};

const PANEL: f64 = 150.0;
/// Raw losses drawn; of more, every k-th.
const RAW: usize = 600;

/// Loss per update, raw and smoothed, above the validation iterations of the network with a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingCurve {
    /// Title.
    pub title: String,
    /// The trained method; its colour is taken from the palette.
    pub method: String,
    /// Loss after each update, from update 1; positive.
    pub loss: Vec<f64>,
    /// Update, and mean iterations on the validation set.
    pub validation: Vec<(f64, f64)>,
    /// Baseline method, and its mean iterations on the validation set.
    pub baseline: Option<(String, f64)>,
}

impl TrainingCurve {
    /// Draws the picture.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if the backend fails.
    pub fn draw(&self, palette: &Palette) -> Result<Svg, ReportError> {
        let style = palette.style(&self.method);
        let faint = Style {
            colour: (0xb5, 0xbb, 0xc2),
            marker: Marker::Disc,
            dashed: false,
        };
        let finite = |p: &&(f64, f64)| p.0.is_finite() && p.1.is_finite();
        let validation: Vec<(f64, f64)> = self.validation.iter().filter(finite).copied().collect();
        let good = |v: f64| v.is_finite() && v > 0.0;
        let raw: Vec<(f64, f64)> = self
            .loss
            .iter()
            .enumerate()
            .filter(|(_, l)| good(**l))
            .map(|(i, &l)| ((i + 1) as f64, l))
            .collect();
        let entries: Vec<Entry> = vec![
            ("loss".to_owned(), faint),
            (
                format!("{}, smoothed", self.method),
                Style {
                    dashed: false,
                    ..style
                },
            ),
        ];
        let top = head_height(&entries);
        let lower = top + PANEL + 58.0;
        let height = if validation.is_empty() {
            top + PANEL + 46.0
        } else {
            lower + 120.0 + 46.0
        };
        picture(&self.title, (WIDTH, height), |canvas| {
            head(canvas, &self.title, &entries);
            if raw.is_empty() && validation.is_empty() {
                return nothing(canvas, height);
            }
            let updates = Axis::tight(raw.iter().chain(&validation).map(|p| p.0));
            let mut frame = Frame::new(
                top,
                top + PANEL,
                updates.clone(),
                Axis::log(raw.iter().map(|p| p.1)),
            );
            let baseline = self.baseline.as_ref().filter(|b| b.1.is_finite());
            let counts = validation.iter().map(|p| p.1).chain(baseline.map(|b| b.1));
            let mut below = Frame::new(lower, lower + 120.0, updates, Axis::linear(counts, false));
            frame.left = frame.left.max(below.left);
            below.left = frame.left;
            frame.draw_y(canvas, "loss");
            frame.draw_x(canvas, "update");
            let place = |frame: &Frame, points: &[(f64, f64)]| -> Vec<(f64, f64)> {
                points.iter().filter_map(|&p| frame.at(p)).collect()
            };
            let every = raw.len().div_ceil(RAW).max(1);
            let sparse: Vec<_> = raw.iter().copied().step_by(every).collect();
            canvas.line(&place(&frame, &sparse), faint.colour, 1.0, 1.0);
            let smooth: Vec<_> = smoothed(&raw).into_iter().step_by(every).collect();
            canvas.line(&place(&frame, &smooth), style.colour, 2.0, 1.0);
            if validation.is_empty() {
                return;
            }
            below.draw_y(canvas, "iterations");
            below.draw_x(canvas, "update");
            canvas.text(
                (below.left, lower - 10.0),
                "validation",
                TEXT,
                SOFT,
                Anchor::Start,
            );
            if let Some((name, iterations)) = baseline
                && let Some(y) = below.at_y(*iterations)
            {
                canvas.dashes(&[(below.left, y), (below.right, y)], (6.0, 4.0), INK, 1.4);
                let label = format!("dashed, {name}: {}", format_number(*iterations));
                let label = fit(&label, TEXT, below.right - below.left - 80.0);
                canvas.text((below.right, lower - 10.0), &label, TEXT, INK, Anchor::End);
            }
            let points = place(&below, &validation);
            stroke(
                canvas,
                &points,
                Style {
                    dashed: false,
                    ..style
                },
                2.0,
            );
            for point in points {
                canvas.marker(point, 3.2, style.marker, style.colour, 1.0);
            }
        })
    }
}

/// Exponential moving average of the logarithm over about a fortieth of the run, corrected for its start.
fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let keep = 1.0 - 1.0 / (points.len() as f64 / 40.0).max(1.0);
    let (mut average, mut weight) = (0.0, 0.0);
    points
        .iter()
        .map(|&(x, y)| {
            average = keep * average + (1.0 - keep) * y.ln();
            weight = keep * weight + (1.0 - keep);
            (x, (average / weight).exp())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_leaves_constants_and_short_runs_alone() {
        let constant: Vec<_> = (0..500).map(|i| (f64::from(i), 3.0)).collect();
        assert!(
            smoothed(&constant)
                .iter()
                .all(|p| (p.1 - 3.0).abs() < 1e-12)
        );
        let short = smoothed(&[(1.0, 2.0), (2.0, 8.0)]);
        assert!((short[1].1 - 8.0).abs() < 1e-12);
    }
}
