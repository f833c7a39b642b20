//! What somebody outside the workspace writes: conjugate gradients with an incomplete factor.

use la_krylov::sprs::{CsMat, TriMat};
use la_krylov::{CgOptions, cg};
use la_precond::classical::Ic0;

/// The five-point Laplacian on a `side` × `side` grid.
fn poisson(side: usize) -> CsMat<f64> {
    let n = side * side;
    let mut a = TriMat::new((n, n));
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
    let m = Ic0::default().factor(a.view())?;
    let solution = cg(&a, &b, &m, &CgOptions::default())?;
    let x = &solution.require_converged()?.x;

    let mut residual = 0.0_f64;
    for (row, b) in a.outer_iterator().zip(&b) {
        let product: f64 = row.iter().map(|(j, a)| a * x[j]).sum();
        residual += (b - product).powi(2);
    }
    let relative = residual.sqrt() / (b.len() as f64).sqrt();
    assert!(relative < 1e-5, "relative residual {relative}");
    println!("ic0: solved");

    // The weights travel inside the package.
    for name in la_gnn::Weights::bundled_names() {
        la_gnn::Weights::bundled(name)?;
        println!("weights {name}: loaded");
    }
    Ok(())
}
