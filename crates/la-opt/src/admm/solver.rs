//! The agents of a process, and what they know.

use std::ops::Range;

use super::anderson::Accelerator;
use super::collective::{Agreed, agree, agree_on};
use super::exchange::{Alone, Exchange};
use super::measure::Before;
use super::objective::{LocalObjective, require_finite, require_length};
use super::safeguard::{Best, Watch};
use super::sweep::{Agents, update_y};
use super::{
    AdmmError, AdmmOptions, Form, LocalFailure, Network, Shard, StepPolicy, StepSizes, Variables,
};

/// Agents that minimise the sum of their functions by talking to their neighbours.
///
/// [`Form`] says how agreement is put as a constraint. The default, for which networks are trained, costs two exchanges for each iteration and squares the condition of the graph; [`Form::Edges`] does neither.
///
/// # References
/// A. Makhdoumi, A. Ozdaglar, *IEEE Trans. Automat. Contr.* 62(10), 5082–5095, 2017 (distributed ADMM over networks). Deviates: over-relaxation, and what an agent keeps of the copies of its x (see the notes of the module `sweep`).
///
/// # Examples
/// Four agents on a path compute their mean.
/// ```
/// use la_opt::admm::{Admm, AdmmOptions, AdmmStatus, Network, SquaredDistance};
///
/// let path = Network::from_edges(4, [(0, 1), (1, 2), (2, 3)])?;
/// let agents = [4.0, -2.0, 6.0, 0.0].map(|b| SquaredDistance::new(vec![b]));
/// let agents = agents.into_iter().collect::<Result<Vec<_>, _>>()?;
/// let mut admm = Admm::new(&path, agents, AdmmOptions::default())?;
/// let report = admm.solve();
/// assert_eq!(report.status, AdmmStatus::Converged);
/// assert!((admm.x(2)[0] - 2.0).abs() < 1e-5);
/// # Ok::<(), la_opt::admm::AdmmError>(())
/// ```
pub struct Admm<F, E = Alone> {
    pub(super) shard: Shard,
    /// Numbers of a node of [`Shard::rows`]: those of an agent, or 1.
    pub(super) n: usize,
    /// Variables that agents agree on: n, or N.
    pub(super) variables: usize,
    /// Numbers of all agents on all processes.
    pub(super) total: usize,
    /// Agents on all processes.
    pub(super) agents: usize,
    pub(super) fingerprint: u64,
    pub(super) objectives: Vec<F>,
    pub(super) exchange: E,
    pub(super) options: AdmmOptions,
    pub(super) policy: Option<Box<dyn StepPolicy>>,
    /// Own agents, then ghosts.
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    /// Own agents.
    pub(super) lambda: Vec<f64>,
    pub(super) v: Vec<f64>,
    pub(super) g: Vec<f64>,
    pub(super) scratch: Vec<f64>,
    /// α of own agents and ghosts in iterations where each has its own, and room for messages with it.
    pub(super) node_alpha: Vec<f64>,
    pub(super) message: Vec<f64>,
    pub(super) before: Before,
    /// Sums on their way between processes.
    pub(super) words: Vec<i64>,
    pub(super) iteration: usize,
    pub(super) alpha: f64,
    pub(super) changes: usize,
    pub(super) watch: Watch,
    pub(super) best: Best,
    /// What the last iteration has yet to do to v and g: it is done in the same pass as the next x.
    pub(super) pending: Pending,
    pub(super) failed: Option<(usize, LocalFailure)>,
    pub(super) accelerator: Option<Accelerator>,
}

/// The [`StepSizes`] of an iteration without the array.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Pending {
    /// Nothing.
    None,
    Global {
        alpha: f64,
        gamma: f64,
    },
    Nodes {
        gamma: f64,
    },
}

impl Pending {
    pub(super) fn steps(self, node_alpha: &[f64]) -> Option<StepSizes<'_>> {
        match self {
            Self::None => None,
            Self::Global { alpha, gamma } => Some(StepSizes::Global { alpha, gamma }),
            Self::Nodes { gamma } => Some(StepSizes::Nodes {
                alpha: node_alpha,
                gamma,
            }),
        }
    }
}

impl<F: LocalObjective> Admm<F> {
    /// All agents in this process, from x = 0.
    ///
    /// # Errors
    /// [`AdmmError::Length`] if there are not as many functions as agents, [`AdmmError::Dimension`], [`AdmmError::InvalidOption`].
    pub fn new(
        network: &Network,
        objectives: Vec<F>,
        options: AdmmOptions,
    ) -> Result<Self, AdmmError> {
        Self::on(
            Shard::whole(network),
            network.agents(),
            objectives,
            options,
            Alone::default(),
        )
    }

    /// All agents in this process, each with the variables that it has in a list, from x = 0.
    ///
    /// # Errors
    /// As [`Admm::new`]; [`AdmmError::Arguments`] where a function has not as many arguments as its agent has variables.
    ///
    /// # Examples
    /// See [`Variables`].
    pub fn general(
        variables: &Variables,
        objectives: Vec<F>,
        options: AdmmOptions,
    ) -> Result<Self, AdmmError> {
        Self::on(
            Shard::general(variables, |_| true),
            variables.network().agents(),
            objectives,
            options,
            Alone::default(),
        )
    }
}

impl<F: LocalObjective, E: Exchange> Admm<F, E> {
    /// The agents of a shard, of so many on all processes, with their functions in the order of the shard. Collective: all processes give the same options.
    ///
    /// # Errors
    /// As [`Admm::new`] or, for a shard of agents with variables of their own, [`Admm::general`]; [`AdmmError::Elsewhere`] where the functions of another process are wrong, or have another dimension than the own ones.
    pub fn on(
        mut shard: Shard,
        agents: usize,
        objectives: Vec<F>,
        options: AdmmOptions,
        mut exchange: E,
    ) -> Result<Self, AdmmError> {
        options.check()?;
        let agreed = agree_on(&shard, agents, &objectives, &mut exchange)?;
        let (
            Agreed {
                variables,
                total,
                fingerprint,
            },
            mut n,
        ) = (agreed, agreed.variables);
        if options.form == Form::Edges {
            shard.weigh_edges();
        }
        if shard.shared().is_some() {
            n = 1;
            shard.raise(|i| objectives[i].takes_scales());
        }
        let owned = shard.rows().owned();
        let all = (owned + shard.rows().ghosts()) * n;
        Ok(Self {
            n,
            variables,
            total,
            agents,
            fingerprint,
            objectives,
            exchange,
            policy: None,
            x: vec![0.0; all],
            y: vec![0.0; all],
            lambda: vec![0.0; owned * n],
            v: vec![0.0; owned * n],
            g: vec![0.0; owned * n],
            scratch: vec![0.0; owned * n],
            node_alpha: Vec::new(),
            message: Vec::new(),
            before: Before::default(),
            words: Vec::new(),
            iteration: 0,
            alpha: options.alpha,
            changes: 0,
            watch: Watch::default(),
            best: Best::default(),
            pending: Pending::None,
            failed: None,
            accelerator: options
                .acceleration
                .clone()
                .map(|anderson| Accelerator::new(anderson, owned, n, options.deterministic)),
            options,
            shard,
        })
    }

    /// Lets a policy choose the step sizes of the first iterations.
    #[must_use]
    pub fn with_policy(mut self, policy: impl StepPolicy + 'static) -> Self {
        self.policy = Some(Box::new(policy));
        self
    }

    /// Agents and neighbours of this process.
    #[must_use]
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Variables that the agents agree on: the dimension n of all functions, or the number N of [`Variables`].
    #[must_use]
    pub fn dim(&self) -> usize {
        self.variables
    }

    /// Numbers of own agents.
    pub(super) fn own(&self) -> usize {
        self.shard.rows().owned() * self.n
    }

    /// Where those of own agent i are.
    pub(super) fn numbers(&self, i: usize) -> Range<usize> {
        let nodes = self.shard.nodes(i..i + 1);
        nodes.start * self.n..nodes.end * self.n
    }

    /// A number that tells the graph and its weights from others, the same on all processes and however agents are spread over them.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Iterations since the start.
    #[must_use]
    pub fn iteration(&self) -> usize {
        self.iteration
    }

    /// x of own agent i (n, or n_i), in the order of the shard.
    #[must_use]
    pub fn x(&self, i: usize) -> &[f64] {
        &self.x[self.numbers(i)]
    }

    /// x of all own agents (agents × n, or n_i of each after those of another), in the order of the shard.
    #[must_use]
    pub fn states(&self) -> &[f64] {
        &self.x[..self.own()]
    }

    /// y of own agent i (n, or n_i), `γ (A x)_i / (d_i + 1)` or, with [`Form::Edges`], `γ x_i / 2`.
    #[must_use]
    pub fn y(&self, i: usize) -> &[f64] {
        &self.y[self.numbers(i)]
    }

    /// λ of own agent i (n, or n_i).
    #[must_use]
    pub fn lambda(&self, i: usize) -> &[f64] {
        &self.lambda[self.numbers(i)]
    }

    /// The functions of own agents, in the order of the shard.
    #[must_use]
    pub fn objectives(&self) -> &[F] {
        &self.objectives
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> &AdmmOptions {
        &self.options
    }

    /// The functions of own agents, to change their data between solves: the iterates stay, a warm start.
    pub fn objectives_mut(&mut self) -> &mut [F] {
        // What is remembered belongs to other functions.
        if let Some(accelerator) = &mut self.accelerator {
            accelerator.memory.restart();
        }
        &mut self.objectives
    }

    /// How processes talk.
    #[must_use]
    pub fn exchange(&self) -> &E {
        &self.exchange
    }

    /// Starts again from x (n or n_i numbers of each own agent, in the order of the shard), with λ = 0.
    ///
    /// # Errors
    /// [`AdmmError::Length`] or [`AdmmError::NonFinite`], and [`AdmmError::Elsewhere`] on the other processes; the iterates stay.
    pub fn start_from(&mut self, x: &[f64]) -> Result<(), AdmmError> {
        let (own, n) = (self.own(), self.n);
        let fits = require_length("starting point", x.len(), own)
            .and_then(|()| require_finite("starting point", x));
        agree(fits, &mut self.exchange)?;
        self.x[..own].copy_from_slice(x);
        self.v.copy_from_slice(x);
        self.lambda.fill(0.0);
        self.g.fill(0.0);
        self.exchange.start(&self.x[..own], n);
        self.exchange.finish(&mut self.x[own..], n);
        // With these y the copies z are those of x, projected.
        let steps = StepSizes::Global {
            alpha: 0.0,
            gamma: 1.0,
        };
        if self.options.form == Form::Edges {
            let (alpha, gamma) = (0.0, 1.0);
            self.halve(Pending::Global { alpha, gamma });
        } else {
            let y = &mut self.y[..own];
            let lambda = &mut self.lambda;
            update_y(self.shard.rows(), n, 0, &self.x, &steps, y, lambda);
            self.share_y(false);
        }
        self.pending = Pending::None;
        let mut agents = Agents {
            first: 0,
            starts: self.shard.starts(0..self.shard.owned()),
            objectives: &mut self.objectives,
            x: &mut self.x[..own],
            v: &mut self.v,
            g: &mut self.g,
            scratch: &mut self.scratch,
        };
        agents.condense(self.shard.rows(), &self.y, &steps);
        self.before = Before::default();
        if let Some(accelerator) = &mut self.accelerator {
            accelerator.memory.restart();
        }
        self.iteration = 0;
        self.alpha = self.options.alpha;
        self.changes = 0;
        self.watch = Watch::default();
        self.best = Best::default();
        self.failed = None;
        Ok(())
    }
}
