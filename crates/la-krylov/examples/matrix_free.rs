//! Solves a Poisson problem on a grid without ever storing its matrix.
//!
//! Run with `cargo run -p la-krylov --example matrix_free`.

use la_krylov::{CgOptions, Host, IdentityPreconditioner, LinearOperator, cg};

/// The five-point Laplacian of a `side` × `side` grid with zero boundary values.
struct Laplacian {
    side: usize,
}

impl LinearOperator for Laplacian {
    fn rows(&self) -> usize {
        self.side * self.side
    }

    fn cols(&self) -> usize {
        self.rows()
    }

    fn apply(&self, _: &Host, x: &[f64], y: &mut [f64]) {
        let side = self.side;
        for i in 0..x.len() {
            let column = i % side;
            let left = if column > 0 { x[i - 1] } else { 0.0 };
            let right = if column + 1 < side { x[i + 1] } else { 0.0 };
            let below = if i >= side { x[i - side] } else { 0.0 };
            let above = x.get(i + side).copied().unwrap_or(0.0);
            y[i] = 4.0 * x[i] - left - right - below - above;
        }
    }
}

fn main() -> Result<(), la_krylov::KrylovError> {
    let a = Laplacian { side: 100 };
    let n = a.rows();
    let h = 1.0 / (a.side as f64 + 1.0);
    let b = vec![h * h; n];
    let solution = cg(
        &a,
        &b,
        &IdentityPreconditioner::new(n),
        &CgOptions::default(),
    )?;
    println!("{solution}");
    let x = &solution.require_converged()?.x;
    // The torsion function of the unit square has its maximum, 0.0737, in the middle.
    println!("largest value {:.4}", x.iter().copied().fold(0.0, f64::max));
    Ok(())
}
