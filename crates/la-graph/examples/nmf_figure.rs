//! Writes pictures of the worked example of arXiv 2202.00264: V = W Hᵀ as a concatenation, its outer products, their line
//! digraphs, and the augmented line digraph.
//!
//! `cargo run -p la-graph --example nmf_figure [FOLDER]`

use std::path::PathBuf;

use la_graph::{
    AugmentedLineDigraph, Drawing, LayeredDigraph, Layout, line_digraph, outer_products,
};
use sprs::CsMat;

const W: [f64; 8] = [13.0, 7.0, 0.0, 2.0, 4.0, 9.0, 11.0, 5.0];
const H: [f64; 6] = [6.0, 12.0, 8.0, 10.0, 3.0, 1.0];

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "figures".into()));
    std::fs::create_dir_all(&folder)?;
    let tall = |rows: usize, data: &[f64]| {
        let pointers = (0..=rows).map(|i| 2 * i).collect();
        CsMat::new((rows, 2), pointers, [0, 1].repeat(rows), data.to_vec())
    };
    let terms = outer_products(tall(4, &W).view(), tall(3, &H).view())?;
    let whole = LayeredDigraph::overlay(&terms)?;
    let v: Vec<f64> = whole.path_weights()?.data().to_vec();

    let mut figures = vec![(
        "concatenation".to_string(),
        Drawing::of_layers(&whole)?.with_title("K(W) ∗ K(Hᵀ)"),
    )];
    for (c, term) in terms.iter().enumerate() {
        let title = format!("outer product {}", c + 1);
        let line = line_digraph(&term.to_digraph())?;
        figures.push((
            format!("outer-product-{}", c + 1),
            Drawing::of_layers(term)?.with_title(title.clone()),
        ));
        figures.push((
            format!("line-digraph-{}", c + 1),
            Drawing::of_line_digraph(&line, Layout::Layered)?
                .with_title(format!("line digraph, {title}")),
        ));
    }
    let augmented = AugmentedLineDigraph::new(&W, &H, &v, 2)?;
    figures.push((
        "augmented-line-digraph".to_string(),
        Drawing::of_augmented(&augmented)?.with_title("augmented line digraph"),
    ));
    for (name, drawing) in figures {
        std::fs::write(folder.join(format!("{name}.svg")), drawing.to_svg())?;
        std::fs::write(folder.join(format!("{name}.dot")), drawing.to_dot())?;
        println!("{}", folder.join(format!("{name}.svg")).display());
    }
    Ok(())
}
