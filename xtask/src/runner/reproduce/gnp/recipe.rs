//! The networks as methods: the paper's, controls, and changes of it.

use anyhow::{Result, bail};
use la_gnn::gnp::{GnpConfig, Parameters};
use la_precond::learned::gnp::{Base, ColumnScale, Equilibration, GnpBuilder, OnPolicy, Selection};

/// A network as a method.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub(super) name: String,
    pub(super) builder: GnpBuilder,
    start: Start,
}

/// What is done before the first solve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Trained,
    /// Nothing: a control.
    Untrained,
    /// Nothing, and the biases are zero.
    WithoutBiases,
}

impl Recipe {
    /// The network of this name.
    pub(super) fn parse(name: &str, steps: usize) -> Result<Self> {
        let paper = GnpBuilder::paper();
        let (builder, start) = match name {
            "gnp" => (paper, Start::Trained),
            "gnp@0" => (paper, Start::Untrained),
            "gnp@0-nobias" => (paper, Start::WithoutBiases),
            "gnp-text" => (GnpBuilder::paper_text(), Start::Trained),
            "gnp-nobias" => {
                let network = GnpConfig::paper().with_bias(false);
                (paper.with_network(network), Start::Trained)
            }
            "gnp-unit" => (paper.with_scale(ColumnScale::Unit), Start::Trained),
            "gnp-held" => {
                let selection = Selection::HeldOut {
                    columns: 16,
                    every: 50,
                };
                (paper.with_selection(selection), Start::Trained)
            }
            "gnp-policy" => {
                let visits = OnPolicy::Share {
                    share: 0.5,
                    every: 100,
                };
                (paper.with_on_policy(visits), Start::Trained)
            }
            "gnp-ruiz" => (
                paper.with_equilibration(Equilibration::Ruiz),
                Start::Trained,
            ),
            "gnp-matched" => (
                paper.with_equilibration(Equilibration::Matching),
                Start::Trained,
            ),
            "gnp-ilu0" => (
                paper
                    .with_equilibration(Equilibration::Matching)
                    .with_base(Base::Ilu0),
                Start::Trained,
            ),
            "gnp-improved" => (GnpBuilder::improved(), Start::Trained),
            "gnp-improved@0" => (GnpBuilder::improved(), Start::Untrained),
            _ => bail!("`{name}` is no network of this study"),
        };
        Ok(Self {
            name: name.into(),
            builder: builder.with_steps(steps),
            start,
        })
    }

    pub(super) fn is_trained(&self) -> bool {
        self.start == Start::Trained
    }

    /// Where training starts, or what is used without it.
    pub(super) fn parameters(&self, seed: u64) -> Result<Parameters> {
        let fresh = Parameters::initialize(&self.builder.network, seed)?;
        Ok(match self.start {
            Start::WithoutBiases => fresh.without_biases(),
            Start::Untrained | Start::Trained => fresh,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_names() {
        for name in [
            "gnp",
            "gnp@0",
            "gnp@0-nobias",
            "gnp-text",
            "gnp-nobias",
            "gnp-unit",
            "gnp-held",
            "gnp-policy",
            "gnp-ruiz",
            "gnp-matched",
            "gnp-ilu0",
            "gnp-improved",
            "gnp-improved@0",
        ] {
            let recipe = Recipe::parse(name, 10).unwrap();
            assert_eq!(recipe.is_trained(), !name.contains('@'), "{name}");
        }
        assert!(Recipe::parse("gnp-magic", 10).is_err());
    }
}
