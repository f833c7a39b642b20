//! Box plots.
use super::axis::Axis;
use super::canvas::{Anchor, fit, picture, text_width};
use super::frame::{Frame, TEXT, WIDTH, head, head_height, nothing};
use super::palette::{INK, Palette};
use super::svg::Svg;
use crate::report::{ReportError, Summary, format_number};

const ROW: f64 = 36.0;

/// The samples of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxSample {
    /// Method.
    pub method: String,
    /// Values in the units of the axis.
    pub values: Vec<f64>,
}

/// Quartiles (box), median (bar, with its number), whiskers and every sample of each method, side by side.
///
/// Whiskers reach the outermost samples within 1.5 interquartile ranges of the box. The axis starts at 0, or is
/// logarithmic where the samples span more than a factor of 30.
///
/// # References
/// J. W. Tukey, *Exploratory Data Analysis*, 1977, chapter 2.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxPlot {
    /// Title.
    pub title: String,
    /// Name of the axis with its unit, `"total time, seconds"`.
    pub axis: String,
    /// The methods from top to bottom.
    pub samples: Vec<BoxSample>,
}

impl BoxPlot {
    /// Draws the picture.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if the backend fails.
    pub fn draw(&self, palette: &Palette) -> Result<Svg, ReportError> {
        let rows: Vec<(&str, Vec<f64>, Summary)> = self
            .samples
            .iter()
            .filter_map(|s| {
                let values: Vec<f64> = s.values.iter().copied().filter(|v| v.is_finite()).collect();
                let summary = Summary::of(&s.method, &values).ok()?;
                Some((s.method.as_str(), values, summary))
            })
            .collect();
        let top = head_height(&[]);
        let bottom = top + ROW * rows.len().max(2) as f64;
        let height = bottom + 46.0;
        picture(&self.title, (WIDTH, height), |canvas| {
            head(canvas, &self.title, &[]);
            if rows.is_empty() {
                return nothing(canvas, height);
            }
            let axis = Axis::automatic(
                rows.iter()
                    .flat_map(|(_, values, _)| values.iter().copied()),
            );
            let mut frame = Frame::new(top, bottom, axis.clone(), axis);
            let widest = |texts: &mut dyn Iterator<Item = String>| {
                texts.map(|t| text_width(&t, TEXT)).fold(0.0, f64::max)
            };
            frame.left = 20.0 + widest(&mut rows.iter().map(|r| r.0.to_owned())).min(140.0);
            frame.right =
                WIDTH - 20.0 - widest(&mut rows.iter().map(|r| format_number(r.2.median)));
            frame.draw_x(canvas, &self.axis);
            canvas.text(
                (WIDTH - 10.0, top - 8.0),
                "median",
                TEXT - 1.0,
                INK,
                Anchor::End,
            );
            for (row, (method, values, s)) in rows.iter().enumerate() {
                let y = top + (row as f64 + 0.5) * ROW;
                let colour = palette.style(method).colour;
                canvas.text(
                    (frame.left - 8.0, y),
                    &fit(method, TEXT, 142.0),
                    TEXT,
                    INK,
                    Anchor::End,
                );
                canvas.text(
                    (WIDTH - 10.0, y),
                    &format_number(s.median),
                    TEXT,
                    INK,
                    Anchor::End,
                );
                let x = |value: f64| frame.at_x(value).unwrap_or(frame.left);
                let reach = 1.5 * (s.high - s.low);
                let inside = || {
                    values
                        .iter()
                        .copied()
                        .filter(|v| (s.low - reach..=s.high + reach).contains(v))
                };
                let (low, high) = (
                    inside().fold(s.low, f64::min),
                    inside().fold(s.high, f64::max),
                );
                canvas.line(&[(x(low), y), (x(s.low), y)], colour, 1.4, 1.0);
                canvas.line(&[(x(s.high), y), (x(high), y)], colour, 1.4, 1.0);
                for end in [low, high] {
                    canvas.line(&[(x(end), y - 5.0), (x(end), y + 5.0)], colour, 1.4, 1.0);
                }
                canvas.rectangle((x(s.low), y - 9.0), (x(s.high), y + 9.0), colour, 0.22);
                let (a, b) = (x(s.low), x(s.high));
                canvas.line(
                    &[
                        (a, y - 9.0),
                        (b, y - 9.0),
                        (b, y + 9.0),
                        (a, y + 9.0),
                        (a, y - 9.0),
                    ],
                    colour,
                    1.2,
                    1.0,
                );
                for (i, &value) in values.iter().enumerate() {
                    // Golden-ratio steps spread neighbours without chance.
                    let offset = ((i as f64 * 0.618_034).fract() - 0.5) * 12.0;
                    canvas.marker(
                        (x(value), y + offset),
                        1.7,
                        super::Marker::Disc,
                        colour,
                        0.55,
                    );
                }
                canvas.line(
                    &[(x(s.median), y - 9.0), (x(s.median), y + 9.0)],
                    INK,
                    2.2,
                    1.0,
                );
            }
        })
    }
}
