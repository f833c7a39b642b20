//! Leading singular triples.

use faer::{Mat, MatRef};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::kernels::Kernels;
use crate::nmf::Data;
use crate::nmf::data::Entries;
use crate::nmf::products::{Held, Side};
use crate::{OptError, Real};

/// Dense data with no more rows or columns are decomposed completely.
const COMPLETE: usize = 400;
/// Directions beside those that are asked for, and iterations of the range finder.
const OVERSAMPLING: usize = 10;
const POWER_ITERATIONS: usize = 4;

/// The leading singular values and vectors of the data, missing entries taken as zeros: `V ≈ Σ s_c u_c v_cᵀ`.
///
/// Dense data with min(m, n) ≤ 400 are decomposed completely: where they are tall or wide and the singular values asked for are at least 1e-4 of the largest, by the
/// eigenvectors of the Gram matrix of their shorter side and once through V and Vᵀ with these. Others by a randomised range finder with 10 directions more than
/// asked for and 4 power iterations, in 10 products with V and Vᵀ.
///
/// # References
/// N. Halko, P. G. Martinsson, J. A. Tropp, *SIAM Rev.* 53(2), 217–288, 2011, Algorithms 4.4 and 5.1.
///
/// # Examples
/// ```
/// use la_opt::nmf::{Data, TruncatedSvd};
///
/// let data = Data::dense(2, 3, vec![3.0, 0.0, 0.0, 0.0, 2.0, 0.0])?;
/// let svd = TruncatedSvd::new(&data, 2, 0)?;
/// assert!((svd.values[0] - 3.0).abs() < 1e-14 && (svd.values[1] - 2.0).abs() < 1e-14);
/// assert!(svd.rmse(&data) < 1e-7);
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TruncatedSvd {
    /// s, falling, length r.
    pub values: Vec<f64>,
    /// Left vectors, one after the other, each of length m.
    pub left: Vec<f64>,
    /// Right vectors, one after the other, each of length n.
    pub right: Vec<f64>,
}

impl TruncatedSvd {
    /// So many triples. The seed is that of the range finder.
    ///
    /// # Errors
    /// [`OptError::Rank`] unless `1 ≤ rank ≤ min(m, n)`, [`OptError::SingularValues`].
    pub fn new<T: Real>(data: &Data<'_, T>, rank: usize, seed: u64) -> Result<Self, OptError> {
        let limit = data.rows.min(data.columns);
        if rank == 0 || rank > limit {
            return Err(OptError::Rank { rank, limit });
        }
        match &data.entries {
            Entries::Dense { values, .. } if limit <= COMPLETE => {
                let n = data.columns;
                // Squares of numbers far from 1 could overflow or vanish.
                let mean = data.mean();
                let scale = if mean > 0.0 { mean } else { 1.0 };
                let entry = |i: usize, j: usize| -> f64 { values[i * n + j].to_f64() / scale };
                let mut svd = Self::complete(&Mat::from_fn(data.rows, n, entry), rank)?;
                svd.values.iter_mut().for_each(|s| *s *= scale);
                Ok(svd)
            }
            _ => Self::range_finder(data, rank, seed),
        }
    }

    /// All triples, or only the leading ones where the matrix is long.
    fn complete(v: &Mat<f64>, rank: usize) -> Result<Self, OptError> {
        let (short, wide) = (v.nrows().min(v.ncols()), rank + OVERSAMPLING);
        if 2 * short <= v.nrows().max(v.ncols()) && 2 * wide <= short {
            let svd = match v.nrows() > v.ncols() {
                true => Self::by_gram(v.as_ref(), rank, wide)?,
                false => Self::by_gram(v.transpose(), rank, wide)?.map(Self::swapped),
            };
            if let Some(svd) = svd {
                return Ok(svd);
            }
        }
        let svd = v.thin_svd().map_err(|_| OptError::SingularValues)?;
        Ok(Self {
            values: svd.S().column_vector().iter().take(rank).copied().collect(),
            left: columns(svd.U(), rank),
            right: columns(svd.V(), rank),
        })
    }

    /// Of a tall matrix; none where squares of singular values that are asked for would drown in the Gram matrix. A step through the matrix itself brings the digits of the others back.
    fn by_gram(tall: MatRef<'_, f64>, rank: usize, wide: usize) -> Result<Option<Self>, OptError> {
        let eigen = (tall.transpose() * tall)
            .self_adjoint_eigen(faer::Side::Lower)
            .map_err(|_| OptError::SingularValues)?;
        let n = tall.ncols();
        let values = eigen.S().column_vector();
        // Also where they are not numbers.
        let sound = values[n - rank] >= 1e-8 * values[n - 1];
        if !sound {
            return Ok(None);
        }
        let leading = eigen.U().subcols(n - wide, wide);
        let left = (tall * leading).qr().compute_thin_Q();
        let small = tall.transpose() * &left;
        Self::from_range(&left, &small, rank).map(Some)
    }

    /// The triples of Vᵀ.
    fn swapped(self) -> Self {
        Self {
            values: self.values,
            left: self.right,
            right: self.left,
        }
    }

    fn range_finder<T: Real>(data: &Data<'_, T>, rank: usize, seed: u64) -> Result<Self, OptError> {
        let wide = (rank + OVERSAMPLING).min(data.rows.min(data.columns));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = |_, _| StandardNormal.sample(&mut rng);
        let mut right: Mat<f64> = Mat::from_fn(data.columns, wide, &mut normal);
        let mut left = times(data, Side::W, &right).qr().compute_thin_Q();
        for _ in 0..POWER_ITERATIONS {
            right = times(data, Side::H, &left).qr().compute_thin_Q();
            left = times(data, Side::W, &right).qr().compute_thin_Q();
        }
        let small = times(data, Side::H, &left);
        Self::from_range(&left, &small, rank)
    }

    /// From Q with orthonormal columns, `V ≈ Q B`, and Bᵀ = Vᵀ Q: with `Bᵀ = X S Yᵀ`, `V ≈ (Q Y) S Xᵀ`.
    fn from_range(left: &Mat<f64>, small: &Mat<f64>, rank: usize) -> Result<Self, OptError> {
        let svd = small.thin_svd().map_err(|_| OptError::SingularValues)?;
        let rotated = left * svd.V();
        let values = svd.S().column_vector().iter().take(rank).copied().collect();
        Ok(Self {
            values,
            left: columns(rotated.as_ref(), rank),
            right: columns(svd.U(), rank),
        })
    }

    /// The error that no factorisation of this rank can be below: `√((‖V‖² − Σ s_c²) / (m n))`.
    #[must_use]
    pub fn rmse<T: Real>(&self, data: &Data<'_, T>) -> f64 {
        let kept: f64 = self.values.iter().map(|s| s * s).sum();
        ((data.square - kept).max(0.0) / (data.rows as f64 * data.columns as f64)).sqrt()
    }
}

fn columns(matrix: MatRef<'_, f64>, count: usize) -> Vec<f64> {
    let column = |c: usize| matrix.col(c).iter().copied();
    (0..count).flat_map(column).collect()
}

/// V X or Vᵀ X.
fn times<T: Real>(data: &Data<'_, T>, side: Side, x: &Mat<f64>) -> Mat<f64> {
    let stride = x.ncols().next_multiple_of(T::WIDTH);
    let mut factor = vec![T::ZERO; x.nrows() * stride];
    for (i, row) in factor.chunks_exact_mut(stride).enumerate() {
        for (c, to) in row.iter_mut().take(x.ncols()).enumerate() {
            *to = T::from_f64(x[(i, c)]);
        }
    }
    let rows = match side {
        Side::W => data.rows,
        Side::H => data.columns,
    };
    let held = Held {
        kernels: Kernels::detect(),
        stride,
        factor: &factor,
        gram: &vec![T::ZERO; stride * stride],
    };
    // Where entries are missing the other factor is 0, and so are they.
    let own = vec![T::ZERO; rows * stride];
    let mut out = vec![T::ZERO; rows * stride];
    data.times(side, 0..rows, held, &own, &mut out);
    Mat::from_fn(rows, x.ncols(), |i, c| out[i * stride + c].to_f64())
}
