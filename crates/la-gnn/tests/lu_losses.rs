//! Losses of LU factors: against dense formulas, their gradients against finite differences, what they are invariant to.

use std::sync::Arc;

use la_gnn::GnnError;
use la_gnn::native::neuralif::InversePair;
use la_gnn::sprs::{CsMatI, TriMatI};
use la_gnn::training::lu::{LuLoss, LuLossWorkspace, LuObjective, LuPower, LuSystem};

const OBJECTIVES: [LuObjective; 6] = [
    LuObjective::Max,
    LuObjective::Min,
    LuObjective::Combined,
    LuObjective::LogMax,
    LuObjective::LogMin,
    LuObjective::LogBoth,
];

/// Seeded numbers in (−1, 1).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
    fn vector(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.next()).collect()
    }
}

type Dense = Vec<Vec<f64>>;

fn product(a: &Dense, x: &[f64]) -> Vec<f64> {
    a.iter()
        .map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum())
        .collect()
}

/// Gaussian elimination with pivoting.
fn solve(a: &Dense, b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut m: Dense = a
        .iter()
        .zip(b)
        .map(|(r, b)| r.iter().copied().chain([*b]).collect())
        .collect();
    for k in 0..n {
        let p = (k..n)
            .max_by(|i, j| m[*i][k].abs().total_cmp(&m[*j][k].abs()))
            .unwrap();
        m.swap(k, p);
        for i in k + 1..n {
            let f = m[i][k] / m[k][k];
            let pivot = m[k].clone();
            m[i].iter_mut().zip(&pivot).for_each(|(x, p)| *x -= f * p);
        }
    }
    let mut x = vec![0.0; n];
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|j| m[i][j] * x[j]).sum();
        x[i] = (m[i][n] - sum) / m[i][i];
    }
    x
}

struct Case {
    a: Arc<CsMatI<f64, u32>>,
    system: LuSystem,
    factor: Vec<f64>,
    w: Vec<f64>,
    pair: InversePair,
}

/// A nonsymmetric matrix with a zero on the diagonal, arbitrary factors, and vectors.
fn case(n: usize, seed: u64) -> Case {
    let mut numbers = Numbers(seed);
    let mut a = TriMatI::<f64, u32>::new((n, n));
    for i in 0..n {
        for j in 0..n {
            let value = numbers.next();
            if i == j {
                a.add_triplet(i, j, if i == 2 { 0.0 } else { 2.0 + value });
            } else if numbers.next() < -0.3 {
                a.add_triplet(i, j, value);
            }
        }
    }
    let a: Arc<CsMatI<f64, u32>> = Arc::new(a.to_csr());
    let system = LuSystem::new(Arc::clone(&a), Vec::new().into()).unwrap();
    let mut factor: Vec<f64> = (0..a.nnz()).map(|_| 0.3 * numbers.next()).collect();
    for (i, k) in system.diagonal().iter().enumerate() {
        // Negative entries are allowed.
        factor[*k] += if i % 3 == 0 { -1.5 } else { 1.2 };
    }
    let (w, b) = (numbers.vector(n), numbers.vector(n));
    let x = solve(&dense(&a), &b);
    Case {
        a,
        system,
        factor,
        w,
        pair: InversePair { x, y: b },
    }
}

fn dense(a: &CsMatI<f64, u32>) -> Dense {
    let mut d = vec![vec![0.0; a.cols()]; a.rows()];
    for (v, (i, j)) in a.iter() {
        d[i as usize][j as usize] = *v;
    }
    d
}

/// P = L U, and log |det P|.
fn dense_product(case: &Case) -> (Dense, f64) {
    let n = case.w.len();
    let (mut l, mut u) = (vec![vec![0.0; n]; n], vec![vec![0.0; n]; n]);
    for (v, (_, (i, j))) in case.factor.iter().zip(case.a.iter()) {
        let (i, j) = (i as usize, j as usize);
        if j <= i {
            l[i][j] = *v;
        } else {
            u[i][j] = *v;
        }
    }
    (0..n).for_each(|i| u[i][i] = 1.0);
    let p = (0..n)
        .map(|i| {
            (0..n)
                .map(|j| (0..n).map(|k| l[i][k] * u[k][j]).sum())
                .collect()
        })
        .collect();
    (p, (0..n).map(|i| l[i][i].abs().ln()).sum())
}

fn evaluate(loss: &LuLoss, case: &Case, factor: &[f64]) -> (f64, Vec<f64>) {
    let mut gradient = vec![f64::NAN; factor.len()];
    let mut memory = LuLossWorkspace::default();
    let pair = Some(&case.pair);
    let value = loss
        .gradient(
            &case.system,
            factor,
            &case.w,
            pair,
            &mut memory,
            &mut gradient,
        )
        .unwrap();
    (value, gradient)
}

fn square(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum()
}

#[test]
fn values_are_those_of_dense_formulas() {
    for n in [5, 9] {
        let case = case(n, n as u64);
        let ((p, log_det), a) = (dense_product(&case), dense(&case.a));
        let difference = |x: &[f64], y: &[f64]| -> f64 {
            square(&x.iter().zip(y).map(|(x, y)| x - y).collect::<Vec<_>>())
        };
        let (x, b, w) = (&case.pair.x, &case.pair.y, &case.w);
        let size = n as f64;
        let px = square(&product(&p, x));
        let forward = difference(&product(&p, w), &product(&a, w));
        let log_forward = (square(&product(&a, &solve(&p, w))) / size).ln();
        for (objective, expected, norm) in [
            (LuObjective::Max, forward, Some(forward.sqrt())),
            (
                LuObjective::Min,
                difference(&product(&p, x), b),
                Some(difference(&product(&p, x), b).sqrt()),
            ),
            (
                LuObjective::Combined,
                forward + 0.3 * px,
                Some(forward.sqrt() + 0.3 * px.sqrt()),
            ),
            (
                LuObjective::LogMax,
                log_forward + 2.0 * log_det / size,
                None,
            ),
            (
                LuObjective::LogMin,
                (px / size).ln() - 2.0 * log_det / size,
                None,
            ),
            (LuObjective::LogBoth, log_forward + (px / size).ln(), None),
        ] {
            let loss = LuLoss::default().with_objective(objective).with_alpha(0.3);
            let (value, _) = evaluate(&loss, &case, &case.factor);
            assert!(
                (value - expected).abs() < 1e-11 * expected.abs().max(1.0),
                "{objective:?}: {value} {expected}"
            );
            if let Some(norm) = norm {
                let (value, _) = evaluate(&loss.with_power(LuPower::Norm), &case, &case.factor);
                assert!((value - norm).abs() < 1e-11 * norm, "{objective:?}");
            }
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let case = case(9, 5);
    for objective in OBJECTIVES {
        for power in [LuPower::Square, LuPower::Norm] {
            let loss = LuLoss::default()
                .with_objective(objective)
                .with_power(power);
            let (_, gradient) = evaluate(&loss, &case, &case.factor);
            let largest = gradient.iter().fold(0.0f64, |m, g| m.max(g.abs()));
            for k in 0..case.factor.len() {
                let at = |h: f64| {
                    let mut factor = case.factor.clone();
                    factor[k] += h;
                    evaluate(&loss, &case, &factor).0
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!(
                    (gradient[k] - difference).abs() < 1e-7 * largest,
                    "{objective:?} {power:?} entry {k}: {} {difference}",
                    gradient[k]
                );
            }
        }
    }
}

#[test]
fn logarithmic_losses_do_not_see_the_scale_of_the_factors() {
    let case = case(9, 6);
    let mut scaled = case.factor.clone();
    for i in 0..9 {
        let range = case.a.indptr().outer_inds_sz(i);
        // P is multiplied by 8 with L.
        scaled[range.start..=case.system.diagonal()[i]]
            .iter_mut()
            .for_each(|l| *l *= 8.0);
    }
    for (objective, invariant) in [
        (LuObjective::Max, false),
        (LuObjective::LogMax, true),
        (LuObjective::LogMin, true),
        (LuObjective::LogBoth, true),
    ] {
        let loss = LuLoss::default().with_objective(objective);
        let (value, _) = evaluate(&loss, &case, &case.factor);
        let (other, _) = evaluate(&loss, &case, &scaled);
        assert_eq!((value - other).abs() < 1e-12, invariant, "{objective:?}");
    }
}

#[test]
fn exact_factors_are_where_the_gradient_ends() {
    // A lower triangular: L = A, U = I.
    let a = CsMatI::<f64, u32>::new(
        (3, 3),
        vec![0, 1, 3, 5],
        vec![0, 0, 1, 1, 2],
        vec![2.0, 1.0, -3.0, 0.5, 4.0],
    );
    let system = LuSystem::new(Arc::new(a.clone()), Vec::new().into()).unwrap();
    let (w, mut memory, mut gradient) =
        ([1.0, -2.0, 0.5], LuLossWorkspace::default(), vec![0.0; 5]);
    let x = solve(&dense(&a), &w);
    let pair = InversePair { x, y: w.to_vec() };
    let mut at = |objective| {
        LuLoss::default()
            .with_objective(objective)
            .gradient(
                &system,
                a.data(),
                &w,
                Some(&pair),
                &mut memory,
                &mut gradient,
            )
            .unwrap()
    };
    assert!(at(LuObjective::Max) < 1e-28 && at(LuObjective::Min) < 1e-28);
    // B = I: ‖w‖²/n on both sides, and the determinant of A.
    let (size, log_det) = ((5.25f64 / 3.0).ln(), 24f64.ln());
    assert!((at(LuObjective::LogMax) - size - 2.0 / 3.0 * log_det).abs() < 1e-14);
    assert!((at(LuObjective::LogMin) - size + 2.0 / 3.0 * log_det).abs() < 1e-14);
    assert!((at(LuObjective::LogBoth) - 2.0 * size).abs() < 1e-14);
}

#[test]
fn bad_input_is_refused() {
    let case = case(9, 1);
    let mut memory = LuLossWorkspace::default();
    let nnz = case.factor.len();
    let mut call = |objective, factor: &[f64], w: &[f64], pair: Option<&InversePair>, room| {
        LuLoss::default()
            .with_objective(objective)
            .gradient(
                &case.system,
                factor,
                w,
                pair,
                &mut memory,
                &mut vec![0.0; room],
            )
            .unwrap_err()
            .to_string()
    };
    let f = &case.factor;
    for objective in OBJECTIVES {
        if LuLoss::default().with_objective(objective).needs_pairs() {
            let text = call(objective, f, &case.w, None, nnz);
            assert!(text.contains("pairs"), "{objective:?}: {text}");
        }
    }
    let max = LuObjective::Max;
    assert!(call(max, &f[1..], &case.w, None, nnz).contains("factor"));
    assert!(call(max, f, &case.w[1..], None, nnz).contains("probe"));
    assert!(call(max, f, &case.w, None, nnz - 1).contains("gradient"));
    let short = InversePair {
        x: vec![0.0; 8],
        y: vec![0.0; 9],
    };
    assert!(call(max, f, &case.w, Some(&short), nnz).contains("solution"));

    let system = |matrix: CsMatI<f64, u32>, pairs: Vec<InversePair>| -> GnnError {
        LuSystem::new(Arc::new(matrix), pairs.into()).unwrap_err()
    };
    let eye = || CsMatI::<f64, u32>::eye(2);
    let gap = CsMatI::new((2, 2), vec![0u32, 1, 2], vec![0, 0], vec![1.0, 1.0]);
    let wide = CsMatI::new((1, 2), vec![0u32, 1], vec![0], vec![1.0]);
    for (error, part) in [
        (system(gap, Vec::new()), "row 1"),
        (system(wide, Vec::new()), "1 x 2"),
        (system(CsMatI::zero((0, 0)), Vec::new()), "not empty"),
        (system(eye().into_csc(), Vec::new()), "CSR"),
        (system(eye(), vec![short]), "a pair"),
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    for alpha in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(LuLoss::default().with_alpha(alpha).validate().is_err());
    }
}
