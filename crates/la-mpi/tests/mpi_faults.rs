//! What goes wrong on one rank ends all of them, soon, and is named.

use std::time::Duration;

use la_mpi::testing::failing_on_ranks;
use la_mpi::{Halo, Ranges, World};

/// Starting three processes on a machine that is busy takes its time.
const SOON: Duration = Duration::from_secs(30);

fn ring(world: &World) -> (Halo, usize) {
    let blocks = Ranges::even(30, world.size());
    let owned: Vec<usize> = blocks.range(world.rank()).collect();
    let next = (owned[0] + owned.len()) % 30;
    (
        Halo::new(world, &owned, &[next], &blocks).unwrap(),
        owned.len(),
    )
}

#[test]
fn a_panic_on_one_rank_ends_all() {
    failing_on_ranks(
        "a_panic_on_one_rank_ends_all",
        3,
        |world| {
            assert!(world.rank() != 1, "deliberate");
            world.barrier();
        },
        |outcome| {
            assert_ne!(outcome.code, Some(0), "{}", outcome.output);
            assert!(outcome.output.contains("deliberate"), "{}", outcome.output);
            let named = "rank 1 of 3 panicked";
            assert!(outcome.output.contains(named), "{}", outcome.output);
            assert!(outcome.elapsed < SOON);
        },
    );
}

#[test]
fn a_panic_on_another_thread_ends_all() {
    failing_on_ranks(
        "a_panic_on_another_thread_ends_all",
        2,
        |world| {
            if world.rank() == 1 {
                let thread = std::thread::spawn(|| panic!("deliberate"));
                let _ = thread.join();
            }
            world.barrier();
        },
        |outcome| {
            assert_ne!(outcome.code, Some(0), "{}", outcome.output);
            let named = "rank 1 of 2 panicked";
            assert!(outcome.output.contains(named), "{}", outcome.output);
            assert!(outcome.elapsed < SOON);
        },
    );
}

#[test]
fn the_watchdog_names_who_is_missing() {
    failing_on_ranks(
        "the_watchdog_names_who_is_missing",
        3,
        |world| {
            let (mut halo, n) = ring(world);
            let mut ghost = [0.0];
            halo.exchange(&vec![1.0; n], 1, &mut ghost);
            // Rank 0 waits for rank 1, its successor on the ring, which sleeps.
            match world.rank() {
                0 => world.set_watchdog(Some(Duration::from_secs(1))),
                1 => std::thread::sleep(Duration::from_secs(100)),
                _ => {}
            }
            halo.exchange(&vec![1.0; n], 1, &mut ghost);
            world.barrier();
        },
        |outcome| {
            assert_ne!(outcome.code, Some(0), "{}", outcome.output);
            assert!(
                outcome.output.contains("rank 0 of 3: waited"),
                "{}",
                outcome.output
            );
            let named = "in round 2 of exchange 1; nothing came from ranks [1]";
            assert!(outcome.output.contains(named), "{}", outcome.output);
            assert!(outcome.elapsed < SOON);
        },
    );
}

#[test]
fn the_watchdog_looks_at_reductions() {
    failing_on_ranks(
        "the_watchdog_looks_at_reductions",
        2,
        |world| {
            world.set_watchdog(Some(Duration::from_secs(1)));
            if world.rank() == 1 {
                std::thread::sleep(Duration::from_secs(100));
            }
            world.all_sum(&mut [1.0]);
        },
        |outcome| {
            assert_ne!(outcome.code, Some(0), "{}", outcome.output);
            assert!(
                outcome.output.contains("in reduction 1; all ranks end"),
                "{}",
                outcome.output
            );
            assert!(outcome.elapsed < SOON);
        },
    );
}

#[test]
fn a_rank_that_is_killed_ends_all() {
    failing_on_ranks(
        "a_rank_that_is_killed_ends_all",
        3,
        |world| {
            if world.rank() == 2 {
                // No unwinding, no message, no finalisation.
                std::process::abort();
            }
            world.barrier();
        },
        |outcome| {
            assert_ne!(outcome.code, Some(0), "{}", outcome.output);
            assert!(outcome.elapsed < SOON);
        },
    );
}

#[test]
fn an_error_on_one_rank_ends_all() {
    failing_on_ranks(
        "an_error_on_one_rank_ends_all",
        2,
        |world| {
            if world.rank() == 1 {
                la_mpi::run(|_| Ok::<(), String>(()));
                world.abort(3);
            }
            world.barrier();
        },
        |outcome| {
            assert_eq!(outcome.code, Some(3), "{}", outcome.output);
            let second = "MPI has been initialised before";
            assert!(outcome.output.contains(second), "{}", outcome.output);
        },
    );
}
