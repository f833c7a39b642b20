//! Smoothed aggregation, beside PyAMG and the multigrid of PETSc.

use anyhow::Result;
use la_krylov::{CgOptions, History, cg};
use la_precond::classical::SmoothedAggregation;
use la_problems::{BilinearDiffusion, Grid, LinearSystem, Poisson};
use xtask::report::Unit;

use super::clock;
use super::contest::{Contest, Outcome, Rival, Same};
use super::krylov::relative_residual;
use super::peers::{Peers, Program};
use super::record::Record;
use super::{Args, Size};

/// Relative tolerance of the solves.
const RTOL: f64 = 1e-8;
/// Work that is the same in two programs takes the same iterations, but for rounding and random starts.
const SAME: Same = Same(1.0, 0.0);

pub(super) fn run(args: &Args, record: &mut Record, peers: &Peers) -> Result<()> {
    record.note(
        "amg: defaults of SmoothedAggregation and of smoothed_aggregation_solver; set-up alone, then conjugate gradients \
         alone (solve with accel='cg')",
    );
    record.note("amg: PETSc with its default options, set-up and solve together");
    for (name, system) in systems(args.size)? {
        eprintln!("amg: {name}, {} nonzeros", system.matrix.nnz());
        peers.load(&name, &system)?;
        measure(args, record, peers, &name, &system)?;
        peers.forget(&name)?;
    }
    Ok(())
}

/// The problems, by name.
fn systems(size: Size) -> Result<Vec<(String, LinearSystem)>> {
    let (plane, cube, turned) = match size {
        Size::Smoke => (40, 12, 30),
        Size::Small => (200, 34, 100),
        Size::Full => (1_000, 60, 300),
    };
    let turned = BilinearDiffusion::new(Grid::rectangle(turned, turned))
        .with_angle(std::f64::consts::FRAC_PI_6);
    Ok([
        (
            "poisson2d",
            Poisson::new(Grid::rectangle(plane, plane)).generate()?,
        ),
        (
            "poisson3d",
            Poisson::new(Grid::cuboid(cube, cube, cube)).generate()?,
        ),
        ("anisotropic-30deg", turned.generate()?),
    ]
    .into_iter()
    .map(|(name, system)| (format!("amg-{name}-n{}", system.n()), system))
    .collect())
}

fn measure(
    args: &Args,
    record: &mut Record,
    peers: &Peers,
    name: &str,
    system: &LinearSystem,
) -> Result<()> {
    let (a, b) = (&system.matrix, &system.rhs);
    let options = SmoothedAggregation::default();
    let cg_options = CgOptions::default()
        .with_rtol(RTOL)
        .with_history(History::None);
    let goal = |limit| (args.threads == 1).then_some(limit);
    let peer = |(program, method), work, limit| {
        Rival::peer(
            peers,
            (program, method),
            name,
            (work, format!("{RTOL:e}")),
            limit,
        )
    };
    let pyamg = (Program::Scipy, "pyamg");
    let contest = Contest {
        problem: name,
        method: "sa-amg",
        quantity: "setup_seconds",
        repetitions: args.repetitions.min(5),
        rtol: None,
    };
    contest.run(
        record,
        None,
        || {
            let (hierarchy, seconds) = clock::timed(|| options.build(a.view()));
            Ok(Outcome {
                count: hierarchy?.stats().levels.len() as u64,
                ..Outcome::timed(seconds)
            })
        },
        [peer(pyamg, "pyamg-setup", goal(0.5))],
    )?;

    let hierarchy = options.build(a.view())?;
    record.value(
        name,
        "sa-amg",
        "operator_complexity",
        Unit::Dimensionless,
        hierarchy.stats().operator_complexity(),
    )?;
    let solved = |solution: la_krylov::Solution, seconds| -> Result<Outcome> {
        let solution = solution.require_converged()?;
        Ok(Outcome {
            seconds,
            count: solution.iterations as u64,
            residual: relative_residual(system, &solution.x),
        })
    };
    let solve = Contest {
        method: "cg+sa-amg",
        quantity: "solve_seconds",
        rtol: Some(RTOL),
        ..contest
    };
    let cg_pyamg = (Program::Scipy, "pyamg-cg+sa");
    solve.run(
        record,
        Some(SAME),
        || {
            let (solution, seconds) = clock::timed(|| cg(a, b, &hierarchy, &cg_options));
            solved(solution?, seconds)
        },
        [peer(cg_pyamg, "pyamg-solve", goal(0.7))],
    )?;
    drop(hierarchy);

    let whole = Contest {
        method: "sa-amg-and-cg",
        quantity: "setup_and_solve_seconds",
        repetitions: args.repetitions.min(3),
        ..solve
    };
    whole.run(
        record,
        None,
        || {
            let (solution, seconds) = clock::timed(|| -> Result<_> {
                let hierarchy = options.build(a.view())?;
                Ok(cg(a, b, &hierarchy, &cg_options)?)
            });
            solved(solution?, seconds)
        },
        [
            peer((Program::Petsc, "petsc-cg+gamg"), "cg-gamg", None),
            peer((Program::Petsc, "petsc-cg+hypre"), "cg-hypre", None),
        ],
    )?;
    Ok(())
}
