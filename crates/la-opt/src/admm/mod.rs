//! Distributed consensus by the alternating direction method of multipliers.
//!
//! Agents on a connected graph minimise `Σ_i f_i(x)`, each knowing its own f_i and talking to its neighbours alone. [`Network`] is the graph, a [`LocalObjective`] what an agent
//! knows, [`Admm`] the solver: over-relaxed, with step sizes that are constant, adapted ([`Adapt`]) or chosen by a [`StepPolicy`]. The same code runs on one thread, on
//! several, and, through an [`Exchange`], on many processes, with the same bits as result.
//!
//! Where the functions are of some of many variables, [`Variables`] says of which: an agent then holds, sends and minimises over its own alone ([`Admm::general`], [`Shard::general`]).

mod adapt;
mod anderson;
#[cfg(feature = "serde")]
mod checkpoint;
#[cfg(feature = "serde")]
mod checkpoint_error;
#[cfg(feature = "serde")]
mod checkpoint_files;
mod choice;
mod collective;
mod error;
mod exact_sum;
mod exchange;
mod first_order;
mod form;
#[cfg(feature = "learned")]
pub mod learned;
mod measure;
mod network;
mod objective;
mod options;
mod passes;
#[cfg(feature = "mpi")]
mod ranks;
mod report;
mod safeguard;
mod shard;
mod solve;
mod solver;
mod steps;
mod sweep;
mod variables;

pub use anderson::Anderson;
#[cfg(feature = "serde")]
pub use checkpoint::{AdmmCheckpoint, Checkpointing};
#[cfg(feature = "serde")]
pub use checkpoint_error::CheckpointError;
pub use error::{AdmmError, LocalFailure};
pub use exact_sum::ExactSum;
pub use exchange::{Alone, Exchange, Traffic};
pub use first_order::{ChebyshevAveraging, FirstOrder, FirstOrderMethod, Mixing};
pub use form::Form;
pub use network::{EdgeWeights, Network};
pub use objective::{
    GeneralizedLinear, LeastSquares, Link, LocalObjective, LocalProgram, Quadratic, Separable,
    SeparableQuadratic, SquaredDistance,
};
pub use options::{Adapt, AdmmOptions};
#[cfg(feature = "mpi")]
pub use ranks::Ranks;
pub use report::{AdmmReport, AdmmStatus, AdmmStep};
pub use safeguard::Safeguard;
pub use shard::Shard;
pub use solver::Admm;
pub use steps::{NodeView, Plan, Schedule, StepPolicy, StepSizes};
pub use variables::Variables;
