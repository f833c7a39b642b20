//! Coordinate descent for the divergence of Kullback and Leibler, each coordinate by a step that does not pass its minimum.
//!
//! Along one coordinate x of a row of H, with the column w of W, the line v of V and its fit q, the derivative of the divergence at x + t is `S − φ(t)` with
//!
//! ```text
//! S = Σ wᵢ,   φ(t) = Σ aᵢ / (1 + bᵢ t),   aᵢ = wᵢ vᵢ / qᵢ,   bᵢ = wᵢ / qᵢ.
//! ```
//!
//! Let `A = Σ aᵢ`, `B = Σ aᵢ bᵢ` and m the largest bᵢ with vᵢ > 0. As a function of b, `1 / (1 + b t)` is convex, so that φ lies above its value at the mean of b
//! (Jensen), `A / (1 + (B / A) t)`, and for t = −s < 0 below the chord over [0, m], `A + B s / (1 − m s)`. Therefore the minimum is
//!
//! ```text
//! where A > S   at least (A / S) (A − S) / B above x,
//! where A < S   at least (S − A) / (B + m (S − A)) below x,
//! ```
//!
//! and with these steps, cut at 0, the divergence falls in every coordinate. Close to the minimum they are those of Newton's method, and because `B ≤ m A` and `m ≤ 1 / x` they are never
//! shorter than those of a multiplicative update of the coordinate, which cannot leave 0.

use super::compressed::Compressed;
use super::data::{Data, Entries};
use super::divergence;
use super::products::Side;
use super::state::{Setting, State};
use crate::Real;

/// Columns of a dense V that are turned into lines together: a cache line of `f64`.
const TURNED: usize = 8;

/// The fit of an entry that is 0 or missing: in no sum, whatever the steps add to it.
const FAR: f64 = 1e37;

/// Room, made once.
#[derive(Debug, Clone)]
pub(super) struct Newton<T> {
    /// The columns of the factor that is held, one after the other, for dense V.
    turned: Vec<T>,
    /// Their sums.
    all: Vec<T>,
    rooms: Vec<Room<T>>,
    /// The first row of each room in W and in H, and the number of rows.
    starts: [Vec<usize>; 2],
    /// Fits below are taken for this.
    floor: T,
}

/// Room of one thread.
#[derive(Debug, Clone)]
struct Room<T> {
    /// Lines of V.
    values: Vec<T>,
    fit: Vec<T>,
    /// For sparse V the columns of the held factor at the entries of a line.
    gathered: Vec<T>,
    sums: Vec<T>,
}

/// Up to whole registers.
fn padded<T: Real>(len: usize) -> usize {
    len.next_multiple_of(T::WIDTH)
}

impl<T: Real> Newton<T> {
    pub(super) fn new(setting: Setting, data: &Data<'_, T>) -> Self {
        let Setting { rank, stride, .. } = setting;
        #[cfg(feature = "rayon")]
        let threads = match State::<T>::parallel(data.operations(rank)) {
            true => rayon::current_num_threads(),
            false => 1,
        };
        #[cfg(not(feature = "rayon"))]
        let threads = 1;
        let sides = [data.rows, data.columns];
        let (turned, values, fit, gathered, starts) = match &data.entries {
            Entries::Dense { .. } => {
                let [tall, wide] = sides.map(padded::<T>);
                let longest = tall.max(wide);
                let values = (TURNED * tall).max(wide);
                let even = |rows: usize| (0..=threads).map(|k| k * rows / threads).collect();
                (rank * longest, values, longest, 0, sides.map(even))
            }
            Entries::Sparse { values, .. } => {
                let lines = [&values.by_rows, &values.by_columns];
                let longest = lines.map(Compressed::longest);
                let longest = padded::<T>(longest[0].max(longest[1]));
                let starts = lines.map(|lines| lines.shares(threads));
                (0, longest, longest, rank * longest, starts)
            }
        };
        let room = Room {
            values: crate::zeros(values),
            fit: crate::zeros(fit),
            gathered: crate::zeros(gathered),
            sums: crate::zeros(stride),
        };
        Self {
            turned: crate::zeros(turned),
            all: crate::zeros(stride),
            rooms: vec![room; threads],
            starts,
            floor: T::from_f64(data.mean()) * T::EPSILON,
        }
    }

    /// Sweeps over the coordinates of each row of a factor; the other is `held`. Gives the squared norm of the projected gradient as the first sweep met it.
    pub(super) fn update(
        &mut self,
        setting: Setting,
        data: &Data<'_, T>,
        own: &mut State<T>,
        held: &[T],
        sweeps: usize,
    ) -> f64 {
        let Setting { rank, stride, .. } = setting;
        divergence::total(setting, held, &mut self.all);
        let width = padded::<T>(held.len() / stride);
        if !self.turned.is_empty() {
            for (c, column) in self.turned.chunks_exact_mut(width).take(rank).enumerate() {
                let entries = held.iter().skip(c).step_by(stride);
                let (column, rest) = column.split_at_mut(held.len() / stride);
                column.iter_mut().zip(entries).for_each(|(x, &y)| *x = y);
                rest.fill(T::ZERO);
            }
        }
        let sweep = Sweep {
            setting,
            data,
            side: own.side,
            held,
            turned: &self.turned,
            width,
            all: &self.all,
            floor: self.floor,
            sweeps,
        };
        let starts = match own.side {
            Side::W => &self.starts[0],
            Side::H => &self.starts[1],
        };
        sweep.share(&mut self.rooms, starts, &mut own.factor, &mut own.products);
        let slopes = own.products.iter().map(|g| g.to_f64());
        slopes.map(|g| g * g).sum()
    }
}

/// What the rows have in common.
struct Sweep<'a, T: Real> {
    setting: Setting,
    data: &'a Data<'a, T>,
    side: Side,
    held: &'a [T],
    turned: &'a [T],
    width: usize,
    all: &'a [T],
    floor: T,
    sweeps: usize,
}

impl<T: Real> Sweep<'_, T> {
    /// Each room does its rows; in the pool if there are several.
    fn share(&self, rooms: &mut [Room<T>], starts: &[usize], factor: &mut [T], slopes: &mut [T]) {
        #[cfg(feature = "rayon")]
        if rooms.len() > 1 {
            let middle = rooms.len() / 2;
            let at = (starts[middle] - starts[0]) * self.setting.stride;
            let (rooms, other_rooms) = rooms.split_at_mut(middle);
            let (factor, other_factor) = factor.split_at_mut(at);
            let (slopes, other_slopes) = slopes.split_at_mut(at);
            rayon::join(
                || self.share(rooms, &starts[..=middle], factor, slopes),
                || self.share(other_rooms, &starts[middle..], other_factor, other_slopes),
            );
            return;
        }
        if let Some(room) = rooms.first_mut() {
            self.rows(room, starts[0], factor, slopes);
        }
    }

    /// Rows from `first` on.
    fn rows(&self, room: &mut Room<T>, first: usize, factor: &mut [T], slopes: &mut [T]) {
        let (stride, width, rank) = (self.setting.stride, self.width, self.setting.rank);
        let n = self.data.columns;
        let rows = factor.chunks_exact_mut(stride);
        let rows = rows.zip(slopes.chunks_exact_mut(stride)).enumerate();
        match &self.data.entries {
            Entries::Dense { values, .. } => {
                let count = factor_rows(self.side, self.data);
                for (k, (x, slopes)) in rows {
                    let i = first + k;
                    let line = match self.side {
                        Side::W => {
                            room.values[..n].copy_from_slice(&values[i * n..][..n]);
                            room.values[n..width].fill(T::ZERO);
                            0
                        }
                        Side::H => {
                            if k.is_multiple_of(TURNED) {
                                let turned = TURNED.min(count - i);
                                turn(values, n, i, turned, width, &mut room.values);
                            }
                            k % TURNED
                        }
                    };
                    let v = &room.values[line * width..][..width];
                    let w = &self.turned[..rank * width];
                    self.descend(i, w, v, &mut room.fit[..width], &mut room.sums, x, slopes);
                }
            }
            Entries::Sparse { values, .. } => {
                let lines = match self.side {
                    Side::W => &values.by_rows,
                    Side::H => &values.by_columns,
                };
                for (k, (x, slopes)) in rows {
                    let (indices, values) = lines.line(first + k);
                    let width = padded::<T>(values.len());
                    room.values[..values.len()].copy_from_slice(values);
                    room.values[values.len()..width].fill(T::ZERO);
                    for (at, &j) in indices.iter().enumerate() {
                        let row = &self.held[j as usize * stride..][..rank];
                        for (c, &w) in row.iter().enumerate() {
                            room.gathered[c * width + at] = w;
                        }
                    }
                    for c in 0..rank {
                        room.gathered[c * width + values.len()..(c + 1) * width].fill(T::ZERO);
                    }
                    let (w, v) = (&room.gathered[..rank * width], &room.values[..width]);
                    let (fit, sums) = (&mut room.fit[..width], &mut room.sums);
                    self.descend(first + k, w, v, fit, sums, x, slopes);
                }
            }
        }
    }

    /// Sweeps over the coordinates of a row, whose line of V is `v`; column c of the held factor at its entries is in `w`.
    #[expect(clippy::too_many_arguments, reason = "the parts of a room")]
    fn descend(
        &self,
        i: usize,
        w: &[T],
        v: &[T],
        fit: &mut [T],
        sums: &mut [T],
        x: &mut [T],
        slopes: &mut [T],
    ) {
        let Setting { kernels, rank, .. } = self.setting;
        let width = v.len();
        let column = |c: usize| &w[c * width..][..width];
        divergence::known(
            self.setting,
            self.data,
            self.side,
            i,
            self.held,
            self.all,
            sums,
        );
        fit.fill(T::ZERO);
        kernels.add_rows(w, &x[..rank], fit);
        for (q, &v) in fit.iter_mut().zip(v) {
            if v == T::ZERO {
                *q = T::from_f64(FAR);
            }
        }
        slopes.fill(T::ZERO);
        // The fit is one step behind.
        let (mut step, mut moved) = (T::ZERO, 0);
        for sweep in 0..self.sweeps {
            for c in 0..rank {
                let total = sums[c];
                // A column of zeros asks for nothing; with missing entries its sum may be rounding.
                if total <= T::ZERO {
                    continue;
                }
                let mut moments = [T::ZERO; 3];
                let numbers = [step, self.floor];
                kernels.moments(numbers, column(moved), column(c), v, fit, &mut moments);
                let gradient = total - moments[0];
                if sweep == 0 && (x[c] > T::ZERO || gradient < T::ZERO) {
                    slopes[c] = gradient;
                }
                let new = x[c] + change(x[c], total, moments);
                (step, moved) = (new - x[c], c);
                x[c] = new;
            }
        }
    }
}

fn factor_rows<T: Real>(side: Side, data: &Data<'_, T>) -> usize {
    match side {
        Side::W => data.rows,
        Side::H => data.columns,
    }
}

/// Some columns of a row-major matrix as lines of `width` numbers.
fn turn<T: Real>(
    values: &[T],
    n: usize,
    first: usize,
    count: usize,
    width: usize,
    lines: &mut [T],
) {
    let rows = values.len() / n;
    for (i, row) in values.chunks_exact(n).enumerate() {
        for (l, &x) in row[first..first + count].iter().enumerate() {
            lines[l * width + i] = x;
        }
    }
    for line in lines.chunks_exact_mut(width).take(count) {
        line[rows..].fill(T::ZERO);
    }
}

/// The step from x that does not pass the minimum, with S and `[A, B, m]`.
fn change<T: Real>(x: T, sum: T, [a, b, m]: [T; 3]) -> T {
    if a > sum {
        let step = a / sum * ((a - sum) / b);
        return if step.is_finite() { step } else { T::ZERO };
    }
    let gap = sum - a;
    let step = gap / (b + m * gap);
    // Also where nothing asks for this coordinate, and 0 / 0.
    if step < x { -step } else { -x }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments of a line at x, and the derivative of its divergence at another point.
    struct Line {
        w: Vec<f64>,
        v: Vec<f64>,
        others: Vec<f64>,
    }

    impl Line {
        fn sum(&self) -> f64 {
            self.w.iter().sum()
        }

        fn moments(&self, x: f64) -> [f64; 3] {
            let mut out = [0.0, 0.0, 0.0];
            for ((w, v), q) in self.w.iter().zip(&self.v).zip(&self.others) {
                let b = w / (q + x * w);
                if *v > 0.0 {
                    out[0] += v * b;
                    out[1] += v * b * b;
                    out[2] = f64::max(out[2], b);
                }
            }
            out
        }

        fn derivative(&self, x: f64) -> f64 {
            self.sum() - self.moments(x)[0]
        }
    }

    #[test]
    fn a_step_never_passes_the_minimum_and_is_never_shorter_than_a_multiplicative_one() {
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        let mut both = [0, 0];
        for case in 0..2000 {
            let len = 1 + case % 7;
            // Over several orders of magnitude, with zeros.
            let mut numbers = |zeros: f64| -> Vec<f64> {
                let number = |_| {
                    let x = 10.0_f64.powf(4.0 * random() - 2.0);
                    if random() < zeros { 0.0 } else { x }
                };
                (0..len).map(number).collect()
            };
            let line = Line {
                w: numbers(0.0),
                v: numbers(0.3),
                others: numbers(0.2),
            };
            let x = 0.01 + random();
            let (sum, moments) = (line.sum(), line.moments(x));
            let step = change(x, sum, moments);
            let multiplicative = x * moments[0] / sum - x;
            let slack = 1e-9 * sum;
            if step > 0.0 {
                both[0] += 1;
                assert!(line.derivative(x + step) <= slack, "case {case}");
                assert!(step >= multiplicative * (1.0 - 1e-9), "case {case}");
            } else {
                both[1] += 1;
                assert!(x + step >= 0.0);
                let there = (x + step).max(1e-300);
                assert!(line.derivative(there) >= -slack, "case {case}");
                assert!(step <= multiplicative * (1.0 - 1e-9), "case {case}");
            }
        }
        assert!(both.iter().all(|&count| count > 300), "{both:?}");
    }

    #[test]
    fn what_nothing_asks_for_becomes_zero_and_a_zero_can_grow() {
        assert_eq!(change(0.5, 1.0, [0.0, 0.0, 0.0]), -0.5);
        // One entry: the minimum is v / w, reached at once.
        let line = Line {
            w: vec![2.0],
            v: vec![3.0],
            others: vec![0.0],
        };
        for x in [0.2, 7.0] {
            let there = x + change(x, line.sum(), line.moments(x));
            assert!((there - 1.5).abs() < 1e-14, "{x}: {there}");
        }
        let line = Line {
            others: vec![1.0],
            ..line
        };
        assert!((change(0.0, line.sum(), line.moments(0.0)) - 1.0).abs() < 1e-14);
    }
}
