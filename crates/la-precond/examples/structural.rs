//! Shift, Ajiz–Jennings and the ladder between them on matrices from files: iterations to 1e-8.
//!
//! `cargo run --release -p la-precond --example structural -- FILE.mtx.gz ...`

use std::path::Path;

use la_krylov::{CgOptions, cg};
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{CompensatedIc, Ic0, KeptVector, ShiftLadder};
use la_problems::io::{ReadOptions, read_matrix};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let balanced = CompensatedIc::ajiz_jennings().with_vector(KeptVector::Balanced);
    let ladder = |share| ShiftLadder::default().with_negative_share(share);
    let mut methods: Vec<(String, Box<dyn IncompleteCholeskyBuilder>)> = vec![
        ("IC(0) with shifts".into(), Box::new(Ic0::default())),
        ("AJ, ones".into(), Box::new(CompensatedIc::ajiz_jennings())),
        ("AJ, balanced".into(), Box::new(balanced)),
        ("ladder, no share".into(), Box::new(ladder(None))),
    ];
    for share in [0.5, 0.55, 0.6, 0.7] {
        methods.push((format!("share {share}"), Box::new(ladder(Some(share)))));
    }
    println!("iterations (repeated factorisations)");
    for (name, _) in &methods {
        print!("{name:>18}");
    }
    println!();
    for file in std::env::args().skip(1) {
        let a = read_matrix(Path::new(&file), &ReadOptions::default())?.matrix;
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let b: Vec<f64> = rng.sample_iter(StandardNormal).take(a.rows()).collect();
        for (_, builder) in &methods {
            let factor = builder.build(a.view())?;
            let options = CgOptions::default().with_rtol(1e-8).with_max_iters(5000);
            let solution = cg(&a, &b, &factor, &options)?;
            let count = if solution.status.is_converged() {
                solution.iterations.to_string()
            } else {
                "> 5000".into()
            };
            let repeated = factor.stats().shift_attempts;
            print!("{:>18}", format!("{count} ({repeated})"));
        }
        println!("  {file}");
    }
    Ok(())
}
