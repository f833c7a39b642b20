//! The same work with two threads and with one, whatever the others use.

use anyhow::Result;
use la_krylov::{GmresOptions, History, Host, LinearOperator, cg, gmres};
use la_precond::classical::{Ic0, Ilu};

use super::{Field, each};
use crate::bench::contest::{Contest, Outcome, Rival};
use crate::bench::record::Record;
use crate::bench::{clock, threads};

pub(super) fn two(field: &Field<'_>, record: &mut Record) -> Result<()> {
    let Field {
        args,
        case,
        compact,
        ..
    } = *field;
    if std::thread::available_parallelism()?.get() < 2 {
        record.note("two threads against one: not measured, the machine has one core");
        return Ok(());
    }
    let (name, a, b, n) = case.parts();
    let (one, two) = (threads(1)?, threads(2)?);
    let contest = Contest {
        problem: name,
        method: "csr-two-threads",
        quantity: "product_seconds",
        repetitions: args.repetitions,
        rtol: None,
    };
    let product = |y: &mut [f64]| {
        let space = Host::new(n);
        Ok(Outcome::timed(clock::short(|| compact.apply(&space, b, y))))
    };
    let (mut y, mut z) = (vec![0.0; n], vec![0.0; n]);
    contest.run(
        record,
        None,
        || two.install(|| product(&mut y)),
        [Rival::ours("csr-one-thread", None, || {
            one.install(|| product(&mut z))
        })],
    )?;
    let steps = |pool: &rayon::ThreadPool| {
        pool.install(|| {
            if case.symmetric {
                let factor = Ic0::default().factor(a.view())?;
                let options = case.cg(0.0, case.steps);
                let (solution, seconds) = clock::timed(|| cg(compact, b, &factor, &options));
                return Ok(each(solution?, seconds));
            }
            let factor = Ilu::default().factor(a.view())?;
            let options = GmresOptions::default()
                .with_rtol(0.0)
                .with_max_iters(case.steps)
                .with_history(History::None);
            let (solution, seconds) = clock::timed(|| gmres(compact, b, &factor, &options));
            Ok(each(solution?, seconds))
        })
    };
    let (method, other) = match case.symmetric {
        true => ("cg+ic0-two-threads", "cg+ic0-one-thread"),
        false => ("gmres30+ilu0-two-threads", "gmres30+ilu0-one-thread"),
    };
    let contest = Contest {
        method,
        quantity: "seconds_per_iteration",
        repetitions: args.repetitions.min(5),
        ..contest
    };
    contest.run(
        record,
        None,
        || steps(&two),
        [Rival::ours(other, None, || steps(&one))],
    )?;
    Ok(())
}
