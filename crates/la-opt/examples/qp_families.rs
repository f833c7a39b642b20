//! Iterations and times on parametric families: `cargo run --release -p la-opt --example qp_families -- FAMILY.npz ...`
//!
//! For each file: problems, mean iterations of the reference that the file holds and of both entering rules, and the mean time of set-up and
//! solve in microseconds.

use std::time::Duration;

use la_opt::qp::{
    Hessian, Pricing, QpOptions, QpSolution, QpStatus, QpWorkspace, QuadraticProgram,
};
use la_problems::quadratic::ParametricFamily;

/// Problems of a family, and runs of each.
const PROBLEMS: usize = 40;
const REPETITIONS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "file problems reference | largest violation: it set-up solve | steepest edge: it set-up solve | worst objective"
    );
    for path in std::env::args().skip(1) {
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
        for pricing in [Pricing::LargestViolation, Pricing::SteepestEdge] {
            let (mut iterations, mut setup, mut solve) = (0, Duration::ZERO, Duration::ZERO);
            let (mut q, mut u) = (vec![0.0; n], vec![0.0; m]);
            for (k, theta) in family.test.chunks_exact(p).take(count).enumerate() {
                family.linear_at(theta, &mut q);
                family.upper_at(theta, &mut u);
                let problem =
                    QuadraticProgram::new(Hessian::Dense(family.hessian.clone()), q.clone())?
                        .with_rows(family.rows.clone(), vec![f64::NEG_INFINITY; m], u.clone())?;
                let options = QpOptions::default().with_pricing(pricing);
                // The fastest of a few runs: other programs only add time.
                let mut best: Option<QpSolution> = None;
                for _ in 0..REPETITIONS {
                    let mut workspace = QpWorkspace::new(problem.clone(), options.clone())?;
                    workspace.solve();
                    let new = workspace.into_solution();
                    let time = |s: &QpSolution| s.setup_time + s.solve_time;
                    if best.as_ref().is_none_or(|old| time(&new) < time(old)) {
                        best = Some(new);
                    }
                }
                let Some(solution) = best else { continue };
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
                }
            }
            let mean = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
            let (setup, solve) = (mean(setup), mean(solve));
            print!(
                " | {:.2} {setup:.1} {solve:.1}",
                iterations as f64 / count as f64
            );
        }
        println!(" | {worst:.1e}");
    }
    Ok(())
}
