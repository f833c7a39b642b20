//! What a row is described by.

use sprs::CsMatViewI;

use crate::GnnError;
use crate::relaxation::FEATURES;

/// Ten features of every row, n × 10, and (if wanted) their means over the columns of each row, n × 10.
///
/// With t_i the sum of |a_ij| over row i and of |a_ji| over column i, both without the diagonal, plus 2 |a_ii|:
///
/// | | |
/// | --- | --- |
/// | 0 | 2 a_ii / t_i |
/// | 1, 2 | Σ \|a_ij\| / t_i over j < i, over j > i |
/// | 3, 4 | Σ \|a_ji\| / t_i over j > i, over j < i |
/// | 5, 6 | sum of row i, of column i, with signs, / t_i |
/// | 7 | max_j≠i \|a_ij\| / t_i |
/// | 8 | how far from symmetric: (\|f₁ − f₄\| + \|f₂ − f₃\|) of the features above |
/// | 9 | ln(n) / 10 − 1 |
///
/// All but the last are in [−1, 1] and do not change when the matrix is scaled; a row and column of zeros gives zeros. The last one
/// tells the mesh width, which no row can.
pub(super) fn features(
    a: CsMatViewI<'_, f64, u32>,
    means: bool,
) -> Result<(Vec<f32>, Vec<f32>), GnnError> {
    let n = a.rows();
    if n != a.cols() || !a.is_csr() {
        return Err(GnnError::Matrix {
            reason: format!(
                "is {} x {}, {}; relaxation needs a square one stored by rows",
                n,
                a.cols(),
                if a.is_csr() { "by rows" } else { "by columns" }
            ),
        });
    }
    let mut columns = vec![[0.0_f64; 3]; n]; // Σ |a_ji| over j < i, over j > i, Σ a_ji
    let mut rows = Vec::with_capacity(n);
    for (i, row) in a.outer_iterator().enumerate() {
        let mut own = Row::default();
        for (j, &value) in row.iter() {
            if !value.is_finite() {
                return Err(GnnError::NonFinite {
                    what: format!("row {i} of the matrix"),
                    position: j,
                });
            }
            let size = value.abs();
            own.sum += value;
            columns[j][2] += value;
            if j < i {
                own.left += size;
                columns[j][1] += size;
            } else if j > i {
                own.right += size;
                columns[j][0] += size;
            } else {
                own.diagonal = value;
                continue;
            }
            own.largest = own.largest.max(size);
        }
        rows.push(own);
    }
    let order = ((n.max(1) as f64).ln() / 10.0 - 1.0) as f32;
    let mut x = Vec::with_capacity(n * FEATURES);
    for (own, [above, below, column]) in rows.iter().zip(&columns) {
        let total = own.left + own.right + above + below + 2.0 * own.diagonal.abs();
        // A total that overflows or vanishes says nothing.
        let scale = if total > 0.0 && total.is_finite() {
            1.0 / total
        } else {
            0.0
        };
        let skew = (own.left - above).abs() + (own.right - below).abs();
        x.extend(
            [
                2.0 * own.diagonal,
                own.left,
                own.right,
                *below,
                *above,
                own.sum,
                *column,
                own.largest,
                skew,
            ]
            .map(|v| (v * scale) as f32),
        );
        x.push(order);
    }
    let mut mean = Vec::new();
    if means {
        mean = vec![0.0; n * FEATURES];
        for (row, y) in a.outer_iterator().zip(mean.chunks_exact_mut(FEATURES)) {
            for &j in row.indices() {
                let other = &x[j as usize * FEATURES..][..FEATURES];
                for (y, x) in y.iter_mut().zip(other) {
                    *y += x;
                }
            }
            let share = 1.0 / row.nnz().max(1) as f32;
            y.iter_mut().for_each(|y| *y *= share);
        }
    }
    Ok((x, mean))
}

#[derive(Clone, Copy, Default)]
struct Row {
    diagonal: f64,
    left: f64,
    right: f64,
    sum: f64,
    largest: f64,
}
