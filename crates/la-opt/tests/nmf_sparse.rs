//! Sparse data and missing entries.
#![cfg(feature = "nmf")]

mod nmf_common;

use la_opt::nmf::{AoAdmm, Data, Loss, Method, NmfWorkspace, Unstored, factorize};
use la_opt::qp::SparseRows;
use nmf_common::{assert_close, factors, fixed, uniform};

fn methods() -> [Method; 7] {
    [
        Method::AoAdmm(AoAdmm::default()),
        Method::AoAdmm(AoAdmm::default().with_inner_tol(Some(1e-2))),
        Method::Hals { sweeps: 2 },
        Method::extrapolated_hals(2),
        Method::Multiplicative(Loss::Frobenius),
        Method::Multiplicative(Loss::KullbackLeibler),
        Method::ScalarNewton { sweeps: 2 },
    ]
}

#[test]
fn sparse_data_are_the_dense_data() {
    let (m, n, r) = (60, 300, 5);
    let v: Vec<f64> = uniform(m * n, 3)
        .iter()
        .map(|&x| if x < 0.9 { 0.0 } else { x })
        .collect();
    let dense = Data::dense(m, n, v.clone()).unwrap();
    let sparse = Data::sparse(SparseRows::from_dense(n, &v).unwrap(), Unstored::Zero).unwrap();
    assert!((dense.squared_norm() - sparse.squared_norm()).abs() < 1e-12 * dense.squared_norm());
    let start = factors(m, n, r, 9);
    for method in methods() {
        let a = factorize(&dense, &start, fixed(8).with_method(method.clone())).unwrap();
        let b = factorize(&sparse, &start, fixed(8).with_method(method.clone())).unwrap();
        assert_close(&b.factors.w, &a.factors.w, 1e-9, "W");
        assert_close(&b.factors.h, &a.factors.h, 1e-9, "H");
        for (a, b) in a.history.iter().zip(&b.history) {
            assert!((a.rmse - b.rmse).abs() < 1e-10, "{method:?}");
        }
        assert!((a.loss - b.loss).abs() < 1e-9 * a.loss);
    }
}

/// Near an exact fit the Gram matrices have no digits of the error left.
#[test]
fn small_errors_keep_their_digits() {
    let (m, n, r) = (400, 300, 4);
    // Few entries in both factors, so that the product is sparse.
    let thin = |len, seed| -> Vec<f64> {
        uniform(len, seed)
            .iter()
            .map(|&x| if x < 0.8 { 0.0 } else { x })
            .collect()
    };
    let exact = la_opt::nmf::Factors::new(r, thin(m * r, 1), thin(n * r, 2)).unwrap();
    let v = exact.product();
    let mut near = exact.clone();
    near.w.iter_mut().for_each(|x| *x *= 1.0 + 1e-11);
    let sparse = Data::sparse(SparseRows::from_dense(n, &v).unwrap(), Unstored::Zero).unwrap();
    let mut workspace = NmfWorkspace::new(&sparse, &near, fixed(0)).unwrap();
    let expected = nmf_common::rmse(&v, &near);
    assert!(
        expected > 1e-13 && (workspace.rmse() - expected).abs() < 1e-2 * expected,
        "{expected}"
    );
}

#[test]
fn both_ways_to_say_what_is_missing_agree() {
    let (m, n, r) = (40, 290, 3);
    let v: Vec<f64> = uniform(m * n, 5).iter().map(|x| x + 0.1).collect();
    let mask: Vec<bool> = uniform(m * n, 6).iter().map(|&x| x < 0.6).collect();
    let known: Vec<f64> = v
        .iter()
        .zip(&mask)
        .map(|(&x, &seen)| if seen { x } else { 0.0 })
        .collect();
    let dense = Data::masked(m, n, v, &mask).unwrap();
    let sparse = Data::sparse(
        SparseRows::from_dense(n, &known).unwrap(),
        Unstored::Missing,
    )
    .unwrap();
    assert_eq!(
        (dense.known(), dense.has_missing()),
        (sparse.known(), sparse.has_missing())
    );
    assert!((dense.mean() - sparse.mean()).abs() < 1e-13);
    let start = factors(m, n, r, 8);
    for method in methods() {
        let a = factorize(&dense, &start, fixed(10).with_method(method.clone())).unwrap();
        let b = factorize(&sparse, &start, fixed(10).with_method(method.clone())).unwrap();
        assert_close(&b.factors.w, &a.factors.w, 1e-9, "W");
        assert_close(&b.factors.h, &a.factors.h, 1e-9, "H");
        assert!((a.rmse - b.rmse).abs() < 1e-11 && (a.loss - b.loss).abs() < 1e-9 * a.loss);
        assert!(a.rmse < a.history[0].rmse);
    }
}

/// The error over the known entries falls, and what is missing comes back.
#[test]
fn missing_entries_are_recovered() {
    let (m, n, r) = (80, 60, 3);
    let v = factors(m, n, r, 21).product();
    let mask: Vec<bool> = uniform(m * n, 22).iter().map(|&x| x < 0.7).collect();
    let data = Data::masked(m, n, v.clone(), &mask).unwrap();
    let start = factors(m, n, r, 33);
    for method in [
        Method::AoAdmm(AoAdmm::default()),
        Method::Hals { sweeps: 2 },
        Method::extrapolated_hals(2),
        Method::Multiplicative(Loss::Frobenius),
    ] {
        let iterations = if matches!(method, Method::Multiplicative(_)) {
            200
        } else {
            2000
        };
        let solution =
            factorize(&data, &start, fixed(iterations).with_method(method.clone())).unwrap();
        for pair in solution.history.windows(2) {
            if !matches!(method, Method::ExtrapolatedHals { .. }) {
                assert!(pair[1].rmse <= pair[0].rmse * (1.0 + 1e-9), "{method:?}");
            }
        }
        if iterations == 2000 {
            let product = solution.factors.product();
            let hidden = product
                .iter()
                .zip(&v)
                .zip(&mask)
                .filter(|(_, seen)| !**seen);
            let worst = hidden.map(|((a, b), _)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 0.05, "{method:?}: {worst}, {}", solution.rmse);
        }
    }
}
