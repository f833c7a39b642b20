//! Gradients of Factormers by hand: those of an independent implementation, differences, zeros that are cut off.

mod factormer_support;
mod fixture;

use factormer_support::{small, stored};
use fixture::{Fixture, distance, folder};
use la_gnn::factormer::{
    AttentionScale, FactormerConfig, FactormerInput, NetworkConfig, Parameters, UpdateRule,
};
use la_gnn::native::factormer::FactormerEngine;
use la_gnn::training::Engine;
use la_gnn::training::factormer::{FactormerLoss, FactormerSample};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIZES: [(&str, usize); 2] = [("7x5_r4", 4), ("30x20_r10", 10)];

fn draw(rng: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| rng.random_range(0.0..1.0)).collect()
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
    assert!(distance([got], &file.f64(loss)) < 1e-10, "{loss}");
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
    for (size, rank) in SIZES {
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

/// The derivative by the first bias of an extraction that is zero but for it, with and without what brings zeros back.
fn by_first_bias(
    config: &FactormerConfig,
    loss: &FactormerLoss,
    sample: &FactormerSample,
    bias: f64,
) -> [f64; 2] {
    let specs = config.parameters();
    let spec = specs.iter().find(|s| s.name == "extract.bias").unwrap();
    let mut values = Parameters::initialize(config, 3).unwrap().values;
    values[spec.offset] = bias as f32;
    let mut losses = [0.0; 2];
    let slopes = [false, true].map(|revive| {
        let loss = loss.clone().with_revive(revive);
        let mut engine: FactormerEngine<'_, f64> =
            FactormerEngine::new(config, &loss, 1, |_| Ok(sample.clone())).unwrap();
        let mut gradient = vec![0.0; values.len()];
        let value = engine.loss_and_gradient(&values, &[0], 0, &mut gradient);
        losses[usize::from(revive)] = value.unwrap();
        gradient[spec.offset]
    });
    assert_eq!(losses[0], losses[1]);
    slopes
}

#[test]
fn zeros_that_the_loss_would_have_larger_may_take_their_derivatives() {
    let (m, n, r) = (7, 5, 3);
    let config = FactormerConfig::new(r).with_width(8).with_skip(true);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut sample = FactormerSample {
        v: draw(&mut rng, m * n),
        w: draw(&mut rng, m * r),
        h: draw(&mut rng, n * r),
    };
    // The network adds its bias to the first columns: that of W is cut off in every row, that of H nowhere.
    sample.w.iter_mut().step_by(r).for_each(|x| *x = 0.0);
    sample.h.iter_mut().step_by(r).for_each(|x| *x += 1.0);
    let cut = -0.25;
    let mut h = sample.h.clone();
    h.iter_mut().step_by(r).for_each(|x| *x += cut);
    // The derivative by the column of W that is zero.
    let by_w = |i: usize| -> f64 {
        let apart = |j: usize| {
            let product = (1..r).map(|c| sample.w[i * r + c] * h[j * r + c]);
            product.sum::<f64>() - sample.v[i * n + j]
        };
        (0..n).map(|j| apart(j) * h[j * r]).sum::<f64>() / (m * n) as f64
    };
    let upwards: f64 = (0..m).map(by_w).filter(|&slope| slope < 0.0).sum();
    assert!(upwards < 0.0);
    let loss = FactormerLoss::published(FactormerInput::Factor, 0).with_steps(0);
    let [without, with] = by_first_bias(&config, &loss, &sample, cut);
    let difference = with - without;
    assert!(
        (difference - upwards).abs() < 1e-12,
        "{difference} {upwards}"
    );
    // Nothing is cut off: nothing is different.
    let [without, with] = by_first_bias(&config, &loss, &sample, 0.5);
    assert!(without == with && with != 0.0);
    // Where the column of H is zero too there is nothing to go by.
    assert_eq!(by_first_bias(&config, &loss, &sample, -9.0), [0.0; 2]);

    // Between iterations of a solver, in the last step and in the one before.
    let config = config.with_input(FactormerInput::FactorAndSolver);
    for steps in [1, 2] {
        let loss = FactormerLoss::published(config.input, 0).with_steps(steps);
        let [without, with] = by_first_bias(&config, &loss, &sample, cut);
        assert!(with < without, "{steps}: {with} {without}");
        let [without, with] = by_first_bias(&config, &loss, &sample, 9.0);
        assert!(without == with && with != 0.0);
    }
}
