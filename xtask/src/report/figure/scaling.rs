//! Work against size.
use super::axis::Axis;
use super::canvas::picture;
use super::frame::{Entry, Frame, WIDTH, head, head_height, nothing, stroke};
use super::palette::Palette;
use super::svg::Svg;
use crate::report::ReportError;

/// What one method needs at several sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingSeries {
    /// Method.
    pub method: String,
    /// Size and work, by increasing size.
    pub points: Vec<(f64, f64)>,
}

/// Work against size, both on logarithmic axes: one line per method, whose slope is the power of growth.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// Title.
    pub title: String,
    /// Name of the horizontal axis, `"unknowns"`.
    pub x: String,
    /// Name of the vertical axis with its unit, `"total time, seconds"`.
    pub y: String,
    /// The methods. One without points stays in the legend, so that pictures side by side look alike.
    pub series: Vec<ScalingSeries>,
}

impl Scaling {
    /// Draws the picture.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if the backend fails.
    ///
    /// # Examples
    /// ```
    /// use xtask::report::figure::{Palette, Scaling, ScalingSeries};
    /// let series = ScalingSeries { method: "cg".to_owned(), points: vec![(1e3, 40.0), (4e3, 81.0)] };
    /// let plot = Scaling {
    ///     title: "Poisson".to_owned(),
    ///     x: "unknowns".to_owned(),
    ///     y: "iterations".to_owned(),
    ///     series: vec![series],
    /// };
    /// assert!(plot.draw(&Palette::new(["cg"]))?.as_str().contains("unknowns"));
    /// # Ok::<(), xtask::report::ReportError>(())
    /// ```
    pub fn draw(&self, palette: &Palette) -> Result<Svg, ReportError> {
        let good = |v: f64| v.is_finite() && v > 0.0;
        let entries: Vec<Entry> = self
            .series
            .iter()
            .map(|s| (s.method.clone(), palette.style(&s.method)))
            .collect();
        let top = head_height(&entries);
        let height = top + 230.0 + 46.0;
        picture(&self.title, (WIDTH, height), |canvas| {
            head(canvas, &self.title, &entries);
            let all = || {
                let points = self.series.iter().flat_map(|s| &s.points);
                points.filter(|p| good(p.0) && good(p.1))
            };
            if all().next().is_none() {
                return nothing(canvas, height);
            }
            let x = Axis::log(all().map(|p| p.0));
            let frame = Frame::new(top, top + 230.0, x, Axis::log(all().map(|p| p.1)));
            frame.draw_y(canvas, &self.y);
            frame.draw_x(canvas, &self.x);
            for series in &self.series {
                let style = palette.style(&series.method);
                let points: Vec<_> = series
                    .points
                    .iter()
                    .filter_map(|&p| frame.at(p).filter(|_| good(p.0) && good(p.1)))
                    .collect();
                stroke(canvas, &points, style, 1.8);
                for at in points {
                    canvas.marker(at, 3.6, style.marker, style.colour, 1.0);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(points: &[(f64, f64)]) -> String {
        let series = |method: &str, points: &[(f64, f64)]| ScalingSeries {
            method: method.to_owned(),
            points: points.to_vec(),
        };
        let plot = Scaling {
            title: "growth".to_owned(),
            x: "unknowns".to_owned(),
            y: "seconds".to_owned(),
            series: vec![series("ours", points), series("not tried", &[])],
        };
        let palette = Palette::new(["ours", "not tried"]);
        plot.draw(&palette).unwrap().as_str().to_owned()
    }

    #[test]
    fn points_without_a_logarithm_are_left_out() {
        let good = [(1e3, 0.1), (1e4, 1.2), (1e5, 15.0)];
        let mut all = good.to_vec();
        all.extend([
            (1e6, 0.0),
            (-1.0, 2.0),
            (1e6, f64::NAN),
            (f64::INFINITY, 1.0),
        ]);
        assert_eq!(draw(&all), draw(&good));
        assert_ne!(draw(&all), draw(&good[..2]));
    }

    #[test]
    fn methods_without_points_stay_in_the_legend() {
        assert!(draw(&[(1e3, 0.1), (1e4, 1.2)]).contains("not tried"));
        assert!(draw(&[]).contains("nothing to show"));
    }
}
