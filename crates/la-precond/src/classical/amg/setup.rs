//! Building the levels.

use la_krylov::Real;

use super::SmoothedAggregation;
use super::aggregate::{self, Aggregates, Graph};
use super::block::BlockCsr;
use super::coarse::{self, Coarsest};
use super::cycle::Level;
use super::options::{Improvement, ProlongationSmoother, Strength};
use super::product::{RowOrder, multiply};
use super::segments::Segments;
use super::spectrum::{Effort, spectral_radius};
use super::sweep::LevelMatrix;
use super::{dense, energy, evolution, prolongate, strength, tentative};
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
        let (mut matrix, diagonal) = prepare(a, &floors, depth)?;
        let block = matrix.a.height;
        let coarse_enough =
            matrix.a.rows() <= options.max_coarse || depth + 1 >= options.max_levels;
        if options.smoother.is_polynomial() || (!coarse_enough && options.needs_radius()) {
            let effort = if options.smoother.is_polynomial() {
                Effort::Careful
            } else {
                Effort::Quick
            };
            matrix.rho = spectral_radius(&matrix.a, &diagonal, &matrix.inverse_diagonal, effort);
        }
        let graph = if coarse_enough || !options.needs_graph(fixed.is_some()) {
            None
        } else {
            couplings(options, depth, &matrix, &near_null, count)
        };
        let (starts, neighbours) = graph
            .as_ref()
            .map_or((&matrix.a.starts, &matrix.a.indices), |g| {
                (&g.starts, &g.neighbours)
            });
        let groups = if coarse_enough {
            None
        } else if let Some(fixed) = fixed {
            fixed.get(depth).cloned()
        } else {
            let groups = aggregate::standard(starts, neighbours);
            (groups.count > 0 && groups.count < matrix.a.rows()).then_some(groups)
        };
        let Some(groups) = groups else {
            return finish(options, levels, matrix, &floors, aggregates);
        };
        if let (0, Improvement::Sweeps(sweeps)) = (depth, options.improvement) {
            improve(&matrix, &mut near_null, count, sweeps);
        }
        let tentative = tentative::fit(&groups, &near_null, block, count);
        let prolongator = match options.prolongation {
            ProlongationSmoother::None => {
                prolongate::unsmoothed(&groups, &tentative.values, block, count)
            }
            ProlongationSmoother::Jacobi { omega } => {
                let weight = if matrix.rho > 0.0 {
                    omega / matrix.rho
                } else {
                    0.0
                };
                prolongate::jacobi(
                    &matrix.a,
                    &matrix.inverse_diagonal,
                    weight,
                    &groups,
                    &tentative.values,
                    count,
                )
            }
            ProlongationSmoother::FilteredJacobi { omega } => {
                let (inverse, weight, filtered);
                let smoothing = if let Some(graph) = &graph {
                    filtered = strength::filtered(&matrix.a, graph);
                    (inverse, weight) = filtered_weight(options, &matrix, &filtered, omega);
                    &filtered
                } else {
                    inverse = matrix.inverse_diagonal.clone();
                    weight = if matrix.rho > 0.0 {
                        omega / matrix.rho
                    } else {
                        0.0
                    };
                    &matrix.a
                };
                prolongate::jacobi(
                    smoothing,
                    &inverse,
                    weight,
                    &groups,
                    &tentative.values,
                    count,
                )
            }
            ProlongationSmoother::Energy { steps } => {
                let couplings = energy::Couplings {
                    starts,
                    neighbours,
                    aggregates: &groups,
                };
                energy::minimise(&matrix.a, couplings, &tentative, count, steps)
            }
        };
        let product = multiply(&matrix.a, &prolongator, RowOrder::AsMet)?;
        let coarse = multiply(&prolongator.transpose(), &product, RowOrder::Sorted)?;
        matrix.segment(&floors);
        floors = coarse_floors(&prolongator, &diagonal, &floors);
        near_null = tentative.coarse;
        drop_unused(options, &mut matrix);
        levels.push(Level {
            matrix,
            prolongator,
            restrictor: None,
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
        segments: Segments::single(a.rows()),
        a,
        diagonal_at,
        inverse,
        inverse_diagonal,
        rho: 0.0,
    };
    Ok((matrix, diagonal))
}

/// The strong couplings; `None` if they are all that are stored.
fn couplings(
    options: &SmoothedAggregation,
    depth: usize,
    matrix: &LevelMatrix<f64>,
    near_null: &[f64],
    count: usize,
) -> Option<Graph> {
    let a = &matrix.a;
    match options.strength {
        Strength::Symmetric { theta: 0.0 } | Strength::Halved { theta: 0.0 } => None,
        Strength::Symmetric { theta } => Some(strength::symmetric(a, theta)),
        Strength::Halved { theta } => {
            Some(strength::symmetric(a, theta * 0.5_f64.powi(depth as i32)))
        }
        Strength::Classical { theta } => Some(strength::classical(a, theta)),
        Strength::Evolution { epsilon } => {
            let inverse = &matrix.inverse_diagonal;
            Some(evolution::measure(
                a, inverse, matrix.rho, near_null, count, epsilon,
            ))
        }
    }
}

/// Reciprocals of the diagonal of the filtered matrix, and the weight of a Jacobi step with it.
fn filtered_weight(
    options: &SmoothedAggregation,
    matrix: &LevelMatrix<f64>,
    filtered: &BlockCsr<f64>,
    omega: f64,
) -> (Vec<f64>, f64) {
    let b = filtered.height;
    let mut diagonal = vec![0.0; filtered.rows() * b];
    for i in 0..filtered.rows() {
        for k in filtered
            .range(i)
            .filter(|k| filtered.indices[*k] as usize == i)
        {
            for r in 0..b {
                diagonal[i * b + r] = filtered.block(k)[r * b + r];
            }
        }
    }
    let inverse: Vec<f64> = diagonal
        .iter()
        .zip(&matrix.inverse_diagonal)
        .map(|(d, whole)| if *whole > 0.0 { 1.0 / d } else { 0.0 })
        .collect();
    let rho = if matches!(options.strength, Strength::Classical { .. }) {
        // Not symmetric.
        strength::gershgorin(filtered, &inverse)
    } else {
        spectral_radius(filtered, &diagonal, &inverse, Effort::Quick)
    };
    (inverse, if rho > 0.0 { omega / rho } else { 0.0 })
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
            matrix.symmetric(false, &zero, &mut x, &mut kept);
        }
        for (x, row) in x.iter().zip(near_null.chunks_exact_mut(count)) {
            row[k] = *x;
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

/// Drops the point diagonal unless the smoother uses it.
fn drop_unused(options: &SmoothedAggregation, matrix: &mut LevelMatrix<f64>) {
    if !options.smoother.is_polynomial() {
        matrix.inverse_diagonal = Vec::new();
    }
}

fn finish(
    options: &SmoothedAggregation,
    levels: Vec<Level<f64>>,
    mut matrix: LevelMatrix<f64>,
    floors: &[f64],
    aggregates: Vec<Aggregates>,
) -> Result<Parts, PrecondError> {
    let level = levels.len();
    let inverse = coarse::invert(&matrix.a, floors)
        .map_err(|()| PrecondError::Indefinite { level, row: 0 })?;
    matrix.segment(floors);
    drop_unused(options, &mut matrix);
    Ok(Parts {
        levels,
        coarsest: Coarsest::new(matrix, inverse),
        aggregates,
    })
}

impl SmoothedAggregation {
    /// Whether building a level takes the spectral radius of `D⁻¹A`.
    fn needs_radius(&self) -> bool {
        let jacobi = matches!(
            self.prolongation,
            ProlongationSmoother::Jacobi { .. } | ProlongationSmoother::FilteredJacobi { .. }
        );
        jacobi || matches!(self.strength, Strength::Evolution { .. })
    }

    /// Whether it takes the strong couplings, where the aggregates may be known.
    fn needs_graph(&self, fixed: bool) -> bool {
        let used = matches!(
            self.prolongation,
            ProlongationSmoother::Energy { .. } | ProlongationSmoother::FilteredJacobi { .. }
        );
        !fixed || used
    }
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
            segments: self.segments.clone(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let scalars = self.inverse.len() + self.inverse_diagonal.len();
        let matrix = self.a.bytes() + self.segments.bytes();
        matrix + 4 * self.diagonal_at.len() + scalars * size_of::<T>()
    }
}
