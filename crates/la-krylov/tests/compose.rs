//! Operators made of others, applied by several threads.

mod common;

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use la_krylov::sprs::TriMatI;
use la_krylov::{CsrMatrix, FnOperator, Host, LinearOperator, Product, Sum};

/// A wait that only a deadlock exceeds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Applies `operator` to (1, 2) on two threads at once; `None` where they wait for ever.
fn by_two_threads<A>(operator: A) -> Option<[Vec<f64>; 2]>
where
    A: LinearOperator<Host> + Send + Sync + 'static,
{
    let operator = Arc::new(operator);
    let (sender, receiver) = mpsc::channel();
    for _ in 0..2 {
        let (operator, sender) = (Arc::clone(&operator), sender.clone());
        thread::spawn(move || {
            let mut y = vec![f64::NAN; 2];
            operator.apply(&Host::new(2), &[1.0, 2.0], &mut y);
            sender.send(y)
        });
    }
    let first = receiver.recv_timeout(PATIENCE).ok()?;
    Some([first, receiver.recv_timeout(PATIENCE).ok()?])
}

/// Twice the identity; waits until two threads are in a product.
fn meeting() -> FnOperator<impl Fn(&[f64], &mut [f64]) + Send + Sync> {
    let barrier = Barrier::new(2);
    FnOperator::new(2, move |x: &[f64], y: &mut [f64]| {
        barrier.wait();
        for (y, x) in y.iter_mut().zip(x) {
            *y = 2.0 * x;
        }
    })
}

#[test]
fn two_threads_are_in_one_product_at_once() {
    let space = Host::<f64>::new(2);
    let sum = Sum::new(&space, meeting(), meeting()).unwrap();
    let results = by_two_threads(sum).expect("a thread waits for the other's vector");
    assert_eq!(results, [[4.0, 8.0], [4.0, 8.0]]);
    let product = Product::new(&space, meeting(), meeting()).unwrap();
    let results = by_two_threads(product).expect("a thread waits for the other's vector");
    assert_eq!(results, [[4.0, 8.0], [4.0, 8.0]]);
}

#[test]
fn no_allocation_and_any_shape() {
    // 3 × 2 and 2 × 3.
    let mut t = TriMatI::<f64, u32>::new((3, 2));
    t.add_triplet(0, 0, 1.0);
    t.add_triplet(2, 1, 3.0);
    let tall = CsrMatrix::<f64>::from_sprs(t.to_csr::<usize>().view()).unwrap();
    let wide = CsrMatrix::<f64>::from_sprs(t.to_csr::<usize>().transpose_view().to_csr().view());
    let wide = wide.unwrap();
    let (two, three) = (Host::sequential(2), Host::sequential(3));
    let sum = Sum::new(&three, &tall, &tall).unwrap();
    let product = Product::new(&three, &wide, &tall).unwrap();
    let (mut long, mut short) = ([0.0; 3], [0.0; 2]);
    let allocations = measure(|| {
        for _ in 0..10 {
            sum.apply(&two, &[1.0, 2.0], &mut long);
            product.apply(&two, &[1.0, 2.0], &mut short);
        }
    });
    assert_eq!((long, short), ([2.0, 0.0, 12.0], [1.0, 18.0]));
    assert_eq!(allocations.count_total, 0);
}

#[cfg(feature = "rayon")]
#[test]
fn products_that_share_a_pool_with_their_callers_end() {
    use rayon::prelude::*;

    // Large enough for parallel products; many, because a deadlock is a matter of chance.
    let a = CsrMatrix::<f64>::from_sprs(common::laplacian(260, 0.0).view()).unwrap();
    let n = a.rows();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let space = Host::<f64>::new(n);
        let sum = Sum::new(&space, &a, &a).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build();
        let work = || {
            (0..2000).into_par_iter().map(|k| {
                let mut y = vec![f64::NAN; n];
                sum.apply(&space, &vec![f64::from(k); n], &mut y);
                // A corner: 2 (4 − 1 − 1) k.
                y[0]
            })
        };
        let corners: Vec<f64> = pool.unwrap().install(|| work().collect());
        sender.send(corners)
    });
    let corners = receiver.recv_timeout(PATIENCE).expect("a deadlock");
    assert!((0..2000).zip(corners).all(|(k, y)| y == 4.0 * f64::from(k)));
}
