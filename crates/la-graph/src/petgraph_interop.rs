//! Conversion to and from `petgraph` (feature `petgraph`).

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::digraph::Digraph;
use crate::error::GraphError;

impl<T: Clone> Digraph<T> {
    /// The same digraph for `petgraph`; node and arc ids are kept.
    ///
    /// # Examples
    /// ```
    /// use la_graph::Digraph;
    ///
    /// let g = Digraph::new(2, [(0, 1, 2.5), (1, 1, 1.0)])?;
    /// let p = g.to_petgraph();
    /// assert_eq!((p.node_count(), p.edge_count()), (2, 2));
    /// assert_eq!(Digraph::from_petgraph(&p)?, g);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    #[must_use]
    pub fn to_petgraph(&self) -> DiGraph<(), T, u32> {
        let mut graph = DiGraph::with_capacity(self.num_nodes(), self.num_arcs());
        for _ in 0..self.num_nodes() {
            graph.add_node(());
        }
        for (tail, head, weight) in self.arcs() {
            graph.add_edge(NodeIndex::new(tail), NodeIndex::new(head), weight.clone());
        }
        graph
    }

    /// The digraph of a `petgraph` graph; node weights are dropped, ids are kept.
    ///
    /// # Errors
    /// As [`Digraph::new`].
    pub fn from_petgraph<N>(graph: &DiGraph<N, T, u32>) -> Result<Self, GraphError> {
        let arcs = graph
            .edge_references()
            .map(|e| (e.source().index(), e.target().index(), e.weight().clone()));
        Self::new(graph.node_count(), arcs)
    }
}
