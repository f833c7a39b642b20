//! A network between iterations of a solver.

use la_gnn::factormer::{FactormerConfig, FactormerInput, Parameters};

use super::super::{AoAdmm, Data, DualStart, Factors, Method, NmfOptions, NmfWorkspace, Rho};
use super::scaled::{Scaled, network};
use crate::{OptError, Real};

/// What keeps the proposals of a network from doing harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ProposalGuard {
    /// Nothing: every proposal is taken, as in the source.
    None,
    /// A proposal is taken only if its error is not larger than that of the solver's iteration before it, so that no step is worse than an iteration of the solver from the
    /// same factors. A proposal that would have paid later is refused too.
    Step,
    /// Every proposal is taken, and the solver runs beside from the same start, alone. The factors are those of the run with the smaller error, so that after any number of
    /// steps they are not worse than those of the solver. One more iteration of the solver a step, little beside a call of the network.
    #[default]
    Companion,
}

/// What became of the network's factors in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposal {
    /// They are the new factors of the accelerated run.
    Taken,
    /// Their error was larger than that of the solver's, which are the new factors ([`ProposalGuard::Step`]).
    Refused,
}

/// AO-ADMM whose iterations a network improves on (Algorithm 2 of the source): a step is an iteration of the solver, then a call of the network, which sees the factors before and after it.
///
/// The solver is that of the source, ρ = 1 for data of mean 1 and duals that start at zero. The source has no safeguard; here [`ProposalGuard::Companion`] is the default.
/// [`FactormerAccelerator::step_alone`] goes on without the network, as the source does after some steps.
///
/// # Examples
/// ```
/// use la_gnn::factormer::{FactormerConfig, FactormerInput, Parameters};
/// use la_opt::nmf::learned::FactormerAccelerator;
/// use la_opt::nmf::{Data, Initializer, NmfOptions, Nndsvd, factorize};
///
/// let config = FactormerConfig::new(2).with_width(8).with_input(FactormerInput::FactorAndSolver);
/// let untrained = Parameters::initialize(&config, 0)?;
/// let data = Data::dense(4, 3, vec![162.0, 174.0, 46.0, 24.0, 20.0, 2.0, 132.0, 122.0, 21.0, 126.0, 138.0, 38.0])?;
/// let start = Nndsvd::default().start(&data, 2)?;
/// let mut accelerated = FactormerAccelerator::new(&data, &start, &untrained)?;
/// for _ in 0..5 {
///     accelerated.step()?;
/// }
/// // The solver goes on, or any other.
/// accelerated.step_alone();
/// let solution = factorize(&data, &accelerated.factors(), NmfOptions::default())?;
/// assert!(solution.rmse < 0.1 * data.mean());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FactormerAccelerator<'a, T: Real = f64> {
    workspace: NmfWorkspace<'a, T>,
    scaled: Scaled,
    guard: ProposalGuard,
    /// The solver alone, for [`ProposalGuard::Companion`].
    companion: NmfWorkspace<'a, T>,
}

impl<'a, T: Real> FactormerAccelerator<'a, T> {
    /// A run from these factors with a network of these parameters.
    ///
    /// # Errors
    /// [`OptError::Network`] if the parameters are out of range or those of a network that starts a factorisation, for another rank than the network's, or data that are not dense; else as
    /// [`NmfWorkspace::new`].
    pub fn new(
        data: &'a Data<'a, T>,
        start: &Factors<T>,
        parameters: &Parameters<FactormerConfig>,
    ) -> Result<Self, OptError> {
        let network = network(parameters, FactormerInput::FactorAndSolver)?;
        let scaled = Scaled::new(network, data, start.rank)?;
        let mean = data.mean();
        // Of zeros, any ρ will do.
        let rho = Rho::Fixed(if mean > 0.0 { mean } else { 1.0 });
        let solver = AoAdmm::published(DualStart::Cold).with_rho(rho);
        let options = NmfOptions::default().with_method(Method::AoAdmm(solver));
        let workspace = NmfWorkspace::new(data, start, options)?;
        Ok(Self {
            companion: workspace.clone(),
            workspace,
            scaled,
            guard: ProposalGuard::default(),
        })
    }

    /// Sets what keeps proposals from doing harm. The solver that runs beside starts from the present factors.
    #[must_use]
    pub fn with_guard(mut self, guard: ProposalGuard) -> Self {
        self.guard = guard;
        self.companion = self.workspace.clone();
        self
    }

    /// One iteration of the solver and one call of the network.
    ///
    /// # Errors
    /// [`OptError::Network`] or [`OptError::Entry`] if numbers in the network overflow. The iteration of the solver is done then.
    pub fn step(&mut self) -> Result<Proposal, OptError> {
        let before = self.workspace.factors();
        self.step_alone();
        let solved = self.workspace.factors();
        let bound = match self.guard {
            ProposalGuard::Step => self.workspace.loss(),
            _ => f64::INFINITY,
        };
        let proposed = self.scaled.propose(&[&before, &solved])?;
        self.workspace.restart(&proposed)?;
        if self.guard == ProposalGuard::Step && self.workspace.loss() > bound {
            self.workspace.restart(&solved)?;
            return Ok(Proposal::Refused);
        }
        Ok(Proposal::Taken)
    }

    /// One iteration of the solver, without the network.
    pub fn step_alone(&mut self) {
        self.workspace.step();
        if self.guard == ProposalGuard::Companion {
            self.companion.step();
        }
    }

    /// The run with the smaller error.
    fn best(&mut self) -> &mut NmfWorkspace<'a, T> {
        // Also where the error of the accelerated run is NaN.
        let ahead = self.guard != ProposalGuard::Companion
            || self.workspace.loss() <= self.companion.loss();
        if ahead {
            &mut self.workspace
        } else {
            &mut self.companion
        }
    }

    /// A copy of the factors.
    #[must_use]
    pub fn factors(&mut self) -> Factors<T> {
        self.best().factors()
    }

    /// Root of the mean squared error, in the units of the data.
    #[must_use]
    pub fn rmse(&mut self) -> f64 {
        self.best().rmse()
    }
}
