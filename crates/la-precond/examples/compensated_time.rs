//! Time of the compensated factorisations over that of IC(0): set-up, and set-up with a solve to 1e-8, on one thread.
//!
//! `cargo run --release -p la-precond --features learned --example compensated_time -- [n] [rounds] [family,...]`
//! (default 100000 15 "poisson2 natural,blocks3 natural,white2:2 dissection,delaunay rcm"). Methods take turns, five factorisations and one
//! solve each per round; printed are the fastest of the rounds, by the clock on the wall. "In a sequence" is the learned rule
//! with the workspace of the factorisation before, whose pattern it then knows.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use la_krylov::{CgOptions, cg};
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{CompensatedIc, GatedIc, Ic0};
use la_precond::learned::{CompensationWorkspace, LearnedCompensation, Weights};
use la_precond::sprs::CsMatViewI;
use la_precond::{IncompleteCholesky, PrecondError};
use la_problems::DefiniteFamily;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

/// Factorisations that are timed together.
const BATCH: usize = 5;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The fastest set-up and solve of a method, in seconds, and its iterations.
#[derive(Clone, Copy)]
struct Times {
    setup: f64,
    solve: f64,
    iterations: usize,
}

/// [`LearnedCompensation`] in the memory of the factorisation before.
struct Again<'a>(&'a LearnedCompensation, Mutex<CompensationWorkspace>);

impl IncompleteCholeskyBuilder for Again<'_> {
    fn name(&self) -> &str {
        "again"
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        let mut workspace = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.factor_with(&mut workspace, a)
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: usize| arguments.next().map_or(Ok(or), |text| text.parse());
    let (n, rounds) = (number(100_000)?, number(15)?);
    let families = arguments.next().unwrap_or_else(|| {
        "poisson2 natural,blocks3 natural,white2:2 dissection,delaunay rcm".to_owned()
    });
    let learned = LearnedCompensation::new(&Weights::bundled("compensated-ic-descent")?)?;
    let dric = GatedIc::new(CompensatedIc::dynamically_relaxed());
    let ric = GatedIc::new(CompensatedIc::relaxed(0.99));
    let again = Again(&learned, Mutex::default());
    let methods: [(&str, &dyn IncompleteCholeskyBuilder); 7] = [
        ("ic0", &Ic0::default()),
        ("mic", &CompensatedIc::modified()),
        ("mic + D^-2", &CompensatedIc::perturbed()),
        ("gated dric", &dric),
        ("gated ric .99", &ric),
        ("learned", &learned),
        ("  in a sequence", &again),
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
        let mut times = [unknown; 7];
        // Where the factor lies in memory makes an iteration up to a quarter slower, and an allocator gives each method its own place, round
        // after round; a gap before it, of another length each time, lets all have their best one.
        let mut places = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        for _ in 0..rounds.max(1) {
            for ((_, builder), times) in methods.iter().zip(&mut times) {
                let start = Instant::now();
                for _ in 0..BATCH {
                    builder.build(a.view())?;
                }
                let setup = start.elapsed().as_secs_f64() / BATCH as f64;
                let options = CgOptions::default().with_max_iters(3000);
                let gap = vec![1u8; places.random_range(0..1 << 20)];
                let factor = builder.build(a.view())?;
                let start = Instant::now();
                let solution = cg(&a, &b, &factor, &options)?;
                *times = Times {
                    setup: setup.min(times.setup),
                    solve: start.elapsed().as_secs_f64().min(times.solve),
                    iterations: solution.iterations,
                };
                drop(gap);
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
                "  {method:15} set-up {:5.2}  iterations {:4}  total {:.3}",
                own.setup / unit.setup,
                own.iterations,
                (own.setup + own.solve) / (unit.setup + unit.solve)
            );
        }
    }
    Ok(())
}
