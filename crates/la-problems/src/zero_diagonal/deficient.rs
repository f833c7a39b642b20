//! Matrices that are singular by their pattern.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{assemble, random_row, with_ones};
use crate::error::{ProblemError, require, require_u32};
use crate::system::LinearSystem;

/// A random matrix in which r rows have entries in r - d columns only: its rank is n - d whatever the values are.
///
/// Rows and columns are in random order. The right-hand side is `A (1, ..., 1)`: a solution exists, but is not the only one.
///
/// # Known facts
/// - The structural rank is n - d (theorem of König and Hall), and so is the rank: n - d rows and columns, put in the
///   right order, are strictly diagonally dominant.
/// - r = d: that many empty rows. d = 0: nonsingular.
///
/// # Examples
/// ```
/// use la_problems::StructurallySingular;
///
/// let problem = StructurallySingular::default().with_n(40).with_deficiency(3).with_confined(3);
/// let system = problem.generate(5)?;
/// assert_eq!(system.matrix.outer_iterator().filter(|row| row.nnz() == 0).count(), 3);
/// assert_eq!(problem.structural_rank(), 37);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// I. S. Duff, A. M. Erisman, J. K. Reid, *Direct Methods for Sparse Matrices*, 2nd ed., 2017, section 6.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StructurallySingular {
    /// Order n, at least 1. Default `200`.
    pub n: usize,
    /// What the rank lacks, d, at most r. Default `5`.
    pub deficiency: usize,
    /// Number r of rows that share too few columns, at most n. Default `20`.
    pub confined: usize,
    /// Entries drawn in each row beside its large one; equal ones count once. Default `4`.
    pub per_row: usize,
}

impl Default for StructurallySingular {
    fn default() -> Self {
        Self {
            n: 200,
            deficiency: 5,
            confined: 20,
            per_row: 4,
        }
    }
}

impl StructurallySingular {
    /// Sets the order.
    #[must_use]
    pub fn with_n(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    /// Sets what the rank lacks.
    #[must_use]
    pub fn with_deficiency(mut self, deficiency: usize) -> Self {
        self.deficiency = deficiency;
        self
    }

    /// Sets the number of rows that share too few columns.
    #[must_use]
    pub fn with_confined(mut self, confined: usize) -> Self {
        self.confined = confined;
        self
    }

    /// Sets the number of entries drawn in each row.
    #[must_use]
    pub fn with_per_row(mut self, per_row: usize) -> Self {
        self.per_row = per_row;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do
    /// not suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        let count = |ok, name, value: usize, range| require(ok, name, value as f64, range);
        count(self.n >= 1, "n", self.n, "at least 1")?;
        let r = self.confined;
        count(r <= self.n, "confined", r, "at most `n`")?;
        let d = self.deficiency;
        count(d <= r, "deficiency", d, "at most `confined`")?;
        let entries = self.per_row.saturating_add(1).saturating_mul(self.n);
        require_u32("nonzeros", entries)
    }

    /// The structural rank of every sample, n - d.
    #[must_use]
    pub fn structural_rank(&self) -> usize {
        self.n.saturating_sub(self.deficiency)
    }

    /// Draws a system. O(nnz log).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let problem = la_problems::StructurallySingular::default();
    /// assert_eq!(problem.generate(3)?, problem.generate(3)?);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let n = self.n;
        let [rows, columns] = [(); 2].map(|()| {
            let mut order: Vec<usize> = (0..n).collect();
            order.shuffle(&mut rng);
            order
        });
        let shared = self.confined - self.deficiency;
        let mut triplets = Vec::with_capacity(n * (self.per_row + 1));
        for (i, &row_place) in rows.iter().enumerate() {
            // Rows from `shared` to `confined` have no large entry of their own; columns of these numbers neither.
            let allowed = if i < self.confined { shared } else { n };
            let row = random_row(&mut rng, allowed, self.per_row, &[i]);
            let others: f64 = row.iter().map(|e| e.1.abs()).sum();
            let own = !(shared..self.confined).contains(&i);
            let large = own.then_some((i, 1.5 * others.max(0.5)));
            let entries = row.into_iter().chain(large);
            triplets.extend(entries.map(|(j, v)| (row_place, columns[j], v)));
        }
        Ok(with_ones(assemble(n, triplets)))
    }
}
