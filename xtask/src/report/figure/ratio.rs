//! Ratios to a baseline.
use super::axis::Axis;
use super::canvas::{Anchor, fit, picture, text_width};
use super::frame::{Entry, Frame, TEXT, WIDTH, head, head_height, nothing};
use super::palette::{INK, Marker, Palette, SOFT, Style};
use super::svg::Svg;
use crate::report::{ReportError, format_number};

const ROW: f64 = 30.0;
const GROUP: f64 = 26.0;

/// One ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioPoint {
    /// Problem; points of one problem are drawn together.
    pub problem: String,
    /// Method.
    pub method: String,
    /// Ours over the baseline, dimensionless.
    pub ratio: f64,
    /// Quartiles of the ratio.
    pub quartiles: Option<(f64, f64)>,
    /// The paper's ratio.
    pub paper: Option<f64>,
}

/// Ratios to a baseline as points on stems from 1, with the paper's values beside ours. Left of 1 is less.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioPlot {
    /// Title.
    pub title: String,
    /// What is divided by what, `"total time / total time of IC(0)"`.
    pub axis: String,
    /// The ratios.
    pub points: Vec<RatioPoint>,
}

impl RatioPlot {
    /// Draws the picture.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if the backend fails.
    pub fn draw(&self, palette: &Palette) -> Result<Svg, ReportError> {
        let good = |v: f64| v.is_finite() && v > 0.0;
        let points: Vec<&RatioPoint> = self.points.iter().filter(|p| good(p.ratio)).collect();
        let mut problems: Vec<&str> = Vec::new();
        for point in &points {
            if !problems.contains(&point.problem.as_str()) {
                problems.push(&point.problem);
            }
        }
        let ring = Style {
            colour: INK,
            marker: Marker::Ring,
            dashed: false,
        };
        let disc = Style {
            colour: SOFT,
            marker: Marker::Disc,
            dashed: false,
        };
        let mut entries: Vec<Entry> = vec![("ours".to_owned(), disc)];
        if points.iter().any(|p| p.paper.is_some_and(good)) {
            entries.push(("paper".to_owned(), ring));
        }
        let top = head_height(&entries);
        let content = ROW * points.len() as f64 + GROUP * problems.len() as f64;
        let bottom = top + content.max(60.0);
        let height = bottom + 46.0;
        picture(&self.title, (WIDTH, height), |canvas| {
            head(canvas, &self.title, &entries);
            if points.is_empty() {
                return nothing(canvas, height);
            }
            let values: Vec<f64> = points
                .iter()
                .flat_map(|p| {
                    [
                        Some(p.ratio),
                        p.paper,
                        p.quartiles.map(|q| q.0),
                        p.quartiles.map(|q| q.1),
                        Some(1.0),
                    ]
                })
                .flatten()
                .filter(|&v| good(v))
                .collect();
            let axis = Axis::automatic(values.iter().copied());
            let mut frame = Frame::new(top, bottom, axis.clone(), axis);
            let widest = points
                .iter()
                .map(|p| text_width(&p.method, TEXT))
                .fold(0.0, f64::max);
            let numbers = points
                .iter()
                .map(|p| text_width(&format_number(p.ratio), TEXT))
                .fold(0.0, f64::max);
            (frame.left, frame.right) = (24.0 + widest.min(140.0), WIDTH - 22.0 - numbers);
            frame.draw_x(canvas, &self.axis);
            let x = |value: f64| {
                frame
                    .at_x(value)
                    .unwrap_or(frame.left)
                    .clamp(frame.left, frame.right)
            };
            canvas.line(&[(x(1.0), top), (x(1.0), bottom)], INK, 1.6, 1.0);
            let mut y = top;
            for problem in problems {
                let name = fit(problem, TEXT, WIDTH - 24.0);
                canvas.rectangle(
                    (12.0, y + 3.0),
                    (16.0 + text_width(&name, TEXT), y + GROUP - 3.0),
                    (255, 255, 255),
                    1.0,
                );
                canvas.text((12.0, y + GROUP / 2.0), &name, TEXT, SOFT, Anchor::Start);
                y += GROUP;
                for point in points.iter().filter(|p| p.problem == problem) {
                    let (middle, style) = (y + ROW / 2.0, palette.style(&point.method));
                    let label = fit(&point.method, TEXT, 142.0);
                    canvas.text((frame.left - 8.0, middle), &label, TEXT, INK, Anchor::End);
                    canvas.text(
                        (WIDTH - 10.0, middle),
                        &format_number(point.ratio),
                        TEXT,
                        INK,
                        Anchor::End,
                    );
                    canvas.line(
                        &[(x(1.0), middle), (x(point.ratio), middle)],
                        style.colour,
                        2.4,
                        0.45,
                    );
                    if let Some((low, high)) = point.quartiles.filter(|q| good(q.0) && good(q.1)) {
                        canvas.line(
                            &[(x(low), middle), (x(high), middle)],
                            style.colour,
                            5.0,
                            0.5,
                        );
                    }
                    canvas.marker(
                        (x(point.ratio), middle),
                        5.2,
                        Marker::Disc,
                        style.colour,
                        1.0,
                    );
                    if let Some(paper) = point.paper.filter(|&v| good(v)) {
                        let at = (x(paper), middle);
                        canvas.marker(at, 4.2, Marker::Ring, INK, 1.0);
                    }
                    y += ROW;
                }
            }
        })
    }
}
