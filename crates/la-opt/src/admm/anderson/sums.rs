//! What is added up over agents.

use crate::admm::exact_sum::ExactSum;

/// Products of the new column with all, of all with f, and `f · f`.
pub(super) enum Sums {
    Exact(Vec<ExactSum>),
    Plain(Vec<f64>),
}

impl Sums {
    pub(super) fn clear(&mut self) {
        match self {
            Self::Exact(sums) => sums.iter_mut().for_each(ExactSum::clear),
            Self::Plain(sums) => sums.fill(0.0),
        }
    }

    #[inline]
    pub(super) fn add(&mut self, at: usize, term: f64) {
        match self {
            Self::Exact(sums) => sums[at].add(term),
            Self::Plain(sums) => sums[at] += term,
        }
    }

    /// Adds those of other agents.
    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Exact(sums), Self::Exact(more)) => {
                for (sum, more) in sums.iter_mut().zip(more) {
                    sum.merge(more);
                }
            }
            (Self::Plain(sums), Self::Plain(more)) => {
                for (sum, more) in sums.iter_mut().zip(more) {
                    *sum += *more;
                }
            }
            _ => {}
        }
    }
}
