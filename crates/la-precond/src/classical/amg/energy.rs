//! Prolongators of least energy on a given pattern.

use super::aggregate::{ALONE, Aggregates};
use super::block::BlockCsr;
use super::dense;
use super::product::sort_indices;
use super::tentative::Tentative;

/// The strong couplings of a level and the aggregates made of them.
#[derive(Clone, Copy)]
pub(crate) struct Couplings<'a> {
    pub(crate) starts: &'a [u32],
    pub(crate) neighbours: &'a [u32],
    pub(crate) aggregates: &'a Aggregates,
}

/// Minimises `trace PᵀAP` over matrices with the pattern of `C T` and `P B_c = B`, with a few steps of
/// conjugate gradients from `T`.
///
/// Rows are preconditioned by their sum of absolute values (Gershgorin); every update `U` is projected
/// on `U B_c = 0`, row by row. Each step costs one product `A P` on the pattern.
///
/// J. Mandel, M. Brezina, P. Vaněk, *Computing* 62, 205–228, 1999; L. N. Olson, J. Schroder, R. S.
/// Tuminaro, *SIAM J. Sci. Comput.* 33(2), 966–991, 2011, algorithm 1.
pub(crate) fn minimise(
    a: &BlockCsr<f64>,
    couplings: Couplings<'_>,
    tentative: &Tentative,
    count: usize,
    steps: usize,
) -> BlockCsr<f64> {
    let mut p = couplings.pattern(&tentative.values, a.height, count);
    let projection = Projection::new(&p, &tentative.coarse, count);
    let scale = row_scales(a);
    let mut r = vec![0.0; p.values.len()];
    masked_product(a, &p, &p.values, &mut r);
    r.iter_mut().for_each(|v| *v = -*v);
    projection.apply(&p, &mut r);
    let mut direction = vec![0.0; r.len()];
    let mut product = vec![0.0; r.len()];
    let (mut previous, mut first) = (0.0, 0.0);
    for step in 0..steps {
        let square = weighted_square(&p, &scale, &r);
        if step == 0 {
            first = square;
        }
        if square <= 1e-20 * first || square == 0.0 {
            break;
        }
        let beta = if step == 0 { 0.0 } else { square / previous };
        previous = square;
        for_rows(&p, |row, at| {
            for k in at {
                direction[k] = scale[row] * r[k] + beta * direction[k];
            }
        });
        masked_product(a, &p, &direction, &mut product);
        projection.apply(&p, &mut product);
        let energy: f64 = direction.iter().zip(&product).map(|(x, y)| x * y).sum();
        if energy <= 0.0 {
            break;
        }
        let alpha = square / energy;
        for k in 0..r.len() {
            p.values[k] += alpha * direction[k];
            r[k] -= alpha * product[k];
        }
    }
    p
}

impl Couplings<'_> {
    /// `T` on the pattern of `C T`.
    fn pattern(&self, t: &[f64], block: usize, count: usize) -> BlockCsr<f64> {
        let aggregates = self.aggregates;
        let size = block * count;
        let n = aggregates.of.len();
        let mut last = vec![u32::MAX; aggregates.count];
        let (mut rows, mut indices) = (Vec::with_capacity(n + 1), Vec::with_capacity(2 * n));
        let mut values: Vec<f64> = Vec::with_capacity(2 * n * size);
        rows.push(0);
        for i in 0..n {
            let start = indices.len();
            let row = &self.neighbours[self.starts[i] as usize..self.starts[i + 1] as usize];
            for &j in row.iter().chain([&(i as u32)]) {
                let aggregate = aggregates.of[j as usize];
                if aggregate != ALONE && last[aggregate as usize] != i as u32 {
                    last[aggregate as usize] = i as u32;
                    indices.push(aggregate);
                }
            }
            sort_indices(&mut indices[start..]);
            for &aggregate in &indices[start..] {
                if aggregate == aggregates.of[i] {
                    values.extend_from_slice(&t[i * size..(i + 1) * size]);
                } else {
                    values.resize(values.len() + size, 0.0);
                }
            }
            rows.push(indices.len() as u32);
        }
        BlockCsr {
            cols: aggregates.count,
            height: block,
            width: count,
            starts: rows,
            indices,
            values,
        }
    }
}

/// Calls `f` with every scalar row and the positions of its values, block by block.
fn for_rows(p: &BlockCsr<f64>, mut f: impl FnMut(usize, std::ops::Range<usize>)) {
    let (h, w) = (p.height, p.width);
    for i in 0..p.rows() {
        for k in p.range(i) {
            for r in 0..h {
                let start = (k * h + r) * w;
                f(i * h + r, start..start + w);
            }
        }
    }
}

fn weighted_square(p: &BlockCsr<f64>, scale: &[f64], x: &[f64]) -> f64 {
    let mut sum = 0.0;
    for_rows(p, |row, at| {
        sum += scale[row] * x[at].iter().map(|v| v * v).sum::<f64>()
    });
    sum
}

/// `1 / Σ_j |a_ij|` for every scalar row.
fn row_scales(a: &BlockCsr<f64>) -> Vec<f64> {
    let mut sums = vec![0.0; a.rows() * a.height];
    for_rows(a, |row, at| {
        sums[row] += a.values[at].iter().map(|v| v.abs()).sum::<f64>()
    });
    sums.iter_mut()
        .for_each(|s| *s = if *s > 0.0 { 1.0 / *s } else { 0.0 });
    sums
}

/// `y = A x` where `x` and `y` are values on the pattern of `p`; what falls outside is left out.
fn masked_product(a: &BlockCsr<f64>, p: &BlockCsr<f64>, x: &[f64], y: &mut [f64]) {
    let (b, w) = (p.height, p.width);
    let size = b * w;
    let mut place = vec![u32::MAX; p.cols];
    y.fill(0.0);
    for i in 0..p.rows() {
        for k in p.range(i) {
            place[p.indices[k] as usize] = k as u32;
        }
        for k in a.range(i) {
            let block = a.block(k);
            for l in p.range(a.indices[k] as usize) {
                let at = place[p.indices[l] as usize] as usize;
                if at == u32::MAX as usize {
                    continue;
                }
                let source = &x[l * size..][..size];
                let target = &mut y[at * size..][..size];
                for (target, factors) in target.chunks_exact_mut(w).zip(block.chunks_exact(b)) {
                    for (source, factor) in source.chunks_exact(w).zip(factors) {
                        for (t, s) in target.iter_mut().zip(source) {
                            *t += factor * s;
                        }
                    }
                }
            }
        }
        for k in p.range(i) {
            place[p.indices[k] as usize] = u32::MAX;
        }
    }
}

/// The projection of rows on the orthogonal complement of the coarse near-null space, restricted to
/// the pattern of the row.
struct Projection<'a> {
    coarse: &'a [f64],
    /// `(B_iᵀ B_i)⁻` for every block row.
    inverses: Vec<f64>,
}

impl<'a> Projection<'a> {
    fn new(p: &BlockCsr<f64>, coarse: &'a [f64], count: usize) -> Self {
        let size = count * count;
        let mut inverses = Vec::with_capacity(p.rows() * size);
        let floors = vec![0.0; count];
        for i in 0..p.rows() {
            let mut gram = vec![0.0; size];
            for &j in p.columns(i) {
                for row in coarse[j as usize * size..][..size].chunks_exact(count) {
                    for (g, x) in gram.chunks_exact_mut(count).zip(row) {
                        g.iter_mut().zip(row).for_each(|(g, y)| *g += x * y);
                    }
                }
            }
            // A Gram matrix is semidefinite; should rounding say otherwise, its row is not updated.
            match dense::generalised_inverse(&gram, count, &floors) {
                Some(inverse) => inverses.extend(inverse),
                None => inverses.resize(inverses.len() + size, f64::NAN),
            }
        }
        Self { coarse, inverses }
    }

    fn apply(&self, p: &BlockCsr<f64>, u: &mut [f64]) {
        let (h, w) = (p.height, p.width);
        let mut product = vec![0.0; w];
        let mut multipliers = vec![0.0; w];
        for i in 0..p.rows() {
            let inverse = &self.inverses[i * w * w..][..w * w];
            for r in 0..h {
                // u −= (u B) (BᵀB)⁻ Bᵀ
                product.fill(0.0);
                for k in p.range(i) {
                    let b = &self.coarse[p.indices[k] as usize * w * w..][..w * w];
                    for (u, row) in u[(k * h + r) * w..][..w].iter().zip(b.chunks_exact(w)) {
                        product.iter_mut().zip(row).for_each(|(s, b)| *s += u * b);
                    }
                }
                for (m, row) in multipliers.iter_mut().zip(inverse.chunks_exact(w)) {
                    *m = row.iter().zip(&product).map(|(g, s)| g * s).sum();
                }
                let usable = multipliers.iter().all(|m| m.is_finite());
                for k in p.range(i) {
                    let b = &self.coarse[p.indices[k] as usize * w * w..][..w * w];
                    for (u, row) in u[(k * h + r) * w..][..w].iter_mut().zip(b.chunks_exact(w)) {
                        *u = if usable {
                            *u - row
                                .iter()
                                .zip(&multipliers)
                                .map(|(b, m)| b * m)
                                .sum::<f64>()
                        } else {
                            0.0
                        };
                    }
                }
            }
        }
    }
}
