//! The words of the report.

use xtask::report::{Figure, Page};

use super::super::Request;
use super::rows::Row;

/// Columns of the overview in the terminal.
pub(super) const QUANTITIES: [(&str, &str); 4] = [
    ("residual", "residual"),
    ("error", "error"),
    ("residual-gaussian", "resid. rand."),
    ("error-gaussian", "error rand."),
];

/// Puts the report together.
pub(super) fn page(
    request: &Request,
    rows: &[Row],
    figures: Vec<Figure>,
    notes: Vec<String>,
) -> Page {
    Page {
        title: format!(
            "Graph neural preconditioners, profile {}",
            request.profile.name()
        ),
        overview: String::new(),
        summary: format!("{} rows.", rows.len()),
        figures,
        controls: Vec::new(),
        command: command(request),
        deviations: deviations(),
        notes,
    }
}

/// The command that gives this report.
fn command(request: &Request) -> String {
    let mut command = format!(
        "cargo xtask reproduce gnp --profile {}",
        request.profile.name()
    );
    if request.seed != 0 {
        command += &format!(" --seed {}", request.seed);
    }
    command
}

fn deviations() -> Vec<String> {
    [
        "The matrices are those of the local data folder that meet the paper's selection rule, not its 867; families of near-equal \
         matrices are among them.",
        "FGMRES orthogonalises by classical Gram–Schmidt, twice where needed, not by one pass of modified Gram–Schmidt.",
        "ILUT and ILUTP are ours, with SuperLU's default drop tolerance (1e-4) and fill (10) behind matching and scaling, which the \
         paper's ILU does not have; AMG is our smoothed aggregation with its defaults. Failures of the paper's table 2 are those of \
         SuperLU and PyAMG.",
        "Everything but training runs on one thread of the processor; the paper used a V100 where supported.",
        "A solve that gives up early without having arrived is continued at its last residual in both areas.",
        "A complete factorisation (`lu`) is not in the paper.",
    ]
    .map(String::from)
    .to_vec()
}
