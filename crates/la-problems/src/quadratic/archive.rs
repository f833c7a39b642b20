//! NumPy's archives: a zip file of arrays.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use npyz::NpyFile;
use thiserror::Error;

/// Why an archive could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The file cannot be opened or read.
    #[error("{path}: cannot be read")]
    Io {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not a zip file, or a damaged one.
    #[error("not an archive of arrays (.npz)")]
    Zip(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An array cannot be read.
    #[error("array `{name}` cannot be read")]
    Array {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An array is missing.
    #[error("there is no array `{name}`; there are {present}")]
    Missing {
        /// Its name.
        name: &'static str,
        /// The names that are there.
        present: String,
    },
    /// An array has other values or another shape than the format says.
    #[error("array `{name}` has {found}, expected {expected}")]
    Shape {
        /// Its name.
        name: &'static str,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
}

/// An array in row-major order.
#[derive(Debug, Clone, PartialEq)]
struct Array {
    shape: Vec<usize>,
    values: Values,
}

#[derive(Debug, Clone, PartialEq)]
enum Values {
    Real(Vec<f64>),
    Integer(Vec<i64>),
}

/// The arrays of an archive, all of them read: `f64` and `i64`, little endian, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct NumpyArchive {
    arrays: BTreeMap<String, Array>,
}

impl NumpyArchive {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ArchiveError::Io`], [`ArchiveError::Zip`], [`ArchiveError::Array`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ArchiveError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| ArchiveError::Io {
            path: path.display().to_string(),
            source,
        })?;
        Self::read(std::io::BufReader::new(file))
    }

    /// Reads an archive.
    ///
    /// # Errors
    /// [`ArchiveError::Zip`], [`ArchiveError::Array`].
    pub fn read(reader: impl Read + Seek) -> Result<Self, ArchiveError> {
        let mut zip = zip::ZipArchive::new(reader).map_err(|e| ArchiveError::Zip(Box::new(e)))?;
        let mut arrays = BTreeMap::new();
        for index in 0..zip.len() {
            let entry = zip
                .by_index(index)
                .map_err(|e| ArchiveError::Zip(Box::new(e)))?;
            let name = entry.name().trim_end_matches(".npy").to_owned();
            let array = array(entry).map_err(|source| ArchiveError::Array {
                name: name.clone(),
                source,
            })?;
            arrays.insert(name, array);
        }
        Ok(Self { arrays })
    }

    /// Whether there is an array of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    fn get(&self, name: &'static str) -> Result<&Array, ArchiveError> {
        self.arrays.get(name).ok_or_else(|| ArchiveError::Missing {
            name,
            present: self.arrays.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// Shape of an array.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`].
    pub fn shape(&self, name: &'static str) -> Result<&[usize], ArchiveError> {
        Ok(&self.get(name)?.shape)
    }

    /// The values of an array of `f64`.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], [`ArchiveError::Shape`] for integers.
    pub fn reals(&self, name: &'static str) -> Result<&[f64], ArchiveError> {
        match &self.get(name)?.values {
            Values::Real(values) => Ok(values),
            Values::Integer(_) => Err(ArchiveError::Shape {
                name,
                found: "integers".into(),
                expected: "f64".into(),
            }),
        }
    }

    /// The values of an array of `i64`.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], [`ArchiveError::Shape`] for other numbers.
    pub fn integers(&self, name: &'static str) -> Result<&[i64], ArchiveError> {
        match &self.get(name)?.values {
            Values::Integer(values) => Ok(values),
            Values::Real(_) => Err(ArchiveError::Shape {
                name,
                found: "f64".into(),
                expected: "i64".into(),
            }),
        }
    }

    /// The values of an array of `f64` of this shape.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], [`ArchiveError::Shape`].
    pub fn reals_of(&self, name: &'static str, shape: &[usize]) -> Result<&[f64], ArchiveError> {
        let found = self.shape(name)?;
        if found == shape {
            return self.reals(name);
        }
        Err(ArchiveError::Shape {
            name,
            found: format!("shape {found:?}"),
            expected: format!("shape {shape:?}"),
        })
    }
}

fn array(reader: impl Read) -> std::io::Result<Array> {
    let file = NpyFile::new(reader)?;
    let by_columns = file.order() != npyz::Order::C;
    let size = |&s: &u64| usize::try_from(s).map_err(std::io::Error::other);
    let shape: Vec<usize> = file.shape().iter().map(size).collect::<Result<_, _>>()?;
    if by_columns && shape.len() > 2 {
        let what = "an array by columns with more than two dimensions";
        return Err(std::io::Error::other(what));
    }
    let integers = matches!(
        file.dtype(),
        npyz::DType::Plain(kind) if kind.type_char() == npyz::TypeChar::Int
    );
    let values = if integers {
        Values::Integer(by_rows(file.into_vec()?, &shape, by_columns))
    } else {
        Values::Real(by_rows(file.into_vec()?, &shape, by_columns))
    };
    Ok(Array { shape, values })
}

/// A matrix that is stored by columns, by rows.
fn by_rows<T: Copy>(values: Vec<T>, shape: &[usize], by_columns: bool) -> Vec<T> {
    match *shape {
        [rows, cols] if by_columns => (0..rows * cols)
            .map(|at| values[at / cols + at % cols * rows])
            .collect(),
        _ => values,
    }
}
