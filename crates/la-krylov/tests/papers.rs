//! Iteration counts and histories against an independent implementation (`LA_DATA_DIR/fixtures`).

mod common;

use std::path::Path;

use common::{Diagonal, Matrix, norm};
use la_krylov::sprs::TriMatI;
use la_krylov::{CgOptions, IdentityPreconditioner, Preconditioner, Solution, cg};
use safetensors::SafeTensors;

fn doubles(file: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let bytes = file.tensor(name).unwrap().data().to_vec();
    bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|c| f64::from_le_bytes(*c))
        .collect()
}

fn integers(file: &SafeTensors<'_>, name: &str) -> Vec<u32> {
    let bytes = file.tensor(name).unwrap().data().to_vec();
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|c| u32::from_le_bytes(*c))
        .collect()
}

/// Counts agree to two up to 100 and to 5 % above; the residual histories agree closely at first.
fn compare(name: &str, file: &SafeTensors<'_>, solution: &Solution, kind: &str) {
    solution.require_converged().unwrap();
    let expected = integers(file, &format!("pcg.{kind}.iterations"));
    for (rel, expected) in [1e-3, 1e-6, 1e-8].into_iter().zip(expected) {
        let expected = expected as usize;
        let ours = solution.iterations_to(rel).unwrap();
        let tolerance = if expected <= 100 { 2 } else { expected / 20 };
        assert!(
            ours.abs_diff(expected) <= tolerance,
            "{name} {kind} {rel}: {ours}, expected {expected}"
        );
    }
    let history = doubles(file, &format!("pcg.{kind}.history"));
    assert_eq!(history[0], 1.0);
    for (k, expected) in history.iter().enumerate().take(8) {
        // Rounding errors grow with the iteration: compare the first eight only.
        let ours = solution.history[k].recurrence_norm / solution.rhs_norm;
        approx::assert_relative_eq!(ours, *expected, max_relative = 1e-7);
    }
}

#[test]
fn counts_of_the_neural_incomplete_factorization_systems() {
    let Some(data) = std::env::var_os("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return;
    };
    for name in ["n12", "n60", "n300", "n300q5"] {
        let path = Path::new(&data).join(format!("fixtures/neuralif/{name}_system.safetensors"));
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let b = doubles(&file, "b");
        let n = b.len();
        let (rows, cols) = (integers(&file, "a.row"), integers(&file, "a.col"));
        let a: Matrix =
            TriMatI::from_triplets((n, n), rows, cols, doubles(&file, "a.val")).to_csr();
        let scale = norm(&b);
        let b: Vec<f64> = b.iter().map(|v| v / scale).collect();
        let solve = |m: &dyn Preconditioner| cg(&a, &b, m, &CgOptions::default()).unwrap();
        compare(name, &file, &solve(&IdentityPreconditioner::new(n)), "none");
        compare(name, &file, &solve(&Diagonal::of(&a)), "jacobi");
    }
}
