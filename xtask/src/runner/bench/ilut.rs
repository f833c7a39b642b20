//! Incomplete LU with a threshold, beside SuperLU's and ILU++'s at the same number of entries.

use anyhow::Result;
use la_krylov::{Host, Preconditioner};
use la_precond::classical::{Ilut, LuFill};
use la_problems::{ConvectionDiffusion, Grid, LinearSystem, Poisson, Wind};
use xtask::report::Unit;

use super::clock;
use super::contest::{Contest, Outcome, Rival};
use super::krylov::relative_residual;
use super::peers::{Peer, Peers, Program};
use super::record::Record;
use super::{Args, Size};

/// How far apart the numbers of entries may be, relatively.
const EQUAL: f64 = 0.05;
/// Factorisations that look for a threshold of a peer.
const TRIALS: usize = 8;
/// Entries that the factors may have at most, over those of the matrix: never reached.
const ROOM: f64 = 20.0;

pub(super) fn run(args: &Args, record: &mut Record, peers: &Peers) -> Result<()> {
    record.note(
        "ilut: natural order, no pivoting; the threshold of a peer is the one at which its factors have as many entries \
         as ours, within 5 %; one_application_residual is ‖b − A M⁻¹ b‖ / ‖b‖",
    );
    for (name, system) in systems(args.size)? {
        eprintln!("ilut: {name}, {} nonzeros", system.matrix.nnz());
        peers.load(&name, &system)?;
        for drop_tol in [1e-2, 1e-3] {
            measure(args, record, peers, &name, &system, drop_tol)?;
        }
        peers.forget(&name)?;
    }
    Ok(())
}

/// The problems, by name.
fn systems(size: Size) -> Result<Vec<(String, LinearSystem)>> {
    let (plane, cube) = match size {
        Size::Smoke => (40, 12),
        Size::Small => (150, 25),
        Size::Full => (300, 36),
    };
    let wind = ConvectionDiffusion::default();
    Ok([
        (
            "convection2d",
            wind.clone()
                .with_grid(Grid::rectangle(plane, plane))
                .with_wind(Wind::Recirculating)
                .with_peclet(plane as f64)
                .generate()?,
        ),
        (
            "convection3d",
            wind.with_grid(Grid::cuboid(cube, cube, cube))
                .with_wind(Wind::Constant([-1.0, 0.5, -0.25]))
                .with_peclet(cube as f64)
                .generate()?,
        ),
        (
            "poisson2d",
            Poisson::new(Grid::rectangle(plane, plane)).generate()?,
        ),
    ]
    .into_iter()
    .map(|(name, system)| (format!("ilut-{name}-n{}", system.n()), system))
    .collect())
}

fn measure(
    args: &Args,
    record: &mut Record,
    peers: &Peers,
    name: &str,
    system: &LinearSystem,
    drop_tol: f64,
) -> Result<()> {
    let a = &system.matrix;
    let options = Ilut::default()
        .with_drop_tol(drop_tol)
        .with_fill(LuFill::Total(ROOM));
    let entries = options.factor(a.view())?.nnz() as u64;
    let mut rivals = Vec::new();
    for (method, work) in [("superlu-spilu", "spilu"), ("ilupp-ilut", "ilut")] {
        let drop = match peers.get(Program::Scipy) {
            Some(Ok(peer)) => threshold(
                &mut peer.borrow_mut(),
                name,
                work,
                system,
                (entries, drop_tol),
            ),
            _ => Ok(drop_tol),
        };
        // What fails here fails once more in its first turn, and is recorded there.
        let number = number(work, drop.unwrap_or(drop_tol), system);
        let program = (Program::Scipy, method);
        let goal = (args.threads == 1).then_some(1.0);
        rivals.push(Rival::peer(peers, program, name, (work, number), goal));
    }
    let space = Host::new(system.n());
    let problem = format!("{name}-drop{drop_tol:e}");
    let contest = Contest {
        problem: &problem,
        method: "ilut",
        quantity: "setup_seconds",
        repetitions: args.repetitions.min(3),
        rtol: None,
    };
    let last = contest.run(
        record,
        None,
        || {
            let (factor, seconds) = clock::timed(|| options.factor(a.view()));
            let (factor, mut x) = (factor?, vec![0.0; system.n()]);
            factor.apply(&space, &system.rhs, &mut x)?;
            Ok(Outcome {
                seconds,
                count: factor.nnz() as u64,
                residual: relative_residual(system, &x),
            })
        },
        rivals,
    )?;
    for (method, outcome) in last {
        let fill = outcome.count as f64 / a.nnz() as f64;
        record.value(&problem, &method, "fill", Unit::Dimensionless, fill)?;
        let quantity = "one_application_residual";
        record.value(
            &problem,
            &method,
            quantity,
            Unit::Dimensionless,
            outcome.residual,
        )?;
        if method != "ilut" {
            let apart = (outcome.count as f64 / entries as f64 - 1.0).abs();
            record.agreement(&problem, &method, "entries_difference", apart, EQUAL)?;
        }
    }
    Ok(())
}

/// What a peer is told: its threshold, and room enough for all entries that pass it.
fn number(work: &str, drop: f64, system: &LinearSystem) -> String {
    let room = match work {
        // Entries of a row of either factor.
        "ilut" => (ROOM * system.matrix.nnz() as f64 / system.n() as f64).ceil(),
        _ => ROOM,
    };
    format!("{drop:e},{room}")
}

/// The threshold at which `work` has as many entries as asked for, from the first guess on: first in powers of ten
/// until there are more and fewer, then by interpolation of the logarithms. The best one, if none is near enough.
fn threshold(
    peer: &mut Peer,
    name: &str,
    work: &str,
    system: &LinearSystem,
    (entries, guess): (u64, f64),
) -> Result<f64> {
    let target = (entries as f64).ln();
    let (mut drop, mut best) = (guess.ln(), (f64::INFINITY, guess));
    // Thresholds with more and with fewer entries than wanted.
    let mut more: Option<(f64, f64)> = None;
    let mut fewer: Option<(f64, f64)> = None;
    for _ in 0..TRIALS {
        let outcome = peer.time(work, name, &number(work, drop.exp(), system))?;
        let off = (outcome.count as f64).ln() - target;
        if off.abs() < best.0 {
            best = (off.abs(), drop.exp());
        }
        // Well within what is allowed: the ratio of times is to mean something.
        if off.abs() < 0.4 * EQUAL {
            break;
        }
        if off > 0.0 {
            more = Some((drop, off));
        } else {
            fewer = Some((drop, off));
        }
        drop = match (more, fewer) {
            // Regula falsi, kept away from the ends.
            (Some((low, above)), Some((high, below))) => {
                let part = (above / (above - below)).clamp(0.1, 0.9);
                low + part * (high - low)
            }
            (Some(_), None) => drop + 10.0f64.ln(),
            _ => drop - 10.0f64.ln(),
        };
    }
    Ok(best.1)
}
