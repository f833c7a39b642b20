//! Decisions, and passes over the agents.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::{Conj, MatMut, MatRef, Par, Spec};

use super::Anderson;
use super::agent::{Layout, Next, measure_agent, write_agent};
use super::memory::Memory;
use super::sums::Sums;
use crate::admm::exact_sum::ExactSum;
use crate::admm::exchange::Exchange;
use crate::admm::shard::Shard;

/// Factor and power of the bound on residuals of extrapolated iterates, as the authors choose them.
const BOUND: (f64, f64) = (1e6, 1.0 + 1e-6);

/// Most plain iterations before another attempt, in memories.
const PATIENCE: usize = 64;

/// Weight of what is known in the mean of rates.
const FADE: f64 = 0.8;

/// Own agents of a chunk of the passes.
const CHUNK: usize = 1024;

/// The state of the acceleration on one process.
pub(in crate::admm) struct Accelerator {
    pub(in crate::admm) options: Anderson,
    pub(in crate::admm) memory: Memory,
    /// For each own agent: u without λ, the f and W before it, the present f, W where extrapolations began, and the columns of ΔF and ΔW.
    pub(in crate::admm) store: Vec<f64>,
    n: usize,
    chunks: Vec<Sums>,
    total: Vec<f64>,
    words: Vec<i64>,
    theta: Vec<f64>,
    factor: Vec<f64>,
    scratch: MemBuffer,
}

/// v, g and λ of some agents.
struct State<'a> {
    v: &'a mut [f64],
    g: &'a mut [f64],
    lambda: &'a mut [f64],
}

impl Accelerator {
    /// Numbers of an agent in the store.
    #[cfg(feature = "serde")]
    pub(in crate::admm) fn numbers(&self) -> usize {
        self.layout().stride()
    }

    pub(in crate::admm) fn new(
        options: Anderson,
        owned: usize,
        n: usize,
        deterministic: bool,
    ) -> Self {
        let m = options.memory;
        let sums = 2 * m + 1;
        let chunks = (0..owned.div_ceil(CHUNK).max(1)).map(|_| {
            if deterministic {
                Sums::Exact(vec![ExactSum::default(); sums])
            } else {
                Sums::Plain(vec![0.0; sums])
            }
        });
        let scratch = llt::factor::cholesky_in_place_scratch::<f64>(m, Par::Seq, Spec::default());
        Self {
            memory: Memory {
                gram: vec![0.0; m * m],
                ..Memory::default()
            },
            store: vec![0.0; owned * Layout { n, memory: m }.stride()],
            n,
            chunks: chunks.collect(),
            total: vec![0.0; sums],
            words: vec![0; sums * ExactSum::WORDS],
            theta: vec![0.0; m],
            factor: vec![0.0; m * m],
            scratch: MemBuffer::new(scratch),
            options,
        }
    }

    /// Replaces W(u), which an iteration with this α has led to, by the next u.
    pub(in crate::admm) fn advance(
        &mut self,
        alpha: f64,
        shard: &Shard,
        [v, g, lambda]: [&mut [f64]; 3],
        exchange: &mut impl Exchange,
    ) {
        if self.memory.alpha != alpha {
            self.memory.restart();
            self.memory.alpha = alpha;
        }
        let state = State { v, g, lambda };
        if !self.memory.started {
            self.memory.started = true;
            return self.write(state, &Next::Plain);
        }
        self.measure(alpha, shard, &state);
        self.sum(exchange);
        let norm = self.total[2 * self.options.memory].sqrt();
        if let Some(back) = self.judge(norm) {
            self.memory.gather_anew();
            return self.write(state, &back);
        }
        self.remember(norm);
        let next = self.next(norm);
        self.memory.extrapolated = !matches!(next, Next::Plain);
        self.memory.kept += usize::from(self.memory.extrapolated);
        self.memory.known = true;
        self.memory.last = norm;
        self.write(state, &next);
    }

    /// Whether what was extrapolated is to be dropped, and for what.
    fn judge(&mut self, norm: f64) -> Option<Next> {
        let (m, memory) = (self.options.memory, &mut self.memory);
        if !memory.extrapolated {
            return None;
        }
        memory.block += 1;
        let falls = norm <= self.options.safeguard * memory.last;
        let grown = !falls;
        if !grown && memory.block < m {
            return None;
        }
        let reached = if grown { memory.last } else { norm };
        let pays =
            reached <= memory.mark * memory.rate.min(1.0).powf(memory.block as f64 / m as f64);
        if !pays {
            memory.wait = (2 * memory.wait).min(PATIENCE * m);
            return Some(Next::Return);
        }
        memory.wait = m;
        (memory.mark, memory.block) = (norm, 0);
        grown.then_some(Next::Back)
    }

    /// Counts plain iterations, and decides about extrapolation.
    fn next(&mut self, norm: f64) -> Next {
        let m = self.options.memory;
        let memory = &mut self.memory;
        if memory.extrapolated {
            let kind = if memory.block == 0 {
                Next::First
            } else {
                Next::Extrapolated
            };
            return if self.extrapolates(norm) {
                kind
            } else {
                self.plain(norm)
            };
        }
        memory.wait = memory.wait.max(m);
        if memory.plain == 0 {
            memory.mark = norm;
        }
        (memory.plain, memory.block) = (memory.plain + 1, memory.block + 1);
        if memory.block <= m {
            return Next::Plain;
        }
        // Residuals swing while they fall: what counts is the mean over some blocks.
        let rate = norm / memory.mark;
        memory.rate = if memory.rate > 0.0 {
            memory.rate.powf(FADE) * rate.powf(1.0 - FADE)
        } else {
            rate
        };
        (memory.mark, memory.block) = (norm, 0);
        if memory.plain > memory.wait && self.extrapolates(norm) {
            Next::First
        } else {
            Next::Plain
        }
    }

    /// Back to plain iterations where no extrapolation can be computed.
    fn plain(&mut self, norm: f64) -> Next {
        (self.memory.mark, self.memory.plain, self.memory.block) = (norm, 1, 1);
        Next::Plain
    }

    /// f, the new columns, and what is summed of them.
    fn measure(&mut self, alpha: f64, shard: &Shard, state: &State<'_>) {
        let (n, layout) = (self.n, self.layout());
        let (memory, columns) = (&self.memory, self.columns_now());
        let chunk = |at: usize, store: &mut [f64], sums: &mut Sums| {
            sums.clear();
            for (k, own) in store.chunks_exact_mut(layout.stride()).enumerate() {
                let i = at * CHUNK + k;
                let numbers = i * n..(i + 1) * n;
                let w = [
                    &state.v[numbers.clone()],
                    &state.g[numbers.clone()],
                    &state.lambda[numbers],
                ];
                let weight = alpha * shard.column_norm(i);
                measure_agent(own, layout, memory, columns, w, weight, sums);
            }
        };
        let size = CHUNK * layout.stride();
        #[cfg(feature = "rayon")]
        if self.chunks.len() > 1 && rayon::current_num_threads() > 1 {
            use rayon::prelude::*;
            let stores = self.store.par_chunks_mut(size);
            stores
                .zip(self.chunks.par_iter_mut())
                .enumerate()
                .for_each(|(at, (store, sums))| chunk(at, store, sums));
            return;
        }
        let stores = self.store.chunks_mut(size.max(1)).zip(&mut self.chunks);
        for (at, (store, sums)) in stores.enumerate() {
            chunk(at, store, sums);
        }
    }

    fn layout(&self) -> Layout {
        Layout {
            n: self.n,
            memory: self.options.memory,
        }
    }

    /// Columns that hold something once the new one is written.
    fn columns_now(&self) -> usize {
        let more = self.memory.columns + usize::from(self.memory.known);
        more.min(self.options.memory)
    }

    /// Sums over chunks and processes.
    fn sum(&mut self, exchange: &mut impl Exchange) {
        let (first, others) = self.chunks.split_at_mut(1);
        for other in others {
            first[0].merge(other);
        }
        match &first[0] {
            Sums::Plain(sums) => {
                exchange.start_sum(sums);
                exchange.finish_sum(&mut self.total);
            }
            Sums::Exact(sums) => {
                for (sum, words) in sums
                    .iter()
                    .zip(self.words.chunks_exact_mut(ExactSum::WORDS))
                {
                    sum.limbs(words);
                }
                exchange.start_sum_integers(&self.words);
                exchange.finish_sum_integers(&mut self.words);
                let words = self.words.chunks_exact(ExactSum::WORDS);
                for (total, words) in self.total.iter_mut().zip(words) {
                    *total = ExactSum::from_limbs(words).value();
                }
            }
        }
    }

    /// Puts the new column among those that are known.
    fn remember(&mut self, norm: f64) {
        let (m, columns) = (self.options.memory, self.columns_now());
        let memory = &mut self.memory;
        if !memory.known {
            if memory.kept == 0 {
                memory.first = norm;
            }
            return;
        }
        let at = memory.next;
        for j in 0..columns {
            memory.gram[at * m + j] = self.total[j];
            memory.gram[j * m + at] = self.total[j];
        }
        memory.columns = columns;
        memory.next = (at + 1) % m;
    }

    /// θ, and whether it is to be used.
    fn extrapolates(&mut self, norm: f64) -> bool {
        let (m, memory) = (self.options.memory, &self.memory);
        let kept = (memory.kept + 1) as f64;
        let bounded = norm <= BOUND.0 * memory.first * kept.powf(-BOUND.1);
        if memory.columns < m || !bounded {
            return false;
        }
        // Columns shrink as iterates converge: they are scaled to length 1.
        for i in 0..m {
            let length = memory.gram[i * m + i].sqrt();
            if length.is_nan() || length <= 0.0 {
                return false;
            }
            self.theta[i] = self.total[m + i] / length;
            for j in 0..m {
                let other = memory.gram[j * m + j].sqrt();
                self.factor[i * m + j] = memory.gram[i * m + j] / length / other;
            }
            self.factor[i * m + i] += self.options.regularization;
        }
        let stack = MemStack::new(&mut self.scratch);
        let factored = llt::factor::cholesky_in_place(
            MatMut::from_row_major_slice_mut(&mut self.factor, m, m),
            Default::default(),
            Par::Seq,
            stack,
            Spec::default(),
        );
        if factored.is_err() {
            return false;
        }
        llt::solve::solve_in_place_with_conj(
            MatRef::from_row_major_slice(&self.factor, m, m),
            Conj::No,
            MatMut::from_column_major_slice_mut(&mut self.theta, m, 1),
            Par::Seq,
            stack,
        );
        for i in 0..m {
            self.theta[i] /= memory.gram[i * m + i].sqrt();
        }
        self.theta.iter().all(|t| t.is_finite() && t.abs() < 1e8)
    }

    /// The next u, into the state and into the store.
    fn write(&mut self, state: State<'_>, next: &Next) {
        let (n, layout, theta) = (self.n, self.layout(), &self.theta[..]);
        let size = CHUNK * layout.stride();
        let chunk = |store: &mut [f64], state: State<'_>| {
            let agents = store.chunks_exact_mut(layout.stride());
            let vg = state.v.chunks_exact_mut(n).zip(state.g.chunks_exact_mut(n));
            for (own, ((v, g), lambda)) in agents.zip(vg.zip(state.lambda.chunks_exact_mut(n))) {
                write_agent(own, layout, next, theta, v, g, lambda);
            }
        };
        #[cfg(feature = "rayon")]
        if self.chunks.len() > 1 && rayon::current_num_threads() > 1 {
            use rayon::prelude::*;
            let numbers = CHUNK * n;
            let vg = state
                .v
                .par_chunks_mut(numbers)
                .zip(state.g.par_chunks_mut(numbers));
            let states = vg.zip(state.lambda.par_chunks_mut(numbers));
            let stores = self.store.par_chunks_mut(size);
            stores
                .zip(states)
                .for_each(|(store, ((v, g), lambda))| chunk(store, State { v, g, lambda }));
            return;
        }
        let _ = size;
        chunk(&mut self.store, state);
    }
}
