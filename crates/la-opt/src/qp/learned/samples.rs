//! Solved problems to train on.

use la_gnn::training::active_set::{LeastDistanceGroup, ProblemGroup};

use super::super::problem::QuadraticProgram;
use super::super::solution::Side;
use super::super::workspace::QpWorkspace;
use super::matrices::{Matrices, hessian, rows};
use super::slots::Slots;
use crate::{OptError, Real};

/// Solved problems of one size with their active sets, for networks that read the problem.
///
/// # Examples
/// ```
/// use la_opt::qp::learned::{Matrices, ProblemSamples};
/// use la_opt::qp::{Hessian, QpOptions, QpWorkspace, QuadraticProgram};
///
/// let problem = QuadraticProgram::new(Hessian::Identity, vec![-2.0, 0.5])?
///     .with_bounds(vec![-1.0; 2], vec![1.0; 2])?;
/// let mut workspace = QpWorkspace::new(problem, QpOptions::default())?;
/// workspace.solve();
/// let mut samples = ProblemSamples::new(workspace.problem(), Matrices::Fixed);
/// samples.push(&workspace)?;
/// assert_eq!(samples.group().active, [true, false, false, false]);
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ProblemSamples {
    slots: Slots,
    matrices: Matrices,
    group: ProblemGroup,
}

impl ProblemSamples {
    /// None yet, of problems like this one.
    #[must_use]
    pub fn new<T: Real>(problem: &QuadraticProgram<T>, matrices: Matrices) -> Self {
        let slots = Slots::new(problem);
        Self {
            group: ProblemGroup {
                variables: problem.num_variables(),
                constraints: slots.len(),
                ..ProblemGroup::default()
            },
            slots,
            matrices,
        }
    }

    /// Takes the problem of a workspace and its solution.
    ///
    /// # Errors
    /// [`OptError::NotOptimal`] if it is not solved, [`OptError::Length`] and [`OptError::Predictor`] if it is unlike the others.
    pub fn push<T: Real>(&mut self, workspace: &QpWorkspace<T>) -> Result<(), OptError> {
        let (problem, solution) = (workspace.problem(), workspace.solution());
        self.slots.check(problem)?;
        solution.require_optimal()?;
        let group = &mut self.group;
        if group.matrices.is_empty() || self.matrices == Matrices::Varying {
            let matrices = (hessian(problem), rows(problem, &self.slots));
            group.matrices.push(matrices);
        }
        group
            .linear
            .extend(problem.linear().iter().map(|q| q.to_f64()));
        group.upper.extend(self.slots.bounds(problem));
        group.active.extend(self.slots.active(solution));
        Ok(())
    }

    /// What has been collected.
    #[must_use]
    pub fn group(&self) -> &ProblemGroup {
        &self.group
    }

    /// The same, to be changed.
    #[must_use]
    pub fn into_group(self) -> ProblemGroup {
        self.group
    }
}

/// Solved problems of one size with their active sets, for networks that read the least-distance form.
#[derive(Debug, Clone)]
pub struct LeastDistanceSamples {
    slots: Slots,
    matrices: Matrices,
    group: LeastDistanceGroup,
}

impl LeastDistanceSamples {
    /// None yet, of problems like this one.
    #[must_use]
    pub fn new<T: Real>(problem: &QuadraticProgram<T>, matrices: Matrices) -> Self {
        let slots = Slots::new(problem);
        Self {
            group: LeastDistanceGroup {
                variables: problem.num_variables(),
                constraints: slots.len(),
                ..LeastDistanceGroup::default()
            },
            slots,
            matrices,
        }
    }

    /// Takes the problem of a workspace and its solution.
    ///
    /// # Errors
    /// As [`ProblemSamples::push`].
    pub fn push<T: Real>(&mut self, workspace: &mut QpWorkspace<T>) -> Result<(), OptError> {
        let (problem, solution) = (workspace.problem(), workspace.solution());
        self.slots.check(problem)?;
        solution.require_optimal()?;
        let (n, group) = (problem.num_variables(), &mut self.group);
        group.active.extend(self.slots.active(solution));
        let form = workspace.least_distance();
        if group.rows.is_empty() || self.matrices == Matrices::Varying {
            let mut rows = vec![0.0; self.slots.len() * n];
            for (to, &(j, side)) in rows.chunks_exact_mut(n.max(1)).zip(self.slots.list()) {
                let sign = if side == Side::Lower { -1.0 } else { 1.0 };
                let (from, row) = form.row(j);
                for (to, value) in to[from..].iter_mut().zip(row) {
                    *to = sign * value.to_f64();
                }
            }
            group.rows.push(rows);
        }
        let slacks = self.slots.list().iter().map(|&(j, side)| match side {
            Side::Lower => -form.lower()[j].to_f64(),
            Side::Upper => form.upper()[j].to_f64(),
        });
        group.slacks.extend(slacks);
        Ok(())
    }

    /// What has been collected.
    #[must_use]
    pub fn group(&self) -> &LeastDistanceGroup {
        &self.group
    }

    /// The same, to be changed.
    #[must_use]
    pub fn into_group(self) -> LeastDistanceGroup {
        self.group
    }
}
