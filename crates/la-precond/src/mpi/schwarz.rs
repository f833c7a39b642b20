//! Additive Schwarz with one subdomain per rank.

use std::cell::RefCell;

use la_krylov::la_mpi::{Halo, Ownership, Ranges, Scalar, World};
use la_krylov::{
    Definiteness, Host, Mpi, Preconditioner, PreconditionerError, PreconditionerKind, Real,
    VectorSpace,
};
use sprs::{CsMatViewI, SpIndex};

use super::rows::Rows;
use crate::PrecondError;
use crate::classical::Combination;

/// Additive Schwarz on the ranks of an MPI program: options. Every rank's rows are a subdomain, extended by
/// layers of rows of other ranks, with any local preconditioner. Without overlap it is block Jacobi, and
/// needs no messages.
///
/// Iterations grow with the number of ranks, since nothing couples distant ones, and shrink with the overlap.
/// Set the same options on all ranks.
///
/// # Cost
/// The local set-up and application; with overlap one exchange for each application, two unless it is
/// restricted. Set-up fetches the rows of the overlap once.
///
/// # Examples
/// ```no_run
/// use la_krylov::{CgOptions, MpiMatrix, cg_in};
/// use la_precond::classical::Ic0;
/// use la_precond::mpi::MpiSchwarz;
/// use la_precond::mpi::la_mpi::{Ranges, World};
/// use la_precond::sprs::CsMatI;
///
/// let world = World::init()?;
/// let blocks = Ranges::even(1000, world.size());
/// let own = blocks.range(world.rank());
/// // This rank's rows, here of four times the identity.
/// let starts = (0..=own.len() as u32).collect();
/// let columns = own.clone().map(|i| i as u32).collect();
/// let rows = CsMatI::new((own.len(), 1000), starts, columns, vec![4.0; own.len()]);
/// let a = MpiMatrix::from_blocks(&world, &blocks, rows.view())?;
/// let m = MpiSchwarz::default()
///     .build_blocks(&world, &blocks, rows.view(), |local| Ic0::default().factor(local))?;
/// let b = vec![1.0; own.len()];
/// let solution = cg_in(a.space(), &a, &b, &m, &CgOptions::default())?;
/// assert_eq!(solution.x[0], 0.25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// B. Smith, P. Bjørstad, W. Gropp, *Domain Decomposition*, 1996, chapter 1; X.-C. Cai, M. Sarkis,
/// *SIAM J. Sci. Comput.* 21(2), 792–797, 1999 (restricted).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MpiSchwarz {
    /// Layers of rows of other ranks that each subdomain is extended by. Default `1`.
    pub overlap: usize,
    /// What happens where subdomains overlap. Default: corrections are averaged, for CG. With inexact local
    /// solvers, added ones take more iterations than no overlap at all.
    pub combination: Combination,
}

impl Default for MpiSchwarz {
    fn default() -> Self {
        Self {
            overlap: 1,
            combination: Combination::Weighted,
        }
    }
}

impl MpiSchwarz {
    /// Block Jacobi: no overlap.
    #[must_use]
    pub fn block_jacobi() -> Self {
        Self::default().with_overlap(0)
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

    /// Builds the local preconditioner where the rows of each rank are a block. Collective.
    ///
    /// # Shapes and errors
    /// As [`MpiSchwarz::build`], `ids` being the block of this rank.
    ///
    /// # Errors
    /// See above.
    pub fn build_blocks<T: Real + Scalar, I: SpIndex, M: Preconditioner<Host<T>>>(
        &self,
        world: &World,
        blocks: &Ranges,
        rows: CsMatViewI<'_, T, I>,
        local: impl FnOnce(CsMatViewI<'_, T, u32>) -> Result<M, PrecondError>,
    ) -> Result<MpiAdditiveSchwarz<M, T>, PrecondError> {
        world.agree(blocks.require_ranks(world.size()))?;
        let ids: Vec<usize> = blocks.range(world.rank()).collect();
        self.build(world, &ids, rows, blocks, local)
    }

    /// Builds the local preconditioner: `local` is called once on every rank with the submatrix of the extended
    /// subdomain, rows and columns in the order of the whole matrix. Collective.
    ///
    /// # Shapes
    /// - `ids`: the numbers, in the whole matrix, of this rank's rows, in the order of its parts of vectors;
    /// - `rows`: one row per id, columns numbered as in the whole matrix.
    ///
    /// # Errors
    /// On every rank if on any: [`PrecondError::DimensionMismatch`], [`PrecondError::TooLarge`],
    /// [`PrecondError::Mpi`] and what `local` returns, on the rank that sees the fault;
    /// [`la_mpi::MpiError::OtherRank`](super::la_mpi::MpiError::OtherRank) on the others. Rows in errors of
    /// `local` count from the start of the subdomain.
    pub fn build<T: Real + Scalar, I: SpIndex, M: Preconditioner<Host<T>>>(
        &self,
        world: &World,
        ids: &[usize],
        rows: CsMatViewI<'_, T, I>,
        owners: &(impl Ownership + ?Sized),
        local: impl FnOnce(CsMatViewI<'_, T, u32>) -> Result<M, PrecondError>,
    ) -> Result<MpiAdditiveSchwarz<M, T>, PrecondError> {
        let own = ids.len();
        let mut all = world.agree(Rows::own(ids, rows))?;
        for _ in 0..self.overlap {
            all.extend(world, own, owners)?;
        }
        let size = all.ids.len();
        let ghosts = all.ids[own..].to_vec();
        let mut halo = Halo::new(world, ids, &ghosts, owners)?;
        let made = || {
            let (matrix, place) = all.matrix()?;
            drop(all);
            let solver = local(matrix.view())?;
            if solver.dimension() != size {
                return Err(PrecondError::DimensionMismatch {
                    what: "local preconditioner",
                    found: solver.dimension(),
                    expected: size,
                });
            }
            Ok((place, solver))
        };
        let (place, solver) = world.agree(made())?;
        let (kind, definiteness) = self.character(world, &solver);
        let in_order = place.iter().zip(0..).all(|(place, at)| *place == at);
        let exchange = halo.neighbours().next().is_some();
        let weights = match self.combination {
            Combination::Weighted if exchange => weights(&mut halo),
            _ => Vec::new(),
        };
        let weighted = vec![T::ZERO; weights.len()];
        Ok(MpiAdditiveSchwarz {
            global: Mpi::<T>::new(world, own).dimension(),
            own,
            combination: self.combination,
            weights,
            place,
            alone: in_order && !exchange,
            kind,
            definiteness,
            solver,
            work: RefCell::new(Work {
                exchange,
                halo,
                ghosts: vec![T::ZERO; ghosts.len()],
                weighted,
                residual: vec![T::ZERO; size],
                correction: vec![T::ZERO; size],
                failure: None,
            }),
        })
    }

    /// What all ranks can say of the whole: methods must accept or refuse it on all alike.
    fn character<T: Real, M: Preconditioner<Host<T>>>(
        &self,
        world: &World,
        solver: &M,
    ) -> (PreconditionerKind, Definiteness) {
        let variable = world.any(solver.kind() != PreconditionerKind::Fixed);
        let own = solver.definiteness();
        let definite = own == Definiteness::SymmetricPositiveDefinite;
        let indefinite = world.any(!definite);
        let general = world.any(!definite && own != Definiteness::Symmetric)
            || self.combination == Combination::Restricted && self.overlap > 0;
        let kind = match variable {
            true => PreconditionerKind::Variable,
            false => PreconditionerKind::Fixed,
        };
        let definiteness = match (general, indefinite) {
            (true, _) => Definiteness::General,
            (_, true) => Definiteness::Symmetric,
            _ => Definiteness::SymmetricPositiveDefinite,
        };
        (kind, definiteness)
    }
}

/// The own part of the diagonal of W^½.
fn weights<T: Real + Scalar>(halo: &mut Halo<T>) -> Vec<T> {
    let mut counts = vec![T::from_f64(1.0); halo.owned()];
    halo.reverse(&vec![T::from_f64(1.0); halo.ghosts()], 1, &mut counts);
    let counts = counts.into_iter().map(T::to_f64);
    counts.map(Combination::weight).collect()
}

/// One overlapping subdomain per rank with a local preconditioner each, made by [`MpiSchwarz`].
///
/// `apply` allocates nothing. Where the local preconditioner of a rank fails, that rank's correction becomes NaN,
/// which reaches all ranks with the next inner product, so that all end alike, with a status that says so;
/// [`MpiAdditiveSchwarz::failure`] then knows why.
#[derive(Debug)]
pub struct MpiAdditiveSchwarz<M, T: Scalar = f64> {
    global: usize,
    own: usize,
    combination: Combination,
    /// Of own unknowns, where corrections are weighted.
    weights: Vec<T>,
    /// Where own entries and then ghosts stand in the subdomain.
    place: Vec<u32>,
    /// Whether the subdomain is the rank's part itself.
    alone: bool,
    kind: PreconditionerKind,
    definiteness: Definiteness,
    solver: M,
    work: RefCell<Work<T>>,
}

#[derive(Debug)]
struct Work<T: Scalar> {
    /// Whether there is a neighbour; the same for both sides.
    exchange: bool,
    halo: Halo<T>,
    ghosts: Vec<T>,
    /// The own part of a residual, weighted.
    weighted: Vec<T>,
    residual: Vec<T>,
    correction: Vec<T>,
    failure: Option<PreconditionerError>,
}

impl<M, T: Real + Scalar> MpiAdditiveSchwarz<M, T> {
    /// Unknowns of this rank's subdomain, overlap included.
    #[must_use]
    pub fn local_size(&self) -> usize {
        self.place.len()
    }

    /// This rank's local preconditioner.
    #[must_use]
    pub fn local(&self) -> &M {
        &self.solver
    }

    /// Why the local preconditioner of this rank failed last; `None` if it never did.
    #[must_use]
    pub fn failure(&self) -> Option<PreconditionerError> {
        self.work.borrow().failure.clone()
    }
}

impl<T: Real + Scalar, M: Preconditioner<Host<T>>> Preconditioner<Mpi<T>>
    for MpiAdditiveSchwarz<M, T>
{
    fn dimension(&self) -> usize {
        self.global
    }

    /// # Panics
    /// If `r` or `z` has the wrong length.
    fn apply(&self, space: &Mpi<T>, r: &[T], z: &mut [T]) -> Result<(), PreconditionerError> {
        assert!(r.len() == self.own && z.len() == self.own, "local parts");
        let host = match space.local().is_parallel() {
            true => Host::new(self.place.len()),
            false => Host::sequential(self.place.len()),
        };
        let work = &mut *self.work.borrow_mut();
        if self.alone {
            if let Err(error) = self.solver.apply(&host, r, z) {
                z.fill(T::from_f64(f64::NAN));
                work.failure = Some(error);
            }
            return Ok(());
        }
        let (own, foreign) = self.place.split_at(self.own);
        let mut r = r;
        if !self.weights.is_empty() {
            for ((weighted, r), w) in work.weighted.iter_mut().zip(r).zip(&self.weights) {
                *weighted = *r * *w;
            }
            r = &work.weighted;
        }
        if work.exchange {
            work.halo.start(r, 1);
        }
        for (place, r) in own.iter().zip(r) {
            work.residual[*place as usize] = *r;
        }
        if work.exchange {
            work.halo.finish(&mut work.ghosts);
        }
        for (place, r) in foreign.iter().zip(&work.ghosts) {
            work.residual[*place as usize] = *r;
        }
        if let Err(error) = self
            .solver
            .apply(&host, &work.residual, &mut work.correction)
        {
            work.correction.fill(T::from_f64(f64::NAN));
            work.failure = Some(error);
        }
        for (place, z) in own.iter().zip(z.iter_mut()) {
            *z = work.correction[*place as usize];
        }
        if work.exchange && self.combination != Combination::Restricted {
            for (place, c) in foreign.iter().zip(&mut work.ghosts) {
                *c = work.correction[*place as usize];
            }
            work.halo.reverse(&work.ghosts, 1, z);
            for (z, w) in z.iter_mut().zip(&self.weights) {
                *z *= *w;
            }
        }
        Ok(())
    }

    fn kind(&self) -> PreconditionerKind {
        self.kind
    }

    fn definiteness(&self) -> Definiteness {
        self.definiteness
    }
}
