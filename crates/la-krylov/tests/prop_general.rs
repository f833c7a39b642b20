//! Invariants of the methods for general systems over random matrices.

mod common;

use common::{Diagonal, Matrix, norm, residual_norm};
use la_krylov::sprs::TriMatI;
use la_krylov::{
    BicgstabOptions, FgmresOptions, GmresOptions, IdentityPreconditioner, KrylovError,
    Preconditioner, Side, Solution, bicgstab, fgmres, gmres,
};
use proptest::prelude::*;

/// A sparse matrix, strictly dominated by a diagonal of any signs, and a right-hand side.
fn systems() -> impl Strategy<Value = (Matrix, Vec<f64>)> {
    (2usize..24).prop_flat_map(|n| {
        let entries = prop::collection::vec((0..n, 0..n, -1.0..1.0f64), 0..4 * n);
        let diagonal = prop::collection::vec((0.01..1.0f64, any::<bool>()), n);
        let b = prop::collection::vec(-1.0..1.0f64, n);
        (entries, diagonal, b)
            .prop_map(move |(entries, diagonal, b)| (assemble(n, &entries, &diagonal), b))
    })
}

fn assemble(n: usize, entries: &[(usize, usize, f64)], diagonal: &[(f64, bool)]) -> Matrix {
    let mut t = TriMatI::new((n, n));
    let mut sums: Vec<f64> = diagonal.iter().map(|(d, _)| *d).collect();
    for &(i, j, v) in entries.iter().filter(|(i, j, _)| i != j) {
        t.add_triplet(i, j, v);
        sums[i] += v.abs();
    }
    for (i, (sum, (_, negative))) in sums.iter().zip(diagonal).enumerate() {
        t.add_triplet(i, i, if *negative { -sum } else { *sum });
    }
    t.to_csr()
}

type Solve = fn(&Matrix, &[f64], &dyn Preconditioner) -> Result<Solution, KrylovError>;

const METHODS: [(&str, Solve); 5] = [
    ("right", |a, b, m| {
        gmres(a, b, m, &GmresOptions::default().with_rtol(1e-10))
    }),
    ("short cycles", |a, b, m| {
        let options = GmresOptions::default().with_rtol(1e-10).with_restart(4);
        gmres(a, b, m, &options)
    }),
    ("left", |a, b, m| {
        let options = GmresOptions::default()
            .with_rtol(1e-10)
            .with_side(Side::Left);
        gmres(a, b, m, &options)
    }),
    ("flexible", |a, b, m| {
        fgmres(a, b, m, &FgmresOptions::default().with_rtol(1e-10))
    }),
    ("bicgstab", |a, b, m| {
        bicgstab(a, b, m, &BicgstabOptions::default().with_rtol(1e-10))
    }),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn powers_of_two_scale_exactly((a, b) in systems(), i in -200i32..=200, j in -200i32..=200) {
        let (s, t) = (2f64.powi(i), 2f64.powi(j));
        let scaled_a = a.map(|v| v * s);
        let scaled_b: Vec<f64> = b.iter().map(|v| v * t).collect();
        let identity = IdentityPreconditioner::new(b.len());
        let (m, scaled_m) = (Diagonal::of(&a), Diagonal::of(&scaled_a));
        let pairs: [(&dyn Preconditioner, &dyn Preconditioner); 3] =
            [(&identity, &identity), (&m, &scaled_m), (&m, &m)];
        for (name, solve) in METHODS {
            for (m, scaled_m) in pairs {
                let plain = solve(&a, &b, m).unwrap();
                let scaled = solve(&scaled_a, &scaled_b, scaled_m).unwrap();
                prop_assert_eq!(
                    (plain.status, plain.iterations, plain.restarts),
                    (scaled.status, scaled.iterations, scaled.restarts),
                    "{}", name
                );
                prop_assert_eq!(plain.residual_norm * t, scaled.residual_norm);
                let x: Vec<f64> = plain.x.iter().map(|v| v * t / s).collect();
                prop_assert_eq!(x, scaled.x);
            }
        }
    }

    #[test]
    fn permuting_the_system_permutes_the_solution((a, b) in systems(), seed in any::<u64>()) {
        let n = b.len();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|i| (*i as u64 + 1).wrapping_mul(seed | 1));
        let mut place = vec![0; n];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new;
        }
        let mut t = TriMatI::new((n, n));
        for (v, (i, j)) in a.iter() {
            t.add_triplet(place[i as usize], place[j as usize], *v);
        }
        let permuted_a: Matrix = t.to_csr();
        let permuted_b: Vec<f64> = order.iter().map(|i| b[*i]).collect();
        for (name, solve) in &METHODS[..1] {
            let plain = solve(&a, &b, &Diagonal::of(&a)).unwrap();
            let permuted = solve(&permuted_a, &permuted_b, &Diagonal::of(&permuted_a)).unwrap();
            prop_assert!(plain.status.is_converged() && permuted.status.is_converged(), "{name}: {plain}");
            // The tolerance times the condition number, below 1e4 for dominance 0.01.
            let scale = norm(&plain.x);
            for (i, old) in order.iter().enumerate() {
                prop_assert!((permuted.x[i] - plain.x[*old]).abs() <= 1e-5 * scale, "{name}");
            }
        }
    }

    #[test]
    fn what_is_reported_is_true_and_repeats((a, b) in systems()) {
        for (name, solve) in METHODS {
            let first = solve(&a, &b, &Diagonal::of(&a)).unwrap();
            let again = solve(&a, &b, &Diagonal::of(&a)).unwrap();
            prop_assert_eq!(&first.x, &again.x, "{}", name);
            prop_assert_eq!(first.iterations, again.iterations);
            let true_norm = residual_norm(&a, &b, &first.x);
            prop_assert!((true_norm - first.residual_norm).abs() <= 1e-13 * norm(&b), "{name}");
            prop_assert_eq!(first.status.is_converged(), first.residual_norm <= first.target);
        }
    }
}
