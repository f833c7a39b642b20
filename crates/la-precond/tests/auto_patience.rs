//! When the automatic choice gives an attempt up, and when it does not.

use la_krylov::Status;
use la_precond::auto::{Auto, AutoMethod, AutoOutcome, AutoSolution};
use la_precond::sprs::{CsMatI, TriMatI};

/// GMRES at default options: its limit, and how long it may go without progress.
const LIMIT: usize = 1_000;
const PATIENCE: usize = 250;

/// Solves with `I + c C`, `C` the cyclic shift, and factors that are allowed next to nothing beside the diagonal: the
/// spectrum is the circle of radius `c` around 1, which GMRES reduces by `c` in an iteration at most, on the average.
fn circle(c: f64, auto: Auto) -> AutoSolution {
    let n = 600;
    let mut triplets = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n {
        triplets.add_triplet(i, i, 1.0);
        triplets.add_triplet(i, (i + 1) % n, c);
    }
    let a: CsMatI<f64, u32> = triplets.to_csr();
    let b: Vec<f64> = (0..n).map(|i| ((i * i) as f64).sin()).collect();
    auto.with_fill_limit(0.01).solve(a.view(), &b).unwrap()
}

#[test]
fn gmres_that_creeps_is_given_up_long_before_its_limit() {
    let result = circle(1.0 - 1e-9, Auto::default().with_complete(false));
    let attempts = &result.attempts;
    assert_eq!(attempts.len(), 3, "{result}");
    assert!(
        attempts
            .iter()
            .all(|a| a.candidate.method == AutoMethod::Gmres)
    );
    // The first one gets somewhere before it is stuck; the second one starts there.
    let given_up = AutoOutcome::GivenUp(PATIENCE);
    assert_eq!(attempts[0].outcome, given_up, "{result}");
    assert!(attempts[0].iterations < LIMIT, "{result}");
    assert_eq!(attempts[1].outcome, given_up, "{result}");
    assert!(attempts[1].iterations < LIMIT / 2, "{result}");
    // It was not stuck completely: a rule that any fall satisfies would have let it run.
    let history = &attempts[1].history;
    assert!(history[history.len() - 1] < history[0]);
    assert!(
        result
            .to_string()
            .contains("no progress over 250 iterations")
    );
}

#[test]
fn the_last_candidate_has_nothing_to_save_time_for() {
    let result = circle(1.0 - 1e-9, Auto::default().with_complete(false));
    let last = result.attempts.last().unwrap();
    assert_eq!(last.outcome, AutoOutcome::Ended(Status::IterationLimit));
    assert_eq!(last.iterations, LIMIT);
    assert_eq!(result.status, Status::IterationLimit);
    // A candidate that this build does not have is not the last one.
    let result = circle(1.0 - 1e-9, Auto::default().with_memory_limit(1));
    let (complete, solved) = result.attempts.split_last().unwrap();
    assert!(
        matches!(complete.outcome, AutoOutcome::Refused(_)),
        "{result}"
    );
    let last = &solved.last().unwrap().outcome;
    if cfg!(feature = "faer") {
        // Given up for one that then did not have the memory. A monitor stopped it, but not the caller's.
        assert_eq!(*last, AutoOutcome::GivenUp(PATIENCE));
        assert_eq!(result.status, Status::Stagnated);
    } else {
        assert_eq!(*last, AutoOutcome::Ended(Status::IterationLimit));
        assert_eq!(result.status, Status::IterationLimit);
    }
}

#[test]
fn slow_but_steady_is_left_alone() {
    let result = circle(0.97, Auto::default());
    assert_eq!(result.status, Status::Converged, "{result}");
    assert_eq!(result.attempts.len(), 1);
    assert!(result.attempts[0].iterations > PATIENCE, "{result}");
}
