//! Pictures of small graphs: placed nodes and labelled arcs, written as DOT or SVG.

mod dot;
mod layout;
mod spy;
mod svg;

pub use layout::Layout;
pub use spy::{SpyOptions, spy_svg};

use crate::augmented::AugmentedLineDigraph;
use crate::digraph::Digraph;
use crate::error::{GraphError, same};
use crate::layered::LayeredDigraph;
use crate::line::LineDigraph;
use crate::scalar::Real;

/// Largest graph that is drawn.
const MAX_NODES: usize = 500;
const MAX_ARCS: usize = 5000;

/// A graph placed in the plane, ready to be written as [SVG](Drawing::to_svg) or [DOT](Drawing::to_dot).
///
/// # Examples
/// ```
/// use la_graph::{Drawing, Layout, coates_digraph};
/// use sprs::CsMat;
///
/// let a = CsMat::new((2, 2), vec![0, 1, 3], vec![1, 0, 1], vec![3.0, 4.0, 5.0]);
/// let drawing = Drawing::of_digraph(&coates_digraph(a.view())?, Layout::Circular, |w| w.to_string())?;
/// assert!(drawing.to_svg().starts_with("<svg"));
/// assert!(drawing.to_dot().contains("n0 -> n1 [label=\"3\"]"));
/// # Ok::<(), la_graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    title: String,
    nodes: Vec<Node>,
    arcs: Vec<Arc>,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    label: String,
    group: usize,
    x: f64,
    y: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Arc {
    tail: usize,
    head: usize,
    label: String,
}

impl Drawing {
    /// Draws a digraph; nodes are labelled from 1, arcs with what `label` makes of their weight (empty for none).
    ///
    /// # Errors
    /// [`GraphError::TooLarge`] above 500 nodes or 5000 arcs.
    pub fn of_digraph<T>(
        graph: &Digraph<T>,
        layout: Layout,
        label: impl Fn(&T) -> String,
    ) -> Result<Self, GraphError> {
        for (what, limit, found) in [
            ("the number of drawn nodes", MAX_NODES, graph.num_nodes()),
            ("the number of drawn arcs", MAX_ARCS, graph.num_arcs()),
        ] {
            if found > limit {
                return Err(GraphError::TooLarge { what, limit, found });
            }
        }
        let places = layout::place(graph, layout).into_iter().enumerate();
        let arcs = graph.arcs().map(|(tail, head, weight)| Arc {
            tail,
            head,
            label: label(weight),
        });
        Ok(Self {
            title: String::new(),
            nodes: places
                .map(|(k, (group, x, y))| Node {
                    label: (k + 1).to_string(),
                    group,
                    x,
                    y,
                })
                .collect(),
            arcs: arcs.collect(),
        })
    }

    /// Draws a König digraph or a concatenation, one column per layer; nodes are labelled by layer letter and index.
    ///
    /// # Errors
    /// As [`Drawing::of_digraph`].
    pub fn of_layers<T: Real>(graph: &LayeredDigraph<T>) -> Result<Self, GraphError> {
        let flat = graph.to_digraph();
        let mut drawing = Self::of_digraph(&flat, Layout::Circular, |w| w.to_string())?;
        drawing.place_in_columns(&graph.layers());
        Ok(drawing)
    }

    /// Draws a line digraph; nodes are labelled with the ends of their base arcs, counted from 1.
    ///
    /// # Errors
    /// As [`Drawing::of_digraph`].
    pub fn of_line_digraph(graph: &LineDigraph, layout: Layout) -> Result<Self, GraphError> {
        let mut drawing = Self::of_digraph(graph.digraph(), layout, |()| String::new())?;
        for (k, node) in drawing.nodes.iter_mut().enumerate() {
            if let Some((tail, head)) = graph.base_arc(k) {
                node.label = format!("{}→{}", tail + 1, head + 1);
            }
        }
        Ok(drawing)
    }

    /// Draws an augmented line digraph: sources left, targets right, labelled with their features; arcs with entries of V.
    ///
    /// # Errors
    /// As [`Drawing::of_digraph`].
    pub fn of_augmented<T: Real>(graph: &AugmentedLineDigraph<'_, T>) -> Result<Self, GraphError> {
        let (m, n) = (graph.num_sources(), graph.num_targets());
        let flat = Digraph::new(m + n, graph.arcs().map(|(i, j, v)| (i, m + j, v)))?;
        let mut drawing = Self::of_digraph(&flat, Layout::Circular, |w| w.to_string())?;
        drawing.place_in_columns(&[m, n]);
        let rows = [graph.source_features(), graph.target_features()]
            .into_iter()
            .flat_map(|x| x.chunks_exact(graph.rank()));
        for (node, row) in drawing.nodes.iter_mut().zip(rows) {
            let row: Vec<String> = row.iter().map(ToString::to_string).collect();
            node.label = format!("({})", row.join(","));
        }
        Ok(drawing)
    }

    /// Adds a title.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Replaces the node labels.
    ///
    /// # Errors
    /// [`GraphError::DimensionMismatch`] if there is not one label per node.
    pub fn with_node_labels(mut self, labels: Vec<String>) -> Result<Self, GraphError> {
        same("the number of labels", self.nodes.len(), labels.len())?;
        for (node, label) in self.nodes.iter_mut().zip(labels) {
            node.label = label;
        }
        Ok(self)
    }

    /// Places consecutive nodes in columns of the given sizes and labels them a1, a2, …, b1, ….
    fn place_in_columns(&mut self, sizes: &[usize]) {
        let columns = sizes.iter().enumerate();
        let slots = columns.flat_map(|(layer, &size)| (0..size).map(move |k| (layer, k)));
        let tallest = sizes.iter().copied().max().unwrap_or(0);
        for (node, (layer, k)) in self.nodes.iter_mut().zip(slots) {
            (node.x, node.y) = layout::column_place(layer, k, sizes[layer], tallest);
            node.group = layer;
            let letter = char::from(b'a' + (layer % 26) as u8);
            node.label = format!("{letter}{}", k + 1);
        }
    }
}
