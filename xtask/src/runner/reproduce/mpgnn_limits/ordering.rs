//! How the networks stand to each other, seed by seed, beside what the paper's text says.
#![cfg(feature = "torch")]

use std::fmt::Write as _;

use anyhow::Result;
use xtask::report::figure::{BoxPlot, BoxSample, Palette};
use xtask::report::{Centre, Figure, Key, Measurement, Unit};

use super::course::Course;
use super::networks::Trained;
use super::sets::Set;

/// The baseline without messages, and the model that the paper finds satisfactory.
const BASE: &str = "mlp-3";
const MESSAGES: &str = "message-passing-3";

/// Mean cosine over the test matrices.
fn cosine(trained: &Trained) -> f64 {
    let all = trained.qualities.iter().map(|q| q.cosine);
    all.sum::<f64>() / trained.qualities.len().max(1) as f64
}

/// Parameters, epochs, seconds, milliseconds of a step.
pub(super) fn effort(problem: &str, method: &str, seeds: &[&Trained]) -> Result<Vec<Measurement>> {
    let mean = |quantity: &str, unit: Unit, f: &dyn Fn(&Trained) -> f64| {
        let samples: Vec<f64> = seeds.iter().map(|t| f(t)).collect();
        Measurement::from_samples(
            Key::new(problem, method, quantity),
            unit,
            &samples,
            Centre::Mean,
        )
    };
    Ok(vec![
        mean("parameters", Unit::Count, &|t| t.parameters as f64)?,
        mean("epochs", Unit::Count, &|t| t.epochs as f64)?,
        mean("best_epoch", Unit::Count, &|t| t.best_epoch as f64)?,
        mean("training_seconds", Unit::Seconds, &|t| t.seconds)?,
        mean("step_milliseconds", Unit::Dimensionless, &|t| {
            1e3 * t.seconds / t.updates.max(1) as f64
        })?,
        mean("cosine_of_seeds", Unit::Dimensionless, &cosine)?,
    ])
}

/// Differences of cosines, a table with every seed, a figure, and a sentence.
pub(super) fn report(
    set: &Set,
    trained: &[(&str, &Trained)],
    course: &mut Course<'_>,
) -> Result<()> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in trained {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let of = |name: &str| -> Vec<f64> {
        let own = trained.iter().filter(|(n, _)| *n == name);
        own.map(|(_, t)| cosine(t)).collect()
    };
    for (quantity, base) in [
        ("cosine_above_mlp", BASE),
        ("cosine_above_message_passing", MESSAGES),
    ] {
        let base_cosines = of(base);
        for name in names.iter().filter(|n| **n != base) {
            // Seed by seed: the test matrices are the same, the initialisations are not.
            let differences: Vec<f64> = of(name)
                .iter()
                .zip(&base_cosines)
                .map(|(a, b)| a - b)
                .collect();
            if !differences.is_empty() {
                let key = Key::new(&set.name, *name, quantity);
                let unit = Unit::Dimensionless;
                course.push(Measurement::from_samples(
                    key,
                    unit,
                    &differences,
                    Centre::Mean,
                )?)?;
            }
        }
    }
    let mean = |name: &str| {
        let all = of(name);
        all.iter().sum::<f64>() / all.len().max(1) as f64
    };
    let mut ranked = names.clone();
    ranked.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    let mut table = format!("\n{}, networks by mean cosine, seed by seed\n", set.name);
    for name in &ranked {
        let _ = write!(table, "{name:<26}");
        for value in of(name) {
            let _ = write!(table, "{value:>9.4}");
        }
        table.push('\n');
    }
    print!("{table}");
    course.tables.push(table);
    if let (Some(best), Some(worst)) = (ranked.first(), ranked.last()) {
        course.findings.push(format!(
            "{}: {best} has the highest mean cosine of the networks ({:.4}), {worst} the lowest ({:.4}).",
            set.name,
            mean(best),
            mean(worst)
        ));
    }
    let palette = Palette::new(names.clone());
    let samples = ranked.iter().map(|name| BoxSample {
        method: (*name).to_owned(),
        values: trained
            .iter()
            .filter(|(n, _)| n == name)
            .flat_map(|(_, t)| t.qualities.iter().map(|q| 1.0 - q.cosine))
            .filter(|v| *v > 0.0)
            .collect(),
    });
    let plot = BoxPlot {
        title: format!("{}: distance from the factor", set.name),
        axis: "1 − cosine, every test matrix and seed".into(),
        samples: samples.collect(),
    };
    course.figures.push(Figure::new(
        format!("{}-networks", set.name),
        "One minus the cosine between the output of each network and the Cholesky factor.",
        plot.draw(&palette)?,
    )?);
    Ok(())
}
