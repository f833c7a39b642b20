//! Decentralised methods to compare with: first steps worked out here, the optimum in the end, what they send.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::{close, grid, numbers, random_graph, ring};
use la_opt::admm::{
    AdmmError, ChebyshevAveraging, FirstOrder, FirstOrderMethod, LeastSquares, LocalObjective,
    Mixing, Network, SeparableQuadratic, SquaredDistance,
};

const B: [f64; 3] = [3.0, -1.0, 4.0];

/// Three agents on a path, and W of Metropolis weights by hand.
const W: [[f64; 3]; 3] = [
    [2.0 / 3.0, 1.0 / 3.0, 0.0],
    [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0],
    [0.0, 1.0 / 3.0, 2.0 / 3.0],
];

fn path(method: FirstOrderMethod) -> FirstOrder<SquaredDistance> {
    let network = Network::from_edges(3, [(0, 1), (1, 2)]).unwrap();
    let agents = B.map(|b| SquaredDistance::new(vec![b]).unwrap());
    FirstOrder::new(&network, agents.into(), method).unwrap()
}

fn mix(x: [f64; 3]) -> [f64; 3] {
    [0, 1, 2].map(|i| (0..3).map(|j| W[i][j] * x[j]).sum())
}

fn slope(x: [f64; 3]) -> [f64; 3] {
    [0, 1, 2].map(|i| 2.0 * (x[i] - B[i]))
}

fn expect(solver: &mut FirstOrder<SquaredDistance>, x: [f64; 3]) {
    solver.iterate(1).unwrap();
    close(&[0, 1, 2].map(|i| solver.x(i)[0]), &x, 1e-14);
}

#[test]
fn three_steps_of_extra() {
    let step = 0.15;
    let mut solver = path(FirstOrderMethod::Extra { step });
    let x0 = [0.0; 3];
    // x¹ = W x⁰ − step ∇f(x⁰) = 2 step b.
    let x1 = [0.9, -0.3, 1.2];
    expect(&mut solver, x1);
    let next = |x: [f64; 3], old: [f64; 3]| {
        let (w, w_old, g, g_old) = (mix(x), mix(old), slope(x), slope(old));
        [0, 1, 2].map(|i| x[i] + w[i] - 0.5 * (old[i] + w_old[i]) - step * (g[i] - g_old[i]))
    };
    // 0.9 + 0.5 − 0.15 · 1.8, and so on.
    let x2 = next(x1, x0);
    close(&x2, &[1.13, 0.39, 1.54], 1e-14);
    expect(&mut solver, x2);
    expect(&mut solver, next(x2, x1));
    assert_eq!((solver.rounds(), solver.scalars_per_edge()), (3, 3));
}

#[test]
fn three_steps_of_diging() {
    let step = 0.1;
    let mut solver = path(FirstOrderMethod::Diging { step });
    let (mut x, mut y) = ([0.0; 3], slope([0.0; 3]));
    for k in 0..3 {
        let (w, v, old) = (mix(x), mix(y), slope(x));
        x = [0, 1, 2].map(|i| w[i] - step * y[i]);
        let new = slope(x);
        y = [0, 1, 2].map(|i| v[i] + new[i] - old[i]);
        if k == 0 {
            close(&x, &[0.6, -0.2, 0.8], 1e-14);
        }
        expect(&mut solver, x);
    }
    assert_eq!((solver.rounds(), solver.scalars_per_edge()), (3, 6));
}

#[test]
fn three_steps_of_admm_on_edges() {
    let c = 0.5;
    let mut solver = path(FirstOrderMethod::EdgeAdmm { penalty: c });
    let (degree, mut x, mut dual) = ([1.0, 2.0, 1.0], [0.0; 3], [0.0; 3]);
    let sum = |x: [f64; 3]| [x[1], x[0] + x[2], x[1]];
    for k in 0..3 {
        let s = sum(x);
        // 2 (x − b) + dual + 2 c d x − c Σ (x_i + x_j) = 0.
        x = [0, 1, 2].map(|i| {
            (2.0 * B[i] - dual[i] + c * (degree[i] * x[i] + s[i])) / (2.0 + 2.0 * c * degree[i])
        });
        let s = sum(x);
        dual = [0, 1, 2].map(|i| dual[i] + c * (degree[i] * x[i] - s[i]));
        if k == 0 {
            close(&x, &[2.0, -0.5, 8.0 / 3.0], 1e-14);
        }
        expect(&mut solver, x);
    }
}

fn least_squares(agents: usize) -> (Vec<LeastSquares>, Vec<f64>, f64) {
    let data: Vec<_> = (0..agents)
        .map(|i| (numbers(6, i as u64), numbers(3, 1000 + i as u64)))
        .collect();
    let (mut h, mut c, mut lipschitz) = ([0.0; 3], [0.0; 2], 0.0_f64);
    for (b, t) in &data {
        for (row, t) in b.chunks(2).zip(t) {
            h[0] += row[0] * row[0];
            h[1] += row[0] * row[1];
            h[2] += row[1] * row[1];
            c[0] += row[0] * t;
            c[1] += row[1] * t;
        }
        lipschitz = lipschitz.max(2.0 * b.iter().map(|b| b * b).sum::<f64>());
    }
    let determinant = h[0] * h[2] - h[1] * h[1];
    let star = vec![
        (h[2] * c[0] - h[1] * c[1]) / determinant,
        (h[0] * c[1] - h[1] * c[0]) / determinant,
    ];
    let agents = data
        .into_iter()
        .map(|(b, t)| LeastSquares::new(2, b, t).unwrap());
    (agents.collect(), star, lipschitz)
}

#[test]
fn all_reach_the_optimum() {
    for network in [ring(10), grid(4, 4), random_graph(16, 0.3, 1)] {
        let mixing = Mixing::metropolis(&network);
        let (_, star, lipschitz) = least_squares(network.agents());
        let FirstOrderMethod::Diging { step } = FirstOrderMethod::diging(&mixing, lipschitz) else {
            unreachable!();
        };
        for (method, iterations, tolerance) in [
            (FirstOrderMethod::extra(&mixing, lipschitz), 20_000, 1e-9),
            (
                FirstOrderMethod::Diging { step: 20.0 * step },
                100_000,
                1e-7,
            ),
            (FirstOrderMethod::EdgeAdmm { penalty: 1.0 }, 5_000, 1e-9),
        ] {
            let (agents, ..) = least_squares(network.agents());
            let mut solver = FirstOrder::new(&network, agents, method).unwrap();
            solver.iterate(iterations).unwrap();
            for i in 0..network.agents() {
                close(solver.x(i), &star, tolerance);
            }
        }
    }
}

/// With the safe step errors fall, slowly.
#[test]
fn the_safe_step_of_diging() {
    let network = grid(3, 3);
    let (agents, star, lipschitz) = least_squares(9);
    let method = FirstOrderMethod::diging(&Mixing::metropolis(&network), lipschitz);
    let mut solver = FirstOrder::new(&network, agents, method).unwrap();
    let mut last = f64::INFINITY;
    for _ in 0..5 {
        solver.iterate(20_000).unwrap();
        let error = (0..9)
            .map(|i| (solver.x(i)[0] - star[0]).abs())
            .fold(0.0, f64::max);
        assert!(error < 0.9 * last);
        last = error;
    }
}

#[test]
fn averages() {
    for network in [ring(30), grid(6, 5), random_graph(30, 0.15, 2)] {
        let values = numbers(60, 5);
        let mut averaging = ChebyshevAveraging::new(&network, 2, &values).unwrap();
        averaging.iterate(400);
        for c in 0..2 {
            let mean = values.iter().skip(c).step_by(2).sum::<f64>() / 30.0;
            for i in 0..30 {
                assert!((averaging.x(i)[c] - mean).abs() < 1e-9);
            }
        }
        assert_eq!(averaging.rounds(), 400);
    }
}

#[test]
fn eigenvalues_of_a_ring() {
    // W = ⅓ (1 + P + Pᵀ).
    let expected = (1.0 + 2.0 * (2.0 * std::f64::consts::PI / 25.0).cos()) / 3.0;
    let mixing = Mixing::metropolis(&ring(25));
    assert!((mixing.second_eigenvalue() - expected).abs() < 1e-9);
    assert!((mixing.least_eigenvalue_bound() + 1.0 / 3.0).abs() < 1e-15);
}

#[test]
fn what_cannot_be_is_refused() {
    let distance = |n| SquaredDistance::new(vec![0.0; n]).unwrap();
    let new = |agents: Vec<SquaredDistance>, step: f64| {
        FirstOrder::new(&ring(3), agents, FirstOrderMethod::Extra { step })
            .err()
            .unwrap()
    };
    let length = new(vec![distance(1)], 0.1);
    assert!(
        matches!(
            length,
            AdmmError::Length {
                len: 1,
                expected: 3,
                ..
            }
        ),
        "{length}"
    );
    let dimension = new(vec![distance(1), distance(2), distance(1)], 0.1);
    assert!(
        matches!(dimension, AdmmError::Dimension { agent: 1, .. }),
        "{dimension}"
    );
    let step = new(vec![distance(1), distance(1), distance(1)], f64::NAN);
    assert!(
        matches!(step, AdmmError::InvalidOption { option: "step", .. }),
        "{step}"
    );
    let lasso = || {
        let f: Box<dyn LocalObjective> =
            Box::new(SeparableQuadratic::lasso(1, &[1.0], &[1.0], 0.1).unwrap());
        f
    };
    let method = FirstOrderMethod::Extra { step: 0.1 };
    let agents = vec![lasso(), lasso(), lasso()];
    let error = FirstOrder::new(&ring(3), agents, method).err().unwrap();
    assert_eq!(error, AdmmError::NoGradient { agent: 0 });
    let error = ChebyshevAveraging::new(&ring(3), 1, &[0.0, f64::NAN, 0.0]).unwrap_err();
    assert!(
        matches!(error, AdmmError::NonFinite { index: 1, .. }),
        "{error}"
    );
}
