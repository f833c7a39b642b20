//! V from a file.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use la_opt::nmf::{Data, Unstored};
use la_opt::qp::SparseRows;
use la_problems::io::{FileFormat, ReadOptions, read_matrix};
use la_problems::nmf::read_array;

/// Reads V: what a NumPy file holds is dense, NaN is missing; what a Matrix Market file holds is sparse if it lists coordinates.
pub(super) fn read(path: &Path, missing: bool) -> Result<Data<'static>> {
    let name = || path.display().to_string();
    if path.extension().is_some_and(|e| e == "npy") {
        ensure!(
            !missing,
            "--missing is for sparse files; in a .npy file a missing entry is NaN"
        );
        let (shape, values) = read_array(path)?;
        // A stack of pictures is a matrix with a picture in each row.
        let [rows, ref rest @ ..] = shape[..] else {
            bail!("{}: a single number", name());
        };
        ensure!(!rest.is_empty(), "{}: a vector, not a matrix", name());
        let columns = rest.iter().product();
        let mask: Vec<bool> = values.iter().map(|v| !v.is_nan()).collect();
        return Data::masked(rows, columns, values, &mask).with_context(name);
    }
    let file = read_matrix(path, &ReadOptions::default())?;
    let matrix = file.matrix;
    let (rows, columns) = matrix.shape();
    if file.info.format == FileFormat::MatrixMarketArray && !missing {
        let mut values = vec![0.0; rows * columns];
        for (i, row) in matrix.outer_iterator().enumerate() {
            for (j, &v) in row.iter() {
                values[i * columns + j] = v;
            }
        }
        return Data::dense(rows, columns, values).with_context(name);
    }
    let pointers = matrix.indptr();
    let wide = |list: &[u32]| list.iter().map(|&i| i as usize).collect();
    let rows = SparseRows::new(
        columns,
        wide(pointers.raw_storage()),
        wide(matrix.indices()),
        matrix.data().to_vec(),
    )?;
    let unstored = if missing {
        Unstored::Missing
    } else {
        Unstored::Zero
    };
    Data::sparse(rows, unstored).with_context(name)
}
