//! Learned LU in LibTorch: against the parity fixtures, and its gradient against finite differences.
#![cfg(feature = "torch")]

mod torch_support;

use std::path::PathBuf;
use std::sync::Arc;

use la_gnn::learned_lu::{
    AddedLoops, Base, DiagonalActivation, FirstFeature, LearnedLuConfig, MatrixScale, Parameters,
};
use la_gnn::native::neuralif::InversePair;
use la_gnn::native::{self, CoatesGraph};
use la_gnn::neuralpcg::{self, NeuralPcgConfig};
use la_gnn::sprs::{CsMat, CsMatI, TriMat};
use la_gnn::torch::tch::{Device, Kind, Tensor};
use la_gnn::torch::{
    BatchLoss, GraphBatch, LearnedLu, LossOptions, Model, NeuralPcg, Objective, Pattern, Sample,
    TorchEngine, factor_values,
};
use la_gnn::training::lu::{LuLoss, LuLossWorkspace, LuObjective, LuPower, LuSystem};
use la_gnn::training::{NoHooks, TrainOptions, train};
use torch_support::{Fixture, assert_close, network_files, relative_error, small_sample};

fn folder() -> Option<PathBuf> {
    Some(
        torch_support::neuralif_folder()?
            .parent()?
            .join("neuralif-gmres"),
    )
}

/// Stored entries of the matrix of a system file.
fn matrix(system: &Fixture) -> CsMat<f64> {
    let (row, col) = (system.get("edge.row"), system.get("edge.col"));
    let (val, stored) = (system.get("edge.val"), system.get("edge.stored"));
    let n = system.get("w").len();
    let mut a = TriMat::new((n, n));
    for k in 0..row.len() {
        if stored[k] != 0.0 {
            a.add_triplet(row[k] as usize, col[k] as usize, val[k]);
        }
    }
    a.to_csr()
}

fn parameters(fixture: &Fixture) -> Parameters {
    let config = LearnedLuConfig::default();
    let mut parameters = Parameters::initialize(&config, 0).unwrap();
    for spec in config.parameters() {
        let values = fixture.get(&format!("w.{}", spec.name));
        assert_eq!(values.len(), spec.len, "{}", spec.name);
        for (to, from) in parameters.values[spec.offset..].iter_mut().zip(values) {
            *to = *from as f32;
            assert_eq!(f64::from(*to), *from, "{} is exact in f32", spec.name);
        }
    }
    parameters
}

fn values(t: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(t.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
}

fn batch(samples: &[&Sample], pattern: Pattern, kind: Kind) -> GraphBatch {
    GraphBatch::new(samples, pattern, kind, Device::Cpu).unwrap()
}

/// Entries on one side of the diagonal, the diagonal included, and those of the other side.
fn part(batch: &GraphBatch, packed: &[f64], lower: bool) -> Vec<f64> {
    let ends = batch.factor_rows().iter().zip(batch.factor_columns());
    packed
        .iter()
        .zip(ends)
        .filter(|(_, (i, j))| if lower { j <= i } else { j >= i })
        .map(|(v, (i, j))| if !lower && i == j { 1.0 } else { *v })
        .collect()
}

/// A network file with its system, in double precision.
struct Case {
    name: String,
    fixture: Fixture,
    system: Fixture,
    model: LearnedLu,
    batch: GraphBatch,
}

fn cases() -> Vec<Case> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let cases: Vec<Case> = network_files(&folder)
        .into_iter()
        .map(|name| {
            let fixture = Fixture::load(&folder, &name);
            let system = Fixture::load(
                &folder,
                &format!("{}_system", name.split('_').next().unwrap()),
            );
            let model = LearnedLu::new(&parameters(&fixture), Kind::Double, Device::Cpu).unwrap();
            let sample =
                Sample::for_learned_lu(matrix(&system).view(), None, model.config()).unwrap();
            assert_close(
                &format!("{name} features"),
                sample.features(),
                system.get("features"),
                1e-12,
            );
            let batch = batch(&[&sample], model.pattern(), Kind::Double);
            Case {
                name,
                fixture,
                system,
                model,
                batch,
            }
        })
        .collect();
    assert_eq!(cases.len(), 6);
    cases
}

#[test]
fn states_and_factors_match_the_fixtures() {
    for c in cases() {
        let states = c.model.states(&c.batch).unwrap();
        let mut compared = 0;
        for (name, state) in &states {
            if let Some(expected) = c.fixture.find(&format!("state.{name}")) {
                assert_close(
                    &format!("{} {name}", c.name),
                    &values(state),
                    expected,
                    1e-12,
                );
                compared += 1;
            }
        }
        assert!(compared >= 3, "{}: {compared} states", c.name);
        let (_, out) = &states[states.len() - 1];
        assert_close(&c.name, &values(out), c.fixture.get("edge_out"), 1e-12);

        for (key, diagonal) in [
            ("train", DiagonalActivation::Smooth),
            ("infer", DiagonalActivation::Hard),
        ] {
            let (factors, smallest) = c.model.factors(&c.batch, diagonal).unwrap();
            let factors = factor_values(&factors).unwrap();
            let name = format!("{} {key}", c.name);
            let expected = c.fixture.get(&format!("{key}.l_val"));
            assert_close(&name, &part(&c.batch, &factors, true), expected, 1e-12);
            let upper = part(&c.batch, &factors, false);
            assert_close(&name, &upper, c.fixture.get("u_val"), 1e-12);
            let expected = c.fixture.get(&format!("{key}.min_abs_l_diag"));
            assert_close(&name, &[smallest], expected, 1e-10);
        }
    }
}

#[test]
fn single_precision_matches_the_fixtures() {
    for c in cases() {
        let model = LearnedLu::new(&parameters(&c.fixture), Kind::Float, Device::Cpu).unwrap();
        let sample =
            Sample::for_learned_lu(matrix(&c.system).view(), None, model.config()).unwrap();
        let batch = batch(&[&sample], model.pattern(), Kind::Float);
        let states = model.states(&batch).unwrap();
        let (_, out) = &states[states.len() - 1];
        assert_close(&c.name, &values(out), c.fixture.get("edge_out_f32"), 1e-5);
    }
}

#[test]
fn features_of_the_stored_entries_alone_match_the_fixtures() {
    let mut compared = 0;
    for c in cases() {
        let Some(expected) = c.fixture.find("edge_out.features_stored_only") else {
            continue;
        };
        let config = LearnedLuConfig::default().with_added_loops(AddedLoops::Ignored);
        let sample = Sample::for_learned_lu(matrix(&c.system).view(), None, &config).unwrap();
        assert_close(
            &c.name,
            sample.features(),
            c.system.get("features_stored_only"),
            1e-12,
        );
        let batch = batch(&[&sample], Pattern::General, Kind::Double);
        let states = c.model.states(&batch).unwrap();
        let (_, out) = &states[states.len() - 1];
        assert_close(&c.name, &values(out), expected, 1e-12);
        compared += 1;
    }
    assert!(compared == 2 || folder().is_none());
}

/// The system of a file for losses, with the pairs (A⁻¹w, w) and (x, b) of the file.
fn loss_system(system: &Fixture, config: &LearnedLuConfig) -> (LuSystem, [InversePair; 2]) {
    let sample = Sample::for_learned_lu(matrix(system).view(), None, config).unwrap();
    let pair = |x: &str, y: &str| InversePair {
        x: system.get(x).to_vec(),
        y: system.get(y).to_vec(),
    };
    (
        LuSystem::new(Arc::new(sample.matrix().clone()), Vec::new().into()).unwrap(),
        [pair("a_inv_w", "w"), pair("pair.x", "pair.b")],
    )
}

#[test]
fn losses_and_gradients_match_the_fixtures() {
    use LuObjective::{Combined, Max, Min};
    for c in cases() {
        let (system, [fresh, stored]) = loss_system(&c.system, c.model.config());
        let (factors, _) = c.model.forward(&c.batch).unwrap();
        let factors = factor_values(&factors).unwrap();
        let w = c.system.get("w");
        let mut memory = LuLossWorkspace::default();
        let mut gradient = vec![0.0; factors.len()];
        let mut at = |objective, power, pair: &InversePair| {
            let loss = LuLoss::default()
                .with_objective(objective)
                .with_power(power);
            let value = loss
                .gradient(&system, &factors, w, Some(pair), &mut memory, &mut gradient)
                .unwrap();
            (value, gradient.clone())
        };
        let (square, norm) = (LuPower::Square, LuPower::Norm);
        for (key, objective, power, pair) in [
            ("l_max", Max, square, &fresh),
            ("l_max_unsquared", Max, norm, &fresh),
            ("l_min", Min, square, &fresh),
            ("l_min_unsquared", Min, norm, &fresh),
            ("l_min_hat", Min, square, &stored),
            ("l_min_hat_unsquared", Min, norm, &stored),
            ("l_com", Combined, square, &fresh),
            ("l_com_pairs", Combined, square, &stored),
        ] {
            let name = format!("{} {key}", c.name);
            let (value, gradient) = at(objective, power, pair);
            let expected = c.fixture.get(&format!("loss.{key}"));
            assert_close(&name, &[value], expected, 1e-10);

            let prefix = format!("grad.{key}.");
            let stored = c.fixture.names_with(&prefix);
            if stored.is_empty() {
                continue;
            }
            let (_, tape) = c.model.forward(&c.batch).unwrap();
            let flat = c
                .model
                .backward(&c.batch, tape, &Tensor::from_slice(&gradient))
                .unwrap();
            let flat = values(&flat);
            let specs = c.model.config().parameters();
            assert_eq!(stored.len(), specs.len());
            for spec in specs {
                let got = &flat[spec.offset..spec.offset + spec.len];
                let expected = c.fixture.get(&format!("{prefix}{}", spec.name));
                // The last node update does not reach the factors: zero.
                let error = relative_error(got, expected, 1e-12);
                assert!(error < 1e-9, "{name} {}: {error:e}", spec.name);
            }
        }
        let p_minus_a = frobenius(&c);
        let expected = c.fixture.get("frobenius.p_minus_a");
        assert_close(&c.name, &[p_minus_a], expected, 1e-10);
    }
}

/// ‖L U − A‖_F with the hard activation.
fn frobenius(c: &Case) -> f64 {
    let (factors, _) = c.model.factors(&c.batch, DiagonalActivation::Hard).unwrap();
    let factors = factor_values(&factors).unwrap();
    let n = c.batch.num_nodes();
    let (mut l, mut u) = (TriMat::new((n, n)), TriMat::new((n, n)));
    let ends = c.batch.factor_rows().iter().zip(c.batch.factor_columns());
    for (v, (i, j)) in factors.iter().zip(ends) {
        let (i, j) = (*i as usize, *j as usize);
        if j <= i {
            l.add_triplet(i, j, *v);
        } else {
            u.add_triplet(i, j, *v);
        }
    }
    (0..n).for_each(|i| u.add_triplet(i, i, 1.0));
    let (l, u): (CsMat<f64>, CsMat<f64>) = (l.to_csr(), u.to_csr());
    let p = &l * &u;
    let difference = &p - &matrix(&c.system);
    difference.data().iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// A seeded nonsymmetric matrix; rows 1 and 4 have no diagonal entry, row 2 has a zero there.
fn small_matrix(n: usize, seed: u64) -> CsMat<f64> {
    let pattern = small_sample(n, seed);
    let mut a = TriMat::new((n, n));
    for (k, (v, (i, j))) in pattern.matrix().iter().enumerate() {
        let (i, j) = (i as usize, j as usize);
        match (i == j, i) {
            (true, 1 | 4) => {}
            (true, 2) => a.add_triplet(i, j, 0.0),
            // Neither symmetric in value nor in pattern.
            (false, _) if k % 5 == 0 => {}
            _ => a.add_triplet(i, j, v * (1.0 + 0.1 * (k % 7) as f64)),
        }
    }
    a.to_csr()
}

/// Gradient of Σ c_k f_k in a direction, and the same by central differences. (Steps are short: relu has kinks.)
fn along<M: Model>(model: &M, batch: &GraphBatch) -> (f64, f64) {
    let (f, tape) = model.forward(batch).unwrap();
    let c: Vec<f64> = (0..f.numel()).map(|k| (k as f64 * 0.7).sin()).collect();
    let c = Tensor::from_slice(&c);
    let gradient = model.backward(batch, tape, &c).unwrap();
    let direction: Vec<f64> = (0..gradient.numel())
        .map(|k| if (k * 7) % 5 < 2 { 1.0 } else { -1.0 })
        .collect();
    let direction = Tensor::from_slice(&direction);
    let start = model.flat().copy();
    let mut flat = model.flat().shallow_clone();
    let mut at = |h: f64| {
        flat.copy_(&(&start + &direction * h));
        let (f, _) = model.forward(batch).unwrap();
        (f * &c).sum(Kind::Double).double_value(&[])
    };
    let h = 1e-7;
    let difference = (at(h) - at(-h)) / (2.0 * h);
    let product = (&gradient * &direction).sum(Kind::Double);
    (product.double_value(&[]), difference)
}

#[track_caller]
fn assert_gradient<M: Model>(what: &str, model: &M, batch: &GraphBatch) {
    let (gradient, difference) = along(model, batch);
    assert!(
        (gradient - difference).abs() < 1e-5 * gradient.abs().max(0.1),
        "{what}: {gradient} {difference}"
    );
}

#[test]
fn gradients_of_the_variants_are_those_of_finite_differences() {
    let a = small_matrix(14, 2);
    for config in [
        LearnedLuConfig::default(),
        LearnedLuConfig::default().with_eps(0.5),
        LearnedLuConfig::default()
            .with_graph_norm(true)
            .with_scale(MatrixScale::Matrix),
        LearnedLuConfig::default()
            .with_activation(la_gnn::neuralif::Activation::Tanh)
            .with_steps(2)
            .with_hidden(32),
        LearnedLuConfig::default()
            .with_steps(1)
            .with_scale(MatrixScale::Rows),
        LearnedLuConfig::default().with_base(Base::Ilu0),
    ] {
        let mut sample = Sample::for_learned_lu(a.view(), None, &config).unwrap();
        if config.base == Base::Ilu0 {
            let base = (0..sample.matrix().nnz()).map(|k| (k as f64).cos());
            sample = sample.with_base(base.collect()).unwrap();
        }
        let batch = batch(&[&sample], Pattern::General, Kind::Double);
        let parameters = Parameters::initialize(&config, 3).unwrap();
        let model = LearnedLu::new(&parameters, Kind::Double, Device::Cpu).unwrap();
        assert_gradient(&format!("{config:?}"), &model, &batch);
    }
}

#[test]
fn learned_ic_has_an_exponential_diagonal_and_the_right_gradient() {
    let config = NeuralPcgConfig::general().with_steps(2);
    let a = small_matrix(14, 2);
    let sample = Sample::for_general_neuralpcg(a.view(), &config).unwrap();
    let batch = batch(&[&sample], Pattern::GeneralLower, Kind::Double);
    let parameters = neuralpcg::Parameters::initialize(&config, 3).unwrap();
    let model = NeuralPcg::new(&parameters, Kind::Double, Device::Cpu).unwrap();
    let (l, _) = model.forward(&batch).unwrap();
    let l = factor_values(&l).unwrap();
    let stored = a.iter().filter(|(_, (i, j))| j < i).count();
    assert_eq!(
        l.len(),
        stored + 14,
        "the lower triangle of A with every loop"
    );
    let ends = batch.factor_rows().iter().zip(batch.factor_columns());
    assert!(l.iter().zip(ends).all(|(l, (i, j))| i != j || *l > 0.0));
    assert_gradient("learned IC", &model, &batch);

    // ‖L Lᵀ w − A w‖, A not symmetric.
    let (l, _) = model.forward(&batch).unwrap();
    let w: Vec<f64> = (0..14).map(|i| f64::from(i).cos()).collect();
    let value = LossOptions::default()
        .evaluate(&batch, &l, &Tensor::from_slice(&w), 0, 0)
        .unwrap()
        .value;
    let (mut u, mut r) = (vec![0.0; 14], vec![0.0; 14]);
    let entries: Vec<(usize, usize, f64)> = batch
        .factor_rows()
        .iter()
        .zip(batch.factor_columns())
        .zip(factor_values(&l).unwrap())
        .map(|((i, j), v)| (*i as usize, *j as usize, v))
        .collect();
    entries.iter().for_each(|(i, j, v)| u[*j] += v * w[*i]);
    entries.iter().for_each(|(i, j, v)| r[*i] += v * u[*j]);
    for (v, (i, j)) in a.iter() {
        r[i] -= v * w[j];
    }
    let expected = r.iter().map(|v| v * v).sum::<f64>().sqrt();
    assert_close("L_max", &[value], &[expected], 1e-12);
}

#[test]
fn a_batch_is_its_graphs_one_by_one() {
    let config = LearnedLuConfig::default().with_graph_norm(true);
    let parameters = Parameters::initialize(&config, 4).unwrap();
    let model = LearnedLu::new(&parameters, Kind::Double, Device::Cpu).unwrap();
    let samples: Vec<Sample> = (0..3)
        .map(|s| {
            let a = small_matrix(12 + s, s as u64);
            let b: Vec<f64> = (0..12 + s).map(|i| (i as f64).sin()).collect();
            Sample::for_learned_lu(a.view(), None, &config)
                .unwrap()
                .with_pair(b.clone(), b)
                .unwrap()
        })
        .collect();
    let factors = |samples: &[&Sample]| {
        let batch = batch(samples, Pattern::General, Kind::Double);
        let (f, _) = model.forward(&batch).unwrap();
        (batch, f)
    };
    let refs: Vec<&Sample> = samples.iter().collect();
    let (union, f) = factors(&refs);
    let alone: Vec<f64> = refs
        .iter()
        .flat_map(|s| factor_values(&factors(&[s]).1).unwrap())
        .collect();
    assert_close("factors", &factor_values(&f).unwrap(), &alone, 1e-12);

    let w: Vec<f64> = (0..union.num_nodes()).map(|i| (i as f64).cos()).collect();
    let loss = LuLoss::default().with_objective(LuObjective::LogBoth);
    let whole = loss
        .evaluate(&union, &f, &Tensor::from_slice(&w), 1, 0)
        .unwrap();
    let (mut sum, mut first) = (0.0, 0);
    for s in &refs {
        let (batch, f) = factors(&[s]);
        let own = &w[first..first + s.num_nodes()];
        first += s.num_nodes();
        sum += loss
            .evaluate(&batch, &f, &Tensor::from_slice(own), 1, 0)
            .unwrap()
            .value;
    }
    assert_close("loss", &[whole.value], &[sum / 3.0], 1e-12);
}

#[test]
fn training_lowers_the_loss() {
    // Small tensors: threads would only wait for each other.
    la_gnn::torch::tch::set_num_threads(1);
    let config = LearnedLuConfig::default();
    let samples: Vec<Arc<Sample>> = (0..4)
        .map(|s| {
            let a = small_matrix(20, s);
            let sample = Sample::for_learned_lu(a.view(), None, &config).unwrap();
            Arc::new(sample)
        })
        .collect();
    let start = Parameters::initialize(&config, 0).unwrap();
    let model = LearnedLu::new(&start, Kind::Float, Device::Cpu).unwrap();
    let mut engine = TorchEngine::new(model, samples, LuLoss::default())
        .unwrap()
        .with_kept_entries(10_000);
    let mut options = TrainOptions::default();
    options.updates = 200;
    options.batch = 1;
    options.learning_rate = 3e-3;
    options.weight_decay = 0.0;
    let model = serde_json::json!("lu");
    let trained = train(
        &mut engine,
        &model,
        start.values,
        &options,
        None,
        &mut NoHooks,
    )
    .unwrap();
    let mean = |l: &[f32]| l.iter().sum::<f32>() / l.len() as f32;
    let (first, last) = (
        mean(&trained.log.losses[..20]),
        mean(&trained.log.losses[180..]),
    );
    assert!(last < 0.7 * first, "{first} {last}");
}

#[test]
fn scales_of_the_matrix_only_move_exponents() {
    let a = small_matrix(15, 3);
    for scale in [MatrixScale::Matrix, MatrixScale::Rows] {
        let config = LearnedLuConfig::default().with_scale(scale);
        let parameters = Parameters::initialize(&config, 1).unwrap();
        let model = LearnedLu::new(&parameters, Kind::Double, Device::Cpu).unwrap();
        let factors = |a: &CsMat<f64>| {
            let sample = Sample::for_learned_lu(a.view(), None, &config).unwrap();
            let batch = batch(&[&sample], Pattern::General, Kind::Double);
            factor_values(&model.forward(&batch).unwrap().0).unwrap()
        };
        assert_eq!(factors(&a), factors(&a.map(|v| v * 1024.0)), "{scale:?}");
    }
}

#[test]
fn bad_input_is_refused() {
    let config = LearnedLuConfig::default();
    let sample = |a: &CsMat<f64>, b: Option<&[f64]>, config: &LearnedLuConfig| {
        Sample::for_learned_lu(a.view(), b, config)
            .unwrap_err()
            .to_string()
    };
    let a = small_matrix(6, 0);
    assert!(sample(&CsMat::zero((0, 0)), None, &config).contains("not empty"));
    assert!(sample(&CsMat::zero((2, 3)), None, &config).contains("2 x 3"));
    assert!(sample(&a.map(|v| v / 0.0), None, &config).contains("graph of the matrix"));
    let with_b = config
        .clone()
        .with_first_feature(FirstFeature::RightHandSide);
    assert!(sample(&a, None, &with_b).contains("first_feature"));
    assert!(sample(&a, Some(&[1.0]), &with_b).contains("right-hand side has length 1"));
    assert!(sample(&a, Some(&[f64::NAN; 6]), &with_b).contains("not finite"));
    let ic = Sample::for_general_neuralpcg(a.view(), &NeuralPcgConfig::default());
    assert!(ic.unwrap_err().to_string().contains("form"));

    // ILU(0) where it is not wanted, missing where it is, and bad.
    let s = Sample::for_learned_lu(a.view(), None, &config).unwrap();
    let ones = vec![1.0; s.matrix().nnz()];
    let refused = |base| s.clone().with_base(base).unwrap_err().to_string();
    assert!(refused(ones[1..].to_vec()).contains("ILU(0)"));
    assert!(refused(vec![0.0; ones.len()]).contains("row 0"));
    assert!(refused(vec![f64::NAN; ones.len()]).contains("not finite"));
    let based = s.clone().with_base(ones).unwrap();
    for (config, sample) in [
        (config.clone(), &based),
        (config.clone().with_base(Base::Ilu0), &s),
    ] {
        let parameters = Parameters::initialize(&config, 0).unwrap();
        let model = LearnedLu::new(&parameters, Kind::Float, Device::Cpu).unwrap();
        let batch = batch(&[sample], Pattern::General, Kind::Float);
        let error = model.forward(&batch).unwrap_err();
        assert!(error.to_string().contains("ILU(0)"), "{error}");
    }

    // Patterns, losses and models that do not belong together.
    let lu = LearnedLu::new(
        &Parameters::initialize(&config, 0).unwrap(),
        Kind::Double,
        Device::Cpu,
    )
    .unwrap();
    let sample = Sample::for_learned_lu(a.view(), None, &config).unwrap();
    let general = batch(&[&sample], Pattern::General, Kind::Double);
    let triangle = batch(&[&sample], Pattern::GeneralLower, Kind::Double);
    let (f, _) = lu.forward(&general).unwrap();
    let w = Tensor::from_slice(&[1.0; 6]);
    let text = |error: la_gnn::GnnError| error.to_string();
    assert!(text(lu.forward(&triangle).unwrap_err()).contains("Pattern::General"));
    let other = LossOptions::default().evaluate(&general, &f, &w, 0, 0);
    assert!(text(other.unwrap_err()).contains("two factors"));
    let l = Tensor::zeros([triangle.factor_nnz() as i64], (Kind::Double, Device::Cpu));
    let other = LuLoss::default().evaluate(&triangle, &l, &w, 0, 0);
    assert!(text(other.unwrap_err()).contains("Pattern::General"));
    let kaporin = LossOptions::default().with_objective(Objective::Kaporin);
    assert!(text(kaporin.evaluate(&triangle, &l, &w, 0, 0).unwrap_err()).contains("symmetric"));
    let unpaired = LuLoss::default().with_objective(LuObjective::Min);
    assert!(text(unpaired.evaluate(&general, &f, &w, 0, 0).unwrap_err()).contains("pairs"));
}

#[test]
fn both_engines_make_the_same_factors() {
    let a = small_matrix(30, 6);
    let a: CsMatI<f64, u32> = a.to_other_types();
    for config in [
        LearnedLuConfig::default(),
        LearnedLuConfig::default().with_scale(MatrixScale::Rows),
        LearnedLuConfig::default()
            .with_graph_norm(true)
            .with_scale(MatrixScale::Matrix),
        LearnedLuConfig::default()
            .with_base(Base::Ilu0)
            .with_hidden(32),
    ] {
        let mut parameters = Parameters::initialize(&config, 2).unwrap();
        // On top of ILU(0) a fresh output is zero.
        for (k, v) in parameters.values.iter_mut().enumerate() {
            if *v == 0.0 {
                *v = 0.2 * (k as f32).sin();
            }
        }
        let mut sample = Sample::for_learned_lu(a.view(), None, &config).unwrap();
        let mut graph = CoatesGraph::<f64>::prepare(a.view(), &config).unwrap();
        if config.base == Base::Ilu0 {
            let base: Vec<f64> = (0..sample.matrix().nnz())
                .map(|k| (k as f64).cos())
                .collect();
            graph.set_base(&base).unwrap();
            sample = sample.with_base(base).unwrap();
        }
        let model = LearnedLu::new(&parameters, Kind::Double, Device::Cpu).unwrap();
        let batch = batch(&[&sample], Pattern::General, Kind::Double);
        let (f, _) = model.factors(&batch, DiagonalActivation::Hard).unwrap();
        let mut f = factor_values(&f).unwrap();
        if let Some(scale) = graph.scale() {
            let ends = batch.factor_rows().iter().zip(batch.factor_columns());
            for (v, (i, j)) in f.iter_mut().zip(ends) {
                if j <= i {
                    *v *= scale[*i as usize];
                }
            }
        }
        let native = native::learned_lu::LearnedLu::<f64>::new(&parameters).unwrap();
        let mut memory = native::learned_lu::Workspace::default();
        let expected = native.factor(&graph, &mut memory).unwrap();
        assert_close(&format!("{config:?}"), &f, expected.values, 1e-11);
    }
}

#[test]
fn a_single_row_and_a_matrix_of_zeros_have_factors() {
    for a in [
        CsMatI::new((1, 1), vec![0usize, 1], vec![0usize], vec![3.0]),
        CsMatI::zero((4, 4)),
    ] {
        for scale in [MatrixScale::None, MatrixScale::Matrix, MatrixScale::Rows] {
            let config = LearnedLuConfig::default().with_scale(scale);
            let parameters = Parameters::initialize(&config, 0).unwrap();
            let model = LearnedLu::new(&parameters, Kind::Float, Device::Cpu).unwrap();
            let sample = Sample::for_learned_lu(a.view(), None, &config).unwrap();
            let batch = batch(&[&sample], Pattern::General, Kind::Float);
            let (f, smallest) = model.factors(&batch, DiagonalActivation::Hard).unwrap();
            assert_eq!(factor_values(&f).unwrap().len(), a.rows());
            assert!(smallest >= 0.999e-3, "{smallest}");
        }
    }
}
