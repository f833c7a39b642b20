//! Figures as SVG text: plain data in, one self-contained picture out.
//!
//! Each plot is a struct of plain data with a `draw` function. Entries that cannot be shown (NaN, infinities, values
//! from 0 down on a logarithmic axis) are left out; a plot with nothing to show says so instead of failing. Pictures
//! are 480 units wide, so that their text stays legible when they are scaled to the width of a phone.
//!
//! # Examples
//! ```
//! use xtask::report::figure::{Abscissa, Convergence, History, Palette};
//! let palette = Palette::new(["none", "ic0"]);
//! let svg = Convergence {
//!     title: "Synthetic, n = 10 000".to_owned(),
//!     abscissa: Abscissa::Iterations,
//!     histories: vec![History { method: "ic0".to_owned(), points: vec![(0.0, 1.0), (1.0, 1e-4), (2.0, 1e-9)] }],
//! }
//! .draw(&palette)?;
//! assert!(svg.as_str().starts_with("<svg"));
//! # Ok::<(), xtask::report::ReportError>(())
//! ```

mod axis;
mod boxes;
mod canvas;
mod convergence;
mod curves;
mod frame;
mod greys;
mod palette;
mod panels;
mod ratio;
mod scaling;
mod scatter;
mod shares;
mod svg;
mod training;

pub use boxes::{BoxPlot, BoxSample};
pub use convergence::{Abscissa, Convergence, History};
pub use curves::{Curve, CurvePoint, Curves};
pub use greys::Greys;
pub use palette::{Colour, Marker, Palette, Style};
pub use panels::panels;
pub use ratio::{RatioPlot, RatioPoint};
pub use scaling::{Scaling, ScalingSeries};
pub use scatter::{Scatter, ScatterSeries};
pub use shares::{ShareBars, ShareRow};
pub use svg::Svg;
pub(crate) use svg::is_xml_char;
pub use training::TrainingCurve;
