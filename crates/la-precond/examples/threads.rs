//! What a second thread, and more, bring: a triad, products, and CG with algebraic multigrid, in turn.
//!
//! Run with `cargo run --release -p la-precond --features rayon --example threads [grid side] [rounds]`.

use std::hint::black_box;
use std::time::Instant;

use la_krylov::sprs::{CsMatI, TriMatI};
use la_krylov::{CgOptions, CsrMatrix, Host, LinearOperator, VectorSpace, cg};
use la_precond::classical::{SmoothedAggregation, Smoother};

/// The five-point Laplacian of a `side` × `side` grid.
fn laplacian(side: usize) -> CsMatI<f64, u32> {
    let n = side * side;
    let mut t = TriMatI::with_capacity((n, n), 5 * n);
    for i in 0..n {
        t.add_triplet(i, i, 4.0);
        let neighbours = [(i % side > 0).then(|| i - 1), i.checked_sub(side)];
        for j in neighbours.into_iter().flatten() {
            t.add_triplet(i, j, -1.0);
            t.add_triplet(j, i, -1.0);
        }
    }
    t.to_csr()
}

/// Lower quartile, median and upper quartile.
fn quartiles(mut seconds: Vec<f64>) -> [f64; 3] {
    seconds.sort_by(f64::total_cmp);
    [1, 2, 3].map(|k| seconds[k * (seconds.len() - 1) / 4])
}

/// A name and the work.
type Job<'j> = (&'static str, Box<dyn FnMut() + Send + 'j>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let side = arguments.next().map_or(Ok(800), |s| s.parse())?;
    let rounds = arguments.next().map_or(Ok(11), |s| s.parse())?;
    let a = laplacian(side);
    let n = a.rows();
    let compact = CsrMatrix::<f64>::from_sprs(a.view())?;
    let default = SmoothedAggregation::default();
    let chebyshev = default
        .clone()
        .with_smoother(Smoother::Chebyshev { degree: 2 });
    let (symmetric, polynomial) = (default.build(a.view())?, chebyshev.build(a.view())?);
    let b: Vec<f64> = (0..n).map(|i| 1.0 + (i as f64).sin()).collect();
    let options = CgOptions::default().with_rtol(1e-8);
    for (name, m) in [("default", &symmetric), ("Chebyshev", &polynomial)] {
        let solution = cg(&compact, &b, m, &options)?;
        println!("{name}: {} iterations, {}", solution.iterations, m.stats());
    }
    let (x, long) = (b.clone(), b.repeat(8));
    let (mut y, mut long_y) = (b.clone(), long.clone());
    let (space, large) = (Host::new(n), Host::new(8 * n));
    let (compact, b, symmetric, polynomial) = (&compact, &b, &symmetric, &polynomial);
    let mut jobs: Vec<Job<'_>> = vec![
        (
            "triad, 8 n entries",
            Box::new(move || large.axpy(1e-9, black_box(&long), &mut long_y)),
        ),
        (
            "product",
            Box::new(move || compact.apply(&space, black_box(&x), &mut y)),
        ),
        (
            "CG, AMG by default",
            Box::new(|| {
                black_box(cg(compact, b, symmetric, &options).is_ok());
            }),
        ),
        (
            "CG, AMG with Chebyshev",
            Box::new(|| {
                black_box(cg(compact, b, polynomial, &options).is_ok());
            }),
        ),
    ];
    let threads = std::thread::available_parallelism()?.get();
    let pools = [1, threads].map(|t| rayon::ThreadPoolBuilder::new().num_threads(t).build());
    let mut times = vec![[const { Vec::new() }; 2]; jobs.len()];
    for _ in 0..rounds {
        for ((_, job), times) in jobs.iter_mut().zip(&mut times) {
            for (pool, times) in pools.iter().zip(times) {
                let Ok(pool) = pool else { continue };
                let started = Instant::now();
                pool.install(&mut *job);
                times.push(started.elapsed().as_secs_f64());
            }
        }
    }
    println!("n = {n}; milliseconds, median [quartiles] of {rounds}; 1 and {threads} threads");
    let mut reference = None;
    for ((name, _), [one, many]) in jobs.iter().zip(times) {
        let (one, many) = (quartiles(one), quartiles(many));
        let gain = one[1] / many[1];
        let first = *reference.get_or_insert(gain);
        let show = |t: [f64; 3]| {
            let [low, middle, high] = t.map(|t| 1e3 * t);
            format!("{middle:8.2} [{low:8.2} {high:8.2}]")
        };
        println!(
            "  {name:22} {} {}  gain {gain:.2}, {:.2} of the triad's",
            show(one),
            show(many),
            gain / first
        );
    }
    Ok(())
}
