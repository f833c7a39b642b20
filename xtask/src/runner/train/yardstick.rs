//! How the parameters of a network are judged during training.

use anyhow::Result;
use la_krylov::{Host, Preconditioner};
use la_precond::PrecondError;
use la_precond::classical::{Ic0, Ilu};
use rayon::prelude::*;

use crate::experiment::{Problem, measure};

/// Iterations of which solver, beside which classical preconditioner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Yardstick {
    /// Conjugate gradients to 1e-3 (1e-6 on squared norms, the rule of the NeuralIF paper), beside IC(0).
    Symmetric,
    /// Unrestarted, right-preconditioned GMRES to 1e-6, beside ILU(0).
    General,
}

impl Yardstick {
    /// Relative residual, as it is written.
    pub(crate) fn rtol_text(self) -> &'static str {
        match self {
            Self::Symmetric => "1e-3",
            Self::General => "1e-6",
        }
    }

    /// The classical preconditioner.
    pub(crate) fn baseline_name(self) -> &'static str {
        match self {
            Self::Symmetric => "IC(0)",
            Self::General => "ILU(0)",
        }
    }

    /// A factor that needs more iterations than this is as good as none.
    fn max_iters(self, n: usize) -> usize {
        match self {
            Self::Symmetric => 3000,
            Self::General => n.min(10_000),
        }
    }

    fn iterations<F: Preconditioner<Host>>(self, p: &Problem, factor: &F) -> Result<usize> {
        let limit = self.max_iters(p.rhs.len());
        match self {
            Self::Symmetric => measure::iterations(&p.matrix, &p.rhs, factor, 1e-3, limit),
            Self::General => measure::gmres_iterations(&p.matrix, &p.rhs, factor, 1e-6, limit),
        }
    }

    /// Iterations over all problems; a factor that fails counts as the limit.
    pub(crate) fn total<F: Preconditioner<Host>>(
        self,
        problems: &[Problem],
        factors: &(dyn Fn(&Problem) -> Result<F, PrecondError> + Sync),
    ) -> usize {
        problems
            .par_iter()
            .map(|p| {
                let factor = factors(p).ok();
                factor
                    .and_then(|f| self.iterations(p, &f).ok())
                    .unwrap_or(self.max_iters(p.rhs.len()))
            })
            .sum()
    }

    /// The same with the classical preconditioner.
    pub(crate) fn baseline(self, problems: &[Problem]) -> usize {
        match self {
            Self::Symmetric => self.total(problems, &|p: &Problem| {
                Ic0::default().factor(p.matrix.view())
            }),
            Self::General => self.total(problems, &|p: &Problem| {
                Ilu::default().factor(p.matrix.view())
            }),
        }
    }
}
