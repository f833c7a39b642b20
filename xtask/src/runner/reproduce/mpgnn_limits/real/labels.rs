//! Matrices to learn from, with the K-optimal factor of each, and the quality of other factors beside it.

use anyhow::{Result, bail};
use la_precond::IncompleteCholesky;
use la_precond::classical::KOptimal;
use la_problems::CsrMatrix;
use serde::{Deserialize, Serialize};

use super::super::metrics::{cosine, rows, with_entries};
use super::methods::{self, Solve};
use super::systems::{Case, Order, System};

/// A matrix, the factor that is to be found, and the systems that judge others.
pub(super) struct Label {
    pub(super) system: System,
    /// The K-optimal factor on the pattern of the lower triangle.
    pub(super) factor: CsrMatrix,
    /// √a_ii.
    pub(super) scale: Vec<f64>,
}

/// One factor of one matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Beside the K-optimal factor, entry by entry.
    pub(super) cosine: f64,
    /// The same with row i divided by √a_ii.
    pub(super) scaled_cosine: f64,
    /// Not finite, a diagonal entry that is not positive, or no factor at all.
    pub(super) breakdown: bool,
    /// With the Gaussian right-hand side; none after a breakdown.
    pub(super) solve: Option<Solve>,
}

impl Label {
    pub(super) fn new(case: &Case, builder: &KOptimal) -> Result<Self> {
        let system = case.system(Order::Natural, false)?;
        let factor = builder.factor(system.a.view())?.to_lower();
        let n = system.a.rows();
        let stored = |i: usize| system.a.get(i, i).copied().unwrap_or(1.0).sqrt();
        let lower: usize = system
            .a
            .outer_iterator()
            .enumerate()
            .map(|(i, row)| row.iter().filter(|(j, _)| *j <= i).count())
            .sum();
        if factor.nnz() != lower {
            bail!("{}: {} entries, {lower} expected", case.name, factor.nnz());
        }
        Ok(Self {
            scale: (0..n).map(stored).collect(),
            factor,
            system,
        })
    }

    /// What a factor with these entries, in the order of those of the lower triangle, is worth.
    pub(super) fn outcome(&self, entries: &[f64], max_iters: usize) -> Outcome {
        if entries.iter().any(|v| !v.is_finite()) {
            return Outcome::broken(0.0, 0.0);
        }
        let rows = rows(&self.factor);
        // Squares of entries may overflow where entries do not.
        let unit = |x: &[f64]| -> Vec<f64> {
            let largest = x.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
            x.iter().map(|v| v / largest).collect()
        };
        let (x, y) = (unit(entries), unit(self.factor.data()));
        let plain = cosine(&x, &y, |_| 1.0);
        let scaled = cosine(&x, &y, |k| 1.0 / self.scale[rows[k]]);
        let lower = with_entries(&self.factor, entries);
        match IncompleteCholesky::from_lower(lower.view()) {
            Ok(factor) => Outcome {
                cosine: plain,
                scaled_cosine: scaled,
                breakdown: false,
                solve: Some(methods::solve(
                    &self.system.a,
                    &self.system.sides[1],
                    &factor,
                    max_iters,
                )),
            },
            Err(_) => Outcome::broken(plain, scaled),
        }
    }
}

#[cfg(feature = "torch")]
impl Label {
    /// The matrix `D⁻¹ A D⁻¹` with `D² = diag A` and the entries of its factor `D⁻¹ L`.
    pub(super) fn scaled(&self) -> (CsrMatrix, Vec<f64>) {
        let mut a = self.system.a.clone();
        for (i, mut row) in a.outer_iterator_mut().enumerate() {
            for (j, value) in row.iter_mut() {
                *value /= self.scale[i] * self.scale[j];
            }
        }
        let rows = rows(&self.factor);
        let entries = self.factor.data().iter().zip(&rows);
        (a, entries.map(|(l, &i)| l / self.scale[i]).collect())
    }

    /// Entries of `D L̂`.
    pub(super) fn unscaled(&self, entries: &[f64]) -> Vec<f64> {
        let rows = rows(&self.factor);
        let pairs = entries.iter().zip(&rows);
        pairs.map(|(l, &i)| l * self.scale[i]).collect()
    }
}

impl Outcome {
    /// No preconditioner.
    pub(super) fn broken(cosine: f64, scaled_cosine: f64) -> Self {
        Self {
            cosine,
            scaled_cosine,
            breakdown: true,
            solve: None,
        }
    }

    /// Iterations, if they led to a solution.
    pub(super) fn iterations(&self) -> Option<usize> {
        let solve = self.solve.as_ref()?;
        solve.converged.then_some(solve.iterations)
    }
}
