//! Agents with functions of all kinds agree on the minimiser of the sum, which is computed here in one place by another method; and what does not change with the way a problem is put.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::{Replay, close, grid, numbers, preferential_attachment, random_graph, ring};
use la_opt::admm::{
    Adapt, Admm, AdmmOptions, AdmmStatus, EdgeWeights, GeneralizedLinear, LeastSquares, Link,
    LocalObjective, LocalProgram, Network, Quadratic, Separable, SeparableQuadratic,
    SquaredDistance,
};
use la_opt::qp::{Hessian, QpOptions, QuadraticProgram};

const N: usize = 3;
const RIDGE: f64 = 0.1;
const DELTA: f64 = 0.4;
const MU: f64 = 0.3;
const UPPER: f64 = 0.15;

/// The sum of all functions: `½ xᵀ H x − cᵀ x`, losses of linear functions, `mu ‖x‖₁` and bounds.
#[derive(Default)]
struct Sum {
    hessian: [[f64; N]; N],
    linear: [f64; N],
    losses: Vec<([f64; N], f64, bool)>,
    mu: f64,
    lower: f64,
    upper: f64,
}

impl Sum {
    fn gradient(&self, x: &[f64; N]) -> [f64; N] {
        let product = self
            .hessian
            .map(|row| row.iter().zip(x).map(|(h, x)| h * x).sum::<f64>());
        let mut g: [f64; N] = std::array::from_fn(|i| product[i] - self.linear[i]);
        for (a, y, logistic) in &self.losses {
            let t: f64 = (0..N).map(|j| a[j] * x[j]).sum();
            let slope = if *logistic {
                -y / (1.0 + (y * t).exp())
            } else {
                (t - y).clamp(-DELTA, DELTA)
            };
            (0..N).for_each(|j| g[j] += slope * a[j]);
        }
        g
    }

    /// By proximal gradients.
    fn minimiser(&self) -> [f64; N] {
        let curvature = (0..N).map(|i| self.hessian[i][i]).sum::<f64>()
            + (self.losses.iter())
                .map(|(a, ..)| a.iter().map(|a| a * a).sum::<f64>())
                .sum::<f64>();
        let mut x = [0.0; N];
        for _ in 0..200_000 {
            let g = self.gradient(&x);
            for j in 0..N {
                let t = x[j] - g[j] / curvature;
                let t = t.signum() * (t.abs() - self.mu / curvature).max(0.0);
                x[j] = t.max(self.lower).min(self.upper);
            }
        }
        x
    }
}

/// Functions of seven kinds in turn, and their sum.
fn mixed(agents: usize, bounded: bool) -> (Vec<Box<dyn LocalObjective>>, Sum) {
    let mut sum = Sum {
        lower: f64::NEG_INFINITY,
        upper: f64::INFINITY,
        ..Sum::default()
    };
    let mut list: Vec<Box<dyn LocalObjective>> = Vec::new();
    for i in 0..agents {
        let b = numbers(4 * N, 100 + i as u64);
        let t: Vec<f64> = numbers(4, 900 + i as u64).iter().map(|t| 2.0 * t).collect();
        let kind = if bounded { i % 7 } else { i % 5 };
        let signs: Vec<f64> = t.iter().map(|t| t.signum()).collect();
        let ridge = if kind == 2 || kind == 3 { RIDGE } else { 0.0 };
        let factor = [2.0, 1.0, 0.0, 0.0, 2.0, 1.0, 2.0][kind];
        let mut hessian = vec![0.0; N * N];
        let mut linear = vec![0.0; N];
        for (row, t) in b.chunks(N).zip(&t) {
            for j in 0..N {
                linear[j] += factor * row[j] * t;
                for k in 0..N {
                    hessian[j * N + k] += factor * row[j] * row[k];
                }
            }
        }
        for j in 0..N {
            hessian[j * N + j] += ridge;
            sum.linear[j] += linear[j];
            for k in 0..N {
                sum.hessian[j][k] += hessian[j * N + k];
            }
        }
        if kind == 2 || kind == 3 {
            for (row, (t, s)) in b.chunks(N).zip(t.iter().zip(&signs)) {
                let logistic = kind == 2;
                let target = if logistic { *s } else { *t };
                sum.losses.push((row.try_into().unwrap(), target, logistic));
            }
        }
        list.push(match kind {
            0 => Box::new(LeastSquares::new(N, b, t).unwrap()),
            1 => Box::new(Quadratic::new(&hessian, linear, 0.0).unwrap()),
            2 => Box::new(GeneralizedLinear::new(Link::Logistic, N, b, signs, RIDGE).unwrap()),
            3 => {
                let link = Link::Huber { delta: DELTA };
                Box::new(GeneralizedLinear::new(link, N, b, t, RIDGE).unwrap())
            }
            4 => {
                sum.mu += MU;
                Box::new(SeparableQuadratic::lasso(N, &b, &t, MU).unwrap())
            }
            5 => {
                sum.upper = UPPER;
                let q = linear.iter().map(|c| -c).collect();
                let program = QuadraticProgram::new(Hessian::Dense(hessian), q)
                    .unwrap()
                    .with_bounds(vec![f64::NEG_INFINITY; N], vec![UPPER; N])
                    .unwrap();
                Box::new(LocalProgram::new(program, QpOptions::default()).unwrap())
            }
            _ => {
                sum.lower = 0.0;
                let bounds = Separable::nonnegative(N);
                Box::new(SeparableQuadratic::least_squares(N, &b, &t, bounds).unwrap())
            }
        });
    }
    (list, sum)
}

fn reach(network: &Network, bounded: bool, options: AdmmOptions) -> usize {
    let (agents, sum) = mixed(network.agents(), bounded);
    let star = sum.minimiser();
    if bounded {
        assert!(
            star.contains(&UPPER) || star.contains(&0.0),
            "no bound holds: {star:?}"
        );
    }
    let options = options.with_tolerances(1e-12, 1e-11).with_max_iters(50_000);
    let mut admm = Admm::new(network, agents, options).unwrap();
    let report = admm.solve();
    assert_eq!(
        report.status,
        AdmmStatus::Converged,
        "{} {}",
        report.primal,
        report.dual
    );
    for i in 0..network.agents() {
        for j in 0..N {
            assert!(
                (admm.x(i)[j] - star[j]).abs() <= 1e-8,
                "{:?} beside {star:?}",
                admm.x(i)
            );
        }
    }
    report.iterations
}

#[test]
fn the_optimum_on_four_kinds_of_graphs() {
    for bounded in [false, true] {
        for network in [
            ring(21),
            grid(5, 5),
            random_graph(24, 0.2, 3),
            preferential_attachment(30, 4),
        ] {
            reach(&network, bounded, AdmmOptions::default());
            let network = network.with_weights(EdgeWeights::Metropolis).unwrap();
            reach(&network, bounded, AdmmOptions::default().with_alpha(20.0));
        }
    }
}

#[test]
fn adapted_and_pipelined() {
    let network = random_graph(24, 0.2, 3);
    for adapt in [Adapt::balance(), Adapt::spectral()] {
        for pipelined in [false, true] {
            let options = AdmmOptions::default().with_adapt(adapt.clone());
            reach(&network, true, options.with_pipelined(pipelined));
        }
    }
}

fn quadratics(agents: usize) -> Vec<LeastSquares> {
    (0..agents)
        .map(|i| {
            let seed = i as u64;
            LeastSquares::new(2, numbers(6, seed), numbers(3, 1000 + seed)).unwrap()
        })
        .collect()
}

/// Weights of the entries of a network, the same in both directions.
fn uneven(network: Network, scale: f64) -> Network {
    let entries = network.pattern().entries();
    let weights = entries
        .map(|(i, j)| scale * (0.5 + ((i * j + i + j) % 5) as f64 / 4.0))
        .collect();
    network.with_weights(EdgeWeights::Given(weights)).unwrap()
}

#[test]
fn scaled_weights_are_scaled_steps() {
    let (s, agents) = (2.5, 15);
    let run = |scale: f64, alpha: f64| {
        let network = uneven(random_graph(agents, 0.3, 8), scale);
        let options = AdmmOptions::default().with_alpha(alpha);
        let mut admm = Admm::new(&network, quadratics(agents), options).unwrap();
        admm.iterate(40).unwrap();
        admm
    };
    let (one, other) = (run(1.0, 0.3 * s * s), run(s, 0.3));
    for i in 0..agents {
        close(one.x(i), other.x(i), 1e-12);
        let scaled: Vec<f64> = other.lambda(i).iter().map(|l| s * l).collect();
        close(one.lambda(i), &scaled, 1e-12);
    }
}

#[test]
fn names_of_agents_do_not_matter() {
    let agents = 18;
    let name = |i: usize| (i * 7 + 3) % agents;
    let network = uneven(preferential_attachment(agents, 2), 1.0);
    let edges: Vec<(usize, usize)> = network.pattern().entries().collect();
    let renamed = Network::from_edges(
        agents,
        edges
            .iter()
            .filter(|(i, j)| i < j)
            .map(|&(i, j)| (name(i), name(j))),
    );
    let renamed = renamed.unwrap();
    let weights = renamed.pattern().entries();
    let weights = weights
        .map(|(a, b)| {
            let at = edges
                .iter()
                .position(|&(i, j)| (name(i), name(j)) == (a, b));
            network.weights()[at.unwrap()]
        })
        .collect();
    let renamed = renamed.with_weights(EdgeWeights::Given(weights)).unwrap();
    let steps = |i: usize| 0.2 + (i % 4) as f64;
    let mut named: Vec<_> = quadratics(agents).into_iter().map(Some).collect();
    let mut moved: Vec<_> = (0..agents).map(|_| None).collect();
    let mut moved_steps = vec![0.0; agents];
    for i in 0..agents {
        moved[name(i)] = named[i].take();
        moved_steps[name(i)] = steps(i);
    }
    let options = AdmmOptions::default();
    let mut one = Admm::new(&network, quadratics(agents), options.clone())
        .unwrap()
        .with_policy(Replay(vec![(0..agents).map(steps).collect(); 9]));
    let moved = moved.into_iter().map(Option::unwrap).collect();
    let mut other = Admm::new(&renamed, moved, options)
        .unwrap()
        .with_policy(Replay(vec![moved_steps; 9]));
    one.iterate(30).unwrap();
    other.iterate(30).unwrap();
    for i in 0..agents {
        close(one.x(i), other.x(name(i)), 1e-11);
        close(one.lambda(i), other.lambda(name(i)), 1e-11);
    }
}

/// Where an iteration with a step size for each agent stops changing, `∇f_i + (A λ)_i = 0` and the gradients add up to zero.
#[test]
fn fixed_points_are_optimal() {
    let network = uneven(random_graph(12, 0.3, 5), 1.0);
    let steps: Vec<f64> = (0..12).map(|i| 0.4 + 0.05 * (i % 5) as f64).collect();
    let mut admm = Admm::new(&network, quadratics(12), AdmmOptions::default())
        .unwrap()
        .with_policy(Replay(vec![steps; 6000]));
    admm.iterate(6000).unwrap();
    let mut total = [0.0; 2];
    for i in 0..12 {
        close(admm.x(i), admm.x(0), 1e-9);
        let mut balance = [0.0; 2];
        assert!(quadratics(12)[i].gradient(admm.x(i), &mut balance));
        for c in 0..2 {
            total[c] += balance[c];
            let neighbours = network.neighbours(i).iter().zip(network.weights_of(i));
            let from: f64 = neighbours
                .map(|(&j, w)| w * admm.lambda(j as usize)[c])
                .sum();
            balance[c] += network.weighted_degree(i) * admm.lambda(i)[c] - from;
        }
        close(&balance, &[0.0; 2], 1e-8);
    }
    close(&total, &[0.0; 2], 1e-8);
}

/// After a start somewhere the iteration is that of another origin: shifted data, shifted iterates.
#[test]
fn a_start_is_a_shift() {
    let network = grid(3, 4);
    let shift = [0.7, -1.3];
    let shifted: Vec<_> = (0..12_usize)
        .map(|i| {
            let (b, t) = (numbers(6, i as u64), numbers(3, 1000 + i as u64));
            let t = b
                .chunks(2)
                .zip(t)
                .map(|(row, t)| t + row[0] * shift[0] + row[1] * shift[1]);
            LeastSquares::new(2, b.clone(), t.collect()).unwrap()
        })
        .collect();
    let mut one = Admm::new(&network, quadratics(12), AdmmOptions::default()).unwrap();
    let mut other = Admm::new(&network, shifted, AdmmOptions::default()).unwrap();
    let point: Vec<f64> = (0..24).map(|k| (k as f64).sin()).collect();
    one.start_from(&point).unwrap();
    let moved: Vec<f64> = point
        .iter()
        .enumerate()
        .map(|(k, p)| p + shift[k % 2])
        .collect();
    other.start_from(&moved).unwrap();
    one.iterate(25).unwrap();
    other.iterate(25).unwrap();
    for i in 0..12 {
        let moved: Vec<f64> = one.x(i).iter().zip(shift).map(|(x, s)| x + s).collect();
        close(other.x(i), &moved, 1e-11);
    }
}

#[test]
fn a_single_agent_minimises_its_function() {
    let alone = Network::from_edges(1, []).unwrap();
    let agents = vec![SquaredDistance::new(vec![3.0, -7.0]).unwrap()];
    let mut admm = Admm::new(&alone, agents, AdmmOptions::default()).unwrap();
    assert_eq!(admm.solve().status, AdmmStatus::Converged);
    assert!((admm.x(0)[0] - 3.0).abs() < 1e-4 && (admm.x(0)[1] + 7.0).abs() < 1e-4);
}
