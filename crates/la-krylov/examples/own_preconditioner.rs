//! Writes a preconditioner, symmetric Gauss-Seidel, and compares it with none.
//!
//! Run with `cargo run -p la-krylov --example own_preconditioner`.

use la_krylov::sprs::{CsMat, TriMat};
use la_krylov::{
    CgOptions, Definiteness, Host, IdentityPreconditioner, Preconditioner, PreconditionerError, cg,
};

/// M = (D + L) D⁻¹ (D + Lᵀ), for a symmetric A = L + D + Lᵀ with a positive diagonal.
struct SymmetricGaussSeidel<'a> {
    a: &'a CsMat<f64>,
}

impl Preconditioner for SymmetricGaussSeidel<'_> {
    fn dimension(&self) -> usize {
        self.a.rows()
    }
    fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        z.copy_from_slice(r);
        // (D + L) y = r
        for (i, row) in self.a.outer_iterator().enumerate() {
            let below: f64 = row
                .iter()
                .filter(|(j, _)| *j < i)
                .map(|(j, v)| v * z[j])
                .sum();
            let diagonal = row.get(i).copied().unwrap_or(0.0);
            if diagonal <= 0.0 {
                return Err(PreconditionerError {
                    message: format!("diagonal of row {i} is {diagonal}"),
                });
            }
            z[i] = (z[i] - below) / diagonal;
        }
        // (D + Lᵀ) z = D y
        for (i, row) in self.a.outer_iterator().enumerate().rev() {
            let above: f64 = row
                .iter()
                .filter(|(j, _)| *j > i)
                .map(|(j, v)| v * z[j])
                .sum();
            z[i] -= above / row.get(i).copied().unwrap_or(1.0);
        }
        Ok(())
    }

    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
}

fn main() -> Result<(), la_krylov::KrylovError> {
    let (n, mut t) = (400, TriMat::new((400, 400)));
    for i in 0..n {
        t.add_triplet(i, i, 2.0 + 1e-3 * (i % 7) as f64);
        if i > 0 {
            t.add_triplet(i, i - 1, -1.0);
            t.add_triplet(i - 1, i, -1.0);
        }
    }
    let a: CsMat<f64> = t.to_csr();
    let b = vec![1.0; n];
    let plain = cg(
        &a,
        &b,
        &IdentityPreconditioner::new(n),
        &CgOptions::default(),
    )?;
    let swept = cg(
        &a,
        &b,
        &SymmetricGaussSeidel { a: &a },
        &CgOptions::default(),
    )?;
    println!("no preconditioner:      {plain}");
    println!("symmetric Gauss-Seidel: {swept}");
    Ok(())
}
