//! The graph of agents, with what networks read of it.

use la_graph::Pattern;

use crate::GnnError;

/// A local degree profile: degree of a node, and least, greatest, mean and (population) deviation of the degrees of its neighbours; zeros without neighbours.
pub type DegreeProfile = [f64; 5];

/// An undirected graph of agents, as its directed edges by rows: edge e of node i goes to `neighbours(i)`, in increasing order.
///
/// Memory: 8 bytes per directed edge, 44 per node.
///
/// # Examples
/// ```
/// use la_gnn::native::admm::AgentGraph;
/// let path = AgentGraph::from_edges(3, [(0, 1), (1, 2)])?;
/// assert_eq!((path.nodes(), path.directed_edges(), path.degree(1)), (3, 4, 2));
/// assert_eq!(path.profile(0), [1.0, 2.0, 2.0, 2.0, 0.0]);
/// # Ok::<(), la_gnn::GnnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AgentGraph {
    indptr: Vec<u32>,
    neighbours: Vec<u32>,
    /// Position of edge (j, i) for edge (i, j).
    reverse: Vec<u32>,
    profiles: Vec<DegreeProfile>,
}

impl AgentGraph {
    /// The graph of a symmetric pattern without diagonal. Directed edges keep the order of the pattern's entries.
    ///
    /// # Errors
    /// [`GnnError::Matrix`] if the pattern is not square or not symmetric, or has a diagonal entry (naming the row).
    pub fn new(pattern: &Pattern<'_>) -> Result<Self, GnnError> {
        let bad = |reason: String| Err(GnnError::Matrix { reason });
        let m = pattern.rows();
        if !pattern.is_square() {
            let cols = pattern.cols();
            return bad(format!("is {m} x {cols}, a graph of agents is square"));
        }
        if let Some(i) = (0..m).find(|&i| pattern.contains(i, i)) {
            return bad(format!(
                "row {i} has a diagonal entry: agents have no loops"
            ));
        }
        let (transpose, reverse) = pattern.transpose_with_positions();
        if let Some(i) = (0..m).find(|&i| pattern.row(i) != transpose.row(i)) {
            return bad(format!(
                "row {i} differs from column {i}: edges go both ways"
            ));
        }
        let mut graph = Self {
            indptr: pattern.indptr().to_vec(),
            neighbours: pattern.indices().to_vec(),
            reverse,
            profiles: Vec::new(),
        };
        graph.profiles = (0..m).map(|i| graph.degree_profile(i)).collect();
        Ok(graph)
    }

    /// The graph with these undirected edges, each given in one direction or in both.
    ///
    /// # Errors
    /// [`GnnError::Graph`] for an end that does not exist, [`GnnError::Matrix`] for a loop.
    pub fn from_edges(
        nodes: usize,
        edges: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<Self, GnnError> {
        let both = edges.into_iter().flat_map(|(i, j)| [(i, j), (j, i)]);
        Self::new(&Pattern::from_coordinates(nodes, nodes, both)?)
    }

    fn degree_profile(&self, i: usize) -> DegreeProfile {
        let degrees = || {
            self.neighbours(i)
                .iter()
                .map(|&j| self.degree(j as usize) as f64)
        };
        let d = self.degree(i) as f64;
        if d == 0.0 {
            return [0.0; 5];
        }
        let mean = degrees().sum::<f64>() / d;
        let variance = degrees().map(|x| (x - mean) * (x - mean)).sum::<f64>() / d;
        let least = degrees().fold(f64::INFINITY, f64::min);
        [
            d,
            least,
            degrees().fold(0.0, f64::max),
            mean,
            variance.sqrt(),
        ]
    }

    /// m.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.profiles.len()
    }

    /// Number of directed edges, twice that of undirected ones.
    #[must_use]
    pub fn directed_edges(&self) -> usize {
        self.neighbours.len()
    }

    /// Number of neighbours of a node; 0 if there is no such node.
    #[must_use]
    pub fn degree(&self, i: usize) -> usize {
        self.edges(i).len()
    }

    /// Positions of the edges of a node; empty if there is no such node.
    #[must_use]
    pub fn edges(&self, i: usize) -> std::ops::Range<usize> {
        match self.indptr.get(i..i + 2) {
            Some(&[from, to]) => from as usize..to as usize,
            _ => 0..0,
        }
    }

    /// Neighbours of a node, increasing; empty if there is no such node.
    #[must_use]
    pub fn neighbours(&self, i: usize) -> &[u32] {
        &self.neighbours[self.edges(i)]
    }

    /// Position of the edge (j, i) of every edge (i, j).
    #[must_use]
    pub fn reverse(&self) -> &[u32] {
        &self.reverse
    }

    /// Degrees around a node; zeros if there is no such node.
    #[must_use]
    pub fn profile(&self, i: usize) -> DegreeProfile {
        self.profiles.get(i).copied().unwrap_or([0.0; 5])
    }

    /// Least and greatest degree; zeros for a graph without nodes.
    #[must_use]
    pub fn degree_range(&self) -> [usize; 2] {
        let degrees = || (0..self.nodes()).map(|i| self.degree(i));
        [degrees().min().unwrap_or(0), degrees().max().unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_and_reverses() {
        // A star with centre 1, and a leaf of a leaf.
        let g = AgentGraph::from_edges(5, [(1, 0), (1, 2), (3, 1), (3, 4)]).unwrap();
        let [d, least, greatest, mean, deviation] = g.profile(1);
        assert_eq!([d, least, greatest], [3.0, 1.0, 2.0]);
        assert!((mean - 4.0 / 3.0).abs() < 1e-15 && (deviation - 2f64.sqrt() / 3.0).abs() < 1e-15);
        for i in 0..5 {
            for (e, &j) in g.edges(i).zip(g.neighbours(i)) {
                let back = g.reverse()[e] as usize;
                assert!(g.edges(j as usize).contains(&back));
                assert_eq!(g.neighbours[back] as usize, i);
            }
        }
        assert_eq!(g.degree_range(), [1, 3]);
        assert_eq!((g.degree(9), g.profile(9)), (0, [0.0; 5]));
        let alone = AgentGraph::from_edges(2, []).unwrap();
        assert_eq!(alone.profile(0), [0.0; 5]);
    }

    #[test]
    fn what_is_no_graph_of_agents_is_refused() {
        let refused = |rows, cols, entries: &[(usize, usize)]| {
            let pattern = Pattern::from_coordinates(rows, cols, entries.iter().copied()).unwrap();
            AgentGraph::new(&pattern).unwrap_err().to_string()
        };
        assert!(refused(2, 3, &[]).contains("2 x 3"));
        assert!(refused(2, 2, &[(0, 1)]).contains("row 0"));
        assert!(refused(2, 2, &[(0, 1), (1, 0), (1, 1)]).contains("row 1 has a diagonal"));
        assert!(AgentGraph::from_edges(2, [(0, 2)]).is_err());
        assert!(AgentGraph::from_edges(2, [(1, 1)]).is_err());
    }
}
