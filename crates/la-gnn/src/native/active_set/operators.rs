//! Regularised projections on the rows of a least-distance problem, steps of splitting with them, and what a constraint knows at first.

use super::super::panel::{Left, Panel, add_product};
use super::{Element, expect_finite, expect_len};
use crate::GnnError;
use crate::active_set::LeastDistanceConfig;

/// Slacks are cut at this many times the size of the violations.
const LARGEST_SLACK: f64 = 8.0;

/// Over-relaxation of the steps of splitting.
const RELAXATION: f64 = 1.6;

/// The operators `P_k = B_k Mᵀ` of the rows M of a least-distance problem, `B_k = M (MᵀM + μ_k I)⁻¹`, `B_∞ = M / ‖M Mᵀ‖_F`:
/// see [`LeastDistanceConfig`].
///
/// Set-up costs `2 m n²` operations for MᵀM, `2 m n² + n³` for each ridge.
///
/// # Examples
/// ```
/// use la_gnn::active_set::LeastDistanceConfig;
/// use la_gnn::native::active_set::RowOperators;
///
/// let config = LeastDistanceConfig::default().with_ridges(vec![1.0]);
/// let mut operators = RowOperators::<f64>::new(&config, 1, &[1.0, -1.0])?;
/// // u ≤ −1, −u ≤ 3: the first is active, with multiplier 1.
/// let (multipliers, values) = operators.splitting(0, &[-1.0, 3.0], 100)?;
/// let multiplier = multipliers[0] / 2.0; // μ is 2
/// assert!((multiplier - 1.0).abs() < 1e-9 && (values[0] + 1.0).abs() < 1e-9);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
///
/// # References
/// S. Boyd, N. Parikh, E. Chu, B. Peleato, J. Eckstein, *Found. Trends Mach. Learn.* 3(1), 1–122, 2011, section 5.2 (splitting).
#[derive(Debug, Clone)]
pub struct RowOperators<T> {
    pub(super) rows: Panel<T>,
    /// B of each ridge, then of the Gram matrix.
    pub(super) factors: Vec<Panel<T>>,
    /// Transposes of those of ridges.
    transposed: Vec<Panel<T>>,
    ridges: Vec<f64>,
    gram: bool,
    normal: Panel<T>,
    inverse: Vec<f64>,
    inverse_panel: Panel<T>,
    /// Room for one vector of u-space, and the state of splitting: slacks, projections, multipliers, and points that meet the bounds.
    image: Panel<T>,
    slacks: Vec<T>,
    values: Panel<T>,
    multipliers: Vec<T>,
    points: Vec<T>,
}

impl<T: Element> RowOperators<T> {
    /// The operators of these rows, m × n, each of length 1 or 0.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the entries are no rows of n, [`GnnError::NonFinite`].
    pub fn new(
        config: &LeastDistanceConfig,
        variables: usize,
        rows: &[T],
    ) -> Result<Self, GnnError> {
        let n = variables;
        if n == 0 || !rows.len().is_multiple_of(n) {
            return Err(GnnError::Matrix {
                reason: format!("{} entries are no rows of {n} variables", rows.len()),
            });
        }
        let m = rows.len() / n;
        let mut operators = Self {
            rows: Panel::zeros(m, n),
            factors: vec![Panel::zeros(m, n); config.operators()],
            transposed: vec![Panel::zeros(n, m); config.ridges.len()],
            ridges: config.ridges.clone(),
            gram: config.gram,
            normal: Panel::zeros(n, n),
            inverse: vec![0.0; n * n],
            inverse_panel: Panel::zeros(n, n),
            image: Panel::zeros(1, n),
            slacks: vec![T::ZERO; m],
            values: Panel::zeros(1, m),
            multipliers: vec![T::ZERO; m],
            points: vec![T::ZERO; m],
        };
        operators.set_rows(rows)?;
        Ok(operators)
    }

    /// Number of variables, n.
    #[must_use]
    pub fn num_variables(&self) -> usize {
        self.rows.columns
    }

    /// Number of rows, m.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.rows.rows
    }

    /// Other rows of the same number. Allocates nothing.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if there are more or fewer, [`GnnError::NonFinite`].
    pub fn set_rows(&mut self, rows: &[T]) -> Result<(), GnnError> {
        let (m, n) = (self.rows.rows, self.rows.columns);
        expect_len("rows", rows.len(), m * n)?;
        expect_finite("rows", rows)?;
        for (r, row) in rows.chunks_exact(n).enumerate() {
            self.rows.row_mut(r)[..n].copy_from_slice(row);
        }
        self.normal.data.fill([T::ZERO; 8]);
        add_product(Left::transpose(&self.rows), &self.rows, &mut self.normal);
        let trace: f64 = (0..n).map(|i| self.normal.row(i)[i].to_f64()).sum();
        for k in 0..self.ridges.len() {
            // Without rows there is nothing to project on.
            let ridge = self.ridges[k] * if trace > 0.0 { trace / n as f64 } else { 1.0 };
            for i in 0..n {
                for j in 0..n {
                    let diagonal = if i == j { ridge } else { 0.0 };
                    self.inverse[i * n + j] = self.normal.row(i)[j].to_f64() + diagonal;
                }
            }
            invert(&mut self.inverse, n);
            for i in 0..n {
                let row = &mut self.inverse_panel.row_mut(i)[..n];
                for (to, &value) in row.iter_mut().zip(&self.inverse[i * n..]) {
                    *to = T::from_f64(value);
                }
            }
            let factor = &mut self.factors[k];
            factor.data.fill([T::ZERO; 8]);
            add_product(Left::of(&self.rows), &self.inverse_panel, factor);
            for j in 0..m {
                for i in 0..n {
                    self.transposed[k].row_mut(i)[j] = self.factors[k].row(j)[i];
                }
            }
        }
        if self.gram {
            let square: f64 = self.normal.flat().iter().map(|v| v.to_f64().powi(2)).sum();
            let scale = if square > 0.0 {
                1.0 / square.sqrt()
            } else {
                1.0
            };
            let scale = T::from_f64(scale);
            let last = self.factors.len() - 1;
            let pairs = self.factors[last].data.iter_mut().zip(&self.rows.data);
            for (to, from) in pairs {
                *to = from.map(|v| v * scale);
            }
        }
        Ok(())
    }

    /// B_k by rows, m × n.
    ///
    /// # Panics
    /// If there is no such operator.
    #[must_use]
    pub fn factor(&self, operator: usize) -> Vec<T> {
        let (m, n) = (self.rows.rows, self.rows.columns);
        let factor = &self.factors[operator];
        (0..m).flat_map(|r| factor.row(r)[..n].to_vec()).collect()
    }

    /// Steps of splitting with the projection of a ridge on `min ½ ‖u‖²`, `M u ≤ slacks`: μ times the multipliers, and `M u`. Each costs
    /// `4 m n` operations. Allocates nothing.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the length does not fit or there is no such ridge.
    pub fn splitting(
        &mut self,
        ridge: usize,
        slacks: &[T],
        steps: usize,
    ) -> Result<(&[T], &[T]), GnnError> {
        expect_len("slacks", slacks.len(), self.num_rows())?;
        if ridge >= self.transposed.len() {
            return Err(GnnError::Matrix {
                reason: format!("ridge {ridge} of {}", self.transposed.len()),
            });
        }
        self.slacks.copy_from_slice(slacks);
        self.split(ridge, steps);
        Ok((&self.multipliers, &self.values.flat()[..slacks.len()]))
    }

    /// Splitting for the slacks that are stored.
    fn split(&mut self, ridge: usize, steps: usize) {
        let (m, n) = (self.rows.rows, self.rows.columns);
        let (relaxed, rest) = (T::from_f64(RELAXATION), T::from_f64(1.0 - RELAXATION));
        for (point, &slack) in self.points.iter_mut().zip(&self.slacks) {
            *point = if slack < T::ZERO { slack } else { T::ZERO };
        }
        self.multipliers.fill(T::ZERO);
        self.values.data.fill([T::ZERO; 8]);
        for _ in 0..steps {
            // M u for u = (MᵀM + μ I)⁻¹ Mᵀ (z − w), the minimiser of ½ μ ‖u‖² + ½ ‖M u − z + w‖².
            let values = &mut self.values.data.as_flattened_mut()[..m];
            for ((value, &z), &w) in values.iter_mut().zip(&self.points).zip(&self.multipliers) {
                *value = z - w;
            }
            self.image.data.fill([T::ZERO; 8]);
            let values = &self.values.flat()[..m];
            add_product(Left::vector(values), &self.rows, &mut self.image);
            self.values.data.fill([T::ZERO; 8]);
            let image = &self.image.flat()[..n];
            add_product(
                Left::vector(image),
                &self.transposed[ridge],
                &mut self.values,
            );
            let states = self.points.iter_mut().zip(&mut self.multipliers);
            for (((z, w), &v), &slack) in states.zip(self.values.flat()).zip(&self.slacks) {
                let sum = relaxed * v + rest * *z + *w;
                *z = if sum < slack { sum } else { slack };
                *w = sum - *z;
            }
        }
    }
}

/// What each constraint knows at first, m × [`features`](LeastDistanceConfig::features) by rows, from the slacks d of the unconstrained minimiser. False,
/// with nothing written, where none is negative: then no constraint is active.
///
/// With s the slacks in units of the root mean square of the negative ones, cut at ±8: s, max(−s, 0), s / (1 + |s|), the share of
/// negative ones; and for each ridge after the steps of splitting, w the multiplier in units of the mean of positive ones and r the slack that is left:
/// w cut at 8, w / (w + 0.1), r cut at ±8, r / (|r| + 0.1).
///
/// # Errors
/// [`GnnError::Matrix`] if a length does not fit, [`GnnError::NonFinite`] for NaN.
pub fn fill_features<T: Element>(
    operators: &mut RowOperators<T>,
    steps: usize,
    slacks: &[T],
    features: &mut [T],
) -> Result<bool, GnnError> {
    let (m, ridges) = (operators.num_rows(), operators.ridges.len());
    let width = 4 + 4 * ridges;
    expect_len("slacks", slacks.len(), m)?;
    expect_len("features", features.len(), m * width)?;
    if let Some(position) = slacks.iter().position(|d| d.to_f64().is_nan()) {
        return Err(GnnError::NonFinite {
            what: "slacks".into(),
            position,
        });
    }
    let (mut count, mut square) = (0usize, 0.0f64);
    for d in slacks.iter().map(|d| d.to_f64()).filter(|d| *d < 0.0) {
        count += 1;
        square += d * d;
    }
    if count == 0 {
        return Ok(false);
    }
    let unit = (square / count as f64).sqrt();
    let share = T::from_f64(count as f64 / m as f64);
    let rows = features.chunks_exact_mut(width).zip(slacks);
    for ((row, d), slack) in rows.zip(&mut operators.slacks) {
        let s = cut(d.to_f64() / unit);
        *slack = T::from_f64(s);
        row[0] = *slack;
        row[1] = T::from_f64((-s).max(0.0));
        row[2] = T::from_f64(s / (1.0 + s.abs()));
        row[3] = share;
    }
    for k in 0..ridges {
        operators.split(k, steps);
        let positive = operators.multipliers.iter().map(|w| w.to_f64());
        let (sum, count) = positive
            .filter(|w| *w > 0.0)
            .fold((0.0, 0.0), |(sum, count), w| (sum + w, count + 1.0));
        let mean = if sum > 0.0 { sum / count } else { 1.0 };
        for (j, row) in features.chunks_exact_mut(width).enumerate() {
            let w = operators.multipliers[j].to_f64() / mean;
            let r = cut((operators.slacks[j] - operators.values.flat()[j]).to_f64());
            let own = [w.min(LARGEST_SLACK), w / (w + 0.1), r, r / (r.abs() + 0.1)];
            for (to, value) in row[4 + 4 * k..].iter_mut().zip(own) {
                *to = T::from_f64(value);
            }
        }
    }
    Ok(true)
}

fn cut(slack: f64) -> f64 {
    slack.clamp(-LARGEST_SLACK, LARGEST_SLACK)
}

/// The inverse of a symmetric positive definite matrix, by Cholesky, in place.
fn invert(a: &mut [f64], n: usize) {
    // a = L Lᵀ, L in the lower triangle.
    for j in 0..n {
        for i in j..n {
            let (head, tail) = a.split_at(i * n);
            let (row_i, row_j) = if i == j {
                (&tail[..j], &tail[..j])
            } else {
                (&tail[..j], &head[j * n..j * n + j])
            };
            let sum = dot(row_i, row_j);
            let value = a[i * n + j] - sum;
            a[i * n + j] = if i == j {
                value.max(f64::MIN_POSITIVE).sqrt()
            } else {
                value / a[j * n + j]
            };
        }
    }
    // L⁻¹, whose columns are rows of the upper triangle: entry (j, i) holds (L⁻¹)_ij.
    for j in 0..n {
        let pivot = 1.0 / a[j * n + j];
        for i in j + 1..n {
            let mut sum = a[i * n + j] * pivot;
            for k in j + 1..i {
                sum += a[i * n + k] * a[j * n + k];
            }
            a[j * n + i] = -sum / a[i * n + i];
        }
    }
    for j in 0..n {
        a[j * n + j] = 1.0 / a[j * n + j];
    }
    // L⁻ᵀ L⁻¹ = U Uᵀ of the upper triangle U, row by row: entry (i, j) needs columns from j on of rows i ≤ j.
    for i in 0..n {
        for j in i..n {
            let sum = dot(&a[i * n + j..(i + 1) * n], &a[j * n + j..(j + 1) * n]);
            a[i * n + j] = sum;
        }
    }
    for i in 0..n {
        for j in 0..i {
            a[i * n + j] = a[j * n + i];
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (heads, rest) = a.as_chunks::<4>();
    let (other, rest_b) = b.as_chunks::<4>();
    for (x, y) in heads.iter().zip(other) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    let tail: f64 = rest.iter().zip(rest_b).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_times_matrix_is_the_identity() {
        for n in [1usize, 2, 7] {
            let entry = |i: usize, j: usize| {
                let distance = i.abs_diff(j) as f64;
                (-0.7 * distance).exp() + if i == j { 0.3 } else { 0.0 }
            };
            let mut a: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
            invert(&mut a, n);
            for i in 0..n {
                for j in 0..n {
                    let product: f64 = (0..n).map(|k| entry(i, k) * a[k * n + j]).sum();
                    let expected = f64::from(i == j);
                    assert!((product - expected).abs() < 1e-12, "{n}: {i} {j} {product}");
                }
            }
        }
    }

    #[test]
    fn features_are_those_of_the_formula() {
        let config = LeastDistanceConfig::default().with_ridges(vec![0.5]);
        // One variable, rows 1 and -1: MᵀM = 2, μ = 1, P = [1 -1; -1 1] / 3.
        let mut operators = RowOperators::<f64>::new(&config, 1, &[1.0, -1.0]).unwrap();
        let mut features = vec![0.0; 2 * config.features()];
        assert!(fill_features(&mut operators, 1, &[-2.0, 3.0], &mut features).unwrap());
        // s = (-1, 1.5), z = (-1, 0), v = (-1, 1) / 3; relaxed sums 1.6 v − 0.6 z = (0.2, 1.6) / 3.
        let left = [-1.0 + 1.0 / 3.0, 1.5 - 1.0 / 3.0];
        let expected = [
            [-1.0, 1.0, -0.5, 0.5],
            [1.0, 1.0 / 1.1, left[0], left[0] / (0.1 - left[0])],
            [1.5, 0.0, 0.6, 0.5],
            [0.0, 0.0, left[1], left[1] / (0.1 + left[1])],
        ];
        for (got, expected) in features.iter().zip(expected.as_flattened()) {
            assert!((got - expected).abs() < 1e-14, "{features:?}");
        }
        assert!(!fill_features(&mut operators, 1, &[0.0, 3.0], &mut features).unwrap());
        assert!(fill_features(&mut operators, 1, &[f64::NAN, 3.0], &mut features).is_err());
        let open = [-1.0, f64::INFINITY];
        assert!(fill_features(&mut operators, 1, &open, &mut features).unwrap());
        assert_eq!(features[8], 8.0);
    }

    #[test]
    fn splitting_converges_to_the_solution() {
        // The point of u_1 ≤ -1, u_1 + u_2 ≤ -√2 · 1 nearest to 0, with a third row that does not matter.
        let half = 0.5f64.sqrt();
        let rows = [1.0, 0.0, half, half, 0.0, 1.0];
        let config = LeastDistanceConfig::default().with_ridges(vec![1.0]);
        let mut operators = RowOperators::<f64>::new(&config, 2, &rows).unwrap();
        let d = [-1.0, -1.2, 5.0];
        let (multipliers, values) = operators.splitting(0, &d, 2000).unwrap();
        // u = (-1, 1 − 1.2 √2): both of the first two are active.
        assert!((values[0] + 1.0).abs() < 1e-9 && (values[1] + 1.2).abs() < 1e-9);
        let mu = 3.0 / 2.0;
        let second = (1.2 / half - 1.0) / half;
        assert!(
            (multipliers[1] / mu - second).abs() < 1e-8,
            "{multipliers:?}"
        );
        assert!((multipliers[0] / mu - (1.0 - second * half)).abs() < 1e-8);
        assert_eq!(multipliers[2], 0.0);
        assert!(operators.splitting(1, &d, 1).is_err());
        assert!(operators.splitting(0, &d[1..], 1).is_err());
    }
}
