//! Cheap linear preconditioners in front of a network.

use std::sync::Arc;

use la_krylov::IdentityPreconditioner;
use sprs::CsMatViewI;

use super::samples::SharedBase;
use crate::PrecondError;
use crate::classical::{Ic0, Ilu, Ilut, Jacobi, LuFill};

/// A cheap linear preconditioner P that the network corrects: `M(b) = P b + N(b − A P b)`.
///
/// P takes what it is good at; the network is trained on what P leaves. P is built for the matrix that the network sees, after
/// [equilibration](super::Equilibration): incomplete LU of a matrix with zeros on its diagonal wants
/// [`Equilibration::Matching`](super::Equilibration::Matching). Costs an application of P and a product with A more per application.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum Base {
    /// The network alone: the paper's choice.
    #[default]
    None,
    /// `P = I`: the scaling alone. With a network of zeros a control for [`Equilibration`](super::Equilibration).
    Identity,
    /// The diagonal, with ones where it is zero.
    Jacobi,
    /// [`Ilu`] without fill.
    Ilu0,
    /// [`Ilut`] with a threshold, and this many times the entries of `A` at most.
    Ilut {
        /// As [`Ilut::drop_tol`].
        drop_tol: f64,
        /// As [`LuFill::Total`].
        fill: f64,
    },
    /// [`Ic0`], for symmetric positive definite matrices.
    Ic0,
}

impl Base {
    pub(super) fn build(
        self,
        a: CsMatViewI<'_, f64, u32>,
    ) -> Result<Option<SharedBase>, PrecondError> {
        Ok(match self {
            Self::None => None,
            Self::Identity => Some(Arc::new(IdentityPreconditioner::new(a.rows()))),
            Self::Jacobi => {
                let diagonal = (0..a.rows()).map(|i| match a.get(i, i) {
                    Some(d) if (1.0 / d).is_finite() => *d,
                    _ => 1.0,
                });
                Some(Arc::new(Jacobi::from_diagonal(diagonal.collect())?))
            }
            Self::Ilu0 => Some(Arc::new(Ilu::default().factor(a)?)),
            Self::Ilut { drop_tol, fill } => {
                let options = Ilut::default()
                    .with_drop_tol(drop_tol)
                    .with_fill(LuFill::Total(fill));
                Some(Arc::new(options.factor(a)?))
            }
            Self::Ic0 => Some(Arc::new(Ic0::default().factor(a)?)),
        })
    }
}
