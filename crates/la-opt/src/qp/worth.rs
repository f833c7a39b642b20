//! Whether it pays to solve for the equalities in advance.

use super::options::Elimination;
use super::root::Root;
use super::workspace::QpWorkspace;
use crate::Real;

/// Time of an operation of set-up over that of one of a step: tiles in registers against vectors from memory.
const SETUP: f64 = 0.45;

/// Iterations that are counted on, over the number of variables.
const STEPS: f64 = 0.5;

/// Solving for the equalities has to be this much cheaper.
const SURE: f64 = 0.9;

/// Sizes of a problem.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    variables: f64,
    bounds: f64,
    rows: f64,
    equalities: f64,
    /// P is not diagonal.
    dense: bool,
}

impl Sizes {
    /// Operations with the equalities in the working set, and with the equalities solved for. Half of the other directions are taken to be in the set.
    fn operations(self) -> [f64; 2] {
        let Self {
            variables: n,
            bounds: s,
            rows: g,
            equalities: r,
            dense,
        } = self;
        let left = n - r;
        let others = 0.5 * left;
        // Products of all rows with u, of those of the set with a row and with their multipliers, and two triangles.
        let step = |all: f64, set: f64, width: f64| 2.0 * all + 4.0 * set * width + 2.0 * set * set;
        // The rows of bounds are those of a triangle, or of a diagonal matrix.
        let all = g * n + if dense { 0.5 * s * n } else { 0.0 };
        let append = r * r * n + r * r * r / 3.0;
        let keep = append + STEPS * n * step(all, r + others, n);
        let formed = if dense { g * n * n } else { 0.0 };
        let setup = 2.0 * n * r * r + 4.0 * n * n * r + 2.0 * g * n * left - formed;
        let solve = STEPS * n * step((s + g) * left, others, left);
        [keep, SETUP * setup + solve]
    }
}

impl<T: Real> QpWorkspace<T> {
    /// Whether equalities are solved for.
    pub(super) fn eliminates(&self) -> bool {
        if self.keep_equalities {
            return false;
        }
        let count = || self.problem.count_equalities(self.options.zero_tol);
        match self.options.elimination {
            Elimination::Never => false,
            Elimination::Always => count() > 0,
            Elimination::WhereItPays => {
                let count = count();
                let (n, s) = (self.problem.num_variables(), self.problem.num_bounds());
                let sizes = Sizes {
                    variables: n as f64,
                    bounds: s as f64,
                    rows: (self.problem.num_constraints() - s) as f64,
                    equalities: count.min(n) as f64,
                    dense: matches!(self.ldp.root, Root::Dense(_)),
                };
                let [keep, solve] = sizes.operations();
                // Rows of simple bounds have one entry while R is diagonal.
                let spares =
                    || sizes.dense || (s..s + sizes.rows as usize).any(|j| !self.is_equality(j));
                count >= self.options.elimination_min
                    && count as f64 > self.options.elimination_share * n as f64
                    && solve < SURE * keep
                    && spares()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the estimate says what was measured, on problems of the Maros–Mészáros collection.
    #[test]
    fn sizes_of_measured_problems() {
        let cases = [
            ("CVXQP3_S", 100, 100, 75, 75, true, true),
            ("QBANDM", 472, 472, 305, 305, true, true),
            ("QPCBLEND", 83, 83, 74, 43, false, true),
            ("QGROW7", 301, 301, 140, 140, true, true),
            ("QSCTAP1", 480, 480, 300, 120, true, false),
            ("QSHARE2B", 79, 79, 96, 13, true, false),
            ("QSCSD1", 760, 760, 77, 77, true, false),
        ];
        for (name, n, s, g, r, dense, pays) in cases {
            let sizes = Sizes {
                variables: f64::from(n),
                bounds: f64::from(s),
                rows: f64::from(g),
                equalities: f64::from(r),
                dense,
            };
            let [keep, solve] = sizes.operations();
            assert_eq!(solve < SURE * keep, pays, "{name}: {:.2}", solve / keep);
        }
    }
}
