//! Options, and how a preconditioner is made from them.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use la_gnn::GnnError;
use la_gnn::gnp::{Activation, GnpConfig, Parameters};
use la_gnn::native::gnp::{Matrix, Network, Trainer};
use la_gnn::training::gnp::{Ended, FlatStop, GnpEngine, GnpStep, GnpTrainOptions, train};
use la_krylov::CsrMatrix;
use sprs::CsMatViewI;

use super::core::{Composition, Core, Form, Parity, StepLength};
use super::preconditioner::{Buffers, Gnp};
use super::prepare::{Equilibration, Prepared};
use super::source::{HeldOut, Source};
use super::{Base, Batches, ColumnScale, Distribution, GnpReport};
use crate::PrecondError;
use crate::learned::builder_error;

/// Which network of a training run is the result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Selection {
    /// That with the smallest loss on its own batch: the paper's choice. One lucky batch decides.
    #[default]
    TrainingLoss,
    /// That with the smallest loss on columns that no step trains on, with running statistics, as it is applied.
    HeldOut {
        /// Columns, at least 1.
        columns: usize,
        /// Steps between two looks, at least 1; each costs `columns` applications.
        every: usize,
    },
}

/// What training draws from the solver it is for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum OnPolicy {
    /// Nothing: the paper's choice.
    #[default]
    Never,
    /// A part of every batch are vectors that FGMRES asks for when it solves with the network as it is, 100 iterations each time.
    Share {
        /// Part of a batch, above 0 and at most 1.
        share: f64,
        /// Steps between two such solves, at least 1.
        every: usize,
    },
}

/// Makes [graph neural preconditioners](Gnp).
///
/// The [paper's](Self::paper) choices are the default; every improvement is an option of its own, off by default, so that its part can be
/// measured. [`improved`](Self::improved) has those on that paid in our measurements.
///
/// Training is what it costs: about 33 000 multiply-adds per row and column and 256 per entry of A and column at each of 2000 steps
/// of 16 columns. It pays where very many systems with one matrix are to be solved and nothing else works; try
/// [`Ilut`](crate::classical::Ilut) with [`Reordered`](crate::classical::Reordered) first.
///
/// # Examples
/// ```
/// use la_krylov::fgmres;
/// use la_precond::learned::gnp::{GnpBuilder, paper_options};
/// use la_problems::{ConvectionDiffusion, Grid};
///
/// let system = ConvectionDiffusion::default().with_grid(Grid::rectangle(8, 8)).generate()?;
/// let builder = GnpBuilder::paper().with_steps(10); // 2000 in earnest
/// let (m, report) = builder.train(system.matrix.view())?;
/// assert_eq!(report.losses.len(), 10);
/// let solution = fgmres(&system.matrix, &system.rhs, &m, &paper_options())?;
/// assert!(solution.iterations > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// J. Chen, *Graph Neural Preconditioners for Iterative Solutions of Sparse Linear Systems*, ICLR 2025. Deviates: what the options say.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GnpBuilder {
    /// The network. Default: that of the authors' code.
    pub network: GnpConfig,
    /// Steps, batch, learning rate. Default: 2000, 16, 1e-3.
    pub training: GnpTrainOptions,
    /// Seed of weights and samples. Default 0.
    pub seed: u64,
    /// Right-hand sides to train on.
    pub distribution: Distribution,
    /// How large these are.
    pub scale: ColumnScale,
    /// What is drawn from solves.
    pub on_policy: OnPolicy,
    /// Which network is the result.
    pub selection: Selection,
    /// How rows and columns are scaled.
    pub equilibration: Equilibration,
    /// What the network corrects.
    pub base: Base,
    /// Whether it is made odd.
    pub parity: Parity,
    /// How far to go along what it says.
    pub step: StepLength,
    /// What follows it.
    pub composition: Composition,
    /// Whether every result is checked to be a direction of descent, `rᵀz > 0`, and replaced by the base's (or `r`) where it is none: for
    /// [`fcg`](la_krylov::fcg). Default no.
    pub descent: bool,
}

impl Default for GnpBuilder {
    fn default() -> Self {
        Self::paper()
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident, $field:ident: $type:ty;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        })*
    };
}

impl GnpBuilder {
    /// The choices of the paper and, where it is silent, of its published code.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            network: GnpConfig::paper(),
            training: GnpTrainOptions::default(),
            seed: 0,
            distribution: Distribution::Mixture,
            scale: ColumnScale::AsDrawn,
            on_policy: OnPolicy::Never,
            selection: Selection::TrainingLoss,
            equilibration: Equilibration::None,
            base: Base::None,
            parity: Parity::AsTrained,
            step: StepLength::One,
            composition: Composition::Before,
            descent: false,
        }
    }

    /// The network that the text of the paper describes.
    #[must_use]
    pub fn paper_text() -> Self {
        Self::paper().with_network(GnpConfig::paper_text())
    }

    /// Matching and scaling, ILU(0) as the base, columns of equal size, step to the smallest residual, held-out columns: what helped
    /// with random solutions. Ends early where nothing is learned.
    #[must_use]
    pub fn improved() -> Self {
        let mut builder = Self::paper()
            .with_equilibration(Equilibration::Matching)
            .with_base(Base::Ilu0)
            .with_scale(ColumnScale::Unit)
            .with_step_length(StepLength::MinimalResidual)
            .with_selection(Selection::HeldOut {
                columns: 16,
                every: 50,
            });
        builder.training.flat_stop = Some(FlatStop::default());
        builder
    }

    /// For symmetric positive definite matrices and [`fcg`](la_krylov::fcg): symmetric scaling, IC(0) before and after an odd network
    /// without biases, step to the smallest error in the norm of A, and a check of every direction.
    ///
    /// Guaranteed: `rᵀz > 0` up to rounding, so that flexible CG lowers the error in the norm of A at every step, whatever the network
    /// says; where the base P alone has `‖I − P A‖_A < 1` the correction never undoes it. Not guaranteed: symmetry. The network is nonlinear, so
    /// there is no matrix M, no short recurrence and no Chebyshev bound; keep a few directions
    /// ([`FcgOptions::memory`](la_krylov::FcgOptions)).
    #[must_use]
    pub fn definite() -> Self {
        let odd = GnpConfig::paper()
            .with_bias(false)
            .with_batch_norm(false)
            .with_activation(Activation::Tanh);
        Self::paper()
            .with_network(odd)
            .with_equilibration(Equilibration::Ruiz)
            .with_base(Base::Ic0)
            .with_scale(ColumnScale::Unit)
            .with_parity(Parity::Odd)
            .with_step_length(StepLength::MinimalEnergy)
            .with_composition(Composition::Around)
            .with_descent(true)
    }

    setters! {
        /// Sets the network.
        with_network, network: GnpConfig;
        /// Sets all options of training.
        with_training, training: GnpTrainOptions;
        /// Sets the seed.
        with_seed, seed: u64;
        /// Sets how right-hand sides are drawn.
        with_distribution, distribution: Distribution;
        /// Sets how large they are.
        with_scale, scale: ColumnScale;
        /// Sets what is drawn from solves.
        with_on_policy, on_policy: OnPolicy;
        /// Sets which network is the result.
        with_selection, selection: Selection;
        /// Sets how rows and columns are scaled.
        with_equilibration, equilibration: Equilibration;
        /// Sets what the network corrects.
        with_base, base: Base;
        /// Sets whether the network is made odd.
        with_parity, parity: Parity;
        /// Sets how far to go along what it says.
        with_step_length, step: StepLength;
        /// Sets what follows it.
        with_composition, composition: Composition;
        /// Sets whether every result is checked to be a direction of descent.
        with_descent, descent: bool;
    }

    /// Sets the number of training steps.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Self {
        self.training.steps = steps;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`PrecondError::InvalidOption`]; [`PrecondError::Builder`] with the network's reason.
    pub fn validate(&self) -> Result<(), PrecondError> {
        self.network.validate().map_err(failed)?;
        self.training.validate().map_err(failed)?;
        let (columns, look) = match self.selection {
            Selection::HeldOut { columns, every } => (columns, every),
            Selection::TrainingLoss => (1, 1),
        };
        let (share, visit) = match self.on_policy {
            OnPolicy::Share { share, every } => (share, every),
            OnPolicy::Never => (1.0, 1),
        };
        for (option, value) in [
            ("selection.columns", columns),
            ("selection.every", look),
            ("on_policy.every", visit),
        ] {
            if value == 0 {
                return Err(PrecondError::InvalidOption {
                    option,
                    value: 0.0,
                    expected: "at least 1",
                });
            }
        }
        if !(share > 0.0 && share <= 1.0) {
            return Err(PrecondError::InvalidOption {
                option: "on_policy.share",
                value: share,
                expected: "above 0 and at most 1",
            });
        }
        Ok(())
    }

    /// The preconditioner of a network that is trained already, or not at all: a control.
    ///
    /// # Errors
    /// Those of [`GnpBuilder::train`].
    ///
    /// # Examples
    /// ```
    /// use la_gnn::gnp::{GnpConfig, Parameters};
    /// use la_precond::learned::gnp::GnpBuilder;
    /// use la_precond::sprs::CsMatI;
    ///
    /// let untrained = Parameters::initialize(&GnpConfig::paper(), 0)?.without_biases();
    /// let a = CsMatI::<f64, u32>::eye(3);
    /// let m = GnpBuilder::paper().from_parameters(a.view(), &untrained)?;
    /// assert_eq!(m.parameters(), &untrained);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_parameters(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        parameters: &Parameters,
    ) -> Result<Gnp, PrecondError> {
        self.validate()?;
        let site = Site::new(a, self)?;
        site.finish(self, parameters)
    }

    /// Trains a network for `a`.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`], [`PrecondError::TooLarge`], [`PrecondError::UnsortedRow`], [`PrecondError::NonFinite`],
    /// [`PrecondError::ZeroMatrix`]; [`PrecondError::InvalidOption`]; those of the base; [`PrecondError::Builder`] if already the first loss
    /// is not finite.
    ///
    /// # Examples
    /// See [`GnpBuilder`].
    pub fn train(&self, a: CsMatViewI<'_, f64, u32>) -> Result<(Gnp, GnpReport), PrecondError> {
        let start = Parameters::initialize(&self.network, self.seed).map_err(failed)?;
        self.train_from(a, &start)
    }

    /// Trains from given parameters on, whose network replaces [`network`](Self::network).
    ///
    /// # Errors
    /// Those of [`GnpBuilder::train`].
    pub fn train_from(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        start: &Parameters,
    ) -> Result<(Gnp, GnpReport), PrecondError> {
        let native = |_: CsMatViewI<'_, f64, u32>, matrix: &Arc<Matrix>, start: &Parameters| {
            let trainer = Trainer::new(start, Arc::clone(matrix))?;
            Ok(Box::new(trainer) as Box<dyn GnpEngine>)
        };
        self.train_with(a, start, native, &mut |_| ControlFlow::Continue(()))
    }

    /// Trains with an engine of the caller's, watched by `hook`, which sees every step and may break off.
    ///
    /// `engine` makes it from the matrix that the network sees (equilibrated and divided by γ), in both forms, and the parameters to
    /// start from.
    ///
    /// # Errors
    /// Those of [`GnpBuilder::train`] and of the engine.
    pub fn train_with(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        start: &Parameters,
        engine: impl FnOnce(
            CsMatViewI<'_, f64, u32>,
            &Arc<Matrix>,
            &Parameters,
        ) -> Result<Box<dyn GnpEngine>, GnnError>,
        hook: &mut dyn FnMut(&GnpStep) -> ControlFlow<()>,
    ) -> Result<(Gnp, GnpReport), PrecondError> {
        let clock = Instant::now();
        self.validate()?;
        let site = Site::new(a, self)?;
        let batches =
            Batches::of_operator(Arc::clone(&site.operator), self.distribution, self.seed)?;
        let mut batches = batches.with_scale(self.scale).with_base(site.base.clone());
        let (held_out, look) = match self.selection {
            Selection::TrainingLoss => (None, usize::MAX),
            Selection::HeldOut { columns, every } => {
                (Some(HeldOut::new(&mut batches, columns)), every)
            }
        };
        let (visits, visit) = match self.on_policy {
            OnPolicy::Never => (None, usize::MAX),
            OnPolicy::Share { share, every } => (Some((share, every)), every),
        };
        let mut source = Source {
            batches,
            operator: Arc::clone(&site.operator),
            graph: Arc::clone(&site.graph),
            base: site.base.clone(),
            form: self.form(),
            seed: self.seed,
            visits,
            held_out,
            every: look.min(visit),
        };
        let mut engine = engine(site.prepared.matrix.view(), &site.graph, start).map_err(failed)?;
        let trained = train(&mut *engine, &mut source, &self.training, hook).map_err(failed)?;
        let mut report = GnpReport {
            losses: trained.losses,
            zero_losses: trained.zero_losses,
            best_step: trained.best_step,
            held_out: Vec::new(),
            ended: trained.ended,
            seconds: 0.0,
        };
        let mut best = trained.best;
        if let Some(mut held_out) = source.held_out {
            if report.ended != Ended::NonFinite {
                let last = engine.parameters().map_err(failed)?;
                let steps = report.losses.len();
                held_out
                    .observe(steps, &last, &site.graph, &site.operator)
                    .map_err(failed)?;
            }
            if let Some((loss, parameters)) = held_out.best {
                let of = |entry: &&(usize, f64)| entry.1 == loss;
                report.best_step = held_out.losses.iter().find(of).map_or(0, |entry| entry.0);
                best = parameters;
            }
            report.held_out = held_out.losses;
        }
        let gnp = site.finish(self, &best)?;
        report.seconds = clock.elapsed().as_secs_f64();
        Ok((gnp, report))
    }

    fn form(&self) -> Form {
        Form {
            parity: self.parity,
            step: self.step,
            composition: self.composition,
        }
    }
}

/// The matrix in all its forms, and the base.
struct Site {
    prepared: Prepared,
    operator: Arc<CsrMatrix<f64>>,
    graph: Arc<Matrix>,
    base: Option<super::samples::SharedBase>,
}

impl Site {
    fn new(a: CsMatViewI<'_, f64, u32>, builder: &GnpBuilder) -> Result<Self, PrecondError> {
        let prepared = Prepared::new(a, builder.equilibration)?;
        let view = prepared.matrix.view();
        let operator = CsrMatrix::from_sprs(view).map_err(|_| PrecondError::TooLarge {
            rows: view.rows(),
            nnz: view.nnz(),
        })?;
        let graph = Matrix::new(view).map_err(failed)?;
        let base = builder.base.build(view)?;
        Ok(Self {
            operator: Arc::new(operator),
            graph: Arc::new(graph),
            base,
            prepared,
        })
    }

    fn finish(self, builder: &GnpBuilder, parameters: &Parameters) -> Result<Gnp, PrecondError> {
        let core = Core {
            operator: self.operator,
            graph: self.graph,
            base: self.base,
            network: Network::new(parameters).map_err(failed)?,
            form: builder.form(),
        };
        let memory = Mutex::new(Buffers {
            inside: vec![0.0; self.prepared.order()],
            core: core.memory(),
        });
        let mut builder = builder.clone();
        builder.network = parameters.config.clone();
        Ok(Gnp {
            prepared: self.prepared,
            core,
            parameters: parameters.clone(),
            builder,
            memory,
        })
    }
}

fn failed(error: GnnError) -> PrecondError {
    builder_error("graph neural preconditioner", &error)
}
