//! Training without LibTorch: batches, divergence, checkpoints, resuming.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use la_gnn::GnnError;
use la_gnn::native::LowerGraph;
use la_gnn::native::neuralif::{Loss, NativeEngine};
use la_gnn::neuralif::{NeuralIfConfig, Parameters};
use la_gnn::training::{
    AdamW, Checkpoint, Engine, Hooks, Log, NoHooks, Outcome, Schedule, TrainOptions,
    batch_of_update, train,
};
use la_problems::NeuralIfSynthetic;
use serde_json::{Value, json};

/// `½ ‖x − (1, −2)‖²` of one sample, not finite in the updates that `bad` names.
struct Bowl {
    calls: usize,
    bad: fn(usize) -> bool,
}

impl Bowl {
    fn new(bad: fn(usize) -> bool) -> Self {
        Self { calls: 0, bad }
    }
}

impl Engine for Bowl {
    fn samples(&self) -> usize {
        3
    }
    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        _: &[usize],
        _: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let bad = (self.bad)(self.calls);
        self.calls += 1;
        let mut loss = 0.0;
        for ((g, x), target) in gradient.iter_mut().zip(values).zip([1.0, -2.0]) {
            let d = f64::from(*x) - target;
            loss += 0.5 * d * d;
            *g = if bad { f64::NAN } else { d };
        }
        Ok(if bad { f64::INFINITY } else { loss })
    }
}

/// Stops after some updates; scores parameters by their distance from (1, −2).
struct StopAt(usize);

impl Hooks for StopAt {
    fn validate(&mut self, values: &[f32], _: usize) -> Result<Option<f64>, GnnError> {
        Ok(Some(f64::from((values[0] - 1.0).hypot(values[1] + 2.0))))
    }
    fn progress(&mut self, update: usize, _: f64, _: &Log) -> ControlFlow<()> {
        if update == self.0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

fn options(updates: usize) -> TrainOptions {
    let mut options = TrainOptions::default();
    options.updates = updates;
    options.batch = 2;
    options.validate_every = 5;
    options.checkpoint_every = 4;
    options.learning_rate = 0.05;
    options.weight_decay = 0.0;
    options
}

fn bowl(
    bad: fn(usize) -> bool,
    options: &TrainOptions,
    checkpoint: Option<&Path>,
    hooks: &mut dyn Hooks,
) -> Result<la_gnn::training::Trained, GnnError> {
    let start = vec![0.0, 0.0];
    train(
        &mut Bowl::new(bad),
        &json!("bowl"),
        start,
        options,
        checkpoint,
        hooks,
    )
}

#[test]
fn every_epoch_covers_every_sample_once() {
    let mut options = options(100);
    for (samples, batch) in [(7, 3), (10, 5), (4, 6), (1, 1)] {
        options.batch = batch;
        let drawn: Vec<usize> = (0..samples * 4)
            .flat_map(|u| batch_of_update(samples, &options, u))
            .collect();
        assert_eq!(drawn.len(), samples * 4 * batch);
        for epoch in drawn.chunks(samples) {
            let different: HashSet<_> = epoch.iter().collect();
            assert_eq!(
                different.len(),
                samples,
                "{samples} samples in batches of {batch}: {epoch:?}"
            );
        }
    }
    options.batch = 5;
    let first = batch_of_update(50, &options, 0);
    assert_eq!(first, batch_of_update(50, &options, 0));
    options.seed = 1;
    assert_ne!(first, batch_of_update(50, &options, 0));
}

#[test]
fn a_bowl_is_descended() {
    let trained = bowl(|_| false, &options(400), None, &mut NoHooks).unwrap();
    assert_eq!(trained.outcome, Outcome::Finished);
    assert_eq!(trained.log.losses.len(), 400);
    // AdamW with a fixed step ends within a small multiple of nothing here: the gradient fades.
    assert!((trained.values[0] - 1.0).abs() < 1e-2 && (trained.values[1] + 2.0).abs() < 1e-2);
}

#[test]
fn updates_without_a_finite_gradient_are_skipped() {
    let skipping = bowl(|k| k % 3 == 1, &options(30), None, &mut NoHooks).unwrap();
    assert_eq!(skipping.log.skipped, 10);
    assert_eq!(skipping.log.losses.len(), 30);
    assert!(skipping.values.iter().all(|v| v.is_finite() && *v != 0.0));
}

#[test]
fn a_run_with_skipped_updates_goes_on_from_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let stop = &mut StopAt(6);
    let part = bowl(|k| k == 2, &options(10), Some(&path), stop).unwrap();
    assert_eq!((part.outcome, part.log.skipped), (Outcome::Interrupted, 1));
    let rest = bowl(|_| false, &options(10), Some(&path), &mut NoHooks).unwrap();
    assert_eq!((rest.log.skipped, rest.log.losses.len()), (1, 10));
    assert!(rest.log.losses[2].is_nan() && rest.log.losses[3].is_finite());
}

#[test]
fn twenty_bad_updates_in_a_row_are_divergence() {
    let error = bowl(|k| k >= 5, &options(100), None, &mut NoHooks).unwrap_err();
    assert!(
        matches!(error, GnnError::Diverged { update: 24, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("loss inf"), "{error}");
    // One good update in between starts the count again.
    assert!(bowl(|k| k % 20 != 0, &options(60), None, &mut NoHooks).is_ok());
}

#[test]
fn the_best_validation_is_kept() {
    // Validated at 5, 10, ...; a step of 0.05 cannot overshoot in 12 updates, so the last is the best.
    let trained = bowl(|_| false, &options(12), None, &mut StopAt(usize::MAX)).unwrap();
    let at: Vec<usize> = trained.log.validations.iter().map(|v| v.0).collect();
    assert_eq!(at, [5, 10, 12]);
    assert_eq!(trained.log.best().unwrap().0, 12);
    // A score that is not finite is never the best.
    let worse = Log {
        validations: vec![(5, f64::MAX), (10, 3.0)],
        ..Log::default()
    };
    assert_eq!(worse.best(), Some((10, 3.0)));
}

/// The name of a field, and what makes it bad.
type Change = (&'static str, fn(&mut TrainOptions));

#[test]
fn bad_options_are_named() {
    let changes: [Change; 8] = [
        ("updates", |o| o.updates = 0),
        ("batch", |o| o.batch = 0),
        ("validate_every", |o| o.validate_every = 0),
        ("checkpoint_every", |o| o.checkpoint_every = 0),
        ("learning_rate", |o| o.learning_rate = f64::NAN),
        ("learning_rate", |o| o.learning_rate = 0.0),
        ("clip", |o| o.clip = f64::INFINITY),
        ("weight_decay", |o| o.weight_decay = -1.0),
    ];
    for (field, change) in changes {
        let mut options = options(1);
        change(&mut options);
        let error = bowl(|_| false, &options, None, &mut NoHooks).unwrap_err();
        assert!(
            matches!(error, GnnError::Config { field: f, .. } if f == field),
            "{error}"
        );
    }
}

#[test]
fn the_cosine_falls_to_a_hundredth() {
    let mut options = options(100);
    options.schedule = Schedule::Cosine;
    assert!((options.learning_rate_at(0) - 0.05).abs() < 1e-15);
    assert!((options.learning_rate_at(50) - 0.05 * 0.505).abs() < 1e-12);
    assert!((options.learning_rate_at(100) - 0.05 * 0.01).abs() < 1e-12);
}

fn checkpoint(model: &Value, options: &TrainOptions) -> Checkpoint {
    Checkpoint {
        model: model.clone(),
        options: options.clone(),
        values: vec![0.25, -1.5, 3.0],
        optimizer: AdamW {
            first: vec![1.0, 2.0, 3.0],
            second: vec![4.0, 5.0, 6.0],
            updates: 17,
        },
        best_values: vec![0.5, 0.125, -0.0],
        log: Log {
            losses: vec![2.0, 1.0],
            validations: vec![(5, 0.1), (10, 0.2)],
            skipped: 3,
            seconds: 1.5,
        },
    }
}

#[test]
fn checkpoints_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let (model, options) = (json!({ "loss": "squared" }), options(20));
    let saved = checkpoint(&model, &options);
    saved.save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path, &model, &options).unwrap(), saved);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "a part was left"
    );

    // Prolonged runs go on; other models and other options do not.
    let mut longer = options.clone();
    longer.updates = 40;
    assert_eq!(
        Checkpoint::load(&path, &model, &longer).unwrap().options,
        longer
    );
    let mut other = options.clone();
    other.learning_rate = 0.5;
    let error = Checkpoint::load(&path, &json!("other"), &other).unwrap_err();
    assert!(
        matches!(&error, GnnError::WeightsMismatch { differences, .. } if differences.len() == 2),
        "{error}"
    );
    let error = Checkpoint::load(folder.path().join("none"), &model, &options).unwrap_err();
    assert!(
        matches!(error, GnnError::Io { .. }) && error.to_string().contains("none"),
        "{error}"
    );
}

#[test]
fn truncated_and_foreign_checkpoints_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let (model, options) = (json!("bowl"), options(20));
    checkpoint(&model, &options).save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = Checkpoint::load(&path, &model, &options).unwrap_err();
        assert!(
            matches!(error, GnnError::WeightsFormat { .. }),
            "{length} bytes: {error}"
        );
    }
    // Moments of another length.
    let mut uneven = checkpoint(&model, &options);
    uneven.optimizer.first.pop();
    uneven.save(&path).unwrap();
    let error = Checkpoint::load(&path, &model, &options).unwrap_err();
    assert!(error.to_string().contains("differ in length"), "{error}");
    // A weight file is no checkpoint.
    let weights = Parameters::initialize(&NeuralIfConfig::default(), 0).unwrap();
    weights.to_weights(Default::default()).save(&path).unwrap();
    assert!(Checkpoint::load(&path, &model, &options).is_err());
}

#[test]
fn a_checkpoint_of_other_parameters_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let options = options(20);
    // Same model and options by name, but three parameters where the run has two.
    checkpoint(&json!("bowl"), &options).save(&path).unwrap();
    let error = bowl(|_| false, &options, Some(&path), &mut NoHooks).unwrap_err();
    assert!(matches!(error, GnnError::WeightsMismatch { .. }), "{error}");
}

#[test]
fn a_resumed_run_ends_where_an_uninterrupted_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let config = NeuralIfConfig::default();
    let model = json!("neuralif");
    let graphs: Vec<_> = (0..3)
        .map(|seed| {
            let system = NeuralIfSynthetic::default()
                .with_n(60)
                .generate(seed)
                .unwrap();
            Arc::new(LowerGraph::<f32>::from_matrix(system.matrix.view()).unwrap())
        })
        .collect();
    let start = Parameters::initialize(&config, 5).unwrap().values;
    let run = |checkpoint: Option<&Path>, hooks: &mut dyn Hooks| {
        let mut engine = NativeEngine::new(&config, Loss::Squared, graphs.clone()).unwrap();
        train(
            &mut engine,
            &model,
            start.clone(),
            &options(9),
            checkpoint,
            hooks,
        )
        .unwrap()
    };
    let whole = run(None, &mut StopAt(usize::MAX));
    let part = run(Some(&path), &mut StopAt(3));
    assert_eq!(part.outcome, Outcome::Interrupted);
    assert_eq!(part.log.losses.len(), 3);
    let rest = run(Some(&path), &mut StopAt(usize::MAX));
    assert_eq!(rest.outcome, Outcome::Finished);
    assert_eq!(rest.values, whole.values);
    assert_eq!(rest.log.losses, whole.log.losses);
    assert_eq!(rest.log.validations, whole.log.validations);
    // What is finished is not trained again.
    let again = run(Some(&path), &mut NoHooks);
    assert_eq!(again.values, whole.values);
}
