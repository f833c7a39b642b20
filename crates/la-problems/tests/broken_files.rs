//! What people are told about broken files.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use la_problems::io::{
    Duplicates, ReadErrorKind, ReadOptions, read_dense, read_harwell_boeing, read_matrix,
    read_matrix_market, read_matrix_market_dense, read_vector,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/broken")
}

#[test]
fn every_broken_file_has_a_clear_message() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() > 60);
    let mut messages = String::new();
    for file in files {
        let error = read_matrix(&file, &ReadOptions::default()).expect_err(&file.to_string_lossy());
        assert_eq!(error.path(), Some(file.as_path()));
        let name = file.file_name().unwrap().to_string_lossy();
        let message = error.to_string().replace(&*file.to_string_lossy(), &name);
        writeln!(messages, "{message}").unwrap();
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn a_missing_file_is_named() {
    let error =
        read_matrix(folder().join("no-such-file.mtx"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::Open(_)));
    assert!(
        error
            .to_string()
            .contains("no-such-file.mtx: cannot open the file")
    );
    let error = read_matrix(folder(), &ReadOptions::default()).unwrap_err();
    assert!(
        matches!(error.kind(), ReadErrorKind::Open(_) | ReadErrorKind::Io(_)),
        "{error}"
    );
}

#[test]
fn duplicates_are_summed_when_asked() {
    let options = ReadOptions::default().with_duplicates(Duplicates::Sum);
    let matrix = read_matrix(folder().join("mm-duplicate.mtx"), &options)
        .unwrap()
        .matrix;
    assert_eq!((matrix.nnz(), matrix.get(0, 0)), (2, Some(&4.0)));
    let mirrored = read_matrix(folder().join("mm-duplicate-mirrored.mtx"), &options)
        .unwrap()
        .matrix;
    assert_eq!(
        (mirrored.get(0, 1), mirrored.get(1, 0)),
        (Some(&2.0), Some(&2.0))
    );
    let text = "%%MatrixMarket matrix coordinate real general\n1 1 2\n1 1 1e308\n1 1 1e308\n";
    let error = read_matrix_market(text.as_bytes(), &options).unwrap_err();
    assert!(
        matches!(error.kind(), ReadErrorKind::NonFinite { .. }),
        "{error}"
    );
}

#[test]
fn a_long_line_is_refused() {
    let mut text = b"%%MatrixMarket matrix coordinate real general\n%".to_vec();
    text.resize(3 << 20, b'x');
    let error = read_matrix_market(text.as_slice(), &ReadOptions::default()).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::LineTooLong { .. }));
    assert_eq!(error.line(), Some(2));
}

#[test]
fn vectors_must_have_one_column() {
    let text = "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let error = read_vector(file.path(), &ReadOptions::default()).unwrap_err();
    assert!(matches!(
        error.kind(),
        ReadErrorKind::NotAVector { rows: 2, cols: 2 }
    ));
    assert_eq!(
        read_dense(file.path(), &ReadOptions::default())
            .unwrap()
            .values,
        [1.0, 2.0, 3.0, 4.0]
    );
}

#[test]
fn a_dense_copy_of_an_empty_huge_matrix_is_refused() {
    let text = "%%MatrixMarket matrix coordinate real general\n16000000 16000000 0\n";
    assert!(read_matrix_market(text.as_bytes(), &ReadOptions::default()).is_ok());
    let error = read_matrix_market_dense(text.as_bytes(), &ReadOptions::default()).unwrap_err();
    assert!(matches!(
        error.kind(),
        ReadErrorKind::DimensionTooLarge { .. }
    ));
    let tight = ReadOptions::default().with_max_dimension(1000);
    let error = read_matrix_market(text.as_bytes(), &tight).unwrap_err();
    assert!(matches!(
        error.kind(),
        ReadErrorKind::DimensionTooLarge { .. }
    ));
}

#[test]
fn a_failing_reader_is_reported() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk on fire"))
        }
    }
    let error = read_matrix_market(Failing, &ReadOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read on: disk on fire");
    assert!(read_harwell_boeing(Failing, &ReadOptions::default()).is_err());
}
