//! Weights of the coordinates in a proximal term.

/// `weight scales_j`, with scales 1 where there are none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights<'a> {
    pub(super) weight: f64,
    pub(super) scales: Option<&'a [f64]>,
}

impl<'a> Weights<'a> {
    pub(super) fn equal(weight: f64) -> Self {
        let scales = None;
        Self { weight, scales }
    }

    pub(super) fn scaled(weight: f64, scales: &'a [f64]) -> Self {
        let scales = Some(scales);
        Self { weight, scales }
    }

    #[inline]
    pub(super) fn scale(&self, j: usize) -> f64 {
        self.scales.map_or(1.0, |scales| scales[j])
    }

    #[inline]
    pub(super) fn of(&self, j: usize) -> f64 {
        self.weight * self.scale(j)
    }
}
