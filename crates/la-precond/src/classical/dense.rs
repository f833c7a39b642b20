//! Small dense Cholesky and LU factorisations, row by row in a slice.

use la_krylov::Real;

use super::factor::widen;

/// Overwrites the lower triangle of the m × m matrix `a` with its Cholesky factor.
///
/// # Errors
/// The first row whose pivot is not positive.
pub(super) fn cholesky<T: Real>(a: &mut [T], m: usize) -> Result<(), usize> {
    for i in 0..m {
        let (done, rest) = a.split_at_mut(i * m);
        let row = &mut rest[..=i];
        for j in 0..i {
            let other = &done[j * m..=j * m + j];
            let mut sum = row[j];
            for (&x, &y) in row[..j].iter().zip(other) {
                sum -= x * y;
            }
            row[j] = sum / other[j];
        }
        let mut d = row[i];
        for &x in &row[..i] {
            d -= x * x;
        }
        if !(d > T::ZERO && d.is_finite()) {
            return Err(i);
        }
        row[i] = d.sqrt();
    }
    Ok(())
}

/// Overwrites `x` with `C⁻¹ x`.
pub(super) fn forward<T: Real, S: Real>(c: &[T], x: &mut [S]) {
    let m = x.len();
    for i in 0..m {
        let row = &c[i * m..=i * m + i];
        let mut sum = x[i];
        for (&l, &y) in row.iter().zip(&x[..i]) {
            sum -= widen::<T, S>(l) * y;
        }
        x[i] = sum / widen(row[i]);
    }
}

/// Overwrites `x` with `C⁻ᵀ x`.
pub(super) fn backward<T: Real, S: Real>(c: &[T], x: &mut [S]) {
    let m = x.len();
    for i in (0..m).rev() {
        let row = &c[i * m..=i * m + i];
        let value = x[i] / widen(row[i]);
        x[i] = value;
        for (&l, y) in row.iter().zip(&mut x[..i]) {
            *y -= widen::<T, S>(l) * value;
        }
    }
}

/// Overwrites the m × m matrix `a` with the factors of `P a = L U`, L with a diagonal of ones; row `i` was exchanged with row `exchanged[i]`.
///
/// # Errors
/// The first column without a pivot that is not zero and finite.
pub(super) fn lu<T: Real>(a: &mut [T], exchanged: &mut [u32]) -> Result<(), usize> {
    let m = exchanged.len();
    for k in 0..m {
        let size = |i: usize| a[i * m + k].abs();
        let pivot = (k + 1..m).fold(k, |best, i| if size(i) > size(best) { i } else { best });
        if !(size(pivot) > T::ZERO && size(pivot).is_finite()) {
            return Err(k);
        }
        exchanged[k] = pivot as u32;
        if pivot != k {
            for j in 0..m {
                a.swap(k * m + j, pivot * m + j);
            }
        }
        let (done, rest) = a.split_at_mut((k + 1) * m);
        let upper = &done[k * m..];
        for row in rest.chunks_exact_mut(m) {
            let l = row[k] / upper[k];
            row[k] = l;
            for (x, &u) in row[k + 1..].iter_mut().zip(&upper[k + 1..]) {
                *x -= l * u;
            }
        }
    }
    Ok(())
}

/// Overwrites `x` with `a⁻¹ x`, from the factors of [`lu`].
pub(super) fn lu_solve<T: Real, S: Real>(factors: &[T], exchanged: &[u32], x: &mut [S]) {
    let m = x.len();
    for (k, &with) in exchanged.iter().enumerate() {
        x.swap(k, with as usize);
    }
    for i in 1..m {
        let mut sum = x[i];
        for (&l, &y) in factors[i * m..i * m + i].iter().zip(&x[..i]) {
            sum -= widen::<T, S>(l) * y;
        }
        x[i] = sum;
    }
    for i in (0..m).rev() {
        let mut sum = x[i];
        for (&u, &y) in factors[i * m + i + 1..(i + 1) * m].iter().zip(&x[i + 1..]) {
            sum -= widen::<T, S>(u) * y;
        }
        x[i] = sum / widen(factors[i * m + i]);
    }
}

/// For a positive definite m × m matrix `a`, which is overwritten: `v / √v_m` where `a v = e_m`.
///
/// With `a = C Cᵀ` that is `C⁻ᵀ e_m`: one factorisation, one sweep.
///
/// # Errors
/// As [`cholesky`].
pub(super) fn last_column<T: Real>(a: &mut [T], out: &mut [T]) -> Result<(), usize> {
    let m = out.len();
    cholesky(a, m)?;
    out.fill(T::ZERO);
    if let Some(last) = out.last_mut() {
        *last = T::ONE;
    }
    backward(a, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_by_three() {
        // [4 2 0; 2 5 2; 0 2 5] = C Cᵀ with C = [2; 1 2; 0 1 2]; entries above the diagonal are not read.
        let a = [4.0, 9.0, 9.0, 2.0, 5.0, 9.0, 0.0, 2.0, 5.0];
        let mut c = a;
        cholesky(&mut c, 3).unwrap();
        assert_eq!(
            [c[0], c[3], c[4], c[6], c[7], c[8]],
            [2.0, 1.0, 2.0, 0.0, 1.0, 2.0]
        );
        let mut x = [8.0, 18.0, 19.0];
        forward(&c, &mut x);
        backward(&c, &mut x);
        assert_eq!(x, [1.0, 2.0, 3.0]);
        let mut v = [0.0; 3];
        last_column(&mut a.clone(), &mut v).unwrap();
        assert_eq!(v, [0.125, -0.25, 0.5]); // A v = e_3 / v_3, up to the factor: A [1, −2, 4] = [0, 0, 16]
        assert_eq!(cholesky(&mut [1.0, 0.0, 2.0, 1.0], 2), Err(1));
        assert_eq!(cholesky::<f64>(&mut [], 0), Ok(()));
    }
}
