//! A trained graph neural preconditioner on the device.

use la_gnn::GnnError;
use la_gnn::gnp::Parameters;
use la_gnn::torch::tch::{Device, Kind, Tensor};
use la_gnn::torch::{GnpNetwork, SparseProduct};
use la_krylov::{Preconditioner, PreconditionerError, PreconditionerKind};
use sprs::CsMatViewI;

use super::Torch;
use super::space::block;

/// `z = M(r)` with a graph neural preconditioner in single precision, for flexible methods in the [`Torch`] space.
///
/// The residual stays on the device: it is rounded to single precision there, goes through the network, and comes back in double
/// precision. Nonlinear, hence [`PreconditionerKind::Variable`].
///
/// The matrix is the one the network was trained on, by rows and divided by γ (equation 6); no base preconditioner, equilibration or
/// other frame is around the network.
///
/// Memory: twice the matrix in single precision; per application some 130 n numbers that LibTorch's allocator lends. Cost: about
/// 9 280 n + 128 nnz multiply-adds (`paper` configuration).
///
/// # Examples
/// ```
/// use la_gnn::gnp::{GnpConfig, Parameters};
/// use la_krylov::{FgmresOptions, fgmres_in};
/// use la_precond::sprs::CsMatI;
/// use la_precond::torch::tch::{Device, Kind};
/// use la_precond::torch::{SparseProduct, Torch, TorchGnp};
///
/// let a: CsMatI<f64, u32> = CsMatI::eye(10);
/// let untrained = Parameters::initialize(&GnpConfig::paper(), 0)?;
/// let m = TorchGnp::new(a.view(), &untrained, Device::Cpu)?;
/// let space = Torch::new(10, Device::Cpu);
/// let a = SparseProduct::new(a.view(), Kind::Double, Device::Cpu)?;
/// let b = space.vector(&[1.0; 10])?;
/// let solution = fgmres_in(space, &a, &b, &m, &FgmresOptions::default())?;
/// assert!(solution.iterations <= 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// J. Chen, *Graph neural preconditioners for iterative solutions of sparse linear systems*, ICLR 2025.
#[derive(Debug)]
pub struct TorchGnp {
    network: GnpNetwork,
    matrix: SparseProduct,
}

impl TorchGnp {
    /// Copies matrix and network to the device.
    ///
    /// # Errors
    /// [`GnnError`] if the matrix is not square or not by rows, an entry or parameter is out of range, or LibTorch refuses.
    pub fn new(
        a: CsMatViewI<'_, f64, u32>,
        parameters: &Parameters,
        device: Device,
    ) -> Result<Self, GnnError> {
        if a.rows() != a.cols() {
            return Err(GnnError::Matrix {
                reason: format!("is {} x {}, must be square", a.rows(), a.cols()),
            });
        }
        Ok(Self {
            network: GnpNetwork::new(parameters, Kind::Float, device)?,
            matrix: SparseProduct::new(a, Kind::Float, device)?,
        })
    }
}

impl Preconditioner<Torch> for TorchGnp {
    fn dimension(&self) -> usize {
        self.matrix.rows()
    }

    fn apply(&self, _: &Torch, r: &Tensor, z: &mut Tensor) -> Result<(), PreconditionerError> {
        let failed = |error: &dyn std::error::Error| PreconditionerError {
            message: match error.source() {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            },
        };
        let result = self.network.apply(&self.matrix, &block(r));
        let result = result.map_err(|error| failed(&error))?;
        z.f_copy_(&result.f_view([-1]).map_err(|error| failed(&error))?)
            .map_err(|error| failed(&error))
    }

    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Variable
    }
}
