//! Factormers with the solver unrolled: parity with an independent implementation, both forms of a layer, training.
#![cfg(feature = "torch")]

mod fixture;

use fixture::{Fixture, distance, folder};
use la_gnn::factormer::{
    AttentionScale, FactormerConfig, FactormerInput, NetworkConfig, Parameters, UpdateRule,
};
use la_gnn::native::factormer::Factormer;
use la_gnn::torch::factormer::{
    FactormerEngine, FactormerNetwork, LayerForm, half_step, iterate, layer, unroll,
};
use la_gnn::torch::tch::{Kind, Tensor};
use la_gnn::training::factormer::{FactormerLoss, FactormerSample};
use la_gnn::training::{Engine, NoHooks, Schedule, TrainOptions, train};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIZES: [(&str, i64, [i64; 2]); 2] = [("7x5_r4", 4, [7, 5]), ("30x20_r10", 10, [30, 20])];

fn small(rank: i64) -> FactormerConfig {
    FactormerConfig::new(rank as usize)
        .with_width(16)
        .with_pairs(2)
}

fn tensor(values: &[f64], shape: [i64; 2]) -> Tensor {
    Tensor::from_slice(values).reshape(shape)
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.detach().to_kind(Kind::Double).contiguous();
    let mut out = vec![0.0; flat.numel()];
    let count = out.len();
    flat.reshape([-1]).copy_data(&mut out, count);
    out
}

fn check(what: &str, got: &Tensor, expected: &[f64], tol: f64) {
    let apart = distance(numbers(got), expected);
    assert!(apart < tol, "{what}: {apart:e}");
}

/// The stored weights, and the places of those whose name begins so.
fn weights(file: &Fixture, config: &FactormerConfig, prefix: &str) -> Tensor {
    let tensors = config.parameters().into_iter();
    let all: Vec<f64> = tensors
        .flat_map(|spec| match file.has(&format!("{prefix}{}", spec.name)) {
            true => file.f64(&format!("{prefix}{}", spec.name)),
            false => vec![0.0; spec.len],
        })
        .collect();
    Tensor::from_slice(&all)
}

/// Gradients by tensor; what is zero in exact arithmetic is compared absolutely.
fn check_gradient(file: &Fixture, config: &FactormerConfig, slope: &Tensor, prefix: &str) {
    let slope = numbers(slope);
    let largest = slope.iter().fold(0.0f64, |m, g| m.max(g.abs()));
    for spec in config.parameters() {
        let expected = file.f64(&format!("{prefix}{}", spec.name));
        let got = &slope[spec.offset..spec.offset + spec.len];
        let worst = got.iter().zip(&expected);
        let worst = worst.fold(0.0f64, |m, (g, e)| m.max((g - e).abs()));
        let size = expected.iter().fold(0.0f64, |m, e| m.max(e.abs()));
        assert!(
            worst <= 1e-7 * size + 1e-14 * largest,
            "{prefix}{}: {worst:e} of {size:e}",
            spec.name
        );
    }
}

#[test]
fn layers_and_their_gradients_agree_with_the_reference() {
    let Some(dir) = folder("nmf") else { return };
    for (size, _, [m, n]) in SIZES {
        let file = Fixture::open(&dir.join(format!("factormer_{size}.safetensors")));
        for (config, prefix) in [
            (small(16), "eq15"),
            (small(16).with_update(UpdateRule::Alg3), "alg3"),
            (small(16).with_update(UpdateRule::PostNorm), "post_norm"),
            (
                small(16).with_scale(AttentionScale::Full),
                "eq15_full_scale",
            ),
        ] {
            let config = config.with_pairs(1);
            let name = |part: &str| format!("{prefix}.{part}");
            if !file.has(&name("out")) {
                continue;
            }
            for form in [LayerForm::Dense, LayerForm::EdgeList] {
                let mut all = Vec::new();
                for spec in config.parameters() {
                    match spec.name.strip_prefix("layer.0.") {
                        Some(part) => all.extend(file.f64(&format!("w.{part}"))),
                        None => all.resize(all.len() + spec.len, 0.0),
                    }
                }
                let flat = Tensor::from_slice(&all).set_requires_grad(true);
                let leaf =
                    |part: &str, shape| tensor(&file.f64(part), shape).set_requires_grad(true);
                let (sources, targets) = (leaf("x_src", [m, 16]), leaf("x_tgt", [n, 16]));
                let v = leaf("V", [m, n]);
                let network = FactormerNetwork::new(&config, &flat)
                    .unwrap()
                    .with_form(form);
                let columns = v.transpose(0, 1);
                let out = layer(&network, 0, &sources, &targets, &columns, true).unwrap();
                check(&name("out"), &out, &file.f64(&name("out")), 1e-12);
                let plain = layer(&network, 0, &sources, &targets, &columns, false).unwrap();
                let plain_name = name("out_without_norm2");
                check(&plain_name, &plain, &file.f64(&plain_name), 1e-12);
                let loss = (out * tensor(&file.f64("cotangent"), [n, 16])).sum(Kind::Double);
                let leaves = [&flat, &sources, &targets, &v];
                let slopes = Tensor::run_backward(&[&loss], &leaves, false, false);
                for (what, slope) in ["x_src", "x_tgt", "V"].iter().zip(&slopes[1..]) {
                    let what = name(&format!("grad.{what}"));
                    check(&what, slope, &file.f64(&what), 1e-9);
                }
                if file.has(&name("grad.w.q.weight")) {
                    let slope = numbers(&slopes[0]);
                    for spec in config.parameters() {
                        let Some(part) = spec.name.strip_prefix("layer.0.") else {
                            continue;
                        };
                        // Biases of keys cancel in the softmax.
                        if part.starts_with("key") && part.ends_with("bias") {
                            continue;
                        }
                        let got = &slope[spec.offset..spec.offset + spec.len];
                        let expected = file.f64(&name(&format!("grad.w.{part}")));
                        let apart = distance(got.iter().copied(), &expected);
                        assert!(apart < 1e-9, "{prefix} {part}: {apart:e}");
                    }
                }
            }
        }
    }
}

#[test]
fn unrolled_runs_and_their_gradients_agree_with_the_reference() {
    let Some(dir) = folder("nmf") else { return };
    for (size, r, [m, n]) in SIZES {
        let file = Fixture::open(&dir.join(format!("nfactormer_{size}.safetensors")));
        let config = small(r);
        let flat = weights(&file, &config, "w.").set_requires_grad(true);
        let (v, w, h) = (
            tensor(&file.f64("V"), [m, n]),
            tensor(&file.f64("W0"), [m, r]),
            tensor(&file.f64("H0"), [n, r]),
        );
        let options = FactormerLoss::published(FactormerInput::Factor, 0);
        for form in [LayerForm::Dense, LayerForm::EdgeList] {
            let network = FactormerNetwork::new(&config, &flat)
                .unwrap()
                .with_form(form);
            let run = unroll(&network, &options, 2, &v, &w, &h).unwrap();
            for (k, [w, h]) in run.iterates.iter().enumerate() {
                let name = |part: &str| format!("unroll.iterate{k}.{part}");
                check(&name("w"), w, &file.f64(&name("w")), 1e-10);
                check(&name("h"), h, &file.f64(&name("h")), 1e-10);
            }
            let objectives = Tensor::stack(&run.objectives, 0);
            check("objectives", &objectives, &file.f64("unroll.losses"), 1e-10);
            check("loss", &run.loss, &file.f64("unroll.loss"), 1e-10);
            let slopes = Tensor::run_backward(&[&run.loss], &[&flat], false, false);
            check_gradient(&file, &config, &slopes[0], "unroll.grad.");
        }
        let file = Fixture::open(&dir.join(format!("acceleration_{size}.safetensors")));
        let config = small(r).with_input(FactormerInput::FactorAndSolver);
        let flat = weights(&file, &config, "w.").set_requires_grad(true);
        let (v, w, h) = (
            tensor(&file.f64("V"), [m, n]),
            tensor(&file.f64("W0"), [m, r]),
            tensor(&file.f64("H0"), [n, r]),
        );
        let options = FactormerLoss::published(FactormerInput::FactorAndSolver, 1);
        let network = FactormerNetwork::new(&config, &flat).unwrap();
        let run = unroll(&network, &options, 2, &v, &w, &h).unwrap();
        let [solver_w, solver_h] = iterate(&w, &h, &v, 1.0).unwrap();
        check("solver", &solver_w, &file.f64("step0.solver.w"), 1e-10);
        check("solver", &solver_h, &file.f64("step0.solver.h"), 1e-10);
        for (k, [w, h]) in run.iterates.iter().enumerate() {
            let name = |part: &str| format!("step{k}.out.{part}");
            check(&name("w"), w, &file.f64(&name("w")), 1e-10);
            check(&name("h"), h, &file.f64(&name("h")), 1e-10);
        }
        check("loss", &run.loss, &file.f64("loss"), 1e-10);
        let slopes = Tensor::run_backward(&[&run.loss], &[&flat], false, false);
        check_gradient(&file, &config, &slopes[0], "grad.");
    }
}

#[test]
fn the_solver_is_that_of_the_reference() {
    let Some(dir) = folder("nmf") else { return };
    for (size, r, [m, n]) in SIZES {
        let file = Fixture::open(&dir.join(format!("ao_admm_{size}.safetensors")));
        let v = tensor(&file.f64("V"), [m, n]);
        let (mut w, mut h) = (
            tensor(&file.f64("W0"), [m, r]),
            tensor(&file.f64("H0"), [n, r]),
        );
        for k in 1..=5 {
            [w, h] = iterate(&w, &h, &v, 1.0).unwrap();
            if [1, 2, 5].contains(&k) {
                for (part, got) in [("w", &w), ("h", &h)] {
                    let name = format!("cold.one.{part}{k}");
                    check(&name, got, &file.f64(&name), 1e-10);
                }
            }
        }
        // The better W is the better H of the transpose.
        let one = half_step(&h, &w, &v.transpose(0, 1), 1.0).unwrap();
        assert_eq!(one.size(), [m, r]);
    }
}

/// Products of factors with exponential entries, and a crude start.
fn sample(index: usize) -> FactormerSample {
    let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
    let (r, m, n) = (3, rng.random_range(6..12), rng.random_range(6..12));
    let mut draw = |count: usize| -> Vec<f64> {
        let one = |_| -rng.random_range(1e-9f64..1.0).ln() / 3f64.sqrt();
        (0..count).map(one).collect()
    };
    let (left, right) = (draw(m * r), draw(n * r));
    let mut v = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            v[i * n + j] = (0..r).map(|c| left[i * r + c] * right[j * r + c]).sum();
        }
    }
    FactormerSample {
        v,
        w: draw(m * r),
        h: draw(n * r),
    }
}

#[test]
fn training_lowers_the_loss_and_the_native_network_is_the_trained_one() {
    let config = FactormerConfig::new(3).with_width(16).with_pairs(1);
    let loss = FactormerLoss::published(FactormerInput::Factor, 0).with_steps(1);
    let start = Parameters::initialize(&config, 4).unwrap();
    let score = |values: &[f32]| {
        let mut engine =
            FactormerEngine::new(&config, &loss, 20, |k| Ok(sample(1000 + k))).unwrap();
        let batch: Vec<usize> = (0..20).collect();
        let mut gradient = vec![0.0; values.len()];
        engine
            .loss_and_gradient(values, &batch, 0, &mut gradient)
            .unwrap()
    };
    la_gnn::torch::tch::set_num_threads(1);
    let before = score(&start.values);
    let mut options = TrainOptions::default();
    (options.updates, options.batch, options.learning_rate) = (150, 2, 3e-3);
    options.schedule = Schedule::WarmRestarts {
        period: 75,
        kept: 90,
    };
    let mut engine = FactormerEngine::new(&config, &loss, 300, |k| Ok(sample(k))).unwrap();
    let model = serde_json::json!("factormer");
    let trained = train(
        &mut engine,
        &model,
        start.values.clone(),
        &options,
        None,
        &mut NoHooks,
    )
    .unwrap();
    let after = score(&trained.values);
    assert!(after < 0.5 * before, "{before} {after}");
    let parameters = Parameters {
        values: trained.values,
        ..start
    };
    let flat = Tensor::from_slice(&parameters.values).to_kind(Kind::Double);
    let network = FactormerNetwork::new(&config, &flat).unwrap();
    let mut native = Factormer::<f64>::new(&parameters).unwrap();
    let one = sample(7);
    let (m, n) = (one.w.len() as i64 / 3, one.h.len() as i64 / 3);
    let [w, h] = network
        .propose(
            &tensor(&one.v, [m, n]),
            &tensor(&one.w, [m, 3]),
            &tensor(&one.h, [n, 3]),
        )
        .unwrap();
    let update = native.update(&one.v, &[&one.w], &[&one.h]).unwrap();
    check("W", &w, update.w, 1e-12);
    check("H", &h, update.h, 1e-12);
}

#[test]
fn gradients_are_differences() {
    let config = FactormerConfig::new(3)
        .with_width(8)
        .with_heads(2)
        .with_pairs(1)
        .with_input(FactormerInput::FactorAndSolver);
    let loss = FactormerLoss::published(FactormerInput::FactorAndSolver, 1).with_steps(2);
    let values = Parameters::initialize(&config, 9).unwrap().values;
    let mut engine = FactormerEngine::new(&config, &loss, 1, |_| Ok(sample(3)))
        .unwrap()
        .with_kind(Kind::Double);
    engine.begin(10);
    let mut gradient = vec![0.0; values.len()];
    engine
        .loss_and_gradient(&values, &[0], 0, &mut gradient)
        .unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let step = 2f32.powi(-17);
    let steps: Vec<f32> = values
        .iter()
        .map(|_| step * rng.random_range(-1.0..1.0))
        .collect();
    let moved = |sign: f32| -> Vec<f32> {
        values
            .iter()
            .zip(&steps)
            .map(|(v, d)| v + sign * d)
            .collect()
    };
    let (up, down) = (moved(1.0), moved(-1.0));
    let mut at = |values: &[f32]| {
        let mut unused = vec![0.0; values.len()];
        engine
            .loss_and_gradient(values, &[0], 0, &mut unused)
            .unwrap()
    };
    let difference = at(&up) - at(&down);
    // Along the way that rounding has left.
    let way = up
        .iter()
        .zip(&down)
        .map(|(&u, &d)| f64::from(u) - f64::from(d));
    let slope: f64 = gradient.iter().zip(way).map(|(g, d)| g * d).sum();
    assert!(
        (difference - slope).abs() < 1e-4 * slope.abs(),
        "{difference} {slope}"
    );
}

#[test]
fn an_accelerator_that_adds_to_the_solvers_factors_is_the_same_in_both_engines() {
    let config = FactormerConfig::new(3)
        .with_width(8)
        .with_pairs(1)
        .with_skip(true)
        .with_input(FactormerInput::FactorAndSolver);
    let loss = FactormerLoss::published(FactormerInput::FactorAndSolver, 0).with_steps(2);
    // With a skip the extraction begins at zero, where most derivatives are.
    let values = Parameters::initialize(&config.clone().with_skip(false), 9);
    let values = values.unwrap().values;
    let gradient_of = |engine: &mut dyn Engine| {
        let mut gradient = vec![0.0; values.len()];
        let value = engine.loss_and_gradient(&values, &[0], 0, &mut gradient);
        (value.unwrap(), gradient)
    };
    let engine = FactormerEngine::new(&config, &loss, 1, |_| Ok(sample(3))).unwrap();
    let torch = gradient_of(&mut engine.with_kind(Kind::Double));
    let mut engine: la_gnn::native::factormer::FactormerEngine<'_, f64> =
        la_gnn::native::factormer::FactormerEngine::new(&config, &loss, 1, |_| Ok(sample(3)))
            .unwrap();
    let native = gradient_of(&mut engine);
    assert!((torch.0 - native.0).abs() < 1e-12 * native.0);
    let apart = distance(torch.1, &native.1);
    assert!(apart < 1e-10, "{apart:e}");
}

#[test]
fn what_only_the_native_engine_can_do_is_refused() {
    let config = FactormerConfig::new(3).with_width(8);
    let loss = FactormerLoss::published(FactormerInput::Factor, 0).with_revive(true);
    let refused = FactormerEngine::new(&config, &loss, 1, |_| Ok(sample(3))).err();
    let text = refused.expect("refused").to_string();
    assert!(text.contains("revive") && text.contains("native"), "{text}");
}
