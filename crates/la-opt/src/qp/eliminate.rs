//! Equalities solved for in advance.

use super::kkt;
use super::least_distance::LeastDistance;
use super::problem::QuadraticProgram;
use super::root::Root;
use crate::Real;
use crate::kernels::upper_row;

/// Equalities `M_E u = d_E` with `M_Eᵀ = [Q₁ Q₂] [T; 0]`: `u = Q₁ y + Q₂ w` with `Tᵀ y = d_E`, and the problem goes on in w.
///
/// `‖u‖² = ‖y‖² + ‖w‖²`, so that what is left is a least-distance problem again, with rows `G R⁻¹ Q₂`, and `x = x_p + R⁻¹ Q₂ w`.
#[derive(Debug, Clone)]
pub(super) struct Equalities<T> {
    /// The constraints that are solved for; equalities that depend on them are not among them.
    pub(super) kept: Vec<usize>,
    /// Those that depend on them.
    pub(super) dependent: Vec<usize>,
    /// Scales of their rows.
    scale: Vec<T>,
    /// Householder vectors, one after the other, each of n entries of which the first k are zero; `Q = H_1 H_2 …`, `H = I − τ h hᵀ`.
    pub(super) vectors: Vec<T>,
    pub(super) factors: Vec<T>,
    /// Columns of T, column k with k + 1 entries.
    triangle: Vec<T>,
    y: Vec<T>,
    /// x_p.
    point: Vec<T>,
    room: Vec<T>,
}

/// First entry of column k of a triangle upper by columns.
fn column(k: usize) -> usize {
    k * (k + 1) / 2
}

impl<T: Real> Equalities<T> {
    /// `x ← Qᵀ x`, or the same for a row, `xᵀ ← xᵀ Q`.
    fn reflect(&self, ldp: &LeastDistance<T>, x: &mut [T]) {
        let n = x.len();
        for (k, (h, &factor)) in self
            .vectors
            .chunks_exact(n.max(1))
            .zip(&self.factors)
            .enumerate()
        {
            let t = factor * ldp.kernels.dot(&h[k..], &x[k..]);
            ldp.kernels.axpy(-t, &h[k..], &mut x[k..]);
        }
    }

    /// `x ← Q x`.
    fn reflect_back(&self, ldp: &LeastDistance<T>, x: &mut [T]) {
        let n = x.len();
        for (k, &factor) in self.factors.iter().enumerate().rev() {
            let h = &self.vectors[k * n + k..(k + 1) * n];
            let t = factor * ldp.kernels.dot(h, &x[k..]);
            ldp.kernels.axpy(-t, h, &mut x[k..]);
        }
    }

    /// `‖y‖²`, what the equalities cost whatever w is.
    pub(super) fn square(&self, ldp: &LeastDistance<T>) -> T {
        ldp.kernels.dot(&self.y, &self.y)
    }

    /// x_p.
    pub(super) fn point(&self) -> &[T] {
        &self.point
    }
}

impl<T: Real> LeastDistance<T> {
    /// Back to all n directions: R is about to be another one.
    pub(super) fn undo_elimination(&mut self, problem: &QuadraticProgram<T>) {
        if self.equalities.take().is_some() {
            self.n = self.full;
            self.bounds = problem.bounds;
            self.rows.clear();
            let rows = problem.lower.len() - problem.bounds;
            self.rows.resize(rows * self.full, T::ZERO);
        }
    }

    /// Factors the rows of these equalities; R⁻¹ is there. 2 n r² operations for r of them.
    pub(super) fn factor_equalities(
        &mut self,
        problem: &QuadraticProgram<T>,
        equalities: impl Iterator<Item = usize>,
        zero_tol: T,
    ) {
        let n = self.full;
        let mut found = Equalities {
            kept: Vec::new(),
            dependent: Vec::new(),
            scale: Vec::new(),
            vectors: Vec::new(),
            factors: Vec::new(),
            triangle: Vec::new(),
            y: Vec::new(),
            point: vec![T::ZERO; n],
            room: vec![T::ZERO; n],
        };
        let mut x = vec![T::ZERO; n];
        for j in equalities {
            let k = found.kept.len();
            self.scratch.fill(T::ZERO);
            if j < problem.bounds {
                self.scratch[j] = T::ONE;
            } else {
                let row = j - problem.bounds;
                problem.rows.copy_row(row, &mut self.scratch);
            }
            self.inverse_transposed_times(&self.scratch, &mut x);
            let square = self.kernels.dot(&x, &x);
            let nonzero = square > zero_tol;
            if !nonzero || k == n {
                found.dependent.push(j);
                continue;
            }
            let scale = T::ONE / square.sqrt();
            for x in &mut x {
                *x *= scale;
            }
            found.reflect(self, &mut x);
            let tail = self.kernels.dot(&x[k..], &x[k..]);
            // Depends on those before it; whether it agrees with them is seen at x_p.
            let independent = tail > zero_tol;
            if !independent {
                found.dependent.push(j);
                continue;
            }
            let norm = tail.sqrt();
            let pivot = if x[k] > T::ZERO { -norm } else { norm };
            found.triangle.extend_from_slice(&x[..k]);
            found.triangle.push(pivot);
            // hᵀh = 2 (‖x‖² − pivot x_k)
            let square = tail - pivot * x[k];
            x[k] -= pivot;
            x[..k].fill(T::ZERO);
            found.factors.push(T::ONE / square);
            found.vectors.extend_from_slice(&x);
            found.kept.push(j);
            found.scale.push(scale);
            found.y.push(T::ZERO);
        }
        self.equalities = Some(found);
    }

    /// The rows of the reduced problem, not normalised: `W = R⁻¹ Q₂`, kept for x, and `G W`. 4 n² r and 2 m n (n − r) operations at most.
    pub(super) fn reduce_rows(&mut self, problem: &QuadraticProgram<T>) {
        let Some(equalities) = self.equalities.take() else {
            return;
        };
        let n = self.full;
        let left = n - equalities.kept.len();
        let wide = left.next_multiple_of(8);
        let square = equalities.directions(self);
        (self.n, self.bounds) = (left, 0);
        self.rows.clear();
        self.rows.resize(problem.lower.len() * left, T::ZERO);
        let (of_bounds, of_rows) = self.rows.split_at_mut(problem.bounds * left);
        let unit = of_bounds.chunks_exact_mut(left.max(1));
        for (to, from) in unit.zip(square.chunks_exact(wide.max(1))) {
            to.copy_from_slice(&from[..left]);
        }
        problem
            .rows
            .times_matrix(self.kernels, n, left, &square, of_rows);
        self.square = square;
        self.equalities = Some(equalities);
    }

    /// Rows of the reduced problem at length one. What is left of a row that the equalities determine is rounding; soft rows keep the units that their price
    /// is in.
    pub(super) fn normalise_reduced(&mut self, problem: &QuadraticProgram<T>, zero_tol: T) {
        let (n, left) = (self.full, self.n);
        let Some(equalities) = self.equalities.take() else {
            return;
        };
        // Lengths of the rows of R⁻¹.
        let mut lengths = vec![T::ONE; n];
        match &self.root {
            Root::Identity => {}
            Root::Diagonal(inverse) => lengths.copy_from_slice(inverse),
            Root::Dense(upper) => {
                for (i, length) in lengths.iter_mut().enumerate() {
                    let row = &upper[upper_row(n, i)];
                    *length = self.kernels.dot(row, row).sqrt();
                }
            }
        }
        let mut image = vec![T::ZERO; n];
        let noise = T::from_f64(1e3) * T::EPSILON;
        for j in 0..self.scale.len() {
            self.scratch.fill(T::ZERO);
            if j < problem.bounds {
                self.scratch[j] = T::ONE;
            } else {
                let i = j - problem.bounds;
                problem.rows.copy_row(i, &mut self.scratch);
            }
            let mut length = T::ZERO;
            for (&a, &l) in self.scratch.iter().zip(&lengths) {
                length += a.abs() * l;
            }
            let tiny = zero_tol.max(noise * length * noise * length);
            let row = &self.rows[j * left..(j + 1) * left];
            let square = self.kernels.dot(row, row);
            let nonzero = square > tiny;
            self.empty[j] = !nonzero;
            let square = if problem.soft[j] && !self.empty[j] {
                self.inverse_transposed_times(&self.scratch, &mut image);
                self.kernels.dot(&image, &image)
            } else {
                square
            };
            self.scale[j] = if self.empty[j] {
                T::ONE
            } else {
                T::ONE / square.sqrt()
            };
            let scale = self.scale[j];
            for x in &mut self.rows[j * left..(j + 1) * left] {
                *x *= scale;
            }
        }
        for &j in equalities.kept.iter().chain(&equalities.dependent) {
            self.empty[j] = true;
            self.scale[j] = T::ONE;
            self.rows[j * left..(j + 1) * left].fill(T::ZERO);
        }
        self.equalities = Some(equalities);
    }

    /// y and x_p of the bounds and v at hand, and `d = S (b − G x_p)`.
    pub(super) fn set_reduced_bounds(&mut self, problem: &QuadraticProgram<T>) {
        let Some(mut equalities) = self.equalities.take() else {
            return;
        };
        let mut z = std::mem::take(&mut equalities.room);
        z.copy_from_slice(&self.v);
        equalities.reflect(self, &mut z);
        let rank = equalities.kept.len();
        for k in 0..rank {
            // Tᵀ (y − z) = s b, from the top.
            let t = &equalities.triangle[column(k)..column(k + 1)];
            let j = equalities.kept[k];
            let known: T = self.kernels.dot(&t[..k], &equalities.y[..k]);
            equalities.y[k] = (problem.upper[j] * equalities.scale[k] - known) / t[k];
        }
        for (k, z) in z.iter_mut().enumerate() {
            if k < rank {
                let difference = equalities.y[k];
                equalities.y[k] += *z;
                *z = difference;
            } else {
                *z = -*z;
            }
        }
        equalities.reflect_back(self, &mut z);
        self.inverse_times(&z, &mut equalities.point);
        kkt::constraint_values(self.kernels, problem, &equalities.point, &mut self.upper);
        let bounds = problem.lower.iter().zip(&problem.upper).zip(&self.scale);
        for ((lower, upper), ((&l, &u), &scale)) in
            self.lower.iter_mut().zip(&mut self.upper).zip(bounds)
        {
            let value = *upper;
            *lower = (l - value) * scale;
            *upper = (u - value) * scale;
        }
        for &j in &equalities.kept {
            (self.lower[j], self.upper[j]) = (T::ZERO, T::ZERO);
        }
        equalities.room = z;
        self.equalities = Some(equalities);
    }

    /// Multipliers of the equalities from those of the other constraints, `T μ = −(y / force + Q₁ᵀ R⁻ᵀ Gᵀ λ)` where the objective
    /// counts by this force; without, those of a certificate.
    pub(super) fn equality_multipliers(
        &mut self,
        problem: &QuadraticProgram<T>,
        multipliers: &mut [T],
        force: Option<T>,
    ) {
        let Some(mut equalities) = self.equalities.take() else {
            return;
        };
        let mut forces = std::mem::take(&mut self.scratch);
        forces.fill(T::ZERO);
        kkt::add_transposed(self.kernels, problem, multipliers, &mut forces);
        let mut z = std::mem::take(&mut equalities.room);
        self.inverse_transposed_times(&forces, &mut z);
        equalities.reflect(self, &mut z);
        let weight = force.map_or(T::ZERO, |force| T::ONE / force);
        for k in (0..equalities.kept.len()).rev() {
            let t = &equalities.triangle[column(k)..column(k + 1)];
            // What later columns have put into z is the sum over them.
            let mu = -(z[k] + weight * equalities.y[k]) / t[k];
            self.kernels.axpy(mu, &t[..k], &mut z[..k]);
            multipliers[equalities.kept[k]] = mu * equalities.scale[k];
        }
        self.scratch = forces;
        equalities.room = z;
        self.equalities = Some(equalities);
    }

    /// `R⁻ᵀ x`, with rows of R⁻¹ as they are.
    fn inverse_transposed_times(&self, x: &[T], out: &mut [T]) {
        match &self.root {
            Root::Identity => out.copy_from_slice(x),
            Root::Diagonal(inverse) => multiply(x, inverse, out),
            Root::Dense(upper) => {
                self.kernels
                    .transposed_upper_times(self.full, upper, x, out);
            }
        }
    }

    /// `R⁻¹ x`.
    fn inverse_times(&self, x: &[T], out: &mut [T]) {
        match &self.root {
            Root::Identity => out.copy_from_slice(x),
            Root::Diagonal(inverse) => multiply(x, inverse, out),
            Root::Dense(upper) => self.kernels.upper_times(self.full, upper, x, out),
        }
    }
}

fn multiply<T: Real>(x: &[T], y: &[T], out: &mut [T]) {
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = x * y;
    }
}
