//! Gradients of the losses through the whole network against finite differences.

use la_gnn::native::LowerGraph;
use la_gnn::native::neuralif::{GradientWorkspace, Loss, LossWorkspace, NeuralIf};
use la_gnn::neuralif::{Activation, NeuralIfConfig, Parameters};
use la_problems::sprs::{CsMat, TriMat};

/// A small diagonally dominant matrix with an irregular pattern.
fn matrix() -> CsMat<f64> {
    let n = 14;
    let mut t = TriMat::new((n, n));
    for i in 0..n {
        t.add_triplet(i, i, 3.0 + (i % 4) as f64);
        for step in [1, 3, 7] {
            if i >= step && i % (step + 1) != 0 {
                let value = 0.6 * ((3 * i + step) as f64).sin();
                t.add_triplet(i, i - step, value);
                t.add_triplet(i - step, i, value);
            }
        }
    }
    t.to_csr()
}

fn probe(n: usize) -> Vec<f64> {
    (0..n).map(|i| ((5 * i + 2) as f64).cos() + 0.3).collect()
}

fn value(loss: Loss, graph: &LowerGraph<f64>, parameters: &Parameters) -> f64 {
    let model = NeuralIf::new(parameters).unwrap();
    let mut ws = GradientWorkspace::default();
    ws.forward(&model, graph);
    let mut grad = vec![0.0; graph.num_arcs()];
    let z = probe(graph.num_nodes());
    let parts = loss.gradient(
        graph,
        ws.factor(),
        &z,
        &mut LossWorkspace::default(),
        &mut grad,
    );
    loss.combine(&[parts]).0
}

fn gradient(loss: Loss, graph: &LowerGraph<f64>, parameters: &Parameters) -> Vec<f64> {
    let model = NeuralIf::new(parameters).unwrap();
    let mut ws = GradientWorkspace::default();
    ws.forward(&model, graph);
    let mut grad = vec![0.0; graph.num_arcs()];
    let z = probe(graph.num_nodes());
    let parts = loss.gradient(
        graph,
        ws.factor(),
        &z,
        &mut LossWorkspace::default(),
        &mut grad,
    );
    let (_, scale) = loss.combine(&[parts]);
    grad.iter_mut().for_each(|g| *g *= scale);
    let mut gradient = vec![0.0; parameters.values.len()];
    ws.backward(&model, graph, &mut grad, &mut gradient);
    gradient
}

fn check(loss: Loss, config: &NeuralIfConfig) {
    let graph = LowerGraph::prepare_for_training(matrix().view(), config).unwrap();
    let parameters = Parameters::initialize(config, 11).unwrap();
    let exact = gradient(loss, &graph, &parameters);
    let scale = exact.iter().fold(0.0f64, |m, g| m.max(g.abs()));
    assert!(scale > 0.0);
    let mut compared = 0;
    for k in (0..parameters.values.len()).step_by(7) {
        // Parameters are stored in f32: the step is what is really between the two.
        let moved = |h: f32| {
            let mut p = parameters.clone();
            p.values[k] += h;
            (f64::from(p.values[k]), value(loss, &graph, &p))
        };
        let h = 2.0f32.powi(-10);
        let ((x1, f1), (x0, f0)) = (moved(h), moved(-h));
        let difference = (f1 - f0) / (x1 - x0);
        // Central differences: h² ≈ 1e-6 times third derivatives.
        assert!(
            (difference - exact[k]).abs() <= 1e-4 * scale + 1e-3 * exact[k].abs(),
            "{loss:?}, parameter {k}: {difference:e}, not {:e}",
            exact[k]
        );
        compared += 1;
    }
    assert!(compared > 200);
}

#[test]
fn kaporin_through_the_network() {
    check(Loss::Kaporin, &NeuralIfConfig::default());
}

#[test]
fn squared_through_the_network() {
    check(Loss::Squared, &NeuralIfConfig::default());
}

#[test]
fn squared_with_the_diagonal_of_a() {
    let config = NeuralIfConfig::default()
        .with_normalize_diag(true)
        .with_activation(Activation::Tanh);
    check(Loss::Squared, &config);
}

#[test]
fn losses_of_a_thinned_graph_compare_with_the_whole_matrix() {
    let config = NeuralIfConfig::default()
        .with_equilibrate(true)
        .with_thin(0.1);
    for loss in [Loss::Default, Loss::KaporinPower(3)] {
        check(loss, &config);
    }
    let graph = |config: &NeuralIfConfig| {
        LowerGraph::<f64>::prepare_for_training(matrix().view(), config).unwrap()
    };
    let (thin, whole) = (graph(&config), graph(&config.clone().with_thin(0.0)));
    assert!(thin.num_arcs() < whole.num_arcs() && thin.num_arcs() > thin.num_nodes());
    // The identity as factor, on both patterns: the same residual.
    let parts = |graph: &LowerGraph<f64>| {
        let mut factor = vec![0.0; graph.num_arcs()];
        for i in 0..graph.num_nodes() {
            factor[graph.row_ptr()[i + 1] as usize - 1] = 1.0;
        }
        let mut grad = vec![0.0; graph.num_arcs()];
        let z = probe(graph.num_nodes());
        let ws = &mut LossWorkspace::default();
        Loss::Default
            .gradient(graph, &factor, &z, ws, &mut grad)
            .numerator
    };
    assert!((parts(&thin) - parts(&whole)).abs() < 1e-13 * parts(&whole));
}
