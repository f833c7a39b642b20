//! Linear elasticity with finite elements on regular grids.

mod element;

use element::Element;

use crate::error::{ProblemError, require, require_u32};
use crate::finite_difference::Grid;
use crate::system::{CsrMatrix, LinearSystem, csr};

/// Where an elastic body is held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Support {
    /// Clamped on all sides, one step outside the grid. The default.
    #[default]
    AllSides,
    /// Clamped on the side of small x, one step outside the grid; free elsewhere: a beam.
    OneSide,
    /// Free. The matrix is singular, its null space are the rigid-body modes.
    None,
}

/// Linear elasticity, -div(λ div u I + 2 μ ε(u)) = f, with bilinear or trilinear (Q1) elements on a
/// regular grid in two (plane strain) or three dimensions.
///
/// Unknowns are the displacements of the grid points, 2 or 3 next to each other for each point. The load is
/// gravity along the last axis; for a free body it pulls each point away from the centre. Every block of a
/// node and a neighbour is stored whole, zeros too.
///
/// # Known facts
/// - Symmetric (bitwise); positive definite if supported, else semidefinite of rank n - 3 in 2-D and n - 6
///   in 3-D.
/// - [`rigid_body_modes`](Self::rigid_body_modes) span the null space of the free body; in a supported one
///   they violate only the rows next to the support.
/// - No M-matrix. Condition number proportional to the squared number of grid points along an axis; it grows
///   without bound as the Poisson ratio comes near 1/2.
/// - In 2-D, clamped on all sides and with the default material, the matrix is that of
///   `pyamg.gallery.linear_elasticity`.
///
/// # Examples
/// ```
/// use la_problems::{Grid, LinearElasticity};
///
/// let beam = LinearElasticity::default().with_grid(Grid::cuboid(8, 3, 3));
/// let system = beam.generate()?;
/// assert_eq!(system.n(), 3 * 72);
/// assert_eq!(beam.rigid_body_modes()?.len(), 6);
/// # Ok::<(), la_problems::ProblemError>(())
/// ```
///
/// # References
/// T. J. R. Hughes, *The Finite Element Method*, 1987, chapters 2 and 3.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LinearElasticity {
    /// The grid, with two or three dimensions. Default 32 by 32.
    pub grid: Grid,
    /// Mesh width along each axis, positive and finite. Default `1`.
    pub spacing: [f64; 3],
    /// Young's modulus E, positive and finite. Default `1e5`.
    pub young: f64,
    /// Poisson ratio ν, in (-1, 0.5). Default `0.3`.
    pub poisson_ratio: f64,
    /// Where the body is held. Default: on all sides.
    pub support: Support,
}

impl Default for LinearElasticity {
    fn default() -> Self {
        Self {
            grid: Grid::rectangle(32, 32),
            spacing: [1.0; 3],
            young: 1e5,
            poisson_ratio: 0.3,
            support: Support::AllSides,
        }
    }
}

impl LinearElasticity {
    /// Sets the grid.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Sets the mesh width along each axis.
    #[must_use]
    pub fn with_spacing(mut self, spacing: [f64; 3]) -> Self {
        self.spacing = spacing;
        self
    }

    /// Sets Young's modulus and the Poisson ratio.
    #[must_use]
    pub fn with_material(mut self, young: f64, poisson_ratio: f64) -> Self {
        (self.young, self.poisson_ratio) = (young, poisson_ratio);
        self
    }

    /// Sets where the body is held.
    #[must_use]
    pub fn with_support(mut self, support: Support) -> Self {
        self.support = support;
        self
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`ProblemError::InvalidOption`] for the first option out of range, [`ProblemError::TooLarge`] for a grid
    /// that 32-bit indices cannot count.
    pub fn validate(&self) -> Result<(), ProblemError> {
        let d = self.grid.dimension();
        let requirement = "a grid with two or three dimensions";
        require(d >= 2, "grid.dimension", d as f64, requirement)?;
        self.grid.validate()?;
        let nonzeros = self
            .grid
            .num_points()
            .saturating_mul(3_usize.pow(d as u32) * d * d);
        require_u32("nonzeros", nonzeros)?;
        let names = ["grid.nx", "grid.ny", "grid.nz"];
        for (axis, (&n, name)) in self.grid.shape().iter().zip(names).enumerate() {
            let held = match self.support {
                Support::AllSides => true,
                Support::OneSide => axis == 0,
                Support::None => false,
            };
            let requirement = "at least 2 along an axis that is free at both ends";
            require(held || n >= 2, name, n as f64, requirement)?;
        }
        for h in &self.spacing[..d] {
            let ok = *h > 0.0 && h.is_finite();
            require(ok, "spacing", *h, "positive and finite")?;
        }
        let ok = self.young > 0.0 && self.young.is_finite();
        require(ok, "young", self.young, "positive and finite")?;
        let ok = self.poisson_ratio > -1.0 && self.poisson_ratio < 0.5;
        require(ok, "poisson_ratio", self.poisson_ratio, "in (-1, 0.5)")
    }

    /// Assembles the system. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// let system = la_problems::LinearElasticity::default().generate()?;
    /// assert_eq!(system.rhs.len(), 2 * 1024);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn generate(&self) -> Result<LinearSystem, ProblemError> {
        let matrix = self.matrix()?;
        let d = self.grid.dimension();
        let corner = self.spacing[..d].iter().product::<f64>() / f64::from(1 << d);
        let mut rhs = vec![0.0; matrix.rows()];
        for (point, (x, b)) in self
            .points()?
            .iter()
            .zip(rhs.chunks_exact_mut(d))
            .enumerate()
        {
            // The share of the volume around the point.
            let elements = self.elements_around(self.grid.cell(point)).count();
            let volume = corner * elements as f64;
            if self.support == Support::None {
                b.iter_mut().zip(x).for_each(|(b, x)| *b = volume * x);
            } else {
                b[d - 1] = -volume;
            }
        }
        Ok(LinearSystem::new(matrix, rhs))
    }

    /// Assembles the matrix. O(n).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{Grid, LinearElasticity};
    ///
    /// let a = LinearElasticity::default().with_grid(Grid::rectangle(5, 5)).matrix()?;
    /// assert_eq!((a.rows(), a.nnz()), (50, 4 * 169));
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn matrix(&self) -> Result<CsrMatrix, ProblemError> {
        self.validate()?;
        let d = self.grid.dimension();
        let (e, nu) = (self.young, self.poisson_ratio);
        let lame = e * nu / ((1.0 + nu) * (1.0 - 2.0 * nu));
        let element = Element::new(&self.spacing[..d], lame, e / (2.0 + 2.0 * nu));
        let n = self.grid.num_points();
        let mut pointers = Vec::with_capacity(n * d + 1);
        let (mut indices, mut data) = (Vec::new(), Vec::new());
        pointers.push(0);
        let mut stencil: Vec<(u32, [[f64; 3]; 3])> = Vec::new();
        for row in 0..n {
            self.stencil(&element, row, &mut stencil);
            for r in 0..d {
                for (col, block) in &stencil {
                    indices.extend((0..d as u32).map(|c| col * d as u32 + c));
                    data.extend_from_slice(&block[r][..d]);
                }
                pointers.push(indices.len() as u32);
            }
        }
        Ok(csr(n * d, n * d, pointers, indices, data))
    }

    /// Coordinates of the grid points, the origin in the middle of the grid; the third is 0 in 2-D.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn points(&self) -> Result<Vec<[f64; 3]>, ProblemError> {
        self.validate()?;
        let shape = self.grid.shape();
        let place = |index: usize| {
            let cell = self.grid.cell(index);
            let mut x = [0.0; 3];
            for d in 0..shape.len() {
                x[d] = self.spacing[d] * (cell[d] as f64 - 0.5 * (shape[d] - 1) as f64);
            }
            x
        };
        Ok((0..self.grid.num_points()).map(place).collect())
    }

    /// The rigid-body modes: translations along the axes, then rotations: `(-y, x)` in 2-D; `(-y, x, 0)`,
    /// `(-z, 0, x)`, `(0, -z, y)` in 3-D. Vectors of length n, the near-null space for multigrid.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// # Examples
    /// ```
    /// use la_problems::{Grid, LinearElasticity};
    ///
    /// let plate = LinearElasticity::default().with_grid(Grid::rectangle(2, 1));
    /// assert_eq!(plate.rigid_body_modes()?[2], [0.0, -0.5, 0.0, 0.5]);
    /// # Ok::<(), la_problems::ProblemError>(())
    /// ```
    pub fn rigid_body_modes(&self) -> Result<Vec<Vec<f64>>, ProblemError> {
        let points = self.points()?;
        let d = self.grid.dimension();
        let unit = |axis: usize| {
            let mut mode = vec![0.0; points.len() * d];
            mode.iter_mut().skip(axis).step_by(d).for_each(|v| *v = 1.0);
            mode
        };
        let rotation = |(p, q): (usize, usize)| {
            let mut mode = vec![0.0; points.len() * d];
            for (u, x) in mode.chunks_exact_mut(d).zip(&points) {
                u[p] = -x[q];
                u[q] = x[p];
            }
            mode
        };
        let planes = [(0, 1), (0, 2), (1, 2)];
        let rotations = planes.into_iter().filter(|plane| plane.1 < d).map(rotation);
        Ok((0..d).map(unit).chain(rotations).collect())
    }

    /// Elements that touch a point, each as the number of the point within the element.
    fn elements_around(&self, cell: [usize; 3]) -> impl Iterator<Item = usize> + '_ {
        let shape = self.grid.shape();
        let d = shape.len();
        // Bit set: the point is the upper end of the element along that axis, so the element below it.
        (0..1_usize << d).rev().filter(move |corner| {
            (0..d).all(|axis| {
                let below = corner >> axis & 1 == 1;
                let at_end = if below {
                    cell[axis] == 0
                } else {
                    cell[axis] + 1 == shape[axis]
                };
                let clamped = match self.support {
                    Support::AllSides => true,
                    Support::OneSide => axis == 0 && below,
                    Support::None => false,
                };
                !at_end || clamped
            })
        })
    }

    /// Blocks of a row of points, by increasing column.
    fn stencil(&self, element: &Element, row: usize, stencil: &mut Vec<(u32, [[f64; 3]; 3])>) {
        let shape = self.grid.shape();
        let d = shape.len();
        let cell = self.grid.cell(row);
        stencil.clear();
        for code in 0..3_usize.pow(d as u32) {
            // Digits 0, 1, 2 of the code: one step back, none, one step forward.
            let digit = [code % 3, code / 3 % 3, code / 9];
            let mut col = 0;
            let mut stride = 1;
            let inside = (0..d).all(|axis| {
                let at = cell[axis] + digit[axis];
                let inside = at >= 1 && at <= shape[axis];
                if inside {
                    col += stride * (at - 1);
                    stride *= shape[axis];
                }
                inside
            });
            if !inside {
                continue;
            }
            let mut block = [[0.0; 3]; 3];
            for corner in self.elements_around(cell) {
                // The neighbour in the same element, if it is one of its corners.
                let mut other = 0;
                let shared = (0..d).all(|axis| {
                    let position = (corner >> axis & 1) + digit[axis];
                    other |= usize::from(position == 2) << axis;
                    position == 1 || position == 2
                });
                if shared {
                    for (target, source) in block.iter_mut().zip(element.block(corner, other)) {
                        target.iter_mut().zip(source).for_each(|(t, s)| *t += s);
                    }
                }
            }
            stencil.push((col as u32, block));
        }
    }
}
