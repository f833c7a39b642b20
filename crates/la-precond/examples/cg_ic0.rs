//! Solves the Poisson equation on a grid by CG, with and without preconditioners.

use la_krylov::{CgOptions, Host, IdentityPreconditioner, Preconditioner, cg};
use la_precond::classical::{FillLimit, Ic0, Ict, Jacobi, Ssor};
use la_precond::sprs::{CsMatI, TriMatI};

fn poisson(k: usize) -> CsMatI<f64, u32> {
    let mut t = TriMatI::new((k * k, k * k));
    for i in 0..k * k {
        t.add_triplet(i, i, 4.0);
        for j in [(i % k > 0).then(|| i - 1), i.checked_sub(k)]
            .into_iter()
            .flatten()
        {
            t.add_triplet(i, j, -1.0);
            t.add_triplet(j, i, -1.0);
        }
    }
    t.to_csr()
}

fn report(
    name: &str,
    a: &CsMatI<f64, u32>,
    m: &dyn Preconditioner<Host<f64>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let b = vec![1.0; a.rows()];
    let solution = cg(a, &b, m, &CgOptions::default().with_rtol(1e-8))?;
    solution.require_converged()?;
    println!(
        "{name:<8} {:>5} iterations  {:>8.4} s",
        solution.iterations, solution.seconds
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let a = poisson(200);
    report("none", &a, &IdentityPreconditioner::new(a.rows()))?;
    report("jacobi", &a, &Jacobi::new(a.view())?)?;
    report("ssor", &a, &Ssor::new(a.view(), 1.0)?)?;
    let ic0 = Ic0::default().factor(a.view())?;
    report("ic0", &a, &ic0)?;
    let ict = Ict::default()
        .with_drop_tol(1e-3)
        .with_fill(FillLimit::Factor(4.0))
        .factor(a.view())?;
    report("ict", &a, &ict)?;
    println!("ic0: {}\nict: {}", ic0.stats(), ict.stats());
    Ok(())
}
