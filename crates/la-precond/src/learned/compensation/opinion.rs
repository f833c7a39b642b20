//! Asking another rule where one overcompensates.

use la_krylov::{CgOptions, cg};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sprs::{CsMatViewI, SpIndex};

use super::LearnedCompensation;
use super::prepared::Prepared;
use crate::classical::compensated::{LARGEST_SPREAD, SPREAD_STEPS};
use crate::classical::input::Rows;
use crate::{IncompleteCholesky, PrecondError};

impl LearnedCompensation {
    /// The factor of the first rule that does not overcompensate, what is used beyond the limits if all do.
    pub(super) fn consult<I: SpIndex>(
        &self,
        prepared: &mut Prepared,
        rows: &Rows<'_, f64, I>,
        a: CsMatViewI<'_, f64, I>,
    ) -> Result<IncompleteCholesky, PrecondError> {
        let facts = prepared.facts();
        let first = prepared.factor(rows, &self.rule.on(&facts))?;
        if self.others.is_empty() || !prepared.is_whole(a.nnz()) {
            return Ok(first);
        }
        let limit = LARGEST_SPREAD * facts.depth;
        let accepted = |factor: &IncompleteCholesky| largest(a, factor).is_some_and(|l| l <= limit);
        if accepted(&first) {
            return Ok(first);
        }
        for (asked, rule) in self.others.iter().enumerate() {
            let factor = prepared.factor(rows, &rule.on(&facts))?;
            if accepted(&factor) {
                let stats = *factor.stats();
                let attempts = first.stats().shift_attempts + stats.shift_attempts + asked + 1;
                return Ok(factor.with_stats(stats.with_shift(stats.shift, attempts)));
            }
        }
        self.otherwise.factor(a)
    }
}

/// The largest eigenvalue of `M⁻¹ A`, to a few per cent, from below.
fn largest<I: SpIndex>(a: CsMatViewI<'_, f64, I>, factor: &IncompleteCholesky) -> Option<f64> {
    let rng = ChaCha8Rng::seed_from_u64(0x5f3e_ad00);
    let b: Vec<f64> = rng
        .random_iter::<bool>()
        .map(|up| if up { 1.0 } else { -1.0 })
        .take(a.rows())
        .collect();
    let options = CgOptions::default().with_max_iters(SPREAD_STEPS);
    let (_, largest) = cg(&a, &b, factor, &options).ok()?.ritz_bounds()?;
    Some(largest)
}
