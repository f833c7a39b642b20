//! The rows of the least-distance form: all of them, or those that a guess names.

use super::least_distance::LeastDistance;
use super::problem::QuadraticProgram;
use super::root::Root;
use super::sparse::Rows;
use crate::Real;
use crate::kernels::{FEW_COLUMNS, UnitRows, upper_row};

impl<T: Real> LeastDistance<T> {
    /// All rows, `M = S A R⁻¹`, with their scales; no bounds yet. n³/3 operations for the inverse of a dense R, m n² for the rows.
    ///
    /// With equalities to solve for, the rows of the others in the directions that are left.
    pub(super) fn complete(
        &mut self,
        problem: &QuadraticProgram<T>,
        equalities: impl Iterator<Item = usize>,
        zero_tol: T,
    ) {
        self.complete = true;
        let mut equalities = equalities.peekable();
        if equalities.peek().is_some() {
            if let Root::Dense(upper) = &mut self.root {
                self.kernels
                    .invert_upper(self.n, self.band, upper, &mut self.square);
            }
            self.factor_equalities(problem, equalities, zero_tol);
            self.reduce_rows(problem);
            self.normalise_reduced(problem, zero_tol);
            self.write_columns();
            return;
        }
        if self.n == 0 {
            self.empty.fill(true);
            return;
        }
        self.make_rows(problem, zero_tol);
        let (n, kernels) = (self.n, self.kernels);
        let of_bounds = &mut self.scale[..self.bounds];
        match &mut self.root {
            Root::Identity => of_bounds.fill(T::ONE),
            Root::Diagonal(inverse) => {
                for (scale, &inverse) in of_bounds.iter_mut().zip(&*inverse) {
                    *scale = T::ONE / inverse;
                }
            }
            Root::Dense(upper) => {
                for (i, scale) in of_bounds.iter_mut().enumerate() {
                    let row = &mut upper[upper_row(n, i)];
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
    }

    /// The rows of the constraints that are not bounds, normalised, and their scales; by columns too where these are few.
    fn make_rows(&mut self, problem: &QuadraticProgram<T>, zero_tol: T) {
        self.size_columns();
        let (n, kernels) = (self.n, self.kernels);
        let scales = &mut self.scale[self.bounds..];
        match &mut self.root {
            Root::Identity => {
                for (i, row) in self.rows.chunks_exact_mut(n).enumerate() {
                    problem.rows.copy_row(i, row);
                }
            }
            Root::Diagonal(inverse) => {
                for (i, row) in self.rows.chunks_exact_mut(n).enumerate() {
                    problem.rows.copy_row(i, row);
                    for (x, &inverse) in row.iter_mut().zip(&*inverse) {
                        *x *= inverse;
                    }
                }
            }
            Root::Dense(upper) => {
                kernels.invert_upper(n, self.band, upper, &mut self.square);
                match &problem.rows {
                    Rows::Dense(values) if n <= FEW_COLUMNS => {
                        let to = UnitRows {
                            rows: &mut self.rows,
                            columns: &mut self.columns,
                            scales,
                        };
                        kernels.few_times_upper(n, values, upper, to, zero_tol);
                        return;
                    }
                    rows => rows.times_upper(kernels, n, upper, &mut self.rows),
                }
            }
        }
        if n > FEW_COLUMNS {
            kernels.normalise_rows(n, &mut self.rows, scales, zero_tol);
            return;
        }
        kernels.transpose(n, &self.rows, &mut self.columns);
        let to = UnitRows {
            rows: &mut self.rows,
            columns: &mut self.columns,
            scales,
        };
        kernels.normalise_both(n, to, zero_tol);
    }

    /// Room for the rows by columns, where these are few.
    fn size_columns(&mut self) {
        let n = self.n;
        if (1..=FEW_COLUMNS).contains(&n) {
            let stride = (self.rows.len() / n).next_multiple_of(8);
            self.columns.resize(n * stride, T::ZERO);
        }
    }

    /// The rows once more, by columns, where these are few.
    fn write_columns(&mut self) {
        self.size_columns();
        if (1..=FEW_COLUMNS).contains(&self.n) {
            self.kernels
                .transpose(self.n, &self.rows, &mut self.columns);
        }
    }

    /// The rows of these constraints alone, by substitution: n² operations each for a dense R.
    pub(super) fn form_rows_of(
        &mut self,
        problem: &QuadraticProgram<T>,
        constraints: impl Iterator<Item = usize>,
        zero_tol: T,
    ) {
        let mut waiting = [0; 4];
        let mut count = 0;
        for j in constraints {
            if waiting[..count].contains(&j) {
                continue;
            }
            self.copy_row(problem, j);
            waiting[count] = j;
            count += 1;
            if count == 4 {
                self.substitute(&waiting, zero_tol);
                count = 0;
            }
        }
        self.substitute(&waiting[..count], zero_tol);
    }

    /// Where a row begins, and its first column that may not be zero; nothing where R is diagonal, and there is nothing to substitute.
    fn row_place(&self, j: usize) -> Option<(bool, usize, usize)> {
        if !matches!(self.root, Root::Dense(_)) {
            return None;
        }
        let n = self.n;
        if j < self.bounds {
            return Some((true, j * n.next_multiple_of(8), j));
        }
        let begin = (j - self.bounds) * n;
        let row = &self.rows[begin..begin + n];
        let first = row.iter().position(|&x| x != T::ZERO).unwrap_or(n);
        Some((false, begin, first))
    }

    /// The row of G, times R⁻¹ where R is diagonal.
    fn copy_row(&mut self, problem: &QuadraticProgram<T>, j: usize) {
        let n = self.n;
        if j < self.bounds {
            if matches!(self.root, Root::Dense(_)) {
                let wide = n.next_multiple_of(8);
                self.square.resize(self.bounds * wide, T::ZERO);
                let row = &mut self.square[j * wide..j * wide + n];
                row.fill(T::ZERO);
                row[j] = T::ONE;
            }
            return;
        }
        let i = j - self.bounds;
        let row = &mut self.rows[i * n..(i + 1) * n];
        problem.rows.copy_row(i, row);
        if let Root::Diagonal(inverse) = &self.root {
            for (x, &inverse) in row.iter_mut().zip(inverse) {
                *x *= inverse;
            }
        }
    }

    /// `y R = row` for up to four rows, and their scales.
    fn substitute(&mut self, constraints: &[usize], zero_tol: T) {
        let n = self.n;
        if let &[a, b, c, d] = constraints {
            let places = [a, b, c, d].map(|j| self.row_place(j));
            if let [
                Some((bound, p0, f0)),
                Some((b1, p1, f1)),
                Some((b2, p2, f2)),
                Some((b3, p3, f3)),
            ] = places
                && [b1, b2, b3] == [bound; 3]
                && let Root::Dense(upper) = &self.root
            {
                let buffer = if bound {
                    &mut self.square
                } else {
                    &mut self.rows
                };
                let ranges = [p0, p1, p2, p3].map(|p| p..p + n);
                if let Ok(rows) = buffer.get_disjoint_mut(ranges) {
                    let first = f0.min(f1).min(f2).min(f3);
                    self.kernels.forward_upper_four(n, upper, first, rows);
                    for &j in constraints {
                        self.finish_row(j, zero_tol);
                    }
                    return;
                }
            }
        }
        for &j in constraints {
            if let (Root::Dense(upper), Some((bound, begin, first))) =
                (&self.root, self.row_place(j))
            {
                let buffer = if bound {
                    &mut self.square
                } else {
                    &mut self.rows
                };
                self.kernels
                    .forward_upper(n, upper, first, &mut buffer[begin..begin + n]);
            }
            self.finish_row(j, zero_tol);
        }
    }

    /// Normalises a row.
    fn finish_row(&mut self, j: usize, zero_tol: T) {
        let (n, kernels) = (self.n, self.kernels);
        let scale = &mut self.scale[j..=j];
        match &self.root {
            Root::Identity if j < self.bounds => scale[0] = T::ONE,
            Root::Diagonal(inverse) if j < self.bounds => scale[0] = T::ONE / inverse[j],
            Root::Dense(_) if j < self.bounds => {
                let begin = j * n.next_multiple_of(8);
                let row = &mut self.square[begin..begin + n];
                kernels.normalise_rows(n, row, scale, zero_tol);
            }
            _ => {
                let begin = (j - self.bounds) * n;
                let row = &mut self.rows[begin..begin + n];
                kernels.normalise_rows(n, row, scale, zero_tol);
            }
        }
        self.empty[j] = scale[0] == T::ZERO;
        if self.empty[j] {
            scale[0] = T::ONE;
        }
    }
}
