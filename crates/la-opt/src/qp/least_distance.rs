//! The quadratic program as a least-distance problem.

use super::eliminate::Equalities;
use super::problem::QuadraticProgram;
use super::root::{Root, Shift};
use super::soft::SoftPrice;
use crate::kernels::{FEW_COLUMNS, Kernels, upper_row};
use crate::{OptError, Real};

/// `min ½ ‖u‖²` subject to `d_l ≤ M u ≤ d_u`, with rows of length one.
///
/// With `P = RᵀR`, `v = R⁻ᵀ q`, `u = R x + v`: `M = S G R⁻¹`, `d = S (b + G R⁻¹ v)`, S the diagonal matrix of the scales. The row of a simple
/// bound is a row of R⁻¹ and is not stored twice.
///
/// Rows are formed when they are needed: those of a guess one by one, all together by [`LeastDistance::complete`].
#[derive(Debug, Clone)]
pub(super) struct LeastDistance<T> {
    pub(super) kernels: Kernels,
    /// Directions of u: n, less those that equalities determine.
    pub(super) n: usize,
    /// n of the problem.
    pub(super) full: usize,
    /// Simple bounds whose rows are those of R⁻¹; none where equalities are solved for: then all rows are among `rows`.
    pub(super) bounds: usize,
    pub(super) equalities: Option<Equalities<T>>,
    pub(super) root: Root<T>,
    /// How far from the diagonal entries of R may be.
    pub(super) band: usize,
    /// All rows are there; where not, only those that were asked for.
    pub(super) complete: bool,
    /// Normalised general rows, row-major.
    pub(super) rows: Vec<T>,
    /// The same by columns, padded to a multiple of eight; where there are few.
    pub(super) columns: Vec<T>,
    /// Scale of each constraint, `1 / ‖row of G R⁻¹‖`; 1 where the row is zero.
    pub(super) scale: Vec<T>,
    /// Rows that are zero.
    pub(super) empty: Vec<bool>,
    pub(super) lower: Vec<T>,
    pub(super) upper: Vec<T>,
    pub(super) v: Vec<T>,
    /// Prices of violations of soft constraints, as in the problem.
    pub(super) soft_prices: Vec<[SoftPrice<T>; 2]>,
    /// Proximal weights w: what is factored is `P + diag(w)`. None where P is positive definite by itself.
    pub(super) weights: Vec<T>,
    /// Room for one vector of length n.
    pub(super) scratch: Vec<T>,
    /// Room for four rows while R is inverted; before, rows of simple bounds that were asked for. `R⁻¹ Q₂` where equalities are solved for.
    pub(super) square: Vec<T>,
    /// The row of a simple bound where R is diagonal, from its own column on.
    one: [T; 1],
}

impl<T: Real> LeastDistance<T> {
    /// Room for a problem of these sizes; nothing is factored yet.
    pub(super) fn new(problem: &QuadraticProgram<T>) -> Self {
        let (n, m) = (problem.num_variables(), problem.num_constraints());
        let root = Root::new(problem);
        let square = match root {
            Root::Dense(_) => n.next_multiple_of(8) * problem.bounds.max(4),
            _ => 0,
        };
        let columns = if n <= FEW_COLUMNS {
            n * (m - problem.bounds).next_multiple_of(8)
        } else {
            0
        };
        Self {
            kernels: Kernels::detect(),
            n,
            full: n,
            bounds: problem.bounds,
            equalities: None,
            root,
            band: 0,
            complete: false,
            rows: crate::zeros((m - problem.bounds) * n),
            columns: Vec::with_capacity(columns),
            scale: vec![T::ONE; m],
            empty: vec![false; m],
            lower: crate::zeros(m),
            upper: crate::zeros(m),
            v: crate::zeros(n),
            soft_prices: problem.soft_prices.clone(),
            weights: Vec::new(),
            scratch: crate::zeros(n),
            square: Vec::with_capacity(square),
            one: [T::ONE],
        }
    }

    /// Factors P. Rows are those of another P from now on.
    ///
    /// # Errors
    /// As [`Root::factor`].
    pub(super) fn factor(
        &mut self,
        problem: &QuadraticProgram<T>,
        zero_tol: T,
        shift: Shift<T>,
    ) -> Result<(), OptError> {
        self.complete = false;
        self.empty.fill(false);
        self.undo_elimination(problem);
        let (kernels, weights) = (self.kernels, &mut self.weights);
        self.band = self.root.factor(
            kernels,
            problem,
            zero_tol,
            shift,
            weights,
            &mut self.scratch,
        )?;
        Ok(())
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
            Root::Dense(upper) if self.complete => {
                // Rows of simple bounds carry their scale.
                self.scratch.copy_from_slice(q);
                let bounds = self.scratch.iter_mut().take(self.bounds);
                for (q, &scale) in bounds.zip(&self.scale) {
                    *q = *q / scale;
                }
                self.kernels
                    .transposed_upper_times(self.full, upper, &self.scratch, &mut self.v);
            }
            Root::Dense(upper) => {
                self.v.copy_from_slice(q);
                self.kernels.forward_upper(self.n, upper, 0, &mut self.v);
            }
        }
    }

    /// `d = S b + M v`, for both bounds of all constraints.
    pub(super) fn set_bounds(&mut self, problem: &QuadraticProgram<T>) {
        if self.equalities.is_some() {
            self.set_reduced_bounds(problem);
            return;
        }
        let mut products = std::mem::take(&mut self.upper);
        self.products_into(&self.v, &mut products);
        let bounds = problem.lower.iter().zip(&problem.upper).zip(&self.scale);
        for ((lower, upper), ((&l, &u), &scale)) in
            self.lower.iter_mut().zip(&mut products).zip(bounds)
        {
            *lower = l * scale + *upper;
            *upper = u * scale + *upper;
        }
        self.upper = products;
    }

    /// The same for one constraint, whose row is there.
    pub(super) fn set_bound(&mut self, problem: &QuadraticProgram<T>, j: usize) {
        let (from, row) = self.row(j);
        let product = self.kernels.dot(row, &self.v[from..from + row.len()]);
        self.lower[j] = problem.lower[j] * self.scale[j] + product;
        self.upper[j] = problem.upper[j] * self.scale[j] + product;
    }

    /// The bounds of a row that says nothing about u, less the value that it has; beside the size of the bound where equalities say what that is.
    pub(super) fn gap(&self, problem: &QuadraticProgram<T>, j: usize) -> (f64, f64) {
        let (lower, upper) = (problem.lower[j].to_f64(), problem.upper[j].to_f64());
        if self.equalities.is_none() {
            return (lower, upper);
        }
        let size = |bound: f64| 1.0 + bound.abs();
        (
            self.lower[j].to_f64() / size(lower),
            self.upper[j].to_f64() / size(upper),
        )
    }

    /// Row i of M: the first column that is not zero by structure, and the entries from there on.
    #[inline(always)]
    pub(super) fn row(&self, i: usize) -> (usize, &[T]) {
        if i >= self.bounds {
            let i = i - self.bounds;
            return (0, &self.rows[i * self.n..(i + 1) * self.n]);
        }
        match &self.root {
            Root::Dense(upper) if self.complete => (i, &upper[upper_row(self.n, i)]),
            Root::Dense(_) => {
                let begin = i * self.n.next_multiple_of(8);
                (i, &self.square[begin + i..begin + self.n])
            }
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

    /// `M x`; all rows have to be there.
    pub(super) fn products_into(&self, x: &[T], out: &mut [T]) {
        let (bounds, general) = out.split_at_mut(self.bounds);
        match &self.root {
            Root::Dense(upper) => self.kernels.upper_times(self.n, upper, x, bounds),
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
        if self.bounds == 0 {
            let row = &self.rows[j * self.n..(j + 1) * self.n];
            self.kernels.dots_of_set(&self.rows, order, row, out);
            return;
        }
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
        if self.bounds == 0 {
            self.kernels.add_set(&self.rows, order, a, sign, y);
            return;
        }
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

    /// `x = R⁻¹ (u − v)`, or `x_p + R⁻¹ Q₂ u` where equalities are solved for.
    pub(super) fn recover(&mut self, u: &[T], x: &mut [T]) {
        if let Some(equalities) = &self.equalities {
            let rows = self.square.chunks(self.n.next_multiple_of(8).max(1));
            x.copy_from_slice(equalities.point());
            for (x, row) in x.iter_mut().zip(rows) {
                *x += self.kernels.dot(&row[..self.n], u);
            }
            return;
        }
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
            Root::Dense(upper) if self.complete => {
                self.kernels.upper_times(self.n, upper, &self.scratch, x);
                for (x, &scale) in x[..self.bounds].iter_mut().zip(&self.scale) {
                    *x = *x / scale;
                }
            }
            Root::Dense(upper) => {
                x.copy_from_slice(&self.scratch);
                self.kernels.backward_upper(self.n, upper, x);
            }
        }
    }
}
