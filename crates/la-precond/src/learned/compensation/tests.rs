//! Identities of the factorisation under rules that do not look at the row.

use la_gnn::native::compensation::{RowFacts, RowState, RowWeights};
use la_problems::{Coefficient, DelaunayPoisson, Diffusion, Grid, permuted, random_order};

use super::policy::RowRule;
use super::prepared::{Limits, Prepared};
use crate::IncompleteCholesky;
use crate::classical::input::with_rows;
use crate::classical::{CompensatedIc, KeptVector, ShiftStrategy, SymmetryCheck};

type Matrix = la_problems::CsrMatrix;

/// The same z for every row: ω = 1 − exp(−z), and η = exp(y).
struct Constant(f64, f64);

impl RowRule for Constant {
    fn weigh<const FMA: bool>(&self, _: &RowFacts, _: &RowState) -> RowWeights {
        let Self(z, y) = *self;
        RowWeights {
            z: [z, z, z, y],
            message: 0.5,
        }
    }
}

/// Takes away what nobody has, and has no floor: NaN.
struct TooMuch;

impl RowRule for TooMuch {
    fn weigh<const FMA: bool>(&self, _: &RowFacts, _: &RowState) -> RowWeights {
        RowWeights {
            z: [f64::NAN; 4],
            message: 0.0,
        }
    }
}

fn with(a: &Matrix, rule: &impl RowRule) -> IncompleteCholesky {
    let mut prepared = Prepared::default();
    with_rows(a.view(), |rows, n| {
        let (vector, symmetry) = (KeptVector::Ones, SymmetryCheck::Count);
        assert!(prepared.prepare(&rows, n, &vector, symmetry, Limits::NONE)?);
        prepared.factor(&rows, rule)
    })
    .unwrap()
}

fn factor(a: &Matrix, z: f64) -> IncompleteCholesky {
    let factor = with(a, &Constant(z, -40.0));
    assert_eq!(factor.stats().shift_attempts, 0);
    factor
}

/// M-matrices in a good and in a bad order, and a mesh with positive entries.
fn matrices() -> [Matrix; 3] {
    let field = Coefficient::WhiteLogNormal { sigma: 2.0 };
    let grid = Diffusion::default().with_grid(Grid::rectangle(20, 20));
    let a = grid.with_coefficient(field).matrix(3).unwrap();
    let shuffled = permuted(&a, &random_order(400, 1)).unwrap();
    let mesh = DelaunayPoisson::default().with_points(400).generate(2);
    [a, shuffled, mesh.unwrap().matrix]
}

#[test]
fn no_weight_is_ic0_bit_for_bit() {
    for a in matrices() {
        let plain = CompensatedIc::relaxed(0.0).with_shift(ShiftStrategy::None);
        let plain = plain.factor(a.view()).unwrap();
        assert_eq!(factor(&a, 0.0).to_lower(), plain.to_lower());
    }
}

#[test]
fn full_weight_keeps_row_sums() {
    let [a, shuffled, _] = matrices();
    // In a random order the floor raises pivots of rows without a later neighbour; a shifted matrix keeps clear of it.
    let shifted = {
        let diagonal: Vec<f64> = (0..400).map(|i| *shuffled.get(i, i).unwrap()).collect();
        let mut b = shuffled;
        for (i, mut row) in b.outer_iterator_mut().enumerate() {
            *row.get_mut(i).unwrap() += diagonal[i];
        }
        b
    };
    for a in [a, shifted] {
        let factor = factor(&a, f64::INFINITY);
        let (mut kept, mut wanted) = (vec![0.0; 400], vec![0.0; 400]);
        factor.multiply(&[1.0; 400], &mut kept);
        for (i, row) in a.outer_iterator().enumerate() {
            wanted[i] = row.iter().map(|(_, v)| v).sum();
        }
        let top = a.data().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let error = kept
            .iter()
            .zip(&wanted)
            .fold(0.0_f64, |m, (x, y)| m.max((x - y).abs()));
        assert!(error <= 2e-15 * top, "{}", error / top);
    }
}

#[test]
fn the_last_rung_is_ajiz_jennings() {
    for a in matrices() {
        let factor = with(&a, &TooMuch);
        assert_eq!(factor.stats().shift_attempts, 4);
        assert_eq!(factor.stats().shift, 0.0);
        let aj = CompensatedIc::ajiz_jennings().factor(a.view()).unwrap();
        let (ours, aj) = (factor.to_lower(), aj.to_lower());
        for (x, y) in ours.data().iter().zip(aj.data()) {
            assert!((x - y).abs() <= 1e-13 * y.abs(), "{x} {y}");
        }
    }
}
