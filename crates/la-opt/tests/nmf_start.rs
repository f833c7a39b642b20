//! Starting points.
#![cfg(feature = "nmf")]

mod nmf_common;

use la_opt::OptError;
use la_opt::nmf::{Data, Fill, Initializer, Nndsvd, RandomStart, TruncatedSvd, Unstored};
use la_opt::qp::SparseRows;
use nmf_common::{assert_close, dense, golden_b, transposed, uniform};

fn column(x: &[f64], rank: usize, c: usize) -> Vec<f64> {
    x.iter().skip(c).step_by(rank).copied().collect()
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[test]
fn columns_come_in_pairs_of_one_norm_that_fall() {
    let (m, n, r) = (20, 14, 6);
    let data = dense(m, n, &uniform(m * n, 3));
    let svd = TruncatedSvd::new(&data, r, 0).unwrap();
    let start = Nndsvd::default().start(&data, r).unwrap();
    assert!(
        start
            .w
            .iter()
            .chain(&start.h)
            .all(|&x| x == 0.0 || x >= 1e-11)
    );
    for c in 0..r {
        let (w, h) = (norm(&column(&start.w, r, c)), norm(&column(&start.h, r, c)));
        assert!((w - h).abs() < 1e-12 * w);
        // The parts of unit vectors are shorter than these.
        assert!(w <= svd.values[c].sqrt() * (1.0 + 1e-12));
    }
    // The first pair is the whole of the first triple.
    let w = norm(&column(&start.w, r, 0));
    assert!((w * w - svd.values[0]).abs() < 1e-12 * svd.values[0]);
}

#[test]
fn signs_of_the_singular_vectors_do_not_matter() {
    let data = dense(12, 9, &golden_b());
    let svd = TruncatedSvd::new(&data, 3, 0).unwrap();
    let mut other = svd.clone();
    for (left, right) in other
        .left
        .chunks_mut(12)
        .zip(other.right.chunks_mut(9))
        .take(2)
    {
        left.iter_mut().chain(right).for_each(|x| *x = -*x);
    }
    let rule = Nndsvd::default();
    assert_eq!(
        rule.start_from(&data, &svd).unwrap(),
        rule.start_from(&data, &other).unwrap()
    );
}

#[test]
fn the_transpose_swaps_the_factors() {
    let v = golden_b();
    let start = Nndsvd::default().start(&dense(12, 9, &v), 3).unwrap();
    let other = Nndsvd::default()
        .start(&dense(9, 12, &transposed(12, 9, &v)), 3)
        .unwrap();
    assert_close(&other.w, &start.h, 1e-12, "W");
    assert_close(&other.h, &start.w, 1e-12, "H");
}

#[test]
fn fills_replace_zeros_alone() {
    let v = golden_b();
    let data = dense(12, 9, &v);
    let plain = Nndsvd::default().start(&data, 3).unwrap();
    let mean = Nndsvd::default()
        .with_fill(Fill::Mean)
        .start(&data, 3)
        .unwrap();
    let random = Nndsvd::default()
        .with_fill(Fill::Random)
        .with_seed(4)
        .start(&data, 3)
        .unwrap();
    assert!(plain.w.contains(&0.0) && plain.h.contains(&0.0));
    let all = |f: &la_opt::nmf::Factors| f.w.iter().chain(&f.h).copied().collect::<Vec<f64>>();
    let mut drawn = Vec::new();
    for ((p, m), r) in all(&plain).into_iter().zip(all(&mean)).zip(all(&random)) {
        if p == 0.0 {
            assert!((m - 1.0).abs() < 1e-14);
            assert!(r > 0.0 && r <= 0.01 * (1.0 + 1e-14));
            drawn.push(r);
        } else {
            assert_eq!((p, p), (m, r));
        }
    }
    drawn.dedup();
    assert!(drawn.len() > 1, "one number for all zeros");
    assert_eq!(
        random,
        Nndsvd::default()
            .with_fill(Fill::Random)
            .with_seed(4)
            .start(&data, 3)
            .unwrap()
    );
}

/// Beyond 400 rows and columns the range finder takes over; sparse data never see the complete decomposition.
#[test]
fn the_range_finder_finds_the_leading_triples() {
    let (m, n, r) = (500, 430, 5);
    let factors = nmf_common::factors(m, n, r, 11);
    let noise = uniform(m * n, 99);
    let v: Vec<f64> = factors
        .product()
        .iter()
        .zip(&noise)
        .map(|(a, b)| a + 0.05 * b)
        .collect();
    let data = dense(m, n, &v);
    let svd = TruncatedSvd::new(&data, r, 1).unwrap();
    // Residuals of the triples.
    for c in 0..r {
        let (u, x) = (
            &svd.left[c * m..(c + 1) * m],
            &svd.right[c * n..(c + 1) * n],
        );
        assert!((norm(u) - 1.0).abs() < 1e-12 && (norm(x) - 1.0).abs() < 1e-12);
        for (i, &u) in u.iter().enumerate() {
            let product: f64 = v[i * n..(i + 1) * n]
                .iter()
                .zip(x)
                .map(|(a, b)| a * b)
                .sum();
            assert!((product - svd.values[c] * u).abs() < 1e-6 * svd.values[0]);
        }
    }
    let sparse = Data::sparse(SparseRows::from_dense(n, &v).unwrap(), Unstored::Zero).unwrap();
    let other = TruncatedSvd::new(&sparse, r, 1).unwrap();
    assert_close(&other.values, &svd.values, 1e-10, "values");
    let small = dense(12, 9, &golden_b());
    let rows = SparseRows::from_dense(9, &golden_b()).unwrap();
    let sparse = Data::sparse(rows, Unstored::Zero).unwrap();
    let (a, b) = (
        TruncatedSvd::new(&small, 3, 0).unwrap(),
        TruncatedSvd::new(&sparse, 3, 0).unwrap(),
    );
    assert_close(&a.values, &b.values, 1e-12, "values");
}

#[test]
fn ranks_that_do_not_exist_are_refused() {
    let data = dense(4, 3, &uniform(12, 1));
    let refused = |rank| OptError::Rank { rank, limit: 3 };
    assert_eq!(Nndsvd::default().start(&data, 4).unwrap_err(), refused(4));
    assert_eq!(Nndsvd::default().start(&data, 0).unwrap_err(), refused(0));
    assert!(matches!(
        RandomStart::new(0).start(&data, 0),
        Err(OptError::Rank { rank: 0, .. })
    ));
    // A random start has no limit.
    let start = RandomStart::new(0).start(&data, 7).unwrap();
    assert_eq!((start.rows(), start.columns(), start.rank), (4, 3, 7));
}

#[test]
fn degenerate_data_have_a_start() {
    // Zeros alone; a row and a column of zeros; rank 1 with rank 3 asked for.
    let mut holes = uniform(30, 2);
    holes[..5].fill(0.0);
    for i in 0..6 {
        holes[i * 5] = 0.0;
    }
    let thin: Vec<f64> = (0..30)
        .map(|at| (1 + at / 5) as f64 * (2 + at % 5) as f64)
        .collect();
    for v in [vec![0.0; 30], holes, thin] {
        let start = Nndsvd::default().start(&dense(6, 5, &v), 3).unwrap();
        assert!(
            start
                .w
                .iter()
                .chain(&start.h)
                .all(|x| x.is_finite() && *x >= 0.0)
        );
    }
}

#[test]
fn a_random_start_has_the_mean_of_the_data() {
    let v: Vec<f64> = uniform(200 * 150, 8).iter().map(|x| 14.0 * x).collect();
    let start = RandomStart::new(3).start(&dense(200, 150, &v), 10).unwrap();
    let product = start.product();
    let mean = product.iter().sum::<f64>() / product.len() as f64;
    assert!((mean / 7.0 - 1.0).abs() < 0.1, "{mean}");
}

/// The Gram matrix of the shorter side is enough, down to singular values far below the largest, and whatever the scale.
#[test]
fn of_long_matrices_the_leading_triples_are_those_of_a_complete_decomposition() {
    leading_triples(0.25, 1e-12);
    // Squares of what is asked for drown beside those of the first.
    leading_triples(1.0, 1e-8);
}

fn leading_triples(decay: f64, tol: f64) {
    let (m, n, r) = (230, 70, 6);
    let (a, b) = (uniform(m * 40, 5), uniform(n * 40, 6));
    let value = |i: usize, j: usize| -> f64 {
        let terms =
            (0..40).map(|c| 10.0_f64.powf(-decay * c as f64) * a[i * 40 + c] * b[j * 40 + c]);
        terms.sum()
    };
    let v: Vec<f64> = (0..m * n).map(|k| value(k / n, k % n)).collect();
    let full = faer::Mat::from_fn(m, n, |i, j| v[i * n + j]).thin_svd();
    let full = full.unwrap();
    for scale in [1.0, 1e170, 1e-170] {
        let scaled: Vec<f64> = v.iter().map(|x| x * scale).collect();
        let tall = TruncatedSvd::new(&dense(m, n, &scaled), r, 0).unwrap();
        let turned = transposed(m, n, &scaled);
        let wide = TruncatedSvd::new(&dense(n, m, &turned), r, 0).unwrap();
        for c in 0..r {
            let vectors = [&wide.left, &tall.right].map(|x| &x[c * n..(c + 1) * n]);
            let dot: f64 = vectors[0].iter().zip(vectors[1]).map(|(x, y)| x * y).sum();
            assert!((dot.abs() - 1.0).abs() < tol, "{c}: {dot}");
            let expected = full.S()[c] * scale;
            assert!((tall.values[c] - expected).abs() < 1e-14 * full.S()[0] * scale);
            let dot: f64 = (0..m)
                .map(|i| full.U()[(i, c)] * tall.left[c * m + i])
                .sum();
            assert!((dot.abs() - 1.0).abs() < tol, "{c}: {dot}");
            let dot: f64 = (0..n)
                .map(|j| full.V()[(j, c)] * tall.right[c * n + j])
                .sum();
            assert!((dot.abs() - 1.0).abs() < tol, "{c}: {dot}");
        }
    }
}
