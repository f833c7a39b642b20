//! A sparse matrix whose rows are spread over ranks.

use std::cell::RefCell;
use std::collections::HashMap;

use la_mpi::{Counters, Halo, Ownership, Ranges, Scalar, World};
use sprs::{CsMatI, CsMatViewI, SpIndex};

use crate::{
    CsrMatrix, Host, KrylovError, LinearOperator, Mpi, Real, TransposeOperator, VectorSpace,
};

/// A square sparse matrix whose rows are spread over the ranks of an MPI program, each row with the entry of x
/// of the same number.
///
/// The rows of a rank are kept as two matrices: entries whose x lives here, and entries of the *boundary rows*
/// whose x another rank owns. A product sends the boundary values, multiplies with the first matrix while they
/// travel, and adds the second when the others' have come. Every row is thus worked on during the exchange,
/// and the long loop is the one of [`CsrMatrix`].
///
/// Memory: that of [`CsrMatrix`], and one number per ghost and per boundary row.
///
/// # Examples
/// ```no_run
/// use la_krylov::la_mpi::{Ranges, World};
/// use la_krylov::{CgOptions, IdentityPreconditioner, KrylovError, MpiMatrix, cg_in};
/// use la_krylov::sprs::TriMat;
///
/// let world = World::init()?;
/// let blocks = Ranges::even(1000, world.size());
/// // This rank's rows of the second difference, with the column numbers of the whole matrix.
/// let own = blocks.range(world.rank());
/// let mut rows = TriMat::new((own.len(), 1000));
/// for (local, i) in own.clone().enumerate() {
///     rows.add_triplet(local, i, 2.0);
///     if i > 0 { rows.add_triplet(local, i - 1, -1.0) }
///     if i < 999 { rows.add_triplet(local, i + 1, -1.0) }
/// }
/// let a = MpiMatrix::<f64>::from_blocks(&world, &blocks, rows.to_csr::<usize>().view())?;
/// let b = vec![1.0; own.len()];
/// let m = IdentityPreconditioner::new(1000);
/// let solution = cg_in(a.space(), &a, &b, &m, &CgOptions::default())?;
/// assert_eq!(solution.x.len(), own.len());
/// # Ok::<(), KrylovError>(())
/// ```
///
/// # References
/// Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd edition, 2003, section 11.5.6 (distributed
/// matrices; local and external entries kept apart).
#[derive(Debug)]
pub struct MpiMatrix<T: Real + Scalar = f64> {
    space: Mpi<T>,
    /// Local rows and columns.
    own: CsrMatrix<T>,
    /// One row per boundary row, one column per ghost.
    ghost: CsrMatrix<T>,
    /// The local numbers of the boundary rows.
    boundary: Vec<u32>,
    exchange: RefCell<Exchange<T>>,
}

/// What a product writes to besides y.
#[derive(Debug)]
struct Exchange<T: Scalar> {
    halo: Halo<T>,
    ghosts: Vec<T>,
    boundary: Vec<T>,
}

impl<T: Real + Scalar> MpiMatrix<T> {
    /// From this rank's rows, where the ids of each rank are a block. Collective.
    ///
    /// # Shapes
    /// - `rows`: as many rows as the block of this rank has ids, n columns; row k is row
    ///   `blocks.range(rank).start + k` of the matrix.
    ///
    /// # Errors
    /// As [`MpiMatrix::from_rows`].
    pub fn from_blocks<V, I, P>(
        world: &World,
        blocks: &Ranges,
        rows: CsMatViewI<'_, V, I, P>,
    ) -> Result<Self, KrylovError>
    where
        V: Real,
        I: SpIndex,
        P: SpIndex,
    {
        world.agree(blocks.require_ranks(world.size()))?;
        let ids: Vec<usize> = blocks.range(world.rank()).collect();
        Self::from_rows(world, &ids, rows, blocks)
    }

    /// From this rank's rows, where any rank may own any id: the parts of a partitioned graph. Collective.
    ///
    /// # Shapes
    /// - `ids`: the numbers, in the whole matrix, of this rank's rows, in the order of its parts of vectors;
    /// - `rows`: one row per id, n columns, numbered as in the whole matrix.
    ///
    /// # Errors
    /// On every rank if on any: [`KrylovError::Mpi`] if `ids` and `owners` do not fit, or
    /// [`la_mpi::MpiError::OtherRank`]; [`KrylovError::DimensionMismatch`] if there is not one row per id, or
    /// not as many columns as the ranks have ids together; [`KrylovError::TooLarge`].
    pub fn from_rows<V, I, P>(
        world: &World,
        ids: &[usize],
        rows: CsMatViewI<'_, V, I, P>,
        owners: &(impl Ownership + ?Sized),
    ) -> Result<Self, KrylovError>
    where
        V: Real,
        I: SpIndex,
        P: SpIndex,
    {
        let space = Mpi::<T>::new(world, ids.len());
        let parts = world.agree(Parts::split(ids, rows, space.dimension()))?;
        let halo = Halo::new(world, ids, &parts.ghosts, owners)?;
        let made = || {
            let own = CsrMatrix::from_sprs(parts.own.view())?;
            let ghost = CsrMatrix::from_sprs(parts.ghost.view())?;
            Ok::<_, KrylovError>((own, ghost))
        };
        let (own, ghost) = world.agree(made())?;
        Ok(Self {
            space,
            own,
            ghost,
            exchange: RefCell::new(Exchange {
                halo,
                ghosts: vec![T::ZERO; parts.ghosts.len()],
                boundary: vec![T::ZERO; parts.boundary.len()],
            }),
            boundary: parts.boundary,
        })
    }

    /// The space of the vectors that it multiplies.
    #[must_use]
    pub fn space(&self) -> Mpi<T> {
        self.space.clone()
    }

    /// Stored entries on this rank.
    #[must_use]
    pub fn local_nnz(&self) -> usize {
        self.own.nnz() + self.ghost.nnz()
    }

    /// Number of rows that need entries of x from other ranks.
    #[must_use]
    pub fn boundary_rows(&self) -> usize {
        self.boundary.len()
    }

    /// What the exchanges have cost this rank so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.exchange.borrow().halo.counters()
    }
}

/// This rank's rows, taken apart.
struct Parts<V> {
    own: CsMatI<V, u32>,
    ghost: CsMatI<V, u32>,
    ghosts: Vec<usize>,
    boundary: Vec<u32>,
}

impl<V: Real> Parts<V> {
    fn split<I: SpIndex, P: SpIndex>(
        ids: &[usize],
        rows: CsMatViewI<'_, V, I, P>,
        n: usize,
    ) -> Result<Self, KrylovError> {
        let misfit = |what, len| KrylovError::DimensionMismatch {
            rows: rows.rows(),
            cols: rows.cols(),
            what,
            len,
        };
        if rows.rows() != ids.len() {
            return Err(misfit("list of row numbers", ids.len()));
        }
        if rows.cols() != n {
            return Err(misfit("distributed vector", n));
        }
        for (what, value) in [("row count", ids.len()), ("number of nonzeros", rows.nnz())] {
            if value >= u32::MAX as usize {
                return Err(KrylovError::TooLarge { what, value });
            }
        }
        if !rows.is_csr() {
            return Self::split(ids, rows.to_csr().view(), n);
        }
        let local: HashMap<usize, u32> = ids.iter().copied().zip(0u32..).collect();
        let foreign = rows.indices().iter().map(|j| j.index());
        let mut ghosts: Vec<usize> = foreign.filter(|j| !local.contains_key(j)).collect();
        // Ascending: blocks then send stretches of memory.
        ghosts.sort_unstable();
        ghosts.dedup();
        let number: HashMap<usize, u32> = ghosts.iter().copied().zip(0u32..).collect();

        let (mut own, mut ghost) = (Compressed::new(), Compressed::new());
        let mut boundary = Vec::new();
        for (i, row) in rows.outer_iterator().enumerate() {
            for (j, v) in row.iter() {
                match (local.get(&j), number.get(&j)) {
                    (Some(k), _) => own.entries.push((*k, *v)),
                    (_, Some(k)) => ghost.entries.push((*k, *v)),
                    _ => {}
                }
            }
            own.end_row();
            if !ghost.entries.is_empty() {
                ghost.end_row();
                boundary.push(i as u32);
            }
        }
        Ok(Self {
            own: own.finish(ids.len()),
            ghost: ghost.finish(ghosts.len()),
            ghosts,
            boundary,
        })
    }
}

/// Rows that are made one after the other.
struct Compressed<V> {
    offsets: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<V>,
    /// Of the row being made, in any order.
    entries: Vec<(u32, V)>,
}

impl<V: Real> Compressed<V> {
    fn new() -> Self {
        Self {
            offsets: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
            entries: Vec::new(),
        }
    }

    fn end_row(&mut self) {
        self.entries.sort_unstable_by_key(|(j, _)| *j);
        self.indices.extend(self.entries.iter().map(|(j, _)| *j));
        self.values.extend(self.entries.iter().map(|(_, v)| *v));
        self.entries.clear();
        self.offsets.push(self.indices.len() as u32);
    }

    fn finish(self, cols: usize) -> CsMatI<V, u32> {
        let shape = (self.offsets.len() - 1, cols);
        CsMatI::new(shape, self.offsets, self.indices, self.values)
    }
}

impl<T: Real + Scalar> LinearOperator<Mpi<T>> for MpiMatrix<T> {
    fn rows(&self) -> usize {
        self.space.dimension()
    }

    fn cols(&self) -> usize {
        self.space.dimension()
    }

    /// # Panics
    /// If `x` or `y` has the wrong length.
    fn apply(&self, space: &Mpi<T>, x: &[T], y: &mut [T]) {
        let exchange = &mut *self.exchange.borrow_mut();
        exchange.halo.start(x, 1);
        self.own.apply(space.local(), x, y);
        exchange.halo.finish(&mut exchange.ghosts);
        let host = Host::sequential(exchange.ghosts.len());
        self.ghost
            .apply(&host, &exchange.ghosts, &mut exchange.boundary);
        for (i, v) in self.boundary.iter().zip(&exchange.boundary) {
            y[*i as usize] += *v;
        }
    }
}

impl<T: Real + Scalar> TransposeOperator<Mpi<T>> for MpiMatrix<T> {
    /// # Panics
    /// If `x` or `y` has the wrong length.
    fn apply_transpose(&self, space: &Mpi<T>, x: &[T], y: &mut [T]) {
        let exchange = &mut *self.exchange.borrow_mut();
        for (i, v) in self.boundary.iter().zip(&mut exchange.boundary) {
            *v = x[*i as usize];
        }
        let host = Host::sequential(exchange.boundary.len());
        self.ghost
            .apply_transpose(&host, &exchange.boundary, &mut exchange.ghosts);
        self.own.apply_transpose(space.local(), x, y);
        exchange.halo.reverse(&exchange.ghosts, 1, y);
    }
}
