//! Sets of problems of one size, their solutions, and iterations from guesses.

use std::error::Error;
use std::time::{Duration, Instant};

use la_gnn::active_set::LeastDistanceConfig;
use la_gnn::native::active_set::RowOperators;
use la_opt::OptError;
use la_opt::qp::learned::{
    LeastDistanceSamples, Matrices, ProblemSamples, Slots, ThresholdScore, sweep_thresholds,
};
use la_opt::qp::{
    ActiveSetPredictor, Hessian, Pricing, QpOptions, QpUpdate, QpWorkspace, QuadraticProgram, Side,
    WarmStart,
};
use la_problems::quadratic::ParametricFamily;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;
pub(crate) type ActiveSet = Vec<(usize, Side)>;

/// Both entering rules, with their names.
pub(crate) const RULES: [(Pricing, &str); 2] = [
    (Pricing::LargestViolation, "largest violation"),
    (Pricing::SteepestEdge, "steepest edge"),
];

/// Thresholds that are tried on the validation set.
pub(crate) const THRESHOLDS: [f64; 13] = [
    0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98,
];

/// Parameters θ of random problems.
const PARAMETERS: usize = 7;

/// What differs from problem to problem.
#[derive(Clone)]
struct Instance {
    matrices: Option<(Hessian<f64>, Vec<f64>)>,
    linear: Vec<f64>,
    upper: Vec<f64>,
    /// Of the optimum, from a cold start.
    active: ActiveSet,
}

impl Instance {
    fn update(&self) -> QpUpdate<'_, f64> {
        let update = QpUpdate::default()
            .with_linear(&self.linear)
            .with_upper(&self.upper);
        match &self.matrices {
            None => update,
            Some((hessian, rows)) => update.with_hessian(hessian).with_rows(rows),
        }
    }
}

/// Guesses by some steps of the alternating direction method of multipliers on the least-distance form, with the same projections as the network but nothing
/// learned: the score is the multiplier beside the mean of all.
pub(crate) struct Splitting {
    workspace: QpWorkspace,
    matrices: Matrices,
    slots: Slots,
    operators: RowOperators<f32>,
    steps: usize,
    slacks: Vec<f32>,
}

impl Splitting {
    pub(crate) fn new(problems: &Problems, ridge: f64, steps: usize) -> Result<Self> {
        let mut workspace = problems.workspace(1)?;
        let slots = Slots::new(problems.base());
        let config = LeastDistanceConfig::default()
            .with_ridges(vec![ridge])
            .with_gram(false);
        let n = problems.base().num_variables();
        let operators =
            RowOperators::new(&config, n, &least_distance_rows(&mut workspace, &slots))?;
        Ok(Self {
            slacks: vec![0.0; slots.len()],
            matrices: problems.matrices,
            workspace,
            slots,
            operators,
            steps,
        })
    }
}

fn least_distance_rows(workspace: &mut QpWorkspace, slots: &Slots) -> Vec<f32> {
    let n = workspace.problem().num_variables();
    let form = workspace.least_distance();
    let mut rows = vec![0.0; slots.len() * n];
    for (to, &(j, side)) in rows.chunks_exact_mut(n).zip(slots.list()) {
        let sign = if side == Side::Lower { -1.0 } else { 1.0 };
        let (from, row) = form.row(j);
        for (to, value) in to[from..].iter_mut().zip(row) {
            *to = (sign * value) as f32;
        }
    }
    rows
}

impl ActiveSetPredictor<f64> for Splitting {
    fn predict(
        &mut self,
        problem: &QuadraticProgram,
        guess: &mut Vec<(usize, Side, f64)>,
    ) -> std::result::Result<(), OptError> {
        let refuse = |e: la_gnn::GnnError| OptError::Predictor {
            reason: e.to_string(),
        };
        let mut update = QpUpdate::default()
            .with_linear(problem.linear())
            .with_upper(problem.upper());
        if self.matrices == Matrices::Varying {
            update = update
                .with_hessian(problem.hessian())
                .with_rows(problem.rows());
        }
        self.workspace.update(&update)?;
        if self.matrices == Matrices::Varying {
            let rows = least_distance_rows(&mut self.workspace, &self.slots);
            self.operators.set_rows(&rows).map_err(refuse)?;
        }
        let form = self.workspace.least_distance();
        let slack = |(j, side): (usize, Side)| match side {
            Side::Lower => -form.lower()[j] as f32,
            Side::Upper => form.upper()[j] as f32,
        };
        for (to, &slot) in self.slacks.iter_mut().zip(self.slots.list()) {
            *to = slack(slot);
        }
        let split = self.operators.splitting(0, &self.slacks, self.steps);
        let (w, _) = split.map_err(refuse)?;
        let mean = w.iter().sum::<f32>() / w.len().max(1) as f32;
        guess.clear();
        for (&w, &(j, side)) in w.iter().zip(self.slots.list()) {
            if w > 0.0 {
                guess.push((j, side, f64::from(w / (w + 0.1 * mean))));
            }
        }
        Ok(())
    }
}

/// Problems of one size.
pub(crate) struct Problems {
    base: QuadraticProgram,
    pub(crate) matrices: Matrices,
    instances: Vec<Instance>,
    pub(crate) infeasible: usize,
    /// For networks that read the problem, and those that read the least-distance form.
    pub(crate) samples: ProblemSamples,
    pub(crate) rows: LeastDistanceSamples,
    /// Iterations from an empty set, by rule.
    cold: [usize; 2],
}

impl Problems {
    fn new(
        base: QuadraticProgram,
        matrices: Matrices,
        candidates: Vec<Instance>,
        most: usize,
    ) -> Result<Self> {
        let mut problems = Self {
            samples: ProblemSamples::new(&base, matrices),
            rows: LeastDistanceSamples::new(&base, matrices),
            instances: Vec::new(),
            infeasible: 0,
            cold: [0; 2],
            matrices,
            base,
        };
        let [mut first, mut second] = [problems.workspace(0)?, problems.workspace(1)?];
        for mut instance in candidates {
            if problems.instances.len() == most {
                break;
            }
            for workspace in [&mut first, &mut second] {
                workspace.update(&instance.update())?;
                workspace.warm_start(WarmStart::Cold)?;
                workspace.solve();
            }
            if !second.solution().status.is_optimal() {
                problems.infeasible += 1;
                continue;
            }
            problems.cold[0] += first.solution().iterations;
            problems.cold[1] += second.solution().iterations;
            problems.samples.push(&second)?;
            problems.rows.push(&mut second)?;
            let multipliers = &second.solution().multipliers;
            let active = second.solution().active_set.iter();
            instance.active = active
                .filter(|(j, _)| multipliers[*j] != 0.0)
                .copied()
                .collect();
            problems.instances.push(instance);
        }
        Ok(problems)
    }

    /// The training, validation and test problems of a file; infeasible ones are left out.
    pub(crate) fn open(path: &str) -> Result<[Self; 3]> {
        let family = ParametricFamily::open(path)?;
        let (n, m) = (family.num_variables(), family.num_constraints());
        let base = QuadraticProgram::new(
            Hessian::Dense(family.hessian.clone()),
            family.linear.clone(),
        )?
        .with_rows(
            family.rows.clone(),
            vec![f64::NEG_INFINITY; m],
            family.upper.clone(),
        )?;
        let read = |parameters: &[f64]| {
            let instances = parameters.chunks_exact(family.num_parameters).map(|theta| {
                let (mut linear, mut upper) = (vec![0.0; n], vec![0.0; m]);
                family.linear_at(theta, &mut linear);
                family.upper_at(theta, &mut upper);
                Instance {
                    matrices: None,
                    linear,
                    upper,
                    active: Vec::new(),
                }
            });
            Self::new(
                base.clone(),
                Matrices::Fixed,
                instances.collect(),
                usize::MAX,
            )
        };
        Ok([
            read(&family.train)?,
            read(&family.validation)?,
            read(&family.test)?,
        ])
    }

    /// Problems with other matrices each: P = M Mᵀ, q = f + F θ, b = c − A T θ; M, f, F, A, T and θ standard normal, c uniform in [0, 1], m = 2 n, seven
    /// parameters θ (E. J. Schmidtobreick et al., arXiv 2511.13174, their "flexible" problems). With `shift` 0 instead of 1, T = 0: then the unconstrained
    /// minimiser is far away in the flattest directions of P only.
    pub(crate) fn random(n: usize, count: usize, seed: u64, shift: f64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(n as u64);
        let m = 2 * n;
        let mut draw = || {
            let mut normal = |count: usize| -> Vec<f64> {
                (0..count).map(|_| rng.sample(StandardNormal)).collect()
            };
            let (root, rows, mut linear) = (normal(n * n), normal(m * n), normal(n));
            let theta = normal(PARAMETERS);
            let mut times_theta = || -> Vec<f64> {
                let matrix = normal(n * PARAMETERS);
                let product = |row: &[f64]| row.iter().zip(&theta).map(|(a, t)| a * t).sum();
                matrix.chunks_exact(PARAMETERS).map(product).collect()
            };
            let (slope, centre) = (times_theta(), times_theta());
            for (linear, slope) in linear.iter_mut().zip(slope) {
                *linear += slope;
            }
            let row = |i: usize| &root[i * n..(i + 1) * n];
            let entry = |at: usize| {
                let pairs = row(at / n).iter().zip(row(at % n));
                pairs.map(|(a, b)| a * b).sum::<f64>()
            };
            let hessian = Hessian::Dense((0..n * n).map(entry).collect());
            let shifted = |row: &[f64]| -> f64 {
                let product: f64 = row.iter().zip(&centre).map(|(a, t)| a * t).sum();
                -shift * product
            };
            let upper = rows.chunks_exact(n).map(shifted);
            let upper = upper.map(|b| b + rng.random_range(0.0..1.0)).collect();
            Instance {
                matrices: Some((hessian, rows)),
                linear,
                upper,
                active: Vec::new(),
            }
        };
        let instances: Vec<Instance> = (0..count).map(|_| draw()).collect();
        let first = instances[0].clone();
        let (hessian, rows) = first.matrices.ok_or("no matrices")?;
        let base = QuadraticProgram::new(hessian, first.linear)?.with_rows(
            rows,
            vec![f64::NEG_INFINITY; m],
            first.upper,
        )?;
        Self::new(base, Matrices::Varying, instances, count)
    }

    pub(crate) fn len(&self) -> usize {
        self.instances.len()
    }

    pub(crate) fn base(&self) -> &QuadraticProgram {
        &self.base
    }

    pub(crate) fn active_sets(&self) -> impl Iterator<Item = &ActiveSet> {
        self.instances.iter().map(|instance| &instance.active)
    }

    /// A workspace with a rule.
    pub(crate) fn workspace(&self, rule: usize) -> Result<QpWorkspace> {
        let options = QpOptions::default().with_pricing(RULES[rule].0);
        Ok(QpWorkspace::new(self.base.clone(), options)?)
    }

    /// Mean iterations from an empty set.
    pub(crate) fn cold(&self, rule: usize) -> f64 {
        self.cold[rule] as f64 / self.len().max(1) as f64
    }

    /// Mean iterations from the active set of the optimum.
    pub(crate) fn oracle(&self, rule: usize) -> Result<f64> {
        let mut workspace = self.workspace(rule)?;
        let mut iterations = 0;
        for instance in &self.instances {
            workspace.update(&instance.update())?;
            workspace.warm_start(WarmStart::Active(&instance.active))?;
            iterations += workspace.solve().iterations;
        }
        Ok(iterations as f64 / self.len().max(1) as f64)
    }

    /// Iterations at these thresholds.
    pub(crate) fn sweep(
        &self,
        rule: usize,
        predictor: &mut dyn ActiveSetPredictor<f64>,
        thresholds: &[f64],
    ) -> Result<Vec<ThresholdScore>> {
        let updates: Vec<_> = self.instances.iter().map(Instance::update).collect();
        let mut workspace = self.workspace(rule)?;
        Ok(sweep_thresholds(
            predictor,
            &mut workspace,
            &updates,
            thresholds,
        )?)
    }

    /// Precision and recall of guesses above a threshold, over all constraints of all problems.
    pub(crate) fn precision_and_recall(
        &self,
        predictor: &mut dyn ActiveSetPredictor<f64>,
        threshold: f64,
    ) -> Result<(f64, f64)> {
        let mut workspace = self.workspace(1)?;
        let (mut guess, mut right, mut guessed, mut wanted) = (Vec::new(), 0, 0, 0);
        for instance in &self.instances {
            workspace.update(&instance.update())?;
            predictor.predict(workspace.problem(), &mut guess)?;
            let likely = guess.iter().filter(|(_, _, p)| *p > threshold);
            for (j, side, _) in likely {
                guessed += 1;
                right += usize::from(instance.active.contains(&(*j, *side)));
            }
            wanted += instance.active.len();
        }
        let share = |of: usize| right as f64 / of.max(1) as f64;
        Ok((share(guessed), share(wanted)))
    }

    /// Mean times of a guess, and of update and solve cold and from the guess; the fastest of several interleaved runs of each problem.
    pub(crate) fn times(
        &self,
        rule: usize,
        predictor: &mut dyn ActiveSetPredictor<f64>,
        threshold: f64,
    ) -> Result<[f64; 3]> {
        const RUNS: usize = 7;
        let mut workspace = self.workspace(rule)?;
        let (mut all, mut guess) = (Vec::new(), Vec::new());
        let mut totals = [0.0; 3];
        for instance in &self.instances {
            let mut best = [Duration::MAX; 3];
            for _ in 0..RUNS {
                let clock = Instant::now();
                workspace.update(&instance.update())?;
                let updated = clock.elapsed();
                let clock = Instant::now();
                predictor.predict(workspace.problem(), &mut all)?;
                guess.clear();
                guess.extend(all.iter().filter(|(_, _, p)| *p > threshold).copied());
                best[0] = best[0].min(clock.elapsed());
                let clock = Instant::now();
                workspace.warm_start(WarmStart::Cold)?;
                workspace.solve();
                best[1] = best[1].min(updated + clock.elapsed());
                let clock = Instant::now();
                workspace.warm_start(WarmStart::Ranked(&guess))?;
                workspace.solve();
                best[2] = best[2].min(updated + clock.elapsed());
            }
            for (total, best) in totals.iter_mut().zip(best) {
                *total += best.as_secs_f64() * 1e6 / self.len() as f64;
            }
        }
        Ok(totals)
    }
}
