//! Products of a fixed sparse matrix, and of its transpose, with blocks of columns.

use sprs::CsMatViewI;
use tch::{Device, Kind, TchError, Tensor};

use super::memory::{Scalar, with_slices};
use super::rows_product::Rows;
use super::tensors::{Context, Tch};
use crate::GnnError;

/// Who computes a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProductEngine {
    /// This crate, on the memory of the tensors: CPU only. As many threads as LibTorch is allowed to use.
    Native,
    /// LibTorch's product of a matrix in compressed rows: MKL on the CPU, cuSPARSE on CUDA.
    LibTorch,
}

#[derive(Debug)]
enum Storage {
    Single { a: Rows<f32>, t: Rows<f32> },
    Double { a: Rows<f64>, t: Rows<f64> },
    Tensors { a: Tensor, t: Tensor },
}

/// A fixed sparse matrix A on a device: `Y = A X`, and `X̄ = Aᵀ Ȳ` for gradients.
///
/// A and Aᵀ are both stored by rows, so that neither product converts a layout or scatters. LibTorch's own product differentiated by
/// its autograd, and any product with a matrix in compressed columns, do one or the other at each call.
///
/// On the CPU the product is this crate's ([`ProductEngine::Native`]): every row is summed by one thread in a fixed order, so that the
/// result does not depend on the number of threads. On CUDA it is LibTorch's ([`ProductEngine::LibTorch`]).
///
/// Memory: twice the matrix, 8 bytes an entry in single, 12 in double precision, natively and on the device.
///
/// # Shapes
/// A is rows × columns; X is (columns, c), contiguous, of the precision of the product, on its device; the result (rows, c). Vectors
/// are blocks of one column.
///
/// # Examples
/// ```
/// use la_gnn::sprs::CsMatI;
/// use la_gnn::torch::SparseProduct;
/// use la_gnn::torch::tch::{Device, Kind, Tensor};
///
/// // [ 1 2 ; 0 3 ]
/// let a: CsMatI<f64, u32> = CsMatI::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![1.0, 2.0, 3.0]);
/// let a = SparseProduct::new(a.view(), Kind::Double, Device::Cpu)?;
/// let x = Tensor::from_slice(&[1.0, 10.0]).view([2, 1]);
/// assert_eq!(Vec::<f64>::try_from(a.product(&x)?.view(-1)).unwrap(), [21.0, 30.0]);
/// assert_eq!(Vec::<f64>::try_from(a.transposed_product(&x)?.view(-1)).unwrap(), [1.0, 32.0]);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
///
/// # References
/// The product of J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR 2025, whose published
/// code stores A in compressed columns.
#[derive(Debug)]
pub struct SparseProduct {
    rows: i64,
    columns: i64,
    entries: usize,
    kind: Kind,
    device: Device,
    storage: Storage,
}

impl SparseProduct {
    /// Copies a matrix to the device, with values in single (`Kind::Float`) or double precision (`Kind::Double`).
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if it is not stored by rows, has an index out of range, or too many entries;
    /// [`GnnError::Config`] for another precision; [`GnnError::NonFinite`] for a value that is infinite or NaN in that precision;
    /// [`GnnError::Torch`] if LibTorch refuses.
    pub fn new(a: CsMatViewI<'_, f64, u32>, kind: Kind, device: Device) -> Result<Self, GnnError> {
        let engine = if device == Device::Cpu {
            ProductEngine::Native
        } else {
            ProductEngine::LibTorch
        };
        Self::with_engine(a, kind, device, engine)
    }

    /// [`SparseProduct::new`] with the engine of the caller's choice.
    ///
    /// # Errors
    /// As [`SparseProduct::new`]; [`GnnError::Config`] for the native engine on another device than the CPU.
    pub fn with_engine(
        a: CsMatViewI<'_, f64, u32>,
        kind: Kind,
        device: Device,
        engine: ProductEngine,
    ) -> Result<Self, GnnError> {
        check(a, kind)?;
        let t = a.transpose_view().to_csr();
        let storage = match (engine, kind) {
            (ProductEngine::Native, _) if device != Device::Cpu => {
                return Err(GnnError::Config {
                    field: "engine",
                    reason: format!("is native, which computes on the CPU only, not on {device:?}"),
                });
            }
            (ProductEngine::Native, Kind::Double) => Storage::Double {
                a: Rows::new(a),
                t: Rows::new(t.view()),
            },
            (ProductEngine::Native, _) => Storage::Single {
                a: Rows::new(a),
                t: Rows::new(t.view()),
            },
            (ProductEngine::LibTorch, _) => Storage::Tensors {
                a: upload(a, kind, device).context("moving a matrix to the device")?,
                t: upload(t.view(), kind, device).context("moving a matrix to the device")?,
            },
        };
        Ok(Self {
            rows: a.rows() as i64,
            columns: a.cols() as i64,
            entries: a.nnz(),
            kind,
            device,
            storage,
        })
    }

    /// Rows of A.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Columns of A.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns as usize
    }

    /// Stored entries of A.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Precision of the product.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it is computed.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// `A X`.
    ///
    /// # Errors
    /// [`GnnError::Torch`] if X does not fit A in shape, precision or device.
    pub fn product(&self, x: &Tensor) -> Result<Tensor, GnnError> {
        self.times(x).context("product with a sparse matrix")
    }

    /// `Aᵀ Y`.
    ///
    /// # Errors
    /// As [`SparseProduct::product`].
    pub fn transposed_product(&self, y: &Tensor) -> Result<Tensor, GnnError> {
        self.transposed_times(y)
            .context("product with a transposed sparse matrix")
    }

    /// `Y = A X`, into memory that exists: Y is contiguous and shares none with X. Allocates nothing on the CPU.
    ///
    /// # Errors
    /// As [`SparseProduct::product`].
    pub fn product_into(&self, x: &Tensor, y: &mut Tensor) -> Result<(), GnnError> {
        self.write(false, x, y)
            .context("product with a sparse matrix")
    }

    /// `X = Aᵀ Y`, into memory that exists, as [`product_into`](Self::product_into).
    ///
    /// # Errors
    /// As [`SparseProduct::product`].
    pub fn transposed_product_into(&self, y: &Tensor, x: &mut Tensor) -> Result<(), GnnError> {
        self.write(true, y, x)
            .context("product with a transposed sparse matrix")
    }

    pub(crate) fn times(&self, x: &Tensor) -> Tch<Tensor> {
        let mut y = self.room(self.rows, x)?;
        self.write(false, x, &mut y)?;
        Ok(y)
    }

    pub(crate) fn transposed_times(&self, y: &Tensor) -> Tch<Tensor> {
        let mut x = self.room(self.columns, y)?;
        self.write(true, y, &mut x)?;
        Ok(x)
    }

    fn room(&self, rows: i64, like: &Tensor) -> Tch<Tensor> {
        let width = like.size().get(1).copied().unwrap_or(1);
        Tensor::f_empty([rows, width], (self.kind, self.device))
    }

    /// `Y = A X`, or `Aᵀ X`.
    pub(crate) fn write(&self, transposed: bool, x: &Tensor, y: &mut Tensor) -> Tch<()> {
        let (rows, columns) = if transposed {
            (self.columns, self.rows)
        } else {
            (self.rows, self.columns)
        };
        let width = match x.size().as_slice() {
            [n, width] if *n == columns => *width,
            other => {
                return Err(TchError::Shape(format!(
                    "a block of {columns} rows is needed, got {other:?}"
                )));
            }
        };
        if y.size() != [rows, width] {
            return Err(TchError::Shape(format!(
                "the result is ({rows}, {width}), got {:?}",
                y.size()
            )));
        }
        match &self.storage {
            Storage::Single { a, t } => native(if transposed { t } else { a }, x, width, y),
            Storage::Double { a, t } => native(if transposed { t } else { a }, x, width, y),
            Storage::Tensors { a, t } => {
                let matrix = if transposed { t } else { a };
                let _ = y.f_zero_()?.f_addmm_(matrix, x)?;
                Ok(())
            }
        }
    }
}

fn native<T: Scalar>(a: &Rows<T>, x: &Tensor, width: i64, y: &mut Tensor) -> Tch<()> {
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1);
    with_slices::<T, _>(x, y, |x, y| a.product(x, width as usize, y, threads))
}

fn check(a: CsMatViewI<'_, f64, u32>, kind: Kind) -> Result<(), GnnError> {
    let refuse = |reason: String| Err(GnnError::Matrix { reason });
    if !matches!(kind, Kind::Float | Kind::Double) {
        return Err(GnnError::Config {
            field: "kind",
            reason: format!("is {kind:?}, must be Float or Double"),
        });
    }
    if !a.is_csr() {
        return refuse("is stored by columns, must be stored by rows".into());
    }
    if a.nnz() >= i32::MAX as usize || a.rows().max(a.cols()) >= i32::MAX as usize {
        return refuse(format!(
            "has {} entries, at most 2^31 - 2 are possible",
            a.nnz()
        ));
    }
    let pointer = a.indptr();
    for i in 0..a.rows() {
        let entries = pointer.outer_inds_sz(i);
        for at in entries {
            let (j, v) = (a.indices()[at], a.data()[at]);
            if j as usize >= a.cols() {
                return refuse(format!(
                    "row {i} has an entry in column {j} of {}",
                    a.cols()
                ));
            }
            let finite = match kind {
                Kind::Double => v.is_finite(),
                _ => (v as f32).is_finite(),
            };
            if !finite {
                return Err(GnnError::NonFinite {
                    what: format!("the matrix in {kind:?} precision"),
                    position: at,
                });
            }
        }
    }
    Ok(())
}

/// The matrix as LibTorch's compressed rows, with 32-bit indices.
fn upload(a: CsMatViewI<'_, f64, u32>, kind: Kind, device: Device) -> Tch<Tensor> {
    let indices = |data: &[u32]| -> Tch<Tensor> {
        let signed: Vec<i32> = data.iter().map(|&i| i as i32).collect();
        Tensor::f_from_slice(&signed)?.f_to_device(device)
    };
    let pointer = a.indptr();
    Tensor::f_sparse_csr_tensor_crow_col_value_size(
        &indices(&pointer.to_proper())?,
        &indices(a.indices())?,
        &super::tensors::reals(a.data(), kind, device)?,
        [a.rows() as i64, a.cols() as i64],
        (kind, device),
    )
}
