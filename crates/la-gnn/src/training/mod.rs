//! Training, whatever computes the gradients.
//!
//! [`train`] runs AdamW on the flat parameter array of a model; an [`Engine`] (native or LibTorch)
//! computes loss and gradient of a batch. Batches and probes depend only on the seed and the number of
//! the update, so a run that is interrupted and resumed from its [`Checkpoint`] ends where an
//! uninterrupted one does. [`evolve`] is for losses without a derivative.

pub mod active_set;
mod adamw;
pub mod admm;
pub mod chain;
mod checkpoint;
mod evolution;
pub mod factormer;
pub mod gnp;
pub mod lu;
pub mod mpgnn;
mod options;
mod run;

pub use adamw::AdamW;
pub use checkpoint::{Checkpoint, Log};
pub use evolution::{EvolutionOptions, Landscape, evolve};
pub use options::{Schedule, TrainOptions};
pub use run::{Engine, Hooks, NoHooks, Outcome, Trained, batch_of_update, train};
