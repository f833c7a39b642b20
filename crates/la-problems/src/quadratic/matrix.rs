//! Small dense matrices, row-major: what the models of controllers need and nothing else.

use crate::error::ProblemError;

/// A dense matrix, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) values: Vec<f64>,
}

impl Matrix {
    pub(super) fn zeros(rows: usize, cols: usize) -> Self {
        Self {
            rows,
            cols,
            values: vec![0.0; rows * cols],
        }
    }

    pub(super) fn identity(n: usize) -> Self {
        Self::diagonal(&vec![1.0; n])
    }

    pub(super) fn diagonal(diagonal: &[f64]) -> Self {
        let n = diagonal.len();
        let mut matrix = Self::zeros(n, n);
        for (i, &d) in diagonal.iter().enumerate() {
            matrix.values[i * n + i] = d;
        }
        matrix
    }

    /// Takes values that the caller has counted.
    pub(super) fn from_values(rows: usize, cols: usize, values: Vec<f64>) -> Self {
        debug_assert_eq!(values.len(), rows * cols);
        Self { rows, cols, values }
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.cols..(i + 1) * self.cols]
    }

    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.values[i * self.cols + j]
    }

    pub(super) fn at_mut(&mut self, i: usize, j: usize) -> &mut f64 {
        &mut self.values[i * self.cols + j]
    }

    pub(super) fn transpose(&self) -> Self {
        let mut result = Self::zeros(self.cols, self.rows);
        for i in 0..self.rows {
            for j in 0..self.cols {
                *result.at_mut(j, i) = self.at(i, j);
            }
        }
        result
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        debug_assert_eq!(self.cols, other.rows);
        let mut result = Self::zeros(self.rows, other.cols);
        if other.cols == 0 {
            return result;
        }
        for (i, out) in result.values.chunks_exact_mut(other.cols).enumerate() {
            for (k, &a) in self.row(i).iter().enumerate() {
                if a != 0.0 {
                    for (out, &b) in out.iter_mut().zip(other.row(k)) {
                        *out += a * b;
                    }
                }
            }
        }
        result
    }

    /// `self += factor other`.
    pub(super) fn add(&mut self, factor: f64, other: &Self) {
        for (x, &y) in self.values.iter_mut().zip(&other.values) {
            *x += factor * y;
        }
    }

    pub(super) fn scaled(mut self, factor: f64) -> Self {
        for x in &mut self.values {
            *x *= factor;
        }
        self
    }

    /// `(X + Xᵀ) / 2`.
    pub(super) fn symmetric_part(&self) -> Self {
        let mut result = self.clone();
        result.add(1.0, &self.transpose());
        result.scaled(0.5)
    }

    /// The block of these sizes at this corner.
    pub(super) fn block(&self, i: usize, j: usize, rows: usize, cols: usize) -> Self {
        let mut result = Self::zeros(rows, cols);
        for r in 0..rows {
            for c in 0..cols {
                *result.at_mut(r, c) = self.at(i + r, j + c);
            }
        }
        result
    }

    /// Largest sum of absolute values of a column.
    pub(super) fn norm_one(&self) -> f64 {
        let mut sums = vec![0.0f64; self.cols];
        for i in 0..self.rows {
            for (sum, x) in sums.iter_mut().zip(self.row(i)) {
                *sum += x.abs();
            }
        }
        sums.into_iter().fold(0.0, f64::max)
    }

    pub(super) fn largest(&self) -> f64 {
        self.values.iter().fold(0.0, |most, x| x.abs().max(most))
    }

    /// Solves `self X = right` by elimination with row exchanges; nothing if the matrix is singular.
    pub(super) fn solve(&self, right: &Self) -> Option<Self> {
        let n = self.rows;
        let (mut a, mut x) = (self.clone(), right.clone());
        for k in 0..n {
            let pivot = (k..n).max_by(|&i, &j| a.at(i, k).abs().total_cmp(&a.at(j, k).abs()))?;
            let size = a.at(pivot, k).abs();
            if !(size > 0.0 && size.is_finite()) {
                return None;
            }
            if pivot != k {
                for j in 0..n {
                    a.values.swap(k * n + j, pivot * n + j);
                }
                for j in 0..x.cols {
                    x.values.swap(k * x.cols + j, pivot * x.cols + j);
                }
            }
            for i in k + 1..n {
                let factor = a.at(i, k) / a.at(k, k);
                if factor != 0.0 {
                    for j in k..n {
                        *a.at_mut(i, j) -= factor * a.at(k, j);
                    }
                    for j in 0..x.cols {
                        *x.at_mut(i, j) -= factor * x.at(k, j);
                    }
                }
            }
        }
        for k in (0..n).rev() {
            for j in 0..x.cols {
                let mut sum = x.at(k, j);
                for i in k + 1..n {
                    sum -= a.at(k, i) * x.at(i, j);
                }
                *x.at_mut(k, j) = sum / a.at(k, k);
            }
        }
        Some(x)
    }

    /// `exp(self)`: scaling, the diagonal Padé approximant of degree 13, squaring.
    ///
    /// N. J. Higham, *SIAM J. Matrix Anal. Appl.* 26(4), 1179–1193, 2005, algorithm 2.3; of its degrees only the last is used.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] if the norm is not finite or so large that the result overflows.
    pub(super) fn exponential(&self) -> Result<Self, ProblemError> {
        // Norm up to which the approximant is exact to rounding (table 2.3), and its coefficients (equation 2.8 with q = 13).
        const LARGEST: f64 = 5.371_920_351_148_152;
        const B: [f64; 14] = [
            64_764_752_532_480_000.0,
            32_382_376_266_240_000.0,
            7_771_770_303_897_600.0,
            1_187_353_796_428_800.0,
            129_060_195_264_000.0,
            10_559_470_521_600.0,
            670_442_572_800.0,
            33_522_128_640.0,
            1_323_241_920.0,
            40_840_800.0,
            960_960.0,
            16_380.0,
            182.0,
            1.0,
        ];
        let norm = self.norm_one();
        let refuse = ProblemError::InvalidOption {
            option: "norm of the matrix times the sampling period",
            value: norm,
            requirement: "finite and small enough for its exponential to be finite",
        };
        if !norm.is_finite() {
            return Err(refuse);
        }
        let mut squarings = 0_i32;
        while norm / 2.0_f64.powi(squarings) > LARGEST {
            squarings += 1;
        }
        let a = self.clone().scaled(0.5_f64.powi(squarings));
        let n = self.rows;
        let two = a.times(&a);
        let four = two.times(&two);
        let six = four.times(&two);
        let combine = |b6: f64, b4: f64, b2: f64, b0: f64| {
            let mut sum = Self::identity(n).scaled(b0);
            sum.add(b2, &two);
            sum.add(b4, &four);
            sum.add(b6, &six);
            sum
        };
        // U = A [A⁶ (b₁₃ A⁶ + b₁₁ A⁴ + b₉ A²) + b₇ A⁶ + b₅ A⁴ + b₃ A² + b₁ I], V alike with even ones.
        let mut odd = six.times(&combine(B[13], B[11], B[9], 0.0));
        odd.add(1.0, &combine(B[7], B[5], B[3], B[1]));
        let odd = a.times(&odd);
        let mut even = six.times(&combine(B[12], B[10], B[8], 0.0));
        even.add(1.0, &combine(B[6], B[4], B[2], B[0]));
        let (mut below, mut above) = (even.clone(), even);
        below.add(-1.0, &odd);
        above.add(1.0, &odd);
        let Some(mut result) = below.solve(&above) else {
            return Err(refuse);
        };
        for _ in 0..squarings {
            result = result.times(&result);
        }
        if result.values.iter().all(|x| x.is_finite()) {
            Ok(result)
        } else {
            Err(refuse)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_that_are_known() {
        // A rotation, whose norm needs squarings.
        let angle = 100.0;
        let a = Matrix::from_values(2, 2, vec![0.0, angle, -angle, 0.0]);
        let e = a.exponential().unwrap();
        let expected = [angle.cos(), angle.sin(), -angle.sin(), angle.cos()];
        for (x, y) in e.values.iter().zip(expected) {
            assert!((x - y).abs() < 1e-12, "{x} {y}");
        }
        // A nilpotent matrix: the series ends.
        let a = Matrix::from_values(3, 3, vec![0.0, 2.0, 3.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0]);
        let e = a.exponential().unwrap();
        let expected = [1.0, 2.0, 7.0, 0.0, 1.0, 4.0, 0.0, 0.0, 1.0];
        for (x, y) in e.values.iter().zip(expected) {
            assert!((x - y).abs() < 1e-14, "{x} {y}");
        }
        assert_eq!(Matrix::zeros(0, 0).exponential().unwrap().values, []);
    }

    #[test]
    fn exponentials_that_are_not_finite_are_refused() {
        for value in [f64::NAN, f64::INFINITY, 1e4, 1e300] {
            assert!(
                Matrix::from_values(1, 1, vec![value])
                    .exponential()
                    .is_err()
            );
        }
    }

    #[test]
    fn elimination_exchanges_rows_and_sees_singular_matrices() {
        let a = Matrix::from_values(3, 3, vec![0.0, 2.0, 1.0, 1.0, 0.0, 0.0, 3.0, 0.0, 4.0]);
        let x = Matrix::from_values(3, 2, vec![1.0, -1.0, 2.0, 0.5, -3.0, 4.0]);
        let solved = a.solve(&a.times(&x)).unwrap();
        for (x, y) in solved.values.iter().zip(&x.values) {
            assert!((x - y).abs() < 1e-14);
        }
        let singular = Matrix::from_values(2, 2, vec![1.0, 2.0, 0.0, 0.0]);
        assert!(singular.solve(&Matrix::identity(2)).is_none());
    }
}
