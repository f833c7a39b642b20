//! The system of the files: read, checked, and turned so that the diagonal is positive.

use std::path::Path;

use anyhow::{Context, Result, bail};
use la_krylov::{Host, LinearOperator, VectorSpace};
use la_problems::CsrMatrix;
use la_problems::io::{ReadOptions, read_matrix};

use super::args::{Need, Negate};
use super::rhs::Rhs;

/// Mirrored entries may differ by this much, relative to the larger of them and to `√|a_ii a_jj|`.
const SYMMETRY_TOLERANCE: f64 = 1e-12;

/// A square system; turned to a positive diagonal where the plan needs a definite matrix.
#[derive(Debug)]
pub(super) struct System {
    pub(super) a: CsrMatrix,
    pub(super) b: Vec<f64>,
    /// The solution, where `b` was made from one.
    pub(super) exact: Option<Vec<f64>>,
    /// Whether the matrix is symmetric with a positive diagonal.
    pub(super) may_be_definite: bool,
    /// Whether `a` and `b` are the negatives of those in the files.
    pub(super) negated: bool,
    /// Right-hand sides in the matrix file that are not used.
    pub(super) unused_rhs: usize,
}

impl System {
    /// Reads matrix and right-hand side.
    pub(super) fn read(path: &Path, rhs: &Rhs, negate: Negate, need: Need) -> Result<Self> {
        let file = read_matrix(path, &ReadOptions::default())?;
        let mut a = file.matrix;
        let (negated, may_be_definite) =
            check(&a, negate, need).with_context(|| path.display().to_string())?;
        let (mut b, exact) = rhs.vectors(&a, file.rhs.as_ref())?;
        if negated {
            a.map_inplace(|v| -v);
            b.iter_mut().for_each(|v| *v = -*v);
        }
        let unused_rhs = match (&file.rhs, rhs) {
            (Some(stored), other) if *other != Rhs::Stored => stored.cols,
            _ => 0,
        };
        Ok(Self {
            a,
            b,
            exact,
            may_be_definite,
            negated,
            unused_rhs,
        })
    }

    /// `‖b − A x‖`; the sign of the system makes no difference.
    fn residual_norm(&self, x: &[f64]) -> f64 {
        let space = Host::new(x.len());
        let mut r = vec![0.0; x.len()];
        self.a.apply(&space, x, &mut r);
        space.xpby(&self.b, -1.0, &mut r);
        space.norm(&r)
    }

    /// `‖b − A x‖/‖b‖`; zero for x = 0 and b = 0.
    pub(super) fn relative_residual(&self, x: &[f64]) -> f64 {
        match self.residual_norm(x) {
            0.0 => 0.0,
            residual => residual / Host::new(x.len()).norm(&self.b),
        }
    }

    /// `u ‖|A||x|‖/‖b‖` with the unit roundoff u: the relative residual that rounding x to double
    /// precision may leave, were x exact. Zero for x = 0.
    pub(super) fn rounding_level(&self, x: &[f64]) -> f64 {
        let space = Host::new(x.len());
        let image = self.a.outer_iterator().map(|row| {
            let terms = row.iter().map(|(j, v)| (v * x[j]).abs());
            terms.sum::<f64>()
        });
        match space.norm(&image.collect::<Vec<f64>>()) {
            0.0 => 0.0,
            norm => 0.5 * f64::EPSILON * norm / space.norm(&self.b),
        }
    }

    /// `‖x − x*‖/‖x*‖` where x* is known.
    pub(super) fn relative_error(&self, x: &[f64]) -> Option<f64> {
        let exact = self.exact.as_ref()?;
        let space = Host::new(x.len());
        let mut difference = exact.clone();
        space.xpby(x, -1.0, &mut difference);
        Some(space.norm(&difference) / space.norm(exact))
    }
}

/// Refuses what the plan cannot solve; whether the matrix has to be negated, and whether it may be definite then.
fn check(a: &CsrMatrix, negate: Negate, need: Need) -> Result<(bool, bool)> {
    let (rows, cols) = (a.rows(), a.cols());
    if rows != cols {
        bail!("the matrix is {rows}x{cols}; a linear system needs a square one");
    }
    if rows == 0 {
        bail!("the matrix has no rows; there is nothing to solve");
    }
    check_finite(a)?;
    let diagonal: Vec<f64> = (0..rows)
        .map(|i| a.get(i, i).copied().unwrap_or(0.0))
        .collect();
    let symmetric = check_symmetry(a, &diagonal);
    let bad = |wanted: fn(f64) -> bool| diagonal.iter().position(|&d| !wanted(d));
    let not_positive = bad(|d| d > 0.0);
    if need >= Need::Symmetric {
        symmetric?;
    } else if symmetric.is_err() {
        return Ok((false, false));
    }
    let Some(row) = not_positive else {
        return Ok((false, true));
    };
    let negative = bad(|d| d < 0.0).is_none();
    if negative && negate == Negate::Auto {
        return Ok((true, true));
    }
    if need < Need::Definite {
        return Ok((false, false));
    }
    if negative {
        bail!("every diagonal entry is negative; leave out --negate never to solve (−A) x = −b");
    }
    bail!(
        "row {}: the diagonal entry is {}, so the matrix is not definite, which this method or \
         preconditioner needs: leave out --method and --precond, or take --method gmres --precond ilut",
        row + 1,
        diagonal[row]
    )
}

fn check_finite(a: &CsrMatrix) -> Result<()> {
    for (i, entries) in a.outer_iterator().enumerate() {
        if let Some((j, value)) = entries.iter().find(|(_, v)| !v.is_finite()) {
            bail!(
                "row {}, column {}: the entry is {value}; replace it by a finite number",
                i + 1,
                j + 1
            );
        }
    }
    Ok(())
}

fn check_symmetry(a: &CsrMatrix, diagonal: &[f64]) -> Result<()> {
    for (i, entries) in a.outer_iterator().enumerate() {
        for (j, &value) in entries.iter() {
            let mirror = a.get(j, i).copied().unwrap_or(0.0);
            let size = value
                .abs()
                .max(mirror.abs())
                .max(diagonal[i].abs().sqrt() * diagonal[j].abs().sqrt());
            if (value - mirror).abs() > SYMMETRY_TOLERANCE * size {
                bail!(
                    "row {}, column {}: the entry is {value} but its mirror image is {mirror}, and this method or \
                     preconditioner needs a symmetric matrix: leave out --method and --precond, or take --method \
                     gmres --precond ilut",
                    i + 1,
                    j + 1
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(rows: &[[f64; 2]; 2]) -> CsrMatrix {
        let data = rows.concat();
        CsrMatrix::new((2, 2), vec![0, 2, 4], vec![0, 1, 0, 1], data)
    }

    #[test]
    fn signs_of_the_diagonal_decide() {
        let positive = dense(&[[2.0, 1.0], [1.0, 2.0]]);
        let check = |a: &CsrMatrix, negate| check(a, negate, Need::Definite);
        assert_eq!(check(&positive, Negate::Auto).unwrap(), (false, true));
        let negative = positive.map(|v| -v);
        assert_eq!(check(&negative, Negate::Auto).unwrap(), (true, true));
        let error = check(&negative, Negate::Never).unwrap_err().to_string();
        assert!(error.contains("--negate"), "{error}");
        let mixed = dense(&[[2.0, 1.0], [1.0, -2.0]]);
        let error = check(&mixed, Negate::Auto).unwrap_err().to_string();
        assert!(
            error.starts_with("row 2: the diagonal entry is -2"),
            "{error}"
        );
        assert_eq!(
            super::check(&mixed, Negate::Auto, Need::Symmetric).unwrap(),
            (false, false)
        );
    }

    #[test]
    fn rounding_is_not_asymmetry() {
        let nearly = dense(&[[2.0, 1.0], [1.0 + 1e-14, 2.0]]);
        assert!(check(&nearly, Negate::Auto, Need::Definite).is_ok());
        let not = dense(&[[2.0, 1.0], [1.0 + 1e-9, 2.0]]);
        assert!(check(&not, Negate::Auto, Need::Symmetric).is_err());
    }
}
