//! Incomplete Cholesky factors from the NeuralPCG network.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use la_gnn::native::neuralpcg::{NeuralPcg as Network, Workspace};
use la_gnn::native::{CoatesGraph, FullGraph};
use la_gnn::neuralpcg::{FactorForm, Parameters};
use la_gnn::{GnnError, Weights};
use sprs::CsMatViewI;

use super::assemble::assemble;
use super::builder_error;
use crate::{FactorStats, IncompleteCholesky, IncompleteCholeskyBuilder, PrecondError};

/// Builds incomplete Cholesky factors with a NeuralPCG network: one forward pass, no elimination.
///
/// The learned baseline beside [`NeuralIf`](super::NeuralIf): a message-passing network on the whole graph of A, whose factor
/// has the pattern of A and the fixed diagonal `√a_ii`. It never breaks down; whether the factor is a *good* one depends on how
/// near the matrix is to those the weights were trained on. Use it through
/// [`Safeguarded`](crate::classical::Safeguarded), which falls back to a classical factor when it does not pay.
///
/// Costs `(K + 1) w²` multiply-adds per stored entry (1536 with the published width 16 and five steps), many times
/// those of NeuralIF or IC(0): prefer NeuralIF unless this network is what you compare with. Memory of a call is about
/// `(w + 4) nnz(A) + 4 w n` scalars of 4 bytes, kept for the next.
///
/// # Examples
/// ```
/// use la_gnn::neuralpcg::{NeuralPcgConfig, Parameters};
/// use la_krylov::{CgOptions, cg};
/// use la_precond::IncompleteCholeskyBuilder;
/// use la_precond::learned::NeuralPcg;
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
/// // Untrained: any factor is a valid one. Trained weights load with `NeuralPcg::new(&Weights::bundled(..)?)`.
/// let parameters = Parameters::initialize(&NeuralPcgConfig::equilibrated(), 0)?;
/// let factor = NeuralPcg::from_parameters(&parameters)?.build(a.view())?;
/// let solution = cg(&a, &vec![1.0_f64; n], &factor, &CgOptions::default())?;
/// assert!(solution.status.is_converged());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Y. Li, P. Y. Chen, T. Du, W. Matusik, *Learning preconditioners for conjugate gradient PDE solvers*, ICML 2023, in the form
/// in which P. Häusner, O. Öktem, J. Sjölund, *Neural incomplete factorization*, TMLR 2024, compare with it.
#[derive(Debug)]
pub struct NeuralPcg {
    network: Network<f32>,
    drop_tol: Option<f64>,
    memory: Mutex<Workspace<f32>>,
}

impl NeuralPcg {
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
    /// [`GnnError::Config`] if the configuration is out of range, or wider than the native engine.
    pub fn from_parameters(parameters: &Parameters) -> Result<Self, GnnError> {
        Ok(Self {
            network: Network::new(parameters)?,
            drop_tol: None,
            memory: Mutex::default(),
        })
    }

    /// Removes off-diagonal entries of at most this size (dimension of the factor) from the result.
    #[must_use]
    pub fn with_drop_tol(mut self, drop_tol: f64) -> Self {
        self.drop_tol = Some(drop_tol);
        self
    }

    /// Builds the factor of a symmetric matrix, both triangles stored; a network of the form [`FactorForm::Triangle`] takes any
    /// square matrix and makes a factor of its lower triangle, for GMRES.
    ///
    /// # Errors
    /// [`PrecondError::Builder`] with the network's reason: a pattern that is not symmetric, a diagonal entry that is
    /// missing or not positive, entries that are not finite, overflow, or a network whose node feature is the right-hand
    /// side (see [`NeuralPcg::factor_system`]).
    pub fn factor(
        &self,
        a: CsMatViewI<'_, f64, u32>,
    ) -> Result<IncompleteCholesky<f64>, PrecondError> {
        let start = Instant::now();
        match self.network.config().form {
            FactorForm::Triangle => self.general(a, start),
            _ => self.finish(a, start, FullGraph::prepare(a, self.network.config())),
        }
    }

    /// The factor of any square matrix.
    fn general(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        start: Instant,
    ) -> Result<IncompleteCholesky<f64>, PrecondError> {
        let failed = |error: GnnError| builder_error(self.name(), &error);
        let graph = CoatesGraph::from_matrix(a).map_err(failed)?;
        let (mut row_ptr, mut columns) = (vec![0], Vec::with_capacity(graph.num_arcs()));
        for (begin, end) in graph.row_ptr().iter().zip(graph.diagonal()) {
            columns.extend_from_slice(&graph.columns()[*begin as usize..=*end as usize]);
            row_ptr.push(columns.len() as u32);
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let values = self
            .network
            .factor_general(&graph, &mut memory)
            .map_err(failed)?;
        let factor = assemble(&row_ptr, &columns, values, None);
        let stored = a.iter().filter(|(_, (i, j))| j <= i).count();
        self.with_stats(factor, stored as f64, start)
    }

    /// The same with a network whose only node feature is the right-hand side (the original network): the factor then
    /// depends on b.
    ///
    /// # Errors
    /// As [`NeuralPcg::factor`]; also for a wrong length of `b` and a network that takes structural features.
    pub fn factor_system(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        b: &[f64],
    ) -> Result<IncompleteCholesky<f64>, PrecondError> {
        let start = Instant::now();
        self.finish(
            a,
            start,
            FullGraph::prepare_system(a, b, self.network.config()),
        )
    }

    fn finish(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        start: Instant,
        graph: Result<FullGraph<f32>, GnnError>,
    ) -> Result<IncompleteCholesky<f64>, PrecondError> {
        let failed = |error: GnnError| builder_error(self.name(), &error);
        let graph = graph.map_err(failed)?;
        // A panic elsewhere cannot leave the buffers in a state that matters: they are overwritten.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let values = self.network.factor(&graph, &mut memory).map_err(failed)?;
        let factor = assemble(
            graph.factor_row_ptr(),
            graph.factor_columns(),
            values,
            graph.scale(),
        );
        let lower = (a.nnz() + a.rows()) as f64 / 2.0;
        self.with_stats(factor, lower, start)
    }

    /// Drops what is small and says how the factor was made; `lower` entries of A are in its lower triangle.
    fn with_stats(
        &self,
        factor: IncompleteCholesky<f64>,
        lower: f64,
        start: Instant,
    ) -> Result<IncompleteCholesky<f64>, PrecondError> {
        let factor = match self.drop_tol {
            Some(tau) => factor.dropped(tau)?,
            None => factor,
        };
        let stats = FactorStats::default()
            .with_fill_ratio(factor.nnz() as f64 / lower.max(1.0))
            .with_setup_seconds(start.elapsed().as_secs_f64());
        Ok(factor.with_stats(stats))
    }
}

impl IncompleteCholeskyBuilder for NeuralPcg {
    fn name(&self) -> &str {
        if self.drop_tol.is_some() {
            "neuralpcg-sp"
        } else {
            "neuralpcg"
        }
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteCholesky<f64>, PrecondError> {
        self.factor(a)
    }
}
