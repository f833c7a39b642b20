//! The elimination.

use super::field::{Field, Plain, Tape};
use super::matrix::EliminationMatrix;
use super::network::{Gating, Memory};
use crate::GnnError;
use crate::gated::{Anchor, GatedConfig, Gates, Parameters};

/// Smallest pivot of the scaled matrix; below it a pivot has failed.
const FLOOR: f64 = 1e-8;
/// Share of the pivot without compensation that always stays.
const KEPT: f64 = 0.02;
/// Added to squares before a logarithm.
const TINY: f64 = 1e-12;
/// tanh z at the anchor with compensation.
const RELAXED: f64 = 0.9;
/// Largest logarithm of a factor.
const BOUND: f64 = 1.0;

/// The entries of a factor of the scaled matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct GatedFactor {
    /// Row by row, the diagonal last in each.
    pub entries: Vec<f64>,
    /// Pivots that were replaced by the floor.
    pub replaced: usize,
}

/// A gated elimination in pure Rust; see [`GatedConfig`] for what it computes.
///
/// # Examples
/// ```
/// use la_gnn::gated::{GatedConfig, Parameters};
/// use la_gnn::native::gated::{EliminationMatrix, GatedSweep};
///
/// // [4 2; 2 10] has the factor [2; 1 3], scaled to unit diagonal [1; 1/√10 3/√10].
/// let matrix = EliminationMatrix::new(&[0, 1, 3], &[0, 0, 1], &[4.0, 2.0, 10.0])?;
/// let sweep = GatedSweep::new(&Parameters::initialize(&GatedConfig::default(), 0)?)?;
/// let factor = sweep.factor(&matrix, 0.0);
/// assert!((factor.entries[2] - 0.9_f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone)]
pub struct GatedSweep {
    config: GatedConfig,
    values: Vec<f64>,
    gating: Gating,
}

impl GatedSweep {
    /// The elimination of these parameters.
    ///
    /// # Errors
    /// [`GnnError::Config`] for parameters out of range, [`GnnError::NonFinite`].
    pub fn new(parameters: &Parameters) -> Result<Self, GnnError> {
        parameters.check()?;
        Ok(Self {
            config: parameters.config.clone(),
            values: parameters.values.iter().map(|&v| f64::from(v)).collect(),
            gating: Gating::new(&parameters.config),
        })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &GatedConfig {
        &self.config
    }

    /// One elimination, level by level, of the matrix with `shift` added to its unit diagonal.
    #[must_use]
    pub fn factor(&self, matrix: &EliminationMatrix, shift: f64) -> GatedFactor {
        let mut field = Plain(&self.values);
        let start = vec![0.0; matrix.entries.len()];
        let (entries, replaced) = self.run(&mut field, matrix, shift, start);
        GatedFactor { entries, replaced }
    }

    /// So many sweeps that compute every entry from the values of the sweep before, starting from the lower triangle of the scaled
    /// matrix. As many as there are [levels](la_graph::EntryLevels::count) give [`factor`](Self::factor), bit for bit.
    #[must_use]
    pub fn fixed_point(
        &self,
        matrix: &EliminationMatrix,
        shift: f64,
        sweeps: usize,
    ) -> GatedFactor {
        let mut field = Plain(&self.values);
        let mut old = matrix.entries.clone();
        let mut new = old.clone();
        let mut memory = Memory::default();
        let mut replaced = 0;
        for _ in 0..sweeps {
            replaced = 0;
            for (e, new) in new.iter_mut().enumerate() {
                let (value, failed) = self.entry(&mut field, matrix, shift, e, &old, &mut memory);
                *new = value;
                replaced += usize::from(failed);
            }
            std::mem::swap(&mut old, &mut new);
        }
        GatedFactor {
            entries: old,
            replaced,
        }
    }

    /// The factor, and a function from derivatives with respect to its entries to those with respect to the parameters.
    pub(super) fn differentiable(
        &self,
        matrix: &EliminationMatrix,
    ) -> (GatedFactor, impl Fn(&[f64]) -> Vec<f64> + use<>) {
        let mut tape = Tape::new(&self.values);
        let zero = tape.constant(0.0);
        let start = vec![zero; matrix.entries.len()];
        let (numbers, replaced) = self.run(&mut tape, matrix, 0.0, start);
        let entries = numbers.iter().map(|&x| tape.value(x)).collect();
        let count = self.values.len();
        let back = move |slopes: &[f64]| {
            let slopes: Vec<(u32, f64)> = numbers
                .iter()
                .copied()
                .zip(slopes.iter().copied())
                .collect();
            tape.gradient(&slopes, count)
        };
        (GatedFactor { entries, replaced }, back)
    }

    fn run<F: Field>(
        &self,
        field: &mut F,
        matrix: &EliminationMatrix,
        shift: f64,
        mut entries: Vec<F::Number>,
    ) -> (Vec<F::Number>, usize) {
        let mut memory = Memory::default();
        let mut replaced = 0;
        for &e in matrix.levels.order() {
            let e = e as usize;
            let (value, failed) = self.entry(field, matrix, shift, e, &entries, &mut memory);
            entries[e] = value;
            replaced += usize::from(failed);
        }
        (entries, replaced)
    }

    /// Entry `e` from those it waits for, and whether it is a pivot that failed.
    fn entry<F: Field>(
        &self,
        field: &mut F,
        matrix: &EliminationMatrix,
        shift: f64,
        e: usize,
        l: &[F::Number],
        memory: &mut Memory<F::Number>,
    ) -> (F::Number, bool) {
        let (i, j) = (matrix.levels.rows()[e], matrix.levels.columns()[e]);
        if i == j {
            return self.pivot(field, matrix, shift, i as usize, l, memory);
        }
        (self.below(field, matrix, e, l, memory), false)
    }

    /// `(â_ij − Σ l_ik l_jk exp(g_ijk)) exp(c_ij) / √ρ_j`.
    fn below<F: Field>(
        &self,
        field: &mut F,
        matrix: &EliminationMatrix,
        e: usize,
        l: &[F::Number],
        memory: &mut Memory<F::Number>,
    ) -> F::Number {
        let levels = &matrix.levels;
        let (i, j) = (levels.rows()[e] as usize, levels.columns()[e] as usize);
        let a = matrix.entries[e];
        let size = field.constant((a * a + TINY).ln() / 8.0);
        let (later_i, later_j) = (
            field.constant(matrix.later[i]),
            field.constant(matrix.later[j]),
        );
        let depth = field.constant(matrix.depth);
        let mut sum = a;
        let mut from = Vec::with_capacity(3 * levels.pairs(e).len());
        for &[x, y] in levels.pairs(e) {
            let (x, y) = (l[x as usize], l[y as usize]);
            let (vx, vy) = (field.value(x), field.value(y));
            let signs = field.constant(if vx * vy * a > 0.0 { 1.0 } else { 0.0 });
            let inputs = [
                log_square(field, x),
                log_square(field, y),
                size,
                signs,
                later_i,
                depth,
            ];
            let [g, _] = self.gating.update.evaluate(field, inputs, memory);
            let (factor, slope) = self.less(field.value(g));
            sum -= vx * vy * factor;
            from.push((x, -vy * factor));
            from.push((y, -vx * factor));
            from.push((g, -vx * vy * slope));
        }
        let root = l[levels.diagonal()[j] as usize];
        let r = field.value(root);
        if self.config.gates == Gates::OneSided {
            from.iter_mut().for_each(|f| f.1 /= r);
            from.push((root, -sum / (r * r)));
            return field.node(sum / r, &from);
        }
        let s = field.node(sum, &from);
        let dominance = field.constant(matrix.dominance[i]);
        let inputs = [
            log_square(field, s),
            size,
            log_square(field, root),
            later_i,
            later_j,
            dominance,
        ];
        let [c, _] = self.gating.entry.evaluate(field, inputs, memory);
        let (factor, slope) = self.less(field.value(c));
        let value = sum * factor / r;
        field.node(
            value,
            &[(s, factor / r), (c, sum * slope / r), (root, -value / r)],
        )
    }

    /// √ρ_i, and whether the floor had to replace the pivot.
    fn pivot<F: Field>(
        &self,
        field: &mut F,
        matrix: &EliminationMatrix,
        shift: f64,
        i: usize,
        l: &[F::Number],
        memory: &mut Memory<F::Number>,
    ) -> (F::Number, bool) {
        let levels = &matrix.levels;
        let later = field.constant(matrix.later[i]);
        let dominance = field.constant(matrix.dominance[i]);
        let depth = field.constant(matrix.depth);
        let compensates = self.config.gates != Gates::OneSided;
        let (mut q, mut plain, mut fill) = (1.0 + shift, 1.0 + shift, 0.0);
        let (mut q_from, mut plain_from, mut fill_from) = (Vec::new(), Vec::new(), Vec::new());
        for e in levels.left_of_diagonal(i) {
            let x = l[e];
            let v = field.value(x);
            // Fill that this entry makes in row i outside the pattern.
            let mut sum = 0.0;
            memory.from.clear();
            for &other in levels.dropped(e) {
                let weight = matrix.root[levels.rows()[other as usize] as usize] / matrix.root[i];
                let y = l[other as usize];
                sum += field.value(y) * weight;
                memory.from.push((y, v * weight));
            }
            memory.from.push((x, sum));
            let f = field.node(v * sum, &memory.from);
            let fv = v * sum;
            // Its share beside the square.
            let (square, size) = (v * v + TINY, v * v + TINY + fv.abs());
            let share = field.node(
                fv / size,
                &[
                    (f, square / (size * size)),
                    (x, -fv * 2.0 * v / (size * size)),
                ],
            );
            let k = levels.columns()[e] as usize;
            let inputs = [
                log_square(field, x),
                share,
                log_square(field, l[levels.diagonal()[k] as usize]),
                later,
                dominance,
                depth,
            ];
            let [g, z] = self.gating.square.evaluate(field, inputs, memory);
            let (factor, slope) = self.less(field.value(g));
            q -= v * v * factor;
            plain -= v * v;
            q_from.push((x, -2.0 * v * factor));
            q_from.push((g, -v * v * slope));
            plain_from.push((x, -2.0 * v));
            if compensates {
                let (omega, slope) = self.share(field.value(z));
                q -= omega * fv;
                q_from.push((f, -omega));
                q_from.push((z, -slope * fv));
            }
            fill += fv.abs();
            fill_from.push((f, if fv < 0.0 { -1.0 } else { 1.0 }));
        }
        let q_node = field.node(q, &q_from);
        let plain_node = field.node(plain, &plain_from);
        let fill_node = field.node(fill, &fill_from);
        let failed = q.is_nan() || q <= FLOOR;
        // What is left whatever the compensation.
        let (base, from) = if plain > FLOOR / KEPT && q < KEPT * plain {
            (KEPT * plain, (plain_node, KEPT))
        } else if failed {
            (FLOOR, (plain_node, 0.0))
        } else {
            (q, (q_node, 1.0))
        };
        let failed = failed && base == FLOOR;
        let base_node = field.node(base, &[from]);
        let size = plain.abs() + fill + TINY;
        let sign = if plain < 0.0 { -1.0 } else { 1.0 };
        let share = field.node(
            fill / size,
            &[
                (fill_node, (size - fill) / (size * size)),
                (plain_node, -fill * sign / (size * size)),
            ],
        );
        let log = |field: &mut F, x: F::Number| {
            let v = field.value(x).max(FLOOR);
            let slope = if field.value(x) > FLOOR {
                0.25 / v
            } else {
                0.0
            };
            field.node(v.ln() / 4.0, &[(x, slope)])
        };
        let inputs = [
            log(field, plain_node),
            log(field, base_node),
            share,
            later,
            dominance,
            depth,
        ];
        let [c, _] = self.gating.pivot.evaluate(field, inputs, memory);
        let (factor, slope) = if self.config.gates == Gates::TwoSided {
            bounded_exp(field.value(c))
        } else {
            let (factor, slope) = self.less(field.value(c));
            (1.0 / factor, -slope / (factor * factor))
        };
        let rho = base * factor;
        let cap = 1.0 + shift;
        let root = if rho > cap {
            field.node(cap.sqrt(), &[])
        } else {
            let root = rho.sqrt();
            field.node(
                root,
                &[
                    (base_node, 0.5 * root / base),
                    (c, 0.5 * base * slope / root),
                ],
            )
        };
        (root, failed)
    }

    /// exp of a gate, and its derivative. Unless two-sided: at most 1, with the derivative from below at 0, so that training can start there.
    fn less(&self, g: f64) -> (f64, f64) {
        match self.config.gates {
            Gates::TwoSided => bounded_exp(g),
            _ if g > 0.0 => (1.0, 0.0),
            _ => bounded_exp(g),
        }
    }

    /// tanh z with the anchor, and its derivative.
    fn share(&self, z: f64) -> (f64, f64) {
        let start: f64 = match self.config.anchor {
            Anchor::Ic0 => 0.0,
            Anchor::Relaxed => RELAXED,
        };
        let omega = (z + start.atanh()).tanh();
        (omega, 1.0 - omega * omega)
    }
}

/// `exp(t / (1 + |t| / BOUND))`, between exp(−BOUND) and exp(BOUND), and its derivative.
fn bounded_exp(t: f64) -> (f64, f64) {
    let scale = 1.0 + t.abs() / BOUND;
    let value = (t / scale).exp();
    (value, value / (scale * scale))
}

/// `log(x² + ε) / 8`.
fn log_square<F: Field>(field: &mut F, x: F::Number) -> F::Number {
    let v = field.value(x);
    let square = v * v + TINY;
    field.node(square.ln() / 8.0, &[(x, v / (4.0 * square))])
}
