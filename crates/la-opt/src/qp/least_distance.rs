//! The quadratic program as a least-distance problem.

use super::equilibrate;
use super::problem::{Hessian, QuadraticProgram};
use crate::kernels::{Kernels, upper_start as start};
use crate::{OptError, Real};

/// `u = R x + v`, for `P = RᵀR`.
#[derive(Debug, Clone)]
enum Root<T> {
    /// R = I.
    Identity,
    /// 1 / √P_ii.
    Diagonal(Vec<T>),
    /// R⁻¹, upper triangular, packed by rows: row i has the columns i, …, n − 1. Rows of simple bounds are normalised in place.
    Dense(Vec<T>),
}

/// Pivots of an equilibrated matrix below minus this are those of a matrix that is not convex.
const MOST_NEGATIVE: f64 = 1e-2;

/// Up to so many variables products with all rows go by columns.
const FEW_COLUMNS: usize = 24;

/// Largest proximal weight.
const HEAVIEST: f64 = 0.1;

/// Proximal terms of a factorisation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift<T> {
    /// Their weight, dimensionless; none: they are not allowed.
    pub(super) weight: Option<T>,
    /// They are there even where P is positive definite.
    pub(super) forced: bool,
}

/// `min ½ ‖u‖²` subject to `d_l ≤ M u ≤ d_u`, with rows of length one.
///
/// With `P = RᵀR`, `v = R⁻ᵀ q`, `u = R x + v`: `M = S G R⁻¹`, `d = S (b + G R⁻¹ v)`, S the diagonal matrix of the scales. The row of a simple
/// bound is a row of R⁻¹ and is not stored twice.
#[derive(Debug, Clone)]
pub(super) struct LeastDistance<T> {
    pub(super) kernels: Kernels,
    n: usize,
    bounds: usize,
    root: Root<T>,
    /// Normalised general rows, row-major.
    rows: Vec<T>,
    /// The same by columns, padded to a multiple of eight; where there are few.
    columns: Vec<T>,
    /// Scale of each constraint, `1 / ‖row of G R⁻¹‖`; 1 where the row is zero.
    pub(super) scale: Vec<T>,
    /// Rows that are zero.
    pub(super) empty: Vec<bool>,
    pub(super) lower: Vec<T>,
    pub(super) upper: Vec<T>,
    pub(super) v: Vec<T>,
    /// Proximal weights w: what is factored is `P + diag(w)`. Zero where P is positive definite by itself.
    pub(super) weights: Vec<T>,
    /// Room for one vector of length n, and one of length m.
    scratch: Vec<T>,
    products: Vec<T>,
    products_n: Vec<T>,
    /// R⁻¹ written out, while rows are formed.
    square: Vec<T>,
    /// The row of a simple bound where R is diagonal, from its own column on.
    one: [T; 1],
}

impl<T: Real> LeastDistance<T> {
    /// Room for a problem of these sizes; nothing is factored yet.
    pub(super) fn new(problem: &QuadraticProgram<T>) -> Self {
        let (n, m) = (problem.num_variables(), problem.num_constraints());
        let root = match &problem.hessian {
            Hessian::Dense(_) => Root::Dense(vec![T::ZERO; start(n, n)]),
            Hessian::Diagonal(_) | Hessian::Zero => Root::Diagonal(vec![T::ONE; n]),
            Hessian::Identity => Root::Identity,
        };
        Self {
            kernels: Kernels::detect(),
            n,
            bounds: problem.bounds,
            root,
            rows: vec![T::ZERO; problem.rows.len()],
            columns: Vec::new(),
            scale: vec![T::ONE; m],
            empty: vec![false; m],
            lower: vec![T::ZERO; m],
            upper: vec![T::ZERO; m],
            v: vec![T::ZERO; n],
            weights: vec![T::ZERO; n],
            scratch: vec![T::ZERO; n],
            products: vec![T::ZERO; m],
            products_n: vec![T::ZERO; n],
            square: Vec::new(),
            one: [T::ONE],
        }
    }

    /// Factors P and forms the normalised rows. n³/3 + n³/3 and m n² operations for a dense P, m n for a diagonal one.
    ///
    /// With a shift, and where a pivot of the equilibrated P is not positive or the shift is forced, what is factored is `P + diag(w)`: weights w of the size of the
    /// shift for variables in the scales of Ruiz, all of them for a dense P, those without curvature for a diagonal one.
    ///
    /// # Errors
    /// [`OptError::NotPositiveDefinite`] if there is no shift and one is needed, or a pivot is negative.
    pub(super) fn factor(
        &mut self,
        problem: &QuadraticProgram<T>,
        zero_tol: T,
        shift: Shift<T>,
    ) -> Result<(), OptError> {
        let n = self.n;
        let refuse = |row, pivot: T| OptError::NotPositiveDefinite {
            row,
            pivot: pivot.to_f64(),
        };
        self.weights.fill(T::ZERO);
        match (&mut self.root, &problem.hessian) {
            (Root::Dense(packed), Hessian::Dense(p)) => {
                let mut scales = std::mem::take(&mut self.products_n);
                // What is left of a diagonal of 1 after rounding.
                let smallest = T::from_f64(1e3) * T::EPSILON;
                unit_scales(p, n, &mut scales);
                let mut outcome = Err((0, T::ZERO));
                if !shift.forced {
                    scaled(p, n, packed, &scales, &self.weights);
                    outcome = self.kernels.cholesky(n, packed, smallest);
                }
                // Heavier where the data are convex but for their rounding.
                let mut weight = shift.weight.map(T::to_f64);
                while let (Err((_, pivot)), Some(value)) = (outcome, weight)
                    && pivot > -T::from_f64(MOST_NEGATIVE)
                    && value <= HEAVIEST
                {
                    weigh(problem, value, &mut self.weights);
                    for ((scale, &w), i) in scales.iter_mut().zip(&self.weights).zip(0..) {
                        *scale = power_near_root(p[i * n + i] + w);
                    }
                    scaled(p, n, packed, &scales, &self.weights);
                    outcome = self.kernels.cholesky(n, packed, smallest);
                    weight = Some(2.0 * value);
                }
                outcome.map_err(|(row, pivot)| refuse(row, pivot))?;
                self.kernels.invert_upper(n, packed, &mut self.scratch);
                for (i, &d) in scales.iter().enumerate() {
                    for x in &mut packed[start(n, i)..start(n, i + 1)] {
                        *x *= d;
                    }
                }
                self.products_n = scales;
            }
            (Root::Diagonal(inverse), hessian) => {
                let curvature = |i: usize| match hessian {
                    Hessian::Diagonal(p) => p[i],
                    _ => T::ZERO,
                };
                let largest = (0..n).fold(T::ZERO, |most, i| most.max(curvature(i).abs()));
                let curved = |p: T| p > zero_tol * largest;
                if let Some(row) = (0..n).find(|&i| curvature(i) < -zero_tol * largest) {
                    return Err(refuse(row, curvature(row)));
                }
                let flat = (0..n).find(|&i| !curved(curvature(i)));
                if flat.is_some() || shift.forced {
                    let row = flat.unwrap_or(0);
                    let weight = shift.weight.ok_or_else(|| refuse(row, curvature(row)))?;
                    weigh(problem, weight.to_f64(), &mut self.weights);
                    if flat.is_some() {
                        for (i, w) in self.weights.iter_mut().enumerate() {
                            if curved(curvature(i)) {
                                *w = T::ZERO;
                            }
                        }
                    }
                }
                for (i, (inverse, &w)) in inverse.iter_mut().zip(&self.weights).enumerate() {
                    *inverse = T::ONE / (curvature(i).max(T::ZERO) + w).sqrt();
                }
            }
            _ => {}
        }
        self.form_rows(problem, zero_tol);
        Ok(())
    }

    /// `M = S A R⁻¹`, and the scales.
    fn form_rows(&mut self, problem: &QuadraticProgram<T>, zero_tol: T) {
        let (n, kernels) = (self.n, self.kernels);
        if n == 0 {
            self.empty.fill(true);
            return;
        }
        match &self.root {
            Root::Identity => self.rows.copy_from_slice(&problem.rows),
            Root::Diagonal(inverse) => {
                let rows = self.rows.chunks_exact_mut(n);
                for (to, from) in rows.zip(problem.rows.chunks_exact(n)) {
                    for ((to, &from), &inverse) in to.iter_mut().zip(from).zip(inverse) {
                        *to = from * inverse;
                    }
                }
            }
            Root::Dense(packed) => {
                kernels.times_upper(n, &problem.rows, packed, &mut self.square, &mut self.rows);
            }
        }
        let (of_bounds, of_rows) = self.scale.split_at_mut(self.bounds);
        kernels.normalise_rows(n, &mut self.rows, of_rows, zero_tol);
        match &mut self.root {
            Root::Identity => of_bounds.fill(T::ONE),
            Root::Diagonal(inverse) => {
                for (scale, &inverse) in of_bounds.iter_mut().zip(&*inverse) {
                    *scale = T::ONE / inverse;
                }
            }
            Root::Dense(packed) => {
                for (i, scale) in of_bounds.iter_mut().enumerate() {
                    let row = &mut packed[start(n, i)..start(n, i + 1)];
                    let scale = std::slice::from_mut(scale);
                    kernels.normalise_rows(n - i, row, scale, zero_tol);
                }
            }
        }
        for (scale, empty) in self.scale.iter_mut().zip(&mut self.empty) {
            *empty = *scale == T::ZERO;
            if *empty {
                *scale = T::ONE;
            }
        }
        if n <= FEW_COLUMNS {
            let stride = problem.lower.len() - self.bounds;
            let stride = stride.next_multiple_of(8);
            self.columns.clear();
            self.columns.resize(n * stride, T::ZERO);
            for (i, row) in self.rows.chunks_exact(n).enumerate() {
                for (j, &x) in row.iter().enumerate() {
                    self.columns[j * stride + i] = x;
                }
            }
        }
    }

    /// What 1 / (scale in place) a row of R⁻¹ carries.
    fn unscale(&self, i: usize) -> T {
        if i < self.bounds {
            T::ONE / self.scale[i]
        } else {
            T::ONE
        }
    }

    /// `v = R⁻ᵀ q`.
    pub(super) fn set_linear(&mut self, q: &[T]) {
        match &self.root {
            Root::Identity => self.v.copy_from_slice(q),
            Root::Diagonal(inverse) => {
                for ((v, &q), &inverse) in self.v.iter_mut().zip(q).zip(inverse) {
                    *v = q * inverse;
                }
            }
            Root::Dense(packed) => {
                let n = self.n;
                self.v.fill(T::ZERO);
                for (i, &q) in q.iter().enumerate() {
                    let row = &packed[start(n, i)..start(n, i + 1)];
                    self.kernels
                        .axpy(q * self.unscale(i), row, &mut self.v[i..]);
                }
            }
        }
    }

    /// `d = S b + M v`, for both bounds.
    pub(super) fn set_bounds(&mut self, problem: &QuadraticProgram<T>) {
        let mut products = std::mem::take(&mut self.products);
        self.products_into(&self.v, &mut products);
        for (i, &p) in products.iter().enumerate() {
            self.lower[i] = problem.lower[i] * self.scale[i] + p;
            self.upper[i] = problem.upper[i] * self.scale[i] + p;
        }
        self.products = products;
    }

    /// Row i of M: the first column that is not zero by structure, and the entries from there on.
    #[inline(always)]
    pub(super) fn row(&self, i: usize) -> (usize, &[T]) {
        if i >= self.bounds {
            let i = i - self.bounds;
            return (0, &self.rows[i * self.n..(i + 1) * self.n]);
        }
        match &self.root {
            Root::Dense(packed) => (i, &packed[start(self.n, i)..start(self.n, i + 1)]),
            _ => (i, &self.one),
        }
    }

    /// Product of two rows of M.
    #[inline]
    pub(super) fn product(&self, i: usize, j: usize) -> T {
        let ((a, x), (b, y)) = (self.row(i), self.row(j));
        let from = a.max(b);
        let to = (a + x.len()).min(b + y.len());
        if from >= to {
            return T::ZERO;
        }
        self.kernels.dot(&x[from - a..to - a], &y[from - b..to - b])
    }

    /// `M x`.
    pub(super) fn products_into(&self, x: &[T], out: &mut [T]) {
        let (bounds, general) = out.split_at_mut(self.bounds);
        match &self.root {
            Root::Dense(_) => {
                for (i, out) in bounds.iter_mut().enumerate() {
                    let (from, row) = self.row(i);
                    *out = self.kernels.dot(row, &x[from..]);
                }
            }
            _ => bounds.copy_from_slice(&x[..self.bounds]),
        }
        if self.n <= FEW_COLUMNS {
            self.kernels.columns_times(&self.columns, x, general);
        } else {
            self.kernels.rows_dot(&self.rows, x, general);
        }
    }

    /// `out_i = m_iᵀ m_j` for the rows of a set.
    pub(super) fn products_with(&self, order: &[usize], j: usize, out: &mut Vec<T>) {
        let (from, row) = self.row(j);
        let mut groups = order.chunks_exact(4);
        for group in groups.by_ref() {
            if group.iter().all(|&i| i >= self.bounds) {
                let rows = std::array::from_fn(|g| &self.row(group[g]).1[from..from + row.len()]);
                out.extend(self.kernels.dot_each(row, rows));
            } else {
                out.extend(group.iter().map(|&i| self.product(i, j)));
            }
        }
        out.extend(groups.remainder().iter().map(|&i| self.product(i, j)));
    }

    /// `y += sign Σ a_i m_i` over the rows of a set.
    pub(super) fn add_rows(&self, order: &[usize], a: &[T], sign: T, y: &mut [T]) {
        let (mut groups, mut factors) = (order.chunks_exact(4), a.chunks_exact(4));
        for (group, a) in groups.by_ref().zip(factors.by_ref()) {
            if group.iter().all(|&i| i >= self.bounds) {
                let rows = std::array::from_fn(|g| self.row(group[g]).1);
                let a = std::array::from_fn(|g| sign * a[g]);
                self.kernels.add_four(a, rows, y);
            } else {
                for (&i, &a) in group.iter().zip(a) {
                    self.add_row(i, sign * a, y);
                }
            }
        }
        for (&i, &a) in groups.remainder().iter().zip(factors.remainder()) {
            self.add_row(i, sign * a, y);
        }
    }

    /// `y += a m_i`.
    #[inline]
    pub(super) fn add_row(&self, i: usize, a: T, y: &mut [T]) {
        let (from, row) = self.row(i);
        self.kernels.axpy(a, row, &mut y[from..from + row.len()]);
    }

    /// `x = R⁻¹ (u − v)`.
    pub(super) fn recover(&mut self, u: &[T], x: &mut [T]) {
        for ((s, &u), &v) in self.scratch.iter_mut().zip(u).zip(&self.v) {
            *s = u - v;
        }
        match &self.root {
            Root::Identity => x.copy_from_slice(&self.scratch),
            Root::Diagonal(inverse) => {
                for ((x, &s), &inverse) in x.iter_mut().zip(&self.scratch).zip(inverse) {
                    *x = s * inverse;
                }
            }
            Root::Dense(packed) => {
                for (i, x) in x.iter_mut().enumerate() {
                    let row = &packed[start(self.n, i)..start(self.n, i + 1)];
                    *x = self.kernels.dot(row, &self.scratch[i..]) * self.unscale(i);
                }
            }
        }
    }
}

/// The power of two nearest to `1 / √p`; 1 where p is not positive.
fn power_near_root<T: Real>(p: T) -> T {
    let p = p.to_f64();
    if p > 0.0 && p.is_finite() {
        T::from_f64((-0.5 * p.log2()).round().exp2())
    } else {
        T::ONE
    }
}

/// Scales that bring the diagonal near 1, powers of two so that nothing is rounded.
fn unit_scales<T: Real>(p: &[T], n: usize, scales: &mut [T]) {
    for (i, scale) in scales.iter_mut().enumerate() {
        *scale = power_near_root(p[i * n + i]);
    }
}

/// Writes `D (P̄ + W) D` for the symmetric part P̄ of P.
fn scaled<T: Real>(p: &[T], n: usize, packed: &mut [T], scales: &[T], weights: &[T]) {
    let half = T::from_f64(0.5);
    for i in 0..n {
        let row = &mut packed[start(n, i)..start(n, i + 1)];
        for (j, r) in (i..n).zip(row) {
            *r = half * (p[i * n + j] + p[j * n + i]) * scales[i] * scales[j];
        }
        packed[start(n, i)] += weights[i] * scales[i] * scales[i];
    }
}

/// Proximal weights: of the size of `weight` beside the largest curvature, in the scales of Ruiz.
fn weigh<T: Real>(problem: &QuadraticProgram<T>, weight: f64, weights: &mut [T]) {
    let scales = equilibrate::ruiz(problem);
    let size = equilibrate::largest_curvature(problem, &scales);
    let weight = if matches!(problem.hessian, Hessian::Zero) {
        1.0
    } else {
        weight * size
    };
    for (w, d) in weights.iter_mut().zip(&scales) {
        *w = T::from_f64(weight / (d * d));
    }
}
