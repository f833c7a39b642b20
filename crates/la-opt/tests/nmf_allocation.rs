//! Iterations in a workspace allocate nothing.
#![cfg(feature = "nmf")]

mod nmf_common;

use allocation_counter::measure;
use la_opt::nmf::{AoAdmm, Data, DualStart, Loss, Method, NmfWorkspace, Unstored};
use la_opt::qp::SparseRows;
use nmf_common::{dense, factors, fixed, uniform};

#[test]
fn every_method_on_every_kind_of_data() {
    let (m, n, r) = (70, 50, 6);
    let v = uniform(m * n, 1);
    let mask: Vec<bool> = (0..m * n).map(|k| k % 7 != 3).collect();
    let few: Vec<f64> = v.iter().map(|&x| if x < 0.7 { 0.0 } else { x }).collect();
    let rows = SparseRows::from_dense(n, &few).unwrap();
    let kinds = [
        dense(m, n, &v),
        Data::masked(m, n, v, &mask).unwrap(),
        Data::sparse(rows.clone(), Unstored::Zero).unwrap(),
        Data::sparse(rows, Unstored::Missing).unwrap(),
    ];
    let methods = [
        Method::AoAdmm(AoAdmm::default()),
        Method::AoAdmm(AoAdmm::default().with_inner_tol(Some(1e-2))),
        Method::AoAdmm(AoAdmm::published(DualStart::Cold)),
        Method::Hals { sweeps: 2 },
        Method::extrapolated_hals(2),
        Method::Multiplicative(Loss::Frobenius),
        Method::Multiplicative(Loss::KullbackLeibler),
        Method::ScalarNewton { sweeps: 2 },
    ];
    let start = factors(m, n, r, 5);
    for data in &kinds {
        for method in &methods {
            let options = fixed(20).with_method(method.clone()).with_kkt_tol(1e-9);
            let mut workspace = NmfWorkspace::new(data, &start, options).unwrap();
            let mut solution = workspace.solve();
            assert_eq!(solution.history.len(), 21);
            workspace.restart(&start).unwrap();
            let allocations = measure(|| {
                workspace.solve_into(&mut solution);
                workspace.step();
            });
            assert_eq!(allocations.count_total, 0, "{method:?}");
        }
    }
}
