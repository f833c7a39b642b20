//! Line digraphs and their characterisation.

use crate::digraph::Digraph;
use crate::error::GraphError;
use crate::pattern::Pattern;

/// The line digraph L(G) of a digraph G, with the way back to G.
///
/// Node `e` of L(G) is arc `e` of G. See [`line_digraph`].
#[derive(Debug, Clone, PartialEq)]
pub struct LineDigraph {
    digraph: Digraph,
    base: Vec<(u32, u32)>,
}

impl LineDigraph {
    /// The line digraph itself.
    #[must_use]
    pub fn digraph(&self) -> &Digraph {
        &self.digraph
    }

    /// Number of nodes, the number of arcs of the base graph.
    #[must_use]
    pub fn num_nodes(&self) -> usize {
        self.digraph.num_nodes()
    }

    /// Number of arcs.
    #[must_use]
    pub fn num_arcs(&self) -> usize {
        self.digraph.num_arcs()
    }

    /// `(tail, head)` of the arc of the base graph that became node `node`.
    #[must_use]
    pub fn base_arc(&self, node: usize) -> Option<(usize, usize)> {
        let &(tail, head) = self.base.get(node)?;
        Some((tail as usize, head as usize))
    }

    /// The node of the base graph through which an arc of the line digraph passes: the head of its first and the tail of its
    /// second base arc.
    #[must_use]
    pub fn middle(&self, arc: usize) -> Option<usize> {
        let (first, _) = self.digraph.arc(arc)?;
        Some(self.base_arc(first)?.1)
    }
}

/// The line digraph: its nodes are the arcs of `graph`, and `e → f` is an arc when the head of `e` is the tail of `f`.
///
/// It has Σ_v d⁻(v) d⁺(v) arcs, numbered by first and then by second base arc. Parallel arcs become different nodes, a loop
/// becomes a node with a loop. Time and memory O(input + output), allocated exactly.
///
/// # Errors
/// [`GraphError::IndexOverflow`] if the result has more than 2³² − 1 arcs.
///
/// # Examples
/// ```
/// use la_graph::{Digraph, line_digraph};
///
/// // 0 → 1 twice, a loop at 1
/// let g = Digraph::new(2, [(0, 1, ()), (0, 1, ()), (1, 1, ())])?;
/// let l = line_digraph(&g)?;
/// assert_eq!(l.num_nodes(), 3);
/// assert_eq!(l.num_arcs(), 3); // d⁻(1) · d⁺(1) = 3 · 1
/// assert_eq!(l.digraph().arc(0), Some((0, 2)));
/// assert_eq!(l.base_arc(2), Some((1, 1)));
/// assert_eq!(l.middle(0), Some(1));
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// F. Harary, R. Z. Norman, *Some properties of line digraphs*, Rend. Circ. Mat. Palermo 9, 161–168, 1960.
pub fn line_digraph<T>(graph: &Digraph<T>) -> Result<LineDigraph, GraphError> {
    let out = graph.out_arcs();
    // Σ_v d⁻(v) d⁺(v) = Σ_e d⁺(head(e))
    let count: u64 = graph
        .heads()
        .iter()
        .map(|&v| out.degree(v as usize) as u64)
        .sum();
    let Ok(arcs) = u32::try_from(count) else {
        return Err(GraphError::IndexOverflow {
            what: "the number of arcs of the line digraph",
            value: count,
        });
    };
    let mut tails = Vec::with_capacity(arcs as usize);
    let mut heads = Vec::with_capacity(arcs as usize);
    for (e, &v) in graph.heads().iter().enumerate() {
        let next = out.of(v as usize);
        tails.resize(tails.len() + next.len(), e as u32);
        heads.extend_from_slice(next);
    }
    let base = graph
        .tails()
        .iter()
        .copied()
        .zip(graph.heads().iter().copied());
    Ok(LineDigraph {
        digraph: Digraph::trusted(graph.num_arcs(), tails, heads, vec![(); arcs as usize]),
        base: base.collect(),
    })
}

/// Whether a 0/1 matrix is the adjacency matrix of the line digraph of some multidigraph: any two of its rows are equal or
/// have no column in common.
///
/// Time O(nnz + n); a pattern that is not square is no adjacency matrix.
///
/// # Examples
/// ```
/// use la_graph::{Pattern, is_line_digraph};
///
/// let yes = Pattern::from_coordinates(3, 3, [(0, 1), (0, 2), (1, 1), (1, 2)])?;
/// let no = Pattern::from_coordinates(3, 3, [(0, 1), (0, 2), (1, 2)])?;
/// assert!(is_line_digraph(&yes));
/// assert!(!is_line_digraph(&no));
/// # Ok::<(), la_graph::GraphError>(())
/// ```
///
/// # References
/// C. Heuchenne, *Sur une certaine correspondance entre graphes*, Bull. Soc. Roy. Sci. Liège 33, 743–753, 1964.
#[must_use]
pub fn is_line_digraph(adjacency: &Pattern<'_>) -> bool {
    adjacency.is_square() && row_classes(adjacency).is_some()
}

/// A digraph whose line digraph has exactly this adjacency matrix, or `None` if there is none.
///
/// Arc `e` of the result is node `e` of the given line digraph. Nodes of the result are the classes of equal nonempty rows,
/// in order of their first row, then one common node where arcs start that nothing leads to, then one where arcs end that lead
/// nowhere.
///
/// # Examples
/// ```
/// use la_graph::{Pattern, line_digraph, line_digraph_root};
///
/// let adjacency = Pattern::from_coordinates(3, 3, [(0, 1), (0, 2), (1, 1), (1, 2)])?;
/// let root = line_digraph_root(&adjacency).expect("its rows are equal or disjoint");
/// let again = line_digraph(&root)?;
/// assert_eq!(Pattern::from_sprs(again.digraph().adjacency()?.view())?, adjacency);
/// # Ok::<(), la_graph::GraphError>(())
/// ```
#[must_use]
pub fn line_digraph_root(adjacency: &Pattern<'_>) -> Option<Digraph> {
    if !adjacency.is_square() {
        return None;
    }
    let (class_of_column, class_of_row, classes) = row_classes(adjacency)?;
    let (source, sink) = (classes, classes + 1);
    let or = |class: &u32, node: u32| if *class == NONE { node } else { *class };
    let n = adjacency.rows();
    Some(Digraph::trusted(
        classes as usize + 2,
        class_of_column.iter().map(|c| or(c, source)).collect(),
        class_of_row.iter().map(|c| or(c, sink)).collect(),
        vec![(); n],
    ))
}

const NONE: u32 = u32::MAX;

/// Class of equal rows that each column and each row belongs to, and the number of classes.
fn row_classes(p: &Pattern<'_>) -> Option<(Vec<u32>, Vec<u32>, u32)> {
    let mut class_of_column = vec![NONE; p.cols()];
    let mut class_of_row = vec![NONE; p.rows()];
    let mut representatives: Vec<u32> = Vec::new();
    for (i, class_of_this_row) in class_of_row.iter_mut().enumerate() {
        let Some(&first) = p.row(i).first() else {
            continue;
        };
        let class = class_of_column[first as usize];
        if class == NONE {
            let class = representatives.len() as u32;
            for &j in p.row(i) {
                if class_of_column[j as usize] != NONE {
                    return None;
                }
                class_of_column[j as usize] = class;
            }
            *class_of_this_row = class;
            representatives.push(i as u32);
        } else if p.row(i) == p.row(representatives[class as usize] as usize) {
            *class_of_this_row = class;
        } else {
            return None;
        }
    }
    Some((class_of_column, class_of_row, representatives.len() as u32))
}
