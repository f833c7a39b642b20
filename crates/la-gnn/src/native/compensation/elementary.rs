//! Exponentials and logarithms without calls, for the few numbers that a row needs: polynomials in the manner of Estrin, so that the
//! chain of operations is short.
//!
//! The coefficients interpolate in Chebyshev nodes; errors were measured against 60 digits.

/// `a b + c`, in one instruction where there is one.
#[inline(always)]
pub(super) fn fma<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `exp x` on |x| ≤ (ln 2) / 2: relative error 5e-16, exact at 0.
const EXP: [f64; 11] = [
    1.0,
    1.0000000000000067,
    0.5000000000000006,
    0.16666666666554406,
    0.04166666666657314,
    0.008333333385667782,
    0.0013888888932488599,
    0.00019841170270440067,
    2.4801504346997686e-05,
    2.764018079620985e-06,
    2.7626357241447223e-07,
];

/// `ln(1 + u) / u` on 1/√2 ≤ 1 + u ≤ √2: the logarithm to 3e-14, exact at 1.
const LOG: [f64; 16] = [
    1.0000000000000617,
    -0.5000000000011996,
    0.3333333332696426,
    -0.24999999950761742,
    0.2000000104854377,
    -0.1666667282322684,
    0.14285651767534413,
    -0.12499653070523752,
    0.11112762228270176,
    -0.10010029904388151,
    0.09072787538010386,
    -0.081813256819716,
    0.0769951228297265,
    -0.0824502565074284,
    0.07920684271924677,
    -0.038871612816231214,
];

/// `1.5 · 2^52`: what is added to it is rounded to a whole number, which stands in the last bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// Four exponentials, to 1e-15 relative for |x| ≤ 700; beyond that the one of ±700. NaN stays NaN.
#[inline(always)]
pub(super) fn exp<const FMA: bool>(x: [f64; 4]) -> [f64; 4] {
    // One step for all four at a time: that is what compilers make vectors of.
    let each = |f: &dyn Fn(usize) -> f64| -> [f64; 4] { [f(0), f(1), f(2), f(3)] };
    // Comparisons that leave NaN where it is.
    let x = each(&|k| if x[k] < -700.0 { -700.0 } else { x[k] });
    let x = each(&|k| if x[k] > 700.0 { 700.0 } else { x[k] });
    let rounded = each(&|k| fma::<FMA>(x[k], std::f64::consts::LOG2_E, ROUNDER));
    let whole = each(&|k| rounded[k] - ROUNDER);
    // ln 2 in two parts, so that the product with the first one is exact.
    let r = each(&|k| fma::<FMA>(whole[k], -6.931_471_803_691_238e-1, x[k]));
    let r = each(&|k| fma::<FMA>(whole[k], -1.908_214_929_270_587_7e-10, r[k]));
    let power =
        each(&|k| f64::from_bits((rounded[k].to_bits() << 52).wrapping_add(1_f64.to_bits())));
    let r2 = each(&|k| r[k] * r[k]);
    let r4 = each(&|k| r2[k] * r2[k]);
    let pair = |c: usize| each(&|k| fma::<FMA>(EXP[c + 1], r[k], EXP[c]));
    let (a, b, c, d, e) = (pair(0), pair(2), pair(4), pair(6), pair(8));
    let low = each(&|k| fma::<FMA>(b[k], r2[k], a[k]));
    let middle = each(&|k| fma::<FMA>(d[k], r2[k], c[k]));
    let high = each(&|k| fma::<FMA>(EXP[10], r2[k], e[k]));
    let high = each(&|k| fma::<FMA>(high[k], r4[k], middle[k]));
    let sum = each(&|k| fma::<FMA>(high[k], r4[k], low[k]));
    each(&|k| sum[k] * power[k])
}

/// The logarithm of a positive normal number, to 3e-14 absolute and 1e-15 relative.
#[inline(always)]
pub(super) fn ln<const FMA: bool>(x: f64) -> f64 {
    let bits = x.to_bits();
    // The exponent that leaves a mantissa from 1/√2 to √2.
    let exponent = bits.wrapping_sub(std::f64::consts::FRAC_1_SQRT_2.to_bits()) as i64 >> 52;
    let mantissa = f64::from_bits(bits.wrapping_sub((exponent as u64) << 52));
    let (u, c) = (mantissa - 1.0, &LOG);
    let (u2, pair) = (u * u, |k: usize| fma::<FMA>(c[k + 1], u, c[k]));
    let u4 = u2 * u2;
    let four = |k: usize| fma::<FMA>(pair(k + 2), u2, pair(k));
    let u8 = u4 * u4;
    let low = fma::<FMA>(four(4), u4, four(0));
    let high = fma::<FMA>(four(12), u4, four(8));
    let ratio = fma::<FMA>(high, u8, low);
    fma::<FMA>(ratio, u, exponent as f64 * std::f64::consts::LN_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_platform_has_them() {
        for k in -2000..=2000 {
            let x = f64::from(k) * 0.0173;
            for found in [exp::<true>([x; 4])[2], exp::<false>([x; 4])[0]] {
                assert!((found - x.exp()).abs() <= 4e-15 * x.exp(), "{x}");
            }
            let y = x.exp();
            for found in [ln::<true>(y), ln::<false>(y)] {
                assert!((found - y.ln()).abs() < 5e-14, "{y}");
            }
        }
        assert_eq!(exp::<false>([0.0; 4]), [1.0; 4]);
        assert_eq!(ln::<true>(1.0), 0.0);
    }

    #[test]
    fn far_away_and_not_a_number() {
        let [a, b, c, d] = exp::<false>([f64::NEG_INFINITY, f64::INFINITY, f64::NAN, -14.0]);
        assert!(a > 0.0 && a < 1e-300 && b > 1e300 && b.is_finite() && c.is_nan());
        assert!((d / (-14.0_f64).exp() - 1.0).abs() < 1e-15);
    }
}
