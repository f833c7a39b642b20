//! Local sweeps without parameters: the elimination of a tridiagonal matrix, cut off after k steps.
//!
//! With A scaled to unit diagonal and `r_i = a_{i,i-1}² / (a_ii a_{i-1,i-1})`, the pivots of the Cholesky factor are
//! `ρ_i = 1 − r_i / ρ_{i-1}`. Starting from ρ = 1 and updating all rows at once k times, a row sees the k rows before it, and
//! after n − 1 sweeps the factor is exact.

use la_problems::CsrMatrix;

/// Scaled pivots never get smaller; reached only where a sweep has overshot.
const FLOOR: f64 = 1e-8;

/// Entries of the bidiagonal factor after `k` sweeps, in the order of the lower triangle of the tridiagonal matrix `a`.
pub(super) fn factor(a: &CsrMatrix, k: usize) -> Vec<f64> {
    let at = |i: usize, j: usize| a.get(i, j).copied().unwrap_or(0.0);
    let n = a.rows();
    let r: Vec<f64> = (1..n)
        .map(|i| at(i, i - 1).powi(2) / (at(i, i) * at(i - 1, i - 1)))
        .collect();
    let mut rho = vec![1.0; n];
    for _ in 0..k {
        // From below, so that every row reads the old value of the row before it.
        for i in (1..n).rev() {
            rho[i] = (1.0 - r[i - 1] / rho[i - 1]).max(FLOOR);
        }
    }
    let diagonal: Vec<f64> = (0..n).map(|i| (rho[i] * at(i, i)).sqrt()).collect();
    let mut entries = vec![diagonal[0]];
    for i in 1..n {
        entries.extend([at(i, i - 1) / diagonal[i - 1], diagonal[i]]);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_see_as_many_rows_as_there_are_sweeps() {
        let tridiagonal = |first: f64| -> CsrMatrix {
            let mut t = la_problems::sprs::TriMatI::<f64, u32>::new((8, 8));
            for i in 0..8 {
                t.add_triplet(i, i, if i == 0 { first } else { 2.0 });
                if i > 0 {
                    t.add_triplet(i, i - 1, -1.0);
                    t.add_triplet(i - 1, i, -1.0);
                }
            }
            t.to_csr()
        };
        let (a, b) = (tridiagonal(2.0), tridiagonal(3.0));
        // d_i = (i + 1) / i for the Laplacian.
        let exact = factor(&a, 7);
        for i in 0..8 {
            let d = (i as f64 + 2.0) / (i as f64 + 1.0);
            let own = exact[if i == 0 { 0 } else { 2 * i }];
            assert!((own - d.sqrt()).abs() < 1e-14, "{i}");
        }
        for k in 0..6 {
            let (x, y) = (factor(&a, k), factor(&b, k));
            // Row i holds entries 2 i - 1 and 2 i; its off-diagonal entry reads the pivot of row i - 1.
            assert!(x[2 * k + 3..] == y[2 * k + 3..], "{k}");
            assert!(x[2 * k + 1] != y[2 * k + 1], "{k}");
        }
    }
}
