//! Which rank owns which id.

use std::ops::Range;

use crate::MpiError;

/// Finds the owner of a global id.
///
/// Implemented for [`Ranges`] (block rows), for slices with one rank per id (agents of a partitioned
/// graph) and for closures.
pub trait Ownership {
    /// The rank that owns `id`, or `None` if there is no such id.
    fn owner(&self, id: usize) -> Option<usize>;
}

impl Ownership for [u32] {
    fn owner(&self, id: usize) -> Option<usize> {
        self.get(id).map(|rank| *rank as usize)
    }
}

impl Ownership for Vec<u32> {
    fn owner(&self, id: usize) -> Option<usize> {
        self.as_slice().owner(id)
    }
}

impl<F: Fn(usize) -> Option<usize>> Ownership for F {
    fn owner(&self, id: usize) -> Option<usize> {
        self(id)
    }
}

/// Contiguous blocks of ids, one per rank: block rows of a matrix. Blocks may be empty.
///
/// # Examples
/// ```
/// use la_mpi::{Ownership, Ranges};
///
/// let rows = Ranges::even(10, 3);
/// assert_eq!((rows.range(0), rows.range(1), rows.range(2)), (0..3, 3..6, 6..10));
/// assert_eq!((rows.owner(5), rows.owner(10)), (Some(1), None));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges {
    /// First id of each rank, and the number of ids.
    starts: Vec<usize>,
}

impl Ranges {
    /// Blocks of `n` ids on `ranks` ranks (at least one) whose lengths differ by at most one.
    #[must_use]
    pub fn even(n: usize, ranks: usize) -> Self {
        let ranks = ranks.max(1);
        // In 128 bits: n · ranks can leave 64.
        let start = |rank: usize| (n as u128 * rank as u128 / ranks as u128) as usize;
        Self {
            starts: (0..=ranks).map(start).collect(),
        }
    }

    /// Blocks of the given lengths, one per rank.
    ///
    /// ```
    /// assert_eq!(la_mpi::Ranges::from_lengths(&[2, 0, 3]).range(2), 2..5);
    /// ```
    #[must_use]
    pub fn from_lengths(lengths: &[usize]) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        for length in lengths {
            end += length;
            starts.push(end);
        }
        Self { starts }
    }

    /// Blocks of about equal weight: block boundaries where the running sum of `weights` passes
    /// `k / ranks` of the total. Rows weighted by their nonzeros balance products.
    ///
    /// ```
    /// let rows = la_mpi::Ranges::balanced([9, 1, 1, 1, 1, 1, 1, 1, 1, 1], 2);
    /// assert_eq!(rows.range(0), 0..1);
    /// ```
    #[must_use]
    pub fn balanced<I>(weights: I, ranks: usize) -> Self
    where
        I: IntoIterator<Item = u64, IntoIter: Clone>,
    {
        let weights = weights.into_iter();
        let ranks = ranks.max(1);
        let total: u128 = weights.clone().map(u128::from).sum();
        let mut starts = vec![0];
        let (mut sum, mut n) = (0u128, 0);
        for weight in weights {
            // The id goes to the next rank if more than half of it lies beyond the boundary.
            while starts.len() < ranks
                && (2 * sum + u128::from(weight)) * ranks as u128 > 2 * total * starts.len() as u128
            {
                starts.push(n);
            }
            sum += u128::from(weight);
            n += 1;
        }
        starts.resize(ranks, n);
        starts.push(n);
        Self { starts }
    }

    /// Number of ids.
    #[must_use]
    pub fn total(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Number of ranks.
    #[must_use]
    pub fn ranks(&self) -> usize {
        self.starts.len() - 1
    }

    /// The ids of `rank`; empty if there is no such rank.
    #[must_use]
    pub fn range(&self, rank: usize) -> Range<usize> {
        match self.starts.get(rank..rank.saturating_add(2)) {
            Some(&[start, end]) => start..end,
            _ => self.total()..self.total(),
        }
    }

    /// Checks that there is one block for each of `ranks` ranks.
    ///
    /// # Errors
    /// [`MpiError::Length`] otherwise.
    ///
    /// ```
    /// assert!(la_mpi::Ranges::even(10, 3).require_ranks(4).is_err());
    /// ```
    pub fn require_ranks(&self, ranks: usize) -> Result<(), MpiError> {
        if self.ranks() == ranks {
            return Ok(());
        }
        Err(MpiError::Length {
            what: "list of blocks",
            found: self.ranks(),
            expected: ranks,
        })
    }
}

impl Ownership for Ranges {
    fn owner(&self, id: usize) -> Option<usize> {
        (id < self.total()).then(|| self.starts.partition_point(|start| *start <= id) - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_has_the_owner_whose_block_holds_it(
            lengths in prop::collection::vec(0usize..5, 1..8),
        ) {
            let ranges = Ranges::from_lengths(&lengths);
            prop_assert_eq!(ranges.total(), lengths.iter().sum::<usize>());
            for id in 0..ranges.total() {
                let owner = ranges.owner(id).unwrap();
                prop_assert!(ranges.range(owner).contains(&id));
            }
            prop_assert_eq!(ranges.owner(ranges.total()), None);
        }

        #[test]
        fn balanced_blocks_differ_by_little(
            weights in prop::collection::vec(0u64..20, 0..60),
            ranks in 1usize..6,
        ) {
            let ranges = Ranges::balanced(weights.iter().copied(), ranks);
            prop_assert_eq!((ranges.ranks(), ranges.total()), (ranks, weights.len()));
            let total: u64 = weights.iter().sum();
            let heaviest = weights.iter().copied().max().unwrap_or(0);
            for rank in 0..ranks {
                let sum: u64 = weights[ranges.range(rank)].iter().sum();
                // Each boundary is off by at most half of one weight.
                prop_assert!(sum * ranks as u64 <= total + heaviest * ranks as u64);
            }
        }
    }

    #[test]
    fn even_blocks_and_ranks_that_do_not_exist() {
        let ranges = Ranges::even(7, 3);
        assert_eq!(ranges.range(1), 2..4);
        assert_eq!(ranges.range(9), 7..7);
        assert_eq!(Ranges::even(2, 4).range(0), 0..0);
        assert_eq!(Ranges::even(5, 0).ranks(), 1);
    }
}
