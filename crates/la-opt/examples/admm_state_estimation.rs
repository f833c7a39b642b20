//! Neighbours on a grid estimate their states together, each only its own and those around it.
//!
//! `cargo run --release -p la-opt --example admm_state_estimation -- [SIDE]`
//!
//! Every agent measures its own state roughly and its differences to its neighbours well. In the general form it holds the states that its measurements are of, in the plain form a copy of all;
//! in between stand functions whose proximal step has one weight for all coordinates. Counted are the iterations until every number
//! of every agent is within 1e-3 of the least-squares estimate, with the best of some constant step sizes for each.
#![allow(clippy::print_stdout, reason = "a program")]

use la_opt::admm::{
    Adapt, Admm, AdmmOptions, AdmmStatus, LeastSquares, LocalFailure, LocalObjective, Network,
    Variables,
};

type Failure = Box<dyn std::error::Error>;

/// A function without [`LocalObjective::prox_scaled`].
#[derive(Clone)]
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

/// What agent i measures, as a function of the variables in its list.
fn agent(network: &Network, i: usize, list: &[usize]) -> Result<LeastSquares, Failure> {
    let truth = |k: usize| (0.37 * k as f64).sin() + 0.02 * k as f64;
    let noise = |k: usize| ((12.9898 * k as f64).sin() * 43758.5453).fract();
    let (mut rows, mut sides) = (Vec::new(), Vec::new());
    let mut measure = |terms: &[(usize, f64)], side: f64| {
        let coefficient = |c: &usize| terms.iter().find(|(k, _)| k == c).map_or(0.0, |t| t.1);
        rows.extend(list.iter().map(coefficient));
        sides.push(side);
    };
    measure(&[(i, 0.3)], 0.3 * (truth(i) + 0.5 * noise(i)));
    for &j in network.neighbours(i) {
        let j = j as usize;
        let difference = truth(i) - truth(j) + 0.05 * noise(1000 * i + j);
        measure(&[(i, 1.0), (j, -1.0)], difference);
    }
    Ok(LeastSquares::new(list.len(), rows, sides)?)
}

/// Iterations until all agents are near the estimate, with the best of some constant step sizes, and that one.
fn count<F: LocalObjective + Clone>(
    variables: &Variables,
    agents: &[F],
    estimate: &[f64],
) -> Result<(usize, f64), Failure> {
    let mut best = (20_000, f64::NAN);
    for alpha in [0.3, 0.2, 0.5, 0.1, 1.0, 0.05, 2.0, 0.02] {
        let options = AdmmOptions::default().with_alpha(alpha);
        let mut admm = Admm::general(variables, agents.to_vec(), options)?;
        let near = |admm: &Admm<F>| {
            (0..agents.len()).all(|i| {
                let mut pairs = variables.of(i).iter().zip(admm.x(i));
                pairs.all(|(&c, x)| (x - estimate[c as usize]).abs() < 1e-3)
            })
        };
        while !near(&admm) && admm.iteration() < best.0 {
            let failed = |(i, why)| format!("agent {i}: {why}");
            admm.iterate(1).map_err(failed)?;
        }
        if admm.iteration() < best.0 {
            best = (admm.iteration(), alpha);
        }
    }
    Ok(best)
}

fn main() -> Result<(), Failure> {
    let side: usize = std::env::args().nth(1).map_or(Ok(6), |s| s.parse())?;
    let total = side * side;
    let right = (0..total).filter(|i| (i + 1) % side != 0);
    let below = (0..total.saturating_sub(side)).map(|i| (i, i + side));
    let network = Network::from_edges(total, right.map(|i| (i, i + 1)).chain(below))?;
    let around = |i: usize| network.neighbours(i).iter().map(|&j| j as usize);
    let own: Vec<Vec<usize>> = (0..total)
        .map(|i| std::iter::once(i).chain(around(i)).collect())
        .collect();
    let all: Vec<Vec<usize>> = vec![(0..total).collect(); total];
    let agents = |lists: &[Vec<usize>]| -> Result<Vec<_>, Failure> {
        let lists = lists.iter().enumerate();
        lists.map(|(i, list)| agent(&network, i, list)).collect()
    };
    let general = Variables::new(&network, total, &own)?;
    let plain = Variables::new(&network, total, &all)?;

    let options = AdmmOptions::default()
        .with_adapt(Adapt::balance())
        .with_tolerances(0.0, 1e-10);
    let mut admm = Admm::general(&general, agents(&own)?, options)?;
    let report = admm.solve();
    if report.status != AdmmStatus::Converged {
        return Err(report.status.to_string().into());
    }
    let estimate = admm.mean();
    println!("{total} agents on a grid, {total} states");
    println!(
        "variables        numbers an agent   kB a round, all agents   best α   iterations   MB sent"
    );
    let (few, many) = (agents(&own)?, agents(&all)?);
    let one_weight: Vec<_> = few.iter().cloned().map(OneWeight).collect();
    for (name, variables, (iterations, alpha)) in [
        ("own", &general, count(&general, &few, &estimate)?),
        (
            "own, one weight",
            &general,
            count(&general, &one_weight, &estimate)?,
        ),
        ("all", &plain, count(&plain, &many, &estimate)?),
    ] {
        let numbers = variables.total() as f64 / total as f64;
        let bytes = 8.0 * variables.sent() as f64;
        let megabytes = 2e-6 * bytes * iterations as f64;
        println!(
            "{name:<16} {numbers:>16.1} {:>24.2} {alpha:>8} {iterations:>12} {megabytes:>9.2}",
            1e-3 * bytes
        );
    }
    Ok(())
}
