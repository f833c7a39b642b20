//! Errors that fall, and one that does not.
#![cfg(feature = "nmf")]

mod nmf_common;

use la_opt::nmf::{
    AoAdmm, DualStart, Initializer, Loss, Method, NmfWorkspace, Nndsvd, Safeguard, factorize,
};
use nmf_common::{dense, factors, fixed, golden_b, rmse, transposed, uniform};

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
        let g = inverse_of(r, &|a, b| gram(a, b) + if a == b { 1.0 } else { 0.0 });
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
fn inverse_of(r: usize, entry: &dyn Fn(usize, usize) -> f64) -> Vec<f64> {
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
