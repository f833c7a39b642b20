//! Training, and the preconditioner of a network that is trained.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use la_gnn::GnnError;
use la_gnn::gnp::Parameters;
use la_gnn::native::gnp::{Matrix, Network, Trainer};
use la_gnn::training::gnp::{Ended, GnpCheckpoints, GnpEngine, GnpStep, GnpTrainOptions, train_on};
use la_krylov::CsrMatrix;
use sprs::CsMatViewI;

use super::builder::{GnpBuilder, OnPolicy, Selection, failed};
use super::core::Core;
use super::preconditioner::{Buffers, Gnp};
use super::prepare::Prepared;
use super::samples::SharedBase;
use super::source::{HeldOut, Source};
use super::{Batches, GnpReport, fingerprint};
use crate::PrecondError;

/// Steps between two writings of a checkpoint.
const CHECKPOINT_EVERY: usize = 100;

impl GnpBuilder {
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
        self.train_with(a, start, native, None, &mut |_| ControlFlow::Continue(()))
    }

    /// Trains with an engine of the caller's, watched by `hook`, which sees every step and may break off.
    ///
    /// `engine` makes it from the matrix that the network sees (equilibrated and divided by γ), in both forms, and the parameters to
    /// start from. With a file for checkpoints a run that broke off goes on where it stopped, to the same network; the file is written every
    /// 100 steps and when `hook` breaks off, and left where it is.
    ///
    /// # Errors
    /// Those of [`GnpBuilder::train`] and of the engine; [`PrecondError::Builder`] for a checkpoint of another matrix or recipe, or one that cannot be
    /// read or written.
    pub fn train_with(
        &self,
        a: CsMatViewI<'_, f64, u32>,
        start: &Parameters,
        engine: impl FnOnce(
            CsMatViewI<'_, f64, u32>,
            &Arc<Matrix>,
            &Parameters,
        ) -> Result<Box<dyn GnpEngine>, GnnError>,
        checkpoint: Option<&Path>,
        hook: &mut dyn FnMut(&GnpStep) -> ControlFlow<()>,
    ) -> Result<(Gnp, GnpReport), PrecondError> {
        let clock = Instant::now();
        self.validate()?;
        let site = Site::new(a, self)?;
        let batches =
            Batches::of_operator(Arc::clone(&site.operator), self.distribution, self.seed)?;
        let mut batches = batches.with_scale(self.scale).with_base(site.base.clone());
        let (held_out, look) = match self.selection {
            Selection::TrainingLoss => (None, 0),
            Selection::HeldOut { columns, every } => {
                (Some(HeldOut::new(&mut batches, columns)), every)
            }
        };
        let (visits, visit) = match self.on_policy {
            OnPolicy::Never => (None, 0),
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
            config: start.config.clone(),
            look,
            every: divisor(look, visit),
        };
        let mut engine = engine(site.prepared.matrix.view(), &site.graph, start).map_err(failed)?;
        let checkpoints = checkpoint.map(|path| GnpCheckpoints {
            path,
            model: self.model(a),
            every: CHECKPOINT_EVERY,
        });
        let start_of_loop = Instant::now();
        let trained = train_on(
            &mut *engine,
            &mut source,
            &self.training,
            checkpoints.as_ref(),
            hook,
        )
        .map_err(failed)?;
        let loop_seconds = start_of_loop.elapsed().as_secs_f64();
        let mut report = GnpReport {
            losses: trained.losses,
            zero_losses: trained.zero_losses,
            best_step: trained.best_step,
            held_out: Vec::new(),
            ended: trained.ended,
            seconds: trained.seconds,
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
        // Setting up and finishing come on top of the steps, those of earlier parts of the run included.
        report.seconds += clock.elapsed().as_secs_f64() - loop_seconds;
        Ok((gnp, report))
    }

    /// What a checkpoint has to belong to, options of the training loop left out, which has an eye on them itself.
    fn model(&self, a: CsMatViewI<'_, f64, u32>) -> serde_json::Value {
        let training = GnpTrainOptions::default();
        let recipe = Self {
            training,
            ..self.clone()
        };
        serde_json::json!({
            "recipe": format!("{recipe:?}"),
            "matrix": format!("{:016x}", fingerprint(a)),
        })
    }
}

/// The matrix in all its forms, and the base.
struct Site {
    prepared: Prepared,
    operator: Arc<CsrMatrix<f64>>,
    graph: Arc<Matrix>,
    base: Option<SharedBase>,
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

/// The greatest common divisor; that of 0 and anything is the other.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}
