//! Against the direct solvers of faer.

mod common;

use common::{Diagonal, convection, laplacian, rhs};
use faer::linalg::solvers::Solve;
use faer::sparse::{SparseColMat, Triplet};
use faer::{Mat, Side};
use la_krylov::{
    BicgstabOptions, CgOptions, FcgOptions, FgmresOptions, GmresOptions, IdentityPreconditioner,
    LsmrOptions, bicgstab, cg, fcg, fgmres, gmres, lsmr,
};

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

#[test]
fn general_methods_agree_with_lu() {
    for (k, wind) in [(4, 0.5), (13, 3.0), (20, 30.0)] {
        let a = convection(k, wind);
        let n = k * k;
        let b = rhs(n);
        let mut full = Mat::<f64>::zeros(n, n);
        for (v, (i, j)) in a.iter() {
            full[(i as usize, j as usize)] = *v;
        }
        let right = Mat::from_fn(n, 1, |i, _| b[i]);
        let expected = full.partial_piv_lu().solve(&right);
        let m = Diagonal::of(&a);
        let options = GmresOptions::default().with_rtol(1e-12);
        let left = options.clone().with_side(la_krylov::Side::Left);
        let solutions = [
            gmres(&a, &b, &m, &options).unwrap(),
            gmres(&a, &b, &m, &left).unwrap(),
            fgmres(&a, &b, &m, &FgmresOptions::default().with_rtol(1e-12)).unwrap(),
            bicgstab(&a, &b, &m, &BicgstabOptions::default().with_rtol(1e-12)).unwrap(),
            lsmr(&a, &b, &LsmrOptions::default().with_rtol(1e-12)).unwrap(),
        ];
        for solution in solutions {
            solution.require_converged().unwrap();
            for i in 0..n {
                // Tolerance times the condition number, which is below 1000.
                approx::assert_relative_eq!(
                    solution.x[i],
                    expected[(i, 0)],
                    max_relative = 1e-8,
                    epsilon = 1e-10
                );
            }
        }
    }
}

#[test]
fn ritz_bounds_agree_with_the_spectrum() {
    // Eigenvalues 4 − 2 cos(iπ/(k+1)) − 2 cos(jπ/(k+1)): 8 sin² at both ends.
    let k = 15;
    let a = laplacian(k, 0.0);
    let b = rhs(k * k);
    let angle = std::f64::consts::PI / (2 * (k + 1)) as f64;
    let (low, high) = (8.0 * angle.sin().powi(2), 8.0 * angle.cos().powi(2));
    let m = IdentityPreconditioner::new(k * k);
    let options = CgOptions::default().with_rtol(1e-12);
    let plain = cg(&a, &b, &m, &options).unwrap();
    let flexible = FcgOptions::default().with_rtol(1e-12).with_memory(2);
    let flexible = fcg(&a, &b, &m, &flexible).unwrap();
    for solution in [plain, flexible] {
        let (smallest, largest) = solution.ritz_bounds().unwrap();
        approx::assert_relative_eq!(smallest, low, max_relative = 1e-6);
        approx::assert_relative_eq!(largest, high, max_relative = 1e-6);
        let condition = solution.condition_estimate().unwrap();
        approx::assert_relative_eq!(condition, high / low, max_relative = 1e-6);
    }
}
