//! The course of the experiment.

use std::time::Duration;

use anyhow::{Context, Result};
use la_problems::Split;
use rayon::{ThreadPool, ThreadPoolBuilder};
use xtask::report::figure::Palette;
use xtask::report::{Control, Figure, Page, Results};

use super::super::file::ExperimentFile;
use super::super::{Ledger, Request};
use super::methods::{Kind, Method, untrained};
use super::rows::{Row, measurements, row};
use super::settings::{Experiment, ProfileSettings};
use super::training::Trained;
use super::tuning::Tuned;
use super::{controls, pictures, summary};
use crate::experiment::{Family, Problem, Problems};
use crate::progress;

/// The experiment as it goes.
pub(super) struct Study<'e> {
    experiment: &'e Experiment,
    pub(super) settings: &'e ProfileSettings,
    pub(super) request: &'e Request,
    one_thread: ThreadPool,
    results: Results,
    pub(super) ledger: Ledger,
    pub(super) figures: Vec<Figure>,
    controls: Vec<Control>,
    pub(super) notes: Vec<String>,
    pub(super) palette: Palette,
}

/// Matrices for methods that take many times as long as the others.
const SLOW: usize = 3;

/// Methods in the order of tables and pictures.
const METHODS: [&str; 20] = [
    "none",
    "jacobi",
    "ssor",
    "ic0",
    "ic0-sp",
    "ic0-thin",
    "ssor-thin",
    "ic0-shifted",
    "ic0-f32",
    "ict",
    "neuralif",
    "neuralif-sp",
    "neuralif-f32",
    "neuralif-t1",
    "neuralif-thin",
    "neuralpcg",
    "neuralif-untrained",
    "neuralif-thin-untrained",
    "neuralif-scratch",
    "neuralif-seed",
];

impl<'e> Study<'e> {
    pub(super) fn new(
        experiment: &'e Experiment,
        request: &'e Request,
        results: Results,
        ledger: Ledger,
    ) -> Result<Self> {
        Ok(Self {
            experiment,
            settings: experiment.profile(request.profile.name())?,
            request,
            one_thread: ThreadPoolBuilder::new().num_threads(1).build()?,
            results,
            ledger,
            figures: Vec::new(),
            controls: Vec::new(),
            notes: Vec::new(),
            palette: Palette::new(METHODS),
        })
    }

    pub(super) fn run(&mut self) -> Result<()> {
        let scratch = self.train_scratch()?;
        self.synthetic(&scratch)?;
        if self.settings.shifted > 0 {
            self.shifted_density()?;
        }
        if self.settings.poisson > 0 {
            self.poisson()?;
        }
        self.figures
            .extend(pictures::ratios(&self.results, &self.palette)?);
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

    fn synthetic(&mut self, scratch: &Trained) -> Result<()> {
        let settings = self.settings;
        let family = Family::Synthetic {
            n: settings.n,
            shifted_density: false,
        };
        let name = format!("synthetic-n{}", settings.n);
        let weights = self.weights()?;
        let first = weights
            .first()
            .context("the profile names no weights")?
            .clone();
        let tuning = &self.experiment.tuning;
        let tuned = self.ledger.part("tuning", || {
            let validation: Vec<Problem> = (0..settings.tuning)
                .map(|i| family.problem(Split::Validation, i))
                .collect::<Result<_>>()?;
            Tuned::on(&validation, tuning, &first)
        })?;
        self.notes.push(format!(
            "Chosen on {} validation matrices by the entries passed through to 1e-3: {}.",
            settings.tuning,
            tuned.describe()
        ));
        let mut methods = vec![
            Method::new("none", Kind::None),
            Method::new("jacobi", Kind::Jacobi),
            Method::new("ssor", Kind::Ssor { omega: tuned.omega }),
            Method::new(
                "ic0",
                Kind::Ic0 {
                    shift: 0.0,
                    drop_tol: None,
                },
            ),
            Method::new(
                "ic0-sp",
                Kind::Ic0 {
                    shift: 0.0,
                    drop_tol: Some(tuned.ic0_drop),
                },
            ),
            Method::new(
                "ic0-thin",
                Kind::Ic0Thin {
                    tau: tuned.ic0_thin,
                },
            ),
            Method::new(
                "ssor-thin",
                Kind::SsorThin {
                    omega: tuned.ssor_thin.0,
                    tau: tuned.ssor_thin.1,
                },
            ),
            Method::new(
                "ic0-shifted",
                Kind::Ic0 {
                    shift: tuned.shift,
                    drop_tol: None,
                },
            ),
            Method::new(
                "ic0-f32",
                Kind::Ic0 {
                    shift: 0.0,
                    drop_tol: None,
                },
            )
            .in_single_precision(),
            Method::new("ict", Kind::Ict(self.experiment.ict.clone())).on_first(SLOW),
            Method::neuralif("neuralif", &first, None)?,
            Method::neuralif("neuralif-sp", &first, Some(tuned.neuralif_drop))?,
            Method::neuralif("neuralif-f32", &first, None)?.in_single_precision(),
            Method::neuralpcg("neuralpcg", &self.experiment.neuralpcg_weights)?,
            untrained("neuralif-untrained", &first, self.request.seed)?.on_first(SLOW),
            Method::with_parameters("neuralif-scratch", &scratch.parameters, None)?,
        ];
        for (k, other) in weights.iter().enumerate().skip(1) {
            let short = other
                .rsplit(['/', '-'])
                .next()
                .unwrap_or(other)
                .trim_end_matches(".safetensors");
            let name = format!("neuralif-{short}");
            methods.push(
                Method::neuralif(&name, other, None).with_context(|| format!("weights {k}"))?,
            );
            if short == "thin" {
                let name = format!("{name}-untrained");
                methods.push(untrained(&name, other, self.request.seed)?.on_first(SLOW));
            }
        }
        let problems = Problems::new(&family, Split::Test, settings.tests);
        let rows = self.compare(&name, &methods, &problems)?;
        let first_rows: Vec<&Row> = METHODS
            .iter()
            .filter_map(|m| rows.iter().find(|r| r.method == *m))
            .collect();
        self.figures
            .extend(pictures::convergence(&name, &first_rows, &self.palette)?);
        let names: Vec<String> = METHODS[3..].iter().map(|m| (*m).to_string()).collect();
        self.figures
            .extend(pictures::boxes(&name, &rows, &names, &self.palette)?);
        if problems.len() > 0 {
            let matrix = &problems.get(0)?.matrix;
            self.figures.extend(pictures::matrix(matrix)?);
        }
        self.all_threads(&name, &methods, &problems)?;
        self.controls.extend(self.ledger.part("controls", || {
            let count = problems.len().min(settings.rhs_controls as usize);
            let subset = (0..count)
                .map(|k| problems.get(k))
                .collect::<Result<Vec<_>>>()?;
            controls::right_hand_sides(&methods, &subset)
        })?);
        self.controls
            .extend(controls::training_matters(&self.results, &name));
        self.notes.push(format!(
            "Final loss of `neuralif-scratch`: {:.4}.",
            scratch.log.losses.last().copied().unwrap_or(f32::NAN)
        ));
        Ok(())
    }

    /// Every method on every matrix, on one thread.
    fn compare(
        &mut self,
        name: &str,
        methods: &[Method],
        problems: &Problems<'_>,
    ) -> Result<Vec<Row>> {
        let bar = progress::bar("solves", (methods.len() * problems.len()) as u64);
        let mut rows = Vec::new();
        let repetitions = self.settings.repetitions;
        for k in 0..problems.len() {
            for method in methods.iter().filter(|m| k < m.matrices) {
                bar.set_message(method.name.clone());
                let key = format!("{name}/{}/{k}", method.name);
                let measured = self.ledger.part(&key, || {
                    let problem = problems.get(k)?;
                    let measured = self
                        .one_thread
                        .install(|| row(method, problem, k, repetitions));
                    Ok(measured.map_err(|error| format!("{}: {error:#}", problem.name)))
                })?;
                match measured {
                    Ok(row) => {
                        if !row.solve.status.is_converged() {
                            let status = row.solve.status.as_str();
                            self.notes
                                .push(format!("{} on {}: {status}", method.name, row.problem));
                        }
                        rows.push(row);
                    }
                    Err(error) => self
                        .notes
                        .push(format!("{} failed on {error}", method.name)),
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let names: Vec<String> = methods.iter().map(|m| m.name.clone()).collect();
        for measurement in measurements(name, &rows, &names, "")? {
            self.results.push(self.experiment.compare(measurement)?)?;
        }
        self.ledger.publish(&self.results)?;
        Ok(rows)
    }

    /// IC(0) and NeuralIF once more on all threads.
    fn all_threads(
        &mut self,
        name: &str,
        methods: &[Method],
        problems: &Problems<'_>,
    ) -> Result<()> {
        let threads = rayon::current_num_threads();
        if threads == 1 {
            return Ok(());
        }
        let chosen: Vec<&Method> = methods
            .iter()
            .filter(|m| {
                [
                    "ic0",
                    "ssor-thin",
                    "neuralif",
                    "neuralif-sp",
                    "neuralif-f32",
                    "neuralif-thin",
                ]
                .contains(&m.name.as_str())
            })
            .collect();
        let mut rows = Vec::new();
        let repetitions = self.settings.repetitions;
        for k in 0..problems.len().min(5) {
            for method in &chosen {
                let key = format!("{name}/{}/{k}/{threads} threads", method.name);
                rows.push(
                    self.ledger
                        .part(&key, || row(method, problems.get(k)?, k, repetitions))?,
                );
            }
        }
        let names: Vec<String> = chosen.iter().map(|m| m.name.clone()).collect();
        for measurement in measurements(name, &rows, &names, &format!(", {threads} threads"))? {
            self.results.push(measurement)?;
        }
        Ok(())
    }

    fn shifted_density(&mut self) -> Result<()> {
        let family = Family::Synthetic {
            n: self.settings.n,
            shifted_density: true,
        };
        let problems = Problems::new(&family, Split::Test, self.settings.shifted);
        let methods = self.short_list(&self.weights()?)?;
        self.compare("synthetic-shifted-density", &methods, &problems)?;
        Ok(())
    }

    fn poisson(&mut self) -> Result<()> {
        let [min_n, max_n] = self.settings.poisson_sizes;
        let family = Family::Poisson {
            min_n,
            max_n,
            mesh: None,
        };
        let problems = Problems::new(&family, Split::Test, self.settings.poisson);
        let methods = self.short_list(&self.settings.poisson_weights)?;
        let rows = self.compare("poisson", &methods, &problems)?;
        let first: Vec<&Row> = METHODS
            .iter()
            .filter_map(|m| rows.iter().find(|r| r.method == *m))
            .collect();
        self.figures
            .extend(pictures::convergence("poisson", &first, &self.palette)?);
        self.figures.push(pictures::setup_scaling(
            &rows,
            &["ic0", "neuralif"],
            &self.palette,
        )?);
        Ok(())
    }

    fn short_list(&self, weights: &[String]) -> Result<Vec<Method>> {
        let mut methods = vec![
            Method::new("none", Kind::None),
            Method::new("jacobi", Kind::Jacobi),
            Method::new(
                "ic0",
                Kind::Ic0 {
                    shift: 0.0,
                    drop_tol: None,
                },
            ),
        ];
        if let Some(first) = weights.first() {
            methods.push(Method::neuralif("neuralif", first, None)?);
            methods.push(untrained("neuralif-untrained", first, self.request.seed)?.on_first(1));
        }
        Ok(methods)
    }
}
