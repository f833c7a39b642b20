//! Message-passing networks in pure Rust agree with LibTorch, outputs and gradients.
#![cfg(feature = "torch")]

use std::rc::Rc;

use la_gnn::mpgnn::{Activation, MpgnnConfig, NodeModel, Parameters};
use la_gnn::native::mpgnn::{EdgeGraph, MessageNetwork};
use la_gnn::torch::tch::{Device, Kind, Tensor};
use la_gnn::torch::{ArcGraph, Mpgnn, MpgnnBatch};
use la_problems::TriangularGrid;

fn close(x: &[f64], y: &[f64]) {
    assert_eq!(x.len(), y.len());
    let top = y.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for (k, (x, y)) in x.iter().zip(y).enumerate() {
        assert!((x - y).abs() < 1e-11 * top, "{k}: {x} {y}");
    }
}

#[test]
fn outputs_and_gradients_agree() {
    let grid = TriangularGrid::default().with_points(5, 4);
    let a = grid.generate(2).unwrap();
    let graph = EdgeGraph::of_pattern(a.indptr().raw_storage(), a.indices()).unwrap();
    let nodes: Vec<f64> = (0..2 * a.rows()).map(|k| (k as f64).cos()).collect();
    let edges: Vec<f64> = a.data().iter().flat_map(|v| [*v, v.abs().ln()]).collect();
    for (model, activation) in [
        (NodeModel::MessagePassing, Activation::Relu),
        (NodeModel::MessagePassing, Activation::Tanh),
        (NodeModel::Mlp, Activation::Relu),
    ] {
        let config = MpgnnConfig::default()
            .with_node_model(model)
            .with_activation(activation)
            .with_node_inputs(2)
            .with_edge_inputs(2);
        let parameters = Parameters::initialize(&config, 4).unwrap();
        let native = MessageNetwork::new(&parameters).unwrap();
        let (y, tape) = native.forward(&graph, &nodes, &edges).unwrap();
        let slopes: Vec<f64> = (0..y.len()).map(|k| (0.3 * k as f64).sin()).collect();
        let mut gradient = vec![0.0; config.parameter_count()];
        native
            .backward(&graph, &tape, &slopes, &mut gradient)
            .unwrap();

        let (kind, cpu) = (Kind::Double, Device::Cpu);
        let arcs = ArcGraph::new(&[a.rows()], graph.sources(), graph.targets(), kind, cpu);
        let rows = |x: &[f64]| Tensor::from_slice(x).view([-1, 2]);
        let outputs: Vec<usize> = graph.outputs().iter().map(|&k| k as usize).collect();
        let batch = MpgnnBatch::new(
            Rc::new(arcs.unwrap()),
            rows(&nodes),
            rows(&edges),
            Some(&outputs),
        )
        .unwrap();
        let torch = Mpgnn::new(&parameters, kind, cpu).unwrap();
        let (z, tape) = torch.forward(&batch, true).unwrap();
        close(&y, &Vec::<f64>::try_from(&z).unwrap());
        let slopes = Tensor::from_slice(&slopes);
        let other = torch.backward(&batch, &tape, &slopes).unwrap();
        // The last block's node update has no part in the output: neither engine writes a gradient there.
        close(&gradient, &Vec::<f64>::try_from(other).unwrap());
    }
}
