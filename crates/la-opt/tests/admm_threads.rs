//! The same bits on any number of threads.
#![cfg(feature = "rayon")]

mod admm_common;

use admm_common::{grid, numbers};
use la_opt::admm::{Adapt, Admm, AdmmOptions, Anderson, LeastSquares};

#[test]
fn bits_do_not_depend_on_threads() {
    let network = grid(75, 80);
    let agents: Vec<LeastSquares> = (0..network.agents())
        .map(|i| {
            let seed = i as u64;
            LeastSquares::new(2, numbers(6, seed), numbers(3, seed + 10_000)).unwrap()
        })
        .collect();
    let options = AdmmOptions::default().with_max_iters(60);
    for options in [
        options.clone(),
        options
            .clone()
            .with_adapt(Adapt::balance())
            .with_alpha(0.01),
        options
            .clone()
            .with_adapt(Adapt::spectral())
            .with_pipelined(true),
        options
            .clone()
            .with_acceleration(Some(Anderson::default().with_memory(5))),
    ] {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| {
                let mut admm = Admm::new(&network, agents.clone(), options.clone()).unwrap();
                let report = admm.solve();
                let bits: Vec<u64> = (0..network.agents())
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
