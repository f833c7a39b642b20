//! The preconditioners that are compared, and one of them on one system.

use std::time::Instant;

use anyhow::Result;
use la_krylov::{CgOptions, Host, Preconditioner, cg};
use la_precond::IncompleteCholeskyBuilder;
use la_precond::classical::{
    CompensatedIc, GatedIc, Ic0, Jacobi, KOptimal, LocalKOptimal, ShiftLadder, ShiftStrategy,
};
use la_precond::learned::{LearnedCompensation, Weights};
use la_problems::CsrMatrix;
use serde::{Deserialize, Serialize};

use super::Settings;
use super::systems::System;

const RTOL: f64 = 1e-8;

/// The two of the paper's figure.
pub(super) const OPTIMAL: &str = "k-optimal";
pub(super) const PLAIN: &str = "ic0";

/// What others are compared with: IC(0) that repeats itself with doubled shifts.
pub(super) const SHIFTED: &str = "ic0-shifted";

/// Learned compensation where its signs fit, the ladder elsewhere.
pub(super) const GATED: &str = "compensated-gated";

/// One method.
pub(super) struct Method {
    pub(super) name: String,
    kind: Kind,
}

enum Kind {
    Factor(Box<dyn IncompleteCholeskyBuilder + Send + Sync>),
    Diagonal,
}

/// One method on one system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// Why there is no preconditioner.
    pub(super) refused: Option<String>,
    pub(super) shift: f64,
    pub(super) repeated: usize,
    pub(super) setup_seconds: f64,
    /// One for each right-hand side; none if there is no preconditioner.
    pub(super) solves: Vec<Solve>,
}

/// One solve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Solve {
    pub(super) iterations: usize,
    pub(super) converged: bool,
    pub(super) status: String,
    /// Recomputed ‖b − A x‖/‖b‖; none if it is not finite.
    pub(super) residual: Option<f64>,
    pub(super) seconds: f64,
}

/// All methods of the chapter.
pub(super) fn methods(settings: &Settings) -> Result<Vec<Method>> {
    let optimal = KOptimal::default()
        .with_memory_limit(settings.memory_limit)
        .with_work_limit(settings.work_limit);
    let local = LocalKOptimal::default().with_hops(settings.hops);
    let learned = LearnedCompensation::new(&Weights::bundled(&settings.weights)?)?;
    let dric = GatedIc::new(CompensatedIc::dynamically_relaxed());
    let plain = Ic0::default().with_shift(ShiftStrategy::None);
    let factor = |name: &str, builder: Box<dyn IncompleteCholeskyBuilder + Send + Sync>| Method {
        name: name.to_owned(),
        kind: Kind::Factor(builder),
    };
    Ok(vec![
        factor(PLAIN, Box::new(plain)),
        factor(OPTIMAL, Box::new(optimal)),
        factor(SHIFTED, Box::<Ic0>::default()),
        factor("shift-ladder", Box::<ShiftLadder>::default()),
        factor(GATED, Box::new(learned)),
        factor("dric-gated", Box::new(dric)),
        factor(&local_name(settings), Box::new(local)),
        Method {
            name: "jacobi".to_owned(),
            kind: Kind::Diagonal,
        },
    ])
}

/// The name of the K-optimal factor of balls.
pub(super) fn local_name(settings: &Settings) -> String {
    format!("k-optimal-{}-hops", settings.hops)
}

impl Method {
    /// The method on a system. A preconditioner that cannot be built is a row with a reason.
    pub(super) fn row(&self, system: &System, max_iters: usize) -> Row {
        let start = Instant::now();
        match &self.kind {
            Kind::Factor(builder) => match builder.build(system.a.view()) {
                Ok(factor) => {
                    let seconds = start.elapsed().as_secs_f64();
                    let stats = *factor.stats();
                    Row {
                        shift: stats.shift,
                        repeated: stats.shift_attempts,
                        setup_seconds: seconds,
                        ..solved(system, &factor, max_iters)
                    }
                }
                Err(error) => Row::refused(error.to_string()),
            },
            Kind::Diagonal => match Jacobi::<f64>::new(system.a.view()) {
                Ok(jacobi) => solved(system, &jacobi, max_iters),
                Err(error) => Row::refused(error.to_string()),
            },
        }
    }
}

impl Row {
    /// No preconditioner, and why.
    pub(super) fn refused(reason: String) -> Self {
        Self {
            refused: Some(reason),
            ..Self::default()
        }
    }

    /// Iterations with a right-hand side, if they led to a solution.
    pub(super) fn iterations(&self, side: usize) -> Option<usize> {
        let solve = self.solves.get(side)?;
        solve.converged.then_some(solve.iterations)
    }

    /// Iterations, or a word on what happened.
    pub(super) fn text(&self, side: usize) -> String {
        if let Some(reason) = &self.refused {
            let word = ["pivot", "bytes", "operations"];
            let found = word.into_iter().find(|w| reason.contains(w));
            return format!("({})", found.unwrap_or("refused"));
        }
        match self.solves.get(side) {
            Some(s) if s.converged => s.iterations.to_string(),
            Some(s) if s.status == "iteration_limit" => "(limit)".to_owned(),
            Some(s) => format!("({})", s.status),
            None => "–".to_owned(),
        }
    }
}

/// A row of solves, nothing said of the set-up.
fn solved<M: Preconditioner<Host>>(system: &System, m: &M, max_iters: usize) -> Row {
    let solves = system
        .sides
        .iter()
        .map(|b| solve(&system.a, b, m, max_iters));
    Row {
        solves: solves.collect(),
        ..Row::default()
    }
}

/// Conjugate gradients with one right-hand side.
pub(super) fn solve<M: Preconditioner<Host>>(
    a: &CsrMatrix,
    b: &[f64],
    m: &M,
    max_iters: usize,
) -> Solve {
    let options = CgOptions::default()
        .with_rtol(RTOL)
        .with_max_iters(max_iters);
    match cg(a, b, m, &options) {
        Ok(solution) => {
            let residual = solution.relative_residual();
            Solve {
                iterations: solution.iterations,
                converged: solution.status.is_converged(),
                status: solution.status.as_str().to_owned(),
                residual: Some(residual).filter(|r| r.is_finite()),
                seconds: solution.seconds,
            }
        }
        Err(error) => Solve {
            iterations: 0,
            converged: false,
            status: error.to_string(),
            residual: None,
            seconds: 0.0,
        },
    }
}
