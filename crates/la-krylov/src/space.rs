//! Vector spaces: where vectors live and how they are reduced.

use std::borrow::{Borrow, BorrowMut};
use std::marker::PhantomData;

use crate::Real;

/// Where vectors live. Every Krylov method is written once, against this trait.
///
/// `Host` users never see it: `cg(&a, &b, &m, &options)` takes slices.
pub trait VectorSpace {
    /// Scalar type of the entries.
    type Scalar: Real;
    /// What operators and preconditioners see: `[T]` on the host, a handle elsewhere.
    type Vector: ?Sized;
    /// An owned vector.
    type Owned: Borrow<Self::Vector> + BorrowMut<Self::Vector>;

    /// Global dimension of the space.
    fn dimension(&self) -> usize;
    /// A new zero vector.
    fn zeros(&self) -> Self::Owned;
    /// `y = x`.
    fn copy(&self, x: &Self::Vector, y: &mut Self::Vector);
    /// `x = value` in every entry.
    fn fill(&self, x: &mut Self::Vector, value: Self::Scalar);
    /// `xᵀ y`, accumulated in `f64`.
    fn dot(&self, x: &Self::Vector, y: &Self::Vector) -> f64;
    /// `‖x‖₂`.
    fn norm(&self, x: &Self::Vector) -> f64;
    /// `y = y + alpha x`.
    fn axpy(&self, alpha: f64, x: &Self::Vector, y: &mut Self::Vector);
    /// `y = x + beta y`.
    fn xpby(&self, x: &Self::Vector, beta: f64, y: &mut Self::Vector);
}

/// Vectors in main memory as contiguous slices of `T`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host<T = f64> {
    n: usize,
    scalar: PhantomData<T>,
}

impl<T: Real> Host<T> {
    /// The space of vectors with `n` entries.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { n, scalar: PhantomData }
    }
}

impl<T: Real> VectorSpace for Host<T> {
    type Scalar = T;
    type Vector = [T];
    type Owned = Vec<T>;

    fn dimension(&self) -> usize {
        self.n
    }
    fn zeros(&self) -> Vec<T> {
        vec![T::ZERO; self.n]
    }
    fn copy(&self, x: &[T], y: &mut [T]) {
        y.copy_from_slice(x);
    }
    fn fill(&self, x: &mut [T], value: T) {
        x.fill(value);
    }
    fn dot(&self, x: &[T], y: &[T]) -> f64 {
        x.iter().zip(y).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
    }
    fn norm(&self, x: &[T]) -> f64 {
        self.dot(x, x).sqrt()
    }
    fn axpy(&self, alpha: f64, x: &[T], y: &mut [T]) {
        let alpha = T::from_f64(alpha);
        for (y, x) in y.iter_mut().zip(x) {
            *y += alpha * *x;
        }
    }
    fn xpby(&self, x: &[T], beta: f64, y: &mut [T]) {
        let beta = T::from_f64(beta);
        for (y, x) in y.iter_mut().zip(x) {
            *y = *x + beta * *y;
        }
    }
}
