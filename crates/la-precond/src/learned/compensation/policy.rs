//! The rule of compensation inside the elimination.

use la_gnn::native::compensation::{MatrixRule, RowFacts, RowState, RowWeights};

use crate::classical::compensated::policy::{Pivot, Policy, floored};

/// Chooses the weights of a row.
pub(super) trait RowRule {
    /// `FMA`: the processor multiplies and adds in one instruction.
    fn weigh<const FMA: bool>(&self, row: &RowFacts, state: &RowState) -> RowWeights;
}

impl RowRule for MatrixRule {
    #[inline(always)]
    fn weigh<const FMA: bool>(&self, row: &RowFacts, state: &RowState) -> RowWeights {
        MatrixRule::weigh::<FMA>(self, row, state)
    }
}

/// What is known of a row: of the matrix, and of the fill that was dropped around it. One line of a cache.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    /// Supported fill; after the turn of the row its message to later ones.
    pub(super) supported: f64,
    pub(super) unsupported: f64,
    pub(super) negative: f64,
    /// `a_ii^(−1/2)`.
    pub(super) inverse_root: f64,
    /// Σ |a_ij| off the diagonal.
    pub(super) absolute: f64,
    /// The same of the equilibrated matrix, over columns before and after the row.
    pub(super) before: f64,
    pub(super) after: f64,
    /// That of positive entries alone.
    pub(super) positive: f64,
}

impl Row {
    /// A row with this entry on the diagonal.
    pub(super) fn new(diagonal: f64) -> Self {
        Self {
            inverse_root: 1.0 / diagonal.sqrt(),
            ..Self::default()
        }
    }

    /// What the rule sees when its turn comes.
    #[inline(always)]
    pub(super) fn state(
        &self,
        plain: f64,
        outward: f64,
        heard: Heard,
        supported_share: f64,
    ) -> RowState {
        let scale = self.inverse_root * self.inverse_root;
        RowState {
            plain: plain * scale,
            outward: outward * scale,
            supported: self.supported * scale,
            unsupported: self.unsupported * scale,
            negative: self.negative * scale,
            message: if heard.weight > 0.0 {
                heard.messages / heard.weight
            } else {
                0.0
            },
            supported_share,
        }
    }

    /// What the rule sees of the matrix around it, with the entry on the diagonal as a factor.
    #[inline(always)]
    pub(super) fn facts(&self, inverse_diagonal: f64) -> RowFacts {
        let total = self.before + self.after;
        let share = if total > 0.0 { 1.0 / total } else { 0.0 };
        RowFacts {
            dominance: (1.0 - self.absolute * inverse_diagonal).max(-1.0),
            positive: self.positive * share,
            later: self.after * share,
        }
    }
}

/// Messages, weighted by |l|, and the sum of the weights.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heard {
    pub(super) messages: f64,
    pub(super) weight: f64,
}

/// `d = max(δ − ω_s c^s − ω_u c^u + ω_− c^−, min((1 + η) u, δ))`, all weights from the rule.
pub(super) struct Learned<'a, R> {
    rule: &'a R,
    /// How far the weights are moved towards those of Ajiz–Jennings, in [0, 1].
    caution: f64,
    pub(super) heard: Heard,
    pub(super) supported: f64,
    pub(super) unsupported: f64,
    pub(super) supported_share: f64,
}

impl<'a, R: RowRule> Learned<'a, R> {
    pub(super) fn new(rule: &'a R, caution: f64) -> Self {
        Self {
            rule,
            caution,
            heard: Heard::default(),
            supported: 0.0,
            unsupported: 0.0,
            supported_share: 0.0,
        }
    }
}

impl<R: RowRule> Policy<f64> for Learned<'_, R> {
    type Row = Row;
    type Heard = Heard;
    const SUPPORT: bool = true;
    const OUTWARD: bool = true;
    const WATCHES: bool = true;
    const WIDE: bool = true;

    /// Keeps what is known of the matrix.
    fn begin(&mut self, rows: &mut Vec<Row>, _: usize) {
        for row in rows {
            (row.supported, row.unsupported, row.negative) = (0.0, 0.0, 0.0);
        }
    }

    #[inline(always)]
    fn drop(&mut self, rows: &mut [Row], at: [u32; 2], f: f64, supported: f64) {
        let [i, j] = at.map(|i| i as usize);
        if f > 0.0 {
            let (with, without) = (supported * f, f - supported * f);
            for i in [i, j] {
                rows[i].supported += with;
                rows[i].unsupported += without;
            }
            // Of the equilibrated matrix, so that no row outweighs the others.
            let scale = rows[i].inverse_root * rows[j].inverse_root;
            self.supported += with * scale;
            self.unsupported += without * scale;
        } else {
            for i in [i, j] {
                rows[i].negative -= f;
            }
        }
    }

    #[inline(always)]
    fn hear(heard: &mut Heard, row: &Row, l: f64) {
        heard.messages += l * row.supported;
        heard.weight += l;
    }

    #[inline(always)]
    fn heard(&mut self, heard: Heard) {
        self.heard = heard;
    }

    #[inline(always)]
    fn pivot<const FMA: bool>(&mut self, row: &mut Row, plain: f64, outward: f64) -> Pivot<f64> {
        // Ajiz–Jennings, whatever the rule would say.
        if self.caution >= 1.0 {
            return Pivot::plain(plain + (row.supported + row.unsupported + row.negative));
        }
        let scale = row.inverse_root * row.inverse_root;
        let state = row.state(plain, outward, self.heard, self.supported_share);
        let weights = self.rule.weigh::<FMA>(&row.facts(scale), &state);
        let [supported, unsupported, negative, eta] = weights.shares::<FMA>();
        let (own, caution) = (1.0 - self.caution, self.caution);
        let wanted = plain
            - (own * supported - caution) * row.supported
            - (own * unsupported - caution) * row.unsupported
            + (own * negative + caution) * row.negative;
        let pivot = if wanted < plain {
            floored(wanted, eta, plain, outward)
        } else {
            Pivot::plain(wanted)
        };
        row.supported = weights.message;
        let dropped = self.supported + self.unsupported;
        self.supported_share = if dropped > 0.0 {
            self.supported / dropped
        } else {
            0.0
        };
        pivot
    }
}
