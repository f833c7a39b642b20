//! Elimination levels of a triangular pattern.

use crate::error::{GraphError, square};
use crate::pattern::Pattern;
use crate::triangular::Triangle;

/// Level sets of a triangular pattern: the schedule of a parallel triangular solve or factorization.
///
/// Row `i` depends on row `j` when entry `(i, j)`, `j ≠ i`, is stored. Its level is 0 without dependencies, else one more than
/// the largest level it depends on; so rows of one level are independent and the number of levels is the length of the longest chain.
///
/// # Examples
/// ```
/// use la_graph::{Levels, Pattern};
///
/// let l = Pattern::from_coordinates(4, 4, [(0, 0), (1, 0), (2, 2), (3, 1), (3, 2)])?;
/// let levels = Levels::lower(&l)?;
/// assert_eq!(levels.count(), 3);
/// assert_eq!(levels.rows(0), [0, 2]);
/// assert_eq!(levels.rows(2), [3]);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., 2003, section 11.6.3 (level scheduling).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    level: Vec<u32>,
    order: Vec<u32>,
    starts: Vec<u32>,
}

impl Levels {
    /// Level sets for forward substitution with a lower triangular pattern; O(n + nnz).
    ///
    /// # Errors
    /// [`GraphError::NotSquare`]; [`GraphError::NotTriangular`] names the first entry above the diagonal.
    pub fn lower(pattern: &Pattern<'_>) -> Result<Self, GraphError> {
        Self::build(pattern, Triangle::Lower)
    }

    /// Level sets for backward substitution with an upper triangular pattern; O(n + nnz).
    ///
    /// # Errors
    /// [`GraphError::NotSquare`]; [`GraphError::NotTriangular`] names the first entry below the diagonal.
    ///
    /// # Examples
    /// ```
    /// use la_graph::{Levels, Pattern};
    ///
    /// let u = Pattern::from_coordinates(3, 3, [(0, 1), (1, 2)])?;
    /// assert_eq!(Levels::upper(&u)?.order(), [2, 1, 0]);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn upper(pattern: &Pattern<'_>) -> Result<Self, GraphError> {
        Self::build(pattern, Triangle::Upper)
    }

    fn build(pattern: &Pattern<'_>, triangle: Triangle) -> Result<Self, GraphError> {
        let n = pattern.rows();
        square("a level schedule", n, pattern.cols())?;
        let lower = triangle == Triangle::Lower;
        if let Some((row, col)) = pattern.entries().find(|&(i, j)| i != j && (j < i) != lower) {
            return Err(GraphError::NotTriangular {
                row,
                col,
                expected: if lower { "lower" } else { "upper" },
            });
        }
        let mut level = vec![0u32; n];
        let mut count = 0;
        for k in 0..n {
            let i = if lower { k } else { n - 1 - k };
            let others = pattern.row(i).iter().filter(|&&j| j as usize != i);
            level[i] = others.map(|&j| level[j as usize] + 1).max().unwrap_or(0);
            count = count.max(level[i] as usize + 1);
        }
        let mut starts = vec![0u32; count + 1];
        for &k in &level {
            starts[k as usize + 1] += 1;
        }
        for k in 0..count {
            starts[k + 1] += starts[k];
        }
        let mut next = starts.clone();
        let mut order = vec![0u32; n];
        for (i, &k) in level.iter().enumerate() {
            order[next[k as usize] as usize] = i as u32;
            next[k as usize] += 1;
        }
        Ok(Self {
            level,
            order,
            starts,
        })
    }

    /// Number of levels.
    #[must_use]
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Level of each row.
    #[must_use]
    pub fn level_of_rows(&self) -> &[u32] {
        &self.level
    }

    /// Rows of one level, increasing; empty if there is no such level.
    #[must_use]
    pub fn rows(&self, level: usize) -> &[u32] {
        match (self.starts.get(level), self.starts.get(level + 1)) {
            (Some(&start), Some(&end)) => &self.order[start as usize..end as usize],
            _ => &[],
        }
    }

    /// All rows, level by level: a topological order of the dependencies.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Where each level starts in [`order`](Self::order); `count() + 1` numbers.
    #[must_use]
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }
}
