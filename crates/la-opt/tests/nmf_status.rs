//! How factorisations end, and what is refused.
#![cfg(feature = "nmf")]

mod nmf_common;

use std::time::Duration;

use la_opt::OptError;
use la_opt::nmf::{
    AoAdmm, Data, Extrapolation, Factors, Initializer, Loss, Method, NmfOptions, NmfStatus,
    NmfWorkspace, Nndsvd, Rho, Unstored, factorize,
};
use la_opt::qp::SparseRows;
use nmf_common::{dense, factors, fixed, uniform};

#[test]
fn every_ending_is_reached() {
    let (m, n, r) = (30, 20, 3);
    let v = factors(m, n, r, 1).product();
    let data = dense(m, n, &v);
    let start = factors(m, n, r, 5);
    let run = |options: NmfOptions| factorize(&data, &start, options).unwrap();
    assert_eq!(run(fixed(3)).status, NmfStatus::IterationLimit);
    assert_eq!(run(fixed(0)).factors, start);
    let solution = run(fixed(100_000).with_kkt_tol(1e-6));
    assert_eq!(solution.status, NmfStatus::Converged);
    assert!(solution.kkt <= 1e-6);
    let solution = run(fixed(100_000)
        .with_target_rmse(Some(1e-3))
        .with_history_every(0));
    assert_eq!(solution.status, NmfStatus::TargetReached);
    assert!(solution.rmse <= 1e-3 && solution.history.is_empty());
    let hals = Method::Hals { sweeps: 1 };
    let solution = run(fixed(100_000)
        .with_change_tol(1e-3)
        .with_method(hals.clone()));
    assert_eq!(solution.status, NmfStatus::Stalled);
    let solution = run(fixed(100_000)
        .with_time_limit(Some(Duration::ZERO))
        .with_method(hals));
    assert_eq!(
        (solution.status, solution.iterations),
        (NmfStatus::TimeLimit, 1)
    );
    let huge = Data::dense(1, 2, vec![1e200, 1e200]).unwrap();
    let start = Factors::new(1, vec![1e120], vec![1e120, 1e120]).unwrap();
    let solution = factorize(
        &huge,
        &start,
        fixed(5).with_method(Method::Hals { sweeps: 1 }),
    )
    .unwrap();
    assert_eq!(solution.status, NmfStatus::NonFinite);
    for status in [
        NmfStatus::Converged,
        NmfStatus::TargetReached,
        NmfStatus::Stalled,
        NmfStatus::IterationLimit,
        NmfStatus::TimeLimit,
        NmfStatus::NonFinite,
    ] {
        assert!(!status.to_string().is_empty());
    }
}

#[test]
fn records_come_as_often_as_asked_for() {
    let data = dense(9, 8, &uniform(72, 3));
    let start = factors(9, 8, 2, 5);
    let solution = factorize(&data, &start, fixed(10).with_history_every(4)).unwrap();
    let iterations: Vec<usize> = solution.history.iter().map(|step| step.iteration).collect();
    assert_eq!(iterations, [0, 4, 8, 10]);
    assert!(
        solution
            .history
            .windows(2)
            .all(|s| s[0].seconds <= s[1].seconds)
    );
    assert_eq!(
        solution.history[3].seconds,
        solution.solve_time.as_secs_f64()
    );
}

#[test]
fn entries_that_are_refused_have_a_place() {
    let entry = |what, row, column| move |error: OptError| matches!(error, OptError::Entry { what: w, row: i, column: j, .. } if (w, i, j) == (what, row, column));
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let mut v = uniform(12, 1);
        v[7] = bad;
        assert!(entry("data", 1, 3)(
            Data::dense(3, 4, v.clone()).unwrap_err()
        ));
        // Nobody looks at what is missing.
        let mut mask = vec![true; 12];
        mask[7] = false;
        assert_eq!(Data::masked(3, 4, v, &mask).unwrap().known(), 11);
        let mut w = vec![1.0; 6];
        w[5] = bad;
        assert!(entry("factor W", 2, 1)(
            Factors::new(2, w.clone(), vec![1.0; 8]).unwrap_err()
        ));
        assert!(entry("factor H", 2, 1)(
            Factors::new(2, vec![1.0; 8], w).unwrap_err()
        ));
    }
    let rows = SparseRows::new(4, vec![0, 1, 3], vec![2, 0, 3], vec![1.0, 2.0, -3.0]).unwrap();
    assert!(entry("data", 1, 3)(
        Data::sparse(rows, Unstored::Zero).unwrap_err()
    ));
    assert_eq!(
        Data::<f64>::dense(0, 4, vec![]).unwrap_err(),
        OptError::Empty {
            rows: 0,
            columns: 4
        }
    );
    assert!(matches!(
        Data::dense(2, 4, vec![1.0]),
        Err(OptError::Length { what: "data", .. })
    ));
    assert!(matches!(
        Data::masked(1, 2, vec![1.0; 2], &[true]),
        Err(OptError::Length { what: "mask", .. })
    ));
    assert!(matches!(
        Data::masked(1, 2, vec![1.0; 2], &[false; 2]),
        Err(OptError::Empty { .. })
    ));
    let nothing = SparseRows::<f64>::new(4, vec![0, 0], vec![], vec![]).unwrap();
    assert!(Data::sparse(nothing.clone(), Unstored::Zero).is_ok());
    assert!(matches!(
        Data::sparse(nothing, Unstored::Missing),
        Err(OptError::Empty { .. })
    ));
}

#[test]
fn starts_that_do_not_fit_are_refused() {
    let data = dense(3, 4, &uniform(12, 1));
    let new = |start: &Factors| NmfWorkspace::new(&data, start, fixed(1)).map(|_| ());
    assert!(matches!(
        new(&factors(4, 4, 2, 0)),
        Err(OptError::Length {
            what: "factor W",
            ..
        })
    ));
    assert!(matches!(
        new(&factors(3, 3, 2, 0)),
        Err(OptError::Length {
            what: "factor H",
            ..
        })
    ));
    let good = factors(3, 4, 2, 0);
    assert!(new(&good).is_ok());
    let mut workspace = NmfWorkspace::new(&data, &good, fixed(1)).unwrap();
    assert!(matches!(
        workspace.set_factors(&factors(3, 4, 3, 0)),
        Err(OptError::Rank { rank: 3, .. })
    ));
    assert!(Factors::<f64>::new(0, vec![], vec![]).is_err());
    assert!(Factors::new(2, vec![1.0; 3], vec![1.0; 2]).is_err());
}

#[test]
fn options_out_of_range_have_names() {
    let admm = |admm: AoAdmm| fixed(1).with_method(Method::AoAdmm(admm));
    let means = |scale, power| AoAdmm::default().with_rho(Rho::Means { scale, power });
    let steps = |change: fn(&mut Extrapolation)| {
        let mut extrapolation = Extrapolation::default();
        change(&mut extrapolation);
        fixed(1).with_method(Method::ExtrapolatedHals {
            sweeps: 1,
            extrapolation,
        })
    };
    let bad = [
        (fixed(1).with_kkt_tol(f64::NAN), "kkt_tol"),
        (fixed(1).with_change_tol(-1.0), "change_tol"),
        (fixed(1).with_target_rmse(Some(-1.0)), "target_rmse"),
        (admm(AoAdmm::default().with_inner_iters(0)), "inner_iters"),
        (
            admm(AoAdmm::default().with_inner_tol(Some(f64::NAN))),
            "inner_tol",
        ),
        (admm(AoAdmm::default().with_rho(Rho::Fixed(0.0))), "rho"),
        (admm(means(0.0, 0.5)), "scale"),
        (admm(means(1.0, 1.5)), "power"),
        (fixed(1).with_method(Method::Hals { sweeps: 0 }), "sweeps"),
        (fixed(1).with_method(Method::extrapolated_hals(0)), "sweeps"),
        (steps(|e| e.beta = 2.0), "beta"),
        (steps(|e| e.bound_growth = 0.5), "bound_growth"),
        (steps(|e| e.growth = 2.0), "growth"),
        (steps(|e| e.shrink = f64::INFINITY), "shrink"),
    ];
    for (options, name) in bad {
        match options.validate() {
            Err(OptError::InvalidOption { option, .. }) => assert_eq!(option, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// Zeros, dependent rows, and more columns of factors than the data have.
#[test]
fn degenerate_data_end_well() {
    let (m, n) = (12, 8);
    let mut holes = uniform(m * n, 2);
    for j in 0..n {
        holes[3 * n + j] = 0.0;
    }
    for i in 0..m {
        holes[i * n + 5] = 0.0;
    }
    let thin: Vec<f64> = (0..m * n)
        .map(|at| (1 + at / n) as f64 * (2 + at % n) as f64 / 20.0)
        .collect();
    for (v, r) in [
        (vec![0.0; m * n], 3),
        (holes, 4),
        (thin.clone(), 5),
        (thin, 8),
    ] {
        let data = dense(m, n, &v);
        for start in [
            Nndsvd::default().start(&data, r).unwrap(),
            factors(m, n, r, 7),
        ] {
            for method in [
                Method::AoAdmm(AoAdmm::default()),
                Method::Hals { sweeps: 2 },
                Method::extrapolated_hals(2),
                Method::Multiplicative(Loss::Frobenius),
                Method::Multiplicative(Loss::KullbackLeibler),
            ] {
                let solution = factorize(
                    &data,
                    &start,
                    NmfOptions::default().with_method(method.clone()),
                )
                .unwrap();
                assert!(
                    solution.rmse.is_finite() && solution.rmse <= solution.history[0].rmse + 1e-12,
                    "{method:?}"
                );
                assert!(
                    solution
                        .factors
                        .w
                        .iter()
                        .chain(&solution.factors.h)
                        .all(|x| x.is_finite())
                );
            }
        }
    }
    let zero = dense(m, n, &vec![0.0; m * n]);
    let solution = factorize(&zero, &factors(m, n, 2, 3), NmfOptions::default()).unwrap();
    assert!(solution.rmse < 1e-12, "{}", solution.rmse);
}

#[cfg(feature = "serde")]
#[test]
fn options_and_solutions_can_be_written_and_read() {
    for method in [
        Method::AoAdmm(AoAdmm::default().with_rho(Rho::Fixed(2.0))),
        Method::Hals { sweeps: 3 },
        Method::default(),
        Method::Multiplicative(Loss::KullbackLeibler),
        Method::ScalarNewton { sweeps: 2 },
    ] {
        let options = fixed(7).with_method(method);
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<NmfOptions>(&text).unwrap(), options);
    }
    let data = dense(5, 4, &uniform(20, 1));
    let options = fixed(2).with_kkt_tol(1e-9);
    let solution = factorize(&data, &factors(5, 4, 2, 3), options).unwrap();
    let text = serde_json::to_string(&solution).unwrap();
    let read: la_opt::nmf::NmfSolution = serde_json::from_str(&text).unwrap();
    assert_eq!(read, solution);
    assert!(serde_json::from_str::<NmfOptions>(r#"{"max_iter": 3}"#).is_err());
}
