//! Plane elasticity with linear elements.

use sprs::TriMatI;

use super::delaunay::PointCloud;
use super::mesh::twice_area;
use crate::error::{ProblemError, require};
use crate::system::{CsrMatrix, LinearSystem};

/// Plane strain on the Delaunay mesh of random points in a rectangle, clamped at its left end.
///
/// Linear elements, two unknowns (the displacements) per point, interleaved; the twentieth part of the points with the
/// smallest x, roughly, is fixed. The load pulls every unknown with force 1. Points come in the order in which they were drawn:
/// reorder. Expected cost O(n log n).
///
/// # Known facts
/// - Symmetric positive definite; rows without a clamped neighbour annihilate translations.
/// - Not an M-matrix: a third of the off-diagonal weight is positive, and IC(0) needs a shift at larger sizes.
///
/// # Examples
/// ```
/// let system = la_problems::PlaneElasticity::default().with_points(300).generate(0)?;
/// assert_eq!(system.n() % 2, 0);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// T. J. R. Hughes, *The Finite Element Method*, 1987, section 2.7.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlaneElasticity {
    /// Number of points, at least 4. Default `1000`.
    pub points: usize,
    /// Length of the rectangle of height 1, in `1e-3..=1e3`. Default `2`.
    pub width: f64,
    /// Poisson's ratio ν, in `0..=0.49`. Default `0.3`.
    pub poisson_ratio: f64,
}

impl Default for PlaneElasticity {
    fn default() -> Self {
        Self {
            points: 1000,
            width: 2.0,
            poisson_ratio: 0.3,
        }
    }
}

/// Part of the points that is clamped.
const CLAMPED: f64 = 0.06;

impl PlaneElasticity {
    /// Sets the number of points.
    #[must_use]
    pub fn with_points(mut self, points: usize) -> Self {
        self.points = points;
        self
    }

    /// Sets the length of the rectangle.
    #[must_use]
    pub fn with_width(mut self, width: f64) -> Self {
        self.width = width;
        self
    }

    /// Sets Poisson's ratio.
    #[must_use]
    pub fn with_poisson_ratio(mut self, poisson_ratio: f64) -> Self {
        self.poisson_ratio = poisson_ratio;
        self
    }

    /// Generates one sample.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for an option out of range, [`ProblemError::TooLarge`], and
    /// [`ProblemError::NoAcceptableSample`] for (rare) points without a mesh.
    pub fn generate(&self, seed: u64) -> Result<LinearSystem, ProblemError> {
        let nu = self.poisson_ratio;
        require(
            (0.0..=0.49).contains(&nu),
            "poisson_ratio",
            nu,
            "in 0..=0.49",
        )?;
        let cloud = PointCloud::Rectangle { width: self.width };
        let (vertices, mut triangles) = cloud.mesh(self.points, seed)?;
        let area = |t: &[u32; 3]| twice_area(&vertices, *t).abs();
        // Slivers at the hull would outweigh everything else.
        let mean = triangles.iter().map(area).sum::<f64>() / triangles.len().max(1) as f64;
        triangles.retain(|t| area(t) > 1e-6 * mean);

        let mut sorted: Vec<f64> = vertices.iter().map(|p| p[0]).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let edge = sorted[(CLAMPED * (self.points - 1) as f64) as usize];
        let mut used = vec![false; self.points];
        for &v in triangles.iter().flatten() {
            used[v as usize] = true;
        }
        let free = (0..self.points).filter(|&i| used[i] && vertices[i][0] > edge);
        let mut unknown = vec![None; self.points];
        let mut n = 0;
        for i in free {
            unknown[i] = Some(n);
            n += 2;
        }
        let matrix = stiffness(&vertices, &triangles, nu, &unknown, n);
        Ok(LinearSystem::new(matrix, vec![1.0; n]))
    }
}

/// Assembles the unknowns that have a number.
fn stiffness(
    vertices: &[[f64; 2]],
    triangles: &[[u32; 3]],
    nu: f64,
    unknown: &[Option<usize>],
    n: usize,
) -> CsrMatrix {
    // Stress from strain, up to a factor: [1 − ν, ν, 0; ν, 1 − ν, 0; 0, 0, 1/2 − ν].
    let (direct, cross, shear) = (1.0 - nu, nu, 0.5 - nu);
    let mut entries = TriMatI::new((n, n));
    for t in triangles {
        let p = t.map(|v| vertices[v as usize]);
        let twice = twice_area(vertices, *t);
        // grad φ_i: the opposite side, turned by 90°, over twice the area
        let gradient = [0, 1, 2].map(|i| {
            let (q, r) = (p[(i + 1) % 3], p[(i + 2) % 3]);
            [(q[1] - r[1]) / twice, (r[0] - q[0]) / twice]
        });
        let weight = 0.5 * twice.abs();
        for i in 0..3 {
            for j in 0..3 {
                let (Some(row), Some(col)) = (unknown[t[i] as usize], unknown[t[j] as usize])
                else {
                    continue;
                };
                let ([b, c], [d, e]) = (gradient[i], gradient[j]);
                let block = [
                    [
                        direct * b * d + shear * c * e,
                        cross * b * e + shear * c * d,
                    ],
                    [
                        cross * c * d + shear * b * e,
                        direct * c * e + shear * b * d,
                    ],
                ];
                for (x, line) in block.iter().enumerate() {
                    for (y, value) in line.iter().enumerate() {
                        entries.add_triplet(row + x, col + y, weight * value);
                    }
                }
            }
        }
    }
    entries.to_csr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rigid_motions_need_no_force() {
        let (vertices, triangles) = PointCloud::Rectangle { width: 3.0 }.mesh(80, 5).unwrap();
        let unknown: Vec<_> = (0..80).map(|i| Some(2 * i)).collect();
        let a = stiffness(&vertices, &triangles, 0.3, &unknown, 160);
        let rotation = vertices.iter().flat_map(|&[x, y]| [-y, x]).collect();
        let shift_x: Vec<f64> = (0..160).map(|i| f64::from(i % 2 == 0)).collect();
        let shift_y: Vec<f64> = (0..160).map(|i| f64::from(i % 2 == 1)).collect();
        let top = a.data().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for motion in [rotation, shift_x, shift_y] {
            for row in a.outer_iterator() {
                let force: f64 = row.iter().map(|(j, v)| v * motion[j]).sum();
                assert!(force.abs() < 1e-13 * top, "{force}");
            }
        }
        assert_eq!(a.nnz() % 4, 0);
    }

    #[test]
    fn options_are_checked() {
        let good = PlaneElasticity::default();
        for bad in [
            good.clone().with_points(3),
            good.clone().with_width(f64::NAN),
            good.clone().with_poisson_ratio(0.5),
        ] {
            let error = bad.generate(0).unwrap_err();
            assert!(
                matches!(error, ProblemError::InvalidOption { .. }),
                "{error}"
            );
        }
    }
}
