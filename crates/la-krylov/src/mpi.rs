//! Vectors and matrices spread over the ranks of an MPI program.

mod matrix;
mod space;

pub use matrix::MpiMatrix;
pub use space::Mpi;
