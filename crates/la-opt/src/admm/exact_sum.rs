//! Sums that do not depend on the order of their terms.

/// Bits of a limb.
const BITS: usize = 32;
/// Limbs from the smallest subnormal number to twice the largest one, with room for carries.
const LIMBS: usize = 67;
/// Additions after which a limb could overflow.
const LIMIT: u32 = 1 << 29;

/// An exact sum of `f64`, in fixed point over the whole range of exponents. The same terms give the same bits in any order and however they are spread over threads and processes.
///
/// # References
/// U. Kulisch, *Computer Arithmetic and Validity*, 2008, chapter 8 (long accumulator).
///
/// # Examples
/// ```
/// use la_opt::admm::ExactSum;
///
/// let mut sum = ExactSum::default();
/// for term in [1e100, 1.0, -1e100] {
///     sum.add(term);
/// }
/// assert_eq!(sum.value(), 1.0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactSum {
    limbs: [i64; LIMBS],
    /// Additions since the last carry.
    pending: u32,
    /// Terms that were NaN or infinite.
    non_finite: i64,
}

impl Default for ExactSum {
    fn default() -> Self {
        Self {
            limbs: [0; LIMBS],
            pending: 0,
            non_finite: 0,
        }
    }
}

impl ExactSum {
    /// Numbers in [`ExactSum::limbs`].
    pub const WORDS: usize = LIMBS + 1;

    /// Sets the sum to 0.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds a term.
    #[inline]
    pub fn add(&mut self, term: f64) {
        let bits = term.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as usize;
        if exponent == 0x7ff {
            self.non_finite += 1;
            return;
        }
        let fraction = bits & ((1 << 52) - 1);
        // Subnormal numbers have the exponent of the smallest normal ones and no hidden bit.
        let (mantissa, position) = match exponent {
            0 => (fraction, 0),
            e => (fraction | 1 << 52, e - 1),
        };
        let wide = u128::from(mantissa) << (position % BITS);
        let first = position / BITS;
        let sign = if bits >> 63 == 0 { 1 } else { -1 };
        for (k, limb) in self.limbs[first..first + 3].iter_mut().enumerate() {
            *limb += sign * (wide >> (BITS * k) & 0xffff_ffff) as i64;
        }
        self.pending += 1;
        if self.pending == LIMIT {
            self.carry();
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        other.carry();
        self.carry();
        for (limb, more) in self.limbs.iter_mut().zip(&other.limbs) {
            *limb += more;
        }
        self.pending = 2;
        self.non_finite += other.non_finite;
    }

    /// Leaves every limb but the last in `0..2³²`.
    fn carry(&mut self) {
        let mut carry = 0;
        for limb in &mut self.limbs[..LIMBS - 1] {
            let total = *limb + carry;
            carry = total >> BITS;
            *limb = total & 0xffff_ffff;
        }
        self.limbs[LIMBS - 1] += carry;
        self.pending = 1;
    }

    /// Whether a term was NaN or infinite.
    #[must_use]
    pub fn has_non_finite(&self) -> bool {
        self.non_finite != 0
    }

    /// The sum, within a unit in the last place; NaN if a term was not finite.
    #[must_use]
    pub fn value(&self) -> f64 {
        if self.has_non_finite() {
            return f64::NAN;
        }
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.limbs[LIMBS - 1] < 0;
        if negative {
            for limb in &mut sum.limbs {
                *limb = -*limb;
            }
            sum.carry();
        }
        // From the highest limb that counts, so that what is below three limbs cannot change more than the rounding.
        let top = sum.limbs.iter().rposition(|&limb| limb != 0).unwrap_or(0);
        let value = (top.saturating_sub(3)..=top).rev().fold(0.0, |value, k| {
            let power = (BITS * k) as i32 - 1074;
            // In two factors, because 2^power can be subnormal while the product is not.
            value + sum.limbs[k] as f64 * 2f64.powi(power / 2) * 2f64.powi(power - power / 2)
        });
        if negative { -value } else { value }
    }

    /// The sum as integers that may be added to those of fewer than 2²⁰ other sums, one by one; [`ExactSum::from_limbs`] of the total is the total sum.
    pub fn limbs(&self, words: &mut [i64]) {
        let mut sum = self.clone();
        sum.carry();
        words[..LIMBS].copy_from_slice(&sum.limbs);
        words[LIMBS] = sum.non_finite;
    }

    /// From added limbs.
    #[must_use]
    pub fn from_limbs(words: &[i64]) -> Self {
        let mut sum = Self::default();
        sum.limbs.copy_from_slice(&words[..LIMBS]);
        sum.non_finite = words[LIMBS];
        sum.carry();
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(terms: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        terms.iter().for_each(|&term| sum.add(term));
        sum
    }

    #[test]
    fn cancels_and_keeps_what_is_small() {
        assert_eq!(sum(&[1e300, -3.5, 1e-300, -1e300]).value(), -3.5);
        assert_eq!(sum(&[1e300, 1e-300, -1e300]).value(), 1e-300);
        assert_eq!(
            sum(&[f64::MIN_POSITIVE / 2.0, 5e-324]).value(),
            f64::MIN_POSITIVE / 2.0 + 5e-324
        );
        assert_eq!(sum(&[-5e-324]).value(), -5e-324);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]).value(), f64::MAX);
        assert_eq!(sum(&[]).value(), 0.0);
        assert!(sum(&[1.0, f64::NAN]).value().is_nan());
    }

    #[test]
    fn order_and_parts_do_not_matter() {
        let terms: Vec<f64> = (0..1000)
            .map(|k| (f64::from(k) * 0.7).sin() * 10f64.powi(k % 37 - 18))
            .collect();
        let whole = sum(&terms);
        let mut parts = sum(&terms[700..]);
        parts.merge(&sum(&terms[..300]));
        parts.merge(&sum(&terms[300..700]));
        assert_eq!(whole.value().to_bits(), parts.value().to_bits());
        let mut words = vec![0; ExactSum::WORDS];
        let mut total = vec![0; ExactSum::WORDS];
        for part in [&terms[..1], &terms[1..]] {
            sum(part).limbs(&mut words);
            for (t, w) in total.iter_mut().zip(&words) {
                *t += w;
            }
        }
        assert_eq!(
            ExactSum::from_limbs(&total).value().to_bits(),
            whole.value().to_bits()
        );
        let plain: f64 = terms.iter().sum();
        assert!((plain - whole.value()).abs() < 1e-10 * plain.abs().max(1.0));
    }
}
