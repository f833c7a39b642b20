//! The rule of learned compensation in pure Rust: a few hundred operations per row, in double precision.

mod adjoint;
mod elementary;

use crate::GnnError;
use crate::compensation::{INPUTS, OUTPUTS, Parameters};
pub use adjoint::RuleGradient;
use elementary::{exp, fma, ln};

/// Hidden units that are computed together.
const LANES: usize = 8;

/// Outputs with zeros behind, for vectors of four.
const PADDED: usize = 8;

/// Inputs that differ from row to row; the others belong to the matrix.
const OF_ROW: usize = 11;

/// Where the inputs of a row stand among all: first what is known before its turn comes, last what takes longest.
const ROW_INPUTS: [usize; OF_ROW] = [5, 6, 7, 11, 0, 1, 10, 2, 4, 9, 3];

/// The sum that each of these inputs goes to: what is known before the turn of a row, the sums of the row, and what takes longest.
const PART: [usize; OF_ROW] = [0, 0, 0, 0, 1, 1, 1, 2, 2, 1, 2];

/// The ranges of z_s, z_u, z_−, y.
const LOWEST: [f64; 4] = [-0.69, -0.69, 0.0, -14.0];
const HIGHEST: [f64; 4] = [9.0, 9.0, 9.0, 3.0];

/// Smallest pivot, relative to the diagonal, that the inputs are divided by.
const SMALLEST: f64 = 1e-6;

/// `1 / (3 ln 10)`: a third of the decimal logarithm.
const LOG_SCALE: f64 = std::f64::consts::LOG10_E / 3.0;

/// What is known of a matrix before the elimination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatrixFacts {
    /// Dimension of the graph: the slope of the logarithm of the number of nodes within a distance of a far node, against that of the distance.
    pub dimension: f64,
    /// Depth D of the graph: levels of a breadth-first search from a far node, at least 1.
    pub depth: f64,
    /// Share of the positive off-diagonal entries of the equilibrated matrix in the sum of all magnitudes, in [0, 1].
    pub positive: f64,
    /// Share of rows without a later neighbour, in [0, 1].
    pub sinks: f64,
}

impl MatrixFacts {
    /// κ: 0 for graphs of two dimensions and less, 1 from three on.
    #[must_use]
    pub fn kappa(&self) -> f64 {
        (self.dimension - 2.0).clamp(0.0, 1.0)
    }
}

/// What is known of a row before the elimination, of the equilibrated matrix `D^(-1/2) A D^(-1/2)`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RowFacts {
    /// `1 − Σ |a_ij| v_j / (a_ii v_i)` for the vector v that is kept, at least −1.
    pub dominance: f64,
    /// Share of positive entries in the sum of magnitudes off the diagonal, in [0, 1].
    pub positive: f64,
    /// Share of later columns in the same sum, in [0, 1].
    pub later: f64,
}

/// A row when its turn comes. Pivot, sums and outward weight are relative to the diagonal entry of the matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowState {
    /// δ, the pivot without compensation.
    pub plain: f64,
    /// u, the sum of magnitudes of the entries still to come.
    pub outward: f64,
    /// c^s, positive fill that remaining paths can carry.
    pub supported: f64,
    /// c^u, the other positive fill.
    pub unsupported: f64,
    /// c^−, negative fill, as a positive number.
    pub negative: f64,
    /// Mean of the messages of eliminated neighbours.
    pub message: f64,
    /// Share of supported fill in all positive fill dropped so far, in the whole matrix.
    pub supported_share: f64,
}

/// What the rule says about a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowWeights {
    /// z_s, z_u, z_− and y, within their ranges.
    pub z: [f64; 4],
    /// Message to later neighbours, in (−1, 1).
    pub message: f64,
}

impl RowWeights {
    /// ω_s, ω_u, ω_−, all below 1, and η, positive. `FMA` says that the processor multiplies and adds in one instruction, and that the caller
    /// was compiled for that.
    #[inline(always)]
    #[must_use]
    pub fn shares<const FMA: bool>(&self) -> [f64; 4] {
        let [s, u, n, y] = self.z;
        let [s, u, n, eta] = exp::<FMA>([-s, -u, -n, y]);
        [1.0 - s, 1.0 - u, 1.0 - n, eta]
    }
}

/// Eight hidden units: bias, first map by inputs, second map by outputs.
#[derive(Debug, Clone, PartialEq)]
struct Block {
    bias: [f64; LANES],
    first: [[f64; LANES]; INPUTS],
    second: [[f64; LANES]; OUTPUTS],
}

/// A rule ready to run.
///
/// # Examples
/// ```
/// use la_gnn::compensation::{CompensationConfig, Parameters};
/// use la_gnn::native::compensation::{CompensationRule, MatrixFacts, RowFacts, RowState};
///
/// let rule = CompensationRule::new(&Parameters::initialize(&CompensationConfig::default(), 0)?)?;
/// let facts = MatrixFacts { dimension: 2.0, depth: 18.0, positive: 0.0, sinks: 0.01 };
/// let row = RowFacts { dominance: 0.0, positive: 0.0, later: 0.5 };
/// let state = RowState {
///     plain: 0.8, outward: 0.5, supported: 0.1, unsupported: 0.0, negative: 0.0, message: 0.0, supported_share: 1.0,
/// };
/// let weights = rule.on(&facts).weigh::<false>(&row, &state);
/// let [supported, _, _, eta] = weights.shares::<false>();
/// assert!(supported < 1.0 && eta > 0.0);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CompensationRule {
    scalars: Vec<f64>,
    blocks: Vec<Block>,
}

impl CompensationRule {
    /// A rule with these parameters.
    ///
    /// # Errors
    /// [`GnnError::Config`] if the configuration is out of range or the number of scalars is not that of the configuration,
    /// [`GnnError::NonFinite`].
    pub fn new(parameters: &Parameters) -> Result<Self, GnnError> {
        let Parameters { config, values } = parameters;
        config.validate()?;
        if values.len() != config.parameter_count() {
            return Err(GnnError::Config {
                field: "values",
                reason: format!(
                    "has {} scalars, the configuration {}",
                    values.len(),
                    config.parameter_count()
                ),
            });
        }
        if let Some(position) = values.iter().position(|v| !v.is_finite()) {
            return Err(GnnError::NonFinite {
                what: "parameters".into(),
                position,
            });
        }
        let values: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
        let (scalars, rest) = values.split_at(config.scalars());
        let h = config.hidden;
        let (first, rest) = rest.split_at(h * INPUTS);
        let (bias, second) = rest.split_at(h);
        let block = |start: usize| {
            let unit = |lane: usize| Some(start + lane).filter(|unit| *unit < h);
            let pick =
                |at: &dyn Fn(usize) -> f64| std::array::from_fn(|lane| unit(lane).map_or(0.0, at));
            Block {
                bias: pick(&|unit| bias[unit]),
                first: std::array::from_fn(|input| pick(&|unit| first[unit * INPUTS + input])),
                second: std::array::from_fn(|output| pick(&|unit| second[output * h + unit])),
            }
        };
        Ok(Self {
            scalars: scalars.to_vec(),
            blocks: (0..h).step_by(LANES).map(block).collect(),
        })
    }

    /// The rule on one matrix: what depends on the matrix alone is worked in.
    #[must_use]
    pub fn on(&self, matrix: &MatrixFacts) -> MatrixRule {
        let size = matrix.depth.max(1.0).ln();
        let mut inputs = [0.0; INPUTS];
        inputs[8] = matrix.positive;
        inputs[12] = size / 5.0 - 0.6;
        inputs[13] = matrix.sinks;
        let block = |block: &Block| {
            let mut bias = block.bias;
            for (input, column) in inputs.iter().zip(&block.first) {
                for (b, w) in bias.iter_mut().zip(column) {
                    *b += input * w;
                }
            }
            RowBlock {
                bias,
                first: ROW_INPUTS.map(|input| block.first[input]),
                second: std::array::from_fn(|unit| {
                    std::array::from_fn(|output| block.second.get(output).map_or(0.0, |w| w[unit]))
                }),
            }
        };
        MatrixRule {
            base: self.base(matrix),
            blocks: self.blocks.iter().map(block).collect(),
        }
    }

    /// Constants and size laws of z_s, z_u, z_−, y.
    fn base(&self, matrix: &MatrixFacts) -> [f64; 4] {
        let size = matrix.depth.max(1.0).ln();
        let s = &self.scalars;
        let centred = size - 3.5;
        let mut base = [
            s[0] + s[4] * centred,
            s[1] + s[5] * centred,
            s[2],
            s[3] + s[6] * size,
        ];
        if let [c_s, c_u, c_e, a_s, a_u, a_e] = s[7..] {
            let kappa = matrix.kappa();
            base[0] += kappa * (c_s + a_s * centred);
            base[1] += kappa * (c_u + a_u * centred);
            base[3] += kappa * (c_e + a_e * centred);
        }
        base
    }
}

/// As [`Block`], without the inputs that belong to the matrix.
#[derive(Debug, Clone, PartialEq)]
struct RowBlock {
    bias: [f64; LANES],
    first: [[f64; LANES]; OF_ROW],
    /// By hidden units.
    second: [[f64; PADDED]; LANES],
}

/// A rule on one matrix; see [`CompensationRule::on`].
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixRule {
    /// Constants and size laws of z_s, z_u, z_−, y.
    base: [f64; 4],
    blocks: Vec<RowBlock>,
}

impl MatrixRule {
    /// The weights of a row. `FMA` as in [`RowWeights::shares`].
    #[inline(always)]
    #[must_use]
    pub fn weigh<const FMA: bool>(&self, row: &RowFacts, state: &RowState) -> RowWeights {
        let plain = state.plain.max(SMALLEST);
        let taken = state.supported + state.unsupported - state.negative;
        // t / (1 + t) for t = c / δ
        let sums = [
            state.outward,
            state.supported,
            state.unsupported,
            state.negative,
        ];
        let shares: [f64; 4] = std::array::from_fn(|k| sums[k] / (plain + sums[k]));
        let inputs: [f64; OF_ROW] = [
            row.dominance,
            row.positive,
            row.later,
            state.supported_share,
            shares[0],
            shares[1],
            shares[2],
            shares[3],
            ((state.plain - taken - state.outward) / plain).clamp(-1.0, 1.0),
            state.message,
            ln::<FMA>(plain.min(1.0)) * LOG_SCALE,
        ];
        // Every row waits for the one before it, so that the length of chains of operations counts: several sums, what is known first first.
        let (mut out, mut odd_out) = ([0.0; PADDED], [0.0; PADDED]);
        for block in &self.blocks {
            let mut sums = [block.bias, [0.0; LANES], [0.0; LANES]];
            for (k, (x, column)) in inputs.iter().zip(&block.first).enumerate() {
                add::<FMA, _>(&mut sums[PART[k]], *x, column);
            }
            let [a, b, c] = sums;
            let hidden: [f64; LANES] = std::array::from_fn(|k| softsign(a[k] + (b[k] + c[k])));
            for (h, row) in hidden.chunks_exact(2).zip(block.second.chunks_exact(2)) {
                add::<FMA, _>(&mut out, h[0], &row[0]);
                add::<FMA, _>(&mut odd_out, h[1], &row[1]);
            }
        }
        let out: [f64; PADDED] = std::array::from_fn(|k| out[k] + odd_out[k]);
        let z = std::array::from_fn(|k| {
            fma::<FMA>(3.0, out[k], self.base[k]).clamp(LOWEST[k], HIGHEST[k])
        });
        RowWeights {
            z,
            message: softsign(out[4]),
        }
    }
}

/// `y += a x`.
#[inline(always)]
fn add<const FMA: bool, const N: usize>(y: &mut [f64; N], a: f64, x: &[f64; N]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = fma::<FMA>(a, *x, *y);
    }
}

/// `t / (1 + |t|)`.
#[inline(always)]
fn softsign(t: f64) -> f64 {
    t / (1.0 + t.abs())
}
