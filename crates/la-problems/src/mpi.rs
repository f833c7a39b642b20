//! Matrices for the ranks of an MPI program: one rank reads, all get their rows.

use std::path::Path;

use la_mpi::{MpiError, Ranges, World};
use sprs::CsMatI;

use crate::CsrMatrix;
use crate::io::{MatrixInfo, ReadError, ReadOptions, read_matrix};

pub use la_mpi;

/// Rows of a matrix on the ranks of an MPI program.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MatrixRows {
    /// Which rows each rank has: about equally many nonzeros.
    pub blocks: Ranges,
    /// The rows of this rank, with the columns of the whole matrix.
    pub rows: CsrMatrix,
    /// What the file declares; on rank 0, `None` elsewhere and for matrices that did not come from a file.
    pub info: Option<MatrixInfo>,
}

/// A file could not be read, or its matrix not handed out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadRowsError {
    /// On rank 0.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// On the other ranks, when rank 0 cannot read.
    #[error(transparent)]
    Mpi(#[from] MpiError),
}

/// Reads a matrix file of any supported format on rank 0 and hands its rows out. Collective.
///
/// Rank 0 holds the whole matrix for a while. Rows come as [`scatter_rows`] gives them.
///
/// # Errors
/// [`ReadRowsError::Read`] on rank 0, with the path and, where known, the line;
/// [`ReadRowsError::Mpi`] on the others.
///
/// # Examples
/// ```no_run
/// use la_problems::io::ReadOptions;
/// use la_problems::mpi::{la_mpi::World, read_matrix_rows};
///
/// let world = World::init()?;
/// let matrix = read_matrix_rows(&world, "A.mtx.gz", &ReadOptions::default())?;
/// println!("rank {}: rows {:?}", world.rank(), matrix.blocks.range(world.rank()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_matrix_rows(
    world: &World,
    path: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<MatrixRows, ReadRowsError> {
    let read = || match world.is_root() {
        true => Ok(Some(read_matrix(path, options)?)),
        false => Ok::<_, ReadRowsError>(None),
    };
    let file = world.agree(read())?;
    let (matrix, info) = file.map(|file| (file.matrix, file.info)).unzip();
    let mut rows = scatter_rows(world, matrix.as_ref())?;
    rows.info = info;
    Ok(rows)
}

/// Hands out the rows of a matrix that rank 0 has, in blocks of about equally many nonzeros. Collective.
///
/// # Shapes
/// - `matrix`: m × n on rank 0; ignored elsewhere.
///
/// # Errors
/// [`MpiError::Length`] on rank 0 if it has no matrix, [`MpiError::OtherRank`] on the others then.
///
/// # Examples
/// ```no_run
/// use la_problems::{Grid, Poisson, mpi::{la_mpi::World, scatter_rows}};
///
/// let world = World::init()?;
/// let system = world.is_root().then(|| Poisson::new(Grid::line(100)).generate()).transpose()?;
/// let ours = scatter_rows(&world, system.as_ref().map(|system| &system.matrix))?;
/// assert_eq!(ours.rows.cols(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn scatter_rows(world: &World, matrix: Option<&CsrMatrix>) -> Result<MatrixRows, MpiError> {
    let ranks = world.size();
    let mut lists = Lists::new(ranks);
    let filled = match matrix {
        Some(matrix) if world.is_root() => {
            lists.fill(matrix);
            Ok(())
        }
        None if world.is_root() => Err(MpiError::Length {
            what: "matrix of rank 0",
            found: 0,
            expected: 1,
        }),
        _ => Ok(()),
    };
    world.agree(filled)?;
    // Everything comes from rank 0.
    let mut head = world.all_to_all(&lists.head)?.swap_remove(0);
    let cols = head.pop().unwrap_or(0) as usize;
    let lengths: Vec<usize> = head.iter().map(|length| *length as usize).collect();
    let starts = world.all_to_all(&lists.starts)?.swap_remove(0);
    let indices = world.all_to_all(&lists.indices)?.swap_remove(0);
    let values = world.all_to_all(&lists.values)?.swap_remove(0);
    let shape = (starts.len() - 1, cols);
    Ok(MatrixRows {
        blocks: Ranges::from_lengths(&lengths),
        rows: CsMatI::new(shape, starts, indices, values),
        info: None,
    })
}

/// What goes to each rank.
struct Lists {
    /// Rows of every rank, and the columns of the matrix.
    head: Vec<Vec<u64>>,
    starts: Vec<Vec<u32>>,
    indices: Vec<Vec<u32>>,
    values: Vec<Vec<f64>>,
}

impl Lists {
    fn new(ranks: usize) -> Self {
        Self {
            head: vec![Vec::new(); ranks],
            starts: vec![Vec::new(); ranks],
            indices: vec![Vec::new(); ranks],
            values: vec![Vec::new(); ranks],
        }
    }

    fn fill(&mut self, matrix: &CsrMatrix) {
        let ranks = self.head.len();
        let entries = |i| matrix.outer_view(i).map_or(0, |row| row.nnz());
        let weights = (0..matrix.rows()).map(|i| 1 + entries(i) as u64);
        let blocks = Ranges::balanced(weights, ranks);
        let mut head: Vec<u64> = (0..ranks).map(|r| blocks.range(r).len() as u64).collect();
        head.push(matrix.cols() as u64);
        for rank in 0..ranks {
            self.head[rank].clone_from(&head);
            self.starts[rank].push(0);
            for i in blocks.range(rank) {
                if let Some(row) = matrix.outer_view(i) {
                    self.indices[rank].extend_from_slice(row.indices());
                    self.values[rank].extend_from_slice(row.data());
                }
                self.starts[rank].push(self.indices[rank].len() as u32);
            }
        }
    }
}
