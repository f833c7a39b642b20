//! GMRES inside FGMRES.

mod common;

use common::{Csr, noise, poisson2d};
use la_krylov::{
    FgmresOptions, GmresOptions, Host, IdentityPreconditioner, KrylovError, Preconditioner,
    PreconditionerKind, fgmres, gmres,
};
use la_precond::PrecondError;
use la_precond::classical::{Ilu, InnerGmres};

/// Poisson with convection to the right.
fn convection(k: usize) -> Csr {
    let mut a = poisson2d(k);
    for (i, mut row) in a.outer_iterator_mut().enumerate() {
        for (j, value) in row.iter_mut() {
            if j + 1 == i {
                *value -= 0.4;
            } else if j == i + 1 {
                *value += 0.4;
            }
        }
    }
    a
}

#[test]
fn a_few_inner_steps_save_outer_ones() {
    let a = convection(40);
    let mut noise = noise(2);
    let b: Vec<f64> = (0..a.rows()).map(|_| noise()).collect();
    let ilu = Ilu::default().factor(a.view()).unwrap();
    let options = FgmresOptions::default().with_rtol(1e-8).with_restart(10);
    let alone = fgmres(&a, &b, &ilu, &options).unwrap();
    let inner = InnerGmres::new(a.view(), &ilu, 6).unwrap();
    let nested = fgmres(&a, &b, &inner, &options).unwrap();
    assert!(alone.status.is_converged() && nested.status.is_converged());
    assert!(
        3 * nested.iterations < alone.iterations,
        "{} of {}",
        nested.iterations,
        alone.iterations
    );
}

#[test]
fn it_scales_with_its_argument_and_survives_zero() {
    let a = convection(12);
    let n = a.rows();
    let inner = InnerGmres::new(a.view(), IdentityPreconditioner::new(n), 4).unwrap();
    let r: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
    let scaled: Vec<f64> = r.iter().map(|x| x * 2.0_f64.powi(90)).collect();
    let (mut z, mut zs) = (vec![0.0; n], vec![0.0; n]);
    inner.apply(&Host::new(n), &r, &mut z).unwrap();
    inner.apply(&Host::new(n), &scaled, &mut zs).unwrap();
    assert!(z.iter().zip(&zs).all(|(x, y)| x * 2.0_f64.powi(90) == *y));
    inner.apply(&Host::new(n), &vec![0.0; n], &mut z).unwrap();
    assert_eq!(z, vec![0.0; n]);
}

#[test]
fn fixed_methods_refuse_it_and_bad_input_is_named() {
    let a = convection(4);
    let inner = InnerGmres::new(a.view(), IdentityPreconditioner::new(16), 2).unwrap();
    assert_eq!(inner.kind(), PreconditionerKind::Variable);
    let refused = gmres(&a, &[1.0; 16], &inner, &GmresOptions::default());
    assert!(matches!(
        refused,
        Err(KrylovError::VariablePreconditioner { .. })
    ));
    let error =
        InnerGmres::<_, _, f64>::new(a.view(), IdentityPreconditioner::new(3), 2).unwrap_err();
    assert!(matches!(
        error,
        PrecondError::DimensionMismatch { found: 3, .. }
    ));
    let error =
        InnerGmres::<_, _, f64>::new(a.view(), IdentityPreconditioner::new(16), 0).unwrap_err();
    assert!(matches!(
        error,
        PrecondError::InvalidOption {
            option: "iterations",
            ..
        }
    ));
    let mut z = [0.0; 16];
    let error = inner
        .apply(&Host::new(16), &[f64::NAN; 16], &mut z)
        .unwrap_err();
    assert!(error.message.contains("inner GMRES"), "{error}");
}
