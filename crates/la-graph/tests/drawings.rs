//! DOT and SVG of the worked example of arXiv 2202.00264, and spy pictures.

use la_graph::{
    AugmentedLineDigraph, Digraph, Drawing, GraphError, LayeredDigraph, Layout, Pattern,
    SpyOptions, line_digraph, outer_products, spy_svg,
};
use sprs::CsMat;

const W: [f64; 8] = [13.0, 7.0, 0.0, 2.0, 4.0, 9.0, 11.0, 5.0];
const H: [f64; 6] = [6.0, 12.0, 8.0, 10.0, 3.0, 1.0];

fn terms() -> Vec<LayeredDigraph<f64>> {
    let tall = |rows: usize, data: &[f64]| {
        let pointers = (0..=rows).map(|i| 2 * i).collect();
        CsMat::new((rows, 2), pointers, [0, 1].repeat(rows), data.to_vec())
    };
    outer_products(tall(4, &W).view(), tall(3, &H).view()).unwrap()
}

#[test]
fn concatenation() {
    let whole = LayeredDigraph::overlay(&terms()).unwrap();
    let drawing = Drawing::of_layers(&whole)
        .unwrap()
        .with_title("K(W) ∗ K(Hᵀ)");
    insta::assert_snapshot!("concatenation_dot", drawing.to_dot());
    insta::assert_snapshot!("concatenation_svg", drawing.to_svg());
}

#[test]
fn line_digraph_of_the_first_outer_product() {
    let line = line_digraph(&terms()[0].to_digraph()).unwrap();
    let drawing = Drawing::of_line_digraph(&line, Layout::Layered).unwrap();
    insta::assert_snapshot!("line_digraph_dot", drawing.to_dot());
    insta::assert_snapshot!("line_digraph_svg", drawing.to_svg());
}

#[test]
fn augmented_line_digraph() {
    let v: Vec<f64> = LayeredDigraph::overlay(&terms())
        .and_then(|g| g.path_weights())
        .map(|v| v.data().to_vec())
        .unwrap();
    let g = AugmentedLineDigraph::new(&W, &H, &v, 2).unwrap();
    let drawing = Drawing::of_augmented(&g).unwrap();
    insta::assert_snapshot!("augmented_dot", drawing.to_dot());
    insta::assert_snapshot!("augmented_svg", drawing.to_svg());
}

#[test]
fn coates_digraph_with_loops_and_parallel_arcs() {
    let arcs = [(0, 1, 3), (1, 0, 4), (1, 1, 5), (1, 2, 6), (1, 2, 7)];
    let g = Digraph::new(3, arcs).unwrap();
    // a cycle cannot be layered, so both layouts agree
    let drawing = Drawing::of_digraph(&g, Layout::Layered, ToString::to_string).unwrap();
    assert_eq!(
        drawing,
        Drawing::of_digraph(&g, Layout::Circular, ToString::to_string).unwrap()
    );
    insta::assert_snapshot!("coates_svg", drawing.to_svg());
}

#[test]
fn text_is_escaped() {
    let g = Digraph::new(1, [(0, 0, ())]).unwrap();
    let drawing = Drawing::of_digraph(&g, Layout::Circular, |()| "a<b&\"c\"".into()).unwrap();
    assert!(drawing.to_svg().contains("a&lt;b&amp;\"c\""));
    assert!(drawing.to_dot().contains(r#"label="a<b&\"c\"""#));
    assert!(drawing.with_node_labels(Vec::new()).is_err());
}

#[test]
fn large_graphs_are_refused() {
    let g = Digraph::<()>::new(501, []).unwrap();
    assert!(matches!(
        Drawing::of_digraph(&g, Layout::Circular, |()| String::new()),
        Err(GraphError::TooLarge {
            limit: 500,
            found: 501,
            ..
        })
    ));
}

#[test]
fn spy_pictures() {
    let arrow = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (2, 2)];
    let small = Pattern::from_coordinates(3, 3, arrow).unwrap();
    insta::assert_snapshot!("spy_svg", spy_svg(&small, &SpyOptions::default()).unwrap());

    let n = 2000;
    let band = (0..n).flat_map(|i| (i..n.min(i + 5)).map(move |j| (i, j)));
    let large = Pattern::from_coordinates(n, n, band).unwrap();
    let svg = spy_svg(&large, &SpyOptions::default()).unwrap();
    assert!(svg.len() < 10_000, "{} bytes", svg.len());
    assert!(spy_svg(&small, &SpyOptions::default().with_max_cells(0)).is_err());
    assert!(spy_svg(&small, &SpyOptions::default().with_pixels(0)).is_err());
    let empty = Pattern::from_coordinates(0, 0, []).unwrap();
    assert!(
        spy_svg(&empty, &SpyOptions::default())
            .unwrap()
            .contains("0 x 0")
    );
}
