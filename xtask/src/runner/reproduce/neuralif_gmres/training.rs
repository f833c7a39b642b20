//! Training of the reported networks within the run.

use anyhow::{Context, Result, bail};
use clap::Parser;

use super::settings::{Experiment, ProfileSettings};
use crate::train;

/// The arguments of `train`, read from a line of the experiment's file.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Line {
    #[command(flatten)]
    args: train::Args,
}

/// Trains every network of a profile as its file was, and puts the files in the place of the bundled weights.
///
/// Files that an earlier sitting finished stay; a training that was cut off goes on from its checkpoint.
pub(super) fn train_all(experiment: &mut Experiment, profile: &ProfileSettings) -> Result<()> {
    let folder = crate::root().join("target/reproduce/neuralif-gmres/weights");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    for name in profile.networks() {
        let Some(learned) = experiment.learned.get_mut(name) else {
            bail!("experiments/neuralif-gmres.toml has no [learned.{name}]");
        };
        let file = folder.join(format!("{}.safetensors", learned.weights));
        if !file.is_file() {
            let recipe = &learned.train;
            println!("training {}: {recipe}", learned.weights);
            let output = file.display().to_string();
            let words = recipe.split_whitespace().chain(["--output", &output]);
            let line = Line::try_parse_from(words).with_context(|| {
                format!("the training of `{name}` in experiments/neuralif-gmres.toml")
            })?;
            train::run(line.args)?;
            if !file.is_file() {
                bail!("interrupted; the same command goes on with the training of {name}");
            }
        }
        learned.weights = file.display().to_string();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::file::ExperimentFile;
    use super::*;

    #[test]
    fn every_recipe_is_a_command_line() {
        let experiment = Experiment::load().unwrap();
        for (name, learned) in &experiment.learned {
            let line = Line::try_parse_from(learned.train.split_whitespace());
            assert!(line.is_ok(), "{name}: {:?}", line.err());
        }
        assert!(experiment.learned.len() >= 5);
    }
}
