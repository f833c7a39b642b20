//! One case: every method on the same test problems.

use anyhow::Result;
#[cfg(feature = "torch")]
use la_opt::qp::Gate;
use la_opt::qp::Pricing;
use serde::{Deserialize, Serialize};

use super::course::Course;
use super::guess::{Guesser, Method};
use super::measure::{self, Solve};
use super::rows;
use super::set::{Part, Set};
use super::settings::{CaseSettings, ProfileSettings};

/// What a method did, with one seed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Run {
    /// With the entering rule of the paper's solver, and with dual steepest edge.
    pub(super) solves: [Vec<Solve>; 2],
    pub(super) training: Option<Training>,
}

/// What a training cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Training {
    pub(super) seconds: f64,
    pub(super) epochs: usize,
    /// Least validation loss.
    pub(super) loss: f64,
    /// Thresholds for the two entering rules.
    pub(super) thresholds: [f64; 2],
    /// In an earlier run.
    pub(super) kept: bool,
}

/// Validation problems that a gate is fitted to, at most.
#[cfg(feature = "torch")]
const GATE_SAMPLES: usize = 100;

/// The entering rules: the paper's and ours.
pub(super) const RULES: [Pricing; 2] = [Pricing::LargestViolation, Pricing::SteepestEdge];

/// The sets that a case needs, each made when it is asked for.
pub(super) struct Sets<'s> {
    settings: &'s CaseSettings,
    train: Option<Vec<Set>>,
    validation: Option<Vec<Set>>,
}

impl<'s> Sets<'s> {
    pub(super) fn of(settings: &'s CaseSettings) -> Self {
        Self {
            settings,
            train: None,
            validation: None,
        }
    }

    /// Variables and constraints of the first training set, which need not be solved for that.
    pub(super) fn size(&self) -> Result<(usize, usize)> {
        let size = |set: &Set| (set.n, set.m);
        match &self.train {
            Some(sets) => Ok(size(&sets[0])),
            None => Ok(size(&Set::load(&self.settings.train[0], Part::Train, 1)?)),
        }
    }

    pub(super) fn train(&mut self) -> Result<&[Set]> {
        load(&mut self.train, self.settings, Part::Train)
    }

    pub(super) fn validation(&mut self) -> Result<&[Set]> {
        load(&mut self.validation, self.settings, Part::Validation)
    }
}

fn load<'a>(
    place: &'a mut Option<Vec<Set>>,
    settings: &CaseSettings,
    part: Part,
) -> Result<&'a [Set]> {
    if place.is_none() {
        let sources = settings.train.iter();
        let sets = sources.map(|source| Set::load(source, part, usize::MAX));
        *place = Some(sets.collect::<Result<Vec<_>>>()?);
    }
    Ok(place.as_deref().unwrap_or_default())
}

/// Runs the case.
pub(super) fn run(
    profile: &ProfileSettings,
    settings: &CaseSettings,
    course: &mut Course<'_>,
) -> Result<()> {
    let source = settings.test.as_ref().unwrap_or(&settings.train[0]);
    if !settings.has_data() {
        let note = format!("{}: left out, LA_DATA_DIR is not set.", settings.name);
        println!("{note}");
        course.notes.push(note);
        return Ok(());
    }
    let test = Set::load(source, Part::Test, settings.tests)?;
    println!(
        "{}: n = {}, m = {}, {} test problems",
        settings.name,
        test.n,
        test.m,
        test.len()
    );
    let mut sets = Sets::of(settings);
    for &method in &settings.methods {
        let seeds = if method.is_network() {
            profile.seeds
        } else {
            1
        };
        let mut runs = Vec::new();
        for seed in 0..seeds {
            let seed = course.request.seed + seed;
            let key = format!("{}/{}/{seed}", settings.name, method.name());
            let fresh = !course.knows(&key);
            let run = course.part(&key, || {
                one(profile, settings, method, seed, &test, &mut sets)
            })?;
            let Some(run): Option<Run> = run else {
                continue;
            };
            if fresh {
                println!("  {}", rows::line(method, seed, &run, &test));
            }
            runs.push(run);
        }
        if runs.is_empty() {
            let note = format!(
                "{}: no {}, this program was built without LibTorch.",
                settings.name,
                method.name()
            );
            course.notes.push(note);
            continue;
        }
        for measurement in rows::measurements(&settings.name, method, &runs, &test)? {
            course.push(measurement)?;
        }
    }
    course.publish()
}

/// One method with one seed; nothing where it would need LibTorch and there is none.
fn one(
    profile: &ProfileSettings,
    settings: &CaseSettings,
    method: Method,
    seed: u64,
    test: &Set,
    sets: &mut Sets<'_>,
) -> Result<Option<Run>> {
    if method.is_network() {
        return network(profile, settings, method, seed, test, sets);
    }
    let mut guesser = match method {
        Method::Oracle => Guesser::oracle(test),
        Method::Prior => Guesser::prior(&sets.train()?[0]),
        Method::Nearest => Guesser::neighbours(&sets.train()?[0], 1)?,
        Method::Votes => Guesser::neighbours(&sets.train()?[0], 9)?,
        _ => Guesser::Nothing,
    };
    let solves = [
        all(test, &mut guesser, RULES[0], profile.repetitions)?,
        all(test, &mut guesser, RULES[1], profile.repetitions)?,
    ];
    Ok(Some(Run {
        solves,
        training: None,
    }))
}

#[cfg(feature = "torch")]
fn network(
    profile: &ProfileSettings,
    settings: &CaseSettings,
    method: Method,
    seed: u64,
    test: &Set,
    sets: &mut Sets<'_>,
) -> Result<Option<Run>> {
    use super::networks::{self, Network};

    let task = networks::Task {
        settings,
        method: method.network(),
        seed,
        epochs: profile.epochs,
        // What was to be trained anew was so before anything is measured.
        anew: false,
    };
    let (network, mut training): (Network, Training) = networks::ensure(&task, sets)?;
    let mut solves = Vec::new();
    for (rule, threshold) in RULES.iter().zip(&mut training.thresholds) {
        *threshold = match method.is_published() {
            true => settings.published_threshold,
            false => networks::threshold(&network, *rule, sets.validation()?)?,
        };
        let mut guesser = network.guesser(test, *threshold)?;
        if method != method.network() {
            let validation = &sets.validation()?[0];
            let mut judged = network.guesser(validation, *threshold)?;
            let samples = measure::gate_samples(validation, &mut judged, *rule, GATE_SAMPLES)?;
            guesser = Guesser::Gated(Gate::fit(&samples)?, Box::new(guesser));
        }
        solves.push(all(test, &mut guesser, *rule, profile.repetitions)?);
    }
    let [largest, edge] = [solves.remove(0), solves.remove(0)];
    Ok(Some(Run {
        solves: [largest, edge],
        training: Some(training),
    }))
}

/// Without LibTorch no network is trained.
#[cfg(not(feature = "torch"))]
fn network(
    _: &ProfileSettings,
    _: &CaseSettings,
    _: Method,
    _: u64,
    _: &Set,
    _: &mut Sets<'_>,
) -> Result<Option<Run>> {
    Ok(None)
}

/// All test problems.
fn all(set: &Set, guesser: &mut Guesser, rule: Pricing, repetitions: usize) -> Result<Vec<Solve>> {
    (0..set.len())
        .map(|k| measure::solve(set, k, guesser, rule, repetitions))
        .collect()
}
