//! The three families of random domains with their coarse triangulations.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use spade::{ConstrainedDelaunayTriangulation, Point2, Triangulation};

use super::mesh::TriangleMesh;

/// A family of random domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MeshFamily {
    /// Delaunay mesh of points from N(0, 1)²: a convex polygon.
    Convex,
    /// As convex, with the hull of a second, narrower cloud (standard deviation 0.3) cut out.
    ConvexWithHole,
    /// A simple polygon, in general not convex: points from N(0, 1)² joined in the order of their angle around the
    /// centroid, with further points (standard deviation 0.6) inside.
    Polygon,
}

impl MeshFamily {
    /// All families.
    pub const ALL: [Self; 3] = [Self::Convex, Self::ConvexWithHole, Self::Polygon];
}

/// Triangles flatter than this are not accepted; see [`TriangleMesh::quality`].
const MIN_QUALITY: f64 = 1e-6;

/// Draws one coarse mesh, or says why the sample is not acceptable.
pub(super) fn draw(
    family: MeshFamily,
    base_points: usize,
    rng: &mut ChaCha8Rng,
) -> Result<TriangleMesh, &'static str> {
    let share = |percent: usize| (base_points.saturating_mul(percent) / 100).max(3);
    let mesh = match family {
        MeshFamily::Convex => convex(share(100), rng),
        MeshFamily::ConvexWithHole => convex_with_hole(share(80), share(40), rng),
        MeshFamily::Polygon => polygon(share(25), share(80), rng),
    }?;
    let expected = if family == MeshFamily::ConvexWithHole {
        0
    } else {
        1
    };
    if mesh.euler_characteristic() != expected {
        return Err("the mesh has the wrong topology");
    }
    if mesh.quality() < MIN_QUALITY {
        return Err("a triangle is too flat");
    }
    Ok(mesh)
}

fn convex(count: usize, rng: &mut ChaCha8Rng) -> Result<TriangleMesh, &'static str> {
    triangulate(cloud(count, 1.0, rng), Vec::new(), |_| true)
}

fn convex_with_hole(
    outer: usize,
    inner: usize,
    rng: &mut ChaCha8Rng,
) -> Result<TriangleMesh, &'static str> {
    let outer = cloud(outer, 1.0, rng);
    let hole = convex_hull(cloud(inner, 0.3, rng))?;
    let mut points = hole.clone();
    points.extend(outer.into_iter().filter(|&p| !contains(&hole, p)));
    let constraints = closed_curve(hole.len());
    triangulate(points, constraints, |centroid| !contains(&hole, centroid))
}

fn polygon(
    corners: usize,
    inner: usize,
    rng: &mut ChaCha8Rng,
) -> Result<TriangleMesh, &'static str> {
    let mut curve = cloud(corners, 1.0, rng);
    let count = curve.len() as f64;
    let centre = curve.iter().fold([0.0, 0.0], |s, p| {
        [s[0] + p[0] / count, s[1] + p[1] / count]
    });
    let angle = |p: &[f64; 2]| (p[1] - centre[1]).atan2(p[0] - centre[0]);
    curve.sort_by(|p, q| angle(p).total_cmp(&angle(q)));
    let inside = cloud(inner, 0.6, rng)
        .into_iter()
        .filter(|&p| contains(&curve, p));
    let points: Vec<[f64; 2]> = curve.iter().copied().chain(inside).collect();
    triangulate(points, closed_curve(curve.len()), |centroid| {
        contains(&curve, centroid)
    })
}

fn cloud(count: usize, deviation: f64, rng: &mut ChaCha8Rng) -> Vec<[f64; 2]> {
    let mut coordinate = || deviation * rng.sample::<f64, _>(StandardNormal);
    (0..count).map(|_| [coordinate(), coordinate()]).collect()
}

/// The constraint edges of a closed curve through points `0..len`.
fn closed_curve(len: usize) -> Vec<[usize; 2]> {
    (0..len).map(|i| [i, (i + 1) % len]).collect()
}

/// The corners of the convex hull in order.
fn convex_hull(points: Vec<[f64; 2]>) -> Result<Vec<[f64; 2]>, &'static str> {
    let (triangulation, _) = delaunay(points, Vec::new())?;
    let hull = triangulation
        .convex_hull()
        .map(|edge| edge.from().position());
    let hull: Vec<[f64; 2]> = hull.map(|p| [p.x, p.y]).collect();
    if hull.len() < 3 {
        Err("the inner points have no hull")
    } else {
        Ok(hull)
    }
}

/// Whether a point lies inside a simple polygon (even number of crossings to the right: outside).
fn contains(curve: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    let mut inside = false;
    for (i, p) in curve.iter().enumerate() {
        let q = curve[(i + 1) % curve.len()];
        if (p[1] > y) != (q[1] > y) {
            let crossing = p[0] + (y - p[1]) / (q[1] - p[1]) * (q[0] - p[0]);
            inside ^= x < crossing;
        }
    }
    inside
}

type Delaunay = ConstrainedDelaunayTriangulation<Point2<f64>>;

fn delaunay(
    points: Vec<[f64; 2]>,
    constraints: Vec<[usize; 2]>,
) -> Result<(Delaunay, usize), &'static str> {
    let (num_points, num_constraints) = (points.len(), constraints.len());
    let points = points.into_iter().map(|[x, y]| Point2::new(x, y)).collect();
    let mut conflicts = 0;
    let triangulation = Delaunay::try_bulk_load_cdt(points, constraints, |_| conflicts += 1)
        .map_err(|_| "a point cannot be triangulated")?;
    if triangulation.num_vertices() != num_points {
        return Err("two points coincide");
    }
    if conflicts > 0 || triangulation.num_constraints() != num_constraints {
        return Err("the boundary crosses itself");
    }
    Ok((triangulation, num_points))
}

/// Constrained Delaunay triangulation; keeps the triangles whose centroid is wanted and the vertices they use.
fn triangulate(
    points: Vec<[f64; 2]>,
    constraints: Vec<[usize; 2]>,
    wanted: impl Fn([f64; 2]) -> bool,
) -> Result<TriangleMesh, &'static str> {
    let (triangulation, num_points) = delaunay(points, constraints)?;
    const UNUSED: u32 = u32::MAX;
    let mut number = vec![UNUSED; num_points];
    let (mut vertices, mut triangles) = (Vec::new(), Vec::new());
    for face in triangulation.inner_faces() {
        let corners = face.vertices();
        let positions = corners.map(|v| v.position());
        let centroid = [
            positions.iter().map(|p| p.x).sum::<f64>() / 3.0,
            positions.iter().map(|p| p.y).sum::<f64>() / 3.0,
        ];
        if !wanted(centroid) {
            continue;
        }
        triangles.push(corners.map(|v| {
            let slot = &mut number[v.fix().index()];
            if *slot == UNUSED {
                *slot = vertices.len() as u32;
                vertices.push([v.position().x, v.position().y]);
            }
            *slot
        }));
    }
    TriangleMesh::new(vertices, triangles).map_err(|_| "the triangles do not form a mesh")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_family_gives_acceptable_meshes() {
        for family in MeshFamily::ALL {
            let accepted = (0..200)
                .filter(|&seed| draw(family, 100, &mut ChaCha8Rng::seed_from_u64(seed)).is_ok())
                .count();
            assert!(accepted > 150, "{family:?}: {accepted} of 200");
        }
    }

    #[test]
    fn tiny_clouds_do_not_panic() {
        for family in MeshFamily::ALL {
            for seed in 0..100 {
                let _ = draw(family, 1, &mut ChaCha8Rng::seed_from_u64(seed));
            }
        }
    }

    #[test]
    fn polygons_are_filled_and_holes_are_empty() {
        let square = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [1.0, 1.0], [0.0, 2.0]];
        assert!(contains(&square, [0.5, 0.5]));
        assert!(!contains(&square, [1.0, 1.5]), "in the notch");
        let mesh = triangulate(square.to_vec(), closed_curve(5), |c| contains(&square, c)).unwrap();
        assert_eq!(mesh.triangles().len(), 3);
        assert_eq!(mesh.num_interior(), 0);
    }

    #[test]
    fn crossing_and_repeated_points_are_refused() {
        let bow = vec![[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
        assert_eq!(
            triangulate(bow, closed_curve(4), |_| true),
            Err("the boundary crosses itself")
        );
        let twice = vec![[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]];
        assert_eq!(
            triangulate(twice, Vec::new(), |_| true),
            Err("two points coincide")
        );
    }
}
