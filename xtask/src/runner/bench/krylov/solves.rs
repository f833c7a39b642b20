//! Conjugate gradients and GMRES, plain and with what all have.

use anyhow::Result;
use la_krylov::{GmresOptions, History, IdentityPreconditioner, Reorthogonalization, cg, gmres};
use la_precond::classical::{Ic0, Ilu, Jacobi};

use super::{Field, each};
use crate::bench::clock;
use crate::bench::contest::{Contest, Rival, Same};
use crate::bench::linked::{Library, Work};
use crate::bench::peers::Program;
use crate::bench::record::Record;

/// Work that is the same in two programs takes the same iterations, but for rounding.
const SAME: Same = Same(2.0, 0.02);

/// A fixed number of plain iterations.
pub(super) fn cg_steps(field: &Field<'_>, record: &mut Record) -> Result<()> {
    let Field {
        args,
        case,
        compact,
        peers,
        linked,
    } = *field;
    let (name, _, b, n) = case.parts();
    let identity = IdentityPreconditioner::new(n);
    let contest = Contest {
        problem: name,
        method: "cg",
        quantity: "seconds_per_iteration",
        repetitions: args.repetitions.min(5),
        rtol: None,
    };
    let number = || ("cg-steps", case.steps.to_string());
    contest.run(
        record,
        None,
        || {
            let options = case.cg(0.0, case.steps);
            let (solution, seconds) = clock::timed(|| cg(compact, b, &identity, &options));
            Ok(each(solution?, seconds))
        },
        [
            Rival::peer(peers, (Program::Scipy, "scipy"), name, number(), None),
            Rival::peer(peers, (Program::Petsc, "petsc"), name, number(), None),
            linked.rival((Library::Faer, "faer"), Work::Steps(case.steps), None),
            linked.rival((Library::Kryst, "kryst"), Work::Steps(case.steps), None),
        ],
    )?;
    Ok(())
}

/// The solve with the diagonal, the one preconditioner that every library has.
pub(super) fn cg_jacobi(field: &Field<'_>, record: &mut Record) -> Result<()> {
    let Field {
        args,
        case,
        compact,
        peers,
        linked,
    } = *field;
    let (name, a, b, _) = case.parts();
    let rtol = case.jacobi_rtol;
    let options = case.cg(rtol, 100_000);
    let contest = case.solve(args, "cg+jacobi", rtol);
    let goal = (args.threads == 1).then_some(1.0);
    let work = Work::CgJacobi(rtol);
    contest.run(
        record,
        Some(SAME),
        || {
            let (solution, seconds) = clock::timed(|| -> Result<_> {
                let diagonal = Jacobi::<f64>::new(a.view())?;
                Ok(cg(compact, b, &diagonal, &options)?)
            });
            case.solved(solution?, seconds)
        },
        [
            Rival::peer(
                peers,
                (Program::Petsc, "petsc-cg+jacobi"),
                name,
                ("cg-jacobi", format!("{rtol:e}")),
                goal,
            ),
            linked.rival((Library::Faer, "faer-cg+jacobi"), work, goal),
            linked.rival((Library::Kryst, "kryst-cg+jacobi"), work, goal),
        ],
    )?;
    Ok(())
}

/// Set-up of IC(0) and the solve with it, to the tolerance.
pub(super) fn cg_ic0(field: &Field<'_>, record: &mut Record) -> Result<()> {
    let Field {
        args,
        case,
        compact,
        peers,
        linked,
    } = *field;
    let (name, a, b, _) = case.parts();
    let options = case.cg(case.rtol, 100_000);
    let contest = case.solve(args, "cg+ic0", case.rtol);
    let number = || ("cg-ic0", format!("{:e}", case.rtol));
    let goal = (args.threads == 1).then_some(1.0);
    contest.run(
        record,
        Some(SAME),
        || {
            let (solution, seconds) = clock::timed(|| -> Result<_> {
                let factor = Ic0::default().factor(a.view())?;
                Ok(cg(compact, b, &factor, &options)?)
            });
            case.solved(solution?, seconds)
        },
        [
            Rival::peer(
                peers,
                (Program::Scipy, "scipy-cg+ilupp-ic0"),
                name,
                number(),
                None,
            ),
            Rival::peer(
                peers,
                (Program::Petsc, "petsc-cg+icc0"),
                name,
                number(),
                goal,
            ),
            linked.rival(
                (Library::Kryst, "kryst-cg+ilu0"),
                Work::CgIlu0(case.rtol),
                goal,
            ),
        ],
    )?;
    Ok(())
}

/// Set-up of ILU(0) and GMRES(30) with it, to the tolerance.
pub(super) fn gmres_ilu0(field: &Field<'_>, record: &mut Record) -> Result<()> {
    let Field {
        args,
        case,
        compact,
        peers,
        linked,
    } = *field;
    let (name, a, b, _) = case.parts();
    let solve = |rule: Reorthogonalization| {
        let options = GmresOptions::default()
            .with_restart(30)
            .with_rtol(case.rtol)
            .with_max_iters(100_000)
            .with_history(History::None)
            .with_reorthogonalization(rule);
        let (solution, seconds) = clock::timed(|| -> Result<_> {
            let factor = Ilu::default().factor(a.view())?;
            Ok(gmres(compact, b, &factor, &options)?)
        });
        case.solved(solution?, seconds)
    };
    record.note(
        "gmres30+ilu0 orthogonalizes once, as PETSc does by default; gmres30+ilu0-twice a second time where needed, \
         the default of la-krylov",
    );
    let contest = case.solve(args, "gmres30+ilu0", case.rtol);
    let number = ("gmres-ilu0", format!("{:e}", case.rtol));
    let goal = (args.threads == 1).then_some(1.0);
    contest.run(
        record,
        Some(SAME),
        || solve(Reorthogonalization::Never),
        [
            Rival::ours("gmres30+ilu0-twice", None, || {
                solve(Reorthogonalization::WhenNeeded)
            }),
            Rival::peer(
                peers,
                (Program::Petsc, "petsc-gmres30+ilu0"),
                name,
                number,
                goal,
            ),
            linked.rival(
                (Library::Kryst, "kryst-gmres30+ilu0"),
                Work::GmresIlu0(case.rtol),
                goal,
            ),
        ],
    )?;
    Ok(())
}
