//! Classical factorisations at their best: drop tolerance and fill of ILUT, the factor of relaxed ILU(0), by total time on
//! validation matrices.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::methods::{Kind, Method};
use super::rows::row;
use super::settings::Tuning;
use super::solve::Solver;
use crate::experiment::Problem;

/// What the validation matrices chose.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tuned {
    pub(super) drop_tol: f64,
    pub(super) fill: f64,
    /// Seconds of set-up and solve on all validation matrices: ILUT, ILU(0).
    pub(super) seconds: Option<f64>,
    pub(super) ilu0: Option<f64>,
    pub(super) tried: usize,
    /// Relaxation factor of relaxed ILU(0), and its seconds.
    pub(super) omega: f64,
    pub(super) rilu: Option<f64>,
}

/// A candidate that is slower than ILU(0) by this factor is given up.
const PATIENCE: f64 = 2.0;

/// Part of the time limit that a candidate has where ILU(0) does not get there at all.
const DESPERATE: f64 = 0.1;

impl Tuned {
    /// Tries every pair on `problems`, on the current thread pool. A candidate that fails, or is slower than the best one so far, is
    /// out; more fill than one whose set-up alone took too long is not tried.
    pub(super) fn on(problems: &[Problem], tuning: &Tuning, time_limit: f64) -> Result<Self> {
        let mut solver = Solver::default();
        let ilu0 = Method::new("ilu0", Kind::Ilu0);
        let base = seconds(&ilu0, problems, &mut solver, time_limit)?.total;
        let allowance = base.map_or(DESPERATE * time_limit, |s| (PATIENCE * s).min(time_limit));
        let (mut best, mut tried) = (None::<(f64, f64, f64)>, 0);
        let mut drop_tol = tuning.drop_tol.clone();
        // From few entries to many: the cheap candidates say early what the dear ones have to beat.
        drop_tol.sort_by(|a, b| b.total_cmp(a));
        let mut fills = tuning.fill.clone();
        fills.sort_by(f64::total_cmp);
        for &drop in &drop_tol {
            for &fill in &fills {
                let method = Method::new(
                    "ilut",
                    Kind::Ilut {
                        drop_tol: drop,
                        fill,
                    },
                );
                let limit = best.map_or(allowance, |b| b.0);
                let spent = seconds(&method, problems, &mut solver, limit)?;
                tried += 1;
                if let Some(total) = spent.total
                    && best.is_none_or(|b| total < b.0)
                {
                    best = Some((total, drop, fill));
                }
                if spent.setup >= limit {
                    break;
                }
            }
        }
        let cheapest = (
            drop_tol.first().copied().unwrap_or(0.1),
            fills.first().copied().unwrap_or(1.0),
        );
        let (drop_tol, fill) = best.map_or(cheapest, |b| (b.1, b.2));
        let mut relaxed = None::<(f64, f64)>;
        for &omega in &tuning.omega {
            let limit = relaxed.map_or(allowance, |b| b.0);
            let method = Method::new("rilu", Kind::Rilu { omega });
            if let Some(total) = seconds(&method, problems, &mut solver, limit)?.total
                && relaxed.is_none_or(|b| total < b.0)
            {
                relaxed = Some((total, omega));
            }
        }
        Ok(Self {
            omega: relaxed.map_or(0.0, |r| r.1),
            rilu: relaxed.map(|r| r.0),
            drop_tol,
            fill,
            seconds: best.map(|b| b.0),
            ilu0: base,
            tried,
        })
    }

    pub(super) fn describe(&self) -> String {
        let Self {
            drop_tol,
            fill,
            tried,
            omega,
            ..
        } = self;
        let shown = |seconds: Option<f64>| {
            seconds.map_or("not solved".to_string(), |s| format!("{s:.3} s"))
        };
        let (ours, base) = (shown(self.seconds), shown(self.ilu0));
        let outcome = if self.seconds.is_some() {
            format!("ILUT {ours} in all, ILU(0) {base}")
        } else {
            format!(
                "no candidate was within {PATIENCE} times the time of ILU(0) ({base}); this is the one with the fewest entries"
            )
        };
        let relaxed = shown(self.rilu);
        format!(
            "drop tolerance {drop_tol}, fill {fill} ({tried} candidates tried; {outcome}); relaxed ILU(0) with ω = {omega} ({relaxed})"
        )
    }
}

struct Spent {
    /// `None`: not solved within the limit.
    total: Option<f64>,
    /// Of the last set-up.
    setup: f64,
}

/// Seconds on all problems together.
fn seconds(
    method: &Method,
    problems: &[Problem],
    solver: &mut Solver,
    limit: f64,
) -> Result<Spent> {
    let (mut total, mut setup) = (0.0, 0.0);
    for (k, problem) in problems.iter().enumerate() {
        let left = Duration::from_secs_f64((limit - total).max(0.0));
        // The better of two: a moment in which the machine does something else decides nothing.
        let mut best = f64::INFINITY;
        for _ in 0..2 {
            let Ok(row) = row(method, problem, k, solver, left) else {
                return Ok(Spent { total: None, setup });
            };
            setup = row.setup;
            match row.total(1) {
                Some(seconds) if total + seconds <= 1.5 * limit => best = best.min(seconds),
                _ => return Ok(Spent { total: None, setup }),
            }
        }
        total += best;
        if total > limit {
            return Ok(Spent { total: None, setup });
        }
    }
    Ok(Spent {
        total: Some(total),
        setup,
    })
}

#[cfg(test)]
mod tests {
    use la_problems::Split;

    use super::*;
    use crate::experiment::Nonsymmetric;

    #[test]
    fn an_exact_factor_wins_where_it_is_cheap() {
        // On a small grid little fill makes ILUT nearly exact; a tolerance of 10 leaves the diagonal only.
        let family = Nonsymmetric::parse("convection-diffusion", 2500)
            .unwrap()
            .unwrap();
        let problems: Vec<Problem> = (0..2)
            .map(|i| family.problem(Split::Validation, i, None).unwrap())
            .collect();
        let tuning = Tuning {
            drop_tol: vec![0.01, 10.0],
            fill: vec![5.0],
            omega: vec![0.0, 0.9],
        };
        let tuned = Tuned::on(&problems, &tuning, 60.0).unwrap();
        assert_eq!(
            (tuned.drop_tol, tuned.fill),
            (0.01, 5.0),
            "{}",
            tuned.describe()
        );
        assert!(tuned.seconds < tuned.ilu0.map(|s| PATIENCE * s));
        assert_eq!(tuned.omega, 0.9, "{}", tuned.describe());
    }

    #[test]
    fn without_a_candidate_the_cheapest_one_is_named_as_such() {
        let family = Nonsymmetric::parse("convection-diffusion", 100)
            .unwrap()
            .unwrap();
        let problems = [family.problem(Split::Validation, 0, None).unwrap()];
        let tuning = Tuning {
            drop_tol: vec![0.1, 0.5],
            fill: vec![2.0, 1.0],
            omega: vec![0.5],
        };
        let tuned = Tuned::on(&problems, &tuning, 0.0).unwrap();
        assert_eq!(
            (tuned.drop_tol, tuned.fill, tuned.seconds),
            (0.5, 1.0, None)
        );
        assert!(
            tuned.describe().contains("no candidate"),
            "{}",
            tuned.describe()
        );
    }
}
