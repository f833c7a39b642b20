//! Anderson acceleration: it ends where the plain iteration ends, never much later, and where agents are far from each other much earlier.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::{close, grid, numbers, preferential_attachment, random_graph, ring};
use la_opt::admm::{
    Adapt, Admm, AdmmOptions, AdmmReport, AdmmStatus, Anderson, LeastSquares, LocalObjective,
    Network, SeparableQuadratic, SquaredDistance,
};

type Agents = Vec<Box<dyn LocalObjective>>;
type Kind = (&'static str, fn(usize) -> Agents);

fn distances(agents: usize) -> Agents {
    (0..agents)
        .map(|i| {
            let f: Box<dyn LocalObjective> =
                Box::new(SquaredDistance::new(numbers(2, i as u64)).unwrap());
            f
        })
        .collect()
}

fn least_squares(agents: usize) -> Agents {
    (0..agents)
        .map(|i| {
            let (b, t) = (numbers(4, i as u64), numbers(2, 1000 + i as u64));
            let f: Box<dyn LocalObjective> = Box::new(LeastSquares::new(2, b, t).unwrap());
            f
        })
        .collect()
}

fn lassos(agents: usize) -> Agents {
    (0..agents)
        .map(|i| {
            let (b, t) = (numbers(15, i as u64), numbers(3, 1000 + i as u64));
            let f: Box<dyn LocalObjective> =
                Box::new(SeparableQuadratic::lasso(5, &b, &t, 0.5).unwrap());
            f
        })
        .collect()
}

fn solve(
    network: &Network,
    agents: Agents,
    options: &AdmmOptions,
    fast: Option<Anderson>,
) -> (AdmmReport, Vec<f64>) {
    let options = options
        .clone()
        .with_acceleration(fast)
        .with_max_iters(20_000)
        .with_check_every(1);
    let mut admm = Admm::new(network, agents, options).unwrap();
    let report = admm.solve();
    (report, admm.x(0).to_vec())
}

/// On every kind of graph and function with small steps. With steps that are much too large it is not so: see the notes of [`Anderson`].
#[test]
fn small_steps_are_never_much_worse() {
    let networks = [
        ring(40),
        grid(10, 10),
        random_graph(64, 0.1, 1),
        preferential_attachment(64, 1),
    ];
    let kinds: [Kind; 3] = [
        ("distances", distances),
        ("least squares", least_squares),
        ("lasso", lassos),
    ];
    for (kind, agents) in kinds {
        for network in &networks {
            let m = network.agents();
            let options = AdmmOptions::default();
            let (plain, x) = solve(network, agents(m), &options, None);
            let (fast, y) = solve(network, agents(m), &options, Some(Anderson::default()));
            println!(
                "{kind}, {m} agents: {} plain, {} accelerated",
                plain.iterations, fast.iterations
            );
            assert!(10 * fast.iterations <= 11 * plain.iterations + 200);
            if plain.status == AdmmStatus::Converged {
                assert_eq!(fast.status, AdmmStatus::Converged);
                close(&x, &y, 1e-2);
            }
        }
    }
}

/// Small steps on sparse graphs, where it is meant to pay.
#[test]
fn pays_where_steps_are_small() {
    for network in [ring(40), grid(10, 10)] {
        let options = AdmmOptions::default();
        let m = network.agents();
        let (plain, _) = solve(&network, distances(m), &options, None);
        let (fast, _) = solve(&network, distances(m), &options, Some(Anderson::default()));
        assert_eq!(fast.status, AdmmStatus::Converged);
        assert!(
            2 * fast.iterations <= plain.iterations,
            "{} {}",
            fast.iterations,
            plain.iterations
        );
    }
}

/// With α that changes the memory is gathered anew, and the end is the same.
#[test]
fn with_adapted_steps() {
    let network = grid(6, 6);
    for adapt in [Adapt::balance(), Adapt::spectral()] {
        let options = AdmmOptions::default()
            .with_adapt(adapt)
            .with_tolerances(1e-12, 1e-11);
        let (plain, x) = solve(&network, least_squares(36), &options, None);
        let (fast, y) = solve(
            &network,
            least_squares(36),
            &options,
            Some(Anderson::default()),
        );
        assert_eq!(
            (plain.status, fast.status),
            (AdmmStatus::Converged, AdmmStatus::Converged)
        );
        close(&x, &y, 1e-8);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |fast: Anderson| {
        let options = AdmmOptions::default().with_acceleration(Some(fast));
        Admm::new(&ring(3), distances(3), options)
            .err()
            .unwrap()
            .to_string()
    };
    let fast = Anderson::default();
    assert_eq!(
        refused(fast.clone().with_memory(0)),
        "option `memory` is 0 but must be in 1..=50"
    );
    assert_eq!(
        refused(fast.clone().with_safeguard(0.0)),
        "option `safeguard` is 0 but must be positive"
    );
    assert_eq!(
        refused(fast.with_regularization(-1.0)),
        "option `regularization` is -1 but must be at least 0"
    );
}
