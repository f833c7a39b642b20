//! The course of the experiment.

use std::time::Duration;

use anyhow::Result;
use la_problems::Split;
use rayon::{ThreadPool, ThreadPoolBuilder};
use xtask::report::figure::{BoxPlot, BoxSample, Palette};
use xtask::report::{Control, Figure, Page, Results};

use super::super::file::ExperimentFile;
use super::super::pictures::{self, Course};
use super::super::{Ledger, Request};
use super::methods::{Kind, Method};
use super::rows::{Row, interleaved, measurements, spectral};
use super::settings::{Experiment, ProfileSettings, Set};
use super::spectrum::Spectrum;
use super::tuning::Tuned;
use super::{controls, summary};
use crate::experiment::{Nonsymmetric, Problem};
use crate::progress;

/// The experiment as it goes.
pub(super) struct Study<'e> {
    experiment: &'e Experiment,
    settings: &'e ProfileSettings,
    request: &'e Request,
    one_thread: ThreadPool,
    results: Results,
    ledger: Ledger,
    figures: Vec<Figure>,
    controls: Vec<Control>,
    notes: Vec<String>,
    palette: Palette,
}

/// Methods that are no trained networks, in the order of tables.
const CLASSICAL: [&str; 6] = ["none", "jacobi", "ilu0", "rilu", "ilut", "lu"];

impl<'e> Study<'e> {
    pub(super) fn new(
        experiment: &'e Experiment,
        request: &'e Request,
        results: Results,
        ledger: Ledger,
    ) -> Result<Self> {
        let settings = experiment.profile(request.profile.name())?;
        let names = CLASSICAL
            .into_iter()
            .chain(settings.networks())
            .chain(["untrained", "untrained-relaxation"]);
        Ok(Self {
            experiment,
            settings,
            request,
            one_thread: ThreadPoolBuilder::new().num_threads(1).build()?,
            results,
            ledger,
            figures: Vec::new(),
            controls: Vec::new(),
            notes: Vec::new(),
            palette: Palette::new(names),
        })
    }

    pub(super) fn run(&mut self) -> Result<()> {
        for (k, set) in self.settings.sets.iter().enumerate() {
            match self.experiment.family(set)? {
                Ok(family) => self.set(set, &family, k == 0)?,
                Err(reason) => {
                    println!("{} is left out: {reason}", set.name());
                    self.notes
                        .push(format!("{} was left out: {reason}.", set.name()));
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(Results, Page, Ledger)> {
        let seconds = self.ledger.seconds();
        self.results
            .environment
            .set_elapsed(Duration::from_secs_f64(seconds));
        let page = summary::page(
            self.request,
            &self.results,
            self.figures,
            self.controls,
            self.notes,
        );
        Ok((self.results, page, self.ledger))
    }

    /// Everything on one set; `first` is the paper's, with pictures and controls.
    fn set(&mut self, set: &Set, family: &Nonsymmetric, first: bool) -> Result<()> {
        let name = set.name();
        let tuned = self.tune(set)?;
        let methods = self.methods(set, &tuned)?;
        let rows = self.compare(set, family, &methods)?;
        let names: Vec<&str> = methods.iter().map(|m| m.name.as_str()).collect();
        for measurement in measurements(&name, &rows, &names)? {
            self.results.push(self.experiment.compare(measurement)?)?;
        }
        self.ledger.publish(&self.results)?;
        self.spectra(set, family, &methods)?;
        self.pictures(&name, &rows, &names)?;
        self.controls
            .extend(controls::training_matters(&name, &rows));
        if first {
            let one_thread = &self.one_thread;
            let limit = self.settings.time_limit;
            let control = self.ledger.part("identity", || {
                let problem = family.problem(Split::Test, 0, Some(set.rhs()))?;
                one_thread.install(|| controls::identity(&problem, limit))
            })?;
            self.controls.push(control);
        }
        Ok(())
    }

    /// The candidates of ILUT on validation matrices; once for each family and order.
    fn tune(&mut self, set: &Set) -> Result<Tuned> {
        let key = format!("{}/tuning", set.tuning());
        let (settings, experiment, one_thread) = (self.settings, self.experiment, &self.one_thread);
        let tuned = self.ledger.part(&key, || {
            let family = experiment.family(&set.for_tuning())?;
            let family = family.map_err(anyhow::Error::msg)?;
            let problems = (0..settings.tuning)
                .map(|i| family.problem(Split::Validation, i, Some(set.rhs())))
                .collect::<Result<Vec<Problem>>>()?;
            one_thread.install(|| Tuned::on(&problems, &experiment.tuning, settings.time_limit))
        })?;
        let note = format!(
            "ILUT on {}, chosen on {} validation matrices by total time: {}.",
            set.tuning(),
            settings.tuning,
            tuned.describe()
        );
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
        Ok(tuned)
    }

    fn methods(&self, set: &Set, tuned: &Tuned) -> Result<Vec<Method>> {
        let ilut = Kind::Ilut {
            drop_tol: tuned.drop_tol,
            fill: tuned.fill,
        };
        let mut methods = vec![
            Method::new("none", Kind::None).on_first(set.slow),
            Method::new("jacobi", Kind::Jacobi).on_first(set.slow),
            Method::new("ilu0", Kind::Ilu0),
            Method::new("rilu", Kind::Rilu { omega: tuned.omega }),
            Method::new("ilut", ilut),
            Method::new("lu", Kind::Complete).on_first(set.slow),
        ];
        let mut relaxed = false;
        for (name, learned) in self.experiment.networks(self.settings, set)? {
            let method = Method::learned(name, &learned.weights)?;
            relaxed |= method.is_relaxation();
            methods.push(method);
        }
        if relaxed {
            let name = "untrained-relaxation";
            methods.push(Method::untrained_relaxation(name, self.request.seed)?);
        }
        methods.push(Method::untrained("untrained", self.request.seed)?.on_first(set.slow));
        Ok(methods)
    }

    /// Every method on every matrix, on one thread.
    fn compare(
        &mut self,
        set: &Set,
        family: &Nonsymmetric,
        methods: &[Method],
    ) -> Result<Vec<Row>> {
        let (name, settings) = (set.name(), self.settings);
        let limit = Duration::from_secs_f64(settings.time_limit);
        let bar = progress::bar("matrices", set.tests);
        let mut rows = Vec::new();
        for k in 0..set.tests as usize {
            let one_thread = &self.one_thread;
            let measured = self.ledger.part(&format!("{name}/{k}"), || {
                let problem = family.problem(Split::Test, k as u64, Some(set.rhs()))?;
                let chosen: Vec<&Method> = methods.iter().filter(|m| k < m.matrices).collect();
                Ok(one_thread.install(|| {
                    let started = |method: &Method| bar.set_message(method.name.clone());
                    interleaved(&chosen, &problem, k, settings.repetitions, limit, started)
                }))
            })?;
            for row in measured {
                match row {
                    Ok(row) => {
                        if !row.solve.status.is_converged() {
                            let status = row.solve.status.as_str();
                            let at = row.solve.residual;
                            self.notes.push(format!(
                                "{} on {}: {status} at a relative residual of {at:.1e}.",
                                row.method, row.problem
                            ));
                        }
                        rows.push(row);
                    }
                    Err(note) => self.notes.push(note),
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(rows)
    }

    /// Singular values and norms on the first matrices.
    fn spectra(&mut self, set: &Set, family: &Nonsymmetric, methods: &[Method]) -> Result<()> {
        let count = set.spectra.min(set.tests as usize);
        let name = set.name();
        let bar = progress::bar("singular values", (count * methods.len()) as u64);
        for method in methods {
            bar.set_message(method.name.clone());
            let mut all: Vec<Spectrum> = Vec::new();
            for k in 0..count {
                let key = format!("{name}/{k}/{}/spectrum", method.name);
                let spectrum = self.ledger.part(&key, || {
                    let problem = family.problem(Split::Test, k as u64, None)?;
                    let ready = method.set_up(&problem.matrix);
                    let spectrum = ready.and_then(|ready| Spectrum::of(&problem.matrix, &ready));
                    Ok(spectrum.map_err(|error| format!("{}: {error:#}", problem.name)))
                })?;
                match spectrum {
                    Ok(spectrum) => all.push(spectrum),
                    Err(error) => self
                        .notes
                        .push(format!("no singular values of {} on {error}", method.name)),
                }
                bar.inc(1);
            }
            if !all.is_empty() && all.len() == count {
                for measurement in spectral(&name, &method.name, &all)? {
                    self.results.push(self.experiment.compare(measurement)?)?;
                }
            }
        }
        bar.finish_and_clear();
        self.ledger.publish(&self.results)
    }

    fn pictures(&mut self, name: &str, rows: &[Row], methods: &[&str]) -> Result<()> {
        let courses: Vec<Course<'_>> = methods
            .iter()
            .filter_map(|m| rows.iter().find(|r| r.method == *m && r.matrix == 0))
            .map(|r| (r.method.as_str(), r.solve.history.as_slice()))
            .collect();
        let drawn = pictures::convergence(name, &courses, &self.palette)?;
        self.figures.extend(drawn);
        let samples: Vec<BoxSample> = methods
            .iter()
            .map(|m| BoxSample {
                method: (*m).to_string(),
                values: rows
                    .iter()
                    .filter(|r| r.method == *m)
                    .filter_map(|r| r.total(1))
                    .collect(),
            })
            .filter(|sample| !sample.values.is_empty())
            .collect();
        if samples.is_empty() {
            return Ok(());
        }
        let total = BoxPlot {
            title: format!("{name}: set-up and solve to 1e-6"),
            axis: "seconds, one thread".into(),
            samples,
        };
        self.figures.push(Figure::new(
            format!("{}-total-time", pictures::file_stem(name)),
            "Total time of every test matrix, set-up included.",
            total.draw(&self.palette)?,
        )?);
        Ok(())
    }
}
