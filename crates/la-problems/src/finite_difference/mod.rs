//! Finite differences on rectangular grids.

mod anisotropic;
mod coefficient;
mod convection;
mod diffusion;
mod grid;
mod poisson;

pub use anisotropic::AnisotropicDiffusion;
pub use coefficient::Coefficient;
pub use convection::{ConvectionDiffusion, Scheme, Wind};
pub use diffusion::Diffusion;
pub use grid::Grid;
pub use poisson::Poisson;
