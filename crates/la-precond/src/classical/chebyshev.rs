//! Polynomial preconditioning.

use la_krylov::{Definiteness, Host, LinearOperator, Preconditioner, PreconditionerError, Real};
use sprs::{CsMatViewI, SpIndex};

use super::amg::spectrum::{Effort, largest_eigenvalue};
use super::input::check_lengths;
use super::spare::Spare;
use crate::PrecondError;

/// Options of [`Chebyshev`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ChebyshevOptions {
    /// Degree of the preconditioned polynomial, at least 1; an application takes `degree − 1` products
    /// with `A`. Default `4`.
    pub degree: usize,
    /// Ratio of the ends of the interval, above 1. Default `30`; larger for higher degrees: about
    /// `degree²` times 2.
    pub ratio: f64,
    /// Upper end of the interval relative to the estimate of the largest eigenvalue, at least 1. The
    /// estimate may be a few per cent off. Default `1.1`.
    pub safety: f64,
    /// Largest eigenvalue of `D⁻¹A`, if it is known, positive. Default: estimated with up to 30
    /// products.
    pub largest: Option<f64>,
}

impl Default for ChebyshevOptions {
    fn default() -> Self {
        Self {
            degree: 4,
            ratio: 30.0,
            safety: 1.1,
            largest: None,
        }
    }
}

impl ChebyshevOptions {
    /// Sets the degree.
    #[must_use]
    pub fn with_degree(mut self, degree: usize) -> Self {
        self.degree = degree;
        self
    }

    /// Sets the ratio of the ends of the interval.
    #[must_use]
    pub fn with_ratio(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// Sets the upper end of the interval, relative to the largest eigenvalue.
    #[must_use]
    pub fn with_safety(mut self, safety: f64) -> Self {
        self.safety = safety;
        self
    }

    /// Gives the largest eigenvalue of `D⁻¹A`.
    #[must_use]
    pub fn with_largest(mut self, largest: f64) -> Self {
        self.largest = Some(largest);
        self
    }

    /// Checks the ranges; every constructor starts with it.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`] names the first field out of range.
    pub fn validate(&self) -> Result<(), PrecondError> {
        let invalid = |option, value, expected| {
            Err(PrecondError::InvalidOption {
                option,
                value,
                expected,
            })
        };
        if self.degree == 0 {
            return invalid("degree", 0.0, "an integer that is at least 1");
        }
        if !(self.ratio > 1.0 && self.ratio.is_finite()) {
            return invalid("ratio", self.ratio, "a finite number above 1");
        }
        if !(self.safety >= 1.0 && self.safety.is_finite()) {
            return invalid("safety", self.safety, "a finite number that is at least 1");
        }
        match self.largest {
            Some(value) if !(value > 0.0 && value.is_finite()) => {
                invalid("largest", value, "a finite number above 0")
            }
            _ => Ok(()),
        }
    }
}

/// Chebyshev polynomial preconditioner: `M⁻¹ = q(D⁻¹A) D⁻¹`, with the polynomial for which
/// `|1 − λ q(λ)|` is smallest on an interval `[λ_max/ratio, λ_max]`.
///
/// No triangular solves and no inner products: products with `A` only, so it runs in parallel where they
/// do, and for matrices that are not stored. It does not reduce the work of sequential CG by much (the
/// products it saves in iterations it spends inside), but its reductions and vector operations. Takes
/// four vectors, plus `A`, which is kept as given, for example borrowed.
///
/// Symmetric positive definite as long as no eigenvalue of `D⁻¹A` exceeds `safety` times the estimate.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, cg, sprs::CsMat};
/// use la_precond::classical::{Chebyshev, ChebyshevOptions};
///
/// let a = CsMat::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], vec![4.0, 2.0, 2.0, 10.0]);
/// let m = Chebyshev::new(a.view(), &ChebyshevOptions::default())?;
/// let solution = cg(&a, &[6.0_f64, 12.0], &m, &CgOptions::default())?;
/// assert!((solution.x[0] - 1.0).abs() < 1e-10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., 2003, section 12.3, algorithm 12.1;
/// M. Adams, M. Brezina, J. Hu, R. Tuminaro, *J. Comput. Phys.* 188, 593–610, 2003.
#[derive(Debug)]
pub struct Chebyshev<A, T = f64> {
    a: A,
    inverse: Vec<T>,
    degree: usize,
    low: f64,
    high: f64,
    /// Direction and product.
    work: Spare<(Vec<T>, Vec<T>)>,
}

impl<'a, T: Real, I: SpIndex> Chebyshev<CsMatViewI<'a, T, I>, T> {
    /// For a stored symmetric matrix with a positive diagonal.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`]; [`PrecondError::MissingDiagonal`],
    /// [`PrecondError::NonPositiveDiagonal`] and [`PrecondError::NonFinite`] with the row;
    /// [`PrecondError::InvalidOption`].
    pub fn new(a: CsMatViewI<'a, T, I>, options: &ChebyshevOptions) -> Result<Self, PrecondError> {
        super::factor::square(a.rows(), a.cols(), a.nnz())?;
        let mut diagonal = Vec::with_capacity(a.rows());
        for (row, entries) in a.outer_iterator().enumerate() {
            if let Some(k) = entries.data().iter().position(|v| !v.is_finite()) {
                let col = entries.indices()[k].index();
                return Err(PrecondError::NonFinite { row, col });
            }
            let at = entries.indices().binary_search(&I::from_usize(row));
            let k = at.map_err(|_| PrecondError::MissingDiagonal { row })?;
            diagonal.push(entries.data()[k]);
        }
        Self::from_operator(a, diagonal, options)
    }
}

impl<T: Real, A: LinearOperator<Host<T>>> Chebyshev<A, T> {
    /// For any symmetric operator whose diagonal is known.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`]; [`PrecondError::DimensionMismatch`] for a diagonal of another length;
    /// [`PrecondError::NonPositiveDiagonal`] and [`PrecondError::NonFinite`] with the row;
    /// [`PrecondError::Indefinite`] if no eigenvalue of `D⁻¹A` is positive;
    /// [`PrecondError::InvalidOption`].
    ///
    /// # Examples
    /// ```
    /// use la_krylov::FnOperator;
    /// use la_precond::classical::{Chebyshev, ChebyshevOptions};
    ///
    /// let twice = FnOperator::new(3, |x: &[f64], y: &mut [f64]| {
    ///     y.iter_mut().zip(x).for_each(|(y, x)| *y = 2.0 * x);
    /// });
    /// let m = Chebyshev::from_operator(twice, vec![2.0; 3], &ChebyshevOptions::default())?;
    /// assert!((m.interval()[1] - 1.1).abs() < 1e-12);
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    pub fn from_operator(
        a: A,
        diagonal: Vec<T>,
        options: &ChebyshevOptions,
    ) -> Result<Self, PrecondError> {
        options.validate()?;
        let (rows, cols) = (a.rows(), a.cols());
        if rows != cols {
            return Err(PrecondError::NotSquare { rows, cols });
        }
        if diagonal.len() != rows {
            return Err(PrecondError::DimensionMismatch {
                what: "diagonal",
                found: diagonal.len(),
                expected: rows,
            });
        }
        let mut inverse = Vec::with_capacity(rows);
        for (row, d) in diagonal.iter().enumerate() {
            if !d.is_finite() {
                return Err(PrecondError::NonFinite { row, col: row });
            }
            let value = d.to_f64();
            let reciprocal = T::ONE / *d;
            if value <= 0.0 || !reciprocal.is_finite() {
                return Err(PrecondError::NonPositiveDiagonal { row, value });
            }
            inverse.push(reciprocal);
        }
        let largest = options
            .largest
            .unwrap_or_else(|| estimate(&a, &diagonal, &inverse));
        if rows > 0 && (largest <= 0.0 || !largest.is_finite()) {
            return Err(PrecondError::Indefinite { level: 0, row: 0 });
        }
        let high = options.safety * largest;
        Ok(Self {
            a,
            degree: options.degree,
            low: high / options.ratio,
            high,
            work: Spare::new((vec![T::ZERO; rows], vec![T::ZERO; rows])),
            inverse,
        })
    }

    /// The interval of eigenvalues of `D⁻¹A` that the polynomial is made for.
    #[must_use]
    pub fn interval(&self) -> [f64; 2] {
        [self.low, self.high]
    }
}

fn estimate<T: Real, A: LinearOperator<Host<T>>>(a: &A, diagonal: &[T], inverse: &[T]) -> f64 {
    let n = diagonal.len();
    let space = Host::<T>::new(n);
    let wide = |v: &[T]| v.iter().map(|x| x.to_f64()).collect::<Vec<f64>>();
    let (mut from, mut to) = (vec![T::ZERO; n], vec![T::ZERO; n]);
    largest_eigenvalue(&wide(diagonal), &wide(inverse), Effort::Careful, |x, y| {
        for (from, x) in from.iter_mut().zip(x) {
            *from = T::from_f64(*x);
        }
        a.apply(&space, &from, &mut to);
        for (y, to) in y.iter_mut().zip(&to) {
            *y = to.to_f64();
        }
    })
}

impl<T: Real, A: LinearOperator<Host<T>>> Preconditioner<Host<T>> for Chebyshev<A, T> {
    fn dimension(&self) -> usize {
        self.inverse.len()
    }

    fn apply(&self, space: &Host<T>, r: &[T], z: &mut [T]) -> Result<(), PreconditionerError> {
        check_lengths(self.inverse.len(), r.len(), z.len())?;
        let n = r.len();
        // Every application starts from r alone, whatever the vectors hold.
        let make = || (vec![T::ZERO; n], vec![T::ZERO; n]);
        self.work.with(make, |(d, product)| {
            let theta = 0.5 * (self.high + self.low);
            let delta = 0.5 * (self.high - self.low);
            let sigma = theta / delta;
            let mut rho = 1.0 / sigma;
            let first = T::from_f64(1.0 / theta);
            for (((z, d), r), g) in z.iter_mut().zip(&mut *d).zip(r).zip(&self.inverse) {
                *d = first * *g * *r;
                *z = *d;
            }
            for _ in 1..self.degree {
                self.a.apply(space, z, product);
                let next = 1.0 / (2.0 * sigma - rho);
                let (keep, add) = (T::from_f64(next * rho), T::from_f64(2.0 * next / delta));
                rho = next;
                let vectors = z.iter_mut().zip(&mut *d).zip(r).zip(&*product);
                for ((((z, d), r), p), g) in vectors.zip(&self.inverse) {
                    *d = keep * *d + add * *g * (*r - *p);
                    *z += *d;
                }
            }
        });
        Ok(())
    }

    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
}
