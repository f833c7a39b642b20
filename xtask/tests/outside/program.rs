//! What somebody outside the workspace writes: conjugate gradients with an incomplete factor.

use la_krylov::sprs::{CsMatI, TriMatI};
use la_krylov::{CgOptions, cg};
use la_precond::classical::Ic0;
use la_precond::learned::{LearnedLu, NeuralIf, Weights};
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder};

/// The five-point Laplacian on a `side` × `side` grid.
fn poisson(side: usize) -> CsMatI<f64, u32> {
    let n = side * side;
    let mut a = TriMatI::new((n, n));
    for i in 0..n {
        a.add_triplet(i, i, 4.0);
        for j in [(i % side > 0).then(|| i - 1), i.checked_sub(side)]
            .into_iter()
            .flatten()
        {
            a.add_triplet(i, j, -1.0);
            a.add_triplet(j, i, -1.0);
        }
    }
    a.to_csr()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let a = poisson(30);
    let b = vec![1.0; a.rows()];
    check("ic0", &a, &b, &Ic0::default().factor(a.view())?)?;

    // The weights travel inside the package.
    for name in Weights::bundled_names() {
        let weights = Weights::bundled(name)?;
        match weights.provenance.architecture.as_str() {
            "neuralif" => check(name, &a, &b, &NeuralIf::new(&weights)?.build(a.view())?)?,
            "learned-lu" => {
                let factor = LearnedLu::new(&weights)?.factor(a.view())?;
                assert!(factor.stats().smallest_pivot > Some(0.0), "{name}");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Solves and compares `b - A x`, computed here, with the tolerance.
fn check(
    name: &str,
    a: &CsMatI<f64, u32>,
    b: &[f64],
    m: &IncompleteCholesky<f64>,
) -> Result<(), Box<dyn std::error::Error>> {
    let solution = cg(a, b, m, &CgOptions::default())?;
    let x = &solution.require_converged()?.x;
    let mut residual = 0.0_f64;
    for (row, b) in a.outer_iterator().zip(b) {
        let product: f64 = row.iter().map(|(j, a)| a * x[j]).sum();
        residual += (b - product).powi(2);
    }
    let relative = residual.sqrt() / (b.len() as f64).sqrt();
    assert!(relative < 1e-5, "{name}: relative residual {relative}");
    println!("{name}: solved");
    Ok(())
}
