//! Message-passing networks in pure Rust: gradients, permutations, training.

use la_gnn::GnnError;
use la_gnn::mpgnn::{Activation, MpgnnConfig, NodeModel, Parameters};
use la_gnn::native::mpgnn::{Cosine, EdgeEngine, EdgeGraph, EdgeLoss, EdgeTask, MessageNetwork};
use la_gnn::training::{Engine, NoHooks, Schedule, TrainOptions, train};
use la_problems::{CsrMatrix, TriangularGrid, permuted, random_order};

fn graph(a: &CsrMatrix) -> EdgeGraph {
    let starts = a.indptr();
    EdgeGraph::of_pattern(starts.raw_storage(), a.indices()).unwrap()
}

fn matrix(seed: u64) -> CsrMatrix {
    let grid = TriangularGrid::default().with_points(4, 3);
    grid.generate(seed).unwrap()
}

#[test]
fn gradients_are_those_of_differences() {
    for model in [NodeModel::MessagePassing, NodeModel::Mlp] {
        let config = MpgnnConfig::default()
            .with_node_model(model)
            .with_width(5)
            .with_activation(Activation::Tanh);
        let a = matrix(1);
        let graph = graph(&a);
        let mut parameters = Parameters::initialize(&config, 3).unwrap();
        let nodes: Vec<f64> = (0..a.rows()).map(|i| (i as f64).sin()).collect();
        let weights: Vec<f64> = (0..graph.outputs().len())
            .map(|k| (k as f64 * 0.7).cos())
            .collect();
        let value = |p: &Parameters| {
            let network = MessageNetwork::new(p).unwrap();
            let y = network.outputs(&graph, &nodes, a.data()).unwrap();
            y.iter().zip(&weights).map(|(y, w)| y * w).sum::<f64>()
        };
        let network = MessageNetwork::new(&parameters).unwrap();
        let (_, tape) = network.forward(&graph, &nodes, a.data()).unwrap();
        let mut gradient = vec![0.0; config.parameter_count()];
        network
            .backward(&graph, &tape, &weights, &mut gradient)
            .unwrap();
        let largest = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
        for k in (0..gradient.len()).step_by(3) {
            let own = parameters.values[k];
            // Single precision holds the parameters: the step that is taken is the one that counts.
            let (up, down) = (own + 4e-3, own - 4e-3);
            parameters.values[k] = up;
            let above = value(&parameters);
            parameters.values[k] = down;
            let below = value(&parameters);
            parameters.values[k] = own;
            let slope = (above - below) / f64::from(up - down);
            let error = (slope - gradient[k]).abs();
            assert!(error < 1e-4 * largest, "{k}: {slope} {}", gradient[k]);
        }
    }
}

#[test]
fn permuted_nodes_give_permuted_outputs() {
    let config = MpgnnConfig::default();
    let network = MessageNetwork::new(&Parameters::initialize(&config, 0).unwrap()).unwrap();
    let a = matrix(5);
    let order = random_order(a.rows(), 2);
    let b = permuted(&a, &order).unwrap();
    // Outputs of all arcs.
    let all = |a: &CsrMatrix| {
        let targets: Vec<u32> = (0..a.rows())
            .flat_map(|i| vec![i as u32; a.indptr().outer_inds_sz(i).len()])
            .collect();
        let outputs = (0..a.nnz() as u32).collect();
        let graph = EdgeGraph::new(a.rows(), a.indices().to_vec(), targets, outputs).unwrap();
        let ones = vec![1.0; a.rows()];
        network.outputs(&graph, &ones, a.data()).unwrap()
    };
    let (x, y) = (all(&a), all(&b));
    for i in 0..b.rows() {
        for k in b.indptr().outer_inds_sz(i) {
            let (row, col) = (order[i], order[b.indices()[k] as usize]);
            let range = a.indptr().outer_inds_sz(row);
            let at = a.indices()[range.clone()].binary_search(&(col as u32));
            let there = x[range.start + at.unwrap()];
            assert!((there - y[k]).abs() < 1e-12, "{row} {col}");
        }
    }
}

fn task(seed: u64) -> EdgeTask {
    let a = matrix(seed);
    let graph = graph(&a);
    let base: Vec<f64> = graph
        .outputs()
        .iter()
        .map(|&k| a.data()[k as usize])
        .collect();
    let wanted: Vec<f64> = base.iter().map(|v| v * v.abs().powf(0.3)).collect();
    let edges: Vec<f64> = a.data().iter().map(|v| v.abs().ln()).collect();
    EdgeTask {
        nodes: vec![1.0; graph.nodes()],
        edges,
        base: Some(base),
        loss: Box::new(Cosine::new(&wanted).unwrap()),
        graph,
    }
}

#[test]
fn training_learns_a_function_of_the_entries() {
    let config = MpgnnConfig::default().with_blocks(2).with_width(8);
    let tasks = (0..12).map(task).collect();
    let mut engine = EdgeEngine::new(&config, 4.0, tasks).unwrap();
    let start = Parameters::initialize(&config, 0).unwrap().values;
    let before = engine.mean_loss(&start).unwrap();
    let mut options = TrainOptions::default();
    options.updates = 150;
    options.batch = 4;
    options.learning_rate = 1e-2;
    options.schedule = Schedule::Cosine;
    options.weight_decay = 0.0;
    let model = serde_json::Value::Null;
    let trained = train(&mut engine, &model, start, &options, None, &mut NoHooks).unwrap();
    let after = engine.mean_loss(&trained.values).unwrap();
    assert!(after < 0.1 * before, "{before} {after}");
}

#[test]
fn outputs_beyond_the_limit_count_as_the_limit() {
    let base = [2.0, -3.0];
    let entries = EdgeTask::entries(Some(&base), &[9.0, -9.0], 4.0);
    assert_eq!(entries, [2.0 * 4.0_f64.exp(), -3.0 * (-4.0_f64).exp()]);
    assert_eq!(EdgeTask::entries(None, &[9.0], 4.0), [9.0]);
    let mut outputs = vec![0.0; task(0).graph.outputs().len()];
    outputs[0] = 5.0;
    task(0).loss_of_outputs(&mut outputs, 4.0);
    assert!(outputs[0] == 0.0 && outputs[1] != 0.0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let config = MpgnnConfig::default().with_node_model(NodeModel::GAT);
    let refused = MessageNetwork::new(&Parameters::initialize(&config, 0).unwrap());
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains("gatv2") && text.contains("message-passing"),
        "{text}"
    );
    let good = Parameters::initialize(&MpgnnConfig::default(), 0).unwrap();
    let network = MessageNetwork::new(&good).unwrap();
    let a = matrix(0);
    let graph = graph(&a);
    let ones = vec![1.0; a.rows()];
    assert!(network.outputs(&graph, &ones[1..], a.data()).is_err());
    assert!(network.outputs(&graph, &ones, &a.data()[1..]).is_err());
    let (_, tape) = network.forward(&graph, &ones, a.data()).unwrap();
    let short = network.backward(&graph, &tape, &[1.0], &mut [0.0]);
    assert!(matches!(short, Err(GnnError::Matrix { .. })));
    assert!(EdgeGraph::new(2, vec![0, 1], vec![1, 0], vec![]).is_err());
    assert!(EdgeGraph::new(2, vec![0], vec![2], vec![]).is_err());
    assert!(EdgeGraph::new(2, vec![0], vec![1], vec![1]).is_err());
    assert!(Cosine::new(&[0.0, 0.0]).is_err());
    assert!(EdgeEngine::new(&MpgnnConfig::default(), 0.0, vec![]).is_err());
    let mut empty = EdgeEngine::new(&MpgnnConfig::default(), 1.0, vec![]).unwrap();
    let mut gradient = vec![0.0; good.values.len()];
    assert!(
        empty
            .loss_and_gradient(&good.values, &[0], 0, &mut gradient)
            .is_err()
    );
}

#[test]
fn cosine_and_its_gradient() {
    let loss = Cosine::new(&[3.0, 4.0]).unwrap();
    let mut g = [0.0; 2];
    assert!(loss.evaluate(&[6.0, 8.0], &mut g).abs() < 1e-15);
    assert!(g.iter().all(|g| g.abs() < 1e-15));
    // cos = 0.6, and the gradient is −(t − cos x / |x|) / |x|.
    assert!((loss.evaluate(&[2.0, 0.0], &mut g) - 0.4).abs() < 1e-15);
    assert!(g[0].abs() < 1e-15 && (g[1] + 0.4).abs() < 1e-15);
}
