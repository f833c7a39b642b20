//! The active sets of the most similar problems.

use super::ActiveSetPredictor;
use super::metric::Metric;
use crate::qp::problem::{QuadraticProgram, expect_length};
use crate::qp::solution::Side;
use crate::{OptError, Real};

/// A problem that has been solved: what differs from problem to problem, and the active set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SolvedExample<'a, T> {
    /// q, length n.
    pub linear: &'a [T],
    /// l, length m.
    pub lower: &'a [T],
    /// u, length m.
    pub upper: &'a [T],
    /// The active constraints of its solution and their sides.
    pub active: &'a [(usize, Side)],
}

/// Guesses what was active in the solved problem that is nearest, or in more than half of the nearest ones.
///
/// For problems with the same P and A. What differs, q and the bounds, is measured in the units of its own scatter (Mahalanobis
/// distance): where it is an affine function of a few parameters, as in model predictive control, distances are those of the parameters in
/// theirs. Needs no training; the thing to beat for everything that does.
///
/// A prediction costs (n + m) r operations for r parameters and N r for N examples, which are looked at one and all. Allocates nothing.
///
/// # Examples
/// ```
/// use la_opt::qp::{ActiveSetPredictor, Hessian, Neighbours, QuadraticProgram, Side, SolvedExample};
///
/// let bounds = ([-1.0, -1.0], [1.0, 1.0]);
/// let example = |linear: &'static [f64], active: &'static [(usize, Side)]| SolvedExample {
///     linear,
///     lower: &bounds.0,
///     upper: &bounds.1,
///     active,
/// };
/// let examples = [
///     example(&[-3.0, 0.0], &[(0, Side::Upper)]),
///     example(&[2.0, 0.1], &[(0, Side::Lower)]),
///     example(&[0.1, -5.0], &[(1, Side::Upper)]),
/// ];
/// let mut nearest = Neighbours::new(&examples, 1)?;
/// let problem = QuadraticProgram::new(Hessian::Identity, vec![0.0, -4.0])?
///     .with_bounds(bounds.0.to_vec(), bounds.1.to_vec())?;
/// let mut guess = Vec::new();
/// nearest.predict(&problem, &mut guess)?;
/// assert_eq!(guess, [(1, Side::Upper, 1.0)]);
/// # Ok::<(), la_opt::OptError>(())
/// ```
///
/// # References
/// T. M. Cover, P. E. Hart, *Nearest neighbor pattern classification*, IEEE Trans. Inf. Theory 13(1), 21–27, 1967.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    metric: Metric,
    /// How many vote.
    count: usize,
    constraints: usize,
    /// Coordinates of the examples: one list of all examples for each coordinate.
    points: Vec<f64>,
    examples: usize,
    /// Active sets one after the other, twice the constraint and 1 at its upper bound, and where each begins.
    active: Vec<usize>,
    starts: Vec<usize>,
    // Buffers.
    place: Vec<f64>,
    distances: Vec<f64>,
    nearest: Vec<(f64, usize)>,
    votes: Vec<u32>,
}

impl Neighbours {
    /// Remembers `examples`, of which the `count` nearest vote: 1 for the active set of the nearest one, an odd number to have no ties.
    ///
    /// # Errors
    /// [`OptError::InvalidOption`] if nobody votes or there are not as many examples, [`OptError::Length`] if an example does not have the lengths
    /// of the first, [`OptError::NoSuchConstraint`].
    ///
    /// # Examples
    /// See [`Neighbours`].
    pub fn new<T: Real>(examples: &[SolvedExample<'_, T>], count: usize) -> Result<Self, OptError> {
        let first = examples
            .first()
            .filter(|_| count > 0 && count <= examples.len());
        let Some(first) = first else {
            return Err(OptError::InvalidOption {
                option: "count",
                value: count as f64,
                requirement: "at least 1 and at most the number of examples",
            });
        };
        let (n, m) = (first.linear.len(), first.lower.len());
        let (mut active, mut starts) = (Vec::new(), vec![0]);
        for example in examples {
            expect_length("linear term of an example", example.linear.len(), n)?;
            expect_length("lower bounds of an example", example.lower.len(), m)?;
            expect_length("upper bounds of an example", example.upper.len(), m)?;
            for &(index, side) in example.active {
                if index >= m {
                    return Err(OptError::NoSuchConstraint {
                        index,
                        constraints: m,
                    });
                }
                active.push(2 * index + usize::from(side == Side::Upper));
            }
            starts.push(active.len());
        }
        let metric = Metric::fit(examples);
        let (rank, all) = (metric.rank(), examples.len());
        let mut place = vec![0.0; rank];
        let mut points = vec![0.0; rank * all];
        for (k, example) in examples.iter().enumerate() {
            metric.place(example.linear, example.lower, example.upper, &mut place);
            for (j, &x) in place.iter().enumerate() {
                points[j * all + k] = x;
            }
        }
        Ok(Self {
            metric,
            count,
            constraints: m,
            points,
            examples: all,
            active,
            starts,
            place,
            distances: vec![0.0; all],
            nearest: Vec::with_capacity(count + 1),
            votes: vec![0; 2 * m],
        })
    }

    /// Parameters that the examples differ in: the rank of their differences.
    #[must_use]
    pub fn num_parameters(&self) -> usize {
        self.metric.rank()
    }

    /// Squared distances of all examples from `place`, and the nearest ones in order.
    fn search(&mut self) {
        self.distances.fill(0.0);
        for (points, &x) in self.points.chunks_exact(self.examples).zip(&self.place) {
            for (distance, &point) in self.distances.iter_mut().zip(points) {
                *distance += (point - x) * (point - x);
            }
        }
        self.nearest.clear();
        for (k, &distance) in self.distances.iter().enumerate() {
            let full = self.nearest.len() == self.count;
            if full && self.nearest.last().is_some_and(|last| distance >= last.0) {
                continue;
            }
            let at = self.nearest.partition_point(|other| other.0 <= distance);
            if full {
                self.nearest.pop();
            }
            self.nearest.insert(at, (distance, k));
        }
    }
}

impl<T: Real> ActiveSetPredictor<T> for Neighbours {
    fn predict(
        &mut self,
        problem: &QuadraticProgram<T>,
        guess: &mut Vec<(usize, Side, T)>,
    ) -> Result<(), OptError> {
        expect_length(
            "linear term",
            problem.linear().len(),
            self.metric.variables(),
        )?;
        expect_length("bounds", problem.lower().len(), self.constraints)?;
        self.metric.place(
            problem.linear(),
            problem.lower(),
            problem.upper(),
            &mut self.place,
        );
        self.search();
        guess.clear();
        let voters = self.nearest.len() as f64;
        let set = |k: usize| self.starts[k]..self.starts[k + 1];
        for &(_, k) in &self.nearest {
            for &flag in &self.active[set(k)] {
                self.votes[flag] += 1;
            }
        }
        for &(_, k) in &self.nearest {
            for &flag in &self.active[set(k)] {
                let share = f64::from(std::mem::take(&mut self.votes[flag])) / voters;
                if share > 0.5 {
                    let side = if flag % 2 == 1 {
                        Side::Upper
                    } else {
                        Side::Lower
                    };
                    guess.push((flag / 2, side, T::from_f64(share)));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qp::Hessian;

    fn problem(q: f64) -> QuadraticProgram<f64> {
        QuadraticProgram::new(Hessian::Identity, vec![q, 1.0])
            .and_then(|p| p.with_bounds(vec![-1.0; 2], vec![1.0; 2]))
            .unwrap()
    }

    #[test]
    fn the_majority_decides() {
        let far: &[(usize, Side)] = &[(0, Side::Lower)];
        let sets: [&[(usize, Side)]; 4] = [
            &[(0, Side::Upper), (1, Side::Lower)],
            &[(0, Side::Upper)],
            &[(1, Side::Upper)],
            far,
        ];
        let qs: Vec<[f64; 2]> = [0.0, 0.1, 0.2, 9.0].map(|q| [q, 1.0]).to_vec();
        let bounds = ([-1.0; 2], [1.0; 2]);
        let examples: Vec<_> = qs
            .iter()
            .zip(sets)
            .map(|(q, active)| SolvedExample {
                linear: q,
                lower: &bounds.0,
                upper: &bounds.1,
                active,
            })
            .collect();
        let mut votes = Neighbours::new(&examples, 3).unwrap();
        assert_eq!(votes.num_parameters(), 1);
        let mut guess = Vec::new();
        votes.predict(&problem(0.12), &mut guess).unwrap();
        assert_eq!(guess, [(0, Side::Upper, 2.0 / 3.0)]);
        // The votes of one call are not there in the next.
        votes.predict(&problem(0.12), &mut guess).unwrap();
        assert_eq!(guess.len(), 1);
        let mut nearest = Neighbours::new(&examples, 1).unwrap();
        nearest.predict(&problem(7.0), &mut guess).unwrap();
        assert_eq!(guess, [(0, Side::Lower, 1.0)]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let bounds = ([-1.0; 2], [1.0; 2]);
        let example = |active| SolvedExample {
            linear: &[1.0, 2.0],
            lower: &bounds.0,
            upper: &bounds.1,
            active,
        };
        assert!(matches!(
            Neighbours::new::<f64>(&[], 1),
            Err(OptError::InvalidOption {
                option: "count",
                ..
            })
        ));
        assert!(matches!(
            Neighbours::new(&[example(&[(2, Side::Upper)])], 1),
            Err(OptError::NoSuchConstraint { index: 2, .. })
        ));
        // One example has no scatter: it is nearest to everything.
        let mut one = Neighbours::new(&[example(&[(1, Side::Lower)])], 1).unwrap();
        assert_eq!(one.num_parameters(), 0);
        let mut guess = Vec::new();
        one.predict(&problem(5.0), &mut guess).unwrap();
        assert_eq!(guess, [(1, Side::Lower, 1.0)]);
        let small = QuadraticProgram::new(Hessian::Identity, vec![1.0]).unwrap();
        assert!(matches!(
            one.predict(&small, &mut guess),
            Err(OptError::Length { .. })
        ));
    }
}
