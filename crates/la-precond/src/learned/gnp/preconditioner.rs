//! The preconditioner.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use la_gnn::gnp::Parameters;
use la_krylov::{Host, Preconditioner, PreconditionerError, PreconditionerKind, VectorSpace};

use super::GnpBuilder;
use super::core::{Core, Memory};
use super::prepare::Prepared;
use crate::classical::input::check_lengths;

/// A graph neural preconditioner: `z ≈ A⁻¹ r` by a network that was trained for this one matrix. Made by [`GnpBuilder`].
///
/// [Variable](PreconditionerKind::Variable): a nonlinear function, for [`fgmres`](la_krylov::fgmres) and, made with
/// [`GnpBuilder::definite`], for [`fcg`](la_krylov::fcg). `M(αr) = αM(r)` for α > 0.
///
/// An application costs 9 280 multiply-adds per row and 128 per entry of A in single precision (the paper's network), and those of
/// what stands around it. Allocates in the first application only; memory about 40 n numbers.
pub struct Gnp {
    pub(super) prepared: Prepared,
    pub(super) core: Core,
    pub(super) parameters: Parameters,
    pub(super) builder: GnpBuilder,
    pub(super) memory: Mutex<Buffers>,
}

/// Buffers of an application.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) inside: Vec<f64>,
    pub(super) core: Memory,
}

impl fmt::Debug for Gnp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gnp")
            .field("order", &self.prepared.order())
            .field("builder", &self.builder)
            .finish_non_exhaustive()
    }
}

impl Gnp {
    /// The network, for [weight files](Parameters::to_weights) or another matrix.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// `Z = M(R)` for column-major n × `columns` arrays, one column after the other.
    ///
    /// # Errors
    /// [`PreconditionerError`] for lengths that do not fit, and as [`apply`](Preconditioner::apply).
    pub fn apply_columns(
        &self,
        r: &[f64],
        z: &mut [f64],
        columns: usize,
    ) -> Result<(), PreconditionerError> {
        let n = self.prepared.order();
        check_lengths(n.saturating_mul(columns), r.len(), z.len())?;
        let space = Host::new(n);
        for (r, z) in r.chunks_exact(n.max(1)).zip(z.chunks_exact_mut(n.max(1))) {
            self.apply(&space, r, z)?;
        }
        Ok(())
    }
}

impl Preconditioner<Host<f64>> for Gnp {
    fn dimension(&self) -> usize {
        self.prepared.order()
    }

    fn apply(
        &self,
        space: &Host<f64>,
        r: &[f64],
        z: &mut [f64],
    ) -> Result<(), PreconditionerError> {
        check_lengths(self.prepared.order(), r.len(), z.len())?;
        // A panic elsewhere cannot leave the buffers in a state that matters: they are overwritten.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let Buffers { inside, core } = &mut *memory;
        self.prepared.enter(r, inside);
        self.core.apply(inside, z, core)?;
        self.prepared.leave(z);
        if self.builder.descent {
            // Flexible CG goes downhill along z only if rᵀz > 0.
            let (product, length) = (space.dot(r, z), space.norm(r) * space.norm(z));
            if product.is_nan() || product <= 1e-8 * length {
                self.fall_back(space, r, z, inside)?;
            }
        }
        Ok(())
    }

    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Variable
    }
}

impl Gnp {
    /// The base alone; without one, or where that goes uphill as well, `z = r`.
    fn fall_back(
        &self,
        space: &Host<f64>,
        r: &[f64],
        z: &mut [f64],
        inside: &mut [f64],
    ) -> Result<(), PreconditionerError> {
        if let Some(base) = &self.core.base {
            self.prepared.enter(r, inside);
            base.apply(space, inside, z)?;
            self.prepared.leave(z);
            if space.dot(r, z) > 0.0 {
                return Ok(());
            }
        }
        z.copy_from_slice(r);
        Ok(())
    }
}
