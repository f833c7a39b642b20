//! Training, whatever computes the gradients.
//!
//! [`train`] runs AdamW on the flat parameter array of a model; an [`Engine`] (native or LibTorch)
//! computes loss and gradient of a batch. Batches and probes depend only on the seed and the number of
//! the update, so a run that is interrupted and resumed from its [`Checkpoint`] ends where an
//! uninterrupted one does. [`evolve`] is for losses without a derivative.
//!
//! [`train_on`] does the same on several processes: each computes with its part of every batch, gradients are added up in one message, and all take the same step.

pub mod active_set;
mod adamw;
pub mod admm;
pub mod chain;
mod checkpoint;
mod evolution;
mod exchange;
pub mod factormer;
pub mod gnp;
mod joint;
pub mod lu;
pub mod mpgnn;
mod options;
#[cfg(feature = "mpi")]
mod ranks;
mod run;
mod share;

pub use adamw::AdamW;
pub use checkpoint::{Checkpoint, Log};
pub use evolution::{EvolutionOptions, Landscape, evolve};
pub use exchange::{Alone, Exchange, agree};
#[cfg(feature = "mpi")]
pub use la_mpi;
pub use options::{Schedule, TrainOptions};
#[cfg(feature = "mpi")]
pub use ranks::Ranks;
#[cfg(feature = "torch")]
pub(crate) use run::joining_of;
pub use run::{Engine, Hooks, NoHooks, Outcome, Trained, batch_of_update, train, train_on};
pub use share::{Joining, Places, Share};
