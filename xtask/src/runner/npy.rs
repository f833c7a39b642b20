//! Arrays for NumPy: version 1.0 of its file format, one or two dimensions, little endian.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// Scalars that NumPy knows.
pub(crate) trait Scalar: Copy {
    /// NumPy's name of the type.
    const DESCRIPTION: &'static str;
    /// Bytes, lowest first.
    fn bytes(self) -> impl AsRef<[u8]>;
}

impl Scalar for f64 {
    const DESCRIPTION: &'static str = "<f8";
    fn bytes(self) -> impl AsRef<[u8]> {
        self.to_le_bytes()
    }
}

/// Written as signed integers, the index type of SciPy; positions in our matrices fit.
impl Scalar for u32 {
    const DESCRIPTION: &'static str = "<i4";
    fn bytes(self) -> impl AsRef<[u8]> {
        self.to_le_bytes()
    }
}

/// Header with its magic number, padded to a multiple of 64 bytes.
fn header<T: Scalar>(shape: &str) -> Vec<u8> {
    let mut text = format!(
        "{{'descr': '{}', 'fortran_order': False, 'shape': ({shape}), }}",
        T::DESCRIPTION
    );
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Writes an array of one dimension.
pub(crate) fn write<T: Scalar>(path: &Path, values: &[T]) -> Result<()> {
    save(path, &format!("{},", values.len()), values)
}

/// Writes an array of two dimensions, row after row; `columns` is not 0 and divides the number of values.
pub(crate) fn write_rows<T: Scalar>(path: &Path, values: &[T], columns: usize) -> Result<()> {
    anyhow::ensure!(
        columns > 0 && values.len().is_multiple_of(columns),
        "{} values do not fill rows of {columns}",
        values.len()
    );
    let rows = values.len() / columns;
    save(path, &format!("{rows}, {columns}"), values)
}

fn save<T: Scalar>(path: &Path, shape: &str, values: &[T]) -> Result<()> {
    let save = || -> std::io::Result<()> {
        let mut file = BufWriter::new(std::fs::File::create(path)?);
        file.write_all(&header::<T>(shape))?;
        for value in values {
            file.write_all(value.bytes().as_ref())?;
        }
        file.flush()
    };
    save().with_context(|| format!("cannot write {}", path.display()))
}

/// Reads back the values of an array of 64-bit floats without looking at the header beyond its length.
pub(crate) fn read_f64(path: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let length = bytes
        .get(8..10)
        .map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let body = length
        .and_then(|length| bytes.get(10 + length..))
        .with_context(|| format!("{} is cut short", path.display()))?;
    let (values, rest) = body.as_chunks::<8>();
    anyhow::ensure!(rest.is_empty(), "{} is cut short", path.display());
    Ok(values.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_aligned_and_values_return() -> Result<()> {
        assert_eq!(header::<u32>("12345,").len() % 64, 0);
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.npy");
        write(&path, &[1.5, -2.0, f64::MIN_POSITIVE])?;
        assert_eq!(read_f64(&path)?, [1.5, -2.0, f64::MIN_POSITIVE]);
        write_rows(&path, &[1.0, 2.0, 3.0, 4.0], 2)?;
        let bytes = std::fs::read(&path)?;
        assert!(String::from_utf8_lossy(&bytes).contains("'shape': (2, 2)"));
        assert!(write_rows(&path, &[1.0], 2).is_err());
        std::fs::write(&path, b"\x93NUMPY")?;
        assert!(read_f64(&path).is_err());
        Ok(())
    }
}
