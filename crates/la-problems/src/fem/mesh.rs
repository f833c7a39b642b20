//! Triangle meshes and their uniform refinement.

use crate::error::{ProblemError, require_u32};

/// A conforming triangle mesh of a two-dimensional domain.
///
/// Triangles are stored counter-clockwise. Edge `i` of a triangle lies opposite its vertex `i`.
///
/// # Examples
/// ```
/// use la_problems::TriangleMesh;
///
/// let square = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
/// let mesh = TriangleMesh::new(square, vec![[0, 1, 2], [0, 2, 3]])?.refine()?;
/// assert_eq!(mesh.triangles().len(), 8);
/// assert_eq!(mesh.num_interior(), 1);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TriangleMesh {
    vertices: Vec<[f64; 2]>,
    triangles: Vec<[u32; 3]>,
    edges: Vec<[u32; 2]>,
    triangle_edges: Vec<[u32; 3]>,
    /// Whether an edge belongs to one triangle only.
    boundary: Vec<bool>,
}

impl TriangleMesh {
    /// Builds a mesh from vertices and triangles, given in either orientation.
    ///
    /// # Errors
    /// [`ProblemError::InvalidMesh`] if there is no triangle, an index is out of range, a coordinate is not finite, a
    /// triangle has no area, a vertex belongs to no triangle, an edge belongs to more than two triangles, or the
    /// boundary touches itself.
    pub fn new(
        vertices: Vec<[f64; 2]>,
        mut triangles: Vec<[u32; 3]>,
    ) -> Result<Self, ProblemError> {
        let invalid = |reason| ProblemError::InvalidMesh { reason };
        require_u32("mesh vertices", vertices.len())?;
        require_u32("mesh edges", triangles.len().saturating_mul(3))?;
        if triangles.is_empty() {
            return Err(invalid("it has no triangle"));
        }
        if vertices.iter().flatten().any(|x| !x.is_finite()) {
            return Err(invalid("a coordinate is not finite"));
        }
        let mut used = vec![false; vertices.len()];
        for triangle in &mut triangles {
            if triangle.iter().any(|&v| v as usize >= vertices.len()) {
                return Err(invalid("a triangle names a vertex that does not exist"));
            }
            let twice_area = twice_area(&vertices, *triangle);
            if twice_area == 0.0 || !twice_area.is_finite() {
                return Err(invalid("a triangle has no area"));
            }
            if twice_area < 0.0 {
                triangle.swap(1, 2);
            }
            for &v in &*triangle {
                used[v as usize] = true;
            }
        }
        if used.contains(&false) {
            return Err(invalid("a vertex belongs to no triangle"));
        }
        let (edges, triangle_edges, boundary) = number_edges(&triangles)
            .ok_or_else(|| invalid("an edge belongs to more than two triangles"))?;
        let mut boundary_degree = vec![0_u8; vertices.len()];
        for (edge, _) in edges.iter().zip(&boundary).filter(|(_, on)| **on) {
            for &v in edge {
                boundary_degree[v as usize] = boundary_degree[v as usize].saturating_add(1);
            }
        }
        if boundary_degree
            .iter()
            .any(|&degree| degree != 0 && degree != 2)
        {
            return Err(invalid("the boundary touches itself in a vertex"));
        }
        Ok(Self {
            vertices,
            triangles,
            edges,
            triangle_edges,
            boundary,
        })
    }

    /// Coordinates of the vertices.
    #[must_use]
    pub fn vertices(&self) -> &[[f64; 2]] {
        &self.vertices
    }

    /// Vertices of each triangle, counter-clockwise.
    #[must_use]
    pub fn triangles(&self) -> &[[u32; 3]] {
        &self.triangles
    }

    /// End points of each edge.
    #[must_use]
    pub fn edges(&self) -> &[[u32; 2]] {
        &self.edges
    }

    /// Edges of each triangle; edge `i` lies opposite vertex `i`.
    pub(crate) fn triangle_edges(&self) -> &[[u32; 3]] {
        &self.triangle_edges
    }

    /// Whether each vertex lies on the boundary.
    #[must_use]
    pub fn boundary_vertices(&self) -> Vec<bool> {
        let mut on_boundary = vec![false; self.vertices.len()];
        for (edge, _) in self.edges.iter().zip(&self.boundary).filter(|(_, on)| **on) {
            for &v in edge {
                on_boundary[v as usize] = true;
            }
        }
        on_boundary
    }

    /// Number of vertices that do not lie on the boundary: the unknowns of a Dirichlet problem.
    #[must_use]
    pub fn num_interior(&self) -> usize {
        self.num_interior_after(0)
    }

    /// Number of interior vertices after `levels` refinements, without refining.
    ///
    /// From V' = V + E, E' = 2 E + 3 F, F' = 4 F and, for the boundary, B' = 2 B. Saturates.
    #[must_use]
    pub fn num_interior_after(&self, levels: u32) -> usize {
        let mut counts = (self.vertices.len(), self.edges.len(), self.triangles.len());
        // The boundary consists of closed curves: it has as many vertices as edges.
        let mut boundary = self.boundary.iter().filter(|on| **on).count();
        for _ in 0..levels {
            let (v, e, f) = counts;
            let edges = e.saturating_mul(2).saturating_add(f.saturating_mul(3));
            counts = (v.saturating_add(e), edges, f.saturating_mul(4));
            boundary = boundary.saturating_mul(2);
        }
        counts.0.saturating_sub(boundary)
    }

    /// V - E + F: 1 for a domain without hole, 0 with one hole.
    #[must_use]
    pub fn euler_characteristic(&self) -> i64 {
        self.vertices.len() as i64 - self.edges.len() as i64 + self.triangles.len() as i64
    }

    /// The smallest ratio of twice the area to the square of the longest side, in (0, 0.87].
    ///
    /// About the sine of the smallest angle. Refinement does not change it.
    #[must_use]
    pub fn quality(&self) -> f64 {
        let ratio = |t: &[u32; 3]| {
            let side = |i: usize, j: usize| {
                let (p, q) = (self.vertices[t[i] as usize], self.vertices[t[j] as usize]);
                (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2)
            };
            twice_area(&self.vertices, *t) / side(0, 1).max(side(1, 2)).max(side(2, 0))
        };
        self.triangles
            .iter()
            .map(ratio)
            .fold(f64::INFINITY, f64::min)
    }

    /// Uniform red refinement: each triangle is cut into four similar ones at the midpoints of its sides.
    ///
    /// Old vertices keep their numbers; the midpoint of edge `e` becomes vertex `V + e`. O(E) time and memory.
    ///
    /// # Errors
    /// [`ProblemError::TooLarge`] if the refined mesh has more edges than 32-bit indices can count.
    pub fn refine(&self) -> Result<Self, ProblemError> {
        let (num_vertices, num_edges) = (self.vertices.len(), self.edges.len());
        require_u32("mesh edges", 2 * num_edges + 3 * self.triangles.len())?;
        require_u32("mesh vertices", num_vertices + num_edges)?;
        let (nv, ne) = (num_vertices as u32, num_edges as u32);

        let mut vertices = self.vertices.clone();
        let mut edges = Vec::with_capacity(2 * num_edges + 3 * self.triangles.len());
        let mut boundary = Vec::with_capacity(edges.capacity());
        for (e, &[a, b]) in self.edges.iter().enumerate() {
            let (p, q) = (self.vertices[a as usize], self.vertices[b as usize]);
            vertices.push([0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])]);
            let middle = nv + e as u32;
            // Halves of edge e: number 2 e at its first end, 2 e + 1 at its second.
            edges.extend([[a, middle], [b, middle]]);
            boundary.extend([self.boundary[e]; 2]);
        }
        let half = |e: u32, v: u32| 2 * e + u32::from(self.edges[e as usize][1] == v);

        let mut triangles = Vec::with_capacity(4 * self.triangles.len());
        let mut triangle_edges = Vec::with_capacity(triangles.capacity());
        for (t, (v, e)) in self.triangles.iter().zip(&self.triangle_edges).enumerate() {
            let middle = e.map(|e| nv + e);
            // Inner edge i cuts corner i off: it joins the midpoints of the two sides at vertex i.
            let inner = [0, 1, 2].map(|i| 2 * ne + 3 * t as u32 + i);
            for i in 0..3 {
                let (j, k) = ((i + 1) % 3, (i + 2) % 3);
                edges.push([middle[j], middle[k]]);
                boundary.push(false);
                triangles.push([v[i], middle[k], middle[j]]);
                triangle_edges.push([inner[i], half(e[j], v[i]), half(e[k], v[i])]);
            }
            triangles.push(middle);
            triangle_edges.push(inner);
        }
        Ok(Self {
            vertices,
            triangles,
            edges,
            triangle_edges,
            boundary,
        })
    }
}

/// Twice the signed area.
pub(crate) fn twice_area(vertices: &[[f64; 2]], [a, b, c]: [u32; 3]) -> f64 {
    let [p, q, r] = [a, b, c].map(|v| vertices[v as usize]);
    (q[0] - p[0]) * (r[1] - p[1]) - (r[0] - p[0]) * (q[1] - p[1])
}

type Edges = (Vec<[u32; 2]>, Vec<[u32; 3]>, Vec<bool>);

/// Numbers the edges in the order of their end points; `None` if one belongs to three triangles.
fn number_edges(triangles: &[[u32; 3]]) -> Option<Edges> {
    let mut sides: Vec<([u32; 2], usize, usize)> = Vec::with_capacity(3 * triangles.len());
    for (t, v) in triangles.iter().enumerate() {
        for i in 0..3 {
            let (a, b) = (v[(i + 1) % 3], v[(i + 2) % 3]);
            sides.push(([a.min(b), a.max(b)], t, i));
        }
    }
    sides.sort_unstable();
    let mut triangle_edges = vec![[0; 3]; triangles.len()];
    let (mut edges, mut boundary) = (Vec::new(), Vec::new());
    for group in sides.chunk_by(|x, y| x.0 == y.0) {
        if group.len() > 2 {
            return None;
        }
        for &(ends, t, i) in group {
            triangle_edges[t][i] = edges.len() as u32;
            if i == group[0].2 && t == group[0].1 {
                boundary.push(group.len() == 1);
            }
            debug_assert_eq!(ends, group[0].0);
        }
        edges.push(group[0].0);
    }
    Some((edges, triangle_edges, boundary))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square() -> TriangleMesh {
        let vertices = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        TriangleMesh::new(vertices, vec![[0, 1, 2], [0, 3, 2]]).unwrap()
    }

    /// Rebuilding from vertices and triangles must find the same edges and boundary.
    fn assert_consistent(mesh: &TriangleMesh) {
        let rebuilt = TriangleMesh::new(mesh.vertices.clone(), mesh.triangles.clone()).unwrap();
        assert_eq!(rebuilt.triangles, mesh.triangles, "orientation");
        assert_eq!(rebuilt.boundary_vertices(), mesh.boundary_vertices());
        let sorted = |mesh: &TriangleMesh| {
            let mut edges: Vec<_> = mesh
                .edges
                .iter()
                .map(|&[a, b]| [a.min(b), a.max(b)])
                .zip(mesh.boundary.clone())
                .collect();
            edges.sort_unstable();
            edges
        };
        assert_eq!(sorted(&rebuilt), sorted(mesh));
        for (v, e) in mesh.triangles.iter().zip(&mesh.triangle_edges) {
            for i in 0..3 {
                let [a, b] = mesh.edges[e[i] as usize];
                assert!(v.contains(&a) && v.contains(&b) && v[i] != a && v[i] != b);
            }
        }
    }

    #[test]
    fn refinement_keeps_a_consistent_mesh_and_its_area() {
        let mut mesh = square();
        for level in 0..4 {
            assert_consistent(&mesh);
            let interior = mesh.boundary_vertices().iter().filter(|on| !**on).count();
            assert_eq!(mesh.num_interior(), interior);
            assert_eq!(square().num_interior_after(level), interior);
            assert_eq!(mesh.euler_characteristic(), 1);
            let area: f64 = mesh
                .triangles
                .iter()
                .map(|&t| 0.5 * twice_area(&mesh.vertices, t))
                .sum();
            approx::assert_relative_eq!(area, 1.0, max_relative = 1e-14);
            approx::assert_relative_eq!(mesh.quality(), 0.5, max_relative = 1e-14);
            mesh = mesh.refine().unwrap();
        }
    }

    #[test]
    fn bad_meshes_are_refused() {
        let points = vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [-1.0, 0.0]];
        let reason = |vertices: Vec<[f64; 2]>, triangles: Vec<[u32; 3]>| match TriangleMesh::new(
            vertices, triangles,
        ) {
            Err(ProblemError::InvalidMesh { reason }) => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason(points.clone(), vec![]).contains("no triangle"));
        assert!(reason(points.clone(), vec![[0, 1, 9]]).contains("does not exist"));
        assert!(reason(points[..3].to_vec(), vec![[0, 1, 1]]).contains("no area"));
        assert!(reason(points.clone(), vec![[0, 1, 2]]).contains("belongs to no triangle"));
        assert!(reason(vec![[0.0, f64::NAN]], vec![[0, 0, 0]]).contains("not finite"));
        let fan = vec![[0, 1, 2], [0, 1, 3], [0, 1, 4]];
        let lifted = vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.0, 2.0]];
        assert!(reason(lifted, fan).contains("more than two"));
        let bow = vec![
            [0.0, 0.0],
            [1.0, 0.0],
            [1.0, 1.0],
            [-1.0, 0.0],
            [-1.0, -1.0],
        ];
        assert!(reason(bow, vec![[0, 1, 2], [0, 3, 4]]).contains("touches itself"));
    }
}
