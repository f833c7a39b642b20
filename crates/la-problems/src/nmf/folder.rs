//! The nonnegative matrices of the data folder.

use std::path::Path;

use super::npy::numbers;
use crate::CsrMatrix;
use crate::quadratic::ArchiveError;

/// How the pixels of a picture follow each other in a column of W.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PixelOrder {
    /// Line after line.
    ByRows,
    /// Column after column.
    ByColumns,
}

/// A dense nonnegative matrix with what its rows are.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DenseSet {
    /// m.
    pub rows: usize,
    /// n.
    pub columns: usize,
    /// V, row-major, in the units of the source.
    pub values: Vec<f64>,
    /// Height and width of the picture that a column of W is, and its order, where rows are pixels.
    pub picture: Option<(usize, usize, PixelOrder)>,
}

impl DenseSet {
    /// Divided by its mean, as the paper does; the mean comes back too. Data without a positive mean stay as they are.
    #[must_use]
    pub fn scaled(mut self) -> (Self, f64) {
        let mean = self.values.iter().sum::<f64>() / self.values.len() as f64;
        if mean > 0.0 {
            for value in &mut self.values {
                *value /= mean;
            }
        }
        (self, mean)
    }

    /// A column of pixels, line after line; nothing where rows are no pixels, or there are not as many.
    #[must_use]
    pub fn lines(&self, pixels: &[f64]) -> Option<Vec<f64>> {
        let (height, width, order) = self.picture?;
        if pixels.len() != height * width {
            return None;
        }
        Some(match order {
            PixelOrder::ByRows => pixels.to_vec(),
            PixelOrder::ByColumns => (0..height * width)
                .map(|at| pixels[at % width * height + at / width])
                .collect(),
        })
    }
}

/// A dense set of the folder `nmf`.
///
/// # Examples
/// ```no_run
/// use la_problems::nmf::NonnegativeSet;
///
/// let (yale, mean) = NonnegativeSet::Yale.read("data/nmf")?.scaled();
/// assert_eq!((yale.rows, yale.columns), (4096, 165));
/// assert!((mean - 96.720).abs() < 1e-3);
/// # Ok::<(), la_problems::quadratic::ArchiveError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NonnegativeSet {
    /// 165 faces of 64 × 64 pixels, 15 people: 4096 × 165.
    Yale,
    /// 198 bands of 100 × 100 pixels: 10 000 × 198, the transpose of the file.
    JasperRidge,
    /// 2429 faces of 19 × 19 pixels: 361 × 2429.
    Cbcl,
    /// 400 faces of 112 × 92 pixels, 40 people: 10 304 × 400.
    Orl,
    /// Expression of 5893 genes in 34 samples.
    Medulloblastoma,
}

impl NonnegativeSet {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Yale,
        Self::JasperRidge,
        Self::Cbcl,
        Self::Orl,
        Self::Medulloblastoma,
    ];

    /// A short name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Yale => "yale",
            Self::JasperRidge => "jasper_ridge",
            Self::Cbcl => "cbcl",
            Self::Orl => "orl",
            Self::Medulloblastoma => "medulloblastoma",
        }
    }

    /// Reads it from a folder.
    ///
    /// # Errors
    /// [`ArchiveError`], also if the file has another shape than this set.
    pub fn read(self, folder: impl AsRef<Path>) -> Result<DenseSet, ArchiveError> {
        use PixelOrder::{ByColumns, ByRows};
        let (file, stored, picture) = match self {
            Self::Yale => ("yale_64x64_u8.npy", [4096, 165], Some((64, 64, ByColumns))),
            Self::JasperRidge => {
                let picture = Some((100, 100, ByColumns));
                ("jasper_ridge_r198_u16.npy", [198, 10_000], picture)
            }
            Self::Cbcl => (
                "cbcl_faces_19x19_u8.npy",
                [361, 2429],
                Some((19, 19, ByColumns)),
            ),
            Self::Orl => (
                "orl_faces_112x92_u8.npy",
                [10_304, 400],
                Some((112, 92, ByRows)),
            ),
            Self::Medulloblastoma => ("medulloblastoma_f32.npy", [5893, 34], None),
        };
        let (shape, mut values) = numbers(&folder.as_ref().join(file))?;
        if shape != stored {
            return Err(ArchiveError::Shape {
                name: file,
                found: format!("shape {shape:?}"),
                expected: format!("shape {stored:?}"),
            });
        }
        let [mut rows, mut columns] = stored;
        if self == Self::JasperRidge {
            // A pixel per row.
            let by_pixel = (0..rows * columns).map(|at| values[at % rows * columns + at / rows]);
            values = by_pixel.collect();
            (rows, columns) = (columns, rows);
        }
        Ok(DenseSet {
            rows,
            columns,
            values,
            picture,
        })
    }
}

/// Reads the counts of 8450 terms in 8293 documents (Reuters-21578) from a folder: 362 529 of them are not zero.
///
/// # Errors
/// [`ArchiveError`], also if the three arrays are not a sparse matrix.
pub fn reuters(folder: impl AsRef<Path>) -> Result<CsrMatrix, ArchiveError> {
    const TERMS: usize = 8450;
    let array = |name: &str| Ok(numbers(&folder.as_ref().join(name))?.1);
    let pointers = array("reuters21578_indptr_i32.npy")?;
    let indices = array("reuters21578_indices_i32.npy")?;
    let counts = array("reuters21578_counts_u8.npy")?;
    let whole = |values: Vec<f64>| values.into_iter().map(|x| x as u32).collect::<Vec<u32>>();
    let shape = (pointers.len().saturating_sub(1), TERMS);
    CsrMatrix::try_new(shape, whole(pointers), whole(indices), counts).map_err(|(.., error)| {
        ArchiveError::Shape {
            name: "reuters21578_indptr_i32.npy",
            found: error.to_string(),
            expected: "pointers of a sparse matrix with sorted columns".into(),
        }
    })
}
