//! What the factorisation needs of a matrix, whatever the rule.

use std::sync::Arc;

use la_gnn::native::compensation::{MatrixFacts, RowFacts};
use sprs::{CsMatViewI, SpIndex};

use super::policy::{Learned, RowRule};
use crate::classical::columns::Columns;
use crate::classical::compensated::gated::sinks;
use crate::classical::compensated::graph::Graph;
use crate::classical::compensated::kernel::Sweep;
use crate::classical::compensated::{finish, weigh};
use crate::classical::factor::LowerPattern;
use crate::classical::input::{hopeless, lower_pattern, with_rows};
use crate::classical::shift::AttemptError;
use crate::classical::{KeptVector, ShiftStrategy, SymmetryCheck};
use crate::{FactorStats, IncompleteCholesky, PrecondError};

/// How far the weights are moved towards Ajiz–Jennings, attempt by attempt.
const LADDER: [f64; 5] = [0.0, 0.5, 0.75, 0.875, 1.0];

/// A matrix by columns, and what the rule sees of it.
pub(super) struct Prepared {
    pattern: Arc<LowerPattern>,
    columns: Columns<f64>,
    /// Where in the columns the entries of the rows are.
    slots: Vec<u32>,
    unscale: Option<Vec<f64>>,
    inverse_root: Vec<f64>,
    rows: Vec<RowFacts>,
    pub(super) facts: MatrixFacts,
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
    /// Reads `a`. `None` if it is beyond the limits.
    pub(super) fn new<I: SpIndex>(
        a: CsMatViewI<'_, f64, I>,
        vector: &KeptVector,
        symmetry: SymmetryCheck,
        limits: Limits,
    ) -> Result<Option<Self>, PrecondError> {
        with_rows(a, |rows, n| {
            let pattern = Arc::new(lower_pattern(&rows, n, symmetry)?);
            let sinks = sinks(&pattern) as f64 / n.max(1) as f64;
            if sinks >= limits.sinks {
                return Ok(None);
            }
            let mut columns = Columns::new(&rows, &pattern);
            let fine = |&d: &f64| d > 0.0 && d.is_finite();
            if !columns.diagonal.iter().all(fine) || !columns.values.iter().all(|v| v.is_finite()) {
                // Only who looks at the rows knows where.
                if let Some(error) = (0..n).find_map(|i| hopeless(&rows, i)) {
                    return Err(error);
                }
            }
            let unscale = weigh(vector, &mut columns)?;
            let inverse_root: Vec<f64> = columns.diagonal.iter().map(|d| 1.0 / d.sqrt()).collect();
            let (rows, positive) = look(&columns, &inverse_root);
            if positive > limits.positive {
                return Ok(None);
            }
            let slots = columns.slots(&pattern);
            let extent = Graph::new(&pattern, &columns, &slots).extent();
            Ok(Some(Self {
                pattern,
                columns,
                slots,
                unscale,
                inverse_root,
                rows,
                facts: MatrixFacts {
                    dimension: extent.dimension,
                    depth: extent.depth as f64,
                    positive,
                    sinks,
                },
            }))
        })
    }

    /// Whether a matrix with so many entries has both triangles.
    pub(super) fn is_whole(&self, entries: usize) -> bool {
        entries == 2 * self.pattern.indices.len() + self.columns.diagonal.len()
    }

    /// Factors with a rule; a breakdown moves the weights towards Ajiz–Jennings, and should that break down too, the diagonal is shifted.
    pub(super) fn factor<R: RowRule>(&self, rule: &R) -> Result<IncompleteCholesky, PrecondError> {
        let graph = Graph::new(&self.pattern, &self.columns, &self.slots);
        let mut sweep = Sweep::new();
        let mut attempt = |caution: f64, shift: f64| {
            let mut policy = Learned::new(
                rule,
                &self.rows,
                &self.columns.diagonal,
                &self.inverse_root,
                caution,
            );
            sweep.run(&self.columns, &graph, &mut policy, shift)
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
            .with_replaced_pivots(sweep.raised)
            .with_depth(self.facts.depth as usize);
        Ok(finish(
            &self.columns,
            Arc::clone(&self.pattern),
            self.unscale.as_deref(),
            sweep,
        )
        .with_stats(stats))
    }
}

/// Facts of the rows and the share of positive entries.
fn look(a: &Columns<f64>, inverse_root: &[f64]) -> (Vec<RowFacts>, f64) {
    let n = a.diagonal.len();
    let mut facts = vec![RowFacts::default(); n];
    let (mut all, mut all_positive) = (0.0, 0.0);
    for j in 0..n {
        let (rows, values) = a.column(j);
        let (mut later, mut outward, mut positive) = (0.0, 0.0, 0.0);
        for (&i, &value) in rows.iter().zip(values) {
            let i = i as usize;
            let size = value.abs();
            let scaled = size * inverse_root[i] * inverse_root[j];
            later += scaled;
            outward += size;
            // Rows before a row add to its total, and it then knows what is later.
            let facts = &mut facts[i];
            facts.later += scaled;
            facts.dominance += size;
            if value > 0.0 {
                facts.positive += scaled;
                positive += scaled;
            }
        }
        let row = &mut facts[j];
        let total = row.later + later;
        row.positive += positive;
        all += total;
        all_positive += row.positive;
        row.dominance = (1.0 - (row.dominance + outward) / a.diagonal[j]).max(-1.0);
        row.later = 0.0;
        if total > 0.0 {
            row.positive /= total;
            row.later = later / total;
        }
    }
    let share = if all > 0.0 { all_positive / all } else { 0.0 };
    (facts, share)
}
