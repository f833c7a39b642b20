//! The number of threads changes no bit.
#![cfg(all(feature = "nmf", feature = "rayon"))]

mod nmf_common;

use la_opt::nmf::{AoAdmm, Data, Loss, Method, Unstored, factorize};
use la_opt::qp::SparseRows;
use nmf_common::{dense, factors, fixed, uniform};

#[test]
fn factors_do_not_depend_on_the_threads() {
    let (m, n, r) = (700, 330, 10);
    let v = uniform(m * n, 1);
    let mask: Vec<bool> = (0..m * n).map(|k| k % 7 != 3).collect();
    let few: Vec<f64> = v.iter().map(|&x| if x < 0.5 { 0.0 } else { x }).collect();
    let rows = SparseRows::from_dense(n, &few).unwrap();
    let kinds = [
        dense(m, n, &v),
        Data::masked(m, n, v, &mask).unwrap(),
        Data::sparse(rows.clone(), Unstored::Zero).unwrap(),
        Data::sparse(rows, Unstored::Missing).unwrap(),
    ];
    let start = factors(m, n, r, 5);
    for data in &kinds {
        for method in [
            Method::AoAdmm(AoAdmm::default()),
            Method::AoAdmm(AoAdmm::default().with_inner_tol(Some(1e-2))),
            Method::Hals { sweeps: 1 },
            Method::default(),
            Method::Multiplicative(Loss::Frobenius),
        ] {
            let options = fixed(5).with_method(method.clone()).with_kkt_tol(1e-12);
            let [one, three] = [1, 3].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let run = || factorize(data, &start, options.clone()).unwrap();
                pool.unwrap().install(run)
            });
            assert_eq!(one.factors, three.factors, "{method:?}");
            assert_eq!((one.rmse, one.kkt), (three.rmse, three.kkt), "{method:?}");
        }
    }
}
