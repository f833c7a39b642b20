//! Poisson's equation with linear finite elements on random two-dimensional domains.

mod assembly;
mod domain;
mod mesh;
mod problem;

pub use assembly::assemble_poisson;
pub use domain::MeshFamily;
pub use mesh::TriangleMesh;
pub use problem::{FemProblem, MeshChoice, PoissonFem};
