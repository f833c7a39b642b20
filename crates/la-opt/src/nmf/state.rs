//! A factor with all that a half step needs.

use super::Data;
use super::block::Block;
use super::part::Part;
use super::products::{Held, Side};
use super::rule::{Rule, Work};
use crate::Real;
use crate::kernels::Kernels;

/// Half steps with fewer operations stay on the calling thread.
#[cfg(feature = "rayon")]
const PARALLEL: usize = 1 << 20;

/// Shares of the rows, whatever the number of threads, so that sums do not depend on it.
const SHARES: usize = 32;

/// V is read in blocks of rows of about this many numbers, which stay in the second-level cache between their two products.
const CACHED: usize = 1 << 15;

/// What does not change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) kernels: Kernels,
    pub(super) rank: usize,
    /// Numbers per row of a factor: the rank, up to whole registers.
    pub(super) stride: usize,
}

/// `factor = new + β (new − accepted)`, with the new factor in `candidate`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch<T> {
    pub(super) beta: T,
}

/// W or H.
#[derive(Debug, Clone)]
pub(super) struct State<T> {
    pub(super) side: Side,
    pub(super) rows: usize,
    /// In rows of `stride` numbers. With extrapolation the extrapolated factor.
    pub(super) factor: Vec<T>,
    /// V H or Vᵀ W.
    pub(super) products: Vec<T>,
    /// The dual variable, or empty.
    pub(super) dual: Vec<T>,
    /// The factor at the start of the half step, or empty.
    pub(super) before: Vec<T>,
    /// With extrapolation the factors of the last accepted iteration and of this one, else empty.
    pub(super) accepted: Vec<T>,
    pub(super) candidate: Vec<T>,
    /// Gram matrices of factor and candidate, stride × stride.
    pub(super) gram: Vec<f64>,
    pub(super) candidate_gram: Vec<f64>,
    /// Inner product of factor (or candidate) and products.
    pub(super) inner: f64,
    /// Norms of a watched inner step.
    pub(super) norms: [f64; 4],
    pub(super) rule: Rule<T>,
    parts: Vec<Part<T>>,
    /// Rows of a part and of a block.
    share: usize,
    block: usize,
}

impl<T: Real> State<T> {
    pub(super) fn new(setting: Setting, side: Side, data: &Data<'_, T>) -> Self {
        let (rows, wide) = match side {
            Side::W => (data.rows, data.columns),
            Side::H => (data.columns, data.rows),
        };
        let Setting { rank, stride, .. } = setting;
        let block = (CACHED / wide).clamp(16, 256).next_multiple_of(16);
        let share = rows.div_ceil(SHARES).next_multiple_of(block);
        let (square, numbers) = (stride * stride, rows * stride);
        Self {
            side,
            rows,
            factor: crate::zeros(numbers),
            products: crate::zeros(numbers),
            dual: Vec::new(),
            before: Vec::new(),
            accepted: Vec::new(),
            candidate: Vec::new(),
            gram: vec![0.0; square],
            candidate_gram: vec![0.0; square],
            inner: 0.0,
            norms: [0.0; 4],
            rule: Rule::new(rank, stride),
            parts: (0..rows.div_ceil(share))
                .map(|_| Part::new(rank, stride))
                .collect(),
            share,
            block,
        }
    }

    /// Takes a row-major factor without padding.
    pub(super) fn set(&mut self, setting: Setting, factor: &[T]) {
        let Setting { rank, stride, .. } = setting;
        let rows = self.factor.chunks_exact_mut(stride);
        for (to, from) in rows.zip(factor.chunks_exact(rank)) {
            to[..rank].copy_from_slice(from);
        }
        let len = self.accepted.len();
        self.accepted.copy_from_slice(&self.factor[..len]);
        self.measure(setting);
    }

    /// Writes W or H without padding.
    pub(super) fn write(&self, setting: Setting, out: &mut [T]) {
        let Setting { rank, stride, .. } = setting;
        let rows = self.current().chunks_exact(stride);
        for (to, from) in out.chunks_exact_mut(rank).zip(rows) {
            to.copy_from_slice(&from[..rank]);
        }
    }

    /// What counts as W or H: with extrapolation the accepted factor.
    pub(super) fn current(&self) -> &[T] {
        if self.accepted.is_empty() {
            &self.factor
        } else {
            &self.accepted
        }
    }

    /// Forms the Gram matrix of the factor.
    pub(super) fn measure(&mut self, setting: Setting) {
        let Setting {
            kernels, stride, ..
        } = setting;
        self.gram.fill(0.0);
        let Some(part) = self.parts.first_mut() else {
            return;
        };
        for rows in self.factor.chunks(self.block * stride) {
            part.add_gram(kernels, stride, rows, &mut self.gram);
        }
    }

    /// Extrapolates the factor, and projects what comes out.
    pub(super) fn stretch(&mut self, setting: Setting, beta: T) {
        self.candidate.copy_from_slice(&self.factor);
        for (x, &old) in self.factor.iter_mut().zip(&self.accepted) {
            let y = *x + beta * (*x - old);
            *x = if y < T::ZERO { T::ZERO } else { y };
        }
        self.measure(setting);
    }

    /// Whether waking the pool pays for a half step.
    pub(super) fn parallel(operations: usize) -> bool {
        #[cfg(feature = "rayon")]
        return operations >= PARALLEL && rayon::current_num_threads() > 1;
        #[cfg(not(feature = "rayon"))]
        {
            let _ = operations;
            false
        }
    }

    /// `products = V H` or `Vᵀ W` for all rows.
    pub(super) fn multiply(&mut self, setting: Setting, data: &Data<'_, T>, held: Held<'_, T>) {
        let (side, stride) = (self.side, setting.stride);
        if !Self::parallel(data.operations(setting.rank)) {
            let range = 0..self.rows;
            data.times(side, range, held, &self.factor, &mut self.products);
            return;
        }
        let share = self.share;
        let (rows, parts) = self.lend();
        rows.share(stride, share, parts, true, &|_, rows: Block<'_, T>| {
            let range = rows.first..rows.first + rows.factor.len() / stride;
            data.times(side, range, held, rows.factor, rows.products);
        });
    }

    fn lend(&mut self) -> (Block<'_, T>, &mut [Part<T>]) {
        let rows = Block {
            first: 0,
            products: &mut self.products,
            factor: &mut self.factor,
            dual: &mut self.dual,
            before: &self.before,
            accepted: &self.accepted,
            candidate: &mut self.candidate,
        };
        (rows, &mut self.parts)
    }

    /// The work on all rows, whose products are there.
    pub(super) fn update(&mut self, setting: Setting, work: Work, stretch: Option<Stretch<T>>) {
        let (share, size) = (self.share, self.block);
        let parallel = Self::parallel(self.rows * setting.rank * setting.rank * 8);
        let rule = std::mem::take(&mut self.rule);
        let (rows, parts) = self.lend();
        rows.share(setting.stride, share, parts, parallel, &|part, rows| {
            part.clear();
            rows.each(setting.stride, size, |mut rows| {
                step(setting, &rule, work, stretch, part, &mut rows);
            });
        });
        self.rule = rule;
        self.reduce();
    }

    /// Products and work block by block, while the rows of V are in the cache, and with the new rows of W what they add to `Vᵀ W`.
    pub(super) fn sweep_data(
        &mut self,
        setting: Setting,
        work: Work,
        stretch: Option<Stretch<T>>,
        data: &Data<'_, T>,
        held: Held<'_, T>,
        mut transposed: Option<&mut [T]>,
    ) {
        let Setting {
            kernels, stride, ..
        } = setting;
        let (side, share, size) = (self.side, self.share, self.block);
        let rule = std::mem::take(&mut self.rule);
        if let Some(out) = transposed.as_deref_mut() {
            out.fill(T::ZERO);
        }
        let (rows, parts) = self.lend();
        let mut parts = parts.iter_mut();
        rows.each(stride, share, |rows| {
            let Some(part) = parts.next() else { return };
            part.clear();
            rows.each(stride, size, |mut rows| {
                let range = rows.first..rows.first + rows.factor.len() / stride;
                data.times(side, range.clone(), held, rows.factor, rows.products);
                step(setting, &rule, work, stretch, part, &mut rows);
                if let (Some(out), Some(v)) = (transposed.as_deref_mut(), data.dense_rows(range)) {
                    kernels.panel_transposed(data.columns, stride, 0, v, rows.factor, out);
                }
            });
        });
        self.rule = rule;
        self.reduce();
    }

    fn reduce(&mut self) {
        self.gram.fill(0.0);
        self.candidate_gram.fill(0.0);
        self.inner = 0.0;
        self.norms = [0.0; 4];
        for part in &self.parts {
            self.inner += part.inner;
            for (sum, x) in self.norms.iter_mut().zip(part.norms) {
                *sum += x;
            }
            for (sum, x) in self.gram.iter_mut().zip(&part.gram) {
                *sum += x;
            }
            for (sum, x) in self.candidate_gram.iter_mut().zip(&part.candidate_gram) {
                *sum += x;
            }
        }
    }
}

/// The work on one block, and what it adds to the sums.
fn step<T: Real>(
    setting: Setting,
    rule: &Rule<T>,
    work: Work,
    stretch: Option<Stretch<T>>,
    part: &mut Part<T>,
    rows: &mut Block<'_, T>,
) {
    let Setting {
        kernels, stride, ..
    } = setting;
    part.update(kernels, stride, rule, work, rows);
    if let Some(Stretch { beta }) = stretch {
        rows.candidate.copy_from_slice(rows.factor);
        for (x, &old) in rows.factor.iter_mut().zip(rows.accepted) {
            *x += beta * (*x - old);
        }
    }
    part.add(kernels, stride, rows);
}
