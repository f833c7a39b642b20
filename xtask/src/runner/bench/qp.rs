//! Quadratic programs: cold solves and sequences, beside the programs that are used for them.

mod batch;

use std::path::PathBuf;

use anyhow::Result;
use la_opt::qp::{Hessian, Pricing};
use xtask::report::Unit;

use super::contest::{Contest, Outcome, Rival};
use super::peers::{Peers, Program};
use super::record::Record;
use super::{Args, Size};
use batch::Batch;

/// A parametric family and what is asked of it: iterations of steepest edge over DAQP's.
type Family = (&'static str, f64);

const ITERATIONS: f64 = 1.15;
const FAMILIES: [Family; 17] = [
    ("dense_10v40c", ITERATIONS),
    ("dense_20v80c", ITERATIONS),
    ("dense_30v120c", 0.50),
    ("dense_50v200c", 0.65),
    ("multi_dense_60v120c", ITERATIONS),
    ("multi_dense_100v200c", 0.60),
    ("dense_100v400c", 0.40),
    ("banded_10v40c", ITERATIONS),
    ("banded_30v120c", ITERATIONS),
    ("banded_50v200c", ITERATIONS),
    ("banded_100v400c", ITERATIONS),
    ("banded_200v800c", ITERATIONS),
    ("bandfix_50v200c", ITERATIONS),
    ("lmpc_pendulum_N5_206c", ITERATIONS),
    ("lmpc_pendulum_N50_296c", ITERATIONS),
    ("chain3_N15_closedloop", ITERATIONS),
    ("multi_dense_20v40c", ITERATIONS),
];
/// Steps of controllers, in the folder `mpc`.
const STEPS: [&str; 2] = ["LIPMWALK", "WHLIPBAL"];

/// The other programs: what they are asked to do, and their names.
const OTHERS: [(&str, &str); 5] = [
    ("qp-daqp", "daqp"),
    ("qp-piqp", "piqp"),
    ("qp-quadprog", "quadprog"),
    ("qp-osqp", "osqp"),
    ("qp-clarabel", "clarabel"),
];

/// Objectives may differ by this much, relatively, and constraints be violated by it.
const AGREEMENT: f64 = 1e-5;

pub(super) fn run(args: &Args, record: &mut Record) -> Result<()> {
    record.note(
        "qp: seconds are means over the problems of a family, feasible ones only; daqp, piqp and osqp by their own clocks (set-up and solve), quadprog and \
         clarabel by the clock around the call; tolerance 1e-6 for those that have one",
    );
    let peers = Peers::of(args, record, &[Program::Quadratic]);
    let (families, count) = match args.size {
        Size::Smoke => (&FAMILIES[..1], 3),
        Size::Small => (&FAMILIES[..], 10),
        Size::Full => (&FAMILIES[..], 40),
    };
    let Some(folder) = std::env::var_os("LA_DATA_DIR").map(|d| PathBuf::from(d).join("qp")) else {
        record.note("qp: LA_DATA_DIR is not set: two random families only");
        for (n, m) in [(10, 40), (30, 120)] {
            let batch = Batch::random(n, m, count)?;
            measure(args, record, &peers, &batch, ITERATIONS)?;
        }
        return Ok(());
    };
    for &(name, goal) in families {
        let batch = Batch::family(&folder, name, count)?;
        measure(args, record, &peers, &batch, goal)?;
    }
    for name in STEPS {
        let batch = Batch::steps(&folder, name, count)?;
        measure(args, record, &peers, &batch, ITERATIONS)?;
    }
    Ok(())
}

fn measure(
    args: &Args,
    record: &mut Record,
    peers: &Peers,
    batch: &Batch,
    iterations_goal: f64,
) -> Result<()> {
    let [n, m, bounds] = batch.sizes();
    eprintln!(
        "qp: {}, n = {n}, m = {m}, {} problems",
        batch.name,
        batch.problems.len()
    );
    hand_over(peers, batch, [n, m, bounds])?;
    let name = format!("qp-{}", batch.name);
    let peer = |work, method, goal| {
        let program = (Program::Quadratic, method);
        Rival::peer(peers, program, &batch.name, (work, "1".into()), goal)
    };
    let contest = |method, quantity| Contest {
        problem: &name,
        method,
        quantity,
        repetitions: args.repetitions,
        rtol: None,
    };
    let cold = |pricing| move || warmed(|| batch.cold(pricing)).map(|cold| cold.outcome);
    let setup =
        |pricing| move || warmed(|| batch.cold(pricing)).map(|cold| Outcome::timed(cold.setup));
    let (edge, largest) = (Pricing::SteepestEdge, Pricing::LargestViolation);

    let goal = move |work: &str| match work {
        "qp-daqp" if n >= 100 => Some(0.5),
        _ if n <= 100 => Some(1.0),
        _ => None,
    };
    let mut rivals = vec![Rival::ours("largest-violation", None, cold(largest))];
    rivals.extend(OTHERS.map(|(work, method)| peer(work, method, goal(work))));
    let last = contest("steepest-edge", "cold_seconds").run(record, None, cold(edge), rivals)?;
    let count = batch.problems.len() as f64;
    for (method, outcome) in &last {
        let iterations = outcome.count as f64 / count;
        record.value(&name, method, "iterations", Unit::Iterations, iterations)?;
        record.agreement(&name, method, "error", outcome.residual, AGREEMENT)?;
    }
    if let (Some((_, ours)), Some((_, theirs))) = (
        last.first(),
        last.iter().find(|(method, _)| method == "daqp"),
    ) {
        let counts = (ours.count, theirs.count);
        record.quotient(&name, "daqp", "iterations_ratio", counts, iterations_goal)?;
    }

    let goal = (n <= 50).then_some(1.0);
    let rivals = [peer("qp-daqp", "daqp", goal)];
    contest("largest-violation", "cold_seconds_same_rule").run(
        record,
        None,
        cold(largest),
        rivals,
    )?;
    let goal = (n >= 100).then_some(0.5);
    let rivals = [peer("qp-daqp-setup", "daqp", goal)];
    contest("steepest-edge", "setup_seconds").run(record, None, setup(edge), rivals)?;

    if batch.sequence {
        let sequence = |pricing| move || warmed(|| batch.sequence(pricing));
        let rivals = [
            Rival::ours("largest-violation", None, sequence(largest)),
            peer("qp-daqp-sequence", "daqp", Some(0.7)),
        ];
        let last =
            contest("steepest-edge", "update_seconds").run(record, None, sequence(edge), rivals)?;
        for (method, outcome) in &last {
            let iterations = outcome.count as f64 / (count - 1.0);
            record.value(
                &name,
                method,
                "iterations_after_update",
                Unit::Iterations,
                iterations,
            )?;
        }
    }
    peers.forget(&batch.name)
}

/// The second of two times: a turn begins with caches that the others have left, which is not what is compared.
fn warmed<R>(mut work: impl FnMut() -> Result<R>) -> Result<R> {
    work()?;
    work()
}

/// Gives the batch to the other programs as files.
fn hand_over(peers: &Peers, batch: &Batch, sizes: [usize; 3]) -> Result<()> {
    let n = sizes[0];
    let all = |part: fn(&la_opt::qp::QuadraticProgram) -> &[f64]| -> Vec<f64> {
        batch.problems.iter().flat_map(part).copied().collect()
    };
    let Some(first) = batch.problems.first() else {
        return Ok(());
    };
    let hessian = match first.hessian() {
        Hessian::Dense(p) => p.clone(),
        Hessian::Diagonal(d) => diagonal(d),
        other => anyhow::bail!("{}: no form for {other:?}", batch.name),
    };
    debug_assert_eq!(hessian.len(), n * n);
    let parts = [
        ("hessian", hessian),
        ("rows", first.rows().to_vec()),
        ("linear", all(|p| p.linear())),
        ("lower", all(|p| p.lower())),
        ("upper", all(|p| p.upper())),
        ("objective", batch.objective.clone()),
    ];
    let parts: Vec<(&str, &[f64])> = parts.iter().map(|(name, x)| (*name, &x[..])).collect();
    peers.open(&batch.name, &parts, &sizes)
}

fn diagonal(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let mut matrix = vec![0.0; n * n];
    for (i, &value) in values.iter().enumerate() {
        matrix[i * n + i] = value;
    }
    matrix
}
