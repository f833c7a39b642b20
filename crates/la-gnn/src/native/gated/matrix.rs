//! What an elimination sees of a matrix.

use la_graph::{EntryLevels, Pattern};

use crate::GnnError;

/// A symmetric matrix with unit diagonal, as an elimination sees it: the lower triangle, who waits for whom, and what is known of its rows.
#[derive(Debug, Clone)]
pub struct EliminationMatrix {
    pub(super) levels: EntryLevels,
    /// Entries of the scaled lower triangle, row by row, the diagonal last.
    pub(super) entries: Vec<f64>,
    /// √a_ii: weighs dropped fill.
    pub(super) root: Vec<f64>,
    /// For each row: share of its weight on later columns; its dominance, in [−1, 1].
    pub(super) later: Vec<f64>,
    pub(super) dominance: Vec<f64>,
    /// Logarithm of the number of levels, over 5.
    pub(super) depth: f64,
}

impl EliminationMatrix {
    /// The lower triangle of a symmetric matrix by rows, the diagonal last in each.
    ///
    /// # Errors
    /// [`GnnError::Graph`] if the pattern is not lower triangular with a full diagonal; [`GnnError::Matrix`] for a diagonal entry that is
    /// not positive; [`GnnError::NonFinite`].
    pub fn new(starts: &[u32], columns: &[u32], values: &[f64]) -> Result<Self, GnnError> {
        if values.len() != columns.len() {
            let (v, c) = (values.len(), columns.len());
            return Err(GnnError::Matrix {
                reason: format!("{v} values at {c} places"),
            });
        }
        if let Some(position) = values.iter().position(|v| !v.is_finite()) {
            return Err(GnnError::NonFinite {
                what: "the matrix".into(),
                position,
            });
        }
        let n = starts.len().saturating_sub(1);
        let pattern = Pattern::new(n, n, starts.to_vec(), columns.to_vec())?;
        let levels = EntryLevels::with_dropped(&pattern)?;
        let mut root = Vec::with_capacity(n);
        for (i, &e) in levels.diagonal().iter().enumerate() {
            let d = values[e as usize];
            if !(d > 0.0 && d.sqrt().is_normal()) {
                return Err(GnnError::Matrix {
                    reason: format!("row {i}: diagonal entry {d} is not positive"),
                });
            }
            root.push(d.sqrt());
        }
        let (mut total, mut later) = (vec![0.0; n], vec![0.0; n]);
        let mut original = vec![0.0; n];
        let mut entries = Vec::with_capacity(values.len());
        for (e, &value) in values.iter().enumerate() {
            let (i, j) = (levels.rows()[e] as usize, levels.columns()[e] as usize);
            if i == j {
                entries.push(1.0);
                continue;
            }
            let scaled = value / root[i] / root[j];
            entries.push(scaled);
            total[i] += scaled.abs();
            total[j] += scaled.abs();
            later[j] += scaled.abs();
            original[i] += scaled.abs() * root[j] / root[i];
            original[j] += scaled.abs() * root[i] / root[j];
        }
        for (later, total) in later.iter_mut().zip(&total) {
            *later = if *total > 0.0 { *later / total } else { 0.0 };
        }
        let dominance = original.iter().map(|s| (1.0 - s).max(-1.0)).collect();
        let depth = (levels.count().max(1) as f64).ln() / 5.0;
        Ok(Self {
            levels,
            entries,
            root,
            later,
            dominance,
            depth,
        })
    }

    /// The schedule of its elimination.
    #[must_use]
    pub fn levels(&self) -> &EntryLevels {
        &self.levels
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.root.len()
    }
}
