//! Learned relaxation of incomplete LU: configuration and parameters.
//!
//! Relaxed ILU(0) adds ω_i times the fill that row i leaves out to the pivot of that row. Which ω serves best depends on the mesh
//! width and on how strongly the rows are convected: a small network on the graph of A gives every row its own, in (0, 1).
//! Elimination stays the classical one, so that the network can slow a solve down but cannot break a factorisation that
//! plain relaxation would not break.
//!
//! Not from a paper. It carries the compensation of dropped fill (I. Gustafsson, *BIT* 18, 142–156, 1978; O. Axelsson, G. Lindskog,
//! *Numer. Math.* 48, 479–498, 1986) over to learned incomplete LU.

mod config;
mod parameters;

pub use config::RelaxationConfig;
pub use parameters::Parameters;

/// Features of a row before its neighbours are looked at.
pub const FEATURES: usize = 10;

/// Name of the architecture in weight files.
pub const ARCHITECTURE: &str = "ilu-relaxation";
