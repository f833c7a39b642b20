//! Networks as predictors: whatever they say the solution is the same, nothing is allocated, what does not fit is refused.
#![cfg(feature = "learned")]

use la_gnn::Provenance;
use la_gnn::active_set::{
    ActiveSetConfig, GnnConfig, GnnFeatures, LeastDistanceConfig, MlpConfig, Parameters,
};
use la_opt::OptError;
use la_opt::qp::learned::{
    GnnPredictor, LeastDistancePredictor, LeastDistanceSamples, Matrices, MlpPredictor,
    ProblemSamples, Slots, best_threshold, sweep_thresholds,
};
use la_opt::qp::{
    ActiveSetPredictor, Hessian, Pricing, QpOptions, QpUpdate, QpWorkspace, QuadraticProgram, Side,
    WarmStart,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Two bounds, one of them one-sided, an equality, and two-sided rows.
fn problem(seed: u64) -> QuadraticProgram {
    let (n, rows) = (5, 4);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let root = draw(n * n);
    let entry = |at: usize| {
        let pairs = root[at / n * n..].iter().take(n).zip(&root[at % n * n..]);
        f64::from(at / n == at % n) * 0.1 + pairs.map(|(a, b)| a * b).sum::<f64>()
    };
    let hessian = Hessian::Dense((0..n * n).map(entry).collect());
    let linear = draw(n).iter().map(|q| 3.0 * q).collect();
    let (lower, upper) = (vec![-0.4, f64::NEG_INFINITY], vec![0.5, 0.3]);
    QuadraticProgram::new(hessian, linear)
        .unwrap()
        .with_bounds(lower, upper)
        .unwrap()
        .with_rows(
            draw(n * rows),
            vec![0.1, -0.5, -0.6, -0.7],
            vec![0.1, 0.5, 0.6, 0.7],
        )
        .unwrap()
}

const SLOTS: [(usize, Side); 11] = [
    (0, Side::Upper),
    (0, Side::Lower),
    (1, Side::Upper),
    (2, Side::Upper),
    (2, Side::Lower),
    (3, Side::Upper),
    (3, Side::Lower),
    (4, Side::Upper),
    (4, Side::Lower),
    (5, Side::Upper),
    (5, Side::Lower),
];

fn workspace(problem: QuadraticProgram) -> QpWorkspace {
    QpWorkspace::new(problem, QpOptions::default()).unwrap()
}

/// Untrained networks of all kinds, with everything above the threshold.
fn predictors(workspace: &QpWorkspace) -> Vec<Box<dyn ActiveSetPredictor<f64>>> {
    let problem = workspace.problem();
    let mlp = Parameters::initialize(&MlpConfig::new(5, 11), 1).unwrap();
    let whole = Parameters::initialize(&MlpConfig::published(5, 11), 1).unwrap();
    let gnn = Parameters::initialize(&GnnConfig::default().with_width(16), 1).unwrap();
    let least = Parameters::initialize(&LeastDistanceConfig::default(), 1).unwrap();
    let varying = Matrices::Varying;
    vec![
        Box::new(MlpPredictor::new(&mlp, problem).unwrap()),
        Box::new(
            MlpPredictor::new(&whole, problem)
                .unwrap()
                .with_matrices(varying),
        ),
        Box::new(
            GnnPredictor::new(&gnn, problem)
                .unwrap()
                .with_matrices(varying),
        ),
        Box::new(
            LeastDistancePredictor::new(&least, &mut workspace.clone())
                .unwrap()
                .with_matrices(varying),
        ),
    ]
}

#[test]
fn any_guess_leads_to_the_same_solution() {
    let mut own = workspace(problem(1));
    assert_eq!(Slots::new(own.problem()).list(), SLOTS);
    for mut predictor in predictors(&own) {
        for seed in 1..8 {
            let other = problem(seed);
            let update = QpUpdate::default()
                .with_hessian(other.hessian())
                .with_linear(other.linear())
                .with_rows(other.rows());
            own.update(&update).unwrap();
            own.warm_start(WarmStart::Cold).unwrap();
            let expected = own.solve().x.clone();
            let mut guess = vec![(0, Side::Upper, 2.0)];
            predictor.predict(own.problem(), &mut guess).unwrap();
            for &(j, _, score) in &guess {
                assert!(j != 2 && score > 0.5 && score <= 1.0, "{j} {score}");
            }
            own.warm_start(WarmStart::Ranked(&guess)).unwrap();
            let x = &own.solve().require_optimal().unwrap().x;
            for (x, e) in x.iter().zip(&expected) {
                assert!((x - e).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn samples_hold_the_active_bounds() {
    let mut own = workspace(problem(3));
    let mut samples = ProblemSamples::new(own.problem(), Matrices::Fixed);
    assert!(matches!(
        samples.push(&own),
        Err(OptError::NotOptimal { .. })
    ));
    own.solve();
    samples.push(&own).unwrap();
    samples.push(&own).unwrap();
    let mut rows = LeastDistanceSamples::new(own.problem(), Matrices::Varying);
    rows.push(&mut own).unwrap();
    rows.push(&mut own).unwrap();
    let (group, rows) = (samples.group(), rows.group());
    group.check().unwrap();
    rows.check().unwrap();
    assert_eq!((group.len(), group.matrices.len()), (2, 1));
    assert_eq!((rows.len(), rows.rows.len()), (2, 2));
    let active: Vec<(usize, Side)> = SLOTS
        .iter()
        .zip(&group.active)
        .filter(|(_, active)| **active)
        .map(|(slot, _)| *slot)
        .collect();
    let mut expected = own.solution().active_set.clone();
    expected.sort_by_key(|(j, _)| *j);
    // An equality counts at the side of its multiplier.
    for (j, side) in &mut expected {
        if own.solution().multipliers[*j] < 0.0 {
            *side = Side::Lower;
        }
    }
    assert_eq!(active, expected);
    assert_eq!(group.active, rows.active);
    // −x_1 ≤ 0.4, and the row of the equality the other way round.
    assert_eq!(group.upper[1], 0.4);
    assert_eq!(group.matrices[0].1[5..10], [-1.0, 0.0, 0.0, 0.0, 0.0]);
    // Slacks and rows describe the solution: u is the shortest vector, active slots hold with equality.
    let u: Vec<f64> = {
        // x = R⁻¹ (u − v) is not at hand; u = −Mᵀ λ in the units of the rows is.
        let problem = own.problem();
        let (n, m) = (5, 11);
        let mut u = vec![0.0; n];
        for (k, &(j, side)) in SLOTS.iter().enumerate() {
            let multiplier = own.solution().multipliers[j];
            let row = &rows.rows[0][k * n..(k + 1) * n];
            let bound = match side {
                Side::Lower => -problem.lower()[j],
                Side::Upper => problem.upper()[j],
            };
            assert!(bound.is_finite() && rows.slacks[m + k].is_finite());
            let wanted = (multiplier > 0.0) == (side == Side::Upper);
            if multiplier == 0.0 || !wanted {
                continue;
            }
            let scale = {
                // Of the row before it was normalised: product of the row with itself through P⁻¹.
                let a = &group.matrices[0].1[k * n..(k + 1) * n];
                quadratic_inverse(&group.matrices[0].0, a, n).sqrt()
            };
            for (u, row) in u.iter_mut().zip(row) {
                *u -= multiplier.abs() * scale * row;
            }
        }
        u
    };
    for (k, active) in group.active.iter().take(11).enumerate() {
        let row = &rows.rows[0][k * 5..(k + 1) * 5];
        let value: f64 = row.iter().zip(&u).map(|(a, b)| a * b).sum();
        let slack = rows.slacks[k] - value;
        assert!(slack > -1e-9, "{k} {slack}");
        assert!(!active || slack < 1e-9, "{k} {slack}");
    }
}

/// `aᵀ P⁻¹ a` by elimination.
fn quadratic_inverse(p: &[f64], a: &[f64], n: usize) -> f64 {
    let (mut p, mut x) = (p.to_vec(), a.to_vec());
    for k in 0..n {
        for i in k + 1..n {
            let factor = p[i * n + k] / p[k * n + k];
            for j in k..n {
                p[i * n + j] -= factor * p[k * n + j];
            }
            x[i] -= factor * x[k];
        }
    }
    for k in (0..n).rev() {
        for j in k + 1..n {
            x[k] -= p[k * n + j] * x[j];
        }
        x[k] /= p[k * n + k];
    }
    x.iter().zip(a).map(|(x, a)| x * a).sum()
}

#[test]
fn predictions_allocate_nothing() {
    let mut own = workspace(problem(2));
    let problem = &problem(2);
    let mlp = Parameters::initialize(&MlpConfig::new(5, 11), 1).unwrap();
    let mut mlp = MlpPredictor::new(&mlp, problem).unwrap();
    let gnn = Parameters::initialize(&GnnConfig::default(), 1).unwrap();
    let mut gnn = GnnPredictor::new(&gnn, problem).unwrap();
    let least = Parameters::initialize(&LeastDistanceConfig::default(), 1).unwrap();
    let mut least = LeastDistancePredictor::new(&least, &mut own)
        .unwrap()
        .with_matrices(Matrices::Varying);
    let mut guess = Vec::with_capacity(16);
    let info = allocation_counter::measure(|| {
        mlp.predict(problem, &mut guess).unwrap();
        gnn.predict(problem, &mut guess).unwrap();
        least.predict_in(&mut own, &mut guess).unwrap();
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let own = workspace(problem(2));
    let fewer = problem(2)
        .with_bounds(vec![-0.4], vec![f64::INFINITY])
        .unwrap();
    let open = problem(2)
        .with_bounds(vec![-0.4, f64::NEG_INFINITY], vec![f64::INFINITY, 0.3])
        .unwrap();
    for mut predictor in predictors(&own) {
        let mut guess = Vec::new();
        let text = predictor.predict(&fewer, &mut guess).unwrap_err();
        assert!(text.to_string().contains("constraints"), "{text}");
        let text = predictor.predict(&open, &mut guess).unwrap_err();
        assert!(text.to_string().contains("finite"), "{text}");
    }
    let mlp = Parameters::initialize(&MlpConfig::new(5, 10), 1).unwrap();
    let text = MlpPredictor::new(&mlp, own.problem()).unwrap_err();
    assert!(text.to_string().contains("11"), "{text}");
    let two = GnnConfig::default().with_features(GnnFeatures::TwoSided);
    let two = Parameters::initialize(&two, 1).unwrap();
    assert!(GnnPredictor::new(&two, own.problem()).is_err());
    let mlp = Parameters::initialize(&MlpConfig::new(5, 11), 1).unwrap();
    let predictor = MlpPredictor::new(&mlp, own.problem()).unwrap();
    assert!(predictor.with_threshold(f64::NAN).is_err());
    // Weight files know what they are.
    let weights = mlp.to_weights(Provenance::default());
    assert!(MlpPredictor::from_weights(&weights, own.problem()).is_ok());
    let text = GnnPredictor::from_weights(&weights, own.problem()).unwrap_err();
    assert!(text.to_string().contains(MlpConfig::ARCHITECTURE), "{text}");
    assert!(LeastDistancePredictor::from_weights(&weights, &mut own.clone()).is_err());
}

/// The solution with score 0.6, another bound with 0.3.
struct Oracle;

impl ActiveSetPredictor<f64> for Oracle {
    fn predict(
        &mut self,
        problem: &QuadraticProgram,
        guess: &mut Vec<(usize, Side, f64)>,
    ) -> Result<(), OptError> {
        let solution = la_opt::qp::solve(problem, &QpOptions::default())?;
        guess.clear();
        guess.extend(solution.active_set.iter().map(|&(j, side)| (j, side, 0.6)));
        let free = (0..2).find(|j| solution.multipliers[*j] == 0.0);
        guess.extend(free.map(|j| (j, Side::Upper, 0.3)));
        Ok(())
    }
}

#[test]
fn thresholds_are_judged_by_iterations() {
    let others: Vec<QuadraticProgram> = (2..8).map(problem).collect();
    let updates: Vec<QpUpdate<'_, f64>> = others
        .iter()
        .map(|other| {
            QpUpdate::default()
                .with_hessian(other.hessian())
                .with_linear(other.linear())
                .with_rows(other.rows())
        })
        .collect();
    for pricing in [Pricing::LargestViolation, Pricing::SteepestEdge] {
        let options = QpOptions::default().with_pricing(pricing);
        let mut own = QpWorkspace::new(problem(1), options).unwrap();
        let scores = sweep_thresholds(&mut Oracle, &mut own, &updates, &[0.1, 0.5, 0.9]).unwrap();
        assert_eq!(scores[1].mean(), 1.0);
        assert!(scores[0].iterations > scores[1].iterations);
        assert!(scores[2].iterations > scores[1].iterations);
        assert_eq!(best_threshold(&scores), 0.5);
    }
}
