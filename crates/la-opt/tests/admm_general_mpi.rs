//! Agents with variables of their own: the same bits on any number of ranks, and fewer bytes.
#![cfg(feature = "admm")]

mod admm_common;

use std::path::PathBuf;

use admm_common::{neighbourhoods, numbers, random_graph, random_lists};
use la_mpi::World;
use la_mpi::testing::on_ranks;
use la_opt::admm::{
    Adapt, Admm, AdmmError, AdmmOptions, AdmmReport, AdmmStatus, Anderson, EdgeWeights, Form,
    LeastSquares, LocalFailure, LocalObjective, LocalProgram, NodeView, Plan, Ranks,
    SeparableQuadratic, SquaredDistance, StepPolicy, Variables,
};

const AGENTS: usize = 40;

/// A random graph with weights, and random variables beside those of the neighbourhoods.
fn variables() -> Variables {
    let network = random_graph(AGENTS, 0.08, 5);
    let entries = network.pattern().entries();
    let weights = entries.map(|(i, j)| 1.0 + 0.1 * ((i * j) % 7) as f64);
    let weights = EdgeWeights::Given(weights.collect());
    let network = network.with_weights(weights).unwrap();
    let (count, mut lists) = random_lists(&network, 8, 2);
    for (list, around) in lists.iter_mut().zip(neighbourhoods(&network)) {
        list.extend(around.iter().map(|i| count + i));
    }
    Variables::new(&network, count + AGENTS, &lists).unwrap()
}

/// Agents in no order: neighbours are often elsewhere.
fn owners(ranks: usize) -> Vec<u32> {
    let owner = |i: usize| (i * 5 + i / 7) % ranks;
    (0..AGENTS).map(|i| owner(i) as u32).collect()
}

/// Functions of all kinds.
fn agent(i: usize, n: usize) -> Box<dyn LocalObjective> {
    let seed = i as u64;
    let (matrix, b) = (numbers(2 * n, seed), numbers(2, 100 + seed));
    match i % 4 {
        0 => Box::new(SquaredDistance::new(numbers(n, seed)).unwrap()),
        1 => Box::new(SeparableQuadratic::lasso(n, &matrix, &b, 0.1).unwrap()),
        2 => Box::new(LeastSquares::new(n, matrix, b).unwrap()),
        _ => Box::new(LocalProgram::simplex(vec![0.0; n * n], numbers(n, seed)).unwrap()),
    }
}

/// Steps that depend on what neighbours have sent.
struct Nosy(bool);

impl StepPolicy for Nosy {
    fn horizon(&self) -> usize {
        12
    }

    fn plan(&mut self, k: usize) -> Plan {
        let gamma = 1.0 + 0.05 * k as f64;
        match self.0 {
            true => Plan::Mean { gamma },
            false => Plan::Nodes { gamma },
        }
    }

    fn step(&mut self, k: usize, view: &NodeView<'_>) -> f64 {
        let last = view.x.len() - 1;
        let seen = view.x[0] * view.y[last] + view.y_neighbours[0] - view.lambda_neighbours[last];
        0.5 + 0.1 * (seen + view.lambda[0] * view.weighted_degree + k as f64).sin()
    }
}

fn variants() -> Vec<(AdmmOptions, Option<bool>)> {
    let forms = [Form::Nodes, Form::Edges].into_iter();
    forms.flat_map(variants_of).collect()
}

fn variants_of(form: Form) -> Vec<(AdmmOptions, Option<bool>)> {
    let options = AdmmOptions::default().with_max_iters(150).with_form(form);
    let pipelined = options.clone().with_pipelined(true);
    let spectral = options.clone().with_adapt(Adapt::spectral());
    let anderson = Anderson::default().with_memory(4);
    vec![
        (options.clone(), None),
        (pipelined.clone().with_adapt(Adapt::balance()), None),
        (spectral.with_check_every(5), None),
        (options.clone(), Some(false)),
        (pipelined, Some(true)),
        (options.with_acceleration(Some(anderson)), None),
    ]
}

type Any = Box<dyn LocalObjective>;

fn with_policy<E: la_opt::admm::Exchange>(
    admm: Admm<Any, E>,
    policy: Option<bool>,
) -> Admm<Any, E> {
    match policy {
        Some(mean) => admm.with_policy(Nosy(mean)),
        None => admm,
    }
}

fn serial(options: &AdmmOptions, policy: Option<bool>) -> Admm<Any> {
    let variables = variables();
    let agents = (0..AGENTS).map(|i| agent(i, variables.of(i).len()));
    let admm = Admm::general(&variables, agents.collect(), options.clone()).unwrap();
    with_policy(admm, policy)
}

fn spread(
    world: &World,
    owner: &[u32],
    options: &AdmmOptions,
    policy: Option<bool>,
) -> Admm<Any, Ranks> {
    let (shard, ranks) = Ranks::general(world, &variables(), owner).unwrap();
    let agents = (0..shard.owned()).map(|at| {
        let n = shard.variables(at).unwrap().len();
        agent(shard.ids()[at] as usize, n)
    });
    let agents = agents.collect();
    let admm = Admm::on(shard, AGENTS, agents, options.clone(), ranks).unwrap();
    with_policy(admm, policy)
}

#[track_caller]
fn matches(admm: &Admm<Any, Ranks>, whole: &Admm<Any>) {
    for at in 0..admm.shard().owned() {
        let i = admm.shard().ids()[at] as usize;
        let same = |a: &[f64], b: &[f64]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        assert!(same(admm.x(at), whole.x(i)), "agent {i}");
        assert!(same(admm.lambda(at), whole.lambda(i)), "agent {i}");
    }
}

#[test]
fn bits_do_not_depend_on_ranks() {
    on_ranks("bits_do_not_depend_on_ranks", &[1, 2, 3, 4], |world| {
        for (options, policy) in variants() {
            let mut whole = serial(&options, policy);
            let report = whole.solve();
            let owner = owners(world.size());
            let mut admm = spread(world, &owner, &options, policy);
            let ours = admm.solve();
            assert_eq!(ours.status, report.status, "{options:?}");
            assert_eq!(ours.iterations, report.iterations, "{options:?}");
            assert_eq!(ours.primal.to_bits(), report.primal.to_bits());
            assert_eq!(ours.dual.to_bits(), report.dual.to_bits());
            matches(&admm, &whole);
            assert_eq!(admm.mean(), whole.mean());
            assert_eq!(admm.objective().to_bits(), whole.objective().to_bits());
            assert_eq!(admm.fingerprint(), whole.fingerprint());
        }
    });
}

/// Only what a neighbour has too is sent.
#[test]
fn bytes() {
    on_ranks("bytes", &[2], |world| {
        let owner = owners(2);
        let options = AdmmOptions::default();
        let mut admm = spread(world, &owner, &options, None);
        admm.iterate(10).unwrap();
        let sent = la_opt::admm::Exchange::traffic(admm.exchange()).bytes;
        let variables = variables();
        let here = world.rank() as u32;
        // Own slots with a neighbour on the other rank who has the variable.
        let needed = (0..AGENTS).filter(|&i| owner[i] == here).map(|i| {
            let network = variables.network();
            let others = || network.neighbours(i).iter().map(|&j| j as usize);
            let wanted =
                |c: &&u32| others().any(|j| owner[j] != here && variables.of(j).contains(c));
            variables.of(i).iter().filter(wanted).count()
        });
        assert_eq!(sent, 10 * 2 * 8 * needed.sum::<usize>() as u64);
    });
}

#[test]
fn a_rank_may_have_no_agents() {
    on_ranks("a_rank_may_have_no_agents", &[3], |world| {
        let owner: Vec<u32> = (0..AGENTS).map(|i| 2 * u32::from(i > 20)).collect();
        let options = AdmmOptions::default().with_max_iters(40);
        let mut admm = spread(world, &owner, &options, None);
        let mut whole = serial(&options, None);
        assert_eq!(admm.dim(), whole.dim());
        let _ = (admm.solve(), whole.solve());
        matches(&admm, &whole);
    });
}

/// Fails in its tenth step.
struct Doomed(usize, usize);

impl LocalObjective for Doomed {
    fn dim(&self) -> usize {
        self.0
    }

    fn value(&self, _: &[f64]) -> f64 {
        0.0
    }

    fn prox(&mut self, _: f64, _: &[f64], _: &mut [f64]) -> Result<(), LocalFailure> {
        self.1 += 1;
        match self.1 {
            10 => Err(LocalFailure::Infeasible),
            _ => Ok(()),
        }
    }
}

#[test]
fn all_leave_together() {
    on_ranks("all_leave_together", &[1, 3], |world| {
        let owner = owners(world.size());
        let (shard, ranks) = Ranks::general(world, &variables(), &owner).unwrap();
        let agents = (0..shard.owned()).map(|at| {
            let n = shard.variables(at).unwrap().len();
            Doomed(n, if shard.ids()[at] == 17 { 0 } else { 100 })
        });
        let agents = agents.collect();
        let options = AdmmOptions::default().with_tolerances(0.0, 0.0);
        let mut admm = Admm::on(shard, AGENTS, agents, options, ranks).unwrap();
        let mut start = vec![0.0; admm.states().len()];
        if let Some(first) = start.first_mut() {
            *first = 1.0;
        }
        admm.start_from(&start).unwrap();
        let report: AdmmReport = admm.solve();
        assert_eq!(report.status, AdmmStatus::LocalFailure);
        if world.rank() == owner[17] as usize {
            assert_eq!(report.failure, Some((17, LocalFailure::Infeasible)));
        }
    });
}

/// Other variables on one rank, or a function with another number of arguments.
#[test]
fn errors_on_one_rank_are_errors_on_all() {
    on_ranks("errors_on_one_rank_are_errors_on_all", &[3], |world| {
        let owner = owners(3);
        let mut other = variables();
        if world.rank() == 2 {
            let lists = (0..AGENTS).map(|i| {
                let list = other.of(i).iter().rev();
                list.map(|&c| c as usize).collect::<Vec<_>>()
            });
            let lists: Vec<Vec<usize>> = lists.collect();
            other = Variables::new(other.network(), other.count(), &lists).unwrap();
        }
        let error = Ranks::general(world, &other, &owner).err().unwrap();
        assert_eq!(error, AdmmError::DifferentNetwork { rank: 2 });

        let (shard, ranks) = Ranks::general(world, &variables(), &owner).unwrap();
        let agents = (0..shard.owned()).map(|at| {
            let wrong = usize::from(world.rank() == 1 && at == 0);
            let n = shard.variables(at).unwrap().len() + wrong;
            SquaredDistance::new(vec![0.0; n]).unwrap()
        });
        let agents = agents.collect();
        let admm = Admm::on(shard, AGENTS, agents, AdmmOptions::default(), ranks);
        match (admm.err().unwrap(), world.rank()) {
            (AdmmError::Arguments { .. }, 1) | (AdmmError::Elsewhere, 0 | 2) => {}
            (error, rank) => panic!("rank {rank}: {error}"),
        }
    });
}

/// Written on three ranks, read on two and by a program without ranks.
#[test]
fn other_numbers_of_ranks() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("general");
    if std::env::var_os("LA_MPI_TEST_RANK").is_none() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
    }
    on_ranks("other_numbers_of_ranks", &[3], |world| {
        // Programs remember working sets, which checkpoints have not.
        let quadratic = |i: usize, n: usize| -> Any {
            let (matrix, b) = (numbers(2 * n, i as u64), numbers(2, 100 + i as u64));
            Box::new(LeastSquares::new(n, matrix, b).unwrap())
        };
        let variables = variables();
        let options = AdmmOptions::default().with_max_iters(20);
        let options = options.with_tolerances(0.0, 0.0).with_check_every(5);
        let options = options.with_adapt(Adapt::spectral());
        let anderson = Some(Anderson::default().with_memory(3));
        let options = options.with_acceleration(anderson);
        let start = |active: usize| {
            let (shard, ranks) = Ranks::general(world, &variables, &owners(active)).unwrap();
            let agents = (0..shard.owned()).map(|at| {
                let n = shard.variables(at).unwrap().len();
                quadratic(shard.ids()[at] as usize, n)
            });
            let agents = agents.collect();
            Admm::on(shard, AGENTS, agents, options.clone(), ranks).unwrap()
        };
        let alone = || {
            let agents = (0..AGENTS).map(|i| quadratic(i, variables.of(i).len()));
            Admm::general(&variables, agents.collect(), options.clone()).unwrap()
        };
        let path = folder.join("run.json");
        let mut whole = alone();
        let mut three = start(3);
        let _ = (three.solve(), whole.solve());
        three.save(&path).unwrap();
        let mut two = start(2);
        two.load(&path).unwrap();
        let _ = (two.solve(), whole.solve());
        matches(&two, &whole);
        let mut read = alone();
        read.load(&path).unwrap();
        let _ = read.solve();
        assert_eq!(read.states(), whole.states());
        world.barrier();
    });
}
