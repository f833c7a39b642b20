//! Checkpoints: the same bits afterwards, on other numbers of ranks too, and clear words about files that are not what they should be.
#![cfg(feature = "serde")]

mod admm_common;

use std::path::PathBuf;

use admm_common::{grid, numbers, ring};
use la_opt::admm::{
    Adapt, Admm, AdmmError, AdmmOptions, Anderson, CheckpointError, Checkpointing, LeastSquares,
    Network, NodeView, Plan, StepPolicy,
};

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("la-opt-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn agents(count: usize) -> Vec<LeastSquares> {
    (0..count)
        .map(|i| LeastSquares::new(2, numbers(6, i as u64), numbers(3, 500 + i as u64)).unwrap())
        .collect()
}

struct Own;

impl StepPolicy for Own {
    fn horizon(&self) -> usize {
        30
    }

    fn plan(&mut self, _: usize) -> Plan {
        Plan::Nodes { gamma: 1.3 }
    }

    fn step(&mut self, k: usize, view: &NodeView<'_>) -> f64 {
        1.0 + 0.1 * (view.y[0] + view.y_neighbours[1] + k as f64).sin()
    }
}

fn bits(admm: &Admm<LeastSquares>) -> Vec<u64> {
    let agents = 0..admm.shard().owned();
    agents
        .flat_map(|i| [admm.x(i), admm.y(i), admm.lambda(i)].concat())
        .map(f64::to_bits)
        .collect()
}

fn start(network: &Network, options: &AdmmOptions) -> Admm<LeastSquares> {
    Admm::new(network, agents(network.agents()), options.clone()).unwrap()
}

#[test]
fn runs_go_on_with_the_same_bits() {
    let network = grid(5, 5);
    let path = folder("continue").join("run.json");
    let options = AdmmOptions::default().with_alpha(0.3).with_check_every(5);
    for (k, options) in [
        options.clone(),
        options.clone().with_adapt(Adapt::balance()),
        options.clone().with_adapt(Adapt::spectral()),
        options
            .clone()
            .with_acceleration(Some(Anderson::default().with_memory(4))),
        options,
    ]
    .into_iter()
    .enumerate()
    {
        let fresh = || {
            let admm = start(
                &network,
                &options.clone().with_max_iters(20).with_tolerances(0.0, 0.0),
            );
            if k == 4 { admm.with_policy(Own) } else { admm }
        };
        let mut whole = fresh();
        let _ = whole.solve();
        whole.save(&path).unwrap();
        // As JSON of one's own, too.
        let text = serde_json::to_string(&whole.checkpoint()).unwrap();
        let _ = whole.solve();
        let mut loaded = fresh();
        loaded.load(&path).unwrap();
        let mut restored = fresh();
        restored
            .restore(&serde_json::from_str(&text).unwrap())
            .unwrap();
        for other in [&mut loaded, &mut restored] {
            assert_eq!(other.iteration(), 20);
            let _ = other.solve();
            assert_eq!(bits(other), bits(&whole), "{options:?}");
        }
    }
}

#[test]
fn a_solve_writes_at_intervals() {
    let network = ring(12);
    let path = folder("interval").join("run.json");
    let options = AdmmOptions::default()
        .with_max_iters(73)
        .with_tolerances(0.0, 0.0)
        .with_check_every(5)
        .with_checkpoint(Some(Checkpointing::every_iters(&path, 20)));
    let mut whole = start(&network, &options);
    assert_eq!(whole.solve().checkpoint, None);
    let mut other = start(&network, &options);
    other.load(&path).unwrap();
    assert_eq!(other.iteration(), 60);
    other.iterate(13).unwrap();
    assert_eq!(bits(&other), bits(&whole));
    // The files of earlier checkpoints are gone.
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        2
    );
}

#[test]
fn what_cannot_be_written_does_not_end_a_solve() {
    let path = folder("nowhere").join("missing").join("run.json");
    let options = AdmmOptions::default()
        .with_max_iters(20)
        .with_checkpoint(Some(Checkpointing::every_iters(&path, 10)));
    let report = start(&ring(12), &options).solve();
    assert_eq!(report.iterations, 20);
    let error = report.checkpoint.unwrap();
    assert!(
        matches!(error, AdmmError::Checkpoint(CheckpointError::Io { .. })),
        "{error}"
    );
}

#[test]
fn wrong_files_are_named() {
    let path = folder("wrong").join("run.json");
    let network = ring(12);
    let options = AdmmOptions::default();
    let mut admm = start(&network, &options);
    admm.iterate(7).unwrap();
    admm.save(&path).unwrap();
    let shard = path.with_file_name("run.json.7.0-of-1");
    let good = std::fs::read(&shard).unwrap();
    let manifest = std::fs::read(&path).unwrap();
    let before = bits(&admm);
    let mut refused = |words: &[&str]| {
        let error = admm.load(&path).unwrap_err();
        for word in words {
            assert!(error.to_string().contains(word), "{error}");
        }
        assert_eq!(bits(&admm), before);
    };
    std::fs::write(&shard, &good[..good.len() / 2]).unwrap();
    refused(&["run.json.7.0-of-1", "checksum", "truncated"]);
    let mut flipped = good.clone();
    *flipped.iter_mut().rev().find(|b| **b == b'1').unwrap() = b'2';
    std::fs::write(&shard, &flipped).unwrap();
    refused(&["run.json.7.0-of-1", "checksum"]);
    std::fs::remove_file(&shard).unwrap();
    refused(&["run.json.7.0-of-1", "No such file"]);
    std::fs::write(&shard, &good).unwrap();
    std::fs::write(&path, b"").unwrap();
    refused(&["run.json", "checksum"]);
    std::fs::write(&path, &manifest).unwrap();
    admm.load(&path).unwrap();

    // Runs of other problems.
    let error = start(&grid(3, 4), &options).load(&path).unwrap_err();
    assert!(
        matches!(
            error,
            AdmmError::Checkpoint(CheckpointError::OtherRun {
                what: "network",
                ..
            })
        ),
        "{error}"
    );
    let error = start(&ring(13), &options).load(&path).unwrap_err();
    assert!(
        matches!(
            error,
            AdmmError::Checkpoint(CheckpointError::OtherRun { what: "agents", .. })
        ),
        "{error}"
    );
}

#[cfg(feature = "mpi")]
mod on_ranks {
    use la_mpi::World;
    use la_mpi::testing::{failing_on_ranks, on_ranks};
    use la_opt::admm::Ranks;

    use super::*;

    /// Agents in no order on `active` of the ranks.
    fn spread(world: &World, active: usize, options: &AdmmOptions) -> Admm<LeastSquares, Ranks> {
        let network = grid(5, 5);
        let owner: Vec<u32> = (0..25).map(|i| ((i * 7 + i / 3) % active) as u32).collect();
        let (shard, ranks) = Ranks::new(world, &network, &owner).unwrap();
        let all = agents(25);
        let mine = shard.ids()[..shard.owned()].iter();
        let mine = mine.map(|&i| all[i as usize].clone()).collect();
        Admm::on(shard, 25, mine, options.clone(), ranks).unwrap()
    }

    fn matches(admm: &Admm<LeastSquares, Ranks>, whole: &Admm<LeastSquares>) {
        for at in 0..admm.shard().owned() {
            let i = admm.shard().ids()[at] as usize;
            assert_eq!(admm.x(at), whole.x(i));
            assert_eq!(admm.lambda(at), whole.lambda(i));
        }
    }

    fn options() -> AdmmOptions {
        AdmmOptions::default()
            .with_max_iters(20)
            .with_tolerances(0.0, 0.0)
            .with_check_every(5)
            .with_adapt(Adapt::spectral())
            .with_acceleration(Some(Anderson::default().with_memory(3)))
    }

    /// The same path on all ranks. What an earlier run has left is removed by the program that starts them.
    fn shared(name: &str) -> PathBuf {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        if std::env::var_os("LA_MPI_TEST_RANK").is_none() {
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
        }
        path.join("run.json")
    }

    /// Written on one rank and read on three, written on three and read on two.
    #[test]
    fn other_numbers_of_ranks() {
        let path = shared("ranks");
        on_ranks("on_ranks::other_numbers_of_ranks", &[3], |world| {
            let mut whole = start(&grid(5, 5), &options());
            let _ = whole.solve();
            // All agents on rank 0, then on three ranks, then on two.
            let mut one = spread(world, 1, &options());
            let _ = one.solve();
            one.save(&path).unwrap();
            let mut three = spread(world, 3, &options());
            three.load(&path).unwrap();
            matches(&three, &whole);
            let _ = (three.solve(), whole.solve());
            matches(&three, &whole);
            three.save(&path).unwrap();
            let mut two = spread(world, 2, &options());
            two.load(&path).unwrap();
            let _ = (two.solve(), whole.solve());
            matches(&two, &whole);
            assert_eq!(two.iteration(), 60);
        });
    }

    /// The same across programs that run on 1, 3 and 2 ranks.
    #[test]
    fn other_programs() {
        let path = shared("programs");
        on_ranks("on_ranks::other_programs", &[1, 3, 2], |world| {
            let before = match world.size() {
                1 => 0,
                3 => 1,
                _ => 2,
            };
            let mut whole = start(&grid(5, 5), &options());
            for _ in 0..=before {
                let _ = whole.solve();
            }
            let mut admm = spread(world, world.size(), &options());
            if before > 0 {
                admm.load(&path).unwrap();
            }
            let _ = admm.solve();
            assert_eq!(admm.iteration(), 20 * (before + 1));
            matches(&admm, &whole);
            admm.save(&path).unwrap();
        });
    }

    /// A damaged file that one rank meets is an error on all.
    #[test]
    fn a_truncated_file_is_an_error_on_all() {
        let path = shared("truncated");
        on_ranks(
            "on_ranks::a_truncated_file_is_an_error_on_all",
            &[3],
            |world| {
                let mut admm = spread(world, 3, &options());
                admm.iterate(4).unwrap();
                admm.save(&path).unwrap();
                if world.is_root() {
                    let shard = path.with_file_name("run.json.4.1-of-3");
                    let bytes = std::fs::read(&shard).unwrap();
                    std::fs::write(&shard, &bytes[..100]).unwrap();
                }
                world.barrier();
                let error = admm.load(&path).unwrap_err().to_string();
                assert!(error.contains("run.json.4.1-of-3"), "{error}");
            },
        );
    }

    /// A rank that dies in iteration 47 loses at most the interval of 10 iterations and the distance to the look after it.
    #[test]
    fn a_killed_rank_loses_the_interval() {
        let path = shared("killed");
        failing_on_ranks(
            "on_ranks::a_killed_rank_loses_the_interval",
            3,
            |world| {
                let checkpoint = Checkpointing::every_iters(&path, 10);
                let options = options()
                    .with_checkpoint(Some(checkpoint))
                    .with_max_iters(45);
                let mut admm = spread(world, 3, &options);
                let _ = admm.solve();
                admm.iterate(2).unwrap();
                if world.rank() == 1 {
                    std::process::exit(9);
                }
                let _ = admm.solve();
            },
            |outcome| {
                assert_ne!(outcome.code, Some(0), "{}", outcome.output);
                let mut admm = start(&grid(5, 5), &options());
                let loaded = admm.load(&path);
                assert_eq!(loaded, Ok(()), "{}", outcome.output);
                assert_eq!(admm.iteration(), 40);
                let mut whole = start(&grid(5, 5), &options().with_max_iters(40));
                let _ = whole.solve();
                assert_eq!(bits(&admm), bits(&whole));
            },
        );
    }
}
