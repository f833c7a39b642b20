//! Gated incomplete Cholesky elimination: configuration and parameters.
//!
//! Incomplete Cholesky without fill-in computes entry after entry from pairs of entries. Here a small network stands at each of these steps, and says how much of
//! an update is taken, how much of the fill that is dropped goes to the diagonal, and by what an entry or a pivot is multiplied. The networks see
//! entries of the factor as they are at that step, so that one sweep carries information through the whole graph. Before training nothing is changed: the factor is IC(0).
//!
//! The factorisation is in `la_precond::learned::GatedElimination`, the network in [`native::gated`](crate::native::gated).
//!
//! Not from a paper; it is the kind of network that the negative result of V. Trifonov, E. Muravleva, I. Oseledets, TMLR 2026, arXiv 2502.01397, about messages
//! between nodes leaves open. The sweeps that update all entries at once are those of E. Chow, A. Patel, *SIAM J. Sci. Comput.* 37(2),
//! C169–C193, 2015; the compensation of dropped fill is after I. Gustafsson, *BIT* 18, 142–156, 1978.

mod config;
mod parameters;

pub use config::{Anchor, GatedConfig, Gates};
pub use parameters::Parameters;

/// What each network sees.
pub const INPUTS: usize = 6;

/// Name of the architecture in weight files.
pub const ARCHITECTURE: &str = "gated-elimination";
