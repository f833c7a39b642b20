//! Single NumPy arrays of any plain type of number.

use std::fs::File;
use std::io::{BufReader, Error};
use std::path::Path;

use npyz::{DType, NpyFile, Order, TypeChar};

use crate::quadratic::ArchiveError;

/// Reads a NumPy array of plain numbers (u8, u16, i32, f32, f64) in row-major order: its shape and its values.
///
/// # Errors
/// [`ArchiveError::Io`] if the file cannot be opened, [`ArchiveError::Array`] if it is no such array.
pub fn read_array(path: impl AsRef<Path>) -> Result<(Vec<usize>, Vec<f64>), ArchiveError> {
    numbers(path.as_ref())
}

/// Shape and values, row-major.
pub(super) fn numbers(path: &Path) -> Result<(Vec<usize>, Vec<f64>), ArchiveError> {
    let file = File::open(path).map_err(|source| ArchiveError::Io {
        path: path.display().to_string(),
        source,
    })?;
    read(BufReader::new(file)).map_err(|source| ArchiveError::Array {
        name: path.display().to_string(),
        source,
    })
}

fn read(reader: impl std::io::Read) -> std::io::Result<(Vec<usize>, Vec<f64>)> {
    let file = NpyFile::new(reader)?;
    if file.order() != Order::C {
        return Err(Error::other("an array by columns"));
    }
    let size = |&s: &u64| usize::try_from(s).map_err(Error::other);
    let shape = file.shape().iter().map(size).collect::<Result<_, _>>()?;
    let kind = match file.dtype() {
        DType::Plain(kind) => (kind.type_char(), kind.size_field()),
        _ => return Err(Error::other("an array of records")),
    };
    fn wide<T: Into<f64>>(values: Vec<T>) -> Vec<f64> {
        values.into_iter().map(Into::into).collect()
    }
    let values = match kind {
        (TypeChar::Uint, 1) => wide(file.into_vec::<u8>()?),
        (TypeChar::Uint, 2) => wide(file.into_vec::<u16>()?),
        (TypeChar::Int, 4) => wide(file.into_vec::<i32>()?),
        (TypeChar::Float, 4) => wide(file.into_vec::<f32>()?),
        (TypeChar::Float, 8) => wide(file.into_vec::<f64>()?),
        _ => {
            return Err(Error::other(
                "an array of another type than u8, u16, i32, f32, f64",
            ));
        }
    };
    Ok((shape, values))
}
