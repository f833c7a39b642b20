//! The Chebyshev preconditioner: its polynomial, convergence, bad input.

mod common;

use std::cell::Cell;
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use approx::assert_relative_eq;
use common::{noise, poisson2d, symmetric};
use la_krylov::{
    CgOptions, FnOperator, Host, IdentityPreconditioner, LinearOperator, Preconditioner, cg,
};
use la_precond::PrecondError;
use la_precond::classical::{Chebyshev, ChebyshevOptions};

fn vector(n: usize, seed: u64) -> Vec<f64> {
    let mut next = noise(seed);
    (0..n).map(|_| next()).collect()
}

/// Chebyshev polynomial of the first kind.
fn t(degree: usize, x: f64) -> f64 {
    if x.abs() <= 1.0 {
        (degree as f64 * x.acos()).cos()
    } else {
        x.signum().powi(degree as i32) * (degree as f64 * x.abs().acosh()).cosh()
    }
}

#[test]
fn residual_polynomial_is_chebyshev() {
    // On diag(λ) with D = I: 1 − λ q(λ) = T((θ − λ)/δ) / T(θ/δ).
    let lambdas = [0.01, 0.1, 0.5, 1.0, 1.9, 2.0];
    let operator = FnOperator::new(6, |x: &[f64], y: &mut [f64]| {
        for ((y, x), l) in y.iter_mut().zip(x).zip(lambdas) {
            *y = l * x;
        }
    });
    for degree in 1..=6 {
        let options = ChebyshevOptions::default()
            .with_degree(degree)
            .with_ratio(20.0)
            .with_safety(1.0)
            .with_largest(2.0);
        let m = Chebyshev::from_operator(&operator, vec![1.0; 6], &options).unwrap();
        assert_eq!(m.interval(), [0.1, 2.0]);
        let mut z = [0.0; 6];
        m.apply(&Host::new(6), &[1.0; 6], &mut z).unwrap();
        for (z, l) in z.iter().zip(lambdas) {
            let expected = t(degree, (1.05 - l) / 0.95) / t(degree, 1.05 / 0.95);
            assert_relative_eq!(1.0 - l * z, expected, epsilon = 1e-12);
            assert!(*z > 0.0, "positive definite, also below the interval");
        }
    }
}

#[test]
fn higher_degrees_need_fewer_iterations() {
    let a = poisson2d(60);
    let b = vector(3600, 1);
    let options = CgOptions::default().with_rtol(1e-8);
    let none = cg(&a, &b, &IdentityPreconditioner::new(3600), &options).unwrap();
    let mut before = none.iterations;
    for degree in [2, 4, 8] {
        let chebyshev = ChebyshevOptions::default()
            .with_degree(degree)
            .with_ratio(2.0 * (degree * degree) as f64);
        let m = Chebyshev::new(a.view(), &chebyshev).unwrap();
        let solution = cg(&a, &b, &m, &options).unwrap();
        assert!(solution.status.is_converged());
        assert!(
            solution.iterations < before,
            "{degree}: {}",
            solution.iterations
        );
        assert!(solution.iterations * degree < none.iterations * 3 / 2);
        before = solution.iterations;
    }
}

#[test]
fn application_does_not_allocate_and_scales() {
    let a = poisson2d(10);
    let m = Chebyshev::new(a.view(), &ChebyshevOptions::default()).unwrap();
    let scaled = a.map(|v| v * 1024.0);
    let other = Chebyshev::new(scaled.view(), &ChebyshevOptions::default()).unwrap();
    let (r, mut z, mut y) = (vector(100, 2), vec![0.0; 100], vec![0.0; 100]);
    let space = Host::sequential(100);
    let counted = allocation_counter::measure(|| m.apply(&space, &r, &mut z).unwrap());
    assert_eq!(counted.count_total, 0);
    other.apply(&space, &r, &mut y).unwrap();
    y.iter_mut().for_each(|y| *y *= 1024.0);
    assert_eq!(y, z);
}

#[test]
fn bad_input_is_named() {
    let default = ChebyshevOptions::default;
    let build = |m: &common::Csr| Chebyshev::new(m.view(), &default()).unwrap_err();
    let missing = symmetric(2, [(0, 0, 1.0), (1, 0, 1.0)]);
    assert_eq!(build(&missing), PrecondError::MissingDiagonal { row: 1 });
    let zero = symmetric(2, [(0, 0, 1.0), (1, 1, 0.0)]);
    assert_eq!(
        build(&zero),
        PrecondError::NonPositiveDiagonal { row: 1, value: 0.0 }
    );
    let nan = symmetric(2, [(0, 0, 1.0), (1, 0, f64::NAN), (1, 1, 1.0)]);
    assert_eq!(build(&nan), PrecondError::NonFinite { row: 0, col: 1 });
    let a = poisson2d(2);
    for (options, name) in [
        (default().with_degree(0), "degree"),
        (default().with_ratio(1.0), "ratio"),
        (default().with_safety(0.9), "safety"),
        (default().with_largest(-1.0), "largest"),
    ] {
        match Chebyshev::new(a.view(), &options).unwrap_err() {
            PrecondError::InvalidOption { option, .. } => assert_eq!(option, name),
            other => panic!("{other}"),
        }
    }
    let error = Chebyshev::from_operator(&a, vec![1.0; 3], &default()).unwrap_err();
    assert!(matches!(
        error,
        PrecondError::DimensionMismatch { found: 3, .. }
    ));
    let negative = FnOperator::new(1, |x: &[f64], y: &mut [f64]| y[0] = -x[0]);
    let error = Chebyshev::from_operator(negative, vec![1.0], &default()).unwrap_err();
    assert!(matches!(error, PrecondError::Indefinite { .. }));
}

/// An operator that applies the preconditioner made of it, as a thread of the rayon pool may do that
/// waits for its part of a product.
struct Again;

static AGAIN: OnceLock<Chebyshev<Again>> = OnceLock::new();

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

impl LinearOperator for Again {
    fn rows(&self) -> usize {
        2
    }
    fn cols(&self) -> usize {
        2
    }
    fn apply(&self, space: &Host, x: &[f64], y: &mut [f64]) {
        y.copy_from_slice(x);
        if DEPTH.replace(1) == 0 {
            let m = AGAIN.get().expect("set below");
            m.apply(space, x, &mut [0.0; 2]).expect("two entries");
        }
    }
}

#[test]
fn no_lock_is_held_during_a_product() {
    let options = ChebyshevOptions::default().with_largest(1.0);
    let m = AGAIN.get_or_init(|| Chebyshev::from_operator(Again, vec![1.0; 2], &options).unwrap());
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut z = [0.0; 2];
        m.apply(&Host::new(2), &[1.0, 2.0], &mut z).unwrap();
        send.send(z).unwrap();
    });
    let z = receive.recv_timeout(Duration::from_secs(60)).expect("done");
    let plain = Chebyshev::from_operator(
        FnOperator::new(2, |x: &[f64], y: &mut [f64]| y.copy_from_slice(x)),
        vec![1.0; 2],
        &options,
    )
    .unwrap();
    let mut expected = [0.0; 2];
    plain
        .apply(&Host::new(2), &[1.0, 2.0], &mut expected)
        .unwrap();
    assert_eq!(z, expected);
}
