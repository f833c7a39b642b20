//! The divergence of Kullback and Leibler.
#![cfg(feature = "nmf")]

mod nmf_common;

use la_opt::nmf::{
    Data, Factors, Initializer, Loss, Method, NmfOptions, NmfStatus, NmfWorkspace, Nndsvd,
    Unstored, factorize,
};
use la_opt::qp::SparseRows;
use nmf_common::{assert_close, dense, factors, fixed, uniform};

const NEWTON: Method = Method::ScalarNewton { sweeps: 1 };
const MULTIPLICATIVE: Method = Method::Multiplicative(Loss::KullbackLeibler);

/// Counts, most of them zeros.
fn counts(m: usize, n: usize) -> Vec<f64> {
    let numbers = uniform(m * n, 61);
    let count = |x: &f64| (12.0 * (x - 0.6)).ceil().max(0.0);
    numbers.iter().map(count).collect()
}

/// The same numbers as dense and sparse data, all known and some missing: where the mask is false, or where nothing is stored.
fn kinds(m: usize, n: usize) -> [(Data<'static>, Vec<bool>); 4] {
    let v = counts(m, n);
    let mask: Vec<bool> = (0..m * n).map(|k| k % 7 != 3).collect();
    let rows = SparseRows::from_dense(n, &v).unwrap();
    let all = vec![true; m * n];
    let stored = v.iter().map(|&x| x > 0.0).collect();
    [
        (Data::dense(m, n, v.clone()).unwrap(), all.clone()),
        (Data::masked(m, n, v, &mask).unwrap(), mask),
        (Data::sparse(rows.clone(), Unstored::Zero).unwrap(), all),
        (Data::sparse(rows, Unstored::Missing).unwrap(), stored),
    ]
}

/// Divergence by its definition.
fn divergence(v: &[f64], known: &[bool], factors: &Factors) -> f64 {
    let entries = v.iter().zip(factors.product()).zip(known);
    let part = |((&v, q), _): ((&f64, f64), &bool)| match v > 0.0 {
        true => v * (v / q).ln() - v + q,
        false => q,
    };
    entries.filter(|(_, known)| **known).map(part).sum()
}

/// Norm of the projected gradient by its definition.
fn projected_gradient(v: &[f64], known: &[bool], factors: &Factors) -> f64 {
    let (r, product) = (factors.rank, factors.product());
    let (m, n) = (factors.w.len() / r, factors.h.len() / r);
    let mut square = 0.0;
    let mut add = |x: f64, gradient: f64| {
        if x > 0.0 || gradient < 0.0 {
            square += gradient * gradient;
        }
    };
    let part = |k: usize| match known[k] {
        // A zero of V may be fitted by a zero.
        true if v[k] > 0.0 => 1.0 - v[k] / product[k],
        true => 1.0,
        false => 0.0,
    };
    for c in 0..r {
        for i in 0..m {
            let terms = (0..n).map(|j| part(i * n + j) * factors.h[j * r + c]);
            add(factors.w[i * r + c], terms.sum());
        }
        for j in 0..n {
            let terms = (0..m).map(|i| part(i * n + j) * factors.w[i * r + c]);
            add(factors.h[j * r + c], terms.sum());
        }
    }
    square.sqrt()
}

#[test]
fn it_falls_in_every_iteration_and_faster_than_by_multiplicative_updates() {
    let (m, n, r) = (60, 47, 4);
    let v = counts(m, n);
    let start = factors(m, n, r, 14);
    for (data, known) in &kinds(m, n) {
        let mut lasts = Vec::new();
        for method in [MULTIPLICATIVE, NEWTON, Method::ScalarNewton { sweeps: 3 }] {
            let options = fixed(10).with_method(method.clone());
            let mut workspace = NmfWorkspace::new(data, &start, options).unwrap();
            let mut last = workspace.loss();
            for _ in 0..10 {
                workspace.step();
                let now = workspace.loss();
                assert!(now < last, "{method:?}: {now} {last}");
                last = now;
            }
            let direct = divergence(&v, known, &workspace.factors());
            assert!((last - direct).abs() < 1e-10 * direct, "{method:?}");
            lasts.push(last);
        }
        assert!(lasts[1] < lasts[0] && lasts[2] < lasts[1], "{lasts:?}");
    }
}

/// The best approximation of rank one has the row sums times the column sums over the sum.
#[test]
fn of_rank_one_the_minimum_is_known() {
    let (m, n) = (9, 7);
    let v = counts(m, n);
    let total: f64 = v.iter().sum();
    let rows: Vec<f64> = v.chunks_exact(n).map(|row| row.iter().sum()).collect();
    let column = |j: usize| v.iter().skip(j).step_by(n).sum::<f64>();
    let expected: Vec<f64> = (0..m * n)
        .map(|k| rows[k / n] * column(k % n) / total)
        .collect();
    let data = dense(m, n, &v);
    let options = fixed(2).with_method(Method::ScalarNewton { sweeps: 20 });
    let solution = factorize(&data, &factors(m, n, 1, 3), options).unwrap();
    assert_close(&solution.factors.product(), &expected, 1e-9, "product");
}

#[test]
fn convergence_is_that_of_the_projected_gradient() {
    let (m, n, r) = (30, 26, 3);
    let v = counts(m, n);
    let start = factors(m, n, r, 5);
    for (data, known) in &kinds(m, n) {
        let first = projected_gradient(&v, known, &start);
        let options = NmfOptions::default().with_method(NEWTON).with_kkt_tol(1e-5);
        let solution = factorize(data, &start, options.with_max_iters(5000)).unwrap();
        assert_eq!(solution.status, NmfStatus::Converged);
        let direct = projected_gradient(&v, known, &solution.factors) / first;
        assert!(direct <= 1e-5, "{direct}");
        assert!((solution.kkt - direct).abs() <= 1e-10);
        // Multiplicative updates come near zeros and not to them: they do not converge by this measure.
        for method in [NEWTON, MULTIPLICATIVE] {
            let options = fixed(3).with_kkt_tol(1e-9).with_method(method.clone());
            let short = factorize(data, &start, options).unwrap();
            let direct = projected_gradient(&v, known, &short.factors) / first;
            assert_eq!(short.status, NmfStatus::IterationLimit);
            assert!((short.kkt - direct).abs() <= 1e-9 * direct, "{method:?}");
        }
    }
}

/// Where W and H are zero no multiplicative update gets anywhere.
#[test]
fn entries_that_are_not_fitted_at_all_get_fitted() {
    let (m, n, r) = (20, 16, 3);
    let v: Vec<f64> = counts(m, n).iter().map(|x| x + 1.0).collect();
    let data = dense(m, n, &v);
    let mut start = factors(m, n, r, 5);
    start.w[..2 * r].fill(0.0);
    let solve = |method| factorize(&data, &start, fixed(50).with_method(method)).unwrap();
    assert!(solve(MULTIPLICATIVE).loss.is_infinite());
    let solution = solve(NEWTON);
    let sound = factorize(&data, &factors(m, n, r, 5), fixed(50).with_method(NEWTON)).unwrap();
    assert!(
        solution.loss < 1.1 * sound.loss,
        "{} {}",
        solution.loss,
        sound.loss
    );
    // From an infinite loss to a finite one is a change.
    let options = fixed(50).with_method(NEWTON).with_change_tol(1e-3);
    let stalled = factorize(&data, &start, options).unwrap();
    assert_eq!(stalled.status, NmfStatus::Stalled);
    assert!(stalled.iterations > 2 && stalled.loss < 1.2 * sound.loss);
    // Where W is zero no gradient of H says anything, and none of W at the start is passed over.
    let mut nowhere = start.clone();
    nowhere.w.fill(0.0);
    let options = NmfOptions::default().with_method(NEWTON).with_max_iters(5);
    let solution = factorize(&data, &nowhere, options).unwrap();
    assert!(solution.kkt > 0.0 && solution.status != NmfStatus::Converged);
    // As NNDSVD leaves zeros.
    let start = Nndsvd::default().start(&data, r).unwrap();
    let solution = factorize(&data, &start, fixed(50).with_method(NEWTON)).unwrap();
    assert!(
        solution.loss < 1.1 * sound.loss,
        "{} {}",
        solution.loss,
        sound.loss
    );
}

#[test]
fn nothing_comes_of_nothing() {
    let (m, n, r) = (6, 5, 2);
    let zeros = dense(m, n, &vec![0.0; m * n]);
    let options = NmfOptions::default().with_method(NEWTON);
    let solution = factorize(&zeros, &factors(m, n, r, 3), options.clone()).unwrap();
    assert_eq!(solution.loss, 0.0);
    let nowhere = Factors::new(r, vec![0.0; m * r], vec![0.0; n * r]).unwrap();
    let solution = factorize(&dense(m, n, &counts(m, n)), &nowhere, options).unwrap();
    assert!(
        solution.loss.is_infinite(),
        "there is no way out of zero factors"
    );
    assert_ne!(solution.status, NmfStatus::Converged);
    let error = NmfWorkspace::new(
        &zeros,
        &factors(m, n, r, 3),
        fixed(1).with_method(Method::ScalarNewton { sweeps: 0 }),
    );
    assert!(error.unwrap_err().to_string().contains("sweeps"));
}

#[test]
fn single_precision_is_close() {
    let (m, n, r) = (50, 40, 4);
    let v = counts(m, n);
    let start = factors(m, n, r, 14);
    let single = |x: &[f64]| -> Vec<f32> { x.iter().map(|&x| x as f32).collect() };
    let solution = factorize(&dense(m, n, &v), &start, fixed(20).with_method(NEWTON)).unwrap();
    let data = Data::dense(m, n, single(&v)).unwrap();
    let start = Factors::new(r, single(&start.w), single(&start.h)).unwrap();
    let other = factorize(&data, &start, fixed(20).with_method(NEWTON)).unwrap();
    assert!((other.loss - solution.loss).abs() < 1e-3 * solution.loss);
}

#[cfg(feature = "rayon")]
#[test]
fn threads_do_not_change_it() {
    let (m, n, r) = (430, 380, 5);
    let start = factors(m, n, r, 14);
    for (data, _) in &kinds(m, n) {
        let solve = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let options = fixed(3).with_method(NEWTON);
            let pool = pool.build().unwrap();
            pool.install(|| factorize(data, &start, options).unwrap().factors)
        };
        let alone = solve(1);
        assert_eq!(solve(2), alone);
        assert_eq!(solve(5), alone);
    }
}

/// Lines that are known at few places, or nowhere.
#[test]
fn sums_over_few_known_entries_are_sound() {
    let (m, n, r) = (12, 40, 3);
    let v: Vec<f64> = counts(m, n).iter().map(|x| x + 1.0).collect();
    let mask: Vec<bool> = (0..m * n)
        .map(|k| match k / n {
            0 => false,
            1 => k % n == 7,
            2 => k % n < 5,
            i => (k + i) % 3 > 0,
        })
        .collect();
    let start = factors(m, n, r, 5);
    let kept: Vec<f64> = v
        .iter()
        .zip(&mask)
        .map(|(&x, &known)| if known { x } else { 0.0 })
        .collect();
    let rows = SparseRows::from_dense(n, &kept).unwrap();
    let sparse = Data::sparse(rows, Unstored::Missing).unwrap();
    let masked = Data::masked(m, n, v, &mask).unwrap();
    for method in [NEWTON, MULTIPLICATIVE] {
        let a = factorize(&masked, &start, fixed(20).with_method(method.clone())).unwrap();
        let b = factorize(&sparse, &start, fixed(20).with_method(method)).unwrap();
        assert_close(&a.factors.h, &b.factors.h, 1e-9, "H");
        assert_close(&a.factors.w[r..], &b.factors.w[r..], 1e-9, "W");
    }
}
