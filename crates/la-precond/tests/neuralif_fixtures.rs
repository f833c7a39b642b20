//! IC(0) and its CG iterations against ILU++ on the matrices of the NeuralIF experiments.

mod common;

use std::path::PathBuf;

use common::{Csr, relative_error};
use la_krylov::{CgOptions, Host, Preconditioner, cg};
use la_precond::PrecondError;
use la_precond::classical::{FillLimit, Ic0, Ict, Jacobi, ShiftStrategy};
use la_precond::sprs::TriMatI;
use safetensors::SafeTensors;

/// A file of the fixtures, or `None` with a printed line where there are none.
fn bytes(name: &str) -> Option<Vec<u8>> {
    let Ok(root) = std::env::var("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return None;
    };
    let path = PathBuf::from(root)
        .join("fixtures/neuralif")
        .join(format!("{name}_system.safetensors"));
    Some(std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let data = file.tensor(name).unwrap();
    data.data()
        .chunks_exact(8)
        .map(|c| f64::from_le_bytes(c.try_into().unwrap()))
        .collect()
}

fn integers(file: &SafeTensors<'_>, name: &str) -> Vec<usize> {
    let data = file.tensor(name).unwrap();
    data.data()
        .chunks_exact(4)
        .map(|c| i32::from_le_bytes(c.try_into().unwrap()) as usize)
        .collect()
}

fn matrix(file: &SafeTensors<'_>) -> Csr {
    let (rows, cols) = (integers(file, "a.row"), integers(file, "a.col"));
    let n = rows.iter().max().unwrap() + 1;
    let mut t = TriMatI::new((n, n));
    for ((i, j), value) in rows.into_iter().zip(cols).zip(floats(file, "a.val")) {
        t.add_triplet(i, j, value);
    }
    t.to_csr()
}

/// Iterations to 1e-3, 1e-6 and 1e-8, compared with the stored ones (±2 up to 100, ±5 % above).
fn check_iterations(
    file: &SafeTensors<'_>,
    a: &Csr,
    m: &impl Preconditioner<Host<f64>>,
    name: &str,
) {
    let options = CgOptions::default().with_rtol(1e-8);
    let solution = cg(a, &floats(file, "b"), m, &options).unwrap();
    let expected = integers(file, &format!("pcg.{name}.iterations"));
    for (rel, expected) in [1e-3, 1e-6, 1e-8].into_iter().zip(expected) {
        let found = solution.iterations_to(rel).unwrap();
        let allowed = if expected <= 100 {
            2.0
        } else {
            0.05 * expected as f64
        };
        assert!(
            found.abs_diff(expected) as f64 <= allowed,
            "{name} {rel}: {found}, not {expected}"
        );
    }
}

#[test]
fn factors_and_iterations_agree_with_ilu_plus_plus() {
    for name in ["n12", "n300q5"] {
        let Some(data) = bytes(name) else { return };
        let file = SafeTensors::deserialize(&data).unwrap();
        let a = matrix(&file);
        let factor = Ic0::default().factor(a.view()).unwrap();
        assert_eq!(factor.stats().shift_attempts, 0);
        let l = factor.to_lower();
        let (rows, cols) = (integers(&file, "l.row"), integers(&file, "l.col"));
        let ours: Vec<_> = l
            .iter()
            .map(|(_, (i, j))| (i as usize, j as usize))
            .collect();
        assert_eq!(ours, rows.into_iter().zip(cols).collect::<Vec<_>>());
        // Two implementations of one recurrence on ill-conditioned matrices.
        assert!(relative_error(l.data(), &floats(&file, "ic0.l_val")) < 1e-10);
        check_iterations(&file, &a, &factor, "ic0");
        check_iterations(&file, &a, &Jacobi::new(a.view()).unwrap(), "jacobi");
    }
}

#[test]
fn breakdown_happens_in_the_known_row_and_the_shift_helps() {
    for name in ["n60", "n300"] {
        let Some(data) = bytes(name) else { return };
        let file = SafeTensors::deserialize(&data).unwrap();
        let a = matrix(&file);
        let row = integers(&file, "ic0.breakdown_row")[0];
        let error = Ic0::default()
            .with_shift(ShiftStrategy::None)
            .factor(a.view())
            .unwrap_err();
        assert_eq!(
            error,
            PrecondError::Breakdown {
                row,
                shift: 0.0,
                attempts: 1
            }
        );
        let b = floats(&file, "b");
        let options = CgOptions::default().with_rtol(1e-6);
        let plain = cg(&a, &b, &Jacobi::new(a.view()).unwrap(), &options).unwrap();
        let ict = Ict::default()
            .with_drop_tol(1e-2)
            .with_fill(FillLimit::Factor(2.0));
        for factor in [
            Ic0::default().factor(a.view()).unwrap(),
            ict.factor(a.view()).unwrap(),
        ] {
            let solution = cg(&a, &b, &factor, &options).unwrap();
            assert!(solution.status.is_converged(), "{name}: {solution}");
            assert!(
                solution.iterations < plain.iterations,
                "{name}: {} {}",
                solution.iterations,
                plain.iterations
            );
        }
    }
}
