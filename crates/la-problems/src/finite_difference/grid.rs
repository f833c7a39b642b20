//! Rectangular grids and the assembly of stencils on them.

use crate::error::{ProblemError, require, require_u32};
use crate::system::{CsrMatrix, csr};

/// The interior points of a rectangular grid in one, two or three dimensions.
///
/// Point (i, j, k) has number `i + nx (j + ny k)`. The boundary, one step outside, holds no unknowns (Dirichlet).
///
/// # Examples
/// ```
/// use la_problems::Grid;
/// let grid = Grid::rectangle(4, 3);
/// assert_eq!((grid.num_points(), grid.dimension()), (12, 2));
/// assert_eq!(grid.cell(5), [1, 1, 0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grid {
    shape: [usize; 3],
    dimension: usize,
}

impl Grid {
    /// A line of `n` points.
    #[must_use]
    pub fn line(n: usize) -> Self {
        Self {
            shape: [n, 1, 1],
            dimension: 1,
        }
    }

    /// A rectangle of `nx` by `ny` points.
    #[must_use]
    pub fn rectangle(nx: usize, ny: usize) -> Self {
        Self {
            shape: [nx, ny, 1],
            dimension: 2,
        }
    }

    /// A cuboid of `nx` by `ny` by `nz` points.
    #[must_use]
    pub fn cuboid(nx: usize, ny: usize, nz: usize) -> Self {
        Self {
            shape: [nx, ny, nz],
            dimension: 3,
        }
    }

    /// Number of dimensions: 1, 2 or 3.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Points in each dimension.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape[..self.dimension]
    }

    /// Number of points in all; saturates.
    #[must_use]
    pub fn num_points(&self) -> usize {
        self.shape()
            .iter()
            .fold(1, |product: usize, &n| product.saturating_mul(n))
    }

    /// Position of point number `index`; unused dimensions are 0.
    ///
    /// Positions past the end of the grid come out with a too large last coordinate.
    #[must_use]
    pub fn cell(&self, index: usize) -> [usize; 3] {
        let [nx, ny, _] = self.shape.map(|n| n.max(1));
        [index % nx, index / nx % ny, index / (nx * ny)]
    }

    /// Coordinates of a position in the unit cube; 0 in unused dimensions.
    #[must_use]
    pub fn coordinates(&self, cell: [usize; 3]) -> [f64; 3] {
        let mut x = [0.0; 3];
        for d in 0..self.dimension {
            x[d] = (cell[d] + 1) as f64 / (self.shape[d] + 1) as f64;
        }
        x
    }

    /// Refuses empty grids and those whose matrix 32-bit indices cannot count.
    pub(crate) fn validate(&self) -> Result<(), ProblemError> {
        for (&n, name) in self.shape().iter().zip(["grid.nx", "grid.ny", "grid.nz"]) {
            require(n >= 1, name, n as f64, "at least 1")?;
        }
        // Nine nonzeros per row is the most that any stencil here has.
        require_u32("nonzeros", self.num_points().saturating_mul(9))
    }

    /// Refuses other dimensions than `dimension`.
    pub(crate) fn require_dimension(&self, dimension: usize) -> Result<(), ProblemError> {
        let requirement = "a grid with two dimensions";
        require(
            self.dimension == dimension,
            "grid.dimension",
            self.dimension as f64,
            requirement,
        )
    }

    /// The centre and its 2 d neighbours, in the order of their numbers.
    pub(crate) fn star(&self) -> Vec<Offset> {
        let mut offsets: Vec<Offset> = Vec::with_capacity(2 * self.dimension + 1);
        offsets.extend(
            (0..self.dimension)
                .rev()
                .map(|axis| Offset::along(axis, -1)),
        );
        offsets.push(Offset([0; 3]));
        offsets.extend((0..self.dimension).map(|axis| Offset::along(axis, 1)));
        offsets
    }

    /// Assembles a stencil. `offsets` must be sorted by the number of the point they lead to; `entry(cell, k)` is the
    /// coefficient of offset `k`, called for points inside the grid only.
    pub(crate) fn assemble(
        &self,
        offsets: &[Offset],
        mut entry: impl FnMut([usize; 3], usize) -> f64,
    ) -> CsrMatrix {
        let n = self.num_points();
        let mut pointers = Vec::with_capacity(n + 1);
        let mut indices = Vec::with_capacity(n * offsets.len());
        let mut data = Vec::with_capacity(n * offsets.len());
        pointers.push(0);
        for row in 0..n {
            let cell = self.cell(row);
            for (k, offset) in offsets.iter().enumerate() {
                if let Some([x, y, z]) = self.shifted(cell, *offset) {
                    indices.push((x + self.shape[0] * (y + self.shape[1] * z)) as u32);
                    data.push(entry(cell, k));
                }
            }
            pointers.push(indices.len() as u32);
        }
        csr(n, n, pointers, indices, data)
    }

    /// Writes other coefficients into the entries of a matrix that [`assemble`](Self::assemble) made with the same
    /// offsets. Allocates nothing.
    pub(crate) fn reassemble(
        &self,
        offsets: &[Offset],
        data: &mut [f64],
        mut entry: impl FnMut([usize; 3], usize) -> f64,
    ) {
        let mut data = data.iter_mut();
        for row in 0..self.num_points() {
            let cell = self.cell(row);
            for (k, offset) in offsets.iter().enumerate() {
                if self.shifted(cell, *offset).is_some()
                    && let Some(value) = data.next()
                {
                    *value = entry(cell, k);
                }
            }
        }
    }

    /// The position `offset` away, if it is in the grid.
    pub(crate) fn shifted(&self, cell: [usize; 3], offset: Offset) -> Option<[usize; 3]> {
        let mut to = cell;
        for d in 0..3 {
            to[d] = cell[d]
                .checked_add_signed(offset.0[d])
                .filter(|&x| x < self.shape[d])?;
        }
        Some(to)
    }
}

/// A step on the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offset(pub(crate) [isize; 3]);

impl Offset {
    fn along(axis: usize, step: isize) -> Self {
        let mut offset = [0; 3];
        offset[axis] = step;
        Self(offset)
    }

    /// Axis and direction of a neighbour in the star; `None` for the centre.
    pub(crate) fn axis(self) -> Option<(usize, isize)> {
        self.0
            .iter()
            .position(|&step| step != 0)
            .map(|axis| (axis, self.0[axis]))
    }
}
