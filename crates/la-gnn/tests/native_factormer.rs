//! Factormers: parity with an independent implementation, the graph's arcs one by one, symmetries.

mod factormer_support;
mod fixture;

use factormer_support::{small, stored};
use fixture::{Fixture, distance, folder};
use la_gnn::factormer::{
    AttentionScale, FactormerConfig, FactormerInput, NetworkConfig, Parameters, UpdateRule,
};
use la_gnn::native::Element;
use la_gnn::native::factormer::{Factormer, edge_list};
use la_graph::AugmentedLineDigraph;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIZES: [(&str, usize, [usize; 2]); 2] = [("7x5_r4", 4, [7, 5]), ("30x20_r10", 10, [30, 20])];

fn cast<T: Element>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&v| T::from_f64(v)).collect()
}

fn check<T: Element>(what: &str, got: &[T], expected: &[f64], tol: f64) {
    let apart = distance(got.iter().map(|v| v.to_f64()), expected);
    assert!(apart < tol, "{what}: {apart:e}");
}

fn networks<T: Element>(tol: f64) {
    let Some(dir) = folder("nmf") else { return };
    for (size, rank, _) in SIZES {
        let file = Fixture::open(&dir.join(format!("nfactormer_{size}.safetensors")));
        let (v, w, h) = (
            cast::<T>(&file.f64("V")),
            cast::<T>(&file.f64("W0")),
            cast::<T>(&file.f64("H0")),
        );
        let mut runs = vec![(small(rank), String::new())];
        if file.has("variant.alg3.w_out") {
            for (config, name) in [
                (small(rank).with_update(UpdateRule::Alg3), "alg3"),
                (small(rank).with_update(UpdateRule::PostNorm), "post_norm"),
                (small(rank).with_scale(AttentionScale::Full), "full_scale"),
                (small(rank).with_skip(true), "skip"),
            ] {
                runs.push((config, format!("variant.{name}.")));
            }
        }
        for (config, prefix) in runs {
            let mut network = Factormer::<T>::new(&stored(&file, config)).unwrap();
            let update = network.update(&v, &[&w], &[&h]).unwrap();
            for (what, got) in [("w_out", update.w), ("h_out", update.h)] {
                let what = format!("{prefix}{what}");
                check(&what, got, &file.f64(&what), tol);
            }
        }
    }
    let file = Fixture::open(&dir.join("nfactormer_unshared_7x5_r4.safetensors"));
    let config = small(4).with_share_pair(false);
    let mut network = Factormer::<T>::new(&stored(&file, config)).unwrap();
    let (v, w, h) = (
        cast::<T>(&file.f64("V")),
        cast::<T>(&file.f64("W0")),
        cast::<T>(&file.f64("H0")),
    );
    let update = network.update(&v, &[&w], &[&h]).unwrap();
    check("unshared W", update.w, &file.f64("w_out"), tol);
    check("unshared H", update.h, &file.f64("h_out"), tol);
    // Acceleration: the last proposal and the solver's answer side by side.
    for (size, rank, _) in SIZES {
        let file = Fixture::open(&dir.join(format!("acceleration_{size}.safetensors")));
        let config = small(rank).with_input(FactormerInput::FactorAndSolver);
        let mut network = Factormer::<T>::new(&stored(&file, config)).unwrap();
        let read = |name: &str| cast::<T>(&file.f64(name));
        let (v, mut w, mut h) = (read("V"), read("W0"), read("H0"));
        for step in 0..2 {
            let name = |part: &str| format!("step{step}.{part}");
            let (solver_w, solver_h) = (read(&name("solver.w")), read(&name("solver.h")));
            let update = network.update(&v, &[&w, &solver_w], &[&h, &solver_h]);
            let update = update.unwrap();
            check(&name("out.w"), update.w, &file.f64(&name("out.w")), tol);
            check(&name("out.h"), update.h, &file.f64(&name("out.h")), tol);
            (w, h) = (read(&name("out.w")), read(&name("out.h")));
        }
    }
}

#[test]
fn networks_agree_with_the_reference() {
    networks::<f64>(1e-10);
    networks::<f32>(2e-5);
}

/// A layer's weights of a fixture in a network of one pair.
fn one_layer(file: &Fixture, config: FactormerConfig) -> Parameters<FactormerConfig> {
    let mut values = Vec::new();
    for spec in config.parameters() {
        match spec.name.strip_prefix("layer.0.") {
            Some(name) => {
                let tensor = file.f64(&format!("w.{name}"));
                values.extend(tensor.iter().map(|&v| v as f32));
            }
            None => values.resize(values.len() + spec.len, 0.0),
        }
    }
    Parameters {
        values,
        statistics: Vec::new(),
        config,
    }
}

#[test]
fn layers_along_the_arcs_agree_with_the_reference() {
    let Some(dir) = folder("nmf") else { return };
    for (size, _, [m, n]) in SIZES {
        let file = Fixture::open(&dir.join(format!("factormer_{size}.safetensors")));
        let (sources, targets, v) = (file.f64("x_src"), file.f64("x_tgt"), file.f64("V"));
        let graph = AugmentedLineDigraph::new(&sources, &targets, &v, 16).unwrap();
        for (config, prefix) in [
            (small(16), "eq15"),
            (small(16).with_update(UpdateRule::Alg3), "alg3"),
            (small(16).with_update(UpdateRule::PostNorm), "post_norm"),
            (
                small(16).with_scale(AttentionScale::Full),
                "eq15_full_scale",
            ),
        ] {
            let name = |part: &str| format!("{prefix}.{part}");
            if !file.has(&name("out")) {
                continue;
            }
            let parameters = one_layer(&file, config.with_pairs(1));
            let layer = edge_list::apply(&parameters, 0, &graph, true).unwrap();
            check(
                &name("out"),
                &layer.features,
                &file.f64(&name("out")),
                1e-12,
            );
            let messages = file.f64(&name("message"));
            check(&name("message"), &layer.messages, &messages, 1e-12);
            if file.has(&name("attention")) {
                let attention = file.f64(&name("attention"));
                check(&name("attention"), &layer.attention, &attention, 1e-12);
            }
            for head in 0..4 {
                for j in 0..n {
                    let arcs = (0..m).map(|i| layer.attention[(i * n + j) * 4 + head]);
                    assert!((arcs.sum::<f64>() - 1.0).abs() < 1e-12);
                }
            }
            let layer = edge_list::apply(&parameters, 0, &graph, false).unwrap();
            let plain = name("out_without_norm2");
            check(&plain, &layer.features, &file.f64(&plain), 1e-12);
        }
    }
}

fn draw(rng: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| rng.random_range(0.0..1.0)).collect()
}

/// A row-major matrix with its rows in another order.
fn permuted(matrix: &[f64], columns: usize, order: &[usize]) -> Vec<f64> {
    let rows = order
        .iter()
        .map(|&i| &matrix[i * columns..(i + 1) * columns]);
    rows.flatten().copied().collect()
}

#[test]
fn blocks_of_targets_are_the_arcs_of_the_graph() {
    // More targets than a block has, and sizes that are no multiples of eight.
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for (m, n) in [(1, 1), (45, 70), (9, 33)] {
        let config = FactormerConfig::new(3)
            .with_width(12)
            .with_heads(3)
            .with_pairs(1);
        let parameters = Parameters::initialize(&config, 2).unwrap();
        let (v, w, h) = (
            draw(&mut rng, m * n),
            draw(&mut rng, m * 3),
            draw(&mut rng, n * 3),
        );
        let mut network = Factormer::<f64>::new(&parameters).unwrap();
        let update = network.update(&v, &[&w], &[&h]).unwrap();
        let specs = config.parameters();
        let linear = |name: &str, x: &[f64], inputs: usize| -> Vec<f64> {
            let find = |part: &str| {
                let spec = specs.iter().find(|s| s.name == format!("{name}.{part}"));
                let spec = spec.unwrap();
                &parameters.values[spec.offset..spec.offset + spec.len]
            };
            let (weight, bias) = (find("weight"), find("bias"));
            let map = |x: &[f64]| -> Vec<f64> {
                let rows = weight.chunks_exact(inputs).zip(bias);
                rows.map(|(row, &b)| {
                    row.iter()
                        .zip(x)
                        .map(|(&w, x)| f64::from(w) * x)
                        .sum::<f64>()
                        + f64::from(b)
                })
                .collect()
            };
            x.chunks_exact(inputs).flat_map(map).collect()
        };
        let (mut sources, mut targets) = (linear("embed", &w, 3), linear("embed", &h, 3));
        let graph = AugmentedLineDigraph::new(&sources, &targets, &v, 12).unwrap();
        targets = edge_list::apply(&parameters, 0, &graph, false)
            .unwrap()
            .features;
        let graph = AugmentedLineDigraph::new(&sources, &targets, &v, 12).unwrap();
        let reversed = graph.reversed();
        sources = edge_list::apply(&parameters, 0, &reversed, false)
            .unwrap()
            .features;
        for (got, state) in [(update.w, sources), (update.h, targets)] {
            let expected = linear("extract", &state, 12);
            let expected: Vec<f64> = expected.iter().map(|x| x.max(0.0)).collect();
            check(&format!("{m} {n}"), got, &expected, 1e-12);
        }
    }
}

#[test]
fn rows_and_columns_may_be_permuted() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (m, n, r) = (9, 6, 4);
    let parameters = Parameters::initialize(&small(r), 3).unwrap();
    let (v, w, h) = (
        draw(&mut rng, m * n),
        draw(&mut rng, m * r),
        draw(&mut rng, n * r),
    );
    let order: Vec<usize> = (0..m).map(|i| (4 * i + 2) % m).collect();
    let mut network = Factormer::<f64>::new(&parameters).unwrap();
    let plain = network.update(&v, &[&w], &[&h]).unwrap();
    let (plain_w, plain_h) = (plain.w.to_vec(), plain.h.to_vec());
    let (moved_v, moved_w) = (permuted(&v, n, &order), permuted(&w, r, &order));
    let moved = network.update(&moved_v, &[&moved_w], &[&h]).unwrap();
    check("rows of W", moved.w, &permuted(&plain_w, r, &order), 1e-12);
    check("H", moved.h, &plain_h, 1e-12);
    // The order of the components is not free, and neither is the scale of V.
    let scaled: Vec<f64> = v.iter().map(|v| 2.0 * v).collect();
    let other = network.update(&scaled, &[&w], &[&h]).unwrap();
    assert!(distance(other.h.iter().copied(), &plain_h) > 1e-6);
}

#[test]
fn what_does_not_fit_is_named() {
    let parameters = Parameters::initialize(&small(2), 3).unwrap();
    let mut network = Factormer::<f64>::new(&parameters).unwrap();
    let (v, w, h) = (vec![1.0; 6], vec![1.0; 6], vec![1.0; 4]);
    assert!(network.update(&v, &[&w], &[&h]).is_ok());
    let text = |result: Result<_, la_gnn::GnnError>| -> String {
        match result {
            Ok(_) => String::new(),
            Err(e) => e.to_string(),
        }
    };
    let mut bad = v.clone();
    bad[4] = f64::NAN;
    let error = text(network.update(&bad, &[&w], &[&h]).map(|_| ()));
    assert!(error.contains('V') && error.contains('4'), "{error}");
    let error = text(network.update(&v[..5], &[&w], &[&h]).map(|_| ()));
    assert!(error.contains("expected 6"), "{error}");
    let error = text(network.update(&v, &[&w[..5]], &[&h]).map(|_| ()));
    assert!(error.contains('W'), "{error}");
    let error = text(network.update(&v, &[&w, &w], &[&h]).map(|_| ()));
    assert!(error.contains("parts"), "{error}");
}
