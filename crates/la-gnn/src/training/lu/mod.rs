//! What learned LU factors are trained on, whatever computes the network: [`LuLoss`] on an [`LuSystem`].
//!
//! All losses have gradients of one shape. With `P = L U` and vectors g, v,
//!
//! ```text
//! gᵀ dP v = Σ g_i (U v)_j dl_ij  +  Σ (Lᵀ g)_i v_j du_ij
//! ```
//!
//! so that a loss and its gradient cost a few sparse products and, where P⁻¹ occurs, four triangular solves: O(nnz), in double
//! precision, on the host.

mod evaluate;
mod options;
mod system;

pub use evaluate::LuLossWorkspace;
pub use options::{LuLoss, LuObjective, LuPower};
pub use system::LuSystem;
