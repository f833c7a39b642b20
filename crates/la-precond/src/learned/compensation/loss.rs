//! How fast CG is with a compensated factor, and which way the rule would make it faster.

use la_gnn::GnnError;
use la_gnn::compensation::Parameters;
use la_gnn::native::compensation::RuleGradient;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use sprs::CsMatI;

use super::gradient::{Entries, Recorded, Reverse};
use super::prepared::{LADDER, Limits, Prepared};
use crate::classical::input::with_rows;
use crate::classical::{Ic0, KeptVector, SymmetryCheck};
use crate::{IncompleteCholesky, PrecondError};

/// Added to the loss for each repeated factorisation.
const RESTART: f64 = 0.03;

/// The error that some steps of CG leave, as a loss with a derivative.
///
/// With `e` the error of CG after m steps from zero, in the norm of `A`: `ln(‖e_m‖ / ‖e_0‖)` over the same number with IC(0), negative, so that
/// −2 stands for twice the speed. The result is the smallest error in a Krylov space, so that to first order only `M` moves and the coefficients of CG
/// stay (the envelope theorem): its recurrences are differentiated with fixed coefficients, then the elimination.
///
/// That holds for few steps, six or so. Where CG loses its orthogonality its coefficients are no longer the best ones: after sixteen steps on
/// matrices of 150 rows with large jumps the derivative can be wrong by its own size.
///
/// What the rule decides not at all, restarts and the choice of IC(0) beyond the limits, has no derivative; each restart adds 0.03.
///
/// # Examples
/// ```
/// use la_gnn::compensation::{CompensationConfig, Parameters};
/// use la_precond::learned::CompensationLoss;
/// use la_problems::DefiniteFamily;
///
/// let family = DefiniteFamily::named("poisson2 natural").ok_or("no such family")?;
/// let loss = CompensationLoss::new(family.matrix(400, 0)?, 5, 8, 0)?;
/// let parameters = Parameters::initialize(&CompensationConfig::default(), 0)?;
/// let (value, gradient) = loss.evaluate(&parameters)?.ok_or("no factor")?;
/// assert!(value < -1.0 && gradient.len() == parameters.values.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct CompensationLoss {
    matrix: CsMatI<f64, u32>,
    prepared: Prepared,
    solution: Vec<f64>,
    steps: usize,
    /// Loss with IC(0), positive.
    reference: f64,
}

impl CompensationLoss {
    /// The loss on a matrix after so many steps, at least one. They start from the error that a standard normal vector leaves after `before` steps
    /// with IC(0): many steps cannot be differentiated, and what few take from a rough error is not what takes long.
    ///
    /// # Errors
    /// As [`Ic0::factor`].
    pub fn new(
        matrix: CsMatI<f64, u32>,
        before: usize,
        steps: usize,
        seed: u64,
    ) -> Result<Self, PrecondError> {
        let mut prepared = Prepared::default();
        with_rows(matrix.view(), |rows, n| {
            let symmetry = SymmetryCheck::Count;
            prepared.prepare(&rows, n, &KeptVector::Ones, symmetry, Limits::NONE)
        })?;
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let ic0 = Ic0::default().factor(matrix.view())?;
        let mut loss = Self {
            solution: rng
                .sample_iter(StandardNormal)
                .take(matrix.rows())
                .collect(),
            matrix,
            prepared,
            steps: steps.max(1),
            reference: 1.0,
        };
        loss.solution = loss.run(&ic0, before).error;
        loss.reference = (-loss.error(&ic0, None)).max(f64::MIN_POSITIVE);
        Ok(loss)
    }

    /// The loss, and its derivative with respect to the parameters.
    ///
    /// `None` if no rung of the ladder gives a factor without a shift.
    ///
    /// # Errors
    /// As [`CompensationRule::new`](la_gnn::native::compensation::CompensationRule::new).
    pub fn evaluate(&self, parameters: &Parameters) -> Result<Option<(f64, Vec<f64>)>, GnnError> {
        let mut gradient = RuleGradient::new(parameters)?;
        let mut prepared = self.prepared.clone();
        let facts = prepared.facts();
        let rule = gradient.rule().on(&facts);
        for (restarts, &caution) in LADDER.iter().enumerate() {
            let mut policy = Recorded::new(&rule, caution);
            let made = with_rows(self.matrix.view(), |rows, _| {
                Ok(prepared.attempt(&rows, &mut policy, 0.0))
            });
            if !matches!(made, Ok(Ok(()))) {
                continue;
            }
            let messages = prepared.messages();
            let factor = prepared.finish();
            let mut of = Entries::zeros(&factor);
            let loss = self.error(&factor, Some(&mut of)) / self.reference;
            // The last rung is Ajiz–Jennings, whatever the rule would say.
            if caution < 1.0 {
                let scale = |x: &mut f64| *x /= self.reference;
                of.below.iter_mut().for_each(scale);
                of.pivots.iter_mut().for_each(scale);
                let mut entries = Entries::of(&factor);
                Reverse {
                    triangle: prepared.triangle(),
                    facts: &facts,
                    turns: &policy.turns(),
                    messages: &messages,
                    caution,
                }
                .run(&mut entries, &mut of, &mut gradient);
            }
            let loss = loss + RESTART * restarts as f64;
            return Ok(Some((loss, gradient.values().to_vec())));
        }
        Ok(None)
    }

    /// So many steps of CG from zero.
    fn run(&self, factor: &IncompleteCholesky, steps: usize) -> Run {
        let n = self.solution.len();
        let mut r = self.multiply(&self.solution);
        let mut run = Run {
            error: self.solution.clone(),
            applied: Vec::new(),
            coefficients: Vec::new(),
        };
        let mut z = r.clone();
        factor.solve_in_place(&mut z);
        let (mut p, mut rz) = (z.clone(), dot(&r, &z));
        for _ in 0..steps {
            let product = self.multiply(&p);
            let alpha = rz / dot(&p, &product);
            // The residual has vanished.
            if !alpha.is_finite() {
                break;
            }
            add(-alpha, &p, &mut run.error);
            add(-alpha, &product, &mut r);
            let mut next = r.clone();
            factor.solve_in_place(&mut next);
            let beta = dot(&r, &next) / rz;
            rz *= beta;
            run.applied.push(std::mem::replace(&mut z, next));
            run.coefficients.push([alpha, beta]);
            for k in 0..n {
                p[k] = z[k] + beta * p[k];
            }
        }
        run
    }

    /// `ln(‖e_m‖_A / ‖e_0‖_A)`, and its derivative with respect to the entries of the factor.
    fn error(&self, factor: &IncompleteCholesky, of: Option<&mut Entries>) -> f64 {
        let n = self.solution.len();
        let Run {
            error,
            applied,
            coefficients,
        } = self.run(factor, self.steps);
        let residual = self.multiply(&error);
        let start = dot(&self.solution, &self.multiply(&self.solution));
        // Where nothing is left but rounding, there is nothing to learn.
        let end = dot(&error, &residual).max(start * 1e-28);
        let loss = 0.5 * (end / start).ln();
        let Some(of) = of.filter(|_| end > start * 1e-28) else {
            return loss;
        };
        // ∂/∂x of ½ ln eᵀ A e; p_j = z_j + β_{j−1} p_{j−1}, r_{j+1} = r_j − α_j A p_j, x_{j+1} = x_j + α_j p_j
        let (mut of_r, mut of_p) = (vec![0.0; n], vec![0.0; n]);
        for (z, [alpha, beta]) in applied.iter().zip(&coefficients).rev() {
            let product = self.multiply(&of_r);
            for k in 0..n {
                of_p[k] = beta * of_p[k] - alpha * (residual[k] / end + product[k]);
            }
            let mut w = of_p.clone();
            factor.solve_in_place(&mut w);
            of.application(factor, &w, z);
            add(1.0, &w, &mut of_r);
        }
        loss
    }

    fn multiply(&self, x: &[f64]) -> Vec<f64> {
        let mut product = Vec::with_capacity(x.len());
        for row in self.matrix.outer_iterator() {
            product.push(row.iter().map(|(j, v)| v * x[j]).sum());
        }
        product
    }
}

/// What CG did.
struct Run {
    error: Vec<f64>,
    /// `z_j = M⁻¹ r_j`
    applied: Vec<Vec<f64>>,
    /// α_j, β_j
    coefficients: Vec<[f64; 2]>,
}

impl Entries {
    fn zeros(factor: &IncompleteCholesky) -> Self {
        Self {
            below: vec![0.0; factor.columns().len()],
            pivots: vec![0.0; factor.dimension()],
        }
    }

    /// `s_ik = l_ik l_kk` and `d_k = l_kk²`.
    fn of(factor: &IncompleteCholesky) -> Self {
        let diagonal = factor.diagonal();
        let mut below = factor.scaled_values().to_vec();
        for (i, row) in factor.row_starts().windows(2).enumerate() {
            for place in row[0] as usize..row[1] as usize {
                below[place] *= diagonal[i] * diagonal[factor.columns()[place] as usize];
            }
        }
        Self {
            below,
            pivots: diagonal.iter().map(|l| l * l).collect(),
        }
    }

    /// Adds the derivative of `z = M⁻¹ r`, given `w = M⁻¹ v` for the derivative v with respect to z: that of `−wᵀ dM z`.
    fn application(&mut self, factor: &IncompleteCholesky, w: &[f64], z: &[f64]) {
        let n = w.len();
        let l = factor.diagonal();
        // s_kᵀ z and s_kᵀ w, over l_kk
        let (mut a, mut b): (Vec<f64>, Vec<f64>) =
            (0..n).map(|k| (l[k] * z[k], l[k] * w[k])).unzip();
        let rows = || factor.row_starts().windows(2).enumerate();
        let (columns, scaled) = (factor.columns(), factor.scaled_values());
        for (i, row) in rows() {
            let places = row[0] as usize..row[1] as usize;
            for (&column, &scaled) in columns[places.clone()].iter().zip(&scaled[places]) {
                let (k, entry) = (column as usize, scaled * l[i]);
                a[k] += entry * z[i];
                b[k] += entry * w[i];
            }
        }
        for (i, row) in rows() {
            let places = row[0] as usize..row[1] as usize;
            for (&column, slope) in columns[places.clone()].iter().zip(&mut self.below[places]) {
                let k = column as usize;
                *slope -= (w[i] * a[k] + b[k] * z[i]) / l[k];
            }
        }
        for k in 0..n {
            self.pivots[k] += a[k] * b[k] / (l[k] * l[k]) - (w[k] * a[k] + b[k] * z[k]) / l[k];
        }
    }
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// `y += a x`.
fn add(a: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

#[cfg(test)]
mod tests {
    use la_gnn::Weights;
    use la_problems::DefiniteFamily;

    use super::*;

    /// `parameters` moved at random, by a part of their size.
    fn moved(parameters: &Parameters, by: f32, seed: u64) -> Parameters {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut moved = parameters.clone();
        for value in &mut moved.values {
            *value += by * rng.sample::<f32, _>(StandardNormal);
        }
        moved
    }

    /// Largest deviation of differences from the gradient in a few random directions, over what is typical for them.
    fn deviation(loss: &CompensationLoss, parameters: &Parameters) -> f64 {
        let (_, gradient) = loss.evaluate(parameters).unwrap().unwrap();
        let mut worst: f64 = 0.0;
        for seed in 0..4 {
            let [up, down] = [1e-5, -1e-5].map(|by| moved(parameters, by, seed));
            let [high, low] = [&up, &down].map(|p| loss.evaluate(p).unwrap().unwrap().0);
            // Single precision: what the parameters really moved by.
            let pairs = up.values.iter().zip(&down.values).zip(&gradient);
            let parts: Vec<f64> = pairs.map(|((u, d), g)| f64::from(u - d) * g).collect();
            let wanted: f64 = parts.iter().sum();
            let typical = parts.iter().map(|part| part * part).sum::<f64>().sqrt();
            worst = worst.max((high - low - wanted).abs() / typical);
        }
        worst
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let bundled = Weights::bundled("compensated-ic-ordered-s1").unwrap();
        let bundled = Parameters::from_weights(&bundled).unwrap();
        let mut far = Vec::new();
        for (name, n) in [
            ("poisson2 natural", 100),
            ("poisson3 natural", 125),
            ("white2:2 dissection", 144),
            ("blocks2 natural", 144),
            ("delaunay rcm", 150),
            ("graph rcm", 120),
            ("elasticity rcm", 120),
        ] {
            let matrix = DefiniteFamily::named(name).unwrap().matrix(n, 3).unwrap();
            for steps in [1, 6] {
                let loss = CompensationLoss::new(matrix.clone(), 2, steps, 1).unwrap();
                for seed in 0..2 {
                    let found = deviation(&loss, &moved(&bundled, 0.1, 50 + seed));
                    if found.is_nan() || found > 2e-3 {
                        far.push(format!("{name}, {steps} steps: {found:.1e}"));
                    }
                }
            }
        }
        assert!(far.is_empty(), "{far:?}");
    }

    #[test]
    fn and_where_the_factorisation_is_repeated() {
        let config = la_gnn::compensation::CompensationConfig::default();
        let mut parameters = Parameters::initialize(&config, 1).unwrap();
        parameters.values[..4].copy_from_slice(&[4.0, 4.0, 1.0, -9.0]);
        let parameters = moved(&parameters, 0.05, 9);
        let mut repeated = 0;
        for (name, n) in [("neuralif natural", 60), ("elasticity random", 120)] {
            let matrix = DefiniteFamily::named(name).unwrap().matrix(n, 3).unwrap();
            let loss = CompensationLoss::new(matrix.clone(), 0, 4, 1).unwrap();
            let builder = super::super::LearnedCompensation::from_parameters(&parameters).unwrap();
            let builder = builder.with_positive_limit(1.0).with_most_sinks(2.0);
            repeated += builder
                .factor(matrix.view())
                .unwrap()
                .stats()
                .shift_attempts;
            let found = deviation(&loss, &parameters);
            assert!(found < 2e-3, "{name}: {found}");
        }
        assert!(repeated > 0);
    }

    #[test]
    fn nothing_to_learn_on_a_diagonal() {
        let mut eye: CsMatI<f64, u32> = CsMatI::eye(5);
        eye.map_inplace(|x| 2.0 * x);
        let loss = CompensationLoss::new(eye, 0, 3, 0).unwrap();
        let config = la_gnn::compensation::CompensationConfig::default();
        let parameters = Parameters::initialize(&config, 1).unwrap();
        let (_, gradient) = loss.evaluate(&parameters).unwrap().unwrap();
        assert!(gradient.iter().all(|g| *g == 0.0));
        let mut bad = parameters;
        bad.values[0] = f32::NAN;
        assert!(loss.evaluate(&bad).is_err());
    }
}
