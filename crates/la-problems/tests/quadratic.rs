//! Quadratic programs in archives of arrays.
#![cfg(feature = "npz")]

use std::io::{Cursor, Write};

use la_problems::quadratic::{ArchiveError, NumpyArchive, ParametricFamily, QuadraticFile};
use npyz::WriterBuilder;

/// An array as NumPy writes it.
fn array<T: npyz::Serialize + npyz::AutoSerialize + Copy>(
    shape: &[u64],
    order: npyz::Order,
    values: &[T],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(shape)
        .order(order)
        .writer(&mut bytes)
        .begin_nd()
        .unwrap();
    writer.extend(values.iter().copied()).unwrap();
    writer.finish().unwrap();
    bytes
}

fn archive(arrays: &[(&str, Vec<u8>)]) -> NumpyArchive {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    NumpyArchive::read(zip.finish().unwrap()).unwrap()
}

const ROWS: npyz::Order = npyz::Order::C;

fn one_problem(columns: u64) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("P_data", array(&[3], ROWS, &[4.0, 1.0, 2.0])),
        ("P_indices", array(&[3], ROWS, &[0i64, 0, 1])),
        (
            "P_indptr",
            array(&[columns + 1], ROWS, &[0i64, 1, 3, 3][..=columns as usize]),
        ),
        ("q", array(&[2], ROWS, &[1.0, -1.0])),
        ("r", array(&[1], ROWS, &[0.5])),
        ("A_data", array(&[2], ROWS, &[3.0, -5.0])),
        ("A_indices", array(&[2], ROWS, &[0i64, 0])),
        ("A_indptr", array(&[3], ROWS, &[0i64, 1, 2])),
        ("A_shape", array(&[2], ROWS, &[1i64, 2])),
        ("l", array(&[1], ROWS, &[f64::NEG_INFINITY])),
        ("u", array(&[1], ROWS, &[2.0])),
        ("lb", array(&[2], ROWS, &[0.0, 0.0])),
        ("ub", array(&[2], ROWS, &[1.0, f64::INFINITY])),
    ]
}

#[test]
fn one_problem_has_sparse_matrices_and_infinite_bounds() {
    let file = QuadraticFile::from_archive(&archive(&one_problem(2))).unwrap();
    assert_eq!(file.dense_hessian(), [4.0, 1.0, 0.0, 2.0]);
    assert_eq!(file.dense_rows(), [3.0, -5.0]);
    assert_eq!((file.constant, file.lower[0]), (0.5, f64::NEG_INFINITY));
    assert_eq!(file.diagonal_hessian(), None);
}

#[test]
fn errors_name_the_array() {
    let mut arrays = one_problem(2);
    arrays.retain(|(name, _)| *name != "lb");
    let error = QuadraticFile::from_archive(&archive(&arrays)).unwrap_err();
    assert!(
        matches!(error, ArchiveError::Missing { name: "lb", .. }),
        "{error}"
    );
    let error = QuadraticFile::from_archive(&archive(&one_problem(3))).unwrap_err();
    assert!(
        matches!(
            error,
            ArchiveError::Shape {
                name: "P_indptr",
                ..
            }
        ),
        "{error}"
    );
    assert!(matches!(
        NumpyArchive::read(Cursor::new(b"no archive".to_vec())),
        Err(ArchiveError::Zip(_))
    ));
    assert!(matches!(
        NumpyArchive::open("nowhere.npz"),
        Err(ArchiveError::Io { .. })
    ));
}

#[test]
fn a_family_is_read_by_rows_whatever_its_order() {
    let by_columns = npyz::Order::Fortran;
    let arrays = [
        ("H", array(&[2, 2], ROWS, &[2.0, 0.0, 0.0, 2.0])),
        ("f", array(&[2], ROWS, &[1.0, 2.0])),
        (
            "F",
            array(&[2, 3], by_columns, &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
        ),
        ("A", array(&[1, 2], ROWS, &[1.0, 1.0])),
        ("b", array(&[1], ROWS, &[1.0])),
        ("B", array(&[1, 3], ROWS, &[0.0, 1.0, 0.0])),
        ("theta_test", array(&[1, 3], ROWS, &[1.0, 1.0, 1.0])),
        ("status", array(&[1], ROWS, &[1i64])),
        ("obj", array(&[1], ROWS, &[0.0])),
        ("iters_cold", array(&[1], ROWS, &[3i64])),
    ];
    let family = ParametricFamily::from_archive(&archive(&arrays)).unwrap();
    assert_eq!(family.linear_slope, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let (mut q, mut u) = ([0.0; 2], [0.0; 1]);
    family.linear_at(&[1.0, 0.0, -1.0], &mut q);
    family.upper_at(&[1.0, 2.0, 3.0], &mut u);
    assert_eq!((q, u), ([-1.0, 0.0], [3.0]));
    assert_eq!((family.train.len(), family.segments), (0, None));
}
