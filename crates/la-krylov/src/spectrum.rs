//! What an iteration learns of the spectrum of the preconditioned operator on its way.

use crate::Solution;
use crate::gmres::Hessenberg;

/// The operator, projected on the Krylov space of the last start.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Spectrum {
    /// Symmetric tridiagonal T: its diagonal ...
    diagonal: Vec<f64>,
    /// ... and the entries beside it; entry i stands between diagonal entries i and i + 1.
    beside: Vec<f64>,
    /// Upper Hessenberg H, column by column.
    hessenberg: Vec<f64>,
}

impl Spectrum {
    /// Room for a tridiagonal matrix of this order.
    pub(crate) fn reserve_tridiagonal(&mut self, order: usize) {
        self.diagonal.reserve(order);
        self.beside.reserve(order);
    }

    /// Room for a Hessenberg matrix of this order.
    pub(crate) fn reserve_hessenberg(&mut self, order: usize) {
        self.hessenberg.reserve(order * order);
    }

    pub(crate) fn clear(&mut self) {
        self.diagonal.clear();
        self.beside.clear();
        self.hessenberg.clear();
    }

    /// Keeps H unless a larger one is there already.
    pub(crate) fn keep_hessenberg(&mut self, matrix: &Hessenberg) {
        if matrix.columns().pow(2) >= self.hessenberg.len() {
            matrix.copy_square_to(&mut self.hessenberg);
        }
    }

    /// One more row of T: the entry that joins it to the rows before (for all rows but the first),
    /// and its diagonal entry. Ignored beyond the room that was reserved.
    pub(crate) fn push(&mut self, joint: Option<f64>, diagonal: f64) {
        if self.diagonal.len() == self.diagonal.capacity() {
            return;
        }
        if self.diagonal.is_empty() != joint.is_none() {
            return;
        }
        self.beside.extend(joint);
        self.diagonal.push(diagonal);
    }

    /// The row of T that a step of conjugate gradients of length `alpha` adds; `previous` holds the
    /// length of the step before and the coefficient β between both directions. Saad, (6.103).
    pub(crate) fn push_step(&mut self, previous: Option<(f64, f64)>, alpha: f64) {
        match previous {
            Some((before, beta)) => {
                self.push(Some(beta.sqrt() / before), 1.0 / alpha + beta / before);
            }
            None => {
                self.clear();
                self.push(None, 1.0 / alpha);
            }
        }
    }

    /// The extremal eigenvalues of T.
    pub(crate) fn bounds(&self) -> Option<(f64, f64)> {
        let last = self.diagonal.len().checked_sub(1)?;
        Some((self.eigenvalue(0)?, self.eigenvalue(last)?))
    }

    /// The eigenvalue of T with this many others below it.
    fn eigenvalue(&self, index: usize) -> Option<f64> {
        let (d, e) = (&self.diagonal, &self.beside);
        if !d.iter().chain(e).all(|v| v.is_finite()) {
            return None;
        }
        let radius = |i: usize| {
            let left = if i > 0 { e[i - 1].abs() } else { 0.0 };
            left + e.get(i).map_or(0.0, |e| e.abs())
        };
        // Gershgorin
        let mut low = d
            .iter()
            .enumerate()
            .map(|(i, d)| d - radius(i))
            .fold(f64::INFINITY, f64::min);
        let mut high = d
            .iter()
            .enumerate()
            .map(|(i, d)| d + radius(i))
            .fold(f64::NEG_INFINITY, f64::max);
        if !(low.is_finite() && high.is_finite()) {
            return None;
        }
        let size = low.abs().max(high.abs());
        let least = f64::EPSILON * f64::EPSILON * size;
        while high - low > 2.0 * f64::EPSILON * size {
            let middle = low + 0.5 * (high - low);
            if middle <= low || middle >= high {
                break;
            }
            if self.count_below(middle, least) > index {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(low + 0.5 * (high - low))
    }

    /// Eigenvalues of T below `x`, by the signs of the pivots of `T − x I` (Sylvester).
    fn count_below(&self, x: f64, least: f64) -> usize {
        let mut count = 0;
        let mut pivot = 1.0;
        for (i, d) in self.diagonal.iter().enumerate() {
            let e = if i > 0 { self.beside[i - 1] } else { 0.0 };
            pivot = d - x - (e / pivot) * e;
            if pivot.abs() < least {
                pivot = -least;
            }
            count += usize::from(pivot < 0.0);
        }
        count
    }
}

impl<X> Solution<X> {
    /// The smallest and the largest Ritz value of `M⁻¹ A`: the extremal eigenvalues of the tridiagonal
    /// matrix that CG, FCG, and MINRES form anyway, by bisection. `None` for other methods, before
    /// the first iteration, and for FCG with a variable preconditioner.
    ///
    /// The extremal eigenvalues of `M⁻¹ A` (those that the right-hand side has a part of) lie outside
    /// this interval, the nearer the longer the solve was. If the iteration started again from the
    /// true residual, only iterations since then count. Costs some hundred operations an iteration.
    ///
    /// # Examples
    /// ```
    /// use la_krylov::{CgOptions, IdentityPreconditioner, cg, sprs::CsMat};
    ///
    /// let a = CsMat::new((2, 2), vec![0, 1, 2], vec![0, 1], vec![1.0, 9.0]);
    /// let solution = cg(&a, &[1.0, 1.0], &IdentityPreconditioner::new(2), &CgOptions::default())?;
    /// let (smallest, largest) = solution.ritz_bounds().expect("two iterations");
    /// assert!((smallest - 1.0).abs() < 1e-12 && (largest - 9.0).abs() < 1e-12);
    /// # Ok::<(), la_krylov::KrylovError>(())
    /// ```
    ///
    /// # References
    /// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., SIAM 2003, equation (6.103).
    #[must_use]
    pub fn ritz_bounds(&self) -> Option<(f64, f64)> {
        self.spectrum.bounds()
    }

    /// An estimate, from below, of the condition number of `M⁻¹ A` for symmetric positive definite A
    /// and M: the quotient of the [`ritz_bounds`](Self::ritz_bounds). `None` where there are none or
    /// where the smallest is not positive.
    ///
    /// # Examples
    /// ```
    /// use la_krylov::{CgOptions, IdentityPreconditioner, cg, sprs::CsMat};
    ///
    /// let a = CsMat::new((2, 2), vec![0, 1, 2], vec![0, 1], vec![1.0, 9.0]);
    /// let solution = cg(&a, &[1.0, 1.0], &IdentityPreconditioner::new(2), &CgOptions::default())?;
    /// assert!((solution.condition_estimate().expect("definite") - 9.0).abs() < 1e-10);
    /// # Ok::<(), la_krylov::KrylovError>(())
    /// ```
    #[must_use]
    pub fn condition_estimate(&self) -> Option<f64> {
        let (smallest, largest) = self.ritz_bounds()?;
        (smallest > 0.0).then(|| largest / smallest)
    }

    /// The Ritz values of `A M⁻¹` in the longest cycle of GMRES, as pairs of real and imaginary part in
    /// order of modulus: the eigenvalues of the square part of the Hessenberg matrix. FGMRES has them
    /// for a fixed M. Empty for other methods, and where the eigenvalue solver does not converge.
    ///
    /// # Examples
    /// ```
    /// use la_krylov::{GmresOptions, IdentityPreconditioner, gmres, sprs::CsMat};
    ///
    /// // Eigenvalues ±2i.
    /// let a = CsMat::new((2, 2), vec![0, 1, 2], vec![1, 0], vec![4.0, -1.0]);
    /// let solution = gmres(&a, &[1.0, 1.0], &IdentityPreconditioner::new(2), &GmresOptions::default())?;
    /// let values = solution.ritz_values();
    /// assert!(values.iter().all(|(re, im)| re.abs() < 1e-12 && (im.abs() - 2.0).abs() < 1e-12));
    /// # Ok::<(), la_krylov::KrylovError>(())
    /// ```
    ///
    /// # References
    /// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., SIAM 2003, Proposition 6.8 for
    /// the projection; the eigenvalues are those of `faer`.
    #[cfg(feature = "faer")]
    #[must_use]
    pub fn ritz_values(&self) -> Vec<(f64, f64)> {
        let entries = &self.spectrum.hessenberg;
        let order = entries.len().isqrt();
        let matrix = ::faer::MatRef::from_column_major_slice(entries, order, order);
        let Ok(values) = matrix.eigenvalues() else {
            return Vec::new();
        };
        let mut values: Vec<_> = values.iter().map(|v| (v.re, v.im)).collect();
        values.sort_by(|a, b| a.0.hypot(a.1).total_cmp(&b.0.hypot(b.1)));
        values
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn eigenvalues_of_the_second_difference() {
        let n = 40;
        let mut t = Spectrum::default();
        t.reserve_tridiagonal(n);
        for i in 0..n {
            t.push((i > 0).then_some(-1.0), 2.0);
        }
        for k in [0, 1, 17, n - 1] {
            let angle = std::f64::consts::PI * (k + 1) as f64 / (2 * (n + 1)) as f64;
            let expected = 4.0 * angle.sin().powi(2);
            // Bisection is accurate relative to the largest eigenvalue.
            assert_relative_eq!(t.eigenvalue(k).unwrap(), expected, epsilon = 4e-15);
        }
        t.clear();
        assert_eq!(t.diagonal.len(), 0);
    }
}
