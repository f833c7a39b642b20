//! What is done between the scalings: base preconditioner, network, step.

use std::sync::Arc;

use la_gnn::native::gnp::{Matrix, Network, Workspace};
use la_krylov::{CsrMatrix, Host, LinearOperator, PreconditionerError, VectorSpace};

use super::samples::SharedBase;

/// Whether the network is made odd.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Parity {
    /// As it is: `N(αb) = αN(b)` for positive α only. The paper's choice.
    #[default]
    AsTrained,
    /// `½ (N(b) − N(−b))`: positive and negative multiples alike, and no constant part. Two applications of the network. Training does
    /// not know of it.
    Odd,
}

/// How far to go along what the network says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum StepLength {
    /// The whole way: the paper's choice.
    #[default]
    One,
    /// To the smallest residual: `α = tᵀAy / ‖Ay‖²` with `t = b − A P b` and `y = N(t)`, all of the equilibrated system. One product more.
    /// No application is then worse than that of P alone, but FGMRES can be: what P leaves is taken out over several steps by
    /// polynomials in `A P`, of which there are none with a nonlinear correction. Without a base FGMRES finds that α by itself.
    MinimalResidual,
    /// The same where it leaves at most this part of what P leaves, `‖t − α A y‖ ≤ factor ‖t‖`; elsewhere P alone.
    Selective {
        /// Above 0 and at most 1.
        factor: f64,
    },
    /// To the smallest error in the norm of A, which has to be symmetric positive definite: `α = tᵀy / yᵀAy`; `1` where that is no positive
    /// number.
    MinimalEnergy,
}

/// What stands around the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Composition {
    /// Base, then network: `z = P b`, `z += α N(b − A z)`.
    #[default]
    Before,
    /// Base, network, base: one more `z += P (b − A z)`. For symmetric P the shape of a two-grid cycle.
    Around,
}

/// How an application is put together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Form {
    pub(super) parity: Parity,
    pub(super) step: StepLength,
    pub(super) composition: Composition,
}

/// A network with its matrix.
pub(super) struct Core {
    pub(super) operator: Arc<CsrMatrix<f64>>,
    pub(super) graph: Arc<Matrix>,
    pub(super) base: Option<SharedBase>,
    pub(super) network: Network,
    pub(super) form: Form,
}

/// Vectors of an application.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Residual; with [`Parity::Odd`] its negative behind it.
    t: Vec<f64>,
    /// What the network returns.
    y: Vec<f64>,
    /// A product.
    w: Vec<f64>,
    network: Workspace,
}

impl Core {
    pub(super) fn memory(&self) -> Memory {
        let n = self.graph.order();
        let sides = match self.form.parity {
            Parity::AsTrained => 1,
            Parity::Odd => 2,
        };
        Memory {
            t: vec![0.0; n * sides],
            y: vec![0.0; n * sides],
            w: vec![0.0; n],
            network: Workspace::default(),
        }
    }

    /// `z ≈ A⁻¹ b`.
    pub(super) fn apply(
        &self,
        b: &[f64],
        z: &mut [f64],
        memory: &mut Memory,
    ) -> Result<(), PreconditionerError> {
        let n = b.len();
        let space = Host::new(n);
        let Memory { t, y, w, network } = memory;
        let (a, base) = (&*self.operator, self.base.as_deref());
        t[..n].copy_from_slice(b);
        if let Some(base) = base {
            base.apply(&space, b, z)?;
            a.apply(&space, z, w);
            space.axpy(-1.0, w, &mut t[..n]);
        } else {
            z.fill(0.0);
        }
        let columns = t.len() / n.max(1);
        if columns == 2 {
            let (plus, minus) = t.split_at_mut(n);
            minus.iter_mut().zip(&*plus).for_each(|(m, p)| *m = -p);
        }
        let done = self
            .network
            .apply_columns(&self.graph, t, y, columns, network);
        done.map_err(|error| PreconditionerError {
            message: format!("graph neural preconditioner: {error}"),
        })?;
        if columns == 2 {
            let (plus, minus) = y.split_at_mut(n);
            plus.iter_mut()
                .zip(&*minus)
                .for_each(|(p, m)| *p = 0.5 * (*p - m));
        }
        let (t, y) = (&t[..n], &y[..n]);
        let alpha = match self.form.step {
            StepLength::One => 1.0,
            rule => {
                a.apply(&space, y, w);
                let (top, bottom) = match rule {
                    StepLength::MinimalEnergy => (space.dot(t, y), space.dot(y, w)),
                    _ => (space.dot(t, w), space.dot(w, w)),
                };
                // ‖t − α A y‖² = ‖t‖² − (tᵀAy)² / ‖Ay‖²
                let worth = match rule {
                    StepLength::Selective { factor } => {
                        let before = space.dot(t, t);
                        top * (top / bottom) >= (1.0 - factor * factor) * before
                    }
                    _ => true,
                };
                match top / bottom {
                    alpha if alpha.is_finite() && bottom > 0.0 && worth => alpha,
                    _ if base.is_some() => 0.0,
                    _ => 1.0,
                }
            }
        };
        space.axpy(alpha, y, z);
        if let (Composition::Around, Some(base)) = (self.form.composition, base) {
            a.apply(&space, z, w);
            w.iter_mut().zip(b).for_each(|(w, b)| *w = b - *w);
            // y is not needed any more.
            let y = &mut memory.y[..n];
            base.apply(&space, w, y)?;
            space.axpy(1.0, y, z);
        }
        Ok(())
    }
}
