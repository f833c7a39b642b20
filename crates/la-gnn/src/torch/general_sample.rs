//! Samples for networks on matrices that need not be symmetric.

use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::sample::Sample;
use crate::GnnError;
use crate::learned_lu::{AddedLoops, LearnedLuConfig, MatrixScale};
use crate::native::CoatesGraph;
use crate::neuralpcg::{FactorForm, NeuralPcgConfig};

impl Sample {
    /// The sample that a learned LU network of this configuration trains on: the graph that it runs on ([`CoatesGraph`]) as a
    /// matrix, divided as the configuration says, with a zero where a diagonal entry is not stored, and its node features.
    ///
    /// Losses are those of this matrix. A network that corrects ILU(0) also needs [`Sample::with_base`].
    ///
    /// # Errors
    /// As [`CoatesGraph::prepare_system`]; [`GnnError::Matrix`] if the matrix is empty.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::learned_lu::LearnedLuConfig;
    /// use la_gnn::sprs::CsMat;
    /// use la_gnn::torch::Sample;
    /// // [0 2; 1 .]: one zero and one missing entry on the diagonal.
    /// let a = CsMat::new((2, 2), vec![0, 2, 3], vec![0, 1, 0], vec![0.0, 2.0, 1.0]);
    /// let sample = Sample::for_learned_lu(a.view(), None, &LearnedLuConfig::default())?;
    /// assert_eq!(sample.matrix().data(), [0.0, 2.0, 1.0, 0.0]);
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn for_learned_lu<I: SpIndex, P: SpIndex>(
        matrix: CsMatViewI<'_, f64, I, P>,
        rhs: Option<&[f64]>,
        config: &LearnedLuConfig,
    ) -> Result<Self, GnnError> {
        let graph = match rhs {
            Some(b) => CoatesGraph::prepare_system(matrix, b, config)?,
            None => CoatesGraph::prepare(matrix, config)?,
        };
        Self::of_graph(graph)
    }

    /// The sample that a NeuralPCG network of the form [`FactorForm::Triangle`] trains on.
    ///
    /// # Errors
    /// As [`Sample::for_learned_lu`]; [`GnnError::Config`] naming `form` for another one.
    pub fn for_general_neuralpcg<I: SpIndex, P: SpIndex>(
        matrix: CsMatViewI<'_, f64, I, P>,
        config: &NeuralPcgConfig,
    ) -> Result<Self, GnnError> {
        config.validate()?;
        if config.form != FactorForm::Triangle {
            return Err(GnnError::Config {
                field: "form",
                reason: "must be `triangle` for a matrix that is not symmetric".into(),
            });
        }
        let graph = CoatesGraph::structural(matrix, AddedLoops::Counted, MatrixScale::None)?;
        Self::of_graph(graph)
    }

    fn of_graph(graph: CoatesGraph<f64>) -> Result<Self, GnnError> {
        let n = graph.num_nodes();
        let matrix = CsMatI::<f64, u32>::new((n, n), graph.row_ptr, graph.col, graph.value);
        Self::new(matrix.view(), graph.features)
    }
}
