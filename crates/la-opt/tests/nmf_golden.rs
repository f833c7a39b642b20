//! Numbers of an independent implementation in double precision: two small matrices, faces and a hyperspectral picture.
#![cfg(feature = "nmf")]

mod nmf_common;

use la_opt::nmf::{
    AoAdmm, Data, DualStart, Factors, Initializer, Method, NmfWorkspace, Nndsvd, Rho, TruncatedSvd,
};
use la_problems::nmf::NonnegativeSet;
use nmf_common::{assert_close, dense, fixed, golden_a, golden_b, rmse};

fn admm(rho: Rho, dual: DualStart) -> Method {
    Method::AoAdmm(AoAdmm::published(dual).with_rho(rho))
}

fn errors(data: &Data<'_>, start: &Factors, method: Method, count: usize) -> Vec<f64> {
    let options = fixed(count).with_method(method);
    let solution = NmfWorkspace::new(data, start, options).unwrap().solve();
    solution.history.iter().map(|step| step.rmse).collect()
}

#[test]
fn start_and_iterations_on_matrix_a() {
    let data = dense(4, 3, &golden_a());
    let start = Nndsvd::default().start(&data, 2).unwrap();
    let w = [
        1.39738654, 0., 0.17856174, 0.10307666, 1.04119565, 0.31410070, 1.09999088, 0.,
    ];
    let h = [1.41403160, 0.33058138, 1.46661441, 0., 0.35804825, 0.];
    assert_close(&start.w, &w, 5e-9, "W0");
    assert_close(&start.h, &h, 5e-9, "H0");
    assert!((rmse(&golden_a(), &start) - 0.05343925).abs() < 5e-9);
    let known = [
        (
            Rho::Fixed(1.0),
            DualStart::Warm,
            [
                0.05343925, 0.04287656, 0.03851991, 0.03694767, 0.03595422, 0.03492292,
            ],
            0.02877625,
        ),
        (
            Rho::Fixed(1.0),
            DualStart::Cold,
            [
                0.05343925, 0.04287656, 0.03851962, 0.03693567, 0.03593954, 0.03490740,
            ],
            0.02875449,
        ),
        (
            Rho::TraceOverRank,
            DualStart::Warm,
            [
                0.05343925, 0.04509011, 0.04192641, 0.03959996, 0.03812994, 0.03725640,
            ],
            0.03433059,
        ),
    ];
    for (rho, dual, first, tenth) in known {
        let errors = errors(&data, &start, admm(rho, dual), 10);
        for (a, b) in errors.iter().zip(first).chain([(&errors[10], tenth)]) {
            assert!((a - b).abs() < 6e-9, "{rho:?} {dual:?}: {a} is not {b}");
        }
    }
    let options = fixed(1).with_method(admm(Rho::Fixed(1.0), DualStart::Warm));
    let once = NmfWorkspace::new(&data, &start, options)
        .unwrap()
        .solve()
        .factors;
    let w = [
        1.41122783, 0., 0.16488145, 0.12685362, 1.00292630, 0.39864819, 1.11101444, 0.,
    ];
    let h = [1.38464204, 0.36560028, 1.46661686, 0., 0.35805251, 0.];
    assert_close(&once.w, &w, 5e-9, "W1");
    assert_close(&once.h, &h, 5e-9, "H1");
}

#[test]
fn start_and_iterations_on_matrix_b() {
    let v = golden_b();
    let data = dense(12, 9, &v);
    let start = Nndsvd::default().start(&data, 3).unwrap();
    let sum = |x: &[f64]| x.iter().sum::<f64>();
    assert!((rmse(&v, &start) - 0.20603197).abs() < 6e-9);
    assert!((sum(&start.w) - 15.45562568).abs() < 6e-9);
    assert!((sum(&start.h) - 13.21296718).abs() < 6e-9);
    let known = [
        (
            admm(Rho::Fixed(1.0), DualStart::Warm),
            [
                0.11987371, 0.06122561, 0.02862111, 0.01438734, 0.00335478, 0.00071497,
            ],
        ),
        (
            admm(Rho::Fixed(1.0), DualStart::Cold),
            [
                0.11987371, 0.06154252, 0.02351218, 0.00956897, 0.00117192, 0.00012952,
            ],
        ),
        (
            admm(Rho::TraceOverRank, DualStart::Warm),
            [
                0.13418055, 0.09684213, 0.03954470, 0.01943186, 0.00624866, 0.00180658,
            ],
        ),
        (
            Method::Hals { sweeps: 1 },
            [
                0.14523588, 0.11765394, 0.06205802, 0.03137738, 0.01392269, 0.00635107,
            ],
        ),
    ];
    for (method, expected) in known {
        let errors = errors(&data, &start, method.clone(), 30);
        for (k, b) in [1, 2, 5, 10, 20, 30].into_iter().zip(expected) {
            assert!(
                (errors[k] - b).abs() < 6e-9,
                "{method:?}, iteration {k}: {} is not {b}",
                errors[k]
            );
        }
    }
}

/// Long runs amplify rounding: to 1e-4.
#[test]
fn iterations_on_real_data() {
    let Ok(folder) = std::env::var("LA_DATA_DIR") else {
        println!("skipped: LA_DATA_DIR is not set");
        return;
    };
    let known = [
        (
            NonnegativeSet::Yale,
            0.25821,
            0.43403,
            [0.38359, 0.34286, 0.30149, 0.28900, 0.28141, 0.27901],
            [0.34776, 0.31669, 0.28533, 0.27544, 0.27093, 0.26943],
        ),
        (
            NonnegativeSet::JasperRidge,
            0.02090,
            0.23629,
            [0.14251, 0.10268, 0.05450, 0.04382, 0.03446, 0.03646],
            [0.14495, 0.08486, 0.03796, 0.03175, 0.02740, 0.02548],
        ),
    ];
    for (set, bound, begin, one, trace) in known {
        let (set, _) = set.read(format!("{folder}/nmf")).unwrap().scaled();
        let data = Data::dense(set.rows, set.columns, set.values).unwrap();
        let svd = TruncatedSvd::new(&data, 10, 0).unwrap();
        assert!((svd.rmse(&data) - bound).abs() < 1e-5);
        let start = Nndsvd::default().start_from(&data, &svd).unwrap();
        for (rho, expected) in [(Rho::Fixed(1.0), one), (Rho::TraceOverRank, trace)] {
            let errors = errors(&data, &start, admm(rho, DualStart::Warm), 30);
            assert!((errors[0] - begin).abs() < 1e-5);
            for (k, b) in [1, 2, 5, 10, 20, 30].into_iter().zip(expected) {
                assert!(
                    (errors[k] - b).abs() < 1e-4,
                    "{rho:?}, iteration {k}: {} is not {b}",
                    errors[k]
                );
            }
        }
    }
}
