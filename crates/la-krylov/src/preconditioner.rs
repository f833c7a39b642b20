//! Preconditioners.

use crate::{Host, VectorSpace};

/// Whether a preconditioner is one and the same linear operator at every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreconditionerKind {
    /// A linear operator that never changes: legal in every method.
    Fixed,
    /// Nonlinear, or changing from call to call: legal in flexible methods only.
    Variable,
}

/// What is known of the definiteness of a preconditioner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Definiteness {
    /// Symmetric positive definite by construction.
    SymmetricPositiveDefinite,
    /// Symmetric, definiteness not known.
    Symmetric,
    /// Not symmetric: refused by CG.
    General,
}

/// A preconditioner failed while it was applied.
#[derive(Debug, thiserror::Error)]
#[error("preconditioner failed: {message}")]
pub struct PreconditionerError {
    /// What went wrong, and where.
    pub message: String,
}

/// The inverse action of a preconditioner: `M` approximates `A`, and `apply` computes `z = M⁻¹ r`.
///
/// Set-up happens when the type is built and may fail there; `apply` must not allocate.
pub trait Preconditioner<S: VectorSpace = Host<f64>> {
    /// Order of the operator.
    fn dimension(&self) -> usize;
    /// Overwrites `z` with `M⁻¹ r`.
    ///
    /// # Errors
    /// [`PreconditionerError`] if the preconditioner cannot be applied; the solver then stops with
    /// a status and keeps its best iterate.
    fn apply(&self, space: &S, r: &S::Vector, z: &mut S::Vector) -> Result<(), PreconditionerError>;
    /// Fixed or variable. Default: fixed.
    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Fixed
    }
    /// What is known of its definiteness. Default: general.
    fn definiteness(&self) -> Definiteness {
        Definiteness::General
    }
}
