//! The same bits on any number of threads.
#![cfg(feature = "rayon")]

mod admm_common;

use admm_common::{grid, neighbourhoods, numbers};
use la_opt::admm::{Adapt, Admm, AdmmOptions, Anderson, Form, LeastSquares, Variables};

fn options() -> impl Iterator<Item = AdmmOptions> {
    [Form::Nodes, Form::Edges].into_iter().flat_map(options_of)
}

fn options_of(form: Form) -> [AdmmOptions; 4] {
    let options = AdmmOptions::default().with_max_iters(60).with_form(form);
    [
        options.clone(),
        options
            .clone()
            .with_adapt(Adapt::balance())
            .with_alpha(0.01),
        options
            .clone()
            .with_adapt(Adapt::spectral())
            .with_pipelined(true),
        options.with_acceleration(Some(Anderson::default().with_memory(5))),
    ]
}

/// Runs on one thread and on several.
#[track_caller]
fn same_bits(start: impl Fn(AdmmOptions) -> Admm<LeastSquares> + Sync) {
    for options in options() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| {
                let mut admm = start(options.clone());
                let report = admm.solve();
                let bits: Vec<u64> = (0..admm.shard().owned())
                    .flat_map(|i| [admm.x(i), admm.lambda(i)].concat())
                    .map(f64::to_bits)
                    .collect();
                (
                    bits,
                    report.primal.to_bits(),
                    report.dual.to_bits(),
                    report.alpha.to_bits(),
                )
            })
        };
        let one = run(1);
        for threads in [2, 3, 5] {
            assert!(one == run(threads), "{threads} threads, {options:?}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let network = grid(75, 80);
    let agents: Vec<LeastSquares> = (0..network.agents())
        .map(|i| {
            let seed = i as u64;
            LeastSquares::new(2, numbers(6, seed), numbers(3, seed + 10_000)).unwrap()
        })
        .collect();
    same_bits(|options| Admm::new(&network, agents.clone(), options).unwrap());
}

#[test]
fn nor_where_agents_have_variables_of_their_own() {
    let network = grid(50, 60);
    let lists = neighbourhoods(&network);
    let variables = Variables::new(&network, network.agents(), &lists).unwrap();
    let agents = lists.iter().enumerate().map(|(i, list)| {
        let (n, seed) = (list.len(), i as u64);
        LeastSquares::new(n, numbers(2 * n, seed), numbers(2, seed + 10_000)).unwrap()
    });
    let agents: Vec<_> = agents.collect();
    same_bits(|options| Admm::general(&variables, agents.clone(), options).unwrap());
}
