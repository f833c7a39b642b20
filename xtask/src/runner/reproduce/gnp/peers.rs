//! The same solves with the preconditioners of the paper's own opponents: SuperLU's threshold ILU and PyAMG, each as it
//! chooses itself.

use anyhow::Result;
use la_problems::{CsrMatrix, LinearSystem};

use super::cases::Case;
use super::rows::{Failure, Row, Who};
use super::sides::System;
use crate::bench::peers::{Peer, Program};

/// Our names of the methods, and the work that the process knows.
pub(super) const METHODS: [(&str, &str); 3] = [
    ("superlu-ilu", "gnp-ilu"),
    ("pyamg", "gnp-amg"),
    ("pyamg-air", "gnp-air"),
];

/// The process that does the work.
pub(super) struct Others(Peer);

impl Others {
    /// Starts the process; prepares its environment the first time.
    pub(super) fn start() -> Result<Self> {
        Ok(Self(Peer::start(Program::Scipy, 1)?))
    }

    pub(super) fn versions(&self) -> &str {
        &self.0.versions
    }

    /// One method on all right-hand sides; failures are rows.
    pub(super) fn rows(
        &mut self,
        case: &Case,
        a: &CsrMatrix,
        systems: &[System],
        (method, work): (&str, &str),
    ) -> Result<Vec<Row>> {
        let who = Who {
            method: method.into(),
            seed: None,
        };
        let mut list = Vec::new();
        for system in systems {
            let mut row = Row::empty(case, a.nnz(), &who, system.side);
            if system.is_degenerate() {
                row.fail(Failure::DegenerateRhs, "degenerate_rhs", None);
            } else {
                let name = format!("{}-{}", case.name, system.side.name());
                let linear = LinearSystem::new(a.clone(), system.b.clone());
                self.0.load(&name, &linear, None)?;
                self.one(&mut row, &name, work);
                self.0.ask(&["forget", &name])?;
            }
            list.push(row);
        }
        Ok(list)
    }

    fn one(&mut self, row: &mut Row, name: &str, work: &str) {
        match self.0.time(&format!("{work}-setup"), name, "1") {
            Ok(outcome) => row.construction_seconds = Some(outcome.seconds),
            Err(error) => {
                let reason = format!("{:#}", error.root_cause());
                return row.fail(Failure::Construction, "construction_failure", Some(reason));
            }
        }
        match self.0.time(work, name, "1") {
            Ok(outcome) => {
                row.iterations = usize::try_from(outcome.count).ok();
                row.residual = Some(outcome.residual).filter(|r| r.is_finite());
                row.solve_seconds = Some(outcome.seconds);
                let arrived = outcome.residual <= 1.01 * super::metrics::RTOL;
                row.status = if arrived {
                    "converged"
                } else {
                    "iteration_limit"
                }
                .into();
            }
            Err(error) => {
                let reason = format!("{:#}", error.root_cause());
                row.fail(Failure::Solution, "error", Some(reason));
            }
        }
    }
}
