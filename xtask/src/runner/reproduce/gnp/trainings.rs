//! The trainings of a run: how long they will take, and what they came to.

use anyhow::Result;
use xtask::report::figure::Palette;
use xtask::report::{Figure, format_number};

use super::cases::{Case, Scaled};
use super::drawings;
use super::entries::{Entry, Kind};
use super::networks::{Networks, Record, work};
use super::recipe::Recipe;
use super::rows::guarded;

/// One training of the run.
pub(super) struct Training {
    pub(super) matrix: String,
    pub(super) method: String,
    pub(super) seed: u64,
    pub(super) work: f64,
    pub(super) record: Record,
}

/// All of them.
pub(super) struct Trainings {
    pub(super) networks: Networks,
    done: Vec<Training>,
}

impl Trainings {
    pub(super) fn new(networks: Networks) -> Self {
        Self {
            networks,
            done: Vec::new(),
        }
    }

    /// Says beforehand how long training will take.
    pub(super) fn announce(&mut self, cases: &[Case], entries: &[Entry], steps: usize) {
        let recipes: Vec<(&Entry, &Recipe)> = entries
            .iter()
            .filter_map(|entry| match &entry.kind {
                Kind::Network(recipe, _) if recipe.is_trained() => Some((entry, &**recipe)),
                _ => None,
            })
            .collect();
        let Some((_, first)) = recipes.first() else {
            return;
        };
        let mut count = 0;
        for case in cases {
            for (_, recipe) in recipes.iter().filter(|(entry, _)| entry.runs_on(case)) {
                self.networks.plan(case.n, case.nnz, recipe);
                count += 1;
            }
        }
        // The matrix in the middle: caches count.
        if let Some(case) = cases.get(cases.len() / 2) {
            // What goes wrong here goes wrong again where it is written down.
            let networks = &mut self.networks;
            guarded(|| networks.calibrate(&case.load()?.a, first)).ok();
        }
        println!(
            "{} networks of {} steps each: about {} of training here, less what was trained in earlier sittings",
            count,
            steps,
            duration(self.networks.seconds_left().unwrap_or(0.0))
        );
    }

    /// Trains the networks of a matrix that are not kept from an earlier sitting.
    pub(super) fn train(&mut self, case: &Case, matrix: &Scaled, entries: &[Entry]) -> Result<()> {
        for entry in entries {
            let Kind::Network(recipe, seed) = &entry.kind else {
                continue;
            };
            if !recipe.is_trained() || !entry.runs_on(case) {
                continue;
            }
            let before = self.networks.seconds_left();
            let record = self.networks.ensure(&case.name, &matrix.a, recipe, *seed)?;
            if before.is_some() {
                println!(
                    "  {}, seed {seed}: {}; {} of training left",
                    recipe.name,
                    match &record.failure {
                        Some(failure) => format!("not trained: {failure}"),
                        None => format!(
                            "{} steps in {}, loss at best {} of that of zero",
                            record.ratios.len(),
                            duration(record.seconds),
                            format_number(f64::from(record.best_ratio()))
                        ),
                    },
                    duration(self.networks.seconds_left().unwrap_or(0.0))
                );
            }
            self.done.push(Training {
                matrix: case.name.clone(),
                method: recipe.name.clone(),
                seed: entry.who.seed.unwrap_or(0),
                work: work(matrix.a.rows(), matrix.a.nnz()),
                record,
            });
        }
        Ok(())
    }

    /// Size of the matrix and seconds of a step of the paper's network.
    pub(super) fn steps(&self) -> Vec<(f64, f64)> {
        let paper = self.done.iter().filter(|t| t.method == "gnp");
        paper
            .filter_map(|t| Some((t.work, t.record.seconds_per_step()?)))
            .collect()
    }

    /// Losses on the pictured matrices, and how the time of a step grows with the matrix.
    pub(super) fn figures(&self, pictured: &[String], palette: &Palette) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for training in &self.done {
            let shown = pictured.contains(&training.matrix) && training.seed == 0;
            if shown && !training.record.ratios.is_empty() {
                figures.push(drawings::training(training, palette)?);
            }
        }
        let steps = self.steps();
        if !steps.is_empty() {
            figures.push(drawings::scaling(steps, palette)?);
        }
        Ok(figures)
    }
}

/// "12 s", "3 min", "2 h 5 min".
pub(super) fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match seconds {
        ..100.0 => format!("{} s", format_number(seconds)),
        ..6000.0 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}
