//! Identities between matrices and their graphs, on random patterns.
#![allow(clippy::needless_range_loop)] // dense reference formulas read best with indices

use la_graph::{
    AugmentedLineDigraph, Digraph, LayeredDigraph, Levels, Pattern, connected_components,
    is_line_digraph, koenig_digraph, line_digraph, line_digraph_root, lower_triangle,
    outer_products, structural_features, two_hop,
};
use proptest::prelude::*;
use sprs::CsMat;

type Dense = Vec<Vec<i32>>;

fn matrix(rows: usize, cols: usize) -> impl Strategy<Value = Dense> {
    let entry = prop_oneof![2 => Just(0), 1 => -4..5i32];
    prop::collection::vec(prop::collection::vec(entry, cols), rows)
}

/// Small integers in `f64`: sums and products are exact.
fn sparse(dense: &Dense, cols: usize) -> CsMat<f64> {
    let mut a = CsMat::empty(sprs::CompressedStorage::CSR, cols);
    for row in dense {
        let mut v = sprs::CsVec::empty(cols);
        for (j, &x) in row.iter().enumerate().filter(|(_, x)| **x != 0) {
            v.append(j, f64::from(x));
        }
        a = a.append_outer_csvec(v.view());
    }
    a
}

fn koenig(dense: &Dense, cols: usize) -> LayeredDigraph<f64> {
    koenig_digraph(sparse(dense, cols).view()).unwrap()
}

/// Sum and number of path weights from `from` to `to`, found by walking arc by arc.
fn walk(g: &Digraph<f64>, from: usize, to: usize) -> (f64, u64) {
    let out = g.out_arcs();
    let mut stack = vec![(from, 1.0)];
    let (mut sum, mut count) = (0.0, 0);
    while let Some((node, weight)) = stack.pop() {
        if node == to {
            sum += weight;
            count += 1;
        }
        for &e in out.of(node) {
            stack.push((
                g.heads()[e as usize] as usize,
                weight * g.weights()[e as usize],
            ));
        }
    }
    (sum, count)
}

fn digraph() -> impl Strategy<Value = Digraph> {
    (1..8usize).prop_flat_map(|n| {
        prop::collection::vec((0..n, 0..n), 0..25).prop_map(move |arcs| {
            Digraph::new(n, arcs.into_iter().map(|(t, h)| (t, h, ()))).unwrap()
        })
    })
}

proptest! {
    #[test]
    fn path_weights_are_products(a in matrix(5, 4), b in matrix(4, 6)) {
        let g = koenig(&a, 4).concatenate(&koenig(&b, 6)).unwrap();
        let (sums, counts) = (g.path_weights().unwrap(), g.path_counts().unwrap());
        let flat = g.to_digraph();
        for i in 0..5 {
            for j in 0..6 {
                let product: i32 = (0..4).map(|c| a[i][c] * b[c][j]).sum();
                let paths = (0..4).filter(|&c| a[i][c] != 0 && b[c][j] != 0).count() as u64;
                prop_assert_eq!(sums.get(i, j).copied().unwrap_or(0.0), f64::from(product));
                prop_assert_eq!(counts.get(i, j).copied().unwrap_or(0), paths);
                prop_assert_eq!(walk(&flat, i, 5 + 4 + j), (f64::from(product), paths));
            }
        }
    }

    #[test]
    fn concatenation_is_associative(a in matrix(3, 4), b in matrix(4, 2), c in matrix(2, 5)) {
        let (a, b, c) = (koenig(&a, 4), koenig(&b, 2), koenig(&c, 5));
        let left = a.concatenate(&b).unwrap().concatenate(&c).unwrap();
        let right = a.concatenate(&b.concatenate(&c).unwrap()).unwrap();
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(left.path_weights().unwrap(), right.path_weights().unwrap());
    }

    #[test]
    fn reversal_transposes(a in matrix(3, 4), b in matrix(4, 2)) {
        let (sa, sb) = (sparse(&a, 4), sparse(&b, 2));
        let g = koenig(&a, 4).concatenate(&koenig(&b, 2)).unwrap();
        let turned = koenig_digraph(sb.transpose_view()).unwrap()
            .concatenate(&koenig_digraph(sa.transpose_view()).unwrap()).unwrap();
        prop_assert_eq!(g.reversed(), turned);
        prop_assert_eq!(g.reversed().reversed(), g.clone());
        let (forward, back) = (g.path_weights().unwrap(), g.reversed().path_weights().unwrap());
        prop_assert_eq!(forward.transpose_into().to_csr(), back);
    }

    #[test]
    fn outer_products_add_up(w in matrix(4, 3), h in matrix(5, 3)) {
        let (w, h) = (sparse(&w, 3), sparse(&h, 3));
        let terms = outer_products(w.view(), h.view()).unwrap();
        let whole = koenig_digraph(w.view()).unwrap()
            .concatenate(&koenig_digraph(h.transpose_view()).unwrap()).unwrap();
        prop_assert_eq!(LayeredDigraph::overlay(&terms).unwrap(), whole);
        for (c, term) in terms.iter().enumerate() {
            let l = line_digraph(&term.to_digraph()).unwrap();
            let (p, q) = (term.stage(0).unwrap().0.nnz(), term.stage(1).unwrap().0.nnz());
            prop_assert_eq!((l.num_nodes(), l.num_arcs()), (p + q, p * q), "column {}", c);
        }
    }

    #[test]
    fn line_digraph_counts_and_definition(g in digraph()) {
        let l = line_digraph(&g).unwrap();
        let (into, out) = (g.in_arcs(), g.out_arcs());
        let expected: usize = (0..g.num_nodes()).map(|v| into.degree(v) * out.degree(v)).sum();
        prop_assert_eq!(l.num_arcs(), expected);
        prop_assert_eq!(l.num_nodes(), g.num_arcs());
        let pattern = Pattern::from_sprs(l.digraph().adjacency().unwrap().view()).unwrap();
        for e in 0..g.num_arcs() {
            prop_assert_eq!(l.base_arc(e), g.arc(e));
            for f in 0..g.num_arcs() {
                prop_assert_eq!(pattern.contains(e, f), g.heads()[e] == g.tails()[f]);
            }
        }
        // Heuchenne, and the way back
        prop_assert!(is_line_digraph(&pattern));
        let root = line_digraph_root(&pattern).unwrap();
        let again = line_digraph(&root).unwrap();
        prop_assert_eq!(Pattern::from_sprs(again.digraph().adjacency().unwrap().view()).unwrap(), pattern);
        // reversal commutes with the construction, up to the numbering of arcs
        let turned = line_digraph(&g.clone().reversed()).unwrap();
        let back = turned.digraph().clone().reversed().adjacency().unwrap();
        prop_assert_eq!(back, l.digraph().adjacency().unwrap());
    }

    #[test]
    fn heuchenne_agrees_with_comparing_all_rows(a in matrix(4, 4)) {
        let p = Pattern::from_nonzeros(sparse(&a, 4).view()).unwrap();
        let fine = (0..4).all(|i| (0..4).all(|k| {
            p.row(i) == p.row(k) || p.row(i).iter().all(|j| !p.row(k).contains(j))
        }));
        prop_assert_eq!(is_line_digraph(&p), fine);
        prop_assert_eq!(line_digraph_root(&p).is_some(), fine);
    }

    #[test]
    fn koenig_digraphs_have_an_empty_line_digraph(a in matrix(4, 3)) {
        prop_assert_eq!(line_digraph(&koenig(&a, 3).to_digraph()).unwrap().num_arcs(), 0);
    }

    #[test]
    fn augmented_line_digraphs_keep_zeros(w in matrix(4, 2), h in matrix(3, 2), v in matrix(4, 3)) {
        let flat = |m: &Dense| m.concat().into_iter().map(f64::from).collect::<Vec<_>>();
        let (fw, fh, fv) = (flat(&w), flat(&h), flat(&v));
        let g = AugmentedLineDigraph::new(&fw, &fh, &fv, 2).unwrap();
        prop_assert_eq!(g.num_arcs(), 12);
        let residuals = g.residuals();
        for (e, (i, j, x)) in g.arcs().enumerate() {
            let product: i32 = (0..2).map(|l| w[i][l] * h[j][l]).sum();
            prop_assert_eq!(x, f64::from(v[i][j]));
            prop_assert_eq!(residuals[e], f64::from(product - v[i][j]));
            let row = &g.edge_features()[3 * e..3 * e + 3];
            prop_assert_eq!(row[0] + row[1] - row[2], residuals[e]);
        }
        let s = sparse(&v, 3);
        let listed = AugmentedLineDigraph::from_sparse(&fw, &fh, s.view(), 2).unwrap();
        prop_assert_eq!(listed.num_arcs(), s.nnz());
        let all = Pattern::from_coordinates(4, 3, (0..12).map(|k| (k / 3, k % 3))).unwrap();
        let full = AugmentedLineDigraph::from_sparse_with_zeros(&fw, &fh, s.view(), &all, 2).unwrap();
        prop_assert_eq!(full.residuals(), residuals);
        prop_assert_eq!(full.reversed().residuals(), g.reversed().residuals());
    }

    #[test]
    fn hops_are_walks(a in matrix(6, 6), hops in 1..5usize) {
        let p = Pattern::from_nonzeros(sparse(&a, 6).view()).unwrap();
        let found = p.k_hop(hops).unwrap();
        let mut reach = vec![vec![false; 6]; 6];
        for _ in 0..hops {
            let old = reach.clone();
            for i in 0..6 {
                for j in 0..6 {
                    reach[i][j] |= a[i][j] != 0 || (0..6).any(|c| old[i][c] && a[c][j] != 0);
                }
            }
        }
        for i in 0..6 {
            for j in 0..6 {
                let expected = if i == j { a[i][j] != 0 } else { reach[i][j] };
                prop_assert_eq!(found.contains(i, j), expected, "({}, {})", i, j);
            }
        }
        if hops == 2 {
            let filled = two_hop(sparse(&a, 6).to_csc().view()).unwrap();
            prop_assert_eq!(Pattern::borrow(filled.view()).unwrap(), found);
            for (i, j) in p.entries() {
                prop_assert_eq!(filled.get(i, j), Some(&f64::from(a[i][j])));
            }
        }
    }

    #[test]
    fn levels_are_a_tight_topological_order(a in matrix(8, 8)) {
        let s = sparse(&a, 8);
        let l = lower_triangle(s.view()).unwrap();
        prop_assert_eq!(&lower_triangle(s.to_csc().view()).unwrap(), &l);
        let lower = Pattern::borrow(l.view()).unwrap();
        for (levels, p) in [
            (Levels::lower(&lower).unwrap(), lower.clone()),
            (Levels::upper(&lower.transpose()).unwrap(), lower.transpose()),
        ] {
            let level = levels.level_of_rows();
            for i in 0..8 {
                let others = p.row(i).iter().filter(|j| **j as usize != i);
                let expected = others.map(|&j| level[j as usize] + 1).max().unwrap_or(0);
                prop_assert_eq!(level[i], expected);
            }
            let mut all = levels.order().to_vec();
            prop_assert!(all.is_sorted_by_key(|&i| level[i as usize]));
            all.sort_unstable();
            prop_assert_eq!(all, (0..8).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn components_are_closed_and_connected(a in matrix(7, 7)) {
        let p = Pattern::from_nonzeros(sparse(&a, 7).view()).unwrap();
        let c = connected_components(&p).unwrap();
        let both = p.union(&p.transpose()).unwrap().with_diagonal().unwrap().k_hop(7).unwrap();
        for i in 0..7 {
            for j in 0..7 {
                prop_assert_eq!(both.contains(i, j), c.labels[i] == c.labels[j]);
            }
        }
        prop_assert_eq!(c.count, c.labels.iter().max().map_or(0, |l| *l as usize + 1));
    }

    #[test]
    fn features_follow_their_definition(a in matrix(7, 7)) {
        let s = sparse(&a, 7);
        let x: Vec<f64> = structural_features(s.view()).unwrap();
        let degree = |i: usize| a[i].iter().filter(|v| **v != 0).count() as f64;
        for i in 0..7 {
            let near: Vec<f64> = (0..7).filter(|&j| a[i][j] != 0).map(degree).collect();
            let k = near.len().max(1) as f64;
            let mean = near.iter().sum::<f64>() / k;
            let variance = near.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / k;
            let off = || (0..7).filter(|&j| j != i).map(|j| f64::from(a[i][j].abs()));
            let d = f64::from(a[i][i].abs());
            let share = |w: f64| if w == 0.0 { 1.0 } else { d / (d + w) };
            let expected = [
                i as f64,
                degree(i),
                near.iter().copied().reduce(f64::min).unwrap_or(0.0),
                near.iter().copied().reduce(f64::max).unwrap_or(0.0),
                mean,
                variance.sqrt(),
                share(off().sum()),
                share(off().fold(0.0, f64::max)),
            ];
            for (f, e) in expected.iter().enumerate() {
                prop_assert!((x[8 * i + f] - e).abs() <= 1e-12, "row {i}, feature {f}");
            }
        }
        let single: Vec<f32> = structural_features(s.map(|v| *v as f32).view()).unwrap();
        for (u, v) in single.iter().zip(&x) {
            prop_assert_eq!(*u, *v as f32);
        }
    }
}
