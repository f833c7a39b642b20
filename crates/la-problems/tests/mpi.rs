//! Files that are read by one rank and handed out to all.

use la_problems::io::{ReadErrorKind, ReadOptions, Symmetry, write_matrix_market_file};
use la_problems::mpi::la_mpi::MpiError;
use la_problems::mpi::la_mpi::testing::on_ranks;
use la_problems::mpi::{ReadRowsError, read_matrix_rows, scatter_rows};
use la_problems::{CsrMatrix, Grid, Poisson};

#[test]
fn rows_come_from_the_file() {
    on_ranks("rows_come_from_the_file", &[1, 2, 3, 4], |world| {
        let whole = Poisson::new(Grid::rectangle(9, 7))
            .generate()
            .unwrap()
            .matrix;
        let folder = std::env::temp_dir().join(format!("la-problems-mpi-{}", world.size()));
        let path = folder.join("a.mtx");
        if world.is_root() {
            std::fs::create_dir_all(&folder).unwrap();
            write_matrix_market_file(&path, whole.view(), Symmetry::Symmetric).unwrap();
        }
        world.barrier();
        let ours = read_matrix_rows(world, &path, &ReadOptions::default()).unwrap();
        assert_eq!(ours.info.is_some(), world.is_root());
        assert_eq!((ours.blocks.total(), ours.rows.cols()), (63, 63));
        let own = ours.blocks.range(world.rank());
        assert_eq!(own.len(), ours.rows.rows());
        for (i, row) in own.zip(ours.rows.outer_iterator()) {
            let expected = whole.outer_view(i).unwrap();
            assert_eq!(row.indices(), expected.indices());
            assert_eq!(row.data(), expected.data());
        }
        let mut largest = [ours.rows.nnz() as i64];
        world.all_max_integers(&mut largest);
        assert!(largest[0] as usize <= whole.nnz() / world.size() + 6);
        world.barrier();
        if world.is_root() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
    });
}

#[test]
fn what_is_missing_is_said_on_every_rank() {
    on_ranks("what_is_missing_is_said_on_every_rank", &[3], |world| {
        match read_matrix_rows(world, "no/such/file.mtx", &ReadOptions::default()) {
            Err(ReadRowsError::Read(error)) if world.is_root() => {
                assert!(matches!(error.kind(), ReadErrorKind::Open(_)), "{error}");
            }
            Err(ReadRowsError::Mpi(MpiError::OtherRank { rank: 0 })) if !world.is_root() => {}
            other => panic!("{other:?}"),
        }
        assert!(scatter_rows(world, None).is_err());
        // Fewer rows than ranks, and no rows at all.
        for n in [2, 0] {
            let small = CsrMatrix::eye(n);
            let ours = scatter_rows(world, Some(&small)).unwrap();
            assert_eq!((ours.blocks.total(), ours.rows.cols()), (n, n));
        }
    });
}
