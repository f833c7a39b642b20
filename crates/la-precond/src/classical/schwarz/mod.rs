//! Additive Schwarz: overlapping subdomains, each with a solver of its own.

mod partition;

use la_krylov::{
    Definiteness, Host, Preconditioner, PreconditionerError, PreconditionerKind, Real,
};
use sprs::{CsMatI, CsMatViewI, SpIndex};

use super::input::{Rows, check_lengths, with_rows};
use super::spare::Spare;
use crate::PrecondError;
pub use partition::Partition;
use partition::extend;

/// What happens to corrections where subdomains overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Combination {
    /// They are added: `M⁻¹ = Σ Rᵢᵀ Mᵢ⁻¹ Rᵢ`. Symmetric if the local solvers are: for CG. The default.
    #[default]
    Additive,
    /// Each subdomain corrects only what it owns, `M⁻¹ = Σ R̃ᵢᵀ Mᵢ⁻¹ Rᵢ`. Usually fewer iterations and
    /// less communication, but not symmetric: not for CG.
    ///
    /// X.-C. Cai, M. Sarkis, *SIAM J. Sci. Comput.* 21(2), 792–797, 1999.
    Restricted,
    /// They are averaged in a symmetric way: `M⁻¹ = W^½ (Σ Rᵢᵀ Mᵢ⁻¹ Rᵢ) W^½`, where W divides by the number of
    /// subdomains that have an unknown. For CG, where the overlap of inexact local solvers costs more
    /// iterations, added twice, than it saves.
    ///
    /// After J. Lottes, P. Fischer, *J. Sci. Comput.* 24(1), 45–78, 2005, who scale the sum by W on one side.
    Weighted,
}

impl Combination {
    /// What an unknown in so many subdomains is multiplied by before and after.
    pub(crate) fn weight<T: Real>(count: f64) -> T {
        T::from_f64(1.0 / count.max(1.0).sqrt())
    }
}

/// Additive Schwarz: options; [`build`](Self::build) makes an [`AdditiveSchwarz`] preconditioner out of
/// any local one.
///
/// The unknowns are divided into subdomains, each is extended by layers of neighbours, and a local
/// preconditioner is built for each submatrix. Use it to bring parallelism or a dearer local solver to a
/// large problem; iterations grow with the number of subdomains, since nothing couples distant ones, and
/// shrink with the overlap. On one core a single incomplete factorisation of the whole matrix is usually
/// faster.
///
/// # Cost
/// The local set-ups and applications, a gather and a scatter of each extended subdomain.
///
/// # Shapes
/// - `a`: n × n, stored whole with sorted rows.
///
/// # Examples
/// ```
/// use la_krylov::{CgOptions, cg, sprs::CsMat};
/// use la_precond::classical::{Ic0, Partition, Schwarz};
///
/// let a = CsMat::new(
///     (3, 3),
///     vec![0, 2, 5, 7],
///     vec![0, 1, 0, 1, 2, 1, 2],
///     vec![2.0, -1.0, -1.0, 2.0, -1.0, -1.0, 2.0],
/// );
/// let m = Schwarz::new(Partition::Contiguous(2))
///     .with_overlap(1)
///     .build(a.view(), |local| Ic0::default().factor(local))?;
/// assert_eq!(m.subdomain(1), Some(&[0, 1, 2][..]));
/// let solution = cg(&a, &[1.0_f64, 0.0, 1.0], &m, &CgOptions::default())?;
/// assert!((solution.x[1] - 1.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// B. Smith, P. Bjørstad, W. Gropp, *Domain Decomposition*, 1996, chapter 1; Y. Saad, *Iterative Methods
/// for Sparse Linear Systems*, 2nd ed., 2003, section 14.3.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schwarz {
    /// How the unknowns are divided.
    pub partition: Partition,
    /// Layers of neighbours that each subdomain is extended by. Default `1`.
    pub overlap: usize,
    /// What happens where subdomains overlap. Default: corrections are added.
    pub combination: Combination,
}

impl Schwarz {
    /// One layer of overlap around the given subdomains, corrections added.
    #[must_use]
    pub fn new(partition: Partition) -> Self {
        Self {
            partition,
            overlap: 1,
            combination: Combination::Additive,
        }
    }

    /// Sets the layers of overlap.
    #[must_use]
    pub fn with_overlap(mut self, overlap: usize) -> Self {
        self.overlap = overlap;
        self
    }

    /// Sets what happens where subdomains overlap.
    #[must_use]
    pub fn with_combination(mut self, combination: Combination) -> Self {
        self.combination = combination;
        self
    }

    /// Builds the local preconditioners: `local` is called with the submatrix of each subdomain, whose
    /// rows and columns are in the order of the whole matrix.
    ///
    /// # Errors
    /// [`PrecondError::NotSquare`], [`PrecondError::TooLarge`]; [`PrecondError::UnsortedRow`];
    /// [`PrecondError::InvalidOption`] and [`PrecondError::DimensionMismatch`] for an impossible partition
    /// or a local preconditioner of another order; and what `local` returns, whose rows count from the
    /// start of the subdomain.
    ///
    /// # Examples
    /// See [`Schwarz`].
    pub fn build<T: Real, I: SpIndex, M>(
        &self,
        a: CsMatViewI<'_, T, I>,
        mut local: impl FnMut(CsMatViewI<'_, T, u32>) -> Result<M, PrecondError>,
    ) -> Result<AdditiveSchwarz<M, T>, PrecondError>
    where
        M: Preconditioner<Host<T>>,
    {
        with_rows(a, |rows, n| {
            for row in 0..n {
                if rows.row(row).0.windows(2).any(|w| w[0] >= w[1]) {
                    return Err(PrecondError::UnsortedRow { row });
                }
            }
            let parts = self.partition.parts(&rows, n)?;
            let mut mark = vec![false; n];
            let mut place = vec![u32::MAX; n];
            let mut subdomains = Vec::with_capacity(parts.len());
            for part in parts {
                let unknowns = extend(&rows, &part, self.overlap, &mut mark);
                let matrix = submatrix(&rows, &unknowns, &mut place);
                let solver = local(matrix.view())?;
                if solver.dimension() != unknowns.len() {
                    return Err(PrecondError::DimensionMismatch {
                        what: "local preconditioner",
                        found: solver.dimension(),
                        expected: unknowns.len(),
                    });
                }
                let owned = match self.combination {
                    Combination::Restricted => part,
                    _ => Vec::new(),
                };
                subdomains.push(Subdomain {
                    unknowns,
                    owned,
                    solver,
                });
            }
            let largest = subdomains
                .iter()
                .map(|s| s.unknowns.len())
                .max()
                .unwrap_or(0);
            let weights = match self.combination {
                Combination::Weighted => weights(n, &subdomains),
                _ => Vec::new(),
            };
            Ok(AdditiveSchwarz {
                n,
                combination: self.combination,
                weights,
                subdomains,
                largest,
                work: Spare::new((vec![T::ZERO; largest], vec![T::ZERO; largest])),
            })
        })
    }
}

/// The diagonal of W^½.
fn weights<T: Real, M>(n: usize, subdomains: &[Subdomain<M>]) -> Vec<T> {
    let mut counts = vec![0u32; n];
    for &i in subdomains.iter().flat_map(|s| &s.unknowns) {
        counts[i as usize] += 1;
    }
    let counts = counts.into_iter().map(f64::from);
    counts.map(Combination::weight).collect()
}

/// Rows and columns `unknowns` of `a`. `place` has one entry per unknown, all `u32::MAX` before and after.
fn submatrix<T: Real, I: SpIndex>(
    a: &Rows<'_, T, I>,
    unknowns: &[u32],
    place: &mut [u32],
) -> CsMatI<T, u32> {
    for (k, &i) in unknowns.iter().enumerate() {
        place[i as usize] = k as u32;
    }
    let (mut starts, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for &i in unknowns {
        let (cols, entries) = a.row(i as usize);
        for (j, v) in cols.iter().zip(entries) {
            let at = place[j.index()];
            if at != u32::MAX {
                indices.push(at);
                values.push(*v);
            }
        }
        starts.push(indices.len() as u32);
    }
    for &i in unknowns {
        place[i as usize] = u32::MAX;
    }
    CsMatI::new((unknowns.len(), unknowns.len()), starts, indices, values)
}

#[derive(Debug)]
struct Subdomain<M> {
    /// All unknowns, increasing.
    unknowns: Vec<u32>,
    /// Those it may correct, increasing; empty if all.
    owned: Vec<u32>,
    solver: M,
}

/// Overlapping subdomains with a local preconditioner each, made by [`Schwarz`].
///
/// `apply` allocates nothing; threads that share one take turns.
#[derive(Debug)]
pub struct AdditiveSchwarz<M, T = f64> {
    n: usize,
    combination: Combination,
    /// Of unknowns, where corrections are weighted.
    weights: Vec<T>,
    subdomains: Vec<Subdomain<M>>,
    /// Unknowns of the largest subdomain.
    largest: usize,
    /// Local residual and correction.
    work: Spare<(Vec<T>, Vec<T>)>,
}

impl<M, T> AdditiveSchwarz<M, T> {
    /// Number of subdomains.
    #[must_use]
    pub fn num_subdomains(&self) -> usize {
        self.subdomains.len()
    }

    /// The unknowns of subdomain `k` with its overlap, increasing. `None` if there is no such subdomain.
    #[must_use]
    pub fn subdomain(&self, k: usize) -> Option<&[u32]> {
        self.subdomains.get(k).map(|s| &*s.unknowns)
    }

    /// The local preconditioner of subdomain `k`. `None` if there is no such subdomain.
    #[must_use]
    pub fn local(&self, k: usize) -> Option<&M> {
        self.subdomains.get(k).map(|s| &s.solver)
    }
}

impl<T: Real, M: Preconditioner<Host<T>>> Preconditioner<Host<T>> for AdditiveSchwarz<M, T> {
    fn dimension(&self) -> usize {
        self.n
    }

    fn apply(&self, space: &Host<T>, r: &[T], z: &mut [T]) -> Result<(), PreconditionerError> {
        check_lengths(self.n, r.len(), z.len())?;
        let make = || (vec![T::ZERO; self.largest], vec![T::ZERO; self.largest]);
        self.work.with(make, |(residual, correction)| {
            z.fill(T::ZERO);
            for s in &self.subdomains {
                let size = s.unknowns.len();
                let (residual, correction) = (&mut residual[..size], &mut correction[..size]);
                for (local, &i) in residual.iter_mut().zip(&s.unknowns) {
                    *local = r[i as usize];
                }
                if self.combination == Combination::Weighted {
                    for (local, &i) in residual.iter_mut().zip(&s.unknowns) {
                        *local *= self.weights[i as usize];
                    }
                }
                let local = if space.is_parallel() {
                    Host::new(size)
                } else {
                    Host::sequential(size)
                };
                s.solver.apply(&local, residual, correction)?;
                match self.combination {
                    Combination::Additive | Combination::Weighted => {
                        for (c, &i) in correction.iter().zip(&s.unknowns) {
                            z[i as usize] += *c;
                        }
                    }
                    Combination::Restricted => {
                        let mut owned = s.owned.iter().peekable();
                        for (c, &i) in correction.iter().zip(&s.unknowns) {
                            if owned.next_if_eq(&&i).is_some() {
                                z[i as usize] = *c;
                            }
                        }
                    }
                }
            }
            // There are none unless corrections are weighted.
            for (z, w) in z.iter_mut().zip(&self.weights) {
                *z *= *w;
            }
            Ok(())
        })
    }

    fn kind(&self) -> PreconditionerKind {
        let variable = |s: &Subdomain<M>| s.solver.kind() == PreconditionerKind::Variable;
        if self.subdomains.iter().any(variable) {
            PreconditionerKind::Variable
        } else {
            PreconditionerKind::Fixed
        }
    }

    fn definiteness(&self) -> Definiteness {
        let all = |wanted: &[Definiteness]| {
            self.subdomains
                .iter()
                .all(|s| wanted.contains(&s.solver.definiteness()))
        };
        let definite = Definiteness::SymmetricPositiveDefinite;
        if self.combination == Combination::Restricted {
            Definiteness::General
        } else if all(&[definite]) {
            definite
        } else if all(&[definite, Definiteness::Symmetric]) {
            Definiteness::Symmetric
        } else {
            Definiteness::General
        }
    }
}
