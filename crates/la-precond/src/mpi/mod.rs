//! Preconditioners on the ranks of an MPI program.

mod rows;
mod schwarz;

pub use la_krylov::la_mpi;
pub use schwarz::{MpiAdditiveSchwarz, MpiSchwarz};
