//! kryst: `KspContext` over its compressed rows.

use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use kryst::config::options::KspOptions;
use kryst::matrix::op::CsrOp;
use kryst::matrix::sparse::CsrMatrix;
use kryst::prelude::{KspContext, LinOp, PcSide, PcType, SolverType};
use kryst::utils::convergence::ConvergedReason;
use la_problems::LinearSystem;

use super::super::clock;
use super::super::contest::Outcome;
use super::super::krylov::relative_residual;
use super::{Work, Worker};

/// A copy of the matrix with the indices that the library asks for, of 64 bits.
pub(super) struct Kryst<'a> {
    system: &'a LinearSystem,
    matrix: Arc<CsrOp<f64>>,
}

impl<'a> Kryst<'a> {
    pub(super) fn new(system: &'a LinearSystem) -> Self {
        let (a, n) = (&system.matrix, system.n());
        let wide = |indices: &[u32]| indices.iter().map(|&j| j as usize).collect::<Vec<_>>();
        let pointers = wide(&a.proper_indptr());
        let matrix = CsrMatrix::from_csr(n, n, pointers, wide(a.indices()), a.data().to_vec());
        Self {
            system,
            matrix: Arc::new(CsrOp::new(Arc::new(matrix))),
        }
    }

    /// Set-up and solve. The norm of the residual without preconditioner decides, and no absolute tolerance.
    fn solve(
        &self,
        (method, preconditioner): (SolverType, PcType),
        rtol: f64,
        limit: usize,
    ) -> Result<(u64, ConvergedReason, Vec<f64>)> {
        let mut x = vec![0.0; self.system.n()];
        let mut ksp = KspContext::new();
        // Before the method: what options say of tolerances does not reach a method that is there already.
        ksp.set_tolerances(rtol, 0.0, 1e10, limit);
        let mut options = KspOptions::default();
        match method {
            SolverType::Gmres => {
                ksp.set_restart(30);
                ksp.set_pc_side(PcSide::Right);
            }
            _ => options.cg_norm = Some("unprecond".to_owned()),
        }
        ksp.set_type(method)?;
        ksp.set_pc_type(preconditioner, None)?;
        ksp.set_from_options(&options)?;
        ksp.set_operators(self.matrix.clone(), None);
        ksp.setup()?;
        let stats = ksp.solve(&self.system.rhs, &mut x)?;
        Ok((stats.iterations as u64, stats.reason, x))
    }

    fn timed(&self, what: (SolverType, PcType), rtol: f64) -> Result<Outcome> {
        let (result, seconds) = clock::timed(|| self.solve(what, rtol, 100_000));
        let (count, reason, x) = result?;
        let residual = relative_residual(self.system, &x);
        ensure!(
            matches!(reason, ConvergedReason::ConvergedRtol),
            "kryst ended with {reason:?} after {count} iterations, relative residual {residual:.1e}"
        );
        Ok(Outcome {
            seconds,
            count,
            residual,
        })
    }
}

impl Worker for Kryst<'_> {
    fn once(&self, work: Work) -> Result<Outcome> {
        match work {
            Work::Product => {
                let mut y = vec![0.0; self.system.n()];
                self.matrix
                    .try_matvec(&self.system.rhs, &mut y)
                    .map_err(|error| anyhow!("kryst: {error}"))?;
                let seconds = clock::short(|| self.matrix.matvec(&self.system.rhs, &mut y));
                Ok(Outcome::timed(seconds))
            }
            Work::Steps(limit) => {
                // Its test for convergence is `<=`, which a tolerance of zero passes only at the solution.
                let what = (SolverType::Cg, PcType::None);
                let (result, seconds) = clock::timed(|| self.solve(what, 0.0, limit));
                let (count, ..) = result?;
                Ok(Outcome {
                    count,
                    ..Outcome::timed(seconds / count.max(1) as f64)
                })
            }
            Work::CgJacobi(rtol) => self.timed((SolverType::Cg, PcType::Jacobi), rtol),
            Work::CgIlu0(rtol) => self.timed((SolverType::Cg, PcType::Ilu0), rtol),
            Work::GmresIlu0(rtol) => self.timed((SolverType::Gmres, PcType::Ilu0), rtol),
        }
    }
}
