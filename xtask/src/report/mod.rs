//! Results of experiments: recording them, judging them against the paper, and showing them.
//!
//! An experiment fills a [`Results`] with [`Measurement`]s and draws its [`figure`]s. From these come:
//!
//! | what | how |
//! | --- | --- |
//! | `results.json` | [`Results::write`], read back by [`Results::read`] |
//! | figures (SVG) | [`figure`] |
//! | `report.html` | [`Page`] |
//! | all of them, each file written whole or not at all | [`write_folder`] |
//! | table *ours beside the paper's* | [`table`] |
//!
//! Nothing here prints: every function returns text or writes the files it names.
//!
//! # Examples
//! ```
//! use xtask::report::{Centre, Environment, Key, Measurement, Reference, Results, Tolerance, Unit, table};
//!
//! # fn main() -> Result<(), xtask::report::ReportError> {
//! let mut results = Results::new("neuralif", "quick", 0, "cpu", Environment::capture(".".as_ref(), 2, None));
//! let measurement = Measurement::from_samples(
//!     Key::new("synthetic-n10000", "ic0", "iterations@1e-3"),
//!     Unit::Iterations,
//!     &[256.0, 258.0, 261.0],
//!     Centre::Mean,
//! )?
//! .compare(Reference::new(258.0, "Table 2", Tolerance::Relative(0.02))?);
//! results.push(measurement)?;
//! assert!(table(&results).contains("1 met"));
//! # Ok(())
//! # }
//! ```

mod atomic;
mod environment;
mod error;
mod escape;
pub mod figure;
mod measurement;
mod number;
mod page;
mod reference;
mod results;
mod sample;
mod table;

pub use atomic::write_atomic;
pub use environment::{Environment, rfc3339};
pub use error::ReportError;
pub use escape::escape;
pub use measurement::{Key, Measurement, Unit};
pub use number::format_number;
pub use page::{Control, Figure, Page, write_folder};
pub use reference::{Reference, Tolerance, Verdict, judge};
pub use results::{Results, SCHEMA};
pub use sample::{Centre, Summary};
pub use table::{TABLE_WIDTH, table};
