//! Iterations allocate nothing.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::{grid, neighbourhoods, numbers};
use allocation_counter::measure;
use la_opt::admm::{
    Admm, AdmmOptions, Anderson, GeneralizedLinear, LeastSquares, Link, LocalObjective,
    LocalProgram, NodeView, Plan, Quadratic, SeparableQuadratic, SquaredDistance, StepPolicy,
    Variables,
};

/// Without programs where weights change: these factor their Hessian again.
fn agents(count: usize, programs: bool) -> Vec<Box<dyn LocalObjective>> {
    (0..count)
        .map(|i| -> Box<dyn LocalObjective> {
            let (b, t) = (numbers(12, i as u64), numbers(4, 500 + i as u64));
            match i % (5 + usize::from(programs)) {
                0 => Box::new(LeastSquares::new(3, b, t).unwrap()),
                1 => Box::new(Quadratic::new(&[1.0; 9], t[..3].into(), 0.0).unwrap()),
                2 => Box::new(SquaredDistance::new(t[..3].into()).unwrap()),
                3 => {
                    let link = Link::Huber { delta: 0.1 };
                    Box::new(GeneralizedLinear::new(link, 3, b, t, 0.1).unwrap())
                }
                4 => Box::new(SeparableQuadratic::lasso(3, &b, &t, 0.1).unwrap()),
                _ => Box::new(LocalProgram::simplex(vec![1.0; 9], t[..3].into()).unwrap()),
            }
        })
        .collect()
}

struct Own(bool);

impl StepPolicy for Own {
    fn horizon(&self) -> usize {
        usize::MAX
    }

    fn plan(&mut self, _: usize) -> Plan {
        if self.0 {
            Plan::Mean { gamma: 1.5 }
        } else {
            Plan::Nodes { gamma: 1.0 }
        }
    }

    fn step(&mut self, _: usize, view: &NodeView<'_>) -> f64 {
        1.0 + 0.01 * view.y[0].sin()
    }
}

#[test]
fn iterations_allocate_nothing() {
    let network = grid(4, 6);
    for (policy, acceleration) in [
        (None, None),
        (Some(false), None),
        (Some(true), None),
        (None, Some(Anderson::default().with_memory(5))),
    ] {
        let options = AdmmOptions::default().with_acceleration(acceleration);
        let mut admm = Admm::new(&network, agents(24, policy.is_none()), options).unwrap();
        if let Some(mean) = policy {
            admm = admm.with_policy(Own(mean));
        }
        admm.iterate(3).unwrap();
        let allocations = measure(|| admm.iterate(50).unwrap());
        assert_eq!(allocations.count_total, 0, "{policy:?}");
    }
}

/// Nor do those of agents with variables of their own.
#[test]
fn iterations_of_the_general_form_allocate_nothing() {
    let network = grid(4, 6);
    let lists = neighbourhoods(&network);
    let variables = Variables::new(&network, 24, &lists).unwrap();
    let agents = lists.iter().enumerate().map(|(i, list)| {
        let (n, seed) = (list.len(), i as u64);
        let (b, t) = (numbers(4 * n, seed), numbers(n, 500 + seed));
        let agent: Box<dyn LocalObjective> = match i % 4 {
            0 => Box::new(LeastSquares::new(n, b, numbers(4, seed)).unwrap()),
            1 => Box::new(SquaredDistance::new(t).unwrap()),
            2 => Box::new(SeparableQuadratic::lasso(n, &b, &numbers(4, seed), 0.1).unwrap()),
            _ => Box::new(LocalProgram::simplex(vec![0.0; n * n], t).unwrap()),
        };
        agent
    });
    let mut admm = Admm::general(&variables, agents.collect(), AdmmOptions::default()).unwrap();
    admm.iterate(3).unwrap();
    let allocations = measure(|| admm.iterate(50).unwrap());
    assert_eq!(allocations.count_total, 0);
}
