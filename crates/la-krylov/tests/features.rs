//! Behaviour behind cargo features.
#![allow(unused_imports, reason = "each feature uses some of them")]

mod common;

use common::{Diagonal, laplacian, rhs};
use la_krylov::{CgOptions, FcgOptions, History, Host, IdentityPreconditioner, Status, cg, cg_in};

#[cfg(feature = "rayon")]
#[test]
fn threads_do_not_change_a_bit_of_a_solve() {
    // Above the thresholds of the product and of the vector operations.
    let a = laplacian(400, 0.0);
    let b = rhs(160_000);
    let options = CgOptions::default().with_max_iters(40);
    let m = Diagonal::of(&a);
    let one = cg_in(Host::sequential(b.len()), &a, &b, &m, &options).unwrap();
    let many = cg_in(Host::new(b.len()), &a, &b, &m, &options).unwrap();
    assert!(Host::<f64>::new(1).is_parallel());
    assert_eq!((one.x, one.history), (many.x, many.history));
}

#[cfg(feature = "rayon")]
#[test]
fn threads_do_not_change_a_bit_of_gmres() {
    let a = common::convection(400, 2.0);
    let compact = la_krylov::CsrMatrix::<f64>::from_sprs(a.view()).unwrap();
    let b = rhs(160_000);
    let options = la_krylov::GmresOptions::default().with_max_iters(40);
    let m = Diagonal::of(&a);
    let one = la_krylov::gmres_in(Host::sequential(b.len()), &compact, &b, &m, &options).unwrap();
    let many = la_krylov::gmres_in(Host::new(b.len()), &compact, &b, &m, &options).unwrap();
    assert_eq!((one.x, one.history), (many.x, many.history));
}

#[cfg(feature = "faer")]
#[test]
fn ritz_values_are_eigenvalues_at_the_end() {
    // A companion matrix: eigenvalues 1, 2, 3 and i, −i.
    // (x − 1)(x − 2)(x − 3)(x² + 1) = x⁵ − 6x⁴ + 12x³ − 12x² + 11x − 6
    let a = common::dense([
        [6.0, -12.0, 12.0, -11.0, 6.0],
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 0.0],
    ]);
    let options = la_krylov::GmresOptions::default().with_rtol(1e-14);
    let identity = IdentityPreconditioner::new(5);
    let solution = la_krylov::gmres(&a, &[1.0, 0.0, 2.0, 0.0, 5.0], &identity, &options).unwrap();
    let values = solution.ritz_values();
    assert_eq!(values.len(), 5);
    let moduli: Vec<f64> = values.iter().map(|(re, im)| re.hypot(*im)).collect();
    for (modulus, expected) in moduli.iter().zip([1.0, 1.0, 1.0, 2.0, 3.0]) {
        approx::assert_relative_eq!(*modulus, expected, max_relative = 1e-8);
    }
    let imaginary = values.iter().map(|(_, im)| *im).fold(0.0, f64::max);
    approx::assert_relative_eq!(imaginary, 1.0, max_relative = 1e-8);
}

#[cfg(not(feature = "rayon"))]
#[test]
fn nothing_is_parallel_without_rayon() {
    assert!(!Host::<f64>::new(1).is_parallel());
}

#[cfg(feature = "serde")]
#[test]
fn options_are_read_strictly_and_written_back() {
    let text = r#"{ "tolerances": { "rtol": 1e-6 }, "history": "residuals_and_times" }"#;
    let options: CgOptions = serde_json::from_str(text).unwrap();
    assert_eq!(
        options,
        CgOptions::default()
            .with_rtol(1e-6)
            .with_history(History::ResidualsAndTimes)
    );
    let back: CgOptions = serde_json::from_str(&serde_json::to_string(&options).unwrap()).unwrap();
    assert_eq!(back, options);
    assert!(serde_json::from_str::<CgOptions>(r#"{ "max_iter": 3 }"#).is_err());
    let flexible: FcgOptions =
        serde_json::from_str(r#"{ "memory": 3, "truncation": "restart" }"#).unwrap();
    assert_eq!(flexible.memory, 3);
    assert_eq!(
        serde_json::to_string(&Status::IterationLimit).unwrap(),
        "\"iteration_limit\""
    );
    assert_eq!(Status::IterationLimit.as_str(), "iteration_limit");
}

#[cfg(feature = "ndarray")]
#[test]
fn arrays_are_operators() {
    let a = ndarray::array![[4.0, 1.0], [1.0, 3.0]];
    let solution = cg(
        &a,
        &[1.0, 2.0],
        &IdentityPreconditioner::new(2),
        &CgOptions::default(),
    )
    .unwrap();
    approx::assert_relative_eq!(solution.x[1], 7.0 / 11.0, max_relative = 1e-12);
}
