//! The experiment as it goes: the ledger, what was measured, and what the report says.

use std::time::Duration;

use anyhow::Result;
use la_opt::nmf::learned::ProposalGuard;
use xtask::report::figure::Palette;
use xtask::report::{Figure, Key, Measurement, Page, Results, Unit};

use super::super::file::ExperimentFile;
use super::super::{Ledger, Request, digest};
use super::method::{Classical, Runner, Trace, trace};
use super::networks::{Network, ensure};
use super::scalars::Family;
use super::set::{Matrix, SetName};
use super::settings::{Experiment, ProfileSettings};
use super::{QUANTITIES, parts, pictures, rows, summary};
use crate::progress;

/// Methods on a set with their traces, one for each matrix.
pub(super) type Traces = Vec<(String, Vec<Trace>)>;

/// What has been done so far.
pub(super) struct Course<'e> {
    experiment: &'e Experiment,
    request: &'e Request,
    ledger: Ledger,
    results: Results,
    figures: Vec<Figure>,
    notes: Vec<String>,
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
            runners: Vec::new(),
        }
    }

    /// Trains or reads the networks, and lists all methods.
    pub(super) fn networks(&mut self, profile: &ProfileSettings) -> Result<()> {
        let classical = profile.methods.iter();
        let classical = classical.map(|&m| (m.name().to_owned(), Runner::Classical(m)));
        self.runners.extend(classical);
        for (name, family) in [
            ("scalars-admm", Family::Admm),
            ("scalars-hals", Family::Hals),
        ] {
            let fit = || family.fit(profile.generations);
            let scalars = self.ledger.part(name, fit)?;
            self.notes.push(format!(
                "{name}: fitted on the law of training in {:.0} s: {}.",
                scalars.seconds,
                scalars.told(family)
            ));
            let runner = Runner::Fitted(family.method(&scalars));
            self.runners.push((name.to_owned(), runner));
        }
        for settings in &profile.networks {
            let network = ensure(settings, self.request.train)?;
            let name = &settings.name;
            self.notes.push(format!(
                "{name}: {} parameters, {} updates of training in {:.0} s, {}.",
                network.parameters.values.len(),
                settings.updates,
                network.seconds,
                network.origin
            ));
            let Network {
                parameters,
                untrained,
                ..
            } = &network;
            if settings.accelerate {
                for (name, parameters, guard) in [
                    (name.clone(), parameters, ProposalGuard::None),
                    (format!("{name}+guard"), parameters, ProposalGuard::Step),
                    (
                        format!("{name}+companion"),
                        parameters,
                        ProposalGuard::Companion,
                    ),
                    (format!("{name}@0+guard"), untrained, ProposalGuard::Step),
                ] {
                    self.runners
                        .push((name, Runner::accelerate(parameters, guard)));
                }
                continue;
            }
            self.runners.push((
                name.clone(),
                Runner::start(parameters, Classical::AdmmCold)?,
            ));
            for &then in &settings.then {
                let name = format!("{name}+{}", then.name());
                self.runners.push((name, Runner::start(parameters, then)?));
            }
            let control = Runner::start(untrained, Classical::AdmmCold)?;
            self.runners.push((format!("{name}@0"), control));
        }
        Ok(())
    }

    /// Runs every method on a set, once in each round: what slows the machine down for a while slows no method in all of them.
    pub(super) fn set(&mut self, profile: &ProfileSettings, set: SetName) -> Result<()> {
        let matrices = set.read(profile.matrices)?;
        let problem = set.name();
        let names = self.runners.iter();
        let mut traces: Traces = names.map(|(name, _)| (name.clone(), Vec::new())).collect();
        let rounds = profile.repetitions.max(1);
        let bar = progress::bar(problem, (rounds * self.runners.len()) as u64);
        for round in 0..rounds {
            for ((name, runner), (_, fastest)) in self.runners.iter().zip(&mut traces) {
                bar.set_message(name.clone());
                let run = |matrix: &Matrix| -> Result<Trace> {
                    Ok(trace(runner, matrix, profile.horizon, &[])?.0)
                };
                let all = self.ledger.part(&format!("{problem} {name} {round}"), || {
                    matrices.iter().map(run).collect::<Result<Vec<_>>>()
                })?;
                if round == 0 {
                    *fastest = all;
                } else {
                    let pairs = fastest.iter_mut().zip(&all);
                    pairs.for_each(|(fastest, again)| fastest.fastest(again));
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        for measurement in rows::measurements(set, &traces)? {
            self.results.push(self.experiment.compare(measurement)?)?;
        }
        let palette = Palette::new(self.runners.iter().map(|(name, _)| name.clone()));
        self.figures.extend(pictures::draw(set, &traces, &palette)?);
        if let Some(source) = &matrices[0].source {
            self.figures
                .push(pictures::histogram(problem, &matrices[0])?);
            if source.picture.is_some() {
                self.figures.extend(parts::draw(
                    problem,
                    &matrices[0],
                    &self.runners,
                    profile.horizon,
                )?);
            }
        }
        self.ledger.publish(&self.results)
    }

    pub(super) fn finish(mut self, profile: &ProfileSettings) -> Result<(Results, Page, Ledger)> {
        for settings in &profile.networks {
            let key = Key::new("networks", &settings.name, "parameters");
            let count = la_gnn::factormer::NetworkConfig::parameter_count(&settings.config());
            let measurement = Measurement::from_value(key, Unit::Count, count as f64)?;
            self.results.push(self.experiment.compare(measurement)?)?;
        }
        let seconds = Duration::from_secs_f64(self.ledger.seconds());
        self.results.environment.set_elapsed(seconds);
        let mut figures = pictures::graphs()?;
        figures.append(&mut self.figures);
        let profile = self.request.profile.name();
        let train = if self.request.train { " --train" } else { "" };
        let page = Page {
            title: format!(
                "Learned starts and acceleration of nonnegative factorisations, profile {profile}"
            ),
            overview: digest::overview(&self.results, &QUANTITIES),
            summary: summary::sentences(&self.results).join(" "),
            figures,
            controls: summary::controls(&self.results),
            command: format!("cargo xtask reproduce nmf --profile {profile}{train}"),
            deviations: DEVIATIONS.map(str::to_owned).to_vec(),
            notes: self.notes,
        };
        Ok((self.results, page, self.ledger))
    }
}

/// Where the experiment departs from the paper.
const DEVIATIONS: [&str; 6] = [
    "The dual step of the solver has the sign that makes it converge; as it is printed in the paper it diverges.",
    "The paper says neither where duals start nor what baselines with another ρ do: `admm-cold` starts them at zero in every iteration, `admm-warm` keeps them, both with \
     ρ = 1; `admm-trace` has ρ = trace / rank of the Gram matrix and takes no step that raises the error.",
    "A call of a network counts as one iteration, though it costs as much as many; seconds are of one CPU thread, with the NNDSVD and without the evaluation of errors.",
    "Entries that noise makes negative are set to zero, because NNDSVD needs nonnegative data.",
    "Losses are means over entries, so that matrices of all sizes count alike; gradients are cut at norm 1. The network that starts a factorisation is trained with five \
     iterations of the solver behind it, all weighted alike. The paper states none of this.",
    "Names that end in @0 are networks that were not trained; +guard takes a proposal only if its error is not above that of the solver's own iteration, +companion runs the \
     solver alone beside and takes the better of the two: neither is in the paper.",
];
