//! Factormers: parity with an independent implementation, the graph's arcs one by one, symmetries.

mod fixture;

use fixture::{Fixture, distance, folder};
use la_gnn::factormer::{
    AttentionScale, FactormerConfig, FactormerInput, NetworkConfig, Parameters, UpdateRule,
};
use la_gnn::native::Element;
use la_gnn::native::factormer::{Factormer, FactormerEngine, edge_list};
use la_gnn::training::Engine;
use la_gnn::training::factormer::{FactormerLoss, FactormerSample};
use la_graph::AugmentedLineDigraph;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIZES: [(&str, usize, [usize; 2]); 2] = [("7x5_r4", 4, [7, 5]), ("30x20_r10", 10, [30, 20])];

fn small(rank: usize) -> FactormerConfig {
    FactormerConfig::new(rank).with_width(16).with_pairs(2)
}

/// Parameters of this layout, stored under a prefix.
fn stored(file: &Fixture, config: FactormerConfig) -> Parameters<FactormerConfig> {
    let tensors = config.parameters().into_iter();
    let tensors = tensors.map(|spec| file.f64(&format!("w.{}", spec.name)));
    Parameters {
        values: tensors.flatten().map(|v| v as f32).collect(),
        statistics: Vec::new(),
        config,
    }
}

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

/// Loss and gradient of a stored run with two steps.
fn unrolled(file: &Fixture, config: &FactormerConfig, loss: &str, prefix: &str) {
    let stored = stored(file, config.clone());
    let sample = FactormerSample {
        v: file.f64("V"),
        w: file.f64("W0"),
        h: file.f64("H0"),
    };
    let options = FactormerLoss::published(config.input, 0).with_steps(2);
    let mut gradient = vec![f64::NAN; stored.values.len()];
    let mut engine: FactormerEngine<'_, f64> =
        FactormerEngine::new(config, &options, 1, |_| Ok(sample.clone())).unwrap();
    let got = engine
        .loss_and_gradient(&stored.values, &[0], 0, &mut gradient)
        .unwrap();
    check(loss, &[got], &file.f64(loss), 1e-10);
    let largest = gradient.iter().fold(0.0f64, |m, g| m.max(g.abs()));
    assert!(largest > 0.0);
    for spec in config.parameters() {
        let name = format!("{prefix}{}", spec.name);
        let expected = file.f64(&name);
        let slopes = &gradient[spec.offset..spec.offset + spec.len];
        let apart = slopes.iter().zip(&expected).map(|(g, e)| (g - e).abs());
        let apart = apart.fold(0.0f64, f64::max);
        let size = expected.iter().fold(0.0f64, |m, e| m.max(e.abs()));
        // Derivatives by the biases of keys are zero; LibTorch's are rounding errors.
        let room = 1e-7 * size + 1e-14 * largest;
        assert!(apart <= room, "{name}: {apart:e} of {size:e}");
    }
    // The same for a batch of the same matrix twice, in single precision.
    let mut engine: FactormerEngine<'_, f32> =
        FactormerEngine::new(config, &options, 1, |_| Ok(sample.clone())).unwrap();
    let mut single = vec![0.0; gradient.len()];
    let again = engine
        .loss_and_gradient(&stored.values, &[0, 0], 0, &mut single)
        .unwrap();
    assert!((again - got).abs() < 1e-4 * got, "{again} {got}");
    let apart = distance(single, &gradient);
    assert!(apart < 1e-2, "{apart:e}");
}

#[test]
fn unrolled_gradients_agree_with_the_reference() {
    let Some(dir) = folder("nmf") else { return };
    for (size, rank, _) in SIZES {
        let file = Fixture::open(&dir.join(format!("nfactormer_{size}.safetensors")));
        unrolled(&file, &small(rank), "unroll.loss", "unroll.grad.");
        let file = Fixture::open(&dir.join(format!("acceleration_{size}.safetensors")));
        let config = small(rank).with_input(FactormerInput::FactorAndSolver);
        unrolled(&file, &config, "loss", "grad.");
    }
}

/// What the fixtures do not hold: other updates, two sets of weights in a pair, the skip, the last normalisation.
#[test]
fn gradients_are_differences() {
    let base = || {
        FactormerConfig::new(3)
            .with_width(8)
            .with_heads(2)
            .with_pairs(2)
    };
    for (k, config) in [
        base().with_update(UpdateRule::Alg3),
        base()
            .with_update(UpdateRule::PostNorm)
            .with_share_pair(false),
        base()
            .with_final_norm(true)
            .with_scale(AttentionScale::Full),
        base().with_skip(true),
        base()
            .with_skip(true)
            .with_input(FactormerInput::FactorAndSolver),
    ]
    .into_iter()
    .enumerate()
    {
        let mut rng = ChaCha8Rng::seed_from_u64(k as u64);
        let mut draw =
            |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(0.0..2.0)).collect() };
        let sample = FactormerSample {
            v: draw(7 * 5),
            w: draw(7 * 3),
            h: draw(5 * 3),
        };
        let options = FactormerLoss::published(config.input, 0)
            .with_steps(2)
            .with_gamma(0.5);
        let options = options.with_mean(k % 2 == 0).with_logarithm(k >= 3);
        // With a skip the extraction begins at zero, where most derivatives are: those of the same network without it.
        let values = Parameters::initialize(&config.clone().with_skip(false), 3);
        let values = values.unwrap().values;
        let mut engine: FactormerEngine<'_, f64> =
            FactormerEngine::new(&config, &options, 1, |_| Ok(sample.clone())).unwrap();
        let mut gradient = vec![0.0; values.len()];
        engine
            .loss_and_gradient(&values, &[0], 0, &mut gradient)
            .unwrap();
        let steps: Vec<f32> = values
            .iter()
            .map(|_| 2f32.powi(-19) * rng.random_range(-1.0..1.0))
            .collect();
        let mut at = |sign: f32| {
            let moved: Vec<f32> = values
                .iter()
                .zip(&steps)
                .map(|(v, d)| v + sign * d)
                .collect();
            let mut unused = vec![0.0; values.len()];
            let loss = engine
                .loss_and_gradient(&moved, &[0], 0, &mut unused)
                .unwrap();
            (loss, moved)
        };
        let ((up, high), (down, low)) = (at(1.0), at(-1.0));
        let moves = high
            .iter()
            .zip(&low)
            .map(|(a, b)| f64::from(*a) - f64::from(*b));
        let expected: f64 = gradient.iter().zip(moves).map(|(g, d)| g * d).sum();
        let apart = (up - down - expected).abs();
        assert!(
            apart < 1e-5 * expected.abs(),
            "{config:?}: {} {expected}",
            up - down
        );
    }
}

/// A column of zeros stays one without it. With both columns of a pair zero there is nothing to go by either way.
#[test]
fn zeros_that_the_loss_would_have_larger_may_take_their_derivatives() {
    let (m, n, r) = (7, 5, 3);
    let config = FactormerConfig::new(r).with_width(8).with_skip(true);
    let specs = config.parameters();
    let bias = specs.iter().find(|s| s.name == "extract.bias").unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut sample = FactormerSample {
        v: draw(&mut rng, m * n),
        w: draw(&mut rng, m * r),
        h: draw(&mut rng, n * r),
    };
    // The network adds 0, and its bias to the first columns: that of W is cut off, that of H is not.
    sample.w.iter_mut().step_by(r).for_each(|x| *x = 0.0);
    sample.h.iter_mut().step_by(r).for_each(|x| *x += 1.0);
    let cut = -0.25;
    let h = sample.h.iter().enumerate();
    let h: Vec<f64> = h
        .map(|(k, x)| x + if k % r == 0 { cut } else { 0.0 })
        .collect();
    // The derivative by the column of W that is zero.
    let by_w = |i: usize| -> f64 {
        let apart = |j: usize| {
            let product = (1..r).map(|c| sample.w[i * r + c] * h[j * r + c]);
            product.sum::<f64>() - sample.v[i * n + j]
        };
        (0..n).map(|j| apart(j) * h[j * r]).sum::<f64>() / (m * n) as f64
    };
    let upwards: f64 = (0..m).map(by_w).filter(|&slope| slope < 0.0).sum();
    let loss = FactormerLoss::published(FactormerInput::Factor, 0).with_steps(0);
    let by_bias = |first: f32, revive: bool| {
        let mut values = Parameters::initialize(&config, 3).unwrap().values;
        values[bias.offset] = first;
        let loss = loss.clone().with_revive(revive);
        let mut engine: FactormerEngine<'_, f64> =
            FactormerEngine::new(&config, &loss, 1, |_| Ok(sample.clone())).unwrap();
        let mut gradient = vec![0.0; values.len()];
        let value = engine.loss_and_gradient(&values, &[0], 0, &mut gradient);
        (value.unwrap(), gradient[bias.offset])
    };
    let (without, with) = (by_bias(cut as f32, false), by_bias(cut as f32, true));
    assert_eq!(without.0, with.0);
    assert!(upwards < 0.0);
    let difference = with.1 - without.1;
    assert!(
        (difference - upwards).abs() < 1e-12,
        "{difference} {upwards}"
    );
    // Nothing is cut off: nothing is different.
    assert_eq!(by_bias(0.5, false), by_bias(0.5, true));
}
