//! Times to the error of scikit-learn, in turns with it: `LA_DATA_DIR=… PYTHON=python3 cargo run --release -p la-opt --example nmf_times -- [small] [yale] [jasper_ridge] [orl] [cbcl] [synthetic] [reuters]`
//!
//! For each set at rank 10, from NNDSVD: seconds of 50 iterations of scikit-learn's coordinate descent, and for each method the iterations and the time to its error, as a share of those seconds. Both are the
//! fastest of three runs that take turns. `small` is microseconds per iteration at 35 × 35, and the multiply-add rate of the machine beside them. One thread: set RAYON_NUM_THREADS=1.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use la_opt::nmf::{
    AoAdmm, Data, DualStart, Factors, Initializer, Method, NmfOptions, Nndsvd, Unstored, factorize,
};
use la_opt::qp::SparseRows;
use la_problems::nmf::{NonnegativeSet, SyntheticFactors, reuters};

type Failure = Box<dyn std::error::Error>;

const RANK: usize = 10;
const ITERATIONS: usize = 50;
const TURNS: usize = 3;

fn main() -> Result<(), Failure> {
    let folder = std::env::var("LA_DATA_DIR")? + "/nmf";
    for name in std::env::args().skip(1) {
        match &name[..] {
            "small" => small()?,
            "synthetic" => {
                let sample = SyntheticFactors::training().generate(2000, 1000, 0)?;
                dense(&name, sample.rows, sample.columns, sample.values)?;
            }
            "reuters" => {
                let counts = reuters(&folder)?;
                let mean =
                    counts.data().iter().sum::<f64>() / (counts.rows() * counts.cols()) as f64;
                let values: Vec<f64> = counts.data().iter().map(|x| x / mean).collect();
                let wide = |x: &[u32]| x.iter().map(|&x| x as usize).collect::<Vec<usize>>();
                let (pointers, columns) =
                    (wide(counts.indptr().raw_storage()), wide(counts.indices()));
                let rows = SparseRows::new(
                    counts.cols(),
                    pointers.clone(),
                    columns.clone(),
                    values.clone(),
                )?;
                let data = Data::sparse(rows, Unstored::Zero)?;
                compare(&name, &data, &values, Some((&pointers, &columns)))?;
            }
            other => {
                let set = NonnegativeSet::ALL
                    .into_iter()
                    .find(|set| set.name() == other);
                let (set, _) = set.ok_or("no such set")?.read(&folder)?.scaled();
                dense(&name, set.rows, set.columns, set.values)?;
            }
        }
    }
    Ok(())
}

fn dense(name: &str, rows: usize, columns: usize, values: Vec<f64>) -> Result<(), Failure> {
    let data = Data::dense(rows, columns, &values[..])?;
    compare(name, &data, &values, None)
}

fn compare(
    name: &str,
    data: &Data<'_>,
    values: &[f64],
    sparse: Option<(&[usize], &[usize])>,
) -> Result<(), Failure> {
    let clock = Instant::now();
    let start = Nndsvd::default().start(data, RANK)?;
    let begin = clock.elapsed();
    let folder = std::env::temp_dir().join(format!("nmf_times_{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let shape = [data.rows(), data.columns(), RANK, ITERATIONS];
    write(
        &folder,
        "shape",
        shape.iter().flat_map(|&x| (x as u64).to_le_bytes()),
    )?;
    for (name, numbers) in [("values", values), ("w", &start.w), ("h", &start.h)] {
        write(&folder, name, numbers.iter().flat_map(|x| x.to_le_bytes()))?;
    }
    if let Some((pointers, columns)) = sparse {
        for (name, numbers) in [("pointers", pointers), ("columns", columns)] {
            write(
                &folder,
                name,
                numbers.iter().flat_map(|&x| (x as u64).to_le_bytes()),
            )?;
        }
    }
    let methods = [
        ("extrapolated HALS, 1 sweep", Method::extrapolated_hals(1)),
        ("extrapolated HALS, 2 sweeps", Method::extrapolated_hals(2)),
        ("extrapolated HALS, 4 sweeps", Method::extrapolated_hals(4)),
        ("HALS, 1 sweep", Method::Hals { sweeps: 1 }),
        ("AO-ADMM", Method::AoAdmm(AoAdmm::default())),
    ];
    let mut best = [(0, f64::INFINITY, 0.0); 5];
    let (mut peer, mut target) = (f64::INFINITY, 0.0);
    for _ in 0..TURNS {
        let (seconds, error) = run_peer(&folder)?;
        (peer, target) = (peer.min(seconds), error);
        for ((_, method), best) in methods.iter().zip(&mut best) {
            let options = NmfOptions::default()
                .with_method(method.clone())
                .with_max_iters(500)
                .with_kkt_tol(0.0)
                .with_target_rmse(Some(target))
                .with_history_every(0);
            let solution = factorize(data, &start, options)?;
            let seconds = solution.solve_time.as_secs_f64();
            if seconds < best.1 {
                *best = (solution.iterations, seconds, solution.rmse);
            }
        }
    }
    std::fs::remove_dir_all(&folder)?;
    println!(
        "{name}: scikit-learn {ITERATIONS} iterations, {peer:.4} s, RMSE {target:.5}; our NNDSVD {:.4} s",
        begin.as_secs_f64()
    );
    for ((label, _), (iterations, seconds, rmse)) in methods.iter().zip(best) {
        let reached = if rmse <= target { "" } else { " (not reached)" };
        println!(
            "  {label:28} {iterations:4} iterations, {seconds:.4} s, ratio {:.3}{reached}",
            seconds / peer
        );
    }
    Ok(())
}

fn write(folder: &Path, name: &str, bytes: impl Iterator<Item = u8>) -> std::io::Result<()> {
    std::fs::write(folder.join(name), bytes.collect::<Vec<u8>>())
}

fn run_peer(folder: &Path) -> Result<(f64, f64), Failure> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/nmf_times/peer.py");
    let mut command = Command::new(python);
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
        command.env(name, "1");
    }
    let output = command.arg(script).arg(folder).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse);
    let mut next = || -> Result<f64, Failure> { Ok(numbers.next().ok_or("too few numbers")??) };
    Ok((next()?, next()?))
}

fn small() -> Result<(), Failure> {
    let sample = SyntheticFactors::training().generate(35, 35, 0)?;
    let data = Data::dense(35, 35, &sample.values[..])?;
    let start: Factors = Nndsvd::default().start(&data, RANK)?;
    println!(
        "35 x 35, rank {RANK}; {:.1} multiply-adds per nanosecond in a large product",
        rate()
    );
    for (label, method) in [
        (
            "AO-ADMM, rho = 1, cold",
            Method::AoAdmm(AoAdmm::published(DualStart::Cold)),
        ),
        ("AO-ADMM", Method::AoAdmm(AoAdmm::default())),
        ("HALS, 1 sweep", Method::Hals { sweeps: 1 }),
        ("extrapolated HALS, 2 sweeps", Method::extrapolated_hals(2)),
    ] {
        let options = NmfOptions::default()
            .with_method(method)
            .with_max_iters(20)
            .with_kkt_tol(0.0)
            .with_history_every(0);
        let run = || factorize(&data, &start, options.clone());
        let mut best = f64::INFINITY;
        for _ in 0..2000 {
            best = best.min(run()?.solve_time.as_secs_f64());
        }
        println!(
            "  {label:28} {:.2} microseconds per iteration",
            1e6 / 20.0 * best
        );
    }
    Ok(())
}

/// Multiply-adds per nanosecond of a large product in faer, on one thread.
fn rate() -> f64 {
    let n = 384;
    let a = Mat::from_fn(n, n, |i, j| (i + j) as f64);
    let mut product = Mat::zeros(n, n);
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let clock = Instant::now();
        matmul(&mut product, Accum::Replace, &a, &a, 1.0, Par::Seq);
        best = best.min(clock.elapsed().as_secs_f64());
    }
    (n * n * n) as f64 / (1e9 * best)
}
