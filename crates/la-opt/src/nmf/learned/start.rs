//! A start that a network improves once.

use la_gnn::factormer::{FactormerConfig, FactormerInput, Parameters};
use la_gnn::native::factormer::Factormer;

use super::super::{Data, Factors, Initializer, Nndsvd};
use super::scaled::{Scaled, network};
use crate::{OptError, Real};

/// NNDSVD, improved by one call of a network (Algorithm 1 of the source).
///
/// # Examples
/// ```
/// use la_gnn::factormer::{FactormerConfig, Parameters};
/// use la_opt::nmf::learned::FactormerStart;
/// use la_opt::nmf::{Data, Initializer, NmfOptions, factorize};
///
/// // A trained one is read from a weight file.
/// let untrained = Parameters::initialize(&FactormerConfig::new(2).with_width(8), 0)?;
/// let start = FactormerStart::new(&untrained)?;
/// let data = Data::dense(4, 3, vec![162.0, 174.0, 46.0, 24.0, 20.0, 2.0, 132.0, 122.0, 21.0, 126.0, 138.0, 38.0])?;
/// let solution = factorize(&data, &start.start(&data, 2)?, NmfOptions::default())?;
/// assert!(solution.rmse < 0.1 * data.mean());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FactormerStart {
    network: Factormer<f32>,
    base: Nndsvd,
}

impl FactormerStart {
    /// A start with a network of these parameters.
    ///
    /// # Errors
    /// [`OptError::Network`] if they are out of range or those of a network that speeds up a factorisation.
    pub fn new(parameters: &Parameters<FactormerConfig>) -> Result<Self, OptError> {
        Ok(Self {
            network: network(parameters, FactormerInput::Factor)?,
            base: Nndsvd::default(),
        })
    }

    /// Sets what the network improves; it was trained on plain NNDSVD, the default.
    #[must_use]
    pub fn with_base(mut self, base: Nndsvd) -> Self {
        self.base = base;
        self
    }

    /// Improves factors that are there already.
    ///
    /// # Errors
    /// [`OptError::Network`] for another rank than the network's, or data that are not dense.
    pub fn improve<T: Real>(
        &self,
        data: &Data<'_, T>,
        factors: &Factors<T>,
    ) -> Result<Factors<T>, OptError> {
        let mut scaled = Scaled::new(self.network.clone(), data, factors.rank)?;
        scaled.propose(&[factors])
    }
}

impl<T: Real> Initializer<T> for FactormerStart {
    fn start(&self, data: &Data<'_, T>, rank: usize) -> Result<Factors<T>, OptError> {
        self.improve(data, &self.base.start(data, rank)?)
    }
}
