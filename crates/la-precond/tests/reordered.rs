//! Matching, scalings, orderings, and what they do around a factorisation.

mod common;

use common::{Csr, dense, matrix, poisson2d, random, relative_error, times};
use la_precond::classical::{Ilu, Ilut, LuFill, Matching, Ordering, Reordered, Scaling};
use la_precond::{IncompleteLuBuilder, PrecondError};
use proptest::prelude::*;

fn exact() -> Ilut {
    Ilut::default()
        .with_drop_tol(0.0)
        .with_fill(LuFill::Unlimited)
}

fn orderings() -> Vec<Ordering> {
    vec![
        Ordering::Natural,
        Ordering::ReverseCuthillMcKee,
        #[cfg(feature = "faer")]
        Ordering::MinimumDegree,
        #[cfg(feature = "faer")]
        Ordering::ColumnMinimumDegree,
    ]
}

fn scalings() -> [Scaling; 4] {
    [
        Scaling::None,
        Scaling::SymmetricDiagonal,
        Scaling::Equilibrate { passes: 10 },
        Scaling::Matching,
    ]
}

fn is_permutation(p: &[u32]) -> bool {
    let mut p = p.to_vec();
    p.sort_unstable();
    p.iter().enumerate().all(|(k, &j)| k == j as usize)
}

/// The largest number of entries and the largest product over all permutations, by trying them.
fn brute_force(a: &[Vec<f64>], row: usize, used: u32) -> (usize, f64) {
    let Some(entries) = a.get(row) else {
        return (0, 1.0);
    };
    let mut best = brute_force(a, row + 1, used);
    for (j, &value) in entries.iter().enumerate() {
        if value != 0.0 && used & (1 << j) == 0 {
            let (count, product) = brute_force(a, row + 1, used | (1 << j));
            let found = (count + 1, product * value.abs());
            if found.0 > best.0 || (found.0 == best.0 && found.1 > best.1) {
                best = found;
            }
        }
    }
    best
}

/// Scaled entries are at most 1, those of the matching 1; returns how many there are.
fn check_scaling(a: &Csr, matching: &Matching) -> usize {
    assert!(is_permutation(&matching.columns));
    let mut ones = 0;
    for (i, row) in a.outer_iterator().enumerate() {
        for (j, &value) in row.iter().filter(|(_, v)| **v != 0.0) {
            let scaled = matching.row_scaling[i] * value.abs() * matching.column_scaling[j];
            assert!(scaled <= 1.0 + 1e-10, "row {i}, column {j}: {scaled}");
            if matching.columns[i] as usize == j {
                assert!(
                    (scaled - 1.0).abs() < 1e-10,
                    "row {i}, column {j}: {scaled}"
                );
                ones += 1;
            }
        }
    }
    ones
}

#[test]
fn three_by_three_by_hand() {
    // Greedy takes 9, but 8 · 7 · 1 = 56 beats 9 · 2 · 1 = 18 and 9 · 0 · 7.
    let a = matrix(
        3,
        [
            (0, 0, 9.0),
            (0, 1, 8.0),
            (1, 0, -7.0),
            (1, 2, 1.0),
            (1, 1, 2.0),
            (2, 2, 1.0),
        ],
    );
    let matching = Matching::maximum_product(a.view()).unwrap();
    assert_eq!(matching.columns, [1, 0, 2]);
    assert_eq!(matching.structural_rank, 3);
    assert_eq!(check_scaling(&a, &matching), 3);
}

#[test]
fn a_matrix_that_needs_no_exchange_keeps_its_order() {
    let a = poisson2d(20);
    let matching = Matching::maximum_product(a.view()).unwrap();
    assert!(
        matching
            .columns
            .iter()
            .enumerate()
            .all(|(k, &j)| k == j as usize)
    );
    assert_eq!(matching.row_scaling, vec![0.25; 400]);
    let factor = Reordered::new(Ilu::default()).with_ordering(Ordering::Natural);
    let factor = factor.factor(a.view()).unwrap();
    assert_eq!((factor.row_order(), factor.column_order()), (None, None));
}

#[test]
fn structurally_singular_matrices_are_matched_as_far_as_possible() {
    // Two columns for three rows, twice, chained; a row and a column of zeros; a stored zero.
    let a = matrix(
        9,
        [
            (0, 0, 1.0),
            (1, 0, 2.0),
            (1, 1, 3.0),
            (2, 0, 1e3),
            (2, 1, 5.0),
            (3, 2, 1.0),
            (4, 2, 1.0),
            (4, 3, 4.0),
            (5, 3, 1e-3),
            (5, 0, 1e8),
            (6, 4, 0.0),
            (7, 5, 1.0),
            (7, 0, 1e12),
            (7, 2, 1e12),
            (8, 6, 2.0),
        ],
    );
    let matching = Matching::maximum_product(a.view()).unwrap();
    assert_eq!(matching.structural_rank, 6);
    assert_eq!(check_scaling(&a, &matching), 6);
    let factor = Reordered::new(Ilut::default()).factor(a.view()).unwrap();
    assert_eq!(factor.stats().structural_rank, Some(6));
    assert!(factor.stats().replaced_pivots >= 3);
    assert!(factor.stats().to_string().ends_with("structural rank 6"));
}

#[test]
fn ties_and_dense_blocks_are_fast() {
    // 2000 rows that all want the same two columns: every search but two fails.
    let n = 2000;
    let entries = (0..n).flat_map(|i| [(i, 0, 1.0 + i as f64), (i, n - 1, 1.0)]);
    let matching = Matching::maximum_product(matrix(n, entries).view()).unwrap();
    assert_eq!(matching.structural_rank, 2);
    // A long augmenting path: row i takes column i or i + 1, the last row column 0 only. The scalings
    // span 2^n.
    let n = 900;
    let chain = (0..n).flat_map(|i| [(i, i, 2.0), (i, (i + 1) % n, 1.0)]);
    let chain = chain.filter(|&(i, j, _)| i + 1 < n || j == 0);
    let a = matrix(n, chain);
    let matching = Matching::maximum_product(a.view()).unwrap();
    assert_eq!(matching.structural_rank, n);
    assert_eq!(check_scaling(&a, &matching), n);
}

#[test]
fn scalings_do_what_they_say() {
    // Condition and scale far apart.
    let n = 40;
    let base = random(n, 4, 0.6, 11);
    let mut a = base.clone();
    for (i, mut row) in a.outer_iterator_mut().enumerate() {
        row.iter_mut()
            .for_each(|(j, v)| *v *= 10.0_f64.powi((i % 9) as i32 - (j % 7) as i32));
    }
    let symmetric = Reordered::new(exact()).with_scaling(Scaling::SymmetricDiagonal);
    let factor = symmetric.factor(a.view()).unwrap();
    assert_eq!(factor.row_scaling(), factor.column_scaling());
    for (i, s) in factor.row_scaling().unwrap().iter().enumerate() {
        assert!((s * s * a.get(i, i).unwrap().abs() - 1.0).abs() < 1e-14);
    }
    let ruiz = Reordered::new(exact()).with_scaling(Scaling::Equilibrate { passes: 30 });
    let factor = ruiz.factor(a.view()).unwrap();
    let (rows, cols) = (
        factor.row_scaling().unwrap(),
        factor.column_scaling().unwrap(),
    );
    let (mut row_top, mut col_top) = (vec![0.0_f64; n], vec![0.0_f64; n]);
    for (i, row) in a.outer_iterator().enumerate() {
        for (j, v) in row.iter() {
            let size = rows[i] * v.abs() * cols[j];
            row_top[i] = row_top[i].max(size);
            col_top[j] = col_top[j].max(size);
        }
    }
    assert!(
        row_top
            .iter()
            .chain(&col_top)
            .all(|t| (t - 1.0).abs() <= 0.0101)
    );
}

#[test]
fn every_combination_inverts_the_matrix() {
    let a = random(120, 4, 0.9, 12);
    let x: Vec<f64> = (0..120).map(|i| (0.7 * i as f64).sin()).collect();
    let b = times(&a, &x);
    for ordering in orderings() {
        for scaling in scalings() {
            for tolerance in [0.0, 0.5] {
                let builder = Reordered::new(exact().with_pivot_tolerance(tolerance))
                    .with_scaling(scaling)
                    .with_ordering(ordering);
                let factor = builder.factor(a.view()).unwrap();
                for order in [factor.row_order(), factor.column_order()]
                    .into_iter()
                    .flatten()
                {
                    assert!(is_permutation(order));
                }
                let mut z = vec![0.0; 120];
                factor.solve(&b, &mut z);
                assert!(relative_error(&z, &x) < 1e-10, "{builder:?}");
            }
        }
    }
}

#[test]
fn permutations_and_scalings_describe_the_factored_matrix() {
    let a = random(60, 4, 0.3, 13);
    let builder = Reordered::new(exact().with_pivot_tolerance(1.0));
    let factor = builder.factor(a.view()).unwrap();
    assert!(factor.stats().column_swaps > 0);
    let (rows, cols) = (factor.row_order().unwrap(), factor.column_order().unwrap());
    let (dr, dc) = (
        factor.row_scaling().unwrap(),
        factor.column_scaling().unwrap(),
    );
    let product = dense(factor.to_lower().view()) * dense(factor.to_upper().view());
    let full = dense(a.view());
    for i in 0..60 {
        for j in 0..60 {
            let (r, c) = (rows[i] as usize, cols[j] as usize);
            assert!((product[(i, j)] - dr[r] * full[(r, c)] * dc[c]).abs() < 1e-13);
        }
    }
    // A preparation around a preparation.
    let twice = Reordered::new(builder).with_scaling(Scaling::Equilibrate { passes: 3 });
    let x = vec![1.0; 60];
    let mut z = vec![0.0; 60];
    twice
        .factor(a.view())
        .unwrap()
        .solve(&times(&a, &x), &mut z);
    assert!(relative_error(&z, &x) < 1e-10);
}

#[test]
fn application_with_permutations_allocates_nothing() {
    let a = random(300, 4, 0.3, 14);
    let factor = Reordered::new(Ilut::default()).factor(a.view()).unwrap();
    let (r, mut z) = (vec![1.0; 300], vec![0.0; 300]);
    let count = allocation_counter::measure(|| factor.solve(&r, &mut z));
    assert_eq!(count.count_total, 0);
}

fn bandwidth(a: &Csr, order: &[u32]) -> usize {
    let mut place = vec![0; order.len()];
    for (k, &i) in order.iter().enumerate() {
        place[i as usize] = k;
    }
    let entries = a.outer_iterator().enumerate();
    entries
        .flat_map(|(i, row)| {
            row.indices()
                .iter()
                .map(|&j| place[i].abs_diff(place[j as usize]))
                .collect::<Vec<_>>()
        })
        .max()
        .unwrap_or(0)
}

#[test]
fn cuthill_mckee_finds_small_bandwidths() {
    // A path, numbered at random, in two pieces.
    let n = 101;
    let name = |k: usize| k * 37 % n;
    let path = (0..n - 1)
        .filter(|&k| k != 50)
        .map(|k| (name(k), name(k + 1), 1.0));
    let a = matrix(n, path.chain((0..n).map(|i| (i, i, 4.0))));
    let factor = Reordered::new(Ilu::default())
        .with_scaling(Scaling::None)
        .factor(a.view())
        .unwrap();
    assert_eq!(bandwidth(&a, factor.row_order().unwrap()), 1);
    let grid = poisson2d(15);
    let factor = Reordered::new(Ilu::default())
        .with_scaling(Scaling::None)
        .factor(grid.view())
        .unwrap();
    assert!(bandwidth(&grid, factor.row_order().unwrap()) <= 15);
}

#[cfg(feature = "faer")]
#[test]
fn minimum_degree_reduces_fill() {
    let a = poisson2d(30);
    let nnz = |ordering| {
        let builder = Reordered::new(exact()).with_ordering(ordering);
        builder.factor(a.view()).unwrap().nnz()
    };
    assert!(2 * nnz(Ordering::MinimumDegree) < nnz(Ordering::Natural));
    assert!(nnz(Ordering::ColumnMinimumDegree) < nnz(Ordering::Natural));
}

#[test]
fn adversarial_input() {
    for ordering in orderings() {
        for scaling in scalings() {
            let builder = Reordered::new(Ilut::default())
                .with_ordering(ordering)
                .with_scaling(scaling);
            for n in [0, 1, 4] {
                let factor = builder.factor(Csr::zero((n, n)).to_csr().view()).unwrap();
                assert_eq!(factor.stats().replaced_pivots, n);
                let mut z = vec![0.0; n];
                factor.solve(&vec![1.0; n], &mut z);
                assert!(z.iter().all(|v: &f64| v.is_finite()));
            }
            let nan = matrix(3, [(0, 0, 1.0), (2, 1, f64::NAN)]);
            let error = IncompleteLuBuilder::build(&builder, nan.view()).unwrap_err();
            assert_eq!(error, PrecondError::NonFinite { row: 2, col: 1 });
            let wide = Csr::zero((2, 3)).to_csr();
            let error = builder.factor(wide.view()).unwrap_err();
            assert_eq!(error, PrecondError::NotSquare { rows: 2, cols: 3 });
            let extreme = matrix(
                2,
                [(0, 0, 1e-300), (0, 1, 1e300), (1, 0, 1e300), (1, 1, 5e-324)],
            );
            let factor = builder.factor(extreme.view());
            assert!(
                factor.is_ok() || scaling == Scaling::SymmetricDiagonal || scaling == Scaling::None
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn matchings_are_the_best(
        entries in proptest::collection::vec((0..6_usize, 0..6_usize, -3.0..3.0_f64), 0..22),
    ) {
        let mut full = vec![vec![0.0; 6]; 6];
        for (i, j, v) in entries {
            full[i][j] = 10.0_f64.powf(v);
        }
        let places = (0..6).flat_map(|i| (0..6).map(move |j| (i, j)));
        let a = matrix(6, places.map(|(i, j)| (i, j, full[i][j])).filter(|e| e.2 != 0.0));
        let matching = Matching::maximum_product(a.view()).unwrap();
        let (count, product) = brute_force(&full, 0, 0);
        prop_assert_eq!(matching.structural_rank, count);
        prop_assert_eq!(check_scaling(&a, &matching), count);
        if count == 6 {
            let found: f64 = (0..6).map(|i| full[i][matching.columns[i] as usize]).product();
            prop_assert!((found / product - 1.0).abs() < 1e-10);
        }
    }

    #[test]
    fn powers_of_two_change_scalings_only(
        entries in proptest::collection::vec((0..25_usize, 0..25_usize, -1.0..1.0_f64), 60..140),
        power in -200..200_i32,
    ) {
        let a = matrix(25, entries);
        let s = 2.0_f64.powi(power);
        let builder = Reordered::new(Ilut::default().with_drop_tol(1e-2));
        let plain = builder.factor(a.view()).unwrap();
        let other = builder.factor(a.map(|v| v * s).view()).unwrap();
        prop_assert_eq!(other.to_lower(), plain.to_lower());
        prop_assert_eq!(other.to_upper(), plain.to_upper());
        prop_assert_eq!(other.column_scaling(), plain.column_scaling());
        let rows = plain.row_scaling().unwrap().iter().zip(other.row_scaling().unwrap());
        for ((&plain, &other), row) in rows.zip(a.outer_iterator()) {
            // Rows of zeros are not scaled.
            let zero = row.data().iter().all(|&v| v == 0.0);
            prop_assert_eq!(other, if zero { 1.0 } else { plain / s });
        }
    }
}
