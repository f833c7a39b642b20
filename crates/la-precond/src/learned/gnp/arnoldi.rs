//! The Arnoldi process.

use la_krylov::{Host, LinearOperator, VectorSpace};

use crate::PrecondError;

/// An orthonormal basis of a Krylov space, and the operator in it: `A V_m = V_{m+1} H̄`.
///
/// One pass of modified Gram–Schmidt. Costs `steps` products and `2 n steps²` multiply-adds; memory `n (steps + 1)` numbers.
///
/// # Examples
/// ```
/// use la_precond::learned::gnp::Arnoldi;
/// use la_precond::sprs::CsMat;
///
/// // Two steps find all of a space of dimension two.
/// let a = CsMat::new((2, 2), vec![0, 1, 2], vec![0, 1], vec![2.0, 5.0]);
/// let space = Arnoldi::new(&a, &[1.0, 1.0], 40)?;
/// assert_eq!((space.steps(), space.vectors()), (2, 2));
/// // Trace of A.
/// assert!((space.entry(0, 0) + space.entry(1, 1) - 7.0_f64).abs() < 1e-14);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2003, Algorithm 6.2.
#[derive(Debug, Clone, PartialEq)]
pub struct Arnoldi {
    n: usize,
    steps: usize,
    /// Columns of V one after the other.
    basis: Vec<f64>,
    /// Columns of H̄ one after the other, each of length `stride`.
    hessenberg: Vec<f64>,
    stride: usize,
}

impl Arnoldi {
    /// At most `steps` steps from `start`, which need not be normalised; fewer where the space is invariant:
    /// `h_{j+1,j} ≤ 16 (j + 1) ε ‖A v_j‖`.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`]; [`PrecondError::DimensionMismatch`] for `start`; [`PrecondError::InvalidOption`] if `steps` is 0;
    /// [`PrecondError::Builder`] if `start` is zero or something is not finite.
    ///
    /// # Examples
    /// See [`Arnoldi`].
    pub fn new<A>(a: &A, start: &[f64], steps: usize) -> Result<Self, PrecondError>
    where
        A: LinearOperator<Host<f64>> + ?Sized,
    {
        let (rows, cols) = (a.rows(), a.cols());
        if rows != cols {
            return Err(PrecondError::NotSquare { rows, cols });
        }
        if start.len() != rows {
            return Err(PrecondError::DimensionMismatch {
                what: "start vector",
                found: start.len(),
                expected: rows,
            });
        }
        if steps == 0 {
            return Err(PrecondError::InvalidOption {
                option: "steps",
                value: 0.0,
                expected: "at least 1",
            });
        }
        let space = Host::new(rows);
        let norm = space.norm(start);
        if !(norm > 0.0 && norm.is_finite()) {
            return Err(failure("start vector is zero or not finite"));
        }
        let steps = steps.min(rows);
        let stride = steps + 1;
        let mut process = Self {
            n: rows,
            steps: 0,
            basis: start.iter().map(|v| v / norm).collect(),
            hessenberg: Vec::with_capacity(stride * steps),
            stride,
        };
        process.basis.reserve_exact(rows * steps);
        let mut w = vec![0.0; rows];
        while process.steps < steps {
            let j = process.steps;
            a.apply(&space, process.vector(j), &mut w);
            let before = space.norm(&w);
            process.hessenberg.resize((j + 1) * stride, 0.0);
            for k in 0..=j {
                let h = space.dot(process.vector(k), &w);
                space.axpy(-h, process.vector(k), &mut w);
                process.hessenberg[j * stride + k] = h;
            }
            let after = space.norm(&w);
            if !after.is_finite() {
                return Err(failure("a product with the matrix is not finite"));
            }
            process.steps = j + 1;
            // What rounding leaves of a vector that lies in the space already.
            if after <= 16.0 * (j + 1) as f64 * f64::EPSILON * before {
                break;
            }
            process.hessenberg[j * stride + j + 1] = after;
            process.basis.extend(w.iter().map(|w| w / after));
        }
        Ok(process)
    }

    /// Order of the matrix.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.n
    }

    /// Columns of H̄.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Rows of H̄: one more than its columns, or as many where the space is invariant.
    #[must_use]
    pub fn vectors(&self) -> usize {
        self.basis.len().checked_div(self.n).unwrap_or(0)
    }

    /// Column `j` of V.
    ///
    /// # Panics
    /// If `j` is not less than [`vectors`](Self::vectors).
    #[must_use]
    pub fn vector(&self, j: usize) -> &[f64] {
        &self.basis[j * self.n..(j + 1) * self.n]
    }

    /// `h_ij`.
    ///
    /// # Panics
    /// If `i` or `j` is out of range.
    #[must_use]
    pub fn entry(&self, i: usize, j: usize) -> f64 {
        assert!(
            i < self.vectors() && j < self.steps,
            "entry ({i}, {j}) of a {} x {} Hessenberg matrix",
            self.vectors(),
            self.steps
        );
        self.hessenberg[j * self.stride + i]
    }
}

fn failure(message: &str) -> PrecondError {
    PrecondError::Builder {
        builder: "Arnoldi process".into(),
        message: message.into(),
    }
}
