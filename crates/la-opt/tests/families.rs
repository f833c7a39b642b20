//! Parametric families with solutions and iteration counts of an independent implementation.

use la_opt::qp::{
    Certificate, Hessian, Pricing, QpOptions, QpStatus, QpUpdate, QpWorkspace, QuadraticProgram,
    Side, WarmStart,
};
use la_problems::quadratic::ParametricFamily;

fn family(name: &str) -> Option<ParametricFamily> {
    let Ok(folder) = std::env::var("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return None;
    };
    Some(ParametricFamily::open(format!("{folder}/qp/param/{name}.npz")).unwrap())
}

fn problem(family: &ParametricFamily, theta: &[f64]) -> QuadraticProgram {
    let (n, m) = (family.num_variables(), family.num_constraints());
    let (mut q, mut u) = (vec![0.0; n], vec![0.0; m]);
    family.linear_at(theta, &mut q);
    family.upper_at(theta, &mut u);
    QuadraticProgram::new(Hessian::Dense(family.hessian.clone()), q)
        .unwrap()
        .with_rows(family.rows.clone(), vec![f64::NEG_INFINITY; m], u)
        .unwrap()
}

/// Solves `count` problems of a family from nothing; mean iterations.
fn solve_all(family: &ParametricFamily, pricing: Pricing, count: usize) -> f64 {
    let mut total = 0;
    let thetas = family.test.chunks_exact(family.num_parameters);
    for (k, theta) in thetas.take(count).enumerate() {
        let options = QpOptions::default().with_pricing(pricing);
        let problem = problem(family, theta);
        let mut workspace = QpWorkspace::new(problem.clone(), options).unwrap();
        let solution = workspace.solve();
        total += solution.iterations;
        if family.reference.status[k] == 1 {
            assert_eq!(
                solution.status,
                QpStatus::Optimal,
                "{k}: {:?}",
                solution.kkt
            );
            let expected = family.reference.objective[k];
            let error = (solution.objective - expected).abs();
            assert!(error <= 1e-6 * expected.abs().max(1.0), "{k}: {error}");
            assert!(solution.kkt.primal <= 1e-6 && solution.kkt.dual <= 1e-6);
        } else {
            assert_eq!(solution.status, QpStatus::PrimalInfeasible, "{k}");
            let Some(Certificate::Farkas(y)) = &solution.certificate else {
                panic!("{k}: no certificate");
            };
            let size = y.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
            assert!(y.iter().all(|&y| y >= 0.0));
            for c in 0..family.num_variables() {
                let sum: f64 = y
                    .iter()
                    .enumerate()
                    .map(|(i, y)| y * family.rows[i * family.num_variables() + c])
                    .sum();
                assert!(sum.abs() <= 1e-6 * size, "{k}: {sum}");
            }
            let value: f64 = y.iter().zip(problem.upper()).map(|(y, u)| y * u).sum();
            assert!(value < 0.0, "{k}");
        }
    }
    total as f64 / count as f64
}

#[test]
fn the_reference_rule_takes_the_iterations_of_the_reference() {
    let sets = [
        ("dense_10v40c", 200, 1e-9),
        ("dense_20v80c", 200, 0.01),
        ("dense_30v120c", 100, 0.01),
        ("banded_50v200c", 100, 0.01),
        ("multi_dense_100v200c", 20, 0.01),
        ("lmpc_pendulum_N5_206c", 200, 1e-9),
        ("lmpc_pendulum_N50_296c", 200, 0.01),
        ("chain3_N15_closedloop", 100, 0.01),
    ];
    for (name, count, tolerance) in sets {
        let Some(family) = family(name) else { return };
        let mean = solve_all(&family, Pricing::LargestViolation, count);
        let reference: i64 = family.reference.iterations[..count].iter().sum();
        let reference = reference as f64 / count as f64;
        assert!(
            (mean - reference).abs() <= tolerance * reference,
            "{name}: {mean} {reference}"
        );
    }
}

#[test]
fn steepest_edge_needs_fewer() {
    // Fractions of the reference's iterations.
    let sets = [
        ("dense_30v120c", 100, 0.5),
        ("dense_50v200c", 50, 0.65),
        ("dense_100v400c", 10, 0.4),
        ("multi_dense_100v200c", 30, 0.6),
        ("chain3_N15_closedloop", 200, 1.15),
        ("lmpc_pendulum_N50_296c", 200, 1.0),
        ("bandfix_50v200c", 50, 0.75),
    ];
    for (name, count, share) in sets {
        let Some(family) = family(name) else { return };
        let mean = solve_all(&family, Pricing::SteepestEdge, count);
        let reference: i64 = family.reference.iterations[..count].iter().sum();
        let reference = reference as f64 / count as f64;
        assert!(mean <= share * reference, "{name}: {mean} {reference}");
    }
}

#[test]
fn a_short_list_needs_no_more_than_all_rows() {
    let sets = [
        ("dense_30v120c", 60, 1.0),
        ("dense_50v200c", 40, 0.95),
        ("dense_100v400c", 10, 0.8),
        ("banded_50v200c", 40, 1.05),
        ("lmpc_pendulum_N50_296c", 100, 1.05),
    ];
    for (name, count, share) in sets {
        let Some(family) = family(name) else { return };
        let mean = solve_all(&family, Pricing::Partial { candidates: 20 }, count);
        let reference: i64 = family.reference.iterations[..count].iter().sum();
        let reference = reference as f64 / count as f64;
        assert!(mean <= share * reference, "{name}: {mean} {reference}");
    }
}

#[test]
fn the_right_guess_takes_one_iteration() {
    for name in ["dense_20v80c", "banded_30v120c", "multi_dense_60v120c"] {
        let Some(family) = family(name) else { return };
        for pricing in [Pricing::LargestViolation, Pricing::SteepestEdge] {
            for theta in family.test.chunks_exact(family.num_parameters).take(20) {
                let options = QpOptions::default().with_pricing(pricing);
                let mut workspace = QpWorkspace::new(problem(&family, theta), options).unwrap();
                let cold = workspace.solve().clone();
                for start in [
                    WarmStart::Active(&cold.active_set),
                    WarmStart::Dual(&cold.multipliers),
                    WarmStart::Keep,
                ] {
                    workspace.warm_start(start).unwrap();
                    let warm = workspace.solve();
                    assert_eq!((warm.status, warm.iterations), (QpStatus::Optimal, 1));
                    for (a, b) in warm.x.iter().zip(&cold.x) {
                        assert!((a - b).abs() < 1e-7, "{name}: {a} {b}");
                    }
                }
            }
        }
    }
}

#[test]
fn of_a_guess_with_too_many_constraints_the_likely_ones_are_kept() {
    let Some(family) = family("dense_20v80c") else {
        return;
    };
    let theta = &family.test[..family.num_parameters];
    let mut workspace = QpWorkspace::new(problem(&family, theta), QpOptions::default()).unwrap();
    let active = workspace.solve().active_set.clone();
    let mut ranked: Vec<(usize, Side, f64)> = (0..80).map(|j| (j, Side::Upper, 0.1)).collect();
    for (j, _) in active {
        ranked[j].2 = 0.9;
    }
    workspace.warm_start(WarmStart::Ranked(&ranked)).unwrap();
    let all = workspace.solve();
    assert_eq!(all.status, QpStatus::Optimal);
    // Sixty wrong ones follow the right ones, as many of them as fit: each has to leave.
    assert!(all.iterations <= 21, "{}", all.iterations);
}

#[test]
fn updates_give_what_a_new_problem_gives_and_allocate_nothing() {
    for name in ["dense_20v80c", "chain3_N15_closedloop"] {
        let Some(family) = family(name) else { return };
        let (n, m, p) = (
            family.num_variables(),
            family.num_constraints(),
            family.num_parameters,
        );
        let mut thetas = family.test.chunks_exact(p);
        let first = thetas.next().unwrap();
        let mut workspace =
            QpWorkspace::new(problem(&family, first), QpOptions::default()).unwrap();
        let _ = workspace.solve();
        let (mut q, mut u) = (vec![0.0; n], vec![0.0; m]);
        let (mut kept, mut cold) = (0, 0);
        for theta in thetas.take(60) {
            family.linear_at(theta, &mut q);
            family.upper_at(theta, &mut u);
            let allocations = allocation_counter::measure(|| {
                let update = QpUpdate::default().with_linear(&q).with_upper(&u);
                workspace.update(&update).unwrap();
                let _ = workspace.solve();
            });
            assert_eq!(allocations.count_total, 0, "{name}");
            let fresh = la_opt::qp::solve(&problem(&family, theta), &QpOptions::default()).unwrap();
            let warm = workspace.solution();
            assert_eq!(warm.status, fresh.status);
            for (a, b) in warm.x.iter().zip(&fresh.x) {
                assert!((a - b).abs() < 1e-7, "{name}: {a} {b}");
            }
            kept += warm.iterations;
            cold += fresh.iterations;
        }
        if name.starts_with("chain") {
            assert!(2 * kept < cold, "{name}: {kept} {cold}");
        }
    }
}
