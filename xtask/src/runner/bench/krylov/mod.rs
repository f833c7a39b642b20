//! Sparse products and whole solves with incomplete factors.

mod products;
mod solves;
mod threads;

use anyhow::Result;
use la_krylov::{CgOptions, CsrMatrix, History, Host, LinearOperator, Solution};
use la_problems::{
    ConvectionDiffusion, Grid, LinearSystem, NeuralIfSynthetic, Poisson, Split, Wind,
};

use super::contest::{Contest, Outcome};
use super::linked::Linked;
use super::peers::Peers;
use super::record::Record;
use super::triad::Triad;
use super::{Args, Size};

/// What the setting of threads does not reach.
const ONE_THREAD: &str = "PETSc without MPI and SciPy's products use one thread always";

/// One problem and how it is solved.
struct Case {
    name: String,
    system: LinearSystem,
    symmetric: bool,
    /// Iterations whose time is taken where none is to converge.
    steps: usize,
    /// Relative tolerance of the whole solve with an incomplete factor.
    rtol: f64,
    /// Relative tolerance with the diagonal alone.
    jacobi_rtol: f64,
    /// Products per repetition of a peer.
    products: &'static str,
}

/// A problem and who works on it.
struct Field<'a> {
    args: &'a Args,
    case: &'a Case,
    compact: &'a CsrMatrix,
    peers: &'a Peers,
    linked: &'a Linked<'a>,
}

pub(super) fn run(args: &Args, record: &mut Record) -> Result<()> {
    let mut triad = Triad::new();
    triad.record(record)?;
    let peers = Peers::start(args, record);
    if args.peers && args.threads > 1 {
        record.note(ONE_THREAD);
    }
    record.note("poisson2d: the right-hand side is that of the solution 1; elsewhere it is 1, or random (synthetic)");
    for case in cases(args.size)? {
        eprintln!(
            "krylov: {}, {} nonzeros",
            case.name,
            case.system.matrix.nnz()
        );
        peers.load(&case.name, &case.system)?;
        let field = Field {
            args,
            case: &case,
            compact: &CsrMatrix::<f64>::from_sprs(case.system.matrix.view())?,
            peers: &peers,
            linked: &Linked::load(args, record, &case.system),
        };
        products::csr(&field, record, &mut triad)?;
        if case.symmetric {
            solves::cg_steps(&field, record)?;
            solves::cg_jacobi(&field, record)?;
            solves::cg_ic0(&field, record)?;
        } else {
            solves::gmres_ilu0(&field, record)?;
        }
        threads::two(&field, record)?;
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
    let unit = |mut system: LinearSystem| {
        let solution = vec![1.0; system.n()];
        let space = Host::new(system.n());
        system.matrix.apply(&space, &solution, &mut system.rhs);
        system
    };
    // With the diagonal alone the largest grid takes several hundred iterations already to two digits.
    let plane_jacobi = if size == Size::Full { 1e-2 } else { 1e-6 };
    let cases = [
        Case {
            name: "synthetic".to_owned(),
            system: synthetic,
            symmetric: true,
            steps: 100,
            rtol: 1e-6,
            jacobi_rtol: 1e-6,
            products: if n < 10_000 { "50" } else { "10" },
        },
        Case {
            name: "poisson2d".to_owned(),
            system: unit(Poisson::new(square).generate()?),
            symmetric: true,
            steps,
            rtol: 1e-8,
            jacobi_rtol: plane_jacobi,
            products,
        },
        Case {
            name: "poisson3d".to_owned(),
            system: Poisson::new(cuboid).generate()?,
            symmetric: true,
            steps,
            rtol: 1e-8,
            jacobi_rtol: 1e-8,
            products,
        },
        Case {
            name: "convection2d".to_owned(),
            system: plane_wind,
            symmetric: false,
            steps,
            rtol: 1e-6,
            jacobi_rtol: 1e-6,
            products,
        },
        Case {
            name: "convection3d".to_owned(),
            system: cube_wind,
            symmetric: false,
            steps,
            rtol: 1e-8,
            jacobi_rtol: 1e-8,
            products,
        },
    ];
    let named = cases.into_iter().map(|case| Case {
        name: format!("{}-n{}", case.name, case.system.n()),
        ..case
    });
    Ok(named.collect())
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

    fn solve<'a>(&'a self, args: &Args, method: &'a str, rtol: f64) -> Contest<'a> {
        Contest {
            problem: &self.name,
            method,
            quantity: "setup_and_solve_seconds",
            repetitions: args.repetitions.min(3),
            rtol: Some(rtol),
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
