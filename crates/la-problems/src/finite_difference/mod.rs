//! Finite differences on rectangular grids.

mod anisotropic;
mod biharmonic;
mod coefficient;
mod convection;
mod diffusion;
mod eddies;
mod grid;
mod poisson;

pub use anisotropic::AnisotropicDiffusion;
pub use biharmonic::Biharmonic;
pub use coefficient::Coefficient;
pub use convection::{ConvectionDiffusion, Scheme, Wind};
pub use diffusion::Diffusion;
pub(crate) use diffusion::diffusion_stencil;
pub use grid::Grid;
pub(crate) use grid::Offset;
pub use poisson::Poisson;
