//! Quadratic programs: problems of controllers, random families, files.
//!
//! [`LinearMpc`] turns a linear model with weights and limits into a quadratic program in its inputs ([`CondensedMpc`]); [`InvertedPendulum`] and
//! [`MassChain`] are two plants, [`ClosedLoop`] simulates them. [`RandomParametricQp`] draws families without a plant.
//!
//! [`QuadraticFile`] is one problem with sparse matrices; [`ParametricFamily`] is many that differ in a vector of parameters. Both are read from
//! archives of NumPy arrays with feature `npz`; [`read_qps`] and [`write_qps`] know the MPS format with a quadratic section.

#[cfg(feature = "npz")]
mod archive;
mod closed_loop;
mod condensed;
mod family;
mod file;
mod matrix;
mod model;
mod mpc;
mod plants;
mod qps;
mod random;

#[cfg(feature = "npz")]
pub use archive::{ArchiveError, NumpyArchive};
pub use closed_loop::{ClosedLoop, ControlSequence};
pub use condensed::{CondensedMpc, RowOrder};
pub use family::{ParametricFamily, ReferenceSolutions};
pub use file::QuadraticFile;
pub use model::{ContinuousModel, DiscreteModel};
pub use mpc::{LinearMpc, Target, TerminalCost};
pub use plants::{InvertedPendulum, MassChain};
pub use qps::{QpsFile, QpsFormat, read_qps, read_qps_from, write_qps};
pub use random::{HessianPattern, QuadraticInstance, RandomParametricQp, RowPattern};
