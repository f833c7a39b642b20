//! Quadratic programs in MPS files.

use la_problems::io::{ReadError, ReadErrorKind, WriteError};
use la_problems::quadratic::{QpsFile, QpsFormat, read_qps, read_qps_from, write_qps};
use proptest::prelude::*;

/// Problem 35 of Hock and Schittkowski: `9 − 8 x₁ − 6 x₂ − 4 x₃ + 2 x₁² + 2 x₂² + x₃² + 2 x₁ x₂ + 2 x₁ x₃`.
const HS35: &str = "\
* a comment
NAME          HS35
ROWS
 N  obj
 L  c1
COLUMNS
    x1        obj                 -8   c1                   1
    x2        obj                 -6   c1                   1
    x3        obj                 -4   c1                   2
RHS
    rhs       obj                 -9   c1                   3
BOUNDS
QUADOBJ
    x1        x1                   4   x2                   2
    x1        x3                   2
    x2        x2                   4
    x3        x3                   2
ENDATA
";

fn read(text: &str, format: QpsFormat) -> Result<QpsFile, ReadError> {
    read_qps_from(text.as_bytes(), format)
}

#[test]
fn a_known_problem_reads_the_same_by_blanks_and_by_columns() {
    let file = read(HS35, QpsFormat::Fixed).unwrap();
    assert_eq!(file, read(HS35, QpsFormat::Free).unwrap());
    assert_eq!(file, read(HS35, QpsFormat::Automatic).unwrap());
    assert_eq!((file.name.as_str(), file.maximise), ("HS35", false));
    assert_eq!(file.column_names, ["x1", "x2", "x3"]);
    assert_eq!(file.row_names, ["c1"]);
    let problem = &file.problem;
    assert_eq!(
        problem.dense_hessian(),
        [4.0, 2.0, 2.0, 2.0, 4.0, 0.0, 2.0, 0.0, 2.0]
    );
    assert_eq!(problem.linear, [-8.0, -6.0, -4.0]);
    assert_eq!(problem.constant, 9.0);
    assert_eq!(problem.dense_rows(), [1.0, 1.0, 2.0]);
    assert_eq!(
        (problem.lower[0], problem.upper[0]),
        (f64::NEG_INFINITY, 3.0)
    );
    assert_eq!(problem.lower_bounds, [0.0; 3]);
    assert_eq!(problem.upper_bounds, [f64::INFINITY; 3]);
}

#[test]
fn every_kind_of_row_range_and_bound() {
    let text = "\
NAME
OBJSENSE
    MAX
ROWS
 N cost
 N other
 E e
 E up
 E down
 L l
 G g
 L free
COLUMNS
 a cost 1 other 5
 a e 1 up 1
 a down 1 l 1
 a g 1.5D1
 b cost 2
 c l -1
 d l 1
 e e 2
 f e 2
 g e 2
RHS
 e 1 up 2
 down 3 l 4
 g 5 cost 7
 free 1e30
RANGES
 up 0.5 down -0.5
 l -2 g 3
BOUNDS
 UP a -1
 LO b -2
 UP b 8
 FX c 3
 FR d
 MI e
 UP e 9
 UP f 4
 PL f
 LO g 0
 UP g -1
QMATRIX
 a a 2 b 1
 b a 1
ENDATA
";
    let file = read(text, QpsFormat::Automatic).unwrap();
    let p = &file.problem;
    let inf = f64::INFINITY;
    assert!(file.maximise);
    assert_eq!(p.linear[..2], [-1.0, -2.0]);
    assert_eq!(p.constant, 7.0);
    assert_eq!(p.dense_hessian()[..2], [-2.0, -1.0]);
    assert_eq!(p.lower, [1.0, 2.0, 2.5, 2.0, 5.0, -inf]);
    assert_eq!(p.upper, [1.0, 2.5, 3.0, 4.0, 8.0, inf]);
    assert_eq!(p.lower_bounds, [-inf, -2.0, 3.0, -inf, -inf, 0.0, 0.0]);
    assert_eq!(p.upper_bounds, [-1.0, 8.0, 3.0, inf, 9.0, inf, -1.0]);
    assert_eq!(p.rows.get(4, 0), Some(&15.0));
    // What is written reads back, crossed bounds too.
    let mut written = Vec::new();
    write_qps(&mut written, "two words", p).unwrap();
    let again = read_qps_from(&written[..], QpsFormat::Automatic).unwrap();
    assert_eq!((again.name.as_str(), &again.problem), ("two_words", p));
}

#[test]
fn names_with_blanks_are_read_by_columns() {
    let text = HS35.replace("c1", "c 1").replace("c 1  ", "c 1 ");
    let file = read(&text, QpsFormat::Automatic).unwrap();
    assert_eq!(file.row_names, ["c 1"]);
    assert!(read(&text, QpsFormat::Free).is_err());
}

#[test]
fn mistakes_are_named_with_their_line() {
    let broken = |from: &str, to: &str| {
        let text = HS35.replacen(from, to, 1);
        assert_ne!(text, HS35, "{from}");
        read(&text, QpsFormat::Free).unwrap_err().to_string()
    };
    let cases = [
        broken("ROWS", "ROSE"),
        broken(" L  c1", " Q  c1"),
        broken(" L  c1", " L"),
        broken(" L  c1", " L  c1 c2"),
        broken(" L  c1", " L  obj"),
        broken("c1                   2", "c2                   2"),
        broken("c1                   2", "obj 1"),
        broken("-8   c1                   1", "-8   c1"),
        broken("                 -8 ", " minus8 "),
        broken("                 -8 ", " inf "),
        broken(
            "obj                 -6   c1                   1",
            "'MARKER' 'INTORG'",
        ),
        broken(
            "    rhs       obj                 -9",
            "    rhs  c1 3\n    two obj -9",
        ),
        broken("c1                   3", "obj 3"),
        broken("BOUNDS", "RANGES\n rng obj 1\nBOUNDS"),
        broken("BOUNDS", "RANGES\n rng c1 1 c1 2\nBOUNDS"),
        broken("BOUNDS", "BOUNDS\n BV bnd x1"),
        broken("BOUNDS", "BOUNDS\n UP bnd x4 1"),
        broken("BOUNDS", "BOUNDS\n UP x1"),
        broken("BOUNDS", "BOUNDS\n UP bnd x1 1 2"),
        broken("BOUNDS", "BOUNDS\n UP bnd x1 nan"),
        broken("    x1        x3 ", "    x2 x1 2\n    x1 x3 "),
        broken("    x1        x3 ", "    x1 y "),
        broken("QUADOBJ", "QMATRIX"),
        broken("QUADOBJ", "QUADOBJ c1"),
        broken("QUADOBJ", "QMATRIX\nQUADOBJ"),
        broken("QUADOBJ", "QCMATRIX c1"),
        broken("NAME          HS35", "OBJSENSE\n    MOST"),
        broken("NAME          HS35", " x1 obj 3"),
        broken("ENDATA", ""),
    ];
    insta::assert_snapshot!(cases.join("\n"));
    let empty = read("", QpsFormat::Automatic).unwrap_err();
    assert!(matches!(empty.kind(), ReadErrorKind::Empty));
    let nowhere = read_qps("nowhere.qps", QpsFormat::Automatic).unwrap_err();
    assert!(
        nowhere.to_string().starts_with("nowhere.qps: "),
        "{nowhere}"
    );
}

#[test]
fn what_the_format_cannot_hold_is_not_written() {
    let good = read(HS35, QpsFormat::Free).unwrap().problem;
    let refuse = |change: &dyn Fn(&mut la_problems::quadratic::QuadraticFile)| {
        let (mut problem, mut out) = (good.clone(), Vec::new());
        change(&mut problem);
        let error = write_qps(&mut out, "", &problem).unwrap_err();
        assert!(out.is_empty());
        error
    };
    let nan = |e: &WriteError| matches!(e, WriteError::NonFinite { .. });
    assert!(nan(&refuse(&|p| p.linear[1] = f64::NAN)));
    assert!(nan(&refuse(&|p| p.rows.data_mut()[0] = f64::INFINITY)));
    assert!(nan(&refuse(&|p| p.lower[0] = f64::INFINITY)));
    assert!(nan(&refuse(&|p| p.upper_bounds[2] = f64::NEG_INFINITY)));
    assert!(nan(&refuse(&|p| p.hessian.data_mut()[0] = f64::NAN)));
    let error = refuse(&|p| p.hessian.data_mut()[1] = 3.0);
    assert!(matches!(error, WriteError::NotSymmetric { .. }), "{error}");
    let error = refuse(&|p| p.lower[0] = 4.0);
    assert!(
        matches!(error, WriteError::CrossedLimits { row: 1 }),
        "{error}"
    );
}

/// Numbers that are written and read as they are.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        -10.0..10.0,
        any::<f64>().prop_filter("finite", |x| x.is_finite() && x.abs() < 1e30),
    ]
}

fn problem_text() -> impl Strategy<Value = String> {
    let limits = || (number(), number(), 0..5_u8);
    let entry = (0..4_usize, 0..3_usize, number());
    (
        prop::collection::vec(limits(), 3),
        prop::collection::vec(limits(), 4),
        prop::collection::btree_map((0..4_usize, 0..3_usize), number(), 0..9),
        prop::collection::btree_map((0..4_usize, 0..4_usize), number(), 0..6),
        entry,
    )
        .prop_map(|(rows, columns, entries, quadratic, (j, _, q))| {
            let mut text = String::from("NAME\nROWS\n N c\n");
            for (i, (.., kind)) in rows.iter().enumerate() {
                let kind = ["E", "L", "G", "L", "G"][usize::from(*kind)];
                text += &format!(" {kind} r{i}\n");
            }
            text += "COLUMNS\n";
            for column in 0..4 {
                let q = if column == j { q } else { 1.0 };
                text += &format!(" x{column} c {q:?}\n");
                for (&(_, i), value) in entries.iter().filter(|((c, _), _)| *c == column) {
                    text += &format!(" x{column} r{i} {value:?}\n");
                }
            }
            text += "RHS\n";
            for (i, (rhs, ..)) in rows.iter().enumerate() {
                text += &format!(" r{i} {rhs:?}\n");
            }
            text += "BOUNDS\n";
            for (j, (a, b, kind)) in columns.iter().enumerate() {
                text += &match kind {
                    0 => format!(" FR x{j}\n"),
                    1 => format!(" UP x{j} {a:?}\n"),
                    2 => format!(" LO x{j} {a:?}\n UP x{j} {b:?}\n"),
                    3 => format!(" FX x{j} {a:?}\n"),
                    _ => format!(" MI x{j}\n UP x{j} {b:?}\n"),
                };
            }
            text += "QUADOBJ\n";
            for (&(i, j), value) in quadratic.iter().filter(|((i, j), _)| i >= j) {
                text += &format!(" x{i} x{j} {value:?}\n");
            }
            text + "ENDATA\n"
        })
}

proptest! {
    #[test]
    fn written_problems_read_back(text in problem_text()) {
        let file = read(&text, QpsFormat::Automatic).unwrap();
        let mut out = Vec::new();
        write_qps(&mut out, "p", &file.problem).unwrap();
        let again = read_qps_from(&out[..], QpsFormat::Automatic).unwrap();
        prop_assert_eq!(again.problem, file.problem);
    }

    #[test]
    fn damaged_files_never_panic(
        text in problem_text(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut bytes = text.into_bytes();
        for (at, byte, kind) in changes {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                _ => bytes.insert(at, b"\n *.-1eENQX"[usize::from(byte) % 11]),
            }
        }
        for format in [QpsFormat::Automatic, QpsFormat::Free, QpsFormat::Fixed] {
            let _ = read_qps_from(&bytes[..], format);
        }
    }
}

#[cfg(feature = "npz")]
mod data {
    use super::*;
    use la_problems::quadratic::QuadraticFile;

    fn bits(values: &[f64]) -> Vec<u64> {
        values.iter().map(|x| x.to_bits()).collect()
    }

    fn same(name: &str, a: &QuadraticFile, b: &QuadraticFile) {
        for (x, y) in [
            (&a.linear, &b.linear),
            (&a.lower_bounds, &b.lower_bounds),
            (&a.upper_bounds, &b.upper_bounds),
        ] {
            assert_eq!(bits(x), bits(y), "{name}");
        }
        assert_eq!(bits(a.hessian.data()), bits(b.hessian.data()), "{name}");
        assert_eq!(bits(a.rows.data()), bits(b.rows.data()), "{name}");
        assert_eq!(a.constant.to_bits(), b.constant.to_bits(), "{name}");
        let structure = |p: &QuadraticFile| (p.rows.clone(), p.hessian.clone());
        assert!(structure(a) == structure(b), "{name}");
    }

    /// Rows whose limits did not come back, at most by a bit.
    fn changed_limits(a: &QuadraticFile, b: &QuadraticFile) -> usize {
        let mut changed = 0;
        for (x, y) in [(&a.lower, &b.lower), (&a.upper, &b.upper)] {
            for (x, y) in x.iter().zip(y) {
                if x.to_bits() != y.to_bits() {
                    assert!(x.next_up() == *y || x.next_down() == *y, "{x} {y}");
                    changed += 1;
                }
            }
        }
        changed
    }

    #[test]
    fn every_problem_of_the_data_folder_comes_back_bit_for_bit() {
        let Ok(folder) = std::env::var("LA_DATA_DIR") else {
            println!("skipped: LA_DATA_DIR is not set");
            return;
        };
        let mut count = 0;
        for set in ["maros", "mpc", "misc", "status"] {
            for entry in std::fs::read_dir(format!("{folder}/qp/{set}")).unwrap() {
                let path = entry.unwrap().path();
                let name = path.display().to_string();
                let problem = QuadraticFile::open(&path).unwrap();
                let mut out = Vec::new();
                write_qps(&mut out, &name, &problem).unwrap();
                let again = read_qps_from(&out[..], QpsFormat::Automatic).unwrap();
                same(&name, &again.problem, &problem);
                let changed = changed_limits(&again.problem, &problem);
                // Random ranges need not be differences of two numbers.
                assert!(changed == 0 || set == "status", "{name}: {changed}");
                count += 1;
            }
        }
        assert!(count > 100, "{count}");
    }

    /// Files in the fixed format that another program wrote.
    #[test]
    fn files_by_columns_hold_what_the_arrays_hold() {
        let close = |name: &str, a: &[f64], b: &[f64]| {
            assert_eq!(a.len(), b.len(), "{name}");
            for (a, b) in a.iter().zip(b) {
                assert!(
                    a == b || (a - b).abs() <= 1e-11 * b.abs().max(1.0),
                    "{name}: {a} {b}"
                );
            }
        };
        for (name, n, m) in [("hs118", 15, 17), ("qafiro", 32, 27)] {
            let path = format!("{}/tests/data/{name}.qps", env!("CARGO_MANIFEST_DIR"));
            let file = read_qps(&path, QpsFormat::Fixed).unwrap();
            assert_eq!(file.name.to_lowercase(), name);
            assert_eq!(file, read_qps(&path, QpsFormat::Automatic).unwrap());
            let ours = &file.problem;
            assert_eq!((ours.linear.len(), ours.lower.len()), (n, m));
            let Ok(folder) = std::env::var("LA_DATA_DIR") else {
                println!("skipped: LA_DATA_DIR is not set");
                continue;
            };
            let path = format!("{folder}/qp/maros/{}.npz", name.to_uppercase());
            let theirs = QuadraticFile::open(path).unwrap();
            close(name, &ours.dense_hessian(), &theirs.dense_hessian());
            close(name, &ours.dense_rows(), &theirs.dense_rows());
            close(name, &ours.linear, &theirs.linear);
            close(name, &ours.lower, &theirs.lower);
            close(name, &ours.upper, &theirs.upper);
            close(name, &ours.lower_bounds, &theirs.lower_bounds);
            close(name, &ours.upper_bounds, &theirs.upper_bounds);
            close(name, &[ours.constant], &[theirs.constant]);
        }
    }
}
