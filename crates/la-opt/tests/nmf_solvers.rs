//! What all solvers must do, whatever their speed.

mod nmf_common;

use la_opt::nmf::{
    AoAdmm, Data, DualStart, Factors, Initializer, Loss, Method, NmfOptions, NmfStatus,
    NmfWorkspace, Nndsvd, Rho, Safeguard, factorize,
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
        if matches!(method, Method::Multiplicative(_)) || method == methods()[1] {
            // Slow; no descent.
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

/// Where projected least squares has no descent, the safeguard has.
#[test]
fn the_safeguard_makes_errors_fall() {
    let mut raised = false;
    for seed in 0..10 {
        let (m, n, r) = (60, 25, 8);
        let v: Vec<f64> = uniform(m * n, seed)
            .iter()
            .map(|x| 30.0 * (4.0 * x).powi(3))
            .collect();
        let data = dense(m, n, &v);
        let start = Nndsvd::default().start(&data, r).unwrap();
        let admm = AoAdmm::published(DualStart::Cold);
        let run = |admm: AoAdmm| {
            let options = fixed(40).with_method(Method::AoAdmm(admm));
            factorize(&data, &start, options).unwrap().history
        };
        let rises = |history: &[la_opt::nmf::NmfStep]| {
            history
                .windows(2)
                .any(|s| s[1].rmse > s[0].rmse * (1.0 + 1e-12))
        };
        raised |= rises(&run(admm.clone()));
        assert!(
            !rises(&run(admm.clone().with_safeguard(Safeguard::Monotone))),
            "seed {seed}"
        );
        let watched = admm
            .with_safeguard(Safeguard::Monotone)
            .with_inner_tol(Some(1e-3));
        assert!(!rises(&run(watched)), "seed {seed}");
    }
    assert!(
        raised,
        "the plain iteration never rose: the test shows nothing"
    );
}

/// The dual step as printed in the paper, `U ← U + Y − H`: its iterates explode.
#[test]
fn the_printed_sign_of_the_dual_diverges() {
    let (m, n, r) = (12, 9, 3);
    let v = golden_b();
    let start = Nndsvd::default().start(&dense(m, n, &v), r).unwrap();
    let half = |own: &mut [f64], other: &[f64], v: &[f64], dual: &mut [f64], sign: f64| {
        let (p, q) = (own.len() / r, other.len() / r);
        let gram = |a: usize, b: usize| {
            (0..q)
                .map(|j| other[j * r + a] * other[j * r + b])
                .sum::<f64>()
        };
        let g = faer_free_inverse(r, &|a, b| gram(a, b) + if a == b { 1.0 } else { 0.0 });
        for i in 0..p {
            let f: Vec<f64> = (0..r)
                .map(|c| (0..q).map(|j| v[i * q + j] * other[j * r + c]).sum())
                .collect();
            let (x, u) = (&mut own[i * r..(i + 1) * r], &mut dual[i * r..(i + 1) * r]);
            for _ in 0..5 {
                let y: Vec<f64> = (0..r)
                    .map(|c| (0..r).map(|k| g[c * r + k] * (f[k] + x[k] + u[k])).sum())
                    .collect();
                for c in 0..r {
                    x[c] = f64::max(y[c] - u[c], 0.0);
                    u[c] += sign * (x[c] - y[c]);
                }
            }
        }
    };
    let turned = transposed(m, n, &v);
    let error = |sign: f64, iterations: usize| {
        let mut now = start.clone();
        let (mut uw, mut uh) = (vec![0.0; m * r], vec![0.0; n * r]);
        for _ in 0..iterations {
            half(&mut now.h, &now.w, &turned, &mut uh, sign);
            half(&mut now.w, &now.h, &v, &mut uw, sign);
        }
        rmse(&v, &now)
    };
    // The corrected sign gives the iterates of the library.
    let options = fixed(5).with_method(Method::AoAdmm(AoAdmm::published(DualStart::Warm)));
    let solution = factorize(&dense(m, n, &v), &start, options).unwrap();
    assert!((error(1.0, 5) - solution.rmse).abs() < 1e-12);
    let literal = error(-1.0, 30);
    assert!(
        !literal.is_finite() || literal > 1e3 * error(-1.0, 0),
        "{literal}"
    );
}

/// By elimination; r is small and the matrix definite.
fn faer_free_inverse(r: usize, entry: &dyn Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut a: Vec<f64> = (0..r * r).map(|at| entry(at / r, at % r)).collect();
    let mut inverse: Vec<f64> = (0..r * r)
        .map(|at| f64::from(u8::from(at / r == at % r)))
        .collect();
    for k in 0..r {
        let pivot = a[k * r + k];
        for c in 0..r {
            a[k * r + c] /= pivot;
            inverse[k * r + c] /= pivot;
        }
        for i in (0..r).filter(|&i| i != k) {
            let factor = a[i * r + k];
            for c in 0..r {
                a[i * r + c] -= factor * a[k * r + c];
                inverse[i * r + c] -= factor * inverse[k * r + c];
            }
        }
    }
    inverse
}

/// Divergence and error of multiplicative updates fall in every iteration.
#[test]
fn multiplicative_updates_descend() {
    let (m, n, r) = (300, 280, 4);
    let v: Vec<f64> = uniform(m * n, 61)
        .iter()
        .map(|x| if *x < 0.3 { 0.0 } else { *x })
        .collect();
    let data = dense(m, n, &v);
    let start = factors(m, n, r, 14);
    for loss in [Loss::Frobenius, Loss::KullbackLeibler] {
        let options = fixed(10).with_method(Method::Multiplicative(loss));
        let mut workspace = NmfWorkspace::new(&data, &start, options).unwrap();
        let mut last = workspace.loss();
        for _ in 0..10 {
            workspace.step();
            let now = workspace.loss();
            assert!(now < last, "{loss:?}: {now} {last}");
            last = now;
        }
        if loss == Loss::KullbackLeibler {
            let product = workspace.factors().product();
            let part = |(&v, q): (&f64, f64)| if v > 0.0 { v * (v / q).ln() - v + q } else { q };
            let direct: f64 = v.iter().zip(product).map(part).sum();
            assert!((last - direct).abs() < 1e-10 * direct);
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
