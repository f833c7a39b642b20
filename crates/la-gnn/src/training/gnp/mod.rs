//! Training of a graph neural preconditioner on one matrix.
//!
//! [`train`] takes fresh columns b from a [`BatchSource`] at every step, lowers the mean of |A M(b) − b| with Adam, and keeps the
//! parameters of the step with the smallest loss. A [`GnpEngine`] (native or LibTorch) computes; [`train_on`] goes on where an
//! interrupted run stopped.

mod checkpoint;
mod options;
mod run;

pub use checkpoint::{GnpCheckpoints, GnpState};
#[cfg(feature = "torch")]
pub(crate) use checkpoint::{Past, Stored};
pub use options::{FlatStop, GnpTrainOptions};
pub use run::{BatchSource, Ended, GnpEngine, GnpStep, GnpTrained, train, train_on};
