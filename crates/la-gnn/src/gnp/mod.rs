//! Graph neural preconditioners (GNP): configuration and parameters, shared by every engine.
//!
//! A network that is trained on one square matrix A, without data, so that M(b) ≈ A⁻¹ b, and then preconditions flexible GMRES. It
//! sees A only through products with a block of features, so that it exists for every matrix; it is nonlinear.
//!
//! J. Chen, *Graph neural preconditioners for iterative solutions of sparse linear systems*, ICLR 2025, arXiv:2406.00809.

mod config;
mod parameters;

pub use crate::neuralif::{Activation, ParameterSpec};
pub use config::GnpConfig;
pub use parameters::Parameters;

/// Name of the architecture in weight files.
pub const ARCHITECTURE: &str = "gnp";

/// ε under the root of the batch normalisation, in the units of a variance of features.
pub const NORM_EPS: f64 = 1e-5;

/// Share of the newest batch in the running statistics of the batch normalisation, dimensionless.
pub const NORM_MOMENTUM: f64 = 0.1;
