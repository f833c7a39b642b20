//! The error type of the crate.

/// What can go wrong when a matrix is read as a graph.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The construction needs a square matrix.
    #[error("{what} needs a square matrix but got {rows}x{cols}")]
    NotSquare {
        /// The construction that was asked for.
        what: &'static str,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        cols: usize,
    },
    /// Two sizes that must agree do not.
    #[error("{what} must be {expected} but is {found}")]
    DimensionMismatch {
        /// The quantity that disagrees.
        what: &'static str,
        /// The size it must have.
        expected: usize,
        /// The size it has.
        found: usize,
    },
    /// A count or an index does not fit the 32-bit ids of this crate.
    #[error("{what} is {value} and does not fit 32-bit ids")]
    IndexOverflow {
        /// The quantity that is too large.
        what: &'static str,
        /// Its value (saturated at `u64::MAX`).
        value: u64,
    },
    /// A node, column or arc id is out of range.
    #[error("{what} {index} is out of range, there are {len}")]
    OutOfRange {
        /// The kind of id.
        what: &'static str,
        /// The id.
        index: usize,
        /// Valid ids are below this number.
        len: usize,
    },
    /// A compressed structure is not valid: row pointers that decrease or do not match the
    /// number of indices, columns that are not strictly increasing.
    #[error("row {row} of the compressed structure is invalid: {reason}")]
    InvalidStructure {
        /// The first bad row.
        row: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A weight is NaN or infinite.
    #[error("entry ({row}, {col}) is {value}, weights must be finite")]
    NotFinite {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        col: usize,
        /// The value, widened.
        value: f64,
    },
    /// An entry lies on the wrong side of the diagonal.
    #[error("entry ({row}, {col}) is outside the {expected} triangle")]
    NotTriangular {
        /// Row of the first offending entry.
        row: usize,
        /// Column of the first offending entry.
        col: usize,
        /// The triangle that was expected, `"lower"` or `"upper"`.
        expected: &'static str,
    },
    /// The graph is too large for this operation.
    #[error("{what} is limited to {limit} but there are {found}")]
    TooLarge {
        /// The limited quantity.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// The size found.
        found: usize,
    },
    /// An option is outside its range.
    #[error("option `{option}` is {value} but must be {requirement}")]
    InvalidOption {
        /// Name of the field.
        option: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        requirement: &'static str,
    },
    /// A library that did the work reported an error.
    #[error("{library}: {message}")]
    Library {
        /// Its name.
        library: &'static str,
        /// What it said.
        message: String,
    },
}

/// Narrows to `u32` or names the quantity that overflows.
pub(crate) fn id(what: &'static str, value: usize) -> Result<u32, GraphError> {
    u32::try_from(value).map_err(|_| GraphError::IndexOverflow {
        what,
        value: value as u64,
    })
}

/// Refuses two sizes that differ.
pub(crate) fn same(what: &'static str, expected: usize, found: usize) -> Result<(), GraphError> {
    if expected == found {
        Ok(())
    } else {
        Err(GraphError::DimensionMismatch {
            what,
            expected,
            found,
        })
    }
}

/// Refuses a matrix that is not square.
pub(crate) fn square(what: &'static str, rows: usize, cols: usize) -> Result<(), GraphError> {
    if rows == cols {
        Ok(())
    } else {
        Err(GraphError::NotSquare { what, rows, cols })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stop_at_32_bits() {
        assert_eq!(id("rows", 7), Ok(7));
        assert_eq!(id("rows", u32::MAX as usize), Ok(u32::MAX));
        let error = id("rows", 1 << 32).unwrap_err();
        assert_eq!(
            error.to_string(),
            "rows is 4294967296 and does not fit 32-bit ids"
        );
    }

    #[test]
    fn sizes_must_agree() {
        assert!(same("columns", 3, 3).is_ok());
        assert_eq!(
            same("columns", 3, 4).unwrap_err().to_string(),
            "columns must be 3 but is 4"
        );
        assert_eq!(
            square("the Coates digraph", 2, 3).unwrap_err().to_string(),
            "the Coates digraph needs a square matrix but got 2x3"
        );
    }
}
