//! Random graphs: nothing fails, cycles stay symmetric and definite.

use crate::common::{Csr, noise, symmetric};
use crate::{apply, smoothers, vector};
use la_krylov::{CgOptions, Status, cg};
use la_precond::PrecondError;
use la_precond::classical::{
    Cycle, Multigrid, NearNullSpace, ProlongationSmoother, SmoothedAggregation, Strength,
};
use proptest::prelude::*;

/// Laplacian of a random graph, in pieces perhaps, with weights over `decades` powers of ten, plus a shift.
fn laplacian(n: usize, edges: usize, decades: f64, shift: f64, seed: u64) -> Csr {
    let mut next = noise(seed);
    let mut diagonal = vec![shift; n];
    let mut entries = Vec::new();
    for _ in 0..edges {
        let mut index = || (((next() + 1.0) / 2.0 * n as f64) as usize).min(n - 1);
        let (i, j) = (index(), index());
        let weight = 10f64.powf(decades * next());
        if i != j {
            diagonal[i] += weight;
            diagonal[j] += weight;
            entries.push((i.max(j), i.min(j), -weight));
        }
    }
    entries.extend(diagonal.into_iter().enumerate().map(|(i, d)| (i, i, d)));
    symmetric(n, entries)
}

fn options(choice: usize) -> SmoothedAggregation {
    let strength = [
        Strength::Symmetric { theta: 0.0 },
        Strength::Symmetric { theta: 0.3 },
        Strength::Halved { theta: 0.25 },
        Strength::Classical { theta: 0.3 },
        Strength::Evolution { epsilon: 4.0 },
    ][choice % 5];
    let prolongation = [
        ProlongationSmoother::None,
        ProlongationSmoother::Jacobi { omega: 4.0 / 3.0 },
        ProlongationSmoother::FilteredJacobi { omega: 1.0 },
        ProlongationSmoother::Energy { steps: 3 },
    ][choice / 5 % 4];
    SmoothedAggregation::default()
        .with_strength(strength)
        .with_prolongation(prolongation)
        .with_smoother(smoothers()[choice / 20 % 6])
        .with_cycle([Cycle::V, Cycle::W][choice / 120 % 2])
        .with_max_coarse(1 + choice % 7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cycles_are_adjoint_to_themselves_and_definite(
        n in 1_usize..80,
        density in 0.3_f64..4.0,
        decades in 0.0_f64..6.0,
        choice in 0_usize..240,
        seed in 0_u64..1000,
    ) {
        let a = laplacian(n, (density * n as f64) as usize, decades, 1e-2, seed);
        let m = options(choice).build(a.view()).unwrap();
        let (x, y) = (vector(n, seed + 1), vector(n, seed + 2));
        let (mx, my) = (apply(&m, &x), apply(&m, &y));
        let dot = |u: &[f64], v: &[f64]| u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>();
        let size = (dot(&mx, &x) * dot(&my, &y)).sqrt();
        prop_assert!(dot(&mx, &x) > 0.0);
        prop_assert!((dot(&mx, &y) - dot(&x, &my)).abs() <= 1e-8 * size);
    }

    #[test]
    fn singular_systems_converge_where_they_are_consistent(
        n in 2_usize..80,
        density in 1.0_f64..4.0,
        choice in 0_usize..240,
        seed in 0_u64..1000,
    ) {
        let a = laplacian(n, (density * n as f64) as usize, 0.5, 0.0, seed);
        let built: Result<Multigrid, PrecondError> = options(choice).build(a.view());
        match built {
            Err(PrecondError::NonPositiveDiagonal { value, .. }) => prop_assert_eq!(value, 0.0),
            Err(other) => prop_assert!(false, "{}", other),
            Ok(m) => {
                let x = vector(n, seed);
                let b: Vec<f64> = a
                    .outer_iterator()
                    .map(|row| row.iter().map(|(j, v)| v * x[j]).sum())
                    .collect();
                let solution = cg(&a, &b, &m, &CgOptions::default().with_rtol(1e-6)).unwrap();
                prop_assert_eq!(solution.status, Status::Converged);
            }
        }
    }

    #[test]
    fn random_near_null_spaces_are_taken(
        nodes in 1_usize..30,
        block in 1_usize..5,
        count in 1_usize..7,
        choice in 0_usize..240,
        seed in 0_u64..1000,
    ) {
        let n = nodes * block;
        let a = laplacian(n, 3 * n, 1.0, 1e-2, seed);
        let vectors: Vec<Vec<f64>> = (0..count).map(|k| vector(n, seed + k as u64)).collect();
        let space = NearNullSpace::from_vectors(block, &vectors).unwrap();
        let m = options(choice).build_with(a.view(), &space).unwrap();
        let b = vector(n, seed + 9);
        let solution = cg(&a, &b, &m, &CgOptions::default().with_rtol(1e-6)).unwrap();
        prop_assert_eq!(solution.status, Status::Converged);
    }
}
