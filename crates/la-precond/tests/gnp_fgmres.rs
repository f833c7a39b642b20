//! Flexible GMRES as the GNP paper runs it, against histories of its published code and known final residuals.
#![cfg(feature = "learned")]

mod common;
mod gnp_fixture;

use common::{Csr, matrix, times};
use gnp_fixture::{Fixture, data};
use la_krylov::{
    GmresOptions, Host, IdentityPreconditioner, Preconditioner, Reorthogonalization, Solution,
    Status, fgmres,
};
use la_precond::classical::{InnerGmres, Jacobi};
use la_precond::learned::gnp::{paper_options, prescaled};
use la_problems::io::{ReadOptions, read_matrix};

/// Jacobi with ones for zeros on the diagonal.
fn jacobi(a: &Csr) -> Jacobi {
    let diagonal = (0..a.rows()).map(|i| a.get(i, i).copied().filter(|d| *d != 0.0));
    Jacobi::from_diagonal(diagonal.map(|d| d.unwrap_or(1.0)).collect()).unwrap()
}

fn solve(a: &Csr, b: &[f64], m: &dyn Preconditioner<Host<f64>>) -> Solution {
    fgmres(a, b, m, &paper_options()).unwrap()
}

/// The histories agree to `early` in the first three cycles, then to a few per cent.
fn compare(name: &str, solution: &Solution, expected: &[f64], early: f64) {
    assert_eq!(solution.history.len(), expected.len(), "{name}");
    for (k, (step, expected)) in solution.history.iter().zip(expected).enumerate() {
        let ours = step.recurrence_norm / solution.rhs_norm;
        let tolerance = if k <= 30 { early } else { 5e-2 };
        assert!(
            (ours - expected).abs() <= tolerance * expected,
            "{name}, step {k}: {ours:e}, expected {expected:e}"
        );
    }
}

#[test]
fn histories_of_the_published_code() {
    // Entries of mahindas differ by 13 powers of ten: rounding errors are seen at once.
    for (name, early) in [("random200", 1e-6), ("mahindas", 1e-2)] {
        let Some(system) = Fixture::read(&format!("{name}_network")) else {
            return;
        };
        let histories = Fixture::read(&format!("{name}_fgmres")).unwrap();
        let a = system.matrix();
        for rhs in ["ones", "gauss"] {
            let b = histories.doubles(&format!("{rhs}.b"));
            let none = IdentityPreconditioner::new(a.rows());
            let jacobi = jacobi(&a);
            let methods: [(&str, &dyn Preconditioner); 2] = [("none", &none), ("jacobi", &jacobi)];
            for (method, m) in methods {
                let solution = solve(&a, &b, m);
                let entry = |what: &str| histories.doubles(&format!("{rhs}.{method}.{what}"));
                let label = format!("{name} {rhs} {method}");
                compare(&label, &solution, &entry("history"), early);
                assert_eq!(solution.status, Status::IterationLimit, "{label}");
                approx::assert_relative_eq!(
                    solution.relative_residual(),
                    entry("true_relative_residual")[0],
                    max_relative = 5e-2
                );
            }
        }
    }
}

/// A matrix, γ, ‖b‖, and the relative residuals after 100 iterations: none, Jacobi, inner GMRES(10).
struct Anchor {
    name: &'static str,
    file: &'static str,
    gamma: f64,
    rhs_norm: f64,
    residuals: [f64; 3],
}

fn check(name: &str, a: &Csr, gamma: f64, rhs_norm: Option<f64>, residuals: [f64; 3]) {
    let (a, factor) = prescaled(a.view()).unwrap();
    approx::assert_relative_eq!(factor, gamma, max_relative = 1e-5);
    let n = a.rows();
    let b = times(&a, &vec![1.0; n]);
    let norm = b.iter().map(|b| b * b).sum::<f64>().sqrt();
    approx::assert_relative_eq!(norm, rhs_norm.unwrap_or(norm), max_relative = 1e-4);
    let none = IdentityPreconditioner::new(n);
    let jacobi = jacobi(&a);
    let inner = GmresOptions::default()
        .with_restart(10)
        .with_max_iters(10)
        .with_rtol(1e-6)
        .with_reorthogonalization(Reorthogonalization::Modified);
    let inner = InnerGmres::with_options(&a, none, inner).unwrap();
    let methods: [(&str, &dyn Preconditioner); 3] =
        [("none", &none), ("jacobi", &jacobi), ("inner", &inner)];
    for ((method, m), expected) in methods.into_iter().zip(residuals) {
        let solution = solve(&a, &b, m);
        let ours = solution.relative_residual();
        println!(
            "{name:15} {method:7} {ours:.4e} (reference {expected:.4e}), {}",
            solution.status
        );
        assert!(
            (ours - expected).abs() <= 0.03 * expected,
            "{name} {method}: {ours:e}, expected {expected:e}"
        );
    }
}

#[test]
fn known_residuals_of_the_second_difference() {
    let n = 1024;
    let off = (1..n).flat_map(|i| [(i, i - 1, -1.0), (i - 1, i, -1.0)]);
    let a = matrix(n, (0..n).map(|i| (i, i, 2.0)).chain(off));
    check(
        "second difference",
        &a,
        4.0,
        None,
        [3.5523e-3, 3.5523e-3, 1.4014e-4],
    );
}

#[test]
fn known_residuals_of_real_matrices() {
    let Some(data) = data() else { return };
    for anchor in [
        Anchor {
            name: "mahindas",
            file: "HB/mahindas",
            gamma: 15_266_874.0,
            rhs_norm: 0.10867,
            residuals: [1.324e-4, 1.436e-4, 6.15e-5],
        },
        Anchor {
            name: "sherman5",
            file: "HB/sherman5",
            gamma: 4213.961,
            rhs_norm: 1.04009,
            residuals: [8.948e-3, 5.704e-4, 3.43e-4],
        },
        Anchor {
            name: "cavity14",
            file: "DRIVCAV/cavity14",
            gamma: 57.4769,
            rhs_norm: 2.14231,
            residuals: [6.113e-1, 6.479e-1, 5.388e-1],
        },
        Anchor {
            name: "bayer10",
            file: "Grund/bayer10",
            gamma: 10_193.72,
            rhs_norm: 0.63552,
            residuals: [9.399e-1, 9.459e-1, 9.022e-1],
        },
        Anchor {
            name: "std1_Jac3_db",
            file: "VanVelzen/std1_Jac3_db",
            gamma: 4.24444e11,
            rhs_norm: 0.54632,
            residuals: [0.99996, 1.000, 0.9999],
        },
    ] {
        let path = data.join(format!("matrices/{}.mtx.gz", anchor.file));
        if !path.exists() {
            println!("skipped: {} is not there", anchor.file);
            continue;
        }
        let file = read_matrix(&path, &ReadOptions::default())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        check(
            anchor.name,
            &file.matrix,
            anchor.gamma,
            Some(anchor.rhs_norm),
            anchor.residuals,
        );
    }
}
