//! Quadratic programs in the MPS format with a section for the quadratic part.

mod assemble;
mod card;
mod read;
mod sections;
mod write;

pub use read::{read_qps, read_qps_from};
pub use write::write_qps;

use super::file::QuadraticFile;

/// How the fields of a line are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum QpsFormat {
    /// Blanks; where a file does not make sense so, by columns.
    #[default]
    Automatic,
    /// Blanks: names hold none, and vectors of right-hand sides, ranges and bounds may have no name.
    Free,
    /// Columns 2–3, 5–12, 15–22, 25–36, 40–47 and 50–61: names may hold blanks.
    Fixed,
}

/// A quadratic program with its names.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QpsFile {
    /// Name of the problem; may be empty.
    pub name: String,
    /// Names of the rows of A.
    pub row_names: Vec<String>,
    /// Names of the variables.
    pub column_names: Vec<String>,
    /// Whether the file asks for a maximum: then the objective in `problem` is minus that of the file.
    pub maximise: bool,
    /// The problem.
    pub problem: QuadraticFile,
}
