//! A rank's rows of a matrix, and the rows of other ranks around them.

use std::collections::HashMap;

use la_krylov::Real;
use la_krylov::la_mpi::{MpiError, Ownership, Scalar, World};
use sprs::{CsMatI, CsMatViewI, SpIndex};

use crate::PrecondError;

/// Rows with the column numbers of the whole matrix, in the order in which they came.
pub(super) struct Rows<T> {
    /// Number of each row in the whole matrix.
    pub(super) ids: Vec<usize>,
    /// Where each row is.
    place: HashMap<usize, u32>,
    starts: Vec<usize>,
    cols: Vec<u64>,
    values: Vec<T>,
}

impl<T: Real + Scalar> Rows<T> {
    /// This rank's own rows.
    pub(super) fn own<I: SpIndex>(
        ids: &[usize],
        rows: CsMatViewI<'_, T, I>,
    ) -> Result<Self, PrecondError> {
        if rows.rows() != ids.len() {
            return Err(PrecondError::DimensionMismatch {
                what: "list of row numbers",
                found: ids.len(),
                expected: rows.rows(),
            });
        }
        if !rows.is_csr() {
            return Self::own(ids, rows.to_csr().view());
        }
        let mut this = Self {
            ids: Vec::with_capacity(ids.len()),
            place: HashMap::with_capacity(ids.len()),
            starts: vec![0],
            cols: Vec::with_capacity(rows.nnz()),
            values: Vec::with_capacity(rows.nnz()),
        };
        for (id, row) in ids.iter().zip(rows.outer_iterator()) {
            this.cols
                .extend(row.indices().iter().map(|j| j.index() as u64));
            this.values.extend_from_slice(row.data());
            this.end_row(*id);
        }
        Ok(this)
    }

    fn end_row(&mut self, id: usize) {
        self.place.insert(id, self.ids.len() as u32);
        self.ids.push(id);
        self.starts.push(self.cols.len());
    }

    fn row(&self, at: usize) -> (&[u64], &[T]) {
        let range = self.starts[at]..self.starts[at + 1];
        (&self.cols[range.clone()], &self.values[range])
    }

    /// Adds one layer: the rows that entries of the present ones point to, fetched from their owners.
    /// Collective. Ranks give away their first `own` rows only.
    pub(super) fn extend(
        &mut self,
        world: &World,
        own: usize,
        owners: &(impl Ownership + ?Sized),
    ) -> Result<(), PrecondError> {
        let wanted = world.agree(self.frontier(world, owners))?;
        let asked = world.all_to_all(&wanted)?;
        let answers = world.agree(self.answer(&asked, own))?;
        let lengths = world.all_to_all(&answers.lengths)?;
        let cols = world.all_to_all(&answers.cols)?;
        let values = world.all_to_all(&answers.values)?;
        for (rank, ids) in wanted.iter().enumerate() {
            let mut at = 0;
            for (id, length) in ids.iter().zip(&lengths[rank]) {
                let end = at + *length as usize;
                self.cols.extend_from_slice(&cols[rank][at..end]);
                self.values.extend_from_slice(&values[rank][at..end]);
                self.end_row(*id as usize);
                at = end;
            }
        }
        Ok(())
    }

    /// The ids of the next layer, by owner, ascending.
    fn frontier(
        &self,
        world: &World,
        owners: &(impl Ownership + ?Sized),
    ) -> Result<Vec<Vec<u64>>, PrecondError> {
        let ranks = world.size();
        let beyond = |j: &&u64| !self.place.contains_key(&(**j as usize));
        let mut ids: Vec<u64> = self.cols.iter().filter(beyond).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut wanted = vec![Vec::new(); ranks];
        for j in ids {
            let id = j as usize;
            let owner = owners.owner(id).ok_or(MpiError::NoOwner { id })?;
            let list = wanted.get_mut(owner);
            list.ok_or(MpiError::NoSuchRank { id, owner, ranks })?
                .push(j);
        }
        Ok(wanted)
    }

    fn answer(&self, asked: &[Vec<u64>], own: usize) -> Result<Answers<T>, PrecondError> {
        let mut answers = Answers::default();
        for (rank, ids) in asked.iter().enumerate() {
            let (mut lengths, mut cols, mut values) = (Vec::new(), Vec::new(), Vec::new());
            for id in ids {
                let id = *id as usize;
                let at = self.place.get(&id).map(|at| *at as usize);
                let at = at.filter(|at| *at < own);
                let (c, v) = self.row(at.ok_or(MpiError::NotOwned { rank, id })?);
                lengths.push(c.len() as u64);
                cols.extend_from_slice(c);
                values.extend_from_slice(v);
            }
            answers.lengths.push(lengths);
            answers.cols.push(cols);
            answers.values.push(values);
        }
        Ok(answers)
    }

    /// The present rows and columns, in the order of the whole matrix, and where each row went.
    pub(super) fn matrix(&self) -> Result<(CsMatI<T, u32>, Vec<u32>), PrecondError> {
        let n = self.ids.len();
        if n.max(self.cols.len()) >= u32::MAX as usize {
            let nnz = self.cols.len();
            return Err(PrecondError::TooLarge { rows: n, nnz });
        }
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_unstable_by_key(|at| self.ids[*at as usize]);
        let mut place = vec![0u32; n];
        for (new, at) in order.iter().enumerate() {
            place[*at as usize] = new as u32;
        }
        let (mut starts, mut indices, mut values) = (vec![0u32], Vec::new(), Vec::new());
        let mut row = Vec::new();
        for at in order {
            let (cols, entries) = self.row(at as usize);
            row.clear();
            for (j, v) in cols.iter().zip(entries) {
                if let Some(k) = self.place.get(&(*j as usize)) {
                    row.push((place[*k as usize], *v));
                }
            }
            row.sort_unstable_by_key(|(j, _)| *j);
            indices.extend(row.iter().map(|(j, _)| *j));
            values.extend(row.iter().map(|(_, v)| *v));
            starts.push(indices.len() as u32);
        }
        Ok((CsMatI::new((n, n), starts, indices, values), place))
    }
}

/// Rows for those who asked, by rank.
struct Answers<T> {
    lengths: Vec<Vec<u64>>,
    cols: Vec<Vec<u64>>,
    values: Vec<Vec<T>>,
}

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self {
            lengths: Vec::new(),
            cols: Vec::new(),
            values: Vec::new(),
        }
    }
}
