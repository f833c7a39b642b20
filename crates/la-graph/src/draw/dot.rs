//! Graphviz output.

use std::fmt::Write;

use super::Drawing;

impl Drawing {
    /// The graph in the DOT language, nodes of one layer on one rank.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut dot = String::from("digraph {\n  rankdir=LR;\n  node [shape=circle];\n");
        if !self.title.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(dot, "  label=\"{}\";", escape(&self.title));
        }
        let groups = self.nodes.iter().map(|n| n.group + 1).max().unwrap_or(0);
        for group in 0..groups {
            dot.push_str("  { rank=same;\n");
            for (k, node) in self.nodes.iter().enumerate() {
                if node.group == group {
                    let _ = writeln!(dot, "    n{k} [label=\"{}\"];", escape(&node.label));
                }
            }
            dot.push_str("  }\n");
        }
        for arc in &self.arcs {
            let _ = write!(dot, "  n{} -> n{}", arc.tail, arc.head);
            if !arc.label.is_empty() {
                let _ = write!(dot, " [label=\"{}\"]", escape(&arc.label));
            }
            dot.push_str(";\n");
        }
        dot.push_str("}\n");
        dot
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
