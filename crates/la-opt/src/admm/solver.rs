//! The iteration.

use super::anderson::Accelerator;
use super::exchange::{Alone, Exchange};
use super::measure::Before;
use super::objective::{LocalObjective, require_finite, require_length};
use super::steps::{NodeView, Plan, clamp_alpha, clamp_gamma};
use super::sweep::{Agents, Failed, update_y};
use super::{
    AdmmError, AdmmOptions, ExactSum, LocalFailure, Network, Shard, StepPolicy, StepSizes,
};

/// Agents that minimise the sum of their functions by talking to their neighbours.
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
    pub(super) n: usize,
    /// Agents on all processes.
    pub(super) agents: usize,
    pub(super) fingerprint: u64,
    pub(super) objectives: Vec<F>,
    pub(super) exchange: E,
    pub(super) options: AdmmOptions,
    policy: Option<Box<dyn StepPolicy>>,
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
    message: Vec<f64>,
    pub(super) before: Before,
    /// Sums on their way between processes.
    pub(super) words: Vec<i64>,
    pub(super) iteration: usize,
    pub(super) alpha: f64,
    pub(super) changes: usize,
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
}

impl<F: LocalObjective, E: Exchange> Admm<F, E> {
    /// The agents of a shard, of so many on all processes, with their functions in the order of the shard. Collective: all processes give the same options.
    ///
    /// # Errors
    /// As [`Admm::new`]; [`AdmmError::Elsewhere`] where the functions of another process are wrong, or have another dimension than the own ones.
    pub fn on(
        shard: Shard,
        agents: usize,
        objectives: Vec<F>,
        options: AdmmOptions,
        mut exchange: E,
    ) -> Result<Self, AdmmError> {
        options.check()?;
        let owned = shard.owned();
        let (n, fingerprint) = agree_on(&shard, agents, &objectives, &mut exchange)?;
        let all = (owned + shard.ghosts()) * n;
        Ok(Self {
            n,
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

    /// Dimension n of the functions.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.n
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

    /// x of own agent i (n), in the order of the shard.
    #[must_use]
    pub fn x(&self, i: usize) -> &[f64] {
        &self.x[i * self.n..(i + 1) * self.n]
    }

    /// x of all own agents (agents × n), in the order of the shard.
    #[must_use]
    pub fn states(&self) -> &[f64] {
        &self.x[..self.shard.owned() * self.n]
    }

    /// y of own agent i (n), `γ (A x)_i / (d_i + 1)`.
    #[must_use]
    pub fn y(&self, i: usize) -> &[f64] {
        &self.y[i * self.n..(i + 1) * self.n]
    }

    /// λ of own agent i (n).
    #[must_use]
    pub fn lambda(&self, i: usize) -> &[f64] {
        &self.lambda[i * self.n..(i + 1) * self.n]
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
            accelerator.restart();
        }
        &mut self.objectives
    }

    /// How processes talk.
    #[must_use]
    pub fn exchange(&self) -> &E {
        &self.exchange
    }

    /// Starts again from x (n numbers of each own agent, in the order of the shard), with λ = 0.
    ///
    /// # Errors
    /// [`AdmmError::Length`] or [`AdmmError::NonFinite`], and [`AdmmError::Elsewhere`] on the other processes; the iterates stay.
    pub fn start_from(&mut self, x: &[f64]) -> Result<(), AdmmError> {
        let (owned, n) = (self.shard.owned(), self.n);
        let fits = require_length("starting point", x.len(), owned * n)
            .and_then(|()| require_finite("starting point", x));
        agree(fits, &mut self.exchange)?;
        self.x[..owned * n].copy_from_slice(x);
        self.v.copy_from_slice(x);
        self.lambda.fill(0.0);
        self.g.fill(0.0);
        self.exchange.start(&self.x[..owned * n], n);
        self.exchange.finish(&mut self.x[owned * n..], n);
        // With these y the copies z are those of x, projected.
        let steps = StepSizes::Global {
            alpha: 0.0,
            gamma: 1.0,
        };
        let y = &mut self.y[..owned * n];
        update_y(&self.shard, n, 0, &self.x, &steps, y, &mut self.lambda);
        self.start_y(false);
        self.finish_y(false);
        self.pending = Pending::None;
        let mut agents = Agents {
            first: 0,
            objectives: &mut self.objectives,
            x: &mut self.x[..owned * n],
            v: &mut self.v,
            g: &mut self.g,
            scratch: &mut self.scratch,
        };
        agents.condense(&self.shard, &self.y, &steps);
        self.before = Before::default();
        if let Some(accelerator) = &mut self.accelerator {
            accelerator.restart();
        }
        self.iteration = 0;
        self.alpha = self.options.alpha;
        self.changes = 0;
        self.failed = None;
        Ok(())
    }

    /// Ghosts learn y, and α where each agent has its own.
    #[cfg(feature = "serde")]
    pub(super) fn share_y(&mut self, with_alpha: bool) {
        self.start_y(with_alpha);
        self.finish_y(with_alpha);
    }

    /// Sends y, and α where each agent has its own.
    fn start_y(&mut self, with_alpha: bool) {
        let (owned, n) = (self.shard.owned(), self.n);
        if !with_alpha || self.exchange.ranks() == 1 {
            self.exchange.start(&self.y[..owned * n], n);
            return;
        }
        self.message.resize(self.node_alpha.len() * (n + 1), 0.0);
        let agents = self.message.chunks_exact_mut(n + 1);
        for (i, agent) in agents.take(self.shard.boundary()).enumerate() {
            agent[..n].copy_from_slice(&self.y[i * n..(i + 1) * n]);
            agent[n] = self.node_alpha[i];
        }
        self.exchange.start(&self.message[..owned * (n + 1)], n + 1);
    }

    fn finish_y(&mut self, with_alpha: bool) {
        let (owned, n) = (self.shard.owned(), self.n);
        if !with_alpha || self.exchange.ranks() == 1 {
            self.exchange.finish(&mut self.y[owned * n..], n);
            return;
        }
        let ghosts = &mut self.message[owned * (n + 1)..self.node_alpha.len() * (n + 1)];
        self.exchange.finish(ghosts, n + 1);
        for (at, ghost) in ghosts.chunks_exact(n + 1).enumerate() {
            let i = owned + at;
            self.y[i * n..(i + 1) * n].copy_from_slice(&ghost[..n]);
            self.node_alpha[i] = ghost[n];
        }
    }

    /// Does so many iterations, without looking at residuals or changing α.
    ///
    /// # Errors
    /// The first own agent without an answer, by its global number, and why; it keeps its x. Other processes go on and are told by [`Admm::solve`].
    pub fn iterate(&mut self, count: usize) -> Result<(), (usize, LocalFailure)> {
        for _ in 0..count {
            self.step();
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// One iteration.
    pub(super) fn step(&mut self) {
        self.accelerate();
        let next = self.choose();
        self.pass_x(next);
        self.pass_y(next);
        self.pending = next;
        self.iteration += 1;
    }

    /// Extrapolates from the last iterations, where their step sizes were those of the next one.
    fn accelerate(&mut self) {
        if self.accelerator.is_none() {
            return;
        }
        let (alpha, gamma) = (self.alpha, self.options.gamma);
        let same = self.pending == Pending::Global { alpha, gamma };
        if same && !self.has_plans() {
            self.condense();
        }
        let Some(accelerator) = &mut self.accelerator else {
            return;
        };
        if !same || self.pending != Pending::None {
            return accelerator.restart();
        }
        let state = [&mut self.v[..], &mut self.g[..], &mut self.lambda[..]];
        accelerator.advance(alpha, &self.shard, state, &mut self.exchange);
    }

    /// Whether the policy is asked in the next iteration.
    fn has_plans(&self) -> bool {
        (self.policy.as_ref()).is_some_and(|policy| self.iteration < policy.horizon())
    }

    /// Whether the next iterations may add up over processes, so that no other sum can be under way.
    pub(super) fn sums_in_iterations(&self) -> bool {
        #[cfg(feature = "serde")]
        if self.options.checkpoint.is_some() {
            return true;
        }
        self.accelerator.is_some() || self.has_plans()
    }

    /// The step sizes of this iteration. Where agents choose, v and g are brought up to date before they are asked.
    fn choose(&mut self) -> Pending {
        let k = self.iteration;
        let plan = match &mut self.policy {
            Some(policy) if k < policy.horizon() => policy.plan(k),
            _ => {
                return Pending::Global {
                    alpha: self.alpha,
                    gamma: self.options.gamma,
                };
            }
        };
        let clamped = |gamma| clamp_gamma(gamma, self.options.gamma);
        match plan {
            Plan::Global { alpha, gamma } => Pending::Global {
                alpha: clamp_alpha(alpha, self.options.alpha),
                gamma: clamped(gamma),
            },
            Plan::Nodes { gamma } => {
                let gamma = clamped(gamma);
                self.ask(k);
                Pending::Nodes { gamma }
            }
            Plan::Mean { gamma } => {
                let gamma = clamped(gamma);
                self.ask(k);
                let alpha = self.mean_answer();
                Pending::Global { alpha, gamma }
            }
        }
    }

    /// α of each own agent by the policy.
    fn ask(&mut self, k: usize) {
        self.condense();
        let n = self.n;
        self.node_alpha.resize(self.x.len() / n, self.options.alpha);
        let Some(policy) = &mut self.policy else {
            return;
        };
        let mut y_neighbours = std::mem::take(&mut self.message);
        y_neighbours.resize((n + 1).max(2 * n) * self.node_alpha.len(), 0.0);
        let (y_sum, lambda_sum) = y_neighbours.split_at_mut(n);
        for i in 0..self.shard.owned() {
            let own = i * n..(i + 1) * n;
            let degree = self.shard.weighted_degree(i);
            y_sum.fill(0.0);
            let (neighbours, weights) = self.shard.edges(i);
            for (&j, w) in neighbours.iter().zip(weights) {
                let j = j as usize;
                for (s, y) in y_sum.iter_mut().zip(&self.y[j * n..(j + 1) * n]) {
                    *s -= w * y;
                }
            }
            let lambda = &self.lambda[own.clone()];
            let of_neighbours = lambda_sum.iter_mut().zip(&self.g[own.clone()]);
            for ((s, g), l) in of_neighbours.zip(lambda) {
                *s = g - degree * l;
            }
            let view = NodeView {
                agent: self.shard.ids()[i] as usize,
                x: &self.x[own.clone()],
                y: &self.y[own],
                y_neighbours: y_sum,
                lambda,
                lambda_neighbours: &lambda_sum[..n],
                weighted_degree: degree,
            };
            self.node_alpha[i] = clamp_alpha(policy.step(k, &view), self.options.alpha);
        }
        self.message = y_neighbours;
    }

    fn mean_answer(&mut self) -> f64 {
        let answers = &self.node_alpha[..self.shard.owned()];
        let total = total(answers.iter().copied(), &self.options, &mut self.exchange);
        total / self.agents as f64
    }

    /// v and g of the last iteration.
    fn condense(&mut self) {
        let own = self.shard.owned() * self.n;
        if let Some(last) = self.pending.steps(&self.node_alpha) {
            let mut agents = Agents {
                first: 0,
                objectives: &mut self.objectives,
                x: &mut self.x[..own],
                v: &mut self.v,
                g: &mut self.g,
                scratch: &mut self.scratch,
            };
            agents.condense(&self.shard, &self.y, &last);
        }
        self.pending = Pending::None;
    }

    /// x of all own agents: those at the boundary first, so that their messages travel while the others compute.
    fn pass_x(&mut self, next: Pending) {
        let (n, boundary, owned) = (self.n, self.shard.boundary(), self.shard.owned());
        let Some(next) = next.steps(&self.node_alpha) else {
            return;
        };
        let last = self.pending.steps(&self.node_alpha);
        let mut failed: Failed = None;
        let (x, ghosts) = self.x.split_at_mut(owned * n);
        for (inside, range) in [0..boundary, boundary..owned].into_iter().enumerate() {
            if inside == 1 {
                self.exchange.start(x, n);
            }
            if range.is_empty() {
                continue;
            }
            let numbers = range.start * n..range.end * n;
            let mut agents = Agents {
                first: range.start,
                objectives: &mut self.objectives[range],
                x: &mut x[numbers.clone()],
                v: &mut self.v[numbers.clone()],
                g: &mut self.g[numbers.clone()],
                scratch: &mut self.scratch[numbers],
            };
            failed = failed.or(agents.update_x(&self.shard, &self.y, last.as_ref(), &next));
        }
        self.exchange.finish(ghosts, n);
        if self.failed.is_none() {
            self.failed = failed.map(|(i, why)| (self.shard.ids()[i] as usize, why));
        }
    }

    /// y and λ of all own agents, in the same order.
    fn pass_y(&mut self, next: Pending) {
        let (n, boundary, owned) = (self.n, self.shard.boundary(), self.shard.owned());
        let with_alpha = matches!(next, Pending::Nodes { .. });
        for (inside, range) in [0..boundary, boundary..owned].into_iter().enumerate() {
            if inside == 1 {
                self.start_y(with_alpha);
            }
            let Some(steps) = next.steps(&self.node_alpha) else {
                continue;
            };
            if range.is_empty() {
                continue;
            }
            let numbers = range.start * n..range.end * n;
            let (y, lambda) = (&mut self.y[numbers.clone()], &mut self.lambda[numbers]);
            update_y(&self.shard, n, range.start, &self.x, &steps, y, lambda);
        }
        self.finish_y(with_alpha);
    }
}

/// Ends in an error on all processes where there is one on any. Collective.
pub(super) fn agree<T>(
    own: Result<T, AdmmError>,
    exchange: &mut impl Exchange,
) -> Result<T, AdmmError> {
    let mut wrong = [i64::from(own.is_err())];
    exchange.start_sum_integers(&wrong);
    exchange.finish_sum_integers(&mut wrong);
    match wrong {
        [0] => own,
        _ => own.and(Err(AdmmError::Elsewhere)),
    }
}

/// The dimension of all functions, which a process without agents learns from the others, and the fingerprint.
fn agree_on<F: LocalObjective>(
    shard: &Shard,
    agents: usize,
    objectives: &[F],
    exchange: &mut impl Exchange,
) -> Result<(usize, u64), AdmmError> {
    let own = own_dimension(shard, objectives);
    let (owned, n) = (shard.owned() as i64, *own.as_ref().unwrap_or(&0) as i64);
    let (high, low) = (0..shard.owned()).fold((0, 0), |(high, low), i| {
        let hash = shard.fingerprint(i);
        (
            high + (hash >> 32) as i64,
            low + (hash & 0xffff_ffff) as i64,
        )
    });
    // By Cauchy and Schwarz the third and the fourth belong to equal dimensions alone.
    let wrong = i64::from(own.is_err());
    let mut sums = [wrong, owned, owned * n, owned * n * n, high, low];
    exchange.start_sum_integers(&sums);
    exchange.finish_sum_integers(&mut sums);
    own?;
    let [wrong, all, first, second, high, low] = sums;
    let n = first / all.max(1);
    if wrong > 0 || n * all != first || n * first != second {
        return Err(AdmmError::Elsewhere);
    }
    require_length("list of agents of all processes", all as usize, agents)?;
    let fingerprint = (high as u64).rotate_left(32).wrapping_add(low as u64);
    Ok((n.max(1) as usize, fingerprint))
}

/// The dimension of own functions, 0 where there are none.
fn own_dimension<F: LocalObjective>(shard: &Shard, objectives: &[F]) -> Result<usize, AdmmError> {
    require_length("list of local functions", objectives.len(), shard.owned())?;
    let n = objectives.first().map_or(0, LocalObjective::dim);
    match objectives.iter().position(|f| f.dim() != n || f.dim() == 0) {
        None => Ok(n),
        Some(agent) => Err(AdmmError::Dimension {
            agent: shard.ids()[agent] as usize,
            dim: objectives[agent].dim(),
            expected: n,
        }),
    }
}

/// The sum of numbers of own agents over all processes.
pub(super) fn total(
    terms: impl Iterator<Item = f64>,
    options: &AdmmOptions,
    exchange: &mut impl Exchange,
) -> f64 {
    if !options.deterministic {
        let mut sum = [terms.sum::<f64>()];
        exchange.start_sum(&sum);
        exchange.finish_sum(&mut sum);
        return sum[0];
    }
    let mut sum = ExactSum::default();
    terms.for_each(|term| sum.add(term));
    if exchange.ranks() == 1 {
        return sum.value();
    }
    let mut words = [0; ExactSum::WORDS];
    sum.limbs(&mut words);
    exchange.start_sum_integers(&words);
    exchange.finish_sum_integers(&mut words);
    ExactSum::from_limbs(&words).value()
}
