//! One quantity against another, with straight lines fitted.
use super::axis::Axis;
use super::canvas::picture;
use super::frame::{Entry, Frame, WIDTH, head, head_height, nothing, stroke};
use super::palette::Palette;
use super::svg::Svg;
use crate::report::{ReportError, format_number};

/// The points of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterSeries {
    /// Method.
    pub method: String,
    /// Horizontal and vertical values in the units of the axes.
    pub points: Vec<(f64, f64)>,
}

/// Points of several methods, each with the straight line that fits it best and its equation in the legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// Title.
    pub title: String,
    /// Name of the horizontal axis with its unit, `"nonzeros of A, millions"`.
    pub x: String,
    /// Name of the vertical axis with its unit, `"set-up time, seconds"`.
    pub y: String,
    /// The methods.
    pub series: Vec<ScatterSeries>,
}

impl Scatter {
    /// Draws the picture.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if the backend fails.
    pub fn draw(&self, palette: &Palette) -> Result<Svg, ReportError> {
        let good = |p: &&(f64, f64)| p.0.is_finite() && p.1.is_finite();
        let series: Vec<(&str, Vec<(f64, f64)>)> = self
            .series
            .iter()
            .map(|s| {
                (
                    s.method.as_str(),
                    s.points.iter().filter(good).copied().collect::<Vec<_>>(),
                )
            })
            .filter(|(_, points)| !points.is_empty())
            .collect();
        let entries: Vec<Entry> = series
            .iter()
            .map(|(method, points)| {
                let equation = fit_line(points).map_or(String::new(), |(slope, intercept)| {
                    let sign = if intercept < 0.0 { '−' } else { '+' };
                    format!(
                        ": {} x {sign} {}",
                        format_number(slope),
                        format_number(intercept.abs())
                    )
                });
                (format!("{method}{equation}"), palette.style(method))
            })
            .collect();
        let top = head_height(&entries);
        let height = top + 230.0 + 46.0;
        picture(&self.title, (WIDTH, height), |canvas| {
            head(canvas, &self.title, &entries);
            if series.is_empty() {
                return nothing(canvas, height);
            }
            let all = || series.iter().flat_map(|(_, points)| points);
            let x = Axis::linear(all().map(|p| p.0), true);
            let frame = Frame::new(top, top + 230.0, x, Axis::linear(all().map(|p| p.1), true));
            frame.draw_y(canvas, &self.y);
            frame.draw_x(canvas, &self.x);
            for (method, points) in &series {
                let style = palette.style(method);
                if let Some((slope, intercept)) = fit_line(points) {
                    let ends = points
                        .iter()
                        .fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.0), b.max(p.0)));
                    let line: Vec<_> = (0..=100)
                        .map(|i| f64::from(i) / 100.0)
                        .map(|t| ends.0 * (1.0 - t) + ends.1 * t)
                        .map(|x| (x, slope * x + intercept))
                        .filter(|point| frame.y.shows(point.1))
                        .filter_map(|point| frame.at(point))
                        .collect();
                    stroke(canvas, &line, style, 1.6);
                }
                for &point in points {
                    if let Some(at) = frame.at(point) {
                        canvas.marker(at, 3.2, style.marker, style.colour, 0.75);
                    }
                }
            }
        })
    }
}

/// Slope and intercept of the least-squares line; `None` for fewer than two different abscissas.
fn fit_line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let (mx, my) = points
        .iter()
        .fold((0.0, 0.0), |(a, b), p| (a + p.0 / n, b + p.1 / n));
    let sxx: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let sxy: f64 = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let slope = sxy / sxx;
    let intercept = my - slope * mx;
    (points.len() > 1 && slope.is_finite() && intercept.is_finite()).then_some((slope, intercept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_through_points() {
        let (slope, intercept) = fit_line(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]).unwrap();
        assert!((slope - 2.0).abs() < 1e-14 && (intercept - 1.0).abs() < 1e-14);
        assert_eq!(fit_line(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(fit_line(&[(1.0, 1.0)]), None);
    }
}
