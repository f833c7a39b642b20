//! The edge update, a whole block and normalisations against parity data of an independent implementation.
#![allow(clippy::print_stdout, reason = "tests say what they skip")]

use std::path::Path;

use safetensors::SafeTensors;
use tch::{Device, Kind, Tensor};

use super::edge::EdgeUpdate;
use super::graph::ArcGraph;
use super::linear::Views;
use super::node::Node;
use super::norm::{Norm, Statistics};
use crate::mpgnn::{Activation, GenNorm, NodeModel, NodeShape, Specs};
use crate::torch::graph_norm::GraphNorm;
use crate::torch::{GraphBatch, Pattern, Sample};

struct File(Vec<u8>);

impl File {
    fn open(name: &str) -> Option<Self> {
        let Some(dir) = std::env::var_os("LA_DATA_DIR") else {
            println!("skipped: parity data of layers (LA_DATA_DIR is not set)");
            return None;
        };
        let path = Path::new(&dir).join(format!("fixtures/layers/{name}.safetensors"));
        Some(Self(std::fs::read(path).unwrap()))
    }

    fn read<const N: usize, T>(&self, name: &str, convert: fn([u8; N]) -> T) -> (Vec<i64>, Vec<T>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap_or_else(|_| panic!("{name}"));
        let shape = view.shape().iter().map(|&s| s as i64).collect();
        let chunks = view.data().chunks_exact(N);
        (
            shape,
            chunks.map(|c| convert(c.try_into().unwrap())).collect(),
        )
    }

    fn tensor(&self, name: &str) -> Tensor {
        let (shape, values) = self.read(name, f64::from_le_bytes);
        Tensor::from_slice(&values).view(shape.as_slice())
    }

    /// The arcs, and the order in which the graph keeps them.
    fn graph(&self, which: &str) -> (ArcGraph, Tensor) {
        let n = self
            .read(&format!("{which}.num_nodes"), u32::from_le_bytes)
            .1[0];
        let ends = self
            .read(&format!("{which}.edge_index"), u32::from_le_bytes)
            .1;
        let (sources, targets) = ends.split_at(ends.len() / 2);
        let graph =
            ArcGraph::new(&[n as usize], sources, targets, Kind::Double, Device::Cpu).unwrap();
        let order: Vec<i64> = graph.order().iter().map(|&k| k as i64).collect();
        (graph, Tensor::from_slice(&order))
    }

    fn same(&self, name: &str, own: &Tensor, order: Option<&Tensor>, limit: f64) {
        let mut expected = self.tensor(name);
        if let Some(order) = order {
            expected = expected.index_select(0, order);
        }
        let scale = expected.abs().max().double_value(&[]);
        let d = (own - &expected).abs().max().double_value(&[]) / scale;
        assert!(d < limit, "{name}: {d:e}");
    }
}

/// All weights `w.*` of a case laid end to end, zeros of that size, and their names.
fn flat(file: &File, prefix: &str, list: &Specs) -> (Tensor, Tensor) {
    let parts = list
        .0
        .iter()
        .map(|s| file.tensor(&format!("{prefix}.w.{}", s.name)).view(-1));
    let values = Tensor::cat(&parts.collect::<Vec<_>>(), 0);
    let zeros = values.zeros_like();
    (values, zeros)
}

fn gradients(file: &File, prefix: &str, list: &Specs, gradient: &Tensor) {
    for s in &list.0 {
        let own = gradient.narrow(0, s.offset as i64, s.len as i64);
        let name = format!("{prefix}.grad.w.{}", s.name);
        let shape = file.tensor(&name).size();
        file.same(&name, &own.view(shape.as_slice()), None, 1e-9);
    }
}

#[test]
fn edge_updates_and_blocks() {
    let Some(file) = File::open("graph_network") else {
        return;
    };
    let act = Activation::Relu;
    for which in ["g7", "g40"] {
        let (graph, order) = file.graph(which);
        let p = format!("{which}.edge_update");
        let mut list = Specs::default();
        list.mlp("edge_mlp.", [48, 16, 16], true);
        let (values, gradient) = flat(&file, &p, &list);
        let of = |flat: &Tensor| {
            let specs = &list.0;
            EdgeUpdate::new(Views { flat, specs }, "edge_mlp.").unwrap()
        };
        let (own, grad) = (of(&values), of(&gradient));
        let h = file.tensor(&format!("{p}.in.h"));
        let e = file.tensor(&format!("{p}.in.e")).index_select(0, &order);
        let (out, tape) = own.forward(&graph, &h, &e, act).unwrap();
        file.same(&format!("{p}.out"), &out, Some(&order), 1e-12);
        let g = file
            .tensor(&format!("{p}.cotangent"))
            .index_select(0, &order);
        let (g_h, g_e) = own.backward(&graph, &tape, &g, act, &grad).unwrap();
        file.same(&format!("{p}.grad.in.h"), &g_h, None, 1e-9);
        file.same(&format!("{p}.grad.in.e"), &g_e, Some(&order), 1e-9);
        gradients(&file, &p, &list, &gradient);
        block(&file, which, &graph, &order);
    }
}

/// Arcs first, then nodes; the outputs stand below each other.
fn block(file: &File, which: &str, graph: &ArcGraph, order: &Tensor) {
    let (p, act) = (format!("{which}.block"), Activation::Relu);
    let shape = NodeShape {
        inputs: 16,
        outputs: 16,
        edges: 16,
    };
    let mut list = Specs::default();
    list.mlp("edge.edge_mlp.", [48, 16, 16], true);
    NodeModel::MessagePassing.parameters(shape, "node.", &mut list);
    let (values, gradient) = flat(file, &p, &list);
    let of = |flat: &Tensor| {
        let views = Views {
            flat,
            specs: &list.0,
        };
        (
            EdgeUpdate::new(views, "edge.edge_mlp.").unwrap(),
            Node::new(NodeModel::MessagePassing, views, "node.").unwrap(),
        )
    };
    let ((edge, node), (grad_edge, grad_node)) = (of(&values), of(&gradient));
    let h = file.tensor(&format!("{p}.in.h"));
    let e = file.tensor(&format!("{p}.in.e")).index_select(0, order);
    let (arcs, nodes) = (e.size()[0], h.size()[0]);
    let (e_new, edge_tape) = edge.forward(graph, &h, &e, act).unwrap();
    let (h_new, node_tape) = node
        .forward(graph, &h, &e_new, act, Statistics::None)
        .unwrap();
    // Nodes keep their places behind the arcs.
    let places = Tensor::arange(nodes, (Kind::Int64, Device::Cpu)) + arcs;
    let all = Tensor::cat(&[order, &places], 0);
    let out = Tensor::cat(&[&e_new, &h_new], 0);
    file.same(&format!("{p}.out"), &out, Some(&all), 1e-12);
    let g = file.tensor(&format!("{p}.cotangent"));
    let (g_arcs, g_nodes) = (g.narrow(0, 0, arcs), g.narrow(0, arcs, nodes));
    let (g_h, g_e) = node
        .backward(graph, &node_tape, &g_nodes, act, &grad_node)
        .unwrap();
    let g_e = g_arcs.index_select(0, order) + g_e.unwrap();
    let (g_first, g_e) = edge
        .backward(graph, &edge_tape, &g_e, act, &grad_edge)
        .unwrap();
    file.same(&format!("{p}.grad.in.h"), &(g_h + g_first), None, 1e-9);
    file.same(&format!("{p}.grad.in.e"), &g_e, Some(order), 1e-9);
    gradients(file, &p, &list, &gradient);
}

#[test]
fn layer_normalisation_of_nodes() {
    let Some(file) = File::open("norms") else {
        return;
    };
    for which in ["g7", "g40"] {
        let p = format!("{which}.layer_norm_node");
        let x = file.tensor(&format!("{p}.in.x"));
        let width = x.size()[1] as usize;
        let mut list = Specs::default();
        list.push("norm.weight".into(), vec![width]);
        list.push("norm.bias".into(), vec![width]);
        let values = Tensor::cat(
            &[
                file.tensor(&format!("{p}.w.gamma")),
                file.tensor(&format!("{p}.w.beta")),
            ],
            0,
        );
        let gradient = values.zeros_like();
        let of = |flat: &Tensor| {
            let specs = &list.0;
            Norm::new(Views { flat, specs }, "norm", GenNorm::Layer).unwrap()
        };
        let (own, grad) = (of(&values), of(&gradient));
        let (out, tape) = own.forward(&x, Statistics::None).unwrap();
        file.same(&format!("{p}.out"), &out, None, 1e-12);
        let g = file.tensor(&format!("{p}.cotangent"));
        let g_x = own.backward(&tape, &g, &grad).unwrap();
        file.same(&format!("{p}.grad.in.x"), &g_x, None, 1e-9);
        let half = width as i64;
        file.same(
            &format!("{p}.grad.w.gamma"),
            &gradient.narrow(0, 0, half),
            None,
            1e-9,
        );
        file.same(
            &format!("{p}.grad.w.beta"),
            &gradient.narrow(0, half, half),
            None,
            1e-9,
        );
    }
}

/// Nodes of each graph of a case: all of them, or those of the stored batch.
fn sizes(file: &File, which: &str, nodes: i64, batched: bool) -> Vec<i64> {
    if !batched {
        return vec![nodes];
    }
    let graphs = file.read(&format!("{which}.batch"), u32::from_le_bytes).1;
    let count = graphs.last().map_or(0, |g| g + 1);
    let size = |g| graphs.iter().filter(|x| **x == g).count() as i64;
    (0..count).map(size).collect()
}

#[test]
fn graph_normalisation() {
    let Some(file) = File::open("norms") else {
        return;
    };
    for (which, batched) in [("g7", false), ("g7", true), ("g40", false), ("g40", true)] {
        let variant = if batched { "batch" } else { "single" };
        let p = format!("{which}.graph_norm.{variant}");
        let x = file.tensor(&format!("{p}.in.x"));
        let mut first = 0;
        let samples: Vec<Sample> = sizes(&file, which, x.size()[0], batched)
            .into_iter()
            .map(|size| {
                let eye = sprs::CsMatI::<f64, u32>::eye(size as usize);
                let rows = x.narrow(0, first, size).contiguous().view(-1);
                first += size;
                Sample::new(eye.view(), Vec::<f64>::try_from(&rows).unwrap()).unwrap()
            })
            .collect();
        assert_eq!(first, x.size()[0], "{p}");
        let samples: Vec<&Sample> = samples.iter().collect();
        let batch = GraphBatch::new(&samples, Pattern::Lower, Kind::Double, Device::Cpu).unwrap();
        let own = GraphNorm {
            alpha: file.tensor(&format!("{p}.w.alpha")),
            gamma: file.tensor(&format!("{p}.w.gamma")),
            beta: file.tensor(&format!("{p}.w.beta")),
        };
        let mut gradient = GraphNorm {
            alpha: own.alpha.zeros_like(),
            gamma: own.gamma.zeros_like(),
            beta: own.beta.zeros_like(),
        };
        let (out, tape) = own.forward(&batch).unwrap();
        file.same(&format!("{p}.out"), &out, None, 1e-12);
        let g = file.tensor(&format!("{p}.cotangent"));
        own.backward(&batch, &tape, &g, &mut gradient).unwrap();
        for (name, own) in [
            ("alpha", &gradient.alpha),
            ("gamma", &gradient.gamma),
            ("beta", &gradient.beta),
        ] {
            file.same(&format!("{p}.grad.w.{name}"), own, None, 1e-9);
        }
    }
}

/// A graph as one row of nodes times channels: layer normalisation of that row is the graph-wide one, with γ and β repeated.
#[test]
fn layer_normalisation_of_graphs() {
    let Some(file) = File::open("norms") else {
        return;
    };
    for (which, batched) in [("g7", false), ("g7", true), ("g40", false), ("g40", true)] {
        let variant = if batched { "batch" } else { "single" };
        // For a single graph the library adds ε to the deviation, in a batch to the variance: 1e-5 of about 1 either way.
        let (limit, slope) = if batched { (1e-12, 1e-9) } else { (2e-5, 1e-4) };
        let p = format!("{which}.layer_norm_graph.{variant}");
        let (x, g) = (
            file.tensor(&format!("{p}.in.x")),
            file.tensor(&format!("{p}.cotangent")),
        );
        let [gamma, beta] = ["gamma", "beta"].map(|name| file.tensor(&format!("{p}.w.{name}")));
        let (mut first, channels) = (0, x.size()[1]);
        let (mut outs, mut g_x) = (Vec::new(), Vec::new());
        let mut g_w = [gamma.zeros_like(), beta.zeros_like()];
        for size in sizes(&file, which, x.size()[0], batched) {
            let part = |t: &Tensor| t.narrow(0, first, size).contiguous().view([1, -1]);
            let mut list = Specs::default();
            let width = (size * channels) as usize;
            list.push("norm.weight".into(), vec![width]);
            list.push("norm.bias".into(), vec![width]);
            let values = Tensor::cat(&[gamma.repeat([size]), beta.repeat([size])], 0);
            let gradient = values.zeros_like();
            let of = |flat: &Tensor| {
                let specs = &list.0;
                Norm::new(Views { flat, specs }, "norm", GenNorm::Layer).unwrap()
            };
            let (own, grad) = (of(&values), of(&gradient));
            let (out, tape) = own.forward(&part(&x), Statistics::None).unwrap();
            outs.push(out.view([size, channels]));
            let back = own.backward(&tape, &part(&g), &grad).unwrap();
            g_x.push(back.view([size, channels]));
            let sums = gradient.view([2, size, channels]);
            let sums = sums.sum_dim_intlist(1, false, Kind::Double);
            g_w = [&g_w[0] + sums.get(0), &g_w[1] + sums.get(1)];
            first += size;
        }
        file.same(&format!("{p}.out"), &Tensor::cat(&outs, 0), None, limit);
        file.same(
            &format!("{p}.grad.in.x"),
            &Tensor::cat(&g_x, 0),
            None,
            slope,
        );
        for (name, own) in ["gamma", "beta"].iter().zip(&g_w) {
            file.same(&format!("{p}.grad.w.{name}"), own, None, slope);
        }
    }
}
