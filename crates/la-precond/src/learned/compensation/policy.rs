//! The rule of compensation inside the elimination.

use la_gnn::native::compensation::{MatrixRule, RowFacts, RowState, RowWeights};

use crate::classical::compensated::policy::{Pivot, Policy, floored};

/// Chooses the weights of a row.
pub(super) trait RowRule {
    fn weigh(&self, row: &RowFacts, state: &RowState) -> RowWeights;
}

impl RowRule for MatrixRule {
    #[inline]
    fn weigh(&self, row: &RowFacts, state: &RowState) -> RowWeights {
        MatrixRule::weigh(self, row, state)
    }
}

/// What is known of the dropped fill of a row, and what its eliminated neighbours told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    supported: f64,
    unsupported: f64,
    negative: f64,
    /// Messages, weighted by |l|, and the sum of the weights.
    messages: f64,
    weight: f64,
}

/// `d = max(δ − ω_s c^s − ω_u c^u + ω_− c^−, min((1 + η) u, δ))`, all weights from the rule.
pub(super) struct Learned<'a, R> {
    rule: &'a R,
    rows: &'a [RowFacts],
    diagonal: &'a [f64],
    /// `a_ii^(−1/2)`.
    inverse_root: &'a [f64],
    /// How far the weights are moved towards those of Ajiz–Jennings, in [0, 1].
    caution: f64,
    message: f64,
    inverse_root_pivot: f64,
    supported: f64,
    unsupported: f64,
    supported_share: f64,
}

impl<'a, R: RowRule> Learned<'a, R> {
    pub(super) fn new(
        rule: &'a R,
        rows: &'a [RowFacts],
        diagonal: &'a [f64],
        inverse_root: &'a [f64],
        caution: f64,
    ) -> Self {
        Self {
            rule,
            rows,
            diagonal,
            inverse_root,
            caution,
            message: 0.0,
            inverse_root_pivot: 0.0,
            supported: 0.0,
            unsupported: 0.0,
            supported_share: 0.0,
        }
    }
}

impl<R: RowRule> Policy<f64> for Learned<'_, R> {
    type Sums = Sums;
    const SUPPORT: bool = true;
    const OUTWARD: bool = true;
    const WATCHES: bool = true;

    fn begin(&mut self) {
        (self.supported, self.unsupported, self.supported_share) = (0.0, 0.0, 0.0);
    }

    #[inline(always)]
    fn drop(&self, sums: &mut Sums, f: f64, supported: f64) {
        if f > 0.0 {
            sums.supported += supported * f;
            sums.unsupported += f - supported * f;
        } else {
            sums.negative -= f;
        }
    }

    #[inline(always)]
    fn pair(&mut self, i: u32, j: u32, f: f64, supported: f64) {
        if f > 0.0 {
            // Of the equilibrated matrix, so that no row outweighs the others.
            let f = f * self.inverse_root[i as usize] * self.inverse_root[j as usize];
            self.supported += supported * f;
            self.unsupported += f - supported * f;
        }
    }

    #[inline(always)]
    fn neighbour(&mut self, sums: &mut Sums, s: f64) {
        let weight = s.abs() * self.inverse_root_pivot;
        sums.messages += weight * self.message;
        sums.weight += weight;
    }

    #[inline(always)]
    fn pivot(&mut self, k: usize, plain: f64, sums: Sums, outward: f64) -> Pivot<f64> {
        // Ajiz–Jennings, whatever the rule would say.
        if self.caution >= 1.0 {
            return Pivot::plain(plain + (sums.supported + sums.unsupported + sums.negative));
        }
        let scale = 1.0 / self.diagonal[k];
        let message = if sums.weight > 0.0 {
            sums.messages / sums.weight
        } else {
            0.0
        };
        let state = RowState {
            plain: plain * scale,
            outward: outward * scale,
            supported: sums.supported * scale,
            unsupported: sums.unsupported * scale,
            negative: sums.negative * scale,
            message,
            supported_share: self.supported_share,
        };
        let weights = self.rule.weigh(&self.rows[k], &state);
        let (own, caution) = (1.0 - self.caution, self.caution);
        let mut wanted = plain;
        if sums.supported > 0.0 {
            wanted -= (own * weights.supported() - caution) * sums.supported;
        }
        if sums.unsupported > 0.0 {
            wanted -= (own * weights.unsupported() - caution) * sums.unsupported;
        }
        if sums.negative > 0.0 {
            wanted += (own * weights.negative() + caution) * sums.negative;
        }
        let pivot = if wanted < plain {
            floored(wanted, weights.eta(), plain, outward)
        } else {
            Pivot::plain(wanted)
        };
        self.message = weights.message;
        self.inverse_root_pivot = 1.0 / pivot.value.sqrt();
        let dropped = self.supported + self.unsupported;
        self.supported_share = if dropped > 0.0 {
            self.supported / dropped
        } else {
            0.0
        };
        pivot
    }
}
