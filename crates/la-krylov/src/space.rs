//! Vector spaces: where vectors live and how they are reduced.

use std::borrow::{Borrow, BorrowMut};

use crate::Real;

/// Where vectors live. Every Krylov method is written once, against this trait.
///
/// [`Host`](crate::Host) users never see it: `cg(&a, &b, &m, &options)` takes slices. The provided
/// methods are the fused updates of the methods here; a space overrides them where one pass over
/// memory, or one reduction, can do the work of two. An override must return the same numbers as
/// the separate operations up to rounding.
///
/// All vectors given to one call have the dimension of the space; an implementation may panic
/// otherwise.
pub trait VectorSpace {
    /// Scalar type of the entries.
    type Scalar: Real;
    /// What operators and preconditioners see: `[T]` on the host, a handle elsewhere.
    type Vector: ?Sized;
    /// An owned vector.
    type Owned: Borrow<Self::Vector> + BorrowMut<Self::Vector>;

    /// Room for several vectors: contiguous columns on the host.
    type Basis;

    /// Global dimension of the space.
    fn dimension(&self) -> usize;
    /// Global dimension of `x`: that of the space, unless `x` belongs to another one.
    fn vector_dimension(&self, x: &Self::Vector) -> usize;
    /// A new zero vector.
    fn zeros(&self) -> Self::Owned;
    /// A new zero vector of the space that `x` belongs to, which may be another one.
    fn zeros_like(&self, x: &Self::Vector) -> Self::Owned;
    /// `y = x`.
    fn copy(&self, x: &Self::Vector, y: &mut Self::Vector);
    /// `x = value` in every entry.
    fn fill(&self, x: &mut Self::Vector, value: Self::Scalar);
    /// `x = alpha x`.
    fn scale(&self, alpha: f64, x: &mut Self::Vector);
    /// `xᵀ y`, accumulated in `f64`.
    fn dot(&self, x: &Self::Vector, y: &Self::Vector) -> f64;
    /// `‖x‖₂`, without overflow or underflow of the squares.
    fn norm(&self, x: &Self::Vector) -> f64;
    /// `y = y + alpha x`.
    fn axpy(&self, alpha: f64, x: &Self::Vector, y: &mut Self::Vector);
    /// `y = x + beta y`.
    fn xpby(&self, x: &Self::Vector, beta: f64, y: &mut Self::Vector);

    /// Room for `columns` vectors, all zero.
    fn basis(&self, columns: usize) -> Self::Basis;
    /// How many vectors `basis` has room for.
    fn columns(&self, basis: &Self::Basis) -> usize;
    /// Vector `j` of the basis, `j < columns(basis)`.
    fn column<'b>(&self, basis: &'b Self::Basis, j: usize) -> &'b Self::Vector;
    /// Vector `j` of the basis, to be written.
    fn column_mut<'b>(&self, basis: &'b mut Self::Basis, j: usize) -> &'b mut Self::Vector;
    /// `h = Vᵀ w` for the first `h.len()` columns V of the basis, in one reduction.
    fn project(&self, basis: &Self::Basis, w: &Self::Vector, h: &mut [f64]);
    /// `w = w − V h` for the first `h.len()` columns V, then `‖w‖₂`, in one pass.
    fn subtract(&self, basis: &Self::Basis, h: &[f64], w: &mut Self::Vector) -> f64;
    /// `x = x + V y` for the first `y.len()` columns V.
    fn lincomb(&self, basis: &Self::Basis, y: &[f64], x: &mut Self::Vector);

    /// Whether `flag` is set for any of those who solve together. What a solver decides by something other
    /// than reductions, such as the time, it decides by this. Default: `flag`, there being one.
    fn any(&self, flag: bool) -> bool {
        flag
    }

    /// `vⱼ = alpha w`: a vector joins the basis.
    fn set_column(&self, basis: &mut Self::Basis, j: usize, alpha: f64, w: &Self::Vector) {
        let v = self.column_mut(basis, j);
        self.copy(w, v);
        self.scale(alpha, v);
    }

    /// `y = y + alpha x`, then `‖y‖₂`: the residual update of conjugate gradients.
    fn axpy_norm(&self, alpha: f64, x: &Self::Vector, y: &mut Self::Vector) -> f64 {
        self.axpy(alpha, x, y);
        self.norm(y)
    }

    /// `x = x + alpha p`, then `p = z + beta p`: iterate and direction in one pass over `p`.
    fn axpy_xpby(
        &self,
        alpha: f64,
        p: &mut Self::Vector,
        x: &mut Self::Vector,
        z: &Self::Vector,
        beta: f64,
    ) {
        self.axpy(alpha, p, x);
        self.xpby(z, beta, p);
    }
}
