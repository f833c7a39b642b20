//! Files of a factorisation.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use la_opt::nmf::{Data, Factors, Loss, NmfSolution};
use xtask::report::figure::{Abscissa, Convergence, History, Palette};

use crate::npy;

/// Writes factors, history and its picture.
pub(super) fn write(
    folder: &Path,
    method: &str,
    loss: Loss,
    data: &Data<'_>,
    solution: &NmfSolution,
) -> Result<()> {
    let rank = solution.factors.rank;
    npy::write_rows(&folder.join("w.npy"), &solution.factors.w, rank)?;
    npy::write_rows(&folder.join("h.npy"), &solution.factors.h, rank)?;
    let mut csv = String::from("iteration,rmse,seconds,loss\n");
    for step in &solution.history {
        let (k, rmse, seconds, loss) = (step.iteration, step.rmse, step.seconds, step.loss);
        writeln!(csv, "{k},{rmse:e},{seconds:e},{loss:e}")?;
    }
    save(&folder.join("history.csv"), csv.as_bytes())?;
    let steps = solution.history.iter();
    let (title, points) = match loss {
        Loss::KullbackLeibler => {
            let scale = data.mean().max(f64::MIN_POSITIVE) * data.known() as f64;
            let points = steps.map(|s| (s.iteration as f64, s.loss / scale));
            ("Divergence over the sum of V", points.collect())
        }
        _ => {
            let scale = super::root_mean_square(data);
            let points = steps.map(|s| (s.iteration as f64, s.rmse / scale));
            (
                "Error over the root of the mean square of V",
                points.collect(),
            )
        }
    };
    let picture = Convergence {
        title: title.to_owned(),
        abscissa: Abscissa::Iterations,
        histories: vec![History {
            method: method.to_owned(),
            points,
        }],
    };
    let svg = picture.draw(&Palette::new([method]))?;
    save(&folder.join("history.svg"), svg.to_document().as_bytes())
}

/// Writes the columns of the factor that has so many rows as grey pictures; white is the largest entry of a column. Returns the factor's name.
pub(super) fn pictures(
    folder: &Path,
    factors: &Factors,
    (height, width): (usize, usize),
) -> Result<&'static str> {
    let pixels = height * width;
    let (name, values) = if factors.rows() == pixels {
        ("w", &factors.w)
    } else if factors.columns() == pixels {
        ("h", &factors.h)
    } else {
        bail!(
            "--picture {height}x{width} has {pixels} pixels, but W has {} rows and H has {}",
            factors.rows(),
            factors.columns()
        );
    };
    for c in 0..factors.rank {
        let column = values.iter().skip(c).step_by(factors.rank);
        let white = column.clone().fold(f64::MIN_POSITIVE, |m, &x| m.max(x));
        let mut bytes = format!("P5\n{width} {height}\n255\n").into_bytes();
        bytes.extend(column.map(|x| (255.0 * x / white).round() as u8));
        save(&folder.join(format!("{name}-{c}.pgm")), &bytes)?;
    }
    Ok(name)
}

fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
