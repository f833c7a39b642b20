//! Starts of consecutive problems compared: `cargo run --release -p la-opt --example qp_sequences [-- --write FOLDER]`
//!
//! Closed loops of the plants in `la-problems`; with `LA_DATA_DIR` also the sequences of the data folder. For each entering rule and each start (nothing, the last
//! working set, that set moved ahead by a step, the nearer of both in the past): mean iterations and the mean time of update and solve in microseconds, the fastest of some runs of
//! each step. All starts run in turn; every solution is compared with that of the cold start. With `--write` the parameters of the
//! closed loops are written to text files, a line per problem: its run and θ, for other programs to be run on.

use std::time::{Duration, Instant};

use la_opt::qp::{
    Hessian, Pricing, QpOptions, QpStatus, QpUpdate, QpWorkspace, QuadraticProgram, RecedingStart,
    WarmStart,
};
use la_problems::quadratic::{
    ClosedLoop, CondensedMpc, InvertedPendulum, LinearMpc, MassChain, ParametricFamily,
    QuadraticFile,
};

type Anything = Box<dyn std::error::Error>;

/// Runs of each sequence.
const REPETITIONS: usize = 7;

/// Problems that differ in q and the bounds, in the order in which they come.
struct Sequence {
    name: String,
    program: QuadraticProgram,
    sources: Vec<Option<usize>>,
    steps: Vec<Step>,
}

struct Step {
    linear: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// The first of its run.
    begins: bool,
    /// Parameters, where they are known.
    theta: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Start {
    Cold,
    Keep,
    Shifted,
    Receding,
}

fn program(problem: &CondensedMpc) -> Result<QuadraticProgram, Anything> {
    let n = problem.num_variables();
    let (lower, upper) = (&problem.lower, &problem.upper);
    let program = QuadraticProgram::new(Hessian::Dense(problem.hessian.clone()), vec![0.0; n])?
        .with_bounds(lower[..n].to_vec(), upper[..n].to_vec())?
        .with_rows(
            problem.rows.clone(),
            lower[n..].to_vec(),
            upper[n..].to_vec(),
        )?;
    Ok(program)
}

/// Simulates a controller.
fn closed_loop(
    name: &str,
    controller: &LinearMpc,
    runs: &ClosedLoop,
) -> Result<Sequence, Anything> {
    let problem = controller.condense()?;
    let (n, m) = (problem.num_variables(), problem.num_constraints());
    let program = program(&problem)?;
    let mut workspace = QpWorkspace::new(program.clone(), QpOptions::default())?;
    let mut steps: Vec<Step> = Vec::new();
    let sequence = runs.simulate(controller, 1, |theta, begins| {
        let mut step = Step {
            linear: vec![0.0; n],
            lower: vec![0.0; m],
            upper: vec![0.0; m],
            begins,
            theta: theta.to_vec(),
        };
        problem.linear_at(theta, &mut step.linear);
        problem.bounds_at(theta, &mut step.lower, &mut step.upper);
        workspace.update(&update(&step)).ok()?;
        let solution = workspace.solve();
        let x = solution.status.is_optimal().then(|| solution.x.clone())?;
        steps.push(step);
        Some(x)
    })?;
    if sequence.abandoned > 0 {
        eprintln!("{name}: {} runs ended early", sequence.abandoned);
    }
    Ok(Sequence {
        name: name.to_owned(),
        program,
        sources: problem.shift_sources(),
        steps,
    })
}

/// The sequence of a parametric family; constraints come in blocks of `stages × width`.
fn from_family(path: &str, name: &str, width: usize, block: usize) -> Result<Sequence, Anything> {
    let family = ParametricFamily::open(path)?;
    let (n, m) = (family.num_variables(), family.num_constraints());
    let segments = family.segments.clone().unwrap_or_default();
    let mut steps = Vec::new();
    for (k, theta) in family.test.chunks_exact(family.num_parameters).enumerate() {
        let mut step = Step {
            linear: vec![0.0; n],
            lower: vec![f64::NEG_INFINITY; m],
            upper: vec![0.0; m],
            begins: k == 0 || segments[k] != segments[k - 1],
            theta: Vec::new(),
        };
        family.linear_at(theta, &mut step.linear);
        family.upper_at(theta, &mut step.upper);
        steps.push(step);
    }
    let program = QuadraticProgram::new(Hessian::Dense(family.hessian), vec![0.0; n])?.with_rows(
        family.rows,
        vec![f64::NEG_INFINITY; m],
        vec![0.0; m],
    )?;
    Ok(Sequence {
        name: name.to_owned(),
        program,
        sources: by_stages(m, width, block),
        steps,
    })
}

/// Files that hold consecutive problems.
fn from_files(folder: &str, name: &str, count: usize, width: usize) -> Result<Sequence, Anything> {
    let mut files = Vec::new();
    for k in 0..count {
        files.push(QuadraticFile::open(format!("{folder}/{name}{k}.npz"))?);
    }
    let first = &files[0];
    let m = first.lower.len();
    let same = |file: &&QuadraticFile| file.hessian == first.hessian && file.rows == first.rows;
    if files.iter().filter(same).count() < count {
        return Err(format!("{name}: matrices change").into());
    }
    let program =
        QuadraticProgram::new(Hessian::Dense(first.dense_hessian()), first.linear.clone())?
            .with_rows(first.dense_rows(), first.lower.clone(), first.upper.clone())?;
    let sources = by_stages(m, width, m);
    let steps = files.into_iter().enumerate();
    let steps = steps.map(|(k, file)| Step {
        linear: file.linear,
        lower: file.lower,
        upper: file.upper,
        begins: k == 0,
        theta: Vec::new(),
    });
    Ok(Sequence {
        name: name.to_owned(),
        program,
        sources,
        steps: steps.collect(),
    })
}

/// The problems of another sequence in the two-sided form of a controller.
fn two_sided(path: &str, name: &str, controller: &LinearMpc) -> Result<Sequence, Anything> {
    let family = ParametricFamily::open(path)?;
    let problem = controller.condense()?;
    let (n, m) = (problem.num_variables(), problem.num_constraints());
    let segments = family.segments.unwrap_or_default();
    let mut steps = Vec::new();
    for (k, theta) in family.test.chunks_exact(family.num_parameters).enumerate() {
        let mut step = Step {
            linear: vec![0.0; n],
            lower: vec![0.0; m],
            upper: vec![0.0; m],
            begins: k == 0 || segments[k] != segments[k - 1],
            theta: Vec::new(),
        };
        problem.linear_at(theta, &mut step.linear);
        problem.bounds_at(theta, &mut step.lower, &mut step.upper);
        steps.push(step);
    }
    Ok(Sequence {
        name: name.to_owned(),
        program: program(&problem)?,
        sources: problem.shift_sources(),
        steps,
    })
}

/// A line per problem: its run, then θ.
fn write(folder: &str, sequence: &Sequence) -> Result<(), Anything> {
    let name = sequence.name.replace(", ", "_").replace(' ', "_");
    let (mut text, mut run) = (String::new(), 0);
    for step in &sequence.steps {
        run += usize::from(step.begins);
        text += &run.to_string();
        for t in &step.theta {
            text += &format!(" {t:?}");
        }
        text.push('\n');
    }
    std::fs::write(format!("{folder}/{name}.txt"), text)?;
    Ok(())
}

/// Each constraint follows from the one `width` later in its block, those of the last stage from themselves.
fn by_stages(m: usize, width: usize, block: usize) -> Vec<Option<usize>> {
    let source = |i: usize| {
        if i % block + width < block {
            i + width
        } else {
            i
        }
    };
    (0..m).map(|i| Some(source(i))).collect()
}

fn update(step: &Step) -> QpUpdate<'_, f64> {
    QpUpdate::default()
        .with_linear(&step.linear)
        .with_lower(&step.lower)
        .with_upper(&step.upper)
}

/// Iterations and the fastest time of each step.
fn run(
    sequence: &Sequence,
    pricing: Pricing,
    start: Start,
    times: &mut [Duration],
    solutions: &mut Vec<Vec<f64>>,
) -> Result<usize, Anything> {
    let options = QpOptions::default().with_pricing(pricing);
    let mut workspace = QpWorkspace::new(sequence.program.clone(), options)?;
    let mut receding = RecedingStart::new(sequence.sources.clone());
    let mut iterations = 0;
    for (k, step) in sequence.steps.iter().enumerate() {
        let warm = match start {
            _ if step.begins => WarmStart::Cold,
            Start::Cold => WarmStart::Cold,
            Start::Keep => WarmStart::Keep,
            Start::Shifted => WarmStart::Shifted(&sequence.sources),
            Start::Receding => WarmStart::Keep,
        };
        let began = Instant::now();
        if start == Start::Receding {
            if step.begins {
                receding.restart();
            }
            receding.begin(&mut workspace)?;
        } else {
            workspace.warm_start(warm)?;
        }
        workspace.update(&update(step))?;
        let solution = workspace.solve();
        times[k] = times[k].min(began.elapsed());
        if solution.status != QpStatus::Optimal {
            return Err(format!("{} {k}: {:?}", sequence.name, solution.status).into());
        }
        iterations += solution.iterations;
        match solutions.get(k) {
            None => solutions.push(solution.x.clone()),
            Some(expected) => {
                let size = expected.iter().fold(1.0f64, |most, x| x.abs().max(most));
                for (a, b) in solution.x.iter().zip(expected) {
                    if (a - b).abs() > 1e-5 * size {
                        return Err(format!("{} {k}: {a} is not {b}", sequence.name).into());
                    }
                }
            }
        }
    }
    Ok(iterations)
}

fn main() -> Result<(), Anything> {
    let pendulum = |free: usize| {
        InvertedPendulum::default()
            .with_control_horizon(free)
            .controller()
    };
    let swing = ClosedLoop::new(vec![1.0, 0.5, 0.1, 0.1])
        .with_runs(10)
        .with_steps(150)
        .with_disturbance(1e-3)
        .with_reference(vec![1.5, 0.0], 75);
    let push = ClosedLoop::new(vec![3.0, 3.0, 3.0, 1.5, 1.5, 1.5])
        .with_runs(30)
        .with_steps(40)
        .with_disturbance(0.02);
    let chain = MassChain::default().controller()?;
    let longer = MassChain::default().with_masses(5).with_horizon(20);
    let mut around = vec![1.5; 5];
    around.extend([0.5; 5]);
    let push_five = ClosedLoop::new(around)
        .with_runs(10)
        .with_steps(40)
        .with_disturbance(0.02);
    let mut sequences = vec![
        closed_loop("pendulum, 5 free inputs", &pendulum(5)?, &swing)?,
        closed_loop("pendulum, 50 free inputs", &pendulum(50)?, &swing)?,
        closed_loop("3 masses, 15 steps", &chain, &push)?,
        closed_loop("5 masses, 20 steps", &longer.controller()?, &push_five)?,
    ];
    match std::env::var("LA_DATA_DIR") {
        Err(_) => println!("LA_DATA_DIR is not set: the sequences of the data folder are left out"),
        Ok(folder) => {
            let path = format!("{folder}/qp/param/chain3_N15_closedloop.npz");
            sequences.push(from_family(&path, "3 masses, data folder", 3, 45)?);
            sequences.push(two_sided(&path, "3 masses, data folder", &chain)?);
            let folder = format!("{folder}/qp/mpc");
            sequences.push(from_files(&folder, "LIPMWALK", 20, 2)?);
            sequences.push(from_files(&folder, "WHLIPBAL", 20, 2)?);
        }
    }
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--write") {
        let folder = arguments.next().ok_or("--write needs a folder")?;
        for sequence in sequences.iter().filter(|s| !s.steps[0].theta.is_empty()) {
            write(&folder, sequence)?;
        }
        return Ok(());
    }
    println!(
        "| sequence | n | m | problems | rule | cold | kept | moved | nearer | cold/µs | kept/µs | moved/µs | nearer/µs |"
    );
    println!(
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    for sequence in &sequences {
        let count = sequence.steps.len();
        for pricing in [Pricing::LargestViolation, Pricing::SteepestEdge] {
            let mut times = [(); 4].map(|()| vec![Duration::MAX; count]);
            let mut iterations = [0; 4];
            let mut solutions = Vec::new();
            for _ in 0..REPETITIONS {
                let starts = [Start::Cold, Start::Keep, Start::Shifted, Start::Receding];
                for ((start, times), total) in
                    starts.into_iter().zip(&mut times).zip(&mut iterations)
                {
                    *total = run(sequence, pricing, start, times, &mut solutions)?;
                }
            }
            let mean = |total: usize| total as f64 / count as f64;
            let [a, b, c, d] = iterations.map(mean);
            let micros = |times: &Vec<Duration>| {
                times.iter().sum::<Duration>().as_secs_f64() * 1e6 / count as f64
            };
            let [ta, tb, tc, td] = times.each_ref().map(micros);
            let rule = match pricing {
                Pricing::LargestViolation => "largest violation",
                _ => "steepest edge",
            };
            let (n, m) = (
                sequence.program.num_variables(),
                sequence.program.num_constraints(),
            );
            println!(
                "| {} | {n} | {m} | {count} | {rule} | {a:.2} | {b:.2} | {c:.2} | {d:.2} | {ta:.1} | {tb:.1} | {tc:.1} | {td:.1} |",
                sequence.name
            );
        }
    }
    Ok(())
}
