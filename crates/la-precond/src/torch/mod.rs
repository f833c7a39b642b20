//! Solves whose vectors live on a device, with LibTorch. Feature `torch`.
//!
//! [`Torch`] is a vector space of `la_krylov`: every method there runs in it as it is, `*_in(Torch::new(..), ..)`. Sparse matrices on
//! the device are [`SparseProduct`]s, which are operators of this space; [`TorchGnp`] applies a trained graph neural preconditioner
//! there.

mod gnp;
mod space;

pub use gnp::TorchGnp;
pub use la_gnn::torch::{Device, SparseProduct, tch};
pub use space::{Torch, TorchBasis, Traffic};
