//! Sparse input gives what the same input gives as dense matrices.

use la_opt::OptError;
use la_opt::qp::{
    Certificate, Elimination, Hessian, Pricing, QpOptions, QpStatus, QpUpdate, QpWorkspace,
    QuadraticProgram, SparseRows, WarmStart, solve,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const INF: f64 = f64::INFINITY;

/// P with a band, m rows with a few entries each, some of them equalities, some with one entry, one empty.
fn draw(n: usize, m: usize, band: usize, seed: u64) -> (Vec<f64>, Vec<f64>, [Vec<f64>; 3]) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut root = vec![0.0; n * n];
    for i in 0..n {
        for j in i..n.min(i + band + 1) {
            root[i * n + j] = rng.random_range(-1.0..1.0);
        }
        root[i * n + i] += 2.0;
    }
    let mut hessian = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            hessian[i * n + j] = (0..n).map(|k| root[k * n + i] * root[k * n + j]).sum();
        }
    }
    let point: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
    let mut rows = vec![0.0; m * n];
    let (mut lower, mut upper) = (vec![-INF; m], vec![INF; m]);
    for (i, row) in rows.chunks_exact_mut(n).enumerate() {
        let entries = match i % 7 {
            0 => 0,
            1 => 1,
            _ => 5,
        };
        for _ in 0..entries {
            row[rng.random_range(0..n)] = rng.random_range(-1.0..1.0);
        }
        let value: f64 = row.iter().zip(&point).map(|(a, x)| a * x).sum();
        upper[i] = value + 0.05;
        lower[i] = if i % 5 == 2 && entries > 1 {
            upper[i]
        } else {
            value - 0.3
        };
    }
    let linear = (0..n).map(|_| rng.random_range(-3.0..3.0)).collect();
    (hessian, rows, [linear, lower, upper])
}

fn pair(n: usize, m: usize, band: usize, seed: u64) -> [QuadraticProgram; 2] {
    let (hessian, rows, [linear, lower, upper]) = draw(n, m, band, seed);
    let p = SparseRows::from_dense(n, &hessian).unwrap();
    let a = SparseRows::from_dense(n, &rows).unwrap();
    let (low, high) = (vec![-0.8; n / 2], vec![0.9; n / 2]);
    let dense = QuadraticProgram::new(Hessian::Dense(hessian), linear.clone())
        .unwrap()
        .with_bounds(low.clone(), high.clone())
        .unwrap()
        .with_rows(rows, lower.clone(), upper.clone())
        .unwrap();
    let sparse = QuadraticProgram::new(Hessian::Sparse(p), linear)
        .unwrap()
        .with_bounds(low, high)
        .unwrap()
        .with_sparse_rows(a, lower, upper)
        .unwrap();
    [dense, sparse]
}

#[test]
fn answers_are_those_of_dense_matrices() {
    let mut optimal = 0;
    for (n, m, band, seed) in [
        (1, 2, 0, 1),
        (7, 20, 2, 2),
        (12, 12, 11, 3),
        (30, 25, 3, 4),
        (40, 60, 9, 5),
        (50, 30, 0, 6),
        (64, 40, 5, 7),
    ] {
        let [dense, sparse] = pair(n, m, band, seed);
        for pricing in [Pricing::SteepestEdge, Pricing::LargestViolation] {
            for elimination in [Elimination::Never, Elimination::Always] {
                let options = QpOptions::default()
                    .with_pricing(pricing)
                    .with_elimination(elimination);
                let a = solve(&dense, &options).unwrap();
                let b = solve(&sparse, &options).unwrap();
                let what = format!("{n} {seed} {pricing:?} {elimination:?}");
                assert_eq!(a.status, b.status, "{what}");
                if a.status == QpStatus::PrimalInfeasible {
                    assert!(matches!(b.certificate, Some(Certificate::Farkas(_))));
                    continue;
                }
                optimal += 1;
                for (a, b) in a.x.iter().zip(&b.x) {
                    assert!((a - b).abs() < 1e-8, "{what}: {a} {b}");
                }
                let size = a.multipliers.iter().fold(1.0, |m: f64, l| m.max(l.abs()));
                for (a, b) in a.multipliers.iter().zip(&b.multipliers) {
                    assert!((a - b).abs() < 1e-7 * size, "{what}: {a} {b}");
                }
                let mut guessed = QpWorkspace::new(sparse.clone(), options).unwrap();
                guessed.warm_start(WarmStart::Dual(&a.multipliers)).unwrap();
                let c = guessed.solve();
                assert_eq!(c.status, QpStatus::Optimal, "{what}");
                assert!((c.objective - a.objective).abs() < 1e-8 * a.objective.abs().max(1.0));
            }
        }
    }
    assert!(optimal > 12, "{optimal}");
}

#[test]
fn diagonal_and_semidefinite_sparse_hessians() {
    let n = 10;
    let (_, rows, [linear, lower, upper]) = draw(n, 15, 0, 8);
    let a = SparseRows::from_dense(n, &rows).unwrap();
    // The last three variables have no curvature; the others are on the diagonal or coupled by pairs.
    for coupled in [false, true] {
        let mut p = vec![0.0; n * n];
        for i in 0..n - 3 {
            p[i * n + i] = 1.0 + i as f64;
            if coupled && i % 2 == 0 && i + 1 < n - 3 {
                p[i * n + i + 1] = 0.3;
                p[(i + 1) * n + i] = 0.3;
            }
        }
        let sparse = Hessian::Sparse(SparseRows::from_dense(n, &p).unwrap());
        let pose = |hessian| {
            QuadraticProgram::new(hessian, linear.clone())
                .unwrap()
                .with_bounds(vec![-2.0; n], vec![2.0; n])
                .unwrap()
                .with_sparse_rows(a.clone(), lower.clone(), upper.clone())
                .unwrap()
        };
        let off = solve(&pose(Hessian::Dense(p)), &QpOptions::default()).unwrap();
        let on = solve(&pose(sparse), &QpOptions::default()).unwrap();
        assert_eq!(
            (off.status, on.status),
            (QpStatus::Optimal, QpStatus::Optimal)
        );
        assert!((on.objective - off.objective).abs() < 1e-6 * off.objective.abs().max(1.0));
    }
}

#[test]
fn updates_take_values_of_the_same_pattern() {
    let [_, problem] = pair(20, 30, 2, 9);
    let mut workspace = QpWorkspace::new(problem.clone(), QpOptions::default()).unwrap();
    assert_eq!(workspace.solve().status, QpStatus::Optimal);
    let rows = problem.sparse_rows().unwrap();
    assert!(problem.rows().is_empty());
    let values: Vec<f64> = rows.values().iter().map(|v| 2.0 * v).collect();
    let lower: Vec<f64> = problem.lower()[10..].iter().map(|l| 2.0 * l).collect();
    let upper: Vec<f64> = problem.upper()[10..].iter().map(|u| 2.0 * u).collect();
    let with = |head: &[f64], tail: &[f64]| [head, tail].concat();
    let (lower, upper) = (
        with(&problem.lower()[..10], &lower),
        with(&problem.upper()[..10], &upper),
    );
    let before = workspace.solution().objective;
    let update = QpUpdate::default()
        .with_rows(&values)
        .with_lower(&lower)
        .with_upper(&upper);
    workspace.update(&update).unwrap();
    let after = workspace.solve();
    assert_eq!(after.status, QpStatus::Optimal);
    assert!((after.objective - before).abs() < 1e-6 * before.abs().max(1.0));
    let other = Hessian::Sparse(SparseRows::from_dense(20, &[1.0; 400]).unwrap());
    assert!(
        workspace
            .update(&QpUpdate::default().with_hessian(&other))
            .is_err()
    );
    assert!(
        workspace
            .update(&QpUpdate::default().with_rows(&values[1..]))
            .is_err()
    );
}

#[test]
fn wrong_patterns_are_refused() {
    let new = SparseRows::<f64>::new;
    assert!(new(2, vec![0, 1], vec![1], vec![3.0]).is_ok());
    for (indptr, indices) in [
        (vec![], vec![]),
        (vec![1], vec![0]),
        (vec![0, 2, 1], vec![0, 1]),
        (vec![0, 2], vec![1, 1]),
        (vec![0, 2], vec![1, 0]),
        (vec![0, 1], vec![2]),
        (vec![0, 3], vec![0]),
    ] {
        let values = vec![1.0; indices.len()];
        let result = new(2, indptr, indices, values);
        assert!(
            matches!(result, Err(OptError::Pattern { .. })),
            "{result:?}"
        );
    }
    assert!(matches!(
        new(2, vec![0, 1], vec![0, 1], vec![1.0, 2.0]),
        Err(OptError::Length { .. })
    ));
    assert!(matches!(
        new(2, vec![0, 1], vec![0], vec![f64::NAN]),
        Err(OptError::NonFinite { .. })
    ));
    assert!(SparseRows::from_dense(3, &[1.0; 4]).is_err());
    let wide = new(3, vec![0, 1], vec![2], vec![1.0]).unwrap();
    let problem = QuadraticProgram::new(Hessian::Identity, vec![0.0; 2]).unwrap();
    assert!(
        problem
            .clone()
            .with_sparse_rows(wide.clone(), vec![0.0], vec![1.0])
            .is_err()
    );
    assert!(QuadraticProgram::new(Hessian::Sparse(wide), vec![0.0; 3]).is_err());
    let fits = new(2, vec![0, 1], vec![1], vec![1.0]).unwrap();
    assert!(
        problem
            .with_sparse_rows(fits, vec![0.0; 2], vec![1.0; 2])
            .is_err()
    );
}
