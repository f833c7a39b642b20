//! The node models against parity data of an independent implementation: outputs and all gradients, in double precision.
#![cfg(feature = "torch")]

mod fixture;

use fixture::{Fixture, distance, folder};
use la_gnn::mpgnn::{Activation, GenNorm, NodeModel, NodeShape};
use la_gnn::torch::tch::{Device, Kind, Tensor};
use la_gnn::torch::{ArcGraph, NodeLayer};

const OUTPUT: f64 = 1e-12;
const GRADIENT: f64 = 1e-9;

/// A tensor of a file with the shape that it has there.
fn tensor(file: &Fixture, name: &str) -> Tensor {
    let shape: Vec<i64> = {
        let tensors = file.tensors();
        let view = tensors.tensor(name).unwrap();
        view.shape().iter().map(|&s| s as i64).collect()
    };
    Tensor::from_slice(&file.f64(name)).view(shape.as_slice())
}

fn numbers(x: &Tensor) -> Vec<f64> {
    Vec::try_from(x.contiguous().view(-1)).unwrap()
}

/// The arcs of a file, row 0 the sources; with or without those from a node to itself, and with loops added at the end.
fn graph(file: &Fixture, name: &str, sizes: &[usize], new_loops: bool) -> ArcGraph {
    let ends = file.ids(name);
    let (sources, targets) = ends.split_at(ends.len() / 2);
    let (mut sources, mut targets) = (sources.to_vec(), targets.to_vec());
    if new_loops {
        let n: usize = sizes.iter().sum();
        let kept: Vec<(u32, u32)> = sources
            .iter()
            .copied()
            .zip(targets)
            .filter(|(s, t)| s != t)
            .collect();
        (sources, targets) = kept.into_iter().unzip();
        sources.extend(0..n as u32);
        targets.extend(0..n as u32);
    }
    ArcGraph::new(sizes, &sources, &targets, Kind::Double, Device::Cpu).unwrap()
}

/// Rows of arcs in the order of the graph.
fn sorted(graph: &ArcGraph, x: &Tensor) -> Tensor {
    let order: Vec<i64> = graph.order().iter().map(|&k| k as i64).collect();
    x.index_select(0, &Tensor::from_slice(&order))
}

/// One case: `prefix` is that of its tensors, `nodes` and `arcs` name its inputs, `weights` that of its weights.
struct Case<'a> {
    file: &'a Fixture,
    prefix: String,
    weights: String,
    nodes: &'a str,
    arcs: &'a str,
    model: NodeModel,
    graph: ArcGraph,
    training: bool,
}

impl Case<'_> {
    fn check(&self) {
        let (file, p) = (self.file, &self.prefix);
        let x = tensor(file, &format!("{p}.in.{}", self.nodes));
        let out = tensor(file, &format!("{p}.out"));
        let arcs_name = format!("{p}.in.{}", self.arcs);
        let e = match file.has(&arcs_name) {
            true => sorted(&self.graph, &tensor(file, &arcs_name)),
            false => Tensor::zeros(
                [self.graph.num_arcs() as i64, 1],
                (Kind::Double, Device::Cpu),
            ),
        };
        let shape = NodeShape {
            inputs: x.size()[1] as usize,
            outputs: out.size()[1] as usize,
            edges: e.size()[1] as usize,
        };
        let specs = NodeLayer::parameters(self.model, shape);
        let mut values = Vec::new();
        for spec in &specs {
            values.extend(file.f64(&format!("{}.{}", self.weights, spec.name)));
        }
        let stored = |end: &str| {
            file.names()
                .iter()
                .filter(|n| n.starts_with(&format!("{}.{end}", p)))
                .count()
        };
        let act = Activation::Relu;
        let mut layer = NodeLayer::new(self.model, shape, act, &values, &self.graph).unwrap();
        layer.set_training(self.training);
        let mean = format!("{}.mlp.norm.running_mean", self.weights);
        if file.has(&mean) {
            let var = format!("{}.mlp.norm.running_var", self.weights);
            layer
                .set_statistics(&file.f64(&mean), &file.f64(&var))
                .unwrap();
        }
        let (y, tape) = layer.forward(&self.graph, &x, &e).unwrap();
        let d = distance(numbers(&y), &numbers(&out));
        assert!(d < OUTPUT, "{} {p} out: {d:e}", file.name);
        let after = format!("{p}.after.mlp.norm");
        if file.has(&format!("{after}.running_mean")) {
            let [mean, var] = layer.statistics().unwrap().unwrap();
            for (name, own) in [("running_mean", mean), ("running_var", var)] {
                let d = distance(own, &file.f64(&format!("{after}.{name}")));
                assert!(d < OUTPUT, "{} {p} {name}: {d:e}", file.name);
            }
        }
        let cotangent = tensor(file, &format!("{p}.cotangent"));
        let got = layer.backward(&self.graph, &tape, &cotangent).unwrap();
        let mut compared = 0;
        let mut see = |name: String, own: Vec<f64>| {
            let expected = file.f64(&name);
            let largest = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let d = match largest < 1e-14 {
                // Zero in exact arithmetic.
                true => own.iter().fold(0.0f64, |m, v| m.max(v.abs())),
                false => distance(own, &expected),
            };
            assert!(d < GRADIENT, "{} {name}: {d:e}", file.name);
            compared += 1;
        };
        see(format!("{p}.grad.in.{}", self.nodes), numbers(&got.nodes));
        if let Some(arcs) = &got.arcs {
            // Back to the order of the file.
            let expected = tensor(file, &format!("{p}.grad.in.{}", self.arcs));
            let d = distance(numbers(arcs), &numbers(&sorted(&self.graph, &expected)));
            assert!(d < GRADIENT, "{} {p} arcs: {d:e}", file.name);
        }
        assert_eq!(got.arcs.is_some(), file.has(&arcs_name), "{p}");
        for spec in &specs {
            let own = got.parameters[spec.offset..spec.offset + spec.len].to_vec();
            see(format!("{p}.grad.w.{}", spec.name), own);
        }
        assert_eq!(
            compared + usize::from(got.arcs.is_some()),
            stored("grad."),
            "{p}"
        );
    }
}

fn on_both(name: &str, variants: &[(&str, NodeModel)]) {
    la_gnn::torch::tch::set_num_threads(1);
    let Some(dir) = folder("layers") else {
        return;
    };
    let file = Fixture::open(&dir.join(format!("{name}.safetensors")));
    for (which, n) in [("g7", 7), ("g40", 40)] {
        for (variant, model) in variants {
            let prefix = format!("{which}.{variant}");
            if !file.has(&format!("{prefix}.out")) {
                assert_eq!(which, "g40", "{prefix} is missing");
                continue;
            }
            let loops = *variant == "plain_added_loops";
            Case {
                file: &file,
                weights: format!("{prefix}.w"),
                prefix,
                nodes: "x",
                arcs: "edge_attr",
                model: *model,
                graph: graph(&file, &format!("{which}.edge_index"), &[n], loops),
                training: !variant.contains("eval"),
            }
            .check();
        }
    }
}

#[test]
fn graph_attention() {
    let gat = |edges| NodeModel::GatV2 { edges };
    on_both(
        "gatv2",
        &[
            ("plain", gat(false)),
            ("edges", gat(true)),
            ("plain_added_loops", gat(false)),
        ],
    );
}

#[test]
fn generalised_aggregation() {
    let make = |edges, norm, bias| NodeModel::Gen { edges, norm, bias };
    on_both(
        "gen",
        &[
            ("none", make(false, GenNorm::None, false)),
            ("none_edges", make(true, GenNorm::None, false)),
            ("none_bias", make(false, GenNorm::None, true)),
            ("layer", make(false, GenNorm::Layer, false)),
            ("batch_eval", make(false, GenNorm::Batch, false)),
            ("batch_train", make(false, GenNorm::Batch, false)),
            ("batch_train_edges", make(true, GenNorm::Batch, false)),
        ],
    );
}

#[test]
fn transformer() {
    let make = |edges| NodeModel::Transformer { edges };
    on_both(
        "transformer",
        &[("edges", make(true)), ("plain", make(false))],
    );
}

#[test]
fn messages_from_perceptrons() {
    let Some(dir) = folder("layers") else {
        return;
    };
    let file = Fixture::open(&dir.join("graph_network.safetensors"));
    for (which, n) in [("g7", 7), ("g40", 40)] {
        let prefix = format!("{which}.message_passing_mlp");
        Case {
            file: &file,
            weights: format!("{prefix}.w"),
            prefix,
            nodes: "h",
            arcs: "e",
            model: NodeModel::MessagePassing,
            graph: graph(&file, &format!("{which}.edge_index"), &[n], false),
            training: true,
        }
        .check();
    }
}

#[test]
fn attention_between_all_pairs() {
    let Some(dir) = folder("layers") else {
        return;
    };
    let file = Fixture::open(&dir.join("sgformer.safetensors"));
    let cases: [(&str, &[usize]); 3] =
        [("single7", &[7]), ("single40", &[40]), ("batch2", &[7, 40])];
    for (which, sizes) in cases {
        let batch = file.ids(&format!("{which}.batch"));
        let mut counted = vec![0; sizes.len()];
        batch.iter().for_each(|g| counted[*g as usize] += 1);
        assert_eq!(counted, sizes);
        for (variant, local) in [("layer", 0.5), ("attention", 0.0)] {
            let case = Case {
                file: &file,
                weights: "w".into(),
                prefix: format!("{which}.{variant}"),
                nodes: "x",
                arcs: "none",
                model: NodeModel::SgFormer { local },
                graph: graph(&file, &format!("{which}.edge_index"), sizes, false),
                training: true,
            };
            if variant == "layer" {
                case.check();
            } else {
                // The local part has no weight, and its gradients are not in the file.
                attention_alone(&case);
            }
        }
    }
}

fn attention_alone(case: &Case<'_>) {
    let (file, p) = (case.file, &case.prefix);
    let x = tensor(file, &format!("{p}.in.x"));
    let shape = NodeShape {
        inputs: 16,
        outputs: 16,
        edges: 1,
    };
    let specs = NodeLayer::parameters(case.model, shape);
    let values: Vec<f64> = specs
        .iter()
        .flat_map(|s| file.f64(&format!("w.{}", s.name)))
        .collect();
    let layer = NodeLayer::new(case.model, shape, Activation::Relu, &values, &case.graph).unwrap();
    let e = Tensor::zeros(
        [case.graph.num_arcs() as i64, 1],
        (Kind::Double, Device::Cpu),
    );
    let (y, tape) = layer.forward(&case.graph, &x, &e).unwrap();
    let d = distance(numbers(&y), &file.f64(&format!("{p}.out")));
    assert!(d < OUTPUT, "{p}: {d:e}");
    let g = layer
        .backward(&case.graph, &tape, &tensor(file, &format!("{p}.cotangent")))
        .unwrap();
    let d = distance(numbers(&g.nodes), &file.f64(&format!("{p}.grad.in.x")));
    assert!(d < GRADIENT, "{p}: {d:e}");
    for spec in &specs {
        let own = &g.parameters[spec.offset..spec.offset + spec.len];
        if spec.name.starts_with("local.") {
            assert!(own.iter().all(|v| *v == 0.0), "{}", spec.name);
            continue;
        }
        let expected = file.f64(&format!("{p}.grad.w.{}", spec.name));
        let d = distance(own.iter().copied(), &expected);
        assert!(d < GRADIENT, "{p} {}: {d:e}", spec.name);
    }
}
