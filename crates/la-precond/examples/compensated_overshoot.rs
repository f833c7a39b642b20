//! Whether eight iterations of CG tell where a compensated factor is worse than IC(0): the largest Ritz value over the depth of the graph beside
//! the iterations of both, on draws of the ordered families.
//!
//! `cargo run --release -p la-precond --features learned --example compensated_overshoot -- [first draw] [draws] [n,...] [weights]`
//! (default 20 5 1000,4000,16000 compensated-ic-ordered-s1). Printed are the cases beyond two thirds, where a second opinion is asked and `auto`
//! gives the factor up, those within it that need 5 % more than IC(0), and the counts.

use la_krylov::{CgOptions, cg};
use la_precond::classical::Ic0;
use la_precond::learned::{LearnedCompensation, Weights};
use la_problems::{DefiniteClass, DefiniteFamily};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

/// The limit in use.
const LIMIT: f64 = 2.0 / 3.0;
/// What counts as worse than IC(0).
const WORSE: f64 = 1.05;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = |at: usize, or: &'static str| arguments.get(at).map_or(or, String::as_str);
    let (first, draws): (u64, u64) = (text(0, "20").parse()?, text(1, "5").parse()?);
    let weights = text(3, "compensated-ic-ordered-s1");
    let learned = LearnedCompensation::new(&Weights::named_or_file(weights)?)?;
    // Cases within the limit and beyond it, and how many of each are worse than IC(0).
    let mut counts = [[0; 2]; 2];
    for family in DefiniteFamily::all() {
        if family.class() != DefiniteClass::Ordered {
            continue;
        }
        for n in text(2, "1000,4000,16000").split(',') {
            for draw in first..first + draws {
                let a = family.matrix(n.parse()?, draw)?;
                let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1000 + draw);
                let b: Vec<f64> = rng.sample_iter(StandardNormal).take(a.rows()).collect();
                let factor = learned.factor(a.view())?;
                let few = CgOptions::default().with_max_iters(8);
                let few = cg(&a, &b, &factor, &few)?;
                let (_, largest) = few.ritz_bounds().ok_or("no step was taken")?;
                let spread = largest / factor.stats().depth.ok_or("no depth")? as f64;
                let many = CgOptions::default().with_max_iters(5000);
                let own = cg(&a, &b, &factor, &many)?.iterations;
                let ic0 = cg(&a, &b, &Ic0::default().factor(a.view())?, &many)?.iterations;
                let (beyond, worse) = (spread > LIMIT, own as f64 > WORSE * ic0 as f64);
                counts[usize::from(beyond)][usize::from(worse)] += 1;
                if beyond || worse {
                    println!(
                        "{} n = {} draw {draw}: largest Ritz value {spread:.2} D, {own} iterations, IC(0) {ic0}",
                        family.name(),
                        a.rows()
                    );
                }
            }
        }
    }
    let [[fine, missed], [given_up, caught]] = counts;
    println!(
        "within the limit: {} cases, {missed} of them worse than IC(0); beyond it: {}, {caught} of them worse",
        fine + missed,
        given_up + caught
    );
    Ok(())
}
