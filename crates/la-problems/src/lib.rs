#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod error;
pub mod io;
mod neuralif;
mod system;

pub use error::ProblemError;
pub use neuralif::{Density, NeuralIfSynthetic, Shift, Split};
pub use sprs;
pub use system::{CsrMatrix, LinearSystem};
