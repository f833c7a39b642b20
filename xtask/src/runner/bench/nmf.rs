//! Nonnegative factorisations: time to an error, beside scikit-learn and nimfa.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use la_opt::nmf::{
    AoAdmm, Data, DualStart, Factors, Fill, Initializer, Loss, Method, NmfOptions, NmfSolution,
    NmfWorkspace, Nndsvd, Unstored, factorize,
};
use la_opt::qp::SparseRows;
use la_problems::nmf::{NonnegativeSet, SyntheticFactors, reuters};
use xtask::report::Unit;

use super::clock;
use super::contest::{Contest, Outcome, Rival};
use super::peers::{Peers, Program};
use super::record::Record;
use super::{Args, Size};

const RANK: usize = 10;
/// Iterations of the others.
const ITERATIONS: usize = 50;
/// Of theirs, our share of the time to their error.
const GOAL: f64 = 0.5;

pub(super) fn run(args: &Args, record: &mut Record) -> Result<()> {
    record.note(format!(
        "nmf: rank {RANK} from the same NNDSVD, whose time is not in the seconds; scikit-learn does {ITERATIONS} iterations (cd: coordinate descent, mu: multiplicative \
         updates, which start from NNDSVD with its zeros filled), we stop where our error is at most that of cd"
    ));
    let peers = Peers::of(args, record, &[Program::Factors]);
    small(args, record)?;
    let tall = match args.size {
        Size::Smoke => (60, 40),
        _ => (2000, 1000),
    };
    let sample = SyntheticFactors::training().generate(tall.0, tall.1, 0)?;
    let name = format!("synthetic-{}x{}", tall.0, tall.1);
    measure(
        args,
        record,
        &peers,
        &Matrix::dense(&name, tall, sample.values),
    )?;
    if args.size == Size::Smoke {
        return Ok(());
    }
    let Some(folder) = std::env::var_os("LA_DATA_DIR").map(|d| PathBuf::from(d).join("nmf")) else {
        record.note("nmf: LA_DATA_DIR is not set: one synthetic matrix only");
        return Ok(());
    };
    for set in [
        NonnegativeSet::Yale,
        NonnegativeSet::JasperRidge,
        NonnegativeSet::Orl,
        NonnegativeSet::Cbcl,
    ] {
        let (read, _) = set.read(&folder)?.scaled();
        let matrix = Matrix::dense(set.name(), (read.rows, read.columns), read.values);
        measure(args, record, &peers, &matrix)?;
    }
    let counts = reuters(&folder)?;
    let mean = counts.data().iter().sum::<f64>() / (counts.rows() * counts.cols()) as f64;
    let wide = |x: &[u32]| x.iter().map(|&x| x as usize).collect::<Vec<usize>>();
    let matrix = Matrix {
        name: "reuters".to_owned(),
        shape: (counts.rows(), counts.cols()),
        values: counts.data().iter().map(|x| x / mean).collect(),
        pattern: Some((wide(counts.indptr().raw_storage()), wide(counts.indices()))),
        // Faster than scikit-learn is what is wanted of sparse data.
        goal: 1.0,
    };
    measure(args, record, &peers, &matrix)
}

struct Matrix {
    name: String,
    shape: (usize, usize),
    values: Vec<f64>,
    /// Pointers and columns of a sparse one.
    pattern: Option<(Vec<usize>, Vec<usize>)>,
    goal: f64,
}

impl Matrix {
    fn dense(name: &str, shape: (usize, usize), values: Vec<f64>) -> Self {
        Self {
            name: name.to_owned(),
            shape,
            values,
            pattern: None,
            goal: GOAL,
        }
    }

    fn data(&self) -> Result<Data<'_>> {
        let (m, n) = self.shape;
        Ok(match &self.pattern {
            None => Data::dense(m, n, &self.values[..])?,
            Some((pointers, columns)) => {
                let rows =
                    SparseRows::new(n, pointers.clone(), columns.clone(), self.values.clone())?;
                Data::sparse(rows, Unstored::Zero)?
            }
        })
    }
}

/// Seconds of the iterations, without the start.
fn outcome(solution: &NmfSolution) -> Outcome {
    Outcome {
        seconds: solution.solve_time.as_secs_f64(),
        count: solution.iterations as u64,
        residual: solution.rmse,
    }
}

fn options(method: Method, iterations: usize) -> NmfOptions {
    NmfOptions::default()
        .with_method(method)
        .with_max_iters(iterations)
        .with_kkt_tol(0.0)
        .with_history_every(0)
}

fn measure(args: &Args, record: &mut Record, peers: &Peers, matrix: &Matrix) -> Result<()> {
    let data = matrix.data()?;
    eprintln!(
        "nmf: {}, {} x {}",
        matrix.name, matrix.shape.0, matrix.shape.1
    );
    let (start, seconds) = clock::timed(|| Nndsvd::default().start(&data, RANK));
    let start = start?;
    let filled = Nndsvd::default()
        .with_fill(Fill::Random)
        .start(&data, RANK)?;
    let name = format!("nmf-{}", matrix.name);
    record.seconds(&name, "nndsvd", "start_seconds", &[seconds])?;
    hand_over(peers, matrix, [&start, &filled])?;
    // The error to be reached.
    let target = match peers.get(Program::Factors) {
        Some(Ok(peer)) => {
            peer.borrow_mut()
                .time("nmf-cd", &matrix.name, "1")?
                .residual
        }
        _ => {
            factorize(
                &data,
                &start,
                options(Method::Hals { sweeps: 1 }, ITERATIONS),
            )?
            .rmse
        }
    };
    record.value(&name, "target", "rmse", Unit::Dimensionless, target)?;
    let reach = |method: Method| {
        let (data, start) = (&data, &start);
        move || -> Result<Outcome> {
            let options = options(method.clone(), 2000).with_target_rmse(Some(target));
            Ok(outcome(&factorize(data, start, options)?))
        }
    };
    let work = |method: &'static str, work: &'static str, goal| {
        Rival::peer(
            peers,
            (Program::Factors, method),
            &matrix.name,
            (work, "1".into()),
            goal,
        )
    };
    let contest = |method, quantity| Contest {
        problem: &name,
        method,
        quantity,
        repetitions: args.repetitions,
        rtol: None,
    };
    let rivals = vec![
        Rival::ours(
            "extrapolated-hals-4",
            None,
            reach(Method::extrapolated_hals(4)),
        ),
        Rival::ours("hals", None, reach(Method::Hals { sweeps: 1 })),
        Rival::ours("ao-admm", None, reach(Method::AoAdmm(AoAdmm::default()))),
        work("sklearn-cd", "nmf-cd", Some(matrix.goal)),
        work("nimfa-lsnmf", "nmf-nimfa", None).filter(|_| matrix.pattern.is_none()),
    ];
    let ours = reach(Method::extrapolated_hals(1));
    let last = contest("extrapolated-hals", "seconds_to_error").run(record, None, ours, rivals)?;
    for (method, outcome) in &last {
        record.value(
            &name,
            method,
            "iterations",
            Unit::Iterations,
            outcome.count as f64,
        )?;
        record.value(
            &name,
            method,
            "rmse_reached",
            Unit::Dimensionless,
            outcome.residual,
        )?;
    }
    let multiply = || -> Result<Outcome> {
        let method = Method::Multiplicative(Loss::Frobenius);
        Ok(outcome(&factorize(
            &data,
            &filled,
            options(method, ITERATIONS),
        )?))
    };
    let rivals = [work("sklearn-mu", "nmf-mu", Some(1.0))];
    let last = contest("multiplicative", "seconds_mu").run(record, None, multiply, rivals)?;
    for (method, outcome) in &last {
        record.value(
            &name,
            method,
            "rmse_mu",
            Unit::Dimensionless,
            outcome.residual,
        )?;
    }
    divergence(args, record, peers, matrix, &data, &filled)?;
    peers.forget(&matrix.name)
}

/// Time to the divergence that scikit-learn's multiplicative updates reach.
fn divergence(
    args: &Args,
    record: &mut Record,
    peers: &Peers,
    matrix: &Matrix,
    data: &Data<'_>,
    start: &Factors,
) -> Result<()> {
    let multiplicative = Method::Multiplicative(Loss::KullbackLeibler);
    let target = match peers.get(Program::Factors) {
        Some(Ok(peer)) => {
            peer.borrow_mut()
                .time("nmf-kl", &matrix.name, "1")?
                .residual
        }
        _ => factorize(data, start, options(multiplicative.clone(), ITERATIONS))?.loss,
    };
    let reach = |method: Method| {
        move || -> Result<Outcome> {
            let options = options(method.clone(), 1);
            let mut workspace = NmfWorkspace::new(data, start, options)?;
            let (mut seconds, mut count) = (0.0, 0);
            while count < 2000 && workspace.loss() > target {
                seconds += clock::timed(|| workspace.step()).1;
                count += 1;
            }
            let residual = workspace.loss();
            ensure!(residual <= target, "{residual} after {count} iterations");
            Ok(Outcome {
                seconds,
                count,
                residual,
            })
        }
    };
    let name = format!("nmf-{}", matrix.name);
    let rivals = [
        Rival::ours("multiplicative-kl", None, reach(multiplicative)),
        Rival::peer(
            peers,
            (Program::Factors, "sklearn-mu-kl"),
            &matrix.name,
            ("nmf-kl", "1".into()),
            Some(GOAL),
        ),
    ];
    let contest = Contest {
        problem: &name,
        method: "scalar-newton",
        quantity: "seconds_to_divergence",
        repetitions: args.repetitions,
        rtol: None,
    };
    let ours = reach(Method::ScalarNewton { sweeps: 2 });
    for (method, outcome) in contest.run(record, None, ours, rivals)? {
        let count = outcome.count as f64;
        record.value(&name, &method, "iterations", Unit::Iterations, count)?;
        let reached = outcome.residual;
        record.value(
            &name,
            &method,
            "divergence_reached",
            Unit::Dimensionless,
            reached,
        )?;
    }
    Ok(())
}

/// Gives a matrix to the other programs as files.
fn hand_over(peers: &Peers, matrix: &Matrix, [start, filled]: [&Factors; 2]) -> Result<()> {
    let real = |x: &[usize]| x.iter().map(|&x| x as f64).collect::<Vec<f64>>();
    let mut parts = vec![
        ("values", matrix.values.clone()),
        ("w", start.w.clone()),
        ("h", start.h.clone()),
        ("w_filled", filled.w.clone()),
        ("h_filled", filled.h.clone()),
    ];
    if let Some((pointers, columns)) = &matrix.pattern {
        parts.extend([("pointers", real(pointers)), ("columns", real(columns))]);
    }
    let parts: Vec<(&str, &[f64])> = parts.iter().map(|(name, x)| (*name, &x[..])).collect();
    let (m, n) = matrix.shape;
    peers
        .open(&matrix.name, &parts, &[m, n, RANK, ITERATIONS])
        .with_context(|| format!("{} for the other programs", matrix.name))
}

/// Time of an iteration at 35 × 35, and what the machine multiplies and adds meanwhile.
fn small(args: &Args, record: &mut Record) -> Result<()> {
    let sample = SyntheticFactors::training().generate(35, 35, 0)?;
    let data = Data::dense(35, 35, &sample.values[..])?;
    let start = Nndsvd::default().start(&data, RANK)?;
    let repetitions = 20 * usize::from(args.repetitions);
    for (name, method) in [
        (
            "ao-admm-published",
            Method::AoAdmm(AoAdmm::published(DualStart::Cold)),
        ),
        ("ao-admm", Method::AoAdmm(AoAdmm::default())),
        ("hals", Method::Hals { sweeps: 1 }),
        ("extrapolated-hals", Method::extrapolated_hals(1)),
    ] {
        let options = options(method, 20);
        let mut seconds = Vec::new();
        for _ in 0..repetitions {
            let solution = factorize(&data, &start, options.clone())?;
            seconds.push(solution.solve_time.as_secs_f64() / 20.0);
        }
        record.seconds("nmf-35x35", name, "iteration_seconds", &seconds)?;
    }
    record.value(
        "nmf-35x35",
        "faer",
        "multiply_adds_per_ns",
        Unit::Dimensionless,
        rate(),
    )?;
    Ok(())
}

/// Multiply-adds per nanosecond of a large product, on one thread.
fn rate() -> f64 {
    let n = 384;
    let a = Mat::from_fn(n, n, |i, j| (i + j) as f64);
    let mut product = Mat::zeros(n, n);
    let seconds = clock::short(|| matmul(&mut product, Accum::Replace, &a, &a, 1.0, Par::Seq));
    (n * n * n) as f64 / (1e9 * seconds)
}
