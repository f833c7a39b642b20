//! The product, beside the bandwidth of memory and the products of others.

use anyhow::Result;
use la_krylov::{Host, LinearOperator};

use super::Field;
use crate::bench::clock;
use crate::bench::contest::{Contest, Outcome, Rival};
use crate::bench::linked::{Library, Work};
use crate::bench::peers::Program;
use crate::bench::record::Record;
use crate::bench::triad::Triad;

pub(super) fn csr(field: &Field<'_>, record: &mut Record, triad: &mut Triad) -> Result<()> {
    let Field {
        args,
        case,
        compact,
        peers,
        linked,
    } = *field;
    let (name, a, b, n) = case.parts();
    let space = Host::new(n);
    let (mut y, mut z) = (vec![0.0; n], vec![0.0; n]);
    let contest = Contest {
        problem: name,
        method: "csr",
        quantity: "product_seconds",
        repetitions: args.repetitions,
        rtol: None,
    };
    let goal = (args.threads == 1).then_some(0.85);
    let bytes = (12 * a.nnz() + 20 * n) as f64;
    let number = || ("matvec", case.products.to_owned());
    contest.run(
        record,
        None,
        || {
            let seconds = clock::short(|| compact.apply(&space, b, &mut y));
            Ok(Outcome::timed(seconds))
        },
        [
            Rival::ours("triad", Some(1.0 / 0.6), || {
                Ok(Outcome::timed(bytes / triad.bandwidth()))
            }),
            Rival::ours("sprs-matrix", None, || {
                let seconds = clock::short(|| a.apply(&space, b, &mut z));
                Ok(Outcome::timed(seconds))
            }),
            Rival::peer(peers, (Program::Scipy, "scipy"), name, number(), goal),
            Rival::peer(peers, (Program::Petsc, "petsc"), name, number(), goal),
            linked.rival((Library::Faer, "faer"), Work::Product, goal),
            linked.rival((Library::Kryst, "kryst"), Work::Product, goal),
        ],
    )?;
    Ok(())
}
