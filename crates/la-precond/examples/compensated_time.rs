//! Time of the compensated factorisations over that of IC(0), on one thread: set-up, and set-up with a solve to 1e-8.
//!
//! `cargo run --release -p la-precond --features learned --example compensated_time -- [n] [set-ups] [solves] [family,...]`
//! (default 100000 60 5 "poisson2 natural,blocks3 natural,white3:2 natural,delaunay rcm"). Methods take turns, one factorisation and then one
//! solve each per round; printed are the fastest of the rounds, which other programs disturb least.

use std::time::Instant;

use la_krylov::{CgOptions, cg};
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{CompensatedIc, GatedIc, Ic0};
use la_precond::learned::{LearnedCompensation, Weights};
use la_problems::DefiniteFamily;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The fastest set-up and solve of a method, in seconds, and its iterations.
#[derive(Clone, Copy)]
struct Times {
    setup: f64,
    solve: f64,
    iterations: usize,
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: usize| arguments.next().map_or(Ok(or), |text| text.parse());
    let (n, setups, solves) = (number(100_000)?, number(60)?, number(5)?);
    let families = arguments.next().unwrap_or_else(|| {
        "poisson2 natural,blocks3 natural,white3:2 natural,delaunay rcm".to_owned()
    });
    let learned = LearnedCompensation::new(&Weights::bundled("compensated-ic-ordered-s1")?)?;
    let dric = GatedIc::new(CompensatedIc::dynamically_relaxed());
    let ric = GatedIc::new(CompensatedIc::relaxed(0.99));
    let methods: [(&str, &dyn IncompleteCholeskyBuilder); 6] = [
        ("ic0", &Ic0::default()),
        ("mic", &CompensatedIc::modified()),
        ("mic + D^-2", &CompensatedIc::perturbed()),
        ("gated dric", &dric),
        ("gated ric .99", &ric),
        ("learned", &learned),
    ];
    for name in families.split(',') {
        let family = DefiniteFamily::named(name).ok_or("no such family")?;
        let a = family.matrix(n, 0)?;
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let b: Vec<f64> = rng.sample_iter(StandardNormal).take(a.rows()).collect();
        let unknown = Times {
            setup: f64::INFINITY,
            solve: f64::INFINITY,
            iterations: 0,
        };
        let mut times = [unknown; 6];
        for round in 0..setups.max(solves).max(1) {
            for ((_, builder), times) in methods.iter().zip(&mut times) {
                let start = Instant::now();
                let factor = builder.build(a.view())?;
                times.setup = start.elapsed().as_secs_f64().min(times.setup);
                if round < solves {
                    let options = CgOptions::default().with_max_iters(3000);
                    let start = Instant::now();
                    let solution = cg(&a, &b, &factor, &options)?;
                    times.solve = start.elapsed().as_secs_f64().min(times.solve);
                    times.iterations = solution.iterations;
                }
            }
        }
        let unit = times[0];
        println!(
            "{name} (n = {}, {} entries): IC(0) {:.2} ms and {:.0} ms",
            a.rows(),
            a.nnz(),
            1e3 * unit.setup,
            1e3 * unit.solve
        );
        for ((method, _), own) in methods.iter().zip(&times) {
            println!(
                "  {method:14} set-up {:5.2}  iterations {:4}  total {:.3}",
                own.setup / unit.setup,
                own.iterations,
                (own.setup + own.solve) / (unit.setup + unit.solve)
            );
        }
    }
    Ok(())
}
