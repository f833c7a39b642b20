//! Building the levels.

use la_krylov::Real;

use super::SmoothedAggregation;
use super::aggregate::{self, Aggregates, Graph};
use super::block::BlockCsr;
use super::coarse::{self, Coarsest};
use super::cycle::Level;
use super::options::{Improvement, ProlongationSmoother, Strength};
use super::product::{RowOrder, multiply};
use super::sweep::LevelMatrix;
use super::{dense, prolongate, spectrum, strength, tentative};
use crate::PrecondError;

/// What building gives.
pub(super) struct Parts {
    pub(super) levels: Vec<Level<f64>>,
    pub(super) coarsest: Coarsest<f64>,
    pub(super) aggregates: Vec<Aggregates>,
}

/// A diagonal entry of a coarse matrix below this part of the sum it was computed from is rounding.
const ROUNDING: f64 = 1e-13;

/// Builds all levels from the matrix and the near-null space; with `fixed` aggregates where they are
/// given, and no further levels than those.
pub(super) fn build(
    options: &SmoothedAggregation,
    a: BlockCsr<f64>,
    mut near_null: Vec<f64>,
    count: usize,
    fixed: Option<&[Aggregates]>,
) -> Result<Parts, PrecondError> {
    let (mut levels, mut aggregates) = (Vec::new(), Vec::new());
    let mut floors = vec![0.0; a.rows() * a.height];
    let mut a = a;
    loop {
        let depth = levels.len();
        let (matrix, diagonal) = prepare(a, &floors, depth)?;
        let block = matrix.a.height;
        let coarse_enough =
            matrix.a.rows() <= options.max_coarse || depth + 1 >= options.max_levels;
        let groups = if coarse_enough {
            None
        } else if let Some(fixed) = fixed {
            fixed.get(depth).cloned()
        } else {
            coarsen(options, &matrix, &diagonal, &near_null, count)
        };
        let Some(groups) = groups else {
            return finish(options, levels, matrix, &diagonal, &floors, aggregates);
        };
        if let (0, Improvement::Sweeps(sweeps)) = (depth, options.improvement) {
            improve(&matrix, &mut near_null, count, sweeps);
        }
        let tentative = tentative::fit(&groups, &near_null, block, count);
        let prolongator = smooth(
            options,
            &matrix,
            &diagonal,
            &groups,
            &tentative.values,
            count,
        );
        let product = multiply(&matrix.a, &prolongator, RowOrder::AsMet);
        let coarse = multiply(&prolongator.transpose(), &product, RowOrder::Sorted);
        floors = coarse_floors(&prolongator, &diagonal, &floors);
        near_null = tentative.coarse;
        let matrix = polynomial(options, matrix, &diagonal);
        levels.push(Level {
            matrix,
            prolongator,
        });
        aggregates.push(groups);
        a = coarse;
    }
}

/// Finds the diagonal and inverts its blocks. Returns the scalar diagonal too.
fn prepare(
    a: BlockCsr<f64>,
    floors: &[f64],
    level: usize,
) -> Result<(LevelMatrix<f64>, Vec<f64>), PrecondError> {
    let b = a.height;
    let mut diagonal_at = Vec::with_capacity(a.rows());
    let mut diagonal = Vec::with_capacity(floors.len());
    let mut inverse = Vec::with_capacity(floors.len() * b);
    for i in 0..a.rows() {
        let found = a.columns(i).binary_search(&(i as u32));
        let k = found.map_err(|_| PrecondError::MissingDiagonal { row: i * b })?;
        let k = a.starts[i] as usize + k;
        diagonal_at.push(k as u32);
        let block = a.block(k);
        if b == 1 {
            let d = block[0];
            if d < -floors[i] {
                return Err(PrecondError::Indefinite { level, row: i });
            }
            diagonal.push(d);
            inverse.push(if d > floors[i] { 1.0 / d } else { 0.0 });
        } else {
            diagonal.extend((0..b).map(|r| block[r * b + r]));
            let floors = &floors[i * b..(i + 1) * b];
            let row = i * b;
            inverse.extend(
                dense::generalised_inverse(block, b, floors)
                    .ok_or(PrecondError::Indefinite { level, row })?,
            );
        }
    }
    // Scalar rows keep the reciprocals of their diagonal in `inverse`; blocks need them apart.
    let inverse_diagonal = if b == 1 {
        inverse.clone()
    } else {
        let entry = |(d, floor): (&f64, &f64)| if d > floor { 1.0 / d } else { 0.0 };
        diagonal.iter().zip(floors).map(entry).collect()
    };
    let matrix = LevelMatrix {
        a,
        diagonal_at,
        inverse,
        inverse_diagonal,
        rho: 0.0,
    };
    Ok((matrix, diagonal))
}

/// Strength and aggregation. `None` if nothing can be aggregated.
fn coarsen(
    options: &SmoothedAggregation,
    matrix: &LevelMatrix<f64>,
    _diagonal: &[f64],
    _near_null: &[f64],
    _count: usize,
) -> Option<Aggregates> {
    let a = &matrix.a;
    let graph: Graph;
    let (starts, neighbours) = match options.strength {
        Strength::Symmetric { theta: 0.0 } => (&a.starts, &a.indices),
        Strength::Symmetric { theta } => {
            graph = strength::symmetric(a, theta);
            (&graph.starts, &graph.neighbours)
        }
        Strength::Classical { theta } => {
            graph = strength::classical(a, theta);
            (&graph.starts, &graph.neighbours)
        }
    };
    let groups = aggregate::standard(starts, neighbours);
    (groups.count > 0 && groups.count < a.rows()).then_some(groups)
}

/// Relaxes `A b = 0` for every near-null-space vector.
fn improve(matrix: &LevelMatrix<f64>, near_null: &mut [f64], count: usize, sweeps: usize) {
    let n = matrix.order();
    let (zero, mut kept, mut x) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    for k in 0..count {
        for (x, row) in x.iter_mut().zip(near_null.chunks_exact(count)) {
            *x = row[k];
        }
        for _ in 0..sweeps {
            matrix.forward(&zero, &mut x, &mut kept);
            matrix.backward_kept(&kept, &mut x);
        }
        for (x, row) in x.iter().zip(near_null.chunks_exact_mut(count)) {
            row[k] = *x;
        }
    }
}

fn smooth(
    options: &SmoothedAggregation,
    matrix: &LevelMatrix<f64>,
    diagonal: &[f64],
    groups: &Aggregates,
    tentative: &[f64],
    count: usize,
) -> BlockCsr<f64> {
    let a = &matrix.a;
    match options.prolongation {
        ProlongationSmoother::None => prolongate::unsmoothed(groups, tentative, a.height, count),
        ProlongationSmoother::Jacobi { omega } => {
            let rho = spectrum::spectral_radius(a, diagonal, &matrix.inverse_diagonal);
            let weight = if rho > 0.0 { omega / rho } else { 0.0 };
            prolongate::jacobi(
                a,
                &matrix.inverse_diagonal,
                weight,
                groups,
                tentative,
                count,
            )
        }
    }
}

/// What of a coarse diagonal entry `Σ_i p_iI² a_ii + …` may be rounding.
fn coarse_floors(p: &BlockCsr<f64>, diagonal: &[f64], floors: &[f64]) -> Vec<f64> {
    let (h, w) = (p.height, p.width);
    let mut coarse = vec![0.0; p.cols * w];
    for i in 0..p.rows() {
        for k in p.range(i) {
            let target = &mut coarse[p.indices[k] as usize * w..][..w];
            for (r, row) in p.block(k).chunks_exact(w).enumerate() {
                let at = i * h + r;
                let unit = (ROUNDING * diagonal[at]).max(floors[at]);
                for (c, p) in target.iter_mut().zip(row) {
                    *c += unit * p * p;
                }
            }
        }
    }
    coarse
}

/// Adds what polynomial smoothers need, and drops the point diagonal otherwise.
fn polynomial(
    options: &SmoothedAggregation,
    mut matrix: LevelMatrix<f64>,
    diagonal: &[f64],
) -> LevelMatrix<f64> {
    if options.smoother.is_polynomial() {
        matrix.rho = spectrum::spectral_radius(&matrix.a, diagonal, &matrix.inverse_diagonal);
    } else {
        matrix.inverse_diagonal = Vec::new();
    }
    matrix
}

fn finish(
    options: &SmoothedAggregation,
    levels: Vec<Level<f64>>,
    matrix: LevelMatrix<f64>,
    diagonal: &[f64],
    floors: &[f64],
    aggregates: Vec<Aggregates>,
) -> Result<Parts, PrecondError> {
    let level = levels.len();
    let inverse = coarse::invert(&matrix.a, floors)
        .map_err(|()| PrecondError::Indefinite { level, row: 0 })?;
    let matrix = polynomial(options, matrix, diagonal);
    Ok(Parts {
        levels,
        coarsest: Coarsest::new(matrix, inverse),
        aggregates,
    })
}

impl<T: Real> LevelMatrix<T> {
    pub(super) fn cast<U: Real>(&self) -> LevelMatrix<U> {
        let convert = |v: &[T]| v.iter().map(|x| U::from_f64(x.to_f64())).collect();
        LevelMatrix {
            a: self.a.cast(),
            diagonal_at: self.diagonal_at.clone(),
            inverse: convert(&self.inverse),
            inverse_diagonal: convert(&self.inverse_diagonal),
            rho: self.rho,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let scalars = self.inverse.len() + self.inverse_diagonal.len();
        self.a.bytes() + 4 * self.diagonal_at.len() + scalars * size_of::<T>()
    }
}
