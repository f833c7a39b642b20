//! Set-up and application of incomplete factors.

use anyhow::{Context, Result, ensure};
use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_krylov::{Host, LinearOperator};
use la_precond::IncompleteCholesky;
use la_precond::classical::{Ic0, Ic0Symbolic, Ict};
use la_precond::learned::NeuralIf;
use la_problems::{Grid, LinearSystem, NeuralIfSynthetic, Poisson, Split};

use super::clock::{self, Contestant, interleave};
use super::peers::{Peers, Program};
use super::record::Record;
use super::triad::Triad;
use super::{Args, Size, amg, ilut};

const SETUP: &str = "setup_seconds";
const SETUP_RATIO: &str = "setup_seconds_ratio";
/// Two IC(0) factors of one matrix agree to this, relative to the largest entry.
const AGREEMENT: f64 = 1e-10;

pub(super) fn run(args: &Args, record: &mut Record) -> Result<()> {
    let bandwidth = Triad::new().record(record)?;
    let peers = Peers::start(args, record);
    let learned =
        NeuralIf::from_parameters(&Parameters::initialize(&NeuralIfConfig::default(), 0)?)?;
    record.note("neuralif: untrained parameters (the time does not depend on their values)");
    for (name, system) in systems(args.size)? {
        eprintln!("precond: {name}, {} nonzeros", system.matrix.nnz());
        peers.load(&name, &system)?;
        setup(args, record, &name, &system, &learned, &peers)?;
        apply(args, record, &name, &system, &peers, bandwidth)?;
        peers.forget(&name)?;
    }
    ilut::run(args, record, &peers)?;
    amg::run(args, record, &peers)
}

/// The problems, by name.
fn systems(size: Size) -> Result<Vec<(String, LinearSystem)>> {
    let (n, seeds, plane, cube) = match size {
        Size::Smoke => (1_000, 1, 40, 12),
        Size::Small => (10_000, 1, 200, 34),
        Size::Full => (10_000, 3, 1_000, 80),
    };
    let synthetic = NeuralIfSynthetic::default()
        .with_n(n)
        .with_nonzeros_per_row(if n < 10_000 { 5.0 } else { 10.0 });
    let mut systems = Vec::new();
    for i in 0..seeds {
        let system = synthetic.generate(Split::Test.seed(i))?;
        systems.push((format!("synthetic-n{n}-{i}"), system));
    }
    for (dimension, grid) in [
        (2, Grid::rectangle(plane, plane)),
        (3, Grid::cuboid(cube, cube, cube)),
    ] {
        let system = Poisson::new(grid).generate()?;
        systems.push((format!("poisson{dimension}d-n{}", system.n()), system));
    }
    Ok(systems)
}

fn setup(
    args: &Args,
    record: &mut Record,
    name: &str,
    system: &LinearSystem,
    learned: &NeuralIf,
    peers: &Peers,
) -> Result<()> {
    let a = system.matrix.view();
    let ic0 = Ic0::default();
    let symbolic = Ic0Symbolic::new(a)?;
    let (ict, rest) = (Ict::default(), ["ichol0", "ichol0-preconditioner"]);
    let mut missing = None;
    let peer = peers.get(Program::Scipy);
    match peer {
        Some(Ok(p)) => {
            if let Err(error) = p.borrow_mut().time(rest[0], name, "1") {
                missing = Some(format!("{:#}", error.root_cause()));
            }
        }
        Some(Err(why)) => missing = Some(why.to_owned()),
        None => {}
    }
    // Every contestant keeps its result until the clock has stopped.
    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|| checked(clock::timed(|| ic0.factor(a)))),
        Box::new(|| checked(clock::timed(|| Ic0Symbolic::new(a)))),
        Box::new(|| checked(clock::timed(|| symbolic.factor(a, &ic0)))),
        Box::new(|| checked(clock::timed(|| learned.factor(a)))),
    ];
    let theirs = match peer {
        Some(Ok(p)) if missing.is_none() => Some(p),
        _ => None,
    };
    if let Some(p) = theirs {
        for work in rest {
            contestants.push(Box::new(move || {
                Ok(p.borrow_mut().time(work, name, "1")?.seconds)
            }));
        }
    }
    let times = interleave(args.repetitions, &mut contestants)?;
    drop(contestants);
    for (method, quantity, samples) in [
        ("ic0", SETUP, &times[0]),
        ("ic0", "symbolic_seconds", &times[1]),
        ("ic0", "numeric_seconds", &times[2]),
        ("neuralif", SETUP, &times[3]),
    ] {
        record.seconds(name, method, quantity, samples)?;
    }
    // The threshold factorisation takes much longer: fewer rounds, and against IC(0) again.
    let slow = interleave(
        args.repetitions.min(3),
        &mut [
            Box::new(|| checked(clock::timed(|| ict.factor(a)))),
            Box::new(|| checked(clock::timed(|| ic0.factor(a)))),
        ],
    )?;
    record.seconds(name, "ict", SETUP, &slow[0])?;
    record.ratio(name, "ic0", "ict_setup_seconds_ratio", &slow[0], &slow[1])?;
    record.ratio(
        name,
        "ic0",
        "neuralif_setup_seconds_ratio",
        &times[3],
        &times[0],
    )?;
    if let Some(p) = theirs {
        for (peer, samples) in [("ilupp", &times[4]), ("ilupp-object", &times[5])] {
            record.seconds(name, peer, SETUP, samples)?;
            record.ratio(name, peer, SETUP_RATIO, &times[0], samples)?;
        }
        record.note("ilupp: ichol0 (factor as a matrix); ilupp-object: IChol0Preconditioner (factor inside the library)");
        let ours = ic0.factor(a)?;
        let shift = ours.stats().shift;
        if shift == 0.0 {
            let difference = difference(&ours, &p.borrow_mut().factor(name)?)?;
            record.agreement(name, "ilupp", "factor_difference", difference, AGREEMENT)?;
        } else {
            record.note(format!(
                "{name}: a pivot is not positive, ours started again with a diagonal shift of {shift:.1e}; ilupp does \
                 not shift, so the factors are not compared"
            ));
        }
    } else if let Some(why) = missing {
        record.missing(name, "ilupp", SETUP_RATIO, &why)?;
    }
    Ok(())
}

/// The seconds, if the work succeeded.
fn checked<R, E: Into<anyhow::Error>>(
    (result, seconds): (std::result::Result<R, E>, f64),
) -> Result<f64> {
    result.map_err(Into::into).map(|_| seconds)
}

/// Largest difference of entries, relative to the largest entry; the patterns must be equal.
fn difference(
    ours: &IncompleteCholesky,
    [pointers, columns, values]: &[Vec<f64>; 3],
) -> Result<f64> {
    let lower = ours.to_lower();
    let same = |ours: &[u32], theirs: &[f64]| {
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| f64::from(*a) == *b)
    };
    ensure!(
        same(
            lower.indptr().as_slice().context("no row pointers")?,
            pointers
        ) && same(lower.indices(), columns),
        "the factor of the peer has another pattern"
    );
    let largest = lower.data().iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let differences = lower.data().iter().zip(values).map(|(a, b)| (a - b).abs());
    Ok(differences.fold(0.0, f64::max) / largest)
}

fn apply(
    args: &Args,
    record: &mut Record,
    name: &str,
    system: &LinearSystem,
    peers: &Peers,
    bandwidth: f64,
) -> Result<()> {
    let a = &system.matrix;
    let (n, factor) = (system.n(), Ic0::default().factor(a.view())?);
    let space = Host::new(n);
    let (mut x, mut y) = (system.rhs.clone(), vec![0.0; n]);
    let rhs = &system.rhs;
    let calls = if a.nnz() > 4_000_000 { "1" } else { "10" };
    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|| {
            Ok(clock::short(|| {
                x.copy_from_slice(rhs);
                factor.solve_in_place(&mut x);
            }))
        }),
        Box::new(|| Ok(clock::short(|| a.apply(&space, rhs, &mut y)))),
    ];
    let theirs = match peers.get(Program::Scipy) {
        Some(Ok(p)) => p
            .borrow_mut()
            .time("ichol0-apply", name, "1")
            .is_ok()
            .then_some(p),
        _ => None,
    };
    if let Some(p) = theirs {
        contestants.push(Box::new(move || {
            Ok(p.borrow_mut().time("ichol0-apply", name, calls)?.seconds)
        }));
    }
    let times = interleave(args.repetitions, &mut contestants)?;
    drop(contestants);
    // Bytes that have to be read or written at least once: two sweeps over the strict triangle, its pointers, the
    // diagonal and the vector, after one copy of the right-hand side.
    let strict = factor.nnz() - n;
    let sweeps = 2 * (12 * strict + (4 + 8 + 16) * n) + 16 * n;
    let product = 12 * a.nnz() + (4 + 8 + 8) * n;
    for (method, samples, bytes) in [
        ("ic0-apply", &times[0], sweeps),
        ("spmv", &times[1], product),
    ] {
        let limit = vec![bytes as f64 / bandwidth; samples.len()];
        record.seconds(name, method, "seconds", samples)?;
        record.ratio(
            name,
            "triad",
            &format!("{method}_seconds_ratio"),
            samples,
            &limit,
        )?;
    }
    let per_entry: Vec<f64> = times[0].iter().map(|s| s / factor.nnz() as f64).collect();
    record.seconds(name, "ic0-apply", "seconds_per_entry", &per_entry)?;
    if theirs.is_some() {
        record.ratio(name, "ilupp", "apply_seconds_ratio", &times[0], &times[2])?;
    }
    Ok(())
}
