//! Areas under residual histories.

/// The relative residual that every solve is asked for.
pub(super) const RTOL: f64 = 1e-8;

/// One entry of a history: relative residual and seconds since the solve began.
pub(super) type Point = (f64, f64);

/// Decades that a relative residual lies above [`RTOL`]; what undershoots counts as having arrived.
fn height(residual: f64) -> f64 {
    (residual.log10() - RTOL.log10()).max(0.0)
}

/// `Σ (log₁₀ rᵢ − log₁₀ rtol)` over the iterations and the initial state.
///
/// A solve that gave up before `iterations` without having arrived goes on at its last residual, so that giving up is no
/// advantage.
pub(super) fn iteration_area(history: &[Point], converged: bool, iterations: usize) -> Option<f64> {
    let heights = history.iter().map(|p| height(p.0));
    let missing = if converged {
        0
    } else {
        (iterations + 1).saturating_sub(history.len())
    };
    let last = height(history.last()?.0);
    Some(heights.sum::<f64>() + missing as f64 * last).filter(|area| area.is_finite())
}

/// `Σ (log₁₀ rᵢ − log₁₀ rtol) (tᵢ − tᵢ₋₁)` over the iterations, in decades times seconds; likewise continued to `seconds`.
pub(super) fn time_area(history: &[Point], converged: bool, seconds: f64) -> Option<f64> {
    let steps = history
        .windows(2)
        .map(|w| height(w[1].0) * (w[1].1 - w[0].1));
    let (residual, end) = *history.last()?;
    let missing = if converged {
        0.0
    } else {
        (seconds - end).max(0.0)
    };
    Some(steps.sum::<f64>() + missing * height(residual)).filter(|area| area.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_of_a_known_history() {
        // 8 + 4 + 0 decades; two steps of a second and of half a second.
        let history = [(1.0, 0.0), (1e-4, 1.0), (1e-8, 1.5)];
        let area = iteration_area(&history, true, 100).unwrap();
        assert!((area - 12.0).abs() < 1e-12, "{area}");
        let area = time_area(&history, true, 9.0).unwrap();
        assert!((area - 4.0).abs() < 1e-12, "{area}");
        // Undershooting is no merit.
        let below = [(1.0, 0.0), (1e-4, 1.0), (1e-15, 1.5)];
        assert!((iteration_area(&below, true, 100).unwrap() - 12.0).abs() < 1e-12);
    }

    #[test]
    fn giving_up_is_no_merit() {
        let stuck = [(1.0, 0.0), (1e-4, 1.0)];
        assert!((iteration_area(&stuck, false, 10).unwrap() - (8.0 + 10.0 * 4.0)).abs() < 1e-12);
        assert!((time_area(&stuck, false, 3.0).unwrap() - 12.0).abs() < 1e-12);
        assert_eq!(iteration_area(&[], false, 10), None);
        assert_eq!(iteration_area(&[(f64::NAN, 0.0)], true, 10), Some(0.0));
        assert_eq!(iteration_area(&[(f64::INFINITY, 0.0)], true, 10), None);
    }
}
