//! Symmetric positive definite matrices: flexible CG with a network behind IC(0), beside CG with IC(0), IC(0) twice without a network, and the
//! same network before training.
//!
//! Solutions are Gaussian; iterations to a relative residual of 1e-8 and seconds of the solve.
//!
//! ```sh
//! cargo run --release -p la-precond --features learned --example gnp_definite -- 2000 0 A.mtx B.mtx
//! ```

use std::error::Error;
use std::path::Path;

use la_gnn::gnp::Parameters;
use la_krylov::{
    CgOptions, FcgOptions, Host, IdentityPreconditioner, LinearOperator, Solution, cg, fcg,
};
use la_precond::classical::Ic0;
use la_precond::learned::gnp::{GnpBuilder, prescaled};
use la_problems::io::{ReadOptions, read_matrix};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

const RTOL: f64 = 1e-8;

fn line(name: &str, setup: f64, solution: &Solution<Vec<f64>>) {
    println!(
        "  {name:<34} {:>6} iterations  residual {:.1e}  solve {:>8.2} ms  set-up {setup:.3} s  {:?}",
        solution.iterations,
        solution.relative_residual(),
        1e3 * solution.seconds,
        solution.status,
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [steps, seed, files @ ..] = arguments.as_slice() else {
        return Err("steps of training, a seed and matrix files are wanted".into());
    };
    let (steps, seed) = (steps.parse()?, seed.parse()?);
    for file in files {
        let a = read_matrix(Path::new(file), &ReadOptions::default())?.matrix;
        let (a, _) = prescaled(a.view())?;
        let n = a.rows();
        println!("{file}: n = {n}, {} entries", a.nnz());
        let mut random = ChaCha8Rng::seed_from_u64(1000);
        let x: Vec<f64> = (0..n).map(|_| random.sample(StandardNormal)).collect();
        let mut b = vec![0.0; n];
        a.apply(&Host::new(n), &x, &mut b);
        let options = CgOptions::default().with_rtol(RTOL).with_max_iters(20 * n);
        let flexible = FcgOptions::default().with_rtol(RTOL).with_max_iters(20 * n);

        let eye = IdentityPreconditioner::new(n);
        line("cg", 0.0, &cg(&a, &b, &eye, &options)?);
        let start = std::time::Instant::now();
        let ic0 = Ic0::default().factor(a.view())?;
        let setup = start.elapsed().as_secs_f64();
        line("cg, IC(0)", setup, &cg(&a, &b, &ic0, &options)?);

        let builder = GnpBuilder::definite().with_steps(steps).with_seed(seed);
        let untrained = Parameters::initialize(&builder.network, seed)?;
        let mut silent = untrained.clone();
        silent.values.fill(0.0);
        for (name, parameters) in [
            ("fcg, IC(0) twice, no network", &silent),
            ("fcg, untrained network", &untrained),
        ] {
            let m = builder.from_parameters(a.view(), parameters)?;
            line(name, 0.0, &fcg(&a, &b, &m, &flexible)?);
        }
        let (m, report) = builder.train(a.view())?;
        line(
            "fcg, trained network",
            report.seconds,
            &fcg(&a, &b, &m, &flexible)?,
        );
        let ratios = report.losses.iter().zip(&report.zero_losses);
        let least = ratios
            .map(|(loss, zero)| loss / zero)
            .fold(f32::INFINITY, f32::min);
        println!("  least loss over that of the zero network {least:.3}");
    }
    Ok(())
}
