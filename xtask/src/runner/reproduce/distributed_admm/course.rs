//! The experiment as it goes: the ledger, what was measured, and what the report says.

use std::time::Duration;

use anyhow::Result;
use xtask::report::figure::Palette;
use xtask::report::{Figure, Key, Measurement, Page, Results, Unit, format_number};

use super::super::file::ExperimentFile;
use super::super::{Ledger, Request, digest};
use super::method::{Classical, Outcome, Runner};
use super::networks::{train_network, tune, tune_opponent, untrained};
use super::opponents::Opponent;
use super::problems::{Law, Purpose, other_graphs};
use super::settings::{Class, Experiment, ProfileSettings};
use super::{QUANTITIES, pictures, rows, summary};
use crate::progress;

/// What has been done so far.
pub(super) struct Course<'e> {
    experiment: &'e Experiment,
    request: &'e Request,
    ledger: Ledger,
    results: Results,
    figures: Vec<Figure>,
    notes: Vec<String>,
    /// Outcomes of the present class, over all seeds.
    outcomes: Vec<(String, Outcome)>,
    /// Methods of the last seed of the present class.
    runners: Vec<(String, Runner)>,
}

impl<'e> Course<'e> {
    pub(super) fn new(experiment: &'e Experiment, request: &'e Request, ledger: Ledger) -> Self {
        Self {
            experiment,
            request,
            ledger,
            results: Experiment::results(request, "cpu"),
            figures: Vec::new(),
            notes: Vec::new(),
            outcomes: Vec::new(),
            runners: Vec::new(),
        }
    }

    /// The methods of a class, tuned and trained on its training instances.
    fn methods(&mut self, profile: &ProfileSettings, class: Class, seed: u64) -> Result<()> {
        self.runners.clear();
        let law = Law::published(class, Purpose::Training, seed);
        for &method in &profile.methods {
            let alpha = match method.tuned_for() {
                Some(depth) => {
                    let key = format!("{} {} alpha {seed}", class.name(), method.name());
                    let instances = profile.training / 4;
                    let alpha: f64 = self
                        .ledger
                        .part(&key, || tune(method, depth, &law, instances))?;
                    self.notes.push(format!(
                        "{}, {}, seed {seed}: α = {alpha:.3}.",
                        class.name(),
                        method.name()
                    ));
                    alpha
                }
                None => 1.0,
            };
            let runner = Runner::Classical(Box::new(method.options(alpha)));
            self.runners.push((method.name().to_owned(), runner));
        }
        for &opponent in &profile.opponents {
            if opponent == Opponent::Chebyshev && class != Class::Consensus {
                continue;
            }
            let mut step = 1.0;
            if opponent.is_tuned() {
                let key = format!("{} {} step {seed}", class.name(), opponent.name());
                let instances = profile.training / 4;
                let tuned = || tune_opponent(opponent, &law, instances);
                step = self.ledger.part(&key, tuned)?;
                self.notes.push(format!(
                    "{}, {}, seed {seed}: step {}.",
                    class.name(),
                    opponent.name(),
                    format_number(step)
                ));
            }
            let runner = Runner::Opponent(opponent, step);
            self.runners.push((opponent.name().to_owned(), runner));
        }
        let bar = progress::bar("networks", profile.networks.len() as u64);
        for settings in &profile.networks {
            bar.set_message(settings.name.clone());
            let key = format!("{} {} network {seed}", class.name(), settings.name);
            let trained = self
                .ledger
                .part(&key, || train_network(settings, profile, class, seed))?;
            bar.inc(1);
            let config = settings.config();
            self.notes.push(format!(
                "{}, {}, seed {seed}: {} updates in {:.0} s.",
                class.name(),
                settings.name,
                trained.updates,
                trained.seconds
            ));
            let name = if profile.seeds.len() == 1 {
                settings.name.clone()
            } else {
                format!("{} seed {seed}", settings.name)
            };
            let quantity = Key::new(class.name(), &name, "validation-loss");
            let validation = trained.validation;
            let row = Measurement::from_value(quantity, Unit::Dimensionless, validation)?;
            self.results.push(self.experiment.compare(row)?)?;
            self.runners
                .push((settings.name.clone(), trained.runner(&config, false)?));
            if let Some(name) = &settings.also_node_wise {
                self.runners
                    .push((name.clone(), trained.runner(&config, true)?));
            }
            let control = untrained(&config, seed)?;
            self.runners.push((format!("{}@0", settings.name), control));
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Runs every method on the instances of a class and seed.
    pub(super) fn class(
        &mut self,
        profile: &ProfileSettings,
        class: Class,
        seed: u64,
    ) -> Result<()> {
        self.methods(profile, class, seed)?;
        let law = Law::published(class, Purpose::Report, seed);
        let bar = progress::bar(class.name(), self.runners.len() as u64);
        for (name, runner) in &self.runners {
            bar.set_message(name.clone());
            let key = format!("{} {name} {seed}", class.name());
            let outcome: Outcome = self.ledger.part(&key, || {
                Outcome::measure(runner, &law, profile.instances, profile.horizon)
            })?;
            bar.inc(1);
            match self.outcomes.iter_mut().find(|(known, _)| known == name) {
                Some((_, all)) => all.join(outcome),
                None => self.outcomes.push((name.clone(), outcome)),
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Measurements and figures of a class, all seeds together.
    pub(super) fn compare(&mut self, class: Class) -> Result<()> {
        let outcomes = std::mem::take(&mut self.outcomes);
        let relaxed = Classical::Relaxed18.name();
        let relaxed = outcomes.iter().find(|(name, _)| name == relaxed);
        for (name, outcome) in &outcomes {
            let mut list = rows::measurements(class.name(), name, outcome)?;
            if let Some((_, relaxed)) = relaxed {
                list.append(&mut rows::ratios(class.name(), name, outcome, relaxed)?);
            }
            for measurement in list {
                self.results.push(self.experiment.compare(measurement)?)?;
            }
        }
        let palette = Palette::new(outcomes.iter().map(|(name, _)| name.clone()));
        self.figures
            .extend(pictures::draw(class.name(), &outcomes, &palette)?);
        self.ledger.publish(&self.results)
    }

    /// The methods of the last seed on graphs of other kinds and sizes.
    pub(super) fn other_graphs(&mut self, profile: &ProfileSettings, class: Class) -> Result<()> {
        let relaxed_name = Classical::Relaxed18.name();
        let seed = profile.seeds.last().copied().unwrap_or(0);
        let law = Law::published(class, Purpose::Report, seed);
        let count = profile.other_sizes.len() * 5;
        let bar = progress::bar("other graphs", count as u64);
        for &agents in &profile.other_sizes {
            for (kind, graph) in other_graphs(agents) {
                let problem = format!("{}-{kind}-{agents}", class.name());
                bar.set_message(problem.clone());
                let law = law.clone().on(graph, agents);
                let mut outcomes = Vec::new();
                for (name, runner) in &self.runners {
                    if name.ends_with("@0") {
                        continue;
                    }
                    let horizon = profile.horizon.min(100);
                    let outcome: Outcome =
                        self.ledger.part(&format!("{problem} {name}"), || {
                            Outcome::measure(runner, &law, profile.other_instances, horizon)
                        })?;
                    outcomes.push((name.clone(), outcome));
                }
                bar.inc(1);
                let Some((_, relaxed)) = outcomes.iter().find(|(name, _)| name == relaxed_name)
                else {
                    continue;
                };
                for (name, outcome) in &outcomes {
                    let mut list = rows::ratios(&problem, name, outcome, relaxed)?;
                    list.extend(rows::measurements(&problem, name, outcome)?);
                    for measurement in list {
                        self.results.push(self.experiment.compare(measurement)?)?;
                    }
                }
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(Results, Page, Ledger)> {
        let seconds = Duration::from_secs_f64(self.ledger.seconds());
        self.results.environment.set_elapsed(seconds);
        let profile = self.request.profile.name();
        let page = Page {
            title: format!("Distributed ADMM with learned step sizes, profile {profile}"),
            overview: digest::overview(&self.results, &QUANTITIES),
            summary: summary::sentences(&self.results).join(" "),
            figures: self.figures,
            controls: summary::controls(&self.results),
            command: format!("cargo xtask reproduce distributed-admm --profile {profile}"),
            deviations: DEVIATIONS.map(str::to_owned).to_vec(),
            notes: self.notes,
        };
        Ok((self.results, page, self.ledger))
    }
}

/// Where the experiment departs from the paper.
const DEVIATIONS: [&str; 6] = [
    "Instances are drawn by this project's generator: the same laws, other numbers. The distribution of distances is heavy-tailed (path-like graphs), so that means \
     over 1000 instances differ by several per cent between draws at 20 iterations, and more at 50.",
    "`combined` of the paper is trained with averaged step sizes and tested with node-wise ones: here `mean+edges` is the one, `mean+edges as node-wise` the other; \
     `alpha+edges` is trained and tested node-wise.",
    "Evaluation is in double precision, by the general engine (`la_opt::admm`), which is tested to give the iterates of the authors' code; training has parameters \
     in single precision, everything else in double.",
    "Rounds are exchanges between neighbours, two for each iteration, of n numbers for each directed edge (n + 1 where every agent has its own step); averaged step \
     sizes need one sum over the whole network in each learned iteration besides, which is not counted.",
    "An iteration of `extra`, `edge-admm` and `chebyshev` in the tables is two of theirs, of `diging` one: as many numbers along each edge as one of ADMM. Their steps are \
     tuned on the training instances for 50 iterations; `chebyshev` knows the eigenvalues of the graph instead.",
    "Names that end in @0 are networks that were not trained.",
];
