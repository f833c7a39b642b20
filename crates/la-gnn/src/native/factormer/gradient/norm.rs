//! Normalisation over channels, and backward.

use super::super::super::Element;
use super::super::super::panel::Panel;
use super::super::layer::LAYER_NORM_EPS;
use super::weights::add;

/// What the way back needs.
#[derive(Debug, Clone)]
pub(super) struct NormTape<T> {
    /// Before weight and bias.
    normalised: Panel<T>,
    /// One over the deviation of each row.
    scales: Vec<T>,
}

/// Normalises the rows of x, in place.
pub(super) fn normalise<T: Element>(
    x: &mut Panel<T>,
    [weight, bias]: &[Panel<T>; 2],
) -> NormTape<T> {
    let d = x.columns;
    let mut tape = NormTape {
        normalised: Panel::zeros(x.rows, d),
        scales: Vec::with_capacity(x.rows),
    };
    for r in 0..x.rows {
        let row = &mut x.row_mut(r)[..d];
        let mean = row.iter().map(|x| x.to_f64()).sum::<f64>() / d as f64;
        let squares = row.iter().map(|x| (x.to_f64() - mean).powi(2)).sum::<f64>();
        let scale = T::from_f64(1.0 / (squares / d as f64 + LAYER_NORM_EPS).sqrt());
        let mean = T::from_f64(mean);
        let rows = row.iter_mut().zip(tape.normalised.row_mut(r));
        for ((x, n), (&weight, &bias)) in rows.zip(weight.row(0).iter().zip(bias.row(0))) {
            *n = (*x - mean) * scale;
            *x = *n * weight + bias;
        }
        tape.scales.push(scale);
    }
    tape
}

/// Backward through [`normalise`], in place: `slope` becomes the derivative of its argument.
pub(super) fn normalise_back<T: Element>(
    tape: &NormTape<T>,
    weight: &Panel<T>,
    slope: &mut Panel<T>,
    [weight_slope, bias_slope]: &mut [Panel<T>; 2],
) {
    let d = slope.columns;
    let share = T::from_f64(1.0 / d as f64);
    for r in 0..slope.rows {
        add(slope.row(r), bias_slope.row_mut(0));
        let normalised = &tape.normalised.row(r)[..d];
        let row = &mut slope.row_mut(r)[..d];
        let (mut sum, mut along) = (T::ZERO, T::ZERO);
        let weights = weight.row(0).iter().zip(weight_slope.row_mut(0));
        for ((s, &n), (&w, to)) in row.iter_mut().zip(normalised).zip(weights) {
            *to += *s * n;
            *s = *s * w;
            sum += *s;
            along += *s * n;
        }
        let (sum, along) = (sum * share, along * share);
        for (s, &n) in row.iter_mut().zip(normalised) {
            *s = (*s - sum - n * along) * tape.scales[r];
        }
    }
}
