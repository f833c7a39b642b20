//! Incomplete LU factors from the learned LU network.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use la_gnn::learned_lu::{Base, LearnedLuConfig, Parameters};
use la_gnn::native::CoatesGraph;
use la_gnn::native::learned_lu::{LearnedLu as Network, LuEntries, Workspace};
use la_gnn::{GnnError, Weights};
use sprs::CsMatViewI;

use super::builder_error;
use crate::classical::lu::Pattern;
use crate::classical::{IluSymbolic, PivotRule};
use crate::{IncompleteLu, IncompleteLuBuilder, LuStats, PrecondError};

/// Builds incomplete LU factors with a learned LU network: one forward pass, no elimination.
///
/// Works without fill on the pattern of the matrix with its diagonal, in `f32` inside. Rows may lack their diagonal entry or store a
/// zero there: the pivots are the network's, at least ε in its units, so that it never breaks down. Whether the factors are *good*
/// ones depends on how near the matrix is to those the weights were trained on; for a matrix from elsewhere use
/// [`Ilu`](crate::classical::Ilu) or [`Ilut`](crate::classical::Ilut). Meant for right preconditioning in GMRES.
///
/// Costs about 512 multiply-adds in `f32` per entry whatever the pattern, where ILU(0) costs one row update per entry of L: the
/// longer the rows, the better it compares. Runs on the current rayon pool. Memory of a call is about
/// `(h + 8) nnz + 6 n h` scalars of 4 bytes (h the hidden width, 16), kept for the next.
///
/// The paper's L carries the pivots and its U is unit upper triangular; [`IncompleteLu`] holds the same product as `(L D⁻¹) D U`, D
/// the diagonal of L, each entry rounded once.
///
/// # Examples
/// ```
/// use la_gnn::learned_lu::{LearnedLuConfig, Parameters};
/// use la_krylov::{GmresOptions, gmres};
/// use la_precond::learned::LearnedLu;
/// use la_precond::sprs::CsMat;
///
/// // Zeros on the diagonal, one of them not stored.
/// let a = CsMat::<f64>::new((3, 3), vec![0, 2, 4, 7], vec![0, 1, 0, 2, 0, 1, 2], vec![0.0, 2.0, 4.0, 1.0, 1.0, 3.0, 0.5]);
/// // Untrained: any factors are valid ones. Trained weights load with `LearnedLu::new(&Weights::bundled(..)?)`.
/// let parameters = Parameters::initialize(&LearnedLuConfig::default(), 0)?;
/// let factor = LearnedLu::from_parameters(&parameters)?.factor(a.to_other_types().view())?;
/// assert!(factor.stats().smallest_pivot >= Some(1e-3));
/// let solution = gmres(&a, &[2.0, 5.0, 4.5], &factor, &GmresOptions::default())?;
/// assert!(solution.status.is_converged());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// P. Häusner, A. Nieto Juscafresa, J. Sjölund, *Learning incomplete factorization preconditioners for GMRES*, PMLR 265, 85–99, 2025.
/// Deviates as [`la_gnn::native::learned_lu::LearnedLu`] says.
#[derive(Debug)]
pub struct LearnedLu {
    network: Network<f32>,
    pivot: PivotRule,
    memory: Mutex<Workspace<f32>>,
}

impl LearnedLu {
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
            pivot: PivotRule::default(),
            memory: Mutex::default(),
        })
    }

    /// Sets what to do with small pivots of the ILU(0) that the network corrects; without effect on networks that correct
    /// none.
    #[must_use]
    pub fn with_pivot(mut self, pivot: PivotRule) -> Self {
        self.pivot = pivot;
        self
    }

    /// The configuration of the network.
    #[must_use]
    pub fn config(&self) -> &LearnedLuConfig {
        self.network.config()
    }

    /// Builds the factors of a square matrix.
    ///
    /// For many matrices of one pattern, [`LearnedLu::analyse`] keeps the graph.
    ///
    /// # Errors
    /// [`PrecondError::Builder`] with the network's reason (a matrix that is not square, entries that are not finite or overflow
    /// single precision, a network that takes the right-hand side); those of [`Ilu::factor`](crate::classical::Ilu::factor) for a
    /// network that corrects ILU(0); [`PrecondError::NonFinite`] naming an entry that overflows when it is divided by its pivot.
    pub fn factor(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteLu<f64>, PrecondError> {
        let start = Instant::now();
        let graph = CoatesGraph::prepare(a, self.config());
        self.symbolic(a, graph)?.make(a, start)
    }

    /// The same for a network whose first node feature is the right-hand side: the factors then depend on b.
    ///
    /// # Errors
    /// As [`LearnedLu::factor`]; also for a wrong length of `b`.
    pub fn factor_system(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        b: &[f64],
    ) -> Result<IncompleteLu<f64>, PrecondError> {
        let start = Instant::now();
        let graph = CoatesGraph::prepare_system(a, b, self.config());
        self.symbolic(a, graph)?.make(a, start)
    }

    /// Analyses the pattern of `a` for any number of factorisations of matrices that have it.
    ///
    /// # Errors
    /// As [`LearnedLu::factor`], except those of the factors.
    pub fn analyse(
        &self,
        a: CsMatViewI<'_, f64, u32>,
    ) -> Result<LearnedLuSymbolic<'_>, PrecondError> {
        self.symbolic(a, CoatesGraph::prepare(a, self.config()))
    }

    fn symbolic(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        graph: Result<CoatesGraph<f32>, GnnError>,
    ) -> Result<LearnedLuSymbolic<'_>, PrecondError> {
        let graph = graph.map_err(|error| self.failed(&error))?;
        let ilu0 = match self.config().base {
            Base::Ilu0 => Some(Ilu0 {
                symbolic: IluSymbolic::new(a, 0)?,
                factor: None,
                entries: Vec::new(),
            }),
            _ => None,
        };
        let (lower, upper) = split(&graph);
        Ok(LearnedLuSymbolic {
            builder: self,
            graph,
            lower: Arc::new(lower),
            upper: Arc::new(upper),
            ilu0,
        })
    }

    fn failed(&self, error: &GnnError) -> PrecondError {
        builder_error(self.name(), error)
    }
}

impl IncompleteLuBuilder for LearnedLu {
    fn name(&self) -> &str {
        match self.config().base {
            Base::Ilu0 => "learned-lu-ilu0",
            _ => "learned-lu",
        }
    }

    fn build(&self, a: CsMatViewI<'_, f64, u32>) -> Result<IncompleteLu<f64>, PrecondError> {
        self.factor(a)
    }
}

/// The graph of a pattern for [`LearnedLu`], for any number of matrices that have it; all factors share their index arrays.
///
/// # Examples
/// ```
/// use la_gnn::learned_lu::{LearnedLuConfig, Parameters};
/// use la_precond::learned::LearnedLu;
/// use la_precond::sprs::CsMatI;
///
/// let mut a = CsMatI::<f64, u32>::new((2, 2), vec![0, 2, 3], vec![0, 1, 0], vec![4.0, 1.0, 8.0]);
/// let builder = LearnedLu::from_parameters(&Parameters::initialize(&LearnedLuConfig::default(), 0)?)?;
/// let mut symbolic = builder.analyse(a.view())?;
/// let mut factor = symbolic.factor(a.view())?;
/// a.map_inplace(|x| x * 2.0);
/// symbolic.refactor(a.view(), &mut factor)?; // values in the same memory
/// assert_eq!(factor.inverse_diagonal(), builder.factor(a.view())?.inverse_diagonal());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LearnedLuSymbolic<'b> {
    builder: &'b LearnedLu,
    graph: CoatesGraph<f32>,
    lower: Arc<Pattern>,
    upper: Arc<Pattern>,
    ilu0: Option<Ilu0>,
}

/// What is kept for a network that corrects ILU(0).
#[derive(Debug)]
struct Ilu0 {
    symbolic: IluSymbolic,
    factor: Option<IncompleteLu<f64>>,
    entries: Vec<f64>,
}

impl LearnedLuSymbolic<'_> {
    /// Order of the matrices.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.graph.num_nodes()
    }

    /// Entries of the factors: strict triangles and diagonal.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.graph.num_arcs()
    }

    /// Factors a matrix of the analysed pattern (its diagonal may be stored or not). A network that takes the
    /// right-hand side uses the one of the analysis.
    ///
    /// # Errors
    /// As [`LearnedLu::factor`]; [`PrecondError::Builder`] naming the first row whose pattern differs.
    pub fn factor(
        &mut self,
        a: CsMatViewI<'_, f64, u32>,
    ) -> Result<IncompleteLu<f64>, PrecondError> {
        let start = Instant::now();
        self.update(a)?;
        self.make(a, start)
    }

    /// Replaces the values of factors that this analysis made by those for another matrix; nothing of the size of the matrix is
    /// allocated but n words for its features.
    ///
    /// After an error the factors still hold finite numbers but are of no use.
    ///
    /// # Errors
    /// As [`factor`](Self::factor); [`PrecondError::PatternMismatch`] in row 0 if the factors do not belong to this analysis.
    pub fn refactor(
        &mut self,
        a: CsMatViewI<'_, f64, u32>,
        factor: &mut IncompleteLu<f64>,
    ) -> Result<(), PrecondError> {
        let start = Instant::now();
        self.update(a)?;
        self.fill(a, factor, start)
    }

    fn update(&mut self, a: CsMatViewI<'_, f64, u32>) -> Result<(), PrecondError> {
        let config = self.builder.config();
        let done = self.graph.update(a, config);
        done.map_err(|error| self.builder.failed(&error))
    }

    /// New factors of the matrix that the graph holds.
    fn make(
        &mut self,
        a: CsMatViewI<'_, f64, u32>,
        start: Instant,
    ) -> Result<IncompleteLu<f64>, PrecondError> {
        let mut factor = IncompleteLu::assemble(
            (Arc::clone(&self.lower), vec![0.0; self.lower.indices.len()]),
            (Arc::clone(&self.upper), vec![0.0; self.upper.indices.len()]),
            vec![1.0; self.dimension()],
        );
        self.fill(a, &mut factor, start)?;
        Ok(factor)
    }

    fn fill(
        &mut self,
        a: CsMatViewI<'_, f64, u32>,
        factor: &mut IncompleteLu<f64>,
        start: Instant,
    ) -> Result<(), PrecondError> {
        let builder = self.builder;
        let failed = |error: GnnError| builder.failed(&error);
        if let Some(ilu0) = &mut self.ilu0 {
            ilu0.compute(a, &self.graph, builder.pivot)?;
            self.graph.set_base(&ilu0.entries).map_err(failed)?;
        }
        // A panic elsewhere cannot leave the buffers in a state that matters: they are overwritten.
        let mut memory = builder
            .memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entries = builder
            .network
            .factor(&self.graph, &mut memory)
            .map_err(failed)?;
        factor.refill((&self.lower, &self.upper), |lower, upper, inverse| {
            rescale(&self.graph, &entries, lower, upper, inverse);
        })?;
        let stored = self.nnz() - self.graph.added_loops();
        let stats = LuStats::default()
            .with_fill_ratio(self.nnz() as f64 / stored.max(1) as f64)
            .with_replaced_pivots(entries.replaced)
            .with_smallest_pivot(entries.smallest_diagonal)
            .with_setup_seconds(start.elapsed().as_secs_f64());
        factor.set_stats(stats);
        Ok(())
    }
}

impl Ilu0 {
    /// Entries of ILU(0) in the order of the arcs, pivots in L.
    fn compute(
        &mut self,
        a: CsMatViewI<'_, f64, u32>,
        graph: &CoatesGraph<f32>,
        pivot: PivotRule,
    ) -> Result<(), PrecondError> {
        let factor = match &mut self.factor {
            Some(factor) => {
                self.symbolic.refactor(a, pivot, factor)?;
                &*factor
            }
            empty => &*empty.insert(self.symbolic.factor(a, pivot)?),
        };
        self.entries.clear();
        for i in 0..graph.num_nodes() {
            let pivot = |j: usize| 1.0 / factor.inverse_diagonal()[j];
            self.entries
                .extend(factor.lower_row(i).map(|(j, l)| l * pivot(j)));
            self.entries.push(pivot(i));
            self.entries
                .extend(factor.scaled_upper_row(i).map(|(_, u)| u));
        }
        Ok(())
    }
}

/// Strict triangles of the pattern.
fn split(graph: &CoatesGraph<f32>) -> (Pattern, Pattern) {
    let empty = || Pattern {
        indptr: vec![0],
        indices: Vec::with_capacity(graph.num_arcs() / 2),
    };
    let (mut lower, mut upper) = (empty(), empty());
    for (row, &at) in graph.row_ptr().windows(2).zip(graph.diagonal()) {
        for (part, range) in [
            (&mut lower, row[0] as usize..at as usize),
            (&mut upper, at as usize + 1..row[1] as usize),
        ] {
            part.indices.extend_from_slice(&graph.columns()[range]);
            part.indptr.push(part.indices.len() as u32);
        }
    }
    (lower, upper)
}

/// `L U = (L D⁻¹) D U` with D the diagonal of L.
fn rescale(
    graph: &CoatesGraph<f32>,
    entries: &LuEntries<'_>,
    lower: &mut [f64],
    upper: &mut [f64],
    inverse: &mut [f64],
) {
    let (values, diagonal) = (entries.values, graph.diagonal());
    let (mut below, mut above) = (0, 0);
    for (i, row) in graph.row_ptr().windows(2).enumerate() {
        let (start, at, end) = (row[0] as usize, diagonal[i] as usize, row[1] as usize);
        inverse[i] = 1.0 / values[at];
        let own = &mut lower[below..below + at - start];
        for ((l, v), &j) in own
            .iter_mut()
            .zip(&values[start..at])
            .zip(&graph.columns()[start..])
        {
            *l = v / values[diagonal[j as usize] as usize];
        }
        upper[above..above + end - at - 1].copy_from_slice(&values[at + 1..end]);
        (below, above) = (below + at - start, above + end - at - 1);
    }
}
