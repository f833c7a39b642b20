//! Time of a training step and of one application of a graph neural preconditioner, beside the rate of a dense `f32` product and an
//! inner GMRES(10) measured in the same run, in turn.
//!
//! Percentages count the multiply-adds of the network as published, 9280 a node and 128 an entry of A, three times in training. The
//! encoder is looked up by its linear pieces here, so that fewer are done.
//!
//! `cargo run --release -p la-gnn --example gnp_time -- [order] [entries per row] [threads] [repetitions]`

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Instant;

use faer::Mat;
use faer::linalg::matmul::matmul;
use la_gnn::gnp::{GnpConfig, Parameters};
use la_gnn::native::gnp::{Matrix, Network, Trainer, Workspace};
use la_gnn::sprs::{CsMatI, TriMatI};
use la_gnn::training::gnp::GnpEngine;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const COLUMNS: usize = 16;
/// Dense products in a row.
const DENSE: usize = 8;

/// Seconds: of this thread on a processor, where the system tells and only one is used, so that other programs do not count.
fn now(threads: usize) -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    if threads == 1 {
        // The system brings its count up to date when it may change to another thread.
        std::thread::yield_now();
        let text = std::fs::read_to_string("/proc/thread-self/schedstat");
        let count = text
            .ok()
            .and_then(|t| t.split(' ').next()?.parse::<f64>().ok());
        if let Some(nanoseconds) = count {
            return nanoseconds * 1e-9;
        }
    }
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// Random off-diagonal entries around a diagonal, rows of absolute sum at most 1.
fn matrix(n: usize, per_row: usize) -> CsMatI<f64, u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut a = TriMatI::new((n, n));
    let size = 1.0 / per_row as f64;
    for i in 0..n {
        a.add_triplet(i, i, size);
        for _ in 1..per_row {
            a.add_triplet(i, rng.random_range(0..n), rng.random_range(-size..size));
        }
    }
    a.to_csr()
}

/// Ten products with A, each orthogonalised against the vectors before by modified Gram–Schmidt, and their combination.
fn inner_gmres(a: &CsMatI<f64, u32>, b: &[f64], basis: &mut [Vec<f64>], z: &mut [f64]) {
    let (start, column, value) = (a.indptr(), a.indices(), a.data());
    let start = start.raw_storage();
    basis[0].copy_from_slice(b);
    for j in 1..basis.len() {
        let (past, next) = basis.split_at_mut(j);
        let (v, w) = (&past[j - 1], &mut next[0]);
        for (i, w) in w.iter_mut().enumerate() {
            let entries = start[i] as usize..start[i + 1] as usize;
            *w = 0.0;
            for (j, x) in column[entries.clone()].iter().zip(&value[entries]) {
                *w += x * v[*j as usize];
            }
        }
        for v in past.iter() {
            let h = dot(v, w);
            w.iter_mut().zip(v).for_each(|(w, v)| *w -= h * v);
        }
        let norm = dot(w, w).sqrt().recip();
        w.iter_mut().for_each(|w| *w *= norm);
    }
    z.fill(0.0);
    for v in basis.iter() {
        z.iter_mut().zip(v).for_each(|(z, v)| *z += 0.1 * v);
    }
}

/// Eight sums side by side, as a compiler may not make of one.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for k in 0..8 {
            sums[k] += a[k] * b[k];
        }
    }
    sums.iter().sum()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<usize> = std::env::args()
        .skip(1)
        .map(|a| a.parse())
        .collect::<Result<_, _>>()?;
    let argument = |i: usize, default| arguments.get(i).copied().unwrap_or(default);
    let (n, per_row, threads, repetitions) = (
        argument(0, 2500),
        argument(1, 20),
        argument(2, 1),
        argument(3, 15),
    );
    let a = matrix(n, per_row);
    let parameters = Parameters::initialize(&GnpConfig::paper(), 0)?;
    let prepared = std::sync::Arc::new(Matrix::new(a.view())?);
    let network = Network::new(&parameters)?;
    let mut trainer = Trainer::new(&parameters, prepared.clone())?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let b: Vec<f64> = (0..n * COLUMNS)
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    let (mut z, mut memory) = (vec![0.0; n], Workspace::default());
    let mut basis = vec![vec![0.0; n]; 11];
    let size = 512;
    let [left, right] =
        [0.5, 0.25].map(|v| Mat::<f32>::from_fn(size, size, |i, j| v + (i ^ j) as f32));
    let mut product = Mat::<f32>::zeros(size, size);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let mut totals = [0.0; 4];
    pool.install(|| -> Result<(), la_gnn::GnnError> {
        for repetition in 0..=repetitions {
            let mut marks = vec![now(threads)];
            for _ in 0..DENSE {
                let par = faer::Par::Seq;
                matmul(&mut product, faer::Accum::Replace, &left, &right, 1.0, par);
                black_box(&product);
            }
            marks.push(now(threads));
            trainer.loss_and_gradient(&b, COLUMNS)?;
            trainer.update(1e-3)?;
            marks.push(now(threads));
            for b in b.chunks_exact(n) {
                network.apply(&prepared, b, &mut z, &mut memory)?;
            }
            marks.push(now(threads));
            for b in b.chunks_exact(n) {
                inner_gmres(&a, b, &mut basis, &mut z);
                black_box(&z);
            }
            marks.push(now(threads));
            // The first round warms up.
            if repetition > 0 {
                for (total, pair) in totals.iter_mut().zip(marks.windows(2)) {
                    *total += (pair[1] - pair[0]) / repetitions as f64;
                }
            }
        }
        Ok(())
    })?;
    let [dense, step, apply, inner] = totals;
    let (dense, apply, inner) = (
        dense / DENSE as f64,
        apply / COLUMNS as f64,
        inner / COLUMNS as f64,
    );
    let rate = (size * size * size) as f64 / dense;
    let nodes = (n * 9280 + 128 * a.nnz()) as f64;
    println!(
        "n {n}, {} entries, {threads} threads, means of {repetitions}",
        a.nnz()
    );
    println!(
        "dense f32 product   {:8.2} G multiply-adds/s, one thread",
        rate * 1e-9
    );
    println!(
        "training step       {:8.2} ms, {COLUMNS} columns; forward and gradients of states and weights: {:.0} % of the dense rate",
        step * 1e3,
        100.0 * 3.0 * (COLUMNS as f64) * nodes / step / rate
    );
    println!(
        "application         {:8.3} ms, {:.0} % of the dense rate",
        apply * 1e3,
        100.0 * nodes / apply / rate
    );
    println!(
        "inner GMRES(10)     {:8.3} ms, application / this {:.2}",
        inner * 1e3,
        apply / inner
    );
    Ok(())
}
