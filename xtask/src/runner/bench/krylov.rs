//! Sparse products and conjugate gradients.

use std::cell::RefCell;

use anyhow::{Result, ensure};
use la_krylov::{CgOptions, History, Host, IdentityPreconditioner, LinearOperator, Status, cg};
use la_precond::classical::Ic0;
use la_problems::{Grid, LinearSystem, NeuralIfSynthetic, Poisson, Split};
use xtask::report::Unit;

use super::clock::{self, Contestant, interleave};
use super::peers::Peer;
use super::record::Record;
use super::{Args, Size, triad};

/// Quantities that are compared with peers.
const RATIOS: [&str; 3] = [
    "spmv_seconds_ratio",
    "cg_step_seconds_ratio",
    "cg_ic0_seconds_ratio",
];

/// One problem and how it is solved.
struct Case {
    name: String,
    system: LinearSystem,
    /// Iterations of plain conjugate gradients whose time is taken.
    steps: usize,
    /// Relative tolerance of the whole solve with IC(0).
    rtol: f64,
    /// Products per repetition of a peer.
    products: &'static str,
}

pub(super) fn run(args: &Args, record: &mut Record) -> Result<()> {
    let bandwidth = triad::bandwidth();
    record.value("machine", "triad", "gigabytes_per_second", Unit::Dimensionless, bandwidth / 1e9)?;
    let mut why = None;
    let peer = match args.peers.then(|| Peer::start(args.threads)) {
        Some(Ok(peer)) => {
            record.note(format!("peers: {}", peer.versions));
            Some(RefCell::new(peer))
        }
        Some(Err(error)) => {
            why = Some(format!("{error:#}"));
            None
        }
        None => None,
    };
    for case in cases(args.size)? {
        eprintln!("krylov: {}, {} nonzeros", case.name, case.system.matrix.nnz());
        measure(args, record, &case, peer.as_ref(), bandwidth)?;
        if args.peers {
            for quantity in RATIOS {
                if let Some(why) = &why {
                    record.missing(&case.name, "scipy", quantity, why)?;
                }
                record.missing(&case.name, "petsc", quantity, "no driver for it in this version")?;
            }
        }
    }
    Ok(())
}

fn cases(size: Size) -> Result<Vec<Case>> {
    let (n, large, medium) = match size {
        Size::Smoke => (1_000, 60, 40),
        Size::Standard => (10_000, 1_000, 300),
    };
    let synthetic = NeuralIfSynthetic::default()
        .with_n(n)
        .with_nonzeros_per_row(if n < 10_000 { 5.0 } else { 10.0 })
        .generate(Split::Test.seed(0))?;
    let mut cases = vec![Case {
        name: format!("synthetic-n{n}"),
        system: synthetic,
        steps: 200,
        rtol: 1e-6,
        products: "20",
    }];
    // The tolerance on the larger grid keeps the number of iterations of a solve near a hundred.
    for (side, steps, rtol, products) in [(medium, 200, 1e-8, "20"), (large, 30, 1e-2, "3")] {
        cases.push(Case {
            name: format!("poisson2d-n{}", side * side),
            system: Poisson::new(Grid::rectangle(side, side)).generate()?,
            steps,
            rtol,
            products,
        });
    }
    Ok(cases)
}

fn measure(
    args: &Args,
    record: &mut Record,
    case: &Case,
    peer: Option<&RefCell<Peer>>,
    bandwidth: f64,
) -> Result<()> {
    let (name, a, b) = (case.name.as_str(), &case.system.matrix, &case.system.rhs);
    let n = case.system.n();
    if let Some(peer) = peer {
        peer.borrow_mut().load(name, &case.system)?;
    }

    let (space, mut y) = (Host::new(n), vec![0.0; n]);
    let mut contestants: Vec<Contestant<'_>> =
        vec![Box::new(|| Ok(clock::short(|| a.apply(&space, b, &mut y))))];
    if let Some(peer) = peer {
        contestants.push(theirs(peer, "matvec", name, case.products.into()));
    }
    let times = interleave(args.repetitions, &mut contestants)?;
    drop(contestants);
    record.seconds(name, "spmv", "seconds", &times[0])?;
    let limit = (12 * a.nnz() + 20 * n) as f64 / bandwidth;
    record.ratio(name, "triad", "spmv_seconds_ratio", &times[0], &vec![limit; times[0].len()])?;
    compare(record, name, RATIOS[0], &times)?;

    // A fixed number of plain iterations: the time of one.
    let repetitions = args.repetitions.min(5);
    let options = CgOptions::default()
        .with_rtol(0.0)
        .with_max_iters(case.steps)
        .with_history(History::None);
    let identity = IdentityPreconditioner::new(n);
    let mut contestants: Vec<Contestant<'_>> = vec![Box::new(|| {
        let (solution, seconds) = clock::timed(|| cg(a, b, &identity, &options));
        let solution = solution?;
        ensure!(solution.status == Status::IterationLimit, "{}", solution.status);
        Ok(seconds)
    })];
    if let Some(peer) = peer {
        contestants.push(theirs(peer, "cg-steps", name, case.steps.to_string()));
    }
    let mut times = interleave(repetitions, &mut contestants)?;
    drop(contestants);
    for seconds in times.iter_mut().flatten() {
        *seconds /= case.steps as f64;
    }
    record.seconds(name, "cg", "seconds_per_iteration", &times[0])?;
    compare(record, name, RATIOS[1], &times)?;

    solve(args, record, case, peer)
}

/// Set-up of IC(0) and the solve with it, to the tolerance.
fn solve(
    args: &Args,
    record: &mut Record,
    case: &Case,
    peer: Option<&RefCell<Peer>>,
) -> Result<()> {
    let (name, a, b) = (case.name.as_str(), &case.system.matrix, &case.system.rhs);
    let options = CgOptions::default()
        .with_rtol(case.rtol)
        .with_history(History::None);
    let mut iterations = 0;
    let count = &mut iterations;
    let mut contestants: Vec<Contestant<'_>> = vec![Box::new(|| {
        let (solution, seconds) = clock::timed(|| -> Result<_> {
            let factor = Ic0::default().factor(a.view())?;
            Ok(cg(a, b, &factor, &options)?)
        });
        *count = solution?.require_converged()?.iterations;
        Ok(seconds)
    })];
    let ready = peer.map(|p| (p, p.borrow_mut().time("cg-ic0", name, &format!("{:e}", case.rtol))));
    let missing = match &ready {
        Some((_, Err(error))) => Some(format!("{:#}", error.root_cause())),
        _ => None,
    };
    if let Some((peer, Ok(_))) = &ready {
        contestants.push(theirs(peer, "cg-ic0", name, format!("{:e}", case.rtol)));
    }
    let times = interleave(args.repetitions.min(3), &mut contestants)?;
    drop(contestants);
    record.seconds(name, "cg+ic0", "setup_and_solve_seconds", &times[0])?;
    let our_iterations = iterations as f64;
    record.value(name, "cg+ic0", "iterations", Unit::Iterations, our_iterations)?;
    if let Some((_, Ok((_, theirs)))) = ready {
        record.value(name, "scipy+ilupp", "iterations", Unit::Iterations, theirs as f64)?;
    }
    if let Some(why) = missing {
        record.missing(name, "scipy+ilupp", RATIOS[2], &why)?;
    } else if let Some(theirs) = times.get(1) {
        record.seconds(name, "scipy+ilupp", "setup_and_solve_seconds", theirs)?;
        record.ratio(name, "scipy+ilupp", RATIOS[2], &times[0], theirs)?;
    }
    Ok(())
}

/// The peer's turn.
fn theirs<'a>(
    peer: &'a RefCell<Peer>,
    work: &'a str,
    name: &'a str,
    number: String,
) -> Contestant<'a> {
    Box::new(move || Ok(peer.borrow_mut().time(work, name, &number)?.0))
}

/// The ratio to SciPy, where it took part.
fn compare(record: &mut Record, name: &str, quantity: &str, times: &[Vec<f64>]) -> Result<()> {
    match times {
        [ours, theirs] => record.ratio(name, "scipy", quantity, ours, theirs),
        _ => Ok(()),
    }
}
