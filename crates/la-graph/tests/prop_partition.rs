//! Partitions of random graphs and of graphs whose best cut is known.

use la_graph::{GraphError, Partition, PartitionMethod, PartitionOptions, Pattern, partition};
use proptest::prelude::*;

/// Every method that is compiled in.
fn methods() -> Vec<PartitionMethod> {
    vec![
        PartitionMethod::Growing,
        #[cfg(feature = "metis")]
        PartitionMethod::Metis,
    ]
}

fn options(method: PartitionMethod) -> PartitionOptions {
    PartitionOptions::default().with_method(method)
}

fn grid(width: usize, height: usize) -> Pattern<'static> {
    let at = move |x: usize, y: usize| x + width * y;
    let n = width * height;
    let across = (0..height).flat_map(|y| (1..width).map(move |x| (at(x - 1, y), at(x, y))));
    let down = (1..height).flat_map(|y| (0..width).map(move |x| (at(x, y - 1), at(x, y))));
    Pattern::from_coordinates(n, n, across.chain(down)).unwrap()
}

fn graph() -> impl Strategy<Value = (Pattern<'static>, Vec<u32>)> {
    (2..60usize).prop_flat_map(|n| {
        let arcs = prop::collection::vec((0..n, 0..n), 0..4 * n);
        let weights = prop::collection::vec(0..20u32, n);
        (arcs, weights).prop_map(move |(arcs, weights)| {
            (Pattern::from_coordinates(n, n, arcs).unwrap(), weights)
        })
    })
}

proptest! {
    #[test]
    fn what_is_reported_is_what_was_cut(
        (pattern, weights) in graph(), parts in 1..7usize, seed in 0..3u64,
    ) {
        for method in methods() {
            let options = options(method).with_seed(seed);
            let cut = partition(&pattern, Some(&weights), parts, &options).unwrap();
            prop_assert_eq!((cut.parts(), cut.labels.len()), (parts, pattern.rows()));
            prop_assert!(cut.labels.iter().all(|label| (*label as usize) < parts));
            let again = partition(&pattern, Some(&weights), parts, &options).unwrap();
            prop_assert_eq!(&again, &cut);
            // Both directions of an edge and the diagonal change nothing.
            let twice = pattern.union(&pattern.transpose()).unwrap().with_diagonal().unwrap();
            prop_assert_eq!(&partition(&twice, Some(&weights), parts, &options).unwrap(), &cut);

            let mut edges = std::collections::BTreeSet::new();
            let mut volume = std::collections::BTreeSet::new();
            for (i, j) in pattern.entries() {
                if cut.labels[i] != cut.labels[j] {
                    edges.insert((i.min(j), i.max(j)));
                    volume.insert((i, cut.labels[j]));
                    volume.insert((j, cut.labels[i]));
                }
            }
            prop_assert_eq!(cut.edge_cut, edges.len() as u64);
            prop_assert_eq!(cut.communication_volume, volume.len() as u64);
            for part in 0..parts {
                let sum: u64 = cut.nodes(part as u32).map(|node| u64::from(weights[node])).sum();
                prop_assert_eq!(cut.weights[part], sum);
            }
        }
    }

    #[test]
    fn growing_keeps_the_balance((pattern, weights) in graph(), parts in 2..7usize) {
        prop_assume!(pattern.rows() > 4 * parts);
        let options = options(PartitionMethod::Growing).with_imbalance(0.1);
        let cut = partition(&pattern, Some(&weights), parts, &options).unwrap();
        let mean = weights.iter().sum::<u32>() as f64 / parts as f64;
        let heaviest = weights.iter().copied().max().unwrap_or(0) as f64;
        // Half a node at every level of the bisection, of which there are three.
        prop_assert!(mean * cut.imbalance() <= 0.1 * mean + 3.0 * heaviest);
        for part in 0..parts {
            prop_assert!(cut.nodes(part as u32).next().is_some(), "part {} is empty", part);
        }
    }
}

#[test]
fn grids_are_cut_across() {
    for method in methods() {
        // Strips are best for the first; a cross for the second.
        let cut = partition(&grid(60, 12), None, 3, &options(method)).unwrap();
        assert!(cut.edge_cut <= 36, "{method:?}: {}", cut.edge_cut);
        assert!(cut.imbalance() <= 0.031, "{method:?}: {}", cut.imbalance());
        let cut = partition(&grid(40, 40), None, 4, &options(method)).unwrap();
        assert!(cut.edge_cut <= 120, "{method:?}: {}", cut.edge_cut);
        assert!(cut.imbalance() <= 0.031, "{method:?}: {}", cut.imbalance());
    }
}

#[test]
fn a_bridge_is_found() {
    // Two complete graphs of 12 nodes with one edge between them, numbered alternately.
    let mut edges = vec![(0, 1)];
    for i in 0..12 {
        for j in 0..i {
            edges.push((2 * i, 2 * j));
            edges.push((2 * i + 1, 2 * j + 1));
        }
    }
    let pattern = Pattern::from_coordinates(24, 24, edges).unwrap();
    for method in methods() {
        let cut = partition(&pattern, None, 2, &options(method)).unwrap();
        assert_eq!(
            (cut.edge_cut, cut.communication_volume),
            (1, 2),
            "{method:?}"
        );
    }
}

#[test]
fn components_need_no_cut() {
    // 30 triangles.
    let edges = (0..30).flat_map(|k| [(0, 1), (1, 2), (0, 2)].map(|(a, b)| (3 * k + a, 3 * k + b)));
    let pattern = Pattern::from_coordinates(90, 90, edges).unwrap();
    let growing = options(PartitionMethod::Growing);
    let cut = partition(&pattern, None, 3, &growing).unwrap();
    assert_eq!((cut.edge_cut, cut.imbalance()), (0, 0.0));
}

#[test]
fn small_and_wrong_input() {
    let pattern = grid(2, 2);
    for method in methods() {
        let options = options(method);
        let cut = partition(&pattern, None, 6, &options).unwrap();
        assert_eq!(cut.weights, [1, 1, 1, 1, 0, 0]);
        let cut = partition(&pattern, None, 1, &options).unwrap();
        assert_eq!((cut.edge_cut, cut.weights), (0, vec![4]));
        let none = Pattern::from_coordinates(0, 0, []).unwrap();
        assert_eq!(
            partition(&none, None, 3, &options).unwrap().imbalance(),
            0.0
        );
        let zero = partition(&grid(5, 5), Some(&[0; 25]), 3, &options).unwrap();
        assert_eq!(zero.imbalance(), 0.0);

        let error = partition(&pattern, None, 0, &options).unwrap_err();
        assert!(matches!(error, GraphError::OutOfRange { what: "part", .. }));
        let error = partition(&pattern, Some(&[1; 3]), 2, &options).unwrap_err();
        assert!(matches!(error, GraphError::DimensionMismatch { .. }));
        let error = partition(&pattern, None, 2, &options.with_imbalance(f64::NAN)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "option `imbalance` is NaN but must be finite and at least 0"
        );
    }
    let long = Pattern::from_coordinates(2, 3, [(0, 1)]).unwrap();
    let options = PartitionOptions::default();
    let error = partition(&long, None, 2, &options).unwrap_err();
    assert!(matches!(error, GraphError::NotSquare { .. }));
    let error = Partition::measure(&pattern, None, vec![0, 1, 2, 3], 3).unwrap_err();
    assert_eq!(error.to_string(), "part 3 is out of range, there are 3");
}
