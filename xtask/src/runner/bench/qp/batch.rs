//! Quadratic programs that share their matrices.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use la_opt::qp::{
    Hessian, Pricing, QpOptions, QpSolution, QpUpdate, QpWorkspace, QuadraticProgram,
};
use la_problems::quadratic::{ParametricFamily, QuadraticFile, RandomParametricQp};

use super::super::contest::Outcome;

/// Minimise `½ xᵀ P x + qᵀ x` subject to `l ≤ G x ≤ u`, for many q, l, u.
pub(super) struct Batch {
    pub(super) name: String,
    pub(super) problems: Vec<QuadraticProgram>,
    /// Optimal values.
    pub(super) objective: Vec<f64>,
    /// Each problem is the next step of a controller after the one before.
    pub(super) sequence: bool,
}

impl Batch {
    /// The first feasible problems of a parametric family, or the first steps of its sequence.
    pub(super) fn family(folder: &Path, name: &str, count: usize) -> Result<Self> {
        let path = folder.join("param").join(format!("{name}.npz"));
        let family = ParametricFamily::open(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::of_family(name, &family, count)
    }

    /// Random dense problems, for lack of files.
    pub(super) fn random(n: usize, m: usize, count: usize) -> Result<Self> {
        let family = RandomParametricQp::new(n, m)
            .with_counts(0, 0, count)
            .generate(0)?;
        Self::of_family(&format!("random_{n}v{m}c"), &family, count)
    }

    fn of_family(name: &str, family: &ParametricFamily, count: usize) -> Result<Self> {
        let (n, m) = (family.num_variables(), family.num_constraints());
        let (mut problems, mut objective) = (Vec::new(), Vec::new());
        let thetas = family.test.chunks_exact(family.num_parameters);
        for (k, theta) in thetas.enumerate() {
            if problems.len() == count {
                break;
            }
            // What is stored is checked against; the rest is solved here.
            let known = family.reference.status.get(k);
            if known.is_some_and(|&status| status != 1) {
                continue;
            }
            let (mut q, mut u) = (vec![0.0; n], vec![0.0; m]);
            family.linear_at(theta, &mut q);
            family.upper_at(theta, &mut u);
            let lower = vec![f64::NEG_INFINITY; m];
            let problem = QuadraticProgram::new(Hessian::Dense(family.hessian.clone()), q)?;
            let problem = problem.with_rows(family.rows.clone(), lower, u)?;
            objective.push(match family.reference.objective.get(k) {
                Some(&value) => value,
                None => la_opt::qp::solve(&problem, &QpOptions::default())?.objective,
            });
            problems.push(problem);
        }
        Ok(Self {
            name: name.to_owned(),
            problems,
            objective,
            sequence: family.segments.is_some(),
        })
    }

    /// Problems of the folder `mpc` that are consecutive steps of a controller.
    pub(super) fn steps(folder: &Path, name: &str, count: usize) -> Result<Self> {
        let file = |k: usize| -> PathBuf { folder.join("mpc").join(format!("{name}{k}.npz")) };
        let (mut problems, mut objective) = (Vec::new(), Vec::new());
        for k in (0..count).take_while(|&k| file(k).is_file()) {
            let problem = problem(&QuadraticFile::open(file(k))?)?;
            let solution = la_opt::qp::solve(&problem, &QpOptions::default())?;
            ensure!(
                solution.status.is_optimal(),
                "{name}{k}: {}",
                solution.status
            );
            objective.push(solution.objective);
            problems.push(problem);
        }
        let first = problems
            .first()
            .with_context(|| format!("no problems {name}"))?;
        let same =
            |p: &QuadraticProgram| p.hessian() == first.hessian() && p.rows() == first.rows();
        let sequence = problems.iter().all(same);
        Ok(Self {
            name: name.to_owned(),
            sequence,
            problems,
            objective,
        })
    }

    /// n, m and the number of simple bounds.
    pub(super) fn sizes(&self) -> [usize; 3] {
        self.problems.first().map_or([0; 3], |p| {
            [p.num_variables(), p.num_constraints(), p.num_bounds()]
        })
    }

    /// Every problem set up and solved on its own: mean seconds of a problem, of set-up alone, and iterations of all.
    pub(super) fn cold(&self, pricing: Pricing) -> Result<Cold> {
        let options = QpOptions::default().with_pricing(pricing);
        let (mut seconds, mut setup, mut iterations, mut error) = (0.0, 0.0, 0, 0.0_f64);
        for (problem, &value) in self.problems.iter().zip(&self.objective) {
            let mut workspace = QpWorkspace::new(problem.clone(), options.clone())?;
            let solution = workspace.solve().require_optimal()?;
            seconds += (solution.setup_time + solution.solve_time).as_secs_f64();
            setup += solution.setup_time.as_secs_f64();
            iterations += solution.iterations;
            error = error.max(difference(solution, value));
        }
        let count = self.problems.len() as f64;
        Ok(Cold {
            setup: setup / count,
            outcome: Outcome {
                seconds: seconds / count,
                count: iterations as u64,
                residual: error,
            },
        })
    }

    /// One workspace for all, each problem from the working set of the one before; the first is not counted.
    pub(super) fn sequence(&self, pricing: Pricing) -> Result<Outcome> {
        let options = QpOptions::default().with_pricing(pricing);
        let first = self.problems.first().context("no problems")?;
        let mut workspace = QpWorkspace::new(first.clone(), options)?;
        workspace.solve().require_optimal()?;
        let (mut seconds, mut iterations, mut error) = (0.0, 0, 0.0_f64);
        for (problem, &value) in self.problems.iter().zip(&self.objective).skip(1) {
            let update = QpUpdate::default()
                .with_linear(problem.linear())
                .with_lower(problem.lower())
                .with_upper(problem.upper());
            workspace.update(&update)?;
            let solution = workspace.solve().require_optimal()?;
            seconds += (solution.setup_time + solution.solve_time).as_secs_f64();
            iterations += solution.iterations;
            error = error.max(difference(solution, value));
        }
        Ok(Outcome {
            seconds: seconds / (self.problems.len() - 1) as f64,
            count: iterations as u64,
            residual: error,
        })
    }
}

/// Cold solves.
pub(super) struct Cold {
    /// Mean seconds of set-up.
    pub(super) setup: f64,
    pub(super) outcome: Outcome,
}

/// Relative difference of an objective.
fn difference(solution: &QpSolution, value: f64) -> f64 {
    (solution.objective - value).abs() / value.abs().max(1.0)
}

/// A file as a problem: bounds of variables first, where there are any.
fn problem(file: &QuadraticFile) -> Result<QuadraticProgram> {
    let hessian = match file.diagonal_hessian() {
        Some(diagonal) => Hessian::Diagonal(diagonal),
        None => Hessian::Dense(file.dense_hessian()),
    };
    let problem = QuadraticProgram::new(hessian, file.linear.clone())?;
    let bounded = |l: &[f64], u: &[f64]| l.iter().chain(u).any(|x| x.is_finite());
    let problem = if bounded(&file.lower_bounds, &file.upper_bounds) {
        problem.with_bounds(file.lower_bounds.clone(), file.upper_bounds.clone())?
    } else {
        problem
    };
    Ok(problem.with_rows(file.dense_rows(), file.lower.clone(), file.upper.clone())?)
}
