//! Quadratic programs in archives of NumPy arrays (feature `npz`).
//!
//! [`QuadraticFile`] is one problem with sparse matrices; [`ParametricFamily`] is many that differ in a vector of parameters, the
//! problems of a controller.

mod archive;
mod family;
mod file;

pub use archive::{ArchiveError, NumpyArchive};
pub use family::{ParametricFamily, ReferenceSolutions};
pub use file::QuadraticFile;
