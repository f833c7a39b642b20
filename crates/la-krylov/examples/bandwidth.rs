//! Products and projections as fractions of the bandwidth of memory, measured side by side.
//!
//! Run with `cargo run --release -p la-krylov --features rayon --example bandwidth [grid side]`.

use std::hint::black_box;
use std::time::Instant;

use la_krylov::sprs::{CsMatI, TriMatI};
use la_krylov::{CsrMatrix, Host, LinearOperator, VectorSpace};

/// A stencil of second differences on a grid: all 3ᵈ neighbours, or those along the axes.
fn stencil(sides: [usize; 3], all: bool) -> CsMatI<f64, usize> {
    let n = sides.iter().product();
    let mut t = TriMatI::with_capacity((n, n), 27 * n);
    let steps = || [-1isize, 0, 1].into_iter();
    for i in 0..n {
        let at = [
            i % sides[0],
            i / sides[0] % sides[1],
            i / sides[0] / sides[1],
        ];
        for step in steps().flat_map(|z| steps().flat_map(move |y| steps().map(move |x| [x, y, z])))
        {
            let distance: usize = step.iter().map(|d| d.unsigned_abs()).sum();
            let to = [0, 1, 2].map(|k| at[k].checked_add_signed(step[k]).filter(|x| *x < sides[k]));
            if let ([Some(x), Some(y), Some(z)], true) = (to, all || distance <= 1) {
                let v = if distance == 0 { 30.0 } else { -1.0 };
                t.add_triplet(i, x + sides[0] * (y + sides[1] * z), v);
            }
        }
    }
    t.to_csr()
}

/// Ten entries a row, anywhere.
fn random(n: usize) -> CsMatI<f64, usize> {
    let mut t = TriMatI::with_capacity((n, n), 10 * n);
    let mut state = 1u64;
    for i in 0..10 * n {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        t.add_triplet(i / 10, (state >> 33) as usize % n, 1.0 / (1 + i % 7) as f64);
    }
    t.to_csr()
}

/// A name, the bytes that it moves, and the work.
type Job<'j> = (&'static str, usize, Box<dyn FnMut() + 'j>);

/// Runs all jobs in turn, many times; the least seconds of each, which other work on the machine
/// disturbs least.
fn best(jobs: &mut [Job<'_>]) -> Vec<f64> {
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

/// Products with several matrices of about `n` rows, next to a triad.
fn compare(n: usize) -> Result<(), la_krylov::KrylovError> {
    let (plane, cube) = (n.isqrt(), (n as f64).cbrt() as usize);
    let matrices = [
        ("5-point", stencil([plane, plane, 1], false)),
        ("7-point", stencil([cube; 3], false)),
        ("27-point", stencil([cube; 3], true)),
        ("random, 10 a row", random(n)),
    ];
    for threads in [false, true] {
        let space = |n| match threads {
            true => Host::new(n),
            false => Host::sequential(n),
        };
        if threads && !space(1).is_parallel() {
            continue;
        }
        println!(
            "products: {}",
            if threads { "threads" } else { "one thread" }
        );
        for (name, a) in &matrices {
            let a = CsrMatrix::<f64>::from_sprs(a.view())?;
            let (n, long) = (a.rows(), 8 << 20);
            let (x, mut y) = (vec![1.0; n], vec![0.0; n]);
            let (u, mut v) = (vec![1.0; long], vec![0.0; long]);
            let mut jobs: [Job<'_>; 2] = [
                (
                    "triad",
                    24 * long,
                    Box::new(|| space(long).axpy(1e-9, black_box(&u), &mut v)),
                ),
                (
                    "product",
                    12 * a.nnz() + 20 * n,
                    Box::new(|| a.apply(&space(n), black_box(&x), &mut y)),
                ),
            ];
            let seconds = best(&mut jobs);
            let [triad, product] = [0, 1].map(|k| jobs[k].1 as f64 / seconds[k] / 1e9);
            println!(
                "  {name:18} n = {n:8}, {:9} nonzeros {product:7.1} GB/s  {:5.2} of the triad's {triad:.1}",
                a.nnz(),
                product / triad
            );
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let side = std::env::args().nth(1).map_or(Ok(1200), |s| s.parse())?;
    let wide = stencil([side, side, 1], false);
    let narrow: CsMatI<f64, u32> = wide.to_other_types();
    let compact = CsrMatrix::<f64>::from_sprs(narrow.view())?;
    let n = side * side;
    let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
    for (title, space, large) in [
        ("one thread", Host::sequential(n), Host::sequential(8 * n)),
        ("threads", Host::new(n), Host::new(8 * n)),
    ] {
        if title == "threads" && !space.is_parallel() {
            continue;
        }
        let (mut y2, mut y3, mut y4) = (x.clone(), x.clone(), x.clone());
        let (long, mut long_y) = (x.repeat(8), x.repeat(8));
        let (z, mut w) = (x.clone(), x.clone());
        let (mut block, mut image) = (space.basis(8), space.basis(4));
        for j in 0..8 {
            space.set_column(&mut block, j, 1.0 / n as f64, &x);
        }
        let (mut h, g) = ([0.0; 8], [1e-3; 8]);
        let vector = n * 8;
        let matrix = compact.product_bytes() - 2 * vector;
        let (sp, a, b) = (&space, &wide, &narrow);
        let columns = &block;
        let mut jobs: Vec<Job<'_>> = vec![
            // Reads y and x, writes y: the traffic of a triad, on vectors that no cache holds.
            (
                "y = y + s x, 8 n entries",
                24 * vector,
                Box::new(|| large.axpy(1e-9, black_box(&long), &mut long_y)),
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
    }
    compare(n)?;
    Ok(())
}
