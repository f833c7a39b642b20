//! Figures that several experiments draw.

use anyhow::Result;
use xtask::report::Figure;
use xtask::report::figure::{Abscissa, Convergence, History, Palette};

/// A method and its solve: (iteration, relative residual, seconds).
pub(crate) type Course<'a> = (&'a str, &'a [(f64, f64, f64)]);

/// The name of a problem set as part of a file name: sets may have numbers in their names.
pub(crate) fn file_stem(problem: &str) -> String {
    problem.replace('.', "_")
}

/// Convergence of every method on one matrix, against iterations and against time.
pub(crate) fn convergence(
    problem: &str,
    courses: &[Course<'_>],
    palette: &Palette,
) -> Result<Vec<Figure>> {
    let histories = |x: fn(&(f64, f64, f64)) -> f64| -> Vec<History> {
        courses
            .iter()
            .map(|(method, history)| {
                // At most 400 points a line: a picture has no more pixels.
                let stride = history.len().div_ceil(400).max(1);
                History {
                    method: (*method).to_string(),
                    points: history
                        .iter()
                        .step_by(stride)
                        .map(|p| (x(p), p.1))
                        .collect(),
                }
            })
            .collect()
    };
    let iterations = Convergence {
        title: format!("{problem}: residual against iteration"),
        abscissa: Abscissa::Iterations,
        histories: histories(|p| p.0),
    };
    let seconds = Convergence {
        title: format!("{problem}: residual against time"),
        abscissa: Abscissa::Seconds,
        histories: histories(|p| p.2),
    };
    Ok(vec![
        Figure::new(
            format!("{}-residual-iterations", file_stem(problem)),
            "Relative residual against the iteration, first test matrix.",
            iterations.draw(palette)?,
        )?,
        Figure::new(
            format!("{}-residual-time", file_stem(problem)),
            "The same against the time of the iteration on one thread, without set-up.",
            seconds.draw(palette)?,
        )?,
    ])
}
