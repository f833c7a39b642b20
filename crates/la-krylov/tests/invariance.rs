//! What must not change the result of any method, or only in a known way: units of A and b, the order
//! of the unknowns, repetition, and threads.

mod common;

use common::{Absolute, Diagonal, Matrix, convection, laplacian, norm, rhs};
use la_krylov::sprs::TriMatI;
use la_krylov::{
    BicgstabOptions, CgOptions, CsrMatrix, FcgOptions, FgmresOptions, GmresOptions, Host,
    LsmrOptions, MinresOptions, Side, Solution, bicgstab_in, cg_columns_in, cg_in, fcg_in,
    fgmres_in, gmres_columns_in, gmres_in, lsmr_in, minres_in,
};

/// Solves with at most so many iterations, in this space.
type Solve = fn(Host, &CsrMatrix, &[f64], &Diagonal, usize) -> Vec<Solution>;

/// Another right-hand side, made from each entry of the first by itself, in the same units.
fn second(b: &[f64]) -> Vec<f64> {
    b.iter().map(|v| v - 0.5 * v.abs()).collect()
}

const SYMMETRIC: [(&str, Solve); 4] = [
    ("cg", |space, a, b, m, max| {
        let options = CgOptions::default().with_rtol(1e-10).with_max_iters(max);
        vec![cg_in(space, a, b, m, &options).unwrap()]
    }),
    ("cg_columns", |space, a, b, m, max| {
        let options = CgOptions::default().with_rtol(1e-10).with_max_iters(max);
        cg_columns_in(&space, a, &[b, &second(b)], m, &options).unwrap()
    }),
    ("fcg", |space, a, b, m, max| {
        let options = FcgOptions::default().with_rtol(1e-10).with_max_iters(max);
        vec![fcg_in(space, a, b, m, &options.with_memory(3)).unwrap()]
    }),
    ("minres", |space, a, b, m, max| {
        let options = MinresOptions::default()
            .with_rtol(1e-10)
            .with_max_iters(max);
        let m = Absolute(Diagonal(m.0.clone()));
        vec![minres_in(space, a, b, &m, &options).unwrap()]
    }),
];

const GENERAL: [(&str, Solve); 6] = [
    ("gmres", |space, a, b, m, max| {
        let options = GmresOptions::default().with_rtol(1e-10).with_max_iters(max);
        vec![gmres_in(space, a, b, m, &options).unwrap()]
    }),
    ("gmres on the left", |space, a, b, m, max| {
        let options = GmresOptions::default().with_rtol(1e-10).with_max_iters(max);
        vec![gmres_in(space, a, b, m, &options.with_side(Side::Left)).unwrap()]
    }),
    ("gmres_columns", |space, a, b, m, max| {
        let options = GmresOptions::default().with_rtol(1e-10).with_max_iters(max);
        gmres_columns_in(&space, a, &[b, &second(b)], m, &options.with_restart(9)).unwrap()
    }),
    ("fgmres", |space, a, b, m, max| {
        let options = FgmresOptions::default()
            .with_rtol(1e-10)
            .with_max_iters(max);
        vec![fgmres_in(space, a, b, m, &options).unwrap()]
    }),
    ("bicgstab", |space, a, b, m, max| {
        let options = BicgstabOptions::default()
            .with_rtol(1e-10)
            .with_max_iters(max);
        vec![bicgstab_in(space, a, b, m, &options).unwrap()]
    }),
    ("lsmr", |space, a, b, _, max| {
        let options = LsmrOptions::default().with_rtol(1e-10).with_max_iters(max);
        vec![lsmr_in(space, space, a, b, &options).unwrap()]
    }),
];

/// Calls `check` with the name of every method, the method, and a system for it on a k × k grid.
fn for_every_method(k: usize, check: impl Fn(&str, Solve, &Matrix, &[f64])) {
    let b = rhs(k * k);
    let (symmetric, general) = (laplacian(k, 0.5), convection(k, 1.5));
    let methods = SYMMETRIC.iter().map(|method| (method, &symmetric));
    let methods = methods.chain(GENERAL.iter().map(|method| (method, &general)));
    for ((name, solve), a) in methods {
        check(name, *solve, a, &b);
    }
}

fn compact(a: &Matrix) -> CsrMatrix {
    CsrMatrix::from_sprs(a.view()).unwrap()
}

#[test]
fn powers_of_two_scale_iterates_exactly() {
    for_every_method(12, |name, solve, a, b| {
        let m = Diagonal::of(a);
        let space = Host::sequential(b.len());
        for max in [7, 1000] {
            let plain = solve(space, &compact(a), b, &m, max);
            for (i, j) in [(200, -200), (-200, 200), (-200, -200), (200, 200), (0, 37)] {
                let (s, t) = (2f64.powi(i), 2f64.powi(j));
                let scaled_b: Vec<f64> = b.iter().map(|v| v * t).collect();
                let scaled_a = compact(&a.map(|v| v * s));
                let scaled = solve(space, &scaled_a, &scaled_b, &m, max);
                assert_eq!(plain.len(), scaled.len());
                for (plain, scaled) in plain.iter().zip(&scaled) {
                    assert_eq!(
                        (plain.status, plain.iterations, plain.restarts),
                        (scaled.status, scaled.iterations, scaled.restarts),
                        "{name} {i} {j}"
                    );
                    let x: Vec<f64> = plain.x.iter().map(|v| v * t / s).collect();
                    assert_eq!(x, scaled.x, "{name} {i} {j}");
                    assert_eq!(plain.residual_norm * t, scaled.residual_norm, "{name}");
                }
            }
        }
    });
}

#[test]
fn permuting_the_system_permutes_the_solution() {
    for_every_method(12, |name, solve, a, b| {
        let n = b.len();
        // 25 and 144 have no common divisor.
        let place: Vec<usize> = (0..n).map(|i| (25 * i + 3) % n).collect();
        let (mut t, mut permuted_b) = (TriMatI::new((n, n)), vec![0.0; n]);
        for (v, (i, j)) in a.iter() {
            t.add_triplet(place[i as usize], place[j as usize], *v);
        }
        for (i, place) in place.iter().enumerate() {
            permuted_b[*place] = b[i];
        }
        let permuted_a: Matrix = t.to_csr();
        let space = Host::sequential(n);
        let plain = solve(space, &compact(a), b, &Diagonal::of(a), 1000);
        let m = Diagonal::of(&permuted_a);
        let permuted = solve(space, &compact(&permuted_a), &permuted_b, &m, 1000);
        for (plain, permuted) in plain.iter().zip(&permuted) {
            assert!(plain.status.is_converged(), "{name}: {plain}");
            assert!(permuted.status.is_converged(), "{name}: {permuted}");
            // The tolerance times the condition number, which is below 100.
            let scale = 1e-8 * norm(&plain.x);
            for (i, place) in place.iter().enumerate() {
                assert!((plain.x[i] - permuted.x[*place]).abs() <= scale, "{name}");
            }
        }
    });
}

#[test]
fn solving_again_gives_the_same_bits() {
    for_every_method(20, |name, solve, a, b| {
        let (m, matrix) = (Diagonal::of(a), compact(a));
        let space = Host::new(b.len());
        let (first, again) = (
            solve(space, &matrix, b, &m, 1000),
            solve(space, &matrix, b, &m, 1000),
        );
        for (first, again) in first.iter().zip(&again) {
            assert_eq!(
                (&first.x, &first.history),
                (&again.x, &again.history),
                "{name}"
            );
        }
    });
}

/// Above the thresholds of the product and of the vector operations.
#[cfg(feature = "rayon")]
#[test]
fn threads_do_not_change_a_bit_of_any_method() {
    let pools = [1, 2, 3].map(|threads| {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        builder.build().unwrap()
    });
    for_every_method(400, |name, solve, a, b| {
        let (m, matrix) = (Diagonal::of(a), compact(a));
        let alone = solve(Host::sequential(b.len()), &matrix, b, &m, 12);
        for pool in &pools {
            for _ in 0..2 {
                let shared = pool.install(|| solve(Host::new(b.len()), &matrix, b, &m, 12));
                for (alone, shared) in alone.iter().zip(&shared) {
                    assert_eq!(
                        (&alone.x, &alone.history, alone.residual_norm),
                        (&shared.x, &shared.history, shared.residual_norm),
                        "{name}"
                    );
                }
            }
        }
    });
}
