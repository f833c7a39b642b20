//! A dominant matrix with its rows in a wrong order.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{assemble, random_row, with_ones};
use crate::error::{ProblemError, require, require_u32};
use crate::system::LinearSystem;

/// A random diagonally dominant matrix whose rows were permuted so that the whole diagonal is zero.
///
/// `A = D_r Π B D_c` with a strictly row diagonally dominant `B`, a cyclic permutation `Π` and scalings `10^(s U)`, U
/// from U(-1, 1). Undoing `Π` is all that a factorisation needs. The right-hand side is `A (1, ..., 1)`.
///
/// # Known facts
/// - Not symmetric; no diagonal entry is stored; nonsingular for every seed; structural rank n.
/// - [`matching`](Self::matching) is the permutation with the largest product of entries, and the only such one.
/// - With both scalings undone the condition number in the maximum norm is at most
///   `(dominance + 1) / (dominance - 1)` times the ratio of the largest to the smallest row sum of sizes.
///
/// # Examples
/// ```
/// use la_problems::PermutedDominant;
///
/// let problem = PermutedDominant::default().with_n(50);
/// let system = problem.generate(1)?;
/// assert!((0..50).all(|i| system.matrix.get(i, i).is_none()));
/// let large = problem.matching(1)?;
/// assert!(system.matrix.get(7, large[7]).is_some());
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// S. Sattolo, *Inf. Process. Lett.* 22(6), 315–317, 1986 (random cyclic permutations).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PermutedDominant {
    /// Order, at least 2. Default `200`.
    pub n: usize,
    /// Entries drawn in each row of B beside the diagonal; equal ones count once. Default `5`.
    pub per_row: usize,
    /// Size of a diagonal entry of B over the sum of the sizes of the others in its row, in `1.001..=1e6`. Default `1.5`.
    pub dominance: f64,
    /// Exponent s of the scalings of rows and columns, in `0..=30`. Default `0`.
    pub decades: f64,
}

impl Default for PermutedDominant {
    fn default() -> Self {
        Self {
            n: 200,
            per_row: 5,
            dominance: 1.5,
            decades: 0.0,
        }
    }
}

impl PermutedDominant {
    /// Sets the order.
    #[must_use]
    pub fn with_n(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    /// Sets the number of entries drawn in each row.
    #[must_use]
    pub fn with_per_row(mut self, per_row: usize) -> Self {
        self.per_row = per_row;
        self
    }

    /// Sets the dominance of the large entries.
    #[must_use]
    pub fn with_dominance(mut self, dominance: f64) -> Self {
        self.dominance = dominance;
        self
    }

    /// Sets the exponent of the scalings.
    #[must_use]
    pub fn with_decades(mut self, decades: f64) -> Self {
        self.decades = decades;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] if 32-bit indices do
    /// not suffice.
    pub fn validate(&self) -> Result<(), ProblemError> {
        require(self.n >= 2, "n", self.n as f64, "at least 2")?;
        let entries = self.per_row.saturating_add(1).saturating_mul(self.n);
        require_u32("nonzeros", entries)?;
        let dominance = (1.001..=1e6).contains(&self.dominance);
        require(dominance, "dominance", self.dominance, "in 1.001..=1e6")?;
        let decades = (0.0..=30.0).contains(&self.decades);
        require(decades, "decades", self.decades, "in 0..=30")
    }

    /// Draws a system. O(nnz log).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let problem = la_problems::PermutedDominant::default().with_n(2).with_per_row(0);
    /// assert_eq!(problem.generate(0)?.matrix.indices(), &[1, 0]);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        let (matching, mut rng) = self.draw(seed)?;
        let n = self.n;
        let mut scaling = |_| 10.0_f64.powf(self.decades * rng.random_range(-1.0..=1.0));
        let columns: Vec<f64> = (0..n).map(&mut scaling).collect();
        let rows: Vec<f64> = (0..n).map(&mut scaling).collect();
        let mut triplets = Vec::with_capacity(n * (self.per_row + 1));
        for (i, &large) in matching.iter().enumerate() {
            let row = random_row(&mut rng, n, self.per_row, &[i, large]);
            let others: f64 = row.iter().map(|e| e.1.abs()).sum();
            let size = if others > 0.0 { others } else { 1.0 };
            let entry = (large, self.dominance * size);
            let scaled = |(j, v): (usize, f64)| (i, j, rows[i] * v * columns[j]);
            triplets.extend(row.into_iter().chain([entry]).map(scaled));
        }
        Ok(with_ones(assemble(n, triplets)))
    }

    /// The column of the dominant entry of each row.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn matching(&self, seed: u64) -> Result<Vec<usize>, ProblemError> {
        Ok(self.draw(seed)?.0)
    }

    /// The cyclic permutation, and the generator after it was drawn.
    fn draw(&self, seed: u64) -> Result<(Vec<usize>, ChaCha8Rng), ProblemError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut matching: Vec<usize> = (0..self.n).collect();
        for last in (1..self.n).rev() {
            matching.swap(last, rng.random_range(0..last as u32) as usize);
        }
        Ok((matching, rng))
    }
}
