#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod error;
mod features;
mod pattern;
mod scalar;
mod triangular;
mod weighted;

pub use error::GraphError;
pub use features::{
    STRUCTURAL_FEATURES, structural_features, structural_features_csr, structural_features_into,
};
pub use pattern::Pattern;
pub use scalar::Real;
pub use triangular::{Triangle, lower_triangle, triangle};

pub use sprs;
