#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod error;
mod kernels;
pub mod qp;
mod scalar;

pub use error::OptError;
pub use scalar::Real;
use scalar::zeros;
