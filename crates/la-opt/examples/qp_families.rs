//! Iterations and times on parametric families: `cargo run --release -p la-opt --example qp_families -- [--sparse] [--partial N] FAMILY.npz ...`
//!
//! For each file: problems, mean iterations of the reference that the file holds and of both entering rules, the mean time of set-up and
//! solve in microseconds, and the same for a new workspace that starts from the right active set, over the problems that have one. With `--sparse`, P and A
//! are given by their entries; with `--partial N`, a list of N rows is priced in place of the first rule.

use std::time::Duration;

use la_opt::qp::{
    Hessian, Pricing, QpOptions, QpSolution, QpStatus, QpWorkspace, QuadraticProgram, SparseRows,
    WarmStart,
};
use la_problems::quadratic::ParametricFamily;

/// Problems of a family, and runs of each.
const PROBLEMS: usize = 40;
const REPETITIONS: usize = 7;

/// The fastest of a few runs: other programs only add time.
fn fastest(
    problem: &QuadraticProgram,
    options: &QpOptions,
    start: WarmStart<'_, f64>,
) -> Result<QpSolution, la_opt::OptError> {
    let run = || {
        let mut workspace = QpWorkspace::new(problem.clone(), options.clone())?;
        workspace.warm_start(start)?;
        workspace.solve();
        Ok(workspace.into_solution())
    };
    let mut best: QpSolution = run()?;
    for _ in 1..REPETITIONS {
        let new = run()?;
        if new.setup_time + new.solve_time < best.setup_time + best.solve_time {
            best = new;
        }
    }
    Ok(best)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "file problems reference | largest violation: it set-up solve | steepest edge: it set-up solve | right guess: it set-up solve | worst objective"
    );
    let mut args = std::env::args().skip(1).peekable();
    let sparse = args.next_if(|arg| arg == "--sparse").is_some();
    let first = match args.next_if(|arg| arg == "--partial") {
        None => Pricing::LargestViolation,
        Some(_) => Pricing::Partial {
            candidates: args.next().ok_or("--partial needs a number")?.parse()?,
        },
    };
    let rules = [first, Pricing::SteepestEdge];
    for path in args {
        let family = ParametricFamily::open(&path)?;
        let (n, m, p) = (
            family.num_variables(),
            family.num_constraints(),
            family.num_parameters,
        );
        let count = family.reference.status.len().min(PROBLEMS);
        let reference: i64 = family.reference.iterations[..count].iter().sum();
        print!("{path} {count} {:.2}", reference as f64 / count as f64);
        let mut worst = 0.0f64;
        let (mut guessed, mut guesses) = ((0, Duration::ZERO, Duration::ZERO), 0u32);
        for pricing in rules {
            let (mut iterations, mut setup, mut solve) = (0, Duration::ZERO, Duration::ZERO);
            let (mut q, mut u) = (vec![0.0; n], vec![0.0; m]);
            for (k, theta) in family.test.chunks_exact(p).take(count).enumerate() {
                family.linear_at(theta, &mut q);
                family.upper_at(theta, &mut u);
                let none = vec![f64::NEG_INFINITY; m];
                let problem = if sparse {
                    let p = SparseRows::from_dense(n, &family.hessian)?;
                    let a = SparseRows::from_dense(n, &family.rows)?;
                    QuadraticProgram::new(Hessian::Sparse(p), q.clone())?.with_sparse_rows(
                        a,
                        none,
                        u.clone(),
                    )?
                } else {
                    QuadraticProgram::new(Hessian::Dense(family.hessian.clone()), q.clone())?
                        .with_rows(family.rows.clone(), none, u.clone())?
                };
                let options = QpOptions::default().with_pricing(pricing);
                let solution = fastest(&problem, &options, WarmStart::Cold)?;
                iterations += solution.iterations;
                setup += solution.setup_time;
                solve += solution.solve_time;
                let feasible = family.reference.status[k] == 1;
                let expected = if feasible {
                    QpStatus::Optimal
                } else {
                    QpStatus::PrimalInfeasible
                };
                if solution.status != expected {
                    println!(
                        "\n  problem {k}: {:?}, expected {expected:?}, {:?}",
                        solution.status, solution.kkt
                    );
                } else if feasible {
                    let reference = family.reference.objective[k];
                    let error = (solution.objective - reference).abs() / reference.abs().max(1.0);
                    worst = worst.max(error);
                    if pricing == Pricing::SteepestEdge {
                        let start = WarmStart::Active(&solution.active_set);
                        let warm = fastest(&problem, &options, start)?;
                        guessed.0 += warm.iterations;
                        guessed.1 += warm.setup_time;
                        guessed.2 += warm.solve_time;
                        guesses += 1;
                    }
                }
            }
            let mean = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
            let (setup, solve) = (mean(setup), mean(solve));
            print!(
                " | {:.2} {setup:.1} {solve:.1}",
                iterations as f64 / count as f64
            );
        }
        let mean = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(guesses.max(1));
        let iterations = guessed.0 as f64 / f64::from(guesses.max(1));
        let (setup, solve) = (mean(guessed.1), mean(guessed.2));
        println!(" | {iterations:.2} {setup:.1} {solve:.1} | {worst:.1e}");
    }
    Ok(())
}
