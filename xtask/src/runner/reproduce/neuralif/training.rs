//! Training within the experiment.

use anyhow::{Context, Result};
use la_gnn::Weights;
use la_gnn::native::neuralif::Loss;
use la_gnn::training::{Log, Outcome, TrainOptions};

use super::pictures;
use super::study::Study;
use crate::experiment::Family;
use crate::train::{Engine, Run, Variant, parse_named};

/// A network and the story of its training.
pub(super) struct Trained {
    pub(super) parameters: la_gnn::neuralif::Parameters,
    pub(super) log: Log,
}

impl Study<'_> {
    /// Weights to report; with `--train` they are made here first.
    pub(super) fn weights(&self) -> Result<Vec<String>> {
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
    pub(super) fn train_scratch(&mut self) -> Result<Trained> {
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
        let finished = run.train(Some(&self.ledger.path("scratch.checkpoint")))?;
        if finished.outcome == Outcome::Interrupted {
            anyhow::bail!("interrupted; the same command goes on where it stopped");
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
}
