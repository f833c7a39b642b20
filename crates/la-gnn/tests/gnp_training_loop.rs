//! The training loop of graph neural preconditioners with an engine that follows a script.

use std::ops::ControlFlow;

use la_gnn::GnnError;
use la_gnn::gnp::{GnpConfig, Parameters};
use la_gnn::training::AdamW;
use la_gnn::training::gnp::{
    BatchSource, Ended, FlatStop, GnpCheckpoints, GnpEngine, GnpState, GnpStep, GnpTrainOptions,
    GnpTrained, train, train_on,
};

/// Losses in the order of the script; the first parameter counts the updates.
struct Scripted {
    losses: Vec<f64>,
    step: usize,
    now: Parameters,
    kept: Option<Parameters>,
}

impl Scripted {
    fn new(losses: &[f64]) -> Self {
        let mut now = Parameters::initialize(&GnpConfig::paper(), 0).unwrap();
        now.values[0] = 0.0;
        now.statistics[0] = 0.0;
        Self {
            losses: losses.to_vec(),
            step: 0,
            now,
            kept: None,
        }
    }
}

impl GnpEngine for Scripted {
    fn order(&self) -> usize {
        3
    }
    fn loss_and_gradient(&mut self, b: &[f64], columns: usize) -> Result<f64, GnnError> {
        assert_eq!(b.len(), 3 * columns);
        self.step += 1;
        self.now.statistics[0] += 1.0;
        Ok(self.losses[self.step - 1])
    }
    fn keep(&mut self) -> Result<(), GnnError> {
        self.kept = Some(self.now.clone());
        Ok(())
    }
    fn update(&mut self, learning_rate: f64) -> Result<(), GnnError> {
        assert_eq!(learning_rate, 1e-3);
        self.now.values[0] += 1.0;
        Ok(())
    }
    fn kept(&self) -> Result<Option<Parameters>, GnnError> {
        Ok(self.kept.clone())
    }
    fn parameters(&self) -> Result<Parameters, GnnError> {
        Ok(self.now.clone())
    }
    fn state(&self) -> Result<GnpState, GnnError> {
        Ok(GnpState {
            now: self.now.clone(),
            kept: self.kept.clone(),
            optimizer: AdamW::new(self.now.values.len()),
        })
    }
    fn restore(&mut self, state: &GnpState) -> Result<(), GnnError> {
        self.step = state.now.values[0] as usize;
        self.now = state.now.clone();
        self.kept.clone_from(&state.kept);
        Ok(())
    }
}

/// Columns of 2 and −2; what it observed.
struct Twos {
    order: usize,
    every: Option<usize>,
    seen: Vec<(usize, f32)>,
}

impl BatchSource for Twos {
    fn order(&self) -> usize {
        self.order
    }
    fn fill(&mut self, _: usize, b: &mut [f64], _: usize) -> Result<(), GnnError> {
        for (i, v) in b.iter_mut().enumerate() {
            *v = if i % 2 == 0 { 2.0 } else { -2.0 };
        }
        Ok(())
    }
    fn observe_every(&self) -> Option<usize> {
        self.every
    }
    fn observe(&mut self, step: usize, network: &Parameters) -> Result<(), GnnError> {
        self.seen.push((step, network.values[0]));
        Ok(())
    }
}

fn twos() -> Twos {
    Twos {
        order: 3,
        every: None,
        seen: Vec::new(),
    }
}

fn run(losses: &[f64], options: &GnpTrainOptions) -> Result<GnpTrained, GnnError> {
    let options = options.clone().with_steps(losses.len());
    train(
        &mut Scripted::new(losses),
        &mut twos(),
        &options,
        &mut |_| ControlFlow::Continue(()),
    )
}

#[test]
fn the_first_smallest_loss_wins_with_its_own_parameters_and_statistics() {
    let trained = run(&[5.0, 3.0, 4.0, 2.0, 2.0, 6.0], &GnpTrainOptions::default()).unwrap();
    assert_eq!(trained.ended, Ended::Finished);
    assert_eq!((trained.best_step, trained.best_loss), (3, 2.0));
    // Three updates lie before step 3, four forward passes up to and with it.
    assert_eq!(trained.best.values[0], 3.0);
    assert_eq!(trained.best.statistics[0], 4.0);
    assert_eq!(trained.losses, [5.0, 3.0, 4.0, 2.0, 2.0, 6.0]);
    assert_eq!(trained.zero_losses, [2.0; 6]);
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_with_the_best_before() {
    let options = GnpTrainOptions::default();
    for bad in [f64::NAN, f64::INFINITY] {
        let trained = run(&[5.0, 3.0, bad, 1.0], &options).unwrap();
        assert_eq!(trained.ended, Ended::NonFinite);
        assert_eq!(trained.best_step, 1);
        assert_eq!(trained.losses.len(), 3);
        let error = run(&[bad, 1.0], &options).unwrap_err();
        assert!(matches!(error, GnnError::Diverged { update: 0, .. }));
    }
}

#[test]
fn runs_that_learn_nothing_end_early_if_asked() {
    let flat = GnpTrainOptions::default().with_flat_stop(Some(FlatStop::default().with_steps(3)));
    let trained = run(&[2.0, 1.999, 2.001, 1.9, 1.0], &flat).unwrap();
    assert_eq!(trained.ended, Ended::NothingLearned);
    assert_eq!(trained.losses.len(), 3);
    assert_eq!(trained.best_step, 1);
    // Once a loss was clearly below 2, the run goes on whatever comes.
    let trained = run(&[2.0, 1.97, 2.0, 2.0, 2.0], &flat).unwrap();
    assert_eq!(trained.ended, Ended::Finished);
    let trained = run(&[2.0; 5], &GnpTrainOptions::default()).unwrap();
    assert_eq!(trained.ended, Ended::Finished);
}

#[test]
fn hooks_and_time_limits_end_a_run() {
    let mut steps = Vec::new();
    let mut hook = |s: &GnpStep| {
        steps.push((s.step, s.loss, s.best_step, s.best_loss));
        if s.step == 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let options = GnpTrainOptions::default().with_steps(9);
    let trained = train(
        &mut Scripted::new(&[1.0; 9]),
        &mut twos(),
        &options,
        &mut hook,
    )
    .unwrap();
    assert_eq!(trained.ended, Ended::Interrupted);
    assert_eq!(steps, [(0, 1.0, 0, 1.0), (1, 1.0, 0, 1.0)]);
    let trained = run(&[1.0; 9], &options.with_time_limit(Some(1e-12))).unwrap();
    assert_eq!(trained.ended, Ended::TimeLimit);
    assert_eq!(trained.losses.len(), 1);
}

#[test]
fn sources_may_look_at_the_network() {
    let mut source = Twos {
        every: Some(2),
        ..twos()
    };
    let options = GnpTrainOptions::default().with_steps(5);
    let mut go_on = |_: &GnpStep| ControlFlow::Continue(());
    train(
        &mut Scripted::new(&[1.0; 5]),
        &mut source,
        &options,
        &mut go_on,
    )
    .unwrap();
    assert_eq!(source.seen, [(0, 0.0), (2, 2.0), (4, 4.0)]);
    source.order = 4;
    let error = train(
        &mut Scripted::new(&[1.0]),
        &mut source,
        &options,
        &mut go_on,
    )
    .unwrap_err();
    assert!(error.to_string().contains("length 4"), "{error}");
}

#[test]
fn options_out_of_range_are_named() {
    let options = GnpTrainOptions::default;
    let flat = FlatStop::default;
    for (options, field) in [
        (options().with_steps(0), "steps"),
        (options().with_batch(0), "batch"),
        (options().with_learning_rate(-1.0), "learning_rate"),
        (options().with_time_limit(Some(f64::NAN)), "time_limit"),
        (
            options().with_flat_stop(Some(flat().with_steps(0))),
            "flat_stop.steps",
        ),
        (
            options().with_flat_stop(Some(flat().with_ratio(0.0))),
            "flat_stop.ratio",
        ),
    ] {
        let text = options.validate().unwrap_err().to_string();
        assert!(text.contains(field), "{text}");
    }
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let losses = [5.0, 3.0, 4.0, 1.0, 2.0, 6.0, 0.5];
    let options = GnpTrainOptions::default().with_steps(losses.len());
    let whole = run(&losses, &options).unwrap();
    let checkpoints = GnpCheckpoints {
        path: &path,
        model: serde_json::json!("a"),
        every: 2,
    };
    let until = |stop: usize, checkpoints: &GnpCheckpoints<'_>, options: &GnpTrainOptions| {
        train_on(
            &mut Scripted::new(&losses),
            &mut twos(),
            options,
            Some(checkpoints),
            &mut |seen| match seen.step + 1 == stop {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            },
        )
    };
    assert_eq!(
        until(3, &checkpoints, &options).unwrap().ended,
        Ended::Interrupted
    );
    assert_eq!(until(5, &checkpoints, &options).unwrap().losses.len(), 5);
    let mut last = until(0, &checkpoints, &options).unwrap();
    last.seconds = whole.seconds;
    assert_eq!(last, whole);
    // Another run's file is refused, in words.
    let other = GnpCheckpoints {
        model: serde_json::json!("b"),
        ..checkpoints.clone()
    };
    let error = until(0, &other, &options).unwrap_err().to_string();
    assert!(error.contains("belongs to \"a\""), "{error}");
    let faster = options.clone().with_learning_rate(1.0);
    let error = until(0, &checkpoints, &faster).unwrap_err().to_string();
    assert!(error.contains("other training options"), "{error}");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(until(0, &checkpoints, &options).is_err());
    let never = GnpCheckpoints {
        every: 0,
        ..checkpoints
    };
    assert!(until(0, &never, &options).is_err());
}

#[test]
fn a_source_that_observes_does_so_once_where_a_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let losses = [5.0; 12];
    let options = GnpTrainOptions::default().with_steps(12);
    let checkpoints = GnpCheckpoints {
        path: &path,
        model: serde_json::Value::Null,
        every: 1,
    };
    let go = |stop: usize| {
        let mut source = twos();
        source.every = Some(4);
        let mut hook = |seen: &GnpStep| match seen.step + 1 == stop {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let mut engine = Scripted::new(&losses);
        train_on(
            &mut engine,
            &mut source,
            &options,
            Some(&checkpoints),
            &mut hook,
        )
        .unwrap();
        source.seen
    };
    assert_eq!(go(7), [(0, 0.0), (4, 4.0)]);
    // Written after step 4: what came later is done again.
    assert_eq!(go(0), [(4, 4.0), (8, 8.0)]);
}
