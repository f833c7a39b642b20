//! Soft constraints with weights of their own, against the same problem with a variable for each violation.

use la_opt::qp::{
    Elimination, Hessian, QpOptions, QpStatus, QpWorkspace, QuadraticProgram, WarmStart, solve,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const INF: f64 = f64::INFINITY;

/// How much curvature P has: on all variables, on the first half, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Curvature {
    All,
    Half,
    None,
}

/// Data of a random problem with box, m rows above, the first `soft` of them soft and contradicting the last ones.
struct Data {
    n: usize,
    p: Vec<f64>,
    q: Vec<f64>,
    rows: Vec<f64>,
    upper: Vec<f64>,
    weights: Vec<f64>,
}

fn data(curvature: Curvature, seed: u64) -> Data {
    let (n, m, soft) = (6, 10, 4);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let rank = match curvature {
        Curvature::All => n,
        Curvature::Half => n / 2,
        Curvature::None => 0,
    };
    let factor = draw(rank * n);
    let mut p = vec![0.0; n * n];
    for row in factor.chunks_exact(n) {
        for i in 0..n {
            for j in 0..n {
                p[i * n + j] += row[i] * row[j];
            }
        }
    }
    let (q, rows) = (draw(n), draw(m * n));
    let mut upper = draw(m);
    // Out of reach of what the box allows, often.
    upper[..soft].iter_mut().for_each(|u| *u -= 2.0);
    upper[soft..].iter_mut().for_each(|u| *u += 1.5);
    let weights = draw(soft).iter().map(|w| 10.0f64.powf(*w)).collect();
    Data {
        n,
        p,
        q,
        rows,
        upper,
        weights,
    }
}

impl Data {
    fn hessian(&self) -> Hessian<f64> {
        match self.p.iter().all(|&p| p == 0.0) {
            true => Hessian::Zero,
            false => Hessian::Dense(self.p.clone()),
        }
    }

    fn soft(&self) -> QuadraticProgram {
        let weights: Vec<_> = self.weights.iter().copied().enumerate().collect();
        let weights: Vec<_> = weights.iter().map(|&(j, w)| (self.n + j, w)).collect();
        QuadraticProgram::new(self.hessian(), self.q.clone())
            .unwrap()
            .with_bounds(vec![-1.0; self.n], vec![1.0; self.n])
            .unwrap()
            .with_rows(
                self.rows.clone(),
                vec![-INF; self.upper.len()],
                self.upper.clone(),
            )
            .unwrap()
            .with_soft_weights(&weights)
            .unwrap()
    }

    /// min ½ xᵀ P x + qᵀ x + ½ Σ w_j s_j² with A x − s ≤ u.
    fn with_slacks(&self) -> QuadraticProgram {
        let (n, soft, m) = (self.n, self.weights.len(), self.upper.len());
        let all = n + soft;
        let mut p = vec![0.0; all * all];
        for i in 0..n {
            p[i * all..i * all + n].copy_from_slice(&self.p[i * n..(i + 1) * n]);
        }
        for (j, &w) in self.weights.iter().enumerate() {
            p[(n + j) * (all + 1)] = w;
        }
        let mut rows = vec![0.0; m * all];
        for i in 0..m {
            rows[i * all..i * all + n].copy_from_slice(&self.rows[i * n..(i + 1) * n]);
            if i < soft {
                rows[i * all + n + i] = -1.0;
            }
        }
        let mut q = self.q.clone();
        q.resize(all, 0.0);
        QuadraticProgram::new(Hessian::Dense(p), q)
            .unwrap()
            .with_bounds(vec![-1.0; n], vec![1.0; n])
            .unwrap()
            .with_rows(rows, vec![-INF; m], self.upper.clone())
            .unwrap()
    }
}

/// Objective with the price of violations, of the n first entries.
fn price(data: &Data, x: &[f64]) -> f64 {
    let n = data.n;
    let mut value = 0.0;
    for i in 0..n {
        value += data.q[i] * x[i];
        for j in 0..n {
            value += 0.5 * x[i] * data.p[i * n + j] * x[j];
        }
    }
    for (j, &w) in data.weights.iter().enumerate() {
        let row = &data.rows[j * n..(j + 1) * n];
        let product: f64 = row.iter().zip(x).map(|(a, x)| a * x).sum();
        value += 0.5 * w * (product - data.upper[j]).max(0.0).powi(2);
    }
    value
}

#[test]
fn the_price_is_that_of_a_slack_variable() {
    let mut bent = 0;
    for curvature in [Curvature::All, Curvature::Half, Curvature::None] {
        for seed in 0..40 {
            let data = data(curvature, seed);
            let slack = solve(&data.with_slacks(), &QpOptions::default()).unwrap();
            assert_eq!(slack.status, QpStatus::Optimal, "{curvature:?} {seed}");
            let soft = solve(&data.soft(), &QpOptions::default()).unwrap();
            assert!(
                matches!(soft.status, QpStatus::Optimal | QpStatus::SoftOptimal),
                "{curvature:?} {seed}: {}",
                soft.status
            );
            bent += usize::from(soft.status == QpStatus::SoftOptimal);
            let (one, other) = (price(&data, &soft.x), price(&data, &slack.x[..data.n]));
            assert!(
                (one - other).abs() <= 1e-6 * other.abs().max(1.0),
                "{curvature:?} {seed}: {one} {other}"
            );
        }
    }
    assert!(bent > 60, "only {bent} problems violate a soft constraint");
}

#[test]
fn any_start_leads_to_the_same_compromise() {
    for curvature in [Curvature::All, Curvature::Half, Curvature::None] {
        for seed in 0..20 {
            let data = data(curvature, seed);
            let problem = data.soft();
            let mut workspace = QpWorkspace::new(problem, QpOptions::default()).unwrap();
            let cold = price(&data, &workspace.solve().x);
            let set = workspace.solution().active_set.clone();
            let guess: Vec<_> = set
                .iter()
                .rev()
                .skip(1)
                .map(|&(j, side)| (j, side, 1.0))
                .collect();
            workspace.warm_start(WarmStart::Ranked(&guess)).unwrap();
            let warm = price(&data, &workspace.solve().x);
            assert!(
                (cold - warm).abs() <= 1e-6 * cold.abs().max(1.0),
                "{curvature:?} {seed}: {cold} {warm}"
            );
        }
    }
}

#[test]
fn a_linear_program_stops_where_the_price_of_a_violation_does() {
    // min −x + ½ w (x − 1)² from above: x = 1 + 1 / w.
    let problem = QuadraticProgram::new(Hessian::Zero, vec![-1.0])
        .unwrap()
        .with_bounds(vec![-INF], vec![1.0])
        .unwrap()
        .with_soft_weights(&[(0, 4.0)])
        .unwrap();
    let solution = solve(&problem, &QpOptions::default()).unwrap();
    assert_eq!(solution.status, QpStatus::SoftOptimal);
    assert!((solution.x[0] - 1.25_f64).abs() < 1e-6, "{:?}", solution.x);
    // A direction that no soft constraint bends is still a ray.
    let problem = QuadraticProgram::new(Hessian::Zero, vec![-1.0, -1.0])
        .unwrap()
        .with_bounds(vec![-INF, -INF], vec![1.0, INF])
        .unwrap()
        .with_soft_weights(&[(0, 4.0)])
        .unwrap();
    let solution = solve(&problem, &QpOptions::default()).unwrap();
    assert_eq!(solution.status, QpStatus::DualInfeasible);
}

#[test]
fn equalities_that_are_solved_for_do_not_change_the_price() {
    let data = data(Curvature::All, 5);
    let with = |elimination| {
        let mut rows = data.rows.clone();
        rows.extend(vec![1.0; data.n]);
        let mut lower = vec![-INF; data.upper.len()];
        let mut upper = data.upper.clone();
        lower.push(0.25);
        upper.push(0.25);
        let problem = QuadraticProgram::new(data.hessian(), data.q.clone())
            .unwrap()
            .with_rows(rows, lower, upper)
            .unwrap()
            .with_soft_weights(&[(0, 3.0), (1, 0.5), (2, 20.0)])
            .unwrap();
        let options = QpOptions::default().with_elimination(elimination);
        solve(&problem, &options).unwrap()
    };
    let (never, always) = (with(Elimination::Never), with(Elimination::Always));
    for (a, b) in never.x.iter().zip(&always.x) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }
}

#[test]
fn weights_that_are_none_are_refused() {
    let problem = || {
        QuadraticProgram::new(Hessian::Identity, vec![0.0])
            .unwrap()
            .with_bounds(vec![0.0], vec![1.0])
            .unwrap()
    };
    for weight in [0.0, -1.0, f64::NAN, INF] {
        let error = problem().with_soft_weights(&[(0, weight)]).unwrap_err();
        assert!(error.to_string().contains("soft weight"), "{error}");
    }
    let error = problem().with_soft_weights(&[(3, 1.0)]).unwrap_err();
    assert!(error.to_string().contains("constraint 3"), "{error}");
}
