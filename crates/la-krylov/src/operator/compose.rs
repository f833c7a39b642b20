//! Sums, products, multiples, shifts and transposes of operators.

use std::borrow::{Borrow, BorrowMut};
use std::sync::{Mutex, PoisonError};

use crate::{KrylovError, LinearOperator, TransposeOperator, VectorSpace};

/// Vectors for intermediate results behind `&self`.
///
/// No lock is held while one is in use, so that no thread waits for another's product. With one held
/// over a parallel product, a thread that waits for a part of it may be handed another product with the
/// same operator by the rayon pool, and then waits for itself.
#[derive(Debug)]
struct Scratch<V>(Mutex<Vec<V>>);

impl<V> Scratch<V> {
    fn new(first: V) -> Self {
        Self(Mutex::new(vec![first]))
    }

    /// A vector that nobody else uses, with anything in it; `None` where there is none to spare.
    fn take(&self) -> Option<V> {
        self.locked(Vec::pop)
    }

    /// Keeps a vector for the next product. One that a panic keeps from here is made anew.
    fn put(&self, vector: V) {
        self.locked(|free| free.push(vector));
    }

    fn locked<R>(&self, f: impl FnOnce(&mut Vec<V>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn mismatch<S: VectorSpace, A: LinearOperator<S>>(
    a: &A,
    what: &'static str,
    len: usize,
) -> KrylovError {
    KrylovError::DimensionMismatch {
        rows: a.rows(),
        cols: a.cols(),
        what,
        len,
    }
}

/// `A + B`. Holds one vector, and as many more as threads have applied it at once.
///
/// # Examples
/// ```
/// use la_krylov::{Host, LinearOperator, Sum, sprs::CsMat};
///
/// let (a, b): (CsMat<f64>, CsMat<f64>) = (CsMat::eye(2), CsMat::eye(2));
/// let space = Host::new(2);
/// let sum = Sum::new(&space, &a, &b)?;
/// let mut y = [0.0; 2];
/// sum.apply(&space, &[1.0, 2.0], &mut y);
/// assert_eq!(y, [2.0, 4.0]);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
#[derive(Debug)]
pub struct Sum<A, B, V> {
    a: A,
    b: B,
    scratch: Scratch<V>,
}

impl<A, B, V> Sum<A, B, V> {
    /// The sum of two operators of one shape into `space`.
    ///
    /// # Errors
    /// [`KrylovError::DimensionMismatch`] if the shapes differ or do not map into `space`.
    pub fn new<S>(space: &S, a: A, b: B) -> Result<Self, KrylovError>
    where
        S: VectorSpace<Owned = V>,
        A: LinearOperator<S>,
        B: LinearOperator<S>,
    {
        if b.cols() != a.cols() {
            return Err(mismatch(
                &a,
                "column count of the second operator",
                b.cols(),
            ));
        }
        if b.rows() != a.rows() {
            return Err(mismatch(&a, "row count of the second operator", b.rows()));
        }
        if a.rows() != space.dimension() {
            return Err(mismatch(&a, "vector space", space.dimension()));
        }
        Ok(Self {
            a,
            b,
            scratch: Scratch::new(space.zeros()),
        })
    }
}

impl<S, A, B> LinearOperator<S> for Sum<A, B, S::Owned>
where
    S: VectorSpace,
    A: LinearOperator<S>,
    B: LinearOperator<S>,
{
    fn rows(&self) -> usize {
        self.a.rows()
    }
    fn cols(&self) -> usize {
        self.a.cols()
    }
    fn apply(&self, space: &S, x: &S::Vector, y: &mut S::Vector) {
        self.a.apply(space, x, y);
        let make = || space.zeros_like(y);
        let mut t = self.scratch.take().unwrap_or_else(make);
        self.b.apply(space, x, t.borrow_mut());
        space.axpy(1.0, t.borrow(), y);
        self.scratch.put(t);
    }
}

/// `A B`: applies B first. Holds one vector, and as many more as threads have applied it at once; and
/// one that is the pattern for these and never written.
///
/// # Examples
/// ```
/// use la_krylov::{Host, LinearOperator, Product, Transposed, sprs::CsMat};
///
/// // The normal equations operator AᵀA, without forming it.
/// let a = CsMat::<f64>::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![1.0, 2.0, 3.0]);
/// let space = Host::new(2);
/// let normal = Product::new(&space, Transposed::new(&a), &a)?;
/// let mut y = [0.0; 2];
/// normal.apply(&space, &[1.0, 1.0], &mut y);
/// assert_eq!(y, [3.0, 15.0]);
/// # Ok::<(), la_krylov::KrylovError>(())
/// ```
#[derive(Debug)]
pub struct Product<A, B, V> {
    a: A,
    b: B,
    scratch: Scratch<V>,
    pattern: V,
}

impl<A, B, V> Product<A, B, V> {
    /// The product of two operators, `middle` being the space between them.
    ///
    /// # Errors
    /// [`KrylovError::DimensionMismatch`] if the columns of `a`, the rows of `b` and the dimension
    /// of `middle` are not one number.
    pub fn new<S>(middle: &S, a: A, b: B) -> Result<Self, KrylovError>
    where
        S: VectorSpace<Owned = V>,
        A: LinearOperator<S>,
        B: LinearOperator<S>,
    {
        if a.cols() != b.rows() {
            return Err(mismatch(&a, "row count of the second operator", b.rows()));
        }
        if a.cols() != middle.dimension() {
            return Err(mismatch(&a, "vector space", middle.dimension()));
        }
        Ok(Self {
            a,
            b,
            scratch: Scratch::new(middle.zeros()),
            pattern: middle.zeros(),
        })
    }
}

impl<S, A, B> LinearOperator<S> for Product<A, B, S::Owned>
where
    S: VectorSpace,
    A: LinearOperator<S>,
    B: LinearOperator<S>,
{
    fn rows(&self) -> usize {
        self.a.rows()
    }
    fn cols(&self) -> usize {
        self.b.cols()
    }
    fn apply(&self, space: &S, x: &S::Vector, y: &mut S::Vector) {
        let make = || space.zeros_like(self.pattern.borrow());
        let mut t = self.scratch.take().unwrap_or_else(make);
        self.b.apply(space, x, t.borrow_mut());
        self.a.apply(space, t.borrow(), y);
        self.scratch.put(t);
    }
}

/// `factor · A`.
///
/// # Examples
/// ```
/// use la_krylov::{Host, LinearOperator, Scaled, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let mut y = [0.0; 2];
/// Scaled::new(3.0, &a).apply(&Host::new(2), &[1.0, 2.0], &mut y);
/// assert_eq!(y, [3.0, 6.0]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Scaled<A> {
    factor: f64,
    a: A,
}

impl<A> Scaled<A> {
    /// `factor` times `a`.
    #[must_use]
    pub fn new(factor: f64, a: A) -> Self {
        Self { factor, a }
    }
}

impl<S: VectorSpace, A: LinearOperator<S>> LinearOperator<S> for Scaled<A> {
    fn rows(&self) -> usize {
        self.a.rows()
    }
    fn cols(&self) -> usize {
        self.a.cols()
    }
    fn apply(&self, space: &S, x: &S::Vector, y: &mut S::Vector) {
        self.a.apply(space, x, y);
        space.scale(self.factor, y);
    }
}

/// `A + shift · I`, for a square A.
///
/// # Examples
/// ```
/// use la_krylov::{Host, LinearOperator, Shifted, sprs::CsMat};
///
/// let a: CsMat<f64> = CsMat::eye(2);
/// let mut y = [0.0; 2];
/// Shifted::new(&a, 0.5).apply(&Host::new(2), &[1.0, 2.0], &mut y);
/// assert_eq!(y, [1.5, 3.0]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Shifted<A> {
    a: A,
    shift: f64,
}

impl<A> Shifted<A> {
    /// `a` plus `shift` times the identity.
    #[must_use]
    pub fn new(a: A, shift: f64) -> Self {
        Self { a, shift }
    }
}

impl<S: VectorSpace, A: LinearOperator<S>> LinearOperator<S> for Shifted<A> {
    fn rows(&self) -> usize {
        self.a.rows()
    }
    fn cols(&self) -> usize {
        self.a.cols()
    }
    fn apply(&self, space: &S, x: &S::Vector, y: &mut S::Vector) {
        self.a.apply(space, x, y);
        space.axpy(self.shift, x, y);
    }
}

/// `Aᵀ`.
///
/// # Examples
/// ```
/// use la_krylov::{Host, LinearOperator, Transposed, sprs::CsMat};
///
/// let a = CsMat::<f64>::new((2, 2), vec![0, 1, 1], vec![1], vec![5.0]);
/// let mut y = [0.0; 2];
/// Transposed::new(&a).apply(&Host::new(2), &[1.0, 2.0], &mut y);
/// assert_eq!(y, [0.0, 5.0]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Transposed<A> {
    a: A,
}

impl<A> Transposed<A> {
    /// The transpose of `a`.
    #[must_use]
    pub fn new(a: A) -> Self {
        Self { a }
    }
}

impl<S: VectorSpace, A: TransposeOperator<S>> LinearOperator<S> for Transposed<A> {
    fn rows(&self) -> usize {
        self.a.cols()
    }
    fn cols(&self) -> usize {
        self.a.rows()
    }
    fn apply(&self, space: &S, x: &S::Vector, y: &mut S::Vector) {
        self.a.apply_transpose(space, x, y);
    }
}

impl<S: VectorSpace, A: TransposeOperator<S>> TransposeOperator<S> for Transposed<A> {
    fn apply_transpose(&self, space: &S, x: &S::Vector, y: &mut S::Vector) {
        self.a.apply(space, x, y);
    }
}

#[cfg(test)]
mod tests {
    use sprs::CsMat;

    use super::*;
    use crate::Host;

    #[test]
    fn shapes_are_checked() {
        let space = Host::<f64>::new(2);
        let (a, b): (CsMat<f64>, CsMat<f64>) = (CsMat::zero((2, 3)), CsMat::zero((2, 2)));
        assert!(Sum::new(&space, &a, &b).is_err());
        assert!(Product::new(&space, &a, &b).is_err());
        assert!(Product::new(&space, &b, &a).is_ok());
        assert!(Sum::new(&Host::<f64>::new(3), &b, &b).is_err());
        let product = Product::new(&space, &b, &a).expect("2x2 times 2x3");
        assert_eq!((product.rows(), product.cols()), (2, 3));
    }

    #[test]
    fn vectors_are_kept() {
        let scratch = Scratch::new(1);
        let (first, second) = (scratch.take(), scratch.take());
        assert_eq!((first, second), (Some(1), None));
        scratch.put(7);
        assert_eq!((scratch.take(), scratch.take()), (Some(7), None));
    }
}
