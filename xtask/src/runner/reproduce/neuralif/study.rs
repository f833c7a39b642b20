//! The course of the experiment.

use anyhow::{Context, Result};
use la_gnn::Weights;
use la_gnn::native::neuralif::Loss;
use la_gnn::training::{Log, Outcome, TrainOptions};
use la_problems::Split;
use rayon::{ThreadPool, ThreadPoolBuilder};
use xtask::report::figure::Palette;
use xtask::report::{Control, Figure, Page, Results};

use super::super::Request;
use super::methods::{Kind, Method, untrained};
use super::rows::{Row, measurements, row};
use super::settings::{Experiment, ProfileSettings};
use super::{controls, pictures, summary, tuning};
use crate::experiment::{Family, Problem};
use crate::progress;
use crate::train::{Engine, Run, Variant, parse_named};

/// The experiment as it goes.
pub(super) struct Study<'e> {
    experiment: &'e Experiment,
    settings: &'e ProfileSettings,
    request: &'e Request,
    one_thread: ThreadPool,
    results: Results,
    figures: Vec<Figure>,
    controls: Vec<Control>,
    notes: Vec<String>,
    palette: Palette,
}

/// Matrices for methods that take many times as long as the others.
const SLOW: usize = 3;

/// Methods in the order of tables and pictures.
const METHODS: [&str; 12] = [
    "none",
    "jacobi",
    "ssor",
    "ic0",
    "ic0-sp",
    "ic0-shifted",
    "ict",
    "neuralif",
    "neuralif-sp",
    "neuralif-untrained",
    "neuralif-scratch",
    "neuralif-seed",
];

impl<'e> Study<'e> {
    pub(super) fn new(
        experiment: &'e Experiment,
        request: &'e Request,
        results: Results,
    ) -> Result<Self> {
        Ok(Self {
            experiment,
            settings: experiment.profile(request.profile.name())?,
            request,
            one_thread: ThreadPoolBuilder::new().num_threads(1).build()?,
            results,
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

    pub(super) fn finish(self) -> Result<(Results, Page)> {
        let page = summary::page(
            self.request,
            &self.results,
            self.figures,
            self.controls,
            self.notes,
        );
        Ok((self.results, page))
    }

    /// Weights to report; with `--train` they are made here first.
    fn weights(&self) -> Result<Vec<String>> {
        if !self.request.train {
            return Ok(self.settings.weights.clone());
        }
        let folder = crate::root().join("target/reproduce/neuralif/weights");
        std::fs::create_dir_all(&folder)?;
        let mut files = Vec::new();
        for name in &self.settings.weights {
            let file = folder.join(format!("{name}.safetensors"));
            if !file.is_file() {
                let run = self.run_like(name)?;
                println!("training {name} as its bundled file was");
                let finished = run.train(Some(&file.with_extension("checkpoint")))?;
                if finished.outcome == Outcome::Interrupted {
                    anyhow::bail!(
                        "interrupted; the same command goes on with the training of {name}"
                    );
                }
                finished
                    .parameters
                    .to_weights(run.provenance(&finished))
                    .save(&file)?;
            }
            files.push(file.display().to_string());
        }
        Ok(files)
    }

    /// The training run that made bundled weights, read from their metadata.
    fn run_like(&self, name: &str) -> Result<Run> {
        let provenance = Weights::bundled(name)?.provenance;
        let recipe = |key: &str| provenance.recipe[key].clone();
        let data = |key: &str| provenance.data[key].as_u64().map(|v| v as usize);
        Ok(Run {
            family: Family::parse(
                provenance.data["family"].as_str().unwrap_or("synthetic"),
                data("n").unwrap_or(10_000),
            )?,
            samples: data("samples")
                .context("the weights do not say how many matrices trained them")?,
            validation: 5,
            config: serde_json::from_value(provenance.config.clone())?,
            loss: serde_json::from_value(recipe("loss"))?,
            options: serde_json::from_value(recipe("options"))?,
            from: None,
            engine: Engine::Auto,
            device: self.request.device.clone(),
        })
    }

    /// A network trained from nothing within this run, at n = 1000 where an update takes milliseconds.
    fn train_scratch(&mut self) -> Result<Trained> {
        let mut options = TrainOptions::default();
        options.updates = self.settings.scratch_updates;
        options.batch = 1;
        options.learning_rate = 1e-2;
        options.schedule = parse_named("schedule", "cosine")?;
        options.validate_every = (options.updates / 3).max(1);
        options.seed = self.request.seed;
        let run = Run {
            family: Family::Synthetic {
                n: 1000,
                shifted_density: false,
            },
            samples: 100,
            validation: 3,
            config: Variant::Equilibrated.config(),
            loss: Loss::KaporinPower(8),
            options,
            from: None,
            engine: Engine::Auto,
            device: self.request.device.clone(),
        };
        println!(
            "training from scratch: {} updates at n = 1000",
            run.options.updates
        );
        let finished = run.train(None)?;
        if finished.outcome == Outcome::Interrupted {
            anyhow::bail!("interrupted");
        }
        let figure = pictures::training(
            "neuralif-scratch",
            &finished.log,
            finished.baseline,
            &self.palette,
        )?;
        self.figures.push(figure);
        self.notes.push(format!(
            "`neuralif-scratch` was trained in this run: {} updates of one matrix of n = 1000, {:.0} s, {} engine.",
            run.options.updates, finished.log.seconds, finished.engine
        ));
        Ok(Trained {
            parameters: finished.parameters,
            log: finished.log,
        })
    }

    fn problems(&self, family: &Family, split: Split, count: u64) -> Result<Vec<Problem>> {
        (0..count).map(|i| family.problem(split, i)).collect()
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
        let validation = self.problems(&family, Split::Validation, settings.tuning)?;
        let tuned = self.tune(&first, &validation)?;
        self.notes.push(format!(
            "Chosen on {} validation matrices by total time to 1e-3: {}.",
            validation.len(),
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
                "ic0-shifted",
                Kind::Ic0 {
                    shift: tuned.shift,
                    drop_tol: None,
                },
            ),
            Method::new("ict", Kind::Ict(self.experiment.ict.clone())).on_first(SLOW),
            Method::neuralif("neuralif", &first, None)?,
            Method::neuralif("neuralif-sp", &first, Some(tuned.neuralif_drop))?,
            untrained(&first, self.request.seed)?.on_first(SLOW),
            Method::with_parameters("neuralif-scratch", &scratch.parameters, None)?,
        ];
        for (k, other) in weights.iter().enumerate().skip(1) {
            let short = other
                .rsplit(['/', '-'])
                .next()
                .unwrap_or(other)
                .trim_end_matches(".safetensors");
            methods.push(
                Method::neuralif(&format!("neuralif-{short}"), other, None)
                    .with_context(|| format!("weights {k}"))?,
            );
        }
        let problems = self.problems(&family, Split::Test, settings.tests)?;
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
        if let Some(problem) = problems.first() {
            self.figures.extend(pictures::matrix(&problem.matrix)?);
        }
        self.all_threads(&name, &methods, &problems)?;
        let subset = &problems[..problems.len().min(settings.rhs_controls as usize)];
        self.controls
            .extend(controls::right_hand_sides(&methods, subset)?);
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
        problems: &[Problem],
    ) -> Result<Vec<Row>> {
        let bar = progress::bar("solves", (methods.len() * problems.len()) as u64);
        let mut rows = Vec::new();
        for (k, problem) in problems.iter().enumerate() {
            for method in methods.iter().filter(|m| k < m.matrices) {
                bar.set_message(method.name.clone());
                let measured = self
                    .one_thread
                    .install(|| row(method, problem, k, self.settings.repetitions));
                match measured {
                    Ok(row) => {
                        if !row.solve.status.is_converged() {
                            let status = row.solve.status.as_str();
                            self.notes
                                .push(format!("{} on {}: {status}", method.name, problem.name));
                        }
                        rows.push(row);
                    }
                    Err(error) => {
                        self.notes.push(format!(
                            "{} failed on {}: {error:#}",
                            method.name, problem.name
                        ));
                    }
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let names: Vec<String> = methods.iter().map(|m| m.name.clone()).collect();
        for measurement in measurements(name, &rows, &names, "")? {
            self.results.push(self.experiment.compare(measurement)?)?;
        }
        Ok(rows)
    }

    /// IC(0) and NeuralIF once more on all threads.
    fn all_threads(&mut self, name: &str, methods: &[Method], problems: &[Problem]) -> Result<()> {
        let threads = rayon::current_num_threads();
        if threads == 1 {
            return Ok(());
        }
        let chosen: Vec<&Method> = methods
            .iter()
            .filter(|m| ["ic0", "neuralif", "neuralif-sp"].contains(&m.name.as_str()))
            .collect();
        let mut rows = Vec::new();
        for (k, problem) in problems.iter().take(5).enumerate() {
            for method in &chosen {
                rows.push(row(method, problem, k, self.settings.repetitions)?);
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
        let problems = self.problems(&family, Split::Test, self.settings.shifted)?;
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
        let problems = self.problems(&family, Split::Test, self.settings.poisson)?;
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
            methods.push(untrained(first, self.request.seed)?.on_first(1));
        }
        Ok(methods)
    }

    fn tune(&self, weights: &str, problems: &[Problem]) -> Result<Tuned> {
        let (tuning, repetitions) = (&self.experiment.tuning, self.settings.repetitions);
        self.one_thread.install(|| {
            Ok(Tuned {
                omega: tuning::choose(&tuning.ssor_omega, problems, repetitions, |omega| {
                    Ok(Method::new("ssor", Kind::Ssor { omega }))
                })?,
                ic0_drop: tuning::choose(&tuning.drop_tol, problems, repetitions, |tau| {
                    Ok(Method::new(
                        "ic0-sp",
                        Kind::Ic0 {
                            shift: 0.0,
                            drop_tol: Some(tau),
                        },
                    ))
                })?,
                shift: tuning::choose(&tuning.shift, problems, repetitions, |shift| {
                    Ok(Method::new(
                        "ic0-shifted",
                        Kind::Ic0 {
                            shift,
                            drop_tol: None,
                        },
                    ))
                })?,
                neuralif_drop: tuning::choose(&tuning.drop_tol, problems, repetitions, |tau| {
                    Method::neuralif("neuralif-sp", weights, Some(tau))
                })?,
            })
        })
    }
}

/// A network and the story of its training.
pub(super) struct Trained {
    parameters: la_gnn::neuralif::Parameters,
    log: Log,
}

/// What the validation matrices chose.
struct Tuned {
    omega: f64,
    ic0_drop: f64,
    shift: f64,
    neuralif_drop: f64,
}

impl Tuned {
    fn describe(&self) -> String {
        format!(
            "SSOR ω = {}, drop tolerance {} for ic0-sp and {} for neuralif-sp, shift {} for ic0-shifted",
            self.omega, self.ic0_drop, self.neuralif_drop, self.shift
        )
    }
}
