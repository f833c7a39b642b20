//! Numbers that remember how they were computed, and plain ones.

/// What an elimination computes with.
pub(super) trait Field {
    type Number: Copy;
    fn value(&self, x: Self::Number) -> f64;
    /// A number that depends on nothing.
    fn constant(&mut self, value: f64) -> Self::Number;
    /// A number computed from others, with its derivatives with respect to them.
    fn node(&mut self, value: f64, from: &[(Self::Number, f64)]) -> Self::Number;
    /// A learnable scalar.
    fn parameter(&self, index: usize) -> Self::Number;
}

/// Plain numbers.
pub(super) struct Plain<'v>(pub(super) &'v [f64]);

impl Field for Plain<'_> {
    type Number = f64;

    fn value(&self, x: f64) -> f64 {
        x
    }

    fn constant(&mut self, value: f64) -> f64 {
        value
    }

    fn node(&mut self, value: f64, _: &[(f64, f64)]) -> f64 {
        value
    }

    fn parameter(&self, index: usize) -> f64 {
        self.0[index]
    }
}

/// Numbers on a tape; the first are the parameters.
pub(super) struct Tape {
    values: Vec<f64>,
    /// End of the derivatives of each number.
    ends: Vec<u32>,
    derivatives: Vec<(u32, f64)>,
}

impl Tape {
    pub(super) fn new(parameters: &[f64]) -> Self {
        Self {
            values: parameters.to_vec(),
            ends: vec![0; parameters.len()],
            derivatives: Vec::new(),
        }
    }

    /// Derivatives of `Σ slope · number` with respect to the first `count` numbers.
    pub(super) fn gradient(&self, slopes: &[(u32, f64)], count: usize) -> Vec<f64> {
        let mut adjoint = vec![0.0; self.values.len()];
        for &(x, slope) in slopes {
            adjoint[x as usize] += slope;
        }
        for x in (count..self.values.len()).rev() {
            let own = adjoint[x];
            if own != 0.0 {
                let range = self.ends[x - 1] as usize..self.ends[x] as usize;
                for &(from, slope) in &self.derivatives[range] {
                    adjoint[from as usize] += own * slope;
                }
            }
        }
        adjoint.truncate(count);
        adjoint
    }
}

impl Field for Tape {
    type Number = u32;

    fn value(&self, x: u32) -> f64 {
        self.values[x as usize]
    }

    fn constant(&mut self, value: f64) -> u32 {
        self.node(value, &[])
    }

    fn node(&mut self, value: f64, from: &[(u32, f64)]) -> u32 {
        self.derivatives.extend_from_slice(from);
        self.values.push(value);
        self.ends.push(self.derivatives.len() as u32);
        self.values.len() as u32 - 1
    }

    fn parameter(&self, index: usize) -> u32 {
        index as u32
    }
}
