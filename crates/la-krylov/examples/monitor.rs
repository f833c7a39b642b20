//! Watches a solve, prints every tenth residual, and stops it when the answer is good enough.
//!
//! Run with `cargo run -p la-krylov --example monitor`.

use std::ops::ControlFlow;

use la_krylov::{
    CgOptions, CgWorkspace, FnOperator, Host, IdentityPreconditioner, Iteration, cg_monitored,
};

fn main() -> Result<(), la_krylov::KrylovError> {
    let n = 200;
    // tridiag(-1, 2.01, -1)
    let a = FnOperator::new(n, |x: &[f64], y: &mut [f64]| {
        for i in 0..x.len() {
            let left = if i > 0 { x[i - 1] } else { 0.0 };
            let right = x.get(i + 1).copied().unwrap_or(0.0);
            y[i] = 2.01 * x[i] - left - right;
        }
    });
    let b: Vec<f64> = (0..n).map(|i| (i as f64 * 0.37).sin()).collect();
    let options = CgOptions::default();
    let mut workspace = CgWorkspace::<Host>::new(n, &options);
    let mut previous = 0.0;
    let mut watch = |step: &Iteration<'_, [f64]>| {
        let middle = step.x[n / 2];
        if step.iteration.is_multiple_of(10) {
            println!(
                "{:4}  {:.3e}  x[n/2] = {middle:.9}",
                step.iteration,
                step.relative_norm()
            );
        }
        // We only care for one entry, to six digits.
        let settled = (middle - previous).abs() <= 1e-6 * middle.abs();
        previous = middle;
        if settled {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let m = IdentityPreconditioner::new(n);
    let solution = cg_monitored(&mut workspace, &a, &b, &m, &options, &mut watch)?;
    println!("{solution}");
    Ok(())
}
