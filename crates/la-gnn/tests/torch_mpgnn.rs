//! Message-passing networks: parity data, equivariance, receptive field, graphs side by side, gradients, the ceiling of twins, training.
#![cfg(feature = "torch")]

mod fixture;

use std::ops::ControlFlow;
use std::rc::Rc;

use fixture::{Fixture, distance, folder};
use la_gnn::GnnError;
use la_gnn::mpgnn::{GenNorm, MpgnnConfig, NodeInput, NodeModel, Parameters};
use la_gnn::torch::tch::{self, Device, Kind, Tensor};
use la_gnn::torch::{
    ArcGraph, EdgeSample, EdgeSamples, Mpgnn, MpgnnBatch, MpgnnTrained, MpgnnTrainer,
};
use la_gnn::training::mpgnn::{MpgnnEnded, MpgnnTrainOptions};
use la_problems::{
    FactorTwins, GeneratorLaw, SemiseparableFactors, Split, SwitchFactors, SymmetricTridiagonal,
};

const MODELS: [NodeModel; 9] = [
    NodeModel::Mlp,
    NodeModel::GAT,
    NodeModel::GatV2 { edges: true },
    NodeModel::GEN,
    NodeModel::Gen {
        edges: true,
        norm: GenNorm::Layer,
        bias: true,
    },
    NodeModel::MessagePassing,
    NodeModel::TRANSFORMER,
    NodeModel::Transformer { edges: false },
    NodeModel::SGFORMER,
];

fn network(model: NodeModel, blocks: usize, seed: u64) -> Mpgnn {
    tch::set_num_threads(1);
    let config = MpgnnConfig::default()
        .with_node_model(model)
        .with_blocks(blocks);
    let parameters = Parameters::initialize(&config, seed).unwrap();
    Mpgnn::new(&parameters, Kind::Double, Device::Cpu).unwrap()
}

/// Entries (row, column, value), one graph; diagonal entries at the nodes.
fn batch(n: usize, entries: &[(u32, u32, f64)], outputs: Option<&[usize]>) -> MpgnnBatch {
    sides(&[n], entries, outputs, NodeInput::Diagonal)
}

fn sides(
    sizes: &[usize],
    entries: &[(u32, u32, f64)],
    outputs: Option<&[usize]>,
    input: NodeInput,
) -> MpgnnBatch {
    let rows: Vec<u32> = entries.iter().map(|e| e.0).collect();
    let cols: Vec<u32> = entries.iter().map(|e| e.1).collect();
    let graph = ArcGraph::new(sizes, &cols, &rows, Kind::Double, Device::Cpu).unwrap();
    let values: Vec<f64> = graph.order().iter().map(|&k| entries[k].2).collect();
    let mut nodes = vec![1.0; sizes.iter().sum()];
    for e in entries
        .iter()
        .filter(|e| e.0 == e.1 && input == NodeInput::Diagonal)
    {
        nodes[e.0 as usize] = e.2;
    }
    let nodes = Tensor::from_slice(&nodes).view([-1, 1]);
    let edges = Tensor::from_slice(&values).view([-1, 1]);
    MpgnnBatch::new(Rc::new(graph), nodes, edges, outputs).unwrap()
}

fn entries(a: &SymmetricTridiagonal) -> Vec<(u32, u32, f64)> {
    let a = a.matrix();
    let rows = a.outer_iterator().enumerate();
    rows.flat_map(|(i, row)| {
        row.iter()
            .map(|(j, &v)| (i as u32, j as u32, v))
            .collect::<Vec<_>>()
    })
    .collect()
}

fn numbers(x: &Tensor) -> Vec<f64> {
    Vec::try_from(x.contiguous().view(-1)).unwrap()
}

fn outputs(network: &Mpgnn, batch: &MpgnnBatch) -> Vec<f64> {
    numbers(&network.apply(batch).unwrap())
}

#[test]
fn networks_match_parity_data() {
    let Some(dir) = folder("layers") else {
        return;
    };
    let file = Fixture::open(&dir.join("mpgnn_model.safetensors"));
    for (name, model, blocks) in [
        ("mp3", NodeModel::MessagePassing, 3),
        ("mp1", NodeModel::MessagePassing, 1),
        ("mlp3", NodeModel::Mlp, 3),
    ] {
        let mut network = network(model, blocks, 0);
        let specs = network.config().parameters();
        let weights = specs
            .iter()
            .flat_map(|s| file.f64(&format!("w.{name}.{}", s.name)));
        network.set_values(&weights.collect::<Vec<_>>()).unwrap();
        for problem in ["tridiagonal", "grid"] {
            let (rows, cols) = (
                file.ids(&format!("{problem}.a.row")),
                file.ids(&format!("{problem}.a.col")),
            );
            let values = file.f64(&format!("{problem}.a.val"));
            let entries: Vec<_> = (0..rows.len())
                .map(|k| (rows[k], cols[k], values[k]))
                .collect();
            let lower: Vec<usize> = (0..rows.len()).filter(|&k| rows[k] >= cols[k]).collect();
            let n = *rows.iter().max().unwrap() as usize + 1;
            let batch = sides(&[n], &entries, Some(&lower), NodeInput::Ones);
            let (y, tape) = network.forward(&batch, true).unwrap();
            let y = numbers(&y);
            let d = distance(
                y.iter().copied(),
                &file.f64(&format!("{problem}.{name}.out")),
            );
            assert!(d < 1e-12, "{problem} {name}: {d:e}");
            // The loss and its gradient by the formulas, from outputs and targets.
            let target = file.f64(&format!("{problem}.target"));
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let (yy, tt) = (dot(&y, &y).sqrt(), dot(&target, &target).sqrt());
            let cosine = dot(&y, &target) / (yy * tt);
            let loss = file.f64(&format!("{problem}.{name}.loss"))[0];
            assert!((1.0 - cosine - loss).abs() < 1e-12, "{problem} {name}");
            let g: Vec<f64> = y
                .iter()
                .zip(&target)
                .map(|(y, t)| (cosine * y / yy - t / tt) / yy)
                .collect();
            let g = network
                .backward(&batch, &tape, &Tensor::from_slice(&g))
                .unwrap();
            let g = numbers(g);
            for spec in &specs {
                let own = &g[spec.offset..spec.offset + spec.len];
                let expected = file.f64(&format!("{problem}.{name}.grad.{}", spec.name));
                if expected.iter().all(|v| *v == 0.0) {
                    assert!(own.iter().all(|v| *v == 0.0), "{}", spec.name);
                    continue;
                }
                let d = distance(own.iter().copied(), &expected);
                assert!(d < 1e-9, "{problem} {name} {}: {d:e}", spec.name);
            }
        }
    }
}

/// A random graph with loops, where some nodes receive little.
fn scattered(n: u32) -> Vec<(u32, u32, f64)> {
    let mut all: Vec<_> = (0..n).map(|i| (i, i, 2.0 + f64::from(i).sin())).collect();
    for i in 1..n {
        let j = (i * i + 3) % i;
        all.push((i, j, -0.3 - 0.1 * f64::from(i % 5)));
        all.push((j, i, 0.2 * f64::from(i % 7) - 0.5));
    }
    all
}

#[test]
fn permuted_nodes_give_permuted_outputs() {
    let n = 23u32;
    let plain = scattered(n);
    let turned: Vec<_> = plain
        .iter()
        .map(|&(i, j, v)| ((i * 7 + 4) % n, (j * 7 + 4) % n, v))
        .collect();
    for model in MODELS {
        let network = network(model, 3, 5);
        let (a, b) = (
            batch(n as usize, &plain, None),
            batch(n as usize, &turned, None),
        );
        let by_arc = |batch: &MpgnnBatch| {
            let y = outputs(&network, batch);
            let mut sorted = vec![0.0; y.len()];
            for (k, &given) in batch.graph().order().iter().enumerate() {
                sorted[given] = y[k];
            }
            sorted
        };
        let (x, y) = (by_arc(&a), by_arc(&b));
        let d = distance(x, &y);
        assert!(d < 1e-12, "{model:?}: {d:e}");
    }
}

#[test]
fn two_graphs_side_by_side_are_two_graphs() {
    let (first, second) = (scattered(9), scattered(14));
    let shifted: Vec<_> = second.iter().map(|&(i, j, v)| (i + 9, j + 9, v)).collect();
    let both = [first.clone(), shifted].concat();
    for model in MODELS {
        let network = network(model, 3, 6);
        let joint = outputs(&network, &sides(&[9, 14], &both, None, NodeInput::Diagonal));
        let alone = [
            outputs(&network, &batch(9, &first, None)),
            outputs(&network, &batch(14, &second, None)),
        ]
        .concat();
        let d = distance(joint, &alone);
        assert!(d < 1e-13, "{model:?}: {d:e}");
    }
}

#[test]
fn what_is_out_of_reach_does_not_change_by_a_bit() {
    let n = 24;
    let sample = SwitchFactors::default().with_n(n).generate(1).unwrap();
    let mut other = sample.matrix.clone();
    other.diagonal[0] *= 2.0;
    for model in MODELS {
        for blocks in [1, 3, 5] {
            let network = network(model, blocks, 7);
            let (x, y) = (
                outputs(&network, &batch(n, &entries(&sample.matrix), None)),
                outputs(&network, &batch(n, &entries(&other), None)),
            );
            // Row i holds entries 3 i - 1 .. 3 i + 2.
            let from = |row: usize| 3 * row - 1;
            match network.config().receptive_field() {
                None => {
                    // All nodes see each other, from the second block on.
                    let changed = x[from(n - 1)..] != y[from(n - 1)..];
                    assert_eq!(changed, blocks > 1, "{model:?} {blocks}");
                }
                Some(reach) => {
                    assert!(reach < blocks && x != y, "{model:?} {blocks}");
                    // Rows from `reach` + 2, counted from 0: no end of their arcs is within reach of row 0.
                    assert!(
                        x[from(reach + 2)..] == y[from(reach + 2)..],
                        "{model:?} {blocks}"
                    );
                    // And the bound that holds for every local network: rows beyond K + 2.
                    assert!(reach + 2 <= blocks + 2);
                }
            }
        }
    }
    // It is not a vacuous bound: messages do travel.
    let network = network(NodeModel::MessagePassing, 5, 7);
    assert_eq!(network.config().receptive_field(), Some(4));
    let (x, y) = (
        outputs(&network, &batch(n, &entries(&sample.matrix), None)),
        outputs(&network, &batch(n, &entries(&other), None)),
    );
    let last = (0..x.len()).rev().find(|&k| x[k] != y[k]).unwrap();
    assert!(last >= 3 * 4 - 1, "{last}");
}

/// With the same number at every node, models that do not read arcs keep all nodes alike: an output depends on its own entry only.
#[test]
fn nodes_that_are_alike_stay_alike_without_arcs() {
    let plain = scattered(15);
    let mut other = plain.clone();
    other[7].2 += 1.0;
    for model in [
        NodeModel::Mlp,
        NodeModel::GAT,
        NodeModel::GEN,
        NodeModel::SGFORMER,
    ] {
        let network = network(model, 5, 9);
        let of = |entries| {
            let batch = sides(&[15], entries, None, NodeInput::Ones);
            let y = outputs(&network, &batch);
            let mut given = vec![0.0; y.len()];
            let order = batch.graph().order();
            order.iter().zip(y).for_each(|(&k, y)| given[k] = y);
            given
        };
        let (x, y) = (of(&plain), of(&other));
        for k in 0..x.len() {
            let same = (x[k] - y[k]).abs() < 1e-9 * x[k].abs().max(1.0);
            assert_eq!(same, k != 7, "{model:?} {k}: {} {}", x[k], y[k]);
        }
    }
}

/// Gradients against central differences of `Σ y c` along random directions.
#[test]
fn gradients_are_derivatives() {
    let entries = scattered(12);
    let lower: Vec<usize> = (0..10).collect();
    let batch = batch(12, &entries, Some(&lower));
    let cotangent: Vec<f64> = (0..10).map(|k| (1.3 * f64::from(k)).cos()).collect();
    let c = Tensor::from_slice(&cotangent);
    for model in MODELS {
        let mut network = network(model, 3, 8);
        let (_, tape) = network.forward(&batch, true).unwrap();
        let g = numbers(network.backward(&batch, &tape, &c).unwrap());
        let p = network.parameters().unwrap();
        let values: Vec<f64> = p.values.iter().map(|&v| f64::from(v)).collect();
        for direction in 0..4u32 {
            let d: Vec<f64> = (0..values.len())
                .map(|k| (f64::from(k as u32) * 0.7 + f64::from(direction) * 1.9).sin())
                .collect();
            let mut at = |t: f64| {
                let moved: Vec<f64> = values.iter().zip(&d).map(|(v, d)| v + t * d).collect();
                network.set_values(&moved).unwrap();
                let (y, _) = network.forward(&batch, true).unwrap();
                (y * &c).sum(Kind::Double).double_value(&[])
            };
            let h = 1e-6;
            let difference = (at(h) - at(-h)) / (2.0 * h);
            let slope: f64 = g.iter().zip(&d).map(|(g, d)| g * d).sum();
            assert!(
                (difference - slope).abs() < 1e-5 * (1.0 + slope.abs()),
                "{model:?}: {difference} {slope}"
            );
        }
    }
}

/// A local network gives one answer for both twins on rows that the change does not reach, so that its mean cosine there stays below
/// a bound that no training can move.
#[test]
fn local_networks_stay_below_the_ceiling_of_twins() {
    let n = 40;
    for ratio in [1.5, 2.0, 4.0] {
        let twins = FactorTwins::constant_ratio(n, ratio).unwrap();
        let samples = [
            EdgeSample::of_matrix(
                twins.matrix.matrix().view(),
                twins.factor.matrix().data(),
                NodeInput::Ones,
            )
            .unwrap(),
            EdgeSample::of_matrix(
                twins.raised_matrix.matrix().view(),
                twins.raised_factor.matrix().data(),
                NodeInput::Ones,
            )
            .unwrap(),
        ];
        let training = EdgeSamples::new(&samples, 2, 0, Kind::Float, Device::Cpu).unwrap();
        for model in [NodeModel::MessagePassing, NodeModel::TRANSFORMER] {
            let config = MpgnnConfig::default().with_node_model(model);
            let start = Parameters::initialize(&config, 3).unwrap();
            let mut trainer = MpgnnTrainer::new(&start, Device::Cpu).unwrap();
            let options = MpgnnTrainOptions::default()
                .with_epochs(150)
                .with_learning_rate(3e-3);
            let trained = trainer
                .run(&training, &training, &options, None, &mut |_| {
                    ControlFlow::Continue(())
                })
                .unwrap();
            let network = Mpgnn::new(&trained.parameters, Kind::Double, Device::Cpu).unwrap();
            let first = config.receptive_field().unwrap() + 2;
            let far = |a: &SymmetricTridiagonal, l: &[f64]| {
                let entries = entries(a);
                let lower: Vec<usize> = (0..entries.len())
                    .filter(|&k| entries[k].1 <= entries[k].0)
                    .collect();
                let y = outputs(
                    &network,
                    &sides(&[n], &entries, Some(&lower), NodeInput::Ones),
                );
                // Row i of the factor holds entries 2 i - 1 and 2 i.
                let (y, l) = (&y[2 * first - 1..], &l[2 * first - 1..]);
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                dot(y, l) / (dot(y, y) * dot(l, l)).sqrt()
            };
            let mean = 0.5
                * (far(&twins.matrix, twins.factor.matrix().data())
                    + far(&twins.raised_matrix, twins.raised_factor.matrix().data()));
            let ceiling = twins.ceiling(first).unwrap();
            assert!(
                mean <= ceiling + 1e-12,
                "{model:?} {ratio}: {mean} {ceiling}"
            );
            // The network has learned what can be learned: the ceiling is where it stands.
            assert!(mean > ceiling - 0.02, "{model:?} {ratio}: {mean} {ceiling}");
        }
    }
}

fn set(law: GeneratorLaw, split: Split, count: u64) -> Vec<EdgeSample> {
    let one = |i| {
        let set = SemiseparableFactors::default().with_n(16).with_law(law);
        let pair = set.generate(split.seed(i)).unwrap();
        EdgeSample::of_matrix(
            pair.matrix.matrix().view(),
            pair.factor.matrix().data(),
            NodeInput::Ones,
        )
        .unwrap()
    };
    (0..count).map(one).collect()
}

fn train(
    epochs: usize,
    stop: usize,
    checkpoint: Option<&std::path::Path>,
    model: NodeModel,
) -> MpgnnTrained {
    tch::set_num_threads(1);
    let place =
        |samples: &[EdgeSample]| EdgeSamples::new(samples, 8, 0, Kind::Float, Device::Cpu).unwrap();
    let training = place(&set(GeneratorLaw::UNIFORM, Split::Train, 37));
    let validation = place(&set(GeneratorLaw::UNIFORM, Split::Validation, 10));
    assert_eq!((training.len(), training.batches()), (37, 5));
    let config = MpgnnConfig::default().with_node_model(model);
    let start = Parameters::initialize(&config, 1).unwrap();
    let options = MpgnnTrainOptions::default().with_epochs(epochs);
    let mut trainer = MpgnnTrainer::new(&start, Device::Cpu).unwrap();
    let mut watch = |log: &la_gnn::training::mpgnn::MpgnnLog| {
        if log.losses.len() >= stop {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    trainer
        .run(&training, &validation, &options, checkpoint, &mut watch)
        .unwrap()
}

#[test]
fn training_learns_and_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    for model in [NodeModel::MessagePassing, NodeModel::GEN] {
        let path = folder.path().join(format!("{}.checkpoint", model.name()));
        let whole = train(12, usize::MAX, None, model);
        assert_eq!(whole.ended, MpgnnEnded::Epochs);
        assert!(
            whole.log.losses[11] < 0.5 * whole.log.losses[0],
            "{model:?}"
        );
        let cut = train(12, 5, Some(&path), model);
        assert_eq!(
            (cut.ended, cut.log.losses.len()),
            (MpgnnEnded::Interrupted, 5)
        );
        let rest = train(12, usize::MAX, Some(&path), model);
        assert_eq!(rest.parameters, whole.parameters, "{model:?}");
        assert_eq!(rest.log.losses, whole.log.losses);
        assert_eq!(rest.log.validations, whole.log.validations);
    }
    // Another network does not take up this training.
    let path = folder.path().join("message-passing.checkpoint");
    let start = Parameters::initialize(&MpgnnConfig::default().with_blocks(2), 1).unwrap();
    let samples = set(GeneratorLaw::UNIFORM, Split::Train, 2);
    let samples = EdgeSamples::new(&samples, 2, 0, Kind::Float, Device::Cpu).unwrap();
    let options = MpgnnTrainOptions::default().with_epochs(12);
    let error = MpgnnTrainer::new(&start, Device::Cpu)
        .unwrap()
        .run(&samples, &samples, &options, Some(&path), &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert!(matches!(error, GnnError::WeightsMismatch { .. }), "{error}");
}

/// Graphs of different sizes go through batches that are put together once, to the same cosines.
#[test]
fn graphs_that_differ_are_batched_too() {
    let mut samples = set(GeneratorLaw::UNIFORM, Split::Train, 3);
    let set = SemiseparableFactors::default().with_n(9);
    let small = set.generate(1).unwrap();
    samples.push(
        EdgeSample::of_matrix(
            small.matrix.matrix().view(),
            small.factor.matrix().data(),
            NodeInput::Ones,
        )
        .unwrap(),
    );
    for model in [NodeModel::MessagePassing, NodeModel::SGFORMER] {
        let network = network(model, 2, 4);
        let place = |s: &[EdgeSample]| {
            network
                .cosines(&EdgeSamples::new(s, 3, 0, Kind::Double, Device::Cpu).unwrap())
                .unwrap()
        };
        let mut mixed = place(&samples);
        let mut alone: Vec<f64> = samples
            .iter()
            .flat_map(|s| place(std::slice::from_ref(s)))
            .collect();
        mixed.sort_by(f64::total_cmp);
        alone.sort_by(f64::total_cmp);
        assert!(distance(mixed, &alone) < 1e-12, "{model:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let graph = |sizes: &[usize], s: &[u32], t: &[u32]| {
        ArcGraph::new(sizes, s, t, Kind::Double, Device::Cpu)
            .unwrap_err()
            .to_string()
    };
    assert!(graph(&[2], &[0], &[0, 1]).contains("1 sources"));
    assert!(graph(&[2], &[2], &[0]).contains("2 nodes"));
    assert!(graph(&[1, 1], &[0], &[1]).contains("joins two graphs"));
    let a = la_gnn::sprs::CsMatI::<f64, u32>::eye(3);
    assert!(EdgeSample::of_matrix(a.view(), &[1.0], NodeInput::Ones).is_err());
    let mut sample = EdgeSample::of_matrix(a.view(), &[1.0; 3], NodeInput::Ones).unwrap();
    let place = |s: &[EdgeSample], batch| EdgeSamples::new(s, batch, 0, Kind::Float, Device::Cpu);
    assert!(place(&[], 1).is_err() && place(&[sample.clone()], 0).is_err());
    let mut twice = sample.clone();
    twice.outputs[1] = 0;
    assert!(
        place(&[twice], 1)
            .unwrap_err()
            .to_string()
            .contains("ascending")
    );
    sample.edges[1] = f64::INFINITY;
    let text = place(&[sample], 1).unwrap_err().to_string();
    assert!(text.contains("position 1"), "{text}");
    let p = Parameters::initialize(&MpgnnConfig::default(), 0).unwrap();
    assert!(Mpgnn::new(&p, Kind::Half, Device::Cpu).is_err());
    let mut network = Mpgnn::new(&p, Kind::Double, Device::Cpu).unwrap();
    assert!(network.set_values(&[0.0]).is_err());
}
