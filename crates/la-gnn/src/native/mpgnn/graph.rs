//! The arcs of a directed graph.

use crate::GnnError;

/// The arcs of a directed graph, sorted by the node that receives, and those whose outputs are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeGraph {
    /// First arc of every node, and the end.
    starts: Vec<u32>,
    sources: Vec<u32>,
    targets: Vec<u32>,
    outputs: Vec<u32>,
}

impl EdgeGraph {
    /// A graph of `nodes` nodes; `targets` ascending, `outputs` places of arcs.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the lists differ in length, targets are not sorted, an end is no node or an output no arc.
    pub fn new(
        nodes: usize,
        sources: Vec<u32>,
        targets: Vec<u32>,
        outputs: Vec<u32>,
    ) -> Result<Self, GnnError> {
        let bad = |reason: String| Err(GnnError::Matrix { reason });
        if sources.len() != targets.len() {
            let (s, t) = (sources.len(), targets.len());
            return bad(format!("{s} sources and {t} targets"));
        }
        if !targets.is_sorted() {
            return bad("arcs must be sorted by target".into());
        }
        let ends = sources.iter().chain(&targets);
        if let Some(end) = ends.copied().find(|&end| end as usize >= nodes) {
            return bad(format!("node {end} of {nodes}"));
        }
        if let Some(k) = outputs.iter().find(|&&k| k as usize >= targets.len()) {
            return bad(format!("output {k} of {} arcs", targets.len()));
        }
        let mut starts = vec![0_u32; nodes + 1];
        for &t in &targets {
            starts[t as usize + 1] += 1;
        }
        for i in 0..nodes {
            starts[i + 1] += starts[i];
        }
        Ok(Self {
            starts,
            sources,
            targets,
            outputs,
        })
    }

    /// The graph of a symmetric pattern by rows: an arc for every entry, from its column to its row, and outputs at the entries
    /// of the lower triangle, row by row.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if a column is outside the matrix.
    ///
    /// # Examples
    /// ```
    /// use la_gnn::native::mpgnn::EdgeGraph;
    /// let graph = EdgeGraph::of_pattern(&[0, 2, 4], &[0, 1, 0, 1])?;
    /// assert_eq!((graph.nodes(), graph.arcs(), graph.outputs()), (2, 4, &[0, 2, 3][..]));
    /// # Ok::<(), la_gnn::GnnError>(())
    /// ```
    pub fn of_pattern(starts: &[u32], columns: &[u32]) -> Result<Self, GnnError> {
        let nodes = starts.len().saturating_sub(1);
        let (mut targets, mut outputs) = (Vec::with_capacity(columns.len()), Vec::new());
        for (i, range) in starts.windows(2).enumerate() {
            for k in range[0]..range[1] {
                if columns.get(k as usize).is_some_and(|&j| j as usize <= i) {
                    outputs.push(k);
                }
                targets.push(i as u32);
            }
        }
        Self::new(nodes, columns.to_vec(), targets, outputs)
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of arcs.
    #[must_use]
    pub fn arcs(&self) -> usize {
        self.sources.len()
    }

    /// Node where each arc begins.
    #[must_use]
    pub fn sources(&self) -> &[u32] {
        &self.sources
    }

    /// Node that each arc reaches; ascending.
    #[must_use]
    pub fn targets(&self) -> &[u32] {
        &self.targets
    }

    /// Arcs whose outputs are wanted.
    #[must_use]
    pub fn outputs(&self) -> &[u32] {
        &self.outputs
    }

    /// Arcs that node `i` receives; empty outside the graph.
    pub(super) fn received(&self, i: usize) -> std::ops::Range<usize> {
        match (self.starts.get(i), self.starts.get(i + 1)) {
            (Some(&start), Some(&end)) => start as usize..end as usize,
            _ => 0..0,
        }
    }
}
