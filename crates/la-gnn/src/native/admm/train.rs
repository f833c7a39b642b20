//! Training through the iterations.

use super::backward::Adjoint;
use super::loss::Target;
use super::network::AdmmNetwork;
use super::problem::QuadraticProblem;
use super::unroll::Unrolled;
use crate::GnnError;
use crate::admm::{AdmmConfig, NetworkConfig, Parameters};
use crate::training::admm::AdmmLoss;
use crate::training::{Engine, Joining};

/// Loss and gradient of the learned parts of distributed ADMM on batches of problems, on the calling thread, in double precision, without allocation.
///
/// The gradient goes by hand through all iterations: local solutions, perceptrons with their normalisation, averaged and node-wise steps, schedules, tail and
/// edge weights. The graphs may differ in size.
///
/// # Examples
/// ```
/// use la_gnn::admm::{AdmmConfig, Parameters};
/// use la_gnn::native::admm::{AdmmEngine, AgentGraph, QuadraticProblem};
/// use la_gnn::training::admm::{AdmmLoss, published};
/// use la_gnn::training::{NoHooks, train};
///
/// let path = || AgentGraph::from_edges(4, [(0, 1), (1, 2), (2, 3)]);
/// let problems = vec![
///     QuadraticProblem::consensus(path()?, 1, &[4.0, -2.0, 6.0, 0.0])?,
///     QuadraticProblem::consensus(path()?, 1, &[1.0, 5.0, -3.0, 2.0])?,
/// ];
/// let config = AdmmConfig::new(1);
/// let start = Parameters::initialize(&config, 0)?;
/// let mut engine = AdmmEngine::new(&config, &AdmmLoss::published(10), problems)?;
/// let before = engine.losses(&start.values)?;
/// let model = serde_json::to_value(&config).unwrap();
/// let trained = train(&mut engine, &model, start.values, &published(2, 0), None, &mut NoHooks)?;
/// let after = engine.losses(&trained.values)?;
/// assert!(after.iter().sum::<f64>() < before.iter().sum());
/// let parameters = Parameters { config, values: trained.values, statistics: vec![0.0; 2] };
/// let parameters = parameters.with_degree_range(engine.degree_range());
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct AdmmEngine {
    network: AdmmNetwork,
    losses: Vec<AdmmLoss>,
    /// Problems, what their losses compare with, and which loss.
    problems: Vec<(QuadraticProblem, Target, usize)>,
    memory: Unrolled,
    adjoint: Adjoint,
    /// Gradient in the order of the packed parameters.
    packed: Vec<f64>,
}

impl AdmmEngine {
    /// An engine for these problems. Runs ordinary ADMM on each, which the loss compares with.
    ///
    /// # Errors
    /// [`GnnError::Config`] if configuration or loss are out of range; [`GnnError::Matrix`] if a problem's n is not that of the perceptrons.
    pub fn new(
        config: &AdmmConfig,
        loss: &AdmmLoss,
        problems: Vec<QuadraticProblem>,
    ) -> Result<Self, GnnError> {
        Self::with_groups(config, vec![(loss.clone(), problems)])
    }

    /// The same where groups of problems have losses of their own: graphs of other sizes and kinds have distances of other sizes. Problems are numbered group after
    /// group.
    ///
    /// # Errors
    /// As [`AdmmEngine::new`].
    pub fn with_groups(
        config: &AdmmConfig,
        groups: Vec<(AdmmLoss, Vec<QuadraticProblem>)>,
    ) -> Result<Self, GnnError> {
        let network = AdmmNetwork::new(&Parameters::initialize(config, 0)?)?;
        let mut memory = Unrolled::default();
        let mut losses = Vec::with_capacity(groups.len());
        let mut with_targets = Vec::new();
        for (loss, problems) in groups {
            loss.validate()?;
            for problem in problems {
                network.check(&problem)?;
                let target = Target::new(&loss, &problem, &mut memory)?;
                with_targets.push((problem, target, losses.len()));
            }
            losses.push(loss);
        }
        Ok(Self {
            packed: vec![0.0; config.parameter_count()],
            network,
            losses,
            problems: with_targets,
            memory,
            adjoint: Adjoint::default(),
        })
    }

    /// Least and greatest degree of the graphs; zeros without problems.
    #[must_use]
    pub fn degree_range(&self) -> [usize; 2] {
        let ranges = self.problems.iter().map(|(p, ..)| p.graph().degree_range());
        ranges
            .reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
            .unwrap_or([0; 2])
    }

    /// Loss of every problem. The published log has the square root of the normalised one.
    ///
    /// # Errors
    /// [`GnnError::Config`] if there are not as many values as the configuration has parameters.
    pub fn losses(&mut self, values: &[f32]) -> Result<Vec<f64>, GnnError> {
        self.load(values)?;
        let (network, memory) = (&self.network, &mut self.memory);
        let mut losses = Vec::with_capacity(self.problems.len());
        for (problem, target, loss) in &self.problems {
            let loss = &self.losses[*loss];
            let mut value = 0.0;
            network.run(problem, loss.depth(), memory, |after| {
                value += target.value(loss, problem, after.iteration, after.x);
            })?;
            losses.push(value);
        }
        Ok(losses)
    }

    fn load(&mut self, values: &[f32]) -> Result<(), GnnError> {
        let expected = self.packed.len();
        if values.len() != expected {
            return Err(GnnError::Config {
                field: "values",
                reason: format!(
                    "has length {}, the configuration asks for {expected}",
                    values.len()
                ),
            });
        }
        self.network.load(values);
        Ok(())
    }
}

impl Engine for AdmmEngine {
    fn samples(&self) -> usize {
        self.problems.len()
    }

    fn joining(&self) -> Option<Joining> {
        Some(Joining::Mean)
    }

    fn loss_and_gradient(
        &mut self,
        values: &[f32],
        batch: &[usize],
        _seed: u64,
        gradient: &mut [f64],
    ) -> Result<f64, GnnError> {
        self.load(values)?;
        let share = 1.0 / batch.len().max(1) as f64;
        let mut total = 0.0;
        self.packed.fill(0.0);
        for &index in batch {
            let Some((problem, target, loss)) = self.problems.get(index) else {
                let reason = format!("has problem {index} of {}", self.problems.len());
                let field = "batch";
                return Err(GnnError::Config { field, reason });
            };
            let loss = &self.losses[*loss];
            let depth = loss.depth();
            self.network.run_kept(problem, depth, &mut self.memory);
            for k in 0..depth {
                let x = self.memory.after(k, 1.0).x;
                total += share * target.value(loss, problem, k + 1, x);
            }
            let run = (&self.memory, &mut self.adjoint);
            let aim = (loss, target);
            self.network
                .backward(problem, aim, share, run, &mut self.packed);
        }
        gradient.fill(0.0);
        self.network.unpack(&self.packed, gradient);
        Ok(total)
    }
}
