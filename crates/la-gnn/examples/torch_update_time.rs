//! Time of a forward pass and of one training update of NeuralIF in LibTorch.
//!
//! `cargo run --release -p la-gnn --features torch --example torch_update_time -- [n] [threads] [device]`

use std::sync::Arc;
use std::time::Instant;

use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_gnn::torch::tch::{self, Kind};
use la_gnn::torch::{
    Device, GraphBatch, LossOptions, Model, NeuralIf, Sample, TorchEngine, factor_values,
};
use la_gnn::training::Engine;
use la_problems::NeuralIfSynthetic;

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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default| arguments.get(i).map_or(Ok(default), |a| a.parse());
    let (n, threads) = (number(0, 10_000)?, number(1, 1)?);
    let device = Device::parse(arguments.get(2).map_or("cpu", String::as_str))?;
    tch::set_num_threads(i32::try_from(threads)?);

    let system = NeuralIfSynthetic::default().with_n(n).generate(0)?;
    let start = Instant::now();
    let sample = Arc::new(Sample::from_matrix(system.matrix.view())?);
    let features = start.elapsed().as_secs_f64() * 1e3;
    let parameters = Parameters::initialize(&NeuralIfConfig::default(), 0)?;
    let model = NeuralIf::new(&parameters, Kind::Float, device.to_tch())?;
    let start = Instant::now();
    let batch = GraphBatch::new(&[&sample], model.pattern(), Kind::Float, device.to_tch())?;
    let upload = start.elapsed().as_secs_f64() * 1e3;
    println!(
        "n {n}, entries of L {}, {threads} threads, {device}",
        batch.factor_nnz()
    );

    let forward = median_ms(15, || {
        let (l, _) = model.forward(&batch).expect("the batch fits the network");
        // Copies to the host, so the device has finished.
        factor_values(&l).expect("the factor is finite");
    });
    let mut engine =
        TorchEngine::new(model, vec![sample], LossOptions::default())?.with_kept_entries(1 << 30);
    let mut gradient = vec![0.0; parameters.values.len()];
    let mut seed = 0;
    let update = median_ms(15, || {
        seed += 1;
        engine
            .loss_and_gradient(&parameters.values, &[0], seed, &mut gradient)
            .expect("loss and gradient are finite");
    });
    println!("features {features:.1} ms, batch {upload:.1} ms (once)");
    println!("forward {forward:.1} ms, loss and gradient {update:.1} ms (medians of 15)");
    Ok(())
}
