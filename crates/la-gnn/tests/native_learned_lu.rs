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
        let row = row[0] as usize..row[1] as usize;
        for (&j, &value) in graph.columns()[row.clone()].iter().zip(&values[row]) {
            let j = j as usize;
            if j <= i {
                l.push(value);
            }
            if j >= i {
                u.push(if j == i { 1.0 } else { value });
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

/// A square matrix with about `per_row` entries in a row, some diagonal entries missing and some zero.
fn random(n: usize, per_row: usize, seed: u64) -> Matrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut a = TriMatI::new((n, n));
    for i in 0..n {
        let mut columns: Vec<usize> = (0..per_row).map(|_| rng.random_range(0..n)).collect();
        match i % 7 {
            3 => columns.retain(|j| *j != i),
            5 => {
                columns.retain(|j| *j != i);
                a.add_triplet(i, i, 0.0);
            }
            _ => columns.push(i),
        }
        columns.sort_unstable();
        columns.dedup();
        for j in columns {
            a.add_triplet(i, j, rng.random_range(-1.0..2.0));
        }
    }
    a.to_csr()
}

/// `V σ(W x + b) + c` in double precision.
fn perceptron(p: &Parameters, name: &str, input: &[f64]) -> Vec<f64> {
    let specs = p.config.parameters();
    let tensor = |suffix: &str| {
        let name = format!("{name}.{suffix}");
        let s = specs.iter().find(|s| s.name == name).unwrap();
        p.values[s.offset..s.offset + s.len]
            .iter()
            .map(|v| f64::from(*v))
    };
    let linear = |layer: &str, x: &[f64]| -> Vec<f64> {
        let w: Vec<f64> = tensor(&format!("{layer}.weight")).collect();
        let rows = w.chunks_exact(x.len());
        let products = rows.map(|r| r.iter().zip(x).map(|(w, x)| w * x).sum::<f64>());
        tensor(&format!("{layer}.bias"))
            .zip(products)
            .map(|(b, p)| b + p)
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

/// L and U by the formulas of [`LearnedLuConfig`], arc by arc.
fn by_formula(p: &Parameters, graph: &CoatesGraph<f64>, base: &[f64]) -> Vec<f64> {
    let c = &p.config;
    let n = graph.num_nodes();
    let mut x: Vec<Vec<f64>> = graph
        .features()
        .chunks_exact(8)
        .map(<[f64]>::to_vec)
        .collect();
    if c.graph_norm {
        for d in 0..8 {
            let learned = |k: usize| f64::from(p.values[8 * k + d]);
            let mean = x.iter().map(|x| x[d]).sum::<f64>() / n as f64;
            let shifted: Vec<f64> = x.iter().map(|x| x[d] - learned(0) * mean).collect();
            let variance = shifted.iter().map(|v| v * v).sum::<f64>() / n as f64;
            for (x, v) in x.iter_mut().zip(shifted) {
                x[d] = learned(1) * v / (variance + 1e-5).sqrt() + learned(2);
            }
        }
    }
    let rows: Vec<usize> = (0..n)
        .flat_map(|i| vec![i; (graph.row_ptr()[i + 1] - graph.row_ptr()[i]) as usize])
        .collect();
    let columns: Vec<usize> = graph.columns().iter().map(|j| *j as usize).collect();
    let arcs = columns.len();
    let scale = |i: usize| graph.scale().map_or(1.0, |s| s[i]);
    let a: Vec<f64> = (0..arcs)
        .map(|k| graph.entries()[k] / scale(rows[k]))
        .collect();
    let mut e: Vec<Vec<f64>> = (0..arcs)
        .map(|k| {
            let (i, j) = (rows[k], columns[k]);
            let mut own = vec![a[k], f64::from(j > i) - f64::from(j < i)];
            if c.base == Base::Ilu0 {
                own.push(if j > i { base[k] } else { base[k] / scale(i) });
            }
            own
        })
        .collect();
    for step in 0..c.steps {
        e = (0..arcs)
            .map(|k| {
                let mut input = [&x[rows[k]][..], &x[columns[k]], &e[k]].concat();
                if step > 0 {
                    input.push(a[k]);
                }
                perceptron(p, &format!("step{step}.edge_mlp"), &input)
            })
            .collect();
        x = (0..n)
            .map(|i| {
                let own: Vec<usize> = (0..arcs).filter(|k| rows[*k] == i).collect();
                let mean = (0..e[0].len())
                    .map(|d| own.iter().map(|k| e[*k][d]).sum::<f64>() / own.len() as f64);
                let input: Vec<f64> = x[i].iter().copied().chain(mean).collect();
                perceptron(p, &format!("step{step}.node_mlp"), &input)
            })
            .collect();
    }
    (0..arcs)
        .map(|k| {
            let (i, j, e) = (rows[k], columns[k], e[k][0]);
            match c.base {
                Base::None if j > i => e,
                Base::None if j < i => scale(i) * e,
                Base::None => scale(i) * c.diagonal.apply(e, c.eps),
                _ if j == i => base[k] * c.diagonal.apply(1.0 + e, c.eps),
                _ => base[k] * (1.0 + e),
            }
        })
        .collect()
}

#[test]
fn every_variant_agrees_with_its_formulas() {
    let small = || LearnedLuConfig::default().with_hidden(5).with_edge_width(7);
    let variants = [
        LearnedLuConfig::default(),
        LearnedLuConfig::default()
            .with_hidden(32)
            .with_edge_width(64),
        small().with_steps(1),
        small().with_steps(2).with_activation(Activation::Tanh),
        small().with_steps(5).with_hidden(17).with_graph_norm(true),
        small()
            .with_scale(MatrixScale::Matrix)
            .with_diagonal(DiagonalActivation::Smooth),
        small()
            .with_scale(MatrixScale::Rows)
            .with_graph_norm(true)
            .with_hidden(8),
        small().with_base(Base::Ilu0).with_steps(1),
        small().with_base(Base::Ilu0).with_hidden(16).with_eps(0.5),
        small()
            .with_base(Base::Ilu0)
            .with_scale(MatrixScale::Rows)
            .with_steps(4),
    ];
    // Rows longer and shorter than the arcs that are taken at a time.
    for (n, per_row) in [(1, 0), (2, 1), (23, 3), (30, 14)] {
        let a = random(n, per_row, 4);
        for (seed, config) in variants.iter().enumerate() {
            let mut p = Parameters::initialize(config, seed as u64).unwrap();
            let mut rng = ChaCha8Rng::seed_from_u64(9);
            // Nothing is left at zero or one.
            p.values
                .iter_mut()
                .for_each(|v| *v += rng.random_range(-0.1..0.1));
            let model = LearnedLu::<f64>::new(&p).unwrap();
            let mut graph = CoatesGraph::prepare(a.view(), config).unwrap();
            let base: Vec<f64> = (0..graph.num_arcs())
                .map(|_| rng.random_range(0.5..2.0))
                .collect();
            if config.base == Base::Ilu0 {
                graph.set_base(&base).unwrap();
            }
            let mut ws = Workspace::default();
            let got = model.factor(&graph, &mut ws).unwrap().values.to_vec();
            let d = distance(got, &by_formula(&p, &graph, &base));
            assert!(d < 1e-12, "n = {n}, {config:?}: {d:e}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let a = random(4000, 30, 1);
    let p = Parameters::initialize(&LearnedLuConfig::default(), 0).unwrap();
    let model = LearnedLu::<f32>::new(&p).unwrap();
    let graph = CoatesGraph::prepare(a.view(), model.config()).unwrap();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let mut ws = Workspace::default();
        pool.install(|| model.factor(&graph, &mut ws).map(|f| f.values.to_vec()))
            .unwrap()
    };
    let one = on(1);
    assert_eq!(on(2), one);
    assert_eq!(on(3), one);
}

#[test]
fn scaling_the_matrix_scales_the_factor_l_alone() {
    let a = random(40, 6, 2);
    let factors = |a: &Matrix, scale: MatrixScale| {
        let config = LearnedLuConfig::default().with_scale(scale);
        let model = LearnedLu::<f32>::new(&Parameters::initialize(&config, 0).unwrap()).unwrap();
        let graph = CoatesGraph::prepare(a.view(), &config).unwrap();
        let mut ws = Workspace::default();
        triangles(&graph, model.factor(&graph, &mut ws).unwrap().values)
    };
    let mut whole = a.clone();
    whole.map_inplace(|v| v * 1024.0);
    let (l, u) = factors(&a, MatrixScale::Matrix);
    let (scaled_l, scaled_u) = factors(&whole, MatrixScale::Matrix);
    assert_eq!(u, scaled_u);
    assert!(l.iter().zip(&scaled_l).all(|(x, y)| 1024.0 * x == *y));

    let mut rows = a.clone();
    for (i, mut row) in rows.outer_iterator_mut().enumerate() {
        row.iter_mut()
            .for_each(|(_, v)| *v *= f64::powi(2.0, i as i32 - 20));
    }
    let (l, u) = factors(&a, MatrixScale::Rows);
    let (scaled_l, scaled_u) = factors(&rows, MatrixScale::Rows);
    assert_eq!(u, scaled_u);
    let of_row = |l: &[f64]| -> f64 { l.iter().map(|v| v.abs()).sum() };
    assert!((of_row(&scaled_l[..1]) / of_row(&l[..1])) == f64::powi(2.0, -20));
}

#[test]
fn an_untrained_correction_of_ilu0_is_ilu0() {
    let a = random(20, 4, 3);
    let config = LearnedLuConfig::default().with_base(Base::Ilu0);
    let model = LearnedLu::<f32>::new(&Parameters::initialize(&config, 0).unwrap()).unwrap();
    let mut graph = CoatesGraph::prepare(a.view(), &config).unwrap();
    let base: Vec<f64> = (0..graph.num_arcs())
        .map(|k| 1.0 + k as f64 / 3.0)
        .collect();
    let missing = model.factor(&graph, &mut Workspace::default()).unwrap_err();
    assert!(missing.to_string().contains("ILU(0)"), "{missing}");
    graph.set_base(&base).unwrap();
    let mut ws = Workspace::default();
    assert_eq!(model.factor(&graph, &mut ws).unwrap().values, base);
    for (k, value, text) in [
        (
            graph.diagonal()[4] as usize,
            0.0,
            "row 4 of ILU(0) has a zero",
        ),
        (7, f64::NAN, "not finite at position 7"),
    ] {
        let mut bad = base.clone();
        bad[k] = value;
        let error = graph.set_base(&bad).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    assert!(graph.set_base(&base[1..]).is_err());
}

#[test]
fn an_updated_graph_is_the_graph_of_the_new_matrix() {
    for loops in [AddedLoops::Counted, AddedLoops::Ignored] {
        for scale in [MatrixScale::None, MatrixScale::Matrix, MatrixScale::Rows] {
            let config = LearnedLuConfig::default()
                .with_added_loops(loops)
                .with_scale(scale);
            let a = random(25, 4, 5);
            let mut b = a.clone();
            b.map_inplace(|v| 3.0 * v - 0.25);
            let mut graph = CoatesGraph::<f32>::prepare(a.view(), &config).unwrap();
            graph.update(b.view(), &config).unwrap();
            assert_eq!(graph, CoatesGraph::prepare(b.view(), &config).unwrap());
            // By columns, and with the diagonal stored: the same graph.
            graph.update(a.to_csc().view(), &config).unwrap();
            assert_eq!(graph, CoatesGraph::prepare(a.view(), &config).unwrap());
            let other = random(25, 4, 6);
            let error = graph.update(other.view(), &config).unwrap_err().to_string();
            assert!(error.contains("another pattern"), "{error}");
        }
    }
}

#[test]
fn a_right_hand_side_is_the_first_feature_if_the_network_takes_it() {
    let a = random(5, 2, 0);
    let config = LearnedLuConfig::default().with_first_feature(FirstFeature::RightHandSide);
    let error = CoatesGraph::<f32>::prepare(a.view(), &config).unwrap_err();
    assert!(matches!(
        error,
        GnnError::Config {
            field: "first_feature",
            ..
        }
    ));
    let b = [1.5, -2.0, 0.0, 4.0, 8.0];
    let mut graph = CoatesGraph::<f64>::prepare_system(a.view(), &b, &config).unwrap();
    let position = LearnedLuConfig::default();
    let plain = CoatesGraph::<f64>::prepare_system(a.view(), &b, &position).unwrap();
    for (i, (x, y)) in graph
        .features()
        .chunks(8)
        .zip(plain.features().chunks(8))
        .enumerate()
    {
        assert_eq!((x[0], y[0]), (b[i], i as f64));
        assert_eq!(x[1..], y[1..]);
    }
    let before = graph.clone();
    graph.update(a.view(), &config).unwrap();
    assert_eq!(graph, before);
    assert!(CoatesGraph::<f32>::prepare_system(a.view(), &b[1..], &config).is_err());
    let bad = [0.0, f64::INFINITY, 0.0, 0.0, 0.0];
    let error = CoatesGraph::<f32>::prepare_system(a.view(), &bad, &config).unwrap_err();
    assert!(
        matches!(error, GnnError::NonFinite { position: 1, .. }),
        "{error}"
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let config = LearnedLuConfig::default();
    let message = |a: &Matrix| {
        let error = CoatesGraph::<f32>::prepare(a.view(), &config).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    };
    let wide = Matrix::zero((2, 3));
    assert!(message(&wide).contains("2 x 3"));
    let one = |v: f64| Matrix::new((1, 1), vec![0, 1], vec![0], vec![v]);
    assert!(message(&one(f64::NAN)).contains("graph of the matrix"));
    assert!(message(&one(1e300)).contains("not finite at position 0"));
    let scaled = config.clone().with_scale(MatrixScale::Matrix);
    assert!(CoatesGraph::<f32>::prepare(one(1e300).view(), &scaled).is_ok());
    // Rows of zeros and the empty matrix are divided by 1.
    for (n, arcs) in [(0, 0), (3, 3)] {
        let graph = CoatesGraph::<f32>::prepare(Matrix::zero((n, n)).view(), &scaled).unwrap();
        let p = Parameters::initialize(&scaled, 0).unwrap();
        let mut ws = Workspace::default();
        let factors = LearnedLu::new(&p)
            .unwrap()
            .factor(&graph, &mut ws)
            .map(|f| f.values.len());
        assert_eq!((factors.unwrap(), graph.added_loops()), (arcs, n));
    }
    let mut p = Parameters::initialize(&config, 0).unwrap();
    p.values.pop();
    let error = LearnedLu::<f32>::new(&p).unwrap_err();
    assert!(matches!(error, GnnError::WeightsMismatch { .. }), "{error}");
}
