//! Step sizes that find themselves, from starts that are wrong by orders of magnitude.
#![cfg(feature = "admm")]

mod admm_common;

use admm_common::{close, numbers};
use la_opt::admm::{
    Adapt, Admm, AdmmOptions, AdmmReport, AdmmStatus, LeastSquares, LocalObjective, Network,
};

const AGENTS: usize = 60;

fn ring_with_chords() -> Network {
    let ring = (0..AGENTS).map(|i| (i, (i + 1) % AGENTS));
    let chords = (0..AGENTS).step_by(3).map(|i| (i, (i * 7 + 20) % AGENTS));
    Network::from_edges(AGENTS, ring.chain(chords).filter(|(i, j)| i != j)).unwrap()
}

/// Least squares whose columns have lengths 1 and `scale`.
fn agents(scale: f64) -> Vec<LeastSquares> {
    (0..AGENTS as u64)
        .map(|i| {
            let mut b = numbers(6, i);
            b.iter_mut().skip(1).step_by(2).for_each(|b| *b *= scale);
            LeastSquares::new(2, b, numbers(3, 1000 + i)).unwrap()
        })
        .collect()
}

fn solve(scale: f64, options: AdmmOptions) -> (AdmmReport, Vec<f64>) {
    let mut admm = Admm::new(&ring_with_chords(), agents(scale), options).unwrap();
    let report = admm.solve();
    (report, admm.x(7).to_vec())
}

/// The minimiser of the sum by Cramer's rule.
fn optimum(scale: f64) -> Vec<f64> {
    let mut gradient = [vec![0.0; 2], vec![0.0; 2], vec![0.0; 2]];
    for f in agents(scale) {
        let mut part = [0.0; 2];
        for (total, at) in gradient
            .iter_mut()
            .zip([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        {
            assert!(f.gradient(&at, &mut part));
            total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
        }
    }
    let [c, a, b] = gradient;
    let (h00, h10) = (a[0] - c[0], a[1] - c[1]);
    let (h01, h11) = (b[0] - c[0], b[1] - c[1]);
    let determinant = h00 * h11 - h01 * h10;
    vec![
        (h01 * c[1] - h11 * c[0]) / determinant,
        (h10 * c[0] - h00 * c[1]) / determinant,
    ]
}

/// α = 1e-3 and 1e3 are both so wrong that plain iterations end at a limit that adapted ones do not come near.
#[test]
fn wrong_starts_are_mended() {
    for scale in [1.0, 0.3] {
        let star = optimum(scale);
        for alpha in [1e-3, 1e3] {
            let options = AdmmOptions::default()
                .with_alpha(alpha)
                .with_max_iters(3000);
            let (plain, _) = solve(scale, options.clone());
            assert_eq!(plain.status, AdmmStatus::IterationLimit);
            for adapt in [Adapt::balance(), Adapt::spectral()] {
                let (report, x) = solve(scale, options.clone().with_adapt(adapt.clone()));
                assert_eq!(report.status, AdmmStatus::Converged, "{adapt:?} {alpha}");
                close(&x, &star, 1e-3);
                // And the optimum itself where more is asked for.
                let fine = options
                    .clone()
                    .with_adapt(adapt)
                    .with_tolerances(1e-12, 1e-11);
                let (fine, x) = solve(scale, fine.with_max_iters(20_000));
                assert_eq!(fine.status, AdmmStatus::Converged);
                close(&x, &star, 1e-8);
            }
        }
    }
}

/// Spectral steps from any start need about as many iterations as the best constant α.
#[test]
fn spectral_steps_know_the_graph() {
    let options = AdmmOptions::default().with_max_iters(10_000);
    let best = [0.3, 1.0, 3.0, 5.0, 10.0, 30.0]
        .into_iter()
        .map(|alpha| solve(1.0, options.clone().with_alpha(alpha)).0.iterations)
        .min()
        .unwrap();
    for alpha in [1e-3, 1.0, 1e3] {
        let options = options
            .clone()
            .with_alpha(alpha)
            .with_adapt(Adapt::spectral());
        let (report, _) = solve(1.0, options);
        assert!(
            report.iterations <= 2 * best,
            "{} beside {best}",
            report.iterations
        );
    }
}
