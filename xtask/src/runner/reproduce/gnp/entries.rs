//! The methods of a run, each with its seed.

use anyhow::Result;

use super::cases::{Case, Scaled};
use super::methods::Classical;
use super::networks::Networks;
use super::recipe::Recipe;
use super::rows::{Built, Who, measured};
use super::settings::ProfileSettings;

/// One method and how it is made.
pub(super) struct Entry {
    pub(super) who: Who,
    pub(super) kind: Kind,
    /// The matrices that it runs on; everywhere if there are none.
    only: Vec<String>,
}

/// With and without a network.
pub(super) enum Kind {
    Classical(Classical),
    /// With the seed of its training.
    Network(Box<Recipe>, u64),
}

impl Entry {
    /// Its name in the ledger.
    pub(super) fn key(&self) -> String {
        match self.who.seed {
            Some(seed) => format!("{}/{seed}", self.who.method),
            None => self.who.method.clone(),
        }
    }

    /// Whether it runs on this matrix.
    pub(super) fn runs_on(&self, case: &Case) -> bool {
        self.only.is_empty() || self.only.contains(&case.name)
    }

    /// Makes the preconditioner.
    pub(super) fn build<'a>(
        &self,
        case: &Case,
        matrix: &'a Scaled,
        networks: &Networks,
    ) -> Result<Built<'a>> {
        match &self.kind {
            Kind::Classical(kind) => measured(|| kind.build(&matrix.a)),
            Kind::Network(recipe, seed) => {
                let (gnp, seconds) = networks.build(&case.name, &matrix.a, recipe, *seed)?;
                let ready = Box::new(gnp);
                Ok(Built { ready, seconds })
            }
        }
    }
}

/// Every method of the profile; networks with every seed, and with other seeds in a run with another one.
pub(super) fn entries(settings: &ProfileSettings, run: u64) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for name in &settings.classical {
        let (method, seed) = (name.clone(), None);
        entries.push(Entry {
            who: Who { method, seed },
            kind: Kind::Classical(Classical::parse(name)?),
            only: Vec::new(),
        });
    }
    let everywhere = settings
        .learned
        .iter()
        .map(|name| (name, settings.seeds, false));
    let some = settings.ablation.learned.iter().map(|name| (name, 1, true));
    for (name, seeds, some) in everywhere.chain(some) {
        let recipe = Recipe::parse(name, settings.steps)?;
        for seed in 0..seeds {
            let initial = run * settings.seeds + seed;
            let (method, seed) = (name.clone(), Some(seed));
            entries.push(Entry {
                who: Who { method, seed },
                kind: Kind::Network(Box::new(recipe.clone()), initial),
                only: if some {
                    settings.ablation.matrices.clone()
                } else {
                    Vec::new()
                },
            });
        }
    }
    Ok(entries)
}
