//! The last working set, moved ahead by a step: the guess of a controller with a receding horizon.

use super::activate::NO_BOUND;
use super::problem::expect_length;
use super::solution::Side;
use super::start::WarmStart;
use super::workspace::QpWorkspace;
use crate::{OptError, Real};

impl<T: Real> QpWorkspace<T> {
    /// Makes the guess in which constraint i sits where `sources[i]` sits in the last working set. O(m), and what changes of the factor.
    pub(super) fn guess_shifted(&mut self, sources: &[Option<usize>]) -> Result<(), OptError> {
        check(sources, self.flags.len())?;
        // A guess that no solve has looked at yet counts as the last working set. It stays in front of the new one until that is complete.
        let before = if self.rebuild { self.guess.len() } else { 0 };
        self.guess.truncate(before);
        if self.rebuild {
            self.guess.sort_unstable_by_key(|&(j, _, _)| j);
        }
        for (i, &source) in sources.iter().enumerate() {
            let Some(source) = source else { continue };
            let side = if self.rebuild {
                let old = &self.guess[..before];
                let found = old.binary_search_by_key(&source, |&(j, _, _)| j);
                found.ok().map(|at| old[at].1)
            } else {
                let flag = self.flags[source];
                flag.active.then(|| flag.side())
            };
            if let Some(side) = side {
                self.guess.push((i, side, likelihood::<T>(i == source)));
            }
        }
        self.guess.drain(..before);
        self.take_guess();
        Ok(())
    }

    /// Lets the next solve start from the guess, whose constraints have scores. The factor stays where the guess is the working set at hand, and is
    /// changed where that is less work than to build it anew.
    fn take_guess(&mut self) {
        self.guess_is_dual = false;
        if !self.rebuild {
            let (mut wanted, mut new) = (0, 0);
            let mut there = true;
            for &(j, side, _) in &self.guess {
                let flag = self.flags[j];
                // Equalities are in every set.
                if !flag.fixed {
                    wanted += 1;
                    new += usize::from(!flag.active);
                    there &= flag.active && flag.side() == side;
                }
            }
            let free = |&&j: &&usize| !self.flags[j].fixed;
            if there && self.set.order.iter().filter(free).count() == wanted {
                return;
            }
            self.rebuild = true;
            // Those that enter a full set cost twice what they cost on the way.
            if self.ldp.complete && !self.set.singular && 2 * new <= wanted {
                self.guess.sort_unstable_by_key(|&(j, _, _)| j);
                if self.change_set() {
                    self.set.forget();
                    self.rebuild = false;
                    return;
                }
            }
        }
        let key = |&(j, _, score): &(usize, Side, T)| (score == T::ZERO, j);
        self.guess.sort_unstable_by_key(key);
    }

    /// Makes the working set that of the guess, sorted by index, by taking out and putting in what differs. False if that made it singular.
    fn change_set(&mut self) -> bool {
        for position in (0..self.set.len()).rev() {
            let j = self.set.order[position];
            if self.flags[j].fixed {
                continue;
            }
            if let Ok(at) = self.guess.binary_search_by_key(&j, |&(j, _, _)| j) {
                let lower = self.guess[at].1 == Side::Lower;
                // A soft constraint may have another price at its other side, and is put in anew there.
                let turned = self.flags[j].lower != lower;
                if !(self.flags[j].soft && turned) {
                    self.flags[j].lower = lower;
                    if !self.flags[j].soft {
                        self.set.lambda[position] = if lower { -T::ONE } else { T::ONE };
                    }
                    continue;
                }
            }
            self.set.remove(&mut self.flags, position);
            if self.set.singular {
                return false;
            }
        }
        for likely in [true, false] {
            for at in 0..self.guess.len() {
                let (j, side, score) = self.guess[at];
                let bound = match side {
                    Side::Lower => self.problem.lower[j],
                    Side::Upper => self.problem.upper[j],
                };
                let flag = &mut self.flags[j];
                let full = self.set.is_full(self.ldp.n);
                let there = flag.active || flag.fixed || self.ldp.empty[j];
                if (score != T::ZERO) != likely || there || bound.to_f64().abs() >= NO_BOUND {
                    continue;
                }
                flag.lower = side == Side::Lower;
                let (held, lambda) = self.ldp.first_multiplier(j, *flag);
                flag.held = held;
                if full && !flag.gives_way() {
                    continue;
                }
                self.set.append(&self.ldp, &mut self.flags, j, lambda);
                if !self.set.singular {
                    self.set.pivot(&self.ldp, &mut self.flags);
                }
                if self.set.singular {
                    let last = self.set.len() - 1;
                    self.set.remove(&mut self.flags, last);
                }
            }
        }
        true
    }
}

/// Score of a constraint that has moved, or that is its own source and therefore less likely.
fn likelihood<T: Real>(own: bool) -> T {
    if own { T::ZERO } else { T::ONE }
}

/// How much of its past a [`RecedingStart`] forgets at each step.
const FORGETS: f64 = 0.1;

/// Chooses between the last working set and that set moved ahead by a step: whichever was nearer to the working sets that the steps before ended with.
///
/// Where plans are carried out as they were made, constraints move ahead with the horizon, and the set moved ahead is nearer. Where a disturbance or a new
/// reference makes a new plan at each step, or few inputs are free, the same constraints may be active step after step. Both are right at times, and counting the
/// differences costs O(m), much less than an iteration.
///
/// # Examples
/// ```
/// use la_opt::qp::{Hessian, QpOptions, QpUpdate, QpWorkspace, QuadraticProgram, RecedingStart};
///
/// let problem = QuadraticProgram::new(Hessian::Identity, vec![-3.0, -2.0, 0.0])?
///     .with_bounds(vec![-1.0; 3], vec![1.0; 3])?;
/// let mut workspace = QpWorkspace::new(problem, QpOptions::default())?;
/// let mut start = RecedingStart::new(vec![Some(1), Some(2), Some(2)]);
/// for step in [[-3.0, -2.0, 0.0], [-2.0, 0.0, 0.0], [0.0, 0.0, 0.0]] {
///     start.begin(&mut workspace)?;
///     workspace.update(&QpUpdate::default().with_linear(&step))?;
///     assert!(workspace.solve().status.is_optimal());
/// }
/// # Ok::<(), la_opt::OptError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RecedingStart {
    sources: Vec<Option<usize>>,
    /// The constraints that each constraint is the source of: those of j are `heirs[starts[j]..starts[j + 1]]`.
    starts: Vec<usize>,
    heirs: Vec<usize>,
    /// The set that the last solve ended with, and the same moved ahead; if they are known.
    last: [Vec<(usize, Side)>; 2],
    known: bool,
    next: [Vec<(usize, Side)>; 2],
    marks: Vec<Option<Side>>,
    /// Differences that keeping and moving have had, the older ones fading.
    differences: [f64; 2],
    /// The next solve begins a run.
    begins: bool,
}

impl RecedingStart {
    /// With the sources of [`WarmStart::Shifted`].
    #[must_use]
    pub fn new(sources: Vec<Option<usize>>) -> Self {
        let m = sources.len();
        let mut starts = vec![0; m + 1];
        // Sources that do not exist are refused by `begin`.
        for &source in sources.iter().flatten().filter(|&&source| source < m) {
            starts[source + 1] += 1;
        }
        for j in 0..m {
            starts[j + 1] += starts[j];
        }
        let mut heirs = vec![0; starts[m]];
        let mut next = starts.clone();
        for (i, &source) in sources.iter().enumerate() {
            if let Some(source) = source.filter(|&source| source < m) {
                heirs[next[source]] = i;
                next[source] += 1;
            }
        }
        let room = || [Vec::with_capacity(m), Vec::with_capacity(m)];
        Self {
            sources,
            starts,
            heirs,
            last: room(),
            known: false,
            next: room(),
            marks: vec![None; m],
            differences: [0.0; 2],
            begins: true,
        }
    }

    /// Makes the guess of the next solve, from what the last one ended with. To be called once between two solves, before or after the update. Costs O(k) for a
    /// working set of k, and what changes of the factor; allocates nothing.
    ///
    /// # Errors
    /// [`OptError::Length`] or [`OptError::NoSuchConstraint`] if the sources do not fit the problem.
    pub fn begin<T: Real>(&mut self, workspace: &mut QpWorkspace<T>) -> Result<(), OptError> {
        if self.begins || self.sources.len() != workspace.problem.num_constraints() {
            check(&self.sources, workspace.problem.num_constraints())?;
            self.begins = false;
            return workspace.warm_start(WarmStart::Cold);
        }
        let active = &workspace.solution.active_set;
        let [now, moved] = &mut self.next;
        now.clear();
        now.extend_from_slice(active);
        moved.clear();
        for &(j, side) in active {
            let heirs = &self.heirs[self.starts[j]..self.starts[j + 1]];
            moved.extend(heirs.iter().map(|&i| (i, side)));
        }
        // What is active now is compared with both guesses that could have been made.
        if self.known {
            for &(j, side) in &*now {
                self.marks[j] = Some(side);
            }
            for (sum, guess) in self.differences.iter_mut().zip(&self.last) {
                let right = guess
                    .iter()
                    .filter(|&&(j, side)| self.marks[j] == Some(side));
                let wrong = guess.len() + now.len() - 2 * right.count();
                *sum = (1.0 - FORGETS) * *sum + wrong as f64;
            }
            for &(j, _) in &*now {
                self.marks[j] = None;
            }
        }
        if self.differences[1] < self.differences[0] {
            workspace.guess.clear();
            let score = |i: usize| likelihood::<T>(self.sources[i] == Some(i));
            let guess = moved.iter().map(|&(i, side)| (i, side, score(i)));
            workspace.guess.extend(guess);
            workspace.take_guess();
        }
        std::mem::swap(&mut self.last, &mut self.next);
        self.known = true;
        Ok(())
    }

    /// The next solve begins a run: it starts with nothing. Which guess was nearer is remembered.
    pub fn restart(&mut self) {
        (self.begins, self.known) = (true, false);
    }

    /// Whether the next guess is the set moved ahead.
    #[must_use]
    pub fn moves(&self) -> bool {
        self.differences[1] < self.differences[0]
    }
}

/// Refuses sources of another number, and such that do not exist.
fn check(sources: &[Option<usize>], constraints: usize) -> Result<(), OptError> {
    expect_length("sources of a shift", sources.len(), constraints)?;
    match sources
        .iter()
        .flatten()
        .copied()
        .find(|&j| j >= constraints)
    {
        None => Ok(()),
        Some(index) => Err(OptError::NoSuchConstraint { index, constraints }),
    }
}
