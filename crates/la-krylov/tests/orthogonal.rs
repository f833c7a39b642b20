//! `Status::LeastSquares` is said of residuals that are orthogonal to the range, and of no others.

mod common;

use common::{Diagonal, Matrix, assert_honest, norm};
use la_krylov::sprs::TriMatI;
use la_krylov::{
    IdentityPreconditioner, LsmrOptions, MinresOptions, Preconditioner, Status, lsmr, minres,
};

/// `‖Aᵀ (b − A x)‖`.
fn normal_norm(a: &Matrix, b: &[f64], x: &[f64]) -> f64 {
    let mut normal = vec![0.0; a.cols()];
    for (i, row) in a.outer_iterator().enumerate() {
        let r = b[i] - row.iter().map(|(j, v)| v * x[j]).sum::<f64>();
        row.iter().for_each(|(j, v)| normal[j] += v * r);
    }
    norm(&normal)
}

#[test]
fn lsmr_never_says_so_early() {
    // A geometric diagonal, for which orthogonality is lost, on top of a zero row.
    for (n, decades) in [(50, 3.0), (100, 4.0), (200, 4.0), (100, 5.0)] {
        let mut t = TriMatI::new((n + 1, n));
        for j in 0..n {
            let exponent = -decades * j as f64 / (n - 1) as f64;
            t.add_triplet(j, j, 10f64.powf(exponent));
        }
        let a: Matrix = t.to_csr();
        let b = vec![1.0; n + 1];
        for tolerance in [1e-6, 1e-8, 1e-10] {
            let options = LsmrOptions::default()
                .with_normal_rtol(tolerance)
                .with_max_iters(20_000);
            let solution = lsmr(&a, &b, &options).unwrap();
            if decades < 5.0 {
                assert_eq!(solution.status, Status::LeastSquares, "{n} {decades}");
            }
            let bound = tolerance * norm(a.data()) * solution.residual_norm;
            assert!(
                solution.status != Status::LeastSquares
                    || normal_norm(&a, &b, &solution.x) <= bound,
                "{n} {decades} {tolerance}: {:e} above {bound:e}",
                normal_norm(&a, &b, &solution.x)
            );
        }
    }
}

/// A geometric diagonal of alternating signs, from 1 down to `10^-decades`.
fn geometric(n: usize, decades: f64, zero: bool) -> Matrix {
    let mut t = TriMatI::new((n, n));
    for i in 0..n - usize::from(zero) {
        let sign = if i % 3 == 0 { -1.0 } else { 1.0 };
        let exponent = -decades * i as f64 / (n - 1) as f64;
        t.add_triplet(i, i, sign * 10f64.powf(exponent));
    }
    t.to_csr()
}

#[test]
fn minres_never_trusts_its_recurrence() {
    let options = MinresOptions::default()
        .with_rtol(1e-15)
        .with_max_iters(20_000);
    for (n, decades) in [
        (3, 1.0),
        (5, 1.0),
        (10, 1.0),
        (10, 2.0),
        (20, 1.0),
        (20, 2.0),
        (40, 1.0),
        (60, 3.0),
        (60, 5.0),
        (100, 8.0),
    ] {
        let varied = Diagonal((0..n).map(|i| 1.0 + (i % 5) as f64).collect());
        let identity = IdentityPreconditioner::new(n);
        let (varied, identity): (&dyn Preconditioner, &dyn Preconditioner) = (&varied, &identity);
        for (zero, m) in [
            (true, identity),
            (false, identity),
            (true, varied),
            (false, varied),
        ] {
            let a = geometric(n, decades, zero);
            let b = vec![1.0; n];
            let solution = minres(&a, &b, m, &options).unwrap();
            assert_honest(&a, &b, &solution);
            // The norm of A is 1, and the diagonal of M between 1 and 5.
            let normal = normal_norm(&a, &b, &solution.x) / solution.residual_norm;
            let case = format!("{n} {decades} {zero}: {normal:e}, {solution}");
            assert!(
                solution.status != Status::LeastSquares || normal <= 1e-7,
                "{case}"
            );
        }
    }
}
