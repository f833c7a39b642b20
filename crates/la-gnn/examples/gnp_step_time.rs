//! Time of a training step of a graph neural preconditioner: LibTorch with the matrix in compressed columns and autograd, as in the
//! paper's published code, LibTorch with this crate's products and gradients, and the native engine.
//!
//! `cargo run --release -p la-gnn --features torch --example gnp_step_time -- [n] [entries per row] [threads]`

use la_gnn::gnp::{GnpConfig, Parameters};
use la_gnn::native::gnp as native;
use la_gnn::sprs::{CsMatI, TriMatI};
use la_gnn::torch::tch::{self, Device, Kind};
use la_gnn::torch::{GnpTrainer, ProductEngine, SparseProduct};
use la_gnn::training::gnp::GnpEngine;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "gnp_step_time/compressed_columns.rs"]
mod compressed_columns;
#[path = "gnp_step_time/measure.rs"]
mod measure;

use compressed_columns::CompressedColumns;
use measure::interleaved;

/// Columns of a batch, as in the paper.
const COLUMNS: usize = 16;

/// A random matrix with a diagonal, divided by its largest row sum.
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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<usize> = std::env::args()
        .skip(1)
        .map(|a| a.parse())
        .collect::<Result<_, _>>()?;
    let number = |i: usize, default| arguments.get(i).copied().unwrap_or(default);
    let (n, per_row, threads) = (number(0, 2_500), number(1, 20), number(2, 1));
    tch::set_num_threads(i32::try_from(threads)?);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()?;

    let a = matrix(n, per_row);
    let start = Parameters::initialize(&GnpConfig::paper(), 0)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let b: Vec<f64> = (0..n * COLUMNS)
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    let device = tch::Tensor::from_slice(&b)
        .view([COLUMNS as i64, n as i64])
        .tr()
        .contiguous();

    let mut peer = CompressedColumns::new(&a, &start)?;
    let mut own = GnpTrainer::new(a.view(), &start, Kind::Float, Device::Cpu)?;
    let by =
        |kind| SparseProduct::with_engine(a.view(), kind, Device::Cpu, ProductEngine::LibTorch);
    let mut rows = GnpTrainer::with_products(by(Kind::Float)?, by(Kind::Double)?, &start)?;
    let mut plain = native::Trainer::new(&start, native::Matrix::new(a.view())?)?;

    let mut losses = [0.0; 4];
    let times = {
        let [first, second, third, fourth] = &mut losses;
        interleaved(
            9,
            &mut [
                &mut || *first = peer.step(&device).expect("the batch fits"),
                &mut || {
                    let loss = own.evaluate(&device).expect("the batch fits");
                    own.update(1e-3).expect("a gradient is there");
                    *second = loss.double_value(&[]);
                },
                &mut || {
                    let loss = rows.evaluate(&device).expect("the batch fits");
                    rows.update(1e-3).expect("a gradient is there");
                    *third = loss.double_value(&[]);
                },
                &mut || {
                    *fourth = plain
                        .loss_and_gradient(&b, COLUMNS)
                        .expect("the batch fits");
                    plain.update(1e-3).expect("a gradient is there");
                },
            ],
        )
    };
    println!(
        "n {n}, {} entries, {COLUMNS} columns, {threads} threads; medians of 9, interleaved",
        a.nnz()
    );
    let names = [
        "LibTorch, compressed columns, autograd",
        "LibTorch, this crate's product and gradients",
        "LibTorch, its product by rows, gradients by hand",
        "native",
    ];
    for ((name, time), loss) in names.iter().zip(&times).zip(losses) {
        println!(
            "{name:50} {time:8.1} ms   ratio {:5.2}   loss {loss:.6}",
            time / times[0]
        );
    }
    products(&a, threads);
    Ok(())
}

/// The products alone: `A X` for X of (n, 256) in single precision, and of (n, 16) in double precision.
fn products(a: &CsMatI<f64, u32>, threads: usize) {
    for (kind, width) in [(Kind::Float, 256), (Kind::Double, 16), (Kind::Double, 1)] {
        let x = tch::Tensor::randn([a.cols() as i64, width], (kind, Device::Cpu));
        let make = |engine| SparseProduct::with_engine(a.view(), kind, Device::Cpu, engine);
        let (own, theirs) = (
            make(ProductEngine::Native).expect("the matrix is in order"),
            make(ProductEngine::LibTorch).expect("the matrix is in order"),
        );
        let columns = compressed_columns::upload(a, kind).expect("the matrix is in order");
        let times = interleaved(
            15,
            &mut [
                &mut || drop(own.product(&x).expect("shapes fit")),
                &mut || drop(theirs.product(&x).expect("shapes fit")),
                &mut || drop(columns.mm(&x)),
            ],
        );
        println!(
            "A X, {kind:?}, {width:3} columns, {threads} threads: own {:.3} ms, LibTorch by rows {:.3} ms, by columns {:.3} ms",
            times[0], times[1], times[2]
        );
    }
}
