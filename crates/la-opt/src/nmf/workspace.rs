//! Iterations in memory that is asked for once.

use super::extrapolate::Pace;
use super::metric::Piece;
use super::newton::Newton;
use super::options::{DualStart, Loss, Method, NmfOptions, Safeguard};
use super::products::{Held, Side};
use super::rule::Work;
use super::state::{Setting, State, Stretch};
use super::{Data, Factors};
use crate::kernels::Kernels;
use crate::{OptError, Real};

/// A factorisation in progress: its factors, duals and room, so that iterations allocate nothing.
///
/// [`NmfWorkspace::solve`] iterates until a rule of the options says stop. [`NmfWorkspace::step`] is one outer iteration from whatever the factors are, for loops that do something
/// else with the factors in between ([`NmfWorkspace::set_factors`]).
///
/// # Shapes
/// - V: m × n; W: m × r; H: n × r. Memory besides V: about 2 (m + n) r numbers, 5 (m + n) r at most; with [`Method::ScalarNewton`] for dense V another
///   max(m, n) r, for sparse V and each thread r times the entries of the longest row or column.
///
/// # Examples
/// ```
/// use la_opt::nmf::{AoAdmm, Data, DualStart, Initializer, Method, NmfOptions, NmfWorkspace, Nndsvd};
///
/// let v: Vec<f64> = (0..12).map(|k| ((7 * k) % 5) as f64).collect();
/// let data = Data::dense(4, 3, v)?;
/// let start = Nndsvd::default().start(&data, 2)?;
/// let options = NmfOptions::default().with_method(Method::AoAdmm(AoAdmm::published(DualStart::Cold)));
///
/// let mut workspace = NmfWorkspace::new(&data, &start, options)?;
/// let before = workspace.rmse();
/// for _ in 0..3 {
///     workspace.step();
///     let mut factors = workspace.factors();
///     // An accelerator may change the factors here.
///     factors.w[0] *= 1.01;
///     workspace.set_factors(&factors)?;
/// }
/// assert!(workspace.rmse() < before);
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone)]
pub struct NmfWorkspace<'a, T: Real = f64> {
    pub(super) data: &'a Data<'a, T>,
    pub(super) options: NmfOptions,
    pub(super) setting: Setting,
    pub(super) w: State<T>,
    pub(super) h: State<T>,
    /// Whether `h.products` and `w.products` are those of the current W and H.
    pub(super) ready: bool,
    pub(super) w_ready: bool,
    pub(super) piece: Piece<T>,
    pub(super) sums: Vec<T>,
    pub(super) pace: Pace,
    /// Room of [`Method::ScalarNewton`].
    pub(super) newton: Option<Newton<T>>,
    /// Norm of the projected gradient of the divergence, each coordinate when the last iteration came to it.
    pub(super) met: f64,
}

impl<'a, T: Real> NmfWorkspace<'a, T> {
    /// Takes data, a starting point and options.
    ///
    /// # Errors
    /// [`OptError::InvalidOption`]; [`OptError::Length`], [`OptError::Rank`], [`OptError::Entry`] for a start that does not fit.
    pub fn new(
        data: &'a Data<'a, T>,
        start: &Factors<T>,
        options: NmfOptions,
    ) -> Result<Self, OptError> {
        options.validate()?;
        let rank = start.rank;
        if rank == 0 {
            return Err(OptError::Rank {
                rank,
                limit: usize::MAX,
            });
        }
        let setting = Setting {
            kernels: Kernels::detect(),
            rank,
            stride: rank.next_multiple_of(T::WIDTH),
        };
        let mut w = State::new(setting, Side::W, data);
        let mut h = State::new(setting, Side::H, data);
        for state in [&mut w, &mut h] {
            let numbers = || crate::zeros(state.rows * setting.stride);
            match &options.method {
                Method::AoAdmm(admm) => {
                    if admm.dual == DualStart::Warm || admm.inner_tol.is_some() {
                        state.dual = numbers();
                    }
                    if admm.safeguard == Safeguard::Monotone && admm.inner_tol.is_some() {
                        state.before = numbers();
                    }
                }
                Method::ExtrapolatedHals { .. } => {
                    state.accepted = numbers();
                    state.candidate = numbers();
                }
                _ => {}
            }
        }
        let mut workspace = Self {
            data,
            setting,
            w,
            h,
            ready: false,
            w_ready: false,
            piece: Piece::new(setting),
            sums: vec![T::ZERO; 2 * setting.stride],
            pace: Pace::new(&options.method),
            newton: matches!(options.method, Method::ScalarNewton { .. })
                .then(|| Newton::new(setting, data)),
            met: 0.0,
            options,
        };
        workspace.restart(start)?;
        Ok(workspace)
    }

    /// Starts again from other factors: duals at 0, steps of extrapolation as at the start.
    ///
    /// # Errors
    /// As [`NmfWorkspace::set_factors`].
    pub fn restart(&mut self, start: &Factors<T>) -> Result<(), OptError> {
        self.pace.restart();
        self.w.dual.fill(T::ZERO);
        self.h.dual.fill(T::ZERO);
        self.set_factors(start)
    }

    /// Replaces the factors and keeps duals and steps of extrapolation.
    ///
    /// # Errors
    /// [`OptError::Length`], [`OptError::Rank`] for other shapes than before, [`OptError::Entry`] for an entry that is negative, infinite or NaN.
    pub fn set_factors(&mut self, factors: &Factors<T>) -> Result<(), OptError> {
        factors.check()?;
        let rank = self.setting.rank;
        if factors.rank != rank {
            return Err(OptError::Rank {
                rank: factors.rank,
                limit: rank,
            });
        }
        for (what, factor, state) in [
            ("factor W", &factors.w, &self.w),
            ("factor H", &factors.h, &self.h),
        ] {
            let (len, expected) = (factor.len(), state.rows * rank);
            if len != expected {
                return Err(OptError::Length {
                    what,
                    len,
                    expected,
                });
            }
        }
        self.w.set(self.setting, &factors.w);
        self.h.set(self.setting, &factors.h);
        self.ready = false;
        self.w_ready = false;
        let Setting { rank, stride, .. } = self.setting;
        self.pace.begin(rank, stride, &self.h.gram);
        Ok(())
    }

    /// A copy of the factors.
    #[must_use]
    pub fn factors(&self) -> Factors<T> {
        let rank = self.setting.rank;
        let mut factors = Factors {
            rank,
            w: crate::zeros(self.w.rows * rank),
            h: crate::zeros(self.h.rows * rank),
        };
        self.write_factors(&mut factors);
        factors
    }

    /// Copies the factors into memory of the right shape; rows that it does not have are left out.
    pub fn write_factors(&self, factors: &mut Factors<T>) {
        if factors.rank == self.setting.rank {
            self.w.write(self.setting, &mut factors.w);
            self.h.write(self.setting, &mut factors.h);
        }
    }

    /// The dual variables of AO-ADMM with a warm start, row-major, m × r and n × r; otherwise none.
    #[must_use]
    pub fn duals(&self) -> Option<[Vec<T>; 2]> {
        let (rank, stride) = (self.setting.rank, self.setting.stride);
        let copy = |dual: &[T]| -> Vec<T> {
            let rows = dual.chunks_exact(stride);
            rows.flat_map(|row| row[..rank].iter().copied()).collect()
        };
        let warm =
            matches!(&self.options.method, Method::AoAdmm(admm) if admm.dual == DualStart::Warm);
        warm.then(|| [copy(&self.w.dual), copy(&self.h.dual)])
    }

    /// One outer iteration: H, then W with the new H.
    pub fn step(&mut self) {
        self.iterate(false);
    }

    /// One outer iteration; `ahead` if another one follows, whose first product can be had from the same pass over V.
    pub(super) fn iterate(&mut self, ahead: bool) {
        if self.options.method.loss() == Loss::KullbackLeibler {
            self.iterate_divergence();
            return;
        }
        if let Method::ExtrapolatedHals { .. } = self.options.method {
            self.extrapolated(ahead);
            return;
        }
        self.update_h();
        self.update_w(ahead);
        // Completed entries change with W.
        self.w_ready = !self.data.has_missing();
    }

    /// The products `Vᵀ W`, where they are not there yet.
    pub(super) fn look_ahead(&mut self) {
        if !self.ready {
            self.multiply(Side::H);
            self.ready = true;
        }
    }

    /// The products of one side.
    pub(super) fn multiply(&mut self, side: Side) {
        let Setting {
            kernels, stride, ..
        } = self.setting;
        let (own, other) = match side {
            Side::W => (&mut self.w, &self.h),
            Side::H => (&mut self.h, &self.w),
        };
        own.rule.pad(&other.gram);
        let rule = std::mem::take(&mut own.rule);
        let held = Held {
            kernels,
            stride,
            factor: &other.factor,
            gram: &rule.padded,
        };
        own.multiply(self.setting, self.data, held);
        own.rule = rule;
    }

    fn update_h(&mut self) {
        self.look_ahead();
        let stride = self.setting.stride;
        let method = &self.options.method;
        self.h.rule.prepare(stride, &self.w.gram, method);
        Self::work(&mut self.h, self.setting, method);
        self.ready = false;
    }

    fn update_w(&mut self, ahead: bool) {
        let method = &self.options.method;
        let inner_tol = matches!(method, Method::AoAdmm(admm) if admm.inner_tol.is_some());
        if inner_tol || !self.blocked() {
            self.multiply(Side::W);
            let (method, stride) = (&self.options.method, self.setting.stride);
            self.w.rule.prepare(stride, &self.h.gram, method);
            Self::work(&mut self.w, self.setting, method);
            return;
        }
        let work = Work::of(method);
        self.sweep(work, None, ahead);
    }

    /// Whether the W half step goes through V block by block: where it is not shared by the threads.
    pub(super) fn blocked(&self) -> bool {
        !State::<T>::parallel(self.data.operations(self.setting.rank))
    }

    /// The W half step block by block; with `ahead` also the products of the next H half step, if one pass can have both.
    pub(super) fn sweep(&mut self, work: Work, stretch: Option<Stretch<T>>, ahead: bool) {
        let Setting {
            kernels, stride, ..
        } = self.setting;
        let Self { w, h, .. } = self;
        w.rule.prepare(stride, &h.gram, &self.options.method);
        let gram = std::mem::take(&mut w.rule.padded);
        let held = Held {
            kernels,
            stride,
            factor: &h.factor,
            gram: &gram,
        };
        let ahead = ahead && self.data.one_pass();
        let transposed = ahead.then_some(&mut h.products[..]);
        w.sweep_data(self.setting, work, stretch, self.data, held, transposed);
        w.rule.padded = gram;
        self.ready = ahead;
    }

    /// A half step whose products are there.
    fn work(state: &mut State<T>, setting: Setting, method: &Method) {
        let work = Work::of(method);
        let Method::AoAdmm(admm) = method else {
            return state.update(setting, work, None);
        };
        let Some(tol) = admm.inner_tol else {
            return state.update(setting, work, None);
        };
        if admm.dual == DualStart::Cold {
            state.dual.fill(T::ZERO);
        }
        let len = state.before.len();
        state.before.copy_from_slice(&state.factor[..len]);
        for _ in 0..admm.inner_iters {
            state.update(setting, Work::WatchedStep, None);
            let [primal, size, change, dual] = state.norms;
            let tol = tol * tol;
            if primal < tol * size && change < tol * dual {
                break;
            }
        }
        if !state.before.is_empty() {
            state.update(setting, Work::Guard, None);
        }
    }

    /// Root of the mean squared error over the known entries, in the units of the data.
    ///
    /// Dense data are compared entry by entry; with sparse data that have zeros the Gram matrices give it, and where they have lost too many digits it is summed over pieces of `W Hᵀ`.
    #[must_use]
    pub fn rmse(&mut self) -> f64 {
        (2.0 * self.value(Loss::Frobenius) / self.data.known as f64).sqrt()
    }

    /// The loss that is minimised, over the known entries.
    #[must_use]
    pub fn loss(&mut self) -> f64 {
        self.value(self.options.method.loss())
    }

    fn value(&mut self, loss: Loss) -> f64 {
        let (w, h) = (self.w.current(), self.h.current());
        self.data.loss(self.setting, loss, w, h, &mut self.piece)
    }

    /// The loss after an iteration from what the iteration knows, where that has enough digits, and how far rounding may have moved it; with extrapolation that of the new W and the extrapolated H.
    pub(super) fn cheap_loss(&mut self) -> [f64; 2] {
        let w = if self.w.candidate.is_empty() {
            &self.w.gram
        } else {
            &self.w.candidate_gram
        };
        let products: f64 = w.iter().zip(&self.h.gram).map(|(a, b)| a * b).sum();
        let square = self.data.square - 2.0 * self.w.inner + products;
        let known = self.options.method.loss() == Loss::Frobenius && !self.data.has_missing();
        let epsilon = T::EPSILON.to_f64();
        if known && square >= epsilon.sqrt() * self.data.square {
            return [0.5 * square, 4.0 * epsilon * self.data.square];
        }
        let loss = if self.w.candidate.is_empty() {
            self.loss()
        } else {
            let (w, h) = (&self.w.candidate, &self.h.factor);
            let piece = &mut self.piece;
            self.data.loss(self.setting, Loss::Frobenius, w, h, piece)
        };
        [loss, 4.0 * epsilon * loss]
    }
}
