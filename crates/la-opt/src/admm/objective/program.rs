//! A quadratic program as the function of an agent: polyhedra, simplices, model predictive control.

use super::LocalObjective;
use super::scales::Weights;
use crate::OptError;
use crate::admm::LocalFailure;
use crate::qp::{Hessian, QpOptions, QpStatus, QpUpdate, QpWorkspace, QuadraticProgram};

/// `f(x) = ½ xᵀ P x + qᵀ x` where `l ≤ G x ≤ u`, and infinite elsewhere, by the active-set solver.
///
/// A proximal step changes the linear term only and starts from the last working set; a new weight factors `P + weight I` again.
///
/// # Examples
/// The point of the unit simplex that is nearest to (0.9, 0.8):
/// ```
/// use la_opt::admm::{LocalObjective, LocalProgram};
///
/// let mut f = LocalProgram::simplex(vec![0.0; 4], vec![0.0; 2])?;
/// let mut x = [0.0; 2];
/// f.prox(1.0, &[0.9, 0.8], &mut x)?;
/// assert!((x[0] - 0.55).abs() < 1e-12 && (x[1] - 0.45).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LocalProgram {
    workspace: QpWorkspace<f64>,
    /// P without the proximal term, and with it.
    hessian: Hessian<f64>,
    shifted: Hessian<f64>,
    linear: Vec<f64>,
    shifted_linear: Vec<f64>,
    weight: f64,
    /// Scales of the proximal term that is in `shifted`, none where they are equal.
    scales: Vec<f64>,
    feasibility: f64,
}

impl LocalProgram {
    /// From a program, whose soft constraints are respected as soft.
    ///
    /// # Errors
    /// As [`QpWorkspace::new`].
    pub fn new(program: QuadraticProgram<f64>, options: QpOptions) -> Result<Self, OptError> {
        let n = program.num_variables();
        let hessian = match program.hessian() {
            Hessian::Dense(p) => Hessian::Dense(p.clone()),
            Hessian::Diagonal(p) => Hessian::Diagonal(p.clone()),
            Hessian::Identity => Hessian::Diagonal(vec![1.0; n]),
            Hessian::Zero => Hessian::Diagonal(vec![0.0; n]),
            Hessian::Sparse(rows) => {
                let mut dense = vec![0.0; n * n];
                for i in 0..n {
                    for (j, value) in rows.row(i) {
                        dense[i * n + j] = value;
                    }
                }
                Hessian::Dense(dense)
            }
        };
        let mut shifted = hessian.clone();
        add_to_diagonal(&hessian, Weights::equal(1.0), n, &mut shifted);
        let linear = program.linear().to_vec();
        let mut workspace = QpWorkspace::new(program, options)?;
        workspace.update(&QpUpdate::default().with_hessian(&shifted))?;
        Ok(Self {
            workspace,
            hessian,
            shifted,
            shifted_linear: linear.clone(),
            linear,
            weight: 1.0,
            scales: Vec::new(),
            feasibility: 1e-8,
        })
    }

    /// `½ xᵀ P x + qᵀ x` on the simplex `x ≥ 0, Σ x = 1`, from P (n × n, row-major) and q (n).
    ///
    /// # Errors
    /// As [`QpWorkspace::new`].
    pub fn simplex(hessian: Vec<f64>, linear: Vec<f64>) -> Result<Self, OptError> {
        let n = linear.len();
        let program = QuadraticProgram::new(Hessian::Dense(hessian), linear)?
            .with_bounds(vec![0.0; n], vec![f64::INFINITY; n])?
            .with_rows(vec![1.0; n], vec![1.0], vec![1.0])?;
        Self::new(program, QpOptions::default())
    }

    /// Puts another q in its place, and keeps the factor and the working set.
    ///
    /// # Errors
    /// [`OptError::Length`] or [`OptError::NonFinite`]; the old one stays.
    pub fn set_linear(&mut self, linear: &[f64]) -> Result<(), OptError> {
        self.workspace
            .update(&QpUpdate::default().with_linear(linear))?;
        self.linear.copy_from_slice(linear);
        Ok(())
    }

    /// The program with a proximal term.
    fn minimise(
        &mut self,
        weights: Weights<'_>,
        centre: &[f64],
        x: &mut [f64],
    ) -> Result<(), LocalFailure> {
        for (j, s) in self.shifted_linear.iter_mut().enumerate() {
            *s = self.linear[j] - weights.of(j) * centre[j];
        }
        let mut update = QpUpdate::default().with_linear(&self.shifted_linear);
        let scales = weights.scales.unwrap_or_default();
        if weights.weight != self.weight || scales != self.scales {
            add_to_diagonal(&self.hessian, weights, x.len(), &mut self.shifted);
            self.weight = weights.weight;
            self.scales.clear();
            self.scales.extend_from_slice(scales);
            update = update.with_hessian(&self.shifted);
        }
        self.workspace
            .update(&update)
            .map_err(|error| LocalFailure::Other(error.to_string()))?;
        let solution = self.workspace.solve();
        match solution.status {
            status if status.is_optimal() => {
                x.copy_from_slice(&solution.x);
                Ok(())
            }
            QpStatus::PrimalInfeasible => Err(LocalFailure::Infeasible),
            status => Err(LocalFailure::Other(status.to_string())),
        }
    }
}

fn add_to_diagonal(from: &Hessian<f64>, weights: Weights<'_>, n: usize, to: &mut Hessian<f64>) {
    match (from, to) {
        (Hessian::Dense(p), Hessian::Dense(shifted)) => {
            for i in 0..n {
                shifted[i * n + i] = p[i * n + i] + weights.of(i);
            }
        }
        (Hessian::Diagonal(p), Hessian::Diagonal(shifted)) => {
            for (i, (shifted, p)) in shifted.iter_mut().zip(p).enumerate() {
                *shifted = p + weights.of(i);
            }
        }
        // `new` makes no others.
        _ => {}
    }
}

/// Row i of G times x.
fn constraint(program: &QuadraticProgram<f64>, i: usize, x: &[f64]) -> f64 {
    let Some(row) = i.checked_sub(program.num_bounds()) else {
        return x[i];
    };
    match program.sparse_rows() {
        Some(rows) => rows.row(row).map(|(j, a)| a * x[j]).sum(),
        None => dot(&program.rows()[row * x.len()..(row + 1) * x.len()], x),
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl LocalObjective for LocalProgram {
    fn dim(&self) -> usize {
        self.linear.len()
    }

    /// Infinite where a hard constraint is violated by more than 1e-8 of its size.
    fn value(&self, x: &[f64]) -> f64 {
        let program = self.workspace.problem();
        let outside = (0..program.num_constraints())
            .filter(|&i| !program.soft().get(i).copied().unwrap_or(false))
            .any(|i| {
                let at = constraint(program, i, x);
                let (lower, upper) = (program.lower()[i], program.upper()[i]);
                let slack = |bound: f64| self.feasibility * (1.0 + bound.abs());
                at < lower - slack(lower) || at > upper + slack(upper)
            });
        if outside {
            return f64::INFINITY;
        }
        let n = x.len();
        let curved: f64 = match &self.hessian {
            Hessian::Dense(p) => (0..n).map(|i| x[i] * dot(&p[i * n..(i + 1) * n], x)).sum(),
            Hessian::Diagonal(p) => p.iter().zip(x).map(|(p, x)| p * x * x).sum(),
            _ => 0.0,
        };
        0.5 * curved + dot(&self.linear, x)
    }

    fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
        self.minimise(Weights::equal(weight), centre, x)
    }

    fn takes_scales(&self) -> bool {
        true
    }

    fn prox_scaled(
        &mut self,
        weight: f64,
        scales: &[f64],
        centre: &[f64],
        x: &mut [f64],
    ) -> Result<(), LocalFailure> {
        self.minimise(Weights::scaled(weight, scales), centre, x)
    }
}
