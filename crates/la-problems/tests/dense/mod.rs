//! Textbook elimination on dense copies of small matrices.

use la_problems::CsrMatrix;

pub(crate) fn full(a: &CsrMatrix) -> Vec<Vec<f64>> {
    let mut full = vec![vec![0.0; a.cols()]; a.rows()];
    for (&v, (i, j)) in a.iter() {
        full[i as usize][j as usize] = v;
    }
    full
}

/// Gauss–Jordan with complete pivoting: the rank (pivots above `1e-10` of the first) and, for full rank, the solution.
pub(crate) fn eliminate(a: &CsrMatrix, b: &[f64]) -> (usize, Option<Vec<f64>>) {
    let n = a.rows();
    let (mut a, mut b) = (full(a), b.to_vec());
    let mut columns: Vec<usize> = (0..n).collect();
    let mut first = 0.0;
    for k in 0..n {
        let places = (k..n).flat_map(|i| (k..n).map(move |j| (i, j)));
        let size = |&(i, j): &(usize, usize)| a[i][j].abs();
        let (i, j) = places.max_by(|x, y| size(x).total_cmp(&size(y))).unwrap();
        let pivot = a[i][j];
        if k == 0 {
            first = pivot.abs();
        }
        if pivot.abs() <= 1e-10 * first {
            return (k, None);
        }
        a.swap(i, k);
        b.swap(i, k);
        a.iter_mut().for_each(|row| row.swap(j, k));
        columns.swap(j, k);
        let (row, value) = (a[k].clone(), b[k]);
        for i in (0..n).filter(|&i| i != k) {
            let factor = a[i][k] / pivot;
            if factor != 0.0 {
                for (x, y) in a[i][k..].iter_mut().zip(&row[k..]) {
                    *x -= factor * y;
                }
                b[i] -= factor * value;
            }
        }
    }
    let mut x = vec![0.0; n];
    for k in 0..n {
        x[columns[k]] = b[k] / a[k][k];
    }
    (n, Some(x))
}

/// Signs of the pivots of `L D Lᵀ` without pivoting: by Sylvester's law the signs of the eigenvalues.
pub(crate) fn inertia(a: &CsrMatrix) -> (usize, usize) {
    let mut a = full(a);
    let n = a.len();
    for k in 0..n {
        let row = a[k].clone();
        for below in &mut a[k + 1..] {
            let factor = below[k] / row[k];
            for (x, y) in below[k..].iter_mut().zip(&row[k..]) {
                *x -= factor * y;
            }
        }
    }
    let positive = (0..n).filter(|&k| a[k][k] > 0.0).count();
    let negative = (0..n).filter(|&k| a[k][k] < 0.0).count();
    (positive, negative)
}
