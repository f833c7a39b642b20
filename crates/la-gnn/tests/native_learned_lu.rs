//! Native learned LU against parity data and against its formulas in plain loops.

mod fixture;

use fixture::{Fixture, distance, folder};
use la_gnn::GnnError;
use la_gnn::learned_lu::{
    AddedLoops, Base, DiagonalActivation, FirstFeature, LearnedLuConfig, MatrixScale, Parameters,
};
use la_gnn::native::learned_lu::{LearnedLu, Workspace};
use la_gnn::native::{CoatesGraph, Element};
use la_gnn::neuralif::Activation;
use la_gnn::sprs::{CsMatI, TriMatI};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Matrix = CsMatI<f64, u32>;

/// Pairs of (system, weights and outputs).
fn files() -> Vec<(Fixture, Fixture)> {
    let Some(dir) = folder("neuralif-gmres") else {
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for matrix in ["hand12", "grid8x8", "grid15x15"] {
        for weights in ["random", "trained"] {
            let open =
                |what: &str| Fixture::open(&dir.join(format!("{matrix}_{what}.safetensors")));
            pairs.push((open("system"), open(weights)));
        }
    }
    pairs
}

/// The stored entries of a system.
fn stored(system: &Fixture) -> Matrix {
    let n = system.f64("w").len();
    let mut a = TriMatI::new((n, n));
    let stored = system.ids("edge.stored");
    let entries = system
        .ids("edge.row")
        .into_iter()
        .zip(system.ids("edge.col"));
    for (((i, j), v), stored) in entries.zip(system.f64("edge.val")).zip(stored) {
        if stored == 1 {
            a.add_triplet(i as usize, j as usize, v);
        }
    }
    a.to_csr()
}

fn parameters(file: &Fixture, config: LearnedLuConfig) -> Parameters {
    let values = config
        .parameters()
        .iter()
        .flat_map(|s| file.f64(&format!("w.{}", s.name)))
        .map(|v| v as f32)
        .collect();
    Parameters { config, values }
}

/// Entries of L (with its diagonal) and of U (with its ones) in the order of the arcs.
fn triangles<T: Element>(graph: &CoatesGraph<T>, values: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut l, mut u) = (Vec::new(), Vec::new());
    for (i, row) in graph.row_ptr().windows(2).enumerate() {
        for k in row[0] as usize..row[1] as usize {
            let j = graph.columns()[k] as usize;
            if j <= i {
                l.push(values[k]);
            }
            if j >= i {
                u.push(if j == i { 1.0 } else { values[k] });
            }
        }
    }
    (l, u)
}

#[test]
fn graphs_match_parity_data() {
    for (system, _) in files() {
        let a = stored(&system);
        let config = LearnedLuConfig::default();
        let graph = CoatesGraph::<f64>::prepare(a.view(), &config).unwrap();
        assert_eq!(graph.columns(), system.ids("edge.col"));
        assert_eq!(graph.entries(), system.f64("edge.val"));
        let d = distance(graph.features().iter().copied(), &system.f64("features"));
        assert!(d < 1e-12, "{}: {d:e}", system.name);
        if system.has("features_stored_only") {
            assert_eq!(graph.added_loops(), 2);
            let config = config.with_added_loops(AddedLoops::Ignored);
            let graph = CoatesGraph::<f64>::prepare(a.view(), &config).unwrap();
            let expected = system.f64("features_stored_only");
            let d = distance(graph.features().iter().copied(), &expected);
            assert!(d < 1e-12, "{}: {d:e}", system.name);
        }
    }
}

#[test]
fn factors_match_in_double_precision() {
    for (system, file) in files() {
        let a = stored(&system);
        for (diagonal, mode) in [
            (DiagonalActivation::Hard, "infer"),
            (DiagonalActivation::Smooth, "train"),
        ] {
            let config = LearnedLuConfig::default().with_diagonal(diagonal);
            let model = LearnedLu::<f64>::new(&parameters(&file, config)).unwrap();
            let graph = CoatesGraph::prepare(a.view(), model.config()).unwrap();
            let mut ws = Workspace::default();
            let factors = model.factor(&graph, &mut ws).unwrap();
            let (l, u) = triangles(&graph, factors.values);
            let smallest = [factors.smallest_diagonal];
            for (got, name) in [
                (l, format!("{mode}.l_val")),
                (u, "u_val".into()),
                (smallest.to_vec(), format!("{mode}.min_abs_l_diag")),
                (ws.output().to_vec(), "edge_out".into()),
            ] {
                let d = distance(got, &file.f64(&name));
                assert!(d < 1e-12, "{} {name}: {d:e}", file.name);
            }
        }
        if file.has("edge_out.features_stored_only") {
            let config = LearnedLuConfig::default().with_added_loops(AddedLoops::Ignored);
            let model = LearnedLu::<f64>::new(&parameters(&file, config)).unwrap();
            let graph = CoatesGraph::prepare(a.view(), model.config()).unwrap();
            let mut ws = Workspace::default();
            model.factor(&graph, &mut ws).unwrap();
            let expected = file.f64("edge_out.features_stored_only");
            let d = distance(ws.output().iter().copied(), &expected);
            assert!(d < 1e-12, "{}: {d:e}", file.name);
        }
    }
}

#[test]
fn factors_match_in_single_precision() {
    for (system, file) in files() {
        let model = LearnedLu::<f32>::new(&parameters(&file, LearnedLuConfig::default())).unwrap();
        let graph = CoatesGraph::prepare(stored(&system).view(), model.config()).unwrap();
        let mut ws = Workspace::default();
        let factors = model.factor(&graph, &mut ws).unwrap();
        let (l, u) = triangles(&graph, factors.values);
        for (got, name) in [(l, "infer.l_val"), (u, "u_val")] {
            let d = distance(got, &file.f64(name));
            assert!(d < 1e-5, "{} {name}: {d:e}", file.name);
        }
        let output = ws.output().iter().map(|v| f64::from(*v));
        let d = distance(output, &file.f64("edge_out_f32"));
        assert!(d < 1e-5, "{} edge_out_f32: {d:e}", file.name);
    }
}
