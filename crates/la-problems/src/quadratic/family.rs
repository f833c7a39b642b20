//! Problems that differ in a vector of parameters.

#[cfg(feature = "npz")]
use std::path::Path;

#[cfg(feature = "npz")]
use super::archive::{ArchiveError, NumpyArchive};
use super::closed_loop::ControlSequence;

/// Minimise `½ xᵀ H x + (f + F θ)ᵀ x` subject to `A x ≤ b + B θ`, for many θ.
///
/// # Shapes
/// H n × n, F n × p, A m × n, B m × p, all row-major; lists of parameters have p numbers for each problem.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ParametricFamily {
    /// H.
    pub hessian: Vec<f64>,
    /// f.
    pub linear: Vec<f64>,
    /// F.
    pub linear_slope: Vec<f64>,
    /// A.
    pub rows: Vec<f64>,
    /// b.
    pub upper: Vec<f64>,
    /// B.
    pub upper_slope: Vec<f64>,
    /// Number of parameters, p.
    pub num_parameters: usize,
    /// For training.
    pub train: Vec<f64>,
    /// For choices.
    pub validation: Vec<f64>,
    /// For measurements: of the file's test set, or of its sequence.
    pub test: Vec<f64>,
    /// Which sequence each of the test problems belongs to; problems of one are consecutive steps of a controller.
    pub segments: Option<Vec<usize>>,
    /// Solutions of the first test problems.
    pub reference: ReferenceSolutions,
}

/// Solutions by an independent program; empty where there are none.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ReferenceSolutions {
    /// 1 optimal, −1 infeasible.
    pub status: Vec<i64>,
    /// Optimal values; NaN where infeasible.
    pub objective: Vec<f64>,
    /// Solutions, n for each problem.
    pub x: Vec<f64>,
    /// Multipliers, m for each problem, at least 0; empty where the file has none.
    pub multipliers: Vec<f64>,
    /// Iterations of a dual active-set method from an empty working set.
    pub iterations: Vec<i64>,
}

#[cfg(feature = "npz")]
impl ParametricFamily {
    /// Reads an archive.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ArchiveError> {
        Self::from_archive(&NumpyArchive::open(path)?)
    }

    /// Takes the arrays out of an archive.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], [`ArchiveError::Shape`].
    pub fn from_archive(archive: &NumpyArchive) -> Result<Self, ArchiveError> {
        let n = archive.reals("f")?.len();
        let m = archive.reals("b")?.len();
        let p = archive.shape("F")?.last().copied().unwrap_or(0);
        let matrix = |name, shape: [usize; 2]| Ok(archive.reals_of(name, &shape)?.to_vec());
        let optional = |name| -> Result<Vec<f64>, ArchiveError> {
            if archive.contains(name) {
                Ok(archive.reals(name)?.to_vec())
            } else {
                Ok(Vec::new())
            }
        };
        let sequence = archive.contains("theta_seq");
        let segments = if archive.contains("segment") {
            let number = |&s: &i64| usize::try_from(s).unwrap_or(0);
            Some(archive.integers("segment")?.iter().map(number).collect())
        } else {
            None
        };
        let test = if sequence { "theta_seq" } else { "theta_test" };
        Ok(Self {
            hessian: matrix("H", [n, n])?,
            linear: archive.reals("f")?.to_vec(),
            linear_slope: matrix("F", [n, p])?,
            rows: matrix("A", [m, n])?,
            upper: archive.reals("b")?.to_vec(),
            upper_slope: matrix("B", [m, p])?,
            num_parameters: p,
            train: optional("theta_train")?,
            validation: optional("theta_val")?,
            test: archive.reals(test)?.to_vec(),
            segments,
            reference: ReferenceSolutions {
                status: archive.integers("status")?.to_vec(),
                objective: archive.reals("obj")?.to_vec(),
                x: optional("x_opt")?,
                multipliers: optional("lam_opt")?,
                iterations: archive.integers("iters_cold")?.to_vec(),
            },
        })
    }
}

impl ParametricFamily {
    /// Replaces the test problems by those of a closed loop, and says which run each belongs to.
    ///
    /// # Examples
    /// ```
    /// use la_problems::quadratic::{ClosedLoop, MassChain, RowOrder};
    ///
    /// let controller = MassChain::default().controller()?;
    /// let runs = ClosedLoop::new(vec![1.0; 6]).with_runs(2).with_steps(5);
    /// let sequence = runs.simulate(&controller, 0, |_, _| Some(vec![0.0; 3]))?;
    /// let family = controller.condense()?.one_sided(RowOrder::InputsFirst).with_sequence(sequence);
    /// assert_eq!(family.segments, Some(vec![0, 0, 0, 0, 0, 1, 1, 1, 1, 1]));
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    #[must_use]
    pub fn with_sequence(mut self, sequence: ControlSequence) -> Self {
        self.test = sequence.parameters;
        self.segments = Some(sequence.segments);
        self.reference = ReferenceSolutions::default();
        self
    }

    /// Number of variables, n.
    #[must_use]
    pub fn num_variables(&self) -> usize {
        self.linear.len()
    }

    /// Number of constraints, m.
    #[must_use]
    pub fn num_constraints(&self) -> usize {
        self.upper.len()
    }

    /// `f + F θ`, written to `out`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn linear_at(&self, theta: &[f64], out: &mut [f64]) {
        affine(&self.linear, &self.linear_slope, theta, out);
    }

    /// `b + B θ`, written to `out`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn upper_at(&self, theta: &[f64], out: &mut [f64]) {
        affine(&self.upper, &self.upper_slope, theta, out);
    }
}

fn affine(base: &[f64], slope: &[f64], theta: &[f64], out: &mut [f64]) {
    assert_eq!(out.len(), base.len(), "length of the result");
    assert_eq!(
        slope.len(),
        base.len() * theta.len(),
        "number of parameters"
    );
    for (i, (out, &base)) in out.iter_mut().zip(base).enumerate() {
        let row = &slope[i * theta.len()..(i + 1) * theta.len()];
        *out = base + row.iter().zip(theta).map(|(s, t)| s * t).sum::<f64>();
    }
}
