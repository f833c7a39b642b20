//! What may be asked of a compensated factorisation.

#[cfg(doc)]
use super::CompensatedIc;
#[cfg(doc)]
use crate::FactorStats;
use crate::PrecondError;

/// How [`CompensatedIc`] treats the fill `f = l_ik l_jk` that it drops at `(i, j)`.
///
/// `δ` is the pivot that IC(0) would have, given the earlier rows: `δ_k = a_kk − Σ_j l_kj²`. Sums run over the
/// pairs dropped in row `k`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Compensation {
    /// RIC(ω), the relaxed factorisation: `d = δ − ω Σ f`.
    ///
    /// The safe choice for M-matrices in a good order: ω = 0.97 or 0.99 takes most of what MIC gains and rarely
    /// breaks down. ω = 0 is IC(0), ω = 1 MIC.
    Relaxed {
        /// Share of the dropped fill that is moved to the diagonal, in [0, 1]; dimensionless.
        omega: f64,
    },
    /// MIC, the modified factorisation: `d = δ − Σ f`, which keeps `A v` for the [vector](CompensatedIc::vector) v.
    ///
    /// For elliptic problems the condition number falls from O(h⁻²) to O(h⁻¹), with the perturbation provably. Breaks
    /// down, or loses to IC(0), in orders that leave rows without later neighbours (random, red-black).
    Modified {
        /// What is added to the diagonal before.
        perturbation: Perturbation,
    },
    /// DRIC, the dynamically relaxed factorisation: `d = max(δ − Σ f, min((1 + η) Σ_{i>k} |s_ik|, δ))`, with the current
    /// entries `s` of the row still to come.
    ///
    /// MIC where that leaves a diagonally dominant rest, IC(0) where nothing is to come. The best of the fixed rules for
    /// large M-matrices in natural, RCM or nested-dissection order; rows that end at the floor are counted as
    /// [replaced pivots](FactorStats::replaced_pivots).
    DynamicallyRelaxed {
        /// η, not negative, dimensionless. `None`: one over the depth of the graph, see [`Perturbation`].
        eta: Option<f64>,
    },
    /// AJ: `d = δ + Σ |f|`, so that `L Lᵀ − A` is positive semidefinite.
    ///
    /// Exists for every positive definite matrix: no pivot falls below that of the complete factorisation. Moves away
    /// from `A` where MIC moves towards it; more iterations than IC(0) on M-matrices, often fewer on structural
    /// matrices, for which IC(0) needs a large shift.
    AjizJennings,
    /// MIC with different weights for dropped edges that remaining paths `i – m – j` can stand in for (share ρ of `f`) and
    /// for others: `d = max(δ − ω_s Σ ρ f − ω_u Σ (1 − ρ) f + Σ |f⁻|, min(Σ_{i>k} |s_ik|, δ))`.
    ///
    /// Keeps the gain of MIC and DRIC on ordered matrices, and does no harm in random orders. Set-up up to twice
    /// that of RIC; columns with more than 20 later neighbours count as without support.
    Supported {
        /// ω_s, the weight of supported fill, in [0, 1]; dimensionless.
        supported: f64,
        /// ω_u, the weight of the other fill, in [0, 1]; dimensionless.
        unsupported: f64,
    },
}

/// What MIC adds to the diagonal before it starts, as a multiple of `diag(A)`.
///
/// The depth `D` of the graph is the number of steps from one end to the other: the distance that a second breadth-first
/// search finds, starting where the first one ended. On grids 1/D is the mesh width, up to a factor.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum Perturbation {
    /// Nothing.
    #[default]
    None,
    /// D⁻², the size for which the bound O(h⁻¹) is proved.
    InverseSquareDepth,
    /// This much, not negative, dimensionless.
    Fixed(f64),
}

/// The positive vector v whose product with `A` a compensation of weight 1 keeps: `L Lᵀ v = A v`.
///
/// It is also the measure of AJ: each dropped `f` adds `|f| v_j / v_i` to row `i` and `|f| v_i / v_j` to row `j`.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum KeptVector {
    /// (1, …, 1): row sums. Right for discretised operators in their natural variables.
    #[default]
    Ones,
    /// `v_i = a_ii^(−1/2)`: the rule does not depend on how rows and columns are scaled, `A` to `S A S`.
    Balanced,
    /// A smooth vector, `A v` small; positive and finite, of the order of the matrix.
    Given(Vec<f64>),
}

impl KeptVector {
    /// Refuses entries that are not positive, or whose reciprocal is not finite.
    pub(crate) fn validate(&self) -> Result<(), PrecondError> {
        if let KeptVector::Given(vector) = self {
            let bad = |v: &&f64| !(v.is_finite() && **v > 0.0 && v.recip().is_finite());
            if let Some(&value) = vector.iter().find(bad) {
                let (option, expected) = ("vector", "positive numbers");
                return Err(PrecondError::InvalidOption {
                    option,
                    value,
                    expected,
                });
            }
        }
        Ok(())
    }
}
