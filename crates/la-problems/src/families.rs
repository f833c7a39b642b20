//! Families of symmetric positive definite matrices on which incomplete factorisations differ.

use std::f64::consts::PI;

use crate::error::ProblemError;
use crate::{
    AnisotropicDiffusion, Biharmonic, BilinearDiffusion, Coefficient, CsrMatrix, DelaunayPoisson,
    Diffusion, EdgeWeights, Grid, NeuralIfSynthetic, PlaneElasticity, PointCloud, Poisson,
    RandomGeometricGraph, permuted, random_order, reverse_cuthill_mckee,
};

/// What decides whether compensation of dropped fill helps an incomplete Cholesky factorisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DefiniteClass {
    /// M-matrices, and finite element matrices with a few positive entries off the diagonal, in natural, reverse Cuthill–McKee
    /// or nested-dissection order.
    Ordered,
    /// The same in random or red-black order.
    Shuffled,
    /// Matrices with many positive entries off the diagonal.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Five or seven points; the dimension.
    Poisson(usize),
    /// Checkerboards of 1 and 1000 with some eight cells a side (four in three dimensions).
    Blocks(usize),
    /// Independent log-normal coefficients of standard deviation σ.
    White(usize, f64),
    /// Anisotropy ε along the axes.
    Aligned(f64),
    /// Anisotropy ε at the angle π/k, bilinear elements.
    Rotated(f64, f64),
    /// Linear elements on a Delaunay triangulation.
    Delaunay(PointCloud),
    /// Log-normal weights on a random geometric graph of mean degree 8, plus 1e-3 I.
    Graph,
    /// M Mᵀ + 1e-3 I with sparse random M.
    Gram,
    /// Plane strain on a Delaunay triangulation.
    Elasticity,
    Biharmonic,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Natural,
    ReverseCuthillMcKee,
    NestedDissection,
    Random,
    RedBlack,
}

/// One of 27 families: a kind of matrix in an order of its unknowns, at any size.
///
/// The families span what changes the ranking of incomplete Cholesky factorisations of one pattern: order, dimension, jumps and
/// roughness of coefficients, anisotropy, positive entries off the diagonal, systems of equations, high order.
///
/// # Examples
/// ```
/// use la_problems::{DefiniteClass, DefiniteFamily};
///
/// assert_eq!(DefiniteFamily::all().len(), 27);
/// let family = DefiniteFamily::named("white2:2 dissection").ok_or("no such family")?;
/// assert_eq!(family.class(), DefiniteClass::Ordered);
/// assert_eq!(family.matrix(400, 0)?.rows(), 400);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DefiniteFamily {
    name: &'static str,
    kind: Kind,
    order: Order,
}

macro_rules! families {
    ($($name:literal $kind:expr, $order:ident;)*) => {
        &[$(DefiniteFamily { name: $name, kind: $kind, order: Order::$order }),*]
    };
}

const FAMILIES: &[DefiniteFamily] = families![
    "poisson2 natural" Kind::Poisson(2), Natural;
    "poisson2 rcm" Kind::Poisson(2), ReverseCuthillMcKee;
    "poisson2 dissection" Kind::Poisson(2), NestedDissection;
    "poisson2 random" Kind::Poisson(2), Random;
    "poisson2 red-black" Kind::Poisson(2), RedBlack;
    "poisson3 natural" Kind::Poisson(3), Natural;
    "poisson3 rcm" Kind::Poisson(3), ReverseCuthillMcKee;
    "poisson3 random" Kind::Poisson(3), Random;
    "blocks2 natural" Kind::Blocks(2), Natural;
    "blocks3 natural" Kind::Blocks(3), Natural;
    "white2:1 natural" Kind::White(2, 1.0), Natural;
    "white2:2 natural" Kind::White(2, 2.0), Natural;
    "white2:2 dissection" Kind::White(2, 2.0), NestedDissection;
    "white2:2 random" Kind::White(2, 2.0), Random;
    "white3:2 natural" Kind::White(3, 2.0), Natural;
    "aligned:100 natural" Kind::Aligned(100.0), Natural;
    "aligned:0.001 natural" Kind::Aligned(0.001), Natural;
    "rotated:6:0.01 natural" Kind::Rotated(6.0, 0.01), Natural;
    "rotated:5:0.001 natural" Kind::Rotated(5.0, 0.001), Natural;
    "delaunay rcm" Kind::Delaunay(PointCloud::Rectangle { width: 1.0 }), ReverseCuthillMcKee;
    "delaunay random" Kind::Delaunay(PointCloud::Rectangle { width: 1.0 }), Random;
    "gaussian rcm" Kind::Delaunay(PointCloud::Gaussian), ReverseCuthillMcKee;
    "graph rcm" Kind::Graph, ReverseCuthillMcKee;
    "neuralif natural" Kind::Gram, Natural;
    "elasticity rcm" Kind::Elasticity, ReverseCuthillMcKee;
    "elasticity random" Kind::Elasticity, Random;
    "biharmonic natural" Kind::Biharmonic, Natural;
];

impl DefiniteFamily {
    /// All families.
    #[must_use]
    pub fn all() -> &'static [Self] {
        FAMILIES
    }

    /// The family of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        FAMILIES.iter().copied().find(|family| family.name == name)
    }

    /// Kind, its numbers, and order: `poisson2 natural`, `rotated:6:0.01 natural`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its class.
    #[must_use]
    pub fn class(&self) -> DefiniteClass {
        match (self.kind, self.order) {
            (Kind::Rotated(..) | Kind::Gram | Kind::Elasticity | Kind::Biharmonic, _) => {
                DefiniteClass::Other
            }
            (_, Order::Random | Order::RedBlack) => DefiniteClass::Shuffled,
            _ => DefiniteClass::Ordered,
        }
    }

    /// Whether another seed gives another matrix.
    #[must_use]
    pub fn is_random(&self) -> bool {
        let fixed = matches!(
            self.kind,
            Kind::Poisson(_)
                | Kind::Blocks(_)
                | Kind::Aligned(_)
                | Kind::Rotated(..)
                | Kind::Biharmonic
        );
        self.order == Order::Random || !fixed
    }

    /// A matrix with about `n` rows; of `neuralif natural`, whose rows have a hundred entries, with a tenth of them.
    ///
    /// # Errors
    /// [`ProblemError`] if `n` is too small or too large for the generator.
    pub fn matrix(&self, n: usize, seed: u64) -> Result<CsrMatrix, ProblemError> {
        let grid = self.grid(n);
        let diffusion = |coefficient| {
            Diffusion::default()
                .with_grid(grid)
                .with_coefficient(coefficient)
                .matrix(seed)
        };
        let a = match self.kind {
            Kind::Poisson(_) => Poisson::new(grid).matrix()?,
            Kind::Blocks(dimension) => {
                let cells = if dimension == 3 { 4 } else { 8 };
                diffusion(Coefficient::Blocks {
                    points: (grid.shape()[0] / cells).max(2),
                    low: 1.0,
                    high: 1e3,
                })?
            }
            Kind::White(_, sigma) => diffusion(Coefficient::WhiteLogNormal { sigma })?,
            Kind::Aligned(epsilon) => AnisotropicDiffusion::default()
                .with_grid(grid)
                .with_epsilon(epsilon)
                .matrix()?,
            Kind::Rotated(parts, epsilon) => BilinearDiffusion::new(grid)
                .with_angle(PI / parts)
                .with_epsilon(epsilon)
                .matrix()?,
            Kind::Delaunay(cloud) => {
                let mesh = DelaunayPoisson::default().with_points(n).with_cloud(cloud);
                mesh.generate(seed)?.matrix
            }
            Kind::Graph => {
                let graph = RandomGeometricGraph::default()
                    .with_n(n)
                    .with_mean_degree(8.0)
                    .with_shift(1e-3)
                    .with_weights(EdgeWeights::LogNormal { sigma: 1.0 });
                graph.generate(seed)?.matrix
            }
            Kind::Gram => {
                let gram = NeuralIfSynthetic::default().with_n(n / 10);
                gram.generate(seed)?.matrix
            }
            Kind::Elasticity => {
                let body = PlaneElasticity::default()
                    .with_points(n / 2)
                    .with_width(2.5);
                body.generate(seed)?.matrix
            }
            Kind::Biharmonic => Biharmonic::new(grid).matrix()?,
        };
        let order = match self.order {
            Order::Natural => return Ok(a),
            Order::ReverseCuthillMcKee => reverse_cuthill_mckee(&a),
            Order::NestedDissection => grid.nested_dissection_order(),
            Order::Random => random_order(a.rows(), seed),
            Order::RedBlack => grid.red_black_order(),
        };
        permuted(&a, &order)
    }

    fn grid(&self, n: usize) -> Grid {
        let n = n as f64;
        match self.kind {
            Kind::Poisson(3) | Kind::Blocks(3) | Kind::White(3, _) => {
                let edge = n.cbrt().round() as usize;
                Grid::cuboid(edge, edge, edge)
            }
            Kind::Biharmonic => {
                let side = (n / 2.0).sqrt().round() as usize;
                Grid::rectangle(side, 2 * side)
            }
            _ => {
                let side = n.sqrt().round() as usize;
                Grid::rectangle(side, side)
            }
        }
    }
}
