//! ‖x − b‖².

use super::LocalObjective;
use crate::admm::{AdmmError, LocalFailure};

/// `f(x) = ‖x − b‖²`: with it, the agents of a network compute the mean of their b.
#[derive(Debug, Clone, PartialEq)]
pub struct SquaredDistance {
    point: Vec<f64>,
}

impl SquaredDistance {
    /// From b (n).
    ///
    /// # Errors
    /// [`AdmmError::NonFinite`].
    pub fn new(point: Vec<f64>) -> Result<Self, AdmmError> {
        require_finite("point", &point)?;
        Ok(Self { point })
    }

    /// Puts another b in its place.
    ///
    /// # Errors
    /// [`AdmmError::Length`] or [`AdmmError::NonFinite`]; the old one stays.
    pub fn set_point(&mut self, point: &[f64]) -> Result<(), AdmmError> {
        require_length("point", point.len(), self.point.len())?;
        require_finite("point", point)?;
        self.point.copy_from_slice(point);
        Ok(())
    }
}

impl LocalObjective for SquaredDistance {
    fn dim(&self) -> usize {
        self.point.len()
    }

    fn value(&self, x: &[f64]) -> f64 {
        x.iter()
            .zip(&self.point)
            .map(|(x, b)| (x - b).powi(2))
            .sum()
    }

    #[inline]
    fn prox(&mut self, weight: f64, centre: &[f64], x: &mut [f64]) -> Result<(), LocalFailure> {
        let scale = 1.0 / (2.0 + weight);
        for ((x, b), v) in x.iter_mut().zip(&self.point).zip(centre) {
            *x = (2.0 * b + weight * v) * scale;
        }
        Ok(())
    }

    fn takes_scales(&self) -> bool {
        true
    }

    fn prox_scaled(
        &mut self,
        weight: f64,
        scales: &[f64],
        centre: &[f64],
        x: &mut [f64],
    ) -> Result<(), LocalFailure> {
        for (j, x) in x.iter_mut().enumerate() {
            let weight = weight * scales[j];
            *x = (2.0 * self.point[j] + weight * centre[j]) / (2.0 + weight);
        }
        Ok(())
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> bool {
        for ((g, x), b) in gradient.iter_mut().zip(x).zip(&self.point) {
            *g = 2.0 * (x - b);
        }
        true
    }
}

pub(in crate::admm) fn require_finite(what: &'static str, values: &[f64]) -> Result<(), AdmmError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(AdmmError::NonFinite {
            what,
            index,
            value: values[index],
        }),
    }
}

pub(in crate::admm) fn require_length(
    what: &'static str,
    len: usize,
    expected: usize,
) -> Result<(), AdmmError> {
    if len == expected {
        return Ok(());
    }
    Err(AdmmError::Length {
        what,
        len,
        expected,
    })
}
