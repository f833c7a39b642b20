//! The families of matrices, each in one or more orders.

use std::f64::consts::PI;

use la_problems::{
    AnisotropicDiffusion, Biharmonic, BilinearDiffusion, Coefficient, CsrMatrix, DelaunayPoisson,
    Diffusion, EdgeWeights, Grid, NeuralIfSynthetic, PlaneElasticity, PointCloud, Poisson,
    RandomGeometricGraph, permuted, random_order, reverse_cuthill_mckee,
};

use super::Outcome;

/// Iterations at n = 1e5 with IC(0), RIC(.97), MIC, MIC + D⁻² and DRIC.
pub(crate) type Large = Option<[u32; 5]>;

/// Name, class (0 ordered M-matrices, 1 random and red-black orders, 2 the others) and reference.
pub(crate) const FAMILIES: [(&str, usize, Large); 27] = [
    ("poisson2 natural", 0, Some([286, 131, 83, 80, 83])),
    ("poisson2 rcm", 0, None),
    ("poisson2 dissection", 0, Some([337, 252, 694, 483, 197])),
    ("poisson2 random", 1, Some([421, 447, 533, 3000, 533])),
    ("poisson2 red-black", 1, None),
    ("poisson3 natural", 0, Some([54, 29, 38, 37, 38])),
    ("poisson3 rcm", 0, None),
    ("poisson3 random", 1, None),
    ("blocks2 natural", 0, Some([651, 324, 119, 154, 221])),
    ("blocks3 natural", 0, Some([140, 89, 89, 83, 94])),
    ("white2:1 natural", 0, Some([380, 187, 99, 95, 88])),
    ("white2:2 natural", 0, Some([538, 437, 179, 166, 190])),
    ("white2:2 dissection", 0, None),
    ("white2:2 random", 1, None),
    ("white3:2 natural", 0, Some([89, 69, 80, 77, 63])),
    ("aligned:100 natural", 0, None),
    ("aligned:0.001 natural", 0, None),
    ("rotated:6:0.01 natural", 2, None),
    ("rotated:5:0.001 natural", 2, None),
    ("delaunay rcm", 0, Some([342, 209, 321, 177, 165])),
    ("delaunay random", 1, Some([458, 471, 635, 1167, 814])),
    ("gaussian rcm", 0, None),
    ("graph rcm", 0, Some([334, 253, 142, 145, 184])),
    ("neuralif natural", 2, None),
    ("elasticity rcm", 2, None),
    ("elasticity random", 2, None),
    ("biharmonic natural", 2, None),
];

/// The matrix of a family at about n unknowns.
pub(crate) fn matrix(name: &str, n: usize, seed: u64) -> Outcome<CsrMatrix> {
    let (side, edge) = (
        (n as f64).sqrt().round() as usize,
        (n as f64).cbrt().round() as usize,
    );
    let (square, cube) = (Grid::rectangle(side, side), Grid::cuboid(edge, edge, edge));
    let (kind, order) = name.split_once(' ').ok_or("a family has two words")?;
    let mut parts = kind.split(':');
    let kind = parts.next().ok_or("a family has a kind")?;
    let numbers = parts.map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let grid = if kind.ends_with('3') { cube } else { square };
    let points = (if kind == "blocks3" {
        edge / 4
    } else {
        side / 8
    })
    .max(2);
    let blocks = Coefficient::Blocks {
        points,
        low: 1.0,
        high: 1e3,
    };
    let diffusion = |coefficient| {
        Diffusion::default()
            .with_grid(grid)
            .with_coefficient(coefficient)
            .matrix(seed)
    };
    let aligned = AnisotropicDiffusion::default().with_grid(square);
    let a = match kind {
        "poisson2" | "poisson3" => Poisson::new(grid).matrix()?,
        "blocks2" | "blocks3" => diffusion(blocks)?,
        "white2" | "white3" => diffusion(Coefficient::WhiteLogNormal { sigma: numbers[0] })?,
        "aligned" => aligned.with_epsilon(numbers[0]).matrix()?,
        "rotated" => BilinearDiffusion::new(square)
            .with_angle(PI / numbers[0])
            .with_epsilon(numbers[1])
            .matrix()?,
        "delaunay" => {
            DelaunayPoisson::default()
                .with_points(n)
                .generate(seed)?
                .matrix
        }
        "gaussian" => {
            DelaunayPoisson::default()
                .with_points(n)
                .with_cloud(PointCloud::Gaussian)
                .generate(seed)?
                .matrix
        }
        "graph" => {
            let graph = RandomGeometricGraph::default()
                .with_n(n)
                .with_mean_degree(8.0)
                .with_shift(1e-3);
            graph
                .with_weights(EdgeWeights::LogNormal { sigma: 1.0 })
                .generate(seed)?
                .matrix
        }
        "neuralif" => {
            NeuralIfSynthetic::default()
                .with_n(n / 10)
                .generate(seed)?
                .matrix
        }
        "elasticity" => {
            PlaneElasticity::default()
                .with_points(n / 2)
                .with_width(2.5)
                .generate(seed)?
                .matrix
        }
        "biharmonic" => {
            let m = (n as f64 / 2.0).sqrt().round() as usize;
            Biharmonic::new(Grid::rectangle(m, 2 * m)).matrix()?
        }
        other => return Err(other.into()),
    };
    let order = match order {
        "dissection" => grid.nested_dissection_order(),
        "red-black" => grid.red_black_order(),
        "random" => random_order(a.rows(), seed),
        "rcm" => reverse_cuthill_mckee(&a),
        _ => return Ok(a),
    };
    Ok(permuted(&a, &order)?)
}
