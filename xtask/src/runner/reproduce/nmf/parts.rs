//! The columns of W as pictures.

use anyhow::{Context, Result};
use xtask::report::Figure;
use xtask::report::figure::Greys;

use super::super::pictures::file_stem;
use super::method::{Classical, Runner, trace};
use super::set::{Matrix, RANK};

/// Pictures of what NNDSVD gives, of what the first network that starts gives with two and with thirty iterations behind it, and of what the solver alone gives with as many.
pub(super) fn draw(
    problem: &str,
    matrix: &Matrix,
    runners: &[(String, Runner)],
    horizon: usize,
) -> Result<Vec<Figure>> {
    let alone = Runner::Classical(Classical::AdmmCold);
    let mut wanted = vec![("nndsvd".to_owned(), alone.clone(), 0)];
    let network = runners.iter().find(|(_, r)| matches!(r, Runner::Start(..)));
    if let Some((name, runner)) = network {
        // The network is the first iteration.
        wanted.extend([3, 31].map(|at| (name.clone(), runner.clone(), at)));
    }
    wanted.push(("admm-cold".to_owned(), alone, 30));
    let mut figures = Vec::new();
    for (name, runner, at) in wanted.into_iter().filter(|w| w.2 <= horizon) {
        let (_, kept) = trace(&runner, matrix, at, &[at])?;
        let (_, factors) = kept.into_iter().next().context("no factors were kept")?;
        let source = matrix.source.as_ref().context("rows are no pixels")?;
        let picture = |c: usize| {
            let column: Vec<f64> = factors.w.iter().skip(c).step_by(RANK).copied().collect();
            source.lines(&column).context("rows are no pixels")
        };
        let (height, width, _) = source.picture.context("rows are no pixels")?;
        let greys = Greys {
            title: format!("{problem}: columns of W, {name}, iteration {at}"),
            size: (height, width),
            pictures: (0..RANK).map(picture).collect::<Result<_>>()?,
            columns: 5,
        };
        figures.push(Figure::new(
            format!("{}-parts-{}-{at}", file_stem(problem), name.replace(['+', '@'], "-")),
            format!("The ten columns of W as pictures: {name} at iteration {at}; the paper's appendix shows its own."),
            greys.draw()?,
        )?);
    }
    Ok(figures)
}
