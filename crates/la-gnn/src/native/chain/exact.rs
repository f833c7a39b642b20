//! Elimination itself.

use rayon::prelude::*;

use super::Pivots;

/// Exact pivots `ρ_i = 1 − r_i / ρ_{i-1}`, from row to row. O(n), one division each.
///
/// Pivots below `floor` (of matrices that are not positive definite to working precision) are replaced by 1 and counted.
///
/// # Examples
/// ```
/// use la_gnn::native::chain::exact_pivots;
/// let pivots = exact_pivots(&[0.25, 0.25], 1e-12);
/// assert_eq!((pivots.values, pivots.replaced), (vec![1.0, 0.75, 1.0 - 0.25 / 0.75], 0));
/// ```
#[must_use]
pub fn exact_pivots(ratios: &[f64], floor: f64) -> Pivots {
    let mut values = Vec::with_capacity(ratios.len() + 1);
    values.push(1.0);
    let mut replaced = 0;
    let mut rho = 1.0;
    for &r in ratios {
        rho = step(rho, r, floor, &mut replaced);
        values.push(rho);
    }
    Pivots { values, replaced }
}

fn step(rho: f64, r: f64, floor: f64, replaced: &mut usize) -> f64 {
    let next = 1.0 - r / rho;
    if next >= floor {
        next
    } else {
        *replaced += 1;
        1.0
    }
}

/// Rows of one piece of a scan.
const PIECE: usize = 4096;

/// The pivots of [`exact_pivots`] in parallel: a row maps ρ by the matrix `[1 −r; 1 0]`, and products of matrices associate.
///
/// Pieces of 4096 rows are multiplied up in parallel, each product rescaled by a power of two of its largest entry (exact); pivots at the ends of pieces follow from one
/// another; then all pieces eliminate from row to row, in parallel. Three passes of O(n / threads) instead of one of O(n): pays for very long chains on
/// many cores only. Differs from [`exact_pivots`] by rounding at the starts of pieces, which elimination forgets or multiplies as it does any error; a
/// floor that is met inside a product is not seen by it.
///
/// # Examples
/// ```
/// use la_gnn::native::chain::{exact_pivots, scan_pivots};
/// let r: Vec<f64> = (0..20_000).map(|i| 0.2 + 0.04 * f64::from(i % 7).sin()).collect();
/// let (x, y) = (exact_pivots(&r, 1e-12), scan_pivots(&r, 1e-12));
/// assert!(x.values.iter().zip(&y.values).all(|(x, y)| (x - y).abs() < 1e-14));
/// ```
#[must_use]
pub fn scan_pivots(ratios: &[f64], floor: f64) -> Pivots {
    scan_in_pieces(ratios, floor, PIECE)
}

pub(super) fn scan_in_pieces(ratios: &[f64], floor: f64, piece: usize) -> Pivots {
    let products: Vec<[f64; 4]> = ratios
        .par_chunks(piece)
        .map(|piece| piece.iter().fold([1.0, 0.0, 0.0, 1.0], product))
        .collect();
    let mut starts = Vec::with_capacity(products.len());
    let mut rho = 1.0;
    for [a, b, c, d] in products {
        starts.push(rho);
        let next = (a * rho + b) / (c * rho + d);
        rho = if next >= floor { next.min(1.0) } else { 1.0 };
    }
    let mut values = vec![1.0; ratios.len() + 1];
    let replaced = values[1..]
        .par_chunks_mut(piece)
        .zip(ratios.par_chunks(piece))
        .zip(starts)
        .map(|((values, ratios), start)| {
            let (mut rho, mut replaced) = (start, 0);
            for (value, &r) in values.iter_mut().zip(ratios) {
                rho = step(rho, r, floor, &mut replaced);
                *value = rho;
            }
            replaced
        })
        .sum();
    Pivots { values, replaced }
}

/// `[1 −r; 1 0] m`, rescaled.
fn product([a, b, c, d]: [f64; 4], r: &f64) -> [f64; 4] {
    let m = [a - r * c, b - r * d, a, b];
    let largest = m.iter().fold(0.0_f64, |x, y| x.max(y.abs()));
    if largest > 0.0 && largest.is_finite() {
        // A power of two: no rounding.
        let exponent = -largest.log2().floor();
        let scale = exponent.clamp(-1000.0, 1000.0).exp2();
        m.map(|x| x * scale)
    } else {
        m
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_give_the_same() {
        let r: Vec<f64> = (0..500)
            .map(|i| 0.24 * (1.0 + (f64::from(i)).sin()) / 2.0)
            .collect();
        let exact = exact_pivots(&r, 1e-12);
        for piece in [1, 2, 7, 64, 499, 500, 501] {
            let scan = scan_in_pieces(&r, 1e-12, piece);
            for (x, y) in exact.values.iter().zip(&scan.values) {
                assert!((x / y).ln().abs() < 1e-13, "{piece}");
            }
        }
        assert_eq!(scan_pivots(&[], 1e-12).values, [1.0]);
        assert_eq!(exact_pivots(&[2.0, 0.5], 1e-12).values, [1.0, 1.0, 0.5]);
        assert_eq!(exact_pivots(&[2.0, 0.5], 1e-12).replaced, 1);
    }
}
