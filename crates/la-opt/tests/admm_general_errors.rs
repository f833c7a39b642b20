//! Agents with variables of their own: what is refused, who fails, and in which words.
#![cfg(feature = "admm")]

mod admm_common;

use std::cell::Cell;

use admm_common::{grid, neighbourhoods, numbers};
use la_opt::admm::{
    Admm, AdmmError, AdmmOptions, AdmmReport, AdmmStatus, EdgeWeights, LeastSquares, LocalFailure,
    LocalObjective, Network, SquaredDistance, Variables,
};

/// Fails, or answers with NaN, in its fifth step.
struct Doomed(usize, Cell<usize>, bool);

impl LocalObjective for Doomed {
    fn dim(&self) -> usize {
        self.0
    }

    fn value(&self, _: &[f64]) -> f64 {
        0.0
    }

    fn prox(&mut self, _: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
        self.1.set(self.1.get() + 1);
        x.copy_from_slice(centre);
        match (self.1.get(), self.2) {
            (5, true) => return Err(LocalFailure::Infeasible),
            (5, false) => x[self.0 - 1] = f64::NAN,
            _ => {}
        }
        Ok(())
    }
}

/// It is the agent that is named, not one of its numbers.
#[test]
fn who_failed() {
    let network = grid(3, 3);
    let lists = neighbourhoods(&network);
    let variables = Variables::new(&network, 9, &lists).unwrap();
    let run = |fails: bool| -> AdmmReport {
        let agents = lists.iter().enumerate().map(|(i, list)| {
            let calls = if i == 6 { 0 } else { 1000 };
            Doomed(list.len(), Cell::new(calls), fails)
        });
        let mut admm = Admm::general(&variables, agents.collect(), AdmmOptions::default()).unwrap();
        let mut start = vec![0.0; variables.total()];
        start[3] = 1.0;
        admm.start_from(&start).unwrap();
        admm.solve()
    };
    let report = run(true);
    assert_eq!(report.status, AdmmStatus::LocalFailure);
    assert_eq!(report.failure, Some((6, LocalFailure::Infeasible)));
    let report = run(false);
    assert_eq!(report.status, AdmmStatus::NonFinite);
    assert!(
        report
            .failure
            .is_some_and(|(_, why)| why == LocalFailure::NonFinite)
    );
}

#[test]
fn what_is_refused() {
    let path = Network::from_edges(3, [(0, 1), (1, 2)]).unwrap();
    let refused = |count: usize, lists: &[&[usize]], words: &str| {
        let error = Variables::new(&path, count, lists).unwrap_err();
        assert_eq!(error.to_string(), words);
    };
    refused(
        2,
        &[&[0, 1], &[1], &[0]],
        "agents 0 and 2 have variable 0, but are not joined by a path of agents that have it",
    );
    refused(
        2,
        &[&[0, 1], &[1], &[2]],
        "agent 2 has variable 2, but there are 2",
    );
    refused(2, &[&[0, 1, 0], &[1], &[1]], "agent 0 has variable 0 twice");
    refused(2, &[&[0], &[1], &[]], "agent 2 has no variables");
    refused(3, &[&[0], &[1], &[1]], "no agent has variable 2");
    refused(
        2,
        &[&[0], &[1]],
        "list of lists of variables has length 2 but must have 3",
    );
    let variables = Variables::new(&path, 2, [vec![0], vec![0, 1], vec![1]]).unwrap();
    let error = variables
        .clone()
        .with_weights(EdgeWeights::Given(vec![1.0; 3]));
    assert!(matches!(error, Err(AdmmError::Length { expected: 4, .. })));
    let start = |dims: &[usize]| {
        let agents = dims
            .iter()
            .map(|&n| SquaredDistance::new(vec![0.0; n]).unwrap());
        let options = AdmmOptions::default();
        Admm::general(&variables, agents.collect(), options).map(|_| ())
    };
    assert_eq!(
        start(&[1, 1, 1]).unwrap_err().to_string(),
        "the function of agent 1 has dimension 1, but the agent has 2 variables"
    );
    assert_eq!(
        start(&[1, 2]).unwrap_err().to_string(),
        "list of local functions has length 2 but must have 3"
    );
    start(&[1, 2, 1]).unwrap();
}

/// A function without scales in the place of one that has them would be given the wrong weights.
#[test]
fn another_function() {
    let network = grid(2, 2);
    let lists = neighbourhoods(&network);
    let mut own = lists.clone();
    own[3].push(4);
    let variables = Variables::new(&network, 5, &own).unwrap();
    let agents = own.iter().map(|list| -> Box<dyn LocalObjective> {
        let n = list.len();
        Box::new(LeastSquares::new(n, numbers(n, 1), vec![1.0]).unwrap())
    });
    let mut admm = Admm::general(&variables, agents.collect(), AdmmOptions::default()).unwrap();
    admm.iterate(3).unwrap();
    admm.objectives_mut()[3] = Box::new(Doomed(4, Cell::new(1000), true));
    let (agent, failure) = admm.iterate(1).unwrap_err();
    assert_eq!(agent, 3);
    assert_eq!(failure.to_string(), "the function takes no scales");
}
