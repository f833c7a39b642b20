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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("preconditioner failed: {message}")]
pub struct PreconditionerError {
    /// What went wrong, and where.
    pub message: String,
}

/// The inverse action of a preconditioner: `M` approximates `A`, and `apply` computes `z = M⁻¹ r`.
///
/// Set-up happens when the type is built and may fail there; `apply` must not allocate. Solvers may
/// divide `r` by a power of two: a linear preconditioner does not notice.
///
/// # Examples
/// ```
/// use la_krylov::{Definiteness, Host, Preconditioner, PreconditionerError};
///
/// /// Division by the diagonal of A.
/// struct Diagonal(Vec<f64>);
/// impl Preconditioner for Diagonal {
///     fn dimension(&self) -> usize {
///         self.0.len()
///     }
///     fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
///         for ((z, r), d) in z.iter_mut().zip(r).zip(&self.0) {
///             *z = r / d;
///         }
///         Ok(())
///     }
///     fn definiteness(&self) -> Definiteness {
///         Definiteness::Symmetric
///     }
/// }
/// let mut z = [0.0; 2];
/// Diagonal(vec![2.0, 4.0]).apply(&Host::new(2), &[1.0, 1.0], &mut z)?;
/// assert_eq!(z, [0.5, 0.25]);
/// # Ok::<(), PreconditionerError>(())
/// ```
pub trait Preconditioner<S: VectorSpace = Host<f64>> {
    /// Order of the operator.
    fn dimension(&self) -> usize;
    /// Overwrites `z` with `M⁻¹ r`.
    ///
    /// # Errors
    /// [`PreconditionerError`] if the preconditioner cannot be applied; the solver then stops with
    /// a status and keeps its best iterate.
    fn apply(&self, space: &S, r: &S::Vector, z: &mut S::Vector)
    -> Result<(), PreconditionerError>;
    /// Fixed or variable. Default: fixed.
    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Fixed
    }
    /// What is known of its definiteness. Default: general.
    fn definiteness(&self) -> Definiteness {
        Definiteness::General
    }
    /// Whether `apply` is known to copy `r` to `z`, so that a solver may leave the copy out.
    /// Default: no.
    fn is_identity(&self) -> bool {
        false
    }
}

impl<S: VectorSpace, M: Preconditioner<S> + ?Sized> Preconditioner<S> for &M {
    fn dimension(&self) -> usize {
        (**self).dimension()
    }
    fn apply(
        &self,
        space: &S,
        r: &S::Vector,
        z: &mut S::Vector,
    ) -> Result<(), PreconditionerError> {
        (**self).apply(space, r, z)
    }
    fn kind(&self) -> PreconditionerKind {
        (**self).kind()
    }
    fn definiteness(&self) -> Definiteness {
        (**self).definiteness()
    }
    fn is_identity(&self) -> bool {
        (**self).is_identity()
    }
}

impl<S: VectorSpace, M: Preconditioner<S> + ?Sized> Preconditioner<S> for Box<M> {
    fn dimension(&self) -> usize {
        (**self).dimension()
    }
    fn apply(
        &self,
        space: &S,
        r: &S::Vector,
        z: &mut S::Vector,
    ) -> Result<(), PreconditionerError> {
        (**self).apply(space, r, z)
    }
    fn kind(&self) -> PreconditionerKind {
        (**self).kind()
    }
    fn definiteness(&self) -> Definiteness {
        (**self).definiteness()
    }
    fn is_identity(&self) -> bool {
        (**self).is_identity()
    }
}

/// No preconditioner: `z = r`, in any space. Solvers skip the copy.
///
/// # Examples
/// ```
/// use la_krylov::{Definiteness, Host, IdentityPreconditioner, Preconditioner};
///
/// let m = IdentityPreconditioner::new(2);
/// let mut z = [0.0; 2];
/// m.apply(&Host::new(2), &[1.0, 2.0], &mut z)?;
/// assert_eq!(z, [1.0, 2.0]);
/// # Ok::<(), la_krylov::PreconditionerError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityPreconditioner {
    n: usize,
}

impl IdentityPreconditioner {
    /// The identity of order `n`.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { n }
    }
}

impl<S: VectorSpace> Preconditioner<S> for IdentityPreconditioner {
    fn dimension(&self) -> usize {
        self.n
    }
    fn apply(
        &self,
        space: &S,
        r: &S::Vector,
        z: &mut S::Vector,
    ) -> Result<(), PreconditionerError> {
        space.copy(r, z);
        Ok(())
    }
    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
    fn is_identity(&self) -> bool {
        true
    }
}
