//! What is added up over the agents where residuals are looked at.

use std::ops::Range;

use super::Form;
use super::exact_sum::ExactSum;
use super::exchange::Exchange;
use super::shard::Shard;
use super::steps::StepSizes;

/// Numbers that are summed.
const SUMS: usize = 9;

/// Sums over agents, exact or not.
#[derive(Debug, Clone)]
pub(super) enum Sums {
    Exact(Vec<ExactSum>),
    Plain([f64; SUMS]),
}

impl Sums {
    pub(super) fn new(deterministic: bool) -> Self {
        if deterministic {
            Self::Exact(vec![ExactSum::default(); SUMS])
        } else {
            Self::Plain([0.0; SUMS])
        }
    }

    fn add(&mut self, terms: &[f64; SUMS]) {
        match self {
            Self::Exact(sums) => {
                for (sum, &term) in sums.iter_mut().zip(terms) {
                    if term != 0.0 {
                        sum.add(term);
                    }
                }
            }
            Self::Plain(sums) => {
                for (sum, term) in sums.iter_mut().zip(terms) {
                    *sum += term;
                }
            }
        }
    }

    #[cfg(feature = "rayon")]
    fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Exact(sums), Self::Exact(others)) => {
                for (sum, other) in sums.iter_mut().zip(others) {
                    sum.merge(other);
                }
            }
            (Self::Plain(sums), Self::Plain(others)) => {
                for (sum, other) in sums.iter_mut().zip(others) {
                    *sum += other;
                }
            }
            _ => {}
        }
    }

    /// Begins to add up over all processes.
    fn start(&self, words: &mut Vec<i64>, exchange: &mut impl Exchange) {
        match self {
            Self::Exact(sums) => {
                words.resize(SUMS * ExactSum::WORDS, 0);
                for (sum, words) in sums.iter().zip(words.chunks_exact_mut(ExactSum::WORDS)) {
                    sum.limbs(words);
                }
                exchange.start_sum_integers(words);
            }
            Self::Plain(sums) => exchange.start_sum(sums),
        }
    }
}

/// Waits for the totals over all processes.
pub(super) fn finish(
    deterministic: bool,
    words: &mut [i64],
    exchange: &mut impl Exchange,
) -> Measure {
    let mut totals = [0.0; SUMS];
    if deterministic {
        exchange.finish_sum_integers(words);
        for (total, words) in totals.iter_mut().zip(words.chunks_exact(ExactSum::WORDS)) {
            *total = ExactSum::from_limbs(words).value();
        }
    } else {
        exchange.finish_sum(&mut totals);
    }
    let [primal, dual, copies, prices, a, b, c, d, stops] = totals;
    Measure {
        primal,
        dual,
        copies,
        prices,
        steps: [a, b, c, d],
        stops,
    }
}

/// Squared norms of residuals, and of what they are differences of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    /// `Σ ‖(A x)_i‖² / (d_i + 1)`, the distance of the copies from agreement; `Σ_i Σ_j w_ij ‖x_i − x_j‖² / 4` in the form of the edges.
    pub(super) primal: f64,
    /// `Σ ‖s_i‖²` with `s_i ∈ ∂f_i(x_i) + (A λ)_i`.
    pub(super) dual: f64,
    /// `Σ M_i ‖x_i‖²`.
    pub(super) copies: f64,
    /// `Σ ‖(A λ)_i‖²`.
    pub(super) prices: f64,
    /// Since the last look: `Σ M_i ‖Δx_i‖²`, `Σ Δx_i · Δψ_i`, `Σ ‖Δψ_i‖² / M_i`, with the subgradients ψ_i, and `Σ ‖(A Δx)_i‖² / (d_i + 1)`, or `Δxᵀ A Δx / 2`. Zero at the first look.
    pub(super) steps: [f64; 4],
    /// Processes that want to stop: out of time, or an agent failed.
    pub(super) stops: f64,
}

/// The state of own agents that is looked at.
pub(super) struct Look<'a> {
    /// The graph of nodes.
    pub(super) rows: &'a Shard,
    /// Where the nodes of agents begin, and the end, where agents have several.
    pub(super) starts: Option<&'a [u32]>,
    /// Numbers of a node.
    pub(super) n: usize,
    pub(super) x: &'a [f64],
    pub(super) y: &'a [f64],
    pub(super) v: &'a [f64],
    pub(super) g: &'a [f64],
    pub(super) last: StepSizes<'a>,
    pub(super) form: Form,
}

impl Look<'_> {
    fn agents(&self) -> usize {
        self.starts.map_or(self.rows.owned(), |s| s.len() - 1)
    }

    /// The nodes of some agents.
    fn nodes(&self, agents: Range<usize>) -> Range<usize> {
        self.starts.map_or(agents.clone(), |s| {
            s[agents.start] as usize..s[agents.end] as usize
        })
    }
}

/// x, ψ and `(A x)_i / (d_i + 1)`, or half of `(A x)_i`, of own agents at the last look, agent by agent (3 n numbers of each).
#[derive(Debug, Clone, Default)]
pub(super) struct Before {
    pub(super) numbers: Vec<f64>,
    /// Whether there was one.
    pub(super) looked: bool,
}

/// Adds up over own agents and begins to do so over processes; `before`, if it is kept, becomes now.
pub(super) fn start(
    look: &Look<'_>,
    before: &mut Before,
    deterministic: bool,
    stop: bool,
    words: &mut Vec<i64>,
    exchange: &mut impl Exchange,
) {
    let owned = look.agents();
    let mut sums = Sums::new(deterministic);
    add_agents(
        look,
        0,
        owned,
        &mut before.numbers,
        before.looked,
        &mut sums,
    );
    before.looked = true;
    if stop {
        let mut terms = [0.0; SUMS];
        terms[SUMS - 1] = 1.0;
        sums.add(&terms);
    }
    sums.start(words, exchange);
}

/// Own agents from which on the pass is split over threads.
#[cfg(feature = "rayon")]
const PARALLEL: usize = 1024;

fn add_agents(
    look: &Look<'_>,
    first: usize,
    count: usize,
    before: &mut [f64],
    looked: bool,
    sums: &mut Sums,
) {
    #[cfg(feature = "rayon")]
    if count >= 2 * PARALLEL && rayon::current_num_threads() > 1 {
        let half = count / 2;
        let nodes = look.nodes(first..first + half).len();
        let cut = (nodes * 3 * look.n).min(before.len());
        let (before_1, before_2) = before.split_at_mut(cut);
        let mut other = Sums::new(matches!(sums, Sums::Exact(_)));
        rayon::join(
            || add_agents(look, first, half, before_1, looked, sums),
            || {
                add_agents(
                    look,
                    first + half,
                    count - half,
                    before_2,
                    looked,
                    &mut other,
                )
            },
        );
        sums.merge(&other);
        return;
    }
    let start = look.nodes(first..first).start;
    for agent in first..first + count {
        let mut terms = [0.0; SUMS];
        for i in look.nodes(agent..agent + 1) {
            add_node(look, i, start, before, looked, &mut terms);
        }
        sums.add(&terms);
    }
}

/// The terms of node i; `before` begins with those of node `start`.
#[inline]
fn add_node(
    look: &Look<'_>,
    i: usize,
    start: usize,
    before: &mut [f64],
    looked: bool,
    terms: &mut [f64; SUMS],
) {
    let n = look.n;
    let (neighbours, weights) = look.rows.edges(i);
    let own = i * n..(i + 1) * n;
    let (x, y) = (&look.x[own.clone()], &look.y[own.clone()]);
    let (v, g) = (&look.v[own.clone()], &look.g[own]);
    let degree = look.rows.weighted_degree(i);
    let norm = look.rows.column_norm(i);
    let rows = (neighbours.len() + 1) as f64;
    let weight = look.last.of(i) * norm;
    for c in 0..n {
        // g after this iteration, less g before it.
        let mut change = degree * (look.last.of(i) * y[c]);
        for (&j, &w) in neighbours.iter().zip(weights) {
            let j = j as usize;
            change -= w * (look.last.of(j) * look.y[j * n + c]);
        }
        let (residual, distance) = match look.form {
            Form::Nodes => {
                let residual = y[c] / look.last.gamma();
                (residual, rows * residual * residual)
            }
            Form::Edges => {
                let each = neighbours.iter().zip(weights);
                let each = each.map(|(&j, &w)| (w, y[c] - look.y[j as usize * n + c]));
                edges(each, look.last.gamma())
            }
        };
        terms[0] += distance;
        // −ψ is what the x-update balanced: g + α M (x − v).
        let balance = weight * (x[c] - v[c]);
        let stationarity = change - balance;
        terms[1] += stationarity * stationarity;
        terms[2] += norm * x[c] * x[c];
        let price = g[c] + change;
        terms[3] += price * price;
        if !before.is_empty() {
            let now = [x[c], -(g[c] + balance), residual];
            let old = &mut before[3 * ((i - start) * n + c)..][..3];
            if looked {
                let [dx, dpsi, dr] = [0, 1, 2].map(|k| now[k] - old[k]);
                terms[4] += norm * dx * dx;
                terms[5] += dx * dpsi;
                terms[6] += dpsi * dpsi / norm;
                terms[7] += match look.form {
                    Form::Nodes => rows * dr * dr,
                    Form::Edges => dx * dr,
                };
            }
            old.copy_from_slice(&now);
        }
    }
}

/// Half of `(A x)_i` and `Σ_j w_ij (x_i − x_j)² / 4` of one number of node i, from the differences of `y = γ x / 2`.
fn edges(differences: impl Iterator<Item = (f64, f64)>, gamma: f64) -> (f64, f64) {
    differences.fold((0.0, 0.0), |(half, square), (w, difference)| {
        let difference = difference / gamma;
        (half + w * difference, square + w * difference * difference)
    })
}
