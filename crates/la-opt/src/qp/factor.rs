//! `L D Lᵀ` of the Gram matrix of the working set, one row more or less at a time.

use crate::Real;
use crate::kernels::{Kernels, lower_start as start};

/// `M_W M_Wᵀ = L D Lᵀ` with a unit lower triangular L, by rows.
///
/// A working set of k rows takes k²/2 numbers. The last pivot may be zero: then the last row depends on the others.
#[derive(Debug, Clone)]
pub(super) struct GramFactor<T> {
    kernels: Kernels,
    /// Rows of L without their ones: row i begins at i (i − 1) / 2.
    lower: Vec<T>,
    pivots: Vec<T>,
    /// Column of L that a removal takes out.
    column: Vec<T>,
    multipliers: Vec<[T; 2]>,
}

impl<T: Real> GramFactor<T> {
    /// Room for `capacity` rows.
    pub(super) fn with_capacity(capacity: usize, kernels: Kernels) -> Self {
        Self {
            kernels,
            lower: Vec::with_capacity(start(capacity + 1)),
            pivots: Vec::with_capacity(capacity),
            column: Vec::with_capacity(capacity),
            multipliers: Vec::with_capacity(capacity),
        }
    }

    /// Number of rows, k.
    pub(super) fn len(&self) -> usize {
        self.pivots.len()
    }

    pub(super) fn clear(&mut self) {
        self.lower.clear();
        self.pivots.clear();
    }

    pub(super) fn pivots(&self) -> &[T] {
        &self.pivots
    }

    /// Row i of L, i entries.
    #[inline(always)]
    fn row(&self, i: usize) -> &[T] {
        &self.lower[start(i)..start(i + 1)]
    }

    /// Appends a row whose products with the rows of the set are `products`, its own square included as the last one. Returns the
    /// pivot, the squared distance of the row from the span of the set. `products` is used up.
    ///
    /// Costs k².
    pub(super) fn append(&mut self, products: &mut [T]) -> T {
        let k = self.len();
        self.forward(&mut products[..k], 0);
        let mut pivot = products[k];
        for (y, &d) in products[..k].iter().zip(&self.pivots) {
            let l = *y / d;
            pivot -= *y * l;
            self.lower.push(l);
        }
        self.pivots.push(pivot);
        pivot
    }

    /// Declares the last row dependent on the others.
    pub(super) fn zero_last(&mut self) {
        if let Some(last) = self.pivots.last_mut() {
            *last = T::ZERO;
        }
    }

    /// Removes row r: what is right of it and below takes up the rank-one part `d_r w wᵀ`, w the column below.
    ///
    /// ```text
    /// α = d_r;  for each column j > r:  p = w_j,  d̃_j = d_j + α p²,  β = α p / d̃_j,  α ← α d_j / d̃_j
    ///                                   for each row i > j:  w_i ← w_i − p l_ij,  l_ij ← l_ij + β w_i
    /// ```
    ///
    /// Costs 2 (k − r)². (Gill, Golub, Murray, Saunders, *Math. Comput.* 28(126), 505–535, 1974, method C1.) By rows, four at a time,
    /// so that the chains of operations on w overlap.
    pub(super) fn remove(&mut self, r: usize) {
        let k = self.len();
        let mut alpha = self.pivots[r];
        self.column.clear();
        self.multipliers.clear();
        for i in r + 1..k {
            self.column.push(self.lower[start(i) + r]);
        }
        // Row i moves to the place of row i − 1, which ends before it begins.
        for i in r + 1..k {
            let (from, to) = (start(i), start(i - 1));
            self.lower.copy_within(from..from + r, to);
            self.lower.copy_within(from + r + 1..from + i, to + r);
        }
        self.lower.truncate(start(k - 1));
        self.pivots.remove(r);
        // Rows from r on are those behind the removed one now; their entries from column r on change.
        let trailing = k - 1 - r;
        let mut i = 0;
        while i < trailing {
            let group = (trailing - i).min(4);
            self.sweep_group(r, i, group);
            // The triangle of the group, which has the multipliers of its own columns to compute.
            for a in i..i + group {
                for b in i..a {
                    let [p, beta] = self.multipliers[b];
                    let l = &mut self.lower[start(r + a) + r + b];
                    self.column[a] -= p * *l;
                    *l += beta * self.column[a];
                }
                let (p, d) = (self.column[a], self.pivots[r + a]);
                let updated = d + alpha * p * p;
                if updated > T::ZERO {
                    self.multipliers.push([p, alpha * p / updated]);
                    alpha *= d / updated;
                } else {
                    // A zero pivot that gets nothing stays zero, and nothing goes on through it.
                    self.multipliers.push([p, T::ZERO]);
                }
                self.pivots[r + a] = updated;
            }
            i += group;
        }
    }

    /// Columns before row `i` of the trailing part, applied to `group` rows at once.
    #[inline]
    fn sweep_group(&mut self, r: usize, i: usize, group: usize) {
        if group == 4 {
            let mut w = [T::ZERO; 4];
            w.copy_from_slice(&self.column[i..i + 4]);
            let begins: [usize; 4] = std::array::from_fn(|g| start(r + i + g) + r);
            let (first, rest) = self.lower[begins[0]..].split_at_mut(begins[1] - begins[0]);
            let (second, rest) = rest.split_at_mut(begins[2] - begins[1]);
            let (third, fourth) = rest.split_at_mut(begins[3] - begins[2]);
            let rows = first[..i]
                .iter_mut()
                .zip(&mut second[..i])
                .zip(&mut third[..i])
                .zip(&mut fourth[..i]);
            for ((((a, b), c), d), &[p, beta]) in rows.zip(&self.multipliers[..i]) {
                w[0] -= p * *a;
                w[1] -= p * *b;
                w[2] -= p * *c;
                w[3] -= p * *d;
                *a += beta * w[0];
                *b += beta * w[1];
                *c += beta * w[2];
                *d += beta * w[3];
            }
            self.column[i..i + 4].copy_from_slice(&w);
        } else {
            for g in i..i + group {
                let begin = start(r + g) + r;
                let row = &mut self.lower[begin..begin + i];
                let mut w = self.column[g];
                for (l, &[p, beta]) in row.iter_mut().zip(&self.multipliers[..i]) {
                    w -= p * *l;
                    *l += beta * w;
                }
                self.column[g] = w;
            }
        }
    }

    /// `y ← L⁻¹ y`, whose first `known` entries are those of the result already.
    pub(super) fn forward(&self, y: &mut [T], known: usize) {
        self.kernels.forward_lower(&self.lower, y, known);
    }

    /// `z ← L⁻ᵀ z` of the leading part of the length of z.
    pub(super) fn backward(&self, z: &mut [T]) {
        self.kernels.backward_lower(&self.lower, z);
    }

    /// A vector p with `p_last = 1` and `M_Wᵀ p = 0`, where the last pivot is zero.
    pub(super) fn null_vector(&self, p: &mut [T]) {
        let last = self.len() - 1;
        for (p, &l) in p.iter_mut().zip(self.row(last)) {
            *p = -l;
        }
        self.backward(&mut p[..last]);
        p[last] = T::ONE;
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    struct Rows {
        vectors: Vec<Vec<f64>>,
        set: Vec<usize>,
        factor: GramFactor<f64>,
    }

    impl Rows {
        fn new(count: usize, n: usize, seed: u64) -> Self {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut unit = || {
                let v: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
                let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
                v.iter().map(|x| x / norm).collect::<Vec<_>>()
            };
            Self {
                vectors: (0..count).map(|_| unit()).collect(),
                set: Vec::new(),
                factor: GramFactor::with_capacity(n, Kernels::detect()),
            }
        }

        fn product(&self, i: usize, j: usize) -> f64 {
            self.vectors[i]
                .iter()
                .zip(&self.vectors[j])
                .map(|(a, b)| a * b)
                .sum()
        }

        fn append(&mut self, j: usize) -> f64 {
            let mut products: Vec<f64> = self.set.iter().map(|&i| self.product(i, j)).collect();
            products.push(self.product(j, j));
            self.set.push(j);
            self.factor.append(&mut products)
        }

        fn remove(&mut self, at: usize) {
            self.set.remove(at);
            self.factor.remove(at);
        }

        /// Largest entry of `L D Lᵀ − M_W M_Wᵀ`.
        fn error(&self) -> f64 {
            let k = self.set.len();
            let entry = |i: usize, j: usize| if i == j { 1.0 } else { self.factor.row(i)[j] };
            let mut worst = 0.0f64;
            for i in 0..k {
                for j in 0..=i {
                    let product: f64 = (0..=j)
                        .map(|c| entry(i, c) * self.factor.pivots[c] * entry(j, c))
                        .sum();
                    worst = worst.max((product - self.product(self.set[i], self.set[j])).abs());
                }
            }
            worst
        }
    }

    /// Random appends and removals; the largest error seen, which is looked at every so often.
    fn error_of_random_changes(steps: usize, look: usize, renew: Option<usize>) -> f64 {
        let mut rows = Rows::new(60, 24, 1);
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut worst = 0.0f64;
        for step in 1..=steps {
            let k = rows.set.len();
            if k > 0 && (k == 20 || rng.random_bool(0.5)) {
                rows.remove(rng.random_range(0..k));
            } else {
                let j = rng.random_range(0..60);
                if !rows.set.contains(&j) {
                    rows.append(j);
                }
            }
            if step % look == 0 {
                worst = worst.max(rows.error());
            }
            if renew.is_some_and(|renew| step % renew == 0) {
                rows.factor.clear();
                for j in std::mem::take(&mut rows.set) {
                    rows.append(j);
                }
            }
        }
        worst.max(rows.error())
    }

    #[test]
    fn random_changes_leave_a_factor_of_the_gram_matrix() {
        let error = error_of_random_changes(100_000, 97, None);
        assert!(error < 1e-9, "{error}");
    }

    #[test]
    #[ignore = "slow: ten million changes"]
    fn ten_million_changes_leave_a_factor_of_the_gram_matrix() {
        let error = error_of_random_changes(10_000_000, 997, Some(1000));
        assert!(error < 1e-9, "{error}");
    }

    #[test]
    fn a_dependent_row_has_a_null_vector_and_its_removal_heals() {
        let mut rows = Rows::new(4, 6, 3);
        let sum: Vec<f64> = (0..6)
            .map(|c| 0.5 * rows.vectors[0][c] - 2.0 * rows.vectors[1][c])
            .collect();
        rows.vectors.push(sum);
        for j in [0, 2, 1] {
            rows.append(j);
        }
        assert!(rows.append(4) < 1e-14);
        rows.factor.zero_last();
        let mut p = vec![0.0; 4];
        rows.factor.null_vector(&mut p);
        for (p, e) in p.iter().zip([-0.5, 0.0, 2.0, 1.0]) {
            assert!((p - e).abs() < 1e-12, "{p} {e}");
        }
        rows.remove(0);
        assert!(rows.error() < 1e-13);
        assert!(rows.factor.pivots().iter().all(|&d| d > 1e-3));
    }

    #[test]
    fn solves_with_both_triangles() {
        let mut rows = Rows::new(10, 12, 5);
        for j in 0..9 {
            rows.append(j);
        }
        rows.remove(3);
        let k = rows.set.len();
        let mut x: Vec<f64> = (0..k).map(|i| i as f64 - 2.5).collect();
        let right = x.clone();
        rows.factor.forward(&mut x, 0);
        for (x, d) in x.iter_mut().zip(rows.factor.pivots()) {
            *x /= d;
        }
        rows.factor.backward(&mut x);
        for (i, &right) in right.iter().enumerate() {
            let row: f64 = (0..k)
                .map(|j| rows.product(rows.set[i], rows.set[j]) * x[j])
                .sum();
            assert!((row - right).abs() < 1e-10);
        }
    }
}
