//! The coarsest level.

use la_krylov::Real;

use super::block::BlockCsr;
use super::dense;
use super::options::Smoother;
use super::sweep::LevelMatrix;

/// Up to this order the coarsest matrix is inverted; coarsening that ends above it is left to
/// relaxation.
const LARGEST_DENSE: usize = 300;
/// Symmetric Gauss–Seidel pairs where the coarsest matrix is too large.
const SWEEPS: usize = 4;

/// Solves on the coarsest level.
#[derive(Debug, Clone)]
pub(super) struct Coarsest<T> {
    pub(super) matrix: LevelMatrix<T>,
    /// A generalised inverse by rows, if the matrix is small enough.
    inverse: Option<Vec<T>>,
}

/// A generalised inverse of a small matrix, `Ok(None)` for a large one.
pub(super) fn invert(a: &BlockCsr<f64>, floors: &[f64]) -> Result<Option<Vec<f64>>, ()> {
    let (n, b) = (floors.len(), a.height);
    if n > LARGEST_DENSE {
        return Ok(None);
    }
    let mut dense = vec![0.0; n * n];
    for i in 0..a.rows() {
        for k in a.range(i) {
            let j = a.indices[k] as usize;
            for (r, row) in a.block(k).chunks_exact(b).enumerate() {
                dense[(i * b + r) * n + j * b..][..b].copy_from_slice(row);
            }
        }
    }
    dense::generalised_inverse(&dense, n, floors)
        .map(Some)
        .ok_or(())
}

impl<T: Real> Coarsest<T> {
    pub(super) fn new(matrix: LevelMatrix<T>, inverse: Option<Vec<T>>) -> Self {
        Self { matrix, inverse }
    }

    pub(super) fn cast<U: Real>(&self) -> Coarsest<U> {
        let convert = |v: &Vec<T>| v.iter().map(|x| U::from_f64(x.to_f64())).collect();
        Coarsest {
            matrix: self.matrix.cast(),
            inverse: self.inverse.as_ref().map(convert),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let dense = self.inverse.as_ref().map_or(0, Vec::len);
        self.matrix.bytes() + dense * size_of::<T>()
    }

    /// `x ≈ A⁻¹ b`. `r` and `spare` are scratch.
    pub(super) fn solve(&self, par: bool, b: &[T], x: &mut [T], r: &mut [T], spare: &mut [T]) {
        let Some(inverse) = &self.inverse else {
            let smoother = Smoother::SymmetricGaussSeidel { sweeps: SWEEPS };
            return smoother.before(par, &self.matrix, b, x, r, spare);
        };
        for (x, row) in x.iter_mut().zip(inverse.chunks_exact(b.len().max(1))) {
            let mut sum = T::ZERO;
            for (g, b) in row.iter().zip(b) {
                sum += *g * *b;
            }
            *x = sum;
        }
    }
}
