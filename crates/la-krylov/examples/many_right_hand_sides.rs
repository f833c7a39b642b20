//! Solves one system for sixteen right-hand sides, one by one and together.
//!
//! Run with `cargo run --release -p la-krylov --example many_right_hand_sides`.

use std::time::Instant;

use la_krylov::sprs::TriMatI;
use la_krylov::{CgOptions, CsrMatrix, IdentityPreconditioner, cg, cg_columns};

fn main() -> Result<(), la_krylov::KrylovError> {
    // Heat conduction on a grid, one time step: A = I + τ L.
    let (side, tau) = (300, 5.0);
    let n = side * side;
    let mut t = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n {
        t.add_triplet(i, i, 1.0 + 4.0 * tau);
        for j in [(i % side > 0).then(|| i - 1), (i >= side).then(|| i - side)]
            .into_iter()
            .flatten()
        {
            t.add_triplet(i, j, -tau);
            t.add_triplet(j, i, -tau);
        }
    }
    let a = CsrMatrix::<f64>::from_sprs(t.to_csr::<usize>().view())?;
    let columns = 16;
    let b: Vec<f64> = (0..n * columns)
        .map(|i| ((i % n) as f64 * 0.01 * (1 + i / n) as f64).sin())
        .collect();
    let (m, options) = (IdentityPreconditioner::new(n), CgOptions::default());

    let started = Instant::now();
    for b in b.chunks(n) {
        cg(&a, b, &m, &options)?.require_converged()?;
    }
    println!("one by one: {:.3} s", started.elapsed().as_secs_f64());

    let started = Instant::now();
    let solutions = cg_columns(&a, &b, columns, &m, &options)?;
    println!("together:   {:.3} s", started.elapsed().as_secs_f64());
    for solution in &solutions {
        solution.require_converged()?;
    }
    println!("the last column: {}", solutions[columns - 1]);
    Ok(())
}
