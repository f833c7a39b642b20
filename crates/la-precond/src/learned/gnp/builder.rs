//! Options of graph neural preconditioners.

use la_gnn::GnnError;
use la_gnn::gnp::{Activation, GnpConfig};
use la_gnn::training::gnp::{FlatStop, GnpTrainOptions};

use super::core::{Composition, Form, Parity, StepLength};
use super::prepare::Equilibration;
use super::{Base, ColumnScale, Distribution};
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

/// Makes [graph neural preconditioners](super::Gnp).
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

    /// What helped with random solutions: matching and scaling, a threshold LU as the base, columns of equal size, held-out columns, and the
    /// network's correction only where it leaves at most a tenth of the residual. Ends early where nothing is learned. Nearly all of it is the
    /// base's: compare with [`Ilut`](crate::classical::Ilut) alone.
    #[must_use]
    pub fn improved() -> Self {
        let base = Base::Ilut {
            drop_tol: 1e-3,
            fill: 10.0,
        };
        let mut builder = Self::paper()
            .with_equilibration(Equilibration::Matching)
            .with_base(base)
            .with_scale(ColumnScale::Unit)
            .with_step_length(StepLength::Selective { factor: 0.1 })
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
        let factor = match self.step {
            StepLength::Selective { factor } => factor,
            _ => 1.0,
        };
        for (option, value) in [("on_policy.share", share), ("step.factor", factor)] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(PrecondError::InvalidOption {
                    option,
                    value,
                    expected: "above 0 and at most 1",
                });
            }
        }
        Ok(())
    }

    pub(super) fn form(&self) -> Form {
        Form {
            parity: self.parity,
            step: self.step,
            composition: self.composition,
        }
    }
}

pub(super) fn failed(error: GnnError) -> PrecondError {
    builder_error("graph neural preconditioner", &error)
}
