#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

#[cfg(feature = "admm")]
pub mod admm;
mod error;
mod kernels;
#[cfg(feature = "nmf")]
pub mod nmf;
pub mod qp;
mod scalar;

pub use error::OptError;
pub use scalar::Real;
use scalar::zeros;
