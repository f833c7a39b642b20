//! Small Harwell-Boeing and Rutherford-Boeing files against hand-written matrices.

use std::path::PathBuf;

use la_problems::io::{Field, FileFormat, MatrixFile, ReadOptions, Symmetry, read_matrix};

fn read(name: &str) -> MatrixFile {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/good")
        .join(name);
    read_matrix(path, &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn rows(file: &MatrixFile) -> Vec<Vec<f64>> {
    file.matrix
        .to_dense()
        .outer_iter()
        .map(|row| row.to_vec())
        .collect()
}

#[test]
fn real_symmetric_with_right_hand_sides() {
    let file = read("symmetric.rsa");
    assert_eq!(
        rows(&file),
        [[4.0, -1.0, 0.0], [-1.0, 4.0, -2.0], [0.0, -2.0, 5.0]]
    );
    assert_eq!(file.info.format, FileFormat::HarwellBoeing);
    assert_eq!(file.info.symmetry, Symmetry::Symmetric);
    assert_eq!(file.info.stored_entries, 5);
    assert!(
        file.info
            .title
            .is_some_and(|title| title.starts_with("TEST MATRIX"))
    );
    let rhs = file.rhs.expect("the file has right-hand sides");
    assert_eq!((rhs.rows, rhs.cols), (3, 2));
    assert_eq!(rhs.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn real_unsymmetric_with_d_exponents_and_odd_widths() {
    let file = read("unsymmetric.rua");
    assert_eq!(
        rows(&file),
        [[1.0, 0.0, 4.0], [0.0, 3.0, 0.0], [2.0, 0.0, 5.5]]
    );
    assert_eq!(file.info.symmetry, Symmetry::General);
    assert!(file.rhs.is_none());
}

#[test]
fn real_skew_symmetric_in_fixed_point() {
    let file = read("skew.rza");
    assert_eq!(
        rows(&file),
        [[0.0, -1.5, 2.0], [1.5, 0.0, -3.0], [-2.0, 3.0, 0.0]]
    );
    assert_eq!(file.info.symmetry, Symmetry::SkewSymmetric);
}

#[test]
fn patterns() {
    assert_eq!(
        rows(&read("pattern.psa")),
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    );
    let file = read("pattern.pua");
    assert_eq!(
        rows(&file),
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    );
    assert_eq!(file.info.field, Field::Pattern);
}

#[test]
fn rectangular() {
    assert_eq!(
        rows(&read("rectangular.rra")),
        [[1.0, 0.0, 3.0], [0.0, 2.0, 0.0]]
    );
}

#[test]
fn rutherford_boeing() {
    let file = read("rutherford.rb");
    assert_eq!(rows(&file), [[2.0, -1.0], [-1.0, 2.0]]);
    assert_eq!(file.info.format, FileFormat::RutherfordBoeing);
    let integer = read("integer.rb");
    assert_eq!(rows(&integer), [[7.0, 0.0], [-8.0, 9.0]]);
    assert_eq!(integer.info.field, Field::Integer);
}
