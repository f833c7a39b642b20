//! The classical methods that are compared.

use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use anyhow::{Result, bail};
use la_krylov::{
    GmresOptions, Host, IdentityPreconditioner, Preconditioner, PreconditionerError,
    PreconditionerKind,
};
use la_precond::classical::{
    BlockJacobi, Complete, Ilu, Ilut, InnerGmres, Jacobi, LuFill, Ordering, Reordered,
    SmoothedAggregation,
};
use la_precond::learned::gnp::{Base, GnpBuilder};
use la_problems::CsrMatrix;

use super::solve::RESTART;

/// A preconditioner that is ready.
pub(crate) type Ready<'a> = Box<dyn Resettable + 'a>;

/// A preconditioner that may remember, and can be made to forget before the next solve.
pub(crate) trait Resettable: Preconditioner<Host<f64>> {
    /// As if it had never been applied.
    fn reset(&self) {}
}

impl<A, M> Resettable for InnerGmres<A, M>
where
    A: la_krylov::LinearOperator<Host<f64>>,
    M: Preconditioner<Host<f64>>,
{
}

macro_rules! forgetful {
    ($($kind:ty),* $(,)?) => { $(impl Resettable for $kind {})* };
}
forgetful!(
    IdentityPreconditioner,
    Jacobi,
    BlockJacobi,
    la_precond::IncompleteLu,
    la_precond::classical::Multigrid,
    la_precond::classical::CompleteFactor,
);

/// Methods without a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Classical {
    None,
    Jacobi,
    /// Blocks of 32 consecutive unknowns.
    BlockJacobi,
    /// The first direction of each cycle is the vector of ones, and the others are the residuals themselves.
    Constant,
    /// Up to ten steps of GMRES.
    InnerGmres,
    /// ILU(0) of the matrix as it is.
    Ilu0,
    /// The same behind matching, scaling and reverse Cuthill–McKee: what some networks correct.
    Ilu0Matched,
    /// The base of [`GnpBuilder::improved`] without its network: as `Ilut`, with that drop tolerance.
    IlutMatched,
    /// Matching, scaling, reverse Cuthill–McKee, then ILUT.
    Ilut,
    /// Matching, scaling, COLAMD, then ILUTP.
    Ilutp,
    /// One V-cycle.
    Amg,
    /// A complete sparse factorisation; not in the paper.
    Lu,
}

/// Drop tolerance and fill of SuperLU's defaults.
const DROP_TOL: f64 = 1e-4;
const FILL: f64 = 10.0;
/// SuperLU's default threshold of diagonal pivots.
const PIVOT: f64 = 0.1;
/// Steps of the inner GMRES, and the relative residual that ends them early.
const INNER: usize = 10;
const INNER_RTOL: f64 = 1e-6;
const BLOCK: usize = 32;
/// Memory that a complete factorisation may take.
const COMPLETE_BYTES: usize = 2 << 30;

impl Classical {
    /// The method of this name.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "none" => Self::None,
            "jacobi" => Self::Jacobi,
            "block-jacobi" => Self::BlockJacobi,
            "const" => Self::Constant,
            "gmres" => Self::InnerGmres,
            "ilu0" => Self::Ilu0,
            "ilu0-matched" => Self::Ilu0Matched,
            "ilut-matched" => Self::IlutMatched,
            "ilut" => Self::Ilut,
            "ilutp" => Self::Ilutp,
            "amg" => Self::Amg,
            "lu" => Self::Lu,
            _ => bail!("`{name}` is no classical method"),
        })
    }

    /// Sets it up for a matrix.
    pub(crate) fn build(self, a: &CsrMatrix) -> Result<Ready<'_>> {
        let n = a.rows();
        let ilut = Ilut::default()
            .with_drop_tol(DROP_TOL)
            .with_fill(LuFill::Total(FILL));
        Ok(match self {
            Self::None => Box::new(IdentityPreconditioner::new(n)),
            Self::Jacobi => {
                // The paper's convention for zeros of the diagonal.
                let entry = |i| a.get(i, i).copied().filter(|d| *d != 0.0).unwrap_or(1.0);
                Box::new(Jacobi::from_diagonal((0..n).map(entry).collect())?)
            }
            Self::BlockJacobi => Box::new(BlockJacobi::general(a.view(), BLOCK)?),
            Self::Constant => Box::new(ConstantDirection::new(n)),
            Self::InnerGmres => {
                let options = GmresOptions::default()
                    .with_restart(INNER)
                    .with_max_iters(INNER)
                    .with_rtol(INNER_RTOL);
                let eye = IdentityPreconditioner::new(n);
                Box::new(InnerGmres::with_options(a, eye, options)?)
            }
            Self::Ilu0 => Box::new(Ilu::default().factor(a.view())?),
            Self::Ilu0Matched => Box::new(Reordered::new(Ilu::default()).factor(a.view())?),
            Self::IlutMatched => {
                let Base::Ilut { drop_tol, fill } = GnpBuilder::improved().base else {
                    bail!("the improved network corrects something else than ILUT");
                };
                let ilut = Ilut::default()
                    .with_drop_tol(drop_tol)
                    .with_fill(LuFill::Total(fill));
                Box::new(Reordered::new(ilut).factor(a.view())?)
            }
            Self::Ilut => Box::new(Reordered::new(ilut).factor(a.view())?),
            Self::Ilutp => Box::new(
                Reordered::new(ilut.with_pivot_tolerance(PIVOT))
                    .with_ordering(Ordering::ColumnMinimumDegree)
                    .factor(a.view())?,
            ),
            Self::Amg => Box::new(SmoothedAggregation::default().build(a.view())?),
            Self::Lu => Box::new(
                Complete::default()
                    .with_memory_limit(COMPLETE_BYTES)
                    .factor(a.view())?,
            ),
        })
    }
}

/// The control of a solution that is known to be constant: `z₁ = 1` in each cycle, `zⱼ = vⱼ` otherwise.
struct ConstantDirection {
    n: usize,
    calls: AtomicUsize,
}

impl ConstantDirection {
    fn new(n: usize) -> Self {
        Self {
            n,
            calls: AtomicUsize::new(0),
        }
    }
}

impl Preconditioner<Host<f64>> for ConstantDirection {
    fn dimension(&self) -> usize {
        self.n
    }

    fn apply(&self, _: &Host<f64>, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        match self.calls.fetch_add(1, Memory::Relaxed) % RESTART {
            0 => z.fill(1.0),
            _ => z.copy_from_slice(r),
        }
        Ok(())
    }

    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Variable
    }
}

impl Resettable for ConstantDirection {
    fn reset(&self) {
        self.calls.store(0, Memory::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sides::{Side, System};
    use super::super::solve::{Limit, solve};
    use super::*;
    use crate::reproduce::gnp::cases::Case;

    #[test]
    fn every_method_of_the_file_solves_something() {
        let a = Case::generated("convection-20").unwrap().load().unwrap().a;
        let system = System::new(&a, Side::Gaussian, 1);
        for name in [
            "none",
            "jacobi",
            "block-jacobi",
            "const",
            "gmres",
            "ilu0",
            "ilu0-matched",
            "ilut-matched",
            "ilut",
            "ilutp",
            "amg",
            "lu",
        ] {
            let ready = Classical::parse(name).unwrap().build(&a).unwrap();
            let solved = solve(&a, &system, &*ready, Limit::Iterations(100)).unwrap();
            assert!(solved.residual < 0.1, "{name}: {}", solved.residual);
        }
        assert!(Classical::parse("magic").is_err());
    }

    #[test]
    fn a_constant_solution_is_found_at_once_and_again() {
        let a = Case::generated("permuted-300").unwrap().load().unwrap().a;
        let ready = Classical::Constant.build(&a).unwrap();
        let ones = System::new(&a, Side::Ones, 0);
        for _ in 0..2 {
            ready.reset();
            let solved = solve(&a, &ones, &*ready, Limit::Iterations(100)).unwrap();
            assert_eq!(solved.iterations, 1);
            assert!(solved.error < 1e-7);
        }
    }

    #[test]
    fn the_improved_network_without_a_network_is_its_base() {
        use super::super::recipe::Recipe;
        let improved = Recipe::parse("gnp-improved", 10).unwrap();
        let mut silent = improved.parameters(0).unwrap();
        silent.values.fill(0.0);
        for name in ["permuted-300", "convection-20"] {
            let a = Case::generated(name).unwrap().load().unwrap().a;
            let system = System::new(&a, Side::Gaussian, 1);
            let gnp = improved.builder.from_parameters(a.view(), &silent).unwrap();
            let base = Classical::IlutMatched.build(&a).unwrap();
            let of = |ready: &dyn Resettable| {
                let solved = solve(&a, &system, ready, Limit::Iterations(100)).unwrap();
                let first = solved.history.get(1).map_or(f64::NAN, |p| p.0);
                (solved.iterations, first)
            };
            let (with, without) = (of(&gnp), of(&*base));
            assert_eq!(with.0, without.0, "{name}");
            assert!(
                (with.1 / without.1 - 1.0).abs() < 1e-6,
                "{name}: {with:?} {without:?}"
            );
        }
    }
}
