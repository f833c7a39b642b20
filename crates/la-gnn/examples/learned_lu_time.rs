//! Time of a forward pass of learned LU in pure Rust.
//!
//! `cargo run --release -p la-gnn --example learned_lu_time -- [grid side] [entries per row] [threads]`

use std::time::Instant;

use la_gnn::learned_lu::{LearnedLuConfig, Parameters};
use la_gnn::native::CoatesGraph;
use la_gnn::native::learned_lu::{LearnedLu, Workspace};
use la_gnn::sprs::{CsMatI, TriMatI};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Median of the repetitions, in milliseconds, after two that do not count.
fn median_ms(repetitions: usize, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..repetitions + 2)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .skip(2)
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The 5-point Laplacian of a side × side grid with uniform random entries scattered over it.
fn matrix(side: usize, random: usize) -> CsMatI<f64, u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let n = side * side;
    let mut a = TriMatI::new((n, n));
    for i in 0..n {
        a.add_triplet(i, i, 4.0);
        for (there, j) in [
            (i % side > 0, i.wrapping_sub(1)),
            (i % side + 1 < side, i + 1),
            (i >= side, i.wrapping_sub(side)),
            (i + side < n, i + side),
        ] {
            if there {
                a.add_triplet(i, j, -1.0);
            }
        }
        for _ in 0..random {
            a.add_triplet(i, rng.random_range(0..n), rng.random_range(0.0..1.0));
        }
    }
    a.to_csr()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default| arguments.get(i).map_or(Ok(default), |a| a.parse());
    let (side, random, threads): (usize, usize, usize) =
        (number(0, 50)?, number(1, 39)?, number(2, 1)?);
    let a = matrix(side, random);
    let parameters = Parameters::initialize(&LearnedLuConfig::default(), 0)?;
    let network = LearnedLu::<f32>::new(&parameters)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    pool.install(|| -> Result<(), la_gnn::GnnError> {
        let mut graph = CoatesGraph::prepare(a.view(), network.config())?;
        println!("n {}, {} arcs, {threads} threads", a.rows(), graph.num_arcs());
        let mut workspace = Workspace::default();
        let prepare = median_ms(15, || {
            CoatesGraph::<f32>::prepare(a.view(), network.config()).expect("a square matrix");
        });
        let update = median_ms(15, || {
            graph.update(a.view(), network.config()).expect("the same pattern");
        });
        let forward = median_ms(31, || {
            network.factor(&graph, &mut workspace).expect("finite factors");
        });
        println!("graph {prepare:.2} ms, graph of the same pattern {update:.2} ms, forward {forward:.2} ms");
        Ok(())
    })?;
    Ok(())
}
