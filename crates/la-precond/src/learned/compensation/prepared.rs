//! What the factorisation needs of a matrix, whatever the rule.

use std::sync::Arc;

use la_gnn::native::compensation::MatrixFacts;
use sprs::SpIndex;

use super::policy::{Learned, Row, RowRule};
use crate::classical::compensated::graph::Extent;
use crate::classical::compensated::kernel::Sweep;
use crate::classical::compensated::policy::Policy;
use crate::classical::compensated::triangle::Triangle;
use crate::classical::compensated::weigh;
use crate::classical::input::{Rows, has_pattern, hopeless, lower_pattern};
use crate::classical::shift::AttemptError;
use crate::classical::{KeptVector, ShiftStrategy, SymmetryCheck};
use crate::{FactorStats, IncompleteCholesky, PrecondError};

/// How far the weights are moved towards Ajiz–Jennings, attempt by attempt.
pub(super) const LADDER: [f64; 5] = [0.0, 0.5, 0.75, 0.875, 1.0];

/// A matrix, and what the rule sees of it, in memory that the next matrix may use.
#[derive(Debug, Clone, Default)]
pub(super) struct Prepared {
    triangle: Triangle,
    sweep: Sweep<f64, Row>,
    vector: Option<Vec<f64>>,
    distances: Vec<u32>,
    /// Of the graph of `triangle`, if somebody asked.
    extent: Option<Extent>,
    /// Share of positive entries.
    positive: f64,
    /// Whether the sweep still has the values of the matrix.
    untouched: bool,
}

/// Which matrices the rule is used on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Largest share of the positive off-diagonal entries in the sum of all magnitudes.
    pub(super) positive: f64,
    /// Share of rows without a later neighbour from which on it is not used.
    pub(super) sinks: f64,
}

impl Limits {
    /// Every matrix.
    pub(super) const NONE: Self = Self {
        positive: f64::INFINITY,
        sinks: f64::INFINITY,
    };
}

impl Prepared {
    /// Reads `a`, of order n. False if it is beyond the limits.
    pub(super) fn prepare<I: SpIndex>(
        &mut self,
        a: &Rows<'_, f64, I>,
        n: usize,
        vector: &KeptVector,
        symmetry: SymmetryCheck,
        limits: Limits,
    ) -> Result<bool, PrecondError> {
        let known = symmetry == SymmetryCheck::Count && has_pattern(a, n, &self.triangle.pattern);
        if !known {
            self.extent = None;
            self.triangle.set(Arc::new(lower_pattern(a, n, symmetry)?));
        }
        if self.sinks() >= limits.sinks {
            return Ok(false);
        }
        self.vector = weigh(vector, a, &self.triangle.pattern)?;
        let pattern = &self.triangle.pattern;
        self.sweep.values.read(a, pattern, self.vector.as_deref());
        self.untouched = true;
        let sum = self.look();
        // Only who looks at the rows knows where something is wrong.
        if !sum.is_finite()
            && let Some(error) = (0..n).find_map(|i| hopeless(a, i))
        {
            return Err(error);
        }
        if self.positive > limits.positive {
            return Ok(false);
        }
        if self.extent.is_none() {
            self.extent = Some(self.triangle.extent(&mut self.distances));
        }
        Ok(true)
    }

    /// Facts of the rows and the share of positive entries. The sum of all magnitudes, not finite if a value is not or a diagonal entry is
    /// not positive.
    fn look(&mut self) -> f64 {
        let pattern = &self.triangle.pattern;
        let (values, rows) = (&self.sweep.values, &mut self.sweep.rows);
        rows.clear();
        rows.extend(values.diagonal.iter().map(|&d| Row::new(d)));
        let (mut all, mut all_positive) = (0.0, 0.0);
        for i in 0..rows.len() {
            let range = pattern.range(i);
            let root = rows[i].inverse_root;
            let (mut before, mut absolute, mut positive) = (0.0, 0.0, 0.0);
            let columns = &pattern.indices[range.clone()];
            for (&j, &value) in columns.iter().zip(&values.entries[range]) {
                let other = &mut rows[j as usize];
                let size = value.abs();
                let scaled = size * root * other.inverse_root;
                other.after += scaled;
                other.absolute += size;
                before += scaled;
                absolute += size;
                if value > 0.0 {
                    other.positive += scaled;
                    positive += scaled;
                }
            }
            let row = &mut rows[i];
            row.before = before;
            row.absolute = absolute;
            row.positive = positive;
            // Each entry once here, though it belongs to two rows. A root that is not finite spoils the sum.
            all += before + 0.0 * root;
            all_positive += positive;
        }
        self.positive = if all > 0.0 { all_positive / all } else { 0.0 };
        all
    }

    fn sinks(&self) -> f64 {
        self.triangle.sinks() as f64 / self.triangle.order().max(1) as f64
    }

    /// What the rule sees of the matrix.
    pub(super) fn facts(&self) -> MatrixFacts {
        let extent = self.extent.unwrap_or(Extent {
            depth: 1,
            dimension: 1.0,
        });
        MatrixFacts {
            dimension: extent.dimension,
            depth: extent.depth as f64,
            positive: self.positive,
            sinks: self.sinks(),
        }
    }

    /// Whether a matrix with so many entries has both triangles.
    pub(super) fn is_whole(&self, entries: usize) -> bool {
        entries == 2 * self.triangle.pattern.indices.len() + self.triangle.order()
    }

    /// Factors the matrix with a rule; a breakdown moves the weights towards Ajiz–Jennings, and should that break down too, the diagonal is
    /// shifted.
    pub(super) fn factor<R: RowRule, I: SpIndex>(
        &mut self,
        a: &Rows<'_, f64, I>,
        rule: &R,
    ) -> Result<IncompleteCholesky, PrecondError> {
        let mut attempt = |caution: f64, shift: f64| {
            let mut policy = Learned::new(rule, caution);
            self.attempt(a, &mut policy, shift)
        };
        let (last, rungs) = LADDER.split_last().unwrap_or((&1.0, &[]));
        let (mut shift, mut attempts) = (0.0, rungs.len());
        match rungs.iter().position(|&rung| attempt(rung, 0.0).is_ok()) {
            Some(failed) => attempts = failed,
            None => {
                let run = |shift| attempt(*last, shift).map_err(|row| AttemptError::Pivot { row });
                let ((), found, more) = ShiftStrategy::default().run(run)?;
                (shift, attempts) = (found, attempts + more);
            }
        }
        let stats = FactorStats::default()
            .with_fill_ratio(1.0)
            .with_shift(shift, attempts)
            .with_replaced_pivots(self.sweep.raised)
            .with_depth(self.facts().depth as usize);
        Ok(self.finish().with_stats(stats))
    }

    /// One elimination. The row whose pivot is too small, if there is one.
    pub(super) fn attempt<P: Policy<f64, Row = Row>, I: SpIndex>(
        &mut self,
        a: &Rows<'_, f64, I>,
        policy: &mut P,
        shift: f64,
    ) -> Result<(), usize> {
        if std::mem::take(&mut self.untouched) {
            return self.sweep.run(&self.triangle, policy, shift);
        }
        let a = (a, self.vector.as_deref());
        self.sweep.attempt(a, &self.triangle, policy, shift)
    }

    /// The factor of the last elimination.
    pub(super) fn finish(&mut self) -> IncompleteCholesky {
        self.sweep.finish(&self.triangle, self.vector.as_deref())
    }

    /// The messages of all rows after an elimination.
    pub(super) fn messages(&self) -> Vec<f64> {
        self.sweep.rows.iter().map(|row| row.supported).collect()
    }

    pub(super) fn triangle(&self) -> &Triangle {
        &self.triangle
    }
}
