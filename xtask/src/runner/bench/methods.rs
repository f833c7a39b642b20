//! Preconditioners and methods on three families of problems, against size: numbers and a figure.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use la_krylov::{
    BicgstabOptions, CgOptions, GmresOptions, IdentityPreconditioner, KrylovError, Solution,
    bicgstab, cg, gmres,
};
use la_precond::PrecondError;
use la_precond::classical::{
    BlockJacobi, CompensatedIc, Complete, CompleteFactor, CompleteKind, Ic0, Ict, Ilu, Ilut,
    Jacobi, NearNullSpace, Reordered, SmoothedAggregation,
};
use la_problems::{
    Coefficient, ConvectionDiffusion, Diffusion, Grid, LinearElasticity, LinearSystem, Support,
    Wind,
};
use xtask::report::Unit;
use xtask::report::figure::{Palette, Scaling, ScalingSeries, Svg, panels};

use super::record::Record;
use super::{Args, Size};

/// Relative residual that ends a solve.
const RTOL: f64 = 1e-8;
/// Seconds after which a solve is given up, and the method not tried on larger problems.
const PATIENCE: f64 = 60.0;
/// Bytes that a complete factor may take.
const MEMORY: usize = 1 << 30;

/// A problem of one size.
struct Case {
    name: String,
    system: LinearSystem,
    /// The kernel of the operator without its boundary conditions.
    modes: NearNullSpace,
}

/// One solve, set-up included.
struct Outcome {
    setup: f64,
    total: f64,
    iterations: usize,
    converged: bool,
}

type Solver = fn(&Case) -> Result<Outcome>;

/// Problems that grow, and what is tried on them.
struct Family {
    title: &'static str,
    cases: Vec<Box<dyn Fn() -> Result<Case>>>,
    methods: Vec<(&'static str, Solver)>,
}

pub(super) fn run(args: &Args, record: &mut Record, folder: &Path) -> Result<()> {
    let families = families(matches!(args.size, Size::Smoke));
    let names = families.iter().flat_map(|f| f.methods.iter().map(|m| m.0));
    let palette = Palette::new(names);
    let mut pictures = Vec::new();
    for family in &families {
        pictures.extend(measure(args, record, family, &palette)?);
    }
    record.note(format!(
        "to a relative residual of {RTOL:.0e}; total time is set-up and solve; a method that needs more than {PATIENCE} s \
         or does not converge, or a complete factor above 1 GiB, is not tried on larger problems"
    ));
    let figure = panels("Iterations and total time against size", &pictures, 2)?;
    std::fs::create_dir_all(folder)?;
    let path = folder.join("methods.svg");
    std::fs::write(&path, figure.to_document())
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("written: {}", path.display());
    Ok(())
}

/// Runs a family; a picture of the iterations and one of the times.
fn measure(
    args: &Args,
    record: &mut Record,
    family: &Family,
    palette: &Palette,
) -> Result<[Svg; 2]> {
    let series = |method: &&str| ScalingSeries {
        method: (*method).to_owned(),
        points: Vec::new(),
    };
    let names: Vec<&str> = family.methods.iter().map(|m| m.0).collect();
    let mut iterations: Vec<ScalingSeries> = names.iter().map(series).collect();
    let mut seconds: Vec<ScalingSeries> = names.iter().map(series).collect();
    let mut tired = vec![false; names.len()];
    for case in &family.cases {
        let case = case()?;
        let n = case.system.n() as f64;
        for (m, (method, solver)) in family.methods.iter().enumerate() {
            if tired[m] {
                continue;
            }
            eprintln!("methods: {}, {method}", case.name);
            let first = match solver(&case) {
                Ok(first) => first,
                Err(error) => {
                    tired[m] = true;
                    record.note(format!("{}: {method}: {error:#}", case.name));
                    continue;
                }
            };
            tired[m] = !first.converged || first.total > PATIENCE;
            if !first.converged {
                record.note(format!(
                    "{}: {method} did not converge in {} iterations or {PATIENCE} s",
                    case.name, first.iterations
                ));
                continue;
            }
            // The first solve warms up where there are more; long ones are not repeated.
            let repetitions = if first.total > 5.0 {
                1
            } else {
                args.repetitions
            };
            let mut outcomes = vec![first];
            if repetitions > 1 {
                outcomes = (0..repetitions)
                    .map(|_| solver(&case))
                    .collect::<Result<Vec<_>>>()?;
            }
            let times: Vec<f64> = outcomes.iter().map(|o| o.total).collect();
            let setups: Vec<f64> = outcomes.iter().map(|o| o.setup).collect();
            let count = outcomes[0].iterations as f64;
            let unit = Unit::Iterations;
            record.value(&case.name, method, "iterations", unit, count)?;
            record.seconds(&case.name, method, "setup_seconds", &setups)?;
            record.seconds(&case.name, method, "total_seconds", &times)?;
            iterations[m].points.push((n, count.max(1.0)));
            seconds[m].points.push((n, median(times)));
        }
    }
    let draw = |what: &str, y: &str, series| {
        let plot = Scaling {
            title: format!("{}: {what}", family.title),
            x: "unknowns".to_owned(),
            y: y.to_owned(),
            series,
        };
        plot.draw(palette)
    };
    Ok([
        draw("iterations", "iterations", iterations)?,
        draw("time", "set-up and solve, seconds", seconds)?,
    ])
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let (low, high) = ((times.len() - 1) / 2, times.len() / 2);
    0.5 * (times[low] + times[high])
}

/// Times a set-up and a solve.
fn outcome<M>(
    setup: impl FnOnce() -> std::result::Result<M, PrecondError>,
    solve: impl FnOnce(&M) -> std::result::Result<Solution<Vec<f64>>, KrylovError>,
) -> Result<Outcome> {
    let start = Instant::now();
    let m = setup()?;
    let setup = start.elapsed().as_secs_f64();
    let solution = solve(&m)?;
    Ok(Outcome {
        setup,
        total: start.elapsed().as_secs_f64(),
        iterations: solution.iterations,
        converged: solution.status.is_converged(),
    })
}

/// Conjugate gradients with what `$setup` makes of the case.
macro_rules! cg {
    ($setup:expr) => {
        |case| {
            let (a, b) = (&case.system.matrix, &case.system.rhs);
            let mut options = CgOptions::default().with_rtol(RTOL).with_max_iters(20_000);
            options.time_limit = Some(Duration::from_secs_f64(PATIENCE));
            outcome(|| $setup(case), |m| cg(a, b, m, &options))
        }
    };
}

/// GMRES(30) with what `$setup` makes of the case.
macro_rules! gmres {
    ($setup:expr) => {
        |case| {
            let (a, b) = (&case.system.matrix, &case.system.rhs);
            let mut options = GmresOptions::default()
                .with_rtol(RTOL)
                .with_max_iters(5_000);
            options.time_limit = Some(Duration::from_secs_f64(PATIENCE));
            outcome(|| $setup(case), |m| gmres(a, b, m, &options))
        }
    };
}

fn families(smoke: bool) -> Vec<Family> {
    let squares: &[usize] = if smoke {
        &[12, 24]
    } else {
        &[64, 128, 256, 512]
    };
    let cubes: &[usize] = if smoke { &[3, 5] } else { &[8, 12, 18, 24] };
    vec![
        Family {
            title: "2-D diffusion, jumps of 1000",
            cases: cases(squares, diffusion),
            methods: vec![
                ("cg", cg!(none)),
                (
                    "cg, jacobi",
                    cg!(|c: &Case| Jacobi::new(c.system.matrix.view())),
                ),
                (
                    "cg, ic0",
                    cg!(|c: &Case| Ic0::default().factor(c.system.matrix.view())),
                ),
                (
                    "cg, dric",
                    cg!(|c: &Case| CompensatedIc::dynamically_relaxed()
                        .factor(c.system.matrix.view())),
                ),
                (
                    "cg, ict",
                    cg!(|c: &Case| Ict::default().factor(c.system.matrix.view())),
                ),
                ("cg, amg", cg!(amg)),
                ("complete", cg!(|c| complete(c, CompleteKind::Cholesky))),
            ],
        },
        Family {
            title: "2-D flow in a vortex, Pe = 500",
            cases: cases(squares, flow),
            methods: vec![
                ("gmres", gmres!(none)),
                (
                    "gmres, ilu0",
                    gmres!(|c: &Case| Ilu::default().factor(c.system.matrix.view())),
                ),
                (
                    "gmres, ilu1",
                    gmres!(|c: &Case| Ilu::default().with_level(1).factor(c.system.matrix.view())),
                ),
                (
                    "gmres, ilut",
                    gmres!(|c: &Case| Ilut::default().factor(c.system.matrix.view())),
                ),
                (
                    "gmres, matching + ilut",
                    gmres!(
                        |c: &Case| Reordered::new(Ilut::default()).factor(c.system.matrix.view())
                    ),
                ),
                ("bicgstab, ilu0", |case| {
                    let (a, b) = (&case.system.matrix, &case.system.rhs);
                    let mut options = BicgstabOptions::default()
                        .with_rtol(RTOL)
                        .with_max_iters(5_000);
                    options.time_limit = Some(Duration::from_secs_f64(PATIENCE));
                    outcome(
                        || Ilu::default().factor(a.view()),
                        |m| bicgstab(a, b, m, &options),
                    )
                }),
                ("complete", gmres!(|c| complete(c, CompleteKind::Lu))),
            ],
        },
        Family {
            title: "3-D elasticity, one side clamped",
            cases: cases(cubes, elasticity),
            methods: vec![
                (
                    "cg, jacobi",
                    cg!(|c: &Case| Jacobi::new(c.system.matrix.view())),
                ),
                (
                    "cg, block jacobi",
                    cg!(|c: &Case| BlockJacobi::new(c.system.matrix.view(), 3)),
                ),
                (
                    "cg, ic0",
                    cg!(|c: &Case| Ic0::default().factor(c.system.matrix.view())),
                ),
                ("cg, amg", cg!(amg)),
                (
                    "cg, amg, constants",
                    cg!(|c: &Case| {
                        let constants = NearNullSpace::constants(c.system.n() / 3, 3);
                        SmoothedAggregation::default()
                            .build_with(c.system.matrix.view(), &constants)
                    }),
                ),
                ("complete", cg!(|c| complete(c, CompleteKind::Cholesky))),
            ],
        },
    ]
}

fn amg(case: &Case) -> std::result::Result<la_precond::classical::Multigrid, PrecondError> {
    SmoothedAggregation::default().build_with(case.system.matrix.view(), &case.modes)
}

fn none(case: &Case) -> std::result::Result<IdentityPreconditioner, PrecondError> {
    Ok(IdentityPreconditioner::new(case.system.n()))
}

fn complete(case: &Case, kind: CompleteKind) -> std::result::Result<CompleteFactor, PrecondError> {
    let complete = Complete::default().with_kind(kind);
    let complete = complete.with_memory_limit(MEMORY);
    complete.factor(case.system.matrix.view())
}

fn cases(sizes: &[usize], make: fn(usize) -> Result<Case>) -> Vec<Box<dyn Fn() -> Result<Case>>> {
    let boxed = |&k: &usize| -> Box<dyn Fn() -> Result<Case>> { Box::new(move || make(k)) };
    sizes.iter().map(boxed).collect()
}

fn diffusion(k: usize) -> Result<Case> {
    let coefficient = Coefficient::Checkerboard {
        cells: 8,
        low: 1.0,
        high: 1000.0,
    };
    let problem = Diffusion::default()
        .with_grid(Grid::rectangle(k, k))
        .with_coefficient(coefficient);
    scalar("diffusion", problem.generate(0)?)
}

fn flow(k: usize) -> Result<Case> {
    let problem = ConvectionDiffusion::default()
        .with_grid(Grid::rectangle(k, k))
        .with_wind(Wind::Recirculating)
        .with_peclet(500.0);
    scalar("flow", problem.generate()?)
}

fn scalar(name: &str, system: LinearSystem) -> Result<Case> {
    Ok(Case {
        name: format!("{name}-n{}", system.n()),
        modes: NearNullSpace::constant(system.n()),
        system,
    })
}

fn elasticity(k: usize) -> Result<Case> {
    let problem = LinearElasticity::default()
        .with_grid(Grid::cuboid(2 * k, k, k))
        .with_support(Support::OneSide);
    let system = problem.generate()?;
    Ok(Case {
        name: format!("elasticity-n{}", system.n()),
        modes: NearNullSpace::rigid_body_3d(&problem.points()?),
        system,
    })
}
