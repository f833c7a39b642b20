//! What a corrector sees of a matrix.

use la_gnn::corrector::CorrectorInput;
use la_gnn::native::mpgnn::EdgeGraph;
use sprs::{CsMatI, CsMatViewI};

use super::super::builder_error;
use crate::classical::columns::transposed_pattern;
use crate::classical::factor::LowerPattern;
use crate::classical::input::{hopeless, lower_pattern, with_rows};
use crate::classical::{Ic0, SymmetryCheck};
use crate::{IncompleteCholesky, PrecondError};

/// Logarithms of smaller numbers are cut off.
const TINY: f64 = 1e-8;

/// Graph, features, and the entries that are corrected.
pub(super) struct MatrixView {
    pub(super) graph: EdgeGraph,
    pub(super) nodes: Vec<f64>,
    pub(super) edges: Vec<f64>,
    pub(super) base: Option<Vec<f64>>,
    /// The strict lower triangle by rows.
    pub(super) starts: Vec<u32>,
    pub(super) columns: Vec<u32>,
    /// Shift and repetitions of IC(0), where it was needed.
    pub(super) shift: Option<(f64, usize)>,
}

/// The lower triangle of a matrix; `root[i] = √a_ii`.
struct Lower {
    pattern: LowerPattern,
    values: Vec<f64>,
    diagonal: Vec<f64>,
    root: Vec<f64>,
}

/// Logarithms of the entries of a factor of the scaled matrix, strict lower triangle by rows, and of its pivots.
struct Logs {
    entries: Vec<f64>,
    pivots: Vec<f64>,
}

impl MatrixView {
    pub(super) fn new(
        a: CsMatViewI<'_, f64, u32>,
        input: CorrectorInput,
    ) -> Result<Self, PrecondError> {
        let lower = Lower::new(a)?;
        let (forward, shift) = match input {
            CorrectorInput::Raw | CorrectorInput::Scaled => (None, None),
            _ => {
                let factor = Ic0::default().factor(a)?;
                let stats = factor.stats();
                let shift = (stats.shift, stats.shift_attempts);
                (Some(factor), Some(shift))
            }
        };
        let base = match (&forward, input) {
            (Some(factor), _) => Some(entries(factor)),
            (None, CorrectorInput::Raw) => None,
            (None, _) => Some(lower.scaled_triangle()),
        };
        let mut logs: Vec<Logs> = forward.iter().map(|l| lower.logs(l)).collect();
        if input == CorrectorInput::Both {
            logs.push(lower.reversed_logs()?);
        }
        let n = lower.diagonal.len();
        let nodes = match input {
            CorrectorInput::Raw | CorrectorInput::Scaled => vec![1.0; n],
            _ => (0..n)
                .flat_map(|i| logs.iter().map(move |l| l.pivots[i]))
                .collect(),
        };
        let (graph, edges) = lower
            .arcs(input, &logs)
            .map_err(|error| builder_error("learned-corrector", &error))?;
        let LowerPattern { indptr, indices } = lower.pattern;
        Ok(Self {
            graph,
            nodes,
            edges,
            base,
            starts: indptr,
            columns: indices,
            shift,
        })
    }
}

/// All entries by rows, the diagonal last in each.
pub(in super::super) fn entries(factor: &IncompleteCholesky) -> Vec<f64> {
    let mut all = Vec::with_capacity(factor.nnz());
    for i in 0..factor.dimension() {
        all.extend(factor.row(i).map(|(_, value)| value));
        all.push(factor.diagonal()[i]);
    }
    all
}

fn log(x: f64) -> f64 {
    x.abs().max(TINY).ln()
}

impl Lower {
    fn new(a: CsMatViewI<'_, f64, u32>) -> Result<Self, PrecondError> {
        with_rows(a, |rows, n| {
            let pattern = lower_pattern(&rows, n, SymmetryCheck::Count)?;
            let mut values = Vec::with_capacity(pattern.indices.len());
            let (mut diagonal, mut root) = (Vec::with_capacity(n), Vec::with_capacity(n));
            for i in 0..n {
                if let Some(error) = hopeless(&rows, i) {
                    return Err(error);
                }
                let (_, own) = rows.row(i);
                let before = pattern.range(i).len();
                values.extend_from_slice(&own[..before]);
                diagonal.push(own[before]);
                root.push(own[before].sqrt());
            }
            Ok(Self {
                pattern,
                values,
                diagonal,
                root,
            })
        })
    }

    /// Entry k, in row i, of the scaled matrix.
    fn scaled(&self, i: usize, k: usize) -> f64 {
        self.values[k] / (self.root[i] * self.root[self.pattern.indices[k] as usize])
    }

    /// Â as a factor of A: its rows times √a_ii.
    fn scaled_triangle(&self) -> Vec<f64> {
        let mut all = Vec::with_capacity(self.values.len() + self.diagonal.len());
        for (i, &root) in self.root.iter().enumerate() {
            all.extend(self.pattern.range(i).map(|k| self.scaled(i, k) * root));
            all.push(root);
        }
        all
    }

    fn logs(&self, factor: &IncompleteCholesky) -> Logs {
        let mut entries = Vec::with_capacity(self.values.len());
        let mut pivots = Vec::with_capacity(self.diagonal.len());
        for (i, &root) in self.root.iter().enumerate() {
            entries.extend(factor.row(i).map(|(_, l)| log(l / root)));
            pivots.push(2.0 * log(factor.diagonal()[i] / root));
        }
        Logs { entries, pivots }
    }

    /// The same of IC(0) in the reversed order, at the places of this one.
    fn reversed_logs(&self) -> Result<Logs, PrecondError> {
        let n = self.diagonal.len();
        let (starts, rows) = transposed_pattern(&self.pattern.indptr, &self.pattern.indices);
        // Column i of the triangle, from its last row up, is row n − 1 − i of the reversed one.
        let (mut indptr, mut indices) = (vec![0_u32], Vec::new());
        let (mut values, mut place) = (Vec::new(), Vec::new());
        for i in (0..n).rev() {
            for &j in rows[starts[i] as usize..starts[i + 1] as usize]
                .iter()
                .rev()
            {
                let range = self.pattern.range(j as usize);
                let at = self.pattern.indices[range.clone()].binary_search(&(i as u32));
                let k = range.start + at.unwrap_or(0);
                indices.push(n as u32 - 1 - j);
                values.push(self.scaled(j as usize, k));
                place.push(k);
            }
            indices.push(n as u32 - 1 - i as u32);
            values.push(1.0);
            indptr.push(indices.len() as u32);
        }
        let reversed = CsMatI::<f64, u32>::new((n, n), indptr, indices, values);
        let factor = Ic0::default().factor(reversed.view())?;
        let mut entries = vec![0.0; self.values.len()];
        let mut places = place.into_iter();
        for i in 0..n {
            for ((_, l), k) in factor.row(i).zip(&mut places) {
                entries[k] = log(l);
            }
        }
        let pivots = factor.diagonal().iter().rev().map(|&d| 2.0 * log(d));
        Ok(Logs {
            entries,
            pivots: pivots.collect(),
        })
    }

    /// An arc for every entry of the whole matrix, by rows, and its features.
    fn arcs(
        &self,
        input: CorrectorInput,
        logs: &[Logs],
    ) -> Result<(EdgeGraph, Vec<f64>), la_gnn::GnnError> {
        let n = self.diagonal.len();
        let (starts, rows) = transposed_pattern(&self.pattern.indptr, &self.pattern.indices);
        let count = 2 * self.values.len() + n;
        let (mut indptr, mut columns) = (vec![0_u32], Vec::with_capacity(count));
        let mut edges = Vec::with_capacity(count * input.edge_inputs());
        // Place of every entry of the triangle, column by column.
        let mut places = vec![0_usize; self.values.len()];
        let mut next = starts.clone();
        for i in 0..n {
            for k in self.pattern.range(i) {
                let slot = &mut next[self.pattern.indices[k] as usize];
                places[*slot as usize] = k;
                *slot += 1;
            }
        }
        for i in 0..n {
            for k in self.pattern.range(i) {
                let j = self.pattern.indices[k] as usize;
                columns.push(j as u32);
                self.features(input, logs, [i, j], [i, k], &mut edges);
            }
            columns.push(i as u32);
            if input == CorrectorInput::Raw {
                edges.push(self.diagonal[i]);
            } else {
                edges.extend([0.0, 1.0, 0.0]);
                for l in logs {
                    // l_ii = √ρ_i.
                    edges.extend([0.5 * l.pivots[i], l.pivots[i], l.pivots[i]]);
                }
            }
            let own = starts[i] as usize..starts[i + 1] as usize;
            for (&j, &k) in rows[own.clone()].iter().zip(&places[own]) {
                columns.push(j);
                let j = j as usize;
                self.features(input, logs, [i, j], [j, k], &mut edges);
            }
            indptr.push(columns.len() as u32);
        }
        Ok((EdgeGraph::of_pattern(&indptr, &columns)?, edges))
    }

    /// Features of the arc from j to i, i ≠ j, which belongs to entry k of the triangle, in this row.
    fn features(
        &self,
        input: CorrectorInput,
        logs: &[Logs],
        [i, j]: [usize; 2],
        [row, k]: [usize; 2],
        edges: &mut Vec<f64>,
    ) {
        if input == CorrectorInput::Raw {
            edges.push(self.values[k]);
            return;
        }
        edges.extend([log(self.scaled(row, k)), 0.0, f64::from(u8::from(j < i))]);
        for l in logs {
            edges.extend([l.entries[k], l.pivots[i], l.pivots[j]]);
        }
    }
}
