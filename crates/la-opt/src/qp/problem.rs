//! A quadratic program.

use super::soft::SoftPrice;
use super::sparse::{Rows, SparseRows};
use crate::{OptError, Real};

/// The matrix P of the objective `½ xᵀ P x + qᵀ x`. Positive semidefinite.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(
    feature = "serde",
    serde(bound(deserialize = "T: Real + serde::Deserialize<'de>"))
)]
#[non_exhaustive]
pub enum Hessian<T> {
    /// Row-major, n × n. What is used is its symmetric part `(P + Pᵀ) / 2`.
    Dense(Vec<T>),
    /// n × n. What is used is its symmetric part; where all entries are on the diagonal, as [`Hessian::Diagonal`]. The factor is dense, but
    /// costs what the band of P costs.
    Sparse(SparseRows<T>),
    /// The diagonal of a diagonal matrix.
    Diagonal(Vec<T>),
    /// The unit matrix.
    Identity,
    /// Zero: a linear program.
    Zero,
}

/// Minimise `½ xᵀ P x + qᵀ x` subject to `l ≤ G x ≤ u`, `G = [I_s 0; A]`: simple bounds on the first s variables, then general rows.
///
/// Constraints are numbered in this order: bound of x_i is constraint i < s, row i of A is constraint s + i. Where
/// `l = u` the constraint is an equality; infinite bounds are no bounds.
///
/// # Shapes
/// n variables, s ≤ n simple bounds, m constraints in all; A is row-major, (m − s) × n.
///
/// # Examples
/// The point of the triangle `x ≥ 0, x_1 + x_2 ≤ 1` that is nearest to (1, 2).
/// ```
/// use la_opt::qp::{Hessian, QpOptions, QuadraticProgram};
///
/// let problem = QuadraticProgram::new(Hessian::Identity, vec![-1.0, -2.0])?
///     .with_bounds(vec![0.0, 0.0], vec![f64::INFINITY; 2])?
///     .with_rows(vec![1.0, 1.0], vec![f64::NEG_INFINITY], vec![1.0])?;
/// let solution = la_opt::qp::solve(&problem, &QpOptions::default())?;
/// assert_eq!(solution.x, [0.0, 1.0]);
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "super::serial::Posed<T>", into = "super::serial::Posed<T>"),
    serde(bound(
        serialize = "T: Real + serde::Serialize",
        deserialize = "T: Real + serde::Deserialize<'de>"
    ))
)]
pub struct QuadraticProgram<T = f64> {
    pub(super) hessian: Hessian<T>,
    pub(super) linear: Vec<T>,
    pub(super) bounds: usize,
    pub(super) rows: Rows<T>,
    pub(super) lower: Vec<T>,
    pub(super) upper: Vec<T>,
    pub(super) soft: Vec<bool>,
    /// Prices of violations of soft constraints, below and above; without curvature for the common price, empty where none has its own.
    pub(super) soft_prices: Vec<[SoftPrice<T>; 2]>,
}

impl<T: Real> QuadraticProgram<T> {
    /// A problem without constraints.
    ///
    /// # Errors
    /// [`OptError::Length`] if P does not fit q, [`OptError::NonFinite`].
    pub fn new(hessian: Hessian<T>, linear: Vec<T>) -> Result<Self, OptError> {
        let n = linear.len();
        match &hessian {
            Hessian::Dense(p) => {
                expect_length("Hessian", p.len(), n * n)?;
                expect_finite("Hessian", p)?;
            }
            Hessian::Sparse(p) => {
                expect_length("rows of the Hessian", p.num_rows(), n)?;
                expect_length("columns of the Hessian", p.num_columns(), n)?;
            }
            Hessian::Diagonal(p) => {
                expect_length("diagonal of the Hessian", p.len(), n)?;
                expect_finite("diagonal of the Hessian", p)?;
            }
            Hessian::Identity | Hessian::Zero => {}
        }
        expect_finite("linear term", &linear)?;
        Ok(Self {
            hessian,
            linear,
            bounds: 0,
            rows: Rows::Dense(Vec::new()),
            lower: Vec::new(),
            upper: Vec::new(),
            soft: Vec::new(),
            soft_prices: Vec::new(),
        })
    }

    /// Bounds the first `lower.len()` variables; replaces earlier ones. Softness of constraints is forgotten.
    ///
    /// # Errors
    /// [`OptError::Length`] if there are more bounds than variables, or not as many upper ones; [`OptError::NonFinite`] for NaN.
    pub fn with_bounds(mut self, lower: Vec<T>, upper: Vec<T>) -> Result<Self, OptError> {
        let (n, s) = (self.linear.len(), lower.len());
        if s > n {
            return Err(OptError::Length {
                what: "lower bounds of the variables",
                len: s,
                expected: n,
            });
        }
        expect_length("upper bounds of the variables", upper.len(), s)?;
        expect_bounds("lower bounds of the variables", &lower)?;
        expect_bounds("upper bounds of the variables", &upper)?;
        self.lower.splice(..self.bounds, lower);
        self.upper.splice(..self.bounds, upper);
        self.bounds = s;
        self.harden();
        Ok(self)
    }

    /// Sets the general rows: A row-major, `lower.len()` × n; replaces earlier ones. Softness of constraints is forgotten.
    ///
    /// # Errors
    /// [`OptError::Length`], [`OptError::NonFinite`].
    pub fn with_rows(
        mut self,
        rows: Vec<T>,
        lower: Vec<T>,
        upper: Vec<T>,
    ) -> Result<Self, OptError> {
        let (n, m) = (self.linear.len(), lower.len());
        expect_length("matrix of the constraints", rows.len(), n * m)?;
        expect_length("upper bounds of the rows", upper.len(), m)?;
        expect_finite("matrix of the constraints", &rows)?;
        expect_bounds("lower bounds of the rows", &lower)?;
        expect_bounds("upper bounds of the rows", &upper)?;
        self.lower.splice(self.bounds.., lower);
        self.upper.splice(self.bounds.., upper);
        self.rows = Rows::Dense(rows);
        self.harden();
        Ok(self)
    }

    /// As [`QuadraticProgram::with_rows`] with a sparse A: set-up costs what its entries cost, n operations each, and residuals one.
    ///
    /// A row with a single entry costs n operations where P is not diagonal, as a simple bound does.
    ///
    /// # Errors
    /// [`OptError::Length`], [`OptError::NonFinite`].
    pub fn with_sparse_rows(
        mut self,
        rows: SparseRows<T>,
        lower: Vec<T>,
        upper: Vec<T>,
    ) -> Result<Self, OptError> {
        expect_length(
            "columns of the constraints",
            rows.num_columns(),
            self.linear.len(),
        )?;
        expect_length("lower bounds of the rows", lower.len(), rows.num_rows())?;
        expect_length("upper bounds of the rows", upper.len(), rows.num_rows())?;
        expect_bounds("lower bounds of the rows", &lower)?;
        expect_bounds("upper bounds of the rows", &upper)?;
        self.lower.splice(self.bounds.., lower);
        self.upper.splice(self.bounds.., upper);
        self.rows = Rows::Sparse(rows);
        self.harden();
        Ok(self)
    }

    /// No constraint is soft any more.
    fn harden(&mut self) {
        self.soft = vec![false; self.lower.len()];
        self.soft_prices.clear();
    }

    /// Whether a constraint is a hard equality.
    pub(super) fn is_equality(&self, j: usize, zero_tol: f64) -> bool {
        let (lower, upper) = (self.lower[j].to_f64(), self.upper[j].to_f64());
        !self.soft[j] && upper - lower < zero_tol
    }

    /// How many hard equalities there are.
    pub(super) fn count_equalities(&self, zero_tol: f64) -> usize {
        let tol = T::from_f64(zero_tol);
        let bounds = self.lower.iter().zip(&self.upper).zip(&self.soft);
        // A sum without branches.
        bounds
            .map(|((&l, &u), &soft)| usize::from(u - l < tol) & usize::from(!soft))
            .sum()
    }

    /// Number of variables, n.
    #[must_use]
    pub fn num_variables(&self) -> usize {
        self.linear.len()
    }

    /// Number of constraints, m: simple bounds and general rows.
    #[must_use]
    pub fn num_constraints(&self) -> usize {
        self.lower.len()
    }

    /// Number of simple bounds, s.
    #[must_use]
    pub fn num_bounds(&self) -> usize {
        self.bounds
    }

    /// P.
    #[must_use]
    pub fn hessian(&self) -> &Hessian<T> {
        &self.hessian
    }

    /// q, length n.
    #[must_use]
    pub fn linear(&self) -> &[T] {
        &self.linear
    }

    /// A, row-major, (m − s) × n; empty if A is sparse.
    #[must_use]
    pub fn rows(&self) -> &[T] {
        match &self.rows {
            Rows::Dense(rows) => rows,
            Rows::Sparse(_) => &[],
        }
    }

    /// A, if it is sparse.
    #[must_use]
    pub fn sparse_rows(&self) -> Option<&SparseRows<T>> {
        match &self.rows {
            Rows::Dense(_) => None,
            Rows::Sparse(rows) => Some(rows),
        }
    }

    /// l, length m.
    #[must_use]
    pub fn lower(&self) -> &[T] {
        &self.lower
    }

    /// u, length m.
    #[must_use]
    pub fn upper(&self) -> &[T] {
        &self.upper
    }

    /// Which constraints are soft, length m.
    #[must_use]
    pub fn soft(&self) -> &[bool] {
        &self.soft
    }
}

pub(super) fn expect_length(
    what: &'static str,
    len: usize,
    expected: usize,
) -> Result<(), OptError> {
    if len == expected {
        return Ok(());
    }
    Err(OptError::Length {
        what,
        len,
        expected,
    })
}

pub(super) fn expect_finite<T: Real>(what: &'static str, values: &[T]) -> Result<(), OptError> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(index) => Err(OptError::NonFinite {
            what,
            index,
            value: values[index].to_f64(),
        }),
    }
}

/// Infinities are bounds, NaN is not.
pub(super) fn expect_bounds<T: Real>(what: &'static str, values: &[T]) -> Result<(), OptError> {
    match values.iter().position(|x| x.to_f64().is_nan()) {
        None => Ok(()),
        Some(index) => Err(OptError::NonFinite {
            what,
            index,
            value: f64::NAN,
        }),
    }
}
