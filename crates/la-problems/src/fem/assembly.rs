//! Stiffness matrix and load vector of linear elements.

use super::mesh::{TriangleMesh, twice_area};
use crate::error::{ProblemError, require_u32};
use crate::system::{LinearSystem, counts_to_pointers, csr};

/// Assembles -Δu = f, u = 0 on the boundary, with linear (P1) finite elements.
///
/// Unknowns are the interior vertices of the mesh in their order. The load is integrated with the vertex rule:
/// `b_i = f(x_i) · area(support of i) / 3`, exact for constant `f`. O(number of edges).
///
/// # Known facts
/// - The matrix is symmetric (bitwise) and positive definite; its row sums are 0 for vertices without boundary neighbour.
/// - Every edge between interior vertices is stored, also where the entry is 0 (right angles on both sides).
/// - It is an M-matrix if the two angles opposite each edge add up to at most π (Delaunay meshes).
///
/// # Errors
/// [`ProblemError::InvalidMesh`] if the mesh has no interior vertex, [`ProblemError::TooLarge`] if 32-bit indices do
/// not suffice.
///
/// # Examples
/// ```
/// use la_problems::{TriangleMesh, assemble_poisson};
///
/// let square = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
/// let mesh = TriangleMesh::new(square, vec![[0, 1, 2], [0, 2, 3]])?.refine()?;
/// let system = assemble_poisson(&mesh, |_| 1.0)?;
/// assert_eq!(system.matrix.data(), &[4.0]); // the five-point stencil
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// P. G. Ciarlet, *The Finite Element Method for Elliptic Problems*, 1978, section 2.
pub fn assemble_poisson(
    mesh: &TriangleMesh,
    f: impl Fn([f64; 2]) -> f64,
) -> Result<LinearSystem, ProblemError> {
    const FIXED: u32 = u32::MAX;
    let mut unknown: Vec<u32> = Vec::with_capacity(mesh.vertices().len());
    let mut n = 0_u32;
    for on_boundary in mesh.boundary_vertices() {
        unknown.push(if on_boundary { FIXED } else { n });
        n += u32::from(!on_boundary);
    }
    if n == 0 {
        return Err(ProblemError::InvalidMesh {
            reason: "it has no interior vertex; refine it",
        });
    }

    let (mut diagonal, mut support) = (vec![0.0; n as usize], vec![0.0; n as usize]);
    let mut coupling = vec![0.0; mesh.edges().len()];
    for (v, e) in mesh.triangles().iter().zip(mesh.triangle_edges()) {
        let p = v.map(|v| mesh.vertices()[v as usize]);
        // Side i runs opposite vertex i; grad φ_i is side i turned by 90°, over twice the area.
        let side = [0, 1, 2].map(|i| {
            let (q, r) = (p[(i + 1) % 3], p[(i + 2) % 3]);
            [r[0] - q[0], r[1] - q[1]]
        });
        let dot = |i: usize, j: usize| side[i][0] * side[j][0] + side[i][1] * side[j][1];
        let twice_area = twice_area(mesh.vertices(), *v);
        // K_ij = side_i · side_j / (4 area)
        let scale = 0.5 / twice_area;
        for i in 0..3 {
            coupling[e[i] as usize] += scale * dot((i + 1) % 3, (i + 2) % 3);
            let row = unknown[v[i] as usize];
            if row != FIXED {
                diagonal[row as usize] += scale * dot(i, i);
                support[row as usize] += 0.5 * twice_area;
            }
        }
    }

    let inner = |edge: &[u32; 2]| {
        let [a, b] = edge.map(|v| unknown[v as usize]);
        (a != FIXED && b != FIXED).then_some((a, b))
    };
    let num_inner = mesh
        .edges()
        .iter()
        .filter(|edge| inner(edge).is_some())
        .count();
    require_u32("nonzeros", n as usize + 2 * num_inner)?;
    let mut next = vec![0_u32; n as usize + 1];
    next[1..].fill(1);
    for (a, b) in mesh.edges().iter().filter_map(inner) {
        next[a as usize + 1] += 1;
        next[b as usize + 1] += 1;
    }
    counts_to_pointers(&mut next);
    let pointers = next.clone();
    let mut entries = vec![(0_u32, 0.0_f64); n as usize + 2 * num_inner];
    let mut put = |row: u32, col: u32, value: f64| {
        entries[next[row as usize] as usize] = (col, value);
        next[row as usize] += 1;
    };
    for (row, &value) in diagonal.iter().enumerate() {
        put(row as u32, row as u32, value);
    }
    for (edge, &value) in mesh.edges().iter().zip(&coupling) {
        if let Some((a, b)) = inner(edge) {
            put(a, b, value);
            put(b, a, value);
        }
    }
    for bounds in pointers.windows(2) {
        entries[bounds[0] as usize..bounds[1] as usize].sort_unstable_by_key(|entry| entry.0);
    }
    let (indices, data) = entries.into_iter().unzip();
    let matrix = csr(n as usize, n as usize, pointers, indices, data);

    let interior = mesh
        .vertices()
        .iter()
        .zip(&unknown)
        .filter(|(_, row)| **row != FIXED);
    let rhs = interior
        .zip(&support)
        .map(|((&x, _), area)| f(x) * area / 3.0)
        .collect();
    Ok(LinearSystem::new(matrix, rhs))
}
