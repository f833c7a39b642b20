//! Patterns of products and powers, and the numeric product on such a pattern.

use sprs::{CsMatI, CsMatViewI, SpIndex};

use crate::error::{GraphError, id, same, square};
use crate::pattern::Pattern;

const NONE: u32 = u32::MAX;

impl Pattern<'_> {
    /// The pattern of the product with `other`: `(i, j)` is stored if a path `i → c → j` exists.
    ///
    /// Counts first, then fills an array of exactly the right size; time O(paths + rows + cols of the result) and, where rows
    /// of the result are short, a sort of each row.
    ///
    /// # Errors
    /// [`GraphError::DimensionMismatch`] if the inner dimensions differ; [`GraphError::IndexOverflow`] if the result has more
    /// than 2³² − 1 entries.
    ///
    /// # Examples
    /// ```
    /// use la_graph::Pattern;
    ///
    /// let path = Pattern::from_coordinates(3, 3, [(0, 1), (1, 2)])?;
    /// let square = path.product(&path)?;
    /// assert_eq!(square.entries().collect::<Vec<_>>(), [(0, 2)]);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn product(&self, other: &Pattern<'_>) -> Result<Pattern<'static>, GraphError> {
        same(
            "the number of rows of the right factor",
            self.cols(),
            other.rows(),
        )?;
        let mut seen = vec![NONE; other.cols()];
        let mut indptr = Vec::with_capacity(self.rows() + 1);
        let mut nnz = 0usize;
        indptr.push(0);
        for i in 0..self.rows() {
            for &c in self.row(i) {
                for &j in other.row(c as usize) {
                    if seen[j as usize] != i as u32 {
                        seen[j as usize] = i as u32;
                        nnz += 1;
                    }
                }
            }
            indptr.push(id("the number of entries of the product", nnz)?);
        }
        seen.fill(NONE);
        let mut indices = Vec::with_capacity(nnz);
        for i in 0..self.rows() {
            let start = indices.len();
            for &c in self.row(i) {
                for &j in other.row(c as usize) {
                    if seen[j as usize] != i as u32 {
                        seen[j as usize] = i as u32;
                        indices.push(j);
                    }
                }
            }
            sort_row(&mut indices[start..], &seen, i as u32);
        }
        Ok(Pattern::trusted(self.rows(), other.cols(), indptr, indices))
    }

    /// The entries of either pattern.
    ///
    /// # Errors
    /// [`GraphError::DimensionMismatch`] if the shapes differ; [`GraphError::IndexOverflow`] for too many entries.
    ///
    /// # Examples
    /// ```
    /// use la_graph::Pattern;
    ///
    /// let p = Pattern::from_coordinates(2, 2, [(0, 0), (1, 0)])?;
    /// let q = Pattern::from_coordinates(2, 2, [(1, 0), (1, 1)])?;
    /// assert_eq!(p.union(&q)?.nnz(), 3);
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn union(&self, other: &Pattern<'_>) -> Result<Pattern<'static>, GraphError> {
        same("the number of rows", self.rows(), other.rows())?;
        same("the number of columns", self.cols(), other.cols())?;
        let mut indptr = Vec::with_capacity(self.rows() + 1);
        let mut nnz = 0;
        indptr.push(0);
        for i in 0..self.rows() {
            merge(self.row(i), other.row(i), |_| nnz += 1);
            indptr.push(id("the number of entries of the union", nnz)?);
        }
        let mut indices = Vec::with_capacity(nnz);
        for i in 0..self.rows() {
            merge(self.row(i), other.row(i), |j| indices.push(j));
        }
        Ok(Pattern::trusted(self.rows(), self.cols(), indptr, indices))
    }

    /// The pattern with every diagonal entry added.
    ///
    /// # Errors
    /// [`GraphError::NotSquare`]; [`GraphError::IndexOverflow`] for too many entries.
    pub fn with_diagonal(&self) -> Result<Pattern<'static>, GraphError> {
        square("adding the diagonal", self.rows(), self.cols())?;
        let n = self.rows() as u32;
        let identity = Pattern::trusted(
            self.rows(),
            self.rows(),
            (0..=n).collect::<Vec<_>>(),
            (0..n).collect::<Vec<_>>(),
        );
        self.union(&identity)
    }

    /// This pattern and the off-diagonal entries of its square: no new self loops.
    ///
    /// # Errors
    /// As [`Pattern::k_hop`].
    ///
    /// # Examples
    /// ```
    /// use la_graph::Pattern;
    ///
    /// let edges = Pattern::from_coordinates(3, 3, [(0, 1), (1, 0), (1, 2), (2, 1)])?;
    /// let p = edges.two_hop()?;
    /// assert!(p.contains(0, 2) && p.contains(2, 0));
    /// assert!(!p.contains(0, 0)); // 0 → 1 → 0 gives no self loop
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    ///
    /// # References
    /// The relaxed pattern of P. Häusner, O. Öktem, J. Sjölund, *Neural incomplete factorization*, TMLR 2024.
    pub fn two_hop(&self) -> Result<Pattern<'static>, GraphError> {
        self.k_hop(2)
    }

    /// Entries `(i, j)` joined by a walk of 1 to `hops` arcs; new diagonal entries are left out.
    ///
    /// `hops = 1` is the pattern itself, `hops = 0` the stored part of its diagonal. Stops early once nothing new appears.
    ///
    /// # Errors
    /// [`GraphError::NotSquare`]; [`GraphError::IndexOverflow`] if the result has more than 2³² − 1 entries.
    ///
    /// # Examples
    /// ```
    /// use la_graph::Pattern;
    ///
    /// let cycle = Pattern::from_coordinates(4, 4, [(0, 1), (1, 2), (2, 3), (3, 0)])?;
    /// assert_eq!(cycle.k_hop(3)?.nnz(), 12);
    /// assert_eq!(cycle.k_hop(9)?.nnz(), 12); // the diagonal stays out
    /// # Ok::<(), la_graph::GraphError>(())
    /// ```
    pub fn k_hop(&self, hops: usize) -> Result<Pattern<'static>, GraphError> {
        square("a k-hop pattern", self.rows(), self.cols())?;
        if hops == 0 {
            return Ok(self.restrict(|i, j| i == j));
        }
        // Walks that revisit their start matter on the way, so the diagonal is dropped only at the end.
        let mut reach = self.clone().into_owned();
        for _ in 1..hops {
            let next = self.union(&reach.product(self)?)?;
            let done = next.nnz() == reach.nnz();
            reach = next;
            if done {
                break;
            }
        }
        Ok(reach.restrict(|i, j| i != j || self.contains(i, j)))
    }

    /// The entries for which `keep(row, column)` holds.
    #[must_use]
    pub fn restrict(&self, mut keep: impl FnMut(usize, usize) -> bool) -> Pattern<'static> {
        let mut indptr = Vec::with_capacity(self.rows() + 1);
        let mut indices = Vec::new();
        indptr.push(0);
        for i in 0..self.rows() {
            indices.extend(self.row(i).iter().filter(|&&j| keep(i, j as usize)));
            indptr.push(indices.len() as u32);
        }
        Pattern::trusted(self.rows(), self.cols(), indptr, indices)
    }
}

/// A matrix with the fill-in of its two-hop pattern: stored values stay, new entries are 0.
///
/// Restrict the result with [`lower_triangle`](crate::lower_triangle) to get the relaxed pattern of a learned factor.
///
/// # Errors
/// As [`Pattern::k_hop`].
///
/// # Examples
/// ```
/// use la_graph::two_hop;
/// use sprs::CsMat;
///
/// let a = CsMat::new((3, 3), vec![0, 1, 3, 4], vec![1, 0, 2, 1], vec![1.0, 1.0, 2.0, 2.0]);
/// let b = two_hop(a.view())?;
/// assert_eq!(b.get(0, 1), Some(&1.0));
/// assert_eq!(b.get(0, 2), Some(&0.0));
/// # Ok::<(), la_graph::GraphError>(())
/// ```
pub fn two_hop<T: Copy + Default, I: SpIndex, P: SpIndex>(
    a: CsMatViewI<'_, T, I, P>,
) -> Result<CsMatI<T, u32>, GraphError> {
    let stored = crate::triangular::to_rows(a)?;
    let pattern = Pattern::borrow(stored.view())?.two_hop()?;
    let base = Pattern::borrow(stored.view())?;
    let mut values = vec![T::default(); pattern.nnz()];
    let mut data = stored.data().iter();
    for i in 0..pattern.rows() {
        let start = pattern.indptr()[i] as usize;
        let mut old = base.row(i).iter().peekable();
        for (slot, j) in values[start..].iter_mut().zip(pattern.row(i)) {
            if old.next_if_eq(&j).is_some()
                && let Some(&value) = data.next()
            {
                *slot = value;
            }
        }
    }
    pattern.with_values(values)
}

/// Σ over paths `i → c → j` of `multiply(a_ic, b_cj)`, in the order of the entries of `result`.
pub(crate) fn accumulate<A: Copy, B: Copy, C: Copy + Default>(
    (a, a_values): (&Pattern<'_>, &[A]),
    (b, b_values): (&Pattern<'_>, &[B]),
    result: &Pattern<'_>,
    add_product: impl Fn(C, A, B) -> C,
) -> Vec<C> {
    let mut dense = vec![C::default(); result.cols()];
    let mut values = Vec::with_capacity(result.nnz());
    for i in 0..a.rows() {
        let row = a.indptr()[i] as usize..a.indptr()[i + 1] as usize;
        for (&c, &weight) in a.row(i).iter().zip(&a_values[row]) {
            let c = c as usize;
            let range = b.indptr()[c] as usize..b.indptr()[c + 1] as usize;
            for (&j, &w) in b.indices()[range.clone()].iter().zip(&b_values[range]) {
                let sum = &mut dense[j as usize];
                *sum = add_product(*sum, weight, w);
            }
        }
        for &j in result.row(i) {
            values.push(std::mem::take(&mut dense[j as usize]));
        }
    }
    values
}

/// Sorts one row of a result; a long row is read off the marks instead.
fn sort_row(row: &mut [u32], seen: &[u32], mark: u32) {
    if row.len() > seen.len() / 8 {
        let columns = (0..seen.len() as u32).filter(|&j| seen[j as usize] == mark);
        for (slot, j) in row.iter_mut().zip(columns) {
            *slot = j;
        }
    } else {
        row.sort_unstable();
    }
}

/// Visits the union of two increasing lists.
fn merge(a: &[u32], b: &[u32], mut visit: impl FnMut(u32)) {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let next = match (a.peek(), b.peek()) {
            (Some(&&x), Some(&&y)) => x.min(y),
            (Some(&&x), None) => x,
            (None, Some(&&y)) => y,
            (None, None) => return,
        };
        a.next_if(|x| **x == next);
        b.next_if(|y| **y == next);
        visit(next);
    }
}
