//! Values and gradients.
#![expect(
    clippy::needless_range_loop,
    reason = "row i of the matrix belongs to entry i of several vectors; iterators hide the formula"
)]

use super::{LuLoss, LuObjective, LuPower, LuSystem};
use crate::GnnError;
use crate::native::neuralif::InversePair;

/// Memory of an evaluation; one for all systems.
#[derive(Debug, Clone, Default)]
pub struct LuLossWorkspace {
    residual: Vec<f64>,
    other: Vec<f64>,
    upper: Vec<f64>,
    lower: Vec<f64>,
}

/// L and U in one array of values.
#[derive(Clone, Copy)]
struct Factors<'a> {
    system: &'a LuSystem,
    columns: &'a [u32],
    values: &'a [f64],
}

impl<'a> Factors<'a> {
    fn new(system: &'a LuSystem, values: &'a [f64]) -> Self {
        Self {
            system,
            columns: system.matrix.indices(),
            values,
        }
    }

    fn dot(&self, range: std::ops::Range<usize>, v: &[f64]) -> f64 {
        self.columns[range.clone()]
            .iter()
            .zip(&self.values[range])
            .map(|(j, f)| f * v[*j as usize])
            .sum()
    }

    fn add_row(&self, range: std::ops::Range<usize>, scale: f64, y: &mut [f64]) {
        for (j, f) in self.columns[range.clone()].iter().zip(&self.values[range]) {
            y[*j as usize] += scale * f;
        }
    }

    /// `y = U v`.
    fn upper(&self, v: &[f64], y: &mut Vec<f64>) {
        y.clear();
        y.extend((0..v.len()).map(|i| v[i] + self.dot(self.system.row(i).1, v)));
    }

    /// `y = L v`.
    fn lower(&self, v: &[f64], y: &mut Vec<f64>) {
        y.clear();
        y.extend((0..v.len()).map(|i| self.dot(self.system.row(i).0, v)));
    }

    /// `y = Lᵀ v`.
    fn lower_transposed(&self, v: &[f64], y: &mut Vec<f64>) {
        y.clear();
        y.resize(v.len(), 0.0);
        for i in 0..v.len() {
            self.add_row(self.system.row(i).0, v[i], y);
        }
    }

    /// `x = P⁻¹ x`.
    fn solve(&self, x: &mut [f64]) {
        for i in 0..x.len() {
            let own = self.system.row(i).0;
            let d = own.end - 1;
            x[i] = (x[i] - self.dot(own.start..d, x)) / self.values[d];
        }
        for i in (0..x.len()).rev() {
            x[i] -= self.dot(self.system.row(i).1, x);
        }
    }

    /// `x = P⁻ᵀ x`.
    fn solve_transposed(&self, x: &mut [f64]) {
        for i in 0..x.len() {
            self.add_row(self.system.row(i).1, -x[i], x);
        }
        for i in (0..x.len()).rev() {
            let own = self.system.row(i).0;
            let d = own.end - 1;
            x[i] /= self.values[d];
            self.add_row(own.start..d, -x[i], x);
        }
    }

    /// Adds the gradient of `scale · gᵀ P v`; `upper` is U v, `lower` is room.
    fn differentiate(
        &self,
        scale: f64,
        g: &[f64],
        v: &[f64],
        upper: &[f64],
        lower: &mut Vec<f64>,
        gradient: &mut [f64],
    ) {
        self.lower_transposed(g, lower);
        for i in 0..v.len() {
            let (own, behind) = self.system.row(i);
            let (gi, hi) = (scale * g[i], scale * lower[i]);
            for k in own {
                gradient[k] += gi * upper[self.columns[k] as usize];
            }
            for k in behind {
                gradient[k] += hi * v[self.columns[k] as usize];
            }
        }
    }
}

fn square(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum()
}

impl LuLoss {
    /// Value of the loss at the entries `factor`; overwrites `gradient` with its gradient.
    ///
    /// A value that is not finite is no error; the gradient then is meaningless. O(nnz), no allocation after the first call with
    /// the same workspace.
    ///
    /// # Shapes
    /// `factor`, `gradient`: one value per entry of the system; `probe` and both vectors of `pair`: one per row.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] for wrong lengths, [`GnnError::Config`] if the loss needs a pair and there is none.
    pub fn gradient(
        &self,
        system: &LuSystem,
        factor: &[f64],
        probe: &[f64],
        pair: Option<&InversePair>,
        memory: &mut LuLossWorkspace,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        self.check(system, factor, probe, pair, gradient)?;
        gradient.fill(0.0);
        let p = Factors::new(system, factor);
        // `check` has seen that a pair is there where one is looked at.
        let (x, b) = pair.map_or((&[][..], &[][..]), |p| (&p.x, &p.y));
        Ok(match self.objective {
            LuObjective::Max => self.forward_residual(p, probe, memory, gradient),
            LuObjective::Min => self.product(p, x, Some(b), 1.0, memory, gradient),
            LuObjective::Combined => {
                self.forward_residual(p, probe, memory, gradient)
                    + self.product(p, x, None, self.alpha, memory, gradient)
            }
            LuObjective::LogMax => {
                log_forward(p, probe, memory, gradient) + log_determinant(p, 1.0, gradient)
            }
            LuObjective::LogMin => {
                log_inverse(p, x, memory, gradient) + log_determinant(p, -1.0, gradient)
            }
            LuObjective::LogBoth => {
                log_forward(p, probe, memory, gradient) + log_inverse(p, x, memory, gradient)
            }
        })
    }

    fn check(
        &self,
        system: &LuSystem,
        factor: &[f64],
        probe: &[f64],
        pair: Option<&InversePair>,
        gradient: &[f64],
    ) -> Result<(), GnnError> {
        if self.needs_pairs() && pair.is_none() {
            return Err(GnnError::Config {
                field: "pairs",
                reason: "are empty, but the loss looks at solutions of systems with the matrix"
                    .into(),
            });
        }
        let (n, nnz) = (system.dimension(), system.nnz());
        let pair_lengths = pair.map_or((n, n), |p| (p.x.len(), p.y.len()));
        for (what, found, expected) in [
            ("the factor", factor.len(), nnz),
            ("the gradient", gradient.len(), nnz),
            ("the probe", probe.len(), n),
            ("the solution of a pair", pair_lengths.0, n),
            ("the right-hand side of a pair", pair_lengths.1, n),
        ] {
            if found != expected {
                return Err(GnnError::Matrix {
                    reason: format!("needs {what} of length {expected}, not {found}"),
                });
            }
        }
        Ok(())
    }

    /// Value of a norm with this square, times `weight`, and the factor of the gradient of half its square.
    fn powered(&self, square: f64, weight: f64) -> (f64, f64) {
        match self.power {
            LuPower::Square => (weight * square, 2.0 * weight),
            // A norm of zero has no gradient; zero stands for it.
            LuPower::Norm if square == 0.0 => (0.0, 0.0),
            LuPower::Norm => (weight * square.sqrt(), weight / square.sqrt()),
        }
    }

    /// `‖P w − A w‖`.
    fn forward_residual(
        &self,
        p: Factors<'_>,
        w: &[f64],
        memory: &mut LuLossWorkspace,
        gradient: &mut [f64],
    ) -> f64 {
        let LuLossWorkspace {
            residual,
            other,
            upper,
            lower,
        } = memory;
        multiply(p.system, w, other);
        p.upper(w, upper);
        p.lower(upper, residual);
        residual.iter_mut().zip(&*other).for_each(|(r, a)| *r -= a);
        let (value, scale) = self.powered(square(residual), 1.0);
        p.differentiate(scale, residual, w, upper, lower, gradient);
        value
    }

    /// `weight · ‖P x − b‖`.
    fn product(
        &self,
        p: Factors<'_>,
        x: &[f64],
        b: Option<&[f64]>,
        weight: f64,
        memory: &mut LuLossWorkspace,
        gradient: &mut [f64],
    ) -> f64 {
        let LuLossWorkspace {
            residual,
            upper,
            lower,
            ..
        } = memory;
        p.upper(x, upper);
        p.lower(upper, residual);
        if let Some(b) = b {
            residual.iter_mut().zip(b).for_each(|(r, b)| *r -= b);
        }
        let (value, scale) = self.powered(square(residual), weight);
        p.differentiate(scale, residual, x, upper, lower, gradient);
        value
    }
}

/// `y = A v`.
fn multiply(system: &LuSystem, v: &[f64], y: &mut Vec<f64>) {
    let a = Factors::new(system, system.matrix.data());
    y.clear();
    y.extend((0..v.len()).map(|i| {
        let (own, behind) = system.row(i);
        a.dot(own.start..behind.end, v)
    }));
}

/// `y = Aᵀ v`.
fn multiply_transposed(system: &LuSystem, v: &[f64], y: &mut Vec<f64>) {
    let a = Factors::new(system, system.matrix.data());
    y.clear();
    y.resize(v.len(), 0.0);
    for i in 0..v.len() {
        let (own, behind) = system.row(i);
        a.add_row(own.start..behind.end, v[i], y);
    }
}

/// `log(‖A P⁻¹ w‖² / n)`. With `u = P⁻¹ w`, `t = A u` and `g = P⁻ᵀ Aᵀ t`, its differential is `−2 gᵀ dP u / ‖t‖²`.
fn log_forward(
    p: Factors<'_>,
    w: &[f64],
    memory: &mut LuLossWorkspace,
    gradient: &mut [f64],
) -> f64 {
    let LuLossWorkspace {
        residual: u,
        other,
        upper,
        lower,
    } = memory;
    u.clear();
    u.extend_from_slice(w);
    p.solve(u);
    multiply(p.system, u, other);
    let size = square(other);
    // g takes the place of t, which is not needed any more.
    multiply_transposed(p.system, other, lower);
    std::mem::swap(other, lower);
    p.solve_transposed(other);
    p.upper(u, upper);
    p.differentiate(-2.0 / size, other, u, upper, lower, gradient);
    (size / w.len() as f64).ln()
}

/// `log(‖P x‖² / n)`.
fn log_inverse(
    p: Factors<'_>,
    x: &[f64],
    memory: &mut LuLossWorkspace,
    gradient: &mut [f64],
) -> f64 {
    let LuLossWorkspace {
        residual,
        upper,
        lower,
        ..
    } = memory;
    p.upper(x, upper);
    p.lower(upper, residual);
    let size = square(residual);
    p.differentiate(2.0 / size, residual, x, upper, lower, gradient);
    (size / x.len() as f64).ln()
}

/// `sign · (2/n) Σ log |l_ii|`.
fn log_determinant(p: Factors<'_>, sign: f64, gradient: &mut [f64]) -> f64 {
    let scale = sign * 2.0 / p.system.dimension() as f64;
    let mut sum = 0.0;
    for &k in p.system.diagonal() {
        sum += p.values[k].abs().ln();
        gradient[k] += scale / p.values[k];
    }
    scale * sum
}
