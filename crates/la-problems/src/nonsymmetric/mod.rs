//! Sets of nonsymmetric matrices for methods that learn: many samples of one kind.

mod convection_samples;
mod perturbed_poisson;
mod perturbed_values;

pub use convection_samples::{ConvectionSamples, SchemeChoice, WindChoice};
pub use perturbed_poisson::{DiagonalEntries, Perturbation, PerturbedPoisson};
pub use perturbed_values::{PerturbedValues, ValueNoise};
