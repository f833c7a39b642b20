//! SVG output.

use std::collections::HashMap;
use std::fmt::Write;

use super::{Arc, Drawing};

const COLOURS: [&str; 6] = [
    "#2a6f97", "#d9702f", "#4f8f5b", "#8b5fa8", "#b5495b", "#5b6770",
];
const RADIUS: f64 = 20.0;

impl Drawing {
    /// A self-contained SVG picture. Parallel and opposite arcs are bent apart, loops drawn above their node.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let extent = |f: fn(&super::Node) -> f64| self.nodes.iter().map(f).fold(0.0, f64::max);
        let margin = self
            .nodes
            .iter()
            .map(|n| half_width(&n.label))
            .fold(44.0, f64::max)
            + 16.0;
        let head = if self.title.is_empty() { 0.0 } else { 34.0 };
        let width = extent(|n| n.x) + 2.0 * margin;
        let height = extent(|n| n.y) + 2.0 * margin + head;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" font-family=\"system-ui, sans-serif\" text-anchor=\"middle\">\n\
             <defs><marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" \
             orient=\"auto\"><path d=\"M0 1 10 5 0 9z\" fill=\"#6b7480\"/></marker></defs>\n\
             <rect width=\"100%\" height=\"100%\" rx=\"10\" fill=\"#fff\"/>\n"
        );
        // Writing to a string cannot fail.
        if !self.title.is_empty() {
            let _ = writeln!(
                svg,
                "<text x=\"{:.0}\" y=\"30\" font-size=\"17\" font-weight=\"600\" fill=\"#22303c\">{}</text>",
                width / 2.0,
                escape(&self.title)
            );
        }
        let _ = writeln!(
            svg,
            "<g transform=\"translate({margin:.0} {:.0})\">",
            margin + head
        );
        self.write_arcs(&mut svg);
        for node in &self.nodes {
            let half = half_width(&node.label);
            let _ = writeln!(
                svg,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{RADIUS}\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"13\" fill=\"#fff\">{}</text>",
                node.x - half,
                node.y - RADIUS,
                2.0 * half,
                2.0 * RADIUS,
                COLOURS[node.group % COLOURS.len()],
                node.x,
                node.y + 4.5,
                escape(&node.label)
            );
        }
        svg.push_str("</g>\n</svg>\n");
        svg
    }

    fn write_arcs(&self, svg: &mut String) {
        let mut arcs_between: HashMap<(usize, usize), usize> = HashMap::new();
        for arc in &self.arcs {
            *arcs_between.entry((arc.tail, arc.head)).or_default() += 1;
        }
        let mut drawn: HashMap<(usize, usize), usize> = HashMap::new();
        let mut labels = String::new();
        svg.push_str("<g fill=\"none\" stroke=\"#6b7480\" stroke-width=\"1.3\">\n");
        for arc in &self.arcs {
            let earlier = drawn.entry((arc.tail, arc.head)).or_default();
            let opposite = arcs_between.contains_key(&(arc.head, arc.tail));
            let several = arcs_between[&(arc.tail, arc.head)] > 1;
            let bend = if opposite || several {
                26.0 * (*earlier as f64 + 1.0)
            } else {
                0.0
            };
            *earlier += 1;
            let (path, x, y) = self.path(arc, bend);
            let _ = writeln!(svg, "<path d=\"{path}\" marker-end=\"url(#tip)\"/>");
            if !arc.label.is_empty() {
                let label = escape(&arc.label);
                let _ = writeln!(labels, "<text x=\"{x:.1}\" y=\"{y:.1}\">{label}</text>");
            }
        }
        let _ = write!(
            svg,
            "</g>\n<g font-size=\"12\" fill=\"#22303c\" stroke=\"#fff\" stroke-width=\"4\" paint-order=\"stroke\">\n{labels}</g>\n"
        );
    }

    /// Path of an arc from rim to rim, and the place of its label.
    fn path(&self, arc: &Arc, bend: f64) -> (String, f64, f64) {
        let (a, b) = (&self.nodes[arc.tail], &self.nodes[arc.head]);
        if arc.tail == arc.head {
            let (x, y, reach) = (a.x, a.y - RADIUS, 8.0 + bend);
            let path = format!(
                "M{:.1} {y:.1}C{:.1} {:.1} {:.1} {:.1} {:.1} {y:.1}",
                x - 8.0,
                x - reach,
                y - reach,
                x + reach,
                y - reach,
                x + 8.0
            );
            return (path, x, y - 0.75 * reach);
        }
        // Control point of the curve: beside the middle, to the left of the direction of travel.
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let length = dx.hypot(dy).max(1.0);
        let (cx, cy) = (
            (a.x + b.x) / 2.0 + dy / length * bend,
            (a.y + b.y) / 2.0 - dx / length * bend,
        );
        let rim = |x: f64, y: f64, distance: f64| {
            let far = (cx - x).hypot(cy - y).max(1.0);
            (x + (cx - x) / far * distance, y + (cy - y) / far * distance)
        };
        let (x0, y0) = rim(a.x, a.y, half_width(&a.label));
        let (x1, y1) = rim(b.x, b.y, half_width(&b.label) + 1.0);
        // Near the tail of a straight arc, where labels of crossing arcs stay apart.
        let t: f64 = if bend == 0.0 { 0.2 } else { 0.5 };
        let point =
            |p: f64, c: f64, q: f64| (1.0 - t).powi(2) * p + 2.0 * t * (1.0 - t) * c + t * t * q;
        let path = format!("M{x0:.1} {y0:.1}Q{cx:.1} {cy:.1} {x1:.1} {y1:.1}");
        (path, point(x0, cx, x1), point(y0, cy, y1) + 4.0)
    }
}

/// Half the width of a node: a long label gets a wider pill.
fn half_width(label: &str) -> f64 {
    RADIUS.max(3.6 * label.chars().count() as f64 + 8.0)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
