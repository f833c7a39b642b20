//! Writes a picture of the pattern of a grid Laplacian, of its two-hop pattern, and counts elimination levels.
//!
//! `cargo run -p la-graph --example spy [GRID [FOLDER]]`

use std::path::PathBuf;

use la_graph::{Levels, Pattern, SpyOptions, spy_svg};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let side: usize = arguments.next().map_or(Ok(30), |s| s.parse())?;
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "figures".into()));
    std::fs::create_dir_all(&folder)?;

    let n = side * side;
    let right = (0..n).filter(|k| (k + 1) % side != 0).map(|k| (k, k + 1));
    let below = (side..n).map(|k| (k - side, k));
    let upper = Pattern::from_coordinates(n, n, right.chain(below))?;
    let grid = upper.union(&upper.transpose())?.with_diagonal()?;

    for (name, pattern) in [("grid", &grid), ("grid-two-hop", &grid.two_hop()?)] {
        let levels = Levels::lower(&pattern.lower_triangle())?;
        let file = folder.join(format!("{name}.svg"));
        std::fs::write(&file, spy_svg(pattern, &SpyOptions::default())?)?;
        println!(
            "{}: {} entries, {} levels",
            file.display(),
            pattern.nnz(),
            levels.count()
        );
    }
    Ok(())
}
