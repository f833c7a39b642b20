//! NeuralIF in LibTorch against the parity fixtures.
#![cfg(feature = "torch")]

mod torch_support;

use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_gnn::torch::tch::{Device, Kind, Tensor};
use la_gnn::torch::{GraphBatch, Model, NeuralIf, factor_values, keep_mask};
use torch_support::{Fixture, assert_close, network_files, neuralif_folder};

fn system_of(name: &str) -> String {
    format!("{}_system", name.split('_').next().unwrap())
}

fn values(t: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(t.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
}

#[test]
fn states_and_outputs_match_the_fixtures() {
    let Some(folder) = neuralif_folder() else {
        return;
    };
    let mut compared = 0;
    for name in network_files(&folder) {
        let fixture = Fixture::load(&folder, &name);
        let sample = Fixture::load(&folder, &system_of(&name)).sample();
        let parameters = fixture.parameters();
        let model = NeuralIf::new(&parameters, Kind::Double, Device::Cpu).unwrap();
        let batch =
            GraphBatch::new(&[&sample], model.pattern(), Kind::Double, Device::Cpu).unwrap();
        if let Some(row) = fixture.find("l.row") {
            let as_f64 = |v: &[i64]| v.iter().map(|&i| i as f64).collect::<Vec<_>>();
            assert_eq!(as_f64(batch.factor_rows()), row, "{name}");
            assert_eq!(
                as_f64(batch.factor_columns()),
                fixture.get("l.col"),
                "{name}"
            );
        }
        for (state, tensor) in model.states(&batch).unwrap() {
            if let Some(expected) = fixture.find(&format!("state.{state}")) {
                assert_close(
                    &format!("{name} {state}"),
                    &values(&tensor),
                    expected,
                    1e-10,
                );
                compared += 1;
            }
        }
        let (l, _) = model.forward(&batch).unwrap();
        let l = factor_values(&l).unwrap();
        assert_close(&format!("{name} l"), &l, fixture.get("l_val"), 1e-10);

        if let Some(tau) = fixture.find("drop.tau") {
            let (l, _) = model.forward(&batch).unwrap();
            let keep: Vec<f64> = keep_mask(&batch, &l, tau[0])
                .unwrap()
                .iter()
                .map(|&k| f64::from(u8::from(k)))
                .collect();
            assert_eq!(keep, fixture.get("drop.keep"), "{name}");
        }
        if let Some(expected) = fixture.find("normalize_diag.l_val") {
            let mut scaled = parameters.clone();
            scaled.config = scaled.config.with_normalize_diag(true);
            let model = NeuralIf::new(&scaled, Kind::Double, Device::Cpu).unwrap();
            let l = factor_values(&model.forward(&batch).unwrap().0).unwrap();
            assert_close(&format!("{name} normalized"), &l, expected, 1e-10);
        }
    }
    assert!(compared >= 100, "only {compared} states were compared");
}

#[test]
fn single_precision_outputs_match_the_fixtures() {
    let Some(folder) = neuralif_folder() else {
        return;
    };
    for name in network_files(&folder) {
        let fixture = Fixture::load(&folder, &name);
        let sample = Fixture::load(&folder, &system_of(&name)).sample();
        let model = NeuralIf::new(&fixture.parameters(), Kind::Float, Device::Cpu).unwrap();
        let batch = GraphBatch::new(&[&sample], model.pattern(), Kind::Float, Device::Cpu).unwrap();
        let l = factor_values(&model.forward(&batch).unwrap().0).unwrap();
        assert_close(&name, &l, fixture.get("l_val"), 1e-5);
        if let Some(expected) = fixture.find("l_val_f32") {
            assert_close(&name, &l, expected, 1e-5);
        }
    }
}

#[test]
fn gradients_of_the_parameters_match_the_fixtures() {
    let Some(folder) = neuralif_folder() else {
        return;
    };
    let mut compared = 0;
    for name in network_files(&folder) {
        let fixture = Fixture::load(&folder, &name);
        let Some(grad_l) = fixture.find("grad.l_val") else {
            continue;
        };
        let sample = Fixture::load(&folder, &system_of(&name)).sample();
        let parameters = fixture.parameters();
        let model = NeuralIf::new(&parameters, Kind::Double, Device::Cpu).unwrap();
        let batch =
            GraphBatch::new(&[&sample], model.pattern(), Kind::Double, Device::Cpu).unwrap();
        let (_, tape) = model.forward(&batch).unwrap();
        let gradient = values(
            &model
                .backward(&batch, tape, &Tensor::from_slice(grad_l))
                .unwrap(),
        );
        for spec in parameters.config.parameters() {
            let expected = fixture.get(&format!("grad.{}", spec.name));
            let got = &gradient[spec.offset..spec.offset + spec.len];
            let error = torch_support::relative_error(got, expected, 1e-6);
            assert!(error <= 1e-9, "{name} {}: {error:e}", spec.name);
            compared += 1;
        }
    }
    assert!(compared >= 300, "only {compared} gradients were compared");
}

#[test]
fn cuda_gives_the_numbers_of_the_cpu_every_time() {
    let device = match la_gnn::torch::Device::parse("cuda:0") {
        Ok(device) => device.to_tch(),
        Err(reason) => {
            eprintln!("skipped: {reason}");
            return;
        }
    };
    let samples = [
        torch_support::small_sample(300, 1),
        torch_support::small_sample(500, 2),
    ];
    let samples = [&samples[0], &samples[1]];
    let parameters = Parameters::initialize(&NeuralIfConfig::default(), 0).unwrap();
    let run = |device| {
        let model = NeuralIf::new(&parameters, Kind::Float, device).unwrap();
        let batch = GraphBatch::new(&samples, model.pattern(), Kind::Float, device).unwrap();
        let (l, tape) = model.forward(&batch).unwrap();
        let gradient = model.backward(&batch, tape, &l).unwrap();
        (
            factor_values(&l).unwrap(),
            values(&gradient.to_device(Device::Cpu)),
        )
    };
    let (l, gradient) = run(device);
    let (l_cpu, gradient_cpu) = run(Device::Cpu);
    assert_close("factor", &l, &l_cpu, 1e-5);
    assert_close("gradient", &gradient, &gradient_cpu, 1e-4);
    assert_eq!((l, gradient), run(device), "the same bits again");
}
