//! Incomplete Cholesky factors whose compensation of dropped fill a network chooses.

mod engine;
mod gradient;
mod loss;
mod objective;
mod opinion;
mod policy;
mod prepared;

use std::time::Instant;

use la_gnn::compensation::Parameters;
use la_gnn::native::compensation::CompensationRule;
use la_gnn::{GnnError, Weights};
use sprs::{CsMatViewI, SpIndex};

use crate::classical::input::with_rows;
use crate::classical::{KeptVector, ShiftLadder, SymmetryCheck};
use crate::{IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};
pub use engine::CompensationEngine;
pub use loss::CompensationLoss;
pub use objective::{CompensationObjective, TrainingGroup, fractional_iterations};
use prepared::{Limits, Prepared};

/// Share of positive off-diagonal entries up to which the rule is used.
const MOSTLY_NEGATIVE: f64 = 0.05;

/// Share of rows without a later neighbour from which on the rule is not used.
const MOST_SINKS: f64 = 0.1;

/// IC(0) with compensation of dropped fill that a network chooses, row by row.
///
/// For M-matrices and what is near to them (diffusion by finite volumes or linear elements, graph Laplacians) in a natural, reverse
/// Cuthill–McKee or nested-dissection order: where the classical compensations of [`CompensatedIc`](crate::classical::CompensatedIc) want
/// to be chosen for the size, the order and the coefficients, one rule serves all. Where positive off-diagonal entries carry more than 5 % of
/// the weight (structural matrices), and where a tenth of the rows has no later neighbour (random and red-black orders, in which no
/// compensation gains), [`ShiftLadder`] is used instead, which is IC(0) if that exists.
///
/// The factor has the pattern of the lower triangle of `A`: memory and application as with [`Ic0`](crate::classical::Ic0). Set-up is one
/// right-looking sweep, as with `CompensatedIc`, a search for paths around each dropped pair, two breadth-first searches, and about 300 operations per row; 90 bytes per row and
/// 8 per entry of the triangle beside the factor while it runs, which [`factor_with`](Self::factor_with) keeps for the next matrix.
///
/// A pivot below 1e-10 of its diagonal entry starts the sweep again with the weights moved towards those of Ajiz–Jennings, by a half, three
/// quarters, seven eighths, entirely; the last one exists for every positive definite matrix in exact arithmetic, and should rounding break it, the
/// diagonal is shifted. Repetitions are [counted](crate::FactorStats::shift_attempts).
///
/// # Shapes
/// As for [`Ic0`](crate::classical::Ic0).
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, cg};
/// use la_precond::classical::Ic0;
/// use la_precond::learned::{LearnedCompensation, Weights};
/// use la_problems::DefiniteFamily;
///
/// let family = DefiniteFamily::named("blocks2 natural").ok_or("no such family")?;
/// let a = family.matrix(2500, 3)?;
/// let b = vec![1.0; a.rows()];
/// let learned = LearnedCompensation::new(&Weights::bundled("compensated-ic-descent")?)?;
/// let count = |factor| cg(&a, &b, &factor, &CgOptions::default()).map(|s| s.iterations);
/// let (ic0, learned) = (count(Ic0::default().factor(a.view())?)?, count(learned.factor(a.view())?)?);
/// assert!(2 * learned < ic0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// [`la_gnn::compensation`] for the rule.
#[derive(Debug, Clone)]
pub struct LearnedCompensation {
    rule: CompensationRule,
    others: Vec<CompensationRule>,
    limits: Limits,
    otherwise: ShiftLadder,
    vector: KeptVector,
    symmetry: SymmetryCheck,
}

impl LearnedCompensation {
    /// A builder from weights, bundled or of one's own.
    ///
    /// # Errors
    /// [`GnnError`] if the weights are of another architecture, incomplete or not finite.
    pub fn new(weights: &Weights) -> Result<Self, GnnError> {
        Self::from_parameters(&Parameters::from_weights(weights)?)
    }

    /// A builder from bare parameters, for example untrained ones as a control.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range, [`GnnError::NonFinite`].
    pub fn from_parameters(parameters: &Parameters) -> Result<Self, GnnError> {
        Ok(Self {
            rule: CompensationRule::new(parameters)?,
            others: Vec::new(),
            limits: Limits {
                positive: MOSTLY_NEGATIVE,
                sinks: MOST_SINKS,
            },
            otherwise: ShiftLadder::default(),
            vector: KeptVector::default(),
            symmetry: SymmetryCheck::default(),
        })
    }

    /// Adds a rule that is asked when those before it overcompensate; when all do, the matrix is beyond the limits of this method too.
    ///
    /// A factor overcompensates if the largest eigenvalue of `M⁻¹ A` exceeds two thirds of the depth of the graph, which eight iterations of CG
    /// on a random right-hand side show; they are part of the set-up as soon as there is a second rule. Rules of different seeds are hard to tell
    /// apart by the matrices that they are trained and validated on, and then differ by a factor of 2 on another one. Meant for the bundled `compensated-ic` and
    /// `compensated-ic-ordered`: `compensated-ic-descent` is beyond the two thirds on some matrices where it gains. A matrix of which only the
    /// lower triangle is stored is left to the first rule.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Examples
    /// ```
    /// use la_precond::learned::{LearnedCompensation, Weights};
    ///
    /// let [first, second] = ["compensated-ic-ordered-s1", "compensated-ic-ordered"].map(Weights::bundled);
    /// let builder = LearnedCompensation::new(&first?)?.with_second_opinion(&second?)?;
    /// # let _ = builder;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_second_opinion(mut self, weights: &Weights) -> Result<Self, GnnError> {
        let parameters = Parameters::from_weights(weights)?;
        self.others.push(CompensationRule::new(&parameters)?);
        Ok(self)
    }

    /// Sets the share of positive off-diagonal entries, of the sum of all magnitudes in the equilibrated matrix, up to which the rule is
    /// used; 1 or more for any matrix. Default 0.05.
    #[must_use]
    pub fn with_positive_limit(mut self, limit: f64) -> Self {
        self.limits.positive = limit;
        self
    }

    /// Sets the share of rows without a later neighbour from which on the rule is not used; more than 1 for any order. Default 0.1.
    #[must_use]
    pub fn with_most_sinks(mut self, most_sinks: f64) -> Self {
        self.limits.sinks = most_sinks;
        self
    }

    /// Sets what is used beyond these limits. Default: [`ShiftLadder`] as it is.
    #[must_use]
    pub fn with_otherwise(mut self, otherwise: ShiftLadder) -> Self {
        self.otherwise = otherwise;
        self
    }

    /// Sets the vector that weighs the two rows of a dropped entry. Default: ones, with which the bundled weights were trained.
    #[must_use]
    pub fn with_vector(mut self, vector: KeptVector) -> Self {
        self.vector = vector;
        self
    }

    /// Sets how much of the symmetry is checked.
    #[must_use]
    pub fn with_symmetry(mut self, symmetry: SymmetryCheck) -> Self {
        self.symmetry = symmetry;
        self
    }

    /// Factors `a`.
    ///
    /// # Errors
    /// As [`Ic0::factor`](crate::classical::Ic0::factor); [`PrecondError::InvalidOption`] for a limit that is negative or NaN;
    /// [`PrecondError::DimensionMismatch`] if a given vector does not have the order of `a`.
    ///
    /// # Examples
    /// See [`LearnedCompensation`].
    pub fn factor<I: SpIndex>(
        &self,
        a: CsMatViewI<'_, f64, I>,
    ) -> Result<IncompleteCholesky, PrecondError> {
        self.factor_with(&mut CompensationWorkspace::default(), a)
    }

    /// Factors `a` in memory that an earlier factorisation left behind, of any matrix. The factor is that of [`factor`](Self::factor).
    ///
    /// Where `a` has the pattern of the matrix before, what was found out about the pattern is used again, and the factors share its index
    /// arrays.
    ///
    /// # Errors
    /// As [`factor`](Self::factor).
    ///
    /// # Examples
    /// ```
    /// use la_precond::learned::{CompensationWorkspace, LearnedCompensation, Weights};
    /// use la_problems::DefiniteFamily;
    ///
    /// let learned = LearnedCompensation::new(&Weights::bundled("compensated-ic-descent")?)?;
    /// let mut workspace = CompensationWorkspace::default();
    /// let family = DefiniteFamily::named("white2:1 natural").ok_or("no such family")?;
    /// for seed in 0..3 {
    ///     let a = family.matrix(400, seed)?;
    ///     let factor = learned.factor_with(&mut workspace, a.view())?;
    ///     assert_eq!(factor.diagonal(), learned.factor(a.view())?.diagonal());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn factor_with<I: SpIndex>(
        &self,
        workspace: &mut CompensationWorkspace,
        a: CsMatViewI<'_, f64, I>,
    ) -> Result<IncompleteCholesky, PrecondError> {
        for (option, value) in [
            ("positive_limit", self.limits.positive),
            ("most_sinks", self.limits.sinks),
        ] {
            if value.is_nan() || value < 0.0 {
                let expected = "a number that is not negative";
                return Err(PrecondError::InvalidOption {
                    option,
                    value,
                    expected,
                });
            }
        }
        self.vector.validate()?;
        let start = Instant::now();
        let prepared = &mut workspace.0;
        let factor = with_rows(a, |rows, n| {
            if prepared.prepare(&rows, n, &self.vector, self.symmetry, self.limits)? {
                self.consult(prepared, &rows, a)
            } else {
                self.otherwise.factor(a)
            }
        })?;
        let stats = factor
            .stats()
            .with_setup_seconds(start.elapsed().as_secs_f64());
        Ok(factor.with_stats(stats))
    }
}

/// Memory of [`LearnedCompensation::factor_with`]: about 100 bytes per row and 8 per entry of the lower triangle.
#[derive(Debug, Clone, Default)]
pub struct CompensationWorkspace(Prepared);

impl IncompleteCholeskyBuilder for LearnedCompensation {
    fn name(&self) -> &str {
        "compensated-ic"
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky, PrecondError> {
        self.factor(a)
    }
}

#[cfg(test)]
mod tests;
