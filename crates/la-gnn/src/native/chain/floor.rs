//! Elementary functions of one number, stable at both ends.

/// A smooth maximum of `y` and 0, `½(y + √(y² + 4 δ²))`: δ at y = 0, y + δ²/y far above, δ²/|y| far below.
///
/// Written so that nothing cancels for negative y.
pub(super) fn soft_floor(y: f64, delta: f64) -> f64 {
    let root = y.hypot(2.0 * delta);
    if y >= 0.0 {
        0.5 * (y + root)
    } else {
        2.0 * delta * (delta / (root - y))
    }
}

/// Derivative of [`soft_floor`], in (0, 1).
pub(super) fn soft_floor_slope(y: f64, delta: f64) -> f64 {
    soft_floor(y, delta) / y.hypot(2.0 * delta)
}

/// log(1 + exp x).
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// 1 / (1 + exp(−x)).
pub(super) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_positive_and_smooth() {
        let delta = 1e-12;
        for y in [-1e300, -1.0, -1e-6, -1e-12, 0.0, 1e-13, 1e-9, 1.0] {
            let value = soft_floor(y, delta);
            assert!(
                value >= 0.0 && value >= y && value <= y.max(0.0) + delta,
                "{y}: {value}"
            );
            if y > -1e100 {
                assert!(value.ln().is_finite(), "{y}");
            }
        }
        assert!((soft_floor(-1.0, 1e-6) - 1e-12).abs() < 1e-18);
        for y in [-3e-6, 0.0, 2e-6, 1e-5] {
            let (d, h) = (1e-6, 1e-10);
            let slope = (soft_floor(y + h, d) - soft_floor(y - h, d)) / (2.0 * h);
            assert!((slope - soft_floor_slope(y, d)).abs() < 1e-6, "{y}");
        }
        assert!((softplus(0.0) - 2.0_f64.ln()).abs() < 1e-15);
        assert_eq!((softplus(800.0), softplus(-800.0)), (800.0, 0.0));
        assert!((sigmoid(-3.0) + sigmoid(3.0) - 1.0).abs() < 1e-15);
    }
}
