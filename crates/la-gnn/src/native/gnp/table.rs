//! The encoder as what it is: a piecewise linear function of one number.
//!
//! With relu, hidden states are linear in the scaled right-hand side s between breakpoints: `h = p + q s`. Features then cost one
//! look-up and 16 multiply-adds a node where the perceptron has 2700, and on the way back only sums over the nodes of each piece
//! are needed, `Σ g` and `Σ s g`: the gradient of a map is `Σ_pieces p (Σ g)ᵀ + q (Σ s g)ᵀ`. Exact, not an approximation.

use super::super::Element;
use super::super::lanes::{lanes, load, store};
use super::super::simd::{Kernel, LANES, Simd};
use super::maps::{Encoder, Map};
use super::{D, H, Row, State, TILE, Tile};

/// Scaled entries are at most √n in size, below 2^16.
const END: f64 = 65_536.0;
/// Pieces beyond which the perceptron is evaluated instead. Untrained networks have about a hundred.
const MOST: usize = 4096;
/// Padded hidden width.
const W: usize = H * LANES;

/// `p + q s` after a nonlinearity, for s between `low` and `high`.
#[derive(Debug, Clone)]
struct Piece {
    low: f64,
    high: f64,
    p: [f64; W],
    q: [f64; W],
    /// Piece of the level before that this one lies in.
    parent: usize,
}

/// Pieces after each map.
#[derive(Debug, Clone)]
pub(super) struct Table<T> {
    encoder: Encoder<f64>,
    levels: Vec<Vec<Piece>>,
    /// Upper ends of the last pieces but the last one, filled up to one less than a power of two by infinity.
    ends: Vec<T>,
    /// p and q of the last pieces.
    lines: Vec<[Row<T>; 2]>,
}

/// `(M p + bias, M q)`.
fn apply<const O: usize>(map: &Map<f64, H, O>, piece: &Piece) -> ([f64; W], [f64; W]) {
    let (mut p, mut q) = ([0.0; W], [0.0; W]);
    p[..O * LANES].copy_from_slice(map.bias.as_flattened());
    for (j, column) in map.columns.as_flattened().iter().enumerate() {
        if piece.p[j] == 0.0 && piece.q[j] == 0.0 {
            continue;
        }
        for (o, v) in column.as_flattened().iter().enumerate() {
            p[o] += v * piece.p[j];
            q[o] += v * piece.q[j];
        }
    }
    (p, q)
}

/// Cuts a piece where a unit changes sign, and cuts the units off below zero.
fn cut(from: &Piece, parent: usize, p: &[f64; W], q: &[f64; W], to: &mut Vec<Piece>) {
    let mut ends: Vec<f64> = (0..W)
        .map(|j| -p[j] / q[j])
        .filter(|t| *t > from.low && *t < from.high)
        .collect();
    ends.sort_by(f64::total_cmp);
    ends.push(from.high);
    let mut low = from.low;
    for high in ends {
        if high <= low {
            continue;
        }
        let middle = 0.5 * (low + high);
        let mut piece = Piece {
            low,
            high,
            p: *p,
            q: *q,
            parent,
        };
        for j in 0..W {
            if p[j] + q[j] * middle <= 0.0 {
                (piece.p[j], piece.q[j]) = (0.0, 0.0);
            }
        }
        to.push(piece);
        low = high;
    }
}

/// The next level.
fn level<const O: usize>(map: &Map<f64, H, O>, before: &[Piece]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (parent, piece) in before.iter().enumerate() {
        let (p, q) = apply(map, piece);
        cut(piece, parent, &p, &q, &mut pieces);
    }
    pieces
}

impl<T: Element> Table<T> {
    /// The pieces of an encoder with relu; `None` if there are too many.
    pub(super) fn new(encoder: Encoder<f64>) -> Option<Self> {
        let whole = Piece {
            low: -END,
            high: END,
            p: [0.0; W],
            q: [0.0; W],
            parent: 0,
        };
        let (mut p, mut q) = ([0.0; W], [0.0; W]);
        p.copy_from_slice(encoder.bias.as_flattened());
        q.copy_from_slice(encoder.weight.as_flattened());
        let mut pieces = Vec::new();
        cut(&whole, 0, &p, &q, &mut pieces);
        let mut levels = vec![pieces];
        for map in &encoder.middle {
            let last = &levels[levels.len() - 1];
            if last.len() > MOST {
                return None;
            }
            levels.push(level(map, last));
        }
        let last = level(&encoder.last, &levels[levels.len() - 1]);
        if last.len() > MOST {
            return None;
        }
        let mut ends: Vec<T> = last[..last.len() - 1]
            .iter()
            .map(|p| T::from_f64(p.high))
            .collect();
        ends.resize(
            last.len().next_power_of_two() - 1,
            T::from_f64(f64::INFINITY),
        );
        let lines = last
            .iter()
            .map(|piece| [&piece.p, &piece.q].map(|v| State(lanes(v[..D * LANES].iter().copied()))))
            .collect();
        levels.push(last);
        Some(Self {
            encoder,
            levels,
            ends,
            lines,
        })
    }

    /// Number of pieces.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The piece of `s`: a search without branches.
    #[inline(always)]
    fn find(&self, s: T) -> usize {
        let mut index = 0;
        let mut half = self.ends.len().div_ceil(2);
        while half > 0 {
            index += half * usize::from(self.ends[index + half - 1] < s);
            half /= 2;
        }
        index
    }

    /// Adds the gradient of the encoder, from the sums over the nodes of each piece.
    pub(super) fn back(&self, sums: &[[[f64; D * LANES]; 2]], to: &mut Encoder<f64>) {
        let mut g: Vec<[[f64; W]; 2]> = sums
            .iter()
            .map(|[a, b]| {
                let mut g = [[0.0; W]; 2];
                g[0][..D * LANES].copy_from_slice(a);
                g[1][..D * LANES].copy_from_slice(b);
                g
            })
            .collect();
        let own = self.levels.len() - 1;
        g = self.back_level(own, &self.encoder.last, &g, &mut to.last);
        for (k, (map, to)) in self
            .encoder
            .middle
            .iter()
            .zip(&mut to.middle)
            .enumerate()
            .rev()
        {
            g = self.back_level(k + 1, map, &g, to);
        }
        for (piece, g) in self.levels[0].iter().zip(&g) {
            let [g0, g1] = masked(piece, g);
            for j in 0..W {
                to.bias.as_flattened_mut()[j] += g0[j];
                to.weight.as_flattened_mut()[j] += g1[j];
            }
        }
    }

    /// From the gradients at the pieces of level `own` to those at the level before.
    fn back_level<const O: usize>(
        &self,
        own: usize,
        map: &Map<f64, H, O>,
        g: &[[[f64; W]; 2]],
        to: &mut Map<f64, H, O>,
    ) -> Vec<[[f64; W]; 2]> {
        let before = &self.levels[own - 1];
        let mut result = vec![[[0.0; W]; 2]; before.len()];
        for (piece, g) in self.levels[own].iter().zip(g) {
            let [g0, g1] = masked(piece, g);
            let parent = &before[piece.parent];
            let result = &mut result[piece.parent];
            for (b, g) in to.bias.as_flattened_mut().iter_mut().zip(g0) {
                *b += g;
            }
            for j in 0..W {
                let (p, q) = (parent.p[j], parent.q[j]);
                if p == 0.0 && q == 0.0 {
                    continue;
                }
                let column = map.columns[j / LANES][j % LANES].as_flattened();
                let to = to.columns[j / LANES][j % LANES].as_flattened_mut();
                let mut dots = [0.0; 2];
                for o in 0..O * LANES {
                    to[o] += p * g0[o] + q * g1[o];
                    dots[0] += column[o] * g0[o];
                    dots[1] += column[o] * g1[o];
                }
                result[0][j] += dots[0];
                result[1][j] += dots[1];
            }
        }
        result
    }
}

/// The gradients at the units of a piece that are not cut off.
fn masked(piece: &Piece, g: &[[f64; W]; 2]) -> [[f64; W]; 2] {
    let mut masked = *g;
    for j in 0..W {
        if piece.p[j] == 0.0 && piece.q[j] == 0.0 {
            (masked[0][j], masked[1][j]) = (0.0, 0.0);
        }
    }
    masked
}

/// Features of nodes from their scaled right-hand side.
pub(super) struct LookUp<'a, T> {
    pub table: &'a Table<T>,
    pub scale: f64,
    pub b: &'a [f64],
    /// One tile for each six entries of `b`, the last one filled up as if by zeros.
    pub to: &'a mut [Tile<T>],
}

impl<T: Element> Kernel<T> for LookUp<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        for (b, to) in self.b.chunks(TILE).zip(self.to) {
            let mut s = [T::ZERO; TILE];
            for (s, b) in s.iter_mut().zip(b) {
                *s = T::from_f64(self.scale * b);
            }
            for r in 0..TILE {
                let [p, q] = &self.table.lines[self.table.find(s[r])];
                let v = simd.splat(s[r]);
                let mut y = load(simd, p);
                for d in 0..D {
                    y[d] = simd.relu(simd.mul_add(simd.load(&q[d]), v, y[d]));
                }
                store(simd, y, &mut to[r]);
            }
        }
    }
}

/// `Σ g` and `Σ s g` over the nodes of each piece.
pub(super) struct SumPieces<'a, T> {
    pub table: &'a Table<T>,
    pub scale: f64,
    pub b: &'a [f64],
    pub g: &'a [Tile<T>],
    pub sums: &'a mut Vec<[Row<T>; 2]>,
}

impl<T: Element> Kernel<T> for SumPieces<'_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        self.sums.clear();
        self.sums.resize(self.table.len(), [Row::ZERO; 2]);
        for (b, g) in self.b.iter().zip(self.g.as_flattened()) {
            let s = T::from_f64(self.scale * b);
            let v = simd.splat(s);
            let [plain, weighted] = &mut self.sums[self.table.find(s)];
            for d in 0..D {
                let g = simd.load(&g[d]);
                simd.store(simd.add(simd.load(&plain[d]), g), &mut plain[d]);
                let sum = simd.mul_add(g, v, simd.load(&weighted[d]));
                simd.store(sum, &mut weighted[d]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zero_map<const O: usize>() -> Map<f64, H, O> {
        Map {
            columns: [[[[0.0; LANES]; O]; LANES]; H],
            bias: [[0.0; LANES]; O],
        }
    }

    /// relu(s − 1) and relu(−2 s), then relu of their difference and of their sum less 3.
    fn encoder() -> Encoder<f64> {
        let mut last = zero_map::<D>();
        last.columns[0][0][0][..2].copy_from_slice(&[1.0, 1.0]);
        last.columns[0][1][0][..2].copy_from_slice(&[-1.0, 1.0]);
        last.bias[0][1] = -3.0;
        let mut encoder = Encoder {
            weight: [[0.0; LANES]; H],
            bias: [[0.0; LANES]; H],
            middle: Vec::new(),
            last,
        };
        encoder.weight[0][..2].copy_from_slice(&[1.0, -2.0]);
        encoder.bias[0][0] = -1.0;
        encoder
    }

    struct Values<'a>(&'a Table<f64>, &'a [f64], &'a mut [Tile<f64>]);

    impl Kernel<f64> for Values<'_> {
        fn run<S: Simd<f64>>(self, simd: S) {
            let (table, b, to) = (self.0, self.1, self.2);
            let scale = 1.0;
            LookUp {
                table,
                scale,
                b,
                to,
            }
            .run(simd);
        }
    }

    #[test]
    fn pieces_end_where_units_change_sign() {
        let table = Table::<f64>::new(encoder()).unwrap();
        // First level: 0 and 1. Second: −1.5 (sum) and 4 (sum).
        assert_eq!(table.len(), 5);
        assert_eq!(table.ends[..4], [-1.5, 0.0, 1.0, 4.0]);
        let s = [-3.0, -1.0, 0.5, 2.0, 5.0, 0.0];
        let mut to = [[Row::ZERO; TILE]];
        f64::run_kernel(Values(&table, &s, &mut to));
        let values: Vec<[f64; 2]> = to[0].iter().map(|r| [r[0][0], r[0][1]]).collect();
        let expected = [
            [0.0, 3.0],
            [0.0, 0.0],
            [0.0, 0.0],
            [1.0, 0.0],
            [4.0, 1.0],
            [0.0, 0.0],
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn gradients_come_from_the_sums_over_pieces() {
        let table = Table::<f64>::new(encoder()).unwrap();
        // Two nodes in the last piece, s = 5 and 6, gradients 1 and 10 at feature 0; h = (s − 1, 0) there.
        let mut sums = vec![[[0.0; D * LANES]; 2]; 5];
        sums[4][0][0] = 11.0;
        sums[4][1][0] = 65.0;
        let mut to = encoder();
        table.back(&sums, &mut to);
        let start = encoder();
        // Σ g h₀ = 65 − 11; Σ g; through weight 1 to unit 0 alone.
        assert_eq!(
            to.last.columns[0][0][0][0],
            start.last.columns[0][0][0][0] + 54.0
        );
        assert_eq!(to.last.columns[0][1][0][0], start.last.columns[0][1][0][0]);
        assert_eq!(to.last.bias[0][0], 11.0);
        assert_eq!(to.bias[0][0], start.bias[0][0] + 11.0);
        assert_eq!(to.weight[0][0], start.weight[0][0] + 65.0);
        assert_eq!(to.weight[0][1], start.weight[0][1]);
    }
}
