//! Distributed model predictive control: agents that hold their own states and inputs, and the states of their neighbours.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::close;
use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettings, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, ZeroConeT,
};
use la_opt::admm::{Adapt, Admm, AdmmOptions, AdmmStatus, LocalProgram, Network, Variables};
use la_opt::qp::{Hessian, QpOptions, QuadraticProgram};

const AGENTS: usize = 6;
const STEPS: usize = 5;
const LEAK: f64 = 0.2;
const STATE: f64 = 1.5;
const INPUT: f64 = 0.3;

/// State of agent i at time t, 1 to `STEPS`; its input at time t, 0 to `STEPS − 1`.
fn state(i: usize, t: usize) -> usize {
    2 * STEPS * i + t - 1
}

fn input(i: usize, t: usize) -> usize {
    2 * STEPS * i + STEPS + t
}

fn now(i: usize) -> f64 {
    [1.4, -0.9][i % 2]
}

fn neighbours(i: usize) -> impl Iterator<Item = usize> {
    let before = i.checked_sub(1);
    before.into_iter().chain((i + 1 < AGENTS).then_some(i + 1))
}

/// `s(i, t + 1) = 0.9 s(i, t) + leak Σ_j s(j, t) + u(i, t)` as coefficients and the right-hand side.
fn dynamics(i: usize, t: usize) -> (Vec<(usize, f64)>, f64) {
    let mut row = vec![(state(i, t + 1), 1.0), (input(i, t), -1.0)];
    if t == 0 {
        let from: f64 = neighbours(i).map(|j| LEAK * now(j)).sum();
        return (row, 0.9 * now(i) + from);
    }
    row.push((state(i, t), -0.9));
    row.extend(neighbours(i).map(|j| (state(j, t), -LEAK)));
    (row, 0.0)
}

fn cost(variable: usize) -> f64 {
    if variable % (2 * STEPS) < STEPS {
        2.0
    } else {
        0.3
    }
}

fn bound(variable: usize) -> f64 {
    if variable % (2 * STEPS) < STEPS {
        STATE
    } else {
        INPUT
    }
}

fn list(i: usize) -> Vec<usize> {
    let own = (1..=STEPS)
        .map(|t| state(i, t))
        .chain((0..STEPS).map(|t| input(i, t)));
    let others = neighbours(i).flat_map(|j| (1..STEPS).map(move |t| state(j, t)));
    own.chain(others).collect()
}

fn agent(i: usize) -> LocalProgram {
    let list = list(i);
    let n = list.len();
    let own = |at: usize| at < 2 * STEPS;
    let each = |f: &dyn Fn(usize) -> f64, other: f64| -> Vec<f64> {
        let values = list.iter().enumerate();
        values
            .map(|(at, &c)| if own(at) { f(c) } else { other })
            .collect()
    };
    let (mut rows, mut sides) = (Vec::new(), Vec::new());
    for t in 0..STEPS {
        let (row, side) = dynamics(i, t);
        let mut dense = vec![0.0; n];
        for (variable, value) in row {
            let at = list.iter().position(|&c| c == variable).unwrap();
            dense[at] = value;
        }
        rows.extend(dense);
        sides.push(side);
    }
    let program = QuadraticProgram::new(Hessian::Diagonal(each(&cost, 0.0)), vec![0.0; n])
        .and_then(|p| {
            p.with_bounds(
                each(&|c| -bound(c), f64::NEG_INFINITY),
                each(&bound, f64::INFINITY),
            )
        })
        .and_then(|p| p.with_rows(rows, sides.clone(), sides))
        .unwrap();
    LocalProgram::new(program, QpOptions::default()).unwrap()
}

/// All agents together, by an interior-point method.
fn central() -> Vec<f64> {
    let n = 2 * STEPS * AGENTS;
    let mut entries: Vec<(usize, usize, f64)> = Vec::new();
    let mut rhs = Vec::new();
    for i in 0..AGENTS {
        for t in 0..STEPS {
            let (row, side) = dynamics(i, t);
            entries.extend(row.into_iter().map(|(j, a)| (rhs.len(), j, a)));
            rhs.push(side);
        }
    }
    let equalities = rhs.len();
    for j in 0..n {
        for sign in [1.0, -1.0] {
            entries.push((rhs.len(), j, sign));
            rhs.push(bound(j));
        }
    }
    let triplets = |entries: &[(usize, usize, f64)], rows| {
        let part = |k: fn(&(usize, usize, f64)) -> usize| entries.iter().map(k).collect();
        let values = entries.iter().map(|e| e.2).collect();
        CscMatrix::new_from_triplets(rows, n, part(|e| e.0), part(|e| e.1), values)
    };
    let p: Vec<_> = (0..n).map(|j| (j, j, cost(j))).collect();
    let cones = [
        ZeroConeT(equalities),
        NonnegativeConeT(rhs.len() - equalities),
    ];
    let settings = DefaultSettings {
        verbose: false,
        tol_gap_abs: 1e-12,
        tol_gap_rel: 1e-12,
        tol_feas: 1e-12,
        ..Default::default()
    };
    let (p, a) = (triplets(&p, n), triplets(&entries, rhs.len()));
    let mut solver = DefaultSolver::new(&p, &vec![0.0; n], &a, &rhs, &cones, settings).unwrap();
    solver.solve();
    assert!(matches!(
        solver.solution.status,
        SolverStatus::Solved | SolverStatus::AlmostSolved
    ));
    solver.solution.x.clone()
}

#[test]
fn the_inputs_of_all_agents() {
    let optimum = central();
    let held = optimum.iter().enumerate();
    let held = held.filter(|(c, x)| x.abs() > bound(*c) - 1e-6).count();
    assert!(held > 5, "bounds did not matter");
    let path = Network::from_edges(AGENTS, (1..AGENTS).map(|i| (i - 1, i))).unwrap();
    let lists: Vec<Vec<usize>> = (0..AGENTS).map(list).collect();
    let variables = Variables::new(&path, optimum.len(), &lists).unwrap();
    for adapt in [Adapt::None, Adapt::balance()] {
        let options = AdmmOptions::default()
            .with_tolerances(0.0, 1e-9)
            .with_adapt(adapt);
        let agents = (0..AGENTS).map(agent).collect();
        let mut admm = Admm::general(&variables, agents, options).unwrap();
        let report = admm.solve();
        assert_eq!(report.status, AdmmStatus::Converged, "{:?}", report.failure);
        close(&admm.mean(), &optimum, 1e-6);
    }
}
