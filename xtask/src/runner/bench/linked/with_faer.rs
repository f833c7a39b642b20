//! faer: sparse products and matrix-free conjugate gradients.

use anyhow::{Context, Result, bail};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::matrix_free::conjugate_gradient::{
    CgError, CgParams, conjugate_gradient, conjugate_gradient_scratch,
};
use faer::matrix_free::{IdentityPrecond, InitialGuessStatus, LinOp, Precond};
use faer::sparse::{SparseRowMatRef, SymbolicSparseRowMatRef};
use faer::{ColRef, Mat, MatRef, Par};
use la_problems::LinearSystem;

use super::super::clock;
use super::super::contest::Outcome;
use super::super::krylov::relative_residual;
use super::{Work, Worker};

/// The system, in the arrays that we use ourselves: rows, 32-bit indices.
pub(super) struct Faer<'a> {
    system: &'a LinearSystem,
    pointers: Vec<u32>,
    par: Par,
}

impl<'a> Faer<'a> {
    pub(super) fn new(system: &'a LinearSystem, threads: usize) -> Self {
        Self {
            system,
            pointers: system.matrix.proper_indptr().to_vec(),
            par: match threads {
                1 => Par::Seq,
                _ => Par::rayon(threads),
            },
        }
    }

    fn matrix(&self) -> SparseRowMatRef<'_, u32, f64> {
        let a = &self.system.matrix;
        let (rows, cols) = (a.rows(), a.cols());
        let symbolic =
            SymbolicSparseRowMatRef::new_checked(rows, cols, &self.pointers, None, a.indices());
        SparseRowMatRef::new(symbolic, a.data())
    }

    fn rhs(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.system.rhs, self.system.n(), 1)
    }

    /// Iterations and seconds of conjugate gradients from zero, and the iterate; allocation of the workspace included.
    fn cg(
        &self,
        a: SparseRowMatRef<'_, u32, f64>,
        precond: impl Precond<f64> + Copy,
        (rtol, limit): (f64, usize),
    ) -> Result<(u64, Mat<f64>)> {
        let mut x = Mat::<f64>::zeros(self.system.n(), 1);
        let mut memory = MemBuffer::new(conjugate_gradient_scratch(precond, a, 1, self.par));
        let params = CgParams::<f64> {
            // `Zero` leaves the residual uninitialised in faer 0.24.4; this costs a product.
            initial_guess: InitialGuessStatus::MaybeNonZero,
            rel_tolerance: rtol,
            max_iters: limit,
            ..CgParams::default()
        };
        let mut count = 0;
        let result = conjugate_gradient(
            x.as_mut(),
            precond,
            a,
            self.rhs(),
            params,
            |_| count += 1,
            self.par,
            MemStack::new(&mut memory),
        );
        match result {
            Ok(_) => Ok((count, x)),
            // Wanted where there is no tolerance.
            Err(CgError::NoConvergence { .. }) if rtol == 0.0 => Ok((count, x)),
            Err(error) => bail!("faer: {error:?}"),
        }
    }
}

impl Worker for Faer<'_> {
    fn once(&self, work: Work) -> Result<Outcome> {
        // Checks of the arrays are not timed.
        let a = self.matrix();
        let n = self.system.n();
        match work {
            Work::Product => {
                let mut y = Mat::<f64>::zeros(n, 1);
                let mut memory = MemBuffer::new(a.apply_scratch(1, self.par));
                let stack = MemStack::new(&mut memory);
                let seconds = clock::short(|| a.apply(y.as_mut(), self.rhs(), self.par, stack));
                Ok(Outcome::timed(seconds))
            }
            Work::Steps(limit) => {
                let identity = IdentityPrecond { dim: n };
                let (result, seconds) = clock::timed(|| self.cg(a, identity, (0.0, limit)));
                let (count, _) = result?;
                Ok(Outcome {
                    count,
                    ..Outcome::timed(seconds / count.max(1) as f64)
                })
            }
            Work::CgJacobi(rtol) => {
                let (result, seconds) = clock::timed(|| -> Result<_> {
                    let rows = self.system.matrix.outer_iterator().enumerate();
                    let inverse: Option<Vec<f64>> = rows
                        .map(|(i, row)| row.get(i).map(|value| value.recip()))
                        .collect();
                    let inverse = inverse.context("a row has no diagonal entry")?;
                    let diagonal = ColRef::from_slice(&inverse).as_diagonal();
                    self.cg(a, diagonal, (rtol, 100_000))
                });
                let (count, x) = result?;
                let x = x.col_as_slice(0);
                Ok(Outcome {
                    seconds,
                    count,
                    residual: relative_residual(self.system, x),
                })
            }
            Work::CgIlu0(_) | Work::GmresIlu0(_) => {
                bail!("faer has neither incomplete factorisations nor GMRES")
            }
        }
    }
}
