//! NeuralPCG in LibTorch: against its formulas in plain loops, and its gradient against finite differences.
#![cfg(feature = "torch")]

mod torch_support;

use std::collections::BTreeMap;
use std::sync::Arc;

use la_gnn::GnnError;
use la_gnn::native::{self, Element, FullGraph};
use la_gnn::neuralif::{Activation, NeuralIfConfig};
use la_gnn::neuralpcg::{NeuralPcgConfig, Parameters};
use la_gnn::sprs::TriMat;
use la_gnn::torch::tch::{Device, Kind, Tensor};
use la_gnn::torch::{
    GraphBatch, LossOptions, Model, NeuralIf, NeuralPcg, Pattern, Sample, TorchEngine,
    factor_values, loss,
};
use la_gnn::training::{NoHooks, TrainOptions, train};
use torch_support::{Fixture, assert_close, neuralif_folder, relative_error, small_sample};

/// The matrix of [`small_sample`] with its right-hand side as the only node feature.
fn sample(n: usize, seed: u64) -> Sample {
    let s = small_sample(n, seed);
    Sample::new(s.matrix().view(), s.pair().unwrap().1.to_vec()).unwrap()
}

fn values(t: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(t.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
}

fn batch(model: &NeuralPcg, samples: &[&Sample]) -> GraphBatch {
    GraphBatch::new(samples, model.pattern(), model.kind(), Device::Cpu).unwrap()
}

/// One perceptron of the network on one input.
fn mlp(p: &Parameters, name: &str, input: &[f64]) -> Vec<f64> {
    let tensor = |suffix: &str| {
        let specs = p.config.parameters();
        let s = specs
            .iter()
            .find(|s| s.name == format!("{name}.{suffix}"))
            .unwrap();
        p.values[s.offset..s.offset + s.len].to_vec()
    };
    let linear = |w: &[f32], b: &[f32], x: &[f64]| -> Vec<f64> {
        b.iter()
            .zip(w.chunks_exact(x.len()))
            .map(|(b, row)| {
                f64::from(*b)
                    + row
                        .iter()
                        .zip(x)
                        .map(|(w, x)| f64::from(*w) * x)
                        .sum::<f64>()
            })
            .collect()
    };
    let hidden = linear(&tensor("lin1.weight"), &tensor("lin1.bias"), input);
    let hidden: Vec<f64> = hidden.into_iter().map(|v| v.max(0.0)).collect();
    linear(&tensor("lin2.weight"), &tensor("lin2.bias"), &hidden)
}

#[test]
fn the_factor_follows_the_formulas() {
    let p =
        Parameters::initialize(&NeuralPcgConfig::default().with_width(5).with_steps(2), 3).unwrap();
    let sample = sample(9, 1);
    let a = sample.matrix();
    let mut x: Vec<Vec<f64>> = sample
        .features()
        .iter()
        .map(|f| mlp(&p, "node_encoder", &[*f]))
        .collect();
    let mut e: BTreeMap<(usize, usize), Vec<f64>> = a
        .iter()
        .map(|(v, (i, j))| ((i as usize, j as usize), mlp(&p, "edge_encoder", &[*v])))
        .collect();
    for step in 0..2 {
        for (&(i, j), e) in &mut e {
            *e = mlp(
                &p,
                &format!("step{step}.edge_mlp"),
                &[&x[i][..], &x[j], e].concat(),
            );
        }
        x = x
            .iter()
            .enumerate()
            .map(|(i, xi)| {
                let own: Vec<&Vec<f64>> = e
                    .iter()
                    .filter(|((r, _), _)| *r == i)
                    .map(|(_, e)| e)
                    .collect();
                let mean: Vec<f64> = (0..5)
                    .map(|c| own.iter().map(|e| e[c]).sum::<f64>() / own.len() as f64)
                    .collect();
                mlp(
                    &p,
                    &format!("step{step}.node_mlp"),
                    &[&xi[..], &mean].concat(),
                )
            })
            .collect();
    }
    let s = |i, j| mlp(&p, "edge_decoder", &e[&(i, j)])[0];
    let model = NeuralPcg::new(&p, Kind::Double, Device::Cpu).unwrap();
    let batch = batch(&model, &[&sample]);
    let expected: Vec<f64> = batch
        .factor_rows()
        .iter()
        .zip(batch.factor_columns())
        .map(|(&i, &j)| {
            let (i, j) = (i as usize, j as usize);
            if i == j {
                a.get(i, i).unwrap().sqrt()
            } else {
                s(i, j) + s(j, i)
            }
        })
        .collect();
    let l = factor_values(&model.forward(&batch).unwrap().0).unwrap();
    assert_close("factor", &l, &expected, 1e-12);
}

/// The factor and the largest difference from the native engine, relative to the largest entry.
fn native_error<T: Element>(p: &Parameters, sample: &Sample, kind: Kind) -> f64 {
    let model = NeuralPcg::new(p, kind, Device::Cpu).unwrap();
    let batch = GraphBatch::new(&[sample], model.pattern(), kind, Device::Cpu).unwrap();
    let expected = factor_values(&model.forward(&batch).unwrap().0).unwrap();
    let features = sample.features().iter().map(|v| T::from_f64(*v)).collect();
    let graph = FullGraph::<T>::new(sample.matrix().view(), features).unwrap();
    let network = native::neuralpcg::NeuralPcg::<T>::new(p).unwrap();
    let mut ws = native::neuralpcg::Workspace::default();
    let l = network.factor(&graph, &mut ws).unwrap();
    let got: Vec<f64> = l.iter().map(|v| v.to_f64()).collect();
    relative_error(&got, &expected, f64::MIN_POSITIVE)
}

#[test]
fn the_native_engine_agrees() {
    for config in [
        NeuralPcgConfig::default(),
        NeuralPcgConfig::equilibrated(),
        NeuralPcgConfig::equilibrated()
            .with_activation(Activation::Tanh)
            .with_width(20),
    ] {
        for seed in 0..3 {
            let p = Parameters::initialize(&config, seed).unwrap();
            let small = small_sample(200, seed);
            let b = small.pair().unwrap().1;
            let sample = Sample::for_neuralpcg(small.matrix().view(), Some(b), &config).unwrap();
            let (double, single) = (
                native_error::<f64>(&p, &sample, Kind::Double),
                native_error::<f32>(&p, &sample, Kind::Float),
            );
            assert!(double < 1e-12, "{config:?}: {double:e}");
            assert!(single < 1e-5, "{config:?}: {single:e}");
        }
    }
}

/// The systems of the NeuralIF parity data: real sizes, isolated nodes, right-hand sides.
#[test]
fn the_native_engine_agrees_on_the_fixtures() {
    let Some(folder) = neuralif_folder() else {
        return;
    };
    for name in ["n12", "n60", "n300", "n300q5"] {
        let system = Fixture::load(&folder, &format!("{name}_system"));
        for config in [NeuralPcgConfig::default(), NeuralPcgConfig::equilibrated()] {
            let p = Parameters::initialize(&config, 1).unwrap();
            let a = system.matrix();
            let sample = Sample::for_neuralpcg(a.view(), Some(system.get("b")), &config).unwrap();
            let (double, single) = (
                native_error::<f64>(&p, &sample, Kind::Double),
                native_error::<f32>(&p, &sample, Kind::Float),
            );
            assert!(double < 1e-12, "{name} {config:?}: {double:e}");
            assert!(single < 1e-5, "{name} {config:?}: {single:e}");
            // What the native engine prepares is what LibTorch trains on.
            let graph = match config.node_features {
                1 => FullGraph::<f64>::prepare_system(a.view(), system.get("b"), &config),
                _ => FullGraph::<f64>::prepare(a.view(), &config),
            };
            let same = FullGraph::new(sample.matrix().view(), sample.features().to_vec()).unwrap();
            let mut ws = native::neuralpcg::Workspace::default();
            let network = native::neuralpcg::NeuralPcg::<f64>::new(&p).unwrap();
            let l = network.factor(&graph.unwrap(), &mut ws).unwrap().to_vec();
            assert_eq!(l, network.factor(&same, &mut ws).unwrap());
        }
    }
}

#[test]
fn samples_need_the_features_of_the_network() {
    let a = small_sample(4, 0).matrix().clone();
    let refused = |rhs: Option<&[f64]>, config: &NeuralPcgConfig| {
        matches!(
            Sample::for_neuralpcg(a.view(), rhs, config),
            Err(GnnError::Config {
                field: "node_features",
                ..
            })
        )
    };
    assert!(refused(None, &NeuralPcgConfig::default()));
    assert!(refused(
        Some(&[0.0; 4]),
        &NeuralPcgConfig::default().with_node_features(2)
    ));
    assert!(!refused(None, &NeuralPcgConfig::equilibrated()));
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    for (activation, graph_norm) in [
        (Activation::Tanh, false),
        (Activation::Relu, false),
        (Activation::Tanh, true),
    ] {
        let config = NeuralPcgConfig::default()
            .with_width(3)
            .with_steps(2)
            .with_activation(activation)
            .with_graph_norm(graph_norm);
        let p = Parameters::initialize(&config, 5).unwrap();
        let model = NeuralPcg::new(&p, Kind::Double, Device::Cpu).unwrap();
        let (one, two) = (sample(6, 1), sample(8, 2));
        let batch = batch(&model, &[&one, &two]);
        let z: Vec<f64> = (0..14).map(|i| f64::from(i * 3 + 1).sin()).collect();
        let z = Tensor::from_slice(&z);
        let options = LossOptions::default();
        let value = || {
            loss(&batch, &model.forward(&batch).unwrap().0, &z, &options)
                .unwrap()
                .value
        };
        let (l, tape) = model.forward(&batch).unwrap();
        let at = loss(&batch, &l, &z, &options).unwrap();
        let gradient = values(&model.backward(&batch, tape, &at.gradient).unwrap());
        let h = 1e-6;
        let differences: Vec<f64> = (0..gradient.len() as i64)
            .map(|k| {
                let mut entry = model.flat().narrow(0, k, 1);
                let _ = entry.f_add_scalar_(h).unwrap();
                let up = value();
                let _ = entry.f_add_scalar_(-2.0 * h).unwrap();
                let down = value();
                let _ = entry.f_add_scalar_(h).unwrap();
                (up - down) / (2.0 * h)
            })
            .collect();
        assert_close(&format!("{activation:?}"), &gradient, &differences, 1e-6);
    }
}

#[test]
fn training_lowers_the_loss() {
    let p = Parameters::initialize(&NeuralPcgConfig::default(), 0).unwrap();
    let model = NeuralPcg::new(&p, Kind::Float, Device::Cpu).unwrap();
    let samples: Vec<Arc<Sample>> = (0..3).map(|i| Arc::new(sample(20, i))).collect();
    let mut engine = TorchEngine::new(model, samples, LossOptions::default()).unwrap();
    let mut options = TrainOptions::default();
    options.updates = 80;
    options.batch = 3;
    let id = serde_json::json!("neuralpcg");
    let trained = train(&mut engine, &id, p.values, &options, None, &mut NoHooks).unwrap();
    let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
    let losses = trained.log.losses;
    let (first, last) = (mean(&losses[..8]), mean(&losses[72..]));
    assert!(last < 0.8 * first, "{first} -> {last}");
}

#[test]
fn graphs_that_do_not_fit_are_refused() {
    let p = Parameters::initialize(&NeuralPcgConfig::default(), 0).unwrap();
    let model = NeuralPcg::new(&p, Kind::Double, Device::Cpu).unwrap();
    let mut a = TriMat::new((2, 2));
    for (i, j, v) in [(0, 0, 1.0), (1, 1, 1.0), (1, 0, 0.5)] {
        a.add_triplet(i, j, v);
    }
    let s = Sample::new(a.to_csr::<usize>().view(), vec![0.0; 2]).unwrap();
    let error = GraphBatch::new(&[&s], Pattern::Full, Kind::Double, Device::Cpu).unwrap_err();
    assert_eq!(
        error.to_string(),
        "matrix: entry (1, 0) is stored, its mirror image is not"
    );
    let lower = GraphBatch::new(&[&s], Pattern::Lower, Kind::Double, Device::Cpu).unwrap();
    assert!(matches!(
        model.forward(&lower),
        Err(GnnError::Matrix { .. })
    ));
    let single =
        GraphBatch::new(&[&sample(4, 0)], Pattern::Full, Kind::Float, Device::Cpu).unwrap();
    assert!(matches!(
        model.forward(&single),
        Err(GnnError::Config { field: "kind", .. })
    ));
    let wide = GraphBatch::new(
        &[&small_sample(4, 0)],
        Pattern::Full,
        Kind::Double,
        Device::Cpu,
    )
    .unwrap();
    assert!(matches!(model.forward(&wide), Err(GnnError::Matrix { .. })));
    let few = Parameters {
        config: NeuralPcgConfig::default(),
        values: vec![0.0; 5],
    };
    assert!(matches!(
        NeuralPcg::new(&few, Kind::Float, Device::Cpu),
        Err(GnnError::WeightsMismatch { .. })
    ));
    let half = la_gnn::neuralif::Parameters::initialize(&NeuralIfConfig::default(), 0).unwrap();
    assert!(matches!(
        NeuralIf::new(&half, Kind::Half, Device::Cpu),
        Err(GnnError::Config { .. })
    ));
}
