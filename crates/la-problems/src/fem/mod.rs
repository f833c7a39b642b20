//! Finite elements: Poisson's equation on random domains and point clouds, plane elasticity, bilinear elements.

mod assembly;
mod bilinear;
mod delaunay;
mod domain;
mod elasticity;
mod mesh;
mod problem;

pub use assembly::assemble_poisson;
pub use bilinear::BilinearDiffusion;
pub use delaunay::{DelaunayPoisson, PointCloud};
pub use domain::MeshFamily;
pub use elasticity::PlaneElasticity;
pub use mesh::TriangleMesh;
pub use problem::{FemProblem, MeshChoice, PoissonFem};
