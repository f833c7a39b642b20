//! The compensated elimination backwards: how a factor depends on the parameters of the rule.

use la_gnn::native::compensation::{MatrixFacts, MatrixRule, RuleGradient};

use super::policy::{Heard, Learned, Row};
use crate::classical::compensated::kernel::LONGEST_SEARCH;
use crate::classical::compensated::policy::{Pivot, Policy};
use crate::classical::compensated::support::FULL_SUPPORT;
use crate::classical::compensated::triangle::Triangle;

/// What a row was decided by when its turn came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) row: Row,
    pub(super) plain: f64,
    pub(super) outward: f64,
    pub(super) heard: Heard,
    /// Supported and unsupported fill of the equilibrated matrix so far, and the share that the row saw.
    pub(super) dropped: [f64; 2],
    pub(super) share: f64,
}

/// A rule that writes down what it decides by.
pub(super) struct Recorded<'a> {
    inner: Learned<'a, MatrixRule>,
    turns: Vec<Turn>,
}

impl<'a> Recorded<'a> {
    pub(super) fn new(rule: &'a MatrixRule, caution: f64) -> Self {
        Self {
            inner: Learned::new(rule, caution),
            turns: Vec::new(),
        }
    }

    pub(super) fn turns(self) -> Vec<Turn> {
        self.turns
    }
}

impl Policy<f64> for Recorded<'_> {
    type Row = Row;
    type Heard = Heard;
    const SUPPORT: bool = true;
    const OUTWARD: bool = true;
    const WATCHES: bool = true;

    fn begin(&mut self, rows: &mut Vec<Row>, n: usize) {
        self.inner.begin(rows, n);
        self.turns.clear();
        self.turns.reserve(n);
    }

    fn drop(&mut self, rows: &mut [Row], at: [u32; 2], f: f64, supported: f64) {
        self.inner.drop(rows, at, f, supported);
    }

    fn hear(heard: &mut Heard, row: &Row, l: f64) {
        Learned::<MatrixRule>::hear(heard, row, l);
    }

    fn heard(&mut self, heard: Heard) {
        self.inner.heard(heard);
    }

    fn pivot<const FMA: bool>(&mut self, row: &mut Row, plain: f64, outward: f64) -> Pivot<f64> {
        self.turns.push(Turn {
            row: *row,
            plain,
            outward,
            heard: self.inner.heard,
            dropped: [self.inner.supported, self.inner.unsupported],
            share: self.inner.supported_share,
        });
        self.inner.pivot::<FMA>(row, plain, outward)
    }
}

/// Entries `s_ik` by rows and pivots `d_k`: `M = Σ_k s_k s_kᵀ / d_k` with `s_kk = d_k`. Also their derivatives.
#[derive(Debug, Clone)]
pub(super) struct Entries {
    pub(super) below: Vec<f64>,
    pub(super) pivots: Vec<f64>,
}

/// Derivatives with respect to what rows know of their fill.
#[derive(Clone, Copy, Default)]
struct OfRow {
    plain: f64,
    supported: f64,
    unsupported: f64,
    negative: f64,
    message: f64,
}

/// Goes through an elimination from its end.
pub(super) struct Reverse<'a> {
    pub(super) triangle: &'a Triangle,
    pub(super) facts: &'a MatrixFacts,
    pub(super) turns: &'a [Turn],
    pub(super) messages: &'a [f64],
    pub(super) caution: f64,
}

impl Reverse<'_> {
    /// Adds the derivative with respect to the parameters, given the finished entries and the derivative with respect to them. Both are
    /// used up: what the elimination subtracted is added again on the way back.
    ///
    /// # Reference
    /// A. Griewank, A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM, 2008, section 3.2.
    pub(super) fn run(&self, s: &mut Entries, of: &mut Entries, gradient: &mut RuleGradient) {
        let mut rows = vec![OfRow::default(); s.pivots.len()];
        // Of the fill of the whole matrix, and of the share that the row after sees.
        let (mut dropped, mut share) = ([0.0; 2], 0.0);
        for k in (0..s.pivots.len()).rev() {
            self.elimination(k, s, of, &mut rows, dropped);
            let [with, without] = self.turns[k].dropped;
            let all = with + without;
            if all > 0.0 {
                dropped[0] += share * without / (all * all);
                dropped[1] -= share * with / (all * all);
            }
            share = self.pivot(k, s, of, &mut rows, gradient);
        }
    }

    /// Row k eliminated from the rows after it, in the opposite order.
    fn elimination(
        &self,
        k: usize,
        s: &mut Entries,
        of: &mut Entries,
        rows: &mut [OfRow],
        dropped: [f64; 2],
    ) {
        let column = self.triangle.column(k);
        let d = s.pivots[k];
        for p in (0..column.len()).rev() {
            let (j, place_j) = (column[p].row as usize, column[p].place as usize);
            let kept = self.triangle.column(j);
            for entry in column[p + 1..].iter().rev() {
                let (i, place_i) = (entry.row as usize, entry.place as usize);
                let (s_i, s_j) = (s.below[place_i], s.below[place_j]);
                let f = s_j / d * s_i;
                let of_f = match kept.binary_search_by_key(&entry.row, |e| e.row) {
                    Ok(at) => {
                        let place = kept[at].place as usize;
                        s.below[place] += f;
                        -of.below[place]
                    }
                    Err(_) if f > 0.0 => {
                        let scale = self.turns[i].row.inverse_root * self.turns[j].row.inverse_root;
                        let with = rows[i].supported + rows[j].supported + scale * dropped[0];
                        let without =
                            rows[i].unsupported + rows[j].unsupported + scale * dropped[1];
                        let searched = column.len() <= LONGEST_SEARCH;
                        let ends = searched.then_some([(i, place_i), (j, place_j)]);
                        let (share, of_f) = self.support(ends, f, f * (with - without), s, of);
                        share * with + (1.0 - share) * without + of_f
                    }
                    Err(_) => -(rows[i].negative + rows[j].negative),
                };
                of.below[place_j] += of_f * s_i / d;
                of.below[place_i] += of_f * s_j / d;
                of.pivots[k] -= of_f * f / d;
            }
            let l = s.below[place_j] / d;
            of.below[place_j] -= 2.0 * l * rows[j].plain;
            of.pivots[k] += l * l * rows[j].plain;
        }
    }

    /// The share ρ of a dropped edge that paths can carry, and the derivative with respect to its weight, given that with respect to ρ.
    fn support(
        &self,
        ends: Option<[(usize, usize); 2]>,
        f: f64,
        of_share: f64,
        s: &Entries,
        of: &mut Entries,
    ) -> (f64, f64) {
        let Some(ends) = ends else { return (0.0, 0.0) };
        let [a, b] = ends.map(|(node, place)| self.left(node, place));
        let (mut a, mut b) = (a.peekable(), b.peekable());
        let mut paths = Vec::new();
        while let (Some(&(x, p)), Some(&(y, q))) = (a.peek(), b.peek()) {
            if x == y && s.below[p] < 0.0 && s.below[q] < 0.0 {
                paths.push([p, q]);
            }
            if x <= y {
                a.next();
            }
            if y <= x {
                b.next();
            }
        }
        let conductance = |[p, q]: [usize; 2]| {
            let (x, y) = (-s.below[p], -s.below[q]);
            x / (1.0 + x / y)
        };
        let g: f64 = paths.iter().copied().map(conductance).sum();
        let share = g / (g + f) / FULL_SUPPORT;
        if share >= 1.0 {
            return (1.0, 0.0);
        }
        let slope = of_share / ((g + f) * (g + f) * FULL_SUPPORT);
        for [p, q] in paths {
            // ∂/∂h of h h' / (h + h') is (h' / (h + h'))², and h = −s.
            let (x, y) = (s.below[p], s.below[q]);
            of.below[p] -= slope * f * (y / (x + y)).powi(2);
            of.below[q] -= slope * f * (x / (x + y)).powi(2);
        }
        (share, -slope * g)
    }

    /// Neighbours of a node after the one at `place`, with their places.
    fn left(&self, node: usize, place: usize) -> impl Iterator<Item = (u32, usize)> + '_ {
        let pattern = &self.triangle.pattern;
        let before = place + 1..pattern.range(node).end;
        let after = self.triangle.column(node);
        before
            .map(|p| (pattern.indices[p], p))
            .chain(after.iter().map(|e| (e.row, e.place as usize)))
    }

    /// The pivot of row k; the derivative with respect to the share of supported fill that the row saw.
    fn pivot(
        &self,
        k: usize,
        s: &Entries,
        of: &mut Entries,
        rows: &mut [OfRow],
        gradient: &mut RuleGradient,
    ) -> f64 {
        let Turn {
            row,
            plain,
            outward,
            heard,
            share,
            ..
        } = self.turns[k];
        let scale = row.inverse_root * row.inverse_root;
        let state = row.state(plain, outward, heard, share);
        let facts = row.facts(scale);
        let rule = gradient.rule().on(self.facts);
        let weights = rule.weigh::<false>(&facts, &state);
        let [supported, unsupported, negative, eta] = weights.shares::<false>();
        let (own, caution) = (1.0 - self.caution, self.caution);
        let (with, without) = (own * supported - caution, own * unsupported - caution);
        let against = own * negative + caution;
        let wanted =
            plain - with * row.supported - without * row.unsupported + against * row.negative;
        let floor = (1.0 + eta) * outward;
        let of_d = of.pivots[k];
        let (mut of_row, mut of_outward, mut of_z) = (OfRow::default(), 0.0, [0.0; 4]);
        if wanted < plain && wanted < floor.min(plain) {
            if floor < plain {
                of_outward = of_d * (1.0 + eta);
                of_z[3] = of_d * outward * eta;
            } else {
                of_row.plain = of_d;
            }
        } else {
            // ∂ω/∂z = 1 − ω
            of_z[0] = -of_d * own * row.supported * (1.0 - supported);
            of_z[1] = -of_d * own * row.unsupported * (1.0 - unsupported);
            of_z[2] = of_d * own * row.negative * (1.0 - negative);
            of_row.plain = of_d;
            of_row.supported = -of_d * with;
            of_row.unsupported = -of_d * without;
            of_row.negative = of_d * against;
        }
        let back = gradient.add(self.facts, &facts, &state, of_z, rows[k].message);
        rows[k] = OfRow {
            plain: of_row.plain + back.plain * scale,
            supported: of_row.supported + back.supported * scale,
            unsupported: of_row.unsupported + back.unsupported * scale,
            negative: of_row.negative + back.negative * scale,
            message: 0.0,
        };
        of_outward += back.outward * scale;
        for entry in self.triangle.column(k) {
            let place = entry.place as usize;
            of.below[place] += of_outward * s.below[place].signum();
        }
        if heard.weight > 0.0 {
            let of_messages = back.message / heard.weight;
            let range = self.triangle.pattern.range(k);
            let columns = &self.triangle.pattern.indices[range.clone()];
            for (place, &j) in range.zip(columns) {
                let j = j as usize;
                let root = s.pivots[j].sqrt();
                let l = s.below[place].abs() / root;
                let of_l = of_messages * (self.messages[j] - state.message);
                rows[j].message += of_messages * l;
                of.below[place] += of_l * s.below[place].signum() / root;
                of.pivots[j] -= 0.5 * of_l * l / s.pivots[j];
            }
        }
        back.supported_share
    }
}
