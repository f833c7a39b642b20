//! The fractional linear map and its least squares.

use super::ChainSample;
use super::least_squares::smallest_direction;
use crate::GnnError;
use crate::chain::{ChainConfig, ChainModel, Parameters};

/// `(α ρ + β)/(γ ρ + δ)` with `α = m₀ + m₁ r` and so on.
pub(super) fn step(m: &[f64], rho: f64, r: f64) -> f64 {
    let entry = |k: usize| m[2 * k] + m[2 * k + 1] * r;
    (entry(0) * rho + entry(1)) / (entry(2) * rho + entry(3))
}

/// Learns the projective map from samples: the eight coefficients m for which `ρ_i (γ ρ_{i-1} + δ) − (α ρ_{i-1} + β)` is smallest in the mean square,
/// relative to ρ_{i-1}, among those of norm 1.
///
/// Linear in m, so that no iteration and no learning rate is involved, and every pair (row before, row) of every matrix counts whatever came before it: the true pivot is the input
/// (teacher forcing). Elimination is one of the maps of this class, which also holds for any function of ρ and r of this form; that it is found to the last digits from data, on pivots of ten
/// decades, is a matter of the class: division is what a perceptron lacks.
///
/// # Errors
/// [`GnnError::Config`] if the configuration is not one of [`ChainModel::Projective`] or out of range, or the samples do not determine the map.
///
/// # Examples
/// ```
/// use la_gnn::chain::{ChainConfig, ChainModel};
/// use la_gnn::native::chain::{ChainNetwork, ChainSample, exact_pivots, fit_projective};
///
/// let chain = |a: f64| {
///     let r: Vec<f64> = (0..30).map(|i| 0.24 * (a * f64::from(i)).sin().abs()).collect();
///     let pivots = exact_pivots(&r, 1e-12).values;
///     let factor: Vec<f64> = pivots.iter().map(|p| p.sqrt()).collect();
///     ChainSample::new(&[1.0; 31], &r.iter().map(|r| r.sqrt()).collect::<Vec<_>>(), &factor)
/// };
/// let samples = [chain(0.7)?, chain(1.9)?];
/// let learned = fit_projective(&ChainConfig::new(ChainModel::Projective), &samples)?;
/// // Up to a factor: α = 1, β = −r, γ = 1, δ = 0.
/// let m = &learned.values;
/// assert!((m[4] / m[0] - 1.0).abs() < 1e-10 && (m[3] / m[0] + 1.0).abs() < 1e-10);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
pub fn fit_projective(
    config: &ChainConfig,
    samples: &[ChainSample],
) -> Result<Parameters, GnnError> {
    config.validate()?;
    if config.model != ChainModel::Projective {
        return Err(GnnError::Config {
            field: "model",
            reason: "must be projective".into(),
        });
    }
    let rows = samples.iter().flat_map(|sample| {
        let pairs = sample.pivots.windows(2).zip(&sample.ratios);
        pairs.map(|(pair, &r)| {
            let (rho, next) = (pair[0], pair[1]);
            let weight = 1.0 / rho;
            [-rho, -1.0, next * rho, next]
                .iter()
                .flat_map(|x| [x * weight, x * r * weight])
                .collect()
        })
    });
    let failed = || GnnError::Config {
        field: "samples",
        reason: "do not determine the map".into(),
    };
    let mut values = smallest_direction(8, rows).ok_or_else(failed)?;
    // m and −m are the same map.
    if values[0] < 0.0 {
        values.iter_mut().for_each(|v| *v = -*v);
    }
    let config = config.clone();
    Ok(Parameters { config, values })
}
