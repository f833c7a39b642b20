//! Near-null-space vectors.

use crate::PrecondError;

use super::width::MAX_WIDTH;

/// The vectors that a multigrid hierarchy must represent on every level: those on which `A` is small.
///
/// For a scalar elliptic problem this is the constant; for linear elasticity the rigid-body modes: a
/// hierarchy that lacks the rotations converges slowly. The `block` is the number of unknowns per
/// node, which are aggregated together and relaxed together.
///
/// # Shapes
/// - vectors: n numbers each, unknowns of one node next to each other; at most 16 vectors and 16
///   unknowns per node.
///
/// # Examples
/// ```
/// use la_precond::classical::NearNullSpace;
///
/// // Two unknowns per node, two nodes at (0, 0) and (1, 0): two translations and the rotation.
/// let modes = NearNullSpace::rigid_body_2d(&[[0.0, 0.0], [1.0, 0.0]]);
/// assert_eq!((modes.block(), modes.count(), modes.len()), (2, 3, 4));
/// assert_eq!(modes.vector(2), [0.0, 0.0, 0.0, 1.0]);
/// ```
///
/// # References
/// P. Vaněk, M. Brezina, J. Mandel, *Numer. Math.* 88, 559–579, 2001.
#[derive(Debug, Clone, PartialEq)]
pub struct NearNullSpace {
    block: usize,
    count: usize,
    /// By rows: `count` numbers for each unknown.
    pub(crate) values: Vec<f64>,
}

impl NearNullSpace {
    /// The constant vector of length `n`, one unknown per node: the default.
    #[must_use]
    pub fn constant(n: usize) -> Self {
        Self {
            block: 1,
            count: 1,
            values: vec![1.0; n],
        }
    }

    /// One constant per unknown of a node: `block` vectors for `nodes` nodes. For systems without
    /// known modes.
    #[must_use]
    pub fn constants(nodes: usize, block: usize) -> Self {
        let mut values = vec![0.0; nodes * block * block];
        for (k, v) in values.iter_mut().enumerate() {
            let (row, col) = (k / block, k % block);
            if row % block == col {
                *v = 1.0;
            }
        }
        Self {
            block,
            count: block,
            values,
        }
    }

    /// Translations and rotation of nodes in the plane, unknowns (u_x, u_y) per node.
    ///
    /// The third mode is `(−y, x)`. Put the origin near the centre, so that the modes are not almost
    /// parallel.
    #[must_use]
    pub fn rigid_body_2d(points: &[[f64; 2]]) -> Self {
        let values = points
            .iter()
            .flat_map(|[x, y]| [1.0, 0.0, -y, 0.0, 1.0, *x])
            .collect();
        Self {
            block: 2,
            count: 3,
            values,
        }
    }

    /// Translations and rotations of nodes in space, unknowns (u_x, u_y, u_z) per node.
    ///
    /// The rotations are `(−y, x, 0)`, `(−z, 0, x)` and `(0, −z, y)`.
    ///
    /// # Examples
    /// ```
    /// let modes = la_precond::classical::NearNullSpace::rigid_body_3d(&[[1.0, 2.0, 3.0]]);
    /// assert_eq!(modes.vector(4), [-3.0, 0.0, 1.0]);
    /// ```
    #[must_use]
    pub fn rigid_body_3d(points: &[[f64; 3]]) -> Self {
        let rows = |&[x, y, z]: &[f64; 3]| {
            [
                [1.0, 0.0, 0.0, -y, -z, 0.0],
                [0.0, 1.0, 0.0, x, 0.0, -z],
                [0.0, 0.0, 1.0, 0.0, x, y],
            ]
        };
        let values = points.iter().flat_map(rows).flatten().collect();
        Self {
            block: 3,
            count: 6,
            values,
        }
    }

    /// Vectors of your own, for `block` unknowns per node.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] if `block` is not in `1..=16` or there is no vector or more
    /// than 16; [`PrecondError::DimensionMismatch`] if the vectors differ in length or do not hold
    /// whole nodes; [`PrecondError::NonFinite`] with unknown and vector.
    ///
    /// # Examples
    /// ```
    /// use la_precond::classical::NearNullSpace;
    ///
    /// let modes = NearNullSpace::from_vectors(1, &[vec![1.0, 1.0], vec![0.0, 1.0]])?;
    /// assert_eq!(modes.count(), 2);
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    pub fn from_vectors(block: usize, vectors: &[Vec<f64>]) -> Result<Self, PrecondError> {
        let n = vectors.first().map_or(0, Vec::len);
        let count = vectors.len();
        let mut values = vec![0.0; n * count];
        for (k, vector) in vectors.iter().enumerate() {
            if vector.len() != n {
                return Err(PrecondError::DimensionMismatch {
                    what: "near-null-space vector",
                    found: vector.len(),
                    expected: n,
                });
            }
            for (i, v) in vector.iter().enumerate() {
                values[i * count + k] = *v;
            }
        }
        let space = Self {
            block,
            count,
            values,
        };
        space.validate(n)?;
        Ok(space)
    }

    /// Unknowns per node.
    #[must_use]
    pub fn block(&self) -> usize {
        self.block
    }

    /// Number of vectors.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Length of each vector.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.count).unwrap_or(0)
    }

    /// Whether the vectors have no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A copy of vector `k`; empty if there is none.
    #[must_use]
    pub fn vector(&self, k: usize) -> Vec<f64> {
        if k >= self.count {
            return Vec::new();
        }
        self.values
            .iter()
            .skip(k)
            .step_by(self.count)
            .copied()
            .collect()
    }

    /// Checks everything against a matrix of order `n`.
    pub(crate) fn validate(&self, n: usize) -> Result<(), PrecondError> {
        let expected = "an integer in 1..=16";
        for (option, value) in [("block", self.block), ("candidates", self.count)] {
            if value == 0 || value > MAX_WIDTH {
                let value = value as f64;
                return Err(PrecondError::InvalidOption {
                    option,
                    value,
                    expected,
                });
            }
        }
        if self.len() != n || !n.is_multiple_of(self.block) {
            return Err(PrecondError::DimensionMismatch {
                what: "near-null-space vector",
                found: self.len(),
                expected: if self.len() == n {
                    n.next_multiple_of(self.block)
                } else {
                    n
                },
            });
        }
        if let Some(k) = self.values.iter().position(|v| !v.is_finite()) {
            return Err(PrecondError::NonFinite {
                row: k / self.count,
                col: k % self.count,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_one_per_unknown() {
        let space = NearNullSpace::constants(2, 2);
        assert_eq!(space.vector(0), [1.0, 0.0, 1.0, 0.0]);
        assert_eq!(space.vector(1), [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(space.vector(2), [0.0; 0]);
    }

    #[test]
    fn bad_spaces_are_refused() {
        let error = NearNullSpace::from_vectors(1, &[vec![1.0], vec![]]).unwrap_err();
        assert!(matches!(
            error,
            PrecondError::DimensionMismatch { found: 0, .. }
        ));
        let error = NearNullSpace::from_vectors(2, &[vec![1.0; 3]]).unwrap_err();
        assert!(matches!(
            error,
            PrecondError::DimensionMismatch { expected: 4, .. }
        ));
        let error = NearNullSpace::from_vectors(1, &[vec![1.0, f64::NAN]]).unwrap_err();
        assert_eq!(error, PrecondError::NonFinite { row: 1, col: 0 });
        let error = NearNullSpace::from_vectors(17, &[vec![1.0; 17]]).unwrap_err();
        assert!(matches!(
            error,
            PrecondError::InvalidOption {
                option: "block",
                ..
            }
        ));
        let error = NearNullSpace::from_vectors(1, &[]).unwrap_err();
        assert!(matches!(
            error,
            PrecondError::InvalidOption {
                option: "candidates",
                ..
            }
        ));
    }
}
