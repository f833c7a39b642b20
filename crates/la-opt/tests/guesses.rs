//! Solves that start from a guess form the rows of the guess alone until a constraint is seen to be violated: the answers are those of a start from
//! nothing.

use la_opt::qp::{
    Certificate, Hessian, Pricing, QpOptions, QpSolution, QpStatus, QpUpdate, QpWorkspace,
    QuadraticProgram, Side, WarmStart, solve,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const INF: f64 = f64::INFINITY;

/// n variables, some bounds, 3 n rows of which some are equalities, feasible at a point.
fn random(n: usize, seed: u64, bounds: usize, equalities: usize) -> QuadraticProgram {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let root = draw(n * n);
    let mut hessian = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            hessian[i * n + j] = (0..n).map(|k| root[i * n + k] * root[j * n + k]).sum();
        }
        hessian[i * n + i] += 0.1;
    }
    let linear = draw(n).iter().map(|x| 5.0 * x).collect();
    let point = draw(n);
    let rows = draw(3 * n * n);
    let value = |i: usize| -> f64 { (0..n).map(|j| rows[i * n + j] * point[j]).sum::<f64>() };
    let (mut lower, mut upper) = (vec![-INF; 3 * n], vec![0.0; 3 * n]);
    let slack = draw(3 * n);
    for i in 0..3 * n {
        if i < equalities {
            lower[i] = value(i);
            upper[i] = lower[i];
        } else if i % 3 == 0 {
            lower[i] = value(i) - 0.1;
            upper[i] = lower[i] + 0.2;
        } else {
            upper[i] = value(i) + 0.1 + slack[i].abs();
        }
    }
    let low = (0..bounds).map(|j| point[j] - 0.3).collect();
    let high = (0..bounds).map(|j| point[j] + 0.2).collect();
    QuadraticProgram::new(Hessian::Dense(hessian), linear)
        .unwrap()
        .with_bounds(low, high)
        .unwrap()
        .with_rows(rows, lower, upper)
        .unwrap()
}

fn same(a: &QpSolution, b: &QpSolution, what: &str) {
    assert_eq!(a.status, b.status, "{what}");
    assert!((a.objective - b.objective).abs() < 1e-8, "{what}");
    for (a, b) in a.x.iter().zip(&b.x) {
        assert!((a - b).abs() < 1e-7, "{what}: {a} {b}");
    }
    for (a, b) in a.multipliers.iter().zip(&b.multipliers) {
        assert!((a - b).abs() < 1e-6, "{what}: {a} {b}");
    }
}

#[test]
fn right_wrong_and_partial_guesses_lead_to_the_same_answer() {
    for (n, seed, bounds, equalities) in [
        (3, 1, 0, 0),
        (8, 2, 8, 0),
        (8, 3, 5, 2),
        (15, 4, 0, 4),
        (30, 5, 20, 3),
        (30, 6, 0, 0),
        (41, 7, 41, 10),
    ] {
        let problem = random(n, seed, bounds, equalities);
        for pricing in [Pricing::SteepestEdge, Pricing::LargestViolation] {
            let options = QpOptions::default().with_pricing(pricing);
            let cold = solve(&problem, &options).unwrap();
            assert_eq!(cold.status, QpStatus::Optimal);
            let mut rng = ChaCha8Rng::seed_from_u64(seed + 100);
            for share in [1.0, 0.7, 0.0] {
                let mut guess: Vec<(usize, Side)> = cold
                    .active_set
                    .iter()
                    .copied()
                    .filter(|_| rng.random_bool(share))
                    .collect();
                if share < 1.0 {
                    for _ in 0..n / 2 {
                        guess.push((rng.random_range(0..bounds + 3 * n), Side::Upper));
                    }
                }
                let what = format!("{n} {seed} {pricing:?} {share}");
                let mut workspace = QpWorkspace::new(problem.clone(), options.clone()).unwrap();
                workspace.warm_start(WarmStart::Active(&guess)).unwrap();
                let warm = workspace.solve();
                same(warm, &cold, &what);
                if share == 1.0 {
                    assert_eq!(warm.iterations, 1, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_sequence_that_starts_from_guesses_has_the_answers_of_new_problems() {
    for (n, bounds, equalities) in [(6, 6, 1), (20, 10, 0), (30, 0, 5)] {
        let problem = random(n, 11, bounds, equalities);
        let m = problem.num_constraints();
        let first = solve(&problem, &QpOptions::default()).unwrap();
        let mut workspace = QpWorkspace::new(problem.clone(), QpOptions::default()).unwrap();
        workspace
            .warm_start(WarmStart::Dual(&first.multipliers))
            .unwrap();
        let _ = workspace.solve();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let (mut q, mut upper) = (problem.linear().to_vec(), problem.upper().to_vec());
        let (mut p, mut a) = (problem.hessian().clone(), problem.rows().to_vec());
        for step in 0..40 {
            // Small changes that leave the working set, then ever larger ones that do not; matrices from time to time.
            let size = 1e-3 * f64::from(step);
            for q in &mut q {
                *q += size * rng.random_range(-1.0..1.0);
            }
            for (j, u) in upper.iter_mut().enumerate() {
                if j >= bounds + equalities {
                    *u += 0.1 * size * rng.random_range(0.0..1.0);
                }
            }
            let mut update = QpUpdate::default().with_linear(&q).with_upper(&upper);
            if step % 5 == 4 {
                if let Hessian::Dense(p) = &mut p {
                    p[0] += 0.1;
                }
                for a in &mut a[equalities * n..] {
                    *a += 1e-4 * rng.random_range(-1.0..1.0);
                }
                update = update.with_hessian(&p).with_rows(&a);
            }
            workspace.update(&update).unwrap();
            let fresh = QuadraticProgram::new(p.clone(), q.clone())
                .unwrap()
                .with_bounds(problem.lower()[..bounds].to_vec(), upper[..bounds].to_vec())
                .unwrap()
                .with_rows(
                    a.clone(),
                    problem.lower()[bounds..].to_vec(),
                    upper[bounds..].to_vec(),
                )
                .unwrap();
            let cold = solve(&fresh, &QpOptions::default()).unwrap();
            assert_eq!(cold.status, QpStatus::Optimal);
            assert_eq!(cold.multipliers.len(), m);
            same(workspace.solve(), &cold, &format!("{n} step {step}"));
        }
    }
}

#[test]
fn diagonal_and_unit_hessians_wait_too() {
    let dense = random(12, 21, 7, 2);
    for hessian in [
        Hessian::Diagonal((1..13).map(f64::from).collect()),
        Hessian::Identity,
    ] {
        let problem = QuadraticProgram::new(hessian, dense.linear().to_vec())
            .unwrap()
            .with_bounds(dense.lower()[..7].to_vec(), dense.upper()[..7].to_vec())
            .unwrap()
            .with_rows(
                dense.rows().to_vec(),
                dense.lower()[7..].to_vec(),
                dense.upper()[7..].to_vec(),
            )
            .unwrap();
        let cold = solve(&problem, &QpOptions::default()).unwrap();
        for count in [cold.active_set.len(), 4] {
            let mut workspace = QpWorkspace::new(problem.clone(), QpOptions::default()).unwrap();
            let guess = &cold.active_set[..count];
            workspace.warm_start(WarmStart::Active(guess)).unwrap();
            same(workspace.solve(), &cold, "guess");
        }
    }
}

#[test]
fn contradictions_are_found_from_a_guess() {
    // x ≤ −1, x ≥ 1, a row of zeros that has to be 1, and a row that is harmless.
    let new = |rows: Vec<f64>, lower: Vec<f64>, upper: Vec<f64>| {
        QuadraticProgram::new(Hessian::Dense(vec![2.0, 0.5, 0.5, 1.0]), vec![1.0, -1.0])
            .unwrap()
            .with_rows(rows, lower, upper)
            .unwrap()
    };
    let opposed = new(
        vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0],
        vec![-INF, 1.0, -INF],
        vec![-1.0, INF, 0.5],
    );
    let zeros = new(vec![0.0, 0.0, 1.0, 1.0], vec![1.0, -INF], vec![INF, -1.0]);
    for (problem, guess) in [
        (&opposed, vec![(2, Side::Upper)]),
        (&opposed, vec![(0, Side::Upper), (1, Side::Lower)]),
        (&zeros, vec![(1, Side::Upper)]),
        (&zeros, vec![(0, Side::Lower)]),
    ] {
        let mut workspace = QpWorkspace::new(problem.clone(), QpOptions::default()).unwrap();
        workspace.warm_start(WarmStart::Active(&guess)).unwrap();
        let solution = workspace.solve();
        assert_eq!(solution.status, QpStatus::PrimalInfeasible);
        assert!(matches!(solution.certificate, Some(Certificate::Farkas(_))));
    }
}

#[test]
fn soft_constraints_bend_from_a_guess() {
    let problem = random(10, 31, 4, 0).with_soft(&[1, 5, 9, 12, 20]).unwrap();
    let options = QpOptions::default().with_rho_soft(0.05);
    let cold = solve(&problem, &options).unwrap();
    assert!(cold.status.is_optimal());
    for share in 0..=cold.active_set.len() {
        let mut workspace = QpWorkspace::new(problem.clone(), options.clone()).unwrap();
        let guess = &cold.active_set[..share];
        workspace.warm_start(WarmStart::Active(guess)).unwrap();
        same(workspace.solve(), &cold, "soft");
    }
}

#[test]
fn the_unconstrained_minimiser_is_looked_at_first() {
    let problem = random(9, 41, 5, 0);
    let loose = QuadraticProgram::new(problem.hessian().clone(), problem.linear().to_vec())
        .unwrap()
        .with_rows(problem.rows().to_vec(), vec![-1e4; 27], vec![1e4; 27])
        .unwrap();
    let one = solve(&loose, &QpOptions::default()).unwrap();
    assert_eq!((one.status, one.iterations), (QpStatus::Optimal, 1));
    let mut workspace = QpWorkspace::new(loose, QpOptions::default()).unwrap();
    same(workspace.solve(), &one, "unconstrained");
}

/// From a guess that is mostly wrong, dual steepest edge keeps its lead over the largest violation: its distances are measured, not only those
/// from what has entered since.
#[test]
fn steepest_edge_survives_a_wrong_guess() {
    let family = la_problems::quadratic::RandomParametricQp::new(30, 120)
        .with_counts(0, 0, 8)
        .generate(5)
        .unwrap();
    let total = |pricing: Pricing| {
        let (mut total, mut last) = (0, Vec::new());
        for theta in family.test.chunks_exact(family.num_parameters) {
            let (mut q, mut u) = (vec![0.0; 30], vec![0.0; 120]);
            family.linear_at(theta, &mut q);
            family.upper_at(theta, &mut u);
            let problem = QuadraticProgram::new(Hessian::Dense(family.hessian.clone()), q)
                .unwrap()
                .with_rows(family.rows.clone(), vec![-INF; 120], u)
                .unwrap();
            let options = QpOptions::default().with_pricing(pricing);
            let mut workspace = QpWorkspace::new(problem, options).unwrap();
            workspace.warm_start(WarmStart::Active(&last)).unwrap();
            let solution = workspace.solve().require_optimal().unwrap();
            total += solution.iterations;
            last.clone_from(&solution.active_set);
        }
        total
    };
    let (edge, largest) = (
        total(Pricing::SteepestEdge),
        total(Pricing::LargestViolation),
    );
    assert!(10 * edge < 8 * largest, "{edge} {largest}");
}
