//! The methods on 1 to 4 ranks against the same methods in one process.

mod common;

use approx::assert_relative_eq;
use common::{Matrix, laplacian, residual_norm, rhs};
use la_krylov::la_mpi::testing::on_ranks;
use la_krylov::la_mpi::{MpiError, Ranges, World};
use la_krylov::sprs::{CsMatI, TriMatI};
use la_krylov::{
    BicgstabOptions, CgOptions, Definiteness, FgmresOptions, GmresOptions, Host,
    IdentityPreconditioner, KrylovError, LinearOperator, LsmrOptions, MinresOptions, Mpi,
    MpiMatrix, Preconditioner, PreconditionerError, PreconditionerKind, Side, Solution, Status,
    TransposeOperator, VectorSpace, bicgstab, bicgstab_in, cg, cg_in, fgmres, fgmres_in, gmres,
    gmres_in, lsmr, lsmr_in, minres, minres_in,
};

const RANKS: [usize; 4] = [1, 2, 3, 4];

/// A matrix, and the rows of this rank in two ways: as a block and as a hand of cards.
struct Spread {
    a: Matrix,
    blocks: Ranges,
    dealt: Vec<usize>,
}

impl Spread {
    fn new(world: &World, a: Matrix) -> Self {
        let n = a.rows();
        // Blocks of very different lengths, one of them empty on four ranks.
        let weights = (0..n).map(|i| if i < n / 2 { 1 } else { 3 });
        let blocks = match world.size() {
            4 => Ranges::from_lengths(&[n / 3, 0, n / 2, n - n / 3 - n / 2]),
            ranks => Ranges::balanced(weights, ranks),
        };
        let dealt = (0..n).filter(|i| owner(*i, world.size()) == world.rank());
        let mut dealt: Vec<usize> = dealt.collect();
        dealt.reverse();
        Self { a, blocks, dealt }
    }

    fn block(&self, world: &World) -> (MpiMatrix, Vec<usize>) {
        let ids: Vec<usize> = self.blocks.range(world.rank()).collect();
        let rows = pick(&self.a, &ids);
        let matrix = MpiMatrix::from_blocks(world, &self.blocks, rows.view()).unwrap();
        (matrix, ids)
    }

    fn deal(&self, world: &World) -> (MpiMatrix, Vec<usize>) {
        let rows = pick(&self.a, &self.dealt).to_csc();
        let owners = |i: usize| Some(owner(i, world.size()));
        let matrix = MpiMatrix::from_rows(world, &self.dealt, rows.view(), &owners).unwrap();
        (matrix, self.dealt.clone())
    }
}

fn owner(i: usize, ranks: usize) -> usize {
    (i * i + i / 5) % ranks
}

fn pick(a: &Matrix, ids: &[usize]) -> CsMatI<f64, u32> {
    let mut rows = TriMatI::new((ids.len(), a.cols()));
    for (local, i) in ids.iter().enumerate() {
        let row = a.outer_view(*i).unwrap();
        row.iter().for_each(|(j, v)| rows.add_triplet(local, j, *v));
    }
    rows.to_csr()
}

fn local(x: &[f64], ids: &[usize]) -> Vec<f64> {
    ids.iter().map(|i| x[*i]).collect()
}

/// The whole vector, on every rank.
fn whole(world: &World, x: &[f64], ids: &[usize]) -> Vec<f64> {
    let numbers: Vec<u64> = ids.iter().map(|i| *i as u64).collect();
    let (numbers, values) = (world.all_gather(&numbers), world.all_gather(x));
    let n = numbers.iter().map(Vec::len).sum();
    let mut all = vec![f64::NAN; n];
    for (i, v) in numbers.iter().flatten().zip(values.iter().flatten()) {
        all[*i as usize] = *v;
    }
    all
}

/// A convection-diffusion matrix on a k × k grid.
fn convection(k: usize) -> Matrix {
    let mut t = TriMatI::new((k * k, k * k));
    for (v, (i, j)) in laplacian(k, 0.1).iter() {
        let skew = if i < j { 0.3 } else { -0.2 };
        t.add_triplet(i as usize, j as usize, if i == j { *v } else { v + skew });
    }
    t.to_csr()
}

fn assert_same(
    world: &World,
    serial: &Solution,
    ours: &Solution,
    ids: &[usize],
    a: &Matrix,
    b: &[f64],
) {
    assert_eq!(ours.status, Status::Converged);
    let x = whole(world, &ours.x, ids);
    let size = serial.x.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    for (x, s) in x.iter().zip(&serial.x) {
        assert_relative_eq!(x, s, epsilon = 1e-10 * size);
    }
    assert!(ours.iterations.abs_diff(serial.iterations) <= 1);
    // The residual that is reported is the true one, of the whole vector.
    let residual = residual_norm(a, b, &x);
    assert_relative_eq!(
        ours.residual_norm,
        residual,
        max_relative = 1e-2,
        epsilon = 1e-15
    );
    let norms = world.all_gather(&[ours.residual_norm.to_bits()]);
    assert!(
        norms.iter().all(|other| other == &norms[0]),
        "ranks disagree"
    );
}

#[test]
fn products_and_their_transposes() {
    on_ranks("products_and_their_transposes", &RANKS, |world| {
        let spread = Spread::new(world, convection(9));
        let host = Host::new(81);
        let x = rhs(81);
        let (mut y, mut z) = (vec![0.0; 81], vec![0.0; 81]);
        spread.a.apply(&host, &x, &mut y);
        spread.a.apply_transpose(&host, &x, &mut z);
        for (a, ids) in [spread.block(world), spread.deal(world)] {
            let space = a.space();
            assert_eq!((a.rows(), a.cols(), space.dimension()), (81, 81, 81));
            let mut ours = vec![f64::NAN; ids.len()];
            a.apply(&space, &local(&x, &ids), &mut ours);
            for (ours, y) in ours.iter().zip(local(&y, &ids)) {
                assert_relative_eq!(*ours, y, epsilon = 1e-14, max_relative = 1e-13);
            }
            a.apply_transpose(&space, &local(&x, &ids), &mut ours);
            for (ours, z) in ours.iter().zip(local(&z, &ids)) {
                assert_relative_eq!(*ours, z, epsilon = 1e-14, max_relative = 1e-13);
            }
            let mut nnz = [a.local_nnz() as i64];
            world.all_sum_integers(&mut nnz);
            assert_eq!(nnz[0] as usize, spread.a.nnz());
        }
    });
}

#[test]
fn definite_methods() {
    on_ranks("definite_methods", &RANKS, |world| {
        let spread = Spread::new(world, laplacian(20, 0.01));
        let (n, b) = (400, rhs(400));
        let identity = IdentityPreconditioner::new(n);
        let by_cg = CgOptions::default().with_rtol(1e-12);
        let by_minres = MinresOptions::default().with_rtol(1e-12);
        let first = cg(&spread.a, &b, &identity, &by_cg).unwrap();
        let second = minres(&spread.a, &b, &identity, &by_minres).unwrap();
        for (a, ids) in [spread.block(world), spread.deal(world)] {
            let own = local(&b, &ids);
            let ours = cg_in(a.space(), &a, &own, &identity, &by_cg).unwrap();
            assert_same(world, &first, &ours, &ids, &spread.a, &b);
            let ours = minres_in(a.space(), &a, &own, &identity, &by_minres).unwrap();
            assert_same(world, &second, &ours, &ids, &spread.a, &b);
        }
    });
}

#[test]
fn general_methods() {
    on_ranks("general_methods", &RANKS, |world| {
        let spread = Spread::new(world, convection(18));
        let (n, b) = (324, rhs(324));
        let identity = IdentityPreconditioner::new(n);
        let by_gmres = GmresOptions::default().with_rtol(1e-12).with_restart(25);
        let by_left = by_gmres.clone().with_side(Side::Left);
        let by_bicgstab = BicgstabOptions::default().with_rtol(1e-12);
        let by_lsmr = LsmrOptions::default().with_rtol(1e-12);
        let first = gmres(&spread.a, &b, &identity, &by_gmres).unwrap();
        let second = bicgstab(&spread.a, &b, &identity, &by_bicgstab).unwrap();
        let third = lsmr(&spread.a, &b, &by_lsmr).unwrap();
        for (a, ids) in [spread.block(world), spread.deal(world)] {
            let own = local(&b, &ids);
            let space = a.space();
            let ours = gmres_in(space.clone(), &a, &own, &identity, &by_gmres).unwrap();
            assert_same(world, &first, &ours, &ids, &spread.a, &b);
            let ours = gmres_in(space.clone(), &a, &own, &identity, &by_left).unwrap();
            assert_eq!(ours.status, Status::Converged);
            let ours = bicgstab_in(space.clone(), &a, &own, &identity, &by_bicgstab).unwrap();
            let x = whole(world, &ours.x, &ids);
            for (x, s) in x.iter().zip(&second.x) {
                assert_relative_eq!(x, s, max_relative = 1e-9, epsilon = 1e-10);
            }
            let ours = lsmr_in(space.clone(), space, &a, &own, &by_lsmr).unwrap();
            let x = whole(world, &ours.x, &ids);
            for (x, s) in x.iter().zip(&third.x) {
                assert_relative_eq!(x, s, max_relative = 1e-7, epsilon = 1e-8);
            }
        }
    });
}

/// Two steps of GMRES on the same space: distributed inside distributed.
struct Inner<'a, A>(&'a A, usize);

impl<S, A> Preconditioner<S> for Inner<'_, A>
where
    S: VectorSpace<Owned = Vec<f64>, Vector = [f64]> + Clone,
    A: LinearOperator<S>,
{
    fn dimension(&self) -> usize {
        self.1
    }
    fn apply(&self, space: &S, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        let options = GmresOptions::default().with_max_iters(2);
        let identity = IdentityPreconditioner::new(self.1);
        let inner = gmres_in(space.clone(), self.0, r, &identity, &options);
        let message = |e: KrylovError| PreconditionerError {
            message: e.to_string(),
        };
        z.copy_from_slice(&inner.map_err(message)?.x);
        Ok(())
    }
    fn kind(&self) -> PreconditionerKind {
        PreconditionerKind::Variable
    }
    fn definiteness(&self) -> Definiteness {
        Definiteness::General
    }
}

#[test]
fn flexible_gmres() {
    on_ranks("flexible_gmres", &RANKS, |world| {
        let spread = Spread::new(world, convection(18));
        let b = rhs(324);
        let options = FgmresOptions::default().with_rtol(1e-12);
        let serial = fgmres(&spread.a, &b, &Inner(&spread.a, 324), &options).unwrap();
        for (a, ids) in [spread.block(world), spread.deal(world)] {
            let own = local(&b, &ids);
            let ours = fgmres_in(a.space(), &a, &own, &Inner(&a, 324), &options).unwrap();
            assert_same(world, &serial, &ours, &ids, &spread.a, &b);
        }
    });
}

#[test]
fn norms_and_projections() {
    on_ranks("norms_and_projections", &RANKS, |world| {
        let space = Mpi::<f64>::new(world, 3 + world.rank());
        let (n, host) = (3 + world.rank(), Host::<f64>::new(space.dimension()));
        for scale in [1.0, 1e-300, 1e300, 0.0, f64::INFINITY] {
            let own = vec![scale; n];
            let expected = host.norm(&vec![scale; space.dimension()]);
            assert_relative_eq!(space.norm(&own), expected, max_relative = 1e-14);
        }
        // NaN on one rank reaches all.
        let mut own = vec![1.0; n];
        own[0] = if world.rank() + 1 == world.size() {
            f64::NAN
        } else {
            1.0
        };
        assert!(space.norm(&own).is_nan());
        let mut basis = space.basis(2);
        space.set_column(&mut basis, 0, 1.0, &vec![1.0; n]);
        space.set_column(&mut basis, 1, 2.0, &vec![1.0; n]);
        let mut h = [0.0; 2];
        let before = world.reductions();
        space.project(&basis, &vec![1.0; n], &mut h);
        assert_eq!(world.reductions() - before, 1);
        let n = space.dimension() as f64;
        assert_eq!(h, [n, 2.0 * n]);
        assert!(space.any(world.rank() == 0));
    });
}

#[test]
fn single_precision() {
    on_ranks("single_precision", &[3], |world| {
        let blocks = Ranges::even(100, 3);
        let ids: Vec<usize> = blocks.range(world.rank()).collect();
        let rows = pick(&laplacian(10, 0.1), &ids);
        let a = MpiMatrix::<f32>::from_blocks(world, &blocks, rows.view()).unwrap();
        let b = vec![1.0f32; ids.len()];
        let options = CgOptions::default().with_rtol(1e-5);
        let identity = IdentityPreconditioner::new(100);
        let ours = cg_in(a.space(), &a, &b, &identity, &options).unwrap();
        assert_eq!(ours.status, Status::Converged);
    });
}

#[test]
fn a_time_limit_is_agreed_on() {
    on_ranks("a_time_limit_is_agreed_on", &[3], |world| {
        let (a, ids) = Spread::new(world, laplacian(30, 0.0)).block(world);
        // Rank 2 has no time; the others have an hour.
        let seconds = if world.rank() == 2 { 0 } else { 3600 };
        let limit = std::time::Duration::from_secs(seconds);
        let options = CgOptions::default().with_rtol(1e-14).with_time_limit(limit);
        let identity = IdentityPreconditioner::new(900);
        let b = local(&rhs(900), &ids);
        let ours = cg_in(a.space(), &a, &b, &identity, &options).unwrap();
        assert_eq!((ours.status, ours.iterations), (Status::TimeLimit, 1));
    });
}

#[test]
fn wrong_rows_are_seen_on_every_rank() {
    on_ranks("wrong_rows_are_seen_on_every_rank", &[2], |world| {
        let blocks = Ranges::even(16, 2);
        let (a, one) = (laplacian(4, 0.0), world.rank() == 1);
        let mut ids: Vec<usize> = blocks.range(world.rank()).collect();
        let rows = pick(&a, &ids[usize::from(one)..]);
        match MpiMatrix::<f64>::from_blocks(world, &blocks, rows.view()) {
            Err(KrylovError::DimensionMismatch { len: 8, .. }) if one => {}
            Err(KrylovError::Mpi(MpiError::OtherRank { rank: 1 })) if !one => {}
            other => panic!("{other:?}"),
        }
        // Both ranks believe that they own row 3.
        ids[3] = 3;
        let rows = pick(&a, &ids);
        let wrong = MpiMatrix::<f64>::from_rows(world, &ids, rows.view(), &blocks);
        assert!(wrong.is_err());
        let short = Ranges::even(16, 3);
        let wrong = MpiMatrix::<f64>::from_blocks(world, &short, rows.view());
        assert!(matches!(
            wrong,
            Err(KrylovError::Mpi(MpiError::Length { .. }))
        ));
    });
}

#[test]
fn iterations_do_not_allocate() {
    on_ranks("iterations_do_not_allocate", &[2], |world| {
        let (a, ids) = Spread::new(world, laplacian(20, 0.1)).block(world);
        let (b, space) = (local(&rhs(400), &ids), a.space());
        let identity = IdentityPreconditioner::new(400);
        let counted = |iterations: usize| {
            let options = GmresOptions::default().with_rtol(1e-300).with_restart(10);
            let options = options.with_max_iters(iterations);
            let solve = || gmres_in(space.clone(), &a, &b, &identity, &options).unwrap();
            allocation_counter::measure(|| drop(std::hint::black_box(solve()))).count_total
        };
        counted(1);
        assert_eq!(counted(5), counted(35));
    });
}
