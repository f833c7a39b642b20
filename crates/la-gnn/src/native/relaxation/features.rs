//! What a row is described by.

use sprs::CsMatViewI;

use crate::GnnError;
use crate::relaxation::FEATURES;

/// What one row is described by.
pub(super) type Features = [f32; FEATURES];

/// Ten features of every row, and (if wanted) their means over the columns of each row.
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
) -> Result<(Vec<Features>, Vec<Features>), GnnError> {
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
    let describe = |(own, [above, below, column]): (&Row, &[f64; 3])| {
        let total = own.left + own.right + above + below + 2.0 * own.diagonal.abs();
        // A total that overflows or vanishes says nothing.
        let scale = if total > 0.0 && total.is_finite() {
            1.0 / total
        } else {
            0.0
        };
        let skew = (own.left - above).abs() + (own.right - below).abs();
        let scaled = |v: f64| (v * scale) as f32;
        [
            scaled(2.0 * own.diagonal),
            scaled(own.left),
            scaled(own.right),
            scaled(*below),
            scaled(*above),
            scaled(own.sum),
            scaled(*column),
            scaled(own.largest),
            scaled(skew),
            order,
        ]
    };
    let x: Vec<Features> = rows.iter().zip(&columns).map(describe).collect();
    let mean_of_row = |columns: &[u32]| {
        let mut sum = [0.0; FEATURES];
        for &j in columns {
            for (s, v) in sum.iter_mut().zip(&x[j as usize]) {
                *s += v;
            }
        }
        let share = 1.0 / columns.len().max(1) as f32;
        sum.map(|s| s * share)
    };
    let mean = if means {
        a.outer_iterator()
            .map(|row| mean_of_row(row.indices()))
            .collect()
    } else {
        Vec::new()
    };
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
