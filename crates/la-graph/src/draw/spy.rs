//! Pictures of patterns.

use std::fmt::Write;

use crate::error::GraphError;
use crate::pattern::Pattern;

/// Shades of a cell.
const SHADES: usize = 6;

/// Size of a spy picture.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpyOptions {
    /// Cells along the longer side, 1 to 512; a larger matrix is counted into blocks. Default `128`.
    pub max_cells: usize,
    /// Length of the longer side in pixels, at least 1. Default `480`.
    pub pixels: usize,
}

impl Default for SpyOptions {
    fn default() -> Self {
        Self {
            max_cells: 128,
            pixels: 480,
        }
    }
}

impl SpyOptions {
    /// Sets [`max_cells`](Self::max_cells).
    #[must_use]
    pub fn with_max_cells(mut self, max_cells: usize) -> Self {
        self.max_cells = max_cells;
        self
    }

    /// Sets [`pixels`](Self::pixels).
    #[must_use]
    pub fn with_pixels(mut self, pixels: usize) -> Self {
        self.pixels = pixels;
        self
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`GraphError::OutOfRange`] names the first bad field.
    pub fn validate(&self) -> Result<(), GraphError> {
        for (what, index, len) in [
            ("max_cells", self.max_cells, 513),
            ("pixels", self.pixels, 100_001),
        ] {
            if index == 0 || index >= len {
                return Err(GraphError::OutOfRange { what, index, len });
            }
        }
        Ok(())
    }
}

/// A picture of a pattern: one cell per entry, or per block of entries for a large matrix, darker where the block is fuller
/// (relative to the fullest one).
///
/// The file has at most `max_cells²` cells however large the matrix is; time O(nnz + cells).
///
/// # Errors
/// [`GraphError::OutOfRange`] if an option is out of its range.
///
/// # Examples
/// ```
/// use la_graph::{Pattern, SpyOptions, spy_svg};
///
/// let diagonal = Pattern::from_coordinates(1000, 1000, (0..1000).map(|i| (i, i)))?;
/// let svg = spy_svg(&diagonal, &SpyOptions::default().with_max_cells(50))?;
/// assert_eq!(svg.matches("h1v1").count(), 50);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
pub fn spy_svg(pattern: &Pattern<'_>, options: &SpyOptions) -> Result<String, GraphError> {
    options.validate()?;
    let longest = pattern.rows().max(pattern.cols()).max(1);
    let block = longest.div_ceil(options.max_cells);
    let (height, width) = (
        pattern.rows().div_ceil(block),
        pattern.cols().div_ceil(block),
    );
    let mut counts = vec![0u64; height * width];
    for (i, j) in pattern.entries() {
        counts[i / block * width + j / block] += 1;
    }
    let fullest = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut paths = vec![String::new(); SHADES];
    for (cell, &count) in counts.iter().enumerate().filter(|(_, c)| **c > 0) {
        let share = count as f64 / fullest as f64;
        let shade = ((share * SHADES as f64).ceil() as usize).clamp(1, SHADES) - 1;
        // Writing to a string cannot fail.
        let _ = write!(paths[shade], "M{} {}h1v1h-1z", cell % width, cell / width);
    }
    let scale = options.pixels as f64 / height.max(width).max(1) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-0.5 -0.5 {} {}\" width=\"{:.0}\" height=\"{:.0}\">\n\
         <title>{} x {}, {} entries</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\" stroke=\"#6b7480\" stroke-width=\"{:.4}\"/>\n",
        width + 1,
        height + 1,
        (width + 1) as f64 * scale,
        (height + 1) as f64 * scale,
        pattern.rows(),
        pattern.cols(),
        pattern.nnz(),
        1.0 / scale
    );
    for (shade, path) in paths.iter().enumerate().filter(|(_, p)| !p.is_empty()) {
        let opacity = (shade + 1) as f64 / SHADES as f64;
        let _ = writeln!(
            svg,
            "<path fill=\"#2a6f97\" fill-opacity=\"{opacity:.2}\" d=\"{path}\"/>"
        );
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}
