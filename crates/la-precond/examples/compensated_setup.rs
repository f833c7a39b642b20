//! Set-up of the compensated factorisations over that of IC(0).
//!
//! `cargo run --release -p la-precond --features learned --example compensated_setup -- [n] [rounds] [family,...] [method,...]`
//! (default 100000 60 "poisson2 natural,blocks3 natural,white3:2 natural,delaunay rcm", all methods). Methods take turns, one factorisation
//! each per round; printed is the fastest of the rounds, which other programs disturb least, over that of IC(0).

use std::time::Instant;

use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{CompensatedIc, GatedIc, Ic0};
use la_precond::learned::{LearnedCompensation, Weights};
use la_problems::DefiniteFamily;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let n = arguments.next().map_or(Ok(100_000), |n| n.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(60), |rounds| rounds.parse())?;
    let families = arguments.next().unwrap_or_else(|| {
        "poisson2 natural,blocks3 natural,white3:2 natural,delaunay rcm".to_owned()
    });
    let wanted = arguments.next();
    let learned = LearnedCompensation::new(&Weights::bundled("compensated-ic-ordered-s1")?)?;
    let mut methods: Vec<(&str, Box<dyn IncompleteCholeskyBuilder>)> = vec![
        ("ic0", Box::new(Ic0::default())),
        ("ric .97", Box::new(CompensatedIc::relaxed(0.97))),
        (
            "gated dric",
            Box::new(GatedIc::new(CompensatedIc::dynamically_relaxed())),
        ),
        ("supported", Box::new(CompensatedIc::supported())),
        ("learned", Box::new(learned)),
    ];
    if let Some(wanted) = wanted {
        methods.retain(|(name, _)| wanted.split(',').any(|w| w == *name));
    }
    for name in families.split(',') {
        let family = DefiniteFamily::named(name).ok_or("no such family")?;
        let a = family.matrix(n, 0)?;
        let mut fastest = vec![f64::INFINITY; methods.len()];
        for _ in 0..rounds.max(1) {
            for ((_, builder), fastest) in methods.iter().zip(&mut fastest) {
                let start = Instant::now();
                let factor = builder.build(a.view())?;
                *fastest = start.elapsed().as_secs_f64().min(*fastest);
                drop(factor);
            }
        }
        let unit = fastest[0];
        print!(
            "{name} (n = {}, {} entries): {} {:.2} ms",
            a.rows(),
            a.nnz(),
            methods[0].0,
            1e3 * unit
        );
        for ((method, _), own) in methods.iter().zip(&fastest).skip(1) {
            print!(", {method} {:.2}", own / unit);
        }
        println!();
    }
    Ok(())
}
