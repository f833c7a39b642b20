//! Sparse matrices of dense blocks.

use std::ops::Range;

use la_krylov::Real;
use sprs::{CsMatI, SpIndex};

use super::threads::{Entries, over_rows};
use super::width::{Width, with_two_widths};
use crate::PrecondError;
use crate::classical::input::Rows;

/// A sparse matrix of dense blocks of `height` × `width` entries, compressed by block rows; blocks
/// are stored by rows. With 1 × 1 blocks this is plain CSR.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BlockCsr<T> {
    /// Number of block columns.
    pub(crate) cols: usize,
    /// Rows of a block.
    pub(crate) height: usize,
    /// Columns of a block.
    pub(crate) width: usize,
    /// Start of each block row, one more than there are.
    pub(crate) starts: Vec<u32>,
    /// Block columns.
    pub(crate) indices: Vec<u32>,
    /// Entries, block after block.
    pub(crate) values: Vec<T>,
}

impl<T: Real> BlockCsr<T> {
    /// Number of block rows.
    pub(crate) fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Stored scalars.
    pub(crate) fn nnz(&self) -> usize {
        self.values.len()
    }

    /// Positions of the blocks of row `i`.
    #[inline(always)]
    pub(crate) fn range(&self, i: usize) -> std::ops::Range<usize> {
        self.starts[i] as usize..self.starts[i + 1] as usize
    }

    /// Block columns of row `i`.
    #[inline(always)]
    pub(crate) fn columns(&self, i: usize) -> &[u32] {
        &self.indices[self.range(i)]
    }

    /// Entries of the block at position `k`.
    #[inline(always)]
    pub(crate) fn block(&self, k: usize) -> &[T] {
        let size = self.height * self.width;
        &self.values[k * size..(k + 1) * size]
    }

    /// Stored bytes.
    pub(crate) fn bytes(&self) -> usize {
        4 * (self.starts.len() + self.indices.len()) + size_of::<T>() * self.values.len()
    }

    /// The same matrix in another scalar type.
    pub(crate) fn cast<U: Real>(&self) -> BlockCsr<U> {
        let convert = |v: &T| U::from_f64(v.to_f64());
        BlockCsr {
            cols: self.cols,
            height: self.height,
            width: self.width,
            starts: self.starts.clone(),
            indices: self.indices.clone(),
            values: self.values.iter().map(convert).collect(),
        }
    }

    /// `y += A x`.
    pub(crate) fn add_product(&self, x: &[T], y: &mut [T]) {
        self.add_product_shared(false, x, y);
    }

    /// `y += A x`, shared by threads if `par` says so. Every row is summed in one order.
    pub(crate) fn add_product_shared(&self, par: bool, x: &[T], y: &mut [T]) {
        let entries = Entries {
            entries: y,
            size: self.height,
        };
        over_rows(0..self.rows(), par, entries, &|rows, y| {
            with_two_widths!(self.height, self.width, (h, w) =>
                self.add_product_sized(h, w, rows, x, y.entries));
        });
    }

    fn add_product_sized(
        &self,
        h: impl Width,
        w: impl Width,
        rows: Range<usize>,
        x: &[T],
        y: &mut [T],
    ) {
        let (h, w) = (h.get(), w.get());
        let mut start = self.starts[rows.start] as usize;
        let ends = &self.starts[rows.start + 1..=rows.end];
        for (y, end) in y.chunks_exact_mut(h).zip(ends) {
            let end = *end as usize;
            let blocks = self.values[start * h * w..end * h * w].chunks_exact(h * w);
            for (&j, block) in self.indices[start..end].iter().zip(blocks) {
                let x = &x[j as usize * w..][..w];
                for (y, row) in y.iter_mut().zip(block.chunks_exact(w)) {
                    for (a, x) in row.iter().zip(x) {
                        *y += *a * *x;
                    }
                }
            }
            start = end;
        }
    }

    /// The transpose, with sorted rows.
    pub(crate) fn transpose(&self) -> Self {
        let (h, w) = (self.height, self.width);
        let mut starts = vec![0_u32; self.cols + 1];
        for &j in &self.indices {
            starts[j as usize + 1] += 1;
        }
        for j in 0..self.cols {
            starts[j + 1] += starts[j];
        }
        let mut next = starts.clone();
        let mut indices = vec![0; self.indices.len()];
        let mut values = vec![T::ZERO; self.values.len()];
        for i in 0..self.rows() {
            for k in self.range(i) {
                let to = &mut next[self.indices[k] as usize];
                indices[*to as usize] = i as u32;
                let target = &mut values[*to as usize * h * w..][..h * w];
                for (row, entries) in self.block(k).chunks_exact(w).enumerate() {
                    for (col, v) in entries.iter().enumerate() {
                        target[col * h + row] = *v;
                    }
                }
                *to += 1;
            }
        }
        Self {
            cols: self.rows(),
            height: w,
            width: h,
            starts,
            indices,
            values,
        }
    }

    /// All entries, zeros in blocks included, as a CSR matrix.
    pub(crate) fn to_csr(&self) -> CsMatI<T, u32> {
        let (h, w) = (self.height, self.width);
        let mut starts = vec![0_u32];
        let mut indices = Vec::with_capacity(self.nnz());
        let mut values = Vec::with_capacity(self.nnz());
        for i in 0..self.rows() {
            for row in 0..h {
                for k in self.range(i) {
                    indices.extend((0..w).map(|c| self.indices[k] * w as u32 + c as u32));
                    values.extend_from_slice(&self.block(k)[row * w..(row + 1) * w]);
                }
                starts.push(indices.len() as u32);
            }
        }
        CsMatI::new((self.rows() * h, self.cols * w), starts, indices, values)
    }
}

/// Reads a checked matrix into blocks of order `size`: finite, rows sorted, diagonal positive.
pub(crate) fn read<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    n: usize,
    size: usize,
) -> Result<BlockCsr<f64>, PrecondError> {
    let blocks = n / size;
    let mut starts = Vec::with_capacity(blocks + 1);
    starts.push(0);
    let nnz = if n == 0 { 0 } else { a.nnz() };
    let (mut indices, mut values) = (Vec::new(), Vec::new());
    if size == 1 {
        indices.reserve_exact(nnz);
        values.reserve_exact(nnz);
        for i in 0..n {
            let (cols, entries) = check_row(a, i)?;
            indices.extend(cols.iter().map(|c| c.index() as u32));
            values.extend(entries.iter().map(|v| v.to_f64()));
            starts.push(indices.len() as u32);
        }
    } else {
        indices.reserve(nnz / (size * size));
        values.reserve(nnz);
        // Position of each block column in the current row; valid if not below its start.
        let mut place = vec![u32::MAX; blocks];
        for i in 0..blocks {
            let start = indices.len();
            for row in i * size..(i + 1) * size {
                for col in check_row(a, row)?.0 {
                    let j = col.index() / size;
                    if place[j] == u32::MAX {
                        place[j] = 0;
                        indices.push(j as u32);
                    }
                }
            }
            indices[start..].sort_unstable();
            for (k, &j) in indices[start..].iter().enumerate() {
                place[j as usize] = (start + k) as u32;
            }
            values.resize(indices.len() * size * size, 0.0);
            for row in 0..size {
                let (cols, entries) = a.row(i * size + row);
                for (col, v) in cols.iter().zip(entries) {
                    let (j, c) = (col.index() / size, col.index() % size);
                    values[place[j] as usize * size * size + row * size + c] = v.to_f64();
                }
            }
            for &j in &indices[start..] {
                place[j as usize] = u32::MAX;
            }
            starts.push(indices.len() as u32);
        }
    }
    Ok(BlockCsr {
        cols: blocks,
        height: size,
        width: size,
        starts,
        indices,
        values,
    })
}

type Row<'a, T, I> = (&'a [I], &'a [T]);

fn check_row<'a, T: Real, I: SpIndex>(
    a: &Rows<'a, T, I>,
    i: usize,
) -> Result<Row<'a, T, I>, PrecondError> {
    let (cols, values) = a.row(i);
    if cols.windows(2).any(|w| w[0] >= w[1]) {
        return Err(PrecondError::UnsortedRow { row: i });
    }
    if let Some(k) = values.iter().position(|v| !v.is_finite()) {
        let col = cols[k].index();
        return Err(PrecondError::NonFinite { row: i, col });
    }
    let diagonal = cols
        .binary_search(&I::from_usize(i))
        .map_err(|_| PrecondError::MissingDiagonal { row: i })?;
    if values[diagonal] <= T::ZERO {
        let value = values[diagonal].to_f64();
        return Err(PrecondError::NonPositiveDiagonal { row: i, value });
    }
    Ok((cols, values))
}
