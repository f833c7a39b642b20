//! The scaling of a column, equation 8 of the paper.

use crate::GnnError;

/// `√n / τ` and `τ / √n` with τ the 2-norm of `b`; `None` for a column of zeros.
///
/// Without overflow or underflow, and such that multiplying `b` by a power of two multiplies the factors by one.
pub(super) fn factors(b: &[f64]) -> Result<Option<(f64, f64)>, GnnError> {
    let largest = b.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    if !b.iter().sum::<f64>().is_finite()
        && let Some(position) = b.iter().position(|v| !v.is_finite())
    {
        return Err(GnnError::NonFinite {
            what: "right-hand side".into(),
            position,
        });
    }
    if largest == 0.0 {
        return Ok(None);
    }
    let unit = 2f64.powi((largest.log2().floor() as i32).clamp(-1020, 1020));
    let norm = b
        .iter()
        .map(|v| (v / unit) * (v / unit))
        .sum::<f64>()
        .sqrt();
    let root = (b.len() as f64).sqrt();
    Ok(Some((root / norm / unit, norm / root * unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_follow_powers_of_two_exactly_and_survive_extremes() {
        let b = [3.0, -4.0, 0.0, 12.0];
        let (to, from) = factors(&b).unwrap().unwrap();
        assert!((to - 2.0 / 13.0).abs() < 1e-16 && (from - 6.5).abs() < 1e-15);
        for k in [-1000, -300, -1, 1, 300, 1000] {
            let s = 2f64.powi(k);
            let scaled = factors(&b.map(|v| v * s)).unwrap().unwrap();
            assert_eq!(scaled, (to / s, from * s), "2^{k}");
        }
        assert_eq!(factors(&[0.0; 3]).unwrap(), None);
        assert_eq!(factors(&[]).unwrap(), None);
        for bad in [f64::NAN, f64::INFINITY] {
            let error = factors(&[1.0, bad]).unwrap_err();
            assert!(matches!(error, GnnError::NonFinite { position: 1, .. }));
        }
        assert!(factors(&[1e308, 1e308]).unwrap().is_some());
    }
}
