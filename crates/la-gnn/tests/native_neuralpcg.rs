//! Native NeuralPCG against its formulas in plain loops.

use std::collections::BTreeMap;

use la_gnn::GnnError;
use la_gnn::native::neuralpcg::{NeuralPcg, Workspace};
use la_gnn::native::{CoatesGraph, Element, FullGraph, equilibrate};
use la_gnn::neuralif::Activation;
use la_gnn::neuralpcg::{FactorForm, NeuralPcgConfig, Parameters};
use la_gnn::sprs::{CsMatI, TriMatI};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Matrix = CsMatI<f64, u32>;

/// `M Mᵀ + I/10` with `per_row` random entries in each row of M.
fn matrix(n: usize, per_row: usize, seed: u64) -> Matrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut m = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n {
        for _ in 0..per_row {
            m.add_triplet(i, rng.random_range(0..n), rng.random_range(-1.0..1.0));
        }
    }
    let m: Matrix = m.to_csr();
    let mut a = &m * &m.transpose_view().to_csr();
    let mut shift = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n {
        shift.add_triplet(i, i, 0.1);
    }
    a = &a + &shift.to_csr::<u32>();
    a
}

/// One perceptron of the network on one input, unfolded, in double precision.
fn perceptron(p: &Parameters, name: &str, input: &[f64]) -> Vec<f64> {
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
        b.iter()
            .zip(w.chunks_exact(x.len()))
            .map(|(b, row)| {
                let products = row.iter().zip(x).map(|(w, x)| f64::from(*w) * x);
                f64::from(*b) + products.sum::<f64>()
            })
            .collect()
    };
    let hidden: Vec<f64> = linear("lin1", input)
        .into_iter()
        .map(|v| match p.config.activation {
            Activation::Tanh => v.tanh(),
            _ => v.max(0.0),
        })
        .collect();
    linear("lin2", &hidden)
}

/// GraphNorm of one column.
fn normalised(x: &[f64], alpha: f64, gamma: f64, beta: f64) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let c: Vec<f64> = x.iter().map(|x| x - alpha * mean).collect();
    let deviation = (c.iter().map(|c| c * c).sum::<f64>() / n + 1e-5).sqrt();
    c.iter().map(|c| gamma * c / deviation + beta).collect()
}

/// The factor by the formulas of [`NeuralPcgConfig`], lower triangle row by row.
fn by_formula(p: &Parameters, a: &Matrix, features: &[Vec<f64>]) -> Vec<f64> {
    let mut features = features.to_vec();
    if p.config.graph_norm {
        let width = p.config.node_features;
        for d in 0..width {
            let learned = |k: usize| f64::from(p.values[k * width + d]);
            let column: Vec<f64> = features.iter().map(|f| f[d]).collect();
            for (f, y) in
                features
                    .iter_mut()
                    .zip(normalised(&column, learned(0), learned(1), learned(2)))
            {
                f[d] = y;
            }
        }
    }
    let mut x: Vec<Vec<f64>> = features
        .iter()
        .map(|f| perceptron(p, "node_encoder", f))
        .collect();
    let mut e: BTreeMap<(usize, usize), Vec<f64>> = a
        .iter()
        .map(|(v, (i, j))| {
            (
                (i as usize, j as usize),
                perceptron(p, "edge_encoder", &arc_features(p, *v, i, j)),
            )
        })
        .collect();
    for step in 0..p.config.steps {
        for (&(i, j), e) in &mut e {
            *e = perceptron(
                p,
                &format!("step{step}.edge_mlp"),
                &[&x[i][..], &x[j], e].concat(),
            );
        }
        x = x
            .iter()
            .enumerate()
            .map(|(i, xi)| {
                let own: Vec<&Vec<f64>> = e.range((i, 0)..(i + 1, 0)).map(|(_, e)| e).collect();
                let mean =
                    (0..xi.len()).map(|c| own.iter().map(|e| e[c]).sum::<f64>() / own.len() as f64);
                let input: Vec<f64> = xi.iter().copied().chain(mean).collect();
                perceptron(p, &format!("step{step}.node_mlp"), &input)
            })
            .collect();
    }
    let s = |i, j| perceptron(p, "edge_decoder", &e[&(i, j)])[0];
    a.iter()
        .map(|(v, (i, j))| (*v, i as usize, j as usize))
        .filter(|(_, i, j)| j <= i)
        .map(|(v, i, j)| match (p.config.form, i == j) {
            (FactorForm::Triangle, true) => s(i, i).exp(),
            (FactorForm::Triangle, false) => s(i, j),
            (_, true) => v.sqrt(),
            (_, false) => s(i, j) + s(j, i),
        })
        .collect()
}

/// The entry and, in the form `Triangle`, its position code.
fn arc_features(p: &Parameters, v: f64, i: u32, j: u32) -> Vec<f64> {
    match p.config.form {
        FactorForm::Triangle => vec![v, f64::from(j > i) - f64::from(j < i)],
        _ => vec![v],
    }
}

fn native<T: Element>(p: &Parameters, a: &Matrix, features: &[f64]) -> Vec<f64> {
    let features = features.iter().map(|v| T::from_f64(*v)).collect();
    let graph = FullGraph::<T>::new(a.view(), features).unwrap();
    let network = NeuralPcg::<T>::new(p).unwrap();
    let mut ws = Workspace::default();
    let l = network.factor(&graph, &mut ws).unwrap();
    l.iter().map(|v| v.to_f64()).collect()
}

fn distance(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let difference = |(g, e): (&f64, &f64)| (g - e).abs();
    got.iter().zip(expected).map(difference).fold(0.0, f64::max) / largest
}

#[test]
fn the_factor_follows_the_formulas() {
    let a = matrix(40, 3, 1);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    // Every padding of the lanes, one step (first and last at once) and more, both nonlinearities.
    for (width, steps, node_features) in [(8, 1, 1), (5, 2, 8), (16, 5, 8), (13, 3, 1), (32, 2, 3)]
    {
        for activation in [Activation::Relu, Activation::Tanh] {
            for graph_norm in [false, true] {
                let config = NeuralPcgConfig::default()
                    .with_width(width)
                    .with_steps(steps)
                    .with_node_features(node_features)
                    .with_activation(activation)
                    .with_graph_norm(graph_norm);
                let mut p = Parameters::initialize(&config, 3).unwrap();
                // Not the identity.
                p.values.iter_mut().take(3).for_each(|v| *v += 0.3);
                let features: Vec<f64> = (0..40 * node_features)
                    .map(|_| rng.random_range(-2.0..5.0))
                    .collect();
                let rows: Vec<Vec<f64>> = features
                    .chunks_exact(node_features)
                    .map(<[f64]>::to_vec)
                    .collect();
                let expected = by_formula(&p, &a, &rows);
                let double = distance(&native::<f64>(&p, &a, &features), &expected);
                let single = distance(&native::<f32>(&p, &a, &features), &expected);
                assert!(double < 1e-12, "{config:?}: {double:e}");
                assert!(single < 1e-5, "{config:?}: {single:e}");
            }
        }
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let a = matrix(3000, 5, 4);
    assert!(
        a.nnz() > 70_000,
        "{} entries are not enough for two threads",
        a.nnz()
    );
    let p = Parameters::initialize(&NeuralPcgConfig::equilibrated(), 0).unwrap();
    let graph = FullGraph::<f32>::prepare(a.view(), &p.config).unwrap();
    let network = NeuralPcg::<f32>::new(&p).unwrap();
    let factor = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            network
                .factor(&graph, &mut Workspace::default())
                .unwrap()
                .to_vec()
        })
    };
    let one = factor(1);
    assert_eq!(one, factor(2));
    assert_eq!(one, factor(3));
}

#[test]
fn a_workspace_serves_matrices_of_any_size() {
    let p = Parameters::initialize(&NeuralPcgConfig::equilibrated(), 0).unwrap();
    let network = NeuralPcg::<f32>::new(&p).unwrap();
    let mut ws = Workspace::default();
    let graphs: Vec<FullGraph<f32>> = [60, 7, 1, 30]
        .iter()
        .map(|&n| FullGraph::prepare(matrix(n, 3, n as u64).view(), &p.config).unwrap())
        .collect();
    for graph in graphs.iter().chain(&graphs) {
        let used = network.factor(graph, &mut ws).unwrap().to_vec();
        assert_eq!(
            used,
            network.factor(graph, &mut Workspace::default()).unwrap()
        );
    }
    let empty = FullGraph::prepare(CsMatI::<f64, u32>::zero((0, 0)).view(), &p.config).unwrap();
    assert!(network.factor(&empty, &mut ws).unwrap().is_empty());
}

#[test]
fn scaling_the_matrix_changes_nothing_but_the_scale() {
    let a = matrix(50, 3, 5);
    let mut larger = a.clone();
    larger.data_mut().iter_mut().for_each(|v| *v *= 16.0);
    let p = Parameters::initialize(&NeuralPcgConfig::equilibrated(), 0).unwrap();
    let network = NeuralPcg::<f32>::new(&p).unwrap();
    let (one, other) = (
        FullGraph::<f32>::prepare(a.view(), &p.config).unwrap(),
        FullGraph::<f32>::prepare(larger.view(), &p.config).unwrap(),
    );
    let l = network
        .factor(&one, &mut Workspace::default())
        .unwrap()
        .to_vec();
    assert_eq!(
        l,
        network.factor(&other, &mut Workspace::default()).unwrap()
    );
    let ratio = |(s, t): (&f64, &f64)| t / s;
    let ratios: Vec<f64> = one
        .scale()
        .unwrap()
        .iter()
        .zip(other.scale().unwrap())
        .map(ratio)
        .collect();
    assert!(ratios.iter().all(|r| *r == 4.0));
    // The right-hand side as a feature is scaled with the matrix: x stays, b goes with A.
    let config = NeuralPcgConfig::default().with_equilibrate(true);
    let p = Parameters::initialize(&config, 0).unwrap();
    let network = NeuralPcg::<f32>::new(&p).unwrap();
    let b: Vec<f64> = (0..50).map(|i| f64::from(i).sin()).collect();
    let graph = FullGraph::<f32>::prepare_system(a.view(), &b, &config).unwrap();
    let l = network
        .factor(&graph, &mut Workspace::default())
        .unwrap()
        .to_vec();
    let (scaled, scale) = equilibrate(a.view()).unwrap();
    let by_hand: Vec<f64> = b.iter().zip(&scale).map(|(b, s)| b * (1.0 / s)).collect();
    let expected = native::<f32>(&p, &scaled, &by_hand);
    assert_eq!(
        l.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let wide = NeuralPcgConfig::default().with_width(33);
    let p = Parameters::initialize(&wide, 0).unwrap();
    let error = NeuralPcg::<f32>::new(&p).unwrap_err();
    assert_eq!(
        error.to_string(),
        "configuration field `width`: is 33, the native engine goes to 32"
    );
    let mut few = Parameters::initialize(&NeuralPcgConfig::default(), 0).unwrap();
    let network = NeuralPcg::<f32>::new(&few).unwrap();
    let graph = FullGraph::new(matrix(4, 2, 0).view(), vec![0.0; 8]).unwrap();
    let error = network
        .factor(&graph, &mut Workspace::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "matrix: comes with 2 node features, this network takes 1"
    );
    few.values.pop();
    assert!(matches!(
        NeuralPcg::<f32>::new(&few),
        Err(GnnError::WeightsMismatch { .. })
    ));
    // Overflow of single precision on the way is no factor.
    let mut huge = Parameters::initialize(&NeuralPcgConfig::default(), 0).unwrap();
    huge.values.iter_mut().for_each(|v| *v = 1e20);
    let graph = FullGraph::new(matrix(4, 2, 0).view(), vec![1.0; 4]).unwrap();
    let network = NeuralPcg::<f32>::new(&huge).unwrap();
    assert!(matches!(
        network.factor(&graph, &mut Workspace::default()),
        Err(GnnError::NonFinite { .. })
    ));
}

/// A nonsymmetric matrix with a zero stored on the diagonal of every fourth row.
fn general(n: usize, per_row: usize, seed: u64) -> Matrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut a = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n {
        let mut columns: Vec<usize> = (0..per_row).map(|_| rng.random_range(0..n)).collect();
        columns.retain(|j| *j != i);
        columns.sort_unstable();
        columns.dedup();
        a.add_triplet(i, i, if i % 4 == 0 { 0.0 } else { 1.0 });
        for j in columns {
            a.add_triplet(i, j, rng.random_range(-1.0..1.0));
        }
    }
    a.to_csr()
}

#[test]
fn factors_of_general_matrices_follow_the_formulas() {
    for (n, per_row) in [(1, 0), (17, 3), (40, 12)] {
        let a = general(n, per_row, 3);
        let graph = CoatesGraph::<f64>::from_matrix(a.view()).unwrap();
        let features: Vec<Vec<f64>> = graph
            .features()
            .chunks_exact(8)
            .map(<[f64]>::to_vec)
            .collect();
        for (width, steps) in [(16, 5), (7, 1), (20, 2)] {
            for graph_norm in [false, true] {
                let config = NeuralPcgConfig::general()
                    .with_width(width)
                    .with_steps(steps)
                    .with_graph_norm(graph_norm);
                let p = Parameters::initialize(&config, 5).unwrap();
                let expected = by_formula(&p, &a, &features);
                let network = NeuralPcg::<f64>::new(&p).unwrap();
                let mut ws = Workspace::default();
                let got = network.factor_general(&graph, &mut ws).unwrap();
                let d = distance(got, &expected);
                assert!(d < 1e-12, "{config:?}: {d:e}");
                let narrow = CoatesGraph::<f32>::from_matrix(a.view()).unwrap();
                let network = NeuralPcg::<f32>::new(&p).unwrap();
                let mut ws = Workspace::default();
                let got = network.factor_general(&narrow, &mut ws).unwrap();
                let got: Vec<f64> = got.iter().map(|v| f64::from(*v)).collect();
                let d = distance(&got, &expected);
                assert!(d < 1e-5, "{config:?}: {d:e}");
            }
        }
    }
}

#[test]
fn each_form_runs_on_its_own_graph() {
    let a = matrix(6, 2, 0);
    let of = |config: &NeuralPcgConfig| {
        NeuralPcg::<f32>::new(&Parameters::initialize(config, 0).unwrap()).unwrap()
    };
    let mut ws = Workspace::default();
    let full = FullGraph::prepare(a.view(), &NeuralPcgConfig::equilibrated()).unwrap();
    let error = of(&NeuralPcgConfig::general())
        .factor(&full, &mut ws)
        .unwrap_err();
    assert!(
        matches!(error, GnnError::Config { field: "form", .. }),
        "{error}"
    );
    let coates = CoatesGraph::from_matrix(a.view()).unwrap();
    let symmetric = of(&NeuralPcgConfig::equilibrated());
    let error = symmetric.factor_general(&coates, &mut ws).unwrap_err();
    assert!(
        matches!(error, GnnError::Config { field: "form", .. }),
        "{error}"
    );
    // Exponentials that overflow or vanish are refused, the latter by their row.
    let mut p = Parameters::initialize(&NeuralPcgConfig::general(), 0).unwrap();
    let last = p.values.len() - 1;
    for (bias, text) in [
        (1e4, "not finite"),
        (-1e4, "row 0 of the factor L got a zero"),
    ] {
        p.values[last] = bias;
        let network = NeuralPcg::<f32>::new(&p).unwrap();
        let error = network
            .factor_general(&coates, &mut ws)
            .unwrap_err()
            .to_string();
        assert!(error.contains(text), "{error}");
    }
    let empty = CoatesGraph::from_matrix(CsMatI::<f64, u32>::zero((0, 0)).view()).unwrap();
    let network = of(&NeuralPcgConfig::general());
    assert!(network.factor_general(&empty, &mut ws).unwrap().is_empty());
}
