//! Training on several processes, which are threads here: what they agree on, and what happens when one fails.

mod threads;

use std::ops::ControlFlow;

use la_gnn::GnnError;
use la_gnn::training::{
    Alone, Checkpoint, Engine, Exchange, Hooks, Log, NoHooks, Outcome, TrainOptions, Trained,
    agree, train_on,
};
use serde_json::json;
use threads::bowls::{Bowls, Wrong};
use threads::{Threads, on_threads};

/// Scores by the distance from 5, of which every process has a part; stops where it is told to.
struct Divided<'x> {
    exchange: &'x dyn Exchange,
    stop_at: usize,
}

impl Hooks for Divided<'_> {
    fn validate(&mut self, values: &[f32], _: usize) -> Result<Option<f64>, GnnError> {
        let (rank, size) = (self.exchange.rank(), self.exchange.size());
        let own = values.iter().enumerate().filter(|(k, _)| k % size == rank);
        let mut sum = [own.map(|(_, v)| f64::from((v - 5.0).powi(2))).sum()];
        agree(self.exchange, Ok(()))?;
        self.exchange.sum(&mut sum)?;
        Ok(Some(sum[0]))
    }
    fn progress(&mut self, update: usize, _: f64, _: &Log) -> ControlFlow<()> {
        // One process alone wants to stop.
        match update == self.stop_at && self.exchange.rank() + 1 == self.exchange.size() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

fn options(updates: usize, batch: usize) -> TrainOptions {
    let mut options = TrainOptions::default();
    options.updates = updates;
    options.batch = batch;
    options.learning_rate = 0.05;
    options.validate_every = 4;
    options.checkpoint_every = 5;
    options
}

fn bowls(exchange: &dyn Exchange, batch: usize) -> Trained {
    let hooks = &mut Divided {
        exchange,
        stop_at: 0,
    };
    let options = options(30, batch);
    let mut engine = Bowls::new(16);
    let start = vec![0.0; 4];
    train_on(
        exchange,
        &mut engine,
        &json!("bowls"),
        start,
        &options,
        None,
        hooks,
    )
    .unwrap()
}

#[test]
fn where_sums_are_exact_every_number_of_processes_gives_the_same_bits() {
    let alone = bowls(&Alone, 8);
    assert!(alone.log.losses[29] < alone.log.losses[0]);
    for size in [1, 2, 4] {
        for trained in on_threads(size, |threads| bowls(threads, 8)) {
            assert_eq!(trained.values, alone.values, "{size}");
            assert_eq!(trained.log.losses, alone.log.losses);
            assert_eq!(trained.log.validations, alone.log.validations);
        }
    }
    // Seven places for three and for five processes: not the same number for each.
    let alone = bowls(&Alone, 7);
    for size in [3, 5] {
        for trained in on_threads(size, |threads| bowls(threads, 7)) {
            for (a, b) in trained.values.iter().zip(&alone.values) {
                assert!((a - b).abs() <= 1e-6 * b.abs(), "{size}: {a} {b}");
            }
        }
    }
}

/// Its gradients are not sums of squares: kept from processes that would give a wrong answer.
#[test]
fn losses_that_cannot_be_divided_are_refused() {
    struct Unknown;
    impl Engine for Unknown {
        fn samples(&self) -> usize {
            9
        }
        fn loss_and_gradient(
            &mut self,
            _: &[f32],
            _: &[usize],
            _: u64,
            _: &mut [f64],
        ) -> Result<f64, GnnError> {
            Ok(0.0)
        }
    }
    for error in on_threads(2, |threads| {
        let options = options(3, 4);
        let start = vec![0.0];
        train_on(
            threads,
            &mut Unknown,
            &json!(0),
            start,
            &options,
            None,
            &mut NoHooks,
        )
        .unwrap_err()
    }) {
        assert!(error.to_string().contains("`ranks`"), "{error}");
    }
}

#[test]
fn a_batch_smaller_than_the_number_of_processes_is_refused() {
    for error in on_threads(3, |threads| {
        let options = options(3, 2);
        let engine = &mut Bowls::new(4);
        let start = vec![0.0];
        train_on(
            threads,
            engine,
            &json!(0),
            start,
            &options,
            None,
            &mut NoHooks,
        )
        .unwrap_err()
    }) {
        let text = error.to_string();
        assert!(
            text.contains("`batch`") && text.contains("3 ranks"),
            "{text}"
        );
    }
}

type Failed = Vec<Result<Trained, GnnError>>;

/// A run of three processes, of which the second does what it should not.
fn with_a_bad_one(wrong: fn(usize) -> Wrong, updates: usize) -> Failed {
    on_threads(3, |threads| {
        let mut engine = match threads.rank() {
            1 => Bowls::with(9, wrong),
            _ => Bowls::new(9),
        };
        let (options, start) = (options(updates, 6), vec![0.0; 4]);
        train_on(
            threads,
            &mut engine,
            &json!(0),
            start,
            &options,
            None,
            &mut NoHooks,
        )
    })
}

#[test]
fn a_loss_that_is_not_finite_on_one_process_is_skipped_by_all_and_then_ends_all() {
    let all = with_a_bad_one(
        |update| match update == 3 {
            true => Wrong::NotFinite,
            false => Wrong::Nothing,
        },
        10,
    );
    let all: Vec<Trained> = all.into_iter().map(Result::unwrap).collect();
    for trained in &all {
        assert_eq!(trained.log.skipped, 1);
        assert!(trained.log.losses[3].is_nan());
        assert_eq!(trained.values, all[0].values);
    }
    for error in with_a_bad_one(|_| Wrong::NotFinite, 100) {
        let error = error.unwrap_err();
        assert!(
            matches!(error, GnnError::Diverged { update: 19, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("from rank 1"), "{error}");
    }
}

#[test]
fn an_error_on_one_process_ends_all_and_names_it() {
    let all = with_a_bad_one(
        |update| match update == 2 {
            true => Wrong::Failure,
            false => Wrong::Nothing,
        },
        10,
    );
    for (rank, result) in all.into_iter().enumerate() {
        let error = result.unwrap_err();
        match rank {
            1 => assert!(error.to_string().contains("torn"), "{error}"),
            _ => assert!(matches!(error, GnnError::OtherRank { rank: 1 }), "{error}"),
        }
    }
}

#[test]
fn processes_that_differ_are_found() {
    // Other parameters: those of the first are taken.
    let all = on_threads(2, |threads| {
        let start = vec![threads.rank() as f32; 4];
        let (options, engine) = (options(5, 4), &mut Bowls::new(8));
        train_on(
            threads,
            engine,
            &json!(0),
            start,
            &options,
            None,
            &mut NoHooks,
        )
        .unwrap()
    });
    assert_eq!(all[0].values, all[1].values);
    // Another number of samples, of updates, other options.
    let run = |samples: [usize; 2], updates: [usize; 2], rate: [f64; 2]| {
        on_threads(2, |threads| {
            let rank = threads.rank();
            let mut options = options(updates[rank], 4);
            options.learning_rate = rate[rank];
            let engine = &mut Bowls::new(samples[rank]);
            let start = vec![0.0; 4];
            train_on(
                threads,
                engine,
                &json!(0),
                start,
                &options,
                None,
                &mut NoHooks,
            )
            .unwrap_err()
        })
    };
    for error in run([8, 9], [5, 5], [0.1, 0.1]) {
        assert!(
            matches!(error, GnnError::RanksDiffer { ref ranks, .. } if *ranks == [1]),
            "{error}"
        );
    }
    for error in run([8, 8], [5, 6], [0.1, 0.1]) {
        assert!(error.to_string().contains("number of updates"), "{error}");
    }
    let errors = run([8, 8], [5, 5], [0.1, 0.2]);
    assert!(
        matches!(errors[0], GnnError::OtherRank { rank: 1 }),
        "{}",
        errors[0]
    );
    assert!(
        errors[1].to_string().contains("other training options"),
        "{}",
        errors[1]
    );
}

/// Sums that are not the same everywhere, as of a broken connection: found when a checkpoint is due.
#[test]
fn parameters_that_come_to_differ_end_the_run() {
    struct Crooked<'t>(&'t Threads);
    impl Exchange for Crooked<'_> {
        fn rank(&self) -> usize {
            self.0.rank()
        }
        fn size(&self) -> usize {
            self.0.size()
        }
        fn sum(&self, values: &mut [f64]) -> Result<(), GnnError> {
            self.0.sum(values)?;
            // A gradient of four numbers, two sums and three words.
            if values.len() == 9 && self.rank() == 2 {
                values[0] = f64::from_bits(values[0].to_bits() ^ 1 << 30);
            }
            Ok(())
        }
    }
    for error in on_threads(3, |threads| {
        let (options, engine) = (options(30, 6), &mut Bowls::new(9));
        let start = vec![0.0; 4];
        let model = json!(0);
        train_on(
            &Crooked(threads),
            engine,
            &model,
            start,
            &options,
            None,
            &mut NoHooks,
        )
        .unwrap_err()
    }) {
        let text = error.to_string();
        assert_eq!(
            text,
            "rank 2 differs from rank 0 after update 5 in its parameters"
        );
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_processes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let whole = bowls(&Alone, 8);
    let run = |exchange: &dyn Exchange, stop_at| {
        let hooks = &mut Divided { exchange, stop_at };
        let (options, engine) = (options(30, 8), &mut Bowls::new(16));
        let start = vec![exchange.rank() as f32; 4];
        let model = json!("bowls");
        train_on(
            exchange,
            engine,
            &model,
            start,
            &options,
            Some(&path),
            hooks,
        )
        .unwrap()
    };
    // The wish of one process to stop reaches the others with the next update.
    for part in on_threads(4, |threads| run(threads, 11)) {
        assert_eq!(part.outcome, Outcome::Interrupted);
        assert_eq!(part.log.losses.len(), 12);
    }
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "one process writes");
    Checkpoint::load(&path, &json!("bowls"), &options(30, 8)).unwrap();
    for part in on_threads(2, |threads| run(threads, 17)) {
        assert_eq!(part.log.losses.len(), 18);
    }
    let rest = run(&Alone, 0);
    assert_eq!(rest.outcome, Outcome::Finished);
    assert_eq!(rest.values, whole.values);
    assert_eq!(rest.log.losses, whole.log.losses);
    assert_eq!(rest.log.validations, whole.log.validations);
    // A torn checkpoint ends all.
    std::fs::write(&path, b"torn").unwrap();
    for (rank, error) in on_threads(2, |threads| {
        let (options, engine) = (options(30, 8), &mut Bowls::new(16));
        let model = json!("bowls");
        let start = vec![0.0; 4];
        train_on(
            threads,
            engine,
            &model,
            start,
            &options,
            Some(&path),
            &mut NoHooks,
        )
        .unwrap_err()
    })
    .into_iter()
    .enumerate()
    {
        match rank {
            0 => assert!(matches!(error, GnnError::WeightsFormat { .. }), "{error}"),
            _ => assert!(matches!(error, GnnError::OtherRank { rank: 0 }), "{error}"),
        }
    }
}
