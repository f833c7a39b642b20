//! Learned compensation beside IC(0) and classical compensations: iterations, set-up and total time on one thread.
//!
//! `cargo run --release -p la-precond --features learned --example compensated_ic -- [n] [seed] [weights,...] [family,...]`
//! (default 100000 0, all bundled weights of compensated-ic, all 27 families; a family is named as in `la_problems::DefiniteFamily`).

use std::time::Instant;

use la_krylov::{CgOptions, cg};
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{CompensatedIc, GatedIc, Ic0};
use la_precond::learned::{LearnedCompensation, Weights, fractional_iterations};
use la_problems::{CsrMatrix, DefiniteClass, DefiniteFamily};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const RTOL: f64 = 1e-8;

/// Iterations, seconds of set-up (the fastest of three) and of the solve, repeated factorisations.
fn measure(
    a: &CsrMatrix,
    b: &[f64],
    builder: &dyn IncompleteCholeskyBuilder,
) -> Outcome<(f64, f64, f64, usize)> {
    let mut setup = f64::INFINITY;
    let mut factor = builder.build(a.view())?;
    for _ in 0..3 {
        let start = Instant::now();
        factor = builder.build(a.view())?;
        setup = setup.min(start.elapsed().as_secs_f64());
    }
    let options = CgOptions::default().with_rtol(RTOL).with_max_iters(3000);
    let start = Instant::now();
    let solution = cg(a, b, &factor, &options)?;
    let solve = start.elapsed().as_secs_f64();
    let count = fractional_iterations(&solution, RTOL).unwrap_or(3000.0);
    Ok((count, setup, solve, factor.stats().shift_attempts))
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let n = arguments.next().map_or(Ok(100_000), |n| n.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(0), |seed| seed.parse())?;
    let bundled = || Weights::bundled_names().filter(|name| name.starts_with("compensated-ic"));
    let names: Vec<String> = match arguments.next().as_deref() {
        None | Some("") => bundled().map(String::from).collect(),
        Some(list) => list.split(',').map(String::from).collect(),
    };
    let families: Vec<String> = arguments
        .next()
        .map(|list| list.split(',').map(String::from).collect())
        .unwrap_or_default();
    let ric = CompensatedIc::relaxed(0.97);
    let (mic, perturbed) = (CompensatedIc::modified(), CompensatedIc::perturbed());
    let dric = CompensatedIc::dynamically_relaxed();
    let (gated_dric, gated_ric) = (
        GatedIc::new(dric.clone()),
        GatedIc::new(CompensatedIc::relaxed(0.99)),
    );
    let mut methods: Vec<(String, Box<dyn IncompleteCholeskyBuilder>)> = vec![
        ("ic0".into(), Box::new(Ic0::default())),
        ("ric .97".into(), Box::new(ric)),
        ("mic".into(), Box::new(mic)),
        ("mic + D^-2".into(), Box::new(perturbed)),
        ("dric".into(), Box::new(dric)),
        ("gated dric".into(), Box::new(gated_dric)),
        ("gated ric .99".into(), Box::new(gated_ric)),
    ];
    for name in &names {
        let learned = LearnedCompensation::new(&Weights::named_or_file(name)?)?;
        methods.push((name.clone(), Box::new(learned)));
    }
    let mut ratios = vec![[const { Vec::new() }; 3]; methods.len()];
    println!(
        "iterations to {RTOL:e} (* repeated factorisation), set-up over that of IC(0), total time over that of IC(0)"
    );
    for family in DefiniteFamily::all() {
        if !families.is_empty() && !families.iter().any(|name| name == family.name()) {
            continue;
        }
        let a = family.matrix(n, seed)?;
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed + 1);
        let b: Vec<f64> = rng.sample_iter(StandardNormal).take(a.rows()).collect();
        println!("{} (n = {})", family.name(), a.rows());
        let mut base = None;
        for ((name, builder), ratios) in methods.iter().zip(&mut ratios) {
            let (count, setup, solve, restarts) = measure(&a, &b, builder.as_ref())?;
            let (count0, setup0, total0) = *base.get_or_insert((count, setup, setup + solve));
            ratios[family.class() as usize].push(count / count0);
            let star = if restarts > 0 { "*" } else { "" };
            println!(
                "  {name:24} {count:7.1}{star:1}  {:.3}  set-up {:5.2}  total {:.3}",
                count / count0,
                setup / setup0,
                (setup + solve) / total0
            );
        }
    }
    println!("geometric means of iterations over IC(0), largest in brackets");
    for ((name, _), ratios) in methods.iter().zip(&ratios) {
        print!("  {name:24}");
        for class in [
            DefiniteClass::Ordered,
            DefiniteClass::Shuffled,
            DefiniteClass::Other,
        ] {
            let r: &Vec<f64> = &ratios[class as usize];
            if !r.is_empty() {
                let mean = (r.iter().map(|x| x.ln()).sum::<f64>() / r.len() as f64).exp();
                let top = r.iter().copied().fold(0.0, f64::max);
                print!("  {class:?} {mean:.3} ({top:.2})");
            }
        }
        println!();
    }
    Ok(())
}
