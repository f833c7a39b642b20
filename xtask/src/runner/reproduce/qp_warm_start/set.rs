//! Problems, and their solutions by a cold solve.

use std::path::PathBuf;

use anyhow::{Context, Result};
use la_opt::qp::{Hessian, QpOptions, QpWorkspace, QuadraticProgram, Side};
use la_problems::quadratic::{ParametricFamily, RandomParametricQp};

use super::settings::Source;

/// Problems of one size; they share their matrices, or each has its own.
pub(super) struct Set {
    pub(super) n: usize,
    pub(super) m: usize,
    /// Row-major H and A: one pair, or one for each problem.
    matrices: Vec<(Vec<f64>, Vec<f64>)>,
    members: Vec<Member>,
}

/// What differs, and the solution.
pub(super) struct Member {
    linear: Vec<f64>,
    upper: Vec<f64>,
    pub(super) active: Vec<(usize, Side)>,
    /// There is a solution.
    pub(super) feasible: bool,
    pub(super) objective: f64,
}

/// A part of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Validation,
    Test,
}

impl Set {
    /// Reads or draws the problems and solves them; at most `limit`.
    pub(super) fn load(source: &Source, part: Part, limit: usize) -> Result<Self> {
        match source {
            Source::File(name) => {
                let data = std::env::var_os("LA_DATA_DIR").with_context(|| {
                    format!(
                        "LA_DATA_DIR is not set: qp/param/{name}.npz of the data folder is wanted"
                    )
                })?;
                let path = PathBuf::from(data)
                    .join("qp/param")
                    .join(format!("{name}.npz"));
                let family = ParametricFamily::open(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Self::of_family(&family, part, limit)
            }
            Source::Dense {
                n,
                m,
                train,
                validation,
                test,
                seed,
            } => {
                let family = RandomParametricQp::new(*n, *m)
                    .with_counts(*train, *validation, *test)
                    .generate(*seed)?;
                Self::of_family(&family, part, limit)
            }
            Source::Fresh {
                n,
                m,
                train,
                validation,
                test,
                seed,
            } => {
                let (first, count) = match part {
                    Part::Train => (0, *train),
                    Part::Validation => (*train, *validation),
                    Part::Test => (train + validation, *test),
                };
                let family = RandomParametricQp::new(*n, *m).with_fresh(true, true);
                let mut set = Self::empty(*n, *m);
                for k in first..first + count.min(limit) {
                    let index = u32::try_from(k).context("too many problems")?;
                    let problem = family.instance(*seed, index)?;
                    set.matrices.push((problem.hessian, problem.rows));
                    set.push(problem.linear, problem.upper)?;
                }
                Ok(set)
            }
        }
    }

    fn empty(n: usize, m: usize) -> Self {
        Self {
            n,
            m,
            matrices: Vec::new(),
            members: Vec::new(),
        }
    }

    fn of_family(family: &ParametricFamily, part: Part, limit: usize) -> Result<Self> {
        let (n, m) = (family.num_variables(), family.num_constraints());
        let mut set = Self::empty(n, m);
        set.matrices
            .push((family.hessian.clone(), family.rows.clone()));
        let thetas = match part {
            Part::Train => &family.train,
            Part::Validation => &family.validation,
            Part::Test => &family.test,
        };
        for theta in thetas.chunks_exact(family.num_parameters).take(limit) {
            let (mut q, mut u) = (vec![0.0; n], vec![0.0; m]);
            family.linear_at(theta, &mut q);
            family.upper_at(theta, &mut u);
            set.push(q, u)?;
        }
        Ok(set)
    }

    /// Adds the problem whose matrices are the last ones.
    fn push(&mut self, linear: Vec<f64>, upper: Vec<f64>) -> Result<()> {
        self.members.push(Member {
            linear,
            upper,
            active: Vec::new(),
            feasible: false,
            objective: f64::NAN,
        });
        let k = self.members.len() - 1;
        let mut workspace = QpWorkspace::new(self.problem(k)?, QpOptions::default())?;
        let solution = workspace.solve();
        let member = &mut self.members[k];
        member.feasible = solution.status.is_optimal();
        member.objective = solution.objective;
        member.active.clone_from(&solution.active_set);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn member(&self, k: usize) -> &Member {
        &self.members[k]
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether each problem has its own matrices.
    pub(super) fn varies(&self) -> bool {
        self.matrices.len() > 1
    }

    /// A problem as the solver takes it.
    pub(super) fn problem(&self, k: usize) -> Result<QuadraticProgram> {
        let (hessian, rows) = &self.matrices[k.min(self.matrices.len() - 1)];
        let member = &self.members[k];
        let problem =
            QuadraticProgram::new(Hessian::Dense(hessian.clone()), member.linear.clone())?;
        let lower = vec![f64::NEG_INFINITY; self.m];
        Ok(problem.with_rows(rows.clone(), lower, member.upper.clone())?)
    }

    /// What differs between problems with the same matrices: linear term and upper bounds.
    pub(super) fn vectors(&self, k: usize) -> (&[f64], &[f64]) {
        (&self.members[k].linear, &self.members[k].upper)
    }
}
