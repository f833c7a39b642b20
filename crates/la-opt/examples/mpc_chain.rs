//! What the start of a solve is worth to a controller: masses between springs are brought to rest, the force on each limited.
//!
//! `cargo run --release -p la-opt --example mpc_chain [-- MASSES [HORIZON]]` (default 5 and 20)

use la_opt::qp::{
    Hessian, QpOptions, QpUpdate, QpWorkspace, QuadraticProgram, RecedingStart, WarmStart,
};
use la_problems::quadratic::{ClosedLoop, MassChain};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let masses: usize = arguments.next().map_or(Ok(5), |n| n.parse())?;
    let horizon = arguments.next().map_or(Ok(20), |n| n.parse())?;
    let controller = MassChain::default()
        .with_masses(masses)
        .with_horizon(horizon)
        .controller()?;
    let mpc = controller.condense()?;
    let (n, m) = (mpc.num_variables(), mpc.num_constraints());
    let problem = QuadraticProgram::new(Hessian::Dense(mpc.hessian.clone()), vec![0.0; n])?
        .with_bounds(mpc.lower[..n].to_vec(), mpc.upper[..n].to_vec())?
        .with_rows(
            mpc.rows.clone(),
            mpc.lower[n..].to_vec(),
            mpc.upper[n..].to_vec(),
        )?;
    let mut initial = vec![1.5; masses];
    initial.resize(2 * masses, 0.5);
    let runs = ClosedLoop::new(initial)
        .with_runs(10)
        .with_disturbance(0.02);

    println!("{masses} masses, {n} forces over the horizon, {m} constraints");
    for name in [
        "nothing",
        "the last working set",
        "the nearer of it and it moved ahead",
    ] {
        let mut solver = QpWorkspace::new(problem.clone(), QpOptions::default())?;
        let mut start = RecedingStart::new(mpc.shift_sources());
        let (mut q, mut lower, mut upper) = (vec![0.0; n], vec![0.0; m], vec![0.0; m]);
        let (mut iterations, mut times) = (0, Vec::new());
        let sequence = runs.simulate(&controller, 7, |theta, begins| {
            mpc.linear_at(theta, &mut q);
            mpc.bounds_at(theta, &mut lower, &mut upper);
            let update = QpUpdate::default()
                .with_linear(&q)
                .with_lower(&lower)
                .with_upper(&upper);
            let began = std::time::Instant::now();
            match name {
                "nothing" => solver.warm_start(WarmStart::Cold).ok()?,
                "the last working set" => solver.warm_start(WarmStart::Keep).ok()?,
                _ => {
                    if begins {
                        start.restart();
                    }
                    start.begin(&mut solver).ok()?;
                }
            }
            solver.update(&update).ok()?;
            let solution = solver.solve();
            times.push(began.elapsed().as_secs_f64() * 1e6);
            iterations += solution.iterations;
            solution.status.is_optimal().then(|| solution.x.clone())
        })?;
        let count = sequence.segments.len() as f64;
        times.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        println!(
            "from {name}: {:.2} iterations; microseconds: median {:.1}, 90 % {:.1}",
            iterations as f64 / count,
            at(50),
            at(90)
        );
    }
    Ok(())
}
