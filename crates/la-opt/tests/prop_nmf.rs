//! Factorisations of whatever nonnegative matrices there are.
#![cfg(feature = "nmf")]

mod nmf_common;

use la_opt::nmf::{AoAdmm, Data, Factors, Initializer, Loss, Method, Nndsvd, Unstored, factorize};
use la_opt::qp::SparseRows;
use nmf_common::{dense, fixed, rmse};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    m: usize,
    n: usize,
    v: Vec<f64>,
    start: Factors,
}

/// Entries of very different sizes, many of them 0.
fn entries(len: usize) -> impl Strategy<Value = Vec<f64>> {
    let entry = prop_oneof![
        Just(0.0),
        0.0..1.0,
        (-6.0..4.0f64).prop_map(|e| 10f64.powf(e))
    ];
    prop::collection::vec(entry, len)
}

fn case() -> impl Strategy<Value = Case> {
    (1usize..25, 1usize..25, 1usize..8).prop_flat_map(|(m, n, r)| {
        (entries(m * n), entries(m * r), entries(n * r)).prop_map(move |(v, w, h)| {
            let start = Factors::new(r, w, h).unwrap();
            Case { m, n, v, start }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn methods_with_descent_descend(case in case()) {
        let data = dense(case.m, case.n, &case.v);
        let size = (data.squared_norm() / case.v.len() as f64).sqrt();
        for method in [
            Method::AoAdmm(AoAdmm::default()),
            Method::Hals { sweeps: 1 },
            Method::Multiplicative(Loss::Frobenius),
        ] {
            let solution = factorize(&data, &case.start, fixed(6).with_method(method.clone())).unwrap();
            for pair in solution.history.windows(2) {
                let slack = 1e-9 * (pair[0].rmse + size);
                prop_assert!(pair[1].rmse <= pair[0].rmse + slack, "{method:?}: {pair:?}");
            }
            let all = solution.factors.w.iter().chain(&solution.factors.h);
            prop_assert!(all.clone().all(|x| x.is_finite() && *x >= 0.0));
            let direct = rmse(&case.v, &solution.factors);
            prop_assert!((direct - solution.rmse).abs() <= 1e-12 * (size + direct));
        }
    }

    #[test]
    fn extrapolation_ends_no_worse_than_it_began(case in case()) {
        let data = dense(case.m, case.n, &case.v);
        let options = fixed(12).with_method(Method::extrapolated_hals(1));
        let solution = factorize(&data, &case.start, options).unwrap();
        prop_assert!(solution.rmse.is_finite());
        prop_assert!(solution.factors.w.iter().chain(&solution.factors.h).all(|x| *x >= 0.0));
    }

    #[test]
    fn sparse_and_dense_are_one(case in case()) {
        let data = dense(case.m, case.n, &case.v);
        let rows = SparseRows::from_dense(case.n, &case.v).unwrap();
        let sparse = Data::sparse(rows, Unstored::Zero).unwrap();
        let options = fixed(2).with_method(Method::Hals { sweeps: 1 });
        let a = factorize(&data, &case.start, options.clone()).unwrap();
        let b = factorize(&sparse, &case.start, options).unwrap();
        let size = (data.squared_norm() / case.v.len() as f64).sqrt();
        for (a, b) in a.history.iter().zip(&b.history) {
            prop_assert!((a.rmse - b.rmse).abs() <= 1e-7 * (a.rmse + size), "{a:?} {b:?}");
        }
    }

    #[test]
    fn starts_are_bounded_by_the_data(case in case()) {
        let data = dense(case.m, case.n, &case.v);
        let rank = case.start.rank.min(case.m).min(case.n);
        let start = Nndsvd::default().start(&data, rank).unwrap();
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        // Each pair has the norm of at most its singular value.
        let bound = (rank as f64 * data.squared_norm().sqrt()).sqrt() * (1.0 + 1e-9) + 1e-9;
        prop_assert!(norm(&start.w) <= bound && norm(&start.h) <= bound);
        prop_assert!(start.w.iter().chain(&start.h).all(|x| x.is_finite() && *x >= 0.0));
    }
}
