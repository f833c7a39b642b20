//! What a solve leaves behind: text, `solve.json`, `solution.mtx`, `history.svg`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use la_problems::io::write_vector_file;
use serde::Serialize;
use xtask::report::figure::{Abscissa, Convergence, History, Palette};
use xtask::report::{format_number, write_atomic};

use super::args::Plan;
use super::attempt::{Attempt, Outcome, Outcomes};
use super::system::System;

/// Makes the folder of the results, before anything is computed.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| {
        format!(
            "--output {}: cannot make this folder; name another",
            folder.display()
        )
    })
}

/// `solve.json`.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    schema: u32,
    matrix: String,
    n: usize,
    nnz: usize,
    rhs: String,
    /// Whether (−A) x = −b was solved.
    negated: bool,
    rtol: f64,
    max_iters: usize,
    pub(super) status: &'static str,
    pub(super) converged: bool,
    method: &'static str,
    preconditioner: &'static str,
    /// Of all attempts together, as the seconds.
    pub(super) iterations: usize,
    pub(super) relative_residual: f64,
    /// Relative residual that rounding x to double precision may leave.
    rounding_level: f64,
    /// `‖x − x*‖/‖x*‖` where b = A x* was made from x*.
    relative_error: Option<f64>,
    setup_seconds: f64,
    solve_seconds: f64,
    /// Of `--ranks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    ranks: Option<usize>,
    pub(super) attempts: Vec<AttemptRecord>,
}

/// One attempt in `solve.json`.
#[derive(Debug, Serialize)]
pub(super) struct AttemptRecord {
    method: &'static str,
    preconditioner: &'static str,
    scaled: bool,
    /// A status, or `refused`, or `given_up`.
    pub(super) status: &'static str,
    reason: Option<String>,
    pub(super) iterations: usize,
    restarts: usize,
    pub(super) relative_residual: Option<f64>,
    pub(super) setup_seconds: f64,
    pub(super) solve_seconds: f64,
    /// Diagonal shift relative to diag(A), and factorisations repeated to find it.
    pub(super) shift: Option<f64>,
    pub(super) shift_attempts: Option<usize>,
    fill_ratio: Option<f64>,
    /// Why it was tried, where the choice was automatic.
    why: Option<&'static str>,
}

impl AttemptRecord {
    pub(super) fn new(attempt: &Attempt) -> Self {
        let (status, reason) = match &attempt.outcome {
            Outcome::Refused(reason) => ("refused", Some(reason.clone())),
            Outcome::GivenUp(patience) => (
                "given_up",
                Some(format!("no smaller residual over {patience} iterations")),
            ),
            Outcome::Ended(status) => (status.as_str(), None),
        };
        Self {
            method: attempt.method,
            preconditioner: attempt.precond,
            scaled: attempt.scaled,
            status,
            reason,
            iterations: attempt.iterations,
            restarts: attempt.restarts,
            relative_residual: attempt.relative_residual,
            setup_seconds: attempt.setup_seconds,
            solve_seconds: attempt.solve_seconds,
            shift: attempt.stats.map(|s| s.shift),
            shift_attempts: attempt.stats.map(|s| s.shift_attempts),
            fill_ratio: attempt.fill_ratio,
            why: attempt.why,
        }
    }
}

impl Record {
    pub(super) fn new(
        matrix: &Path,
        rhs: &str,
        system: &System,
        plan: &Plan,
        outcomes: &Outcomes,
    ) -> Self {
        let attempts = &outcomes.attempts;
        Self {
            schema: 1,
            matrix: matrix.display().to_string(),
            n: system.a.rows(),
            nnz: system.a.nnz(),
            rhs: rhs.to_owned(),
            negated: system.negated,
            rtol: plan.rtol,
            max_iters: plan.max_iters,
            status: outcomes.status.as_str(),
            converged: outcomes.status.is_converged(),
            method: attempts.last().map_or("none", |a| a.method),
            preconditioner: attempts.last().map_or("none", |a| a.precond),
            iterations: attempts.iter().map(|a| a.iterations).sum(),
            relative_residual: outcomes.relative_residual,
            rounding_level: system.rounding_level(&outcomes.x),
            relative_error: system.relative_error(&outcomes.x),
            setup_seconds: attempts.iter().map(|a| a.setup_seconds).sum(),
            solve_seconds: attempts.iter().map(|a| a.solve_seconds).sum(),
            ranks: None,
            attempts: attempts.iter().map(AttemptRecord::new).collect(),
        }
    }

    /// The same, solved on so many ranks.
    #[cfg(feature = "mpi")]
    pub(super) fn with_ranks(mut self, ranks: usize) -> Self {
        self.ranks = Some(ranks);
        self
    }

    /// The method of the last attempt.
    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    /// The preconditioner of the last attempt.
    pub(super) fn preconditioner(&self) -> &'static str {
        self.preconditioner
    }

    /// Seconds of set-up and solve, all attempts together.
    pub(super) fn seconds(&self) -> f64 {
        self.setup_seconds + self.solve_seconds
    }

    /// What is printed.
    pub(super) fn text(&self, outcomes: &Outcomes) -> String {
        let mut text = format!(
            "{}: {} rows, {} nonzeros\nright-hand side: {}\n",
            self.matrix, self.n, self.nnz, self.rhs
        );
        if self.negated {
            text += "every diagonal entry is negative: (−A) x = −b is solved, which has the same solution\n";
        }
        for attempt in &self.attempts {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "{} + {}{}{}: ",
                attempt.method,
                attempt.preconditioner,
                if attempt.scaled { " (scaled)" } else { "" },
                attempt
                    .why
                    .map_or_else(String::new, |why| format!(" ({why})"))
            );
            let _ = match &attempt.reason {
                Some(reason) => write!(text, "{}: {reason}", attempt.status.replace('_', " ")),
                None => write!(text, "{}", attempt.status.replace('_', " ")),
            };
            if let Some(residual) = attempt.relative_residual {
                let _ = write!(
                    text,
                    ", {} iterations, relative residual {}",
                    attempt.iterations,
                    format_number(residual)
                );
            }
            if let (Some(shift), Some(tries @ 1..)) = (attempt.shift, attempt.shift_attempts) {
                let _ = write!(
                    text,
                    ", diagonal shift {} (factored {} times)",
                    format_number(shift),
                    tries + 1
                );
            }
            if let Some(fill) = attempt.fill_ratio {
                let _ = write!(text, ", fill {}", format_number(fill));
            }
            let _ = writeln!(
                text,
                ", set-up {} s, solve {} s",
                format_number(attempt.setup_seconds),
                format_number(attempt.solve_seconds)
            );
        }
        let _ = writeln!(text, "{}", outcomes.status);
        let _ = write!(
            text,
            "relative residual ‖b − A x‖/‖b‖ = {}",
            format_number(self.relative_residual)
        );
        let _ = write!(
            text,
            " (rounding of x alone: up to {})",
            format_number(self.rounding_level)
        );
        if let Some(error) = self.relative_error {
            let _ = write!(text, ", error ‖x − x*‖/‖x*‖ = {}", format_number(error));
        }
        text.push('\n');
        text
    }

    /// Writes the three files.
    pub(super) fn write(&self, folder: &Path, outcomes: &Outcomes) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(self).context("cannot write solve.json")?;
        json.push(b'\n');
        let figure = self.figure(outcomes)?;
        write_atomic(&folder.join("history.svg"), figure.as_bytes())?;
        write_vector_file(folder.join("solution.mtx"), &outcomes.x)?;
        write_atomic(&folder.join("solve.json"), &json)?;
        Ok(())
    }

    /// Residuals by iteration, the attempts one after another.
    fn figure(&self, outcomes: &Outcomes) -> Result<String> {
        let mut first = 0;
        let mut histories = Vec::new();
        for attempt in &outcomes.attempts {
            let points = attempt.history.iter().enumerate();
            histories.push(History {
                method: format!("{} + {}", attempt.method, attempt.precond),
                points: points.map(|(k, &r)| ((first + k) as f64, r)).collect(),
            });
            first += attempt.iterations;
        }
        let palette = Palette::new(histories.iter().map(|h| h.method.clone()));
        let name = Path::new(&self.matrix)
            .file_name()
            .map_or_else(|| self.matrix.clone(), |n| n.to_string_lossy().into_owned());
        let figure = Convergence {
            title: format!("{name}: {}", self.status.replace('_', " ")),
            abscissa: Abscissa::Iterations,
            histories,
        };
        Ok(figure.draw(&palette)?.to_document())
    }
}
