//! Solves quadratic programs from files: `cargo run --release -p la-opt --example qp_files -- [OPTIONS] FILE.npz ...`
//!
//! Options: `--largest-violation`, `--weight NUMBER` for proximal terms, `--equalities never|always|both|pays` for solving for equalities in advance (`pays`: never, and where it pays). The
//! times are the fastest of five runs.

use la_opt::qp::{
    Certificate, Elimination, Hessian, Pricing, QpOptions, QpSolution, QpWorkspace,
    QuadraticProgram,
};
use la_problems::quadratic::QuadraticFile;

/// Runs of which the fastest counts.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "file n m equalities elimination status iterations outer objective primal dual set-up/ms solve/ms"
    );
    let mut args = std::env::args().skip(1).peekable();
    let mut options = QpOptions::default();
    if args.next_if(|arg| arg == "--largest-violation").is_some() {
        options = options.with_pricing(Pricing::LargestViolation);
    }
    if args.next_if(|arg| arg == "--weight").is_some() {
        let weight = args.next().ok_or("--weight needs a number")?;
        options = options.with_proximal_weight(weight.parse()?);
    }
    let mut choices = vec![options];
    if args.next_if(|arg| arg == "--equalities").is_some() {
        let never = choices[0].clone().with_elimination(Elimination::Never);
        let always = choices[0].clone().with_elimination(Elimination::Always);
        choices = match args.next().as_deref() {
            Some("never") => vec![never],
            Some("always") => vec![always],
            Some("both") => vec![never, always],
            Some("pays") => vec![never, choices[0].clone()],
            _ => return Err("--equalities needs never, always, both or pays".into()),
        };
    }
    for path in args {
        let file = QuadraticFile::open(&path)?;
        let hessian = match file.diagonal_hessian() {
            Some(diagonal) if diagonal.iter().all(|&p| p == 0.0) => Hessian::Zero,
            Some(diagonal) => Hessian::Diagonal(diagonal),
            None => Hessian::Dense(file.dense_hessian()),
        };
        let problem = QuadraticProgram::new(hessian, file.linear.clone())?
            .with_bounds(file.lower_bounds.clone(), file.upper_bounds.clone())?
            .with_rows(file.dense_rows(), file.lower.clone(), file.upper.clone())?;
        let (n, m) = (file.linear.len(), file.lower.len());
        let equalities = file.lower.iter().zip(&file.upper).filter(|(l, u)| l == u);
        let equalities = equalities.count();
        // Interleaved, so that other programs disturb all choices alike.
        let mut best: Vec<Option<QpSolution>> = vec![None; choices.len()];
        for _ in 0..RUNS {
            for (options, best) in choices.iter().zip(&mut best) {
                let new = match QpWorkspace::new(problem.clone(), options.clone()) {
                    Err(error) => {
                        println!("{path} {n} {m} {error}");
                        continue;
                    }
                    Ok(mut workspace) => {
                        workspace.solve();
                        workspace.into_solution()
                    }
                };
                let time = |s: &QpSolution| s.setup_time + s.solve_time;
                if best.as_ref().is_none_or(|old| time(&new) < time(old)) {
                    *best = Some(new);
                }
            }
        }
        for (options, s) in choices.iter().zip(&best) {
            let Some(s) = s else { continue };
            let certificate = match &s.certificate {
                None => "",
                Some(Certificate::Farkas(_)) => "Farkas",
                Some(Certificate::Ray(_)) => "ray",
                Some(_) => "crossed",
            };
            println!(
                "{path} {n} {m} {equalities} {:?} {:?} {} {} {:.10e} {:.1e} {:.1e} {:.3} {:.3} {certificate}",
                options.elimination,
                s.status,
                s.iterations,
                s.outer_iterations,
                s.objective + file.constant,
                s.kkt.primal,
                s.kkt.dual,
                s.setup_time.as_secs_f64() * 1e3,
                s.solve_time.as_secs_f64() * 1e3,
            );
        }
    }
    Ok(())
}
