//! Products and projections as fractions of the bandwidth of memory, measured side by side.
//!
//! Run with `cargo run --release -p la-krylov --features rayon --example bandwidth [grid side]`.

use std::hint::black_box;
use std::time::Instant;

use la_krylov::sprs::{CsMatI, TriMatI};
use la_krylov::{CsrMatrix, Host, LinearOperator, VectorSpace};

/// The five-point Laplacian of a `side` × `side` grid.
fn laplacian(side: usize) -> CsMatI<f64, usize> {
    let n = side * side;
    let mut t = TriMatI::with_capacity((n, n), 5 * n);
    for i in 0..n {
        t.add_triplet(i, i, 4.0);
        for j in [(i % side > 0).then(|| i - 1), (i >= side).then(|| i - side)] {
            if let Some(j) = j {
                t.add_triplet(i, j, -1.0);
                t.add_triplet(j, i, -1.0);
            }
        }
    }
    t.to_csr()
}

/// Runs all jobs in turn, many times; the least seconds of each, which other work on the machine
/// disturbs least.
fn best(jobs: &mut [(&str, usize, Box<dyn FnMut() + '_>)]) -> Vec<f64> {
    let mut times = vec![Vec::new(); jobs.len()];
    for _ in 0..40 {
        for ((_, _, job), times) in jobs.iter_mut().zip(&mut times) {
            let started = Instant::now();
            job();
            times.push(started.elapsed().as_secs_f64());
        }
    }
    let least = |times: &Vec<f64>| times.iter().copied().fold(f64::INFINITY, f64::min);
    times.iter().map(least).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let side = std::env::args().nth(1).map_or(Ok(1200), |s| s.parse())?;
    let wide = laplacian(side);
    let narrow: CsMatI<f64, u32> = wide.to_other_types();
    let compact = CsrMatrix::<f64>::from_sprs(narrow.view())?;
    let n = side * side;
    let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
    for (title, space) in [
        ("one thread", Host::sequential(n)),
        ("threads", Host::new(n)),
    ] {
        if title == "threads" && !space.is_parallel() {
            continue;
        }
        let (mut y, mut y2, mut y3, mut y4) = (x.clone(), x.clone(), x.clone(), x.clone());
        let (mut z, mut w) = (x.clone(), x.clone());
        let (mut block, mut image) = (space.basis(8), space.basis(4));
        for j in 0..8 {
            space.set_column(&mut block, j, 1.0 / n as f64, &x);
        }
        let (mut h, g) = ([0.0; 8], [1e-3; 8]);
        let vector = n * 8;
        let matrix = compact.product_bytes() - 2 * vector;
        let (sp, a, b) = (&space, &wide, &narrow);
        let columns = &block;
        let mut jobs: Vec<(&str, usize, Box<dyn FnMut()>)> = vec![
            // Reads y and x, writes y: the same traffic as a triad without write-allocation.
            (
                "y = y + s x",
                3 * vector,
                Box::new(|| sp.axpy(1e-9, black_box(&x), &mut y)),
            ),
            (
                "sprs, 64-bit indices",
                matrix + compact.nnz() * 4 + 2 * vector,
                Box::new(|| a.apply(sp, black_box(&x), &mut y2)),
            ),
            (
                "sprs, 32-bit indices",
                matrix + 2 * vector,
                Box::new(|| b.apply(sp, black_box(&x), &mut y3)),
            ),
            (
                "CsrMatrix",
                matrix + 2 * vector,
                Box::new(|| compact.apply(sp, black_box(&x), &mut y4)),
            ),
            (
                "CsrMatrix, 4 columns",
                matrix + 8 * vector,
                Box::new(|| compact.apply_columns(sp, black_box(columns), 0..4, &mut image)),
            ),
            (
                "h = V' w, 8 columns",
                9 * vector,
                Box::new(|| sp.project(black_box(columns), &z, &mut h)),
            ),
            (
                "w = w - V h, 8 columns",
                10 * vector,
                Box::new(|| {
                    black_box(sp.subtract(columns, &g, &mut w));
                }),
            ),
        ];
        let seconds = best(&mut jobs);
        let rates: Vec<f64> = jobs
            .iter()
            .zip(&seconds)
            .map(|((_, bytes, _), s)| *bytes as f64 / s / 1e9)
            .collect();
        println!("{title}, n = {n}, {} nonzeros", compact.nnz());
        for (((name, _, _), seconds), rate) in jobs.iter().zip(&seconds).zip(&rates) {
            println!(
                "  {name:24} {:8.2} ms {rate:7.1} GB/s  {:5.2} of the first",
                seconds * 1e3,
                rate / rates[0]
            );
        }
        drop(jobs);
        z.clear();
    }
    Ok(())
}
