//! Random graphs with random lists of variables.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::{numbers, random_graph, random_lists};
use la_opt::admm::{Adapt, Admm, AdmmError, AdmmOptions, AdmmStatus, SquaredDistance, Variables};
use proptest::prelude::*;

/// The mean of b over the agents that have each variable.
fn means(count: usize, lists: &[Vec<usize>], points: &[Vec<f64>]) -> Vec<f64> {
    let (mut sums, mut holders) = (vec![0.0; count], vec![0.0; count]);
    for (list, point) in lists.iter().zip(points) {
        for (&c, b) in list.iter().zip(point) {
            sums[c] += b;
            holders[c] += 1.0;
        }
    }
    sums.iter().zip(holders).map(|(s, h)| s / h).collect()
}

/// Whether the agents that have a variable reach each other, by spreading from the first.
fn connected(network: &la_opt::admm::Network, lists: &[Vec<usize>], variable: usize) -> bool {
    let has = |i: usize| lists[i].contains(&variable);
    let all: Vec<usize> = (0..lists.len()).filter(|&i| has(i)).collect();
    let mut reached = vec![all[0]];
    let mut at = 0;
    while at < reached.len() {
        for &j in network.neighbours(reached[at]) {
            let j = j as usize;
            if has(j) && !reached.contains(&j) {
                reached.push(j);
            }
        }
        at += 1;
    }
    reached.len() == all.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Agents find the mean of each variable, and prices of a variable cancel.
    #[test]
    fn means_of_variables(agents in 2_usize..10, count in 1_usize..12, seed in 0_u64..1000) {
        let network = random_graph(agents, 0.5, seed);
        let (count, lists) = random_lists(&network, count, seed);
        let variables = Variables::new(&network, count, &lists).unwrap();
        let points = lists.iter().enumerate().map(|(i, list)| numbers(list.len(), seed + i as u64));
        let points: Vec<Vec<f64>> = points.collect();
        let local = points.iter().map(|b| SquaredDistance::new(b.clone()).unwrap());
        let options = AdmmOptions::default().with_tolerances(1e-10, 1e-9).with_adapt(Adapt::balance());
        let mut admm = Admm::general(&variables, local.collect(), options).unwrap();
        prop_assert_eq!(admm.solve().status, AdmmStatus::Converged);
        let expected = means(count, &lists, &points);
        for (i, list) in lists.iter().enumerate() {
            for (x, &c) in admm.x(i).iter().zip(list) {
                prop_assert!((x - expected[c]).abs() < 1e-6, "{} beside {}", x, expected[c]);
            }
        }
    }

    /// A new order of the arguments is a new order of the answers.
    #[test]
    fn order_of_arguments(seed in 0_u64..1000) {
        let network = random_graph(6, 0.5, seed);
        let (count, lists) = random_lists(&network, 7, seed);
        let points: Vec<Vec<f64>> = (0..6).map(|i| numbers(count, seed + i)).collect();
        let run = |lists: &[Vec<usize>]| {
            let variables = Variables::new(&network, count, lists).unwrap();
            let local = lists.iter().zip(&points).map(|(list, b)| {
                SquaredDistance::new(list.iter().map(|&c| b[c]).collect()).unwrap()
            });
            let mut admm = Admm::general(&variables, local.collect(), AdmmOptions::default()).unwrap();
            admm.iterate(20).unwrap();
            (0..6).map(|i| admm.x(i).to_vec()).collect::<Vec<_>>()
        };
        let turned: Vec<Vec<usize>> = lists.iter().map(|l| l.iter().rev().copied().collect()).collect();
        for (x, mut y) in run(&lists).into_iter().zip(run(&turned)) {
            y.reverse();
            prop_assert_eq!(x, y);
        }
    }

    /// Lists are refused exactly where the agents of a variable do not reach each other.
    #[test]
    fn who_can_agree(agents in 2_usize..8, seed in 0_u64..1000) {
        let network = random_graph(agents, 0.4, seed);
        let chances = numbers(3 * agents, seed);
        let lists: Vec<Vec<usize>> = (0..agents)
            .map(|i| (0..4).filter(|&c| c == 3 || chances[3 * i + c] > -0.2).collect())
            .collect();
        prop_assume!((0..3).all(|c| lists.iter().any(|list| list.contains(&c))));
        let apart = (0..4).find(|&c| !connected(&network, &lists, c));
        match Variables::new(&network, 4, &lists) {
            Ok(_) => prop_assert_eq!(apart, None),
            Err(AdmmError::VariableApart { variable, first, agent }) => {
                prop_assert!(!connected(&network, &lists, variable));
                prop_assert!(lists[first].contains(&variable) && lists[agent].contains(&variable));
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
