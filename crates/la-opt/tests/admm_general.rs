//! Agents that have variables of their own.
#![cfg(feature = "admm")]

mod admm_common;

#[cfg(feature = "serde")]
use admm_common::random_lists;
use admm_common::{close, grid, neighbourhoods, numbers, random_graph, ring};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use la_opt::admm::{
    Adapt, Admm, AdmmOptions, AdmmStatus, Anderson, EdgeWeights, LeastSquares, LocalFailure,
    LocalObjective, Network, NodeView, Plan, SquaredDistance, StepPolicy, Variables,
};

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| x.to_bits()).collect()
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

/// Where all agents have all variables, it is the iteration of the plain form, bit for bit.
#[test]
fn all_variables_are_the_plain_form() {
    let n = 3;
    let weights = |network: Network| {
        let entries = network.pattern().entries();
        let given = entries.map(|(i, j)| 1.0 + 0.1 * (i * j) as f64).collect();
        network.with_weights(EdgeWeights::Given(given)).unwrap()
    };
    let network = weights(random_graph(9, 0.4, 3));
    let variables = Variables::new(&network, n, vec![[0, 1, 2]; 9]).unwrap();
    assert_eq!(variables.sent(), 2 * n * network.edges());
    let agents = || {
        let agent = |i| LeastSquares::new(n, numbers(6, i), numbers(2, 50 + i)).unwrap();
        (0..9).map(agent).collect::<Vec<_>>()
    };
    let options = AdmmOptions::default().with_max_iters(200);
    let spectral = options.clone().with_adapt(Adapt::spectral());
    for (options, policy) in [
        (options.clone(), None),
        (AdmmOptions::plain(0.3).with_max_iters(57), None),
        (options.clone().with_adapt(Adapt::balance()), None),
        (spectral.with_check_every(5), None),
        (options.clone(), Some(false)),
        (options.clone().with_pipelined(true), Some(true)),
    ] {
        let run = |mut admm: Admm<LeastSquares>| {
            if let Some(mean) = policy {
                admm = admm.with_policy(Nosy(mean));
            }
            let report = admm.solve();
            let sums = [report.primal, report.dual, report.alpha, admm.objective()];
            let mean = admm.mean();
            let all = [admm.states(), admm.lambda(8), &mean, &sums].concat();
            (report.iterations, bits(&all))
        };
        let plain = run(Admm::new(&network, agents(), options.clone()).unwrap());
        let general = run(Admm::general(&variables, agents(), options.clone()).unwrap());
        assert!(plain == general, "{options:?}, {policy:?}");
    }
}

/// `Σ_i ‖B_i x_i − b_i‖²` over all variables.
fn dense_optimum(count: usize, lists: &[Vec<usize>], data: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
    let mut normal = Mat::<f64>::zeros(count, count);
    let mut rhs = Mat::<f64>::zeros(count, 1);
    for (list, (matrix, b)) in lists.iter().zip(data) {
        for (row, b) in matrix.chunks(list.len()).zip(b) {
            for (&i, a) in list.iter().zip(row) {
                rhs[(i, 0)] += a * b;
                for (&j, c) in list.iter().zip(row) {
                    normal[(i, j)] += a * c;
                }
            }
        }
    }
    let solution = normal.llt(Side::Lower).unwrap().solve(&rhs);
    (0..count).map(|i| solution[(i, 0)]).collect()
}

fn overlapping(lists: &[Vec<usize>]) -> Vec<(Vec<f64>, Vec<f64>)> {
    let data = lists.iter().enumerate().map(|(i, list)| {
        let rows = list.len() + 1;
        let seed = i as u64;
        (numbers(rows * list.len(), seed), numbers(rows, 700 + seed))
    });
    data.collect()
}

fn least_squares(lists: &[Vec<usize>], data: &[(Vec<f64>, Vec<f64>)]) -> Vec<LeastSquares> {
    let agents = lists.iter().zip(data);
    let agents = agents.map(|(list, (m, b))| LeastSquares::new(list.len(), m.clone(), b.clone()));
    agents.collect::<Result<_, _>>().unwrap()
}

/// Every agent has its own state and those of its neighbours; all ways of stepping lead to the solution of the normal equations.
#[test]
fn overlapping_least_squares() {
    let network = grid(4, 5);
    let lists = neighbourhoods(&network);
    let data = overlapping(&lists);
    let optimum = dense_optimum(20, &lists, &data);
    let variables = Variables::new(&network, 20, &lists).unwrap();
    let metropolis = variables.clone().with_weights(EdgeWeights::Metropolis);
    let options = AdmmOptions::default().with_tolerances(0.0, 1e-11);
    let anderson = Some(Anderson::default());
    for (variables, options) in [
        (&variables, options.clone()),
        (&variables, options.clone().with_gamma(1.0)),
        (&variables, options.clone().with_adapt(Adapt::balance())),
        (&variables, options.clone().with_adapt(Adapt::spectral())),
        (&variables, options.clone().with_acceleration(anderson)),
        (&variables, options.clone().with_deterministic(false)),
        (&metropolis.unwrap(), options.with_adapt(Adapt::balance())),
    ] {
        let agents = least_squares(&lists, &data);
        let mut admm = Admm::general(variables, agents, options.clone()).unwrap();
        assert_eq!(admm.solve().status, AdmmStatus::Converged, "{options:?}");
        assert_eq!((admm.dim(), admm.states().len()), (20, variables.total()));
        close(&admm.mean(), &optimum, 1e-8);
        for (i, list) in lists.iter().enumerate() {
            let expected: Vec<f64> = list.iter().map(|&c| optimum[c]).collect();
            close(admm.x(i), &expected, 1e-8);
            assert!(
                variables
                    .of(i)
                    .iter()
                    .map(|&c| c as usize)
                    .eq(list.iter().copied())
            );
        }
    }
}

/// A function whose proximal step has one weight for all coordinates.
struct OneWeight(LeastSquares);

impl LocalObjective for OneWeight {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn value(&self, x: &[f64]) -> f64 {
        self.0.value(x)
    }

    fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
        self.0.prox(weight, centre, x)
    }
}

/// Functions that take no scales, beside some that do, and variables of one agent alone.
#[test]
fn functions_without_scales() {
    let network = grid(4, 5);
    let mut lists = neighbourhoods(&network);
    lists
        .iter_mut()
        .zip(20..)
        .for_each(|(list, own)| list.push(own));
    let data = overlapping(&lists);
    let optimum = dense_optimum(40, &lists, &data);
    let variables = Variables::new(&network, 40, &lists).unwrap();
    let options = AdmmOptions::default().with_tolerances(0.0, 1e-11);
    let anderson = options.clone().with_acceleration(Some(Anderson::default()));
    for (every, options) in [
        (1, options.clone()),
        (2, options.clone().with_gamma(1.0)),
        (1, options.with_adapt(Adapt::balance())),
        (2, anderson),
    ] {
        let agents = least_squares(&lists, &data).into_iter().enumerate();
        let agents = agents.map(|(i, f)| -> Box<dyn LocalObjective> {
            match i % every {
                0 => Box::new(OneWeight(f)),
                _ => Box::new(f),
            }
        });
        let options = options.with_max_iters(100_000);
        let mut admm = Admm::general(&variables, agents.collect(), options.clone()).unwrap();
        assert_eq!(admm.solve().status, AdmmStatus::Converged, "{options:?}");
        close(&admm.mean(), &optimum, 1e-7);
    }
}

/// From one to fifty variables, some of them of one agent alone, in any order.
#[test]
fn uneven_dimensions() {
    let sizes = [50, 37, 20, 8, 3, 1];
    let path = Network::from_edges(6, (1..6).map(|i| (i - 1, i))).unwrap();
    let lists: Vec<Vec<usize>> = (0..6)
        .map(|i| match i % 2 {
            0 => (0..sizes[i]).collect(),
            _ => (0..sizes[i]).rev().collect(),
        })
        .collect();
    let variables = Variables::new(&path, 50, &lists).unwrap();
    assert_eq!(variables.holders(0), 6);
    assert_eq!(variables.holders(49), 1);
    let points: Vec<Vec<f64>> = (0..6).map(|i| numbers(sizes[i], i as u64)).collect();
    let agents = points.iter().cloned().map(SquaredDistance::new);
    let agents = agents.collect::<Result<Vec<_>, _>>().unwrap();
    let options = AdmmOptions::default().with_tolerances(0.0, 1e-12);
    let mut admm = Admm::general(&variables, agents, options).unwrap();
    assert_eq!(admm.solve().status, AdmmStatus::Converged);
    let mut mean = vec![0.0; 50];
    for (list, point) in lists.iter().zip(&points) {
        for (&c, b) in list.iter().zip(point) {
            mean[c] += b / variables.holders(c) as f64;
        }
    }
    close(&admm.mean(), &mean, 1e-10);
    for (i, list) in lists.iter().enumerate() {
        let expected: Vec<f64> = list.iter().map(|&c| mean[c]).collect();
        close(admm.x(i), &expected, 1e-10);
    }
}

/// Agents that have nothing in common with their neighbours, and one that is alone.
#[test]
fn nothing_in_common() {
    for (agents, edges) in [(1, vec![]), (3, vec![(0, 1), (1, 2)])] {
        let network = Network::from_edges(agents, edges).unwrap();
        let lists: Vec<[usize; 2]> = (0..agents).map(|i| [2 * i + 1, 2 * i]).collect();
        let variables = Variables::new(&network, 2 * agents, &lists).unwrap();
        assert_eq!(variables.sent(), 0);
        let local = (0..agents).map(|i| SquaredDistance::new(vec![i as f64, -1.0]).unwrap());
        let options = AdmmOptions::default().with_tolerances(1e-12, 1e-12);
        let mut admm = Admm::general(&variables, local.collect(), options).unwrap();
        assert_eq!(admm.solve().status, AdmmStatus::Converged);
        for i in 0..agents {
            close(admm.x(i), &[i as f64, -1.0], 1e-9);
        }
    }
}

/// A warm start and new data.
#[test]
fn a_start() {
    let network = ring(7);
    let lists = neighbourhoods(&network);
    let variables = Variables::new(&network, 7, &lists).unwrap();
    let data = overlapping(&lists);
    let optimum = dense_optimum(7, &lists, &data);
    let options = AdmmOptions::default().with_tolerances(0.0, 1e-9);
    let mut admm = Admm::general(&variables, least_squares(&lists, &data), options).unwrap();
    let start: Vec<f64> = lists.iter().flatten().map(|&c| optimum[c]).collect();
    admm.start_from(&start).unwrap();
    assert_eq!(admm.states(), start);
    let error = admm.start_from(&start[1..]).unwrap_err().to_string();
    assert_eq!(error, "starting point has length 20 but must have 21");
    assert_eq!(admm.solve().status, AdmmStatus::Converged);
    close(&admm.mean(), &optimum, 1e-6);
}

/// A run goes on from a checkpoint with the same bits, and not from one of other variables.
#[cfg(feature = "serde")]
#[test]
fn a_checkpoint() {
    let network = random_graph(8, 0.4, 1);
    let (count, lists) = random_lists(&network, 9, 4);
    let data = overlapping(&lists);
    let variables = Variables::new(&network, count, &lists).unwrap();
    let anderson = Some(Anderson::default().with_memory(3));
    let options = AdmmOptions::default()
        .with_max_iters(30)
        .with_check_every(5);
    let options = options.with_tolerances(0.0, 0.0);
    for options in [
        options.clone().with_adapt(Adapt::spectral()),
        options.with_acceleration(anderson),
    ] {
        let start = || {
            let agents = least_squares(&lists, &data);
            let admm = Admm::general(&variables, agents, options.clone()).unwrap();
            admm.with_policy(Nosy(false))
        };
        let mut first = start();
        first.iterate(7).unwrap();
        let early = first.checkpoint();
        let _ = first.solve();
        let saved = first.checkpoint();
        let _ = first.solve();
        let mut second = start();
        second.restore(&saved).unwrap();
        let _ = second.solve();
        assert_eq!(bits(first.states()), bits(second.states()));
        // In the middle of the steps that agents choose.
        let mut third = start();
        third.restore(&early).unwrap();
        let _ = (third.solve(), third.solve());
        assert_eq!(bits(first.states()), bits(third.states()));
    }
    // The same lengths, other variables.
    let other = lists
        .iter()
        .map(|list| list.iter().map(|&c| count - 1 - c).collect());
    let other: Vec<Vec<usize>> = other.collect();
    let admm = |lists: &[Vec<usize>]| {
        let variables = Variables::new(&network, count, lists).unwrap();
        Admm::general(
            &variables,
            least_squares(lists, &data),
            AdmmOptions::default(),
        )
        .unwrap()
    };
    let error = admm(&other)
        .restore(&admm(&lists).checkpoint())
        .unwrap_err();
    assert!(error.to_string().contains("its network is"), "{error}");
}
