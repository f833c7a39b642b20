//! Poisson's equation on the Delaunay mesh of random points.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use spade::{DelaunayTriangulation, Point2, Triangulation};

use super::assembly::assemble_poisson;
use super::mesh::{TriangleMesh, twice_area};
use crate::error::{ProblemError, require, require_u32};
use crate::system::LinearSystem;

/// Points and the triangles that join them.
pub(super) type Triangles = (Vec<[f64; 2]>, Vec<[u32; 3]>);

/// Where random points lie.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum PointCloud {
    /// Uniform in the rectangle [0, width] × [0, 1]; `width` in `1e-3..=1e3`.
    Rectangle {
        /// Length of the rectangle.
        width: f64,
    },
    /// From N(0, 1)²: triangles of very different size.
    Gaussian,
}

impl PointCloud {
    pub(super) fn validate(self, points: usize) -> Result<(), ProblemError> {
        require(points >= 4, "points", points as f64, "at least 4")?;
        require_u32("mesh edges", points.saturating_mul(3))?;
        match self {
            Self::Rectangle { width } => {
                let ok = (1e-3..=1e3).contains(&width);
                require(ok, "cloud.width", width, "in 1e-3..=1e3")
            }
            Self::Gaussian => Ok(()),
        }
    }

    /// Draws points and joins them; triangles of (almost) no area at the hull are left out.
    pub(super) fn mesh(self, points: usize, seed: u64) -> Result<Triangles, ProblemError> {
        self.validate(points)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut point = || match self {
            Self::Rectangle { width } => [width * rng.random::<f64>(), rng.random()],
            Self::Gaussian => [rng.sample(StandardNormal), rng.sample(StandardNormal)],
        };
        let vertices: Vec<[f64; 2]> = (0..points).map(|_| point()).collect();
        let handles = vertices.iter().map(|&[x, y]| Point2::new(x, y)).collect();
        let failed = |reason: String| ProblemError::NoAcceptableSample {
            what: "triangulation",
            attempts: 1,
            reason,
        };
        let triangulation = DelaunayTriangulation::<Point2<f64>>::bulk_load_stable(handles)
            .map_err(|error| failed(error.to_string()))?;
        if triangulation.num_vertices() != points {
            return Err(failed("two points coincide".to_owned()));
        }
        let smallest = 2e-12 / points as f64;
        let triangles = triangulation
            .inner_faces()
            .map(|face| face.vertices().map(|v| v.fix().index() as u32))
            .filter(|&triangle| twice_area(&vertices, triangle).abs() > smallest)
            .collect();
        Ok((vertices, triangles))
    }
}

/// -Δu = 1, u = 0 on the hull, with linear elements on the Delaunay mesh of random points.
///
/// Unknowns are the points inside the hull in the order in which they were drawn, a random one: see
/// [`reverse_cuthill_mckee`](crate::reverse_cuthill_mckee) for a better. Expected cost O(n log n).
///
/// # Known facts
/// Those of [`assemble_poisson`]; off-diagonal entries are at most rounding above 0, except next to a triangle that was
/// left out at the hull.
///
/// # Examples
/// ```
/// use la_problems::{DelaunayPoisson, PointCloud};
///
/// let family = DelaunayPoisson::default().with_points(500).with_cloud(PointCloud::Gaussian);
/// let system = family.generate(0)?;
/// assert!(system.n() > 400 && system.n() < 500);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DelaunayPoisson {
    /// Number of points, at least 4. Default `1000`.
    pub points: usize,
    /// Where they lie. Default: the unit square.
    pub cloud: PointCloud,
}

impl Default for DelaunayPoisson {
    fn default() -> Self {
        Self {
            points: 1000,
            cloud: PointCloud::Rectangle { width: 1.0 },
        }
    }
}

impl DelaunayPoisson {
    /// Sets the number of points.
    #[must_use]
    pub fn with_points(mut self, points: usize) -> Self {
        self.points = points;
        self
    }

    /// Sets where the points lie.
    #[must_use]
    pub fn with_cloud(mut self, cloud: PointCloud) -> Self {
        self.cloud = cloud;
        self
    }

    /// Generates one sample.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for an option out of range, [`ProblemError::TooLarge`], and
    /// [`ProblemError::NoAcceptableSample`] or [`ProblemError::InvalidMesh`] for the (rare) points without a mesh.
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        let (vertices, triangles) = self.cloud.mesh(self.points, seed)?;
        assemble_poisson(&TriangleMesh::new(vertices, triangles)?, |_| 1.0)
    }
}
