//! Scaling, matching and ordering around a factorisation.

use std::time::Instant;

use la_krylov::Real;
use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::frame::Frame;
use super::level::largest_entry;
use super::ordering::Graph;
use super::scaling::{equilibrate, symmetric_diagonal};
use super::{Ilut, IncompleteLu, IncompleteLuBuilder, Matching, Ordering, Scaling};
use crate::PrecondError;
use crate::classical::input::{Rows, with_rows};

/// Prepares a matrix for an incomplete factorisation: match and scale, then order, then factor.
///
/// `P D_r A D_c Q ≈ L U`: the matching chooses the columns `Q` for the diagonal and the scalings, the
/// [ordering](Ordering) permutes rows and columns alike, and the factorisation `B` sees the result.
/// The permutations and scalings are part of the factors that come back, which precondition `A`
/// itself. This is what makes incomplete LU work on matrices of circuits, chemical processes and
/// optimisation, whose diagonals hold zeros and whose rows differ by many powers of ten. On discretised
/// equations with a sound diagonal and little fill, [`Scaling::None`] and the order of the grid set up faster.
///
/// Costs those of the [matching](Matching) and a copy of the matrix, on top of the factorisation.
///
/// # Shapes
/// As for [`Ilu`](crate::classical::Ilu).
///
/// # Examples
/// ```
/// use la_precond::classical::{Ilut, Ordering, Reordered};
/// use la_precond::sprs::CsMat;
///
/// // Zeros on the diagonal, and rows of very different size.
/// let a = CsMat::new((2, 2), vec![0, 1, 3], vec![1, 0, 1], vec![2e-9, 8e9, 1e9]);
/// let factor = Reordered::new(Ilut::default()).factor(a.view())?;
/// let mut z = [0.0_f64; 2];
/// factor.solve(&[2e-9, 9e9], &mut z);
/// assert!((z[0] - 1.0).abs() < 1e-14 && (z[1] - 1.0).abs() < 1e-14);
/// assert_eq!(factor.stats().structural_rank, Some(2));
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// M. Benzi, J. C. Haws, M. Tůma, *SIAM J. Sci. Comput.* 22(4), 1333–1353, 2000; I. S. Duff, J. Koster,
/// *SIAM J. Matrix Anal. Appl.* 22(4), 973–996, 2001.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Reordered<B = Ilut> {
    /// The factorisation.
    pub factorisation: B,
    /// Scaling, and choice of the diagonal. Default: by matching.
    pub scaling: Scaling,
    /// Order of rows and columns. Default: reverse Cuthill–McKee.
    pub ordering: Ordering,
}

impl<B> Reordered<B> {
    /// Puts matching and reverse Cuthill–McKee in front of a factorisation.
    #[must_use]
    pub fn new(factorisation: B) -> Self {
        Self {
            factorisation,
            scaling: Scaling::default(),
            ordering: Ordering::default(),
        }
    }

    /// Sets the scaling.
    #[must_use]
    pub fn with_scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// Sets the order.
    #[must_use]
    pub fn with_ordering(mut self, ordering: Ordering) -> Self {
        self.ordering = ordering;
        self
    }

    /// Prepares `a` and factors it.
    ///
    /// # Errors
    /// Those of the factorisation; [`PrecondError::NotSquare`], [`PrecondError::TooLarge`];
    /// [`PrecondError::NonFinite`] also for an entry that overflows when it is scaled;
    /// [`PrecondError::Builder`] if an ordering runs out of memory.
    ///
    /// # Examples
    /// See [`Reordered`].
    pub fn factor<T: Real, I: SpIndex>(
        &self,
        a: CsMatViewI<'_, T, I>,
    ) -> Result<IncompleteLu<T>, PrecondError>
    where
        B: IncompleteLuBuilder<T>,
    {
        let start = Instant::now();
        let prepared = with_rows(a, |rows, n| self.prepare(&rows, n))?;
        let factor = self.factorisation.build(prepared.matrix.view())?;
        let mut stats = *factor.stats();
        stats.structural_rank = prepared.rank.or(stats.structural_rank);
        let stats = stats.with_setup_seconds(start.elapsed().as_secs_f64());
        Ok(factor.framed(prepared.frame).with_stats(stats))
    }

    /// Scales, matches and orders.
    pub(crate) fn prepare<T: Real, I: SpIndex>(
        &self,
        a: &Rows<'_, T, I>,
        n: usize,
    ) -> Result<Prepared<T>, PrecondError> {
        largest_entry(a, n)?;
        let mut frame = Frame::default();
        let mut rank = None;
        match self.scaling {
            Scaling::None => {}
            Scaling::SymmetricDiagonal => {
                (frame.row_scale, frame.col_scale) = symmetric_diagonal(a, n);
            }
            Scaling::Equilibrate { passes } => {
                (frame.row_scale, frame.col_scale) = equilibrate(a, n, passes);
            }
            Scaling::Matching => {
                let matching = Matching::of_rows(a, n)?;
                rank = Some(matching.structural_rank);
                frame.cols = matching.columns;
                frame.row_scale = matching.row_scaling;
                frame.col_scale = matching.column_scaling;
            }
        }
        if frame.cols.iter().enumerate().all(|(k, &j)| k == j as usize) {
            frame.cols.clear();
        }
        let place = inverse(&frame.cols);
        let pattern = graph(a, n, &place);
        if let Some(order) = self.ordering.compute(&pattern)? {
            let cols = order.iter();
            frame.cols = match frame.cols.is_empty() {
                true => order.clone(),
                false => cols.map(|&k| frame.cols[k as usize]).collect(),
            };
            frame.rows = order;
        }
        let matrix = apply(a, n, &frame)?;
        Ok(Prepared {
            matrix,
            frame,
            rank,
        })
    }
}

/// What is factored.
pub(crate) struct Prepared<T> {
    pub(crate) matrix: CsMatI<T, u32>,
    /// What was done to the matrix.
    pub(crate) frame: Frame,
    /// Its structural rank, if it is known.
    rank: Option<usize>,
}

impl<T: Real, B: IncompleteLuBuilder<T>> IncompleteLuBuilder<T> for Reordered<B> {
    fn name(&self) -> &str {
        self.factorisation.name()
    }

    fn build(&self, a: CsMatViewI<'_, T, u32>) -> Result<IncompleteLu<T>, PrecondError> {
        self.factor(a)
    }
}

/// The inverse of a permutation; empty stays empty.
fn inverse(permutation: &[u32]) -> Vec<u32> {
    let mut inverse = vec![0; permutation.len()];
    for (k, &j) in permutation.iter().enumerate() {
        inverse[j as usize] = k as u32;
    }
    inverse
}

/// The pattern of the matrix with column `j` at `place[j]`; stored zeros are left out.
fn graph<T: Real, I: SpIndex>(a: &Rows<'_, T, I>, n: usize, place: &[u32]) -> Graph {
    let (mut indptr, mut indices) = (Vec::with_capacity(n + 1), Vec::new());
    indptr.push(0);
    for i in 0..n {
        let (cols, values) = a.row(i);
        for (col, value) in cols.iter().zip(values) {
            if *value != T::ZERO {
                let j = col.index();
                indices.push(place.get(j).map_or(j as u32, |&p| p));
            }
        }
        indptr.push(indices.len());
    }
    Graph { indptr, indices }
}

/// `P D_r A D_c Q` without its zeros.
fn apply<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    n: usize,
    frame: &Frame,
) -> Result<CsMatI<T, u32>, PrecondError> {
    let place = inverse(&frame.cols);
    let mut indptr = Vec::with_capacity(n + 1);
    indptr.push(0_u32);
    let (mut indices, mut data) = (Vec::new(), Vec::new());
    let mut row: Vec<(u32, T)> = Vec::new();
    for k in 0..n {
        let i = frame.rows.get(k).map_or(k, |&p| p as usize);
        let row_scale = frame.row_scale.get(i).copied().unwrap_or(1.0);
        let (cols, values) = a.row(i);
        row.clear();
        for (col, &value) in cols.iter().zip(values) {
            let j = col.index();
            if value == T::ZERO {
                continue;
            }
            let col_scale = frame.col_scale.get(j).copied().unwrap_or(1.0);
            let scaled = T::from_f64(value.to_f64() * row_scale * col_scale);
            if !scaled.is_finite() {
                return Err(PrecondError::NonFinite { row: i, col: j });
            }
            row.push((place.get(j).map_or(j as u32, |&p| p), scaled));
        }
        row.sort_unstable_by_key(|e| e.0);
        indices.extend(row.iter().map(|e| e.0));
        data.extend(row.iter().map(|e| e.1));
        indptr.push(indices.len() as u32);
    }
    CsMatI::try_new((n, n), indptr, indices, data)
        .map_err(|_| PrecondError::PatternMismatch { row: 0 })
}
