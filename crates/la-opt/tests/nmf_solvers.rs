//! What all solvers must do, whatever their speed.
#![cfg(feature = "nmf")]

mod nmf_common;

use la_opt::nmf::{
    AoAdmm, Data, DualStart, Factors, Initializer, Loss, Method, NmfOptions, NmfStatus,
    NmfWorkspace, Nndsvd, Rho, factorize,
};
use la_opt::qp::{Hessian, QpOptions, QuadraticProgram};
use nmf_common::{assert_close, dense, factors, fixed, golden_b, rmse, transposed, uniform};

fn methods() -> Vec<Method> {
    vec![
        Method::AoAdmm(AoAdmm::default()),
        Method::AoAdmm(AoAdmm::published(DualStart::Cold)),
        Method::AoAdmm(AoAdmm::default().with_inner_tol(Some(1e-2))),
        Method::Hals { sweeps: 1 },
        Method::Hals { sweeps: 3 },
        Method::extrapolated_hals(1),
        Method::extrapolated_hals(3),
        Method::Multiplicative(Loss::Frobenius),
        Method::Multiplicative(Loss::KullbackLeibler),
        Method::ScalarNewton { sweeps: 2 },
    ]
}

#[test]
fn factors_are_nonnegative_and_errors_are_those_of_the_entries() {
    for (m, n, r) in [
        (1, 1, 1),
        (9, 4, 1),
        (5, 7, 5),
        (40, 33, 10),
        (33, 300, 13),
        (6, 5, 9),
    ] {
        let v = uniform(m * n, 17);
        let data = dense(m, n, &v);
        let start = factors(m, n, r, 3);
        for method in methods() {
            let solution = factorize(&data, &start, fixed(25).with_method(method.clone())).unwrap();
            let all = solution.factors.w.iter().chain(&solution.factors.h);
            assert!(
                all.clone().all(|x| x.is_finite() && *x >= 0.0),
                "{method:?}"
            );
            let direct = rmse(&v, &solution.factors);
            assert!((solution.rmse - direct).abs() < 1e-12, "{method:?}");
            assert_eq!(solution.history.len(), 26);
            assert_eq!(solution.history[25].rmse, solution.rmse);
            assert!(solution.rmse < solution.history[0].rmse, "{method:?}");
            if method.loss() == Loss::Frobenius {
                let expected = 0.5 * direct * direct * (m * n) as f64;
                assert!((solution.loss - expected).abs() < 1e-12 * (m * n) as f64);
            }
        }
    }
}

/// Steps from outside are the iterations of a solve, whether or not a pass over V serves two products.
#[test]
fn steps_are_the_iterations_of_a_solve() {
    let (m, n, r) = (300, 41, 7);
    let data = dense(m, n, &uniform(m * n, 5));
    let start = factors(m, n, r, 8);
    for method in methods() {
        let options = fixed(6).with_method(method.clone());
        let solved = factorize(&data, &start, options.clone()).unwrap();
        let mut steps = NmfWorkspace::new(&data, &start, options).unwrap();
        (0..6).for_each(|_| steps.step());
        assert_eq!(steps.factors(), solved.factors, "{method:?}");
        // Starting again is starting.
        steps.restart(&start).unwrap();
        assert_eq!(steps.solve().factors, solved.factors, "{method:?}");
    }
}

/// The half step of W is that of H for Vᵀ.
#[test]
fn the_transpose_swaps_the_half_steps() {
    let (m, n, r) = (17, 11, 4);
    let v = uniform(m * n, 21);
    let start = factors(m, n, r, 2);
    let turned = dense(n, m, &transposed(m, n, &v));
    for method in methods() {
        if matches!(method, Method::ExtrapolatedHals { .. }) {
            // Treats W and H differently.
            continue;
        }
        let options = fixed(1).with_method(method.clone());
        let once = factorize(&dense(m, n, &v), &start, options.clone())
            .unwrap()
            .factors;
        // What the half step of W began with.
        let between = Factors::new(r, once.h, start.w.clone()).unwrap();
        let other = factorize(&turned, &between, options).unwrap().factors;
        assert_close(&other.h, &once.w, 1e-11, &format!("{method:?}"));
    }
}

#[test]
fn rows_and_columns_have_no_order() {
    let (m, n, r) = (70, 12, 5);
    let v = uniform(m * n, 31);
    let start = factors(m, n, r, 6);
    let row = |i: usize| (37 * i + 5) % m;
    let moved: Vec<f64> = (0..m * n).map(|at| v[row(at / n) * n + at % n]).collect();
    let w: Vec<f64> = (0..m * r)
        .map(|at| start.w[row(at / r) * r + at % r])
        .collect();
    let other = Factors::new(r, w, start.h.clone()).unwrap();
    for method in methods() {
        let options = fixed(4).with_method(method.clone());
        let a = factorize(&dense(m, n, &v), &start, options.clone())
            .unwrap()
            .factors;
        let b = factorize(&dense(m, n, &moved), &other, options)
            .unwrap()
            .factors;
        let w: Vec<f64> = (0..m * r).map(|at| a.w[row(at / r) * r + at % r]).collect();
        assert_close(&b.w, &w, 1e-10, "W");
        assert_close(&b.h, &a.h, 1e-10, "H");
    }
}

/// V to sV, W and H to √s of theirs, ρ to sρ.
#[test]
fn the_scale_of_the_data_goes_through() {
    let (m, n, r) = (13, 16, 3);
    let v = uniform(m * n, 41);
    let start = factors(m, n, r, 9);
    let (s, root) = (64.0, 8.0);
    let scale = |x: &[f64], s: f64| x.iter().map(|x| s * x).collect::<Vec<f64>>();
    let other = Factors::new(r, scale(&start.w, root), scale(&start.h, root)).unwrap();
    let fixed_rho = |rho| {
        let admm = AoAdmm::published(DualStart::Warm).with_rho(Rho::Fixed(rho));
        Method::AoAdmm(admm)
    };
    let mut pairs: Vec<(Method, Method)> = methods().into_iter().map(|m| (m.clone(), m)).collect();
    pairs.retain(|(method, _)| *method != Method::AoAdmm(AoAdmm::published(DualStart::Cold)));
    pairs.push((fixed_rho(1.0), fixed_rho(s)));
    let rho = Rho::Means {
        scale: 0.3,
        power: 0.6,
    };
    let means = AoAdmm::default().with_rho(rho);
    pairs.push((Method::AoAdmm(means.clone()), Method::AoAdmm(means)));
    for (one, two) in pairs {
        let a = factorize(&dense(m, n, &v), &start, fixed(5).with_method(one.clone())).unwrap();
        let big = dense(m, n, &scale(&v, s));
        let b = factorize(&big, &other, fixed(5).with_method(two)).unwrap();
        assert_close(
            &b.factors.w,
            &scale(&a.factors.w, root),
            1e-9,
            &format!("{one:?}"),
        );
        assert_close(
            &b.factors.h,
            &scale(&a.factors.h, root),
            1e-9,
            &format!("{one:?}"),
        );
    }
}

/// Many inner iterations solve the convex half problem: each row of W is a quadratic program with bounds.
#[test]
fn half_steps_with_many_inner_iterations_are_optimal() {
    let (m, n, r) = (12, 9, 3);
    let v = golden_b();
    let data = dense(m, n, &v);
    let start = Nndsvd::default().start(&data, r).unwrap();
    for method in [
        Method::AoAdmm(AoAdmm::published(DualStart::Cold).with_inner_iters(20_000)),
        Method::AoAdmm(
            AoAdmm::default()
                .with_inner_iters(20_000)
                .with_inner_tol(Some(1e-13)),
        ),
        Method::Hals { sweeps: 20_000 },
    ] {
        let once = factorize(&data, &start, fixed(1).with_method(method.clone()))
            .unwrap()
            .factors;
        // W is optimal for this H.
        let entry = |a: usize, b: usize| {
            (0..n)
                .map(|j| once.h[j * r + a] * once.h[j * r + b])
                .sum::<f64>()
        };
        let gram: Vec<f64> = (0..r * r).map(|at| entry(at / r, at % r)).collect();
        for i in 0..m {
            let linear = (0..r).map(|c| {
                -(0..n)
                    .map(|j| v[i * n + j] * once.h[j * r + c])
                    .sum::<f64>()
            });
            let problem = QuadraticProgram::new(Hessian::Dense(gram.clone()), linear.collect())
                .unwrap()
                .with_bounds(vec![0.0; r], vec![f64::INFINITY; r])
                .unwrap();
            let options = QpOptions::default().with_primal_tol(1e-12);
            let row = la_opt::qp::solve(&problem, &options).unwrap();
            let row = row.require_optimal().unwrap();
            for (a, b) in once.w[i * r..(i + 1) * r].iter().zip(&row.x) {
                assert!((a - b).abs() < 1e-8, "{method:?}, row {i}: {a} is not {b}");
            }
        }
    }
}

/// The projected gradient vanishes where the solvers end, and they say so.
#[test]
fn fixed_points_meet_the_optimality_conditions() {
    let (m, n, r) = (24, 18, 4);
    let v = uniform(m * n, 51);
    let data = dense(m, n, &v);
    let start = factors(m, n, r, 12);
    for method in methods() {
        if matches!(method, Method::Multiplicative(_))
            || method.loss() == Loss::KullbackLeibler
            || method == methods()[1]
        {
            // Slow; another loss; no descent.
            continue;
        }
        let options = NmfOptions::default()
            .with_method(method.clone())
            .with_max_iters(20_000)
            .with_kkt_tol(1e-8);
        let solution = factorize(&data, &start, options).unwrap();
        assert_eq!(
            solution.status,
            NmfStatus::Converged,
            "{method:?} {}",
            solution.kkt
        );
        let (w, h) = (&solution.factors.w, &solution.factors.h);
        let residual: Vec<f64> = solution
            .factors
            .product()
            .iter()
            .zip(&v)
            .map(|(a, b)| a - b)
            .collect();
        let check = |x: f64, gradient: f64| {
            let projected = if x > 1e-9 { gradient.abs() } else { -gradient };
            assert!(projected < 1e-4, "{method:?}: {x} {gradient}");
        };
        for i in 0..m {
            for c in 0..r {
                check(
                    w[i * r + c],
                    (0..n).map(|j| residual[i * n + j] * h[j * r + c]).sum(),
                );
            }
        }
        for j in 0..n {
            for c in 0..r {
                check(
                    h[j * r + c],
                    (0..m).map(|i| residual[i * n + j] * w[i * r + c]).sum(),
                );
            }
        }
    }
}

#[test]
fn single_precision_follows_double() {
    let (m, n, r) = (60, 45, 10);
    let v = uniform(m * n, 71);
    let single: Vec<f32> = v.iter().map(|&x| x as f32).collect();
    let start = factors(m, n, r, 15);
    let narrow = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let small = Factors::new(r, narrow(&start.w), narrow(&start.h)).unwrap();
    let data = Data::dense(m, n, single).unwrap();
    for method in methods() {
        let a = factorize(
            &dense(m, n, &v),
            &start,
            fixed(20).with_method(method.clone()),
        )
        .unwrap();
        let b = factorize(&data, &small, fixed(20).with_method(method.clone())).unwrap();
        assert!(
            (a.rmse - b.rmse).abs() < 1e-3 * a.rmse,
            "{method:?}: {} {}",
            a.rmse,
            b.rmse
        );
    }
}

/// With equal weight on all eigenvalues it is the rule of Huang, Sidiropoulos and Liavas; otherwise it is not.
#[test]
fn rho_between_the_means_of_eigenvalues() {
    let (m, n, r) = (13, 16, 3);
    let v = uniform(m * n, 41);
    let start = factors(m, n, r, 9);
    let run = |rho| {
        let method = Method::AoAdmm(AoAdmm::default().with_rho(rho));
        let options = fixed(5).with_method(method);
        factorize(&dense(m, n, &v), &start, options)
            .unwrap()
            .factors
    };
    let means = |scale, power| run(Rho::Means { scale, power });
    let trace = run(Rho::TraceOverRank);
    assert_close(&means(1.0, 0.0).w, &trace.w, 1e-12, "W");
    assert_ne!(means(1.0, 1.0).w, trace.w);
    assert_ne!(means(0.5, 0.0).w, trace.w);
}
