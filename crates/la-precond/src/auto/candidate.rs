//! What may be tried, and in which order.

use std::fmt;

use la_krylov::{Host, IdentityPreconditioner, Preconditioner};
use sprs::CsMatViewI;

use super::{Auto, MatrixFacts};
#[cfg(feature = "faer")]
use crate::classical::{Complete, CompleteKind};
use crate::classical::{
    Ic0, Ict, Ilut, Jacobi, LuFill, Ordering, Reordered, Scaling, SmoothedAggregation,
};
#[cfg(feature = "learned")]
use crate::learned::{LearnedCompensation, Weights};
use crate::{FactorStats, IncompleteCholesky, PrecondError};

/// Rows from which multigrid is worth its set-up.
const MULTIGRID_ROWS: usize = 5_000;

/// Rows from which learned compensation is worth more than the set-up of IC(0).
const COMPENSATED_ROWS: usize = 1_000;

/// The method of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutoMethod {
    /// Conjugate gradients.
    Cg,
    /// Restarted GMRES, preconditioned from the right.
    Gmres,
}

/// The preconditioner of a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum AutoPrecond {
    /// None.
    None,
    /// The diagonal.
    Jacobi,
    /// Smoothed-aggregation multigrid.
    Multigrid,
    /// IC(0) with learned compensation of dropped fill (feature `learned`).
    CompensatedIc,
    /// IC(0), shifted as far as needed.
    Ic0,
    /// Threshold incomplete Cholesky.
    Ict,
    /// Threshold incomplete LU after matching, scaling and ordering.
    Ilut {
        /// The threshold.
        drop_tol: f64,
        /// Whether columns are exchanged as well.
        pivoting: bool,
    },
    /// A complete Cholesky factorisation.
    CompleteCholesky,
    /// A complete LU factorisation.
    CompleteLu,
}

/// A method with a preconditioner.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The method.
    pub method: AutoMethod,
    /// The preconditioner.
    pub precond: AutoPrecond,
    /// Why it stands where it does in the list.
    pub why: &'static str,
}

impl AutoMethod {
    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cg => "cg",
            Self::Gmres => "gmres",
        }
    }
}

impl AutoPrecond {
    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Jacobi => "jacobi",
            Self::Multigrid => "amg",
            Self::CompensatedIc => "compensated-ic",
            Self::Ic0 => "ic0",
            Self::Ict => "ict",
            Self::Ilut {
                pivoting: false, ..
            } => "ilut",
            Self::Ilut { pivoting: true, .. } => "ilutp",
            Self::CompleteCholesky => "cholesky",
            Self::CompleteLu => "lu",
        }
    }

    /// Whether the factorisation is complete.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(self, Self::CompleteCholesky | Self::CompleteLu)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} + {}", self.method.name(), self.precond.name())?;
        match self.precond {
            AutoPrecond::Ilut { drop_tol, .. } => write!(f, "({drop_tol:e})"),
            _ => Ok(()),
        }
    }
}

/// A preconditioner that is ready.
pub(super) struct Ready<'a> {
    pub(super) apply: Box<dyn Preconditioner<Host<f64>> + 'a>,
    /// Entries of the factors over those of the matrix (of its lower triangle for Cholesky).
    pub(super) fill_ratio: Option<f64>,
    /// Of incomplete Cholesky factors.
    pub(super) stats: Option<FactorStats>,
}

/// The candidates for a matrix, in order of expected cost.
pub(super) fn candidates(facts: &MatrixFacts, auto: &Auto) -> Vec<Candidate> {
    use AutoMethod::{Cg, Gmres};
    let mut list = Vec::new();
    let mut push = |method, precond, why| {
        list.push(Candidate {
            method,
            precond,
            why,
        });
    };
    if facts.diagonal_rows == facts.n && facts.zero_diagonal() == 0 {
        push(Gmres, AutoPrecond::Jacobi, "the matrix is diagonal");
    }
    if facts.may_be_definite() {
        if facts.looks_elliptic() && facts.n >= MULTIGRID_ROWS {
            let why = "signs and dominance of a discretised diffusion, many rows";
            push(Cg, AutoPrecond::Multigrid, why);
        }
        if cfg!(feature = "learned") && facts.looks_elliptic() && facts.n >= COMPENSATED_ROWS {
            let why = "signs and dominance of a discretised diffusion";
            push(Cg, AutoPrecond::CompensatedIc, why);
        }
        let why = "symmetric, diagonal of one sign: perhaps definite";
        push(Cg, AutoPrecond::Ic0, why);
        push(Cg, AutoPrecond::Jacobi, "no shift spoils the diagonal");
        push(Cg, AutoPrecond::Ict, "a stronger factor");
    }
    let ilut = |drop_tol, pivoting| AutoPrecond::Ilut { drop_tol, pivoting };
    push(Gmres, ilut(1e-3, false), "any matrix, moderate set-up");
    push(Gmres, ilut(1e-5, false), "a stronger factor");
    push(Gmres, ilut(1e-6, true), "column exchanges for small pivots");
    if auto.complete {
        if facts.may_be_definite() {
            let why = "complete, if it is definite and memory allows";
            push(Cg, AutoPrecond::CompleteCholesky, why);
        }
        push(Gmres, AutoPrecond::CompleteLu, "complete, if memory allows");
    }
    list
}

impl Candidate {
    /// Whether this build has the preconditioner.
    pub(super) fn is_available(&self) -> bool {
        cfg!(feature = "faer") || !self.precond.is_complete()
    }

    /// Builds the preconditioner from `a`.
    pub(super) fn build<'a>(
        &self,
        a: CsMatViewI<'a, f64, u32>,
        auto: &Auto,
    ) -> Result<Ready<'a>, PrecondError> {
        fn plain<'a>(apply: impl Preconditioner<Host<f64>> + 'a) -> Ready<'a> {
            Ready {
                apply: Box::new(apply),
                fill_ratio: None,
                stats: None,
            }
        }
        Ok(match self.precond {
            AutoPrecond::None => plain(IdentityPreconditioner::new(a.rows())),
            AutoPrecond::Jacobi => plain(Jacobi::<f64>::new(a)?),
            AutoPrecond::Multigrid => plain(SmoothedAggregation::default().build(a)?),
            #[cfg(feature = "learned")]
            AutoPrecond::CompensatedIc => {
                let bundled = Weights::bundled("compensated-ic-ordered-s1");
                let builder = bundled.and_then(|weights| LearnedCompensation::new(&weights));
                let builder = builder.map_err(|error| PrecondError::Builder {
                    builder: "compensated-ic".to_owned(),
                    message: error.to_string(),
                })?;
                cholesky(builder.factor(a)?)
            }
            #[cfg(not(feature = "learned"))]
            AutoPrecond::CompensatedIc => {
                return Err(PrecondError::Builder {
                    builder: "compensated-ic".to_owned(),
                    message: "this build has no networks; enable feature `learned`".to_owned(),
                });
            }
            AutoPrecond::Ic0 => cholesky(Ic0::default().factor(a)?),
            AutoPrecond::Ict => cholesky(Ict::default().factor(a)?),
            AutoPrecond::Ilut { drop_tol, pivoting } => {
                let fill = if auto.fill_limit.is_finite() {
                    LuFill::Total(auto.fill_limit)
                } else {
                    LuFill::Unlimited
                };
                let mut options = Ilut::default().with_drop_tol(drop_tol).with_fill(fill);
                if pivoting {
                    options = options.with_pivot_tolerance(0.1);
                }
                let factor = Reordered::new(options)
                    .with_scaling(Scaling::Matching)
                    .with_ordering(ordering(drop_tol, pivoting))
                    .factor(a)?;
                let fill_ratio = factor.fill_ratio();
                Ready {
                    apply: Box::new(factor),
                    fill_ratio,
                    stats: None,
                }
            }
            #[cfg(feature = "faer")]
            AutoPrecond::CompleteCholesky | AutoPrecond::CompleteLu => {
                let kind = match self.precond {
                    AutoPrecond::CompleteCholesky => CompleteKind::Cholesky,
                    _ => CompleteKind::Lu,
                };
                plain(
                    Complete::default()
                        .with_kind(kind)
                        .with_memory_limit(auto.memory_limit)
                        .factor(a)?,
                )
            }
            #[cfg(not(feature = "faer"))]
            AutoPrecond::CompleteCholesky | AutoPrecond::CompleteLu => {
                return Err(PrecondError::Builder {
                    builder: "complete".to_owned(),
                    message: "this build has no complete factorisations; enable feature `faer`"
                        .to_owned(),
                });
            }
        })
    }
}

fn cholesky(factor: IncompleteCholesky) -> Ready<'static> {
    Ready {
        fill_ratio: factor.fill_ratio(),
        stats: Some(*factor.stats()),
        apply: Box::new(factor),
    }
}

/// Little fill wants a small bandwidth, much fill a small degree.
fn ordering(drop_tol: f64, pivoting: bool) -> Ordering {
    #[cfg(feature = "faer")]
    if pivoting {
        return Ordering::ColumnMinimumDegree;
    } else if drop_tol < 1e-4 {
        return Ordering::MinimumDegree;
    }
    let _ = (drop_tol, pivoting);
    Ordering::ReverseCuthillMcKee
}
