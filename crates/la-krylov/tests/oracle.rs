//! Against the direct solvers of faer.

mod common;

use common::{Diagonal, laplacian, rhs};
use faer::linalg::solvers::Solve;
use faer::sparse::{SparseColMat, Triplet};
use faer::{Mat, Side};
use la_krylov::{CgOptions, FcgOptions, IdentityPreconditioner, cg, fcg};

#[test]
fn agrees_with_cholesky() {
    for (k, shift) in [(3, 0.0), (17, 0.0), (25, 0.5)] {
        let a = laplacian(k, shift);
        let n = k * k;
        let b = rhs(n);
        let triplets: Vec<_> = a
            .iter()
            .map(|(v, (i, j))| Triplet::new(i as usize, j as usize, *v))
            .collect();
        let faer_a = SparseColMat::<usize, f64>::try_new_from_triplets(n, n, &triplets).unwrap();
        let right = Mat::from_fn(n, 1, |i, _| b[i]);
        let sparse = faer_a.sp_cholesky(Side::Lower).unwrap().solve(&right);
        let dense = faer_a.to_dense().llt(Side::Lower).unwrap().solve(&right);
        let options = CgOptions::default().with_rtol(1e-12);
        let plain = cg(&a, &b, &IdentityPreconditioner::new(n), &options).unwrap();
        let diagonal = cg(&a.to_csc(), &b, &Diagonal::of(&a), &options).unwrap();
        let flexible = fcg(
            &a,
            &b,
            &Diagonal::of(&a),
            &FcgOptions::default().with_rtol(1e-12),
        )
        .unwrap();
        for solution in [plain, diagonal, flexible] {
            solution.require_converged().unwrap();
            for i in 0..n {
                // Tolerance times the condition number, which is below 300.
                approx::assert_relative_eq!(solution.x[i], sparse[(i, 0)], max_relative = 1e-8);
                approx::assert_relative_eq!(solution.x[i], dense[(i, 0)], max_relative = 1e-8);
            }
        }
    }
}
