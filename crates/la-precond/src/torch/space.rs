//! Vectors on a device.

use std::cell::Cell;
use std::rc::Rc;

use la_gnn::torch::SparseProduct;
use la_gnn::torch::tch::{Device, Kind, TchError, Tensor};
use la_krylov::{LinearOperator, TransposeOperator, VectorSpace};

/// Double-precision vectors on the CPU or a GPU, as LibTorch tensors of shape (n).
///
/// A basis is one tensor, vector after vector, so that a projection on it, and its subtraction, are one matrix-vector product each. Per
/// iteration of GMRES or FGMRES with one projection, j coefficients go to the host, j come back and a norm goes to the host; no vector
/// crosses the bus ([`traffic`](Self::traffic) counts). On a GPU each of these waits for the device, which costs some ten
/// microseconds: for small n [`Host`](la_krylov::Host) is faster.
///
/// Sums are LibTorch's: on the CPU they can depend on the number of its threads in the last digits, unlike those of
/// [`Host`](la_krylov::Host).
///
/// # Panics
/// All operations panic if LibTorch refuses: vectors of another length, precision or device than the space, or no memory left.
///
/// # Examples
/// ```
/// use la_krylov::{FgmresOptions, IdentityPreconditioner, fgmres_in};
/// use la_precond::sprs::CsMatI;
/// use la_precond::torch::tch::{Device, Kind};
/// use la_precond::torch::{SparseProduct, Torch};
///
/// // [ 2 1 ; 0 4 ]
/// let a: CsMatI<f64, u32> = CsMatI::new((2, 2), vec![0, 2, 3], vec![0, 1, 1], vec![2.0, 1.0, 4.0]);
/// let space = Torch::new(2, Device::Cpu);
/// let a = SparseProduct::new(a.view(), Kind::Double, space.device())?;
/// let b = space.vector(&[4.0, 8.0])?;
/// let m = IdentityPreconditioner::new(2);
/// let solution = fgmres_in(space.clone(), &a, &b, &m, &FgmresOptions::default())?;
/// let x = space.to_host(&solution.x)?;
/// assert!((x[0] - 1.0).abs() < 1e-10 && (x[1] - 2.0).abs() < 1e-10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Torch {
    n: usize,
    device: Device,
    traffic: Rc<Cell<Traffic>>,
}

/// What went between host and device through the operations of a space (of all its clones).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Traffic {
    /// Transfers, either way.
    pub transfers: usize,
    /// Scalars in all of them.
    pub scalars: usize,
    /// Scalars in the largest of them.
    pub largest: usize,
}

/// Vectors of a [`Torch`] space, one after the other in one tensor.
#[derive(Debug)]
pub struct TorchBasis {
    /// (columns, n), row-major.
    storage: Tensor,
    /// Its rows: the same memory.
    columns: Vec<Tensor>,
}

/// What the trait has no error for.
fn must<T>(result: Result<T, TchError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("LibTorch refused an operation on vectors: {error}"),
    }
}

/// Sums of squares in this range lost nothing that matters to overflow or underflow.
const SAFE_NORMS: std::ops::RangeInclusive<f64> = 1e-140..=1e150;

impl Torch {
    /// The space of vectors with `n` entries on this device.
    #[must_use]
    pub fn new(n: usize, device: Device) -> Self {
        Self {
            n,
            device,
            traffic: Rc::default(),
        }
    }

    /// Where the vectors live.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// What has gone between host and device so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic.get()
    }

    /// Copies a slice to the device.
    ///
    /// # Errors
    /// [`TchError`] if LibTorch refuses.
    pub fn vector(&self, x: &[f64]) -> Result<Tensor, TchError> {
        self.count(x.len());
        Tensor::f_from_slice(x)?.f_to_device(self.device)
    }

    /// Copies a vector from the device.
    ///
    /// # Errors
    /// [`TchError`] if LibTorch refuses.
    pub fn to_host(&self, x: &Tensor) -> Result<Vec<f64>, TchError> {
        let mut host = vec![0.0; x.numel()];
        self.read(x, &mut host)?;
        Ok(host)
    }

    fn read(&self, x: &Tensor, to: &mut [f64]) -> Result<(), TchError> {
        self.count(to.len());
        x.f_to_device(Device::Cpu)?
            .f_contiguous()?
            .f_copy_data(to, to.len())
    }

    fn scalar(&self, x: &Tensor) -> f64 {
        self.count(1);
        must(x.f_double_value(&[]))
    }

    fn count(&self, scalars: usize) {
        let mut traffic = self.traffic.get();
        traffic.transfers += 1;
        traffic.scalars += scalars;
        traffic.largest = traffic.largest.max(scalars);
        self.traffic.set(traffic);
    }

    /// `x = x + sign V y` for the first columns.
    fn combine(&self, basis: &TorchBasis, sign: f64, y: &[f64], x: &mut Tensor) {
        if y.is_empty() {
            return;
        }
        let y: Vec<f64> = y.iter().map(|v| sign * v).collect();
        let y = must(self.vector(&y));
        let columns = basis.storage.f_narrow(0, 0, y.numel() as i64);
        let _ = must(columns.and_then(|v| x.f_addmv_(&v.f_tr()?, &y)));
    }
}

impl VectorSpace for Torch {
    type Scalar = f64;
    type Vector = Tensor;
    type Owned = Tensor;
    type Basis = TorchBasis;

    fn dimension(&self) -> usize {
        self.n
    }

    fn vector_dimension(&self, x: &Tensor) -> usize {
        x.numel()
    }

    fn zeros(&self) -> Tensor {
        must(Tensor::f_zeros(
            [self.n as i64],
            (Kind::Double, self.device),
        ))
    }

    fn zeros_like(&self, x: &Tensor) -> Tensor {
        must(x.f_zeros_like())
    }

    fn copy(&self, x: &Tensor, y: &mut Tensor) {
        must(y.f_copy_(x));
    }

    fn fill(&self, x: &mut Tensor, value: f64) {
        let _ = must(x.f_fill_(value));
    }

    fn scale(&self, alpha: f64, x: &mut Tensor) {
        let _ = must(x.f_mul_scalar_(alpha));
    }

    fn dot(&self, x: &Tensor, y: &Tensor) -> f64 {
        self.scalar(&must(x.f_dot(y)))
    }

    fn norm(&self, x: &Tensor) -> f64 {
        let norm = self.scalar(&must(x.f_norm()));
        if SAFE_NORMS.contains(&norm) || norm.is_nan() || x.numel() == 0 {
            return norm;
        }
        // Squares left the range of numbers, or all entries are zero.
        let largest = self.scalar(&must(x.f_abs().and_then(|x| x.f_max())));
        if largest == 0.0 || !largest.is_finite() {
            return largest;
        }
        // A power of two, in two steps: its inverse alone may overflow.
        let half = (largest.log2() / 2.0).round();
        let scaled = must(
            x.f_mul_scalar((-half).exp2())
                .and_then(|x| x.f_mul_scalar((-half).exp2())),
        );
        self.scalar(&must(scaled.f_norm())) * half.exp2() * half.exp2()
    }

    fn axpy(&self, alpha: f64, x: &Tensor, y: &mut Tensor) {
        // α is written by a kernel of the device: nothing crosses the bus, and no α x goes through memory.
        let alpha = Tensor::f_full([1], alpha, (Kind::Double, self.device));
        let _ = must(alpha.and_then(|alpha| y.f_addcmul_(x, &alpha)));
    }

    fn xpby(&self, x: &Tensor, beta: f64, y: &mut Tensor) {
        let _ = must(y.f_mul_scalar_(beta).and_then(|mut y| y.f_add_(x)));
    }

    fn basis(&self, columns: usize) -> TorchBasis {
        let shape = [columns as i64, self.n as i64];
        let storage = must(Tensor::f_zeros(shape, (Kind::Double, self.device)));
        let columns = (0..columns as i64).map(|j| must(storage.f_select(0, j)));
        TorchBasis {
            columns: columns.collect(),
            storage,
        }
    }

    fn columns(&self, basis: &TorchBasis) -> usize {
        basis.columns.len()
    }

    fn column<'b>(&self, basis: &'b TorchBasis, j: usize) -> &'b Tensor {
        &basis.columns[j]
    }

    fn column_mut<'b>(&self, basis: &'b mut TorchBasis, j: usize) -> &'b mut Tensor {
        &mut basis.columns[j]
    }

    fn project(&self, basis: &TorchBasis, w: &Tensor, h: &mut [f64]) {
        if h.is_empty() {
            return;
        }
        let columns = basis.storage.f_narrow(0, 0, h.len() as i64);
        let products = must(columns.and_then(|v| v.f_mv(w)));
        must(self.read(&products, h));
    }

    fn subtract(&self, basis: &TorchBasis, h: &[f64], w: &mut Tensor) -> f64 {
        self.combine(basis, -1.0, h, w);
        self.norm(w)
    }

    fn lincomb(&self, basis: &TorchBasis, y: &[f64], x: &mut Tensor) {
        self.combine(basis, 1.0, y, x);
    }
}

/// A vector as a block of one column: the same memory.
pub(super) fn block(x: &Tensor) -> Tensor {
    must(x.f_view([-1, 1]))
}

impl LinearOperator<Torch> for SparseProduct {
    fn rows(&self) -> usize {
        SparseProduct::rows(self)
    }

    fn cols(&self) -> usize {
        SparseProduct::columns(self)
    }

    /// # Panics
    /// If the product is not in double precision on the device of the space.
    fn apply(&self, _: &Torch, x: &Tensor, y: &mut Tensor) {
        if let Err(error) = self.product_into(&block(x), &mut block(y)) {
            panic!("{error}: {:?}", std::error::Error::source(&error));
        }
    }
}

impl TransposeOperator<Torch> for SparseProduct {
    /// # Panics
    /// If the product is not in double precision on the device of the space.
    fn apply_transpose(&self, _: &Torch, x: &Tensor, y: &mut Tensor) {
        if let Err(error) = self.transposed_product_into(&block(x), &mut block(y)) {
            panic!("{error}: {:?}", std::error::Error::source(&error));
        }
    }
}
