//! Symmetric tridiagonal matrices and bidiagonal factors as two arrays each.

use crate::error::{ProblemError, require, require_u32, require_vector};
use crate::system::{CsrMatrix, csr};

/// A symmetric tridiagonal matrix: its diagonal `a_1, ..., a_n` and what is below it, `b_2, ..., b_n` with `b_i = A_{i,i-1}`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SymmetricTridiagonal {
    /// The diagonal, length n.
    pub diagonal: Vec<f64>,
    /// Entries below the diagonal, length n - 1: entry `i` is `A_{i+1,i}`, rows counted from 0.
    pub below: Vec<f64>,
}

/// A lower bidiagonal matrix: its diagonal and what is below it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Bidiagonal {
    /// The diagonal, length n.
    pub diagonal: Vec<f64>,
    /// Entries below the diagonal, length n - 1: entry `i` is `L_{i+1,i}`, rows counted from 0.
    pub below: Vec<f64>,
}

/// Which pair of matrix and factor a sample of a set holds: `A = L Lᵀ`, or `A + κ e₁e₁ᵀ`, where one entry is larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FactorTarget {
    /// `A + κ e₁e₁ᵀ` with its own Cholesky factor.
    #[default]
    Modified,
    /// `A + κ e₁e₁ᵀ` with the Cholesky factor of `A`, which does not factor it: the published sentence read literally.
    Literal,
    /// `A` with its Cholesky factor.
    Original,
}

/// A matrix and the factor that is to be found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FactorSample {
    /// The matrix.
    pub matrix: SymmetricTridiagonal,
    /// The factor, see [`FactorTarget`].
    pub factor: Bidiagonal,
    /// λ of the Cholesky factor of the matrix before one entry was changed, see [`Bidiagonal::expansion`].
    pub expansion: f64,
}

/// The matrix with these entries on and below its diagonal, and with those above it too if it is symmetric.
fn assembled(diagonal: &[f64], below: &[f64], symmetric: bool) -> CsrMatrix {
    let n = diagonal.len();
    let (mut pointers, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
    for i in 0..n {
        if i > 0 {
            indices.push(i as u32 - 1);
            data.push(below[i - 1]);
        }
        indices.push(i as u32);
        data.push(diagonal[i]);
        if symmetric && i + 1 < n {
            indices.push(i as u32 + 1);
            data.push(below[i]);
        }
        pointers.push(indices.len() as u32);
    }
    csr(n, n, pointers, indices, data)
}

fn arrays(diagonal: &[f64], below: &[f64]) -> Result<(), ProblemError> {
    let n = diagonal.len();
    require(n >= 1, "n", n as f64, "at least 1")?;
    require_u32("nonzeros", n.saturating_mul(3))?;
    require_vector("the diagonal", diagonal, n)?;
    require_vector("the part below the diagonal", below, n - 1)
}

impl SymmetricTridiagonal {
    /// From its two arrays.
    ///
    /// # Errors
    /// [`ProblemError::WrongLength`] unless `below` is one shorter than `diagonal`; [`ProblemError::NotFinite`];
    /// [`ProblemError::InvalidOption`] for n = 0.
    ///
    /// # Examples
    /// ```
    /// use la_problems::SymmetricTridiagonal;
    /// let a = SymmetricTridiagonal::new(vec![4.0, 5.0], vec![2.0])?;
    /// assert_eq!(a.matrix().data(), [4.0, 2.0, 2.0, 5.0]);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn new(diagonal: Vec<f64>, below: Vec<f64>) -> Result<Self, ProblemError> {
        arrays(&diagonal, &below)?;
        Ok(Self { diagonal, below })
    }

    /// Number of rows.
    #[must_use]
    pub fn n(&self) -> usize {
        self.diagonal.len()
    }

    /// The matrix with both triangles stored.
    #[must_use]
    pub fn matrix(&self) -> CsrMatrix {
        assembled(&self.diagonal, &self.below, true)
    }

    /// The Cholesky factor by elimination, `d_i = a_i − b_i² / d_{i-1}`; `None` if a pivot is not positive. O(n).
    ///
    /// Where the factor *expands* (λ > 0, see [`Bidiagonal::expansion`]) elimination leaves the right branch after a
    /// few dozen rows at most, however exact the entries: then use the factor that the matrix was made from.
    ///
    /// # Examples
    /// ```
    /// use la_problems::SymmetricTridiagonal;
    /// let l = SymmetricTridiagonal::new(vec![4.0, 5.0], vec![2.0])?.cholesky().unwrap();
    /// assert_eq!((l.diagonal, l.below), (vec![2.0, 2.0], vec![1.0]));
    /// assert!(SymmetricTridiagonal::new(vec![1.0, 1.0], vec![2.0])?.cholesky().is_none());
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    #[must_use]
    pub fn cholesky(&self) -> Option<Bidiagonal> {
        let mut pivots = Vec::with_capacity(self.n());
        for (i, &a) in self.diagonal.iter().enumerate() {
            let d = match pivots.last() {
                Some(last) => a - self.below[i - 1] * self.below[i - 1] / last,
                None => a,
            };
            if !(d > 0.0 && d.is_finite()) {
                return None;
            }
            pivots.push(d);
        }
        Some(Bidiagonal::from_pivots(&pivots, &self.below))
    }
}

impl Bidiagonal {
    /// From its two arrays.
    ///
    /// # Errors
    /// As [`SymmetricTridiagonal::new`], and [`ProblemError::InvalidOption`] if a diagonal entry is not positive.
    pub fn new(diagonal: Vec<f64>, below: Vec<f64>) -> Result<Self, ProblemError> {
        arrays(&diagonal, &below)?;
        for &d in &diagonal {
            require(d > 0.0, "diagonal", d, "positive everywhere")?;
        }
        Ok(Self { diagonal, below })
    }

    /// The factor with these pivots of a matrix with these entries below its diagonal: `√d_i`, `b_i / √d_{i-1}`.
    pub(super) fn from_pivots(pivots: &[f64], below: &[f64]) -> Self {
        let diagonal: Vec<f64> = pivots.iter().map(|d| d.sqrt()).collect();
        let below = below.iter().zip(&diagonal).map(|(b, l)| b / l).collect();
        Self { diagonal, below }
    }

    /// Number of rows.
    #[must_use]
    pub fn n(&self) -> usize {
        self.diagonal.len()
    }

    /// The lower triangle, diagonal last in each row.
    #[must_use]
    pub fn matrix(&self) -> CsrMatrix {
        assembled(&self.diagonal, &self.below, false)
    }

    /// `L Lᵀ`.
    #[must_use]
    pub fn gram(&self) -> SymmetricTridiagonal {
        let square = |l: f64| l * l;
        let mut diagonal: Vec<f64> = self.diagonal.iter().map(|&l| square(l)).collect();
        for (a, &l) in diagonal[1..].iter_mut().zip(&self.below) {
            *a += square(l);
        }
        let pairs = self.below.iter().zip(&self.diagonal);
        SymmetricTridiagonal {
            diagonal,
            below: pairs.map(|(b, l)| b * l).collect(),
        }
    }

    /// The Cholesky factor of `L Lᵀ + raise · e₁e₁ᵀ`, computed from `L`; `raise ≥ 0`.
    ///
    /// The excess δ_i of its pivots over those of `L` follows a recurrence without a subtraction, so that it is accurate also
    /// where elimination of the matrix is hopeless:
    ///
    /// ```text
    /// δ_1 = raise,    δ_i = L_{i,i-1}² δ_{i-1} / (L_{i-1,i-1}² + δ_{i-1}),    d_i = L_ii² + δ_i
    /// ```
    ///
    /// # Examples
    /// ```
    /// use la_problems::Bidiagonal;
    /// // Pivots 1, 1, 1 and ratio 2: one entry changed, and all pivots leave for the other branch, at 4.
    /// let l = Bidiagonal::new(vec![1.0; 3], vec![-2.0; 2])?.raised(1.0);
    /// let pivots: Vec<f64> = l.diagonal.iter().map(|l| l * l).collect();
    /// assert!((pivots[1] - 3.0).abs() < 1e-15 && (pivots[2] - 11.0 / 3.0).abs() < 1e-15);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    #[must_use]
    pub fn raised(&self, raise: f64) -> Self {
        let mut excess = raise;
        let mut pivots = Vec::with_capacity(self.n());
        for (i, &l) in self.diagonal.iter().enumerate() {
            if i > 0 {
                let (b, last) = (self.below[i - 1], self.diagonal[i - 1]);
                excess = b * b * (excess / (last * last + excess));
            }
            pivots.push(l * l + excess);
        }
        Self::from_pivots(&pivots, &self.gram().below)
    }

    /// λ, the mean of `log |L_{i,i-1} / L_{i-1,i-1}|`: how a change of the first entry of `L Lᵀ` arrives at the last pivot,
    /// `∂d_n / ∂a_1 = exp(2 λ (n − 1))`.
    ///
    /// Negative: forgotten exponentially. Positive: one entry decides the rest of the factor. 0 for n = 1.
    ///
    /// # Examples
    /// ```
    /// use la_problems::Bidiagonal;
    /// let l = Bidiagonal::new(vec![1.0; 4], vec![-2.0; 3])?;
    /// assert!((l.expansion() - 2.0_f64.ln()).abs() < 1e-15);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    #[must_use]
    pub fn expansion(&self) -> f64 {
        let pairs = self.below.iter().zip(&self.diagonal);
        pairs.map(|(b, l)| (b / l).abs().ln()).sum::<f64>() / self.below.len().max(1) as f64
    }

    /// The cosine of the angle between two factors as vectors of their entries, rows from `first` on; in [-1, 1], NaN if one
    /// of them vanishes there.
    ///
    /// # Errors
    /// [`ProblemError::WrongLength`] if the factors differ in size.
    pub fn cosine(&self, other: &Self, first: usize) -> Result<f64, ProblemError> {
        require_vector("the other factor", &other.diagonal, self.n())?;
        let entries = |l: &Self| -> Vec<f64> {
            let rows = first.min(l.n())..l.n();
            let below = rows.clone().filter(|&i| i > 0).map(|i| l.below[i - 1]);
            rows.clone().map(|i| l.diagonal[i]).chain(below).collect()
        };
        let unit = |mut x: Vec<f64>| {
            // Largest entry first, so that squares neither overflow nor vanish.
            let largest = x.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            x.iter_mut().for_each(|v| *v /= largest);
            let norm = x.iter().map(|v| v * v).sum::<f64>().sqrt();
            x.iter_mut().for_each(|v| *v /= norm);
            x
        };
        let (x, y) = (unit(entries(self)), unit(entries(other)));
        Ok(x.iter().zip(&y).map(|(a, b)| a * b).sum())
    }
}
