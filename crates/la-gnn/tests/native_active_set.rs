//! Networks that guess active sets: parity with an independent implementation, symmetries, no allocation.

mod fixture;

use fixture::{Fixture, distance, folder};
use la_gnn::active_set::{
    ActiveSetConfig, GnnConfig, GnnFeatures, LeastDistanceConfig, MlpConfig, Parameters,
};
use la_gnn::native::Element;
use la_gnn::native::active_set::{ActiveSetGnn, ActiveSetMlp, LeastDistanceGnn, probability};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Parameters of this layout, stored under a prefix.
fn stored<C: ActiveSetConfig>(file: &Fixture, prefix: &str, config: C) -> Parameters<C> {
    let read = |name: &str| file.f64(&format!("{prefix}{name}"));
    let tensors = config.parameters().into_iter().map(|s| read(&s.name));
    Parameters {
        values: tensors.flatten().map(|v| v as f32).collect(),
        statistics: Vec::new(),
        config,
    }
}

fn cast<T: Element>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&v| T::from_f64(v)).collect()
}

fn doubles<T: Element>(values: &[T]) -> Vec<f64> {
    values.iter().map(|v| v.to_f64()).collect()
}

fn graph_network<T: Element>(name: &str, features: GnnFeatures, width: usize, tol: f64) {
    let Some(dir) = folder("qp") else { return };
    let file = Fixture::open(&dir.join(name));
    let config = GnnConfig::default()
        .with_features(features)
        .with_width(width);
    let parameters = stored(&file, "w.", config.clone());
    assert_eq!(parameters.values.len(), config.parameter_count());
    let deeper = stored(&file, "w.", config.with_layers(4));
    for g in 0..3 {
        let read = |what: &str| file.f64(&format!("g{g}.{what}"));
        let cast = |what: &str| cast::<T>(&read(what));
        let (f, b) = (cast("f"), cast("b"));
        let lower = match features {
            GnnFeatures::OneSided => Vec::new(),
            _ => cast("blower"),
        };
        let (h, a) = (cast("H"), cast("A"));
        let mut network = ActiveSetGnn::new(&parameters, f.len(), &h, &a).unwrap();
        let logits = doubles(network.logits(&f, &lower, &b).unwrap());
        let apart = distance(logits.iter().copied(), &read("logit"));
        assert!(apart < tol, "{name} g{g} logits: {apart:e}");
        let out = logits.iter().map(|&l| probability(l));
        let apart = distance(out, &read("out"));
        assert!(apart < tol, "{name} g{g} outputs: {apart:e}");
        let mut network = ActiveSetGnn::new(&deeper, f.len(), &h, &a).unwrap();
        let logits = network.logits(&f, &lower, &b).unwrap();
        let out = logits.iter().map(|l| probability(l.to_f64()));
        let apart = distance(out, &read("out_4_layers"));
        assert!(apart < tol, "{name} g{g} four layers: {apart:e}");
    }
}

#[test]
fn graph_networks_agree_with_the_reference() {
    let (one, two) = ("gnn_one_sided.safetensors", "gnn_two_sided.safetensors");
    graph_network::<f64>(one, GnnFeatures::OneSided, 128, 1e-11);
    graph_network::<f64>(two, GnnFeatures::TwoSided, 32, 1e-11);
    graph_network::<f32>(one, GnnFeatures::OneSided, 128, 1e-5);
    graph_network::<f32>(two, GnnFeatures::TwoSided, 32, 1e-5);
}

#[test]
fn features_and_messages_are_those_of_the_reference() {
    let Some(dir) = folder("qp") else { return };
    let file = Fixture::open(&dir.join("gnn_one_sided.safetensors"));
    let config = GnnConfig::default();
    let parameters = stored(&file, "w.", config);
    for g in 0..3 {
        let read = |what: &str| file.f64(&format!("g{g}.{what}"));
        let (f, b) = (read("f"), read("b"));
        let mut dense =
            ActiveSetGnn::<f64>::new(&parameters, f.len(), &read("H"), &read("A")).unwrap();
        // The arcs as the reference lists them.
        let nodes = f.len() + b.len();
        let mut arcs = sprs::TriMatI::<f64, u32>::new((nodes, nodes));
        let ends = [
            file.ids(&format!("g{g}.edge.row")),
            file.ids(&format!("g{g}.edge.col")),
        ];
        for ((&i, &j), v) in ends[0].iter().zip(&ends[1]).zip(read("edge.val")) {
            arcs.add_triplet(i as usize, j as usize, v);
        }
        let mut sparse = dense.clone();
        let arcs: sprs::CsMatI<f64, u32> = arcs.to_csr();
        sparse.set_messages(arcs.view()).unwrap();
        let dense = dense.logits(&f, &[], &b).unwrap();
        let apart = distance(sparse.logits(&f, &[], &b).unwrap().iter().copied(), dense);
        assert!(apart < 1e-12, "g{g}: {apart:e}");
    }
}

#[test]
fn moments_of_a_batch_are_those_of_the_reference() {
    let Some(dir) = folder("qp") else { return };
    let file = Fixture::open(&dir.join("gnn_one_sided.safetensors"));
    let parameters = stored(&file, "w.", GnnConfig::default());
    let features = [file.f64("g0.features"), file.f64("g1.features")].concat();
    let nodes = (features.len() / 4) as f64;
    let moments: Vec<[f64; 2]> = (0..4)
        .map(|c| {
            let column = || features.iter().skip(c).step_by(4);
            let mean = column().sum::<f64>() / nodes;
            let square = column().map(|v| (v - mean).powi(2)).sum::<f64>();
            [mean, (square / (nodes - 1.0)).sqrt()]
        })
        .collect();
    let mut out = Vec::new();
    for g in 0..2 {
        let read = |what: &str| file.f64(&format!("g{g}.{what}"));
        let (f, b) = (read("f"), read("b"));
        let mut network =
            ActiveSetGnn::<f64>::new(&parameters, f.len(), &read("H"), &read("A")).unwrap();
        network.set_moments(&moments).unwrap();
        let logits = network.logits(&f, &[], &b).unwrap();
        out.extend(logits.iter().map(|&l| probability(l)));
    }
    assert!(distance(out, &file.f64("batch01.out")) < 1e-11);
}

fn perceptron<T: Element>(tol: f64) {
    let Some(dir) = folder("qp") else { return };
    let file = Fixture::open(&dir.join("mlp.safetensors"));
    for (g, hidden) in [(0, 128), (1, 32)] {
        let read = |what: &str| file.f64(&format!("g{g}.{what}"));
        let pieces = ["H", "A", "f", "b"].map(|what| cast::<T>(&read(what)));
        let config = MlpConfig::published(pieces[2].len(), pieces[3].len()).with_hidden(hidden);
        let parameters = stored(&file, &format!("g{g}.w."), config);
        let mut network = ActiveSetMlp::new(&parameters).unwrap();
        let whole = cast::<T>(&read("input"));
        let logits = network.logits(&[&whole]).unwrap().to_vec();
        let again = network.logits(&pieces.each_ref().map(|p| &p[..])).unwrap();
        assert_eq!(logits, again);
        let out = logits.iter().map(|l| probability(l.to_f64()));
        let apart = distance(out, &read("out"));
        assert!(apart < tol, "g{g}: {apart:e}");
        let n = pieces[2].len();
        let constraints = network.constraint_logits(&[&whole]).unwrap();
        assert_eq!(constraints, &logits[n..]);
        assert!(network.logits(&[&whole[1..]]).is_err());
    }
}

#[test]
fn perceptrons_agree_with_the_reference() {
    perceptron::<f64>(1e-12);
    perceptron::<f32>(1e-5);
}

#[test]
fn perceptrons_standardise_their_inputs() {
    let config = MlpConfig::new(1, 2).with_hidden(8);
    let mut parameters = Parameters::initialize(&config, 3).unwrap();
    let mut plain = ActiveSetMlp::<f64>::new(&parameters).unwrap();
    let expected = plain.logits(&[&[1.0, -0.5, 2.0]]).unwrap().to_vec();
    parameters.statistics = vec![4.0, 1.0, -2.0, 0.5, 2.0, 0.25];
    let mut network = ActiveSetMlp::<f64>::new(&parameters).unwrap();
    let got = network.logits(&[&[6.0, 0.75, 6.0]]).unwrap();
    assert!(distance(got.iter().copied(), &expected) < 1e-14);
}

/// A random order.
fn shuffled(count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    use rand::seq::SliceRandom;
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(rng);
    order
}

#[test]
fn permuted_problems_have_permuted_outputs() {
    let (n, m) = (6, 15);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut draw =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let (h, a, f, b) = (draw(n * n), draw(m * n), draw(n), draw(m));
    let h: Vec<f64> = (0..n * n)
        .map(|at| h[at] + h[at % n * n + at / n])
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (p, q) = (shuffled(n, &mut rng), shuffled(m, &mut rng));
    let matrix = |x: &[f64], rows: &[usize]| -> Vec<f64> {
        let row = |&i: &usize| p.iter().map(move |&j| x[i * n + j]).collect::<Vec<_>>();
        rows.iter().flat_map(row).collect()
    };
    let vector = |x: &[f64], order: &[usize]| -> Vec<f64> { order.iter().map(|&i| x[i]).collect() };
    let parameters = Parameters::initialize(&GnnConfig::default().with_width(32), 1).unwrap();
    let mut one = ActiveSetGnn::<f64>::new(&parameters, n, &h, &a).unwrap();
    let (h, a) = (matrix(&h, &p), matrix(&a, &q));
    let mut two = ActiveSetGnn::<f64>::new(&parameters, n, &h, &a).unwrap();
    let both: Vec<usize> = p.iter().copied().chain(q.iter().map(|j| n + j)).collect();
    let expected = vector(one.logits(&f, &[], &b).unwrap(), &both);
    let got = two.logits(&vector(&f, &p), &[], &vector(&b, &q)).unwrap();
    assert!(distance(got.iter().copied(), &expected) < 1e-10);
}

/// Rows of length 1.
fn unit_rows(m: usize, n: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rows: Vec<f64> = (0..m * n).map(|_| rng.random_range(-1.0..1.0)).collect();
    for row in rows.chunks_exact_mut(n) {
        let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        row.iter_mut().for_each(|v| *v /= norm);
    }
    rows
}

#[test]
fn least_distance_networks_see_no_order_rotation_or_scale() {
    let (n, m) = (5, 12);
    let rows = unit_rows(m, n, 6);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let d: Vec<f64> = (0..m).map(|_| rng.random_range(-1.0..2.0)).collect();
    let order = shuffled(m, &mut rng);
    // A reflection of u-space and another order of rows.
    let mirror = unit_rows(1, n, 8);
    let turned = |row: &[f64]| -> Vec<f64> {
        let dot: f64 = row.iter().zip(&mirror).map(|(a, b)| a * b).sum();
        let pairs = row.iter().zip(&mirror);
        pairs.map(|(a, b)| a - 2.0 * dot * b).collect()
    };
    let other: Vec<f64> = order
        .iter()
        .flat_map(|&i| turned(&rows[i * n..(i + 1) * n]))
        .collect();
    for ridges in [vec![0.1], vec![0.01, 1.0]] {
        let config = LeastDistanceConfig::default().with_ridges(ridges);
        let parameters = Parameters::initialize(&config, 2).unwrap();
        let mut network = LeastDistanceGnn::<f64>::new(&parameters, n, &rows).unwrap();
        let logits = network.logits(&d).unwrap();
        let expected: Vec<f64> = order.iter().map(|&i| logits[i]).collect();
        network.set_rows(&other).unwrap();
        let slacks: Vec<f64> = order.iter().map(|&i| 1024.0 * d[i]).collect();
        let got = network.logits(&slacks).unwrap();
        assert!(distance(got.iter().copied(), &expected) < 1e-11);
        let rows32: Vec<f32> = rows.iter().map(|&v| v as f32).collect();
        let mut single = LeastDistanceGnn::<f32>::new(&parameters, n, &rows32).unwrap();
        let slacks: Vec<f32> = d.iter().map(|&v| v as f32).collect();
        let got = doubles(single.logits(&slacks).unwrap());
        let got: Vec<f64> = order.iter().map(|&i| got[i]).collect();
        assert!(distance(got, &expected) < 1e-4);
    }
}

#[test]
fn predictions_allocate_nothing() {
    let (n, m) = (8, 20);
    let rows = unit_rows(m, n, 1);
    let (f, b) = (vec![-0.3; n], vec![-0.2; m]);
    let h: Vec<f64> = (0..n * n)
        .map(|at| f64::from(at / n == at % n) + 0.1)
        .collect();
    let mlp = Parameters::initialize(&MlpConfig::new(n, m), 1).unwrap();
    let mut mlp = ActiveSetMlp::<f64>::new(&mlp).unwrap();
    let gnn = Parameters::initialize(&GnnConfig::default(), 1).unwrap();
    let mut gnn = ActiveSetGnn::<f64>::new(&gnn, n, &h, &rows).unwrap();
    let config = LeastDistanceConfig::default();
    let least = Parameters::initialize(&config, 1).unwrap();
    let mut least = LeastDistanceGnn::<f64>::new(&least, n, &rows).unwrap();
    let info = allocation_counter::measure(|| {
        mlp.logits(&[&f, &b]).unwrap();
        gnn.logits(&f, &[], &b).unwrap();
        least.set_rows(&rows).unwrap();
        least.logits(&b).unwrap();
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let gnn = Parameters::initialize(&GnnConfig::default().with_width(8), 1).unwrap();
    assert!(ActiveSetGnn::<f64>::new(&gnn, 2, &[1.0; 3], &[1.0; 4]).is_err());
    assert!(ActiveSetGnn::<f64>::new(&gnn, 0, &[], &[]).is_err());
    assert!(ActiveSetGnn::<f64>::new(&gnn, 2, &[1.0; 4], &[f64::NAN; 4]).is_err());
    let mut network = ActiveSetGnn::<f64>::new(&gnn, 2, &[1.0; 4], &[1.0; 4]).unwrap();
    assert!(network.logits(&[1.0; 2], &[1.0; 2], &[1.0; 2]).is_err());
    assert!(network.logits(&[1.0; 2], &[], &[1.0; 3]).is_err());
    let least = Parameters::initialize(&LeastDistanceConfig::default(), 1).unwrap();
    assert!(LeastDistanceGnn::<f64>::new(&least, 2, &[1.0; 3]).is_err());
    let mut network = LeastDistanceGnn::<f64>::new(&least, 2, &[1.0, 0.0]).unwrap();
    assert!(network.logits(&[1.0, 2.0]).is_err());
    assert!(network.logits(&[f64::NAN]).is_err());
    // No rows at all, and rows of zero, are fine.
    let mut none = LeastDistanceGnn::<f64>::new(&least, 2, &[]).unwrap();
    assert!(none.logits(&[]).unwrap().is_empty());
    network.set_rows(&[0.0, 0.0]).unwrap();
    assert!(network.logits(&[-1.0]).unwrap()[0].is_finite());
}
