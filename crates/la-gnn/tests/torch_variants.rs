//! Variants of NeuralIF that only LibTorch computes: against their formulas in plain loops, and finite differences.
#![cfg(feature = "torch")]

mod torch_support;

use std::collections::BTreeMap;

use la_gnn::GnnError;
use la_gnn::neuralif::{Activation, MessageGraph, NeuralIfConfig, Parameters};
use la_gnn::torch::tch::{Device, Kind, Tensor};
use la_gnn::torch::{
    GraphBatch, LossOptions, Model, NeuralIf, Pattern, Sample, factor_values, loss,
};
use torch_support::{assert_close, small_sample};

type Arcs = BTreeMap<(usize, usize), Vec<f64>>;

fn values(t: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(t.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
}

fn variants() -> Vec<NeuralIfConfig> {
    let config = NeuralIfConfig::default().with_blocks(2).with_hidden(4);
    let full = config.clone().with_graph(MessageGraph::Full);
    vec![
        config.clone().with_edge_features(3),
        config.clone().with_global_features(2),
        config
            .clone()
            .with_edge_features(2)
            .with_global_features(3)
            .with_activation(Activation::Relu),
        config.with_node_decoder(true),
        full.clone(),
        full.clone()
            .with_graph_norm(false)
            .with_activation(Activation::Relu),
        full.with_edge_features(2)
            .with_global_features(2)
            .with_normalize_diag(true),
    ]
}

/// One perceptron of the network on one input.
fn mlp(p: &Parameters, name: &str, input: &[f64]) -> Vec<f64> {
    let tensor = |suffix: &str| {
        let specs = p.config.parameters();
        let name = format!("{name}.{suffix}");
        let s = specs.iter().find(|s| s.name == name).unwrap();
        p.values[s.offset..s.offset + s.len].to_vec()
    };
    let linear = |layer: &str, x: &[f64]| -> Vec<f64> {
        let (w, b) = (
            tensor(&format!("{layer}.weight")),
            tensor(&format!("{layer}.bias")),
        );
        assert_eq!(w.len(), b.len() * x.len(), "{name}.{layer}");
        b.iter()
            .zip(w.chunks_exact(x.len()))
            .map(|(b, row)| {
                let products = row.iter().zip(x).map(|(w, x)| f64::from(*w) * x);
                f64::from(*b) + products.sum::<f64>()
            })
            .collect()
    };
    let hidden = linear("lin1", input)
        .into_iter()
        .map(|v| match p.config.activation {
            Activation::Tanh => v.tanh(),
            _ => v.max(0.0),
        })
        .collect::<Vec<_>>();
    linear("lin2", &hidden)
}

fn mean<'a>(rows: impl Iterator<Item = &'a Vec<f64>>, width: usize) -> (Vec<f64>, f64) {
    let (mut sum, mut count) = (vec![0.0; width], 0.0);
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(s, v)| *s += v);
        count += 1.0;
    }
    (sum, count)
}

/// One GraphNet step: `pick` says which end of an entry receives.
fn step(
    p: &Parameters,
    name: &str,
    (x, e, g): (&mut Vec<Vec<f64>>, &mut Arcs, &mut Vec<f64>),
    skip: Option<&Arcs>,
    receives: impl Fn((usize, usize)) -> (usize, usize),
    average: bool,
) {
    for (at, e) in e.iter_mut() {
        let (i, j) = receives(*at);
        let skipped = skip.map_or(Vec::new(), |a| a[at].clone());
        let input = [&g[..], &x[i], &x[j], e, &skipped].concat();
        *e = mlp(p, &format!("{name}.edge_mlp"), &input);
    }
    let width = e.values().next().unwrap().len();
    *x = (0..x.len())
        .map(|i| {
            let own = e.iter().filter(|(at, _)| receives(**at).0 == i);
            let (mut m, count) = mean(own.map(|(_, e)| e), width);
            if average {
                m.iter_mut().for_each(|v| *v /= count);
            }
            mlp(
                p,
                &format!("{name}.node_mlp"),
                &[&g[..], &x[i], &m].concat(),
            )
        })
        .collect();
    if !g.is_empty() {
        let (mut of_x, n) = mean(x.iter(), 8);
        let (mut of_e, count) = mean(e.values(), width);
        of_x.iter_mut().for_each(|v| *v /= n);
        of_e.iter_mut().for_each(|v| *v /= count);
        *g = mlp(
            p,
            &format!("{name}.global_mlp"),
            &[&of_x[..], &of_e, g].concat(),
        );
    }
}

/// The factor by the formulas, row by row, and the final node states.
fn by_formula(p: &Parameters, sample: &Sample) -> (Vec<f64>, Vec<Vec<f64>>) {
    let config = &p.config;
    let a = sample.matrix();
    let n = a.rows();
    let mut x: Vec<Vec<f64>> = sample
        .features()
        .chunks_exact(8)
        .map(<[f64]>::to_vec)
        .collect();
    if config.graph_norm {
        // At identity: alpha = gamma = 1, beta = 0.
        for d in 0..8 {
            let mean = x.iter().map(|x| x[d]).sum::<f64>() / n as f64;
            let square = x.iter().map(|x| (x[d] - mean).powi(2)).sum::<f64>() / n as f64;
            x.iter_mut()
                .for_each(|x| x[d] = (x[d] - mean) / (square + 1e-5).sqrt());
        }
    }
    let full = config.graph == MessageGraph::Full;
    let original: Arcs = a
        .iter()
        .map(|(v, (i, j))| ((i as usize, j as usize), vec![*v]))
        .filter(|((i, j), _)| full || j <= i)
        .collect();
    let (mut e, mut g) = (original.clone(), vec![0.0; config.global_features]);
    for block in 0..config.blocks {
        let skip = (config.skip && block > 0).then_some(&original);
        let name = format!("block{block}.step1");
        step(p, &name, (&mut x, &mut e, &mut g), skip, |at| at, true);
        if !full {
            let name = format!("block{block}.step2");
            let turned = |(i, j)| (j, i);
            step(p, &name, (&mut x, &mut e, &mut g), None, turned, false);
        }
    }
    let entry = |i: usize, j: usize| match (full, i == j) {
        (false, false) => e[&(i, j)][0],
        (false, true) => (e[&(i, i)][0] / 2.0).exp(),
        (true, false) => e[&(i, j)][0] + e[&(j, i)][0],
        (true, true) => 2.0 * (e[&(i, i)][0] / 2.0).exp(),
    };
    let mut l = Vec::new();
    for i in 0..n {
        let columns = original.range((i, 0)..=(i, i)).map(|((_, j), _)| *j);
        let row: Vec<f64> = columns.map(|j| entry(i, j)).collect();
        let square: f64 = row.iter().map(|v| v * v).sum();
        let scale = match config.normalize_diag {
            true => (a.get(i, i).unwrap() / square).sqrt(),
            false => 1.0,
        };
        l.extend(row.iter().map(|v| v * scale));
    }
    (l, x)
}

#[test]
fn the_factor_follows_the_formulas() {
    for config in variants() {
        let p = Parameters::initialize(&config, 3).unwrap();
        let model = NeuralIf::new(&p, Kind::Double, Device::Cpu).unwrap();
        let (one, two) = (small_sample(9, 1), small_sample(6, 2));
        let samples = [&one, &two];
        let batch = GraphBatch::new(&samples, model.pattern(), Kind::Double, Device::Cpu).unwrap();
        let (first, nodes) = by_formula(&p, &one);
        let (second, more_nodes) = by_formula(&p, &two);
        let l = factor_values(&model.forward(&batch).unwrap().0).unwrap();
        // The state of a graph does not reach over to another graph of the batch.
        assert_close(
            &format!("{config:?}"),
            &l,
            &[first.clone(), second].concat(),
            1e-12,
        );
        let alone = GraphBatch::new(&[&one], model.pattern(), Kind::Double, Device::Cpu).unwrap();
        let l = factor_values(&model.forward(&alone).unwrap().0).unwrap();
        assert_close(&format!("{config:?}, alone"), &l, &first, 1e-12);
        let states = model.states(&batch).unwrap();
        let state = |name: &str| {
            let found = states.iter().find(|(n, _)| n == name);
            found.map(|(_, t)| values(t))
        };
        let last = format!(
            "block1.step{}",
            config.parameters().iter().any(|s| s.name.contains("step2")) as u8 + 1
        );
        let nodes = [nodes, more_nodes].concat();
        assert_close(
            "nodes",
            &state(&format!("{last}.node")).unwrap(),
            &nodes.concat(),
            1e-12,
        );
        let graph_states = state(&format!("{last}.global")).map_or(0, |g| g.len());
        assert_eq!(graph_states, 2 * config.global_features);
        let decoded = state("node_decoder.node");
        assert_eq!(decoded.is_some(), config.node_decoder);
        if let Some(decoded) = decoded {
            let expected: Vec<f64> = nodes
                .iter()
                .map(|x| mlp(&p, "node_decoder", x)[0])
                .collect();
            assert_close("decoded", &decoded, &expected, 1e-12);
        }
    }
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    for config in variants() {
        let p = Parameters::initialize(&config, 5).unwrap();
        let model = NeuralIf::new(&p, Kind::Double, Device::Cpu).unwrap();
        let (one, two) = (small_sample(6, 1), small_sample(8, 2));
        for samples in [vec![&one, &two], vec![&two]] {
            let batch =
                GraphBatch::new(&samples, model.pattern(), Kind::Double, Device::Cpu).unwrap();
            let z: Vec<f64> = (0..batch.num_nodes())
                .map(|i| ((i * 3 + 1) as f64).sin())
                .collect();
            let z = Tensor::from_slice(&z);
            let options = LossOptions::default();
            let value = || {
                let l = model.forward(&batch).unwrap().0;
                loss(&batch, &l, &z, &options).unwrap().value
            };
            let (l, tape) = model.forward(&batch).unwrap();
            let at = loss(&batch, &l, &z, &options).unwrap();
            let gradient = values(&model.backward(&batch, tape, &at.gradient).unwrap());
            // Fourth order: error h⁴ and rounding 1e-16/h; a step must not reach over a kink of relu.
            let (h, tolerance) = match config.activation {
                Activation::Tanh => (1e-5, 1e-6),
                _ => (1e-6, 1e-6),
            };
            let differences: Vec<f64> = (0..gradient.len() as i64)
                .map(|k| {
                    let mut entry = model.flat().narrow(0, k, 1);
                    let mut moved = |by: f64| {
                        let _ = entry.f_add_scalar_(by).unwrap();
                        value()
                    };
                    let (one, two) = (moved(h), moved(h));
                    let (minus_one, minus_two) = (moved(-3.0 * h), moved(-h));
                    moved(2.0 * h);
                    (8.0 * (one - minus_one) - (two - minus_two)) / (12.0 * h)
                })
                .collect();
            assert_close(&format!("{config:?}"), &gradient, &differences, tolerance);
            // The decoder's scalars reach no loss.
            if config.node_decoder {
                let tail = gradient.len() - 8 * 4 - 4 - 4 - 1;
                assert!(gradient[tail..].iter().all(|g| *g == 0.0));
                assert!(gradient[..tail].iter().any(|g| *g != 0.0));
            }
        }
    }
}

#[test]
fn the_full_graph_needs_its_batch() {
    let config = NeuralIfConfig::default().with_graph(MessageGraph::Full);
    let p = Parameters::initialize(&config, 0).unwrap();
    let model = NeuralIf::new(&p, Kind::Double, Device::Cpu).unwrap();
    assert_eq!(model.pattern(), Pattern::Full);
    let sample = small_sample(4, 0);
    let lower = GraphBatch::new(&[&sample], Pattern::Lower, Kind::Double, Device::Cpu).unwrap();
    assert!(matches!(
        model.forward(&lower),
        Err(GnnError::Matrix { .. })
    ));
    assert!(matches!(
        la_gnn::native::neuralif::NeuralIf::<f32>::new(&p),
        Err(GnnError::Config { field: "graph", .. })
    ));
}
