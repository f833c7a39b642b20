//! What some steps of GMRES leave of a residual, and its gradient.

use super::elimination::{Factors, Matrix};

/// One product with `A P⁻¹`: what the backward pass needs of it.
struct Product {
    /// `L⁻¹ v`
    half: Vec<f64>,
    /// `U⁻¹ L⁻¹ v`
    whole: Vec<f64>,
}

impl Matrix {
    /// `ln(‖r_m‖ / ‖b‖) / m` after at most `steps` steps of right-preconditioned GMRES from zero, m the steps that were made, and
    /// `grad += ∂/∂(entries of the factors)`.
    ///
    /// The residual is `r = q(A P⁻¹) b` with the polynomial q that makes it smallest, so that to first order only P moves and q
    /// stays (the envelope theorem): the recurrences of Arnoldi with their coefficients held fixed are differentiated, and the
    /// orthogonalisation is not. `steps` stays small, a dozen or so: the adjoint recurrence is not reorthogonalised.
    ///
    /// GMRES that ends early (the residual vanishes) gives the steps it made; a zero right-hand side gives 0 and no gradient.
    pub(super) fn krylov_loss(
        &self,
        factors: &Factors,
        b: &[f64],
        steps: usize,
        grad: &mut [f64],
    ) -> f64 {
        let norm = dot(b, b).sqrt();
        if norm == 0.0 {
            return 0.0;
        }
        let mut basis = vec![b.iter().map(|v| v / norm).collect::<Vec<f64>>()];
        let mut hessenberg: Vec<Vec<f64>> = Vec::new();
        let mut products = Vec::new();
        for j in 0..steps {
            let product = self.product(factors, &basis[j]);
            let mut w = vec![0.0; self.order()];
            self.multiply(&product.whole, &mut w);
            products.push(product);
            let before = dot(&w, &w).sqrt();
            let mut h = vec![0.0; j + 2];
            for _ in 0..2 {
                for (h, v) in h.iter_mut().zip(&basis) {
                    let part = dot(&w, v);
                    *h += part;
                    add(-part, v, &mut w);
                }
            }
            let rest = dot(&w, &w).sqrt();
            h[j + 1] = rest;
            hessenberg.push(h);
            if rest <= 1e-12 * before {
                break;
            }
            w.iter_mut().for_each(|w| *w /= rest);
            basis.push(w);
        }
        let made = hessenberg.len();
        let y = least_squares(&hessenberg);
        // r = V (e₁ − H y)
        let mut coefficients = vec![0.0; made + 1];
        coefficients[0] = 1.0;
        for (h, y) in hessenberg.iter().zip(&y) {
            add(-y, h, &mut coefficients);
        }
        let mut residual = vec![0.0; self.order()];
        for (c, v) in coefficients.iter().zip(&basis) {
            add(*c, v, &mut residual);
        }
        let size = dot(&residual, &residual);
        if size.is_nan() || size <= 1e-26 {
            return 0.5 * size.ln() / made as f64;
        }
        let scale = 1.0 / (size * made as f64);
        let mut grad_basis = vec![vec![0.0; self.order()]; made];
        for j in (0..made).rev() {
            let mut back: Vec<f64> = residual.iter().map(|r| -y[j] * scale * r).collect();
            if let Some((own, [next, ..])) = grad_basis.split_at_mut_checked(j + 1) {
                // v_{j+1} = (A P⁻¹ v_j − Σ h_ij v_i) / h_{j+1,j}
                let divisor = hessenberg[j][j + 1];
                add(1.0 / divisor, next, &mut back);
                for (h, g) in hessenberg[j].iter().zip(own) {
                    add(-h / divisor, next, g);
                }
            }
            let through = self.product_adjoint(factors, &products[j], &back, grad);
            add(1.0, &through, &mut grad_basis[j]);
        }
        0.5 * size.ln() / made as f64
    }

    fn product(&self, factors: &Factors, v: &[f64]) -> Product {
        let f = &factors.values;
        let mut half = v.to_vec();
        for i in 0..self.order() {
            let row = self.row_ptr[i]..self.diagonal[i];
            let sum: f64 = row.map(|q| f[q] * half[self.columns[q]]).sum();
            half[i] -= sum;
        }
        let mut whole = half.clone();
        for i in (0..self.order()).rev() {
            let row = self.diagonal[i] + 1..self.row_ptr[i + 1];
            let sum: f64 = row.map(|q| f[q] * whole[self.columns[q]]).sum();
            whole[i] = (whole[i] - sum) / f[self.diagonal[i]];
        }
        Product { half, whole }
    }

    /// The gradient of v, and `grad +=` that of the factors, given that of `A P⁻¹ v`.
    fn product_adjoint(
        &self,
        factors: &Factors,
        product: &Product,
        given: &[f64],
        grad: &mut [f64],
    ) -> Vec<f64> {
        let f = &factors.values;
        let mut h = vec![0.0; self.order()];
        for (i, g) in given.iter().enumerate() {
            for q in self.row_ptr[i]..self.row_ptr[i + 1] {
                h[self.columns[q]] += self.values[q] * g;
            }
        }
        for i in 0..self.order() {
            h[i] /= f[self.diagonal[i]];
            let own = h[i];
            grad[self.diagonal[i]] -= own * product.whole[i];
            for q in self.diagonal[i] + 1..self.row_ptr[i + 1] {
                h[self.columns[q]] -= f[q] * own;
                grad[q] -= own * product.whole[self.columns[q]];
            }
        }
        for i in (0..self.order()).rev() {
            let own = h[i];
            for q in self.row_ptr[i]..self.diagonal[i] {
                h[self.columns[q]] -= f[q] * own;
                grad[q] -= own * product.half[self.columns[q]];
            }
        }
        h
    }

    fn multiply(&self, x: &[f64], y: &mut [f64]) {
        for (y, row) in y.iter_mut().zip(self.row_ptr.windows(2)) {
            *y = (row[0]..row[1])
                .map(|q| self.values[q] * x[self.columns[q]])
                .sum();
        }
    }
}

/// The y that makes `‖e₁ − H y‖` smallest, H upper Hessenberg and given by columns.
fn least_squares(hessenberg: &[Vec<f64>]) -> Vec<f64> {
    let m = hessenberg.len();
    let mut r = hessenberg.to_vec();
    let mut rhs = vec![0.0; m + 1];
    rhs[0] = 1.0;
    let mut rotations: Vec<(f64, f64)> = Vec::with_capacity(m);
    for (j, column) in r.iter_mut().enumerate() {
        for (i, &(c, s)) in rotations.iter().enumerate() {
            (column[i], column[i + 1]) = (
                c * column[i] + s * column[i + 1],
                c * column[i + 1] - s * column[i],
            );
        }
        let length = column[j].hypot(column[j + 1]);
        let (c, s) = (column[j] / length, column[j + 1] / length);
        column[j] = length;
        (rhs[j], rhs[j + 1]) = (c * rhs[j], -s * rhs[j]);
        rotations.push((c, s));
    }
    let mut y = vec![0.0; m];
    for i in (0..m).rev() {
        let known: f64 = (i + 1..m).map(|j| r[j][i] * y[j]).sum();
        y[i] = (rhs[i] - known) / r[i][i];
    }
    y
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `y += c x` as far as both reach.
fn add(c: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += c * x;
    }
}

#[cfg(test)]
mod tests {
    use sprs::{CsMatI, TriMatI};

    use super::*;

    /// A 5-point matrix with convection, on which ILU(0) leaves fill out.
    fn matrix(side: usize) -> CsMatI<f64, u32> {
        let mut t = TriMatI::new((side * side, side * side));
        for i in 0..side * side {
            t.add_triplet(i, i, 4.3);
            for (step, inside, value) in [
                (1, i % side + 1 < side, -0.6),
                (side, i / side + 1 < side, -0.9),
            ] {
                if inside {
                    t.add_triplet(i, i + step, value);
                    t.add_triplet(i + step, i, -2.0 - value);
                }
            }
        }
        t.to_csr()
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let a = Matrix::new(matrix(7).view()).unwrap();
        let b: Vec<f64> = (0..49).map(|i| (1.0 + f64::from(i)).sin()).collect();
        let omega: Vec<f64> = (0..49).map(|i| 0.5 + 0.4 * f64::from(i).cos()).collect();
        for steps in [1, 2, 5] {
            let mut grad = vec![0.0; a.values.len()];
            let loss =
                |omega: &[f64], grad: &mut [f64]| a.krylov_loss(&a.factor(omega), &b, steps, grad);
            loss(&omega, &mut grad);
            let grad_omega = a.factor_adjoint(&a.factor(&omega), &omega, &mut grad);
            for i in [8, 17, 30, 44] {
                let mut unused = vec![0.0; a.values.len()];
                let mut at = |step: f64| {
                    let mut moved = omega.clone();
                    moved[i] += step;
                    loss(&moved, &mut unused)
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!(
                    (grad_omega[i] - difference).abs() < 1e-7 + 1e-5 * difference.abs(),
                    "{steps} steps, row {i}: {} and {difference}",
                    grad_omega[i]
                );
            }
        }
    }

    #[test]
    fn ends_early_and_on_nothing() {
        let mut eye: CsMatI<f64, u32> = CsMatI::eye(4);
        eye.map_inplace(|x| 2.0 * x);
        let a = Matrix::new(eye.view()).unwrap();
        let factors = a.factor(&[0.5; 4]);
        let mut grad = vec![0.0; 4];
        assert_eq!(a.krylov_loss(&factors, &[0.0; 4], 3, &mut grad), 0.0);
        let loss = a.krylov_loss(&factors, &[1.0; 4], 3, &mut grad);
        assert!(loss < -30.0, "{loss}");
        assert_eq!(grad, [0.0; 4]);
    }
}
