//! All networks are trained before anything is measured: as many at a time as there are threads, and nothing runs beside what is timed.

use anyhow::Result;
use la_gnn::torch::tch;

use super::case::Sets;
use super::course::Course;
use super::networks::{Task, ensure};
use super::settings::ProfileSettings;
use crate::progress;

/// Trains the networks of all cases, or finds those of an earlier run with the same recipe.
pub(super) fn train_all(profile: &ProfileSettings, course: &mut Course<'_>) -> Result<()> {
    let tasks = tasks(profile, course);
    let keys: Vec<String> = tasks
        .iter()
        .map(|task| format!("network {}", task.name()))
        .collect();
    let bar = progress::bar("networks", keys.len() as u64);
    bar.inc(keys.iter().filter(|key| course.knows(key)).count() as u64);
    let train = |k: usize| {
        // Each thread trains a network of its own.
        tch::set_num_threads(1);
        let mut sets = Sets::of(tasks[k].settings);
        ensure(&tasks[k], &mut sets).map(|(_, training)| training)
    };
    course.parts(&keys, train, |k, training| {
        if !training.kept && !tasks[k].untrained() {
            let (epochs, seconds) = (training.epochs, training.seconds);
            let text = format!("{}: {epochs} epochs, {seconds:.1} s", tasks[k].name());
            progress::line(&bar, &text);
        }
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    Ok(())
}

/// The networks of all cases whose data is there, each once.
fn tasks<'p>(profile: &'p ProfileSettings, course: &Course<'_>) -> Vec<Task<'p>> {
    let mut tasks: Vec<Task<'p>> = Vec::new();
    for settings in profile.cases.iter().filter(|case| case.has_data()) {
        for method in settings.methods.iter().filter(|m| m.is_network()) {
            for seed in 0..profile.seeds {
                let task = Task {
                    settings,
                    method: method.network(),
                    seed: course.request.seed + seed,
                    epochs: profile.epochs,
                    anew: course.request.train,
                };
                if tasks.iter().all(|other| other.name() != task.name()) {
                    tasks.push(task);
                }
            }
        }
    }
    tasks
}
