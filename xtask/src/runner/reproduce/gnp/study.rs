//! The course of the experiment.

use std::time::{Duration, Instant};

use anyhow::Result;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::{Deserialize, Serialize};
use xtask::report::figure::Palette;
use xtask::report::{Figure, Key, Measurement, Page, Results, Unit};

use super::super::file::ExperimentFile;
use super::super::pictures::{self, Course};
use super::super::{Ledger, Request};
use super::cases::{Case, Scaled, cases};
use super::drawings;
use super::entries::{Entry, entries};
use super::networks::Networks;
use super::peers::{self, Others};
use super::rows::{Failure, Row, Timed, guarded, rows, timed};
use super::settings::{Experiment, ProfileSettings};
use super::sides::{Side, System};
use super::summary;
use super::trainings::{Trainings, duration};

/// The experiment as it goes.
pub(super) struct Study<'e> {
    experiment: &'e Experiment,
    settings: ProfileSettings,
    request: &'e Request,
    one_thread: ThreadPool,
    results: Results,
    ledger: Ledger,
    cases: Vec<Case>,
    rows: Vec<Row>,
    figures: Vec<Figure>,
    notes: Vec<String>,
    palette: Palette,
    trainings: Trainings,
    others: Option<Others>,
}

/// The methods in the order in which they get their colours: the paper's first.
fn names(settings: &ProfileSettings) -> Vec<String> {
    let paper = summary::RIVALS.iter().map(|m| (*m).to_owned());
    let networks = settings.learned.iter().chain(&settings.ablation.learned);
    let others = networks.chain(&settings.classical).cloned();
    paper.chain(others).collect()
}

/// What is left when the experiment has ended.
pub(super) struct Done {
    pub(super) results: Results,
    pub(super) page: Page,
    pub(super) ledger: Ledger,
    /// All rows, one line of JSON each.
    pub(super) lines: String,
}

/// What a matrix is, beside its rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Facts {
    gamma: f64,
    /// `‖b‖` of x* = 1.
    rhs_norm: f64,
}

impl<'e> Study<'e> {
    pub(super) fn new(
        experiment: &'e Experiment,
        request: &'e Request,
        results: Results,
        ledger: Ledger,
        networks: Networks,
    ) -> Result<Self> {
        let settings = experiment.profile(request.profile.name())?.clone();
        let settings = settings.restricted(&request.matrices, &request.methods)?;
        let (cases, mut notes) = cases(&settings)?;
        let palette = Palette::new(names(&settings));
        let others = match request.peers.then(Others::start) {
            None => None,
            Some(Ok(others)) => {
                notes.push(format!("Other programs: {}.", others.versions()));
                Some(others)
            }
            Some(Err(error)) => {
                println!("no other programs: {error:#}");
                notes.push(format!("No other programs: {error:#}."));
                None
            }
        };
        Ok(Self {
            experiment,
            settings,
            request,
            one_thread: ThreadPoolBuilder::new().num_threads(1).build()?,
            results,
            ledger,
            cases,
            rows: Vec::new(),
            figures: Vec::new(),
            notes,
            palette,
            trainings: Trainings::new(networks),
            others,
        })
    }

    pub(super) fn run(&mut self) -> Result<()> {
        let entries = entries(&self.settings, self.request.seed)?;
        self.trainings
            .announce(&self.cases, &entries, self.settings.steps);
        let count = self.cases.len();
        for (k, case) in self.cases.clone().iter().enumerate() {
            println!("[{}/{count}] {}, n = {}", k + 1, case.name, case.n);
            let start = Instant::now();
            match guarded(|| case.load()) {
                Ok(matrix) => {
                    self.matrix(case, &matrix, &entries)?;
                    println!("  {}", self.told(case, start.elapsed()));
                }
                Err(error) => {
                    println!("  left out: {error:#}");
                    self.notes
                        .push(format!("{} is left out: {error:#}", case.name));
                }
            }
        }
        Ok(())
    }

    /// Every method on one matrix, with a limit of iterations and then with one of time.
    fn matrix(&mut self, case: &Case, matrix: &Scaled, entries: &[Entry]) -> Result<()> {
        let systems: Vec<System> = self
            .settings
            .sides
            .iter()
            .map(|side| System::new(&matrix.a, *side, self.request.seed))
            .collect();
        self.trainings.train(case, matrix, entries)?;
        let mut found: Vec<Row> = Vec::new();
        for entry in entries.iter().filter(|entry| entry.runs_on(case)) {
            let key = format!("{}/{}", case.name, entry.key());
            let (one_thread, networks) = (&self.one_thread, &self.trainings.networks);
            let part: Vec<Row> = self.ledger.part(&key, || {
                let make = || entry.build(case, matrix, networks);
                Ok(one_thread.install(|| rows(case, &matrix.a, &systems, &entry.who, make)))
            })?;
            found.extend(part);
        }
        let limits = self.limits(&systems, &found);
        if let Some(others) = &mut self.others {
            for method in peers::METHODS {
                let key = format!("{}/{}", case.name, method.0);
                let part: Vec<Row> = self
                    .ledger
                    .part(&key, || others.rows(case, &matrix.a, &systems, method))?;
                found.extend(part);
            }
        }
        for entry in entries.iter().filter(|entry| entry.runs_on(case)) {
            let key = format!("{}/{}/timed", case.name, entry.key());
            let (one_thread, networks) = (&self.one_thread, &self.trainings.networks);
            let part: Vec<Timed> = self.ledger.part(&key, || {
                let make = || entry.build(case, matrix, networks);
                Ok(one_thread.install(|| timed(&matrix.a, &limits, make)))
            })?;
            for ((system, _), timed) in limits.iter().zip(part) {
                let same = |row: &&mut Row| {
                    row.rhs == system.side
                        && row.method == entry.who.method
                        && row.seed == entry.who.seed
                };
                if let Some(row) = found.iter_mut().find(same) {
                    row.timed = Some(timed);
                }
            }
        }
        let facts = Facts {
            gamma: matrix.gamma,
            rhs_norm: systems
                .iter()
                .find(|s| s.side == Side::Ones)
                .map_or(0.0, |s| s.b.iter().map(|b| b * b).sum::<f64>().sqrt()),
        };
        self.measure(case, &facts, &found)?;
        self.picture(case, &found)?;
        self.rows.extend(found);
        self.ledger.publish(&self.results)
    }

    /// The right-hand sides that are timed, each with the time that the slowest method took for its iterations.
    fn limits<'s>(&self, systems: &'s [System], rows: &[Row]) -> Vec<(&'s System, f64)> {
        let timed = systems
            .iter()
            .filter(|s| self.settings.timed.contains(&s.side) && !s.is_degenerate());
        timed
            .map(|system| {
                let of_side = rows.iter().filter(|r| r.rhs == system.side);
                let slowest = of_side.filter_map(|r| r.solve_seconds).fold(0.0, f64::max);
                (system, slowest.min(self.settings.time_limit))
            })
            .collect()
    }

    /// Numbers of the paper's right-hand side and of the random one, matrix by matrix.
    fn measure(&mut self, case: &Case, facts: &Facts, rows: &[Row]) -> Result<()> {
        let mut list = vec![
            Measurement::from_value(
                Key::new(&case.name, "prescaling", "gamma"),
                Unit::Dimensionless,
                facts.gamma,
            )?,
            Measurement::from_value(
                Key::new(&case.name, "prescaling", "rhs_norm"),
                Unit::Dimensionless,
                facts.rhs_norm,
            )?,
        ];
        for row in rows.iter().filter(|r| r.seed.is_none_or(|s| s == 0)) {
            let end = match row.rhs {
                Side::Ones => "",
                Side::Gaussian => "-gaussian",
                Side::Signs | Side::Smooth => continue,
            };
            let mut push = |quantity: &str, value: Option<f64>| -> Result<()> {
                let key = Key::new(&case.name, &row.method, format!("{quantity}{end}"));
                list.push(match value {
                    Some(value) => Measurement::from_value(key, Unit::Dimensionless, value)?,
                    None => Measurement::failed(key, Unit::Dimensionless)?,
                });
                Ok(())
            };
            let sound = row.failure.is_none();
            push("residual", row.residual.filter(|_| sound))?;
            if !sound || row.error.is_some() {
                push("error", row.error.filter(|_| sound))?;
            }
            if row.rhs == Side::Ones && !(sound && row.history.is_empty()) {
                // A solve that arrived earlier stays where it is.
                let point = row.history.get(10).or(row.history.last());
                push("residual@10", point.map(|p| p.0).filter(|_| sound))?;
            }
            if row.rhs == Side::Ones && row.converged() {
                let key = Key::new(&case.name, &row.method, "iterations");
                let iterations = row.iterations.unwrap_or(0) as f64;
                list.push(Measurement::from_value(key, Unit::Iterations, iterations)?);
            }
        }
        for measurement in list {
            self.results.push(self.experiment.compare(measurement)?)?;
        }
        Ok(())
    }

    fn picture(&mut self, case: &Case, rows: &[Row]) -> Result<()> {
        if !self.settings.pictures.contains(&case.name) {
            return Ok(());
        }
        for side in [Side::Ones, Side::Gaussian] {
            let histories: Vec<(&str, Vec<_>)> = rows
                .iter()
                .filter(|r| r.rhs == side && r.failure.is_none() && r.seed.is_none_or(|s| s == 0))
                .map(|r| {
                    let points = r.history.iter().enumerate();
                    let points = points.map(|(i, p)| (i as f64, p.0, p.1)).collect();
                    (r.method.as_str(), points)
                })
                .collect();
            let courses: Vec<Course<'_>> = histories
                .iter()
                .map(|(name, points)| (*name, points.as_slice()))
                .collect();
            let title = format!("{}-{}", case.name, side.name());
            self.figures
                .extend(pictures::convergence(&title, &courses, &self.palette)?);
        }
        Ok(())
    }

    /// One line for whoever waits.
    fn told(&self, case: &Case, took: Duration) -> String {
        let of_case = self
            .rows
            .iter()
            .filter(|r| r.matrix == case.name && r.rhs == Side::Gaussian);
        let solved: Vec<&str> = of_case
            .filter(|r| r.converged() && r.seed.is_none_or(|s| s == 0))
            .map(|r| r.method.as_str())
            .collect();
        let failed = self
            .rows
            .iter()
            .filter(|r| r.matrix == case.name && matches!(r.failure, Some(Failure::Construction)));
        format!(
            "random x* solved by {}; {} rows without a preconditioner; {}",
            if solved.is_empty() {
                "none".into()
            } else {
                solved.join(", ")
            },
            failed.count(),
            duration(took.as_secs_f64())
        )
    }

    pub(super) fn finish(mut self) -> Result<Done> {
        let seconds = self.ledger.seconds();
        self.results
            .environment
            .set_elapsed(Duration::from_secs_f64(seconds));
        let mut lines = String::new();
        for row in &self.rows {
            lines += &(serde_json::to_string(row)? + "\n");
        }
        for measurement in summary::measurements(&self.settings, &self.rows)? {
            self.results.push(self.experiment.compare(measurement)?)?;
        }
        if let Some(r2) = summary::linearity(&self.trainings.steps()) {
            let key = Key::new("all matrices", "training", "linear_in_size_r2");
            let measurement = Measurement::from_value(key, Unit::Dimensionless, r2)?;
            self.results.push(self.experiment.compare(measurement)?)?;
        }
        let training = self
            .trainings
            .figures(&self.settings.pictures, &self.palette)?;
        let (rows, palette) = (&self.rows, &self.palette);
        let mut figures = drawings::best(
            rows,
            &self.settings.timed,
            &summary::RIVALS,
            &self.cases,
            palette,
        )?;
        figures.extend(drawings::times(rows, palette)?);
        figures.extend(self.figures);
        figures.extend(training);
        let page = Page {
            figures,
            notes: self.notes,
            ..summary::page(self.request, &self.settings, rows, &self.cases)
        };
        Ok(Done {
            results: self.results,
            page,
            ledger: self.ledger,
            lines,
        })
    }
}
