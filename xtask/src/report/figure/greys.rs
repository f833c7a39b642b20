//! Grey pictures: columns of a factor.
use std::fmt::Write as _;

use super::svg::Svg;
use crate::report::{ReportError, escape};

/// Shades from black to white.
const SHADES: usize = 24;
/// Between pictures.
const GAP: usize = 2;

/// Grey pictures of one size side by side; white is the largest value of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Greys {
    /// Title, read aloud in place of the picture.
    pub title: String,
    /// Pixels from top to bottom and from left to right.
    pub size: (usize, usize),
    /// The pictures, by rows.
    pub pictures: Vec<Vec<f64>>,
    /// Pictures in a row.
    pub columns: usize,
}

impl Greys {
    /// Draws the picture. Runs of equal shade are lines, so that the picture stays one of shapes that need nothing from elsewhere.
    ///
    /// # Errors
    /// [`ReportError::Svg`] if a picture has another number of pixels, or there are none.
    ///
    /// # Examples
    /// ```
    /// use xtask::report::figure::Greys;
    /// let two = Greys {
    ///     title: "parts".to_owned(),
    ///     size: (2, 3),
    ///     pictures: vec![vec![0.0, 1.0, 1.0, 0.0, 0.5, 2.0]; 2],
    ///     columns: 2,
    /// };
    /// assert!(two.draw()?.as_str().contains("viewBox=\"0 0 8 2\""));
    /// # Ok::<(), xtask::report::ReportError>(())
    /// ```
    pub fn draw(&self) -> Result<Svg, ReportError> {
        let (height, width) = self.size;
        let failed = |reason: String| ReportError::Svg {
            what: self.title.clone(),
            reason,
        };
        let bad = self.pictures.iter().find(|p| p.len() != height * width);
        if let Some(bad) = bad {
            let reason = format!("{} pixels instead of {height} x {width}", bad.len());
            return Err(failed(reason));
        }
        if self.pictures.is_empty() || height * width == 0 {
            return Err(failed("no pixels".to_owned()));
        }
        let columns = self.columns.clamp(1, self.pictures.len());
        let rows = self.pictures.len().div_ceil(columns);
        let total = (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP);
        let mut shades = vec![String::new(); SHADES];
        for (k, picture) in self.pictures.iter().enumerate() {
            let corner = (k % columns * (width + GAP), k / columns * (height + GAP));
            let white = picture.iter().copied().filter(|v| v.is_finite());
            let white = white.fold(f64::MIN_POSITIVE, f64::max);
            let shade =
                |v: f64| ((v / white).clamp(0.0, 1.0) * (SHADES - 1) as f64).round() as usize;
            for (y, line) in picture.chunks_exact(width).enumerate() {
                let mut x = 0;
                for run in line.chunk_by(|a, b| shade(*a) == shade(*b)) {
                    let path = &mut shades[shade(run[0])];
                    // Writing to a string does not fail.
                    let _ = write!(path, "M{} {}.5h{}", corner.0 + x, corner.1 + y, run.len());
                    x += run.len();
                }
            }
        }
        let label = escape(&self.title);
        let (w, h) = total;
        let scale = 480.0 / w as f64;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"480\" height=\"{:.0}\" viewBox=\"0 0 {w} {h}\" role=\"img\" aria-label=\"{label}\" \
             shape-rendering=\"crispEdges\"><title>{label}</title>",
            h as f64 * scale
        );
        for (k, path) in shades.iter().enumerate().filter(|(_, p)| !p.is_empty()) {
            let grey = 255 * k / (SHADES - 1);
            let _ = write!(
                text,
                "<path stroke=\"#{grey:02x}{grey:02x}{grey:02x}\" d=\"{path}\"/>"
            );
        }
        Svg::parse(&self.title, &(text + "</svg>"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_drawn_once_in_its_shade() {
        let greys = Greys {
            title: "a < b".to_owned(),
            size: (2, 3),
            pictures: vec![vec![0.0, 1.0, 1.0, 0.0, f64::NAN, -3.0]],
            columns: 4,
        };
        let text = greys.draw().unwrap().as_str().to_owned();
        // What is no number is black, like what is below zero.
        assert!(
            text.contains("stroke=\"#000000\" d=\"M0 0.5h1M0 1.5h3\""),
            "{text}"
        );
        assert!(text.contains("stroke=\"#ffffff\" d=\"M1 0.5h2\""), "{text}");
        let wrong = Greys {
            size: (4, 4),
            ..greys
        };
        assert!(wrong.draw().unwrap_err().to_string().contains("6 pixels"));
    }
}
