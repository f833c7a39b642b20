//! What is remembered of all agents together.

/// The same on all processes.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::admm) struct Memory {
    /// α of what is remembered.
    pub(in crate::admm) alpha: f64,
    /// Whether u is known, and the f and W before it.
    pub(in crate::admm) started: bool,
    pub(in crate::admm) known: bool,
    /// Columns that hold something, and which of them is written next.
    pub(in crate::admm) columns: usize,
    pub(in crate::admm) next: usize,
    /// Whether u is extrapolated.
    pub(in crate::admm) extrapolated: bool,
    /// ‖f‖ at the start, in the last iteration, and where the present block of plain or extrapolated iterations began.
    pub(in crate::admm) first: f64,
    pub(in crate::admm) last: f64,
    pub(in crate::admm) mark: f64,
    /// Iterations of this block, plain ones so far, and how many there are to be.
    pub(in crate::admm) block: usize,
    pub(in crate::admm) plain: usize,
    pub(in crate::admm) wait: usize,
    /// What a block of plain iterations makes of ‖f‖.
    pub(in crate::admm) rate: f64,
    /// Extrapolations so far.
    pub(in crate::admm) kept: usize,
    /// ΔFᵀ ΔF (memory × memory).
    pub(in crate::admm) gram: Vec<f64>,
}

impl Memory {
    /// Forgets everything: the map is another one.
    pub(in crate::admm) fn restart(&mut self) {
        *self = Self {
            gram: std::mem::take(&mut self.gram),
            ..Self::default()
        };
    }

    /// Forgets the columns, but not how often the map was extrapolated.
    pub(super) fn gather_anew(&mut self) {
        *self = Self {
            gram: std::mem::take(&mut self.gram),
            alpha: self.alpha,
            started: true,
            first: self.first,
            kept: self.kept,
            wait: self.wait,
            rate: self.rate,
            ..Self::default()
        };
    }
}
