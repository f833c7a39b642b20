//! Views cut out of larger matrices, parallel kernels and errors, through the public API.

use la_graph::{
    Digraph, GraphError, Levels, Pattern, coates_digraph, connected_components, koenig_digraph,
    lower_triangle, structural_features, structural_features_csr,
};
use sprs::{CsMat, CsMatI, TriMatI};

/// A banded matrix with a pseudo-random pattern.
fn banded(n: u32) -> CsMatI<f64, u32> {
    let mut t = TriMatI::new((n as usize, n as usize));
    for i in 0..n {
        for j in i.saturating_sub(20)..n.min(i + 20) {
            if i == j || (i * 7 + j * 13) % 3 == 0 {
                t.add_triplet(
                    i as usize,
                    j as usize,
                    f64::from(i % 11) - f64::from(j % 7) + 0.25,
                );
            }
        }
    }
    t.to_csr()
}

#[test]
fn a_block_of_rows_equals_its_copy() {
    let a = banded(40);
    let rows = a.slice_outer(10..25);
    assert_eq!(rows.rows(), 15);
    let copied = Pattern::from_sprs(rows).unwrap();
    assert_eq!(Pattern::borrow(rows).unwrap(), copied);
    for i in 0..15 {
        assert_eq!(
            copied.row(i),
            Pattern::borrow(a.view()).unwrap().row(i + 10)
        );
    }
    let l = lower_triangle(rows).unwrap();
    assert!(
        l.iter()
            .all(|(v, (i, j))| a.get(i as usize + 10, j as usize) == Some(v))
    );
    let k = koenig_digraph(rows).unwrap().path_weights().unwrap();
    assert!(
        k.iter()
            .all(|(v, (i, j))| a.get(i as usize + 10, j as usize) == Some(v))
    );

    // Square blocks: 15 rows of a matrix with 15 columns.
    let tall = CsMat::new(
        (3, 2),
        vec![0, 1, 3, 4],
        vec![1, 0, 1, 0],
        vec![9.0, 1.0, 2.0, 3.0],
    );
    let square = tall.slice_outer(1..3);
    let expected = CsMat::new((2, 2), vec![0, 2, 3], vec![0, 1, 0], vec![1.0, 2.0, 3.0]);
    let x: Vec<f64> = structural_features(square).unwrap();
    let y: Vec<f64> = structural_features(expected.view()).unwrap();
    assert_eq!(x, y);
}

#[test]
fn large_matrices_take_the_same_path_as_rows_alone() {
    // Above the size where feature `rayon` splits the work.
    let a = banded(6000);
    assert!(a.nnz() > 1 << 16);
    let x: Vec<f64> = structural_features(a.view()).unwrap();
    let mut y = vec![0.0f64; x.len()];
    let indptr = a.indptr();
    structural_features_csr(indptr.raw_storage(), a.indices(), a.data(), &mut y).unwrap();
    assert_eq!(x, y);
    for i in [0usize, 511, 512, 5999] {
        let row = a.outer_view(i).unwrap();
        assert_eq!(x[8 * i..8 * i + 2], [i as f64, row.nnz() as f64]);
        let off: f64 = row
            .iter()
            .filter(|(j, _)| *j != i)
            .map(|(_, v)| v.abs())
            .sum();
        let d = a.get(i, i).unwrap().abs();
        assert!((x[8 * i + 6] - d / (d + off)).abs() < 1e-14);
    }
}

#[test]
fn bad_input_is_named() {
    let wide = CsMat::<f64>::zero((2, 3));
    assert!(matches!(
        coates_digraph(wide.view()),
        Err(GraphError::NotSquare {
            rows: 2,
            cols: 3,
            ..
        })
    ));
    let p = Pattern::from_coordinates(2, 3, [(0, 1)]).unwrap();
    assert!(p.two_hop().is_err() && p.with_diagonal().is_err());
    assert!(Digraph::from_pattern(&p).is_err() && connected_components(&p).is_err());
    assert!(matches!(
        p.product(&p),
        Err(GraphError::DimensionMismatch { .. })
    ));
    assert!(matches!(
        Pattern::from_coordinates(2, 2, [(0, 5)]),
        Err(GraphError::OutOfRange {
            index: 5,
            len: 2,
            ..
        })
    ));
    let nan = CsMat::new((2, 2), vec![0, 1, 2], vec![1, 0], vec![1.0, f64::NAN]);
    for error in [
        koenig_digraph(nan.view()).err(),
        coates_digraph(nan.view()).err(),
    ] {
        assert_eq!(
            error.unwrap().to_string(),
            "entry (1, 0) is NaN, weights must be finite"
        );
    }
    let upper = Pattern::from_coordinates(2, 2, [(0, 1)]).unwrap();
    assert_eq!(
        Levels::lower(&upper).unwrap_err().to_string(),
        "entry (0, 1) is outside the lower triangle"
    );
    if usize::BITS > 32 {
        assert!(matches!(
            Digraph::<()>::new(1 << 32, []),
            Err(GraphError::IndexOverflow { .. })
        ));
    }
    for (indptr, indices) in [
        (vec![1, 1], vec![0]),
        (vec![0, 2], vec![0]),
        (vec![0, 1], vec![0, 1]),
        (vec![0, 2], vec![1, 1]),
    ] {
        assert!(matches!(
            Pattern::new(1, 2, indptr, indices),
            Err(GraphError::InvalidStructure { row: 0, .. })
        ));
    }
}
