//! Smoothed aggregation, beside PyAMG and the multigrid of PETSc.

use anyhow::Result;
use la_krylov::{CgOptions, History, cg};
use la_precond::PrecondError;
use la_precond::classical::{Multigrid, NearNullSpace, SmoothedAggregation};
use la_problems::{BilinearDiffusion, Grid, LinearElasticity, LinearSystem, Poisson, Support};
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

/// Bytes that the programs need beside each other for a million unknowns in three dimensions.
const MEMORY: u64 = 4 << 30;

struct Case {
    name: String,
    system: LinearSystem,
    /// The rigid-body modes in elasticity; otherwise the constant, of which nobody is told.
    modes: Option<NearNullSpace>,
}

pub(super) fn run(args: &Args, record: &mut Record, peers: &Peers) -> Result<()> {
    record.note(
        "amg: defaults of SmoothedAggregation and of smoothed_aggregation_solver; set-up alone, then conjugate gradients \
         alone (solve with accel='cg')",
    );
    record.note(
        "amg: elasticity with the rigid-body modes; PyAMG gets blocks, PETSc the block size and the near-null space",
    );
    record.note("amg: PETSc with its default options, set-up and solve together");
    for make in cases(args.size) {
        let case = make()?;
        if case.system.n() >= 1_000_000 && case.name.contains("3d") {
            match available_memory() {
                Some(bytes) if bytes < MEMORY => {
                    let gigabytes = bytes as f64 / f64::from(1 << 30);
                    record.note(format!(
                        "{}: left out, {gigabytes:.1} GiB of memory are available, 4 are needed",
                        case.name
                    ));
                    continue;
                }
                _ => {}
            }
        }
        eprintln!("amg: {}, {} nonzeros", case.name, case.system.matrix.nnz());
        peers.load_with(&case.name, &case.system, case.modes.as_ref())?;
        measure(args, record, peers, &case)?;
        peers.forget(&case.name)?;
    }
    Ok(())
}

/// Bytes that new work may take, where the system says it.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes << 10)
}

type Make = Box<dyn Fn() -> Result<Case>>;

/// The problems, made one at a time.
fn cases(size: Size) -> Vec<Make> {
    let (plane, cubes, turned, sheet, beam): (usize, &[usize], usize, usize, usize) = match size {
        Size::Smoke => (40, &[12], 30, 20, 4),
        Size::Small => (200, &[34], 100, 100, 12),
        Size::Full => (1_000, &[60, 100], 300, 300, 24),
    };
    let mut makes: Vec<Make> = vec![Box::new(move || {
        let system = Poisson::new(Grid::rectangle(plane, plane)).generate()?;
        Ok(Case::scalar("poisson2d", system))
    })];
    for &cube in cubes {
        makes.push(Box::new(move || {
            let system = Poisson::new(Grid::cuboid(cube, cube, cube)).generate()?;
            Ok(Case::scalar("poisson3d", system))
        }));
    }
    makes.push(Box::new(move || {
        let problem = BilinearDiffusion::new(Grid::rectangle(turned, turned))
            .with_angle(std::f64::consts::FRAC_PI_6);
        Ok(Case::scalar("anisotropic-30deg", problem.generate()?))
    }));
    makes.push(Box::new(move || {
        Case::elastic(
            "elasticity2d",
            Grid::rectangle(sheet, sheet),
            Support::AllSides,
        )
    }));
    makes.push(Box::new(move || {
        Case::elastic(
            "elasticity3d",
            Grid::cuboid(2 * beam, beam, beam),
            Support::OneSide,
        )
    }));
    makes
}

impl Case {
    fn scalar(name: &str, system: LinearSystem) -> Self {
        Self {
            name: format!("amg-{name}-n{}", system.n()),
            system,
            modes: None,
        }
    }

    fn elastic(name: &str, grid: Grid, support: Support) -> Result<Self> {
        let problem = LinearElasticity::default()
            .with_grid(grid)
            .with_support(support);
        let system = problem.generate()?;
        let modes = problem.rigid_body_modes()?;
        let modes = NearNullSpace::from_vectors(problem.grid.dimension(), &modes)?;
        Ok(Self {
            modes: Some(modes),
            ..Self::scalar(name, system)
        })
    }

    fn build(&self) -> std::result::Result<Multigrid, PrecondError> {
        let (options, a) = (SmoothedAggregation::default(), self.system.matrix.view());
        match &self.modes {
            Some(modes) => options.build_with(a, modes),
            None => options.build(a),
        }
    }
}

fn measure(args: &Args, record: &mut Record, peers: &Peers, case: &Case) -> Result<()> {
    let (name, system) = (case.name.as_str(), &case.system);
    let (a, b) = (&system.matrix, &system.rhs);
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
            let (hierarchy, seconds) = clock::timed(|| case.build());
            Ok(Outcome {
                count: hierarchy?.stats().levels.len() as u64,
                ..Outcome::timed(seconds)
            })
        },
        [peer(pyamg, "pyamg-setup", goal(0.5))],
    )?;

    let hierarchy = case.build()?;
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
                let hierarchy = case.build()?;
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
