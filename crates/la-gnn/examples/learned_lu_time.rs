//! Time of a forward pass and of one training update of learned LU in pure Rust and, with feature `torch`, in LibTorch.
//!
//! `cargo run --release -p la-gnn [--features torch] --example learned_lu_time -- [grid side] [entries per row] [threads]`

use std::time::Instant;

use la_gnn::GnnError;
use la_gnn::learned_lu::{LearnedLuConfig, Parameters};
use la_gnn::native::CoatesGraph;
use la_gnn::native::learned_lu::{LearnedLu, LuEngine, LuTrainingGraph, Workspace};
use la_gnn::sprs::{CsMatI, TriMatI};
use la_gnn::training::Engine;
use la_gnn::training::lu::LuLoss;
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

/// Milliseconds of a forward pass and of an update.
type Times = (f64, f64);

fn native(a: &CsMatI<f64, u32>, parameters: &Parameters) -> Result<Times, GnnError> {
    let network = LearnedLu::<f32>::new(parameters)?;
    let mut graph = CoatesGraph::prepare(a.view(), network.config())?;
    println!("n {}, {} arcs", a.rows(), graph.num_arcs());
    let prepare = median_ms(15, || {
        CoatesGraph::<f32>::prepare(a.view(), network.config()).expect("a square matrix");
    });
    let again = median_ms(15, || {
        graph
            .update(a.view(), network.config())
            .expect("the same pattern");
    });
    println!("graph {prepare:.2} ms, of another matrix with its pattern {again:.2} ms");
    let mut workspace = Workspace::default();
    let forward = median_ms(31, || {
        network
            .factor(&graph, &mut workspace)
            .expect("finite factors");
    });
    let training = LuTrainingGraph::new(a.view(), network.config(), &[], |_| Ok(Vec::new()))?;
    let engine = LuEngine::new(network.config(), LuLoss::default(), vec![training])?;
    Ok((forward, update(engine, parameters)))
}

fn update(mut engine: impl Engine, parameters: &Parameters) -> f64 {
    let mut gradient = vec![0.0; parameters.values.len()];
    let mut seed = 0;
    median_ms(15, || {
        seed += 1;
        gradient.fill(0.0);
        engine
            .loss_and_gradient(&parameters.values, &[0], seed, &mut gradient)
            .expect("a finite loss");
    })
}

#[cfg(feature = "torch")]
fn libtorch(
    a: &CsMatI<f64, u32>,
    parameters: &Parameters,
    threads: usize,
) -> Result<Times, Box<dyn std::error::Error>> {
    use la_gnn::torch::tch::{self, Kind};
    use la_gnn::torch::{GraphBatch, LearnedLu, Model, Sample, TorchEngine, factor_values};
    use std::sync::Arc;

    tch::set_num_threads(i32::try_from(threads)?);
    let device = tch::Device::Cpu;
    let model = LearnedLu::new(parameters, Kind::Float, device)?;
    let sample = Arc::new(Sample::for_learned_lu(a.view(), None, model.config())?);
    let batch = GraphBatch::new(&[&sample], model.pattern(), Kind::Float, device)?;
    let forward = median_ms(15, || {
        let diagonal = model.config().diagonal;
        let (factors, _) = model
            .factors(&batch, diagonal)
            .expect("the batch fits the network");
        factor_values(&factors).expect("finite factors");
    });
    let engine =
        TorchEngine::new(model, vec![sample], LuLoss::default())?.with_kept_entries(1 << 30);
    Ok((forward, update(engine, parameters)))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default| arguments.get(i).map_or(Ok(default), |a| a.parse());
    let (side, random, threads): (usize, usize, usize) =
        (number(0, 50)?, number(1, 39)?, number(2, 1)?);
    let a = matrix(side, random);
    let parameters = Parameters::initialize(&LearnedLuConfig::default(), 0)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let (forward, update) = pool.install(|| native(&a, &parameters))?;
    println!("{threads} threads, milliseconds: pure Rust forward {forward:.2}, update {update:.2}");
    #[cfg(feature = "torch")]
    {
        let (forward, update) = libtorch(&a, &parameters, threads)?;
        println!(
            "{threads} threads, milliseconds: LibTorch forward {forward:.2}, update {update:.2}"
        );
    }
    Ok(())
}
