//! Right-hand sides whose solutions lie in the bottom of the spectrum.

use faer::Mat;
use la_krylov::{Host, LinearOperator, VectorSpace};

use super::Arnoldi;
use crate::PrecondError;

/// Samples `x = V Z S⁻¹ ε` with Gaussian ε, as right-hand sides `b = A x = V̄ W ε`, where `A V = V̄ H̄` is an
/// [Arnoldi](Arnoldi) relation and `H̄ = W S Zᵀ` the singular value decomposition.
///
/// The covariance of `x` weighs the smallest singular values of `H̄` most, that of `b` is an orthogonal projector: training on
/// such pairs stresses the solutions that a Krylov method finds last. `b` is formed directly, so that a small singular value neither
/// overflows nor costs a product with A. Components with `σ < (m + 1) ε σ_max` are left out: there is no such x.
///
/// Costs those of [`Arnoldi`] and a decomposition of a 41 × 40 matrix; memory 40 vectors; a sample 40 n multiply-adds.
///
/// # Examples
/// ```
/// use la_precond::learned::gnp::{Arnoldi, SubspaceSamples};
/// use la_precond::sprs::CsMat;
///
/// let a = CsMat::new((3, 3), vec![0, 1, 2, 3], vec![0, 1, 2], vec![2.0, 5.0, 1e-3]);
/// let samples = SubspaceSamples::new(&Arnoldi::new(&a, &[1.0, 1.0, 1.0], 40)?)?;
/// let mut b = [0.0; 3];
/// samples.combine(&[1.0, 0.0, 2.0], &mut b);
/// // Orthonormal columns.
/// assert!((b.iter().map(|b| b * b).sum::<f64>() - 5.0).abs() < 1e-12);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR 2025, equations 4 and 5. Deviates:
/// breakdowns and singular matrices.
#[derive(Debug, Clone, PartialEq)]
pub struct SubspaceSamples {
    n: usize,
    singular_values: Vec<f64>,
    /// `V̄ W`, column after column.
    columns: Vec<f64>,
}

impl SubspaceSamples {
    /// Decomposes the Hessenberg matrix.
    ///
    /// # Errors
    /// [`PrecondError::Builder`] if the decomposition fails or A vanishes on the space.
    ///
    /// # Examples
    /// See [`SubspaceSamples`].
    pub fn new(space: &Arnoldi) -> Result<Self, PrecondError> {
        let (n, rows, cols) = (space.dimension(), space.vectors(), space.steps());
        let h = Mat::from_fn(rows, cols, |i, j| space.entry(i, j));
        let svd = h
            .thin_svd()
            .map_err(|_| failure("no singular value decomposition of the Hessenberg matrix"))?;
        let sigma = svd.S().column_vector();
        let floor = (cols + 1) as f64 * f64::EPSILON * sigma[0];
        let usable = |k: &usize| sigma[*k] > 0.0 && sigma[*k] >= floor;
        let kept: Vec<usize> = (0..cols).filter(usable).collect();
        if kept.is_empty() {
            return Err(failure("the matrix vanishes on the Krylov space"));
        }
        let host = Host::new(n);
        let mut columns = vec![0.0; n * kept.len()];
        for (column, &k) in columns.chunks_exact_mut(n.max(1)).zip(&kept) {
            for i in 0..rows {
                host.axpy(svd.U()[(i, k)], space.vector(i), column);
            }
        }
        Ok(Self {
            n,
            singular_values: kept.iter().map(|&k| sigma[k]).collect(),
            columns,
        })
    }

    /// The samples of `steps` Arnoldi steps from a start vector.
    ///
    /// # Errors
    /// Those of [`Arnoldi::new`] and [`SubspaceSamples::new`].
    pub fn of_operator<A>(a: &A, start: &[f64], steps: usize) -> Result<Self, PrecondError>
    where
        A: LinearOperator<Host<f64>> + ?Sized,
    {
        Self::new(&Arnoldi::new(a, start, steps)?)
    }

    /// Length of the samples.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.n
    }

    /// Numbers that make a sample.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.singular_values.len()
    }

    /// The singular values that are kept, falling.
    #[must_use]
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    /// `b = V̄ W ε`.
    ///
    /// # Panics
    /// If `epsilon` does not have [`rank`](Self::rank) entries or `b` not [`dimension`](Self::dimension).
    pub fn combine(&self, epsilon: &[f64], b: &mut [f64]) {
        assert_eq!(epsilon.len(), self.rank(), "one number for each component");
        assert_eq!(b.len(), self.n, "length of the sample");
        let host = Host::new(self.n);
        b.fill(0.0);
        for (e, column) in epsilon.iter().zip(self.columns.chunks_exact(self.n.max(1))) {
            host.axpy(*e, column, b);
        }
    }
}

fn failure(message: &str) -> PrecondError {
    PrecondError::Builder {
        builder: "subspace samples".into(),
        message: message.into(),
    }
}
