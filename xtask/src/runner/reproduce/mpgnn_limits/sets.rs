//! The sets of tridiagonal matrices by name.

use anyhow::{Result, bail};
use la_precond::IncompleteCholesky;
use la_problems::{FactorSample, GeneratorLaw, SemiseparableFactors, Split, SwitchFactors};

use super::metrics::Sample;

/// A law of tridiagonal matrices and their factors, with the order of the matrices.
#[derive(Debug, Clone)]
pub(super) struct Set {
    law: Law,
    n: usize,
    /// Name in tables.
    pub(super) name: String,
}

#[derive(Debug, Clone, Copy)]
enum Law {
    Semiseparable(GeneratorLaw),
    Switch,
}

impl Set {
    /// `half-normal`, `uniform` (on 0.5 to 1.5), `log-normal` (σ = 1) or `switch`.
    pub(super) fn parse(law: &str, n: usize) -> Result<Self> {
        let parsed = match law {
            "half-normal" => Law::Semiseparable(GeneratorLaw::HalfNormal),
            "uniform" => Law::Semiseparable(GeneratorLaw::UNIFORM),
            "log-normal" => Law::Semiseparable(GeneratorLaw::LogNormal { sigma: 1.0 }),
            "switch" => Law::Switch,
            _ => bail!("`{law}` is no law of tridiagonal matrices"),
        };
        Ok(Self {
            law: parsed,
            n,
            name: format!("{law}-n{n}"),
        })
    }

    /// The matrix of this index and its factor.
    pub(super) fn pair(&self, split: Split, index: u64) -> Result<FactorSample> {
        let seed = split.seed(index);
        Ok(match self.law {
            Law::Semiseparable(law) => SemiseparableFactors::default()
                .with_n(self.n)
                .with_law(law)
                .generate(seed)?,
            Law::Switch => SwitchFactors::default().with_n(self.n).generate(seed)?,
        })
    }

    /// The matrix of this index, ready to judge factors of it.
    pub(super) fn sample(&self, split: Split, index: u64) -> Result<Sample> {
        let pair = self.pair(split, index)?;
        let target = pair.factor.matrix();
        Ok(Sample {
            a: pair.matrix.matrix(),
            complete: IncompleteCholesky::from_lower(target.view())?,
            target,
        })
    }
}
