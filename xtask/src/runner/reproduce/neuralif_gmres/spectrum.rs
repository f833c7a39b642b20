//! Singular values and norms that say how good a preconditioner is.

use anyhow::{Result, anyhow, ensure};
use faer::Mat;
use faer::linalg::solvers::DenseSolveCore as _;
use la_krylov::Host;
use la_problems::CsrMatrix;
use serde::{Deserialize, Serialize};

use super::methods::Ready;

/// Of the preconditioned matrix `A P⁻¹`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Spectrum {
    pub(super) sigma_min: f64,
    pub(super) sigma_max: f64,
    /// `‖P − A‖_F`.
    pub(super) distance: f64,
    /// `‖P A⁻¹ − I‖_F`.
    pub(super) inverse_distance: f64,
}

impl Spectrum {
    pub(super) fn kappa(&self) -> f64 {
        self.sigma_max / self.sigma_min
    }

    /// By dense matrices: O(n³) operations and three n × n arrays.
    pub(super) fn of(a: &CsrMatrix, ready: &Ready) -> Result<Self> {
        let n = a.rows();
        let p = ready.matrix()?;
        let difference = &p - a;
        let distance = difference.data().iter().map(|v| v * v).sum::<f64>().sqrt();
        let (space, m) = (Host::new(n), ready.preconditioner());
        let mut preconditioned = Mat::<f64>::zeros(n, n);
        let (mut unit, mut column) = (vec![0.0; n], vec![0.0; n]);
        for j in 0..n {
            unit[j] = 1.0;
            m.apply(&space, &unit, &mut column)?;
            unit[j] = 0.0;
            let target = preconditioned.col_as_slice_mut(j);
            for (y, row) in target.iter_mut().zip(a.outer_iterator()) {
                *y = row.iter().map(|(k, v)| v * column[k]).sum();
            }
        }
        ensure!(
            preconditioned.is_all_finite(),
            "the preconditioned matrix is not finite"
        );
        let values = preconditioned
            .singular_values()
            .map_err(|error| anyhow!("singular values: {error:?}"))?;
        let mut inverse = preconditioned.partial_piv_lu().inverse();
        for i in 0..n {
            inverse[(i, i)] -= 1.0;
        }
        let extreme = |start: f64, f: fn(f64, f64) -> f64| values.iter().copied().fold(start, f);
        Ok(Self {
            sigma_min: extreme(f64::INFINITY, f64::min),
            sigma_max: extreme(0.0, f64::max),
            distance,
            inverse_distance: inverse.norm_l2(),
        })
    }
}

#[cfg(test)]
mod tests {
    use la_problems::{Grid, Poisson};

    use super::super::methods::{Kind, Method};
    use super::*;

    #[test]
    fn of_a_line_of_points_by_its_eigenvalues() {
        let problem = Poisson::new(Grid::line(12));
        let a = problem.matrix().unwrap();
        let lambda = |k| problem.eigenvalue([k, 1, 1]);
        let plain = Method::new("none", Kind::None).set_up(&a).unwrap();
        let s = Spectrum::of(&a, &plain).unwrap();
        let close = |x: f64, y: f64| assert!((x - y).abs() <= 1e-10 * y.abs(), "{x} {y}");
        close(s.sigma_min, lambda(1));
        close(s.sigma_max, lambda(12));
        close(s.kappa(), lambda(12) / lambda(1));
        // I − A has 12 entries −1 and 22 entries 1.
        close(s.distance, 34.0_f64.sqrt());
        let squares: f64 = (1..=12).map(|k| (1.0 / lambda(k) - 1.0).powi(2)).sum();
        close(s.inverse_distance, squares.sqrt());
        // The factors of a tridiagonal matrix have no fill: ILU(0) is exact.
        let exact = Method::new("ilu0", Kind::Ilu0).set_up(&a).unwrap();
        let s = Spectrum::of(&a, &exact).unwrap();
        close(s.sigma_min, 1.0);
        close(s.sigma_max, 1.0);
        assert!(s.distance < 1e-14 && s.inverse_distance < 1e-12);
    }
}
