//! Solves two nonsymmetric systems by GMRES: one whose diagonal is sound, and one without a diagonal.

use la_krylov::{GmresOptions, gmres};
use la_precond::classical::{Ilu, Ilut, Ordering, Reordered, Scaling};
use la_precond::sprs::{CsMatI, TriMatI};
use la_precond::{IncompleteLu, IncompleteLuBuilder};
use la_problems::{ConvectionDiffusion, Grid};

/// Every row has its large entry somewhere else, and rows differ by many powers of ten.
fn scrambled(a: &CsMatI<f64, u32>) -> CsMatI<f64, u32> {
    let n = a.rows();
    let mut t = TriMatI::new((n, n));
    for (i, row) in a.outer_iterator().enumerate() {
        for (j, value) in row.iter() {
            let scale = 10.0_f64.powi((i * 7 % 13) as i32 - 6);
            t.add_triplet(i, (j + n / 3) % n, value * scale);
        }
    }
    t.to_csr()
}

fn report(
    name: &str,
    a: &CsMatI<f64, u32>,
    builder: &dyn IncompleteLuBuilder,
) -> Result<(), Box<dyn std::error::Error>> {
    let factor: IncompleteLu = builder.build(a.view())?;
    let b = vec![1.0; a.rows()];
    let options = GmresOptions::default().with_rtol(1e-8).with_max_iters(300);
    let solution = gmres(a, &b, &factor, &options)?;
    println!(
        "{name:<28} {:>4} iterations, {} ({})",
        solution.iterations,
        solution.status,
        factor.stats()
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let grid = Grid::rectangle(100, 100);
    let a = ConvectionDiffusion::default()
        .with_peclet(100.0)
        .with_grid(grid)
        .matrix()?;
    println!("convection and diffusion, n = {}", a.rows());
    report("ILU(0)", &a, &Ilu::default())?;
    report("ILU(2)", &a, &Ilu::default().with_level(2))?;
    report("ILUT", &a, &Ilut::default())?;
    let ordered = Reordered::new(Ilut::default()).with_scaling(Scaling::None);
    report("ILUT, Cuthill-McKee", &a, &ordered)?;

    let a = scrambled(&a);
    println!("the same, columns shifted and rows scaled");
    report("ILU(0)", &a, &Ilu::default())?;
    report("ILUT", &a, &Ilut::default())?;
    report("ILUTP", &a, &Ilut::default().with_pivot_tolerance(0.1))?;
    let matched = Reordered::new(Ilut::default()).with_ordering(Ordering::ReverseCuthillMcKee);
    report("ILUT, matched and ordered", &a, &matched)?;
    Ok(())
}
