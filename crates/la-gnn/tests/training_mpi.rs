//! Training on the ranks of an MPI program is training in one process.

mod admm_support;
mod fixture;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use admm_support::random_problem;
use la_gnn::GnnError;
use la_gnn::admm::{AdmmConfig, EdgeWeights, Parameters, Relaxation, Tail};
use la_gnn::native::LowerGraph;
use la_gnn::native::admm::AdmmEngine;
use la_gnn::native::neuralif::{Loss, NativeEngine};
use la_gnn::neuralif::{self, NeuralIfConfig};
use la_gnn::training::admm::AdmmLoss;
use la_gnn::training::la_mpi::World;
use la_gnn::training::la_mpi::testing::{failing_on_ranks, on_ranks};
use la_gnn::training::{
    Alone, Engine, Exchange, Hooks, Joining, Log, NoHooks, Outcome, Ranks, Schedule, TrainOptions,
    Trained, train_on,
};
use la_problems::NeuralIfSynthetic;
use serde_json::json;

fn options(updates: usize, batch: usize) -> TrainOptions {
    let mut options = TrainOptions::default();
    options.updates = updates;
    options.batch = batch;
    options.schedule = Schedule::Cosine;
    options.validate_every = 4;
    options.checkpoint_every = 3;
    options
}

fn admm() -> (AdmmEngine, Vec<f32>) {
    let config = AdmmConfig::new(2)
        .with_edges(EdgeWeights::ScaleFree)
        .with_relaxation(Relaxation::Schedule)
        .with_tail(Tail::Learned);
    let problems = (0..9).map(|k| random_problem(5 + k, 2, k as u64)).collect();
    let engine = AdmmEngine::new(&config, &AdmmLoss::at_several_depths(), problems).unwrap();
    (engine, Parameters::initialize(&config, 1).unwrap().values)
}

fn neuralif(loss: Loss) -> (NativeEngine, Vec<f32>) {
    let graph = |seed: u64| {
        let system = NeuralIfSynthetic::default().with_n(40 + 10 * seed as usize);
        let system = system.generate(seed).unwrap();
        Arc::new(LowerGraph::<f32>::from_matrix(system.matrix.view()).unwrap())
    };
    let config = NeuralIfConfig::default();
    let values = neuralif::Parameters::initialize(&config, 5).unwrap().values;
    let engine = NativeEngine::new(&config, loss, (0..6).map(graph).collect());
    (engine.unwrap(), values)
}

fn trained(exchange: &dyn Exchange, engine: &mut dyn Engine, start: &[f32]) -> Trained {
    let (model, start) = (json!("test"), start.to_vec());
    let options = options(10, 5);
    train_on(
        exchange,
        engine,
        &model,
        start,
        &options,
        None,
        &mut NoHooks,
    )
    .unwrap()
}

/// Checks parameters on all ranks bit by bit, and the loss curve against that of one process.
fn compare(world: &World, name: &str, engine: &mut dyn Engine, start: &[f32]) {
    let alone = trained(&Alone, engine, start);
    let together = trained(&Ranks::new(world), engine, start);
    let bits: Vec<u32> = together.values.iter().map(|v| v.to_bits()).collect();
    for other in world.all_gather(&bits) {
        assert!(other == bits, "{name}: parameters of ranks differ");
    }
    assert_eq!(together.log.losses.len(), 10);
    assert_ne!(alone.values, start, "{name}");
    for (a, b) in together.log.losses.iter().zip(&alone.log.losses) {
        assert!((a - b).abs() <= 1e-6 * b.abs(), "{name}: {a} {b}");
    }
    for (a, b) in together.values.iter().zip(&alone.values) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1e-2), "{name}: {a} {b}");
    }
    if world.size() == 1 {
        assert_eq!(together.values, alone.values, "{name}");
    }
    // Whatever the timing: once more, with one rank late at every update.
    let again = trained(&Late(Ranks::new(world)), engine, start);
    assert_eq!(again.values, together.values, "{name}: a second run");
}

/// A rank that comes late to every message.
struct Late(Ranks);

impl Exchange for Late {
    fn rank(&self) -> usize {
        self.0.rank()
    }
    fn size(&self) -> usize {
        self.0.size()
    }
    fn sum(&self, values: &mut [f64]) -> Result<(), GnnError> {
        if self.rank() == 0 {
            std::thread::sleep(Duration::from_millis(3));
        }
        self.0.sum(values)
    }
}

#[test]
fn ten_steps_of_admm() {
    on_ranks("ten_steps_of_admm", &[1, 2, 3], |world| {
        let (mut engine, start) = admm();
        compare(world, "admm", &mut engine, &start);
    });
}

#[test]
fn ten_steps_of_neuralif() {
    on_ranks("ten_steps_of_neuralif", &[1, 2, 3], |world| {
        for loss in [Loss::Default, Loss::Normalized, Loss::Kaporin] {
            let (mut engine, start) = neuralif(loss);
            compare(world, &format!("{loss:?}"), &mut engine, &start);
        }
    });
}

/// `½ ‖x − target‖²` with numbers whose sums are exact; what comes of it may be bad on one rank.
struct Bowls {
    bad: Option<Bad>,
}

#[derive(Clone, Copy)]
enum Bad {
    NotFinite,
    Failure,
}

impl Engine for Bowls {
    fn samples(&self) -> usize {
        16
    }
    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        let mut loss = match self.bad {
            None => 0.0,
            Some(Bad::NotFinite) => f64::NAN,
            Some(Bad::Failure) => {
                let reason = "of this rank is torn".into();
                return Err(GnnError::Matrix { reason });
            }
        };
        gradient.fill(0.0);
        let share = 1.0 / batch.len() as f64;
        for &sample in batch {
            for (k, (g, x)) in gradient.iter_mut().zip(values).enumerate() {
                let d = f64::from(*x) - (sample + 3 * k) as f64;
                loss += 0.5 * share * d * d;
                *g += share * d;
            }
        }
        Ok(loss)
    }
    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }
}

/// Scores by the first parameter; stops after some updates.
struct StopAt(usize);

impl Hooks for StopAt {
    fn validate(&mut self, values: &[f32], _: usize) -> Result<Option<f64>, GnnError> {
        Ok(Some(f64::from((values[0] - 1.0).powi(2))))
    }
    fn progress(&mut self, update: usize, _: f64, _: &Log) -> ControlFlow<()> {
        match update == self.0 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

fn bowls(
    exchange: &dyn Exchange,
    bad: Option<Bad>,
    checkpoint: Option<&Path>,
    stop_at: usize,
) -> Result<Trained, GnnError> {
    let (mut engine, options) = (Bowls { bad }, options(30, 8));
    let start = vec![exchange.rank() as f32; 4];
    let hooks = &mut StopAt(stop_at);
    train_on(
        exchange,
        &mut engine,
        &json!("bowls"),
        start,
        &options,
        checkpoint,
        hooks,
    )
}

#[test]
fn exact_sums_give_the_bits_of_one_process() {
    on_ranks(
        "exact_sums_give_the_bits_of_one_process",
        &[1, 2, 4],
        |world| {
            let alone = bowls(&Alone, None, None, 0).unwrap();
            let together = bowls(&Ranks::new(world), None, None, 0).unwrap();
            assert_eq!(together.values, alone.values);
            assert_eq!(together.log.losses, alone.log.losses);
            assert_eq!(together.log.validations, alone.log.validations);
        },
    );
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("training_mpi.checkpoint");
    on_ranks(
        "a_run_goes_on_with_another_number_of_ranks",
        &[3, 2, 1],
        |world| {
            let ranks = Ranks::new(world);
            if world.size() == 3 && world.is_root() {
                // Of a test that was broken off.
                std::fs::remove_file(&path).ok();
            }
            world.barrier();
            let stop_at = [0, 0, 17, 11][world.size()];
            let part = bowls(&ranks, None, Some(&path), stop_at).unwrap();
            if world.size() > 1 {
                assert_eq!(part.outcome, Outcome::Interrupted);
                assert_eq!(part.log.losses.len(), stop_at + 1);
                return;
            }
            let whole = bowls(&Alone, None, None, 0).unwrap();
            // Eight places are not the same number for each of three ranks: rounding differs.
            for (a, b) in part.values.iter().zip(&whole.values) {
                assert!((a - b).abs() <= 1e-6 * b.abs(), "{a} {b}");
            }
            for (a, b) in part.log.losses.iter().zip(&whole.log.losses) {
                assert!((a - b).abs() <= 1e-6 * b.abs(), "{a} {b}");
            }
            assert_eq!(part.log.losses.len(), 30);
            assert_eq!(part.log.validations.len(), whole.log.validations.len());
            std::fs::remove_file(&path).unwrap();
        },
    );
}

#[test]
fn not_a_number_on_one_rank_ends_all_and_names_it() {
    let name = "not_a_number_on_one_rank_ends_all_and_names_it";
    let body = |world: &World| {
        let bad = (world.rank() == 1).then_some(Bad::NotFinite);
        let error = bowls(&Ranks::new(world), bad, None, 0).unwrap_err();
        panic!("{error}");
    };
    failing_on_ranks(name, 3, body, |outcome| {
        assert_ne!(outcome.code, Some(0), "{}", outcome.output);
        assert!(
            outcome.output.contains("diverged at update 19"),
            "{}",
            outcome.output
        );
        assert!(outcome.output.contains("from rank 1"), "{}", outcome.output);
        assert!(
            outcome.elapsed < Duration::from_secs(100),
            "{:?}",
            outcome.elapsed
        );
    });
}

#[test]
fn an_error_on_one_rank_is_what_is_said() {
    let name = "an_error_on_one_rank_is_what_is_said";
    let body = |world: &World| {
        let bad = (world.rank() == 2).then_some(Bad::Failure);
        match bowls(&Ranks::new(world), bad, None, 0).unwrap_err() {
            // As `la_mpi::run` does: the rank with the reason speaks.
            GnnError::OtherRank { rank } => {
                assert_eq!(rank, 2);
                std::thread::sleep(Duration::from_secs(3));
            }
            error => panic!("{error}"),
        }
    };
    failing_on_ranks(name, 3, body, |outcome| {
        assert_ne!(outcome.code, Some(0), "{}", outcome.output);
        assert!(outcome.output.contains("torn"), "{}", outcome.output);
        assert!(
            outcome.output.contains("rank 2 of 3 panicked"),
            "{}",
            outcome.output
        );
        assert!(
            outcome.elapsed < Duration::from_secs(100),
            "{:?}",
            outcome.elapsed
        );
    });
}
