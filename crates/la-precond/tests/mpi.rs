//! Additive Schwarz on 1 to 4 ranks against the one in one process.

mod common;

use approx::assert_relative_eq;
use common::{Csr, noise, poisson2d};
use la_krylov::{
    CgOptions, Definiteness, GmresOptions, Host, MpiMatrix, Preconditioner, PreconditionerError,
    Status, cg, cg_in, gmres, gmres_in,
};
use la_precond::classical::{Combination, Ic0, Ilu, Partition, Schwarz};
use la_precond::mpi::MpiSchwarz;
use la_precond::mpi::la_mpi::testing::on_ranks;
use la_precond::mpi::la_mpi::{MpiError, Ranges, World};
use la_precond::sprs::{CsMatI, CsMatViewI, TriMatI};
use la_precond::{IncompleteCholeskyBuilder, IncompleteLuBuilder, PrecondError};

const RANKS: [usize; 4] = [1, 2, 3, 4];

fn vector(n: usize) -> Vec<f64> {
    let mut next = noise(7);
    (0..n).map(|_| next()).collect()
}

/// The part of each unknown.
fn deal(n: usize, ranks: usize) -> Vec<u32> {
    (0..n).map(|i| ((i / 7) % ranks) as u32).collect()
}

fn owned(parts: &[u32], rank: usize) -> Vec<usize> {
    let all = parts
        .iter()
        .enumerate()
        .filter(|(_, p)| **p as usize == rank);
    all.map(|(i, _)| i).rev().collect()
}

fn pick(a: &Csr, ids: &[usize]) -> CsMatI<f64, u32> {
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

fn ic0(a: CsMatViewI<'_, f64, u32>) -> Result<la_precond::IncompleteCholesky, PrecondError> {
    IncompleteCholeskyBuilder::build(&Ic0::default(), a)
}

/// With some convection.
fn convection(k: usize) -> Csr {
    let a = poisson2d(k);
    let mut t = TriMatI::new((a.rows(), a.rows()));
    for (v, (i, j)) in a.iter() {
        let skew = if i < j { 0.4 } else { -0.4 };
        t.add_triplet(i as usize, j as usize, if i == j { *v } else { v + skew });
    }
    t.to_csr()
}

#[test]
fn one_application_is_that_of_one_process() {
    on_ranks("one_application_is_that_of_one_process", &RANKS, |world| {
        let a = poisson2d(13);
        let n = a.rows();
        let parts = deal(n, world.size());
        let ids = owned(&parts, world.rank());
        let rows = pick(&a, &ids);
        let matrix = MpiMatrix::from_rows(world, &ids, rows.view(), &parts).unwrap();
        let space = matrix.space();
        let r = vector(n);
        for overlap in 0..4 {
            for combination in [
                Combination::Additive,
                Combination::Restricted,
                Combination::Weighted,
            ] {
                let serial = Schwarz::new(Partition::Given(parts.clone()))
                    .with_overlap(overlap)
                    .with_combination(combination)
                    .build(a.view(), ic0)
                    .unwrap();
                let mut expected = vec![0.0; n];
                serial.apply(&Host::new(n), &r, &mut expected).unwrap();
                let ours = MpiSchwarz::default()
                    .with_overlap(overlap)
                    .with_combination(combination)
                    .build(world, &ids, rows.view(), &parts, ic0)
                    .unwrap();
                let subdomain = serial.subdomain(world.rank()).unwrap();
                assert_eq!(ours.local_size(), subdomain.len());
                let mut z = vec![f64::NAN; ids.len()];
                ours.apply(&space, &local(&r, &ids), &mut z).unwrap();
                for (z, e) in z.iter().zip(local(&expected, &ids)) {
                    assert_relative_eq!(*z, e, max_relative = 1e-12, epsilon = 1e-14);
                }
                let symmetric = combination != Combination::Restricted || overlap == 0;
                let definite = ours.definiteness() == Definiteness::SymmetricPositiveDefinite;
                assert_eq!(definite, symmetric);
            }
        }
    });
}

#[test]
fn cg_takes_as_many_iterations() {
    on_ranks("cg_takes_as_many_iterations", &RANKS, |world| {
        let a = poisson2d(24);
        let (n, b) = (a.rows(), vector(a.rows()));
        let blocks = Ranges::even(n, world.size());
        let ids: Vec<usize> = blocks.range(world.rank()).collect();
        let rows = pick(&a, &ids);
        let matrix = MpiMatrix::from_blocks(world, &blocks, rows.view()).unwrap();
        let options = CgOptions::default().with_rtol(1e-12);
        for overlap in [0, 1, 2] {
            let partition = Partition::Contiguous(world.size());
            let serial = Schwarz::new(partition)
                .with_overlap(overlap)
                .with_combination(Combination::Weighted);
            let serial = serial.build(a.view(), ic0).unwrap();
            let expected = cg(&a, &b, &serial, &options).unwrap();
            let m = MpiSchwarz::default().with_overlap(overlap);
            let m = m.build_blocks(world, &blocks, rows.view(), ic0).unwrap();
            let own = local(&b, &ids);
            let ours = cg_in(matrix.space(), &matrix, &own, &m, &options).unwrap();
            assert_eq!(ours.status, Status::Converged);
            assert!(ours.iterations.abs_diff(expected.iterations) <= 1);
            for (x, e) in ours.x.iter().zip(local(&expected.x, &ids)) {
                assert_relative_eq!(*x, e, max_relative = 1e-9, epsilon = 1e-10);
            }
            assert!(m.failure().is_none());
        }
    });
}

#[test]
fn gmres_with_restricted_ilu() {
    on_ranks("gmres_with_restricted_ilu", &RANKS, |world| {
        let a = convection(20);
        let (n, b) = (a.rows(), vector(a.rows()));
        let parts = deal(n, world.size());
        let ids = owned(&parts, world.rank());
        let rows = pick(&a, &ids);
        let matrix = MpiMatrix::from_rows(world, &ids, rows.view(), &parts).unwrap();
        let ilu = |a: CsMatViewI<'_, f64, u32>| IncompleteLuBuilder::build(&Ilu::default(), a);
        let serial = Schwarz::new(Partition::Given(parts.clone()))
            .with_combination(Combination::Restricted)
            .build(a.view(), ilu)
            .unwrap();
        let options = GmresOptions::default().with_rtol(1e-12);
        let expected = gmres(&a, &b, &serial, &options).unwrap();
        let m = MpiSchwarz::default().with_combination(Combination::Restricted);
        let m = m.build(world, &ids, rows.view(), &parts, ilu).unwrap();
        let own = local(&b, &ids);
        let ours = gmres_in(matrix.space(), &matrix, &own, &m, &options).unwrap();
        assert_eq!(ours.status, Status::Converged);
        assert!(ours.iterations.abs_diff(expected.iterations) <= 1);
        for (x, e) in ours.x.iter().zip(local(&expected.x, &ids)) {
            assert_relative_eq!(*x, e, max_relative = 1e-9, epsilon = 1e-10);
        }
        // Restricted corrections are not symmetric, and CG says so on every rank.
        let options = CgOptions::default();
        let refused = cg_in(matrix.space(), &matrix, &own, &m, &options);
        assert!(refused.is_err());
    });
}

#[cfg(feature = "learned")]
#[test]
fn a_learned_factor_on_every_rank() {
    use la_precond::learned::{NeuralIf, Weights};
    on_ranks("a_learned_factor_on_every_rank", &[1, 3], |world| {
        let a = poisson2d(24);
        let (n, b) = (a.rows(), vector(a.rows()));
        let blocks = Ranges::even(n, world.size());
        let ids: Vec<usize> = blocks.range(world.rank()).collect();
        let rows = pick(&a, &ids);
        let matrix = MpiMatrix::from_blocks(world, &blocks, rows.view()).unwrap();
        let builder = NeuralIf::new(&Weights::bundled("neuralif-synthetic-s0").unwrap()).unwrap();
        let m = MpiSchwarz::default();
        let m = m.build_blocks(world, &blocks, rows.view(), |a| builder.build(a));
        let options = CgOptions::default().with_rtol(1e-10);
        let own = local(&b, &ids);
        let ours = cg_in(matrix.space(), &matrix, &own, &m.unwrap(), &options).unwrap();
        assert_eq!(ours.status, Status::Converged);
    });
}

/// Works for as many applications as its first number says.
struct Tired(std::cell::Cell<usize>, usize);

impl Preconditioner for Tired {
    fn dimension(&self) -> usize {
        self.1
    }
    fn apply(&self, _: &Host, r: &[f64], z: &mut [f64]) -> Result<(), PreconditionerError> {
        let Some(left) = self.0.get().checked_sub(1) else {
            let message = "tired".to_owned();
            return Err(PreconditionerError { message });
        };
        self.0.set(left);
        z.copy_from_slice(r);
        Ok(())
    }
    fn definiteness(&self) -> Definiteness {
        Definiteness::SymmetricPositiveDefinite
    }
}

#[test]
fn failures_are_seen_on_every_rank() {
    on_ranks("failures_are_seen_on_every_rank", &[3], |world: &World| {
        let a = poisson2d(12);
        let (n, b) = (a.rows(), vector(a.rows()));
        let blocks = Ranges::even(n, 3);
        let ids: Vec<usize> = blocks.range(world.rank()).collect();
        let rows = pick(&a, &ids);
        let matrix = MpiMatrix::from_blocks(world, &blocks, rows.view()).unwrap();
        let one = world.rank() == 1;

        // While it is built.
        let refuse = |a: CsMatViewI<'_, f64, u32>| match one {
            true => Err(PrecondError::MissingDiagonal { row: 5 }),
            false => ic0(a),
        };
        let built = MpiSchwarz::default().build_blocks(world, &blocks, rows.view(), refuse);
        match built {
            Err(PrecondError::MissingDiagonal { row: 5 }) if one => {}
            Err(PrecondError::Mpi(MpiError::OtherRank { rank: 1 })) if !one => {}
            other => panic!("{:?}", other.map(|_| ())),
        }

        // While it is applied: all ranks end with the same status.
        for overlap in [0, 1] {
            let tired = |a: CsMatViewI<'_, f64, u32>| {
                let patience = if one { 2 } else { usize::MAX };
                Ok(Tired(std::cell::Cell::new(patience), a.rows()))
            };
            let m = MpiSchwarz::default().with_overlap(overlap);
            let m = m.build_blocks(world, &blocks, rows.view(), tired).unwrap();
            let own = local(&b, &ids);
            let ours = cg_in(matrix.space(), &matrix, &own, &m, &CgOptions::default()).unwrap();
            assert_ne!(ours.status, Status::Converged);
            let codes = world.all_gather(ours.status.as_str().as_bytes());
            assert!(
                codes.iter().all(|other| other == &codes[0]),
                "ranks disagree"
            );
            assert!(ours.x.iter().all(|x| x.is_finite()));
            assert_eq!(m.failure().is_some(), one);
        }
    });
}
