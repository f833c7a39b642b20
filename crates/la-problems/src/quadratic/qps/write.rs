//! Writing.

use std::io::{self, BufWriter, Write};

use crate::io::WriteError;
use crate::quadratic::QuadraticFile;

/// Writes a quadratic program in free MPS format: variables are `x1`, `x2`, …, rows `r1`, `r2`, …, the objective is `obj`.
///
/// Values are written in their shortest form that reads back exactly, so that [`read_qps`](super::read_qps) gives the same problem, bit for bit. The one exception are
/// rows with two finite limits that no range of a single number describes: there the end nearer to zero is exact and the other one right to the last bit but one.
/// What is written of P is its lower triangle.
///
/// # Errors
/// [`WriteError::NotSymmetric`] if P is not symmetric, [`WriteError::NonFinite`] if an entry of a matrix is not finite (q counts as row 0), or a limit is NaN or at the wrong infinity, [`WriteError::CrossedLimits`]; then
/// nothing is written. [`WriteError::Io`].
///
/// # Examples
/// ```
/// use la_problems::quadratic::{QpsFormat, read_qps_from, write_qps};
///
/// let text = "NAME\nROWS\n N obj\n G r1\nCOLUMNS\n x1 r1 0.1\nRHS\n rhs r1 -3\nENDATA\n";
/// let file = read_qps_from(text.as_bytes(), QpsFormat::Free)?;
/// let mut written = Vec::new();
/// write_qps(&mut written, "again", &file.problem)?;
/// assert_eq!(read_qps_from(&written[..], QpsFormat::Free)?.problem, file.problem);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
pub fn write_qps(
    writer: impl Write,
    name: &str,
    problem: &QuadraticFile,
) -> Result<(), WriteError> {
    check(problem)?;
    let mut out = BufWriter::new(writer);
    write(&mut out, name, problem)
        .and_then(|()| out.flush())
        .map_err(|source| WriteError::Io { path: None, source })
}

fn check(problem: &QuadraticFile) -> Result<(), WriteError> {
    for (&value, (row, col)) in &problem.hessian {
        if !value.is_finite() {
            return Err(non_finite(row + 1, col + 1, value));
        }
        if problem.hessian.get(col, row) != Some(&value) {
            return Err(WriteError::NotSymmetric {
                symmetry: "symmetric",
                row: row + 1,
                col: col + 1,
            });
        }
    }
    for (&value, (row, col)) in &problem.rows {
        if !value.is_finite() {
            return Err(non_finite(row + 1, col + 1, value));
        }
    }
    let constant = std::iter::once(&problem.constant);
    for (col, &value) in problem.linear.iter().chain(constant).enumerate() {
        if !value.is_finite() {
            return Err(non_finite(0, col + 1, value));
        }
    }
    let of_rows = problem.lower.iter().zip(&problem.upper);
    let of_columns = problem.lower_bounds.iter().zip(&problem.upper_bounds);
    let wrong = |low: f64, high: f64| {
        let bad_low = low.is_nan() || low == f64::INFINITY;
        let bad_high = high.is_nan() || high == f64::NEG_INFINITY;
        bad_low.then_some(low).or(bad_high.then_some(high))
    };
    for (row, (&low, &high)) in of_rows.enumerate() {
        if let Some(value) = wrong(low, high) {
            return Err(non_finite(row + 1, 0, value));
        }
        if low > high {
            return Err(WriteError::CrossedLimits { row: row + 1 });
        }
    }
    for (col, (&low, &high)) in of_columns.enumerate() {
        if let Some(value) = wrong(low, high) {
            return Err(non_finite(0, col + 1, value));
        }
    }
    Ok(())
}

fn non_finite(row: usize, col: usize, value: f64) -> WriteError {
    WriteError::NonFinite { row, col, value }
}

/// How a row is written: type, right-hand side, range.
fn row(low: f64, high: f64) -> (char, f64, Option<f64>) {
    if low == high {
        return ('E', low, None);
    }
    match (low.is_finite(), high.is_finite()) {
        (false, false) => ('L', 1e30, None),
        (false, true) => ('L', high, None),
        (true, false) => ('G', low, None),
        (true, true) => range(low, high),
    }
}

/// A right-hand side and a range from which both ends come back.
fn range(low: f64, high: f64) -> (char, f64, Option<f64>) {
    let width = high - low;
    for candidate in [width, width.next_up(), width.next_down()] {
        if low + candidate.abs() == high {
            return ('G', low, Some(candidate));
        }
        if high - candidate.abs() == low {
            return ('L', high, Some(candidate));
        }
    }
    if low.abs() < high.abs() {
        ('G', low, Some(width))
    } else {
        ('L', high, Some(width))
    }
}

fn write(out: &mut impl Write, name: &str, problem: &QuadraticFile) -> io::Result<()> {
    let name = name.split_ascii_whitespace().collect::<Vec<_>>().join("_");
    writeln!(out, "NAME {name}")?;
    writeln!(out, "ROWS\n N obj")?;
    let limits = problem.lower.iter().zip(&problem.upper);
    let rows: Vec<_> = limits.map(|(&low, &high)| row(low, high)).collect();
    for (i, (kind, ..)) in rows.iter().enumerate() {
        writeln!(out, " {kind} r{}", i + 1)?;
    }
    writeln!(out, "COLUMNS")?;
    let columns = problem.rows.outer_iterator();
    for (j, (column, q)) in columns.zip(&problem.linear).enumerate() {
        // A column without entries has to be named once.
        if q.to_bits() != 0 || column.nnz() == 0 {
            writeln!(out, " x{} obj {q:?}", j + 1)?;
        }
        for (i, value) in column.iter() {
            writeln!(out, " x{} r{} {value:?}", j + 1, i + 1)?;
        }
    }
    writeln!(out, "RHS")?;
    if problem.constant.to_bits() != 0 {
        writeln!(out, " rhs obj {:?}", -problem.constant)?;
    }
    for (i, (_, rhs, _)) in rows.iter().enumerate() {
        if rhs.to_bits() != 0 {
            writeln!(out, " rhs r{} {rhs:?}", i + 1)?;
        }
    }
    if rows.iter().any(|(.., range)| range.is_some()) {
        writeln!(out, "RANGES")?;
    }
    for (i, (.., range)) in rows.iter().enumerate() {
        if let Some(range) = range {
            writeln!(out, " rng r{} {range:?}", i + 1)?;
        }
    }
    writeln!(out, "BOUNDS")?;
    let bounds = problem.lower_bounds.iter().zip(&problem.upper_bounds);
    for ((&low, &high), j) in bounds.zip(1..) {
        let free_below = low == f64::NEG_INFINITY;
        let free_above = high == f64::INFINITY;
        if free_below && free_above {
            writeln!(out, " FR bnd x{j}")?;
        } else if low.to_bits() == high.to_bits() {
            writeln!(out, " FX bnd x{j} {low:?}")?;
        } else {
            if free_below {
                writeln!(out, " MI bnd x{j}")?;
            } else if low.to_bits() != 0 || high < 0.0 {
                writeln!(out, " LO bnd x{j} {low:?}")?;
            }
            if !free_above {
                writeln!(out, " UP bnd x{j} {high:?}")?;
            }
        }
    }
    writeln!(out, "QUADOBJ")?;
    for (&value, (i, j)) in &problem.hessian {
        if i >= j {
            writeln!(out, " x{} x{} {value:?}", j + 1, i + 1)?;
        }
    }
    writeln!(out, "ENDATA")
}
