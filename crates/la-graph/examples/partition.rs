//! Cuts a three-dimensional grid by every method that is compiled in: edges, volume, imbalance, seconds.
//!
//! `cargo run --release -p la-graph --features metis --example partition -- 40 4`

use std::time::Instant;

use anyhow::Result;
use la_graph::{PartitionMethod, PartitionOptions, Pattern, partition};

fn main() -> Result<()> {
    let mut numbers = std::env::args()
        .skip(1)
        .map_while(|a| a.parse::<usize>().ok());
    let (points, parts) = (numbers.next().unwrap_or(40), numbers.next().unwrap_or(4));
    let n = points.pow(3);
    let edges = (0..n).flat_map(|at| {
        let steps = [1, points, points * points];
        let inside = move |step: &usize| at / step % points + 1 < points;
        steps
            .into_iter()
            .filter(inside)
            .map(move |step| (at, at + step))
    });
    let grid = Pattern::from_coordinates(n, n, edges)?;
    println!("{n} nodes, {} edges, {parts} parts", grid.nnz());
    let methods = [
        PartitionMethod::Growing,
        #[cfg(feature = "metis")]
        PartitionMethod::Metis,
    ];
    for method in methods {
        let started = Instant::now();
        let cut = partition(
            &grid,
            None,
            parts,
            &PartitionOptions::default().with_method(method),
        )?;
        println!(
            "{method:?}: {} edges cut, volume {}, imbalance {:.3}, {:.2} s",
            cut.edge_cut,
            cut.communication_volume,
            cut.imbalance(),
            started.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
