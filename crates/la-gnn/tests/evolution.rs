//! Training without derivatives: what decides the result, going on after an interruption, and what is refused.

use std::ops::ControlFlow;

use la_gnn::GnnError;
use la_gnn::training::{
    EvolutionOptions, Hooks, Landscape, Log, NoHooks, Outcome, Trained, evolve,
};
use serde_json::json;

/// Distance from (1, −2, 0.5), rough, another one in every generation, the last parameter kept in [0, ¼].
struct Rough;

impl Landscape for Rough {
    fn score(&self, x: &[f32], generation: usize) -> f64 {
        let distance: f64 = x
            .iter()
            .zip([1.0, -2.0, 0.5])
            .map(|(x, target)| (f64::from(*x) - target).powi(2))
            .sum();
        let steps = (40.0 * distance.sqrt()).floor() / 40.0;
        steps + 0.3 * (generation % 7) as f64
    }

    fn deviations(&self) -> Vec<f64> {
        vec![0.1, 0.2, 0.05]
    }

    fn project(&self, x: &mut [f32]) {
        x[2] = x[2].clamp(0.0, 0.25);
    }
}

struct StopAt(usize);

impl Hooks for StopAt {
    fn validate(&mut self, _: &[f32], _: usize) -> Result<Option<f64>, GnnError> {
        Ok(None)
    }
    fn progress(&mut self, generation: usize, _: f64, _: &Log) -> ControlFlow<()> {
        if generation == self.0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

fn options() -> EvolutionOptions {
    EvolutionOptions::default()
        .with_generations(120)
        .with_seed(3)
}

fn run(options: &EvolutionOptions) -> Trained {
    evolve(
        &Rough,
        &json!("rough"),
        vec![0.0; 3],
        options,
        None,
        &mut NoHooks,
    )
    .unwrap()
}

#[test]
fn finds_the_minimum_of_a_landscape_without_slopes() {
    let trained = run(&options());
    assert_eq!(trained.outcome, Outcome::Finished);
    let [x, y, z] = trained.values[..] else {
        panic!("three parameters")
    };
    assert!((x - 1.0).abs() < 0.1 && (y + 2.0).abs() < 0.1, "{x} {y}");
    assert_eq!(z, 0.25);
    assert_eq!(trained.log.losses.len(), 120);
}

#[test]
fn the_seed_decides_and_threads_do_not() {
    let first = run(&options());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    let alone = pool.build().unwrap().install(|| run(&options()));
    assert_eq!(first.values, alone.values);
    assert_eq!(first.log.losses, alone.log.losses);
    assert_ne!(first.values, run(&options().with_seed(4)).values);
}

#[test]
fn an_interrupted_run_ends_where_an_uninterrupted_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let model = json!("rough");
    let go = |hooks: &mut dyn Hooks| {
        evolve(&Rough, &model, vec![0.0; 3], &options(), Some(&path), hooks).unwrap()
    };
    assert_eq!(go(&mut StopAt(41)).outcome, Outcome::Interrupted);
    let resumed = go(&mut NoHooks);
    let whole = run(&options());
    assert_eq!(resumed.values, whole.values);
    assert_eq!(resumed.log.losses, whole.log.losses);
    // The checkpoint belongs to this model and these options.
    for (model, options, count) in [
        (json!("smooth"), options(), 3),
        (json!("rough"), options().with_seed(5), 3),
    ] {
        let start = vec![0.0; count];
        let error = evolve(&Rough, &model, start, &options, Some(&path), &mut NoHooks);
        assert!(matches!(error, Err(GnnError::WeightsMismatch { .. })));
    }
}

#[test]
fn bad_options_and_landscapes_are_refused() {
    let mut bad = options();
    bad.learning_rate = f64::NAN;
    for options in [options().with_generations(0), options().with_pairs(0), bad] {
        let error = evolve(
            &Rough,
            &json!(0),
            vec![0.0; 3],
            &options,
            None,
            &mut NoHooks,
        );
        assert!(matches!(error, Err(GnnError::Config { .. })), "{options:?}");
    }
    let error = evolve(
        &Rough,
        &json!(0),
        vec![0.0; 4],
        &options(),
        None,
        &mut NoHooks,
    );
    assert!(matches!(
        error,
        Err(GnnError::Config {
            field: "deviations",
            ..
        })
    ));

    struct Cliff;
    impl Landscape for Cliff {
        fn score(&self, _: &[f32], generation: usize) -> f64 {
            if generation < 5 { 1.0 } else { f64::NAN }
        }
        fn deviations(&self) -> Vec<f64> {
            vec![1.0]
        }
    }
    let error = evolve(&Cliff, &json!(0), vec![0.0], &options(), None, &mut NoHooks);
    assert!(matches!(error, Err(GnnError::Diverged { update: 5, .. })));
}
