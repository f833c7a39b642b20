#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod operator;
mod preconditioner;
mod scalar;
mod space;

pub use operator::LinearOperator;
pub use preconditioner::{Definiteness, Preconditioner, PreconditionerError, PreconditionerKind};
pub use scalar::Real;
pub use space::{Host, VectorSpace};
pub use sprs;
