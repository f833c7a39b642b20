//! Orderings of rows and columns.

mod rcm;

#[cfg(feature = "faer")]
mod minimum_degree;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use crate::PrecondError;
use crate::classical::input::with_rows;

/// The order in which rows and columns are eliminated; both are permuted alike, so that the diagonal
/// stays where it is.
///
/// For factors with little fill the order decides about accuracy, and reverse Cuthill–McKee is the
/// one to take; for factors with much fill it decides about memory, and minimum degree is.
///
/// # References
/// E. Cuthill, J. McKee, *Proc. 24th Nat. Conf. ACM*, 157–172, 1969; A. George, J. W. H. Liu, *ACM
/// Trans. Math. Software* 5(3), 284–295, 1979 (where to begin); P. R. Amestoy, T. A. Davis,
/// I. S. Duff, *SIAM J. Matrix Anal. Appl.* 17(4), 886–905, 1996 (AMD); T. A. Davis, J. R. Gilbert,
/// S. I. Larimore, E. G. Ng, *ACM Trans. Math. Software* 30(3), 353–376, 2004 (COLAMD); M. Benzi,
/// D. B. Szyld, A. van Duin, *SIAM J. Sci. Comput.* 20(5), 1652–1670, 1999 (what they do to incomplete
/// factors).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ordering {
    /// As given.
    Natural,
    /// Reverse Cuthill–McKee on the pattern of `A + Aᵀ`: small bandwidth. O(nnz log d) for rows of d
    /// entries.
    #[default]
    ReverseCuthillMcKee,
    /// Approximate minimum degree on the pattern of `A + Aᵀ`: little fill without pivoting.
    #[cfg(feature = "faer")]
    MinimumDegree,
    /// Approximate minimum degree on the pattern of `A Aᵀ`, which is not formed: little fill however
    /// columns are exchanged (ILUTP).
    #[cfg(feature = "faer")]
    ColumnMinimumDegree,
}

/// A pattern by rows.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) indptr: Vec<usize>,
    pub(super) indices: Vec<u32>,
}

impl Graph {
    pub(super) fn n(&self) -> usize {
        self.indptr.len() - 1
    }

    pub(super) fn row(&self, i: usize) -> &[u32] {
        &self.indices[self.indptr[i]..self.indptr[i + 1]]
    }

    /// The pattern of `A + Aᵀ` without the diagonal.
    fn symmetrized(&self) -> Graph {
        let n = self.n();
        // The transpose, by counting.
        let mut start = vec![0_usize; n + 2];
        for &j in &self.indices {
            start[j as usize + 2] += 1;
        }
        for j in 0..n {
            start[j + 2] += start[j + 1];
        }
        let mut transposed = vec![0_u32; self.indices.len()];
        for i in 0..n {
            for &j in self.row(i) {
                let at = &mut start[j as usize + 1];
                transposed[*at] = i as u32;
                *at += 1;
            }
        }
        let mut indptr = Vec::with_capacity(n + 1);
        indptr.push(0);
        let mut indices = Vec::with_capacity(2 * self.indices.len());
        let mut seen = vec![u32::MAX; n];
        for i in 0..n {
            seen[i] = i as u32;
            for &j in self
                .row(i)
                .iter()
                .chain(&transposed[start[i]..start[i + 1]])
            {
                if seen[j as usize] != i as u32 {
                    seen[j as usize] = i as u32;
                    indices.push(j);
                }
            }
            indptr.push(indices.len());
        }
        Graph { indptr, indices }
    }
}

impl Ordering {
    /// The order of a matrix: the row of `a` that comes at each position.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`]; [`PrecondError::Builder`] if minimum degree fails.
    ///
    /// # Examples
    /// ```
    /// use la_precond::classical::Ordering;
    /// use la_precond::sprs::CsMat;
    ///
    /// // An arrow that points up: its first row fills everything, so it comes last or last but one.
    /// let (indptr, indices) = (vec![0, 4, 6, 8, 10], vec![0, 1, 2, 3, 0, 1, 0, 2, 0, 3]);
    /// let a = CsMat::new((4, 4), indptr, indices, vec![1.0; 10]);
    /// assert_eq!(Ordering::Natural.order(a.view())?, [0, 1, 2, 3]);
    /// # #[cfg(feature = "faer")]
    /// assert!(Ordering::MinimumDegree.order(a.view())?[2..].contains(&0));
    /// # Ok::<(), la_precond::PrecondError>(())
    /// ```
    pub fn order<T: Real, I: SpIndex>(
        self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<Vec<usize>, PrecondError> {
        with_rows(a, |rows, n| {
            let mut graph = Graph {
                indptr: Vec::with_capacity(n + 1),
                indices: Vec::with_capacity(rows.nnz()),
            };
            graph.indptr.push(0);
            for i in 0..n {
                let others = rows.row(i).0.iter().map(|j| j.index() as u32);
                graph.indices.extend(others.filter(|&j| j as usize != i));
                graph.indptr.push(graph.indices.len());
            }
            Ok(match self.compute(&graph)? {
                Some(order) => order.into_iter().map(|i| i as usize).collect(),
                None => (0..n).collect(),
            })
        })
    }

    /// The row that comes at each position; `None` for the natural order.
    pub(super) fn compute(self, pattern: &Graph) -> Result<Option<Vec<u32>>, PrecondError> {
        match self {
            Self::Natural => Ok(None),
            Self::ReverseCuthillMcKee => Ok(Some(rcm::order(&pattern.symmetrized()))),
            #[cfg(feature = "faer")]
            Self::MinimumDegree => minimum_degree::amd(&pattern.symmetrized()).map(Some),
            #[cfg(feature = "faer")]
            Self::ColumnMinimumDegree => minimum_degree::colamd(pattern).map(Some),
        }
    }
}
