//! A guess, a set-up and a solve, counted and timed.

use std::time::Instant;

use anyhow::Result;
use la_opt::qp::{GateSample, Pricing, QpOptions, QpWorkspace, Side, WarmStart};
use serde::{Deserialize, Serialize};

use super::case::RULES;
use super::guess::Guesser;
use super::set::Set;

/// What happened to one problem.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Solve {
    pub(super) iterations: usize,
    /// With a solution, or without one where there is none.
    pub(super) right: bool,
    pub(super) predict: f64,
    /// Set-up and solve.
    pub(super) solver: f64,
    /// Set-up and solve without a guess, with either entering rule, measured in turn with the others.
    pub(super) cold: [f64; 2],
    /// Constraints guessed, active, and both.
    pub(super) guessed: usize,
    pub(super) active: usize,
    pub(super) hits: usize,
}

/// Objectives may differ by this much, relatively.
const AGREEMENT: f64 = 1e-6;

/// Solves problem `k` from the guess `repetitions` times, and without one each time after that; times are those of the fastest.
pub(super) fn solve(
    set: &Set,
    k: usize,
    guesser: &mut Guesser,
    pricing: Pricing,
    repetitions: usize,
) -> Result<Solve> {
    let problem = set.problem(k)?;
    let member = set.member(k);
    let mut guess: Vec<(usize, Side, f64)> = Vec::with_capacity(2 * set.m);
    let mut best: Option<Solve> = None;
    let mut cold = [f64::INFINITY; 2];
    for _ in 0..repetitions.max(1) {
        let options = QpOptions::default().with_pricing(pricing);
        let mut workspace = QpWorkspace::new(problem.clone(), options)?;
        guess.clear();
        let start = Instant::now();
        let asked = guesser.guess(k, &mut workspace, &mut guess)?;
        let predict = start.elapsed().as_secs_f64();
        // Rows that the solve forms would count twice in the set-up time of after it.
        let setup = workspace.solution().setup_time.as_secs_f64();
        let start = Instant::now();
        workspace.warm_start(match asked {
            true => WarmStart::Ranked(&guess),
            false => WarmStart::Cold,
        })?;
        let solution = workspace.solve();
        let solver = setup + start.elapsed().as_secs_f64();
        let close = (solution.objective - member.objective).abs()
            <= AGREEMENT * member.objective.abs().max(1.0);
        let optimal = solution.status.is_optimal();
        let hit = |g: &&(usize, Side, f64)| member.active.contains(&(g.0, g.1));
        let new = Solve {
            iterations: solution.iterations,
            right: optimal == member.feasible && (close || !optimal),
            predict,
            solver,
            cold,
            guessed: guess.len(),
            active: member.active.len(),
            hits: guess.iter().filter(hit).count(),
        };
        let total = |s: &Solve| s.predict + s.solver;
        if best.as_ref().is_none_or(|old| total(&new) < total(old)) {
            best = Some(new);
        }
        // A processor whose clock wanders makes times of different minutes incomparable.
        for (least, rule) in cold.iter_mut().zip(RULES) {
            let options = QpOptions::default().with_pricing(rule);
            let mut workspace = QpWorkspace::new(problem.clone(), options)?;
            let solution = workspace.solve();
            let time = solution.setup_time + solution.solve_time;
            *least = least.min(time.as_secs_f64());
        }
    }
    let best = best.ok_or_else(|| anyhow::anyhow!("no repetition"))?;
    Ok(Solve { cold, ..best })
}

/// Iterations of all problems from guesses of those scores that are above each threshold.
pub(super) fn sweep(
    set: &Set,
    guesser: &mut Guesser,
    pricing: Pricing,
    thresholds: &[f64],
) -> Result<Vec<usize>> {
    let mut iterations = vec![0; thresholds.len()];
    let (mut all, mut guess) = (Vec::new(), Vec::new());
    for k in (0..set.len()).filter(|&k| set.member(k).feasible) {
        let options = QpOptions::default().with_pricing(pricing);
        let mut workspace = QpWorkspace::new(set.problem(k)?, options)?;
        guesser.guess(k, &mut workspace, &mut all)?;
        for (count, &threshold) in iterations.iter_mut().zip(thresholds) {
            guess.clear();
            guess.extend(all.iter().filter(|g| g.2 > threshold).copied());
            workspace.warm_start(WarmStart::Ranked(&guess))?;
            *count += workspace.solve().iterations;
        }
    }
    Ok(iterations)
}

/// What problems that have a solution take without a guess and with one; at most `limit`.
pub(super) fn gate_samples(
    set: &Set,
    guesser: &mut Guesser,
    rule: Pricing,
    limit: usize,
) -> Result<Vec<GateSample>> {
    const REPETITIONS: usize = 3;
    let mut samples = Vec::new();
    for k in (0..set.len())
        .filter(|&k| set.member(k).feasible)
        .take(limit)
    {
        let options = QpOptions::default().with_pricing(rule);
        let violated = QpWorkspace::new(set.problem(k)?, options)?.num_violated();
        let cold = solve(set, k, &mut Guesser::Nothing, rule, REPETITIONS)?;
        let guessed = solve(set, k, guesser, rule, REPETITIONS)?;
        samples.push(GateSample {
            violated,
            cold: cold.solver,
            guessed: guessed.predict + guessed.solver,
        });
    }
    Ok(samples)
}
