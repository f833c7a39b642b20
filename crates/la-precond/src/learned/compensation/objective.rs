//! What a rule of compensation is trained for: iterations.

use la_gnn::compensation::{CompensationConfig, Parameters};
use la_gnn::native::compensation::CompensationRule;
use la_gnn::training::Landscape;
use la_krylov::{CgOptions, Solution, cg};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use sprs::CsMatI;

use super::prepared::{Limits, Prepared};
use crate::classical::input::with_rows;
use crate::classical::{Ic0, KeptVector, SymmetryCheck};
use crate::{IncompleteCholesky, PrecondError};

/// Relative residual to which iterations are counted.
const RTOL: f64 = 1e-8;

/// Added to the score of a matrix for each repeated factorisation.
const RESTART: f64 = 0.03;

/// Score of a matrix on which no factor can be built.
const FAILED: f64 = 1.5;

/// The matrices of a family, of which a generation sees at most one.
pub struct TrainingGroup {
    cases: Vec<Case>,
}

/// A matrix, a right-hand side and what IC(0) needs.
struct Case {
    matrix: CsMatI<f64, u32>,
    prepared: Prepared,
    rhs: Vec<f64>,
    reference: f64,
}

impl TrainingGroup {
    /// A group of matrices, by increasing size; right-hand sides are standard normal.
    ///
    /// # Errors
    /// As [`Ic0::factor`].
    pub fn new(matrices: Vec<CsMatI<f64, u32>>, seed: u64) -> Result<Self, PrecondError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut case = |matrix: CsMatI<f64, u32>| {
            let rhs: Vec<f64> = (0..matrix.rows())
                .map(|_| rng.sample(StandardNormal))
                .collect();
            let ic0 = Ic0::default().factor(matrix.view())?;
            let reference = iterations(&matrix, &rhs, &ic0, 10_000).unwrap_or(10_000.0);
            let symmetry = SymmetryCheck::Count;
            let mut prepared = Prepared::default();
            with_rows(matrix.view(), |rows, n| {
                prepared.prepare(&rows, n, &KeptVector::Ones, symmetry, Limits::NONE)
            })?;
            Ok(Case {
                matrix,
                prepared,
                rhs,
                reference: reference.max(1.0),
            })
        };
        let cases = matrices
            .into_iter()
            .map(&mut case)
            .collect::<Result<_, PrecondError>>()?;
        Ok(Self { cases })
    }
}

impl Case {
    fn score(&self, rule: &CompensationRule) -> f64 {
        let mut prepared = self.prepared.clone();
        let rule = rule.on(&prepared.facts());
        let factor = with_rows(self.matrix.view(), |rows, _| prepared.factor(&rows, &rule));
        let Ok(factor) = factor else {
            return FAILED;
        };
        // Beyond e times the iterations of IC(0) all scores are the same.
        let limit = (std::f64::consts::E * self.reference) as usize + 2;
        let count = iterations(&self.matrix, &self.rhs, &factor, limit).unwrap_or(limit as f64);
        (count / self.reference).ln().min(1.0) + RESTART * factor.stats().shift_attempts as f64
    }
}

/// Iterations of CG to 1e-8, the last one as a fraction: where the logarithm of the residual norm, joined by straight lines, crosses the
/// tolerance. `None` if there are more than `limit`, or the solve fails.
fn iterations(
    a: &CsMatI<f64, u32>,
    b: &[f64],
    factor: &IncompleteCholesky,
    limit: usize,
) -> Option<f64> {
    let options = CgOptions::default().with_rtol(RTOL).with_max_iters(limit);
    fractional_iterations(&cg(a, b, factor, &options).ok()?, RTOL)
}

/// Iterations of a solve to a relative tolerance, the last one as a fraction: where the logarithm of the residual norm, joined by
/// straight lines, crosses the tolerance. `None` if it did not converge.
///
/// Counts that differ by less than one can be compared, which a search without derivatives needs. Needs the history of the solve.
#[must_use]
pub fn fractional_iterations(solution: &Solution, rtol: f64) -> Option<f64> {
    if !solution.status.is_converged() {
        return None;
    }
    let target = rtol * solution.rhs_norm;
    let mut count = solution.iterations as f64;
    if let [.., before, last] = &solution.history[..] {
        let (before, last) = (before.recurrence_norm, last.recurrence_norm);
        // Without a fall there is nothing to interpolate.
        if 0.0 < last && last < before {
            count += (last / target).ln() / (before / last).ln();
        }
    }
    Some(count)
}

/// Mean over families of `min(1, ln(iterations / iterations with IC(0))) + 0.03 · repeated factorisations`, to be minimised by
/// [`evolve`](la_gnn::training::evolve).
///
/// A generation draws some of the groups and one matrix of each. Training sees the rule on every matrix, whatever its signs.
pub struct CompensationObjective {
    config: CompensationConfig,
    groups: Vec<TrainingGroup>,
    draws: usize,
    seed: u64,
    growth: usize,
}

impl CompensationObjective {
    /// An objective that draws `draws` of the groups at a time.
    #[must_use]
    pub fn new(
        config: &CompensationConfig,
        groups: Vec<TrainingGroup>,
        draws: usize,
        seed: u64,
    ) -> Self {
        Self {
            config: config.clone(),
            groups,
            draws,
            seed,
            growth: 0,
        }
    }

    /// Starts with the first fifth of each group, its smallest matrices, and lets the largest in after this many generations. Default 0.
    ///
    /// Small matrices are cheap and teach most of the rule; the size laws need large ones.
    #[must_use]
    pub fn with_growth(mut self, generations: usize) -> Self {
        self.growth = generations;
        self
    }

    /// The matrices of a group that a generation may draw.
    fn open<'a>(&self, group: &'a TrainingGroup, generation: usize) -> &'a [Case] {
        let all = group.cases.len();
        if generation >= self.growth {
            return &group.cases;
        }
        let share = 0.2 + 0.8 * generation as f64 / self.growth as f64;
        &group.cases[..((share * all as f64).ceil() as usize).min(all)]
    }

    /// The rule of these parameters; what is not finite has none.
    fn rule(&self, values: &[f32]) -> Option<CompensationRule> {
        let parameters = Parameters {
            config: self.config.clone(),
            values: values.to_vec(),
        };
        CompensationRule::new(&parameters).ok()
    }

    /// Mean score of every group over all its matrices, in the order of the groups.
    #[must_use]
    pub fn by_group(&self, values: &[f32]) -> Vec<f64> {
        let rule = self.rule(values);
        let mean = |group: &TrainingGroup| {
            let score = |case: &Case| rule.as_ref().map_or(FAILED, |rule| case.score(rule));
            group.cases.iter().map(score).sum::<f64>() / group.cases.len().max(1) as f64
        };
        self.groups.iter().map(mean).collect()
    }
}

impl Landscape for CompensationObjective {
    fn score(&self, values: &[f32], generation: usize) -> f64 {
        let Some(rule) = self.rule(values) else {
            return FAILED;
        };
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ 0x0b1e_c71e);
        rng.set_stream(generation as u64);
        let mut order: Vec<&TrainingGroup> = self.groups.iter().collect();
        order.shuffle(&mut rng);
        let mut scores = Vec::with_capacity(self.draws);
        for group in order.into_iter().take(self.draws) {
            if let Some(case) = self.open(group, generation).choose(&mut rng) {
                scores.push(case.score(&rule));
            }
        }
        scores.iter().sum::<f64>() / scores.len().max(1) as f64
    }

    fn deviations(&self) -> Vec<f64> {
        let scalars = self.config.scalars();
        let of = |k| if k < scalars { 0.2 } else { 0.1 };
        (0..self.config.parameter_count()).map(of).collect()
    }

    fn project(&self, values: &mut [f32]) {
        let mut parameters = Parameters {
            config: self.config.clone(),
            values: values.to_vec(),
        };
        parameters.project();
        values.copy_from_slice(&parameters.values);
    }
}
