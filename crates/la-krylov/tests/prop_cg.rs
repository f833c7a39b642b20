//! Invariants of conjugate gradients over random systems.

mod common;

use std::ops::ControlFlow;

use common::{Diagonal, Matrix, norm};
use la_krylov::sprs::TriMatI;
use la_krylov::{
    CgOptions, CgWorkspace, FcgOptions, Host, IdentityPreconditioner, Iteration, Preconditioner,
    cg, cg_monitored, fcg,
};
use proptest::prelude::*;

/// A sparse, strictly diagonally dominant symmetric matrix (hence positive definite) and a
/// right-hand side.
fn systems() -> impl Strategy<Value = (Matrix, Vec<f64>)> {
    (2usize..30).prop_flat_map(|n| {
        let entries = prop::collection::vec((0..n, 0..n, -1.0..1.0f64), 0..4 * n);
        let diagonal = prop::collection::vec(1e-3..1.0f64, n);
        let b = prop::collection::vec(-1.0..1.0f64, n);
        (entries, diagonal, b)
            .prop_map(move |(entries, diagonal, b)| (assemble(n, &entries, &diagonal), b))
    })
}

fn assemble(n: usize, entries: &[(usize, usize, f64)], diagonal: &[f64]) -> Matrix {
    let mut t = TriMatI::new((n, n));
    for &(i, j, v) in entries.iter().filter(|(i, j, _)| i != j) {
        t.add_triplet(i, j, v);
        t.add_triplet(j, i, v);
        t.add_triplet(i, i, v.abs());
        t.add_triplet(j, j, v.abs());
    }
    for (i, d) in diagonal.iter().enumerate() {
        t.add_triplet(i, i, *d);
    }
    t.to_csr()
}

fn options() -> CgOptions {
    CgOptions::default().with_rtol(1e-10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn powers_of_two_scale_exactly((a, b) in systems(), i in -200i32..=200, j in -200i32..=200) {
        let (s, t) = (2f64.powi(i), 2f64.powi(j));
        let scaled_a = a.map(|v| v * s);
        let scaled_b: Vec<f64> = b.iter().map(|v| v * t).collect();
        let check = |m: &dyn Preconditioner, scaled_m: &dyn Preconditioner| {
            let plain = cg(&a, &b, m, &options()).unwrap();
            let scaled = cg(&scaled_a, &scaled_b, scaled_m, &options()).unwrap();
            prop_assert_eq!((plain.status, plain.iterations, plain.restarts), (scaled.status, scaled.iterations, scaled.restarts));
            prop_assert_eq!(plain.residual_norm * t, scaled.residual_norm);
            let x: Vec<f64> = plain.x.iter().map(|v| v * t / s).collect();
            prop_assert_eq!(x, scaled.x);
            let flexible = FcgOptions::default().with_memory(2);
            let plain = fcg(&a, &b, m, &flexible).unwrap();
            let scaled = fcg(&scaled_a, &scaled_b, scaled_m, &flexible).unwrap();
            prop_assert_eq!((plain.status, plain.iterations), (scaled.status, scaled.iterations));
            let x: Vec<f64> = plain.x.iter().map(|v| v * t / s).collect();
            prop_assert_eq!(x, scaled.x);
            Ok(())
        };
        let identity = IdentityPreconditioner::new(b.len());
        check(&identity, &identity)?;
        check(&Diagonal::of(&a), &Diagonal::of(&scaled_a))?;
        check(&Diagonal::of(&a), &Diagonal::of(&a))?;
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
        let m = IdentityPreconditioner::new(n);
        let plain = cg(&a, &b, &m, &options()).unwrap();
        let permuted = cg(&permuted_a, &permuted_b, &m, &options()).unwrap();
        // Sums are added in another order: equal up to the tolerance times the condition number (below 1e5).
        prop_assert!(plain.status.is_converged() && permuted.status.is_converged());
        let scale = norm(&plain.x);
        for (i, old) in order.iter().enumerate() {
            prop_assert!((permuted.x[i] - plain.x[*old]).abs() <= 1e-4 * scale);
        }
    }

    #[test]
    fn the_error_falls_in_the_norm_of_a((a, b) in systems()) {
        let m = Diagonal::of(&a);
        let exact = cg(&a, &b, &m, &CgOptions::default().with_rtol(1e-14)).unwrap().x;
        let energy = |x: &[f64]| {
            let e: Vec<f64> = x.iter().zip(&exact).map(|(x, y)| x - y).collect();
            a.iter().map(|(v, (i, j))| v * e[i as usize] * e[j as usize]).sum::<f64>().max(0.0).sqrt()
        };
        let mut last = energy(&vec![0.0; b.len()]);
        let first = last;
        let mut falls = true;
        let mut watch = |step: &Iteration<'_, [f64]>| {
            let next = energy(step.x);
            falls &= next <= last + 1e-12 * first;
            last = next;
            ControlFlow::Continue(())
        };
        let mut workspace = CgWorkspace::<Host>::new(b.len(), &options());
        let solution = cg_monitored(&mut workspace, &a, &b, &m, &options(), &mut watch).unwrap();
        prop_assert!(solution.status.is_converged());
        prop_assert!(falls);
    }
}
