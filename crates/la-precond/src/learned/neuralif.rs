//! Incomplete Cholesky factors from the NeuralIF network.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use la_gnn::native::LowerGraph;
use la_gnn::native::neuralif::{NeuralIf as Network, Workspace};
use la_gnn::neuralif::Parameters;
use la_gnn::{GnnError, Weights};
use sprs::CsMatViewI;

use super::assemble::assemble;
use super::builder_error;
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

/// Builds incomplete Cholesky factors with a NeuralIF network: one forward pass, no elimination.
///
/// Works without fill on the pattern of the matrix, in `f32`, with a positive diagonal by
/// construction, so it never breaks down; whether the factor is a *good* one depends on how near the
/// matrix is to those the weights were trained on. Use it through
/// [`Safeguarded`](crate::classical::Safeguarded), which falls back to a classical factor when it does not pay.
///
/// Costs about as much as IC(0) on matrices with 50 entries in a row of the lower triangle, less on
/// denser ones; memory of a call is about `10 nnz(L) + 40 n` scalars of 4 bytes, kept for the next.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, cg};
/// use la_precond::IncompleteCholeskyBuilder;
/// use la_precond::learned::{NeuralIf, Weights};
/// use la_precond::sprs::{CsMatI, TriMatI};
///
/// // -u'' on a line of 50 points, shifted.
/// let n = 50;
/// let mut a = TriMatI::<f64, u32>::new((n, n));
/// for i in 0..n {
///     a.add_triplet(i, i, 2.1);
///     if i > 0 {
///         a.add_triplet(i, i - 1, -1.0);
///         a.add_triplet(i - 1, i, -1.0);
///     }
/// }
/// let a: CsMatI<f64, u32> = a.to_csr();
/// let builder = NeuralIf::new(&Weights::bundled("neuralif-synthetic-s0")?)?;
/// let factor = builder.build(a.view())?;
/// let solution = cg(&a, &vec![1.0_f64; n], &factor, &CgOptions::default())?;
/// assert!(solution.status.is_converged());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// P. Häusner, O. Öktem, J. Sjölund, *Neural incomplete factorization: learning preconditioners for the
/// conjugate gradient method*, TMLR 2024. Deviates: positions are counted from 0 in every graph.
#[derive(Debug)]
pub struct NeuralIf {
    network: Network<f32>,
    drop_tol: Option<f64>,
    memory: Mutex<Workspace<f32>>,
}

impl NeuralIf {
    /// A builder from weights, bundled or of one's own.
    ///
    /// # Errors
    /// [`GnnError`] if the weights are of another architecture, incomplete or not finite.
    pub fn new(weights: &Weights) -> Result<Self, GnnError> {
        Self::from_parameters(&Parameters::from_weights(weights)?)
    }

    /// A builder from bare parameters, for example untrained ones as a control.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range.
    pub fn from_parameters(parameters: &Parameters) -> Result<Self, GnnError> {
        Ok(Self {
            network: Network::new(parameters)?,
            drop_tol: None,
            memory: Mutex::default(),
        })
    }

    /// Removes off-diagonal entries of at most this size (dimension of the factor) from the result
    /// (NeuralIF-sp).
    #[must_use]
    pub fn with_drop_tol(mut self, drop_tol: f64) -> Self {
        self.drop_tol = Some(drop_tol);
        self
    }

    /// Builds the factor of a symmetric matrix, both triangles stored.
    ///
    /// # Errors
    /// [`PrecondError::Builder`] with the network's reason (missing diagonal, entries that are not finite,
    /// overflow).
    pub fn factor(
        &self,
        a: CsMatViewI<'_, f64, u32>,
    ) -> Result<IncompleteCholesky<f64>, PrecondError> {
        let start = Instant::now();
        let failed = |error: GnnError| builder_error(self.name(), &error);
        let graph = LowerGraph::<f32>::prepare(a, self.network.config()).map_err(failed)?;
        // A panic elsewhere cannot leave the buffers in a state that matters: they are overwritten.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let values = self.network.factor(&graph, &mut memory).map_err(failed)?;
        let mut factor = assemble(graph.row_ptr(), graph.columns(), values, graph.scale());
        if let Some(tau) = self.drop_tol {
            factor = factor.dropped(tau)?;
        }
        let lower = (a.nnz() + a.rows()) as f64 / 2.0;
        let stats = FactorStats::default()
            .with_fill_ratio(factor.nnz() as f64 / lower)
            .with_setup_seconds(start.elapsed().as_secs_f64());
        Ok(factor.with_stats(stats))
    }
}

impl IncompleteCholeskyBuilder for NeuralIf {
    fn name(&self) -> &str {
        if self.drop_tol.is_some() {
            "neuralif-sp"
        } else {
            "neuralif"
        }
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky<f64>, PrecondError> {
        self.factor(a)
    }
}
