//! The same bits on any number of ranks; what goes wrong on one of them ends all.
#![cfg(feature = "admm")]

use std::time::Duration;

use la_mpi::World;
use la_mpi::testing::{failing_on_ranks, on_ranks};
use la_opt::admm::{
    Adapt, Admm, AdmmError, AdmmOptions, AdmmReport, AdmmStatus, Anderson, EdgeWeights, Form,
    LeastSquares, LocalFailure, LocalObjective, Network, NodeView, Plan, Ranks, SquaredDistance,
    StepPolicy,
};

const AGENTS: usize = 60;

/// A ring with chords.
fn network() -> Network {
    let ring = (0..AGENTS).map(|i| (i, (i + 1) % AGENTS));
    let chords = (0..AGENTS).step_by(3).map(|i| (i, (i * 7 + 20) % AGENTS));
    let network = Network::from_edges(AGENTS, ring.chain(chords).filter(|(i, j)| i != j)).unwrap();
    let weights = network.pattern().entries();
    let weights = weights
        .map(|(i, j)| 1.0 + 0.1 * ((i * j) % 7) as f64)
        .collect();
    network.with_weights(EdgeWeights::Given(weights)).unwrap()
}

/// Agents in no order: neighbours are often elsewhere, and every rank has some.
fn owners(ranks: usize) -> Vec<u32> {
    (0..AGENTS)
        .map(|i| ((i * 5 + i / 7) % ranks) as u32)
        .collect()
}

fn agent(i: usize) -> LeastSquares {
    let t = i as f64;
    let matrix = vec![1.0, t.sin(), 0.3 * t.cos(), 1.0, 0.2, -0.5];
    LeastSquares::new(2, matrix, vec![t * 0.1, -3.0, t.sin()]).unwrap()
}

/// Steps that depend on what neighbours have sent.
struct Nosy {
    mean: bool,
}

impl StepPolicy for Nosy {
    fn horizon(&self) -> usize {
        12
    }

    fn plan(&mut self, k: usize) -> Plan {
        let gamma = 1.0 + 0.05 * k as f64;
        match (k, self.mean) {
            (0, _) => Plan::Global { alpha: 1.0, gamma },
            (_, true) => Plan::Mean { gamma },
            (_, false) => Plan::Nodes { gamma },
        }
    }

    fn step(&mut self, k: usize, view: &NodeView<'_>) -> f64 {
        let seen = view.x[0] * view.y[1] + view.y_neighbours[0] - view.lambda_neighbours[1];
        0.5 + 0.1 * (seen + view.lambda[0] * view.weighted_degree + k as f64).sin()
    }
}

fn variants() -> Vec<(AdmmOptions, Option<bool>)> {
    let forms = [Form::Nodes, Form::Edges].into_iter();
    forms.flat_map(variants_of).collect()
}

fn variants_of(form: Form) -> Vec<(AdmmOptions, Option<bool>)> {
    let options = AdmmOptions::default().with_max_iters(3000).with_form(form);
    vec![
        (options.clone(), None),
        (
            options
                .clone()
                .with_adapt(Adapt::balance())
                .with_alpha(0.01),
            None,
        ),
        (
            options
                .clone()
                .with_adapt(Adapt::spectral())
                .with_check_every(5),
            None,
        ),
        (
            options
                .clone()
                .with_pipelined(true)
                .with_adapt(Adapt::balance()),
            None,
        ),
        (options.clone(), Some(false)),
        (
            options
                .clone()
                .with_acceleration(Some(Anderson::default()))
                .with_pipelined(true),
            None,
        ),
        (options.with_pipelined(true), Some(true)),
    ]
}

/// x of all agents at the end, as bits, and the report.
fn serial(options: &AdmmOptions, policy: Option<bool>) -> (Vec<[u64; 2]>, AdmmReport) {
    let agents = (0..AGENTS).map(agent).collect();
    let mut admm = Admm::new(&network(), agents, options.clone()).unwrap();
    if let Some(mean) = policy {
        admm = admm.with_policy(Nosy { mean });
    }
    let report = admm.solve();
    let bits = |i| [admm.x(i)[0].to_bits(), admm.x(i)[1].to_bits()];
    ((0..AGENTS).map(bits).collect(), report)
}

#[test]
fn bits_do_not_depend_on_ranks() {
    on_ranks("bits_do_not_depend_on_ranks", &[1, 2, 3, 4], |world| {
        for (options, policy) in variants() {
            let (expected, report) = serial(&options, policy);
            let (shard, ranks) = Ranks::new(world, &network(), &owners(world.size())).unwrap();
            let ids: Vec<usize> = shard.ids().iter().map(|&i| i as usize).collect();
            let mine = &ids[..shard.owned()];
            let agents = mine.iter().map(|&i| agent(i)).collect();
            let mut admm = Admm::on(shard, AGENTS, agents, options.clone(), ranks).unwrap();
            if let Some(mean) = policy {
                admm = admm.with_policy(Nosy { mean });
            }
            let ours = admm.solve();
            assert_eq!(ours.status, report.status, "{options:?}");
            assert_eq!(ours.iterations, report.iterations, "{options:?}");
            assert_eq!(ours.primal.to_bits(), report.primal.to_bits());
            assert_eq!(ours.dual.to_bits(), report.dual.to_bits());
            for (at, &i) in mine.iter().enumerate() {
                let x = admm.x(at);
                assert_eq!(
                    [x[0].to_bits(), x[1].to_bits()],
                    expected[i],
                    "{options:?}, agent {i}"
                );
            }
            if world.size() > 1 {
                assert!(ours.traffic.bytes > 0 && ours.traffic.rounds >= ours.rounds as u64);
            }
        }
    });
}

/// A rank without agents knows the dimension from the others, and what is wrong elsewhere.
#[test]
fn a_rank_may_have_no_agents() {
    on_ranks("a_rank_may_have_no_agents", &[3], |world| {
        let owner: Vec<u32> = (0..AGENTS).map(|i| 2 * u32::from(i > 20)).collect();
        let start = |bad: bool| {
            let (shard, ranks) = Ranks::new(world, &network(), &owner).unwrap();
            let mine = shard.ids()[..shard.owned()].to_vec();
            let agents = mine.iter().map(|&i| {
                let n = if bad && world.rank() == 2 { 3 } else { 2 };
                SquaredDistance::new(vec![f64::from(i); n]).unwrap()
            });
            let options = AdmmOptions::default().with_alpha(10.0);
            Admm::on(shard, AGENTS, agents.collect(), options, ranks)
        };
        let mut admm = start(false).unwrap();
        assert_eq!(admm.dim(), 2);
        assert_eq!(admm.solve().status, AdmmStatus::Converged);
        assert!((admm.mean()[1] - 29.5).abs() < 1e-3);
        assert_eq!(start(true).err().unwrap(), AdmmError::Elsewhere);
        let mut point = vec![0.0; 2 * admm.shard().owned()];
        if world.rank() == 0 {
            point[1] = f64::NAN;
        }
        let error = admm.start_from(&point).unwrap_err();
        assert_eq!(error == AdmmError::Elsewhere, world.rank() != 0);
    });
}

#[test]
fn a_start_is_shared() {
    on_ranks("a_start_is_shared", &[1, 3], |world| {
        for form in [Form::Nodes, Form::Edges] {
            start_is_shared(world, form);
        }
    });
}

fn start_is_shared(world: &World, form: Form) {
    let options = AdmmOptions::default().with_form(form);
    let point = |i: usize| [i as f64, -1.0];
    let mut all = Admm::new(
        &network(),
        (0..AGENTS).map(agent).collect(),
        options.clone(),
    )
    .unwrap();
    all.start_from(&(0..AGENTS).flat_map(point).collect::<Vec<_>>())
        .unwrap();
    all.iterate(3).unwrap();
    let (shard, ranks) = Ranks::new(world, &network(), &owners(world.size())).unwrap();
    let mine: Vec<usize> = shard.ids()[..shard.owned()]
        .iter()
        .map(|&i| i as usize)
        .collect();
    let agents = mine.iter().map(|&i| agent(i)).collect();
    let mut admm = Admm::on(shard, AGENTS, agents, options, ranks).unwrap();
    let start: Vec<f64> = mine.iter().flat_map(|&i| point(i)).collect();
    admm.start_from(&start).unwrap();
    admm.iterate(3).unwrap();
    for (at, &i) in mine.iter().enumerate() {
        assert_eq!(admm.x(at), all.x(i));
    }
}

/// The function of an agent that goes wrong in its twentieth step.
struct Doomed {
    inner: SquaredDistance,
    calls: usize,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    None,
    NotANumber,
    Failure,
    Panic,
    Slow,
}

impl LocalObjective for Doomed {
    fn dim(&self) -> usize {
        1
    }

    fn value(&self, x: &[f64]) -> f64 {
        self.inner.value(x)
    }

    fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
        self.calls += 1;
        if self.calls == 20 {
            match self.fate {
                Fate::None => {}
                Fate::NotANumber => {
                    x[0] = f64::NAN;
                    return Ok(());
                }
                Fate::Failure => return Err(LocalFailure::Infeasible),
                Fate::Panic => panic!("deliberate"),
                Fate::Slow => std::thread::sleep(Duration::from_secs(100)),
            }
        }
        self.inner.prox(weight, centre, x)
    }
}

fn doomed(world: &World, fate: Fate) -> Admm<Doomed, Ranks> {
    let (shard, ranks) = Ranks::new(world, &network(), &owners(world.size())).unwrap();
    let mine = shard.ids()[..shard.owned()].to_vec();
    let agents = mine.iter().map(|&i| Doomed {
        inner: SquaredDistance::new(vec![f64::from(i)]).unwrap(),
        calls: 0,
        fate: if i == 17 { fate } else { Fate::None },
    });
    let options = AdmmOptions::default().with_tolerances(0.0, 1e-14);
    Admm::on(shard, AGENTS, agents.collect(), options, ranks).unwrap()
}

#[test]
fn all_leave_together() {
    on_ranks("all_leave_together", &[1, 3], |world| {
        for (fate, status) in [
            (Fate::NotANumber, AdmmStatus::NonFinite),
            (Fate::Failure, AdmmStatus::LocalFailure),
        ] {
            let report = doomed(world, fate).solve();
            assert_eq!(report.status, status);
            assert!(report.iterations <= 20);
            let owner = owners(world.size())[17] as usize;
            if world.rank() == owner && fate == Fate::Failure {
                assert_eq!(report.failure, Some((17, LocalFailure::Infeasible)));
            }
        }
    });
}

#[test]
fn a_panic_in_one_agent_ends_all() {
    failing_on_ranks(
        "a_panic_in_one_agent_ends_all",
        3,
        |world| {
            let _ = doomed(world, Fate::Panic).solve();
        },
        |outcome| {
            assert_ne!(outcome.code, Some(0), "{}", outcome.output);
            let owner = owners(3)[17];
            let named = format!("rank {owner} of 3 panicked");
            assert!(outcome.output.contains(&named), "{}", outcome.output);
            assert!(outcome.elapsed < Duration::from_secs(60));
        },
    );
}

#[test]
fn a_straggler_is_named() {
    failing_on_ranks(
        "a_straggler_is_named",
        3,
        |world| {
            world.set_watchdog(Some(Duration::from_secs(2)));
            let _ = doomed(world, Fate::Slow).solve();
        },
        |outcome| {
            assert_ne!(outcome.code, Some(0), "{}", outcome.output);
            let owner = owners(3)[17];
            let named = format!("nothing came from ranks [{owner}]");
            assert!(outcome.output.contains(&named), "{}", outcome.output);
            assert!(outcome.elapsed < Duration::from_secs(60));
        },
    );
}

#[test]
fn another_graph_on_one_rank_is_an_error_on_all() {
    on_ranks(
        "another_graph_on_one_rank_is_an_error_on_all",
        &[3],
        |world| {
            let network = if world.rank() == 2 {
                let edges = network();
                edges.with_weights(EdgeWeights::Unit).unwrap()
            } else {
                network()
            };
            let error = Ranks::new(world, &network, &owners(3)).err().unwrap();
            assert_eq!(error, AdmmError::DifferentNetwork { rank: 2 });
        },
    );
}
