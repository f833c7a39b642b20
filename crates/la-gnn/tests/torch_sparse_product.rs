//! Products of a fixed sparse matrix in LibTorch, against sums written out.
#![cfg(feature = "torch")]

use la_gnn::GnnError;
use la_gnn::sprs::{CsMatI, TriMatI};
use la_gnn::torch::tch::{self, Device, Kind, Tensor};
use la_gnn::torch::{ProductEngine, SparseProduct};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random entries, an empty row, an empty column.
fn random(rows: usize, columns: usize, per_row: usize, seed: u64) -> CsMatI<f64, u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut a = TriMatI::new((rows, columns));
    for i in (0..rows).filter(|i| i % 17 != 3) {
        for _ in 0..per_row {
            let j = rng.random_range(0..columns);
            if j != columns / 2 {
                a.add_triplet(i, j, rng.random_range(-1.0..1.0));
            }
        }
    }
    a.to_csr()
}

fn block(rows: usize, width: usize, kind: Kind, seed: u64) -> Tensor {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let x: Vec<f64> = (0..rows * width)
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    Tensor::from_slice(&x)
        .view([rows as i64, width as i64])
        .to_kind(kind)
}

fn entries(x: &Tensor) -> Vec<f64> {
    Vec::try_from(x.to_kind(Kind::Double).contiguous().view(-1)).unwrap()
}

/// `A X` in double precision, term by term.
fn reference(a: &CsMatI<f64, u32>, x: &Tensor) -> Vec<f64> {
    let width = x.size()[1] as usize;
    let x = entries(x);
    let mut y = vec![0.0; a.rows() * width];
    for (v, (i, j)) in a.iter() {
        for c in 0..width {
            y[i as usize * width + c] += v * x[j as usize * width + c];
        }
    }
    y
}

fn assert_close(what: &str, got: &Tensor, expected: &[f64], tolerance: f64) {
    let got = entries(got);
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-300f64, |m, v| m.max(v.abs()));
    for (k, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!(
            (g - e).abs() <= tolerance * largest,
            "{what}, entry {k}: {g} instead of {e}"
        );
    }
}

#[test]
fn both_engines_agree_with_the_sum_for_every_width() {
    let a = random(130, 90, 7, 0);
    let t: CsMatI<f64, u32> = a.transpose_view().to_csr();
    for (kind, tolerance) in [(Kind::Double, 1e-14), (Kind::Float, 1e-6)] {
        for engine in [ProductEngine::Native, ProductEngine::LibTorch] {
            let product = SparseProduct::with_engine(a.view(), kind, Device::Cpu, engine).unwrap();
            assert_eq!((product.rows(), product.columns()), (130, 90));
            assert_eq!(product.entries(), a.nnz());
            for width in [1, 2, 3, 8, 9, 15, 16, 31, 64, 121, 256] {
                let (x, y) = (block(90, width, kind, 1), block(130, width, kind, 2));
                let what = format!("{kind:?} {engine:?}, {width} columns");
                assert_close(
                    &what,
                    &product.product(&x).unwrap(),
                    &reference(&a, &x),
                    tolerance,
                );
                assert_close(
                    &format!("{what}, transposed"),
                    &product.transposed_product(&y).unwrap(),
                    &reference(&t, &y),
                    tolerance,
                );
                let mut place = block(130, width, kind, 3);
                product.product_into(&x, &mut place).unwrap();
                assert_close(&what, &place, &reference(&a, &x), tolerance);
            }
        }
    }
}

/// Wide enough that the product is shared between threads.
#[test]
fn threads_do_not_change_a_bit() {
    let a = random(1_500, 1_500, 9, 4);
    let x = block(1_500, 48, Kind::Float, 5);
    let product = SparseProduct::new(a.view(), Kind::Float, Device::Cpu).unwrap();
    let before = tch::get_num_threads();
    let results: Vec<Vec<f64>> = [1, 2, 3]
        .into_iter()
        .map(|threads| {
            tch::set_num_threads(threads);
            entries(&product.product(&x).unwrap())
        })
        .collect();
    tch::set_num_threads(before);
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
    assert_close(
        "threads",
        &product.product(&x).unwrap(),
        &reference(&a, &x),
        1e-6,
    );
}

#[test]
fn empty_matrices_and_blocks() {
    let none: CsMatI<f64, u32> = CsMatI::zero((4, 3));
    for engine in [ProductEngine::Native, ProductEngine::LibTorch] {
        let a = SparseProduct::with_engine(none.view(), Kind::Double, Device::Cpu, engine).unwrap();
        assert_eq!(
            entries(&a.product(&block(3, 2, Kind::Double, 0)).unwrap()),
            [0.0; 8]
        );
    }
    let a = SparseProduct::new(none.view(), Kind::Double, Device::Cpu).unwrap();
    assert_eq!(
        a.product(&Tensor::zeros([3, 0], (Kind::Double, Device::Cpu)))
            .unwrap()
            .size(),
        [4, 0]
    );
    // No columns: the sum over nothing.
    let flat: CsMatI<f64, u32> = CsMatI::zero((4, 0));
    let a = SparseProduct::new(flat.view(), Kind::Double, Device::Cpu).unwrap();
    let none = Tensor::zeros([0, 2], (Kind::Double, Device::Cpu));
    assert_eq!(entries(&a.product(&none).unwrap()), [0.0; 8]);
    let nothing: CsMatI<f64, u32> = CsMatI::zero((0, 0));
    let a = SparseProduct::new(nothing.view(), Kind::Double, Device::Cpu).unwrap();
    assert_eq!(
        a.product(&Tensor::zeros([0, 2], (Kind::Double, Device::Cpu)))
            .unwrap()
            .size(),
        [0, 2]
    );
}

#[test]
fn wrong_input_is_an_error() {
    let a = random(10, 8, 3, 1);
    let product = SparseProduct::new(a.view(), Kind::Float, Device::Cpu).unwrap();
    let bad = [
        block(10, 2, Kind::Float, 0),     // rows of A, not its columns
        block(8, 2, Kind::Double, 0),     // another precision
        block(2, 8, Kind::Float, 0).tr(), // not contiguous
        Tensor::zeros([8], (Kind::Float, Device::Cpu)), // no block
    ];
    for x in bad {
        assert!(
            matches!(product.product(&x), Err(GnnError::Torch { .. })),
            "{x:?}"
        );
    }
    let square = random(8, 8, 3, 1);
    let product = SparseProduct::new(square.view(), Kind::Float, Device::Cpu).unwrap();
    let x = block(8, 2, Kind::Float, 0);
    let mut same = x.shallow_clone();
    assert!(product.product_into(&x, &mut same).is_err());

    let by_columns = a.to_csc();
    assert!(matches!(
        SparseProduct::new(by_columns.view(), Kind::Float, Device::Cpu),
        Err(GnnError::Matrix { .. })
    ));
    assert!(matches!(
        SparseProduct::new(a.view(), Kind::Half, Device::Cpu),
        Err(GnnError::Config { field: "kind", .. })
    ));
    let large: CsMatI<f64, u32> = CsMatI::new((1, 1), vec![0, 1], vec![0], vec![1e300]);
    assert!(SparseProduct::new(large.view(), Kind::Double, Device::Cpu).is_ok());
    assert!(matches!(
        SparseProduct::new(large.view(), Kind::Float, Device::Cpu),
        Err(GnnError::NonFinite { position: 0, .. })
    ));
    assert!(matches!(
        SparseProduct::with_engine(
            a.view(),
            Kind::Float,
            Device::Cuda(0),
            ProductEngine::Native
        ),
        Err(GnnError::Config {
            field: "engine",
            ..
        })
    ));
}
