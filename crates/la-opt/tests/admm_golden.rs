//! Iterates written down by hand (two golden paths and a star), and those of the reference package on small random graphs.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::{Fixture, Replay, close};
use la_opt::admm::{
    Admm, AdmmOptions, EdgeWeights, LeastSquares, LocalObjective, Network, SquaredDistance,
};

fn path(weights: EdgeWeights) -> Admm<SquaredDistance> {
    let network = Network::from_edges(4, [(0, 1), (1, 2), (2, 3)])
        .unwrap()
        .with_weights(weights)
        .unwrap();
    let agents = [4.0, -2.0, 6.0, 0.0].map(|b| SquaredDistance::new(vec![b]).unwrap());
    Admm::new(&network, agents.into(), AdmmOptions::plain(1.0)).unwrap()
}

fn states(admm: &Admm<SquaredDistance>) -> [Vec<f64>; 3] {
    let gather = |of: fn(&Admm<SquaredDistance>, usize) -> &[f64]| {
        (0..4).map(|i| of(admm, i)[0]).collect::<Vec<_>>()
    };
    [gather(Admm::x), gather(Admm::y), gather(Admm::lambda)]
}

/// T1 of the specification.
#[test]
fn path_with_unit_weights() {
    let mut admm = path(EdgeWeights::Unit);
    admm.iterate(1).unwrap();
    let [x, y, lambda] = states(&admm);
    close(&x, &[2.0, -0.5, 1.5, 0.0], 1e-10);
    close(&y, &[1.25, -1.5, 1.166_666_666_7, -0.75], 1e-10);
    close(&lambda, &y, 0.0);
    admm.iterate(1).unwrap();
    let [x, _, lambda] = states(&admm);
    close(
        &x,
        &[1.625, 0.479_166_666_7, 1.479_166_666_7, 0.958_333_333_3],
        1e-10,
    );
    close(
        &lambda,
        &[
            1.822_916_666_7,
            -2.215_277_777_8,
            1.673_611_111_1,
            -1.010_416_666_7,
        ],
        1e-10,
    );
    admm.iterate(1).unwrap();
    let [x, ..] = states(&admm);
    close(
        &x,
        &[1.480_902_777_8, 1.164_062_5, 1.539_062_5, 1.342_013_888_9],
        1e-10,
    );
}

/// T2: weights on the edges, and in the second iteration a step size for each agent.
#[test]
fn path_with_weights_and_own_steps() {
    let weights = EdgeWeights::Given(vec![0.5, 0.5, 2.0, 2.0, 1.0, 1.0]);
    let mut admm = path(weights).with_policy(Replay(vec![
        vec![1.0; 4],
        vec![0.5, 1.0, 2.0, 0.25],
        vec![1.0; 4],
    ]));
    admm.iterate(1).unwrap();
    let [x, y, _] = states(&admm);
    close(&x, &[3.2, -0.32, 0.75, 0.0], 1e-10);
    close(&y, &[0.88, -1.3, 0.963_333_333_3, -0.375], 1e-10);
    admm.iterate(1).unwrap();
    let [x, _, lambda] = states(&admm);
    close(
        &x,
        &[3.184_444_444_4, 0.309_866_666_7, 0.5135, 0.669_166_666_7],
        1e-10,
    );
    close(
        &lambda,
        &[
            1.239_322_222_2,
            -1.914_851_851_9,
            1.131_066_666_7,
            -0.355_541_666_7,
        ],
        1e-10,
    );
    admm.iterate(1).unwrap();
    let [x, ..] = states(&admm);
    close(
        &x,
        &[
            2.939_354_814_8,
            0.718_936_740_7,
            0.637_942_766_2,
            0.707_743_75,
        ],
        1e-10,
    );
}

/// T3: least squares on a star.
#[test]
fn star_of_least_squares() {
    let network = Network::from_edges(3, [(0, 1), (0, 2)]).unwrap();
    let agents = [
        ([1.0, 0.0, 0.5, 1.0], [1.0, 2.0]),
        ([0.2, 0.9, 0.8, 0.1], [-3.0, 4.0]),
        ([0.6, 0.3, 0.1, 0.7], [5.0, -6.0]),
    ]
    .map(|(matrix, b)| LeastSquares::new(2, matrix.into(), b.into()).unwrap());
    let mut admm = Admm::new(&network, agents.into(), AdmmOptions::plain(0.5)).unwrap();
    admm.iterate(1).unwrap();
    close(admm.x(0), &[0.603_773_584_9, 0.679_245_283], 1e-10);
    close(admm.x(1), &[2.704_697_986_6, -2.275_167_785_2], 1e-10);
    close(admm.x(2), &[3.724_774_826_1, -3.362_216_394_9], 1e-10);
    admm.iterate(1).unwrap();
    close(admm.x(0), &[2.326_111_498_6, -0.890_045_904], 1e-10);
    close(admm.x(1), &[2.532_585_481_5, -1.660_207_368_5], 1e-10);
    close(admm.x(2), &[3.844_433_210_2, -2.931_362_922_4], 1e-10);
    let report = admm.solve();
    assert_eq!(report.status, la_opt::admm::AdmmStatus::Converged);
    close(admm.x(1), &[4.406_764_594_8, -3.104_513_433_6], 1e-5);
}

/// Twenty iterates of every file of the parity data, with the step sizes and weights that are stored beside them.
#[test]
fn iterates_of_the_reference() {
    let Some(fixtures) = Fixture::all() else {
        return;
    };
    assert_eq!(fixtures.len(), 14);
    for fixture in &fixtures {
        for instance in 0..5 {
            let policy = Replay(
                (0..20)
                    .map(|k| fixture.slice("alpha", (instance * 20 + k) * 8, 8).to_vec())
                    .collect(),
            );
            let mut admm = Admm::new(
                &fixture.network(instance),
                fixture.agents(instance),
                AdmmOptions::plain(1.0),
            )
            .unwrap()
            .with_policy(policy);
            for k in 0..20 {
                admm.iterate(1).unwrap();
                for i in 0..8 {
                    let at = ((instance * 20 + k) * 8 + i) * 2;
                    close(admm.x(i), &fixture.slice("x", at, 2), 1e-12);
                    close(admm.y(i), &fixture.slice("y", at, 2), 1e-12);
                    close(admm.lambda(i), &fixture.slice("lambda", at, 2), 1e-12);
                }
                let star = fixture.x_star(instance);
                let distance = (0..8)
                    .flat_map(|i| admm.x(i).iter().zip(&star))
                    .map(|(x, s)| (x - s).powi(2))
                    .sum::<f64>()
                    / 8.0;
                close(
                    &[distance],
                    &fixture.slice("distance", instance * 20 + k, 1),
                    1e-12,
                );
            }
        }
    }
}

/// The values of local functions at the solution of least squares.
#[test]
fn objective_is_that_of_the_functions() {
    let mut admm = path(EdgeWeights::Unit);
    admm.iterate(3).unwrap();
    let by_hand: f64 = [4.0, -2.0, 6.0, 0.0]
        .iter()
        .enumerate()
        .map(|(i, b)| SquaredDistance::new(vec![*b]).unwrap().value(admm.x(i)))
        .sum();
    assert!((admm.objective() - by_hand).abs() < 1e-12);
}
