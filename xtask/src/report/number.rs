//! Numbers for people: four significant digits.

/// Writes a number with four significant digits: whole numbers below a million in full, others plain between 10⁻³ and
/// 10⁵ without trailing zeros, and with an exponent elsewhere. For people only; files keep exact floats.
///
/// # Examples
/// ```
/// use xtask::report::format_number;
/// assert_eq!(format_number(83.123), "83.12");
/// assert_eq!(format_number(100_000.0), "100000");
/// assert_eq!(format_number(1.23456e-7), "1.235e-7");
/// ```
#[must_use]
pub fn format_number(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN".to_owned()
        } else {
            format!("{}∞", if value < 0.0 { "-" } else { "" })
        };
    }
    let magnitude = value.abs();
    if value == 0.0 || (value.fract() == 0.0 && magnitude < 1e6) {
        return format!("{}", value as i64);
    }
    // Rounding comes first: 99999.7 becomes 1.000e5 and takes its form from that.
    let scientific = format!("{value:.3e}");
    let Some((mantissa, Ok(exponent))) = scientific
        .split_once('e')
        .map(|(m, e)| (m, e.parse::<i32>()))
    else {
        return scientific;
    };
    if (-3..5).contains(&exponent) {
        let decimals = usize::try_from(3 - exponent).unwrap_or(0);
        trim(&format!("{value:.decimals$}")).to_owned()
    } else {
        format!("{}e{exponent}", trim(mantissa))
    }
}

fn trim(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (0.85, "0.85"),
            (258.04, "258"),
            (1234.56, "1235"),
            (99_999.7, "1e5"),
            (1_720_000.0, "1.72e6"),
            (999_999.0, "999999"),
            (0.001, "0.001"),
            (0.000_999_96, "0.001"),
            (0.000_123_46, "1.235e-4"),
            (-2.5, "-2.5"),
            (5e-324, "4.941e-324"),
            (f64::MAX, "1.798e308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-∞"),
        ] {
            assert_eq!(format_number(value), expected, "{value:e}");
        }
    }

    proptest! {
        #[test]
        fn four_digits_are_kept(value in -1e12..1e12_f64, scale in -200..200_i32) {
            let value = value * 10f64.powi(scale);
            let back: f64 = format_number(value).parse().unwrap();
            prop_assert!((back - value).abs() <= 5.01e-4 * value.abs());
            prop_assert!(format_number(value).len() <= 11);
        }
    }
}
