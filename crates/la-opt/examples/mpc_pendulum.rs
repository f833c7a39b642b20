//! A controller at work: an inverted pendulum on a cart follows a reference, one quadratic program per hundredth of a second.
//!
//! `cargo run --release -p la-opt --example mpc_pendulum [-- FREE_INPUTS]` (default 50)

use std::time::{Duration, Instant};

use la_opt::qp::{Hessian, QpOptions, QpUpdate, QpWorkspace, QuadraticProgram, RecedingStart};
use la_problems::quadratic::InvertedPendulum;

const PERIOD: f64 = 0.01;
const STEPS: usize = 600;
const REPETITIONS: usize = 9;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let free = std::env::args().nth(1).map_or(Ok(50), |n| n.parse())?;
    // The plant, the controller, and its quadratic program: all of this once.
    let controller = InvertedPendulum::default()
        .with_period(PERIOD)
        .with_control_horizon(free)
        .controller()?;
    let plant = controller.model.clone();
    let mpc = controller.condense()?;
    let (n, m) = (mpc.num_variables(), mpc.num_constraints());
    let (lower_inputs, lower_rows) = mpc.lower.split_at(n);
    let (upper_inputs, upper_rows) = mpc.upper.split_at(n);
    let problem = QuadraticProgram::new(Hessian::Dense(mpc.hessian.clone()), vec![0.0; n])?
        .with_bounds(lower_inputs.to_vec(), upper_inputs.to_vec())?
        .with_rows(mpc.rows.clone(), lower_rows.to_vec(), upper_rows.to_vec())?;
    let first = QpWorkspace::new(problem, QpOptions::default())?;
    println!(
        "{n} forces to be found, {m} constraints, set up in {:.0?}\n",
        first.solution().setup_time
    );
    println!("  t/s  reference  position  angle/deg   force  active  iterations");

    // The same run several times: of each step the fastest counts, so that other programs of the machine do not.
    let mut times = vec![Duration::MAX; STEPS];
    let mut iterations = Vec::new();
    for repetition in 0..REPETITIONS {
        let (mut solver, mut start) = (first.clone(), RecedingStart::new(mpc.shift_sources()));
        let (mut q, mut lower, mut upper) = (vec![0.0; n], vec![0.0; m], vec![0.0; m]);
        let mut theta = vec![0.0; mpc.num_parameters];
        let (mut x, mut next) = (vec![0.0, 0.0, 0.05, 0.0], vec![0.0; 4]);
        let mut force = [0.0];
        iterations.clear();
        for (step, time) in times.iter_mut().enumerate() {
            // Two metres to the right, back, and a push in between.
            let reference = if (100..350).contains(&step) { 2.0 } else { 0.0 };
            if step == 250 {
                x[3] += 0.5;
            }
            let began = Instant::now();
            mpc.parameters(&x, &[reference, 0.0], &force, &mut theta);
            mpc.linear_at(&theta, &mut q);
            mpc.bounds_at(&theta, &mut lower, &mut upper);
            start.begin(&mut solver)?;
            solver.update(
                &QpUpdate::default()
                    .with_linear(&q)
                    .with_lower(&lower)
                    .with_upper(&upper),
            )?;
            let solution = solver.solve().require_optimal()?;
            force[0] = solution.x[0];
            *time = began.elapsed().min(*time);
            iterations.push(solution.iterations);
            if repetition == 0 && (step % 25 == 0 || step == 101) {
                println!(
                    "{:5.2} {reference:10.1} {:9.3} {:10.2} {:7.3} {:7} {:11}",
                    step as f64 * PERIOD,
                    x[0],
                    x[2].to_degrees(),
                    force[0],
                    solution.active_set.len(),
                    solution.iterations
                );
            }
            plant.step(&x, &force, &mut next);
            std::mem::swap(&mut x, &mut next);
        }
    }

    times.sort_unstable();
    let at = |percent: usize| times[(STEPS - 1) * percent / 100].as_secs_f64() * 1e6;
    let mean = iterations.iter().sum::<usize>() as f64 / STEPS as f64;
    let most = iterations.iter().max().copied().unwrap_or(0);
    println!("\niterations: mean {mean:.2}, most {most}");
    println!(
        "a step of the controller in microseconds: median {:.1}, 90 % {:.1}, 99 % {:.1}, longest {:.1}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
    let total: Duration = times.iter().sum();
    println!(
        "share of the time that one core has: {:.3} %",
        100.0 * total.as_secs_f64() / (STEPS as f64 * PERIOD)
    );
    Ok(())
}
