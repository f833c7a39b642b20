//! Dialects of Matrix Market files, and writing.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use la_problems::io::{
    Field, FileFormat, MatrixFile, ReadOptions, Symmetry, WriteError, read_matrix,
    read_matrix_market, read_vector, write_matrix_market, write_matrix_market_dense,
    write_matrix_market_file, write_vector_file,
};
use la_problems::{CsrMatrix, Grid, Poisson, diagonal};

fn parse(text: &str) -> MatrixFile {
    read_matrix_market(text.as_bytes(), &ReadOptions::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn rows(file: &MatrixFile) -> Vec<Vec<f64>> {
    file.matrix
        .to_dense()
        .outer_iter()
        .map(|row| row.to_vec())
        .collect()
}

#[test]
fn carriage_returns_blanks_comments_capitals_and_fortran_exponents() {
    let text = "%%MATRIXMARKET Matrix Coordinate REAL General\r\n%c\r\n\r\n  2 \t 2 3 \r\n\r\n\
                1 1 1.5D+01\r\n  % in between\r\n2\t1\t-.5\r\n+2 2 3.\r\n\r\n%end\r\n";
    assert_eq!(rows(&parse(text)), [[15.0, 0.0], [-0.5, 3.0]]);
}

#[test]
fn the_last_line_needs_no_end() {
    let text = "%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 2";
    assert_eq!(rows(&parse(text)), [[2.0]]);
}

#[test]
fn every_symmetry_of_coordinate_files() {
    let text = |symmetry: &str, entries: &str| {
        let count = entries.lines().count();
        format!("%%MatrixMarket matrix coordinate real {symmetry}\n2 2 {count}\n{entries}\n")
    };
    let symmetric = [[1.0, 3.0], [3.0, 2.0]];
    for kind in ["symmetric", "hermitian"] {
        assert_eq!(rows(&parse(&text(kind, "1 1 1\n2 1 3\n2 2 2"))), symmetric);
        assert_eq!(
            rows(&parse(&text(kind, "1 2 3\n2 2 2\n1 1 1"))),
            symmetric,
            "upper triangle"
        );
    }
    assert_eq!(
        rows(&parse(&text("skew-symmetric", "2 1 3"))),
        [[0.0, -3.0], [3.0, 0.0]]
    );
    assert_eq!(
        rows(&parse(&text("skew-symmetric", "1 2 3"))),
        [[0.0, 3.0], [-3.0, 0.0]]
    );
}

#[test]
fn integers_and_patterns() {
    let file = parse("%%MatrixMarket matrix coordinate integer general\n1 2 2\n1 2 -7\n1 1 +3\n");
    assert_eq!(
        (rows(&file), file.info.field),
        (vec![vec![3.0, -7.0]], Field::Integer)
    );
    let file = parse("%%MatrixMarket matrix coordinate pattern symmetric\n2 2 2\n2 1\n2 2\n");
    assert_eq!(rows(&file), [[0.0, 1.0], [1.0, 1.0]]);
    assert_eq!(file.info.field, Field::Pattern);
}

#[test]
fn arrays_of_every_symmetry() {
    let text = |symmetry: &str, values: &str| {
        format!("%%MatrixMarket matrix array real {symmetry}\n2 2\n{values}\n")
    };
    let file = parse(&text("general", "1\n2\n0\n4"));
    assert_eq!(rows(&file), [[1.0, 0.0], [2.0, 4.0]]);
    assert_eq!((file.matrix.nnz(), file.info.stored_entries), (3, 4));
    assert_eq!(file.info.format, FileFormat::MatrixMarketArray);
    assert_eq!(
        rows(&parse(&text("symmetric", "1 2 4"))),
        [[1.0, 2.0], [2.0, 4.0]]
    );
    assert_eq!(
        rows(&parse(&text("skew-symmetric", "5"))),
        [[0.0, -5.0], [5.0, 0.0]]
    );
}

#[test]
fn empty_and_rectangular_shapes() {
    for (size, shape) in [
        ("0 0 0", (0, 0)),
        ("0 3 0", (0, 3)),
        ("3 0 0", (3, 0)),
        ("2 3 0", (2, 3)),
    ] {
        let file = parse(&format!(
            "%%MatrixMarket matrix coordinate real general\n{size}\n"
        ));
        assert_eq!((file.matrix.shape(), file.matrix.nnz()), (shape, 0));
    }
    for kind in ["general", "symmetric", "skew-symmetric"] {
        let file = parse(&format!("%%MatrixMarket matrix array real {kind}\n0 0\n"));
        assert_eq!(file.matrix.shape(), (0, 0));
    }
}

#[test]
fn gzip_is_recognised_by_content_also_in_several_members() {
    let text = "%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 2\n";
    let mut bytes = Vec::new();
    for part in [&text[..20], &text[20..]] {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part.as_bytes()).unwrap();
        bytes.extend(encoder.finish().unwrap());
    }
    let file = read_matrix_market(bytes.as_slice(), &ReadOptions::default()).unwrap();
    assert!(file.info.compressed);
    assert_eq!(rows(&file), [[2.0]]);
}

#[test]
fn stored_zeros_are_kept() {
    let file = parse("%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 0\n2 1 0.0\n");
    assert_eq!(file.matrix.nnz(), 2);
}

#[test]
fn files_are_replaced_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let poisson = Poisson::new(Grid::rectangle(7, 5)).matrix().unwrap();
    for name in ["a.mtx", "a.mtx.gz"] {
        let path = folder.path().join(name);
        write_matrix_market_file(&path, poisson.view(), Symmetry::Symmetric).unwrap();
        let file = read_matrix(&path, &ReadOptions::default()).unwrap();
        assert_eq!(file.matrix, poisson);
        assert_eq!(file.info.symmetry, Symmetry::Symmetric);
        assert_eq!(file.info.compressed, name.ends_with(".gz"));

        let bad = diagonal(&[1.0]).unwrap().map(|_| f64::NAN);
        let error = write_matrix_market_file(&path, bad.view(), Symmetry::General).unwrap_err();
        assert!(matches!(
            error,
            WriteError::NonFinite { row: 1, col: 1, .. }
        ));
        assert_eq!(
            read_matrix(&path, &ReadOptions::default()).unwrap().matrix,
            poisson
        );
    }
    write_vector_file(folder.path().join("b.mtx"), &[0.1, -1e300]).unwrap();
    let b = read_vector(folder.path().join("b.mtx"), &ReadOptions::default()).unwrap();
    assert_eq!(b, [0.1, -1e300]);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "temporary files are left: {left:?}");
}

#[test]
fn writing_fails_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let one = CsrMatrix::eye(1);
    let missing = folder.path().join("no/such/folder/a.mtx");
    let error = write_matrix_market_file(&missing, one.view(), Symmetry::General).unwrap_err();
    assert!(
        matches!(&error, WriteError::Io { path: Some(path), .. } if path == &missing),
        "{error}"
    );
    let no_name = write_vector_file("/", &[1.0]).unwrap_err();
    assert!(matches!(no_name, WriteError::Io { .. }));

    let text = "%%MatrixMarket matrix coordinate real general\n2 2 2\n1 2 1\n2 1 2\n";
    let matrix = parse(text).matrix;
    for symmetry in [Symmetry::Symmetric, Symmetry::SkewSymmetric] {
        let error = write_matrix_market(Vec::new(), matrix.view(), symmetry).unwrap_err();
        assert!(
            matches!(error, WriteError::NotSymmetric { row: 1, col: 2, .. }),
            "{error}"
        );
    }
    let skew = write_matrix_market(Vec::new(), one.view(), Symmetry::SkewSymmetric);
    assert!(matches!(
        skew,
        Err(WriteError::NotSymmetric { row: 1, col: 1, .. })
    ));
    let wide = CsrMatrix::zero((1, 2));
    let error = write_matrix_market(Vec::new(), wide.view(), Symmetry::Symmetric).unwrap_err();
    assert!(matches!(
        error,
        WriteError::NotSquare {
            rows: 1,
            cols: 2,
            ..
        }
    ));

    let shape = write_matrix_market_dense(Vec::new(), &[1.0, 2.0, 3.0], 2).unwrap_err();
    assert!(matches!(shape, WriteError::BadShape { len: 3, cols: 2 }));
    let nan = write_matrix_market_dense(Vec::new(), &[1.0, 2.0, 3.0, f64::NAN], 2).unwrap_err();
    assert!(matches!(nan, WriteError::NonFinite { row: 2, col: 2, .. }));
}
