//! Compensated incomplete Cholesky factorisations on 27 families of matrices, beside reference values.
//!
//! `cargo run --release -p la-precond --example compensated_tables -- [n] [seed]` (default 10000 0; from n = 50000 on the
//! families of the second reference table only).

mod families;

use la_krylov::{CgOptions, cg};
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{CompensatedIc, FillLimit, Ic0, Ict};
use la_problems::{CsrMatrix, DefiniteFamily};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

use families::LARGE;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Name, means and largest values by class, number of families.
type Row = (&'static str, [f64; 3], [f64; 3], Option<usize>);

/// Geometric mean (and largest) of iterations over those of IC(0) at n = 1e4, by class, and families with a breakdown.
const REFERENCE: [Row; 9] = [
    ("ric 0.97", [0.704, 1.14, 0.65], [1.01, 1.61, 1.50], Some(4)),
    ("ric 0.99", [0.672, 1.35, 0.66], [1.01, 2.55, 1.57], Some(4)),
    ("mic", [0.785, 1.97, 0.67], [3.34, 4.88, 1.64], Some(9)),
    (
        "mic + D^-2",
        [0.721, 5.67, 0.64],
        [1.84, 9.61, 1.41],
        Some(4),
    ),
    ("dric", [0.702, 1.90, 0.66], [1.04, 3.40, 1.75], Some(7)),
    ("aj", [1.10, 1.12, 0.78], [f64::NAN; 3], Some(0)),
    (
        "ict, same fill",
        [0.928, 0.964, 0.74],
        [f64::NAN; 3],
        Some(3),
    ),
    (
        "supported mic",
        [0.707, 1.007, 0.75],
        [1.02, 1.04, 1.45],
        Some(2),
    ),
    (
        "best ric or ic0",
        [0.600, 0.994, 0.542],
        [f64::NAN; 3],
        None,
    ),
];

/// Iterations to 1e-8, the last one as a fraction, at most 3000; and repeated factorisations.
fn iterations(
    a: &CsrMatrix,
    b: &[f64],
    builder: &dyn IncompleteCholeskyBuilder,
) -> Outcome<(f64, usize)> {
    let factor = builder.build(a.view())?;
    let s = cg(
        a,
        b,
        &factor,
        &CgOptions::default().with_rtol(1e-8).with_max_iters(3000),
    )?;
    let mut count = s.iterations as f64;
    if let (true, [.., before, last]) = (s.status.is_converged(), &s.history[..]) {
        let (before, last) = (before.recurrence_norm, last.recurrence_norm);
        count += (last / (1e-8 * s.rhs_norm)).ln() / (before / last).ln();
    }
    Ok((count, factor.stats().shift_attempts))
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let n = arguments.next().map_or(Ok(10_000), |n| n.parse())?;
    let seed = arguments.next().map_or(Ok(0), |seed| seed.parse())?;
    let (ric, large) = (CompensatedIc::relaxed, n >= 50_000);
    let same = Ict::default()
        .with_drop_tol(0.0)
        .with_fill(FillLimit::Factor(1.0));
    let (m, p, d) = (
        CompensatedIc::modified(),
        CompensatedIc::perturbed(),
        CompensatedIc::dynamically_relaxed(),
    );
    let (aj, supported) = (CompensatedIc::ajiz_jennings(), CompensatedIc::supported());
    let (r97, r99) = (ric(0.97), ric(0.99));
    let methods: [&dyn IncompleteCholeskyBuilder; 8] =
        [&r97, &r99, &m, &p, &d, &aj, &same, &supported];
    let mut ratios = vec![[const { Vec::new() }; 3]; REFERENCE.len()];
    let mut restarted = [0; REFERENCE.len()];
    println!(
        "| family | n | ic0 | ric .97 | ric .99 | mic | mic + D^-2 | dric | aj | ict | supported | best ric | reference |"
    );
    for family in DefiniteFamily::all() {
        let (name, class) = (family.name(), family.class() as usize);
        let reference = LARGE.iter().find(|row| row.0 == name).map(|row| row.1);
        if large && reference.is_none() {
            continue;
        }
        let a = family.matrix(n, seed)?;
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed + 1);
        let b: Vec<f64> = rng.sample_iter(StandardNormal).take(a.rows()).collect();
        let (base, shifts) = iterations(&a, &b, &Ic0::default())?;
        let mark = |shifts: usize| if shifts > 0 { "*" } else { "" };
        let mut line = format!("| {name} | {} | {base:.1}{}", a.rows(), mark(shifts));
        let mut best = base;
        for (k, method) in methods.iter().enumerate() {
            let (count, shifts) = iterations(&a, &b, *method)?;
            ratios[k][class].push(count / base);
            restarted[k] += usize::from(shifts > 0);
            line += &format!(" | {count:.1}{}", mark(shifts));
            best = if k < 3 { best.min(count) } else { best };
        }
        for omega in if large {
            &[][..]
        } else {
            &[0.5, 0.8, 0.9, 0.95]
        } {
            best = best.min(iterations(&a, &b, &ric(*omega))?.0);
        }
        ratios[8][class].push(best / base);
        println!(
            "{line} | {best:.1} | {} |",
            reference.map_or(String::new(), |r| format!("{r:?}"))
        );
    }
    if large {
        return Ok(());
    }
    println!(
        "\n| method | ordered: ours | reference | random: ours | reference | others: ours | reference | restarted | reference |"
    );
    for (k, (name, means, worst, restarts)) in REFERENCE.into_iter().enumerate() {
        let mut line = format!("| {name}");
        for class in 0..3 {
            let r = &ratios[k][class];
            let mean = (r.iter().map(|x: &f64| x.ln()).sum::<f64>() / r.len() as f64).exp();
            let top = r.iter().copied().fold(0.0, f64::max);
            line += &format!(
                " | {mean:.3} ({top:.2}) | {:.3} ({:.2})",
                means[class], worst[class]
            );
        }
        println!(
            "{line} | {} | {} |",
            restarted[k],
            restarts.map_or("-".to_owned(), |r| r.to_string())
        );
    }
    Ok(())
}
