//! Other values on the same pattern.

use la_graph::{structural_features_csr, structural_features_into};
use sprs::{CsMatViewI, SpIndex};

use super::super::Element;
use super::{CoatesGraph, finite, wrong};
use crate::GnnError;
use crate::learned_lu::{AddedLoops, FirstFeature, LearnedLuConfig, NODE_WIDTH};

impl<T: Element> CoatesGraph<T> {
    /// Replaces the entries by those of another matrix with the same pattern: nothing is analysed again, and nothing but the
    /// features' scratch is allocated. ILU(0) entries, if any, have to be given again.
    ///
    /// # Errors
    /// As [`CoatesGraph::prepare`]; [`GnnError::Matrix`] naming the first row whose pattern differs. The graph is then of no
    /// use until it is updated again.
    pub fn update<I: SpIndex, P: SpIndex>(
        &mut self,
        a: CsMatViewI<'_, f64, I, P>,
        config: &LearnedLuConfig,
    ) -> Result<(), GnnError> {
        if !a.is_csr() {
            return self.update(a.to_csr().view(), config);
        }
        if a.rows() != self.num_nodes() || a.cols() != a.rows() {
            return wrong(format!(
                "is {} x {}, the graph has {} nodes",
                a.rows(),
                a.cols(),
                self.num_nodes()
            ));
        }
        let mut added = 0;
        for (i, row) in a.outer_iterator().enumerate() {
            let own = self.row(i);
            let at = self.diagonal[i] as usize - own.start;
            let (columns, entries) = (&self.col[own.clone()], &mut self.entries[own]);
            let same = |x: &[I], y: &[u32]| {
                x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.index() == *y as usize)
            };
            if same(row.indices(), columns) {
                entries.copy_from_slice(row.data());
            } else if row.nnz() + 1 == columns.len()
                && same(&row.indices()[..at], &columns[..at])
                && same(&row.indices()[at..], &columns[at + 1..])
            {
                entries[..at].copy_from_slice(&row.data()[..at]);
                entries[at] = 0.0;
                entries[at + 1..].copy_from_slice(&row.data()[at..]);
                added += 1;
            } else {
                return wrong(format!("row {i} has another pattern than the graph"));
            }
        }
        let first: Option<Vec<T>> = (config.first_feature == FirstFeature::RightHandSide)
            .then(|| self.features.iter().step_by(NODE_WIDTH).copied().collect());
        self.added = added;
        self.base.clear();
        self.base_value.clear();
        match config.added_loops {
            AddedLoops::Ignored if added > 0 => {
                structural_features_into(a, &mut self.features)?;
            }
            _ => structural_features_csr(
                &self.row_ptr,
                &self.col,
                &self.entries,
                &mut self.features,
            )?,
        }
        for (x, b) in self
            .features
            .chunks_exact_mut(NODE_WIDTH)
            .zip(first.iter().flatten())
        {
            x[0] = *b;
        }
        self.scale = self.row_scale(config.scale);
        self.see()
    }

    /// Gives the entries of ILU(0), in the order of the arcs: L⁰ with its diagonal, which is not zero, and the strict triangle of
    /// the unit upper triangular U⁰.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] for a wrong number of entries or a zero diagonal entry; [`GnnError::NonFinite`].
    pub fn set_base(&mut self, base: &[f64]) -> Result<(), GnnError> {
        if base.len() != self.num_arcs() {
            return wrong(format!(
                "has {} entries with its diagonal, but there are {} of ILU(0)",
                self.num_arcs(),
                base.len()
            ));
        }
        finite("ILU(0) factors", base)?;
        if let Some(i) = self.diagonal.iter().position(|k| base[*k as usize] == 0.0) {
            return wrong(format!("row {i} of ILU(0) has a zero on the diagonal"));
        }
        self.base.clear();
        self.base.extend_from_slice(base);
        // L⁰ has the scale of A, U⁰ has none.
        self.base_value.clear();
        for i in 0..self.num_nodes() {
            let s = self.scale.get(i).copied().unwrap_or(1.0);
            let at = self.diagonal[i] as usize;
            let row = self.row(i);
            let lower = base[row.start..=at].iter().map(|v| T::from_f64(v / s));
            self.base_value.extend(lower);
            let upper = base[at + 1..row.end].iter().map(|v| T::from_f64(*v));
            self.base_value.extend(upper);
        }
        finite("ILU(0) factors", &self.base_value)
    }
}
