//! Sparse products and whole solves with incomplete factors.

use anyhow::Result;
use la_krylov::{
    CgOptions, CsrMatrix, GmresOptions, History, Host, IdentityPreconditioner, LinearOperator,
    Reorthogonalization, Solution, cg, gmres,
};
use la_precond::classical::{Ic0, Ilu};
use la_problems::{
    ConvectionDiffusion, Grid, LinearSystem, NeuralIfSynthetic, Poisson, Split, Wind,
};

use super::clock;
use super::contest::{Contest, Outcome, Rival, Same};
use super::peers::{Peers, Program};
use super::record::Record;
use super::triad::Triad;
use super::{Args, Size, threads};

/// Work that is the same in two programs takes the same iterations, but for rounding.
const SAME: Same = Same(2.0, 0.02);
/// What the setting of threads does not reach.
const ONE_THREAD: &str = "PETSc without MPI and SciPy's products use one thread always";

/// One problem and how it is solved.
struct Case {
    name: String,
    system: LinearSystem,
    symmetric: bool,
    /// Iterations whose time is taken where none is to converge.
    steps: usize,
    /// Relative tolerance of the whole solve.
    rtol: f64,
    /// Products per repetition of a peer.
    products: &'static str,
}

pub(super) fn run(args: &Args, record: &mut Record) -> Result<()> {
    let mut triad = Triad::new();
    triad.record(record)?;
    let peers = Peers::start(args, record);
    if args.peers && args.threads > 1 {
        record.note(ONE_THREAD);
    }
    for case in cases(args.size)? {
        eprintln!(
            "krylov: {}, {} nonzeros",
            case.name,
            case.system.matrix.nnz()
        );
        peers.load(&case.name, &case.system)?;
        let compact = CsrMatrix::<f64>::from_sprs(case.system.matrix.view())?;
        products(args, record, &case, &compact, &peers, &mut triad)?;
        if case.symmetric {
            cg_steps(args, record, &case, &compact, &peers)?;
            cg_ic0(args, record, &case, &compact, &peers)?;
        } else {
            gmres_ilu0(args, record, &case, &compact, &peers)?;
        }
        two_threads(args, record, &case, &compact)?;
        peers.forget(&case.name)?;
    }
    Ok(())
}

fn cases(size: Size) -> Result<Vec<Case>> {
    // Products and steps of a repetition take some tens of milliseconds, or one of each does.
    let (n, plane, cube, products, steps) = match size {
        Size::Smoke => (1_000, 40, 12, "50", 20),
        Size::Small => (10_000, 200, 34, "20", 20),
        Size::Full => (10_000, 1_000, 100, "3", 20),
    };
    let synthetic = NeuralIfSynthetic::default()
        .with_n(n)
        .with_nonzeros_per_row(if n < 10_000 { 5.0 } else { 10.0 })
        .generate(Split::Test.seed(0))?;
    let (square, cuboid) = (
        Grid::rectangle(plane, plane),
        Grid::cuboid(cube, cube, cube),
    );
    // Cell Péclet numbers of about one, against the order of the unknowns.
    let wind = |grid, wind, peclet: usize| {
        let options = ConvectionDiffusion::default().with_wind(Wind::Constant(wind));
        options
            .with_grid(grid)
            .with_peclet(peclet as f64)
            .generate()
    };
    let plane_wind = wind(square, [-1.0, 0.5, 0.0], plane)?;
    let cube_wind = wind(cuboid, [-1.0, 0.5, -0.25], cube)?;
    // The tolerance on the largest grid keeps the number of iterations of a solve near a hundred.
    let plane_rtol = if size == Size::Full { 1e-2 } else { 1e-6 };
    let cases = [
        (
            "synthetic",
            synthetic,
            true,
            1e-6,
            (if n < 10_000 { "50" } else { "10" }, 100),
        ),
        (
            "poisson2d",
            Poisson::new(square).generate()?,
            true,
            plane_rtol,
            (products, steps),
        ),
        (
            "poisson3d",
            Poisson::new(cuboid).generate()?,
            true,
            1e-8,
            (products, steps),
        ),
        ("convection2d", plane_wind, false, 1e-6, (products, steps)),
        ("convection3d", cube_wind, false, 1e-8, (products, steps)),
    ];
    Ok(cases
        .into_iter()
        .map(|(name, system, symmetric, rtol, (products, steps))| Case {
            name: format!("{name}-n{}", system.n()),
            system,
            symmetric,
            steps,
            rtol,
            products,
        })
        .collect())
}

/// The product, beside the bandwidth of memory and the products of others.
fn products(
    args: &Args,
    record: &mut Record,
    case: &Case,
    compact: &CsrMatrix,
    peers: &Peers,
    triad: &mut Triad,
) -> Result<()> {
    let (name, a, b, n) = case.parts();
    let space = Host::new(n);
    let (mut y, mut z) = (vec![0.0; n], vec![0.0; n]);
    let contest = Contest {
        problem: name,
        method: "csr",
        quantity: "product_seconds",
        repetitions: args.repetitions,
        rtol: None,
    };
    let goal = (args.threads == 1).then_some(0.85);
    let bytes = (12 * a.nnz() + 20 * n) as f64;
    let number = || ("matvec", case.products.to_owned());
    contest.run(
        record,
        None,
        || {
            let seconds = clock::short(|| compact.apply(&space, b, &mut y));
            Ok(Outcome::timed(seconds))
        },
        [
            Rival::ours("triad", Some(1.0 / 0.6), || {
                Ok(Outcome::timed(bytes / triad.bandwidth()))
            }),
            Rival::ours("sprs-matrix", None, || {
                let seconds = clock::short(|| a.apply(&space, b, &mut z));
                Ok(Outcome::timed(seconds))
            }),
            Rival::peer(peers, (Program::Scipy, "scipy"), name, number(), goal),
            Rival::peer(peers, (Program::Petsc, "petsc"), name, number(), goal),
        ],
    )?;
    Ok(())
}

/// A fixed number of plain iterations.
fn cg_steps(
    args: &Args,
    record: &mut Record,
    case: &Case,
    compact: &CsrMatrix,
    peers: &Peers,
) -> Result<()> {
    let (name, _, b, n) = case.parts();
    let identity = IdentityPreconditioner::new(n);
    let contest = Contest {
        problem: name,
        method: "cg",
        quantity: "seconds_per_iteration",
        repetitions: args.repetitions.min(5),
        rtol: None,
    };
    let number = || ("cg-steps", case.steps.to_string());
    contest.run(
        record,
        None,
        || {
            let options = case.cg(0.0, case.steps);
            let (solution, seconds) = clock::timed(|| cg(compact, b, &identity, &options));
            Ok(each(solution?, seconds))
        },
        [
            Rival::peer(peers, (Program::Scipy, "scipy"), name, number(), None),
            Rival::peer(peers, (Program::Petsc, "petsc"), name, number(), None),
        ],
    )?;
    Ok(())
}

/// Set-up of IC(0) and the solve with it, to the tolerance.
fn cg_ic0(
    args: &Args,
    record: &mut Record,
    case: &Case,
    compact: &CsrMatrix,
    peers: &Peers,
) -> Result<()> {
    let (name, a, b, _) = case.parts();
    let options = case.cg(case.rtol, 100_000);
    let contest = case.solve(args, "cg+ic0");
    let number = || ("cg-ic0", format!("{:e}", case.rtol));
    let goal = (args.threads == 1).then_some(1.0);
    contest.run(
        record,
        Some(SAME),
        || {
            let (solution, seconds) = clock::timed(|| -> Result<_> {
                let factor = Ic0::default().factor(a.view())?;
                Ok(cg(compact, b, &factor, &options)?)
            });
            case.solved(solution?, seconds)
        },
        [
            Rival::peer(
                peers,
                (Program::Scipy, "scipy-cg+ilupp-ic0"),
                name,
                number(),
                None,
            ),
            Rival::peer(
                peers,
                (Program::Petsc, "petsc-cg+icc0"),
                name,
                number(),
                goal,
            ),
        ],
    )?;
    Ok(())
}

/// Set-up of ILU(0) and GMRES(30) with it, to the tolerance.
fn gmres_ilu0(
    args: &Args,
    record: &mut Record,
    case: &Case,
    compact: &CsrMatrix,
    peers: &Peers,
) -> Result<()> {
    let (name, a, b, _) = case.parts();
    let solve = |rule: Reorthogonalization| {
        let options = GmresOptions::default()
            .with_restart(30)
            .with_rtol(case.rtol)
            .with_max_iters(100_000)
            .with_history(History::None)
            .with_reorthogonalization(rule);
        let (solution, seconds) = clock::timed(|| -> Result<_> {
            let factor = Ilu::default().factor(a.view())?;
            Ok(gmres(compact, b, &factor, &options)?)
        });
        case.solved(solution?, seconds)
    };
    record.note(
        "gmres30+ilu0 orthogonalizes once, as PETSc does by default; gmres30+ilu0-twice a second time where needed, \
         the default of la-krylov",
    );
    let contest = case.solve(args, "gmres30+ilu0");
    let number = ("gmres-ilu0", format!("{:e}", case.rtol));
    let goal = (args.threads == 1).then_some(1.0);
    contest.run(
        record,
        Some(SAME),
        || solve(Reorthogonalization::Never),
        [
            Rival::ours("gmres30+ilu0-twice", None, || {
                solve(Reorthogonalization::WhenNeeded)
            }),
            Rival::peer(
                peers,
                (Program::Petsc, "petsc-gmres30+ilu0"),
                name,
                number,
                goal,
            ),
        ],
    )?;
    Ok(())
}

/// The same work with two threads and with one, whatever the others use.
fn two_threads(args: &Args, record: &mut Record, case: &Case, compact: &CsrMatrix) -> Result<()> {
    if std::thread::available_parallelism()?.get() < 2 {
        record.note("two threads against one: not measured, the machine has one core");
        return Ok(());
    }
    let (name, a, b, n) = case.parts();
    let (one, two) = (threads(1)?, threads(2)?);
    let contest = Contest {
        problem: name,
        method: "csr-two-threads",
        quantity: "product_seconds",
        repetitions: args.repetitions,
        rtol: None,
    };
    let product = |y: &mut [f64]| {
        let space = Host::new(n);
        Ok(Outcome::timed(clock::short(|| compact.apply(&space, b, y))))
    };
    let (mut y, mut z) = (vec![0.0; n], vec![0.0; n]);
    contest.run(
        record,
        None,
        || two.install(|| product(&mut y)),
        [Rival::ours("csr-one-thread", None, || {
            one.install(|| product(&mut z))
        })],
    )?;
    let steps = |pool: &rayon::ThreadPool| {
        pool.install(|| {
            if case.symmetric {
                let factor = Ic0::default().factor(a.view())?;
                let options = case.cg(0.0, case.steps);
                let (solution, seconds) = clock::timed(|| cg(compact, b, &factor, &options));
                return Ok(each(solution?, seconds));
            }
            let factor = Ilu::default().factor(a.view())?;
            let options = GmresOptions::default()
                .with_rtol(0.0)
                .with_max_iters(case.steps)
                .with_history(History::None);
            let (solution, seconds) = clock::timed(|| gmres(compact, b, &factor, &options));
            Ok(each(solution?, seconds))
        })
    };
    let (method, other) = match case.symmetric {
        true => ("cg+ic0-two-threads", "cg+ic0-one-thread"),
        false => ("gmres30+ilu0-two-threads", "gmres30+ilu0-one-thread"),
    };
    let contest = Contest {
        method,
        quantity: "seconds_per_iteration",
        repetitions: args.repetitions.min(5),
        ..contest
    };
    contest.run(
        record,
        None,
        || steps(&two),
        [Rival::ours(other, None, || steps(&one))],
    )?;
    Ok(())
}

impl Case {
    fn parts(&self) -> (&str, &la_problems::CsrMatrix, &[f64], usize) {
        let system = &self.system;
        (&self.name, &system.matrix, &system.rhs, system.n())
    }

    fn cg(&self, rtol: f64, limit: usize) -> CgOptions {
        CgOptions::default()
            .with_rtol(rtol)
            .with_max_iters(limit)
            .with_history(History::None)
    }

    fn solve<'a>(&'a self, args: &Args, method: &'a str) -> Contest<'a> {
        Contest {
            problem: &self.name,
            method,
            quantity: "setup_and_solve_seconds",
            repetitions: args.repetitions.min(3),
            rtol: Some(self.rtol),
        }
    }

    /// What a solve to the tolerance came to.
    fn solved(&self, solution: Solution, seconds: f64) -> Result<Outcome> {
        let solution = solution.require_converged()?;
        Ok(Outcome {
            seconds,
            count: solution.iterations as u64,
            residual: relative_residual(&self.system, &solution.x),
        })
    }
}

/// The time of one iteration of a solve without a tolerance.
fn each(solution: Solution, seconds: f64) -> Outcome {
    Outcome::timed(seconds / solution.iterations.max(1) as f64)
}

/// `‖b − A x‖ / ‖b‖`.
pub(super) fn relative_residual(system: &LinearSystem, x: &[f64]) -> f64 {
    let mut squares = [0.0, 0.0];
    for (row, b) in system.matrix.outer_iterator().zip(&system.rhs) {
        let ax: f64 = row.iter().map(|(j, v)| v * x[j]).sum();
        squares[0] += (b - ax).powi(2);
        squares[1] += b * b;
    }
    (squares[0] / squares[1]).sqrt()
}
