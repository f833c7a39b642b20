//! Values against iterations or seconds, with quartiles.
use super::axis::Axis;
use super::canvas::picture;
use super::frame::{Entry, Frame, WIDTH, head, head_height, nothing, stroke};
use super::palette::{Palette, SOFT};
use super::svg::Svg;
use crate::report::ReportError;

/// A value, and the quartiles of the sample that it is the median of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Where.
    pub x: f64,
    /// How much.
    pub value: f64,
    /// First and third quartile.
    pub quartiles: Option<(f64, f64)>,
}

/// The values of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Method.
    pub method: String,
    /// By increasing x.
    pub points: Vec<CurvePoint>,
}

/// One line per method, with a band between the quartiles where they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// Title.
    pub title: String,
    /// Name of the horizontal axis, `"iterations"`.
    pub x: String,
    /// Name of the vertical axis with its unit.
    pub y: String,
    /// Whether the vertical axis is logarithmic.
    pub log: bool,
    /// A value that a line is drawn at: 1 for ratios.
    pub guide: Option<f64>,
    /// The methods.
    pub curves: Vec<Curve>,
}

impl Curves {
    /// Draws the picture.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if the backend fails.
    ///
    /// # Examples
    /// ```
    /// use xtask::report::figure::{Curve, CurvePoint, Curves, Palette};
    /// let point = |x, value| CurvePoint { x, value, quartiles: Some((0.9 * value, 1.2 * value)) };
    /// let plot = Curves {
    ///     title: "Error".to_owned(),
    ///     x: "iterations".to_owned(),
    ///     y: "RMSE".to_owned(),
    ///     log: true,
    ///     guide: None,
    ///     curves: vec![Curve { method: "hals".to_owned(), points: vec![point(0.0, 0.3), point(1.0, 0.1)] }],
    /// };
    /// assert!(plot.draw(&Palette::new(["hals"]))?.as_str().contains("RMSE"));
    /// # Ok::<(), xtask::report::ReportError>(())
    /// ```
    pub fn draw(&self, palette: &Palette) -> Result<Svg, ReportError> {
        let good = |p: &&CurvePoint| {
            p.x.is_finite() && p.value.is_finite() && (!self.log || p.value > 0.0)
        };
        let entries: Vec<Entry> = self
            .curves
            .iter()
            .map(|c| (c.method.clone(), palette.style(&c.method)))
            .collect();
        let top = head_height(&entries);
        let height = top + 230.0 + 46.0;
        picture(&self.title, (WIDTH, height), |canvas| {
            head(canvas, &self.title, &entries);
            let all = || {
                self.curves
                    .iter()
                    .flat_map(|c| c.points.iter().filter(good))
            };
            if all().next().is_none() {
                return nothing(canvas, height);
            }
            let ends = all().flat_map(|p| {
                let (low, high) = p.quartiles.unwrap_or((p.value, p.value));
                [low, p.value, high]
            });
            let ends = ends.chain(self.guide).filter(|v| v.is_finite());
            let y = match self.log {
                true => Axis::log(ends.filter(|&v| v > 0.0)),
                false => Axis::linear(ends, true),
            };
            let x = Axis::tight(all().map(|p| p.x));
            let frame = Frame::new(top, top + 230.0, x, y);
            frame.draw_y(canvas, &self.y);
            frame.draw_x(canvas, &self.x);
            if let Some(y) = self.guide.and_then(|value| frame.at_y(value)) {
                canvas.line(&[(frame.left, y), (frame.right, y)], SOFT, 1.4, 1.0);
            }
            for curve in &self.curves {
                let style = palette.style(&curve.method);
                let points = || curve.points.iter().filter(good);
                let edge = |which: fn((f64, f64)) -> f64| {
                    let known = points().filter_map(move |p| Some((p.x, which(p.quartiles?))));
                    known.filter_map(|p| frame.at(p)).collect::<Vec<_>>()
                };
                let mut band = edge(|q| q.0);
                band.extend(edge(|q| q.1).into_iter().rev());
                canvas.area(&band, style.colour, 0.15);
                let line: Vec<_> = points().filter_map(|p| frame.at((p.x, p.value))).collect();
                stroke(canvas, &line, style, 1.8);
                if let Some(&end) = line.last() {
                    canvas.marker(end, 3.8, style.marker, style.colour, 1.0);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(points: &[(f64, f64)], quartiles: Option<(f64, f64)>) -> String {
        let points = points.iter();
        let points = points.map(|&(x, value)| CurvePoint {
            x,
            value,
            quartiles,
        });
        let plot = Curves {
            title: "error".to_owned(),
            x: "iterations".to_owned(),
            y: "RMSE".to_owned(),
            log: true,
            guide: Some(1.0),
            curves: vec![Curve {
                method: "ours".to_owned(),
                points: points.collect(),
            }],
        };
        let palette = Palette::new(["ours"]);
        plot.draw(&palette).unwrap().as_str().to_owned()
    }

    #[test]
    fn bands_are_drawn_and_what_has_no_logarithm_is_left_out() {
        let good = [(0.0, 0.5), (1.0, 0.2), (2.0, 0.1)];
        let mut all = good.to_vec();
        all.extend([(3.0, 0.0), (f64::NAN, 0.1), (4.0, f64::INFINITY)]);
        assert_eq!(draw(&all, None), draw(&good, None));
        assert!(draw(&good, Some((0.05, 0.9))).contains("<polygon"));
        assert!(!draw(&good, None).contains("<polygon"));
        assert!(draw(&[], None).contains("nothing to show"));
    }
}
