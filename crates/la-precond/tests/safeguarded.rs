//! The safeguarded driver: whatever a builder does, the answer is right.

mod common;

use common::{Csr, noise, poisson2d};
use la_krylov::{CgOptions, Status};
use la_precond::classical::{AttemptOutcome, Concern, Ic0, PatternRule, Safeguarded};
use la_precond::sprs::CsMatViewI;
use la_precond::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

/// A builder that returns what a function makes of the matrix.
struct Odd<F>(F);

impl<F> IncompleteCholeskyBuilder for Odd<F>
where
    F: Fn(CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError>,
{
    fn name(&self) -> &str {
        "odd"
    }
    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        (self.0)(a)
    }
}

fn diagonal(values: Vec<f64>) -> Result<IncompleteCholesky, PrecondError> {
    IncompleteCholesky::from_parts(vec![0; values.len() + 1], vec![], vec![], values)
}

/// A positive definite factor of no use: its diagonal varies wildly.
fn wild(a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
    let mut next = noise(3);
    diagonal((0..a.rows()).map(|_| (3.0 * next()).exp()).collect())
}

fn rhs(n: usize) -> Vec<f64> {
    let mut next = noise(11);
    (0..n).map(|_| next()).collect()
}

fn true_residual(a: &Csr, x: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (i, row) in a.outer_iterator().enumerate() {
        let ax: f64 = row.iter().map(|(j, v)| v * x[j]).sum();
        sum += (b[i] - ax).powi(2);
    }
    sum.sqrt() / b.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn options() -> CgOptions {
    CgOptions::default().with_rtol(1e-8)
}

#[test]
fn a_good_factor_is_used_to_the_end() {
    let (a, b, ic0) = (poisson2d(20), rhs(400), Ic0::default());
    let mut driver = Safeguarded::new(&ic0)
        .with_options(options())
        .with_pattern(PatternRule::NoFill);
    let result = driver.solve(a.view(), &b).unwrap();
    assert_eq!(result.attempts.len(), 1);
    assert_eq!(
        result.attempts[0].outcome,
        AttemptOutcome::Ended(Status::Converged)
    );
    assert!(true_residual(&a, &result.solution.x, &b) <= 1.01e-8);
}

#[test]
fn a_useless_factor_is_given_up_for_the_classical_one() {
    let (a, b, ic0) = (poisson2d(20), rhs(400), Ic0::default());
    let odd = Odd(wild);
    let mut driver = Safeguarded::new(&odd)
        .with_fallback(&ic0)
        .with_options(options())
        .with_expected_iterations(40)
        .with_slack(1.5);
    let result = driver.solve(a.view(), &b).unwrap();
    assert_eq!(
        result.attempts[0].outcome,
        AttemptOutcome::GivenUp(Concern::OverBudget { budget: 60 })
    );
    assert_eq!(result.attempts[0].iterations, 60);
    assert_eq!(result.attempts[1].builder, "ic0");
    assert!(result.solution.status.is_converged());
    assert!(true_residual(&a, &result.solution.x, &b) <= 1.01e-8);
}

#[test]
fn expectations_come_from_earlier_solves() {
    let (a, b, ic0) = (poisson2d(20), rhs(400), Ic0::default());
    let turn = std::cell::Cell::new(0);
    let odd = Odd(|a: CsMatViewI<'_, f64, u32>| {
        turn.set(turn.get() + 1);
        if turn.get() == 1 {
            Ic0::default().factor(a)
        } else {
            wild(a)
        }
    });
    let mut driver = Safeguarded::new(&odd)
        .with_fallback(&ic0)
        .with_options(options());
    let first = driver.solve(a.view(), &b).unwrap();
    let second = driver.solve(a.view(), &b).unwrap();
    let budget = 2 * first.solution.iterations;
    assert_eq!(
        second.attempts[0].outcome,
        AttemptOutcome::GivenUp(Concern::OverBudget { budget })
    );
    assert!(second.solution.status.is_converged());
}

#[test]
fn factors_that_fail_checks_are_refused() {
    let (a, b, ic0) = (poisson2d(6), rhs(36), Ic0::default());
    let failing = Odd(|_: CsMatViewI<'_, f64, u32>| {
        Err(PrecondError::Builder {
            builder: "net".into(),
            message: "no weights".into(),
        })
    });
    let negative = Odd(|a: CsMatViewI<'_, f64, u32>| diagonal(vec![-1.0; a.rows()]));
    let nan = Odd(|a: CsMatViewI<'_, f64, u32>| diagonal(vec![f64::NAN; a.rows()]));
    let small = Odd(|_: CsMatViewI<'_, f64, u32>| diagonal(vec![1.0; 3]));
    let filled = Odd(|a: CsMatViewI<'_, f64, u32>| {
        let n = a.rows();
        let mut indptr = vec![0; n + 1];
        indptr[n] = 1;
        IncompleteCholesky::from_parts(indptr, vec![0], vec![0.1], vec![1.0; n])
    });
    let builders: [(&dyn IncompleteCholeskyBuilder, &str); 5] = [
        (&failing, "net: no weights"),
        (&negative, "row 0: diagonal entry -1 is not positive"),
        (&nan, "row 0, column 0: entry is not finite"),
        (&small, "factor has length 3, expected 36"),
        (&filled, "row 35: pattern differs from the expected one"),
    ];
    for (builder, message) in builders {
        let driver = Safeguarded::new(builder)
            .with_fallback(&ic0)
            .with_pattern(PatternRule::NoFill);
        let result = driver.with_options(options()).solve(a.view(), &b).unwrap();
        let AttemptOutcome::Refused(error) = &result.attempts[0].outcome else {
            panic!("{}", result.attempts[0]);
        };
        assert_eq!(error.to_string(), message);
        assert!(true_residual(&a, &result.solution.x, &b) <= 1.01e-8);
    }
}

#[test]
fn without_any_factor_plain_iterations_remain() {
    let (a, b) = (poisson2d(6), rhs(36));
    let failing = Odd(|_: CsMatViewI<'_, f64, u32>| Err(PrecondError::MissingDiagonal { row: 0 }));
    let result = Safeguarded::new(&failing)
        .with_options(options())
        .solve(a.view(), &b)
        .unwrap();
    assert_eq!(result.attempts[1].builder, "none");
    assert!(result.solution.status.is_converged());
    assert!(true_residual(&a, &result.solution.x, &b) <= 1.01e-8);
}

#[test]
fn not_converging_is_said() {
    let (a, b, ic0) = (poisson2d(20), rhs(400), Ic0::default());
    let odd = Odd(wild);
    let mut driver = Safeguarded::new(&odd)
        .with_fallback(&ic0)
        .with_options(options().with_max_iters(3));
    let result = driver.solve(a.view(), &b).unwrap();
    assert_eq!(result.solution.status, Status::IterationLimit);
    assert_eq!(result.attempts.len(), 3);
    let residual = true_residual(&a, &result.solution.x, &b);
    assert!((residual - result.solution.relative_residual()).abs() < 1e-12);
    let best = result
        .attempts
        .iter()
        .map(|t| t.residual_norm)
        .fold(f64::INFINITY, f64::min);
    assert!(result.solution.residual_norm <= best * (1.0 + 1e-12));
}

#[test]
fn wrong_calls_are_errors() {
    let (a, ic0) = (poisson2d(3), Ic0::default());
    assert!(Safeguarded::new(&ic0).solve(a.view(), &[1.0; 4]).is_err());
    assert!(
        Safeguarded::new(&ic0)
            .with_window(1)
            .solve(a.view(), &[1.0; 9])
            .is_err()
    );
    assert!(
        Safeguarded::new(&ic0)
            .with_slack(0.5)
            .solve(a.view(), &[1.0; 9])
            .is_err()
    );
    assert!(
        Safeguarded::new(&ic0)
            .solve(a.view(), &[f64::NAN; 9])
            .is_err()
    );
}
