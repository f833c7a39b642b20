//! Gradients of native learned LU: against parity data, and against differences of the loss.

mod fixture;

use std::sync::Arc;

use fixture::{Fixture, distance, folder};
use la_gnn::learned_lu::{Base, FirstFeature, LearnedLuConfig, MatrixScale, Parameters};
use la_gnn::native::CoatesGraph;
use la_gnn::native::learned_lu::{GradientWorkspace, LearnedLu, LuEngine, LuTrainingGraph};
use la_gnn::native::neuralif::InversePair;
use la_gnn::neuralif::Activation;
use la_gnn::sprs::{CsMatI, TriMatI};
use la_gnn::training::lu::{LuLoss, LuLossWorkspace, LuObjective, LuPower, LuSystem};
use la_gnn::training::{Engine, NoHooks, TrainOptions, train};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Matrix = CsMatI<f64, u32>;

#[test]
fn states_losses_and_gradients_match_parity_data() {
    let Some(dir) = folder("neuralif-gmres") else {
        return;
    };
    let mut compared = 0;
    for matrix in ["hand12", "grid8x8", "grid15x15"] {
        for weights in ["random", "trained"] {
            let open =
                |what: &str| Fixture::open(&dir.join(format!("{matrix}_{what}.safetensors")));
            compared += compare(&open("system"), &open(weights));
        }
    }
    assert_eq!(compared, 6 * 4 + 2);
}

/// Compares one file; the number of losses that it holds.
fn compare(system: &Fixture, file: &Fixture) -> usize {
    let w = system.f64("w");
    let n = w.len();
    let mut a = TriMatI::new((n, n));
    let places = system
        .ids("edge.row")
        .into_iter()
        .zip(system.ids("edge.col"));
    for ((i, j), v) in places.zip(system.f64("edge.val")) {
        a.add_triplet(i as usize, j as usize, v);
    }
    let a: Matrix = a.to_csr();
    let config = LearnedLuConfig::default();
    let parameters = Parameters {
        values: config
            .parameters()
            .iter()
            .flat_map(|s| file.f64(&format!("w.{}", s.name)))
            .map(|v| v as f32)
            .collect(),
        config,
    };
    let model = LearnedLu::<f64>::new(&parameters).unwrap();
    let graph = CoatesGraph::prepare(a.view(), model.config()).unwrap();
    let mut ws = GradientWorkspace::default();
    ws.forward(&model, &graph);
    for step in 0..2 {
        let name = format!("state.step{step}.node");
        let states = ws.node_states(step + 1).unwrap().as_flattened().to_vec();
        let d = distance(states, &file.f64(&name));
        assert!(d < 1e-12, "{} {name}: {d:e}", file.name);
    }
    let lu = LuSystem::new(Arc::new(a), Vec::new().into()).unwrap();
    let pair = |x: &str, y: &[f64]| InversePair {
        x: system.f64(x),
        y: y.to_vec(),
    };
    let pairs = [pair("a_inv_w", &w), pair("pair.x", &system.f64("pair.b"))];
    let max = LuLoss::default();
    let min = max.clone().with_objective(LuObjective::Min);
    let com = max.clone().with_objective(LuObjective::Combined);
    let mut memory = LuLossWorkspace::default();
    let mut compared = 0;
    for (name, loss, pair) in [
        ("l_max", &max, &pairs[0]),
        (
            "l_max_unsquared",
            &max.clone().with_power(LuPower::Norm),
            &pairs[0],
        ),
        ("l_com", &com, &pairs[0]),
        ("l_min", &min, &pairs[0]),
        ("l_min_hat", &min, &pairs[1]),
        ("l_com_pairs", &com, &pairs[1]),
    ] {
        let mut grad_factors = vec![0.0; graph.num_arcs()];
        let value = loss
            .gradient(
                &lu,
                ws.factors(),
                &w,
                Some(pair),
                &mut memory,
                &mut grad_factors,
            )
            .unwrap();
        let expected = file.f64(&format!("loss.{name}"))[0];
        assert!(
            (value - expected).abs() <= 1e-10 * expected,
            "{} {name}",
            file.name
        );
        compared += usize::from(!name.contains("l_min") && !name.contains("pairs"));
        if !file.has(&format!("grad.{name}.step0.edge_mlp.lin1.bias")) {
            compared += usize::from(name == "l_min") + usize::from(name == "l_com_pairs");
            compared -= usize::from(name == "l_max_unsquared");
            continue;
        }
        let mut gradient = vec![0.0; parameters.values.len()];
        ws.backward(&model, &graph, &grad_factors, &mut gradient);
        for spec in parameters.config.parameters() {
            let expected = file.f64(&format!("grad.{name}.{}", spec.name));
            let got = &gradient[spec.offset..spec.offset + spec.len];
            let scale = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let d = got
                .iter()
                .zip(&expected)
                .fold(0.0f64, |m, (g, e)| m.max((g - e).abs()));
            assert!(
                d <= 1e-9 * scale + 1e-12,
                "{} grad.{name}.{}: {d:e} {scale:e}",
                file.name,
                spec.name
            );
        }
    }
    compared
}

/// A square matrix with some zero diagonal entries, all stored.
fn random(n: usize, per_row: usize, seed: u64) -> Matrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut a = TriMatI::new((n, n));
    for i in 0..n {
        let mut columns: Vec<usize> = (0..per_row).map(|_| rng.random_range(0..n)).collect();
        columns.retain(|j| *j != i);
        columns.sort_unstable();
        columns.dedup();
        a.add_triplet(i, i, if i % 4 == 1 { 0.0 } else { 2.0 });
        for j in columns {
            a.add_triplet(i, j, rng.random_range(-1.0..1.0));
        }
    }
    a.to_csr()
}

/// All parameters at once along random directions.
#[test]
fn gradients_are_those_of_differences() {
    let small = || {
        LearnedLuConfig::default()
            .with_activation(Activation::Tanh)
            .with_eps(0.3)
    };
    let configs = [
        small(),
        small().with_steps(1).with_hidden(3),
        small().with_steps(2).with_hidden(8).with_graph_norm(true),
        small()
            .with_steps(4)
            .with_hidden(21)
            .with_edge_width(5)
            .with_graph_norm(true),
        small().with_scale(MatrixScale::Rows).with_edge_width(40),
        small().with_base(Base::Ilu0).with_steps(2),
        small()
            .with_base(Base::Ilu0)
            .with_scale(MatrixScale::Matrix)
            .with_hidden(32),
    ];
    let a = random(15, 6, 1);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (seed, config) in configs.iter().enumerate() {
        let mut graph = CoatesGraph::<f64>::prepare(a.view(), config).unwrap();
        let base: Vec<f64> = (0..graph.num_arcs())
            .map(|_| rng.random_range(0.5..1.5))
            .collect();
        if config.base == Base::Ilu0 {
            graph.set_base(&base).unwrap();
        }
        let start = Parameters::initialize(config, seed as u64).unwrap();
        let weights: Vec<f64> = (0..graph.num_arcs())
            .map(|_| rng.random_range(-1.0..1.0))
            .collect();
        let mut ws = GradientWorkspace::default();
        // Multiples of powers of two, so that sums in single precision are exact.
        let direction: Vec<f32> = start
            .values
            .iter()
            .map(|_| rng.random_range(-4..=4) as f32 / 16_384.0)
            .collect();
        let rounded: Vec<f32> = start
            .values
            .iter()
            .map(|v| (v * 65_536.0).round() / 65_536.0 + 0.0625)
            .collect();
        let mut at = |t: f32, gradient: Option<&mut [f64]>| {
            let values = rounded
                .iter()
                .zip(&direction)
                .map(|(v, d)| v + t * d)
                .collect();
            let p = Parameters {
                config: config.clone(),
                values,
            };
            let model = LearnedLu::<f64>::new(&p).unwrap();
            let factors = ws.forward(&model, &graph);
            let value: f64 = factors.iter().zip(&weights).map(|(f, w)| f * w).sum();
            if let Some(gradient) = gradient {
                ws.backward(&model, &graph, &weights, gradient);
            }
            value
        };
        let mut gradient = vec![0.0; start.values.len()];
        at(0.0, Some(&mut gradient));
        let slope: f64 = gradient
            .iter()
            .zip(&direction)
            .map(|(g, d)| g * f64::from(*d))
            .sum();
        // Differences of fourth order.
        let mut central = |t: f32| (at(t, None) - at(-t, None)) / (2.0 * f64::from(t));
        let difference = (4.0 * central(0.125) - central(0.25)) / 3.0;
        assert!(
            (slope - difference).abs() <= 1e-7 * difference.abs().max(1e-3),
            "{config:?}: {slope} {difference}"
        );
    }
}

/// Random solutions and what the matrix makes of them.
fn pairs(a: &Matrix, count: usize, seed: u64) -> Vec<InversePair> {
    let n = a.rows();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| {
            let x: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
            let rows = a.outer_iterator();
            let y = rows
                .map(|r| r.iter().map(|(j, v)| v * x[j]).sum())
                .collect();
            InversePair { x, y }
        })
        .collect()
}

fn engine(config: &LearnedLuConfig, loss: &LuLoss, matrices: &[Matrix]) -> LuEngine {
    let graphs = matrices
        .iter()
        .map(|a| {
            let base = |a: la_gnn::sprs::CsMatViewI<'_, f64, u32>| Ok(vec![1.5; a.nnz()]);
            LuTrainingGraph::new(a.view(), config, &pairs(a, 3, 8), base).unwrap()
        })
        .collect();
    LuEngine::new(config, loss.clone(), graphs).unwrap()
}

#[test]
fn batches_are_means_and_repeat() {
    let matrices = [random(20, 4, 1), random(31, 3, 2), random(12, 5, 3)];
    for config in [
        LearnedLuConfig::default(),
        LearnedLuConfig::default()
            .with_base(Base::Ilu0)
            .with_scale(MatrixScale::Rows),
    ] {
        let values = Parameters::initialize(&config, 1).unwrap().values;
        for objective in [LuObjective::Max, LuObjective::Min, LuObjective::Combined] {
            let loss = LuLoss::default().with_objective(objective);
            let mut engine = engine(&config, &loss, &matrices);
            assert_eq!(engine.samples(), 3);
            let mut run = |batch: &[usize]| {
                let mut gradient = vec![0.0; values.len()];
                let value = engine
                    .loss_and_gradient(&values, batch, 5, &mut gradient)
                    .unwrap();
                (value, gradient)
            };
            let (value, gradient) = run(&[2, 0]);
            assert_eq!(run(&[2, 0]), (value, gradient.clone()));
            // The probe of a matrix depends on its place in the batch.
            let (first, first_gradient) = run(&[2]);
            assert!(value != first && gradient != first_gradient);
            assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()));
        }
    }
}

/// What the engine gives in single precision is what the parts give in double precision.
#[test]
fn the_engine_agrees_with_its_parts() {
    let a = random(40, 6, 7);
    for scale in [MatrixScale::None, MatrixScale::Rows] {
        let config = LearnedLuConfig::default().with_scale(scale);
        let p = Parameters::initialize(&config, 2).unwrap();
        let training =
            LuTrainingGraph::new(a.view(), &config, &pairs(&a, 1, 8), |_| Ok(Vec::new())).unwrap();
        let system = training.system().clone();
        // The pair belongs to the matrix that the loss sees.
        let seen: Matrix = Matrix::new(
            (40, 40),
            training.graph().row_ptr().to_vec(),
            training.graph().columns().to_vec(),
            training.graph().entries().to_vec(),
        );
        let pair = &system.pairs()[0];
        for (row, y) in seen.outer_iterator().zip(&pair.y) {
            let sum: f64 = row.iter().map(|(j, v)| v * pair.x[j]).sum();
            assert!((sum - y).abs() < 1e-12);
        }
        let loss = LuLoss::default().with_objective(LuObjective::Min);
        let mut engine = LuEngine::new(&config, loss.clone(), vec![training]).unwrap();
        let mut got = vec![0.0; p.values.len()];
        let value = engine
            .loss_and_gradient(&p.values, &[0], 3, &mut got)
            .unwrap();

        let plain = Parameters {
            config: config.clone().with_scale(MatrixScale::None),
            values: p.values.clone(),
        };
        let model = LearnedLu::<f64>::new(&plain).unwrap();
        let graph = CoatesGraph::prepare(seen.view(), model.config()).unwrap();
        let mut ws = GradientWorkspace::default();
        let mut grad_factors = vec![0.0; graph.num_arcs()];
        let (zeros, mut memory) = (vec![0.0; 40], LuLossWorkspace::default());
        let factors = ws.forward(&model, &graph);
        let expected_value = loss
            .gradient(
                &system,
                factors,
                &zeros,
                Some(pair),
                &mut memory,
                &mut grad_factors,
            )
            .unwrap();
        let mut expected = vec![0.0; p.values.len()];
        ws.backward(&model, &graph, &grad_factors, &mut expected);
        assert!((value - expected_value).abs() < 1e-5 * expected_value);
        let d = distance(got, &expected);
        assert!(d < 1e-4, "{d:e}");
    }
}

#[test]
fn a_few_updates_make_the_loss_smaller() {
    let matrices: Vec<Matrix> = (0..4).map(|s| random(30, 6, s)).collect();
    for (config, objective) in [
        (LearnedLuConfig::default(), LuObjective::Max),
        (LearnedLuConfig::default(), LuObjective::Combined),
        (
            LearnedLuConfig::default().with_graph_norm(true),
            LuObjective::Max,
        ),
        (
            LearnedLuConfig::default().with_base(Base::Ilu0),
            LuObjective::Max,
        ),
    ] {
        let loss = LuLoss::default().with_objective(objective);
        let mut engine = engine(&config, &loss, &matrices);
        let start = Parameters::initialize(&config, 0).unwrap().values;
        let all = |engine: &mut LuEngine, values: &[f32]| {
            let mut unused = vec![0.0; values.len()];
            engine
                .loss_and_gradient(values, &[0, 1, 2, 3], 77, &mut unused)
                .unwrap()
        };
        let before = all(&mut engine, &start);
        let mut options = TrainOptions::default();
        (options.updates, options.batch) = (150, 1);
        let model = serde_json::Value::Null;
        let trained = train(&mut engine, &model, start, &options, None, &mut NoHooks).unwrap();
        let after = all(&mut engine, &trained.values);
        assert!(after < 0.7 * before, "{config:?}: {before} -> {after}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let a = random(9, 3, 0);
    let config = LearnedLuConfig::default();
    let none = |_: la_gnn::sprs::CsMatViewI<'_, f64, u32>| Ok(Vec::new());
    let plain = LuTrainingGraph::new(a.view(), &config, &[], none).unwrap();
    let engine = |config: &LearnedLuConfig, objective| {
        let loss = LuLoss::default().with_objective(objective);
        LuEngine::new(config, loss, vec![plain.clone()])
            .unwrap_err()
            .to_string()
    };
    assert!(engine(&config, LuObjective::Min).contains("pairs"));
    let ilu0 = config.clone().with_base(Base::Ilu0);
    assert!(engine(&ilu0, LuObjective::Max).contains("training graph 0"));
    assert!(engine(&config.clone().with_steps(0), LuObjective::Max).contains("steps"));
    let missing = LuTrainingGraph::new(a.view(), &ilu0, &[], none).unwrap_err();
    assert!(missing.to_string().contains("ILU(0)"), "{missing}");
    let rhs = config
        .clone()
        .with_first_feature(FirstFeature::RightHandSide);
    let error = LuTrainingGraph::new(a.view(), &rhs, &[], none).unwrap_err();
    assert!(error.to_string().contains("first_feature"), "{error}");
    let long = InversePair {
        x: vec![0.0; 10],
        y: vec![0.0; 9],
    };
    assert!(LuTrainingGraph::new(a.view(), &config, &[long], none).is_err());
}
