//! `solve --ranks`: the same on the ranks of an MPI program. Rank 0 reads and writes; every rank has a block of rows and a preconditioner
//! of its own, which additive Schwarz puts together.

use std::cell::OnceCell;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use la_krylov::{
    BicgstabOptions, BicgstabWorkspace, CgOptions, CgWorkspace, FcgOptions, FcgWorkspace,
    FgmresOptions, FgmresWorkspace, GmresOptions, GmresWorkspace, LinearOperator, MinresOptions,
    MinresWorkspace, Mpi, MpiMatrix, Preconditioner, Solution, Status, VectorSpace,
    bicgstab_monitored, cg_monitored, fcg_monitored, fgmres_monitored, gmres_monitored,
    minres_monitored,
};
use la_precond::PrecondError;
use la_precond::classical::Combination;
use la_precond::mpi::MpiSchwarz;
use la_problems::CsrMatrix;
use la_problems::mpi::la_mpi::{self, Ranges, World};
use la_problems::mpi::scatter_rows;

use super::NOT_CONVERGED;
use super::args::{Args, Method, Plan, Precond};
use super::attempt::{Attempt, Outcome, Outcomes};
use super::preconditioner::{Built, jacobi_scaled, scales};
use super::report::{self, Record};
use super::system::System;
use super::watch::{Progress, Watch};

/// Runs on every rank.
pub(super) fn run(matrix: &Path, ranks: usize, args: &Args, plan: &Plan) -> Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(
            args.threads
                .unwrap_or_else(|| (cores / ranks.max(1)).max(1)),
        )
        .build()
        .context("cannot start the threads")?;
    let mut missed = false;
    let code = pool.install(|| {
        la_mpi::run(|world| -> Result<()> {
            ensure!(
                world.size() == ranks,
                "--ranks {ranks} on {} rank(s); `cargo xtask solve` starts as many as that says, \
                 and so does mpirun -n {ranks}",
                world.size()
            );
            missed = !on_ranks(world, matrix, args, plan)? && world.is_root();
            Ok(())
        })
    });
    Ok(if missed {
        ExitCode::from(NOT_CONVERGED)
    } else {
        code
    })
}

/// Whether the solve converged.
fn on_ranks(world: &World, path: &Path, args: &Args, plan: &Plan) -> Result<bool> {
    let mut progress = Progress::new();
    progress.begin("solve", "reading the matrix");
    let read = || -> Result<Option<System>> {
        if !world.is_root() {
            return Ok(None);
        }
        if let Some(folder) = &args.output {
            report::make_folder(folder)?;
        }
        let system = System::read(path, &args.rhs, args.negate, plan.need())?;
        Ok(Some(system))
    };
    let system = world.agree(read())?;
    let spread = Spread::new(world, system.as_ref())?;
    let (x, mut outcomes) = spread.solve(world, plan, &mut progress)?;
    progress.finish();

    let parts = world.gather(0, &x);
    let costs = spread.a.counters();
    let waited = world.waited().as_secs_f64();
    let rows = world.gather(0, &[spread.b.len() as f64, costs.bytes_sent as f64, waited]);
    let Some(system) = system else {
        return Ok(outcomes.status.is_converged());
    };
    outcomes.x = parts.concat();
    outcomes.relative_residual = system.relative_residual(&outcomes.x);
    let record = Record::new(path, &args.rhs.to_string(), &system, plan, &outcomes);
    let record = record.with_ranks(world.size());
    print!("{}", record.text(&outcomes));
    for (rank, row) in rows.iter().enumerate() {
        println!(
            "rank {rank}: {} rows, {} bytes sent by products, {:.3} s waited for other ranks",
            row[0], row[1], row[2]
        );
    }
    if let Some(folder) = &args.output {
        record.write(folder, &outcomes)?;
        println!(
            "solution.mtx, solve.json and history.svg are in {}",
            folder.display()
        );
    }
    Ok(record.converged)
}

/// This rank's part of a system.
struct Spread {
    blocks: Ranges,
    rows: CsrMatrix,
    a: MpiMatrix<f64>,
    b: Vec<f64>,
    may_be_definite: bool,
}

impl Spread {
    fn new(world: &World, system: Option<&System>) -> Result<Self> {
        let ours = scatter_rows(world, system.map(|system| &system.a))?;
        let mut facts = [i64::from(
            system.is_some_and(|system| system.may_be_definite),
        )];
        world.all_max_integers(&mut facts);
        let parts = (0..world.size()).map(|rank| {
            let block = ours.blocks.range(rank);
            system.map_or_else(Vec::new, |system| system.b[block].to_vec())
        });
        let parts: Vec<Vec<f64>> = parts.collect();
        let b = world.all_to_all(&parts)?.swap_remove(0);
        let a = MpiMatrix::from_blocks(world, &ours.blocks, ours.rows.view())?;
        Ok(Self {
            blocks: ours.blocks,
            rows: ours.rows,
            a,
            b,
            may_be_definite: facts[0] != 0,
        })
    }

    /// The plan's preconditioners one after another; gives this rank's part of the best iterate.
    fn solve(
        &self,
        world: &World,
        plan: &Plan,
        progress: &mut Progress,
    ) -> Result<(Vec<f64>, Outcomes)> {
        let started = Instant::now();
        let chain = match plan.automatic && !self.may_be_definite {
            true => vec![Precond::Ilut, Precond::Jacobi],
            false => plan.chain.clone(),
        };
        let mut x = vec![0.0; self.b.len()];
        let mut outcomes = Outcomes {
            relative_residual: self.relative_residual(&x),
            x: Vec::new(),
            status: Status::PreconditionerFailure,
            attempts: Vec::new(),
        };
        for (place, &kind) in chain.iter().enumerate() {
            let left = plan
                .time_limit
                .map(|limit| limit.saturating_sub(started.elapsed()));
            if place > 0 && world.any(left.is_some_and(|left| left.is_zero())) {
                break;
            }
            let last = place + 1 == chain.len();
            let turn = Turn {
                plan,
                kind,
                last,
                left,
            };
            let attempt = self.attempt(world, turn, &mut x, &mut outcomes, progress)?;
            outcomes.attempts.push(attempt);
            if outcomes.status.is_converged() {
                break;
            }
        }
        Ok((x, outcomes))
    }

    fn attempt(
        &self,
        world: &World,
        turn: Turn<'_>,
        x: &mut Vec<f64>,
        outcomes: &mut Outcomes,
        progress: &mut Progress,
    ) -> Result<Attempt> {
        let Turn { plan, kind, .. } = turn;
        progress.begin(kind.name(), "setting up");
        let setup = Instant::now();
        let method = self.method(plan, kind);
        let definite = matches!(method, Method::Cg | Method::Fcg | Method::Minres);
        let schwarz = MpiSchwarz::default().with_combination(match definite {
            true => Combination::Weighted,
            false => Combination::Restricted,
        });
        // The local matrix, or a scaled copy, which some preconditioners keep using.
        let kept = OnceCell::new();
        let m = schwarz.build_blocks(world, &self.blocks, self.rows.view(), |local| {
            let local = local.to_owned();
            let scaled = scales(plan, kind).then(|| jacobi_scaled(&local));
            let (matrix, scale) = match scaled {
                Some((matrix, scale)) => (matrix, Some(scale)),
                None => (local, None),
            };
            let built = Built::new(kind, plan, kept.get_or_init(|| matrix));
            let built = built.map(|m| match scale {
                Some(scale) => m.unscaled(scale),
                None => m,
            });
            let refused = |error: anyhow::Error| PrecondError::Builder {
                builder: kind.name().to_owned(),
                message: format!("{error:#}"),
            };
            Ok(built.map_err(refused)?.apply)
        });
        let mut attempt = Attempt {
            method: method.name(),
            precond: kind.name(),
            why: None,
            scaled: scales(plan, kind),
            outcome: Outcome::Ended(Status::PreconditionerFailure),
            iterations: 0,
            restarts: 0,
            relative_residual: None,
            setup_seconds: setup.elapsed().as_secs_f64(),
            solve_seconds: 0.0,
            stats: None,
            fill_ratio: None,
            history: Vec::new(),
        };
        let m = match m {
            Ok(m) => m,
            Err(error) => {
                attempt.outcome = Outcome::Refused(error.to_string());
                return Ok(attempt);
            }
        };
        progress.begin(kind.name(), "solving");
        let patience = (!turn.last).then(|| (plan.max_iters / 10).max(200));
        let left = turn.left.map(|left| left.saturating_sub(setup.elapsed()));
        let guess = (outcomes.relative_residual < 1.0).then_some(x.as_slice());
        let mut watch = Watch::new(progress, patience);
        let solution = self.run(method, plan, &m, guess, left, &mut watch)?;
        attempt.outcome = match (watch.gave_up, patience) {
            (true, Some(patience)) if !solution.status.is_converged() => Outcome::GivenUp(patience),
            _ => Outcome::Ended(solution.status),
        };
        attempt.iterations = solution.iterations;
        attempt.restarts = solution.restarts;
        attempt.solve_seconds = solution.seconds;
        let steps = solution.history.iter();
        let relative = steps.map(|step| step.recurrence_norm / solution.rhs_norm);
        attempt.history = relative.collect();
        let relative_residual = self.relative_residual(&solution.x);
        attempt.relative_residual = Some(relative_residual);
        outcomes.status = solution.status;
        if solution.status.is_converged() || relative_residual <= outcomes.relative_residual {
            *x = solution.x;
            outcomes.relative_residual = relative_residual;
        }
        Ok(attempt)
    }

    fn run(
        &self,
        method: Method,
        plan: &Plan,
        m: &impl Preconditioner<Mpi<f64>>,
        guess: Option<&[f64]>,
        left: Option<Duration>,
        watch: &mut Watch<'_>,
    ) -> Result<Solution> {
        /// The methods differ in the types of options and workspace only.
        macro_rules! run {
            ($options:ty, $workspace:ident, $solve:ident) => {{
                let mut options = <$options>::default()
                    .with_rtol(plan.rtol)
                    .with_max_iters(plan.max_iters);
                options.time_limit = left;
                let mut workspace = $workspace::new_in(self.a.space(), &options);
                if let Some(guess) = guess {
                    workspace.set_initial_guess(guess)?;
                }
                $solve(&mut workspace, &self.a, &self.b, m, &options, watch)?;
                workspace.into_solution()
            }};
        }
        Ok(match method {
            Method::Auto | Method::Cg => run!(CgOptions, CgWorkspace, cg_monitored),
            Method::Fcg => run!(FcgOptions, FcgWorkspace, fcg_monitored),
            Method::Minres => run!(MinresOptions, MinresWorkspace, minres_monitored),
            Method::Gmres => run!(GmresOptions, GmresWorkspace, gmres_monitored),
            Method::Fgmres => run!(FgmresOptions, FgmresWorkspace, fgmres_monitored),
            Method::Bicgstab => run!(BicgstabOptions, BicgstabWorkspace, bicgstab_monitored),
        })
    }

    /// The method of a plan for a preconditioner.
    fn method(&self, plan: &Plan, kind: Precond) -> Method {
        match plan.method {
            Method::Auto if kind == Precond::Gnp => Method::Fgmres,
            Method::Auto if self.may_be_definite && !kind.is_general() => Method::Cg,
            Method::Auto => Method::Gmres,
            chosen => chosen,
        }
    }

    /// `‖b − A x‖/‖b‖` of the whole system; zero for x = 0 and b = 0.
    fn relative_residual(&self, x: &[f64]) -> f64 {
        let space = self.a.space();
        let mut r = vec![0.0; x.len()];
        self.a.apply(&space, x, &mut r);
        space.xpby(&self.b, -1.0, &mut r);
        match space.norm(&r) {
            0.0 => 0.0,
            residual => residual / space.norm(&self.b),
        }
    }
}

/// One preconditioner of the plan.
struct Turn<'a> {
    plan: &'a Plan,
    kind: Precond,
    last: bool,
    left: Option<Duration>,
}
