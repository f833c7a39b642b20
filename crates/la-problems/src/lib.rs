#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod error;
mod fem;
pub mod io;
mod neuralif;
mod system;

pub use error::ProblemError;
pub use fem::{FemProblem, MeshChoice, MeshFamily, PoissonFem, TriangleMesh, assemble_poisson};
pub use neuralif::{Density, NeuralIfSynthetic, Shift, Split};
pub use sprs;
pub use system::{CsrMatrix, LinearSystem};
