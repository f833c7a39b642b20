//! Maximum-product matching of rows with columns, and the scaling that comes with it.

mod search;

use la_krylov::Real;
use sprs::{CsMatViewI, SpIndex};

use super::level::largest_entry;
use crate::PrecondError;
use crate::classical::input::{Rows, with_rows};

/// A column for each row such that the product of the entries is as large as possible.
///
/// Moving column [`columns`](Self::columns)`[i]` to place `i` puts those entries on the diagonal. The
/// dual variables of the matching give scalings `D_r`, `D_c` with `|D_r A D_c| ≤ 1` everywhere and
/// `= 1` on the matched entries: the best of both worlds for an incomplete factorisation, which
/// needs a diagonal that is neither zero nor small against its row and column.
///
/// Of a matrix that is structurally singular as many rows as possible are matched, then the rest is
/// paired in increasing order; [`structural_rank`](Self::structural_rank) tells. Among matchings of
/// that size the product of each block that can be matched is the largest, but which rows stay
/// unmatched follows from the order of the rows.
///
/// Costs O(n (nnz + n log n)) in the worst case, in practice a few passes over the entries: shortest
/// augmenting paths from the rows that a greedy start leaves over. Memory 12 bytes per entry and
/// about 70 per row.
///
/// # Examples
/// ```
/// use la_precond::classical::Matching;
/// use la_precond::sprs::CsMat;
///
/// // [0 2; 8 1]
/// let a = CsMat::new((2, 2), vec![0, 1, 3], vec![1, 0, 1], vec![2.0, 8.0, 1.0]);
/// let matching = Matching::maximum_product(a.view())?;
/// assert_eq!(matching.columns, [1, 0]);
/// let scaled = |i: usize, j: usize, value: f64| matching.row_scaling[i] * value * matching.column_scaling[j];
/// assert!((scaled(0, 1, 2.0) - 1.0).abs() < 1e-15);
/// assert!((scaled(1, 0, 8.0) - 1.0).abs() < 1e-15);
/// assert!(scaled(1, 1, 1.0) <= 1.0);
/// # Ok::<(), la_precond::PrecondError>(())
/// ```
///
/// # References
/// I. S. Duff, J. Koster, *SIAM J. Matrix Anal. Appl.* 22(4), 973–996, 2001 (algorithm MC64, job 5);
/// M. Olschowka, A. Neumaier, *Linear Algebra Appl.* 240, 131–151, 1996 (the scaling). Deviates: rows
/// and columns change roles, and a search that fails removes what it has reached from later ones.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Matching {
    /// The column that belongs to each row: a permutation, also for singular matrices.
    pub columns: Vec<u32>,
    /// How many of them are matched by an entry that is not zero.
    pub structural_rank: usize,
    /// The diagonal of `D_r`, positive.
    pub row_scaling: Vec<f64>,
    /// The diagonal of `D_c`, positive.
    pub column_scaling: Vec<f64>,
}

impl Matching {
    /// Computes the matching. Stored zeros count as not stored.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`], [`PrecondError::TooLarge`], [`PrecondError::NonFinite`].
    ///
    /// # Examples
    /// See [`Matching`].
    pub fn maximum_product<T: Real, I: SpIndex>(
        a: CsMatViewI<'_, T, I>,
    ) -> Result<Self, PrecondError> {
        with_rows(a, |rows, n| Self::of_rows(&rows, n))
    }

    pub(super) fn of_rows<T: Real, I: SpIndex>(
        a: &Rows<'_, T, I>,
        n: usize,
    ) -> Result<Self, PrecondError> {
        largest_entry(a, n)?;
        // Costs log(max_j |a_ij| / |a_ij|) ≥ 0: dividing first makes them independent of row scaling.
        let mut top = vec![0.0_f64; n];
        let mut graph = search::Graph::new(n);
        for (i, top) in top.iter_mut().enumerate() {
            let (cols, values) = a.row(i);
            *top = values.iter().fold(0.0, |m, v| m.max(v.abs().to_f64()));
            for (col, value) in cols.iter().zip(values) {
                let size = value.abs().to_f64();
                if size > 0.0 {
                    let cost = (*top / size).min(f64::MAX).ln();
                    graph.push(col.index() as u32, cost);
                }
            }
            graph.end_row();
        }
        let duals = search::solve(&graph);
        let mut columns = duals.column_of;
        let structural_rank = columns.iter().filter(|&&j| j != search::NONE).count();
        let mut free = (0..n).filter(|&j| duals.row_of[j] == search::NONE);
        for column in columns.iter_mut().filter(|j| **j == search::NONE) {
            // As many columns as rows are free.
            *column = free.next().map_or(search::NONE, |j| j as u32);
        }
        let usable = |s: f64| if s.is_finite() && s > 0.0 { s } else { 1.0 };
        let row_scaling = duals
            .row
            .iter()
            .zip(&top)
            .map(|(&u, &top)| usable(u.clamp(-LIMIT, LIMIT).exp() / top))
            .collect();
        let column_scaling = duals.col.iter().map(|&v| v.clamp(-LIMIT, LIMIT).exp());
        Ok(Self {
            columns,
            structural_rank,
            row_scaling,
            column_scaling: column_scaling.collect(),
        })
    }
}

/// Largest logarithm of a scaling; beyond it entries would overflow.
const LIMIT: f64 = 650.0;
