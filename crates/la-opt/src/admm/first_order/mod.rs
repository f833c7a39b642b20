//! Decentralised methods with one exchange between neighbours for each iteration, to compare with.

mod averaging;
mod mixing;

pub use averaging::ChebyshevAveraging;
pub use mixing::Mixing;

use super::objective::{LocalObjective, require_finite, require_length};
use super::{AdmmError, Network};

/// Which method, and its step size.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum FirstOrderMethod {
    /// `x⁺⁺ = (1 + W) x⁺ − ½ (1 + W) x − step (∇f(x⁺) − ∇f(x))`. W. Shi, Q. Ling, G. Wu, W. Yin, *SIAM J. Optim.* 25(2), 944–966, 2015, algorithm 1.
    Extra {
        /// Step size.
        step: f64,
    },
    /// `x⁺ = W x − step y`, `y⁺ = W y + ∇f(x⁺) − ∇f(x)`. A. Nedić, A. Olshevsky, W. Shi, *SIAM J. Optim.* 27(4), 2597–2633, 2017, algorithm 1.
    Diging {
        /// Step size.
        step: f64,
    },
    /// ADMM with a copy on each edge. W. Shi, Q. Ling, K. Yuan, G. Wu, W. Yin, *IEEE Trans. Signal Process.* 62(7), 1750–1761, 2014, algorithm 1.
    EdgeAdmm {
        /// Penalty c.
        penalty: f64,
    },
}

impl FirstOrderMethod {
    /// EXTRA with half the step below which it is proved to converge, `2 λ_min(½ (1 + W)) / L`, where L is a Lipschitz constant of all local gradients; the eigenvalue by a bound.
    #[must_use]
    pub fn extra(mixing: &Mixing, lipschitz: f64) -> Self {
        Self::Extra {
            step: 0.5 * (1.0 + mixing.least_eigenvalue_bound()) / lipschitz,
        }
    }

    /// DIGing with the step `(1 − σ)² / (160 L)`, where σ bounds all eigenvalues of W but the first: very small. It is proved for functions that are convex and no more
    /// (G. Qu, N. Li, *IEEE Trans. Control Netw. Syst.* 5(3), 2018, theorem 3); steps a hundred times as large often converge.
    #[must_use]
    pub fn diging(mixing: &Mixing, lipschitz: f64) -> Self {
        let least = mixing.least_eigenvalue_bound();
        let sigma = mixing.second_eigenvalue().abs().max(least.abs());
        Self::Diging {
            step: (1.0 - sigma).powi(2) / (160.0 * lipschitz),
        }
    }

    fn needs_gradients(self) -> bool {
        !matches!(self, Self::EdgeAdmm { .. })
    }
}

/// Agents that minimise the sum of their functions, from x = 0, by one of these methods on one thread.
///
/// With a tuned step, [`FirstOrderMethod::EdgeAdmm`] and [`FirstOrderMethod::Extra`] reach an accuracy with far fewer messages than [`Admm`](super::Admm), whose constraint squares the condition of the graph
/// in its default form (`docs/papers/distributed-admm.md` has numbers). They have no stopping test, no adaptation and no ranks here; [`Form::Edges`](super::Form::Edges) is the first of them with all of that.
///
/// # Examples
/// ```
/// use la_opt::admm::{FirstOrder, FirstOrderMethod, Network, SquaredDistance};
///
/// let path = Network::from_edges(4, [(0, 1), (1, 2), (2, 3)])?;
/// let agents = [4.0, -2.0, 6.0, 0.0].map(|b| SquaredDistance::new(vec![b]));
/// let agents = agents.into_iter().collect::<Result<Vec<_>, _>>()?;
/// let mut extra = FirstOrder::new(&path, agents, FirstOrderMethod::Extra { step: 0.2 })?;
/// extra.iterate(200)?;
/// assert!((extra.x(0)[0] - 2.0).abs() < 1e-8);
/// assert_eq!((extra.rounds(), extra.scalars_per_edge()), (200, 200));
/// # Ok::<(), la_opt::admm::AdmmError>(())
/// ```
pub struct FirstOrder<F> {
    mixing: Mixing,
    n: usize,
    objectives: Vec<F>,
    method: FirstOrderMethod,
    x: Vec<f64>,
    gradient: Vec<f64>,
    gradient_before: Vec<f64>,
    /// EXTRA: x before, W x before. DIGing: y, W y. ADMM: the multipliers, neighbours' sums.
    first: Vec<f64>,
    second: Vec<f64>,
    mixed: Vec<f64>,
    new: Vec<f64>,
    iteration: usize,
}

impl<F: LocalObjective> FirstOrder<F> {
    /// From a graph, whose weights do not matter, and the functions of its agents.
    ///
    /// # Errors
    /// [`AdmmError::Length`] if there are not as many functions as agents, [`AdmmError::Dimension`], [`AdmmError::InvalidOption`] for a step that is not positive, [`AdmmError::NoGradient`].
    pub fn new(
        network: &Network,
        objectives: Vec<F>,
        method: FirstOrderMethod,
    ) -> Result<Self, AdmmError> {
        require_length(
            "list of local functions",
            objectives.len(),
            network.agents(),
        )?;
        let n = objectives.first().map_or(1, LocalObjective::dim);
        if let Some(agent) = objectives.iter().position(|f| f.dim() != n || n == 0) {
            return Err(AdmmError::Dimension {
                agent,
                dim: objectives[agent].dim(),
                expected: n,
            });
        }
        let (option, value) = match method {
            FirstOrderMethod::Extra { step } | FirstOrderMethod::Diging { step } => ("step", step),
            FirstOrderMethod::EdgeAdmm { penalty } => ("penalty", penalty),
        };
        if !(value > 0.0 && value.is_finite()) {
            return Err(AdmmError::InvalidOption {
                option,
                value,
                requirement: "positive",
            });
        }
        let zeros = vec![0.0; n * objectives.len()];
        let mut solver = Self {
            mixing: Mixing::metropolis(network),
            n,
            objectives,
            method,
            x: zeros.clone(),
            gradient: zeros.clone(),
            gradient_before: zeros.clone(),
            first: zeros.clone(),
            second: zeros.clone(),
            mixed: zeros.clone(),
            new: zeros,
            iteration: 0,
        };
        if method.needs_gradients() {
            solver.differentiate()?;
            if let FirstOrderMethod::Diging { .. } = method {
                solver.first.copy_from_slice(&solver.gradient);
            }
        }
        Ok(solver)
    }

    /// So many iterations.
    ///
    /// # Errors
    /// [`AdmmError::Agent`] where a function has no proximal step; [`AdmmError::NoGradient`].
    pub fn iterate(&mut self, count: usize) -> Result<(), AdmmError> {
        for _ in 0..count {
            match self.method {
                FirstOrderMethod::Extra { step } => self.extra(step)?,
                FirstOrderMethod::Diging { step } => self.diging(step)?,
                FirstOrderMethod::EdgeAdmm { penalty } => self.edge_admm(penalty)?,
            }
            self.iteration += 1;
        }
        Ok(())
    }

    /// x of agent i (n).
    #[must_use]
    pub fn x(&self, i: usize) -> &[f64] {
        &self.x[i * self.n..(i + 1) * self.n]
    }

    /// Iterations so far.
    #[must_use]
    pub fn iteration(&self) -> usize {
        self.iteration
    }

    /// Exchanges between neighbours so far.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.iteration
    }

    /// Numbers sent so far along each directed edge.
    #[must_use]
    pub fn scalars_per_edge(&self) -> usize {
        let width = match self.method {
            FirstOrderMethod::Diging { .. } => 2,
            FirstOrderMethod::Extra { .. } | FirstOrderMethod::EdgeAdmm { .. } => 1,
        };
        width * self.n * self.iteration
    }

    /// The gradients at x.
    fn differentiate(&mut self) -> Result<(), AdmmError> {
        let points = self.x.chunks_exact(self.n);
        let gradients = self.gradient.chunks_exact_mut(self.n);
        let mut agents = self.objectives.iter().zip(points.zip(gradients));
        match agents.position(|(f, (x, gradient))| !f.gradient(x, gradient)) {
            None => Ok(()),
            Some(agent) => Err(AdmmError::NoGradient { agent }),
        }
    }

    fn extra(&mut self, step: f64) -> Result<(), AdmmError> {
        self.mixing.apply(self.n, &self.x, &mut self.mixed);
        for k in 0..self.x.len() {
            self.new[k] = if self.iteration == 0 {
                self.mixed[k] - step * self.gradient[k]
            } else {
                self.x[k] + self.mixed[k]
                    - 0.5 * (self.first[k] + self.second[k])
                    - step * (self.gradient[k] - self.gradient_before[k])
            };
        }
        // x, W x and the gradient of this iteration are those before in the next one.
        std::mem::swap(&mut self.second, &mut self.mixed);
        std::mem::swap(&mut self.first, &mut self.x);
        std::mem::swap(&mut self.x, &mut self.new);
        std::mem::swap(&mut self.gradient_before, &mut self.gradient);
        self.differentiate()
    }

    fn diging(&mut self, step: f64) -> Result<(), AdmmError> {
        self.mixing.apply(self.n, &self.first, &mut self.second);
        self.mixing.apply(self.n, &self.x, &mut self.mixed);
        for (w, y) in self.mixed.iter_mut().zip(&self.first) {
            *w -= step * y;
        }
        std::mem::swap(&mut self.x, &mut self.mixed);
        std::mem::swap(&mut self.gradient_before, &mut self.gradient);
        self.differentiate()?;
        let gradients = self.gradient.iter().zip(&self.gradient_before);
        for ((y, w), (now, before)) in self.first.iter_mut().zip(&self.second).zip(gradients) {
            *y = w + now - before;
        }
        Ok(())
    }

    fn edge_admm(&mut self, penalty: f64) -> Result<(), AdmmError> {
        let n = self.n;
        let network = self.mixing.network();
        for i in 0..network.agents() {
            let own = i * n..(i + 1) * n;
            let degree = network.degree(i) as f64;
            let weight = 2.0 * penalty * degree;
            // Half the sum of x_i + x_j over the neighbours, which have sent theirs after the last iteration.
            let centre = &mut self.new[own.clone()];
            neighbour_sum(network, n, i, &self.x, centre);
            for (c, k) in centre.iter_mut().zip(own.clone()) {
                *c = (degree * self.x[k] + *c) / (2.0 * degree) - self.first[k] / weight;
            }
            let x = &mut self.mixed[own.clone()];
            x.copy_from_slice(&self.x[own]);
            let solved = self.objectives[i].prox(weight, centre, x);
            solved.map_err(|failure| AdmmError::Agent { agent: i, failure })?;
        }
        std::mem::swap(&mut self.x, &mut self.mixed);
        for i in 0..network.agents() {
            let sum = &mut self.second[..n];
            neighbour_sum(network, n, i, &self.x, sum);
            let degree = network.degree(i) as f64;
            for (s, k) in sum.iter().zip(i * n..) {
                self.first[k] += penalty * (degree * self.x[k] - s);
            }
        }
        Ok(())
    }
}

/// The sum of what the neighbours of agent i hold.
fn neighbour_sum(network: &Network, n: usize, i: usize, values: &[f64], sum: &mut [f64]) {
    sum.fill(0.0);
    for &j in network.neighbours(i) {
        for (s, v) in sum.iter_mut().zip(&values[j as usize * n..]) {
            *s += v;
        }
    }
}
