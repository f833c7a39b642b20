//! The 4 × 3 example of rank 2 in Sjölund and Bånkestad, arXiv 2202.00264, Figures 1 to 3.

use la_graph::{
    AugmentedLineDigraph, GraphError, LayeredDigraph, koenig_digraph, line_digraph, outer_products,
};
use sprs::CsMat;

const V: [f64; 12] = [
    162.0, 174.0, 46.0, 24.0, 20.0, 2.0, 132.0, 122.0, 21.0, 126.0, 138.0, 38.0,
];
const W: [f64; 8] = [13.0, 7.0, 0.0, 2.0, 4.0, 9.0, 11.0, 5.0];
const H: [f64; 6] = [6.0, 12.0, 8.0, 10.0, 3.0, 1.0];

fn tall(rows: usize, data: &[f64]) -> CsMat<f64> {
    // stores the zero of W as well
    CsMat::new(
        (rows, 2),
        (0..=rows).map(|i| 2 * i).collect(),
        [0, 1].repeat(rows),
        data.to_vec(),
    )
}

fn graph() -> LayeredDigraph<f64> {
    let w = koenig_digraph(tall(4, &W).view()).unwrap();
    let h = koenig_digraph(tall(3, &H).transpose_view()).unwrap();
    w.concatenate(&h).unwrap()
}

#[test]
fn concatenation_has_the_product_as_path_weights() {
    let g = graph();
    assert_eq!(g.layers(), [4, 2, 3]);
    assert_eq!(g.num_arcs(), 13);
    assert_eq!(g.stage(0).unwrap().0.nnz(), 7);
    let v = g.path_weights().unwrap();
    assert_eq!(v.data(), V);
    // one path from row 2 to column 1, two from row 1
    let paths = g.path_counts().unwrap();
    assert_eq!(paths.get(1, 0), Some(&1));
    assert_eq!(paths.get(0, 0), Some(&2));
}

#[test]
fn outer_products_have_one_path_per_pair() {
    let terms = outer_products(tall(4, &W).view(), tall(3, &H).view()).unwrap();
    let sizes: Vec<_> = terms.iter().map(|t| (t.layers(), t.num_arcs())).collect();
    assert_eq!(sizes, [(vec![4, 1, 3], 6), (vec![4, 1, 3], 7)]);
    for term in &terms {
        assert!(term.path_counts().unwrap().data().iter().all(|&n| n == 1));
    }
    assert_eq!(terms[0].path_weights().unwrap().get(0, 0), Some(&78.0));
    assert_eq!(terms[1].path_weights().unwrap().get(0, 0), Some(&84.0));
    assert_eq!(LayeredDigraph::overlay(&terms).unwrap(), graph());
}

#[test]
fn line_digraphs_have_the_sizes_of_the_paper() {
    let terms = outer_products(tall(4, &W).view(), tall(3, &H).view()).unwrap();
    let sizes: Vec<_> = terms
        .iter()
        .map(|t| line_digraph(&t.to_digraph()).unwrap())
        .map(|l| (l.num_nodes(), l.num_arcs()))
        .collect();
    assert_eq!(sizes, [(6, 9), (7, 12)]);
    let whole = line_digraph(&graph().to_digraph()).unwrap();
    assert_eq!((whole.num_nodes(), whole.num_arcs()), (13, 21));
}

#[test]
fn augmented_line_digraph_has_zero_residual() {
    let g = AugmentedLineDigraph::new(&W, &H, &V, 2).unwrap();
    assert_eq!((g.num_sources(), g.num_targets(), g.num_arcs()), (4, 3, 12));
    assert_eq!(g.residuals(), [0.0; 12]);
    let arc = 2 * 3 + 1; // arc (3, 2) counted from one
    assert_eq!(g.edge_features()[3 * arc..3 * arc + 3], [32.0, 90.0, 122.0]);
    let (sources, targets) = g.edge_index().unwrap();
    assert_eq!((sources[arc], targets[arc]), (2, 1));
    let back = g.reversed();
    assert_eq!((back.num_sources(), back.num_targets()), (3, 4));
    assert_eq!(back.residuals(), [0.0; 12]);
    assert_eq!(back.arc_features()[..4], [162.0, 24.0, 132.0, 126.0]);
    assert_eq!(back.reversed(), g);
}

#[test]
fn bad_input_is_refused() {
    assert!(matches!(
        graph().concatenate(&graph()),
        Err(GraphError::DimensionMismatch {
            expected: 3,
            found: 4,
            ..
        })
    ));
    assert!(AugmentedLineDigraph::new(&W, &H, &V, 0).is_err());
    assert!(AugmentedLineDigraph::new(&W, &H, &V[1..], 2).is_err());
    let mut v = V;
    v[4] = f64::NAN;
    assert!(matches!(
        AugmentedLineDigraph::new(&W, &H, &v, 2),
        Err(GraphError::NotFinite { row: 1, col: 1, .. })
    ));
    let koenig = koenig_digraph(tall(3, &H).view()).unwrap();
    assert!(LayeredDigraph::overlay(&[koenig.clone(), koenig]).is_err());
    assert!(LayeredDigraph::<f64>::overlay(&[]).is_err());
}
